//! The ways in which a vendor fails: in the answer's status, in its stream, and in what the model says.
//! Saying it rightly is left to the vendors' files.

use serde_json::Value;

use super::heard::{Heard, Said, Stop, Turn, Vendor};
use super::wire::Connection;
use super::{events, refusal, say};

/// What every refusal says, so that tests can look for it.
pub(crate) const WORDS: &str = "the vendor of the tests refuses";

/// A way to fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Every request gets this status.
    Status(u16),
    /// The first requests get 429 with a `retry-after`, those after them are answered.
    Busy {
        /// How many; `usize::MAX` for all.
        times: usize,
        /// In seconds.
        retry_after: u32,
    },
    /// The first requests get this status, those after them are answered.
    Passing {
        /// Which.
        status: u16,
        /// How many.
        times: usize,
    },
    /// Takes the request and says nothing.
    Hang,
    /// Says half and no more.
    Stall,
    /// Closes the connection in the middle of the stream.
    Drop,
    /// Ends the stream in its middle as if it were whole.
    Truncate,
    /// One event in the middle is not JSON.
    BadEvent,
    /// A page for people with status 200.
    Html,
    /// Status 200 and no body.
    Empty,
    /// The answer stops at the vendor's limit.
    MaxTokens,
    /// The model declines.
    Declines,
    /// The answer is prose, whatever schema was asked for.
    Prose,
    /// The answer stands between other words.
    Wrapped,
    /// Answers for units that nobody asked about, and for no other.
    UnknownUnits,
    /// Leaves out all units but the first.
    MissingUnits,
    /// Leaves out this unit, however often it is asked about it.
    LeavesOut(&'static str),
    /// So many bytes of words instead of the answer.
    Huge(usize),
    /// The first tool call is a shell that ignores TERM and does not end, or what comes next to it where only commands
    /// that read are let through; nothing is said after it.
    StubbornTool,
    /// Sends the client elsewhere.
    Redirect(String),
}

impl Fault {
    /// Answers one request in this way. `nth` counts the requests to models from 0; `over` says that the server ends.
    pub(super) fn happen(
        &self,
        connection: &mut Connection,
        heard: &Heard,
        nth: usize,
        turn: Turn,
        over: &dyn Fn() -> bool,
    ) {
        match self {
            Self::Status(status) => refuse(connection, heard.vendor, *status, None),
            Self::Busy { times, retry_after } if nth < *times => {
                refuse(connection, heard.vendor, 429, Some(*retry_after));
            }
            Self::Passing { status, times } if nth < *times => {
                refuse(connection, heard.vendor, *status, None);
            }
            Self::Hang => connection.hang(over),
            Self::Stall => {
                half(connection, heard, &turn);
                connection.hang(over);
            }
            Self::Drop => half(connection, heard, &turn),
            Self::Truncate => {
                half(connection, heard, &turn);
                connection.end_events();
            }
            Self::BadEvent => bad_event(connection, heard, &turn),
            Self::Html => connection.answer(
                200,
                "text/html",
                b"<!doctype html><title>Sign in</title><p>Please sign in to the network.",
            ),
            Self::Empty => connection.answer(200, "application/json", b""),
            Self::Redirect(to) => connection.answer_with(
                307,
                "text/plain",
                &[("location", to)],
                b"the vendor of the tests moved\n",
            ),
            Self::Busy { .. } | Self::Passing { .. } => say(connection, heard, &turn),
            Self::StubbornTool if nth > 0 => connection.hang(over),
            Self::StubbornTool => say(connection, heard, &stubborn(heard, turn)),
            _ => say(connection, heard, &self.spoil(turn)),
        }
    }

    /// Spoils the model's last words; calls of tools go on.
    fn spoil(&self, mut turn: Turn) -> Turn {
        let Some(answer) = answer_in(&turn) else {
            return turn;
        };
        match self {
            Self::MaxTokens => {
                let half = answer.len() / 2;
                let cut = (0..=half).rev().find(|at| answer.is_char_boundary(*at));
                turn = Turn::text(&answer[..cut.unwrap_or(0)]);
                turn.stop = Stop::Length;
            }
            Self::Declines => {
                turn = Turn::text("I can't help with that.");
                turn.stop = Stop::Refusal;
            }
            Self::Prose => turn = Turn::text("All in all a fine change; nothing to add."),
            Self::Wrapped => {
                turn = Turn::text(format!("Here is what I found:\n\n```json\n{answer}\n```\n"));
            }
            Self::UnknownUnits => {
                turn = with_units(turn, &answer, |units| {
                    for unit in units {
                        unit["u"] = "u998".into();
                    }
                });
            }
            Self::MissingUnits => turn = with_units(turn, &answer, |units| units.truncate(1)),
            Self::LeavesOut(id) => {
                turn = with_units(turn, &answer, |units| units.retain(|unit| unit["u"] != *id));
            }
            Self::Huge(bytes) => turn = Turn::text("many words ".repeat(bytes / 11 + 1)),
            _ => {}
        }
        turn
    }
}

/// The answer in a turn: its words, or the arguments of the tool that hands a structured answer in. `None` in a turn
/// that calls other tools.
fn answer_in(turn: &Turn) -> Option<String> {
    match turn.says.last()? {
        Said::Text(text) => Some(text.clone()),
        Said::Call { name, arguments } if name == "StructuredOutput" => Some(arguments.to_string()),
        Said::Call { .. } => None,
    }
}

fn with_units(mut turn: Turn, answer: &str, change: impl Fn(&mut Vec<Value>)) -> Turn {
    let mut answer: Value = serde_json::from_str(answer).unwrap_or_default();
    if let Some(units) = answer["units"].as_array_mut() {
        change(units);
    }
    match turn.says.last_mut() {
        Some(Said::Text(text)) => *text = answer.to_string(),
        Some(Said::Call { arguments, .. }) => *arguments = answer,
        None => {}
    }
    turn
}

fn stubborn(heard: &Heard, turn: Turn) -> Turn {
    let command = match heard.vendor {
        Vendor::Anthropic => "tail -f README.md",
        _ => "trap '' TERM INT HUP; while :; do sleep 1; done",
    };
    match heard.shell(command) {
        Some(call) => Turn::calls(vec![call]),
        None => turn,
    }
}

fn refuse(connection: &mut Connection, vendor: Vendor, status: u16, retry_after: Option<u32>) {
    let body = refusal(vendor, status, WORDS).to_string();
    let seconds = retry_after.map(|seconds| seconds.to_string());
    let headers: Vec<(&str, &str)> = seconds
        .iter()
        .map(|seconds| ("retry-after", seconds.as_str()))
        .collect();
    connection.answer_with(status, "application/json", &headers, body.as_bytes());
}

/// Begins a stream and sends its first half.
fn half(connection: &mut Connection, heard: &Heard, turn: &Turn) {
    let events = events(heard, turn);
    connection.begin_events();
    for event in &events[..events.len() / 2] {
        connection.event(event);
    }
}

fn bad_event(connection: &mut Connection, heard: &Heard, turn: &Turn) {
    let mut events = events(heard, turn);
    let middle = events.len() / 2;
    let kept: String = events[middle].chars().take(40).collect();
    events[middle] = format!("{kept}{{\"oops");
    connection.begin_events();
    for event in &events {
        connection.event(event);
    }
    connection.end_events();
}
