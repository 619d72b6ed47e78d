//! The built-in rules reviewer: decides from paths and added lines alone, without a model.
//! It reads nothing itself: rules, paths and lines come in, raw findings go out.
//!
//! - `spec`: one `[[rule]]` table, and what can be wrong with it
//! - `set`: specs and the built-in pack become one checked, digested set
//! - `scan`: one file against the set
//! - `wording`: a hit becomes a raw finding, without showing a secret
//! - `engine`, `pattern`, `keywords`: many patterns over many lines, quickly
//! - `paths`, `language`: what a path and a place in a line are
//! - `pack`: the rules we ship

mod engine;
mod keywords;
mod language;
mod pack;
mod paths;
mod pattern;
mod scan;
mod set;
mod spec;
mod wording;

pub(crate) use pack::{builtin_rules, mask_secrets};
pub(crate) use paths::{PathKind, path_kind};
pub(crate) use set::RuleSet;
pub(crate) use spec::{RuleLevel, RuleSpec};

use crate::diff::{Mode, RepoPath};
use crate::finding::Severity;

/// The name under which the rules reviewer signs its findings and receipts.
pub(crate) const AGENT: &str = "rules";

/// A line that the change adds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AddedLine<'a> {
    /// Its number in the head version, 1-based.
    pub(crate) no: u32,
    /// Its bytes, with or without the line end.
    pub(crate) text: &'a [u8],
}

/// One changed file, as far as rules look at it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FileUnderReview<'a> {
    /// Its path in the head tree.
    pub(crate) path: &'a RepoPath,
    /// Its mode in the head tree.
    pub(crate) mode: Mode,
    /// Its mode in the base tree; `None` for a file that the change adds.
    pub(crate) old_mode: Option<Mode>,
    /// The added lines in ascending order; of a symbolic link, its target as line 1.
    pub(crate) added: &'a [AddedLine<'a>],
    /// The whole head version, if the caller has it: tells comments and keys over several lines,
    /// tests inside source files, and with `old_text` lines that were only moved.
    pub(crate) new_text: Option<&'a [u8]>,
    /// The whole base version, if there is one and the caller has it.
    pub(crate) old_text: Option<&'a [u8]>,
}

/// A built-in rule as it is listed for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RuleDescription {
    /// The id by which configuration and findings name it.
    pub(crate) id: &'static str,
    /// How bad its findings are where nothing lowers them.
    pub(crate) severity: Severity,
    /// What it finds, in one line.
    pub(crate) summary: &'static str,
    /// It also reads the added lines of every new commit, not only of the change as a whole.
    pub(crate) history: bool,
}

/// The severity of a built-in rule where nothing sets it; `None` if no built-in rule has this id.
pub(crate) fn builtin_severity(id: &str) -> Option<Severity> {
    builtin_rules()
        .find(|rule| rule.id == id)
        .map(|rule| rule.severity)
}

#[cfg(test)]
mod tests;
