//! Reads what a head starts with: an id, a number, or a severity as a tag.
//! The rest of the line is left to `head`.

use crate::finding::Severity;

use super::label::{Label, label};
use super::location::code_span;

/// What a head starts with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lead {
    /// `I2`: the letter's severity and the number.
    Id(Severity, u32),
    /// `2.`
    Number(u32),
    /// `[IMPORTANT]` or `**IMPORTANT**`.
    Tag,
    /// Nothing of the kind.
    Bare,
}

/// The id, number or severity tag at the start, and where the rest begins.
pub(super) fn lead(
    text: &str,
    bold: Option<(usize, usize)>,
    heading: bool,
) -> (Lead, Option<Label>, usize) {
    let opened = text.trim_start();
    let skipped = text.len() - opened.len();
    let word = ["Finding ", "Issue ", "finding ", "issue "]
        .iter()
        .find(|word| opened.starts_with(**word))
        .map_or(0, |word| word.len());
    if let Some((lead, length)) = id(&opened[word..], bold, skipped + word) {
        let start = skipped + word + length;
        // `1. [IMPORTANT] title`, `I1. [IMPORTANT] title`
        return match severity_tag(&text[start..], false) {
            Some((tag, length)) => (lead, Some(tag), start + length),
            None => (lead, None, start),
        };
    }
    let loud = bold.is_some_and(|(from, _)| from == skipped) || heading;
    match severity_tag(opened, loud) {
        Some((tag, length)) => (Lead::Tag, Some(tag), skipped + length),
        None => (Lead::Bare, None, skipped),
    }
}

/// `I2.`, `[I2]`, `2)`, `I2:`, `I2 —`, or an id that is bold by itself. Returns its length with
/// what ends it.
fn id(text: &str, bold: Option<(usize, usize)>, offset: usize) -> Option<(Lead, usize)> {
    let (inner, bracket) = match text.strip_prefix('[') {
        Some(inner) => (inner, 1),
        None => (text, 0),
    };
    let severity = match inner.as_bytes().first()? {
        b'C' => Some(Severity::Critical),
        b'I' => Some(Severity::Important),
        b'S' => Some(Severity::Suggestion),
        _ => None,
    };
    let digits = &inner[usize::from(severity.is_some())..];
    let dash = usize::from(severity.is_some() && digits.starts_with('-'));
    let digits = &digits[dash..];
    let count = digits
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(digits.len());
    if count == 0 || count > 3 || (bracket == 1 && severity.is_none()) {
        return None;
    }
    let number: u32 = digits[..count].parse().ok()?;
    let lead = match severity {
        Some(severity) => Lead::Id(severity, number),
        None => Lead::Number(number),
    };
    let mut length = bracket + usize::from(severity.is_some()) + dash + count;
    let mut after = &text[length..];
    let primes = after.len() - after.trim_start_matches('\'').len();
    length += primes;
    after = &after[primes..];
    let closed = bracket == 1 && after.starts_with(']');
    if bracket == 1 {
        after = after.strip_prefix(']')?;
        length += 1;
    }
    let alone = bold.is_some_and(|(_, end)| end == offset + length);
    let spaced = after.len() - after.trim_start().len();
    if let Some(rest) = after.strip_prefix(['.', ')', ':']) {
        let ends = rest.is_empty() || rest.starts_with([' ', '\t', '`', '"', '[', '(']);
        let glued = severity.is_some() && rest.starts_with(|c: char| c.is_alphabetic());
        return (ends || alone || glued || bold_starts(bold, offset + length + 1))
            .then(|| (lead, length + 1 + rest.len() - rest.trim_start().len()));
    }
    if severity.is_some() && after[spaced..].starts_with('(') {
        return label_at_start(&after[spaced..]).map(|_| (lead, length + spaced));
    }
    if severity.is_some()
        && let Some(dash) = separator_at(&after[spaced..])
    {
        let rest = &after[spaced + dash..];
        return Some((
            lead,
            length + spaced + dash + rest.len() - rest.trim_start().len(),
        ));
    }
    (severity.is_some()
        && spaced > 0
        && (closed || alone || bold_starts(bold, offset + length + spaced)))
    .then_some((lead, length + spaced))
}

fn bold_starts(bold: Option<(usize, usize)>, at: usize) -> bool {
    bold.is_some_and(|(from, _)| from == at)
}

/// `[IMPORTANT]`, `[important, gap]`, `(CRITICAL)`, or the bare word in capitals if `loud`.
/// Returns its length with white space and a colon after it.
fn severity_tag(text: &str, loud: bool) -> Option<(Label, usize)> {
    let end_of = |length: usize| {
        let rest = text[length..].trim_start_matches(':').trim_start();
        text.len() - rest.len()
    };
    for (open, close) in [('[', ']'), ('(', ')')] {
        if let Some(inner) = text.strip_prefix(open)
            && let Some((inside, after)) = inner.split_once(close)
            && inside.len() < 48
            && !after.starts_with('(')
            && let Some(said) = label(inside)
            && said.severity.is_some()
        {
            return Some((said, end_of(inside.len() + 2)));
        }
    }
    let word = text
        .find(|c: char| !c.is_ascii_uppercase())
        .map_or(text, |end| &text[..end]);
    let said = label(word).filter(|said| said.severity.is_some())?;
    let ended = text[word.len()..].starts_with([' ', ':', '—']);
    (loud && word.len() > 3 && ended).then(|| (said, end_of(word.len())))
}

/// `(important, gap)` at the start, and what follows it and its colon.
pub(super) fn label_at_start(text: &str) -> Option<(Label, &str)> {
    let inner = text.strip_prefix('(')?;
    let (inside, after) = inner.split_once(')')?;
    let said = label(inside)?;
    let rest = after.trim_start();
    let rest = rest
        .strip_prefix([':', '.'])
        .or_else(|| separator_at(rest).map(|length| &rest[length..]))?;
    Some((said, rest.trim_start()))
}

/// The length of a separator at the start: a dash of any sort, two hyphens, or one with spaces.
pub(super) fn separator_at(text: &str) -> Option<usize> {
    ["—", "–", "--", "―", "- ", "@ "]
        .iter()
        .find(|mark| text.starts_with(**mark))
        .map(|mark| mark.len())
}

/// A line without the back-quotes around its id or tag, if it has some: `` `S1.` **title** ``.
pub(super) fn unquoted_lead(line: &str) -> Option<String> {
    let (bold, opened) = match line.strip_prefix("**") {
        Some(rest) => ("**", rest),
        None => ("", line),
    };
    let (code, rest) = code_span(opened)?;
    let short = code.trim();
    let is_lead = short.len() <= 32
        && (id(short, None, 0).is_some_and(|(_, length)| length == short.len())
            || id(&format!("{short}."), None, 0).is_some_and(|(lead, length)| {
                length == short.len() + 1 && matches!(lead, Lead::Id(..))
            })
            || severity_tag(short, false).is_some());
    is_lead.then(|| format!("{bold}{short}{rest}"))
}
