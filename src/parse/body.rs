//! Turns a head and the lines below it into a raw finding: body, quote, remedy, late labels.
//! Which lines those are is left to `findings`.

use crate::finding::{RawFinding, Severity};

use super::findings::Found;
use super::label::{Label, kind_word, label, severity_word};
use super::lead::Lead;
use super::lines::Line;
use super::location;
use super::sections::text_of;

/// A longer excerpt is not taken as quote.
const LONGEST_QUOTE: usize = 64 * 1024;
/// Longer lines of prose are not searched for places and labels.
const LONGEST_LINE: usize = 8 * 1024;

/// Makes the finding. `severity` is that of its section, if the section has one: where an agent
/// finally put a finding wins over the label it wrote first. The id is the agent's own or empty.
pub(super) fn finding(found: &Found<'_, '_>, severity: Option<Severity>) -> RawFinding {
    let head = &found.head;
    let said = head.label.unwrap_or_default().or(late_label(found.body));
    let (own_id, id) = match head.lead {
        Lead::Id(severity, number) => (Some(severity), format!("{}{number}", severity.letter())),
        _ => (None, String::new()),
    };
    let locations = match head.locations.as_slice() {
        [] => late_places(found.body),
        places => places.to_vec(),
    };
    let fix_at = found.body.iter().position(|line| fix_text(line).is_some());
    RawFinding {
        id,
        severity: severity.or(said.severity).or(own_id),
        kind: said.kind,
        title: head.title.clone(),
        locations,
        body: body_text(&head.remark, found.body),
        quote: excerpt(&found.body[..fix_at.unwrap_or(found.body.len())]),
        fix: fix_at.map(|at| fix(&found.body[at..])),
        withdrawn: if head.struck {
            Some(head.title.clone())
        } else {
            found.body.iter().find_map(withdrawal)
        },
        ..RawFinding::default()
    }
}

/// The body, after what else the head's line says.
fn body_text(remark: &str, lines: &[Line<'_>]) -> String {
    let text = text_of(lines);
    match (remark.is_empty(), text.is_empty()) {
        (true, _) => text,
        (false, true) => remark.to_owned(),
        (false, false) => format!("{remark}\n\n{text}"),
    }
}

/// The label that follows the head: a line of its own, `Classification: gap`, or at the end of a
/// paragraph.
fn late_label(body: &[Line<'_>]) -> Label {
    let mut said = Label::default();
    for line in body.iter().filter(|line| !line.code) {
        if line.text.len() > LONGEST_LINE {
            continue;
        }
        let text = line.text.trim().trim_start_matches("- ");
        let text = text.trim_end_matches(['*', '_', '`', '.']);
        if let Some(inside) = text.strip_suffix(')').and_then(|text| {
            let (_, inside) = text.rsplit_once('(')?;
            Some(inside)
        }) && let Some(label) = label(inside)
        {
            said = said.or(label);
        }
        let plain = line.text.replace(['*', '`'], "");
        if let Some((name, value)) = plain.trim_start_matches(['-', ' ']).split_once(':') {
            let word = value
                .trim()
                .split(|c: char| !(c.is_alphabetic() || c == '-'))
                .next()
                .unwrap_or("")
                .to_ascii_lowercase();
            match name.trim().to_ascii_lowercase().as_str() {
                "classification" | "kind" | "type" | "label" => {
                    said.kind = said.kind.or(kind_word(&word));
                    said.severity = said.severity.or(severity_word(&word));
                }
                "severity" => said.severity = said.severity.or(severity_word(&word)),
                _ => {}
            }
        }
    }
    said
}

/// The places of a finding whose head names none: the first line of the body that names some, unless
/// it says that there are none.
fn late_places(body: &[Line<'_>]) -> Vec<crate::finding::Location> {
    let mut said = body.iter().filter(|line| !line.is_blank());
    if said.next().is_some_and(|line| line.text == "Place: none.") {
        return Vec::new();
    }
    body.iter()
        .filter(|line| !line.code && line.text.len() <= LONGEST_LINE)
        .map(|line| {
            let text = line.text.replace("**", "");
            let text = text.trim_start_matches(['-', ' ']);
            let named = [
                "File:",
                "Files:",
                "Location:",
                "Locations:",
                "Where:",
                "Place:",
            ]
            .iter()
            .find_map(|name| text.strip_prefix(name));
            match named.and_then(|text| location::leading(text.trim())) {
                Some((places, _)) => places,
                None => location::quoted(text),
            }
        })
        .find(|places| !places.is_empty())
        .unwrap_or_default()
}

/// The first fenced block that shows code, without its fences.
fn excerpt(body: &[Line<'_>]) -> Option<String> {
    let mut index = 0;
    while index < body.len() {
        if !body[index].code {
            index += 1;
            continue;
        }
        let end = block_end(body, index);
        let info = body[index].text.trim().trim_start_matches(['`', '~']);
        let info = info.split_whitespace().next().unwrap_or("");
        let shown = matches!(
            info,
            "diff"
                | "patch"
                | "repro"
                | "repro-output"
                | "console"
                | "output"
                | "suggestion"
                | "excerpt"
        );
        let closed = end > index + 1 && is_fence(body[end - 1].text, body[index].text);
        let inner = &body[index + 1..end - usize::from(closed)];
        let length: usize = inner.iter().map(|line| line.text.len() + 1).sum();
        if !shown && length > 0 && length <= LONGEST_QUOTE {
            let texts: Vec<&str> = inner.iter().map(|line| line.text).collect();
            return Some(texts.join("\n"));
        }
        index = end;
    }
    None
}

/// The line after the fenced block that starts at `start`.
fn block_end(body: &[Line<'_>], start: usize) -> usize {
    let mut index = start + 1;
    while index < body.len() && body[index].code {
        index += 1;
        if is_fence(body[index - 1].text, body[start].text) {
            break;
        }
    }
    index
}

/// True when a line closes the block that `opener` opens.
fn is_fence(text: &str, opener: &str) -> bool {
    let opener = opener.trim_start();
    let mark = opener.chars().next().unwrap_or('`');
    let length = opener.len() - opener.trim_start_matches(mark).len();
    let text = text.trim();
    text.len() >= length && text.chars().all(|c| c == mark)
}

/// What follows `Fix:` on its line.
fn fix_text<'t>(line: &Line<'t>) -> Option<&'t str> {
    if line.code {
        return None;
    }
    let text = line.text.trim_start().trim_start_matches("- ");
    let text = text.trim_start_matches(['*', '_']);
    let rest = [
        "Suggested fix",
        "Proposed fix",
        "Fix",
        "Remedy",
        "Recommendation",
    ]
    .iter()
    .find_map(|word| text.strip_prefix(word))?;
    let rest = rest.trim_start_matches(['*', '_']).strip_prefix(':')?;
    Some(rest.trim_start_matches(['*', '_']).trim_start())
}

fn fix(lines: &[Line<'_>]) -> String {
    let mut text = fix_text(&lines[0]).unwrap_or("").to_owned();
    let rest = text_of(&lines[1..]);
    if !rest.is_empty() {
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(&rest);
    }
    text
}

/// A remark in brackets or emphasis that takes the finding back.
fn withdrawal(line: &Line<'_>) -> Option<String> {
    if line.code || line.text.len() > 400 {
        return None;
    }
    let text = line.text.trim();
    let inner = text.trim_start_matches(['*', '_', '(', '[']);
    if inner.len() == text.len() {
        return None;
    }
    let word = inner
        .split(|c: char| !c.is_alphabetic())
        .next()
        .unwrap_or("")
        .to_ascii_lowercase();
    let inner = inner.trim_end_matches(['*', '_', ')', ']']);
    matches!(
        word.as_str(),
        "withdrawn" | "withdrawing" | "removed" | "retracted" | "dropped"
    )
    .then(|| inner.to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::findings::{Room, harvest};
    use super::super::lines::lines;
    use super::*;
    use crate::finding::Kind;

    fn only(text: &str) -> RawFinding {
        let cut = lines(text);
        let harvest = harvest(&cut.lines, Room::Severity, &mut 0);
        finding(&harvest.found[0], Some(Severity::Important))
    }

    #[test]
    fn body_quote_and_fix_are_told_apart() {
        let got = only(
            "I1. **One** — `a.rs:1`\n\n```diff\n-x\n```\n\n```rust\nlet a = 1;\nlet b = 2;\n```\n\nWhy.\n\n**Fix:** add\nit\n\n```rust\nlet c = 3;\n```\n\n---\n",
        );
        assert_eq!(got.quote.as_deref(), Some("let a = 1;\nlet b = 2;"));
        assert_eq!(
            got.fix.as_deref(),
            Some("add\nit\n\n```rust\nlet c = 3;\n```")
        );
        assert!(got.body.starts_with("```diff") && got.body.ends_with("```"));
        assert_eq!(only("I1. **One** — `a.rs:1`\n\nWhy.").fix, None);
    }

    #[test]
    fn a_late_label_and_a_late_place_count() {
        let got = only("I1. **One**\n\n**File:** `a.rs:3`\n\nWhy. (important, gap)");
        assert_eq!(got.kind, Some(Kind::Gap));
        assert_eq!(got.locations[0].lines.unwrap().start, 3);
        let got = only("1. **One** — `a.rs:1` (inside `take`, roughly)\n\nWhy.");
        assert_eq!(got.body, "(inside `take`, roughly)\n\nWhy.");
        let got = only("**I1. One** — `a.rs:1`\n\n- **Classification:** Regression (new)");
        assert_eq!(got.kind, Some(Kind::Regression));
        assert_eq!(only("**I1. One** — `a.rs:1`\n\nA (big) gap.").kind, None);
    }

    #[test]
    fn the_section_wins_over_the_label_and_the_label_over_the_id() {
        let got = only("1. **One** — `a.rs:1` (suggestion, gap)");
        assert_eq!(got.severity, Some(Severity::Important));
        let cut = lines("**S1. One** — `a.rs:1` (critical, gap)\n**S2. Two** — `a.rs:2`");
        let harvest = harvest(&cut.lines, Room::Mixed, &mut 0);
        assert_eq!(
            finding(&harvest.found[0], None).severity,
            Some(Severity::Critical)
        );
        assert_eq!(
            finding(&harvest.found[1], None).severity,
            Some(Severity::Suggestion)
        );
    }

    #[test]
    fn a_withdrawn_finding_says_so() {
        for text in [
            "I1. **One** — `a.rs:1`\n\n*(Withdrawn — not an issue.)*",
            "~~I1. **One** — `a.rs:1`~~",
            "I1. **One** — `a.rs:1`\n\n(Withdrawing this; moved to S2.)",
        ] {
            assert!(only(text).withdrawn.is_some(), "{text}");
        }
        let text = "I1. **One** — `a.rs:1`\n\nRemoved lines stay (removed twice).";
        assert_eq!(only(text).withdrawn, None);
    }
}
