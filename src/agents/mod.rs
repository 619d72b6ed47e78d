//! AI agents: who they are, how each is asked, and what came of asking.
//! What they are told is the brief's to say; what their words are worth is found out later.
//!
//! - `asking`: one question and its outcome, as plain values
//! - `roster`: the agents by name, known ones and those of the user
//! - `known`: what is known about the agents' own programs
//! - `programs`: agents that are programs on this machine

mod asking;
mod known;
mod programs;
mod roster;

pub(crate) use asking::{Answer, Ask, Event, Failure, FailureKind, Spent};
pub(crate) use known::{Known, known};
pub(crate) use programs::{Probe, ask as ask_program, probe as probe_program};
pub(crate) use roster::{Agent, AgentKind};
