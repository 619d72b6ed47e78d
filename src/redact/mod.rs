//! Cuts secrets out of any text that leaves the machine, and out of what comes back from models.
//! It reads nothing and says nothing to people: bytes in, bytes and places out; findings about
//! secrets are left to `rules`.
//!
//! - `search`: one search for the words that every secret has near it, then the pattern on that line
//! - `formats`: tokens, keys in URLs and headers; those that `rules` knows too are in `credential`
//! - `assignments`: values of names such as password or token, by how random they are
//! - `armour`: the lines of private keys, also of cut ones
//! - `encoded`: the same once more under base64, hexadecimal digits or percent signs
//! - `patches`: what the files of a patch lose, cut out of the patch
//! - `withheld`: files that are never sent, whatever is in them

mod armour;
mod assignments;
mod encoded;
mod formats;
mod patches;
mod search;
mod withheld;

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::sync::OnceLock;

use regex::bytes::Regex;

use crate::diff::RepoPath;

/// Part of every receipt's key: raised when what is cut out changes, because older answers were given
/// about another text.
pub(crate) const REDACTION: u32 = 2;

/// The rule of the lines of private keys.
pub(crate) const PRIVATE_KEY: &str = armour::RULE;

/// How every mark begins.
const MARK: &[u8] = b"[REDACTED:";

/// What stands beside a mark is cut too if it has so many bytes.
const LEAST_PIECE: usize = 6;

/// Replaces secrets by marks. A value has the same mark wherever it stands while the key is the same,
/// and nobody without the key can tell from a mark whether a guess is right.
#[derive(Clone)]
pub(crate) struct Redactor {
    key: [u8; 32],
}

/// A text without its secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Redaction<'t> {
    /// The text, borrowed if nothing was cut; it has as many lines as before.
    pub(crate) text: Cow<'t, [u8]>,
    /// What was cut, from top to bottom.
    pub(crate) marks: Vec<Mark>,
}

/// One value that was cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    /// Its line in the text, 1-based.
    pub(crate) line: u32,
    /// The kind of secret, as in the mark itself.
    pub(crate) rule: &'static str,
}

/// Where a secret stands in a text. It never reaches over the end of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Secret {
    range: Range<usize>,
    rule: &'static str,
}

/// What is cut out of a text, and the value that its mark stands for: another one where the text shows
/// only a part of the secret.
#[derive(Debug)]
struct Cut<'v> {
    range: Range<usize>,
    rule: &'static str,
    value: &'v [u8],
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Redactor")
    }
}

impl Redactor {
    /// A redactor whose marks can be compared with those of the same key only. The key is random, of
    /// one run, and never stored.
    pub(crate) fn new(key: [u8; 32]) -> Self {
        Self { key }
    }

    /// Cuts the secrets out of a text: a file, or anything else (then the path is empty).
    /// Time and memory are linear in the text. What is redacted already stays as it is.
    pub(crate) fn redact<'t>(&self, path: &RepoPath, text: &'t [u8]) -> Redaction<'t> {
        let cuts = secrets_in(path, text)
            .into_iter()
            .map(|Secret { range, rule }| Cut {
                value: &text[range.clone()],
                range,
                rule,
            })
            .collect();
        self.cut(text, cuts)
    }

    /// Puts marks in the place of what is to be cut, which is in order and without overlaps.
    fn cut<'t>(&self, text: &'t [u8], cuts: Vec<Cut<'_>>) -> Redaction<'t> {
        if cuts.is_empty() {
            return Redaction {
                text: Cow::Borrowed(text),
                marks: Vec::new(),
            };
        }
        let mut redacted = Vec::with_capacity(text.len());
        let mut marks = Vec::with_capacity(cuts.len());
        let (mut from, mut line) = (0, 1);
        for Cut { range, rule, value } in cuts {
            let before = &text[from..range.start];
            redacted.extend_from_slice(before);
            line += memchr::memchr_iter(b'\n', before).count();
            redacted.extend_from_slice(&self.mark(rule, value));
            marks.push(Mark {
                line: u32::try_from(line).unwrap_or(u32::MAX),
                rule,
            });
            from = range.end;
        }
        redacted.extend_from_slice(&text[from..]);
        Redaction {
            text: Cow::Owned(redacted),
            marks,
        }
    }

    /// Cuts the secrets out of a text that is not from a file, as a title or an answer of a model.
    pub(crate) fn redact_text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        match self.redact(&RepoPath::default(), text.as_bytes()).text {
            Cow::Borrowed(_) => Cow::Borrowed(text),
            Cow::Owned(bytes) => Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()),
        }
    }

    /// `[REDACTED:<rule>:<6 digits>]`; the digits are of a keyed BLAKE3 over the value.
    fn mark(&self, rule: &str, value: &[u8]) -> Vec<u8> {
        let digits = blake3::keyed_hash(&self.key, value).to_hex();
        [MARK, rule.as_bytes(), b":", &digits.as_bytes()[..6], b"]"].concat()
    }
}

/// Why a file is never sent, whatever is in it, for people; `None` for one whose lines are redacted.
/// Its name alone decides.
pub(crate) fn withheld(path: &RepoPath) -> Option<&'static str> {
    withheld::reason(path)
}

/// Everything that is a secret and not yet redacted, in order and without overlaps.
fn secrets_in(path: &RepoPath, text: &[u8]) -> Vec<Secret> {
    let mut secrets = secrets_by_line(path, text);
    encoded::secrets(text, &mut secrets);
    outside(&marks_in(text), joined(secrets))
}

/// Everything that is found without decoding anything.
fn secrets_by_line(path: &RepoPath, text: &[u8]) -> Vec<Secret> {
    let mut secrets = Vec::new();
    armour::secrets(text, &mut secrets);
    search::secrets(path, text, &mut secrets);
    secrets
}

/// In order, without overlaps: what touches becomes one, under the rule of what begins first, or of the
/// longer if both begin together.
fn joined(mut secrets: Vec<Secret>) -> Vec<Secret> {
    secrets.sort_by_key(|secret| (secret.range.start, usize::MAX - secret.range.end));
    let mut joined: Vec<Secret> = Vec::with_capacity(secrets.len());
    for secret in secrets {
        match joined.last_mut() {
            Some(last) if secret.range.start < last.range.end => {
                last.range.end = last.range.end.max(secret.range.end);
            }
            _ => joined.push(secret),
        }
    }
    joined
}

/// Where a redactor has been before.
fn marks_in(text: &[u8]) -> Vec<Range<usize>> {
    static PATTERN: OnceLock<Regex> = OnceLock::new();
    if memchr::memmem::find(text, MARK).is_none() {
        return Vec::new();
    }
    let pattern =
        PATTERN.get_or_init(|| search::compiled(r"\[REDACTED:[0-9a-z-]{1,40}:[0-9a-f]{6}\]"));
    pattern.find_iter(text).map(|mark| mark.range()).collect()
}

/// What of the secrets is outside of marks. Both are in order and without overlaps.
fn outside(marks: &[Range<usize>], secrets: Vec<Secret>) -> Vec<Secret> {
    if marks.is_empty() {
        return secrets;
    }
    let mut pieces = Vec::with_capacity(secrets.len());
    let mut rest = marks;
    for Secret { mut range, rule } in secrets {
        let touched = rest.partition_point(|mark| mark.end <= range.start);
        rest = &rest[touched..];
        let mut cut = false;
        for mark in rest.iter().take_while(|mark| mark.start < range.end) {
            cut = true;
            if range.start + LEAST_PIECE <= mark.start {
                let range = range.start..mark.start;
                pieces.push(Secret { range, rule });
            }
            range.start = mark.end;
        }
        if !cut || range.start + LEAST_PIECE <= range.end {
            pieces.push(Secret { range, rule });
        }
    }
    pieces
}

#[cfg(test)]
mod tests;
