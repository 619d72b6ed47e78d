//! The table of facts at the head of a report. Each row is there only if its fact is known.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use jiff::tz::TimeZone;

use super::escape::{cell, code_cell};
use crate::gate::Verdict;
use crate::report::{AgentReport, Report, TargetReport};

/// A table with an empty head, as reports have it.
pub(super) fn table(report: &Report) -> String {
    let mut rows: Vec<(&str, String)> = vec![("Date", date(report))];
    if let Some(repo) = &report.repo {
        rows.push((
            "Repo",
            match &repo.link {
                // Both were checked letter by letter when they were taken from the remote's URL.
                Some(link) => format!("[{}]({link})", cell(&repo.name)),
                None => cell(&repo.name),
            },
        ));
    }
    if let Some(round) = report.round {
        rows.push(("Round", round.to_string()));
    }
    let authors = authors(report);
    if !authors.is_empty() {
        rows.push(("Author", authors.join(", ")));
    }
    let of_targets = |of: fn(&TargetReport) -> Option<String>| -> String {
        let all: Vec<String> = report.targets.iter().filter_map(of).collect();
        all.join("<br>")
    };
    rows.push(("Branch", of_targets(|target| Some(code_cell(&target.name)))));
    rows.push(("Base", of_targets(|target| Some(base(target)))));
    rows.push(("Commits", of_targets(commits)));
    rows.push((
        "Review SHA",
        of_targets(|target| target.head.as_deref().map(code_cell)),
    ));
    if !matches!(report.scope.as_str(), "branch" | "push") {
        rows.push(("Mode", code_cell(&report.scope)));
    }
    rows.push(("Reviewers", reviewers(report)));
    if let Some(recommendation) = &report.recommendation {
        let words = recommendation.advice.words();
        rows.push((
            "Recommendation",
            format!("**{words}** — {}", cell(&recommendation.rule)),
        ));
    }
    rows.push(("Verdict", verdict(&report.verdict)));
    if let Some(millis) = report.millis {
        rows.push(("Wall-clock time", format!("`{}`", duration(millis))));
    }
    let mut table = "| | |\n|---|---|\n".to_owned();
    for (name, value) in rows {
        if !value.is_empty() {
            writeln!(table, "| **{name}** | {value} |").expect("writing to a String cannot fail");
        }
    }
    table
}

fn date(report: &Report) -> String {
    let at = report.at.to_zoned(TimeZone::UTC);
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

fn authors(report: &Report) -> Vec<String> {
    let mut seen = BTreeSet::new();
    report
        .targets
        .iter()
        .flat_map(|target| &target.log)
        .filter(|commit| seen.insert(commit.author.as_str()))
        .map(|commit| cell(&commit.author))
        .filter(|author| !author.is_empty())
        .collect()
}

fn base(target: &TargetReport) -> String {
    let why = cell(&target.base.why);
    match &target.base.commit {
        Some(commit) if why.contains(short(commit)) => why,
        Some(commit) => format!("{} ({why})", code_cell(short(commit))),
        None => why,
    }
}

fn commits(target: &TargetReport) -> Option<String> {
    let mut lines: Vec<String> = target
        .log
        .iter()
        .map(|commit| format!("{} {}", code_cell(short(&commit.id)), cell(&commit.subject)))
        .collect();
    let unlisted = target.commits.saturating_sub(lines.len());
    if unlisted > 0 && !lines.is_empty() {
        lines.push(format!("… and {unlisted} more"));
    }
    (!lines.is_empty()).then(|| lines.join("<br>"))
}

fn reviewers(report: &Report) -> String {
    let mut names: Vec<String> = Vec::new();
    for agent in &report.agents {
        if agent.read + agent.remembered > 0 {
            names.push(reviewer(agent));
        }
    }
    for failed in &report.failed {
        names.push(format!(
            "~~{}~~ ({})",
            cell(&failed.agent),
            cell(&failed.why)
        ));
    }
    names.join(", ")
}

fn reviewer(agent: &AgentReport) -> String {
    let name = cell(&agent.name);
    let answered = agent.spent.as_ref().and_then(|spent| spent.model.as_ref());
    let model = answered.or(agent.model.as_ref()).map(|model| cell(model));
    let effort = agent.effort.as_ref();
    let effort = effort.map(|effort| format!("effort: {}", cell(effort)));
    let memory = (agent.read == 0).then(|| "from memory".to_owned());
    let more: Vec<String> = [model, effort, memory].into_iter().flatten().collect();
    if more.is_empty() {
        name
    } else {
        format!("{name} ({})", more.join("; "))
    }
}

/// The gate's answer in one line.
pub(super) fn verdict(verdict: &Verdict) -> String {
    let unread = match verdict.not_reviewed().len() {
        0 => String::new(),
        1 => "; 1 unit was not reviewed".to_owned(),
        many => format!("; {many} units were not reviewed"),
    };
    match verdict {
        Verdict::NothingNew => "**Nothing new** to review".to_owned(),
        Verdict::Pass { .. } => format!("**Pass**{unread}"),
        Verdict::Block { findings, .. } => {
            let findings = match findings.len() {
                1 => "1 finding".to_owned(),
                many => format!("{many} findings"),
            };
            format!("**Blocked** by {findings}{unread}")
        }
        Verdict::Inconclusive { not_reviewed } => match not_reviewed.len() {
            1 => "**Inconclusive**: 1 unit was not reviewed".to_owned(),
            many => format!("**Inconclusive**: {many} units were not reviewed"),
        },
    }
}

/// As in `1 h 2 min 3 s`, `2 min 3 s`, `3 s` or `250 ms`.
pub(super) fn duration(millis: u64) -> String {
    let seconds = (millis + 500) / 1000;
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    let seconds = seconds % 60;
    match (hours, minutes) {
        (0, 0) if millis < 1000 => format!("{millis} ms"),
        (0, 0) => format!("{seconds} s"),
        (0, minutes) => format!("{minutes} min {seconds} s"),
        (hours, minutes) => format!("{hours} h {minutes} min {seconds} s"),
    }
}

pub(super) fn short(id: &str) -> &str {
    id.get(..12).unwrap_or(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_said_in_the_units_it_has() {
        for (millis, said) in [
            (250, "250 ms"),
            (1_000, "1 s"),
            (59_600, "1 min 0 s"),
            (3_723_000, "1 h 2 min 3 s"),
        ] {
            assert_eq!(duration(millis), said);
        }
    }
}
