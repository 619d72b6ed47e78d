//! AI agents: who they are, how each is asked, and what came of asking.
//! What they are told is the brief's to say; what their words are worth is found out later.
//!
//! - `asking`: one question and its outcome, as plain values
//! - `roster`: the agents by name, known ones and those of the user

mod asking;
mod roster;

pub(crate) use asking::{Answer, Ask, Event, Failure, FailureKind, Spent};
pub(crate) use roster::{Agent, AgentKind};
