//! Finds the findings in the lines of a section: which lines open one, and what belongs to it.
//! The form of a head is left to `head`, the fields of the finding to `body`.

use super::head::{Frame, Head, Weight, head};
use super::heading::{heading, says_none};
use super::label::label;
use super::lead::Lead;
use super::lines::Line;
use super::location;
use super::sections::is_rule;

/// A head with the lines that follow it.
#[derive(Clone, Debug)]
pub(super) struct Found<'l, 't> {
    /// What the head says.
    pub(super) head: Head,
    /// The lines up to the next finding.
    pub(super) body: &'l [Line<'t>],
}

/// How sure a line must be of itself to open a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Room {
    /// A section of one severity: any of the usual forms.
    Severity,
    /// A section of findings without severity: ids, tags and labels.
    Mixed,
    /// Anywhere else: only a tag, or an id with a place.
    Elsewhere,
}

/// What was found in a section.
#[derive(Debug, Default)]
pub(super) struct Harvest<'l, 't> {
    /// The findings, in order.
    pub(super) found: Vec<Found<'l, 't>>,
    /// There is text, it does not say "none", and nothing in it could be read as a finding.
    pub(super) unread: bool,
}

/// Finds the findings in `lines`. `numbers` is the last number of a numbered finding so far, for
/// reviews that number through all severities.
pub(super) fn harvest<'l, 't>(
    lines: &'l [Line<'t>],
    room: Room,
    numbers: &mut u32,
) -> Harvest<'l, 't> {
    let mut heads = sure_heads(lines, room, numbers);
    let mut unread = false;
    if heads.is_empty() && room == Room::Severity {
        let first = lines
            .iter()
            .find(|line| !line.is_blank() && !is_rule(line.text));
        if let Some(first) = first
            && !says_none(first.text)
        {
            heads = alike_heads(lines);
            unread = heads.is_empty();
        }
    }
    let mut found = Vec::with_capacity(heads.len());
    let mut rest = heads.into_iter().peekable();
    while let Some((_, body, head)) = rest.next() {
        let end = rest.peek().map_or(lines.len(), |(start, ..)| *start);
        found.push(Found {
            head,
            body: &lines[body.min(end)..end],
        });
    }
    Harvest { found, unread }
}

/// A head with the line it starts on and the line after it.
type Opening = (usize, usize, Head);

/// The lines that open a finding by their own form.
fn sure_heads(lines: &[Line<'_>], room: Room, numbers: &mut u32) -> Vec<Opening> {
    let mut heads: Vec<Opening> = Vec::new();
    let mut list: Option<u32> = None;
    let mut index = 0;
    while index < lines.len() {
        let line = lines[index];
        if line.code || line.is_blank() {
            index += 1;
            continue;
        }
        let (head, used) = joined_head(lines, index);
        if let Some(head) = head {
            let stand = Stand {
                room,
                first: heads.is_empty(),
                after: *numbers,
                list,
                indent: line.text.len() - line.text.trim_start().len(),
                ids: heads
                    .last()
                    .is_some_and(|(_, _, head)| matches!(head.lead, Lead::Id(..))),
                opens_block: index == 0 || lines[index - 1].is_blank() || lines[index - 1].code,
            };
            if opens_finding(&head, stand) {
                if let Lead::Number(number) = head.lead {
                    *numbers = number;
                }
                list = None;
                heads.push((index, index + used, head));
                index += used;
                continue;
            }
            if let Lead::Number(number) = head.lead {
                list = Some(number);
            }
        }
        index += 1;
    }
    heads
}

/// Where a possible head stands.
#[derive(Clone, Copy)]
struct Stand {
    room: Room,
    /// No finding of this section so far.
    first: bool,
    /// The last number of a numbered finding.
    after: u32,
    /// The last number of a list inside the body.
    list: Option<u32>,
    indent: usize,
    /// The finding before it has an id: a number starts a list.
    ids: bool,
    opens_block: bool,
}

fn opens_finding(head: &Head, stand: Stand) -> bool {
    let set = head.is_set();
    let placed = !head.locations.is_empty();
    if stand.room == Room::Elsewhere {
        return match head.lead {
            Lead::Tag => placed && set,
            Lead::Id(..) => placed && set && head.frame != Frame::Item,
            _ => false,
        };
    }
    match head.lead {
        Lead::Tag => placed || set,
        Lead::Id(..) if head.frame == Frame::Item => placed || head.label.is_some(),
        Lead::Id(..) => set || placed || head.label.is_some(),
        Lead::Number(_) if head.label.is_some() && (set || placed) => true,
        Lead::Number(number) => {
            let next = if stand.first {
                number == 1 || number == stand.after + 1
            } else {
                number == stand.after + 1
            };
            stand.room == Room::Severity
                && stand.indent < 2
                && !stand.ids
                && next
                && stand.list.is_none_or(|last| last + 1 != number)
                && set
                && (placed || (stand.opens_block && head.weight != Weight::Bold))
        }
        Lead::Bare => {
            // `**File:**` names a field of a finding, not one.
            let phrase = head.title.contains(' ');
            let in_place = head.frame == Frame::Heading && stand.room == Room::Severity;
            set && placed && phrase && (head.label.is_some() || in_place)
        }
    }
}

/// Sections without a sure head: the first line that is set apart shows what all heads look like.
fn alike_heads(lines: &[Line<'_>]) -> Vec<Opening> {
    let mut heads: Vec<Opening> = Vec::new();
    let mut shape = None;
    let mut index = 0;
    while index < lines.len() {
        let line = lines[index];
        let (head, used) = if line.code || line.is_blank() || line.text.starts_with(' ') {
            (None, 1)
        } else {
            joined_head(lines, index)
        };
        if let Some(head) = head
            && let Some(own) = shape_of(&head, line.text)
            && *shape.get_or_insert(own) == own
        {
            heads.push((index, index + used, head));
            index += used;
        } else {
            index += 1;
        }
    }
    for (_, _, head) in &mut heads {
        head.title = first_sentence(&head.title);
    }
    heads
}

/// What makes lines look alike; `None` for prose and for lines that name parts of a body.
fn shape_of(head: &Head, text: &str) -> Option<(u8, Frame, bool)> {
    let lead = match head.lead {
        Lead::Id(..) => 0,
        Lead::Number(_) => 1,
        Lead::Tag => 2,
        Lead::Bare => 3,
    };
    let label_line = head.title.ends_with(':') || text.trim_end().ends_with(":**");
    let apart = lead != 3
        || head.frame != Frame::Plain
        || head.weight == Weight::BoldAlone
        || (head.weight == Weight::Bold && !head.locations.is_empty());
    let names_part = heading(text).is_some_and(|found| found.part.is_some());
    (apart && !label_line && !names_part).then_some((
        lead,
        head.frame,
        head.weight != Weight::Plain,
    ))
}

/// Shortens a title that is a whole paragraph.
fn first_sentence(title: &str) -> String {
    if title.len() <= 160 {
        return title.to_owned();
    }
    let end = title
        .match_indices(". ")
        .map(|(at, _)| at)
        .find(|at| *at >= 20)
        .unwrap_or(title.len());
    title[..end].to_owned()
}

/// Reads the head at `index`, with the lines it was wrapped onto. Returns how many lines it has.
fn joined_head(lines: &[Line<'_>], index: usize) -> (Option<Head>, usize) {
    let first = lines[index].text;
    if first.trim_start().starts_with('|') || first.trim_start().starts_with("> ") {
        return (None, 1);
    }
    let mut text = first.trim().to_owned();
    let mut used = 1;
    if may_wrap(first) {
        while used < 6
            && let Some(next) = lines.get(index + used)
            && !next.code
            && !next.is_blank()
            && (is_unfinished(&text) || continues(next.text))
            && !begins_anew(next.text)
        {
            text.push(' ');
            text.push_str(next.text.trim());
            used += 1;
        }
    }
    match head(&text) {
        Some(head) => (Some(head), used),
        None => (head(first), 1),
    }
}

/// Only lines that start like a head are joined with what follows.
fn may_wrap(text: &str) -> bool {
    let text = text.trim_start();
    let letter = text.strip_prefix(['C', 'I', 'S']).unwrap_or(text);
    text.starts_with("**")
        || text.starts_with('[')
        || letter.starts_with(|c: char| c.is_ascii_digit())
}

/// A line that ends in the middle of a bold title, a code span, a bracket or a list.
fn is_unfinished(text: &str) -> bool {
    text.matches("**").count() % 2 == 1
        || text.matches('`').count() % 2 == 1
        || text.matches('(').count() > text.matches(')').count()
        || ["—", "–", "--", ",", " and"]
            .iter()
            .any(|end| text.ends_with(end))
}

/// A line that starts with a separator, or is nothing but a place or a label.
fn continues(text: &str) -> bool {
    let text = text.trim();
    if ["—", "–", "-- "].iter().any(|mark| text.starts_with(mark)) {
        return true;
    }
    let bare = text.trim_matches(['*', '_', '`']);
    if let Some(inside) = bare.strip_prefix('(').and_then(|t| t.strip_suffix(')'))
        && label(inside).is_some()
    {
        return true;
    }
    match location::leading(text) {
        Some((_, rest)) => {
            let rest = rest.trim().trim_matches(['*', '_', '`', '(', ')']);
            (text.starts_with(['`', '[']) || !text.contains(' '))
                && (rest.is_empty() || label(rest).is_some())
        }
        None => false,
    }
}

/// A line that starts something of its own.
fn begins_anew(text: &str) -> bool {
    let text = text.trim_start();
    heading(text).is_some()
        || text.starts_with("- ")
        || text.starts_with('|')
        || (text.starts_with(|c: char| c.is_ascii_digit()) && text.contains(". **"))
}

#[cfg(test)]
mod tests {
    use super::super::lines::lines;
    use super::*;

    fn titles(text: &str, room: Room) -> Vec<String> {
        let cut = lines(text);
        let mut numbers = 0;
        harvest(&cut.lines, room, &mut numbers)
            .found
            .iter()
            .map(|found| found.head.title.clone())
            .collect()
    }

    #[test]
    fn a_numbered_list_inside_a_body_is_no_finding() {
        let text = "1. **One** — `a.rs:1` (important, gap)\n\nWays out:\n\n1. **Wait** for the lock.\n2. **Retry** — `b.rs:2`\n\n2. **Two** — `a.rs:2`\n\n1. first step\n2. second step\n3. **third**\n\n3. **Three** — `c.rs:3`";
        assert_eq!(titles(text, Room::Severity), ["One", "Two", "Three"]);
    }

    #[test]
    fn a_finding_may_have_neither_place_nor_label() {
        let text = "1. **One** — `a.rs:1`\n\nbody\n\n2. **Two**\n\nbody";
        assert_eq!(titles(text, Room::Severity), ["One", "Two"]);
    }

    #[test]
    fn ids_in_prose_and_remedies_open_nothing() {
        let text = "I1. **One** — `a.rs:1`\n\nI2 targets `a.rs:2` too.\n\n**Fix:** wait — `a.rs:3`\n\nSuggestion: take it.\n\n**Note** — see `b.rs:1`";
        assert_eq!(titles(text, Room::Severity), ["One"]);
    }

    #[test]
    fn hard_wrapped_heads_are_joined() {
        let text = "I1. **The lock is taken twice when two\npushes race** — `src/lock.rs:3`,\n`src/push.rs:9` (important,\nregression)\n\nbody\n\n**I2. Two**\n— `b.rs:2`\n(important, gap)\nbody";
        let cut = lines(text);
        let mut numbers = 0;
        let harvest = harvest(&cut.lines, Room::Severity, &mut numbers);
        let [one, two] = harvest.found.as_slice() else {
            panic!("{harvest:?}");
        };
        assert_eq!(
            one.head.title,
            "The lock is taken twice when two pushes race"
        );
        assert_eq!(one.head.locations.len(), 2);
        assert_eq!(two.head.title, "Two");
        assert_eq!(two.body[0].text, "body");
    }

    #[test]
    fn sections_of_an_own_style_are_read_by_their_first_item() {
        for (text, want) in [
            (
                "- **One**: it leaks\n- **Two**: it hangs\n  - sub",
                vec!["One", "Two"],
            ),
            (
                "1. It leaks in `a`.\n2. It hangs.",
                vec!["It leaks in `a`.", "It hangs."],
            ),
            (
                "#### It leaks\nbody\n#### It hangs\nbody",
                vec!["It leaks", "It hangs"],
            ),
            (
                "**It leaks** — `a.rs:1`\n\nbody\n\n**It hangs** — `a.rs:2`",
                vec!["It leaks", "It hangs"],
            ),
            (
                "S1: It leaks\n\nbody\n\nS2: It hangs",
                vec!["It leaks", "It hangs"],
            ),
            (
                "#### I1. It leaks\n**File:** `a.rs:1` (important, gap)\n#### It hangs — `b.rs:2`",
                vec!["It leaks", "It hangs"],
            ),
            ("None.\n\n- **Not** this", vec![]),
            (
                "I1. **One** — `a.rs:1`\n\n1. **Two.** `b.rs:2` is free",
                vec!["One"],
            ),
            ("All is well.", vec![]),
        ] {
            assert_eq!(titles(text, Room::Severity), want, "{text}");
        }
    }

    #[test]
    fn text_that_could_not_be_read_is_told() {
        for (text, unread) in [
            ("It all leaks.", true),
            ("None.", false),
            ("", false),
            ("---", false),
        ] {
            let cut = lines(text);
            assert_eq!(
                harvest(&cut.lines, Room::Severity, &mut 0).unread,
                unread,
                "{text}"
            );
        }
    }

    #[test]
    fn outside_of_findings_only_tags_and_placed_ids_open() {
        let text = "**[IMPORTANT] a.rs:1 — One**\n1. **Two** — `a.rs:2` (important, gap)\n**I3. Three — `a.rs:3`**\n**I4** is open";
        assert_eq!(titles(text, Room::Elsewhere), ["One", "Three"]);
    }
}
