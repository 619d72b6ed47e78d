//! What agents were not asked about, or did not finish, because a limit was spent: remembered, so that the
//! gate and a push come to the verdict of the review that found it out. Whether it lets anything pass is the
//! user's policy, which `panel` counts by.

use std::collections::BTreeSet;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::Session;
use super::asking::Question;
use super::opinions::Remembered;
use super::panel::Answers;
use crate::config::Limits;
use crate::diff::UnitKey;
use crate::receipt::AgentSpec;

/// Who has not read which units because a limit was spent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Unpaid(Vec<(AgentSpec, BTreeSet<UnitKey>)>);

/// One line of what is remembered. A later one about the same counts instead.
#[derive(Debug, Serialize, Deserialize)]
struct Noted {
    agent: AgentSpec,
    units: BTreeSet<UnitKey>,
    /// The limits as they were; without them the agent was asked since, and something else happened.
    limits: Option<String>,
}

impl Unpaid {
    /// Adds a unit that an agent has not read.
    pub(super) fn add(&mut self, agent: &AgentSpec, unit: UnitKey) {
        self.of(agent).insert(unit);
    }

    /// True if an agent has not read a unit because a limit was spent.
    pub(super) fn has(&self, agent: &AgentSpec, unit: UnitKey) -> bool {
        let mut agents = self.0.iter();
        agents.any(|(it, units)| it == agent && units.contains(&unit))
    }

    /// Adds all of another.
    pub(super) fn take_in(&mut self, more: Self) {
        for (agent, units) in more.0 {
            self.of(&agent).extend(units);
        }
    }

    fn of(&mut self, agent: &AgentSpec) -> &mut BTreeSet<UnitKey> {
        let known = self.0.iter().position(|(it, _)| it == agent);
        let at = known.unwrap_or_else(|| {
            self.0.push((agent.clone(), BTreeSet::new()));
            self.0.len() - 1
        });
        &mut self.0[at].1
    }

    /// What of the lines still holds under limits.
    fn under(limits: &str, lines: Vec<Noted>) -> Self {
        let mut unpaid = Self::default();
        for line in lines {
            unpaid.hear(line, limits);
        }
        unpaid
    }

    fn hear(&mut self, line: Noted, limits: &str) {
        let units = self.of(&line.agent);
        if line.limits.as_deref() == Some(limits) {
            units.extend(line.units);
        } else {
            units.retain(|unit| !line.units.contains(unit));
        }
    }
}

impl Session {
    /// What is remembered as unread because of limits that are still the same.
    pub(super) fn unpaid(&mut self) -> Unpaid {
        let lines = self.store.unpaid().unwrap_or_else(|error| {
            self.warn(format!(
                "what no money was left for is not known: {error:#}"
            ));
            Vec::new()
        });
        Unpaid::under(&in_words(&self.limits, self.today()), lines)
    }

    /// Takes note of what became of everything that was asked for: what a limit kept from being read, and
    /// what failed otherwise although a limit had kept it from being read before.
    pub(super) fn note_unpaid(
        &mut self,
        question: &Question<'_>,
        remembered: &mut Remembered,
        answers: &Answers,
    ) {
        let limits = in_words(&self.limits, self.today());
        let counting = question.reading.counting();
        let heard = Remembered {
            receipts: answers.receipts.clone(),
            ..Remembered::default()
        };
        let heard = heard.by_unit();
        let mut lines = Vec::new();
        for (agent, units) in question.wanted(remembered) {
            let spec = &question.counting.panel.specs[agent];
            let (mut unpaid, mut otherwise) = (BTreeSet::new(), BTreeSet::new());
            for unit in units.into_iter().map(|at| counting[at].key) {
                let is_unpaid = answers.unpaid.has(spec, unit);
                let is_known = remembered.unpaid.has(spec, unit);
                if is_unpaid != is_known && !heard.has_read(spec, unit, &|_| false) {
                    let news = if is_unpaid {
                        &mut unpaid
                    } else {
                        &mut otherwise
                    };
                    news.insert(unit);
                }
            }
            for (units, limits) in [(unpaid, Some(&limits)), (otherwise, None)] {
                if !units.is_empty() {
                    lines.push(Noted {
                        agent: spec.clone(),
                        units,
                        limits: limits.cloned(),
                    });
                }
            }
        }
        if let Err(error) = self.store.add_unpaid(&lines) {
            self.warn(format!("not remembered: {error:#}"));
        }
        for line in lines {
            remembered.unpaid.hear(line, &limits);
        }
    }
}

/// All limits in force. Under others, what was spent may not be: a higher one, or that of another day.
fn in_words(limits: &Limits, today: Date) -> String {
    let Limits {
        wall,
        tokens,
        cost,
        cost_per_day,
        // Who is silent for too long is not spared.
        idle: _,
        push: _,
        parallel: _,
    } = limits;
    let day = cost_per_day.map(|limit| (limit, today));
    format!("{wall:?} {tokens:?} {cost:?} {day:?}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(name: &str) -> AgentSpec {
        AgentSpec {
            name: name.to_owned(),
            kind: "command".to_owned(),
            model: String::new(),
            effort: String::new(),
            endpoint: String::new(),
        }
    }

    fn unit(digit: char) -> UnitKey {
        UnitKey::from_hex(&digit.to_string().repeat(64)).unwrap()
    }

    #[test]
    fn the_latest_word_about_a_unit_counts_and_only_under_its_limits() {
        let line = |name, digits: &str, limits: Option<&str>| Noted {
            agent: spec(name),
            units: digits.chars().map(unit).collect(),
            limits: limits.map(str::to_owned),
        };
        let lines = || {
            vec![
                line("ann", "123", Some("low")),
                line("bob", "1", Some("low")),
                line("ann", "2", None),
                line("ann", "3", Some("high")),
            ]
        };
        let has = |limits: &str, name: &str| -> Vec<bool> {
            let unpaid = Unpaid::under(limits, lines());
            let units = ['1', '2', '3'].into_iter();
            units.map(|it| unpaid.has(&spec(name), unit(it))).collect()
        };
        assert_eq!(has("low", "ann"), [true, false, false]);
        assert_eq!(has("high", "ann"), [false, false, true]);
        assert_eq!(has("low", "bob"), [true, false, false]);
        let mut other = spec("bob");
        other.model = "dearer".to_owned();
        assert!(!Unpaid::under("low", lines()).has(&other, unit('1')));
    }

    #[test]
    fn other_limits_are_in_other_words_and_so_is_another_day_if_days_are_limited() {
        let (monday, tuesday) = (jiff::civil::date(2026, 2, 2), jiff::civil::date(2026, 2, 3));
        let limits = Limits::default();
        assert_eq!(in_words(&limits, monday), in_words(&limits, tuesday));
        let raised = Limits {
            tokens: Some(9_000_000),
            ..limits
        };
        assert_ne!(in_words(&limits, monday), in_words(&raised, monday));
        let by_day = Limits {
            cost_per_day: Some(5.0),
            ..limits
        };
        assert_ne!(in_words(&by_day, monday), in_words(&by_day, tuesday));
    }
}
