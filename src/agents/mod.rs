//! AI agents: who they are, how each is asked, and what came of asking.
//! What they are told is the brief's to say; what their words are worth is found out later.
//!
//! - `apis`: agents over HTTP, which get our tools
//! - `asking`: one question and its outcome, as plain values
//! - `roster`: the agents by name, known ones and those of the user
//! - `tools`: what agents without a program of their own may read

pub(crate) mod apis;
mod asking;
mod roster;
mod tools;

pub(crate) use asking::{Answer, Ask, Event, Failure, FailureKind, Spent};
pub(crate) use roster::{Agent, AgentKind};
