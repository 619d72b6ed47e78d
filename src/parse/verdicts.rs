//! Reads the two answers of the lead: its verdicts about clusters, and the prose of the report.
//! An item that breaks the schema, or names what does not exist, is rejected by itself; how far a
//! verdict counts is decided elsewhere.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::finding::{Kind, Proof, RawFinding, Severity};

use super::json::{FindingItem, Object, each_object, finding, items, text};
use super::{Rejected, number};

/// The answer about one batch of clusters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct LeadVerdict {
    /// One per cluster that was answered, in the order of the batch; the first if there are several.
    pub(crate) clusters: Vec<Verified>,
    /// Clusters of the batch that the answer leaves out.
    pub(crate) missing: Vec<String>,
    /// Findings of the lead's own.
    pub(crate) added: Vec<RawFinding>,
    /// Refused tools, unreadable files and the like.
    pub(crate) trouble: Vec<String>,
    /// What could not be taken.
    pub(crate) rejected: Vec<Rejected>,
}

/// What the lead says about one cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Verified {
    /// The cluster.
    #[serde(rename = "c")]
    pub(crate) cluster: String,
    /// What was opened.
    pub(crate) check: String,
    /// Where the quote stands.
    pub(crate) path: String,
    /// Its line in the head version; 0 if that is not known.
    pub(crate) line: u32,
    /// The code that decides.
    pub(crate) quote: String,
    /// The verdict.
    pub(crate) verdict: Verdict,
    /// What a drop stands on.
    pub(crate) ground: Ground,
    /// One sentence for people.
    pub(crate) reason: String,
    /// The kind it should have.
    pub(crate) kind: Kind,
    /// The severity it should have.
    pub(crate) severity: Severity,
    /// How far the lead went.
    pub(crate) proof: Proof,
    /// Where a moved one goes.
    pub(crate) to: MoveTo,
    /// The cluster that is the same problem; empty for none.
    pub(crate) same_as: String,
    /// Texts of the cluster that are another problem, as `k01.2`.
    pub(crate) apart: Vec<String>,
    /// A title in one voice; empty to keep the best one.
    pub(crate) title: String,
    /// The same for the text.
    pub(crate) body: String,
    /// The same for the remedy.
    pub(crate) fix: String,
}

/// What becomes of a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Verdict {
    /// It stands.
    Keep,
    /// It stands, less severe.
    Downgrade,
    /// It is none.
    Drop,
    /// It belongs elsewhere in the report.
    Move,
}

/// What a drop stands on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Ground {
    /// No drop.
    None,
    /// The code says something else.
    Misread,
    /// Nothing leads there.
    Impossible,
    /// It is dealt with elsewhere.
    Handled,
    /// The base does the same.
    Predates,
    /// Another cluster says it.
    Duplicate,
    /// It was decided, and nothing has changed.
    Declined,
    /// Nothing observable follows.
    NoEffect,
}

/// Where a moved cluster goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum MoveTo {
    /// Nowhere.
    #[serde(rename = "")]
    Nowhere,
    /// Design observations.
    Design,
    /// Limitations that the author states.
    Limitation,
    /// The testing section.
    Testing,
    /// The documentation section.
    Docs,
    /// Design observations, as a problem that was there before.
    PreExisting,
}

impl MoveTo {
    /// What it is called in a report.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Nowhere => "nowhere",
            Self::Design => "design observation",
            Self::Limitation => "acknowledged limitation",
            Self::Testing => "testing gap",
            Self::Docs => "documentation gap",
            Self::PreExisting => "design observation (there before the change)",
        }
    }
}

/// The prose of the report.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct LeadNarrative {
    /// What the change does and what matters.
    pub(crate) summary: String,
    /// Design observations.
    pub(crate) design: Vec<DesignNote>,
    /// What is untested, the riskiest first.
    pub(crate) tests: Vec<TestNote>,
    /// Statements that are false now.
    pub(crate) docs: Vec<DocNote>,
    /// A line per commit.
    pub(crate) commits: Vec<CommitNote>,
    /// What the author's own text admits.
    pub(crate) limitations: Vec<Limitation>,
    /// A paragraph per agent.
    pub(crate) agents: Vec<AgentNote>,
    /// Rules and advice that would have helped.
    pub(crate) proposals: Vec<Proposal>,
    /// What could not be taken.
    pub(crate) rejected: Vec<Rejected>,
}

/// A design observation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DesignNote {
    /// Whether it praises.
    #[serde(rename = "type")]
    pub(crate) sort: NoteSort,
    /// Whether it is about this change.
    pub(crate) scope: NoteScope,
    /// The observation.
    pub(crate) text: String,
    /// The clusters it comes from.
    pub(crate) from: Vec<String>,
}

/// Whether an observation praises.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum NoteSort {
    /// It does not.
    Concern,
    /// It does.
    Strength,
}

/// Whether an observation is about this change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum NoteScope {
    /// It is.
    InScope,
    /// It is about later ones.
    Future,
}

/// Something untested.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TestNote {
    /// What.
    pub(crate) text: String,
    /// The findings it is about.
    pub(crate) ids: Vec<String>,
}

/// A statement that is false now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DocNote {
    /// Which.
    pub(crate) text: String,
    /// Where it stands.
    pub(crate) path: String,
}

/// A word about a commit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CommitNote {
    /// The commit, as it was named to the lead.
    pub(crate) sha: String,
    /// The word.
    pub(crate) text: String,
}

/// What the author's own text admits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Limitation {
    /// Where it stands.
    pub(crate) path: String,
    /// The author's words.
    pub(crate) quote: String,
    /// The lead's.
    pub(crate) text: String,
}

/// A paragraph about an agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AgentNote {
    /// The agent.
    pub(crate) agent: String,
    /// The paragraph.
    pub(crate) text: String,
}

/// A rule or an advice that would have helped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Proposal {
    /// What is to be changed.
    pub(crate) target: ProposalTarget,
    /// How.
    pub(crate) action: ProposalAction,
    /// What it applies to.
    pub(crate) path: String,
    /// Its text.
    pub(crate) text: String,
    /// The finding that shows the need.
    pub(crate) because: String,
}

/// What a proposal changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ProposalTarget {
    /// The repository's context.
    Context,
    /// What agents are told by this program.
    Brief,
}

/// What a proposal does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ProposalAction {
    /// A new text.
    Add,
    /// Another one in its place.
    Change,
    /// None any more.
    Remove,
}

/// What the prose may refer to.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct KnownIds<'k> {
    /// Clusters.
    pub(crate) clusters: &'k [String],
    /// Findings.
    pub(crate) findings: &'k [String],
    /// Commits, as they were named to the lead.
    pub(crate) commits: &'k [String],
    /// Agents.
    pub(crate) agents: &'k [String],
}

/// Reads the last answer to a batch in a reply; the error says why there is none. Clusters that are not
/// of the batch are rejected.
pub(crate) fn read_verdicts(
    reply: &str,
    batch: &str,
    clusters: &[String],
) -> Result<LeadVerdict, String> {
    let mut object = last_answer(reply, "batch", batch, "clusters")?;
    let mut read = LeadVerdict::default();
    let rejected = &mut read.rejected;
    let all: Vec<Verified> = items("clusters", object.remove("clusters"), rejected);
    let mut seen = BTreeSet::new();
    for verified in all {
        let id = &verified.cluster;
        if !clusters.contains(id) {
            reject(rejected, "clusters", format!("there is no cluster `{id}`"));
        } else if !verified.same_as.is_empty() && !clusters.contains(&verified.same_as) {
            let other = &verified.same_as;
            reject(
                rejected,
                "clusters",
                format!("there is no cluster `{other}`"),
            );
        } else if seen.insert(id.clone()) {
            read.clusters.push(verified);
        } else {
            reject(
                rejected,
                "clusters",
                format!("cluster `{id}` is answered twice"),
            );
        }
    }
    let place = |id: &String| clusters.iter().position(|known| known == id);
    read.clusters
        .sort_by_key(|verified| place(&verified.cluster));
    let missing = clusters.iter().filter(|id| !seen.contains(*id));
    read.missing = missing.cloned().collect();
    let added: Vec<FindingItem> = items("added", object.remove("added"), rejected);
    read.added = added
        .into_iter()
        .enumerate()
        .filter_map(|(index, item)| finding(item, index, rejected))
        .collect();
    number(&mut read.added);
    let trouble: Vec<String> = items("trouble", object.remove("trouble"), rejected);
    read.trouble = trouble
        .into_iter()
        .filter(|text| !text.trim().is_empty())
        .collect();
    unknown_properties(&object, "batch", rejected);
    Ok(read)
}

/// Reads the last prose for a report in a reply; the error says why there is none. Items that refer to
/// what is not known are rejected.
pub(crate) fn read_narrative(
    reply: &str,
    report: &str,
    known: KnownIds<'_>,
) -> Result<LeadNarrative, String> {
    let mut object = last_answer(reply, "report", report, "summary")?;
    let mut rejected = Vec::new();
    let summary = text(object.remove("summary")).unwrap_or_default();
    let is_known = |what: &str, ids: &[String], all: &[String]| {
        let unknown = ids.iter().find(|id| !all.contains(id));
        unknown.map_or(Ok(()), |id| Err(format!("there is no {what} `{id}`")))
    };
    let one = std::slice::from_ref::<String>;
    let mut take = Taken {
        object: &mut object,
        rejected: &mut rejected,
    };
    let design = take.list("design", |note: &DesignNote| {
        is_known("cluster", &note.from, known.clusters)
    });
    let tests = take.list("tests", |note: &TestNote| {
        is_known("finding", &note.ids, known.findings)
    });
    let docs = take.list("docs", |_: &DocNote| Ok(()));
    let commits = take.list("commits", |note: &CommitNote| {
        is_known("commit", one(&note.sha), known.commits)
    });
    let limitations = take.list("limitations", |_: &Limitation| Ok(()));
    let agents = take.list("agents", |note: &AgentNote| {
        is_known("agent", one(&note.agent), known.agents)
    });
    let proposals = take.list("proposals", |proposal: &Proposal| {
        is_known("finding", one(&proposal.because), known.findings)
    });
    unknown_properties(&object, "report", &mut rejected);
    Ok(LeadNarrative {
        summary,
        design,
        tests,
        docs,
        commits,
        limitations,
        agents,
        proposals,
        rejected,
    })
}

/// The lists of an answer, one after the other.
struct Taken<'a> {
    object: &'a mut Object,
    rejected: &'a mut Vec<Rejected>,
}

impl Taken<'_> {
    /// The items that fit the schema and refer to what there is.
    fn list<T: serde::de::DeserializeOwned>(
        &mut self,
        name: &str,
        refers: impl Fn(&T) -> Result<(), String>,
    ) -> Vec<T> {
        let all: Vec<T> = items(name, self.object.remove(name), self.rejected);
        let mut taken = Vec::with_capacity(all.len());
        for item in all {
            match refers(&item) {
                Ok(()) => taken.push(item),
                Err(why) => reject(self.rejected, name, why),
            }
        }
        taken
    }
}

/// The last object with both properties, if its id is the right one.
fn last_answer(reply: &str, id: &str, expected: &str, needed: &str) -> Result<Object, String> {
    let mut answer = None;
    let mut broken = None;
    each_object(reply, &mut |found| match found {
        Ok(object) if object.contains_key(id) && object.contains_key(needed) => {
            answer = Some(object);
        }
        Ok(_) => {}
        Err((_, error)) => broken = Some(error),
    });
    let object = match (answer, broken) {
        (Some(object), _) => object,
        (None, Some(error)) => return Err(format!("the JSON answer is broken: {error}")),
        (None, None) => {
            return Err(format!(
                "there is no JSON object with `{id}` and `{needed}`"
            ));
        }
    };
    match object[id].as_str() {
        Some(said) if said == expected => Ok(object),
        said => Err(format!(
            "it answers `{}`, not `{expected}`",
            said.unwrap_or_default()
        )),
    }
}

fn unknown_properties(object: &Object, id: &str, rejected: &mut Vec<Rejected>) {
    for name in object.keys().filter(|name| *name != id) {
        reject(rejected, name, "unknown property".to_owned());
    }
}

fn reject(rejected: &mut Vec<Rejected>, place: &str, why: String) {
    rejected.push(Rejected {
        place: place.to_owned(),
        why,
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn verdict(cluster: &str) -> Value {
        json!({"c": cluster, "check": "opened a.rs", "path": "a.rs", "line": 3, "quote": "x",
            "verdict": "drop", "ground": "no-effect", "reason": "r", "kind": "pre-existing",
            "severity": "important", "proof": "traced", "to": "", "same_as": "", "apart": [],
            "title": "", "body": "", "fix": ""})
    }

    fn ids(ids: &[&str]) -> Vec<String> {
        ids.iter().map(|id| (*id).to_owned()).collect()
    }

    #[test]
    fn each_cluster_is_taken_once_and_missing_ones_are_named() {
        let mut wrong = verdict("k02");
        wrong["verdict"] = json!("raise");
        let mut merged = verdict("k04");
        merged["same_as"] = json!("k77");
        let answer = json!({"batch": "b-1", "clusters":
            [verdict("k03"), verdict("k01"), verdict("k01"), wrong, verdict("k09"), merged],
            "added": [], "trouble": [" ", "no shell"]});
        let reply = format!("First {{\"batch\": 1}}, then\n```json\n{answer}\n```");
        let read = read_verdicts(&reply, "b-1", &ids(&["k01", "k02", "k03", "k04"])).unwrap();
        let taken: Vec<&str> = read
            .clusters
            .iter()
            .map(|one| one.cluster.as_str())
            .collect();
        assert_eq!(taken, ["k01", "k03"]);
        assert_eq!(read.missing, ids(&["k02", "k04"]));
        assert_eq!(read.trouble, ["no shell"]);
        let why: Vec<&str> = read.rejected.iter().map(|one| one.why.as_str()).collect();
        assert!(why[0].contains("unknown variant `raise`"), "{why:?}");
        assert_eq!(
            why[1..],
            [
                "cluster `k01` is answered twice",
                "there is no cluster `k09`",
                "there is no cluster `k77`",
            ]
        );
        assert_eq!(read.clusters[0].ground, Ground::NoEffect);
        assert_eq!(read.clusters[0].to, MoveTo::Nowhere);
    }

    #[test]
    fn an_answer_to_another_batch_is_none() {
        let answer =
            json!({"batch": "b-2", "clusters": [], "added": [], "trouble": []}).to_string();
        assert_eq!(
            read_verdicts(&answer, "b-1", &[]).unwrap_err(),
            "it answers `b-2`, not `b-1`"
        );
        assert!(
            read_verdicts("All fine.", "b-1", &[])
                .unwrap_err()
                .contains("no JSON object")
        );
        let cut = &answer[..answer.len() - 3];
        assert!(
            read_verdicts(cut, "b-2", &[])
                .unwrap_err()
                .contains("broken")
        );
    }

    #[test]
    fn prose_may_refer_to_what_there_is() {
        let answer = json!({"report": "r-1", "summary": "It caches.",
            "design": [{"type": "concern", "scope": "future", "text": "t", "from": ["k01"]},
                {"type": "concern", "scope": "future", "text": "t", "from": ["k02"]}],
            "tests": [{"text": "t", "ids": ["S1"]}, {"text": "t", "ids": ["S9"]}],
            "docs": [], "commits": [{"sha": "abc", "text": "clean"}, {"sha": "abd", "text": "?"}],
            "limitations": [], "agents": [{"agent": "claude", "text": "p"}, {"agent": "x", "text": "p"}],
            "proposals": [{"target": "context", "action": "add", "path": "", "text": "t", "because": "S1"},
                {"target": "context", "action": "add", "path": "", "text": "t", "because": ""}],
            "more": 1});
        let known = KnownIds {
            clusters: &ids(&["k01"]),
            findings: &ids(&["S1"]),
            commits: &ids(&["abc"]),
            agents: &ids(&["claude"]),
        };
        let read = read_narrative(&answer.to_string(), "r-1", known).unwrap();
        let counts = [
            read.design.len(),
            read.tests.len(),
            read.commits.len(),
            read.agents.len(),
            read.proposals.len(),
        ];
        assert_eq!(
            (counts, read.rejected.len()),
            ([1; 5], 6),
            "{:?}",
            read.rejected
        );
        assert!(read_narrative(&answer.to_string(), "r-2", known).is_err());
    }
}
