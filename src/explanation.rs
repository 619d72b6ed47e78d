//! What would be compared and who would read what, of any scope, for people and for programs.
//! Pure: what is known, the new commits and what would be sent in, a page or plain values out.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use crate::diff::RepoPath;
use crate::git::Logged;
use crate::page::{Page, Style};
use crate::pipeline::{Foreseen, ForeseenAgent, ForeseenLead, ForeseenRedaction};
use crate::report::{BaseReport, NothingOwed, Report, TargetReport, UnitReport};
use crate::units::Class;

/// The version of the JSON form.
const SCHEMA: u32 = 1;
/// More new commits than this are counted, not listed.
pub(crate) const MOST_COMMITS: usize = 50;
/// How many of them a page has.
const ON_PAGE: usize = 12;
/// Most files that are listed below an agent.
const MOST_FILES: usize = 20;

/// A scope, explained.
#[derive(Debug, Serialize)]
pub(crate) struct Explanation {
    schema: u32,
    scope: String,
    targets: Vec<Explained>,
    nothing: Vec<NothingOwed>,
    /// Who would be sent what.
    agents: Vec<ForeseenAgent>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lead: Option<ForeseenLead>,
    /// What would be cut out before.
    redactions: Vec<ForeseenRedaction>,
    warnings: Vec<String>,
}

/// One branch or group of refs.
#[derive(Debug, Serialize)]
struct Explained {
    name: String,
    base: BaseReport,
    head: Option<String>,
    protected: bool,
    /// How many units there are of each class.
    owed: BTreeMap<&'static str, usize>,
    /// The newest of the commits that are new.
    commits: Vec<NewCommit>,
    commits_in_all: usize,
    units: Vec<ExplainedUnit>,
    notes: Vec<String>,
}

#[derive(Debug, Serialize)]
struct NewCommit {
    id: String,
    author: String,
    time: Option<Timestamp>,
    subject: String,
}

#[derive(Debug, Serialize)]
struct ExplainedUnit {
    status: char,
    path: RepoPath,
    #[serde(skip_serializing_if = "Option::is_none")]
    old_path: Option<RepoPath>,
    #[serde(skip_serializing_if = "Option::is_none")]
    commit: Option<String>,
    class: Class,
    /// Whether who must read it has done so.
    #[serde(skip_serializing_if = "Option::is_none")]
    remembered: Option<bool>,
}

impl Explanation {
    /// Joins what is known of a scope with the new commits of each of its targets and with what would be sent.
    pub(crate) fn of(report: &Report, commits: Vec<Vec<Logged>>, foreseen: Foreseen) -> Self {
        let commits = commits.into_iter().chain(std::iter::repeat_with(Vec::new));
        Self {
            schema: SCHEMA,
            scope: report.scope.clone(),
            targets: report
                .targets
                .iter()
                .zip(commits)
                .map(|(target, commits)| Explained::of(target, commits))
                .collect(),
            nothing: report.nothing.clone(),
            agents: foreseen.agents,
            lead: foreseen.lead,
            redactions: foreseen.redactions,
            warnings: report.warnings.clone(),
        }
    }

    /// For people at a terminal; long lists in full if that is wanted.
    pub(crate) fn page(&self, in_full: bool) -> Page {
        let mut page = Page::new();
        for nothing in &self.nothing {
            page.put(Style::Strong, &nothing.name)
                .text(format!(": {}", nothing.why))
                .end();
        }
        for target in &self.targets {
            target.on(&mut page);
        }
        for warning in &self.warnings {
            page.put(Style::Warning, "note: ").text(warning).end();
        }
        page.append(self.sending_page(in_full));
        page
    }

    /// Who would be sent what.
    pub(crate) fn sending_page(&self, in_full: bool) -> Page {
        let mut page = Page::new();
        if self.agents.is_empty() {
            page.line(Style::Faint, "nothing would be sent to agents");
        }
        // What several would get is listed once.
        let mut lists: Vec<(&[RepoPath], Vec<&ForeseenAgent>)> = Vec::new();
        for agent in &self.agents {
            let files = agent.files.as_slice();
            match lists.iter_mut().find(|(known, _)| *known == files) {
                Some((_, agents)) => agents.push(agent),
                None => lists.push((files, vec![agent])),
            }
        }
        for (files, agents) in lists {
            for agent in agents {
                agent.on(&mut page);
            }
            if files.len() > 1 {
                list(files, in_full, &mut page);
            }
        }
        if let Some(lead) = &self.lead {
            page.put(Style::Strong, &lead.name)
                .text(format!(
                    " would lead, and get the findings with the code around them; sent to {}",
                    lead.sends_to
                ))
                .end();
        }
        if !self.redactions.is_empty() {
            let count = self.redactions.len();
            page.line(
                Style::Plain,
                format!(
                    "cut out before: {count} values; `deep-review explain --redactions` lists them"
                ),
            );
        }
        page
    }
}

impl ForeseenAgent {
    fn on(&self, page: &mut Page) {
        let files = match self.files.as_slice() {
            [one] => one.to_quoted().into_owned(),
            many => format!("{} files", many.len()),
        };
        let parts = match self.parts {
            0 | 1 => String::new(),
            parts => format!(" in {parts} parts"),
        };
        page.put(Style::Strong, &self.name)
            .text(format!(
                " would get {files}{parts}, about {} tokens; sent to {}",
                self.tokens, self.sends_to
            ))
            .end();
    }
}

/// Files, one a line; only the first of them unless all are wanted.
fn list(files: &[RepoPath], in_full: bool, page: &mut Page) {
    let shown = if in_full { files.len() } else { MOST_FILES };
    for path in files.iter().take(shown) {
        page.line(Style::Plain, format!("  {}", path.to_quoted()));
    }
    let more = files.len().saturating_sub(shown);
    if more > 0 {
        let line = format!("  and {more} more (`-v` lists all)");
        page.line(Style::Faint, line);
    }
}

impl Explained {
    fn of(target: &TargetReport, commits: Vec<Logged>) -> Self {
        let mut owed = BTreeMap::new();
        for unit in &target.units {
            *owed.entry(words(&unit.class).0).or_default() += 1;
        }
        Self {
            name: target.name.clone(),
            base: target.base.clone(),
            head: target.head.clone(),
            protected: target.protected,
            owed,
            commits: commits.into_iter().map(NewCommit::of).collect(),
            commits_in_all: target.commits,
            units: target.units.iter().map(ExplainedUnit::of).collect(),
            notes: target.notes.clone(),
        }
    }

    fn on(&self, page: &mut Page) {
        page.put(Style::Strong, &self.name)
            .text(format!(" against {}", self.base.why))
            .end();
        page.line(Style::Faint, format!("base tree {}", self.base.tree));
        let counts: Vec<String> = self
            .owed
            .iter()
            .map(|(class, count)| format!("{count} {class}"))
            .collect();
        page.line(
            Style::Plain,
            if counts.is_empty() {
                "owes nothing: no file differs".to_owned()
            } else {
                format!("owes {} units: {}", self.units.len(), counts.join(", "))
            },
        );
        if self.protected {
            page.line(
                Style::Plain,
                "protected: owes everything since the remote's tip",
            );
        }
        for note in &self.notes {
            page.put(Style::Warning, "note: ").text(note).end();
        }
        for commit in self.commits.iter().take(ON_PAGE) {
            page.put(Style::Literal, &commit.id[..12.min(commit.id.len())])
                .text(format!(" {}", commit.subject))
                .end();
        }
        let more = self.commits_in_all.saturating_sub(ON_PAGE);
        if more > 0 {
            page.line(Style::Faint, format!("and {more} commits before these"));
        }
        for unit in &self.units {
            unit.on(page);
        }
    }
}

impl NewCommit {
    fn of(logged: Logged) -> Self {
        Self {
            id: logged.id.to_string(),
            author: logged.author,
            time: Timestamp::from_second(logged.time).ok(),
            subject: logged.subject,
        }
    }
}

impl ExplainedUnit {
    fn of(unit: &UnitReport) -> Self {
        let owed = matches!(unit.class, Class::Reviewed | Class::RulesOnly { .. });
        Self {
            status: unit.status,
            path: unit.path.clone(),
            old_path: unit.old_path.clone(),
            commit: unit.commit.clone(),
            class: unit.class.clone(),
            remembered: owed.then_some(!unit.read_by.is_empty()),
        }
    }

    fn on(&self, page: &mut Page) {
        let (class, why) = words(&self.class);
        let known = match self.remembered {
            Some(false) => "to be read",
            Some(true) => "remembered",
            None => "",
        };
        let commit = self
            .commit
            .as_deref()
            .map(|commit| format!(" in commit {}", &commit[..12.min(commit.len())]))
            .unwrap_or_default();
        page.put(Style::Faint, format!("{} ", self.status))
            .text(format!("{class:<11}{known:<11}"))
            .text(format!("{}{commit}", self.path.to_quoted()));
        if !why.is_empty() {
            page.put(Style::Faint, format!("  {why}"));
        }
        page.end();
    }
}

/// A class in words, and why it is that one.
fn words(class: &Class) -> (&'static str, &str) {
    match class {
        Class::Reviewed => ("reviewed", ""),
        Class::RulesOnly { why } => ("rules only", why),
        Class::Listed { why } => ("listed", why),
        Class::Unreadable { why } => ("unreadable", why),
        Class::Paid => ("paid", "the remote has it"),
    }
}
