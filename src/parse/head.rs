//! Reads the line that opens a finding: id, title, places and label, in any of the usual orders.
//! Whether such a line opens a finding where it stands is left to `findings`.

use crate::finding::{Kind, Location, Severity};

use super::label::{Label, label};
use super::location::{self, code_span};

/// A longer line than this is no head.
const LONGEST: usize = 8 * 1024;
/// More separators than this are not tried.
const MOST_SEPARATORS: usize = 64;

/// What a line says if it is read as the head of a finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Head {
    /// How it starts.
    pub(super) lead: Lead,
    /// Set as an ATX heading.
    pub(super) heading: bool,
    /// Starts with a list bullet.
    pub(super) bullet: bool,
    /// Its title is bold.
    pub(super) bold: bool,
    /// Nothing follows the bold title.
    pub(super) alone: bool,
    /// Struck through: taken back.
    pub(super) struck: bool,
    /// The severity it names itself.
    pub(super) severity: Option<Severity>,
    /// The kind it names itself.
    pub(super) kind: Option<Kind>,
    /// True when it has a label such as `(important, gap)`, also with a kind of its own making.
    pub(super) labelled: bool,
    /// One line without emphasis, never empty.
    pub(super) title: String,
    /// The places it names.
    pub(super) locations: Vec<Location>,
}

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

/// Reads a line as the head of a finding; `None` when there is no title in it.
pub(super) fn head(line: &str) -> Option<Head> {
    let line = line.trim();
    if line.is_empty() || line.len() > LONGEST {
        return None;
    }
    let (line, heading) = match line.trim_start_matches('#') {
        rest if rest.len() < line.len() => (rest.trim().trim_end_matches('#').trim_end(), true),
        _ => (line, false),
    };
    let (line, bullet) = match ["- ", "* ", "+ ", "• "]
        .iter()
        .find_map(|bullet| line.strip_prefix(bullet))
    {
        Some(rest) => (rest.trim_start(), true),
        None => (line, false),
    };
    let (text, bold) = without_bold(line);
    let struck = text.contains("~~");
    let text = if struck { text.replace("~~", "") } else { text };
    let bold = if struck { None } else { bold };

    let (lead, tag, start) = lead(&text, bold, heading);
    let mut rest = &text[start..];
    let mut said = tag.unwrap_or_default();
    // `I1 (important, gap): title`
    if let Some((first, after)) = label_at_start(rest) {
        said = said.or(first);
        rest = after;
    }
    let base = text.len() - rest.len();
    let (rest, end_label, whole) = without_label(rest);
    let labelled = said != Label::default() || end_label.is_some();
    let said = said.or(end_label.unwrap_or_default());
    let title_end = bold
        .map(|(_, end)| end.saturating_sub(base).min(whole))
        .filter(|end| *end > 0 && rest.is_char_boundary(*end));
    let (title, locations) = title_and_places(&rest, title_end, lead);
    let alone = title_end.is_none_or(|end| rest[end..].trim().is_empty());
    let title = plain_title(&title);
    if title.chars().filter(|c| c.is_alphanumeric()).count() < 2 {
        return None;
    }
    Some(Head {
        lead,
        heading,
        bullet,
        bold: bold.is_some_and(|(from, to)| from <= base && to > base),
        alone,
        struck,
        severity: said.severity,
        kind: said.kind,
        labelled,
        title,
        locations,
    })
}

/// Takes the bold markers out, leaving code spans alone. Returns the text and the first bold
/// stretch of it, in bytes.
fn without_bold(line: &str) -> (String, Option<(usize, usize)>) {
    let mut text = String::with_capacity(line.len());
    let mut bold = None;
    let mut open: Option<usize> = None;
    let mut rest = line;
    let mut unclosed = [false; 4];
    while let Some(at) = rest.find(['`', '*']) {
        text.push_str(&rest[..at]);
        rest = &rest[at..];
        let ticks = (rest.len() - rest.trim_start_matches('`').len()).min(4);
        if ticks > 0 {
            let span = if ticks < 4 && !unclosed[ticks] {
                code_span(rest)
            } else {
                None
            };
            if span.is_none() {
                unclosed[ticks.min(3)] = true;
            }
            let taken = span.map_or(ticks, |(_, after)| rest.len() - after.len());
            text.push_str(&rest[..taken]);
            rest = &rest[taken..];
        } else if let Some(after) = rest.strip_prefix("**") {
            match open.take() {
                Some(from) if bold.is_none() => bold = Some((from, text.len())),
                Some(_) => {}
                None => open = Some(text.len()),
            }
            rest = after;
        } else {
            text.push('*');
            rest = &rest[1..];
        }
    }
    text.push_str(rest);
    // Bold that is never closed reaches to the end.
    if bold.is_none()
        && let Some(from) = open
    {
        bold = Some((from, text.len()));
    }
    (text, bold)
}

/// The id, number or severity tag at the start, and where the rest begins.
fn lead(text: &str, bold: Option<(usize, usize)>, heading: bool) -> (Lead, Option<Label>, usize) {
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
fn label_at_start(text: &str) -> Option<(Label, &str)> {
    let inner = text.strip_prefix('(')?;
    let (inside, after) = inner.split_once(')')?;
    let said = label(inside)?;
    let rest = after.trim_start();
    let rest = rest
        .strip_prefix([':', '.'])
        .or_else(|| separator_at(rest).map(|length| &rest[length..]))?;
    Some((said, rest.trim_start()))
}

/// Takes the label out of the end of the line, or from before a separator. Returns the text, the
/// label, and how much of the text stood before it.
fn without_label(text: &str) -> (String, Option<Label>, usize) {
    let mut tried = 0;
    for (open, _) in text.rmatch_indices(['(', '[']) {
        tried += 1;
        if tried > 16 {
            break;
        }
        let close = if text[open..].starts_with('(') {
            ')'
        } else {
            ']'
        };
        let Some(length) = text[open..].find(close) else {
            continue;
        };
        let Some(said) = label(&text[open + 1..open + length]) else {
            continue;
        };
        let before = text[..open].trim_end_matches(['*', '_', '`']);
        let after = text[open + length + 1..].trim_start_matches(['*', '_', '`']);
        let trailing = after.trim();
        let ended = trailing.is_empty()
            || trailing.chars().all(|c| matches!(c, '.' | ':' | ','))
            || separator_at(trailing).is_some();
        if !ended {
            continue;
        }
        let mut kept = before.trim_end().to_owned();
        let mut whole = kept.len();
        if !trailing.is_empty() && separator_at(trailing).is_some() {
            // The label stood between title and place; one separator is enough.
            kept = trim_separator_end(&kept).to_owned();
            whole = kept.len();
            kept.push(' ');
            kept.push_str(trailing);
        }
        return (kept, Some(said), whole);
    }
    (text.to_owned(), None, text.len())
}

/// Splits what follows the lead into title and places.
fn title_and_places(text: &str, title_end: Option<usize>, lead: Lead) -> (String, Vec<Location>) {
    let whole_bold = title_end.is_none_or(|end| text[end..].trim().is_empty());
    if let Some(end) = title_end
        && !whole_bold
    {
        let after = text[end..].trim_start();
        let after = after.strip_prefix([':', '(']).unwrap_or(after).trim_start();
        let after = match separator_at(after) {
            Some(length) => after[length..].trim_start(),
            None => after,
        };
        if let Some((places, tail)) = location::leading(after) {
            // `**IMPORTANT** path — title` has its title after the place.
            return (text[..end].to_owned(), with_tail(places, tail));
        }
        if lead != Lead::Tag {
            let (title, places) = split_at_place(&text[..end]);
            return (title, or_quoted(places, after));
        }
    }
    // The place comes first: `path:12 — title`.
    if let Some((places, tail)) = location::leading(text) {
        let tail = tail.trim_start();
        if let Some(length) = separator_at(tail).or_else(|| tail.starts_with(':').then_some(1)) {
            let title = tail[length..].trim();
            let placed_again = split_at_place(title).1;
            if !title.is_empty()
                && placed_again.is_empty()
                && (lead == Lead::Tag || places.iter().any(|place| place.lines.is_some()))
            {
                return (title.to_owned(), places);
            }
        }
    }
    split_at_place(text)
}

/// Places further along the line than the list are added: `` `a:1` (changed) vs `b:2` ``.
fn with_tail(mut places: Vec<Location>, tail: &str) -> Vec<Location> {
    for place in location::quoted(tail) {
        if !places.contains(&place) {
            places.push(place);
        }
    }
    places
}

fn or_quoted(places: Vec<Location>, after: &str) -> Vec<Location> {
    if places.is_empty() {
        location::quoted(after)
    } else {
        places
    }
}

/// Finds the separator after which a list of places stands, and takes what is before as title.
fn split_at_place(text: &str) -> (String, Vec<Location>) {
    let mut last = None;
    for (at, length) in separators(text) {
        let after = text[at + length..].trim_start();
        if let Some((places, tail)) = location::leading(after) {
            let remark = tail.trim_start_matches([' ', '.', '*', '_', ')']);
            let whole = remark.is_empty() || remark.starts_with(['(', ',']);
            last = Some((at, with_tail(places, tail)));
            if whole {
                break;
            }
        }
    }
    // `title (`path:12`)` and `title in `path:12`` keep their words.
    match last {
        Some((at, places)) => (text[..at].to_owned(), places),
        None => match text
            .trim_end()
            .strip_suffix(')')
            .and_then(|t| t.rsplit_once('('))
        {
            Some((title, inside)) => match location::leading(inside) {
                Some((places, tail)) if tail.trim().is_empty() => (title.to_owned(), places),
                _ => (text.to_owned(), Vec::new()),
            },
            None => (text.to_owned(), Vec::new()),
        },
    }
}

/// The separators outside code spans: where each starts and how long it is.
fn separators(text: &str) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let mut at = 0;
    let mut unclosed = false;
    while at < text.len() && found.len() < MOST_SEPARATORS {
        let rest = &text[at..];
        if rest.starts_with('`') {
            let span = if unclosed { None } else { code_span(rest) };
            unclosed |= span.is_none();
            at += span.map_or(1, |(_, after)| rest.len() - after.len());
            continue;
        }
        let spaced = at == 0 || text[..at].ends_with(' ');
        match separator_at(rest) {
            Some(length) if spaced || rest.starts_with('—') => {
                found.push((at, length));
                at += length;
            }
            _ => at += rest.chars().next().map_or(1, char::len_utf8),
        }
    }
    found
}

/// The length of a separator at the start: a dash of any sort, two hyphens, or one with spaces.
fn separator_at(text: &str) -> Option<usize> {
    ["—", "–", "--", "―", "- ", "@ "]
        .iter()
        .find(|mark| text.starts_with(**mark))
        .map(|mark| mark.len())
}

fn trim_separator_end(text: &str) -> &str {
    let mut text = text.trim_end();
    while let Some(rest) = ["—", "–", "--", "―"]
        .iter()
        .find_map(|mark| text.strip_suffix(mark))
    {
        text = rest.trim_end();
    }
    text
}

fn plain_title(text: &str) -> String {
    let text = trim_separator_end(text.trim());
    let text = text.strip_suffix(':').unwrap_or(text);
    let text = match text.strip_prefix('*').and_then(|t| t.strip_suffix('*')) {
        Some(inner) if !inner.contains('*') => inner,
        _ => text,
    };
    text.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(line: &str) -> String {
        let Some(head) = head(line) else {
            return "none".into();
        };
        let places: Vec<String> = head
            .locations
            .iter()
            .map(|place| {
                let lines = place.lines.map(|l| format!(":{}-{}", l.start, l.end));
                place.path.to_str_lossy().into_owned() + &lines.unwrap_or_default()
            })
            .collect();
        let severity = head.severity.map_or("-", Severity::as_str);
        let lead = match head.lead {
            Lead::Id(severity, number) => format!("{}{number}", severity.letter()),
            Lead::Number(number) => number.to_string(),
            Lead::Tag => "tag".into(),
            Lead::Bare => "bare".into(),
        };
        format!(
            "{lead}|{}|{severity}|{:?}|{}",
            head.title,
            head.kind,
            places.join(" ")
        )
    }

    #[test]
    fn every_form_of_a_head_is_read() {
        let gap = "Some(Gap)";
        for (line, want) in [
            (
                "1. **The lock leaks** — `src/a.rs:3` (important, gap)",
                format!("1|The lock leaks|important|{gap}|src/a.rs:3-3"),
            ),
            (
                "I1. **The lock leaks** — `src/a.rs:3`",
                "I1|The lock leaks|-|None|src/a.rs:3-3".into(),
            ),
            (
                "**I1. The lock leaks** — `src/a.rs:3` *(important, gap)*",
                format!("I1|The lock leaks|important|{gap}|src/a.rs:3-3"),
            ),
            (
                "**I1. The lock leaks — `src/a.rs:3` (important, gap)**",
                format!("I1|The lock leaks|important|{gap}|src/a.rs:3-3"),
            ),
            (
                "**I1. The lock leaks — `src/a.rs:3`** *(important, gap)*",
                format!("I1|The lock leaks|important|{gap}|src/a.rs:3-3"),
            ),
            (
                "**I1. The lock — or not — leaks — `src/a.rs:3`**",
                "I1|The lock — or not — leaks|-|None|src/a.rs:3-3".into(),
            ),
            (
                "[IMPORTANT] src/a.rs:3-4 — The lock leaks",
                "tag|The lock leaks|important|None|src/a.rs:3-4".into(),
            ),
            (
                "**[CRITICAL] src/a.rs:3 — The lock `x` leaks**",
                "tag|The lock `x` leaks|critical|None|src/a.rs:3-3".into(),
            ),
            (
                "### **[SUGGESTION] src/a.rs:3 — The lock leaks**",
                "tag|The lock leaks|suggestion|None|src/a.rs:3-3".into(),
            ),
            (
                "**IMPORTANT** src/a.rs:3, b.rs:4 — The lock leaks",
                "tag|The lock leaks|important|None|src/a.rs:3-3 b.rs:4-4".into(),
            ),
            (
                "#### S2. The lock leaks — `src/a.rs:3`",
                "S2|The lock leaks|-|None|src/a.rs:3-3".into(),
            ),
            (
                "**S2 — The lock leaks** `src/a.rs:3`",
                "S2|The lock leaks|-|None|src/a.rs:3-3".into(),
            ),
            (
                "**S2 — The lock leaks**`src/a.rs:3`",
                "S2|The lock leaks|-|None|src/a.rs:3-3".into(),
            ),
            (
                "**S2.** The lock leaks — `src/a.rs:3`",
                "S2|The lock leaks|-|None|src/a.rs:3-3".into(),
            ),
            (
                "**S2** The lock leaks — `src/a.rs:3`",
                "S2|The lock leaks|-|None|src/a.rs:3-3".into(),
            ),
            (
                "S2: **The lock leaks** (`src/a.rs:3`)",
                "S2|The lock leaks|-|None|src/a.rs:3-3".into(),
            ),
            (
                "2. **The lock leaks** -- `src/a.rs:3` `(suggestion, gap)`",
                format!("2|The lock leaks|suggestion|{gap}|src/a.rs:3-3"),
            ),
            (
                "2. **The lock leaks** — [a.rs:3](/w/src/a.rs#L3) (`important, gap`)",
                format!("2|The lock leaks|important|{gap}|a.rs:3-3"),
            ),
            (
                "2. **The lock leaks** `(suggestion, gap)`",
                format!("2|The lock leaks|suggestion|{gap}|"),
            ),
            (
                "**I1. The lock leaks — `(important, gap)`** — `src/a.rs:3`, called at `b.rs:4`",
                format!("I1|The lock leaks|important|{gap}|src/a.rs:3-3 b.rs:4-4"),
            ),
            (
                "S1. **The lock leaks** — `src/a.rs:3` (inside `take`) (important, gap)",
                format!("S1|The lock leaks|important|{gap}|src/a.rs:3-3"),
            ),
            (
                "S1. **`a.rs:1` and the lock** — `src/a.rs:3`",
                "S1|`a.rs:1` and the lock|-|None|src/a.rs:3-3".into(),
            ),
            (
                "I1 (important, gap): The lock leaks — `src/a.rs:3`",
                format!("I1|The lock leaks|important|{gap}|src/a.rs:3-3"),
            ),
            (
                "S1. **The `**` glob leaks** — `src/**/a.rs`",
                "S1|The `**` glob leaks|-|None|".into(),
            ),
            (
                "S4. **The lock leaks** — commit `99aa4e3` body",
                "S4|The lock leaks|-|None|".into(),
            ),
            (
                "~~I1. **The lock leaks** — `src/a.rs:3`~~",
                "I1|The lock leaks|-|None|src/a.rs:3-3".into(),
            ),
        ] {
            assert_eq!(shown(line), want, "{line}");
        }
    }

    #[test]
    fn prose_has_no_id() {
        for line in [
            "I2 targets the same lock",
            "Suggestion: use a guard",
            "CRITICAL path of the loop",
            "I think so",
            "3.5 seconds is long",
            "[link](important)",
        ] {
            assert!(shown(line).starts_with("bare|"), "{line}: {}", shown(line));
        }
        assert_eq!(shown("---"), "none");
        assert_eq!(shown(""), "none");
    }

    #[test]
    fn a_struck_head_is_marked() {
        assert!(
            head("~~I1. **The lock leaks** — `a.rs:3`~~")
                .unwrap()
                .struck
        );
        assert!(!head("I1. **The lock leaks** — `a.rs:3`").unwrap().struck);
    }
}
