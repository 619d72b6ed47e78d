//! The rules we ship, as one table, and the shape of an entry.
//! Compiling and trying them is left to `set` and `scan`.
//!
//! - `tokens`: access tokens in the formats their providers publish
//! - `keys`: private keys
//! - `assignments`: passwords and keys without a form of their own
//! - `safeguards`: checks that are switched off
//! - `characters`: characters that deceive the reader
//! - `leftovers`: conflict markers and debugger calls
//! - `strays`: files, reminders and paths that belong to one machine or one moment
//! - `locks`: lock files whose checksums change under the same version
//! - `workflows`: workflows that give their rights away

mod assignments;
mod characters;
mod keys;
mod leftovers;
mod locks;
mod safeguards;
mod strays;
mod tokens;
mod workflows;

use std::borrow::Cow;
use std::ops::Range;

pub(super) use locks::Sums;

use super::language::Language;
use super::paths::PathKind;
use super::scan::FileFacts;
use super::set::Fingerprint;
use super::{AddedLine, RuleDescription};
use crate::finding::Severity;

/// One built-in rule.
#[derive(Debug)]
pub(super) struct Builtin {
    /// Stable: configuration and the ledger name it.
    pub(super) id: &'static str,
    /// Where nothing lowers or raises it.
    pub(super) severity: Severity,
    /// What it finds, in one line.
    pub(super) summary: &'static str,
    /// What is wrong and why it matters.
    pub(super) why: &'static str,
    /// How to mend it.
    pub(super) mend: &'static str,
    /// It also reads every new commit.
    pub(super) history: bool,
    /// True for the files it looks at.
    pub(super) reaches: fn(&FileFacts<'_>) -> bool,
    /// True where it is only a suggestion; the second value is the kind of the text in question,
    /// which may be a test inside a source file.
    pub(super) lowers: fn(&FileFacts<'_>, PathKind) -> bool,
    /// What it looks for in added lines.
    pub(super) forms: &'static [Form],
    /// What it looks for in the file as a whole, its path and mode.
    pub(super) whole_file: Option<fn(&FileFacts<'_>) -> Judgement>,
}

/// One thing a rule looks for in added lines.
#[derive(Debug)]
pub(super) struct Form {
    /// The title of its findings.
    pub(super) title: &'static str,
    /// Over the bytes of one line, without Unicode.
    pub(super) pattern: &'static str,
    /// Empty: all.
    pub(super) languages: &'static [Language],
    pub(super) place: Place,
    /// Has the last word on each match.
    pub(super) judge: fn(&Hit<'_>) -> Judgement,
}

/// Where in the code a match counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Anywhere,
    /// Neither in a comment nor in a string.
    Code,
    Comment,
    /// In code or a string.
    OutsideComments,
    /// In code or a comment.
    OutsideLiterals,
}

/// One match of a form.
pub(super) struct Hit<'h> {
    pub(super) facts: &'h FileFacts<'h>,
    /// Index among the added lines of the file.
    pub(super) index: usize,
    /// The line without its end.
    pub(super) text: &'h [u8],
    /// The match in it.
    pub(super) range: Range<usize>,
}

impl Hit<'_> {
    /// The bytes that matched.
    pub(super) fn matched(&self) -> &[u8] {
        &self.text[self.range.clone()]
    }

    /// The added line.
    pub(super) fn line(&self) -> &AddedLine<'_> {
        &self.facts.file.added[self.index]
    }
}

/// What a rule thinks of a match. The texts complete the sentence "…, because".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Judgement {
    /// Not a finding.
    Passes,
    /// A finding of the rule's severity.
    Stands,
    /// Critical.
    Raised(&'static str),
    /// A suggestion.
    Lowered(&'static str),
}

/// Every built-in rule that this module can decide, topic by topic.
pub(super) static PACK: &[&Builtin] = &[
    &tokens::PROVIDER_TOKEN,
    &keys::PRIVATE_KEY,
    &assignments::SECRET_ASSIGNMENT,
    &characters::BIDI_CONTROL,
    &characters::INVISIBLE_CHARACTER,
    &characters::HOMOGLYPH_IDENTIFIER,
    &leftovers::CONFLICT_MARKER,
    &leftovers::DEBUGGER_LEFTOVER,
    &strays::DO_NOT_MERGE,
    &strays::LEFTOVER_FILE,
    &strays::ABSOLUTE_PATH_IN_MANIFEST,
    &strays::SYMLINK_ESCAPES,
    &safeguards::SCANNER_SILENCED,
    &safeguards::FOCUSED_TEST,
    &safeguards::TLS_VERIFY_OFF,
    &safeguards::REVIEW_EVASION_ATTRIBUTES,
    &locks::LOCK_HASH_CHANGED,
    &workflows::WORKFLOW_ALL_RIGHTS,
    &workflows::WORKFLOW_HEAD_CHECKOUT,
    &workflows::WORKFLOW_SCRIPT_INJECTION,
];

/// The rule that compares two versions of the review's own settings; `config` decides it, here it
/// is only listed.
const REVIEW_POLICY_LOOSENED: RuleDescription = RuleDescription {
    id: "review-policy-loosened",
    severity: Severity::Important,
    summary: "the change loosens the review's own settings",
    history: false,
};

/// Every built-in rule, for listings and documents, also those that other rooms decide.
pub(crate) fn builtin_rules() -> impl Iterator<Item = RuleDescription> {
    PACK.iter()
        .map(|builtin| RuleDescription {
            id: builtin.id,
            severity: builtin.severity,
            summary: builtin.summary,
            history: builtin.history,
        })
        .chain([REVIEW_POLICY_LOOSENED])
}

/// Returns the text with what is secret in it cut out: of a value only the first four characters
/// stay, of a private key only its header.
pub(crate) fn mask_secrets(text: &[u8]) -> Cow<'_, [u8]> {
    let mut masked = Cow::Borrowed(text);
    for mask in [
        tokens::mask_tokens as fn(&[u8]) -> Cow<'_, [u8]>,
        assignments::mask_assignments,
        keys::mask_keys,
    ] {
        if let Cow::Owned(cut) = mask(&masked) {
            masked = Cow::Owned(cut);
        }
    }
    masked
}

impl Builtin {
    /// BLAKE3 over all of it but its functions, which the engine's version stands for.
    pub(super) fn fingerprint(&self) -> [u8; 32] {
        let mut print = Fingerprint::new("built-in");
        for text in [
            self.id,
            self.severity.as_str(),
            self.summary,
            self.why,
            self.mend,
        ] {
            print.field(text.as_bytes());
        }
        print.field(&[u8::from(self.history), u8::from(self.whole_file.is_some())]);
        for form in self.forms {
            print.field(form.title.as_bytes());
            print.field(form.pattern.as_bytes());
            print.field(format!("{:?} {:?}", form.languages, form.place).as_bytes());
        }
        print.finish()
    }
}

fn everywhere(_: &FileFacts<'_>) -> bool {
    true
}

fn nowhere(_: &FileFacts<'_>, _: PathKind) -> bool {
    false
}

fn in_lenient_places(_: &FileFacts<'_>, kind: PathKind) -> bool {
    kind.is_lenient()
}

/// Files that somebody in this project writes for a machine to read.
fn in_own_code(facts: &FileFacts<'_>) -> bool {
    !facts.kind.is_foreign() && !matches!(facts.kind, PathKind::Prose | PathKind::Material)
}

fn stands(_: &Hit<'_>) -> Judgement {
    Judgement::Stands
}
