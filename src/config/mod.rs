//! The settings: what may be set, by whom, and what is in force for one change.
//! Pure: texts of configuration files in, settings and what was refused out.
//!
//! - `file`: the TOML shape, with line and caret for what is wrong in it
//! - `keys`: the one table that says who may set a key
//! - `layers`: defaults < user < repository < environment, each value with its origin
//! - `user`: the agents and limits of the user's own file
//! - `loosening`: what a change to `.deep-review.toml` would loosen

mod file;
mod keys;
mod layers;
mod loosening;
mod user;

pub(crate) use file::{ConfigFile, Source};
#[cfg(test)]
pub(crate) use keys::{Class, KEYS};
pub(crate) use layers::{Layers, Origin, Settings, Sourced};
pub(crate) use loosening::{Loosening, RULE, loosenings, raw_findings};
pub(crate) use user::{Limits, agents, limits};

/// The repository's own file, at the root of the tree.
pub(crate) const REPOSITORY_FILE: &str = ".deep-review.toml";

/// The largest configuration file that is read, in bytes.
pub(crate) const MAX_FILE_BYTES: usize = 256 << 10;
