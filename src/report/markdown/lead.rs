//! The lead's prose, part by part, and what it moved out of the findings. Its words stand under its name:
//! nothing in them is computed. Where it has none for a part, those of the agents stand; where it has, it had
//! theirs before it, and they are left to the raw reviews.

use super::blocks;
use super::escape::{code, line, prose};
use super::findings::place;
use crate::parse::verdicts::{MoveTo, NoteScope, NoteSort, ProposalAction, ProposalTarget};
use crate::report::{Narrative, Report};

/// One part of the prose, with the name of who wrote it; empty without material.
fn part(report: &Report, words: fn(&Narrative) -> Vec<String>) -> String {
    let Some(narrative) = &report.narrative else {
        return String::new();
    };
    let words = words(narrative).join("\n");
    if words.trim().is_empty() {
        return String::new();
    }
    format!("*{}, who led*:\n\n{words}", line(&narrative.agent))
}

/// The lead's words, or those of the agents if it has none.
fn told(lead: String, agents: String) -> String {
    if lead.is_empty() { agents } else { lead }
}

/// What the change does and what matters in it.
pub(super) fn summary(report: &Report, agents: String) -> String {
    told(part(report, |it| vec![prose(&it.summary)]), agents)
}

/// Observations about the design: those that were findings, and the lead's own.
pub(super) fn design(report: &Report, agents: String) -> String {
    let notes = part(report, |it| {
        let note = |sort: NoteSort| {
            let notes = it.design.iter().filter(move |note| note.sort == sort);
            notes.map(|note| {
                let scope = match note.scope {
                    NoteScope::InScope => "in-scope",
                    NoteScope::Future => "future",
                };
                let word = match note.sort {
                    NoteSort::Concern => "Concern",
                    NoteSort::Strength => "Strength",
                };
                let from = names(&note.from);
                format!("- **{word}** ({scope}): {}{from}", line(&note.text))
            })
        };
        note(NoteSort::Concern)
            .chain(note(NoteSort::Strength))
            .collect()
    });
    let moved = [MoveTo::PreExisting, MoveTo::Design].map(|to| moved(report, to));
    blocks(moved.into_iter().chain([told(notes, agents)]))
}

/// What is untested.
pub(super) fn testing(report: &Report, agents: String) -> String {
    let notes = part(report, |it| {
        let notes = it.tests.iter();
        notes
            .map(|note| format!("- {}{}", line(&note.text), names(&note.ids)))
            .collect()
    });
    blocks([moved(report, MoveTo::Testing), told(notes, agents)])
}

/// What is not documented, or wrongly.
pub(super) fn documentation(report: &Report, agents: String) -> String {
    let notes = part(report, |it| {
        let notes = it.docs.iter();
        notes
            .map(|note| format!("- {}{}", line(&note.text), at(&note.path)))
            .collect()
    });
    blocks([moved(report, MoveTo::Docs), told(notes, agents)])
}

/// A line per commit.
pub(super) fn commits(report: &Report, agents: String) -> String {
    let notes = part(report, |it| {
        let notes = it.commits.iter();
        notes
            .map(|note| format!("- {}: {}", code(&note.sha), line(&note.text)))
            .collect()
    });
    told(notes, agents)
}

/// What the author's own text admits.
pub(super) fn limitations(report: &Report, agents: String) -> String {
    let notes = part(report, |it| {
        let notes = it.limitations.iter();
        notes
            .map(|note| {
                let quote = match note.quote.trim() {
                    "" => String::new(),
                    quote => format!(" (“{}”)", line(quote)),
                };
                format!("- {}{quote}{}", line(&note.text), at(&note.path))
            })
            .collect()
    });
    blocks([moved(report, MoveTo::Limitation), told(notes, agents)])
}

/// A paragraph per agent.
pub(super) fn agents(report: &Report) -> String {
    let Some(narrative) = &report.narrative else {
        return String::new();
    };
    blocks(
        narrative
            .agents
            .iter()
            .map(|note| format!("### [{}]\n\n{}", line(&note.agent), prose(&note.text))),
    )
}

/// What the lead proposes for the context document or for what agents are told.
pub(super) fn proposals(report: &Report) -> String {
    part(report, |it| {
        let proposals = it.proposals.iter();
        proposals
            .map(|proposal| {
                let action = match proposal.action {
                    ProposalAction::Add => "Add",
                    ProposalAction::Change => "Change",
                    ProposalAction::Remove => "Remove",
                };
                let target = match proposal.target {
                    ProposalTarget::Context => "",
                    ProposalTarget::Brief => " in the brief",
                };
                format!(
                    "- {action}{target}: {}{} (because of {})",
                    line(&proposal.text),
                    at(&proposal.path),
                    line(&proposal.because)
                )
            })
            .collect()
    })
}

/// What the lead moved out of the findings to one place.
fn moved(report: &Report, to: MoveTo) -> String {
    let moved = report.moved.iter().filter(|moved| moved.place == to);
    let lines: Vec<String> = moved
        .map(|moved| {
            let mut agents: Vec<String> =
                moved.members.iter().map(|raw| line(&raw.agent)).collect();
            agents.dedup();
            let place = moved.locations.first().map(place).unwrap_or_default();
            format!(
                "- **{}** — {place} [{}]: {}",
                line(&moved.title),
                agents.join(", "),
                line(&moved.reason)
            )
        })
        .collect();
    if lines.is_empty() {
        return String::new();
    }
    let head = match to {
        MoveTo::PreExisting => "There before the change, says the lead:",
        _ => "Raised as findings:",
    };
    format!("{head}\n\n{}", lines.join("\n"))
}

fn names(ids: &[String]) -> String {
    if ids.is_empty() {
        return String::new();
    }
    let names: Vec<String> = ids.iter().map(|id| line(id)).collect();
    format!(" [{}]", names.join(", "))
}

fn at(path: &str) -> String {
    match path.trim() {
        "" => String::new(),
        path => format!(" — {}", code(path)),
    }
}
