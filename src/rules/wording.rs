//! Turns hits into raw findings: title, body, quote and anchor, and never the value of a secret.
//! Which hits there are is left to `scan`.

use std::borrow::Cow;
use std::ops::Range;

use regex::bytes::Regex;

use super::AGENT;
use super::engine::without_line_end;
use super::pack::mask_secrets;
use super::scan::{FileFacts, Found};
use super::set::{Check, Fingerprint, Rule, RuleSet};
use crate::finding::{Kind, LineRange, Location, RawFinding};

/// Most bytes of a quoted line.
const QUOTE_BYTES: usize = 400;
/// Most bytes of a title.
const TITLE_BYTES: usize = 200;
/// How much of a line around a match is looked at for secrets before it is quoted.
const AROUND: usize = 1 << 10;
/// Most line numbers that the finding about all further hits lists.
const LISTED: usize = 20;

/// Words the findings of one file.
pub(super) struct Wording<'s> {
    set: &'s RuleSet,
    facts: &'s FileFacts<'s>,
}

impl<'s> Wording<'s> {
    pub(super) fn new(set: &'s RuleSet, facts: &'s FileFacts<'s>) -> Self {
        Self { set, facts }
    }

    /// The `number`-th finding of its rule in this file.
    pub(super) fn finding(&self, hit: &Found<'_>, number: usize) -> RawFinding {
        let rule = &self.set.rules[hit.rule];
        let (title, mut body) = match &rule.check {
            Check::Builtin(builtin) => {
                let title = builtin
                    .forms
                    .get(hit.form)
                    .map_or(builtin.summary, |form| form.title);
                let body = format!("{}\n\n{}", builtin.why, builtin.mend);
                (title.to_owned(), body)
            }
            Check::House { message, globs, .. } => {
                let message = expand(rule, message, hit);
                let title = one_line(&message);
                let cause = match rule.pattern() {
                    Some(pattern) => format!(
                        "The added line matches `{}`, rule `{}` of this repository.",
                        pattern.shown(),
                        rule.id
                    ),
                    None => format!(
                        "The changed path matches `{globs}`, rule `{}` of this repository.",
                        rule.id
                    ),
                };
                (title, format!("{}\n\n{cause}", message.trim()))
            }
        };
        if let Some(note) = &hit.note {
            body = format!("{body}\n\n{note}");
        }
        RawFinding {
            agent: AGENT.to_owned(),
            id: format!("{}#{number}", rule.id),
            severity: Some(hit.severity),
            kind: Some(Kind::Regression),
            title,
            locations: vec![self.location(hit)],
            body,
            quote: quote(rule, hit),
            rule: Some(rule.id.to_string()),
            anchor: Some(self.anchor(std::slice::from_ref(hit))),
            ..RawFinding::default()
        }
    }

    /// One finding for all hits of a rule that are not shown one by one.
    pub(super) fn remainder(&self, rest: &[Found<'_>], number: usize) -> RawFinding {
        let mut finding = self.finding(&rest[0], number);
        let lines: Vec<String> = rest
            .iter()
            .filter_map(|hit| hit.line.as_ref())
            .take(LISTED)
            .map(|(line, ..)| line.no.to_string())
            .collect();
        let ending = if rest.len() > lines.len() {
            ", …"
        } else {
            ""
        };
        finding.title = one_line(&format!("and {} more: {}", rest.len(), finding.title));
        finding.body = format!("{}\n\nLines {}{ending}.", finding.body, lines.join(", "));
        finding.severity = rest.iter().map(|hit| hit.severity).max();
        finding.quote = None;
        finding.anchor = Some(self.anchor(rest));
        finding
    }

    fn location(&self, hit: &Found<'_>) -> Location {
        Location {
            path: self.facts.file.path.clone(),
            lines: hit.line.as_ref().map(|(line, ..)| LineRange {
                start: line.no,
                end: line.no,
            }),
        }
    }

    fn anchor(&self, hits: &[Found<'_>]) -> String {
        let mut print = Fingerprint::new("anchor");
        for hit in hits {
            print.field(self.set.rules[hit.rule].id.as_bytes());
            match &hit.line {
                Some((line, ..)) => print.field(without_line_end(line.text).trim_ascii_end()),
                None => print.field(self.facts.file.path.as_bytes()),
            }
        }
        let mut hex = blake3::Hash::from(print.finish()).to_hex().to_string();
        hex.truncate(32);
        hex
    }
}

/// The message with what the pattern matched; of a secret only its start.
fn expand<'m>(rule: &Rule, message: &'m str, hit: &Found<'_>) -> Cow<'m, str> {
    let (Some((_, text, range)), Some(pattern)) = (&hit.line, rule.pattern()) else {
        return Cow::Borrowed(message);
    };
    if !message.contains('$') {
        return Cow::Borrowed(message);
    }
    let Some(captures) = captures(pattern.regex(), text, range) else {
        return Cow::Borrowed(message);
    };
    let mut expanded = Vec::new();
    captures.expand(message.as_bytes(), &mut expanded);
    expanded.truncate(4 * QUOTE_BYTES + message.len());
    let mut masked = mask_secrets(&expanded);
    if rule.history {
        for group in captures.iter().flatten().filter(|group| !group.is_empty()) {
            let shown = [first_four(group.as_bytes()), "…".as_bytes()].concat();
            masked = replace(&masked, group.as_bytes(), &shown).into();
        }
    }
    Cow::Owned(String::from_utf8_lossy(&masked).into_owned())
}

fn captures<'t>(
    regex: &Regex,
    text: &'t [u8],
    range: &Range<usize>,
) -> Option<regex::bytes::Captures<'t>> {
    regex.captures_at(text, range.start)
}

fn replace(text: &[u8], wanted: &[u8], by: &[u8]) -> Vec<u8> {
    let mut replaced = Vec::with_capacity(text.len());
    let mut from = 0;
    for at in memchr::memmem::find_iter(text, wanted) {
        replaced.extend_from_slice(&text[from..at]);
        replaced.extend_from_slice(by);
        from = at + wanted.len();
    }
    replaced.extend_from_slice(&text[from..]);
    replaced
}

/// The line, or the part of it around the match; secrets show their first four characters.
fn quote(rule: &Rule, hit: &Found<'_>) -> Option<String> {
    let (line, _, range) = hit.line.as_ref()?;
    let text = without_line_end(line.text).trim_ascii_end();
    let range = range.start.min(text.len())..range.end.min(text.len());
    let start = range.start.saturating_sub(AROUND);
    let end = text.len().min(range.start + QUOTE_BYTES + AROUND);
    let secret = rule.history && matches!(rule.check, Check::House { .. });
    let (head, tail) = if secret {
        let head = [
            &text[start..range.start],
            first_four(&text[range.clone()]),
            "…".as_bytes(),
        ];
        (head.concat(), &text[range.end.min(end)..end])
    } else {
        (text[start..range.start].to_vec(), &text[range.start..end])
    };
    // Masked together: a token may begin before the match and end after it.
    let masked = mask_secrets(&[&head, tail].concat()).into_owned();
    let from = if start > 0 || range.start > QUOTE_BYTES / 2 {
        head.len().min(masked.len()).saturating_sub(QUOTE_BYTES / 2)
    } else {
        0
    };
    let cut = &masked[from..masked.len().min(from + QUOTE_BYTES)];
    Some(whole_characters(cut).into_owned())
}

fn first_four(value: &[u8]) -> &[u8] {
    &value[..value.len().min(4)]
}

/// The text without the pieces of characters that a cut left at its ends.
fn whole_characters(cut: &[u8]) -> Cow<'_, str> {
    let start = cut
        .iter()
        .take(3)
        .take_while(|byte| (0x80..0xc0).contains(*byte))
        .count();
    let cut = &cut[start..];
    match std::str::from_utf8(cut) {
        Ok(text) => Cow::Borrowed(text),
        Err(error) if error.error_len().is_none() => {
            String::from_utf8_lossy(&cut[..error.valid_up_to()])
        }
        Err(_) => String::from_utf8_lossy(cut),
    }
}

fn one_line(message: &str) -> String {
    let line = message
        .lines()
        .map(str::trim)
        .find(|line| !line.is_empty())
        .unwrap_or_default();
    whole_characters(&line.as_bytes()[..line.len().min(TITLE_BYTES)]).into_owned()
}
