//! The report for people at a terminal: the verdict, the findings by severity, how to go on.
//! Pure: a report and a width in, a page out.

use std::borrow::Cow;

use super::listing::{place, said_by, short, state_words, style_of};
use super::{Report, Standing, TargetReport, UnitReport, contested, prose, voices};
use crate::finding::{RULES, Severity};
use crate::gate::{NotReviewed, Verdict};
use crate::ledger::State;
use crate::page::{Page, Style, cells, cut};
use crate::units::Class;

/// A blocked push prints at most this many lines.
pub(crate) const PUSH_LINES: usize = 40;

/// How many notes are shown.
const NAMED_NOTES: usize = 6;

/// How many paths of one sort are listed by name.
const NAMED_PATHS: usize = 8;

/// The whole report, for a review asked for by hand.
pub(crate) fn review_page(report: &Report, width: usize) -> Page {
    let mut page = Page::new();
    for target in &report.targets {
        target_head(&mut page, target, width);
    }
    for nothing in &report.nothing {
        page.put(Style::Strong, &nothing.name)
            .text(format!(": {}", nothing.why))
            .end();
    }
    prose::summary(&mut page, report, width);
    let findings = report.findings();
    for severity in Severity::WORST_FIRST {
        let of_severity: Vec<&Standing> = findings
            .iter()
            .filter(|standing| standing.finding.severity == severity && standing.state.is_open())
            .filter(|standing| !standing.without_evidence)
            .copied()
            .collect();
        if of_severity.is_empty() {
            continue;
        }
        page.end()
            .line(style_of(severity), heading(severity, of_severity.len()));
        for standing in of_severity {
            finding_entry(&mut page, standing, width);
        }
    }
    let unproven: Vec<&&Standing> = findings
        .iter()
        .filter(|standing| standing.without_evidence && standing.state.is_open())
        .collect();
    if !unproven.is_empty() {
        page.end()
            .line(Style::Strong, "Without evidence (do not block)");
        for standing in unproven {
            finding_entry(&mut page, standing, width);
        }
    }
    let resolved: Vec<&&Standing> = findings
        .iter()
        .filter(|standing| !standing.state.is_open())
        .collect();
    if !resolved.is_empty() {
        page.end().line(Style::Strong, "Resolved");
        for standing in resolved {
            resolved_entry(&mut page, standing, width);
        }
    }
    voices::aside(&mut page, report, width);
    prose::notes(&mut page, report, width);
    page.end();
    if report.files().next().is_some() {
        coverage(&mut page, report, width);
    }
    notes(&mut page, report, width);
    page.end();
    verdict_line(&mut page, report);
    if let [first, ..] = report.blocking().as_slice() {
        how_to_go_on(&mut page, first, false);
    }
    page
}

/// What a push prints: one line if it may go, at most [`PUSH_LINES`] lines if not.
pub(crate) fn push_page(report: &Report, width: usize) -> Page {
    let mut tail = Page::new();
    for failed in &report.failed {
        let words = format!("{} did not answer: {}", failed.agent, failed.why);
        tail.line(Style::Warning, cut(&words, width * 2));
    }
    notes(&mut tail, report, width);
    verdict_line(&mut tail, report);
    let blocking = report.blocking();
    if let [first, ..] = blocking.as_slice() {
        how_to_go_on(&mut tail, first, true);
    } else if matches!(report.verdict, Verdict::Inconclusive { .. }) {
        incomplete(&mut tail, report);
    }

    let mut page = Page::new();
    let mut entries: Vec<Page> = blocking
        .iter()
        .map(|standing| push_entry(standing, width))
        .collect();
    entries.extend(
        report
            .verdict
            .not_reviewed()
            .iter()
            .map(|unit| not_reviewed_entry(unit, width)),
    );
    // One line is kept for the hook's heading, one for saying how many did not fit.
    let room = PUSH_LINES.saturating_sub(tail.len() + 2);
    let all = entries.len();
    let mut shown = 0;
    for entry in entries {
        if page.len() + entry.len() > room {
            break;
        }
        page.append(entry);
        shown += 1;
    }
    if shown < all {
        page.line(
            Style::Faint,
            format!("… and {} more: deep-review findings", all - shown),
        );
    }
    page.append(tail);
    page
}

fn target_head(page: &mut Page, target: &TargetReport, width: usize) {
    let files = target
        .units
        .iter()
        .filter(|unit| unit.commit.is_none())
        .count();
    let sum = |count: fn(&UnitReport) -> usize| -> usize {
        let of_head = target.units.iter().filter(|unit| unit.commit.is_none());
        of_head.map(count).sum()
    };
    page.put(Style::Strong, &target.name)
        .text(format!(" against {}", target.base.why))
        .end();
    let mut size = format!(
        "{}, +{} −{}",
        count(files, "changed file", "changed files"),
        sum(|unit| unit.added),
        sum(|unit| unit.removed)
    );
    if target.head.is_some() {
        size = format!(
            "{}, {size}",
            count(target.commits, "new commit", "new commits")
        );
    }
    if target.protected {
        size.push_str(", protected branch");
    }
    page.line(Style::Faint, cut(&size, width));
}

fn finding_entry(page: &mut Page, standing: &Standing, width: usize) {
    let finding = &standing.finding;
    page.text("  ")
        .put(Style::Strong, format!("{:<3} ", standing.position))
        .put(Style::Literal, finding.id.as_str())
        .text("  ")
        .put(Style::Strong, cut(&finding.title, width.saturating_sub(16)))
        .end();
    page.text("      ")
        .text(cut(&place(finding), width.saturating_sub(6)))
        .end();
    if let Some(quote) = finding
        .quote
        .as_deref()
        .and_then(|quote| quote.lines().next())
    {
        page.put(Style::Faint, "      │ ")
            .text(cut(quote.trim_start(), width.saturating_sub(8)))
            .end();
    }
    if let State::Open { lapsed: Some(why) } = &standing.state {
        page.prose(Style::Warning, 6, width.min(100), why);
    }
    // A configured rule says the same in both.
    let explanation = first_paragraph(&finding.body);
    if explanation != finding.title {
        page.prose(Style::Plain, 6, width.min(100), &explanation);
    }
    if finding.severity >= Severity::Important {
        voices::when(page, finding, width);
    }
    voices::evidence(page, finding, width);
    contested::word(page, finding, width);
    page.line(
        Style::Faint,
        cut(&format!("      {}", said_by(finding)), width),
    );
}

fn resolved_entry(page: &mut Page, standing: &Standing, width: usize) {
    let finding = &standing.finding;
    page.text("  ")
        .put(Style::Faint, format!("{:<3} ", standing.position))
        .put(Style::Literal, finding.id.as_str())
        .text("  ")
        .put(Style::Faint, cut(&finding.title, width.saturating_sub(16)))
        .end();
    let words = format!(
        "      {} · {}",
        place(finding),
        state_words(&standing.state)
    );
    page.line(Style::Faint, cut(&words, width));
}

fn push_entry(standing: &Standing, width: usize) -> Page {
    let finding = &standing.finding;
    let mut page = Page::new();
    page.put(
        style_of(finding.severity),
        format!("{:<10}", finding.severity),
    )
    .put(Style::Literal, finding.id.as_str())
    .text("  ")
    .text(cut(&place(finding), width.saturating_sub(20)))
    .end();
    let who = format!("  {}", finding.agents.join(", "));
    let room = width.saturating_sub(10 + cells(&who));
    page.text("          ")
        .put(Style::Strong, cut(&finding.title, room))
        .put(Style::Faint, who)
        .end();
    if let Some(words) = contested::contested(finding) {
        let words = cut(&words, width.saturating_sub(10));
        page.put(Style::Faint, format!("          {words}")).end();
    }
    if let State::Open { lapsed: Some(why) } = &standing.state {
        page.put(
            Style::Faint,
            format!("          {}", cut(why, width.saturating_sub(10))),
        )
        .end();
    }
    page
}

fn not_reviewed_entry(unit: &NotReviewed, width: usize) -> Page {
    let mut page = Page::new();
    let commit = unit
        .commit
        .as_deref()
        .map(|commit| format!(" in commit {}", short(commit)))
        .unwrap_or_default();
    let who = match unit.agents.as_slice() {
        [] => String::new(),
        agents => format!(" by {}", agents.join(", ")),
    };
    let words = format!("{}{commit}: {}{who}", unit.path.to_quoted(), unit.why);
    page.put(Style::Warning, "unread    ")
        .text(cut(&words, width.saturating_sub(10)))
        .end();
    page
}

fn coverage(page: &mut Page, report: &Report, width: usize) {
    let mut read = 0_usize;
    let mut rules_only = 0_usize;
    let mut paid = 0;
    let mut listed: Vec<String> = Vec::new();
    for unit in report.files() {
        match &unit.class {
            Class::Reviewed => read += 1,
            Class::RulesOnly { .. } => rules_only += 1,
            Class::Paid => paid += 1,
            Class::Listed { why } => listed.push(format!("{} ({why})", unit.path.to_quoted())),
            Class::Unreadable { .. } => {}
        }
    }
    let unread = report.verdict.not_reviewed();
    let unread_files = unread
        .iter()
        .filter(|unit| unit.commit.is_none() && unit.agents.iter().any(|agent| agent == RULES))
        .count();
    let mut words = count(
        (read + rules_only).saturating_sub(unread_files),
        "file read",
        "files read",
    );
    if rules_only > 0 {
        words =
            format!("{words}, {rules_only} of them lock, vendored, generated or merely renamed");
    }
    for agent in report.agents.iter().take(1) {
        if agent.remembered > 0 {
            let all = agent.read + agent.remembered;
            words = format!("{words}; {} of {all} answers from memory", agent.remembered);
        }
    }
    if paid > 0 {
        words = format!("{words}; {paid} already on the remote");
    }
    page.prose(
        Style::Plain,
        0,
        width,
        &format!("{words}. {}", who_took_part(report)),
    );
    if !listed.is_empty() {
        page.prose(
            Style::Faint,
            0,
            width,
            &format!("Listed, not read: {}.", some_of(&listed)),
        );
    }
    for unit in unread.iter().take(NAMED_PATHS) {
        page.append(not_reviewed_entry(unit, width));
    }
    if unread.len() > NAMED_PATHS {
        page.line(
            Style::Warning,
            format!(
                "… and {} more that were not read",
                unread.len() - NAMED_PATHS
            ),
        );
    }
}

fn who_took_part(report: &Report) -> String {
    let units = |name: &str| {
        let mut agents = report.agents.iter();
        agents
            .find(|agent| agent.name == name)
            .map_or(0, |agent| agent.read + agent.remembered)
    };
    let readers: Vec<String> = voices::readers(report)
        .into_iter()
        .map(|name| format!("{name} ({})", count(units(name), "unit", "units")))
        .collect();
    if readers.is_empty() {
        "Built-in rules only: no AI agent took part.".to_owned()
    } else {
        format!("Also reviewed by {}.", readers.join(", "))
    }
}

fn notes(page: &mut Page, report: &Report, width: usize) {
    for missing in report.targets.iter().flat_map(|target| &target.missing) {
        let files = count(missing.units, "file", "files");
        let words = format!("{} has not read {files}: {}", missing.agent, missing.why);
        page.put(Style::Warning, "note: ")
            .text(cut(&words, (width * 2).saturating_sub(6)))
            .end();
    }
    let of_targets = report.targets.iter().flat_map(|target| &target.notes);
    let notes: Vec<&String> = of_targets.chain(&report.warnings).collect();
    for note in notes.iter().take(NAMED_NOTES) {
        page.put(Style::Warning, "note: ")
            .text(cut(note, (width * 2).saturating_sub(6)))
            .end();
    }
    if notes.len() > NAMED_NOTES {
        let rest = format!(
            "… and {} more: deep-review explain",
            notes.len() - NAMED_NOTES
        );
        page.line(Style::Warning, rest);
    }
}

fn verdict_line(page: &mut Page, report: &Report) {
    let suggestions = report
        .findings()
        .iter()
        .filter(|standing| {
            standing.state.is_open() && standing.finding.severity == Severity::Suggestion
        })
        .count();
    let aside = match suggestions {
        0 => String::new(),
        some => format!(", {}", count(some, "suggestion", "suggestions")),
    };
    let others = match voices::readers(report).as_slice() {
        [] => String::new(),
        names => format!(" and {}", names.join(", ")),
    };
    let of = |class: fn(&Class) -> bool| report.files().filter(|unit| class(&unit.class)).count();
    let files = of(|class| matches!(class, Class::Reviewed | Class::RulesOnly { .. }));
    // Only what was read may be called passed.
    let unread: Vec<String> = [
        (
            of(|class| matches!(class, Class::Listed { .. })),
            "only listed",
        ),
        (of(|class| *class == Class::Paid), "on the remote already"),
    ]
    .iter()
    .filter(|(number, _)| *number > 0)
    .map(|(number, why)| format!("{number} {why}"))
    .collect();
    let unread = match unread.as_slice() {
        [] => String::new(),
        some => format!("; not read: {}", some.join(", ")),
    };
    match &report.verdict {
        Verdict::NothingNew => page
            .put(Style::Good, "NOTHING NEW")
            .text(format!(" to review{}", elsewhere(report))),
        Verdict::Pass { not_reviewed } if !not_reviewed.is_empty() => {
            page.put(Style::Warning, "NOT REVIEWED").text(format!(
                ": {}, let through by `gate.on_incomplete`",
                count(not_reviewed.len(), "unit", "units")
            ))
        }
        Verdict::Pass { .. } => page.put(Style::Good, "PASS").text(format!(
            ": {} by the built-in rules{others}{aside}{unread}",
            count(files, "file", "files")
        )),
        Verdict::Block { findings, .. } => page.put(Style::Alarm, "BLOCKED").text(format!(
            " by {}",
            count(findings.len(), "finding", "findings")
        )),
        Verdict::Inconclusive { not_reviewed } => {
            page.put(Style::Alarm, "INCONCLUSIVE").text(format!(
                ": {} not reviewed",
                count(not_reviewed.len(), "unit", "units")
            ))
        }
    };
    page.end();
}

/// Where to look, when a review asked for by hand finds no change.
fn elsewhere(report: &Report) -> &'static str {
    match report.scope.as_str() {
        "branch" => "; --staged, --worktree and --range look at other changes",
        _ => "",
    }
}

fn how_to_go_on(page: &mut Page, first: &Standing, push: bool) {
    let id = first.finding.id.as_str();
    let mut command = |label: &str, command: String| {
        page.put(Style::Faint, format!("  {label:<9}"))
            .put(Style::Literal, command)
            .end();
    };
    command("see", format!("deep-review findings show {id}"));
    command(
        "resolve",
        format!("deep-review resolve {id} --as false-positive -m \"why\""),
    );
    if push {
        command("all", "deep-review findings".to_owned());
        command("bypass", "DEEP_REVIEW_SKIP=\"why\" git push".to_owned());
    }
}

fn incomplete(page: &mut Page, report: &Report) {
    let mut command = |label: &str, command: &str| {
        page.put(Style::Faint, format!("  {label:<9}"))
            .put(Style::Literal, command)
            .end();
    };
    let unread = report.verdict.not_reviewed();
    if unread.iter().any(|unit| !unit.agents.is_empty()) {
        command("review", "deep-review");
    }
    command("see", "deep-review explain");
    command("bypass", "DEEP_REVIEW_SKIP=\"why\" git push");
}

fn heading(severity: Severity, number: usize) -> String {
    match (severity, number) {
        (Severity::Critical, _) => "Critical".to_owned(),
        (Severity::Important, _) => "Important".to_owned(),
        (Severity::Suggestion, 1) => "Suggestion".to_owned(),
        (Severity::Suggestion, _) => "Suggestions".to_owned(),
    }
}

/// The first paragraph of prose: fenced code is quoted already.
fn first_paragraph(body: &str) -> String {
    let mut fenced = false;
    let mut paragraph: Vec<&str> = Vec::new();
    for line in body.lines() {
        let is_fence = line.trim_start().starts_with("```");
        if !fenced && (is_fence || line.trim().is_empty()) && !paragraph.is_empty() {
            break;
        }
        if !fenced && !is_fence && !line.trim().is_empty() {
            paragraph.push(line);
        }
        fenced ^= is_fence;
    }
    paragraph.join("\n")
}

fn count(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

fn some_of(names: &[String]) -> Cow<'_, str> {
    if names.len() <= NAMED_PATHS {
        return names.join(", ").into();
    }
    format!(
        "{} and {} more",
        names[..NAMED_PATHS].join(", "),
        names.len() - NAMED_PATHS
    )
    .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_is_no_explanation() {
        let body = "```py\npay()\n\nmore()\n```\n\nIt pays\ntwice.\n\nMore.";
        assert_eq!(first_paragraph(body), "It pays\ntwice.");
        assert_eq!(first_paragraph("Plain.\n```\nx\n```"), "Plain.");
        assert_eq!(first_paragraph("```\nunclosed"), "");
    }
}
