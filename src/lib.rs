//! Reviews a change deeply before it leaves your machine.

mod consolidate;
mod diff;
mod error;
mod finding;
