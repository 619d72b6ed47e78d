//! Reviews a change deeply before it leaves your machine.

mod commands;
mod diff;
mod error;
mod finding;
mod ground;
mod parse;
