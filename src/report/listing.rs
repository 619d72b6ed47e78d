//! Findings for people at a terminal: one with everything known about it, or a list.
//! Pure: findings and a width in, a page out.

use super::{Standing, voices};
use crate::finding::{Finding, Severity};
use crate::ledger::State;
use crate::page::{Page, Style, cells, cut};

/// One finding with everything that is known about it.
/// `changed` says who last changed its line, as in `by this change, in commit …`.
pub(crate) fn finding_page(standing: &Standing, changed: Option<&str>, width: usize) -> Page {
    let finding = &standing.finding;
    let mut page = Page::new();
    page.put(Style::Literal, finding.id.as_str())
        .text("  ")
        .put(style_of(finding.severity), finding.severity.to_string())
        .text("  ")
        .put(Style::Strong, &finding.title)
        .end();
    page.end();
    for location in &finding.locations {
        let lines = location
            .lines
            .map(|lines| format!(":{}", lines.start))
            .unwrap_or_default();
        page.put(Style::Faint, "  at    ")
            .text(format!("{}{lines}", location.path.to_quoted()))
            .end();
    }
    if let Some(quote) = &finding.quote {
        for line in quote.lines() {
            page.put(Style::Faint, "  code  ")
                .text(cut(line, width.saturating_sub(8)))
                .end();
        }
    }
    if let Some(commit) = &finding.commit {
        page.put(Style::Faint, "  in    ")
            .text(format!(
                "commit {}, which a push publishes too",
                short(commit)
            ))
            .end();
    }
    if let Some(changed) = changed {
        page.put(Style::Faint, "  line  ")
            .text(cut(
                &format!("last changed {changed}"),
                width.saturating_sub(8),
            ))
            .end();
    }
    page.put(Style::Faint, "  by    ")
        .text(said_by(finding))
        .end();
    page.put(Style::Faint, "  state ")
        .text(state_words(&standing.state))
        .end();
    voices::when(&mut page, finding, width);
    voices::members(&mut page, finding, width);
    page.end()
        .prose(Style::Plain, 2, width.min(100), &finding.body);
    page
}

/// A list of findings, one or two lines each.
pub(crate) fn findings_page(standings: &[&Standing], width: usize) -> Page {
    let mut page = Page::new();
    for standing in standings {
        let finding = &standing.finding;
        let state = match &standing.state {
            State::Open { .. } => (style_of(finding.severity), "open"),
            State::Resolved { resolution, .. } => (Style::Good, resolution.as_str()),
        };
        let lead = format!("{:<4}", standing.position);
        let place = place(finding);
        let fixed = cells(&lead) + 9 + 11 + 15;
        page.text(lead)
            .put(Style::Literal, finding.id.as_str())
            .text(" ")
            .put(
                style_of(finding.severity),
                format!("{:<11}", finding.severity),
            )
            .put(state.0, format!("{:<15}", state.1))
            .text(cut(
                &format!("{place}  {}", finding.title),
                width.saturating_sub(fixed),
            ))
            .end();
        if let State::Open { lapsed: Some(why) } = &standing.state {
            page.line(
                Style::Faint,
                format!("     {}", cut(why, width.saturating_sub(5))),
            );
        }
    }
    page
}

pub(super) fn style_of(severity: Severity) -> Style {
    match severity {
        Severity::Critical => Style::Alarm,
        Severity::Important => Style::Warning,
        Severity::Suggestion => Style::Advice,
    }
}

/// Where a finding stands: path, line, and the commit if the head no longer has it.
pub(super) fn place(finding: &Finding) -> String {
    let Some(location) = finding.locations.first() else {
        return finding.anchor.path.to_quoted().into_owned();
    };
    let line = location
        .lines
        .map(|lines| format!(":{}", lines.start))
        .unwrap_or_default();
    let commit = finding
        .commit
        .as_deref()
        .map(|commit| format!(" in commit {}", short(commit)))
        .unwrap_or_default();
    format!("{}{line}{commit}", location.path.to_quoted())
}

pub(super) fn said_by(finding: &Finding) -> String {
    let agents = finding.agents.join(", ");
    match &finding.rule {
        Some(rule) => format!("{agents} · {rule}"),
        None => agents,
    }
}

pub(super) fn state_words(state: &State) -> String {
    match state {
        State::Open { lapsed: None } => "open".to_owned(),
        State::Open { lapsed: Some(why) } => format!("open: {why}"),
        State::Resolved {
            resolution,
            reason,
            until,
            by,
            at,
            decided_as,
        } => {
            let until = until.map(|day| format!(" until {day}")).unwrap_or_default();
            let reason = reason
                .as_deref()
                .map(|reason| format!(": {reason}"))
                .unwrap_or_default();
            let day = at.to_zoned(jiff::tz::TimeZone::UTC).date();
            let told = decided_as
                .as_ref()
                .map(|id| format!(", told as {id} then"))
                .unwrap_or_default();
            format!(
                "{}{until} by {by} on {day}{told}{reason}",
                resolution.as_str()
            )
        }
    }
}

pub(super) fn short(id: &str) -> &str {
    id.get(..12).unwrap_or(id)
}
