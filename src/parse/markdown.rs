//! Reads a review in Markdown, in any of the forms agents give it.
//! The strict answer is left to `json`.

use std::collections::BTreeMap;

use crate::diff::RepoPath;
use crate::finding::{LineRange, Location, RawFinding, Severity};

use super::body;
use super::coverage;
use super::failure;
use super::findings::{Room, harvest};
use super::heading::{Part, says_none};
use super::lines::{Line, lines};
use super::link;
use super::sections::{Section, is_rule, sections};
use super::{ParsedReview, Rejected, Status, number};

/// Reads the review. The status is `Failed` when no section for findings can be recognised, when
/// text in one could not be read, or when the review is cut off.
pub(super) fn parse(reply: &str) -> ParsedReview {
    let cut = lines(reply);
    let sections = sections(&cut.lines);
    let mut review = ParsedReview::empty(Status::None);
    let sectioned = sections.iter().any(Section::holds_findings);
    let mut numbers = 0;
    for section in &sections {
        let (room, severity) = match section.part {
            Some(Part::Findings(severity)) => (Room::Severity, Some(severity)),
            Some(Part::AllFindings) => (Room::Mixed, None),
            None | Some(Part::Summary | Part::Verdict) if !sectioned => (Room::Elsewhere, None),
            _ => continue,
        };
        let harvest = harvest(section.lines, room, &mut numbers);
        for found in &harvest.found {
            review.findings.push(body::finding(found, severity));
        }
        if harvest.unread && !says_none(section.rest) {
            review.rejected.push(unread(section));
        }
    }
    collect(&sections, &mut review);
    if let Some(checkout) = link::checkout(reply) {
        shorten(&mut review, &checkout);
    }
    review.findings = without_repeats(review.findings);
    number(&mut review.findings);
    review.status = status(reply, &sections, cut.open_at_end, &review);
    review
}

/// Takes the directory the agent worked in off all paths.
fn shorten(review: &mut ParsedReview, checkout: &str) {
    let findings = review.findings.iter_mut();
    for place in findings.flat_map(|finding| &mut finding.locations) {
        if let Some(path) = link::below(&place.path, checkout) {
            place.path = path;
        }
    }
    for unit in &mut review.units {
        if let Some(path) = link::below(&RepoPath::from(unit.unit.as_str()), checkout) {
            unit.unit = path.to_str_lossy().into_owned();
        }
    }
}

fn unread(section: &Section<'_, '_>) -> Rejected {
    let text: String = section.text().chars().take(120).collect();
    let place = match section.part {
        Some(Part::Findings(severity)) => format!("section of {severity} findings"),
        _ => "findings".to_owned(),
    };
    Rejected {
        place,
        why: format!("no finding can be recognised in: {text}"),
    }
}

/// Fills the prose sections and the coverage.
fn collect(sections: &[Section<'_, '_>], review: &mut ParsedReview) {
    for section in sections {
        let slot = match section.part {
            Some(Part::Summary) => &mut review.sections.summary,
            Some(Part::Design) => &mut review.sections.design,
            Some(Part::Testing) => &mut review.sections.testing,
            Some(Part::Documentation) => &mut review.sections.documentation,
            Some(Part::Commits) => &mut review.sections.commits,
            Some(Part::Acknowledged) => &mut review.sections.acknowledged,
            Some(Part::Prior) => &mut review.sections.prior,
            Some(Part::Unresolved) => &mut review.sections.unresolved,
            Some(Part::Verdict) => &mut review.sections.verdict,
            Some(Part::Proposals) => &mut review.sections.proposals,
            Some(Part::Coverage) => {
                review.units.extend(coverage::coverage(section.lines));
                &mut review.sections.coverage
            }
            Some(Part::Findings(_) | Part::AllFindings) | None => continue,
        };
        append(slot, section);
    }
}

fn append(slot: &mut String, section: &Section<'_, '_>) {
    let text = section.text();
    let text = if text.is_empty() { section.rest } else { &text };
    if text.is_empty() {
        return;
    }
    if !slot.is_empty() {
        slot.push_str("\n\n");
    }
    // What a proposal is for is said by the heading alone.
    if matches!(section.name, "Concerns" | "Strengths") || section.part == Some(Part::Proposals) {
        slot.push_str("### ");
        slot.push_str(section.name);
        slot.push_str("\n\n");
    }
    slot.push_str(text);
}

/// Two findings of one review with the same severity, title and first place are one, said twice;
/// the one with more to say remains.
fn without_repeats(findings: Vec<RawFinding>) -> Vec<RawFinding> {
    type Key = (
        Option<Severity>,
        String,
        Option<(Vec<u8>, Option<LineRange>)>,
    );
    let mut kept: Vec<RawFinding> = Vec::with_capacity(findings.len());
    let mut places: BTreeMap<Key, usize> = BTreeMap::new();
    let place = |location: &Location| (location.path.as_bytes().to_vec(), location.lines);
    for finding in findings {
        let key = (
            finding.severity,
            finding.title.to_lowercase(),
            finding.locations.first().map(place),
        );
        match places.get(&key) {
            Some(at) if finding.body.len() > kept[*at].body.len() => kept[*at] = finding,
            Some(_) => {}
            None => {
                places.insert(key, kept.len());
                kept.push(finding);
            }
        }
    }
    kept
}

fn status(
    reply: &str,
    sections: &[Section<'_, '_>],
    open_at_end: bool,
    review: &ParsedReview,
) -> Status {
    let failed = |why: String| Status::Failed { why };
    let holding: Vec<&Section<'_, '_>> = sections
        .iter()
        .filter(|section| section.holds_findings())
        .collect();
    if holding.is_empty() && review.findings.is_empty() {
        return if failure::only_none(reply) {
            Status::None
        } else {
            failed(failure::no_review(reply))
        };
    }
    if let Some(why) = cut_off(sections, open_at_end, !review.findings.is_empty()) {
        return failed(why);
    }
    if !review.findings.is_empty() {
        return Status::Ok;
    }
    if let Some(unread) = review.rejected.first() {
        return failed(format!("{}: {}", unread.place, unread.why));
    }
    let by_severity = holding
        .iter()
        .any(|section| matches!(section.part, Some(Part::Findings(_))));
    let said_none = |section: &&Section<'_, '_>| {
        says_none(section.rest)
            || first_line(section.lines).is_some_and(|line| says_none(line.text))
    };
    if by_severity || holding.iter().any(said_none) {
        Status::None
    } else {
        failed("the section of findings could not be read".to_owned())
    }
}

fn first_line<'l, 't>(lines: &'l [Line<'t>]) -> Option<&'l Line<'t>> {
    lines
        .iter()
        .find(|line| !line.is_blank() && !is_rule(line.text))
}

/// Why the review looks cut off, judged by its end.
fn cut_off(sections: &[Section<'_, '_>], open_at_end: bool, any_finding: bool) -> Option<String> {
    let last = sections.last()?;
    let spoken = |line: &&Line<'_>| line.code || !line.is_blank();
    let line = last.lines.iter().rev().find(spoken);
    if open_at_end && last.holds_findings() {
        return Some("the reply ends inside a block of code".to_owned());
    }
    if !last.name.is_empty() && line.is_none() && last.rest.is_empty() {
        return Some(format!("the reply ends at the heading {:?}", last.name));
    }
    let has = |part: Part| sections.iter().any(|section| section.part == Some(part));
    if let Some(Part::Findings(severity)) = last.part
        && severity > Severity::Suggestion
        && !has(Part::Findings(Severity::Suggestion))
    {
        // A review that keeps to the usual outline from its beginning goes on after this.
        let outlined = has(Part::Summary) && has(Part::Findings(Severity::Critical));
        let begun = severity == Severity::Critical && !any_finding;
        if outlined || begun {
            return Some(format!(
                "the reply ends with the section of {severity} findings"
            ));
        }
    }
    let line = line.filter(|line| !line.code)?;
    failure::cut_off(line.text, last.holds_findings())
}
