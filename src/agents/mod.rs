//! AI agents: who they are, how each is asked, and what came of asking.
//! What they are told is the brief's to say; what their words are worth is found out later.
//!
//! - `asking`: one question and its outcome, as plain values
//! - `roster`: the agents by name, known ones and those of the user
//! - `known`: what is known about the agents' own programs
//! - `programs`: agents that are programs on this machine
//! - `apis`: agents over HTTP, which get our tools
//! - `tools`: what agents without a program of their own may read

mod apis;
mod asking;
mod known;
mod programs;
mod roster;
mod tools;

pub(crate) use asking::{Answer, Ask, Event, Failure, FailureKind, Meter, Spent, Taken, counted};
pub(crate) use known::known;
pub(crate) use roster::{Agent, AgentKind};

use std::path::Path;

use programs::Probe;

use crate::process::Interrupt;
use crate::snapshot::Redact;

/// Finds out whether an agent would answer, in seconds and for a few tokens. `place` is a private empty
/// directory that it may fill.
pub(crate) fn probe(agent: &Agent, place: &Path, interrupt: &Interrupt) -> Probe {
    if agent.kind.is_api() {
        Probe {
            problem: apis::probe(agent, place, interrupt).err(),
            ..Probe::default()
        }
    } else {
        programs::probe(agent, place, interrupt)
    }
}

/// Asks one agent one question, however it is reached. Blocks until it answered, failed, was stopped or
/// the user interrupted; `on` is told what it announces meanwhile, `redact` takes secrets out of what our
/// own tools give it. No key is in anything that is given back.
pub(crate) fn ask(
    agent: &Agent,
    ask: &Ask<'_>,
    redact: &Redact<'_>,
    interrupt: &Interrupt,
    on: &mut dyn FnMut(Event),
) -> Result<Answer, Failure> {
    if agent.kind.is_api() {
        apis::ask(agent, ask, redact, interrupt, on)
    } else {
        programs::ask(agent, ask, interrupt, on)
    }
}
