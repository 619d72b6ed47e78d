//! The program as its users meet it: real repositories, real pushes, real stores.
//! What a value-in, value-out test can show is tested beside the code.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

mod agents_configuration;
mod agents_faults;
mod agents_http;
mod agents_real;
mod config;
mod crash;
mod history;
mod hooks;
mod hostile;
mod lapsing;
mod leading;
mod limits;
mod oddities;
mod panel;
mod panel_faults;
mod panel_hook;
mod pictures;
mod published;
mod pushed_refs;
mod raw_reviews;
mod reports;
mod resolving;
mod restored;
mod rules;
mod scopes;
mod store;
mod supervised;
mod support;
mod surroundings;
mod usage;
mod vendors;
mod verdicts;
