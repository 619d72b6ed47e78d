//! A rule as the repository writes it, and what can be wrong with one.
//! Reading the configuration file is left to `config`, using the rule to `set`.

use serde::{Deserialize, Serialize};

use crate::finding::Severity;

/// One `[[rule]]` table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RuleSpec {
    /// Letters, digits, `-`, `_` and `.`; at most 64; not the id of a built-in rule.
    pub(crate) id: String,
    /// How bad a finding of it is, wherever it is found.
    pub(crate) severity: Severity,
    /// Globs as in a `.gitignore`, `!` excludes; empty: every file.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) paths: Vec<String>,
    /// A pattern for added lines; without one each changed file that `paths` matches is a finding.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) added: Option<String>,
    /// What to tell the author; `$0`, `$1`, `${name}` stand for what `added` matched, `$$` for `$`.
    pub(crate) message: String,
    /// Read the added lines of every new commit too. What such a rule matches is taken for a
    /// secret: quotes show its first four characters only.
    #[serde(default)]
    pub(crate) history: bool,
}

/// What configuration says about a rule by its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) enum RuleLevel {
    /// Not used at all.
    Off,
    /// Used, with this severity where nothing lowers or raises it.
    At(Severity),
}

impl TryFrom<String> for RuleLevel {
    type Error = String;

    fn try_from(word: String) -> Result<Self, String> {
        if word == "off" {
            return Ok(Self::Off);
        }
        Severity::WORST_FIRST
            .into_iter()
            .find(|severity| severity.as_str() == word)
            .map(Self::At)
            .ok_or_else(|| {
                format!("expected `off`, `suggestion`, `important` or `critical`, not `{word}`")
            })
    }
}

impl From<RuleLevel> for String {
    fn from(level: RuleLevel) -> Self {
        match level {
            RuleLevel::Off => "off".to_owned(),
            RuleLevel::At(severity) => severity.as_str().to_owned(),
        }
    }
}

/// Why a set of rules can't be used. Shown as it is; some are several lines, with a caret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RuleError {
    /// An id that is empty, too long or of other characters.
    #[error("rule `{id}`: an id has 1 to 64 of the characters a-z, A-Z, 0-9, `-`, `_`, `.`")]
    Id {
        /// As it was written.
        id: String,
    },
    /// Two rules of one id.
    #[error("rule `{id}`: there is another rule of this id")]
    Duplicate {
        /// The id of both.
        id: String,
    },
    /// A rule of the repository that takes the id of a built-in one.
    #[error("rule `{id}`: a built-in rule has this id")]
    BuiltIn {
        /// The id of both.
        id: String,
    },
    /// A rule that would match each file of each change.
    #[error("rule `{id}`: it has neither `paths` nor `added`, so it would match every file")]
    Unconditional {
        /// The rule.
        id: String,
    },
    /// Nothing to tell the author.
    #[error("rule `{id}`: `message` is empty")]
    Message {
        /// The rule.
        id: String,
    },
    /// A glob that can't be read.
    #[error("rule `{id}`: bad glob in `paths`: `{glob}`: {detail}")]
    Glob {
        /// The rule.
        id: String,
        /// The glob as it was written.
        glob: String,
        /// What is wrong with it.
        detail: String,
    },
    /// A pattern that can't be read, matches nothing or the empty string, or is too large.
    #[error("rule `{id}`: bad pattern in `added`\n{detail}")]
    Pattern {
        /// The rule.
        id: String,
        /// The pattern with a caret, and what is wrong with it.
        detail: String,
    },
    /// More rules, or larger ones, than one repository may ask for.
    #[error("rule `{id}`: with it the rules are more than {limit} {of}")]
    TooMany {
        /// The first rule over the limit.
        id: String,
        /// The limit.
        limit: usize,
        /// What is counted.
        of: &'static str,
    },
}

/// True for an id that can stand in configuration, findings and on a command line.
pub(super) fn is_rule_id(id: &str) -> bool {
    (1..=64).contains(&id.len())
        && id
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
}
