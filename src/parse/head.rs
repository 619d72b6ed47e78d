//! Reads the line that opens a finding: id, title, places and label, in any of the usual orders.
//! Whether such a line opens a finding where it stands is left to `findings`.

use crate::finding::Location;

use super::label::{Label, label};
use super::lead::{Lead, label_at_start, lead, separator_at, unquoted_lead};
use super::location::{self, code_span};

/// A longer line than this is no head.
const LONGEST: usize = 8 * 1024;
/// A longer remark after the title is the start of the body, in characters.
const LONGEST_REMARK: usize = 100;
/// More separators than this are not tried.
const MOST_SEPARATORS: usize = 64;

/// What a line says if it is read as the head of a finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Head {
    /// How it starts.
    pub(super) lead: Lead,
    /// What the line is.
    pub(super) frame: Frame,
    /// How the title is set.
    pub(super) weight: Weight,
    /// Struck through: taken back.
    pub(super) struck: bool,
    /// Its label such as `(important, gap)`, also with a kind of its own making.
    pub(super) label: Option<Label>,
    /// One line without emphasis, never empty.
    pub(super) title: String,
    /// The places it names.
    pub(super) locations: Vec<Location>,
    /// What else stands on the line, after title, places and label.
    pub(super) remark: String,
}

/// What a line is, apart from its words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Frame {
    /// The beginning of a paragraph, or an item of a numbered list.
    Plain,
    /// An ATX heading.
    Heading,
    /// An item of a list with bullets.
    Item,
}

/// How a title is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Weight {
    /// Like any text.
    Plain,
    /// Bold, and other text follows it.
    Bold,
    /// Bold, and the line ends with it but for its label.
    BoldAlone,
}

impl Head {
    /// True when the line is set apart from text: bold or a heading.
    pub(super) fn is_set(&self) -> bool {
        self.weight != Weight::Plain || self.frame == Frame::Heading
    }
}

/// Reads a line as the head of a finding; `None` when there is no title in it.
pub(super) fn head(line: &str) -> Option<Head> {
    let line = line.trim();
    if line.is_empty() || line.len() > LONGEST {
        return None;
    }
    let (frame, line) = framed(line);
    let unquoted = unquoted_lead(line);
    let (text, bold) = without_bold(unquoted.as_deref().unwrap_or(line));
    let struck = text.contains("~~");
    let text = if struck { text.replace("~~", "") } else { text };
    let bold = if struck { None } else { bold };

    let (lead, tag, start) = lead(&text, bold, frame == Frame::Heading);
    let mut rest = &text[start..];
    let mut said = tag.unwrap_or_default();
    // `I1 (important, gap): title`
    if let Some((first, after)) = label_at_start(rest) {
        said = said.or(first);
        rest = after;
    }
    let base = text.len() - rest.len();
    let (rest, end_label, whole) = without_label(rest);
    let label = match end_label {
        Some(end) => Some(said.or(end)),
        None => (said != Label::default()).then_some(said),
    };
    let title_end = bold
        .map(|(_, end)| end.saturating_sub(base).min(whole))
        .filter(|end| *end > 0 && rest.is_char_boundary(*end));
    let (title, locations, remark) = title_and_places(&rest, title_end, lead);
    let weight = match bold {
        Some((from, to)) if from <= base && to > base => {
            if title_end.is_none_or(|end| rest[end..].trim().is_empty()) {
                Weight::BoldAlone
            } else {
                Weight::Bold
            }
        }
        _ => Weight::Plain,
    };
    let title = plain_title(&title);
    if title.chars().filter(|c| c.is_alphanumeric()).count() < 2 {
        return None;
    }
    Some(Head {
        lead,
        frame,
        weight,
        struck,
        label,
        title,
        locations,
        remark: said_in(remark).to_owned(),
    })
}

/// What the line is, and its text.
fn framed(line: &str) -> (Frame, &str) {
    let text = line.trim_start_matches('#');
    if text.len() < line.len() {
        return (Frame::Heading, text.trim().trim_end_matches('#').trim_end());
    }
    let item = ["- ", "* ", "+ ", "• "]
        .iter()
        .find_map(|bullet| line.strip_prefix(bullet));
    match item {
        Some(text) => (Frame::Item, text.trim_start()),
        None => (Frame::Plain, line),
    }
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

/// Splits what follows the lead into title, places and the rest of the line.
fn title_and_places(
    text: &str,
    title_end: Option<usize>,
    lead: Lead,
) -> (String, Vec<Location>, &str) {
    let whole_bold = title_end.is_none_or(|end| text[end..].trim().is_empty());
    if let Some(end) = title_end
        && !whole_bold
    {
        let after = text[end..].trim_start();
        let after = after.strip_prefix([':', '(']).unwrap_or(after).trim_start();
        let dash = separator_at(after);
        let after = after[dash.unwrap_or(0)..].trim_start();
        let word = ["in ", "at ", "| "]
            .iter()
            .find_map(|word| after.strip_prefix(word));
        let after = match word {
            Some(rest) if rest.starts_with(['`', '[']) => rest,
            _ => after,
        };
        if let Some((places, tail)) = location::leading(after) {
            return (text[..end].to_owned(), with_tail(places, tail), tail);
        }
        if lead != Lead::Tag {
            // A short remark set off by a dash says where or which, and belongs to the title.
            if dash.is_some() && after.chars().count() <= LONGEST_REMARK {
                let places = split_at_place(&text[..end]).1;
                return (text.to_owned(), or_quoted(places, after), "");
            }
            let (title, places, _) = split_at_place(&text[..end]);
            return (title, or_quoted(places, after), after);
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
                return (title.to_owned(), places, "");
            }
        }
    }
    split_at_place(text)
}

/// What a remark says, without the marks around it; nothing if it has no words.
fn said_in(remark: &str) -> &str {
    let words = remark
        .trim()
        .trim_start_matches([')', ',', ';', '.', ':', '*', '_']);
    if words.chars().any(char::is_alphanumeric) {
        words.trim()
    } else {
        ""
    }
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
fn split_at_place(text: &str) -> (String, Vec<Location>, &str) {
    let mut last = None;
    for (at, length) in separators(text) {
        let after = text[at + length..].trim_start();
        if let Some((places, tail)) = location::leading(after) {
            let remark = tail.trim_start_matches([' ', '.', '*', '_', ')']);
            let whole = remark.is_empty() || remark.starts_with(['(', ',']);
            last = Some((at, with_tail(places, tail), tail));
            if whole {
                break;
            }
        }
    }
    if let Some((at, places, tail)) = last {
        return (text[..at].to_owned(), places, tail);
    }
    // `title (`path:12`)`
    let bracket = text
        .trim_end()
        .strip_suffix(')')
        .and_then(|text| text.rsplit_once('('));
    if let Some((title, inside)) = bracket
        && let Some((places, tail)) = location::leading(inside)
        && tail.trim().is_empty()
    {
        return (title.to_owned(), places, "");
    }
    (text.to_owned(), Vec::new(), "")
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
    unescaped(text.trim())
}

/// Undoes what Markdown escapes outside code spans: `\\[`, `&#x5b;`, `&amp;`.
fn unescaped(text: &str) -> String {
    if !text.contains(['\\', '&']) {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['\\', '&', '`']) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let mut after = rest.chars().skip(1);
        if let Some((_, behind)) = code_span(rest) {
            out.push_str(&rest[..rest.len() - behind.len()]);
            rest = behind;
        } else if rest.starts_with('\\') && after.next().is_some_and(|c| c.is_ascii_punctuation()) {
            out.push_str(&rest[1..2]);
            rest = &rest[2..];
        } else if let Some((c, behind)) = entity(rest) {
            out.push(c);
            rest = behind;
        } else {
            out.push_str(&rest[..1]);
            rest = &rest[1..];
        }
    }
    out.push_str(rest);
    out
}

/// The character reference at the start, of those that name punctuation, and what follows it.
fn entity(text: &str) -> Option<(char, &str)> {
    let (name, rest) = text.strip_prefix('&')?.split_once(';')?;
    let c = match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        _ if name.len() > 8 => return None,
        _ => {
            let digits = name.strip_prefix('#')?;
            let code = match digits.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => digits.parse().ok()?,
            };
            char::from_u32(code).filter(|c| !c.is_alphanumeric() && !c.is_control())?
        }
    };
    Some((c, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Severity;

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
        let label = head.label.unwrap_or_default();
        let severity = label.severity.map_or("-", Severity::as_str);
        let lead = match head.lead {
            Lead::Id(severity, number) => format!("{}{number}", severity.letter()),
            Lead::Number(number) => number.to_string(),
            Lead::Tag => "tag".into(),
            Lead::Bare => "bare".into(),
        };
        let kind = label.kind.map(|kind| format!("{kind:?}").to_lowercase());
        let kind = kind.as_deref().unwrap_or("-");
        let places = places.join(" ");
        format!("{lead}|{}|{severity}|{kind}|{places}", head.title)
    }

    #[test]
    fn escapes_in_a_title_are_undone() {
        for (line, title) in [
            (
                r"I1. **a\[0\] \< `b\[1\]` \q** — `a.rs:1`",
                r"a[0] < `b\[1\]` \q",
            ),
            (
                "I1. **&amp;lt; &#x60;x&#96; &#65; &b** — `a.rs:1`",
                "&lt; `x` &#65; &b",
            ),
        ] {
            assert_eq!(head(line).unwrap().title, title);
        }
    }

    /// A line, and below it: lead, title, severity, kind, places.
    const FORMS: &str = r"
1. **The lock leaks** — `src/a.rs:3` (important, gap)
    1|The lock leaks|important|gap|src/a.rs:3-3
I1. **The lock leaks** — `src/a.rs:3`
    I1|The lock leaks|-|-|src/a.rs:3-3
**I1. The lock leaks** — `src/a.rs:3` *(important, gap)*
    I1|The lock leaks|important|gap|src/a.rs:3-3
**I1. The lock leaks — `src/a.rs:3` (important, gap)**
    I1|The lock leaks|important|gap|src/a.rs:3-3
**I1. The lock leaks — `src/a.rs:3`** *(important, gap)*
    I1|The lock leaks|important|gap|src/a.rs:3-3
**I1. The lock — or not — leaks — `src/a.rs:3`**
    I1|The lock — or not — leaks|-|-|src/a.rs:3-3
[IMPORTANT] src/a.rs:3-4 — The lock leaks
    tag|The lock leaks|important|-|src/a.rs:3-4
**[CRITICAL] src/a.rs:3 — The lock `x` leaks**
    tag|The lock `x` leaks|critical|-|src/a.rs:3-3
### **[SUGGESTION] src/a.rs:3 — The lock leaks**
    tag|The lock leaks|suggestion|-|src/a.rs:3-3
**IMPORTANT** src/a.rs:3, b.rs:4 — The lock leaks
    tag|The lock leaks|important|-|src/a.rs:3-3 b.rs:4-4
#### S2. The lock leaks — `src/a.rs:3`
    S2|The lock leaks|-|-|src/a.rs:3-3
**S2 — The lock leaks** `src/a.rs:3`
    S2|The lock leaks|-|-|src/a.rs:3-3
**S2 — The lock leaks**`src/a.rs:3`
    S2|The lock leaks|-|-|src/a.rs:3-3
**S2.** The lock leaks — `src/a.rs:3`
    S2|The lock leaks|-|-|src/a.rs:3-3
**S2** The lock leaks — `src/a.rs:3`
    S2|The lock leaks|-|-|src/a.rs:3-3
S2: **The lock leaks** (`src/a.rs:3`)
    S2|The lock leaks|-|-|src/a.rs:3-3
2. **The lock leaks** -- `src/a.rs:3` `(suggestion, gap)`
    2|The lock leaks|suggestion|gap|src/a.rs:3-3
2. **The lock leaks** — [a.rs:3](/w/src/a.rs#L3) (`important, gap`)
    2|The lock leaks|important|gap|/w/src/a.rs:3-3
2. **The lock leaks** `(suggestion, gap)`
    2|The lock leaks|suggestion|gap|
**I1. The lock leaks — `(important, gap)`** — `src/a.rs:3`, called at `b.rs:4`
    I1|The lock leaks|important|gap|src/a.rs:3-3 b.rs:4-4
S1. **The lock leaks** — `src/a.rs:3` (inside `take`) (important, gap)
    S1|The lock leaks|important|gap|src/a.rs:3-3
S1. **`a.rs:1` and the lock** — `src/a.rs:3`
    S1|`a.rs:1` and the lock|-|-|src/a.rs:3-3
I1 (important, gap): The lock leaks — `src/a.rs:3`
    I1|The lock leaks|important|gap|src/a.rs:3-3
`S1.` **The lock leaks** — `src/a.rs:3`
    S1|The lock leaks|-|-|src/a.rs:3-3
**`S1`: The lock leaks** — `src/a.rs:3`
    S1|The lock leaks|-|-|src/a.rs:3-3
`[IMPORTANT]` src/a.rs:3 — The lock leaks
    tag|The lock leaks|important|-|src/a.rs:3-3
S1. **The lock leaks** in `src/a.rs`
    S1|The lock leaks|-|-|src/a.rs
S1. **The `**` glob leaks** — `src/**/a.rs`
    S1|The `**` glob leaks — `src/**/a.rs`|-|-|
S4. **The lock leaks** — commit `99aa4e3` body
    S4|The lock leaks — commit `99aa4e3` body|-|-|
~~I1. **The lock leaks** — `src/a.rs:3`~~
    I1|The lock leaks|-|-|src/a.rs:3-3
";

    #[test]
    fn every_form_of_a_head_is_read() {
        let mut lines = FORMS.lines().skip(1);
        let mut count = 0;
        while let (Some(line), Some(want)) = (lines.next(), lines.next()) {
            assert_eq!(shown(line), want.trim(), "{line}");
            count += 1;
        }
        assert_eq!(count, 30);
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
