//! A push's review by agents in the background: run by one process, waited for by hooks. A hook may go
//! away, because the connection it holds open would be dropped; the review goes on.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::env;
use crate::error::Exit;
use crate::pipeline::{Asking, Scope, Session};
use crate::process::{self, Interrupt};
use crate::progress::{Listener, Progress, SeatState};
use crate::pushed;
use crate::report::FailedAgent;
use crate::store::{self, RunState, Running, Store};
use crate::ui::{ProgressLines, Ui};

/// How often a waiting hook looks.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// How long a review may take to begin, on a busy machine.
const BEGINS_WITHIN: Duration = Duration::from_secs(60);
/// How long an interrupted review may take to end.
const ENDS_WITHIN: Duration = Duration::from_secs(10);

/// What a hook waits for.
pub(super) struct Awaited<'a> {
    /// The remote's name, or its URL.
    pub(super) remote: &'a str,
    /// The remote's URL.
    pub(super) url: &'a str,
    /// Git's lines, as they came.
    pub(super) lines: &'a [u8],
    /// How long it waits.
    pub(super) most: Duration,
}

/// How waiting ended.
pub(super) enum Waited {
    /// The review is over; these agents gave no answer.
    Over(Vec<FailedAgent>),
    /// It goes on, and these agents are still reading.
    GoesOn(Vec<String>),
    /// The user interrupted it, and it has stopped.
    Interrupted,
}

/// Starts the review of a push in the background, or attaches to it if it runs already, and waits.
pub(super) fn wait(session: &Session, awaited: &Awaited<'_>, ui: &Ui) -> Result<Waited> {
    let interrupt = Interrupt::on_signals()?;
    let key = awaited.key();
    let store = &session.store;
    let mut before = store.run_of(&key)?;
    if before.runs && store.is_to_stop(&key) {
        // It was interrupted, and is no more to be waited for.
        until_it_ends(store, &key)?;
        before = store.run_of(&key)?;
    }
    let process = if before.runs {
        None
    } else {
        store.forget_stop(&key)?;
        Some(awaited.start(session, &key)?)
    };
    let started = Instant::now();
    let lines = ProgressLines::new(ui);
    loop {
        let ends = process.is_some_and(process::has_ended);
        let run = store.run_of(&key)?;
        // What an earlier run left says nothing of this one.
        let is_this = before.runs || run.id != before.id;
        let state = if is_this {
            run.state
        } else {
            RunState::default()
        };
        lines.draw(&state.progress);
        if is_this && !run.runs {
            return ended(&state);
        }
        if !is_this && !run.runs && (ends || started.elapsed() >= BEGINS_WITHIN) {
            let log = store.log_of(&key)?;
            anyhow::bail!(
                "the review in the background did not begin; what it said is in `{}`",
                log.display()
            );
        }
        if started.elapsed() >= awaited.most {
            return Ok(Waited::GoesOn(reading(&state.progress)));
        }
        if interrupt.wait(LOOK_EVERY) {
            // Git has ended by the same signal, and the terminal is the shell's again.
            lines.leave();
            store.stop(&key)?;
            until_it_ends(store, &key)?;
            return Ok(Waited::Interrupted);
        }
    }
}

fn until_it_ends(store: &Store, key: &str) -> Result<()> {
    let asked = Instant::now();
    while store.run_of(key)?.runs && asked.elapsed() < ENDS_WITHIN {
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

fn ended(state: &RunState) -> Result<Waited> {
    if let Some(error) = &state.error {
        anyhow::bail!("{error}");
    }
    if !state.done {
        anyhow::bail!("the review in the background ended before it was done");
    }
    let failed = state.progress.seats.iter().filter_map(|seat| {
        let SeatState::Failed { why, .. } = &seat.state else {
            return None;
        };
        Some(FailedAgent {
            agent: seat.agent.clone(),
            why: why.clone(),
        })
    });
    let mut failed: Vec<FailedAgent> = failed.collect();
    failed.dedup();
    Ok(Waited::Over(failed))
}

fn reading(progress: &Progress) -> Vec<String> {
    let seats = progress.seats.iter().filter(|seat| !seat.is_done());
    let mut names: Vec<String> = seats.map(|seat| seat.agent.clone()).collect();
    names.dedup();
    names
}

impl Awaited<'_> {
    /// What stands for this push: the same refs to the same remote are the same review.
    fn key(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        for part in [self.remote.as_bytes(), self.url.as_bytes(), self.lines] {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        hasher.finalize().to_hex()[..32].to_owned()
    }

    /// Starts it; returns its process.
    fn start(&self, session: &Session, key: &str) -> Result<u32> {
        let log = store::open_log(&session.store.log_of(key)?)?;
        let lines = String::from_utf8_lossy(self.lines);
        let words = ["hook", "review", "--", key, self.remote, self.url, &lines];
        let words: Vec<&std::ffi::OsStr> = words.iter().map(std::ffi::OsStr::new).collect();
        // As Git set it for the hook: the repository is named by variables.
        let environment = env::inherited();
        process::start_detached(
            &env::current_exe()?,
            &words,
            &env::current_dir()?,
            &environment,
            Some(log),
        )
        .context("cannot review in the background")
    }
}

/// Runs the review of a push for whoever waits.
pub(crate) fn run(key: &str, remote: &str, url: &str, lines: &str, ui: &Ui) -> Result<Exit> {
    let mut session = Session::open()?;
    let Some(running) = session.store.run(key)? else {
        ui.status("this review runs already");
        return Ok(Exit::Pass);
    };
    let interrupt = Interrupt::on_signals()?;
    let told = std::sync::Arc::new(Told {
        running,
        state: Mutex::new(RunState::default()),
    });
    session.listener = Box::new(Relay(told.clone()));
    let watched = told.clone();
    // Ends with this process.
    std::thread::spawn(move || {
        while !interrupt.wait(LOOK_EVERY) {
            if watched.running.is_to_stop() {
                interrupt.set();
            }
        }
    });
    let scope = Scope::Pushed {
        refs: pushed::parse(lines.as_bytes())?,
        remote: remote.to_owned(),
        url: url.to_owned(),
    };
    let reviewed = session.review(&scope, Asking::Missing);
    told.update(|state| {
        state.done = true;
        state.error = reviewed.as_ref().err().map(|error| format!("{error:#}"));
    });
    Ok(Exit::from(&reviewed?.verdict))
}

/// A running review and how far it is.
struct Told {
    running: Running,
    state: Mutex<RunState>,
}

impl Told {
    fn update(&self, change: impl FnOnce(&mut RunState)) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut state);
        // Who waits sees less; the review itself is not harmed.
        let _ = self.running.tell(&state);
    }
}

struct Relay(std::sync::Arc<Told>);

impl Listener for Relay {
    fn changed(&self, progress: &Progress, _: usize) {
        self.0.update(|state| state.progress = progress.clone());
    }
}
