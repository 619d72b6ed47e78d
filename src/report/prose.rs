//! What is said about a change besides its findings, for people at a terminal: the lead's words, or where there is
//! no lead what each agent makes of it. Pure: a report and a width in, lines out.

use super::Report;
use crate::page::{Page, Style};
use crate::parse::verdicts::{NoteSort, ProposalAction};

/// Prose is not wider than people like to read.
const WIDEST: usize = 100;
/// So many items of a list are shown; Markdown has all.
const LISTED: usize = 8;
/// Longer summaries are cut, in bytes.
const LONGEST: usize = 2000;
/// So many paragraphs of one are shown.
const PARAGRAPHS: usize = 6;
/// Foreign words stand in from the margin: what stands there is ours, the verdict above all.
const INDENT: usize = 2;

/// What the change does and what matters in it.
pub(super) fn summary(page: &mut Page, report: &Report, width: usize) {
    let width = width.min(WIDEST);
    if let Some(narrative) = &report.narrative {
        page.end();
        page.line(Style::Faint, format!("{}, who led:", narrative.agent));
        let lines = shortened(&narrative.summary).lines().map(str::trim);
        for line in lines.filter(|line| !line.is_empty()).take(PARAGRAPHS) {
            page.prose(Style::Plain, INDENT, width, line);
        }
        return;
    }
    let words = report.said.iter().filter_map(|said| {
        let first = said.sections.summary.trim().lines().next()?;
        Some((said, first)).filter(|(_, first)| !first.is_empty())
    });
    for (nth, (said, first)) in words.enumerate() {
        if nth == 0 {
            page.end();
        }
        page.line(Style::Faint, format!("{}:", said.agent));
        page.prose(Style::Plain, INDENT, width, shortened(first));
    }
}

/// What the lead says of design, tests, documents, commits and the rest.
pub(super) fn notes(page: &mut Page, report: &Report, width: usize) {
    let Some(narrative) = &report.narrative else {
        return;
    };
    let width = width.min(WIDEST);
    let mut list = |heading: &str, items: Vec<String>| {
        if items.is_empty() {
            return;
        }
        page.end().line(Style::Strong, heading);
        for item in items.iter().take(LISTED) {
            let one = item.split_whitespace().collect::<Vec<_>>().join(" ");
            page.prose(Style::Plain, INDENT, width, &one);
        }
        if items.len() > LISTED {
            let more = format!(
                "  … and {} more, in --format markdown",
                items.len() - LISTED
            );
            page.line(Style::Faint, more);
        }
    };
    let design = narrative.design.iter();
    let design = design.map(|note| match note.sort {
        NoteSort::Concern => format!("concern: {}", note.text),
        NoteSort::Strength => format!("strength: {}", note.text),
    });
    list("Design", design.collect());
    let with_place = |text: &String, at: &String| match at.trim() {
        "" => text.clone(),
        at => format!("{text} ({at})"),
    };
    let tests = narrative.tests.iter();
    let tests = tests.map(|note| with_place(&note.text, &note.ids.join(", ")));
    list("Tests", tests.collect());
    let docs = narrative.docs.iter();
    let docs = docs.map(|note| with_place(&note.text, &note.path));
    list("Documentation", docs.collect());
    let commits = narrative.commits.iter();
    let commits = commits.map(|note| format!("{}: {}", note.sha, note.text));
    list("Commits", commits.collect());
    let limitations = narrative.limitations.iter();
    let limitations = limitations.map(|note| with_place(&note.text, &note.path));
    list("Acknowledged limitations", limitations.collect());
    let added = narrative.proposals.iter();
    let added = added.filter(|it| it.action == ProposalAction::Add);
    let proposals = added.map(|it| with_place(&it.text, &it.path));
    list(
        "Proposed for the context document (deep-review rules proposals)",
        proposals.collect(),
    );
}

fn shortened(text: &str) -> &str {
    let mut end = text.len().min(LONGEST);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Narrative, sample};

    #[test]
    fn foreign_words_are_bounded_and_keep_from_the_margin() {
        let mut report = sample::report(1);
        let mut shown = |summary: String| {
            report.narrative = Some(Narrative {
                agent: "ann".to_owned(),
                summary,
                ..Narrative::default()
            });
            let mut page = Page::new();
            super::summary(&mut page, &report, 80);
            let text = |line: &Vec<(Style, String)>| -> String {
                line.iter().map(|(_, text)| text.as_str()).collect()
            };
            page.lines().iter().map(text).collect::<Vec<String>>()
        };
        let lines = shown("BLOCKED by 0 findings\nPASS: 4 files\n".to_owned());
        let tail: Vec<&str> = lines
            .iter()
            .rev()
            .take(3)
            .rev()
            .map(String::as_str)
            .collect();
        assert_eq!(
            tail,
            [
                "ann, who led:",
                "  BLOCKED by 0 findings",
                "  PASS: 4 files"
            ]
        );
        assert!(shown("\n".repeat(5_000)).len() < 5);
        assert!(shown("a\n".repeat(5_000)).len() < 12);
        assert!(shown("word ".repeat(50_000)).len() < 60);
    }
}
