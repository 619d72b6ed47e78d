//! `deep-review explain --finding`: what a finding was joined from, by which words, and how its severity
//! came about.

use anyhow::Result;

use crate::consolidate::Likeness;
use crate::consolidate::explain::{Explanation, Place, explain};
use crate::consolidate::severity::Judgement;
use crate::error::Exit;
use crate::finding::{Finding, Member};
use crate::page::{Page, Style};
use crate::pipeline::{Explained, Session};
use crate::ui::Ui;

pub(crate) fn run(name: &str, ui: &Ui) -> Result<Exit> {
    let mut session = Session::open()?;
    let explained = session.explain_finding(name)?;
    ui.result(&page(&explained, ui.width().min(100)));
    Ok(Exit::Pass)
}

fn page(explained: &Explained, width: usize) -> Page {
    let finding = &explained.standing.finding;
    let mut page = Page::new();
    page.put(Style::Literal, finding.id.as_str())
        .text("  ")
        .put(Style::Strong, &finding.title)
        .end();
    let explanations: Vec<Explanation<'_>> = explained
        .members
        .iter()
        .filter_map(|member| explain(&explained.consolidation, member))
        .collect();

    page.end().line(Style::Strong, "Raised by");
    for member in &explained.members {
        raised_by(&mut page, member, finding, width);
    }
    let mut likenesses: Vec<&Likeness> = Vec::new();
    let mut apart: Vec<&Likeness> = Vec::new();
    let mut lines: Vec<String> = Vec::new();
    for explanation in &explanations {
        add(&mut likenesses, &explanation.likenesses);
        add(&mut apart, &explanation.maybe_same);
        for entry in &explanation.reconciliation {
            let line = format!("{}: {}", names(&entry.members), entry.reason);
            if !lines.contains(&line) {
                lines.push(line);
            }
        }
    }
    pairs(&mut page, "How alike", &likenesses, width);
    if let Some(explanation) = explanations.first() {
        severity(&mut page, explanation, width);
    }
    if !lines.is_empty() {
        page.end().line(Style::Strong, "On the way");
        for line in &lines {
            page.prose(Style::Plain, 2, width, line);
        }
    }
    pairs(&mut page, "Perhaps the same, kept apart", &apart, width);
    page
}

fn raised_by(page: &mut Page, member: &Member, finding: &Finding, width: usize) {
    let is = |agent: &str, id: &str| agent == member.agent && id == member.id;
    let mut said = finding.voices.members.iter();
    let said = said.find(|raw| is(&raw.agent, &raw.id));
    let words = match said {
        Some(raw) => {
            let severity = raw.severity.map_or("no severity", |it| it.as_str());
            format!("{}, {severity}: {}", name(member), raw.title)
        }
        None => format!("{}, {}: {}", member.agent, finding.severity, finding.title),
    };
    page.prose(Style::Plain, 2, width, &words);
    let mut checks = finding.voices.evidence.iter();
    let words = match checks.find(|check| is(&check.agent, &check.id)) {
        None => "found by program: a fact".to_owned(),
        Some(check) => {
            let word = if check.supported {
                "borne out by the code"
            } else {
                "not borne out by the code"
            };
            let mut words = vec![word.to_owned()];
            words.extend(check.sentences.iter().cloned());
            words.join("; ")
        }
    };
    page.prose(Style::Faint, 6, width, &words);
}

fn severity(page: &mut Page, explanation: &Explanation<'_>, width: usize) {
    page.end().line(Style::Strong, "Severity");
    match explanation.place {
        Place::Finding(found) => {
            let joined = match explanation.joined.len() {
                0 => "one voice",
                _ => "several voices",
            };
            let words = format!(
                "{}: {} ({joined})",
                found.severity,
                found.judgement.reason()
            );
            page.prose(Style::Plain, 2, width, &words);
        }
        Place::Observation(seen) => {
            let words = format!("none: \"{}\" was there before the change", seen.title);
            page.prose(Style::Plain, 2, width, &words);
        }
        Place::Dropped(dropped) => {
            page.prose(Style::Plain, 2, width, &format!("none: {}", dropped.reason));
        }
    }
    if let Some(judgement) = explanation.judgement {
        votes(page, judgement, width);
    }
}

fn votes(page: &mut Page, judgement: &Judgement, width: usize) {
    for vote in &judgement.votes {
        let known = if vote.inflates {
            ", known to inflate"
        } else {
            ""
        };
        let words = format!("vote of {}: {}{known}", name(&vote.by), vote.severity);
        page.prose(Style::Plain, 2, width, &words);
    }
    if let Some(floor) = judgement.floor {
        let words = format!("a rule found it: {floor} at least");
        page.prose(Style::Plain, 2, width, &words);
    }
}

fn pairs(page: &mut Page, title: &str, pairs: &[&Likeness], width: usize) {
    if pairs.is_empty() {
        return;
    }
    page.end().line(Style::Strong, title);
    for pair in pairs {
        let words = format!(
            "{} and {}: {:.0} % likely; shared words: {}",
            name(&pair.first),
            name(&pair.second),
            pair.p * 100.0,
            pair.shared.join(", ")
        );
        page.prose(Style::Plain, 2, width, &words);
    }
}

fn add<'l>(all: &mut Vec<&'l Likeness>, more: &[&'l Likeness]) {
    for one in more {
        if !all.contains(one) {
            all.push(one);
        }
    }
}

fn names(members: &[Member]) -> String {
    members.iter().map(name).collect::<Vec<_>>().join(", ")
}

fn name(member: &Member) -> String {
    format!("{} {}", member.agent, member.id)
}
