//! Agents that are programs on this machine: asks one, in its own words, and reads what it says.
//! What it is told is the brief's; that it can't outlive us is left to `process`.
//!
//! - `claude`, `codex`, `gemini`, `command`: how each is called, and what its event stream means
//! - `access`: the key or the login it gets, and that neither is seen elsewhere
//! - `stream`: what all event streams have in common
//! - `home`: the files it is given
//! - `version`: which version it is
//! - `probe`: whether it would answer

mod access;
mod claude;
mod codex;
mod command;
mod gemini;
mod home;
mod probe;
mod stream;
mod version;

use std::ffi::OsString;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub(crate) use probe::{Probe, probe};

use super::asking::{Answer, Ask, Event, Failure, FailureKind, Spent, Taken, counted};
use super::known::{Known, known};
use super::roster::{Agent, AgentKind};
use crate::env;
use crate::process::{self, End, Ended, Interrupt, Limits, Program};
use access::Access;
use stream::{Exit, Reader, Trouble};

/// Bytes of standard output that are kept: the longest answer in the most talkative event stream is a
/// tenth of it.
const STDOUT: usize = 16 << 20;
/// Bytes of standard error that are kept.
const STDERR: usize = 1 << 20;

/// Why a program is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    /// To review: with its tools for reading, and time to try again.
    Review,
    /// To see whether it answers at all: at once, and as cheaply as may be.
    Probe,
}

/// How a program is called for one question.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Invocation {
    /// What follows its name.
    arguments: Vec<OsString>,
    /// What is added to the environment of agents.
    environment: Vec<(String, OsString)>,
    /// What stands on its standard input.
    input: Vec<u8>,
    /// Files below the agent's private directory, by their names in it.
    files: Vec<(&'static str, Vec<u8>)>,
}

impl Invocation {
    fn argument(&mut self, argument: impl Into<OsString>) -> &mut Self {
        self.arguments.push(argument.into());
        self
    }

    fn arguments<const N: usize>(&mut self, arguments: [&str; N]) -> &mut Self {
        self.arguments.extend(arguments.map(OsString::from));
        self
    }

    fn set(&mut self, name: &str, value: impl Into<OsString>) -> &mut Self {
        self.environment.push((name.to_owned(), value.into()));
        self
    }
}

/// A question to one program, with everything that decides how it is put.
#[derive(Clone, Copy, Debug)]
struct Question<'q> {
    agent: &'q Agent,
    ask: &'q Ask<'q>,
    access: &'q Access,
    purpose: Purpose,
}

impl<'q> Question<'q> {
    /// The model to ask for; `None` leaves it to the program.
    fn model(&self) -> Option<&'q str> {
        self.agent.effective_model()
    }

    /// How hard it is to think; `None` leaves it to the program.
    fn effort(&self) -> Option<&'q str> {
        self.agent.effective_effort()
    }

    /// A home of the agent's own, for what its program keeps there.
    fn own_home(&self) -> PathBuf {
        self.ask.home.join(home::HOME)
    }

    /// The endpoint without a slash at its end.
    fn endpoint(&self) -> Option<&'q str> {
        self.agent
            .endpoint
            .as_deref()
            .map(|endpoint| endpoint.trim_end_matches('/'))
    }

    /// How the program is called, or why it can't be asked this.
    fn invocation(&self) -> Result<Invocation, Trouble> {
        match self.agent.kind {
            AgentKind::Claude => claude::invocation(self),
            AgentKind::Codex => codex::invocation(self),
            AgentKind::Gemini => gemini::invocation(self),
            _ => Ok(command::invocation(self)),
        }
    }

    fn reader(&self) -> Box<dyn Reader> {
        match self.agent.kind {
            AgentKind::Claude => Box::new(claude::Stream::default()),
            AgentKind::Codex => Box::new(codex::Stream::default()),
            AgentKind::Gemini => Box::new(gemini::Stream::default()),
            _ => Box::new(command::Stream::default()),
        }
    }
}

/// Asks an agent that is a program: claude, codex, gemini, or one of the user's own.
///
/// Blocks until it answered, failed or was stopped; `on` is told what it announces meanwhile. An answer
/// has been announced as complete by the program and is not empty; whether it is a review is for the
/// parser to say. In a failure stands why, without the key, in the vendor's words where there are any.
pub(crate) fn ask(
    agent: &Agent,
    ask: &Ask<'_>,
    interrupt: &Interrupt,
    on: &mut dyn FnMut(Event),
) -> Result<Answer, Failure> {
    put(agent, ask, Purpose::Review, interrupt, on)
}

fn put(
    agent: &Agent,
    ask: &Ask<'_>,
    purpose: Purpose,
    interrupt: &Interrupt,
    on: &mut dyn FnMut(Event),
) -> Result<Answer, Failure> {
    let known = known(agent.kind);
    let unasked = |access: Option<&Access>, trouble: Trouble| Failure {
        kind: trouble.kind,
        why: access.map_or_else(|| trouble.why.clone(), |access| access.scrub(&trouble.why)),
        transcript: Vec::new(),
        spent: Spent::default(),
    };
    let path = find(agent, known, ask.snapshot).map_err(|trouble| unasked(None, trouble))?;
    let access = Access::find(agent, known).map_err(|trouble| unasked(None, trouble))?;
    let refused = |trouble| unasked(Some(&access), trouble);
    if let Some(known) = known
        && purpose == Purpose::Review
    {
        version::require(known, &path, ask, interrupt).map_err(refused)?;
    }
    let question = Question {
        agent,
        ask,
        access: &access,
        purpose,
    };
    let invocation = question.invocation().map_err(refused)?;
    home::furnish(ask.home, &invocation.files)
        .map_err(|error| refused(Trouble::new(FailureKind::NoAnswer, format!("{error:#}"))))?;
    let program = program(&question, path, invocation);
    let limits = Limits {
        total: ask.total,
        idle: ask.idle,
        stdout: STDOUT,
        stderr: STDERR,
        grace: Limits::GRACE,
    };
    let mut reader = question.reader();
    let mut over = None;
    let ended = process::supervise(&program, &limits, interrupt, &mut |line| {
        let line = String::from_utf8_lossy(line);
        let flow = reader.line(&line, &mut |event| {
            over = over.take().or_else(|| past_limit(ask, &event));
            on(event);
        });
        match over {
            Some(_) => Flow::Break(()),
            None => flow,
        }
    })
    .map_err(|error| refused(Trouble::new(FailureKind::NoAnswer, format!("{error:#}"))))?;
    outcome(&question, &limits, &ended, &mut *reader).map_err(|failure| match over {
        Some(why) if failure.kind != FailureKind::Interrupted => Failure {
            kind: FailureKind::OverBudget,
            why,
            ..failure
        },
        _ => failure,
    })
}

/// Which limit an agent has gone past by what it announces, if any.
fn past_limit(ask: &Ask<'_>, event: &Event) -> Option<String> {
    let Event::Tokens {
        input,
        cached,
        output,
    } = event
    else {
        return None;
    };
    let taken = Taken {
        tokens: counted(*input, *cached, *output),
        cost: 0.0,
    };
    ask.meter?.take(taken, 0).err()
}

/// What came of a run that is over.
fn outcome(
    question: &Question<'_>,
    limits: &Limits,
    ended: &Ended,
    reader: &mut dyn Reader,
) -> Result<Answer, Failure> {
    let stderr = String::from_utf8_lossy(&ended.stderr);
    let exit = Exit {
        code: match ended.end {
            End::Exited(code) => code,
            _ => None,
        },
        stdout: &ended.stdout,
        stderr: &stderr,
    };
    let said = reader.outcome(&exit);
    let mut spent = reader.spent().clone();
    spent.millis = u64::try_from(ended.took.as_millis()).unwrap_or(u64::MAX);
    let access = question.access;
    let transcript = access.scrub_bytes(&ended.stdout);
    let name = &question.agent.name;
    let trouble = match (ended.end, said) {
        (End::Interrupted, _) => {
            Trouble::new(FailureKind::Interrupted, "interrupted before it answered")
        }
        (End::TooMuchOutput, _) => Trouble::new(
            FailureKind::TooMuch,
            format!("`{name}` wrote more than {} MB", limits.stdout >> 20),
        ),
        (_, Ok(text)) => {
            return Ok(Answer {
                text: access.scrub(&text),
                transcript,
                spent,
            });
        }
        (End::TotalDeadline, Err(trouble)) => Trouble::new(
            FailureKind::TimedOut,
            late("no answer within", limits.total, &trouble),
        ),
        (End::IdleDeadline, Err(trouble)) => Trouble::new(
            FailureKind::Stalled,
            late("no sign of life for", limits.idle, &trouble),
        ),
        (End::Exited(_) | End::Stopped, Err(trouble)) => trouble,
    };
    let mut transcript = transcript;
    transcript.extend_from_slice(access.scrub(&stderr).as_bytes());
    Err(Failure {
        kind: trouble.kind,
        why: access.scrub(&trouble.why),
        transcript,
        spent,
    })
}

/// Which deadline, and the vendor's last complaint if it had one.
fn late(what: &str, limit: Duration, trouble: &Trouble) -> String {
    let limit = if limit.as_secs() > 0 {
        format!("{} s", limit.as_secs())
    } else {
        format!("{} ms", limit.as_millis())
    };
    match &trouble.complaint {
        Some(complaint) => format!("{what} {limit}; the last it said was: {complaint}"),
        None => format!("{what} {limit}"),
    }
}

/// Where the agent's program is.
fn find(agent: &Agent, known: Option<&Known>, snapshot: &Path) -> Result<PathBuf, Trouble> {
    let name = match (agent.command.first(), known) {
        (Some(name), _) => name,
        (None, Some(known)) => &known.program,
        (None, None) => {
            let why = format!("`agents.{}.command` names no program", agent.name);
            return Err(Trouble::new(FailureKind::Missing, why));
        }
    };
    env::find_program(name, &[snapshot]).map_err(|error| {
        let how = known.map_or(String::new(), |known| {
            format!("; `{}` installs it", known.install)
        });
        Trouble::new(FailureKind::Missing, format!("{error:#}{how}"))
    })
}

fn program(question: &Question<'_>, path: PathBuf, invocation: Invocation) -> Program {
    let ask = question.ask;
    let mut own = invocation.environment;
    own.push(("TMPDIR".to_owned(), ask.home.join(home::TEMPORARY).into()));
    let lent: Vec<(&str, OsString)> = own
        .iter()
        .map(|(name, value)| (name.as_str(), value.clone()))
        .collect();
    let mut environment = env::for_agents(&lent, &[ask.snapshot]);
    if question.agent.is_local() {
        spare_loopback(&mut environment);
    }
    let mut arguments: Vec<OsString> = question
        .agent
        .command
        .iter()
        .skip(1)
        .map(OsString::from)
        .collect();
    arguments.extend(invocation.arguments);
    Program {
        path,
        arguments,
        directory: ask.snapshot.to_owned(),
        environment,
        input: invocation.input,
    }
}

/// Keeps a proxy of the user's out of the way to this machine itself.
fn spare_loopback(environment: &mut Vec<(OsString, OsString)>) {
    for name in ["NO_PROXY", "no_proxy"] {
        let spared = "127.0.0.1,localhost,::1";
        match environment.iter_mut().find(|(known, _)| known == name) {
            Some((_, value)) if value.is_empty() => *value = spared.into(),
            Some((_, value)) => {
                value.push(",");
                value.push(spared);
            }
            None => environment.push((name.into(), spared.into())),
        }
    }
}

/// Whether reading goes on.
type Flow = ControlFlow<()>;

#[cfg(test)]
mod tests;
