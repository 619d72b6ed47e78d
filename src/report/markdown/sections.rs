//! The parts of a report that are not findings: what agents said, by section and attributed, and what
//! the program knows itself.

use std::fmt::Write as _;

use super::escape::{code, code_cell, line, path, prose, title};
use super::findings::{declined, place};
use super::{blocks, head, lead};
use crate::finding::RULES;
use crate::parse::Sections;
use crate::report::{Counts, Observation, Report, Standing, UnitReport};
use crate::units::Class;

/// More files than this are counted, not listed.
const FILES: usize = 500;
/// More blocking findings than this are counted at the top, not named.
const NAMED: usize = 5;

/// What the change is, what stands, and the agents' own summaries.
pub(super) fn summary(report: &Report) -> String {
    let agents = of_agents(report, |it| &it.summary);
    blocks([facts(report), lead::summary(report, agents)])
}

fn facts(report: &Report) -> String {
    let files: Vec<&UnitReport> = report.files().collect();
    let added: usize = files.iter().map(|unit| unit.added).sum();
    let removed: usize = files.iter().map(|unit| unit.removed).sum();
    let open = report.open_counts();
    let resolved = report
        .findings()
        .iter()
        .filter(|standing| !standing.state.is_open())
        .count();
    let mut text = format!(
        "{} changed (+{added} −{removed}). {}.",
        count(files.len(), "file", "files"),
        standing(open)
    );
    if resolved > 0 {
        write!(
            text,
            " {} in earlier decisions.",
            count(resolved, "finding is covered", "findings are covered")
        )
        .expect("writing to a String cannot fail");
    }
    if !report.failed.is_empty() {
        let names: Vec<String> = report.failed.iter().map(|it| line(&it.agent)).collect();
        write!(text, " No answer came from {}.", names.join(", "))
            .expect("writing to a String cannot fail");
    }
    let agents = report
        .agents
        .iter()
        .filter(|agent| agent.name != RULES && agent.read + agent.remembered > 0);
    if agents.count() == 0 {
        text.push_str(" Built-in rules only: no AI agent took part.");
    }
    text.push_str(&in_the_way(report));
    for nothing in &report.nothing {
        write!(text, "\n- {}: {}", code(&nothing.name), line(&nothing.why))
            .expect("writing to a String cannot fail");
    }
    text
}

/// The findings that block, by their titles: who reads no further knows what to decide about.
fn in_the_way(report: &Report) -> String {
    let blocking = report.blocking();
    let mut text = String::new();
    for standing in blocking.iter().take(NAMED) {
        let title = title(&standing.finding.title, false);
        write!(text, "\n- In the way: {title} ({})", standing.position)
            .expect("writing to a String cannot fail");
    }
    if blocking.len() > NAMED {
        write!(text, "\n- … and {} more", blocking.len() - NAMED)
            .expect("writing to a String cannot fail");
    }
    text
}

fn standing(open: Counts) -> String {
    let parts: Vec<String> = [
        (open.critical, "critical", "critical"),
        (open.important, "important", "important"),
        (open.suggestion, "suggestion", "suggestions"),
    ]
    .into_iter()
    .filter(|(number, ..)| *number > 0)
    .map(|(number, one, many)| count(number, one, many))
    .collect();
    if parts.is_empty() {
        "Nothing stands".to_owned()
    } else {
        format!("Open: {}", parts.join(", "))
    }
}

/// What was there before the change, and what agents say about the design.
pub(super) fn design(report: &Report) -> String {
    let before: Vec<String> = report.observations.iter().map(observation).collect();
    let before = if before.is_empty() {
        String::new()
    } else {
        format!(
            "### Concerns\n\nThere before the change:\n\n{}",
            before.join("\n")
        )
    };
    let agents = of_agents(report, |it| &it.design);
    blocks([before, lead::design(report, agents)])
}

fn observation(seen: &Observation) -> String {
    let title = if seen.title.is_empty() {
        seen.body.lines().next().unwrap_or_default()
    } else {
        &seen.title
    };
    let mut agents: Vec<String> = seen.members.iter().map(|raw| line(&raw.agent)).collect();
    agents.dedup();
    let place = seen.locations.first().map(place).unwrap_or_default();
    format!(
        "- **{}** (future) — {place} [{}]",
        line(title),
        agents.join(", ")
    )
}

/// The further sections in their order, those with material.
pub(super) fn said(report: &Report) -> Vec<(&'static str, String)> {
    let declined = declined(report);
    let declined = if declined.is_empty() {
        String::new()
    } else {
        format!("### Declined in prior rounds\n\n{declined}")
    };
    let prior = of_agents(report, |it| &it.prior);
    let prior = if prior.is_empty() {
        String::new()
    } else {
        format!("### Verdicts on earlier findings\n\n{prior}")
    };
    let acknowledged = lead::limitations(report, of_agents(report, |it| &it.acknowledged));
    vec![
        (
            "## Testing Assessment",
            lead::testing(report, of_agents(report, |it| &it.testing)),
        ),
        (
            "## Documentation Assessment",
            lead::documentation(report, of_agents(report, |it| &it.documentation)),
        ),
        (
            "## Commit Structure",
            lead::commits(report, of_agents(report, |it| &it.commits)),
        ),
        (
            "## Acknowledged Limitations",
            blocks([acknowledged, declined, prior]),
        ),
        (
            "## Unresolved Feedback",
            of_agents(report, |it| &it.unresolved),
        ),
    ]
}

/// The words of all agents for one section, each under its name.
fn of_agents(report: &Report, section: fn(&Sections) -> &String) -> String {
    blocks(report.said.iter().filter_map(|said| {
        let words = prose(section(&said.sections));
        let round = said.round.map(|round| format!(" in round {round}"));
        (!words.is_empty()).then(|| {
            format!(
                "*{}*{}:\n\n{words}",
                line(&said.agent),
                round.unwrap_or_default()
            )
        })
    }))
}

/// One row per changed file and what each agent made of it.
pub(super) fn coverage(report: &Report) -> String {
    let readers: Vec<&str> = report
        .agents
        .iter()
        .filter(|agent| agent.read + agent.remembered > 0)
        .map(|agent| agent.name.as_str())
        .collect();
    let files: Vec<&UnitReport> = report.files().collect();
    if files.is_empty() {
        return String::new();
    }
    let names: Vec<String> = readers.iter().map(|name| line(name)).collect();
    let mut table = format!(
        "| File | {} |\n|---|{}\n",
        names.join(" | "),
        "---|".repeat(readers.len().max(1))
    );
    let findings = report.findings();
    for unit in files.iter().take(FILES) {
        let cells: Vec<String> = readers
            .iter()
            .map(|reader| cell(&findings, unit, reader))
            .collect();
        let cells = if cells.is_empty() {
            treatment(unit)
        } else {
            cells.join(" | ")
        };
        writeln!(table, "| {} | {cells} |", code_cell(&unit.path.to_quoted()))
            .expect("writing to a String cannot fail");
    }
    let mut more = Vec::new();
    if files.len() > FILES {
        more.push(format!("… and {} more files.", files.len() - FILES));
    }
    let history = report
        .targets
        .iter()
        .flat_map(|target| &target.units)
        .filter(|unit| unit.commit.is_some())
        .count();
    if history > 0 {
        more.push(format!(
            "{} of single commits, which the change as a whole no longer has, {} read for secrets and forbidden files.",
            count(history, "unit", "units"),
            if history == 1 { "was" } else { "were" }
        ));
    }
    blocks([table, more.join(" ")])
}

/// What an agent made of a file: findings by their places in the report, or that it read it.
fn cell(findings: &[&Standing], unit: &UnitReport, reader: &str) -> String {
    let positions: Vec<String> = findings
        .iter()
        .filter(|standing| {
            let finding = &standing.finding;
            finding.agents.iter().any(|agent| agent == reader)
                && finding.locations.iter().any(|it| it.path == unit.path)
        })
        .map(|standing| standing.position.clone())
        .collect();
    if !positions.is_empty() {
        positions.join(", ")
    } else if unit.read_by.iter().any(|name| name == reader) {
        "Reviewed, no issues".to_owned()
    } else {
        treatment(unit)
    }
}

/// Why an agent did not read a file.
fn treatment(unit: &UnitReport) -> String {
    match &unit.class {
        Class::Reviewed => "Not read".to_owned(),
        Class::RulesOnly { why } => format!("Not read ({}: rules only)", line(why)),
        Class::Listed { why } | Class::Unreadable { why } => format!("Not read ({})", line(why)),
        Class::Paid => "Not read (on the remote already)".to_owned(),
    }
}

/// What people should know about how it was reviewed, and what agents propose.
pub(super) fn notes(report: &Report) -> String {
    let of_targets = report.targets.iter().flat_map(|target| &target.notes);
    let notes: Vec<String> = of_targets
        .chain(&report.warnings)
        .map(|note| format!("- {}", line(note)))
        .collect();
    let unread: Vec<String> = report
        .verdict
        .not_reviewed()
        .iter()
        .take(FILES)
        .map(|unit| {
            let who: Vec<String> = unit.agents.iter().map(|agent| line(agent)).collect();
            let by = if who.is_empty() {
                String::new()
            } else {
                format!(" by {}", who.join(", "))
            };
            let commit = match &unit.commit {
                Some(commit) => format!(" in commit {}", code(head::short(commit))),
                None => String::new(),
            };
            format!(
                "- {}{commit}: not reviewed{by}: {}",
                path(&unit.path),
                line(&unit.why)
            )
        })
        .collect();
    let proposals = blocks([
        lead::proposals(report),
        of_agents(report, |it| &it.proposals),
    ]);
    let proposals = if proposals.is_empty() {
        String::new()
    } else {
        format!(
            "### Repo context updates\n\n{proposals}\n\n`deep-review rules proposals` lists them, `deep-review rules accept N` takes one."
        )
    };
    blocks([notes.join("\n"), unread.join("\n"), proposals])
}

fn count(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}
