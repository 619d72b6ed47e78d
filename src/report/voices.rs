//! What agents said, for people at a terminal: who raised a finding, what checking it gave, and what
//! came of the rest. Pure: values in, lines out.

use super::{MaybeSame, Observation, Report};
use crate::finding::{Finding, FindingId, Location, Member};
use crate::page::{Page, Style, cut};

/// How many entries of a list are shown; the JSON has all.
const LISTED: usize = 10;

/// What checking a finding gave, one line per agent that something is to be said of.
pub(super) fn evidence(page: &mut Page, finding: &Finding, width: usize) {
    for check in &finding.voices.evidence {
        if check.sentences.is_empty() {
            continue;
        }
        let style = if check.supported {
            Style::Faint
        } else {
            Style::Warning
        };
        let words = format!("{}: {}", check.agent, check.sentences.join("; "));
        page.prose(style, 6, width.min(100), &words);
    }
}

/// When it bites and what then happens, in the words of the agent that tells it.
pub(super) fn when(page: &mut Page, finding: &Finding, width: usize) {
    let Some(raw) = finding.teller() else {
        return;
    };
    for (word, said) in [("when", &raw.trigger), ("then", &raw.outcome)] {
        let said = said.as_deref().unwrap_or_default();
        let words: Vec<&str> = said.split_whitespace().collect();
        if !words.is_empty() {
            let text = format!("{word} {}", words.join(" "));
            page.prose(Style::Plain, 6, width.min(100), &text);
        }
    }
}

/// Everyone who raised a finding, and what became of each voice.
pub(super) fn members(page: &mut Page, finding: &Finding, width: usize) {
    let voices = &finding.voices;
    for raw in &voices.members {
        let severity = raw.severity.map_or("no severity", |it| it.as_str());
        let words = format!("{} {}, {severity}: {}", raw.agent, raw.id, raw.title);
        page.put(Style::Faint, "  said  ")
            .text(cut(&words, width.saturating_sub(8)))
            .end();
        let check = voices
            .evidence
            .iter()
            .find(|it| it.agent == raw.agent && it.id == raw.id);
        let found = match check {
            None => "found by rule".to_owned(),
            Some(check) => {
                let word = if check.supported {
                    "borne out by the code"
                } else {
                    "not borne out by the code"
                };
                let words = std::iter::once(word).chain(check.sentences.iter().map(String::as_str));
                words.collect::<Vec<_>>().join("; ")
            }
        };
        page.prose(Style::Faint, 8, width.min(100), &found);
    }
    if let Some(why) = &voices.why_severity {
        page.put(Style::Faint, "  why   ").text(why.clone()).end();
    }
    for entry in &voices.reconciliation {
        let who: Vec<String> = entry.members.iter().map(name).collect();
        let words = format!("{}: {}", who.join(", "), entry.reason);
        page.prose(Style::Faint, 8, width.min(100), &words);
    }
}

/// What raw findings came to that are no findings, and who gave no answer.
pub(super) fn aside(page: &mut Page, report: &Report, width: usize) {
    if !report.observations.is_empty() {
        page.end().line(
            Style::Strong,
            "Design observations (there before the change)",
        );
        for seen in report.observations.iter().take(LISTED) {
            observation(page, seen, width);
        }
        more(page, report.observations.len());
    }
    let alike = in_doubt(report);
    if !alike.is_empty() {
        page.end().line(Style::Strong, "Perhaps the same");
        for pair in alike.iter().take(LISTED) {
            maybe_same(page, pair, width);
        }
        more(page, alike.len());
    }
    if !report.moved.is_empty() {
        page.end()
            .line(Style::Strong, "Moved out of the findings by the lead");
        for moved in report.moved.iter().take(LISTED) {
            let words = format!(
                "  {}: {}: {}",
                moved.title,
                moved.place.name(),
                moved.reason
            );
            page.line(Style::Plain, cut(&words, width));
        }
        more(page, report.moved.len());
    }
    if !report.dropped.is_empty() {
        page.end().line(Style::Strong, "Dropped");
        for dropped in report.dropped.iter().take(LISTED) {
            let who: Vec<String> = dropped
                .members
                .iter()
                .map(|raw| name(&Member::of(raw)))
                .collect();
            let words = format!("  {}: {}", who.join(", "), dropped.reason);
            page.line(Style::Faint, cut(&words, width));
        }
        more(page, report.dropped.len());
    }
    if !report.failed.is_empty() {
        page.end();
        for failed in &report.failed {
            page.put(Style::Warning, format!("{} did not answer: ", failed.agent))
                .text(cut(&failed.why, width))
                .end();
        }
    }
}

/// Findings that may be the same, and of which no lead that saw both said anything.
fn in_doubt(report: &Report) -> Vec<&MaybeSame> {
    let led = |id: &FindingId| {
        let mut findings = report.findings().into_iter();
        findings.any(|it| it.finding.id == *id && it.finding.voices.lead.is_some())
    };
    let pairs = report.maybe_same.iter();
    pairs
        .filter(|pair| !pair.findings.iter().flatten().any(led))
        .collect()
}

/// The agents besides the rules reviewer that read something.
pub(super) fn readers(report: &Report) -> Vec<&str> {
    let others = report.agents.iter().skip(1);
    others
        .filter(|agent| agent.read + agent.remembered > 0)
        .map(|agent| agent.name.as_str())
        .collect()
}

fn observation(page: &mut Page, seen: &Observation, width: usize) {
    let title = if seen.title.is_empty() {
        seen.body.lines().next().unwrap_or_default()
    } else {
        &seen.title
    };
    page.text("  ")
        .text(cut(title, width.saturating_sub(2)))
        .end();
    let place = seen.locations.first().map(place).unwrap_or_default();
    let mut who: Vec<&str> = seen.members.iter().map(|raw| raw.agent.as_str()).collect();
    who.dedup();
    let words = format!("      {place} · {}", who.join(", "));
    page.line(Style::Faint, cut(&words, width));
}

fn maybe_same(page: &mut Page, pair: &MaybeSame, width: usize) {
    let side = |index: usize| match &pair.findings[index] {
        Some(id) => id.to_string(),
        None => name(&pair.members[index]),
    };
    let words = format!(
        "  {} and {}: {:.0} % likely; both say {}",
        side(0),
        side(1),
        pair.p * 100.0,
        pair.shared.join(", ")
    );
    page.line(Style::Plain, cut(&words, width));
}

fn more(page: &mut Page, all: usize) {
    if all > LISTED {
        page.line(
            Style::Faint,
            format!("  … and {} more, in --format json", all - LISTED),
        );
    }
}

fn place(location: &Location) -> String {
    let lines = location.lines.map(|lines| format!(":{}", lines.start));
    format!("{}{}", location.path.to_quoted(), lines.unwrap_or_default())
}

fn name(member: &Member) -> String {
    format!("{} {}", member.agent, member.id)
}
