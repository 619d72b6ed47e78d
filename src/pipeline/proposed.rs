//! What agents proposed for the context document over all stored reviews, each rule once, and how often
//! the rules in force were cited. Accepting a proposal is left to the commands.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use jiff::Timestamp;

use super::Session;
use super::narrating::proposed;
use crate::config::Settings;
use crate::consolidate::{self, consolidate};
use crate::context::{self, Context};
use crate::diff::RepoPath;
use crate::finding::{FindingId, Member, RawFinding};
use crate::proposals::{self, Proposal, Proposed};

/// More words than these are not compared: the newest count.
const MOST: usize = 500;

/// How often a rule was cited by findings, and when last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cited {
    /// By so many findings.
    pub(crate) times: usize,
    /// In the newest review that has one.
    pub(crate) last: Timestamp,
}

impl Session {
    /// The rules that agents proposed and the document does not have, the most often proposed first.
    /// Those of several agents and reviews that say the same are one.
    pub(crate) fn proposals(&self, document: &Context) -> Result<Vec<Proposal>> {
        let mut said: BTreeMap<Member, Proposed> = BTreeMap::new();
        let mut raw = Vec::new();
        for (id, report) in self.reviews()? {
            // What was said before is in the review of that round.
            let of_lead = report.narrative.as_ref().and_then(proposed);
            let of_agents = report.said.iter().filter(|said| said.round.is_none());
            for of_agent in of_agents.chain(&of_lead) {
                let found = proposals::proposals(&of_agent.sections.proposals);
                for (nth, text) in found.into_iter().enumerate() {
                    if raw.len() == MOST {
                        break;
                    }
                    // Two reviews of one agent are two voices here.
                    let voice = RawFinding {
                        agent: format!("{id}/{}", of_agent.agent),
                        id: format!("{nth:04}"),
                        title: text.clone(),
                        ..RawFinding::default()
                    };
                    let proposed = Proposed {
                        agent: of_agent.agent.clone(),
                        review: id.to_string(),
                        at: report.at,
                        text,
                    };
                    said.insert(Member::of(&voice), proposed);
                    raw.push(voice);
                }
            }
        }
        let joined = consolidate(&raw, &consolidate::Settings::default());
        let mut found: Vec<Proposal> = joined
            .findings
            .iter()
            .map(|found| {
                let mut evidence: Vec<Proposed> = found
                    .members
                    .iter()
                    .filter_map(|member| said.get(member).cloned())
                    .collect();
                evidence.sort_by(|a, b| (b.at, &a.agent).cmp(&(a.at, &b.agent)));
                let text = said
                    .get(&found.told_by)
                    .map_or_else(|| found.title.clone(), |told| told.text.clone());
                Proposal {
                    id: context::id_of(&text),
                    text,
                    evidence,
                }
            })
            .filter(|proposal| {
                let mut words = proposal.evidence.iter().map(|it| &it.text);
                words.all(|words| !proposals::is_in(document, words))
            })
            .collect();
        found.sort_by(|a, b| (b.evidence.len(), &a.text).cmp(&(a.evidence.len(), &b.text)));
        Ok(found)
    }

    /// How often each rule was cited, by id, over all stored reviews; each finding counts once.
    pub(crate) fn citations(&self) -> Result<BTreeMap<String, Cited>> {
        let mut seen: BTreeSet<(String, FindingId)> = BTreeSet::new();
        let mut cited: BTreeMap<String, Cited> = BTreeMap::new();
        for (_, report) in self.reviews()? {
            for standing in report.findings() {
                let finding = &standing.finding;
                let members = finding.voices.members.iter();
                let rules = finding
                    .rule
                    .iter()
                    .chain(members.filter_map(|raw| raw.rule.as_ref()));
                for rule in rules.filter(|rule| !rule.is_empty()) {
                    let entry = cited.entry(rule.clone()).or_insert(Cited {
                        times: 0,
                        last: report.at,
                    });
                    entry.last = entry.last.max(report.at);
                    if seen.insert((rule.clone(), finding.id.clone())) {
                        entry.times += 1;
                    }
                }
            }
        }
        Ok(cited)
    }

    /// The context document as it stands in the worktree, or in HEAD's tree without one; empty if there
    /// is none.
    pub(crate) fn context_document(&self) -> Result<String> {
        let path = RepoPath::from(context::FILE);
        let bytes = match self.repo.work_tree() {
            Some(root) => super::session::read_if_there(&root.join(context::FILE))?,
            None => match self.repo.head()?.tip() {
                Some(tip) => {
                    let found = self.repo.read_file(&self.repo.tree_of(&tip)?, &path)?;
                    found.map(|(_, text)| text)
                }
                None => None,
            },
        };
        Ok(String::from_utf8_lossy(&bytes.unwrap_or_default()).into_owned())
    }

    /// The settings in force for the checked-out branch as it stands, or the user's alone if there is
    /// nothing to compare with.
    pub(crate) fn settings_here(&mut self) -> Result<Settings> {
        let scope = super::Scope::Branch { base: None };
        let target = match self.owed(&scope) {
            Ok((targets, _)) => targets.into_iter().next(),
            Err(_) => None,
        };
        match target {
            Some(target) => Ok(self.in_force(&target, &[])?.settings),
            None => Ok(self.own_settings()),
        }
    }
}
