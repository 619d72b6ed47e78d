//! Agents over HTTP: the model speaks, our tools answer, until it has nothing left to ask.
//! What the answer is worth, and asking again for a better one, is left to the pipeline.
//!
//! - `conversation`: what all vendors have in common, as plain values
//! - `anthropic`, `responses`, `chat`, `gemini`: each vendor's requests and streams, values in, values out
//! - `trouble`: what a fault means, and whether to ask again
//! - `transcript`: the raw review

mod anthropic;
mod chat;
mod conversation;
mod gemini;
mod responses;
#[cfg(test)]
mod tests;
mod transcript;
mod trouble;

use std::ops::ControlFlow;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::env;
use crate::http::{Connection, Endpoint, EventStream, KeyPlace, Patience, Secret};
use crate::process::Interrupt;
use crate::snapshot::{Redact, Redacted};

use super::tools::{Toolbox, declared};
use super::{
    Agent, AgentKind, Answer, Ask, Event, Failure, FailureKind, Meter, Spent, Taken, counted,
};

use conversation::{
    Call, Conversation, Exchange, Heard, Offers, Reader, Stop, ToolAnswer, Turn, Usage,
};
use transcript::Transcript;
use trouble::{Again, Trouble};

/// Most turns of one question.
const MOST_TURNS: usize = 40;
/// Calls of one turn beyond which a model is not in its right mind.
const MOST_CALLS: usize = 100;
/// How long a probe may take.
const PROBE: Duration = Duration::from_secs(20);
/// The first wait before it is tried again.
const FIRST_WAIT: Duration = Duration::from_secs(1);

/// Bytes of text per token, near enough where a server does not say.
const BYTES_PER_TOKEN: usize = 4;

/// Where the vendor of two of these APIs is.
const OPENAI: &str = "https://api.openai.com/v1";

/// What differs between vendors.
trait Vendor {
    /// Where it is, if the user names no other place.
    fn address(&self) -> &'static str;
    /// How it wants its key.
    fn key_place(&self) -> KeyPlace {
        KeyPlace::Bearer
    }
    /// Headers of every request, in lower case.
    fn headers(&self) -> &'static [(&'static str, &'static str)] {
        &[]
    }
    /// What follows the endpoint, whose path is `base`.
    fn path(&self, model: &str, base: &str) -> String;
    /// The body of the request for the next turn.
    fn body(&self, conversation: &Conversation<'_>) -> Value;
    /// A reader of the next turn.
    fn reader(&self) -> Box<dyn Reader>;
}

/// Asks an agent over HTTP, and answers its tool calls from the snapshot's objects; `redact` takes secrets
/// out of what they read. Ends within a second of an interruption or the end of its time. The key comes
/// from the environment and is in nothing that is given back.
pub(crate) fn ask(
    agent: &Agent,
    ask: &Ask<'_>,
    redact: &Redact<'_>,
    interrupt: &Interrupt,
    on: &mut dyn FnMut(Event),
) -> Result<Answer, Failure> {
    let key = key_of(agent).map_err(|why| failure(FailureKind::NotLoggedIn, why))?;
    ask_with(
        agent,
        ask,
        Means {
            key,
            tools: true,
            redact,
            interrupted: &|| interrupt.is_set(),
            first_wait: FIRST_WAIT,
        },
        on,
    )
}

/// The key of an agent, if it has one.
fn key_of(agent: &Agent) -> Result<Option<Secret>, String> {
    let Some(name) = &agent.key_env else {
        return match agent.endpoint {
            Some(_) => Ok(None),
            None => Err(format!(
                "it has no key: `key_env` of [agents.{}] names no variable",
                agent.name
            )),
        };
    };
    let text =
        env::text(name).ok_or_else(|| format!("the variable `{name}` with its key is not set"))?;
    match Secret::new(&text) {
        Some(key) => Ok(Some(key)),
        None => Err(format!("what the variable `{name}` holds is no key")),
    }
}

/// Finds out whether an agent over HTTP would answer, by asking it for one word without tools of ours in
/// reach. `place` is an empty directory. Says why it would not, in its vendor's words.
pub(crate) fn probe(agent: &Agent, place: &Path, interrupt: &Interrupt) -> Result<(), String> {
    let ask = Ask {
        text: "Answer with the one word: ready",
        static_prefix: 0,
        schema: None,
        snapshot: place,
        home: place,
        commits: ("", ""),
        nonce: "",
        total: PROBE,
        idle: PROBE,
        meter: None,
    };
    let nothing = |_: &_, _: &[u8]| Redacted::Same;
    let means = Means {
        key: key_of(agent)?,
        tools: false,
        redact: &nothing,
        interrupted: &|| interrupt.is_set(),
        first_wait: FIRST_WAIT,
    };
    ask_with(agent, &ask, means, &mut |_| {})
        .map(|_| ())
        .map_err(|failure| failure.why)
}

/// With what an agent is asked.
struct Means<'m> {
    key: Option<Secret>,
    /// Whether it gets our tools.
    tools: bool,
    redact: &'m Redact<'m>,
    interrupted: &'m dyn Fn() -> bool,
    first_wait: Duration,
}

fn failure(kind: FailureKind, why: String) -> Failure {
    Failure {
        kind,
        why,
        transcript: Vec::new(),
        spent: Spent::default(),
    }
}

fn ask_with(
    agent: &Agent,
    ask: &Ask<'_>,
    means: Means<'_>,
    on: &mut dyn FnMut(Event),
) -> Result<Answer, Failure> {
    let begun = Instant::now();
    let refused = |why: String| failure(FailureKind::Refused, why);
    let vendor: &dyn Vendor = match agent.kind {
        AgentKind::Anthropic => &anthropic::Anthropic,
        AgentKind::OpenAi => &responses::Responses,
        AgentKind::OpenAiChat => &chat::Chat,
        AgentKind::GeminiApi => &gemini::Gemini,
        AgentKind::Claude | AgentKind::Codex | AgentKind::Gemini | AgentKind::Command => {
            return Err(refused(format!("`{}` is not asked over HTTP", agent.name)));
        }
    };
    let Some(model) = agent.model.as_deref() else {
        return Err(refused(format!("[agents.{}] names no `model`", agent.name)));
    };
    let schema: Option<Value> = match ask.schema.map(serde_json::from_str).transpose() {
        Ok(schema) => schema,
        Err(error) => {
            return Err(refused(format!(
                "the schema of the answer is no JSON: {error}"
            )));
        }
    };
    let address = agent.endpoint.as_deref().unwrap_or(vendor.address());
    let key = means.key.map(|key| (vendor.key_place(), key));
    let endpoint = Endpoint::new(address, key).map_err(|error| refused(format!("{error:#}")))?;
    let connection = Connection::to(endpoint).map_err(|fault| refused(fault.to_string()))?;
    let toolbox = means
        .tools
        .then(|| Toolbox::open(ask, means.redact, means.interrupted))
        .transpose()
        .map_err(|error| refused(format!("{error:#}")))?;
    let mut transcript = Transcript::default();
    transcript.asked(agent, connection.endpoint().host(), ask.text);
    let mut session = Session {
        vendor,
        connection,
        conversation: Conversation {
            model,
            effort: agent.effort.as_deref(),
            brief: ask.text,
            static_prefix: ask.static_prefix,
            schema,
            tools: toolbox.as_ref().map(|_| declared()).unwrap_or_default(),
            offers: Offers::all(agent.kind == AgentKind::OpenAiChat),
            exchanges: Vec::new(),
            may_call: true,
        },
        toolbox,
        patience: Patience {
            deadline: begun + ask.total,
            idle: ask.idle,
            interrupted: means.interrupted,
        },
        first_wait: means.first_wait,
        spent: Spent::default(),
        meter: ask.meter,
        taken: Taken::default(),
        next: 0,
        transcript,
        has_started: false,
        on,
    };
    let ended = session.run();
    if let Some(meter) = ask.meter {
        // It is over: nothing is stopped any more, but all of it counts.
        let _ = meter.take(session.taken, 0);
    }
    session.spent.millis = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    let endpoint = session.connection.endpoint();
    let transcript = endpoint.scrub(&session.transcript.into_text()).into_bytes();
    match ended {
        Ok(text) => Ok(Answer {
            text: endpoint.scrub(&text),
            transcript,
            spent: session.spent,
        }),
        Err(trouble) => Err(Failure {
            kind: trouble.kind,
            why: endpoint.scrub(&trouble.words),
            transcript,
            spent: session.spent,
        }),
    }
}

/// One question while it is asked.
struct Session<'s> {
    vendor: &'s dyn Vendor,
    connection: Connection,
    conversation: Conversation<'s>,
    /// `None` for a probe, which reads nothing.
    toolbox: Option<Toolbox<'s>>,
    patience: Patience<'s>,
    first_wait: Duration,
    spent: Spent,
    meter: Option<&'s dyn Meter>,
    taken: Taken,
    /// About how many tokens the next turn takes: what the last one took and what was said since.
    next: u64,
    transcript: Transcript,
    has_started: bool,
    on: &'s mut dyn FnMut(Event),
}

impl Session<'_> {
    /// Turn after turn until there is an answer.
    fn run(&mut self) -> Result<String, Trouble> {
        for number in 1..=MOST_TURNS {
            self.conversation.may_call =
                number < MOST_TURNS && self.toolbox.as_ref().is_some_and(Toolbox::has_calls_left);
            let turn = self.turn(number)?;
            if turn.calls.is_empty() {
                return Ok(turn.text);
            }
            if turn.calls.len() > MOST_CALLS {
                let words = format!("called {} tools in one turn", turn.calls.len());
                return Err(Trouble::new(FailureKind::NoAnswer, words, Again::Never));
            }
            let answers = self.answers(&turn.calls);
            self.next += answers
                .iter()
                .map(|it| tokens_of(it.text.len()))
                .sum::<u64>();
            self.conversation.exchanges.push(Exchange {
                said: turn.said,
                answers,
            });
        }
        let words = format!("no answer after {MOST_TURNS} turns");
        Err(Trouble::new(FailureKind::NoAnswer, words, Again::Never))
    }

    fn answers(&mut self, calls: &[Call]) -> Vec<ToolAnswer> {
        // It was told of no tools: then it gets no answers.
        let Some(toolbox) = &mut self.toolbox else {
            return Vec::new();
        };
        toolbox.begin_turn();
        let mut answers = Vec::with_capacity(calls.len());
        for call in calls {
            // A model may make names up, and only those of tools are worth counting one by one.
            let known = self
                .conversation
                .tools
                .iter()
                .find(|tool| tool.name == call.name);
            let name = known.map_or("unknown", |tool| tool.name);
            *self.spent.tools.entry(name.to_owned()).or_default() += 1;
            (self.on)(Event::Tool {
                name: name.to_owned(),
            });
            let result = toolbox.call(&call.name, &call.arguments, self.patience.deadline);
            let answer = ToolAnswer {
                id: call.id.clone(),
                name: call.name.clone(),
                text: result.text,
                failed: result.failed,
            };
            self.transcript.answered(call, &answer);
            answers.push(answer);
        }
        answers
    }

    /// One turn, asked for again as long as there is hope.
    fn turn(&mut self, number: usize) -> Result<Turn, Trouble> {
        let mut tries = 0;
        loop {
            self.afford()?;
            let (turn, sent, ended) = self.once();
            self.count(&turn, sent);
            if turn != Turn::default() {
                self.transcript.said(number, &turn);
            }
            let trouble = match ended.and_then(|()| judged(&turn)) {
                Ok(()) => return Ok(turn),
                Err(trouble) => trouble,
            };
            let has_schema = self.conversation.schema.is_some();
            if let Some(refused) = self.conversation.offers.take_back(&trouble, has_schema) {
                self.again(&trouble, &format!("asked again without {refused}"));
                continue;
            }
            tries += 1;
            if tries > trouble.most() {
                self.transcript.trouble(&trouble, "given up");
                return Err(trouble);
            }
            let wait = trouble.wait(tries, self.first_wait, chance());
            if wait >= self.patience.left() {
                let words = format!(
                    "{}; trying again in {} s would be too late",
                    trouble.words,
                    wait.as_secs()
                );
                self.transcript.trouble(&trouble, "given up");
                return Err(Trouble { words, ..trouble });
            }
            self.again(
                &trouble,
                &format!("asked again after {} ms", wait.as_millis()),
            );
            self.patience.wait(wait)?;
        }
    }

    /// Says what was taken so far, and goes on only if the limits leave room for as much again. If they
    /// leave none for a turn after that, the next is to be the answer.
    fn afford(&mut self) -> Result<(), Trouble> {
        let Some(meter) = self.meter.filter(|_| self.taken.tokens > 0) else {
            return Ok(());
        };
        match meter.take(self.taken, self.next) {
            Ok(left) => {
                self.conversation.may_call &= left >= self.next;
                Ok(())
            }
            Err(why) => Err(Trouble::new(FailureKind::OverBudget, why, Again::Never)),
        }
    }

    fn again(&mut self, trouble: &Trouble, then: &str) {
        self.transcript.trouble(trouble, then);
        let why = format!("{}; {then}", trouble.words);
        let why = self.connection.endpoint().scrub(&why);
        (self.on)(Event::Retrying { why });
    }

    /// Sends the conversation once and puts together what comes back, however far it gets; with how many
    /// bytes were sent.
    fn once(&mut self) -> (Turn, usize, Result<(), Trouble>) {
        let Self {
            vendor,
            connection,
            conversation,
            patience,
            has_started,
            on,
            ..
        } = self;
        let body = vendor.body(conversation).to_string().into_bytes();
        let sent = body.len();
        let path = vendor.path(conversation.model, connection.endpoint().path());
        let mut stream = EventStream::default();
        let mut reader = vendor.reader();
        let mut read = Ok(());
        let mut take = |piece: &[u8]| -> ControlFlow<()> {
            let Ok(events) = stream.feed(piece) else {
                let words = "sent an event that is too long";
                read = Err(Trouble::new(FailureKind::TooMuch, words, Again::Never));
                return ControlFlow::Break(());
            };
            for event in events {
                let heard = match event.data.trim() {
                    "" => Ok(Heard::Part),
                    // How some vendors end a stream.
                    "[DONE]" => Ok(Heard::All),
                    data => {
                        let data = connection.endpoint().scrub(data);
                        match serde_json::from_str(&data) {
                            Ok(event) => reader.event(&event),
                            Err(_) => Err(Trouble::garbled(&data)),
                        }
                    }
                };
                match heard {
                    Ok(Heard::Part) => {}
                    Ok(Heard::All) => return ControlFlow::Break(()),
                    Err(trouble) => {
                        read = Err(trouble);
                        return ControlFlow::Break(());
                    }
                }
            }
            started(has_started, reader.model(), *on);
            ControlFlow::Continue(())
        };
        let posted = connection.post(&path, vendor.headers(), body, patience, &mut take);
        started(has_started, reader.model(), *on);
        let turn = reader.end();
        if let Some(model) = &turn.model {
            self.spent.model = Some(model.clone());
        }
        (turn, sent, posted.map_err(Trouble::from).and(read))
    }

    fn count(&mut self, turn: &Turn, sent: usize) {
        let Usage {
            input,
            cached,
            output,
            cost,
        } = turn.usage;
        let add = |sum: &mut Option<u64>, more: Option<u64>| {
            if let Some(more) = more {
                *sum = Some(sum.unwrap_or_default().saturating_add(more));
            }
        };
        add(&mut self.spent.input, input);
        add(&mut self.spent.cached, cached);
        add(&mut self.spent.output, output);
        if let Some(cost) = cost {
            self.spent.cost = Some(self.spent.cost.unwrap_or_default() + cost);
            self.taken.cost += cost;
        }
        // Who never heard of the request has taken nothing.
        if *turn != Turn::default() {
            let said = turn.calls.iter().map(|call| call.arguments.len());
            let said = turn.text.len() + said.sum::<usize>();
            // Servers that don't count say nothing, or zero.
            let known = |tokens: Option<u64>| tokens.filter(|tokens| *tokens > 0);
            let cached = known(input).and(cached).unwrap_or_default();
            let input = known(input).unwrap_or_else(|| tokens_of(sent));
            let output = known(output).unwrap_or_else(|| tokens_of(said));
            self.next = counted(input, cached, output);
            self.taken.tokens = self.taken.tokens.saturating_add(self.next);
        }
        if let (Some(input), Some(output)) = (self.spent.input, self.spent.output) {
            (self.on)(Event::Tokens {
                input,
                cached: self.spent.cached.unwrap_or_default(),
                output,
            });
        }
    }
}

/// About how many tokens a text of so many bytes has.
fn tokens_of(bytes: usize) -> u64 {
    bytes.div_ceil(BYTES_PER_TOKEN) as u64
}

/// Announces the model once it is known.
fn started(has_started: &mut bool, model: Option<&str>, on: &mut dyn FnMut(Event)) {
    if let Some(model) = model.filter(|_| !*has_started) {
        *has_started = true;
        on(Event::Started {
            model: Some(model.to_owned()),
        });
    }
}

/// Whether a turn can be gone on with.
fn judged(turn: &Turn) -> Result<(), Trouble> {
    let (kind, words, again) = match &turn.stop {
        Stop::Complete if turn.calls.is_empty() && turn.text.trim().is_empty() => (
            FailureKind::NoAnswer,
            "ended without a word".to_owned(),
            Again::Few,
        ),
        Stop::Complete => return Ok(()),
        Stop::Broken => (
            FailureKind::Unavailable,
            "the answer broke off in the middle".to_owned(),
            Again::Few,
        ),
        Stop::CutOff(limit) => (
            FailureKind::CutOff,
            format!("the answer was cut off at the vendor's limit: {limit}"),
            Again::Never,
        ),
        Stop::Declined(words) => (
            FailureKind::Declined,
            format!("declined: {}", crate::http::one_line(words)),
            Again::Never,
        ),
    };
    Err(Trouble::new(kind, words, again))
}

/// A number that differs between those that failed together; without one they just go on together.
fn chance() -> u8 {
    let mut byte = [128];
    let _ = getrandom::fill(&mut byte);
    byte[0]
}
