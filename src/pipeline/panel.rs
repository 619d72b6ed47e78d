//! The panel: which agents a change owes, which units each has read, and who is missing.
//! Asking them is left to `asking`; what their words come to, to `opinions`.

use std::collections::BTreeMap;

use anyhow::Result;
use serde::{Deserialize, Serialize};

use super::opinions::Remembered;
use super::read_units::{ReadUnit, Reading};
use super::told::Advice;
use super::unpaid::Unpaid;
use super::{Reply, Session};
use crate::agents::{Agent, FailureKind, Spent};
use crate::brief::{self, input::Excluded};
use crate::config::Settings;
use crate::gate::{self, Heard, NotReviewed, OnBudget, Stale};
use crate::receipt::{AgentSpec, Asked, Receipt};
use crate::redact;
use crate::report::{FailedAgent, MissingAgent, Said};
use crate::units::Excludes;

/// Why an agent is missing that the user enabled and took out of the configuration.
const NOT_CONFIGURED: &str = "not configured any more";

/// The agents that must answer for a change.
#[derive(Clone, Debug, Default)]
pub(crate) struct Panel {
    /// All that are enabled, in order, those that are not configured any more included.
    pub(crate) names: Vec<String>,
    /// Those that can be asked.
    pub(crate) agents: Vec<Agent>,
    /// What decides their answers, in the same order.
    pub(crate) specs: Vec<AgentSpec>,
}

/// An agent that was to answer and did not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Silent {
    /// Its name.
    pub(super) agent: String,
    /// What sort of failure.
    pub(super) kind: FailureKind,
    /// Why.
    pub(super) why: String,
}

impl From<Silent> for FailedAgent {
    fn from(silent: Silent) -> Self {
        Self {
            agent: silent.agent,
            why: silent.why,
        }
    }
}

/// What asking the panel gave.
#[derive(Debug, Default)]
pub(super) struct Answers {
    /// Of those who answered.
    pub(super) receipts: Vec<Receipt>,
    /// Those who did not.
    pub(super) silent: Vec<Silent>,
    /// What was said besides findings.
    pub(super) said: Vec<Said>,
    /// The reviews byte for byte, each under a name of its own.
    pub(super) reviews: Vec<Reply>,
    /// The words of the lead byte for byte, as well.
    pub(super) words: Vec<Reply>,
    /// What asking each agent took.
    pub(super) spent: BTreeMap<String, Spent>,
    /// What was not read because a limit was spent.
    pub(super) unpaid: Unpaid,
}

impl Answers {
    /// Of a panel that was never asked.
    pub(super) fn of_nobody(counting: &Counting<'_>, kind: FailureKind, why: &str) -> Self {
        let silent = counting.panel.agents.iter().map(|agent| Silent {
            agent: agent.name.clone(),
            kind,
            why: why.to_owned(),
        });
        Self {
            silent: silent.collect(),
            ..Self::default()
        }
    }

    /// Adds what one question took.
    pub(super) fn add_spent(&mut self, agent: &str, spent: &Spent) {
        self.spent.entry(agent.to_owned()).or_default().add(spent);
    }

    /// A name for the next reply of an agent, as in `claude` and `claude.2`.
    pub(super) fn label(&self, agent: &str) -> String {
        let mut taken = self.reviews.iter().chain(&self.words);
        unused(agent, |label| taken.any(|reply| reply.agent == label))
    }

    /// Adds what a further round of questions gave.
    pub(super) fn take_in(&mut self, mut more: Self) {
        more.tell_apart_from(&self.reviews);
        self.receipts.append(&mut more.receipts);
        self.silent.append(&mut more.silent);
        self.said.append(&mut more.said);
        self.reviews.append(&mut more.reviews);
        self.words.append(&mut more.words);
        self.unpaid.take_in(std::mem::take(&mut more.unpaid));
        for (agent, spent) in &more.spent {
            self.add_spent(agent, spent);
        }
    }

    /// Gives replies another name if it is that of an earlier one, about another target.
    pub(super) fn tell_apart_from(&mut self, earlier: &[Reply]) {
        for reply in self.reviews.iter_mut().chain(&mut self.words) {
            reply.agent = unused(&reply.agent, |label| {
                earlier.iter().any(|reply| reply.agent == label)
            });
        }
    }
}

/// What the panel lacks for a target.
#[derive(Clone, Debug, Default)]
pub(super) struct Lacking {
    /// Units without enough answers.
    pub(super) not_reviewed: Vec<NotReviewed>,
    /// Agents without whom there are enough.
    pub(super) missing: Vec<MissingAgent>,
    /// Units without enough answers that pass all the same, because a limit was spent.
    pub(super) unpaid: Unpaid,
    /// What people should know.
    pub(super) notes: Vec<String>,
}

/// What the panel's answers are counted by.
pub(super) struct Counting<'c> {
    /// Who must answer.
    pub(super) panel: &'c Panel,
    /// How many.
    pub(super) quorum: Option<usize>,
    /// What happens to what no budget was left for.
    pub(super) on_budget: OnBudget,
    /// What only the branch excludes: not sent, and owed all the same.
    pub(super) withheld: Excludes,
    /// Whether an answer counts whose agent had been told something else.
    pub(super) stale: Stale,
    /// What agents would be told today.
    pub(super) advice: &'c Advice,
}

impl Session {
    /// Who must answer here: the agents named for this run, else those the user enabled.
    pub(crate) fn panel(&self) -> Result<Panel> {
        let names = match &self.named_agents {
            Some(named) => named.clone(),
            None => self.enabled()?,
        };
        let agents: Vec<Agent> = names
            .iter()
            .filter_map(|name| self.agents.iter().find(|agent| agent.name == *name))
            .cloned()
            .collect();
        Ok(Panel {
            specs: agents.iter().map(Agent::spec).collect(),
            names,
            agents,
        })
    }
}

impl<'c> Counting<'c> {
    /// By what the panel's answers are counted for one change.
    pub(super) fn new(panel: &'c Panel, settings: &Settings, advice: &'c Advice) -> Self {
        // A pattern that can't be understood names nothing; in force, it is complained about elsewhere.
        let (withheld, _) = Excludes::new(&settings.withhold);
        Self {
            panel,
            quorum: settings.quorum.value,
            on_budget: settings.on_budget.value,
            withheld,
            stale: settings.stale.value,
            advice,
        }
    }
}

impl Counting<'_> {
    /// The units an agent has yet to read, by their place among those that count.
    pub(super) fn unread(
        &self,
        agent: &Agent,
        reading: &Reading,
        remembered: &Remembered,
    ) -> Vec<usize> {
        let spec = agent.spec();
        let known = remembered.by_unit();
        reading
            .counting()
            .into_iter()
            .enumerate()
            .filter(|(_, unit)| self.is_sent(unit))
            .filter(|(_, unit)| !known.has_read(&spec, unit.key, &|it| self.is_stale(unit, it)))
            .map(|(index, _)| index)
            .collect()
    }

    /// True if an answer no longer counts, because its agent would be told something else today.
    fn is_stale(&self, unit: &ReadUnit, asked: &Asked) -> bool {
        self.stale == Stale::Review
            && asked.is_stale(
                &brief::PROMPT_VERSION.to_string(),
                &self.advice.digest_for(unit.change.path()),
            )
    }

    /// True if a unit may be given to agents, and owes them an answer.
    fn is_sent(&self, unit: &ReadUnit) -> bool {
        unit.owes_panel() && self.kept_back(unit).is_none()
    }

    /// Why a unit is not given to agents although it would owe them an answer.
    fn kept_back(&self, unit: &ReadUnit) -> Option<String> {
        let branch = self.withheld.reason(unit.change.path());
        branch
            .map(str::to_owned)
            .or_else(|| Some(format!("never sent: {}", of_secrets(unit)?)))
    }

    /// The files of the change that are kept back from agents, and why.
    pub(super) fn all_kept_back(&self, reading: &Reading) -> Vec<Excluded> {
        let owing = reading.counting().into_iter();
        owing
            .filter(|unit| unit.owes_panel())
            .filter_map(|unit| {
                Some(Excluded {
                    why: self.kept_back(unit)?,
                    path: unit.change.path().clone(),
                })
            })
            .collect()
    }

    /// Counts what the panel has read.
    pub(super) fn lacking(
        &self,
        reading: &Reading,
        remembered: &Remembered,
        silent: &[Silent],
    ) -> Lacking {
        let mut lacking = Lacking::default();
        if self.panel.names.is_empty() {
            return lacking;
        }
        let rules = gate::Panel {
            agents: &self.panel.names,
            quorum: self.quorum,
        };
        let broke = &remembered.unpaid;
        let remembered = remembered.by_unit();
        let mut unpaid = 0;
        for unit in reading.counting() {
            if !unit.owes_panel() {
                continue;
            }
            let not_reviewed = |agents: Vec<String>, why: String| NotReviewed {
                path: unit.change.path().clone(),
                commit: None,
                agents,
                why,
            };
            if let Some(why) = self.withheld.reason(unit.change.path()) {
                // The way out first: a line has an end.
                let why = format!(
                    "not sent to agents, and owed until the base side excludes it too: {why}"
                );
                lacking.not_reviewed.push(not_reviewed(Vec::new(), why));
                continue;
            }
            if let Some(what) = of_secrets(unit) {
                lacking.notes.push(format!(
                    "{:?} is never sent to agents, because it is {what}: the built-in rules alone have read it",
                    unit.change.path()
                ));
                continue;
            }
            let stale = |asked: &Asked| self.is_stale(unit, asked);
            let answered: Vec<String> = self
                .panel
                .specs
                .iter()
                .filter(|spec| remembered.has_read(spec, unit.key, &stale))
                .map(|spec| spec.name.clone())
                .collect();
            match rules.heard(&answered) {
                Heard::All => {}
                Heard::Enough { missing } => {
                    for agent in missing {
                        lacking.miss(agent, &self.why(silent));
                    }
                }
                Heard::TooFew { missing, needed } => {
                    let names = &self.panel.names;
                    let specs = self.panel.specs.iter();
                    let unread = specs
                        .filter(|spec| missing.contains(&spec.name) && broke.has(spec, unit.key));
                    if self.on_budget == OnBudget::RulesOnly
                        && needed <= names.len()
                        && missing.len() == unread.clone().count()
                    {
                        for spec in unread {
                            lacking.unpaid.add(spec, unit.key);
                        }
                        unpaid += 1;
                        continue;
                    }
                    let asked = silent.iter().any(|it| missing.contains(&it.agent));
                    let can_be_asked = |agent: &String| self.configured().any(|it| it == agent);
                    let why = match (needed > names.len(), asked) {
                        (true, _) => format!(
                            "{needed} agents must answer, and {} are enabled",
                            names.len()
                        ),
                        (false, true) => "not answered for".to_owned(),
                        (false, false) if missing.iter().any(can_be_asked) => {
                            "not reviewed yet".to_owned()
                        }
                        (false, false) => NOT_CONFIGURED.to_owned(),
                    };
                    lacking.not_reviewed.push(not_reviewed(missing, why));
                }
            }
        }
        if unpaid > 0 {
            lacking.notes.push(format!(
                "NOT REVIEWED by agents: {unpaid} files, because a limit was spent; the built-in rules decided"
            ));
        }
        lacking
    }

    /// Why an agent is missing.
    fn why<'s>(&self, silent: &'s [Silent]) -> impl Fn(&str) -> String + use<'s, '_> {
        move |agent| {
            if let Some(silent) = silent.iter().find(|it| it.agent == agent) {
                return silent.why.clone();
            }
            if self.configured().any(|it| it == agent) {
                "not asked yet".to_owned()
            } else {
                NOT_CONFIGURED.to_owned()
            }
        }
    }

    /// The names of those that can be asked.
    fn configured(&self) -> impl Iterator<Item = &str> {
        self.panel.specs.iter().map(|spec| spec.name.as_str())
    }
}

/// The name, or the first of its copies that is not taken.
fn unused(name: &str, mut taken: impl FnMut(&str) -> bool) -> String {
    let mut label = name.to_owned();
    let mut copy = 1;
    while taken(&label) {
        copy += 1;
        label = format!("{name}.{copy}");
    }
    label
}

/// What a file is that nobody may send, whatever is in it; a renamed one also by its old name.
fn of_secrets(unit: &ReadUnit) -> Option<&'static str> {
    let sides = [unit.change.old(), unit.change.new()];
    let mut paths = sides.into_iter().flatten().map(|entry| &entry.path);
    paths.find_map(redact::withheld)
}

impl Lacking {
    fn miss(&mut self, agent: String, why: &dyn Fn(&str) -> String) {
        match self.missing.iter_mut().find(|it| it.agent == agent) {
            Some(known) => known.units += 1,
            None => self.missing.push(MissingAgent {
                why: why(&agent),
                agent,
                units: 1,
            }),
        }
    }
}
