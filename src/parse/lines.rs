//! Cuts a reply into lines, takes off what was wrapped around the whole review, and tells code
//! from text. What the text says is left to `sections`.

use super::head;
use super::heading::{Heading, Part, Style, heading};
use super::lead::Lead;
use crate::finding::Severity;

/// One line of a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Line<'t> {
    /// Without the indentation of the whole review and white space at the end.
    pub(super) text: &'t str,
    /// Part of a fenced block, its fences included.
    pub(super) code: bool,
}

impl Line<'_> {
    /// True for text that says nothing.
    pub(super) fn is_blank(&self) -> bool {
        self.text.trim().is_empty()
    }
}

/// The lines of a reply, and whether it ends inside a fenced block.
pub(super) struct Lines<'t> {
    /// All of them, in order.
    pub(super) lines: Vec<Line<'t>>,
    /// The last block is never closed.
    pub(super) open_at_end: bool,
}

/// Cuts `reply` into lines.
pub(super) fn lines(reply: &str) -> Lines<'_> {
    let reply = reply.trim_start_matches('\u{feff}');
    let texts: Vec<&str> = reply
        .split('\n')
        .flat_map(|line| line.strip_suffix('\r').unwrap_or(line).split('\r'))
        .map(str::trim_end)
        .collect();
    let indent = texts
        .iter()
        .filter(|text| names_findings(text))
        .map(|text| text.len() - text.trim_start().len())
        .min()
        .unwrap_or(0);
    let texts: Vec<&str> = texts
        .iter()
        .map(|text| without_indent(text, indent))
        .collect();
    mark_code(&texts)
}

fn names_findings(text: &str) -> bool {
    matches!(
        heading(text),
        Some(Heading {
            part: Some(Part::Findings(_)),
            canonical: true,
            ..
        })
    )
}

/// Takes at most `indent` bytes of white space off the front.
fn without_indent(text: &str, indent: usize) -> &str {
    let white = text
        .char_indices()
        .take_while(|(at, c)| c.is_whitespace() && *at < indent)
        .last()
        .map_or(0, |(at, c)| at + c.len_utf8());
    &text[white..]
}

/// A line of back-quotes or tildes that opens or closes a block.
#[derive(Clone, Copy)]
struct Fence<'t> {
    mark: u8,
    length: usize,
    info: &'t str,
}

fn fence(text: &str) -> Option<Fence<'_>> {
    let text = text.trim_start();
    // A fence in a list item or quotation.
    let text = text
        .strip_prefix("> ")
        .or_else(|| text.strip_prefix("- "))
        .map_or(text, str::trim_start);
    let mark = *text.as_bytes().first()?;
    if mark != b'`' && mark != b'~' {
        return None;
    }
    let length = text.bytes().take_while(|byte| *byte == mark).count();
    let info = text[length..].trim();
    (length >= 3 && !(mark == b'`' && info.contains('`'))).then_some(Fence { mark, length, info })
}

/// Blocks whose content may itself have fences.
fn holds_markdown(info: &str) -> bool {
    let word = info.split_whitespace().next().unwrap_or("");
    matches!(
        word.to_ascii_lowercase().as_str(),
        "" | "markdown" | "md" | "text" | "txt" | "diff" | "patch"
    )
}

fn mark_code<'t>(texts: &[&'t str]) -> Lines<'t> {
    let fences: Vec<Option<Fence<'t>>> = texts.iter().map(|text| fence(text)).collect();
    let wrapper = wrapper(texts, &fences);
    let last_fence = fences.iter().rposition(Option::is_some);
    let mut open: Option<Fence<'_>> = None;
    // Whoever opens a block with a long fence closes it, so nothing inside ends it.
    let mut closed_at = 0;
    let mut styles: Vec<Style> = Vec::new();
    let mut last_id = None;
    let mut lines = Vec::with_capacity(texts.len());
    for (index, text) in texts.iter().enumerate() {
        let mut line = Line { text, code: false };
        if index < closed_at {
            line.code = true;
            lines.push(line);
            continue;
        }
        match (open, fences[index]) {
            (None, Some(opener)) => {
                let wraps = wrapper == Some(index)
                    || wrapper.is_some_and(|wrapper| {
                        index > wrapper
                            && opener.info.is_empty()
                            && (last_fence == Some(index)
                                || fences[wrapper].is_some_and(|outer| {
                                    outer.length > 3 && opener.length >= outer.length
                                }))
                    });
                if wraps {
                    line.text = "";
                } else {
                    line.code = true;
                    match closer(&fences, index, opener) {
                        Some(at) => closed_at = at + 1,
                        None => open = Some(opener),
                    }
                }
            }
            (Some(opener), Some(closer))
                if closer.mark == opener.mark
                    && closer.length >= opener.length
                    && closer.info.is_empty() =>
            {
                line.code = true;
                open = None;
            }
            // An opener inside a block of code: the block was never closed.
            (Some(opener), Some(next))
                if next.mark == opener.mark
                    && next.length <= opener.length
                    && !holds_markdown(opener.info) =>
            {
                line.code = true;
                open = Some(next);
            }
            (Some(_), _) if ends_open_block(text, &styles, last_id) => open = None,
            (Some(_), _) => line.code = true,
            (None, None) => {}
        }
        if !line.code {
            note(text, &mut styles, &mut last_id);
        }
        lines.push(line);
    }
    Lines {
        lines,
        open_at_end: open.is_some(),
    }
}

/// Where a block with a long fence is closed; `None` for a fence of three marks, which agents often
/// leave open.
fn closer(fences: &[Option<Fence<'_>>], index: usize, opener: Fence<'_>) -> Option<usize> {
    if opener.length < 4 {
        return None;
    }
    let closes = |fence: &Option<Fence<'_>>| {
        fence.is_some_and(|it| {
            it.mark == opener.mark && it.length >= opener.length && it.info.is_empty()
        })
    };
    let after = fences[index + 1..].iter().position(closes)?;
    Some(index + 1 + after)
}

/// Remembers how headings look and which id came last.
fn note(text: &str, styles: &mut Vec<Style>, last_id: &mut Option<(Severity, u32)>) {
    if let Some(Heading {
        style,
        part: Some(_),
        ..
    }) = heading(text)
        && !styles.contains(&style)
    {
        styles.push(style);
    }
    if let Some(id) = strong_id(text) {
        *last_id = Some(id);
    }
}

/// True when a line inside a block can only belong to the review: the block was never closed.
fn ends_open_block(text: &str, styles: &[Style], last_id: Option<(Severity, u32)>) -> bool {
    if let Some(found) = heading(text)
        && found.canonical
    {
        return styles.contains(&found.style)
            || styles.is_empty() && matches!(found.part, Some(Part::Findings(_)));
    }
    match (strong_id(text), last_id) {
        (Some((severity, number)), Some((last, before))) => {
            if severity == last {
                number == before + 1
            } else {
                severity < last && number == 1
            }
        }
        _ => false,
    }
}

/// The id of a line that is bold or a heading and names a place: a head without doubt.
fn strong_id(text: &str) -> Option<(Severity, u32)> {
    if !text.starts_with(['*', '#', 'C', 'I', 'S', '[']) {
        return None;
    }
    let head = head::head(text)?;
    match head.lead {
        Lead::Id(severity, number) if head.is_set() && !head.locations.is_empty() => {
            Some((severity, number))
        }
        _ => None,
    }
}

/// The fence that wraps the whole review, if one does: a bare or Markdown fence before all
/// findings, inside of which the first heading of the review stands.
fn wrapper(texts: &[&str], fences: &[Option<Fence<'_>>]) -> Option<usize> {
    let mut candidate = None;
    let mut open = false;
    for (index, text) in texts.iter().enumerate() {
        match fences[index] {
            Some(fence) => {
                candidate = (!open && holds_markdown(fence.info)).then_some(index);
                open = !open || !fence.info.is_empty();
            }
            None => {
                if matches!(
                    heading(text),
                    Some(Heading {
                        part: Some(_),
                        canonical: true,
                        ..
                    })
                ) {
                    return candidate;
                }
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(reply: &str) -> Vec<String> {
        lines(reply)
            .lines
            .iter()
            .map(|line| format!("{}{}", if line.code { "| " } else { "" }, line.text))
            .collect()
    }

    #[test]
    fn code_is_told_from_text() {
        let reply = "a\n```rust\n## b\n```\nc\r\n  ~~~\n```\n  ~~~\nd";
        assert_eq!(
            shown(reply),
            [
                "a",
                "| ```rust",
                "| ## b",
                "| ```",
                "c",
                "|   ~~~",
                "| ```",
                "|   ~~~",
                "d"
            ]
        );
    }

    #[test]
    fn an_open_block_ends_at_the_next_section() {
        let reply = "## Critical Issues\nNone.\n## Important Issues\n```go\nx\n\n## Suggestions\ny";
        let got = shown(reply);
        assert_eq!(got[4], "| x");
        assert_eq!(&got[6..], ["## Suggestions", "y"]);
    }

    #[test]
    fn an_open_block_ends_at_the_next_finding() {
        let reply =
            "## Important Issues\nI1. **One** — `a.rs:1`\n```go\nx\nI2. **Two** — `a.rs:2`\ny";
        assert_eq!(&shown(reply)[4..], ["I2. **Two** — `a.rs:2`", "y"]);
        let quoted = reply.replace("I2", "I7");
        assert_eq!(&shown(&quoted)[4..], ["| I7. **Two** — `a.rs:2`", "| y"]);
    }

    #[test]
    fn an_open_block_ends_at_the_next_opening_fence() {
        let reply = "```go\nx\n```rust\ny\n```\nz";
        assert_eq!(shown(reply).last().unwrap(), "z");
    }

    #[test]
    fn a_wrapping_fence_is_taken_off() {
        let reply =
            "Here it is:\n```markdown\n## Critical Issues\n```go\nx\n```\n## Suggestions\n```";
        assert_eq!(
            shown(reply),
            [
                "Here it is:",
                "",
                "## Critical Issues",
                "| ```go",
                "| x",
                "| ```",
                "## Suggestions",
                ""
            ]
        );
        assert!(!lines(reply).open_at_end);
    }

    #[test]
    fn the_indentation_of_the_whole_review_is_taken_off() {
        let reply = "chat\n    ## Critical Issues\n    None.\n        code";
        assert_eq!(
            shown(reply),
            ["chat", "## Critical Issues", "None.", "    code"]
        );
    }

    #[test]
    fn nothing_inside_ends_a_block_with_a_long_fence() {
        let reply = "## Important Issues\n````text\n## Critical Issues\n```go\nx\n```\n````\nend";
        let code: Vec<bool> = lines(reply).lines.iter().map(|line| line.code).collect();
        assert_eq!(code, [false, true, true, true, true, true, true, false]);
        assert!(lines("````text\nx").open_at_end);
    }

    #[test]
    fn a_cut_block_is_noticed() {
        assert!(lines("a\n```go\nx").open_at_end);
    }
}
