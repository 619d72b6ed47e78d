//! AI agents: who they are, how each is asked, and what came of asking.
//! What they are told is the brief's to say; what their words are worth is found out later.
//!
//! - `apis`: agents over HTTP, which get our tools
//! - `asking`: one question and its outcome, as plain values
//! - `known`: what is known about the agents' own programs
//! - `programs`: agents that are programs on this machine
//! - `roster`: the agents by name, known ones and those of the user
//! - `tools`: what agents without a program of their own may read

mod apis;
mod asking;
mod known;
mod programs;
mod roster;
mod tools;

pub(crate) use apis::ask as ask_api;
pub(crate) use asking::{Answer, Ask, Event, Failure, FailureKind, Spent};
pub(crate) use known::{Known, known};
pub(crate) use programs::{Probe, ask as ask_program, probe as probe_program};
pub(crate) use roster::{Agent, AgentKind};
