//! Reviews a change deeply before it leaves your machine.

mod diff;
mod env;
mod error;
mod finding;
mod git;
mod page;
mod rules;
mod ui;
