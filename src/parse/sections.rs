//! Divides the lines of a review into its parts and picks the last draft of several.
//! What the parts say is left to `findings`, `coverage` and the reader.

use super::head::head;
use super::heading::{Heading, Part, Style, heading};
use super::lead::Lead;
use super::lines::Line;

/// One stretch of a review under one heading.
#[derive(Clone, Debug)]
pub(super) struct Section<'l, 't> {
    /// What it is; `None` before the first heading and under headings nobody knows.
    pub(super) part: Option<Part>,
    /// Its lines without the heading.
    pub(super) lines: &'l [Line<'t>],
    /// What stood on the heading's own line.
    pub(super) rest: &'t str,
    /// The words of the heading.
    pub(super) name: &'t str,
}

impl Section<'_, '_> {
    /// The text of the section as Markdown.
    pub(super) fn text(&self) -> String {
        text_of(self.lines)
    }

    /// True for a section that is there to hold findings.
    pub(super) fn holds_findings(&self) -> bool {
        matches!(self.part, Some(Part::Findings(_) | Part::AllFindings))
    }
}

/// Lines as text, without blank lines and rules around them.
pub(super) fn text_of(lines: &[Line<'_>]) -> String {
    let says = |line: &&Line<'_>| line.code || !(line.is_blank() || is_rule(line.text));
    let first = lines.iter().position(|line| says(&line));
    let last = lines.iter().rposition(|line| says(&line));
    let (Some(first), Some(last)) = (first, last) else {
        return String::new();
    };
    let texts: Vec<&str> = lines[first..=last].iter().map(|line| line.text).collect();
    texts.join("\n")
}

/// True for a horizontal rule.
pub(super) fn is_rule(text: &str) -> bool {
    let text = text.trim();
    text.len() >= 3
        && (text.bytes().all(|byte| byte == b'-' || byte == b' ')
            || text.bytes().all(|byte| byte == b'*' || byte == b' ')
            || text.bytes().all(|byte| byte == b'_' || byte == b' '))
}

/// Divides `lines` into sections. Of several drafts only the last that has findings remains.
pub(super) fn sections<'l, 't>(lines: &'l [Line<'t>]) -> Vec<Section<'l, 't>> {
    let all = divide(lines);
    let mut start = 0;
    let mut seen_findings = false;
    let last_findings = all.iter().rposition(Section::holds_findings).unwrap_or(0);
    for (index, section) in all.iter().enumerate() {
        let again = section.part == Some(Part::Summary) && seen_findings;
        if again && index < last_findings {
            start = index;
            seen_findings = false;
        }
        seen_findings |= section.holds_findings();
    }
    all.into_iter().skip(start).collect()
}

fn divide<'l, 't>(lines: &'l [Line<'t>]) -> Vec<Section<'l, 't>> {
    let mut all = Vec::new();
    let mut current = Section {
        part: None,
        lines: &[],
        rest: "",
        name: "",
    };
    let mut style = Style::Plain;
    let mut start = 0;
    // Headings of the section's own depth are its items: the first thing in it was one.
    let mut items = false;
    for (index, line) in lines.iter().enumerate() {
        if line.code {
            continue;
        }
        let Some(found) = heading(line.text) else {
            continue;
        };
        if !opens(&found, line.text, current.part, style) {
            continue;
        }
        if found.part.is_none() && current.holds_findings() && current.rest.is_empty() {
            items |= lines[start..index].iter().all(Line::is_blank);
            if items && found.style == style {
                continue;
            }
        }
        current.lines = &lines[start..index];
        all.push(current);
        current = Section {
            part: found.part,
            lines: &[],
            rest: found.rest,
            name: line.text.trim().trim_matches(['#', '*', ' ', ':']),
        };
        style = found.style;
        start = index + 1;
        items = false;
    }
    current.lines = &lines[start..];
    all.push(current);
    all
}

/// Whether a heading opens a section where it stands.
fn opens(found: &Heading<'_>, text: &str, part: Option<Part>, style: Style) -> bool {
    let within_findings = matches!(part, Some(Part::Findings(_)));
    match found.part {
        // Inside findings a deeper heading of one everyday word belongs to a finding's body.
        Some(_) if within_findings => {
            let deeper = found.style.depth() > style.depth();
            (found.canonical || !deeper) && (found.style != Style::Plain || style == Style::Plain)
        }
        Some(_) => true,
        None => {
            matches!(found.style, Style::Atx(hashes) if hashes <= style.depth())
                && part.is_some()
                && !is_item(text)
        }
    }
}

/// A heading that is one of several items: an id, number, severity or place in it.
fn is_item(text: &str) -> bool {
    head(text).is_some_and(|head| head.lead != Lead::Bare || !head.locations.is_empty())
}

#[cfg(test)]
mod tests {
    use super::super::lines::lines;
    use super::*;
    use crate::finding::Severity;

    fn parts(reply: &str) -> Vec<(Option<Part>, String)> {
        let cut = lines(reply);
        sections(&cut.lines)
            .iter()
            .map(|section| (section.part, section.text()))
            .collect()
    }

    const IMPORTANT: Option<Part> = Some(Part::Findings(Severity::Important));

    #[test]
    fn a_heading_of_a_finding_does_not_end_its_section() {
        let got = parts(
            "### Important Issues\n### I1. Lock — `a.rs:1`\nx\n#### Why\ny\n### Elsewhere\nz",
        );
        assert_eq!(got[1].0, IMPORTANT);
        assert!(got[1].1.ends_with("#### Why\ny"));
        assert_eq!(got[2], (None, "z".into()));
    }

    #[test]
    fn a_remedy_label_does_not_open_a_section() {
        let got =
            parts("### Important Issues\nx\n**Suggestion:**\ny\n**Testing**\nz\n### Testing\nt");
        assert_eq!(got.len(), 3);
        assert_eq!(got[2], (Some(Part::Testing), "t".into()));
    }

    #[test]
    fn bold_headings_divide_a_review_of_bold_headings() {
        let got = parts("**Important Issues**\nx\n**Testing**\ny\n**Coverage Summary**\nz");
        assert_eq!(got.len(), 4);
    }

    #[test]
    fn the_last_draft_with_findings_counts() {
        let draft = "## Summary\na\n## Important Issues\none\n";
        let again = "## Summary\nb\n## Important Issues\ntwo\n";
        let close = "## Summary\nthe end\n";
        let got = parts(&format!("{draft}{again}{close}"));
        assert_eq!(got[0], (Some(Part::Summary), "b".into()));
        assert_eq!(got[1], (IMPORTANT, "two".into()));
        assert_eq!(got[2].1, "the end");
    }
}
