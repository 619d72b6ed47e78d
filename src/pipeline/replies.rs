//! Takes in reviews that somebody wrote of a change: each reply is read, and gives receipts for the
//! units it accounts for. What its findings are worth is left to `opinions`.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::opinions::code_of;
use super::read_units::{ReadUnit, Reading};
use super::tree::TargetTree;
use crate::diff::RepoPath;
use crate::finding::RawFinding;
use crate::ground::Grounds;
use crate::parse::{self, ParsedReview, Sections, Status, UnitState};
use crate::receipt::{AgentSpec, Asked, HandedIn, Receipt};
use crate::report::{FailedAgent, Said};

/// A review that somebody wrote of exactly this change.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    /// Whose it is.
    pub(crate) agent: String,
    /// As it was given.
    pub(crate) bytes: Vec<u8>,
}

impl Reply {
    /// The name of its file among the raw reviews.
    pub(super) fn file_name(&self) -> String {
        let json = self.bytes.trim_ascii_start().starts_with(b"{");
        format!("{}.{}", self.agent, if json { "json" } else { "md" })
    }
}

/// A reply that was understood.
pub(super) struct Heard {
    /// Whose it is.
    pub(super) spec: AgentSpec,
    /// A digest of the reply.
    pub(super) digest: String,
    /// What it says.
    pub(super) review: ParsedReview,
    /// Which units it was asked for and has read, by their place among those that count, with what
    /// its agent had been told; `None` for a reply that nobody asked for: then its own word counts.
    pub(super) read: Option<BTreeMap<usize, Asked>>,
}

/// A reply that is no answer.
pub(super) struct Unheard {
    pub(super) failed: FailedAgent,
    /// What could be read of it all the same.
    pub(super) findings: Vec<RawFinding>,
}

/// How many receipts carry the findings that lie in no unit: each is kept whole in all of them, so
/// that one forgotten receipt costs none, and a large change must not multiply them.
const CARRIERS: usize = 32;

/// More findings than this are no review, in one reply.
const MOST_FINDINGS: usize = 2000;

/// Reads a reply.
pub(super) fn hear(reply: &Reply) -> Result<Heard, Unheard> {
    let mut review = parse::parse(&String::from_utf8_lossy(&reply.bytes));
    for finding in &mut review.findings {
        finding.agent.clone_from(&reply.agent);
    }
    let why = match &review.status {
        Status::Failed { why } => Some(why.clone()),
        _ if review.findings.len() > MOST_FINDINGS => {
            let count = review.findings.len();
            review.findings.clear();
            Some(format!(
                "it has {count} findings, more than {MOST_FINDINGS}"
            ))
        }
        Status::Ok | Status::None => None,
    };
    match why {
        Some(why) => Err(Unheard {
            failed: FailedAgent {
                agent: reply.agent.clone(),
                why,
            },
            findings: review.findings,
        }),
        None => Ok(Heard {
            spec: AgentSpec::of_file(&reply.agent),
            digest: digest(&reply.bytes),
            review,
            read: None,
        }),
    }
}

/// What stands for a reply in receipts.
pub(super) fn digest(reply: &[u8]) -> String {
    blake3::hash(reply).to_hex()[..32].to_owned()
}

impl Heard {
    /// What it says besides findings; nothing if it says nothing else.
    pub(super) fn said(&self) -> Option<Said> {
        (self.review.sections != Sections::default()).then(|| Said {
            agent: self.spec.name.clone(),
            round: None,
            sections: self.review.sections.clone(),
        })
    }

    /// A receipt for each unit that the reply accounts for, and for each that one of its findings
    /// lies in. A finding goes with the unit its first place lies in, one that lies in none with the
    /// receipts of the reply, or with some units' if there would be no receipt.
    pub(super) fn receipts(
        self,
        grounds: &Grounds<'_>,
        tree: &TargetTree<'_>,
        reading: &Reading,
        at: Timestamp,
    ) -> Vec<Receipt> {
        let units = reading.counting();
        let accounted: BTreeSet<usize> = match &self.read {
            Some(read) => read.keys().copied().collect(),
            None => self
                .review
                .units
                .iter()
                .filter(|report| report.state == UnitState::Reviewed)
                .filter_map(|report| unit_named(&report.unit, &units))
                .collect(),
        };
        let mut of_unit: Vec<Vec<RawFinding>> = vec![Vec::new(); units.len()];
        let mut of_all = Vec::new();
        let mut anchors = BTreeMap::new();
        for raw in self.review.findings {
            let checked = grounds.check(&raw);
            let mut places = checked.places.iter().filter_map(|it| it.place.as_ref());
            let unit = places.find_map(|place| units.iter().position(|it| is_at(it, &place.path)));
            if let Some(anchor) = code_of(&checked, tree) {
                anchors.insert(raw.id.clone(), anchor);
            }
            match unit {
                Some(index) => of_unit[index].push(raw),
                None => of_all.push(raw),
            }
        }
        let mut given: Vec<usize> = (0..units.len())
            .filter(|index| accounted.contains(index) || !of_unit[*index].is_empty())
            .collect();
        if given.is_empty() && !of_all.is_empty() {
            given = (0..units.len().min(CARRIERS)).collect();
        }
        given
            .into_iter()
            .enumerate()
            .map(|(nth, index)| {
                let unit = units[index];
                let mut findings = std::mem::take(&mut of_unit[index]);
                if nth < CARRIERS {
                    findings.extend(of_all.iter().cloned());
                }
                let anchors = findings
                    .iter()
                    .filter_map(|raw| Some((raw.id.clone(), anchors.get(&raw.id)?.clone())))
                    .collect();
                Receipt {
                    unit: unit.key,
                    agent: self.spec.clone(),
                    path: unit.change.path().clone(),
                    hunks: unit.hunks.clone(),
                    at,
                    program: env!("CARGO_PKG_VERSION").to_owned(),
                    findings,
                    handed_in: Some(HandedIn {
                        reply: self.digest.clone(),
                        accounted: accounted.contains(&index),
                        anchors,
                    }),
                    asked: self
                        .read
                        .as_ref()
                        .and_then(|read| read.get(&index).cloned()),
                }
            })
            .collect()
    }
}

/// True if a resolved path is that of a unit, on either side.
fn is_at(unit: &ReadUnit, path: &RepoPath) -> bool {
    let entries = [unit.change.old(), unit.change.new()];
    entries
        .into_iter()
        .flatten()
        .any(|entry| entry.path == *path)
}

/// The unit a reply means: by its number in the change (`u01`), its key or the beginning of it, or its
/// path.
fn unit_named(said: &str, units: &[&ReadUnit]) -> Option<usize> {
    let said = said.trim();
    let number = said
        .strip_prefix(['u', 'U'])
        .and_then(|digits| digits.parse::<usize>().ok());
    if let Some(number) = number {
        return number.checked_sub(1).filter(|index| *index < units.len());
    }
    let key = |unit: &&ReadUnit| said.len() >= 8 && unit.key.to_string().starts_with(said);
    if let Some(index) = units.iter().position(key) {
        return Some(index);
    }
    let path = RepoPath::from(said.strip_prefix("./").unwrap_or(said));
    if let Some(index) = units.iter().position(|unit| is_at(unit, &path)) {
        return Some(index);
    }
    let mut fitting = (0..units.len()).filter(|index| is_named(units[*index].change.path(), &path));
    let first = fitting.next()?;
    fitting.next().is_none().then_some(first)
}

/// True if one path is the other, or its end.
pub(super) fn is_named(path: &RepoPath, said: &RepoPath) -> bool {
    let ends = |long: &[u8], short: &[u8]| {
        !short.is_empty()
            && long
                .strip_suffix(short)
                .is_some_and(|front| front.is_empty() || front.ends_with(b"/"))
    };
    let (path, said) = (path.as_bytes(), said.as_bytes());
    ends(path, said) || ends(said, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_without_an_answer_is_not_heard() {
        let reply = |text: &str| Reply {
            agent: "claude".to_owned(),
            bytes: text.into(),
        };
        let Err(unheard) = hear(&reply("")) else {
            panic!("nothing was said");
        };
        assert_eq!(unheard.failed.agent, "claude");
        assert!(hear(&reply("None.")).is_ok());
    }

    #[test]
    fn a_path_may_lack_its_front_or_have_more_of_it() {
        let named = |a: &str, b: &str| is_named(&RepoPath::from(a), &RepoPath::from(b));
        assert!(named("src/a.rs", "a.rs") && named("a.rs", "/home/ana/a.rs"));
        assert!(!named("src/a.rs", "ba.rs") && !named("a.rs", ""));
    }
}
