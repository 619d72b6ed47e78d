//! The program as its users meet it: real repositories, real pushes, real stores.
//! What a value-in, value-out test can show is tested beside the code.

mod config;
mod crash;
mod history;
mod hooks;
mod hostile;
mod pushed_refs;
mod resolving;
mod store;
mod support;
mod surroundings;
mod usage;
