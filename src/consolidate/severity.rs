//! The severity of a cluster from the severities its agents gave it: they vote.
//! Words don't help here: whether a lone Important stays one can't be told from its text.

use serde::{Deserialize, Serialize};

use super::Member;
use super::pairs::{CERTAIN, Likelihood};
use crate::finding::Severity;

/// What one agent called a problem.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Vote {
    /// Whose vote, and in which finding.
    pub(crate) by: Member,
    /// How bad it said it is.
    pub(crate) severity: Severity,
    /// The agent is known to call things worse than they are.
    pub(crate) inflates: bool,
}

/// By which rule a severity came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Rule {
    /// More votes block than don't.
    MostBlock,
    /// More votes don't block than do.
    MostSuggest,
    /// As many block as not, and one that blocks is to be trusted or the merge is not.
    TieBlocks,
    /// As many block as not, but those that do are known to inflate.
    TieOfInflaters,
    /// Nobody gave a severity; the lead is to look.
    NoVotes,
    /// Found by program: a fact, on which there is no vote.
    Fact,
}

impl Rule {
    /// Why, in a few words for the report.
    fn reason(self) -> &'static str {
        match self {
            Self::MostBlock => "most of those who raised it call it blocking",
            Self::MostSuggest => "most of those who raised it call it a suggestion",
            Self::TieBlocks => "opinions are even, so it blocks",
            Self::TieOfInflaters => "opinions are even and only agents known to inflate block",
            Self::NoVotes => "nobody gave a severity",
            Self::Fact => "found by rule",
        }
    }
}

/// A severity and how it came about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Judgement {
    /// What the votes and facts give.
    pub(crate) severity: Severity,
    /// The rule that decided whether it blocks.
    pub(crate) rule: Rule,
    /// The votes, in the order of the members.
    pub(crate) votes: Vec<Vote>,
    /// The severity of the fact among the members; nothing goes below it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) floor: Option<Severity>,
}

impl Judgement {
    /// Why the finding blocks or doesn't, in a few words for the report.
    pub(crate) fn reason(&self) -> &'static str {
        match self.rule {
            Rule::MostBlock | Rule::MostSuggest if self.votes.len() == 1 => {
                "a single voice says so"
            }
            rule => rule.reason(),
        }
    }
}

/// Counts the votes on one cluster of findings by agents.
///
/// `mean` is the mean likelihood of the cluster's pairs: how sure it is that all of them speak of
/// one problem. A tie counts as a suggestion only when that is at least even.
pub(super) fn judge(votes: Vec<Vote>, mean: Option<Likelihood>) -> Judgement {
    let blocking: Vec<&Vote> = votes
        .iter()
        .filter(|vote| vote.severity >= Severity::Important)
        .collect();
    let suggesting = votes.len() - blocking.len();
    let rule = if votes.is_empty() {
        Rule::NoVotes
    } else if blocking.len() > suggesting {
        Rule::MostBlock
    } else if blocking.len() < suggesting {
        Rule::MostSuggest
    } else if blocking.iter().all(|vote| vote.inflates)
        && mean.is_some_and(|mean| mean >= CERTAIN / 2)
    {
        Rule::TieOfInflaters
    } else {
        Rule::TieBlocks
    };
    let critical = {
        let critical: Vec<&Vote> = blocking
            .into_iter()
            .filter(|vote| vote.severity == Severity::Critical)
            .collect();
        critical.len() >= 2 || critical.iter().any(|vote| !vote.inflates)
    };
    let severity = match rule {
        Rule::MostSuggest | Rule::TieOfInflaters => Severity::Suggestion,
        _ if critical => Severity::Critical,
        _ => Severity::Important,
    };
    Judgement {
        severity,
        rule,
        votes,
        floor: None,
    }
}

/// Why a finding's own severity is not the cluster's; `None` where it is.
pub(super) fn difference(own: Option<Severity>, judgement: &Judgement) -> Option<String> {
    let own = own?;
    let result = judgement.severity;
    if own == result {
        return None;
    }
    Some(if judgement.rule == Rule::Fact {
        "a rule found the same, and its severity stands".to_owned()
    } else if own == Severity::Critical && result == Severity::Important {
        "critical was said once only, by an agent known to inflate".to_owned()
    } else if result == Severity::Critical && own == Severity::Important {
        "another one calls it critical".to_owned()
    } else {
        judgement.reason().to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use Severity::{Critical, Important, Suggestion};

    /// Judges votes by agents of which capitalised ones inflate.
    fn judged(votes: &[(&str, Severity)], percent: u64) -> (Severity, Rule) {
        let votes = votes
            .iter()
            .map(|(agent, severity)| Vote {
                by: Member {
                    agent: (*agent).to_owned(),
                    id: "1".to_owned(),
                },
                severity: *severity,
                inflates: agent.starts_with(char::is_uppercase),
            })
            .collect();
        let judgement = judge(votes, Some(percent * CERTAIN / 100));
        (judgement.severity, judgement.rule)
    }

    #[test]
    fn the_majority_decides_whether_it_blocks() {
        let most = [("a", Important), ("b", Suggestion), ("C", Important)];
        assert_eq!(judged(&most, 90), (Important, Rule::MostBlock));
        let few = [("a", Critical), ("b", Suggestion), ("c", Suggestion)];
        assert_eq!(judged(&few, 90), (Suggestion, Rule::MostSuggest));
        assert_eq!(judged(&[("a", Suggestion)], 90).0, Suggestion);
    }

    #[test]
    fn a_tie_blocks_unless_only_inflaters_block() {
        let trusted = [("a", Important), ("b", Suggestion)];
        assert_eq!(judged(&trusted, 90), (Important, Rule::TieBlocks));
        let inflated = [("A", Critical), ("b", Suggestion)];
        assert_eq!(judged(&inflated, 90), (Suggestion, Rule::TieOfInflaters));
        assert_eq!(judged(&inflated, 50).0, Suggestion);
        assert_eq!(judged(&inflated, 40), (Important, Rule::TieBlocks));
    }

    #[test]
    fn critical_takes_two_or_one_that_does_not_inflate() {
        assert_eq!(judged(&[("A", Critical)], 100).0, Important);
        assert_eq!(judged(&[("a", Critical)], 100).0, Critical);
        assert_eq!(judged(&[("A", Critical), ("B", Critical)], 100).0, Critical);
        assert_eq!(
            judged(&[("A", Critical), ("b", Important)], 100).0,
            Important
        );
    }

    #[test]
    fn no_votes_mean_important_until_someone_looks() {
        assert_eq!(judged(&[], 100), (Important, Rule::NoVotes));
    }

    #[test]
    fn each_difference_has_its_reason() {
        let judgement = |severity, rule, floor| Judgement {
            severity,
            rule,
            votes: Vec::new(),
            floor,
        };
        let lowered = judgement(Suggestion, Rule::MostSuggest, None);
        let reason = difference(Some(Important), &lowered).unwrap();
        assert!(reason.contains("suggestion"));
        assert_eq!(difference(Some(Suggestion), &lowered), None);
        assert_eq!(difference(None, &lowered), None);
        let floored = judgement(Important, Rule::Fact, Some(Important));
        assert!(
            difference(Some(Suggestion), &floored)
                .unwrap()
                .contains("rule")
        );
        let inflated = judgement(Important, Rule::MostBlock, None);
        assert!(
            difference(Some(Critical), &inflated)
                .unwrap()
                .contains("inflate")
        );
    }
}
