//! What each agent was worth, as a table, and where each raw finding ended, as a list.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::escape::{code, line};
use super::head::duration;
use super::{blocks, lead};
use crate::report::{AgentRetro, End, Fate, Report};

/// How many tools are named.
const TOOLS: usize = 4;
/// Where nothing is known.
const UNKNOWN: &str = "—";

/// How a row says what it counts of one agent.
type Cell = fn(&AgentRetro) -> String;

/// The whole part.
pub(super) fn retro(report: &Report) -> String {
    if report.retro.is_empty() {
        return String::new();
    }
    let failed: Vec<String> = report
        .failed
        .iter()
        .map(|failed| {
            format!(
                "### [{}]\n\nNo answer: {}.",
                line(&failed.agent),
                line(failed.why.trim_end_matches('.'))
            )
        })
        .collect();
    blocks(failed.into_iter().chain([
        lead::agents(report),
        table(&report.retro),
        reconciliation(report),
    ]))
}

fn table(columns: &[AgentRetro]) -> String {
    let names: Vec<String> = columns.iter().map(|column| line(&column.agent)).collect();
    let mut table = format!(
        "### Summary\n\n| | {} |\n|---|{}\n",
        names.join(" | "),
        "---|".repeat(columns.len())
    );
    let rows: [(&str, Cell); 11] = [
        ("Duration", |it| {
            it.millis.map_or_else(|| UNKNOWN.to_owned(), duration)
        }),
        ("Findings", |it| it.raised.to_string()),
        ("Tool calls", tools),
        ("Design observations", |it| it.observations.to_string()),
        ("False positives", |it| it.false_positives.to_string()),
        ("Unique insights", |it| it.unique.to_string()),
        ("Files reviewed", |it| {
            format!("{} of {}", it.files, it.of_files)
        }),
        ("Coverage misses", |it| {
            it.misses
                .map_or_else(|| UNKNOWN.to_owned(), |misses| misses.to_string())
        }),
        ("**Totals**", |it| format!("**{}**", it.credited)),
        ("Downgraded", |it| changes(&it.downgraded)),
        ("Dropped", |it| it.dropped.to_string()),
    ];
    for (name, cell) in rows {
        let cells: Vec<String> = columns
            .iter()
            .map(|column| {
                if column.failed {
                    UNKNOWN.to_owned()
                } else {
                    cell(column)
                }
            })
            .collect();
        writeln!(table, "| {name} | {} |", cells.join(" | "))
            .expect("writing to a String cannot fail");
    }
    table.push_str(
        "\nFindings are counted as each agent raised them; Totals are the findings of this report that it is a voice of, at their final severity.\n",
    );
    table
}

fn tools(column: &AgentRetro) -> String {
    if column.tools.is_empty() {
        return UNKNOWN.to_owned();
    }
    let total: u64 = column.tools.values().sum();
    let mut by_number: Vec<(&String, &u64)> = column.tools.iter().collect();
    by_number.sort_by(|a, b| b.1.cmp(a.1).then(a.0.cmp(b.0)));
    let named: Vec<String> = by_number
        .iter()
        .take(TOOLS)
        .map(|(name, number)| format!("{} {number}", line(name)))
        .collect();
    format!("{total} ({})", named.join(", "))
}

/// As in `2 (I→S)`, or `3 (2 C→I, 1 I→S)`.
fn changes(changes: &BTreeMap<String, usize>) -> String {
    let total: usize = changes.values().sum();
    let named: Vec<String> = match changes.len() {
        0 => return "0".to_owned(),
        1 => changes.keys().cloned().collect(),
        _ => changes
            .iter()
            .map(|(change, number)| format!("{number} {change}"))
            .collect(),
    };
    format!("{total} ({})", named.join(", "))
}

/// One line per change, then where each agent's ids went.
fn reconciliation(report: &Report) -> String {
    let of_agents: Vec<&Fate> = report
        .fates
        .iter()
        .filter(|fate| fate.agent != crate::finding::RULES)
        .collect();
    if of_agents.is_empty() {
        return String::new();
    }
    let mut lines: Vec<String> = of_agents.iter().filter_map(|fate| change(fate)).collect();
    if !of_agents.iter().any(|fate| fate.regraded().is_some()) {
        lines.push("- No severity changed.".to_owned());
    }
    for column in report
        .retro
        .iter()
        .filter(|it| it.agent != crate::finding::RULES)
    {
        let went: Vec<String> = of_agents
            .iter()
            .filter(|fate| fate.agent == column.agent)
            .map(|fate| format!("{} → {}", code(&fate.id), goal(fate)))
            .collect();
        if !went.is_empty() {
            lines.push(format!("- {}: {}", line(&column.agent), went.join(", ")));
        }
    }
    format!("**Reconciliation**:\n\n{}", lines.join("\n"))
}

fn goal(fate: &Fate) -> String {
    match &fate.end {
        End::Finding { position, .. } => position.clone(),
        End::Observation { .. } => "design observation".to_owned(),
        End::Moved { place, .. } => place.name().to_owned(),
        End::Dropped { .. } => "dropped".to_owned(),
    }
}

/// A raw finding that did not stay what it was.
fn change(fate: &Fate) -> Option<String> {
    let who = format!("{} {}", line(&fate.agent), code(&fate.id));
    let told = line(&fate.title);
    match &fate.end {
        End::Finding {
            position,
            merged,
            reason,
            ..
        } => match fate.regraded() {
            Some((from, to)) => {
                let reason = reason.as_deref().map(line).unwrap_or_default();
                Some(format!(
                    "- {who} ({told}): {from} → {to} {position}: {reason}"
                ))
            }
            None if *merged => Some(format!("- {who} ({told}): merged into {position}")),
            None => None,
        },
        End::Observation { .. } => Some(format!(
            "- {who} ({told}): → design observation: it was there before the change"
        )),
        End::Moved { place, reason } => Some(format!(
            "- {who} ({told}): → {}: {}",
            place.name(),
            line(reason)
        )),
        End::Dropped { reason } => Some(format!("- {who} ({told}): dropped: {}", line(reason))),
    }
}
