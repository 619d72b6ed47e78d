//! Decides whether a change may leave the machine, from what is known alone.
//! It asks no agent and reads no file: callers pass the standing and the policy in.

use serde::{Deserialize, Serialize};

use crate::diff::RepoPath;
use crate::finding::{Finding, FindingId, Severity, Stance, vendor};
use crate::ledger::State;

/// What happens to a change that could not be reviewed wholly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum OnIncomplete {
    /// It is held.
    Block,
    /// It passes, and is said to be not reviewed.
    Allow,
}

/// What a finding of agents needs to block. Ordered: a later one blocks more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum EvidencePolicy {
    /// Code that bears it out, or agents of two vendors that raise it.
    Required,
    /// Nothing: any agent's word will do.
    Any,
}

/// What an answer counts that an agent gave under other rules for reviewers, or against another base.
/// Ordered: a later one asks for more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Stale {
    /// As much as before, and it is said.
    Accept,
    /// Nothing: the unit is reviewed again.
    Review,
}

/// What happens to a change whose review was not asked for because a limit was spent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum OnBudget {
    /// It is held.
    Block,
    /// The built-in rules decide, and it is said to be not reviewed by agents.
    RulesOnly,
}

/// The part of the settings the gate goes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Policy {
    /// The lowest severity that blocks.
    pub(crate) block: Severity,
    /// What happens to what was not reviewed.
    pub(crate) on_incomplete: OnIncomplete,
    /// What a finding of agents needs to block.
    pub(crate) evidence: EvidencePolicy,
}

/// One owed unit that lacks an answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct NotReviewed {
    /// The head path, or the base path of a deletion.
    pub(crate) path: RepoPath,
    /// The commit, for a unit of history.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) commit: Option<String>,
    /// Who did not read it, if it is readable at all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) agents: Vec<String>,
    /// Why.
    pub(crate) why: String,
}

/// May the change leave the machine?
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "kebab-case")]
pub(crate) enum Verdict {
    /// Nothing is owed. Not the same as passed: nothing was looked at.
    NothingNew,
    /// Everything owed was read and nothing blocks. What was not read is named, and there is some
    /// only if the user lets incomplete reviews pass.
    Pass {
        /// Let through unread.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        not_reviewed: Vec<NotReviewed>,
    },
    /// Findings stand that nobody fixed or declined.
    Block {
        /// Which, worst first.
        findings: Vec<FindingId>,
        /// What was not read besides.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        not_reviewed: Vec<NotReviewed>,
    },
    /// Not everything owed was read.
    Inconclusive {
        /// What is missing.
        not_reviewed: Vec<NotReviewed>,
    },
}

impl Verdict {
    /// The answer in one word, as in JSON.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::NothingNew => "nothing-new",
            Self::Pass { .. } => "pass",
            Self::Block { .. } => "block",
            Self::Inconclusive { .. } => "inconclusive",
        }
    }

    /// What was owed and not read.
    pub(crate) fn not_reviewed(&self) -> &[NotReviewed] {
        match self {
            Self::NothingNew => &[],
            Self::Pass { not_reviewed }
            | Self::Block { not_reviewed, .. }
            | Self::Inconclusive { not_reviewed } => not_reviewed,
        }
    }
}

/// Judges a change: `owed` is how many units it owes, `not_reviewed` which of them lack an answer,
/// `findings` what stands, worst first. Blocking comes before inconclusive: what the agents that did
/// answer found is true whoever else is missing.
pub(crate) fn judge(
    owed: usize,
    not_reviewed: Vec<NotReviewed>,
    findings: &[(Finding, State)],
    policy: Policy,
) -> Verdict {
    let blocking: Vec<FindingId> = findings
        .iter()
        .filter(|(finding, state)| state.is_open() && finding.severity >= policy.block)
        .filter(|(finding, _)| may_block(finding, policy.evidence))
        .map(|(finding, _)| finding.id.clone())
        .collect();
    if !blocking.is_empty() {
        Verdict::Block {
            findings: blocking,
            not_reviewed,
        }
    } else if owed == 0 && not_reviewed.is_empty() {
        Verdict::NothingNew
    } else if not_reviewed.is_empty() || policy.on_incomplete == OnIncomplete::Allow {
        Verdict::Pass { not_reviewed }
    } else {
        Verdict::Inconclusive { not_reviewed }
    }
}

/// The AI agents that a unit owes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Panel<'p> {
    /// Who is enabled, in order.
    pub(crate) agents: &'p [String],
    /// How many of them must have answered; `None`: one.
    pub(crate) quorum: Option<usize>,
}

/// Whether enough agents have answered for a unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// All of the panel.
    All,
    /// Enough, but not these.
    Enough {
        /// Who is missing.
        missing: Vec<String>,
    },
    /// Too few.
    TooFew {
        /// Who is missing.
        missing: Vec<String>,
        /// How many are needed.
        needed: usize,
    },
}

impl Panel<'_> {
    /// Counts the answers for one unit. An agent that is not of the panel counts for nothing, and a
    /// panel that is smaller than its quorum never answers.
    pub(crate) fn heard(&self, answered: &[String]) -> Heard {
        let missing: Vec<String> = self
            .agents
            .iter()
            .filter(|agent| !answered.contains(agent))
            .cloned()
            .collect();
        let needed = match self.agents {
            // Without a panel the built-in rules are all there is, and the report says so.
            [] => 0,
            _ => self.quorum.unwrap_or(1),
        };
        if self.agents.len() - missing.len() < needed {
            Heard::TooFew { missing, needed }
        } else if missing.is_empty() {
            Heard::All
        } else {
            Heard::Enough { missing }
        }
    }
}

/// True if a finding is more than one agent's word: found by rule, borne out by the code for at least
/// one of those who raised it, raised by agents of two vendors, or confirmed by the lead with code that
/// stands there.
pub(crate) fn may_block(finding: &Finding, needed: EvidencePolicy) -> bool {
    if needed == EvidencePolicy::Any || !finding.is_opinion() {
        return true;
    }
    let mut vendors: Vec<String> = finding
        .voices
        .members
        .iter()
        .map(|raw| vendor(&raw.agent))
        .collect();
    vendors.sort_unstable();
    vendors.dedup();
    let lead = finding.voices.lead.as_ref();
    vendors.len() > 1
        || finding.voices.evidence.iter().any(|check| check.supported)
        || lead.is_some_and(|word| word.stance == Stance::Confirmed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::{Anchor, Checked, Kind, RawFinding, Voices};

    #[test]
    fn only_the_panel_makes_a_quorum() {
        let names = |names: &[&str]| -> Vec<String> {
            names.iter().map(|name| (*name).to_owned()).collect()
        };
        let agents = names(&["claude", "codex", "gemini"]);
        let heard = |agents: &[String], quorum, answered: &[&str]| {
            Panel { agents, quorum }.heard(&names(answered))
        };
        assert_eq!(
            heard(&agents, None, &["codex", "gemini", "claude"]),
            Heard::All
        );
        assert_eq!(
            heard(&agents, None, &["codex"]),
            Heard::Enough {
                missing: names(&["claude", "gemini"])
            }
        );
        for answered in [&[][..], &["house", "rules"]] {
            assert_eq!(
                heard(&agents, None, answered),
                Heard::TooFew {
                    missing: agents.clone(),
                    needed: 1
                }
            );
        }
        assert!(matches!(
            heard(&agents, Some(2), &["codex", "codex"]),
            Heard::TooFew { needed: 2, .. }
        ));
        assert!(matches!(
            heard(&agents[..1], Some(2), &["claude"]),
            Heard::TooFew { needed: 2, .. }
        ));
        assert_eq!(
            heard(&agents, Some(0), &[]),
            Heard::Enough {
                missing: agents.clone()
            }
        );
        assert_eq!(heard(&[], Some(2), &[]), Heard::All);
    }

    const STRICT: Policy = Policy {
        block: Severity::Important,
        on_incomplete: OnIncomplete::Block,
        evidence: EvidencePolicy::Required,
    };

    fn finding(severity: Severity) -> Finding {
        Finding {
            id: FindingId::of(&[b"x"]),
            severity,
            kind: Kind::Regression,
            title: String::new(),
            body: String::new(),
            locations: Vec::new(),
            agents: Vec::new(),
            rule: None,
            quote: None,
            commit: None,
            anchor: Anchor {
                path: RepoPath::from("a"),
                code: String::new(),
                around: String::new(),
                occurrence: 0,
                lines: 0,
            },
            voices: Voices::default(),
        }
    }

    /// A finding raised by these agents, each borne out by the code or not.
    fn raised(by: &[(&str, bool)]) -> Finding {
        let mut raised = finding(Severity::Important);
        for (agent, supported) in by {
            raised.voices.members.push(RawFinding {
                agent: (*agent).to_owned(),
                ..RawFinding::default()
            });
            raised.voices.evidence.push(Checked {
                agent: (*agent).to_owned(),
                id: String::new(),
                sentences: Vec::new(),
                supported: *supported,
            });
        }
        raised
    }

    #[test]
    fn the_word_of_one_vendor_blocks_only_with_evidence() {
        let blocks = |by: &[(&str, bool)]| may_block(&raised(by), EvidencePolicy::Required);
        assert!(!blocks(&[("claude", false)]));
        assert!(blocks(&[("claude", true)]));
        assert!(blocks(&[("claude", false), ("codex", false)]));
        for [one, two] in [
            ["claude", "claude.2"],
            ["codex", "my-gpt-5"],
            ["openai", "codex"],
            ["gemini", "google/flash"],
            ["house", "House.2"],
            ["house-1", "house-2"],
        ] {
            assert!(!blocks(&[(one, false), (two, false)]), "{one} {two}");
            assert!(blocks(&[(one, false), (two, true)]), "{one} {two}");
        }
        assert!(blocks(&[("eclaude", false), ("claude", false)]));
        assert!(blocks(&[("rules", false)]), "a fact is no opinion");
        assert!(may_block(
            &raised(&[("claude", false)]),
            EvidencePolicy::Any
        ));
    }

    #[test]
    fn a_finding_without_evidence_passes_unless_any_word_counts() {
        let standing = vec![(raised(&[("claude", false)]), State::Open { lapsed: None })];
        assert!(judge(1, vec![], &standing, STRICT).lets_pass());
        let any = Policy {
            evidence: EvidencePolicy::Any,
            ..STRICT
        };
        assert!(!judge(1, vec![], &standing, any).lets_pass());
    }

    fn open(severity: Severity) -> Vec<(Finding, State)> {
        vec![(finding(severity), State::Open { lapsed: None })]
    }

    impl Verdict {
        fn lets_pass(&self) -> bool {
            matches!(self, Self::NothingNew | Self::Pass { .. })
        }
    }

    fn missing() -> Vec<NotReviewed> {
        vec![NotReviewed {
            path: RepoPath::from("a"),
            commit: None,
            agents: vec!["rules".to_owned()],
            why: "not asked".to_owned(),
        }]
    }

    #[test]
    fn an_open_finding_of_the_blocking_severity_blocks() {
        assert!(judge(1, vec![], &open(Severity::Suggestion), STRICT).lets_pass());
        for severity in [Severity::Important, Severity::Critical] {
            assert!(matches!(
                judge(1, vec![], &open(severity), STRICT),
                Verdict::Block { .. }
            ));
        }
        let strictest = Policy {
            block: Severity::Suggestion,
            ..STRICT
        };
        assert!(!judge(1, vec![], &open(Severity::Suggestion), strictest).lets_pass());
    }

    #[test]
    fn a_resolved_finding_does_not_block() {
        let state = State::Resolved {
            resolution: crate::ledger::Resolution::WontFix,
            reason: None,
            until: None,
            by: String::new(),
            at: jiff::Timestamp::UNIX_EPOCH,
            decided_as: None,
        };
        let verdict = judge(1, vec![], &[(finding(Severity::Critical), state)], STRICT);
        assert_eq!(
            verdict,
            Verdict::Pass {
                not_reviewed: vec![]
            }
        );
    }

    #[test]
    fn what_was_not_read_never_passes_silently() {
        assert!(matches!(
            judge(1, missing(), &[], STRICT),
            Verdict::Inconclusive { .. }
        ));
        assert!(matches!(
            judge(0, missing(), &[], STRICT),
            Verdict::Inconclusive { .. }
        ));
        let lenient = Policy {
            on_incomplete: OnIncomplete::Allow,
            ..STRICT
        };
        let passed = judge(1, missing(), &[], lenient);
        assert!(passed.lets_pass());
        assert_eq!(passed.not_reviewed().len(), 1);
        assert!(!judge(1, missing(), &open(Severity::Important), lenient).lets_pass());
    }

    #[test]
    fn nothing_owed_is_not_called_passed() {
        assert_eq!(judge(0, vec![], &[], STRICT), Verdict::NothingNew);
    }

    #[test]
    fn findings_block_although_something_was_not_read() {
        let verdict = judge(2, missing(), &open(Severity::Important), STRICT);
        assert!(matches!(&verdict, Verdict::Block { not_reviewed, .. } if not_reviewed.len() == 1));
    }
}
