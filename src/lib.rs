//! Reviews a change deeply before it leaves your machine.

mod commands;
mod consolidate;
mod diff;
mod error;
mod finding;
