//! What a stored review was made from, and the same review made again: everything after the raw
//! reviews is computed anew, without an agent. Showing it is left to `report`.

use std::collections::{BTreeMap, HashMap};

use anyhow::{Context, Result, anyhow, bail};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::gathering::Gathering;
use super::led::{LeadAnswer, Led, Site};
use super::opinions::Remembered;
use super::panel::{Answers, Counting, Panel, Silent};
use super::read_units::Reading;
use super::replies::{Heard, digest};
use super::session::rule_set;
use super::unpaid::Unpaid;
use super::{Asking, Reply, Seen, Session, joined};
use crate::diff::Oid;
use crate::error::HintExt;
use crate::finding::RawFinding;
use crate::git::{Commit, Peeled};
use crate::ledger::Decision;
use crate::owed::{Base, Head, Paid, Target};
use crate::parse;
use crate::receipt::{AgentSpec, Receipt};
use crate::report::Report;
use crate::store::ReviewId;

/// The format of a record; one of another format can't be replayed.
const FORMAT: u32 = 1;

/// What a review was made from, apart from the objects of the repository and the raw reviews of this
/// very run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    format: u32,
    /// What was reviewed, in order.
    targets: Vec<TargetRecord>,
    /// The reviews that were handed in for this run.
    replies: Vec<ReplyRecord>,
}

/// What was reviewed of one branch. Ids are hexadecimal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct TargetRecord {
    name: String,
    base_commit: Option<String>,
    base_tree: String,
    base_why: String,
    /// Absent for what was not committed.
    head: Option<String>,
    /// Base tree and tip of what the remote had under the same name.
    paid: Option<(String, String)>,
    /// The new commits with their parents.
    commits: Vec<(String, Vec<String>)>,
    published: Vec<String>,
    protected: bool,
    notes: Vec<String>,
    /// What the rules reviewer raised, by the key of the unit; a unit without findings is left out.
    rules: BTreeMap<String, Vec<RawFinding>>,
    /// What agents had said before this run, and the answers of the panel in it.
    receipts: Vec<Receipt>,
    /// The reviews that agents of the panel gave in this run.
    #[serde(default)]
    reviews: Vec<ReplyRecord>,
    /// Who had to answer.
    #[serde(default)]
    panel: Vec<String>,
    /// As receipts know them.
    #[serde(default)]
    specs: Vec<AgentSpec>,
    /// Who led.
    #[serde(default)]
    lead: Option<AgentSpec>,
    /// What was said by whoever led.
    #[serde(default)]
    led: Vec<LeadAnswer>,
    /// Who did not.
    #[serde(default)]
    silent: Vec<Silent>,
    /// What passed unread because a limit was spent.
    #[serde(default)]
    unpaid: Unpaid,
}

/// A raw review of the run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct ReplyRecord {
    agent: String,
    /// Its file among the raw reviews.
    file: String,
    /// BLAKE3 of its bytes.
    digest: String,
}

impl ReplyRecord {
    fn of(reply: &Reply) -> Self {
        Self {
            agent: reply.agent.clone(),
            file: reply.file_name(),
            digest: blake3::hash(&reply.bytes).to_hex().to_string(),
        }
    }
}

impl Record {
    /// Nothing yet but the raw reviews that came in.
    pub(super) fn new(replies: &[Reply]) -> Self {
        Self {
            format: FORMAT,
            targets: Vec::new(),
            replies: replies.iter().map(ReplyRecord::of).collect(),
        }
    }

    /// Adds a target as it was read.
    pub(super) fn add(&mut self, seen: &Seen<'_>) {
        let Seen {
            target,
            reading,
            opinions,
            panel,
            answers,
            led,
            lacking,
            ..
        } = seen;
        let hex = |id: &Oid| id.to_string();
        let rules = reading.units.iter().filter_map(|unit| {
            let raw = unit.findings().raw;
            (!raw.is_empty()).then(|| (unit.key.to_string(), raw.to_vec()))
        });
        self.targets.push(TargetRecord {
            name: target.name.clone(),
            base_commit: target.base.commit.as_ref().map(hex),
            base_tree: hex(&target.base.tree),
            base_why: target.base.why.clone(),
            head: target.head.commit().as_ref().map(hex),
            paid: target
                .paid
                .as_ref()
                .map(|paid| (hex(&paid.base_tree), hex(&paid.tip))),
            commits: reading
                .commits
                .iter()
                .map(|commit| (hex(&commit.id), commit.parents.iter().map(hex).collect()))
                .collect(),
            published: target.published.iter().map(hex).collect(),
            protected: target.protected,
            notes: target.notes.clone(),
            rules: rules.collect(),
            receipts: opinions.remembered.clone(),
            reviews: answers.reviews.iter().map(ReplyRecord::of).collect(),
            panel: panel.names.clone(),
            specs: panel.specs.clone(),
            lead: led.spec.clone(),
            led: led.about_findings(),
            silent: answers.silent.clone(),
            unpaid: lacking.unpaid.clone(),
        });
    }
}

/// A target to be made again, and the reviews that the panel gave of it.
struct Kept<'k> {
    target: Target,
    record: &'k TargetRecord,
    reviews: Vec<Reply>,
}

impl TargetRecord {
    fn target(&self) -> Result<Target> {
        let id = |hex: &str| Oid::from_hex(hex).with_context(|| format!("`{hex}` is no id"));
        let ids = |hexes: &[String]| hexes.iter().map(|hex| id(hex)).collect::<Result<Vec<_>>>();
        let head = self
            .head
            .as_deref()
            .context("it was of what was not committed yet, and that may have changed since")?;
        Ok(Target {
            name: self.name.clone(),
            base: Base {
                commit: self.base_commit.as_deref().map(id).transpose()?,
                tree: id(&self.base_tree)?,
                why: self.base_why.clone(),
            },
            head: Head::Commit(id(head)?),
            paid: match &self.paid {
                Some((base_tree, tip)) => Some(Paid {
                    base_tree: id(base_tree)?,
                    tip: id(tip)?,
                }),
                None => None,
            },
            listed: Some(
                self.commits
                    .iter()
                    .map(|(commit, parents)| {
                        Ok(Commit {
                            id: id(commit)?,
                            parents: ids(parents)?,
                        })
                    })
                    .collect::<Result<Vec<_>>>()?,
            ),
            published: ids(&self.published)?,
            protected: self.protected,
            notes: self.notes.clone(),
        })
    }
}

impl Session {
    /// Makes a stored review again from what it was made from. The verdict, the findings and all that
    /// is computed from them are new; what only that run could know (who was asked, how long it took)
    /// is taken over. Decisions made since then do not count. Writes nothing.
    pub(crate) fn replay(&mut self, id: &ReviewId, stored: &Report) -> Result<Report> {
        self.replayed(id, stored)
            .with_context(|| format!("cannot replay {id}"))
            .hint(format!(
                "`deep-review report {id}` shows it as it was stored"
            ))
    }

    fn replayed(&mut self, id: &ReviewId, stored: &Report) -> Result<Report> {
        let record: Record = self
            .store
            .review_record(id)
            .context("what it was made from was not kept, or is damaged")?;
        if record.format != FORMAT {
            bail!(
                "it was kept in format {}, this program knows {FORMAT}",
                record.format
            );
        }
        let targets: Vec<(Target, &TargetRecord)> = record
            .targets
            .iter()
            .map(|kept| Ok((kept.target()?, kept)))
            .collect::<Result<_>>()?;
        for (target, _) in &targets {
            self.still_has(target)?;
        }
        let replies = self.kept_replies(id, &record.replies)?;
        let targets: Vec<Kept<'_>> = targets
            .into_iter()
            .map(|(target, kept)| {
                let reviews = self.kept_replies(id, &kept.reviews)?;
                Ok(Kept {
                    target,
                    record: kept,
                    reviews,
                })
            })
            .collect::<Result<_>>()?;
        let decisions: Vec<Decision> = self
            .decisions()?
            .into_iter()
            .filter(|decision| decided_at(decision) <= stored.at)
            .collect();
        let now = std::mem::replace(&mut self.now, stored.at);
        let made = self.made_again(stored, &targets, &replies, &decisions);
        self.now = now;
        made
    }

    fn made_again(
        &mut self,
        stored: &Report,
        targets: &[Kept<'_>],
        replies: &[Reply],
        decisions: &[Decision],
    ) -> Result<Report> {
        let mut gathering = Gathering::new(decisions);
        for Kept {
            target,
            record: kept,
            reviews,
        } in targets
        {
            let change_set = self.change_set(target)?;
            let in_force = self.in_force(target, &change_set.head)?;
            let rules = rule_set(&in_force.settings)?;
            let mut reading = self.read(
                target,
                change_set,
                &in_force.settings,
                &rules,
                Asking::Nothing,
            )?;
            let mut raised: HashMap<&str, &Vec<RawFinding>> = HashMap::new();
            raised.extend(kept.rules.iter().map(|(key, raw)| (key.as_str(), raw)));
            reading.say_again(|key| {
                let raw = raised.get(key.to_string().as_str());
                raw.map(|raw| (*raw).clone())
            });
            let mut receipts = kept.receipts.clone();
            let mut said = Vec::new();
            for review in reviews {
                let Some(heard) = heard_again(review, &reading, &mut receipts) else {
                    continue;
                };
                said.extend(heard.said());
                let settings = &in_force.settings;
                receipts.extend(self.receipts_of(heard, target, &reading, settings)?);
            }
            let (opinions, _) = self.opinions_of(
                target,
                &reading,
                &in_force.settings,
                replies,
                &receipts,
                &[],
            )?;
            let panel = Panel {
                names: kept.panel.clone(),
                specs: kept.specs.clone(),
                agents: Vec::new(),
            };
            let remembered = Remembered {
                receipts,
                unpaid: kept.unpaid.clone(),
            };
            let advice = self.advice(target, &in_force.settings)?;
            let counting = Counting::new(&panel, &in_force.settings, &advice);
            let answers = Answers {
                silent: kept.silent.clone(),
                said,
                ..Answers::default()
            };
            let led = Led {
                spec: kept.lead.clone(),
                answers: kept.led.clone(),
                notes: Vec::new(),
            };
            let site = Site {
                target,
                reading: &reading,
                in_force: &in_force,
                decisions,
                specs: &kept.specs,
            };
            let mut joined = joined(&in_force, &reading, &opinions);
            self.apply_led(&site, &opinions, &mut joined, &led)?;
            let seen = Seen {
                target,
                in_force: &in_force,
                reading: &reading,
                opinions: &opinions,
                lacking: counting.lacking(&reading, &remembered, &kept.silent),
                panel: &panel,
                led: &led,
                answers: &answers,
            };
            self.gather(&mut gathering, seen, joined, Asking::Missing)?;
        }
        let mut report = self.report_of(gathering, &stored.scope, stored.nothing.clone());
        report.id.clone_from(&stored.id);
        report.repo.clone_from(&stored.repo);
        report.round = stored.round;
        report.rounds.clone_from(&stored.rounds);
        report.millis = stored.millis;
        report.agents.clone_from(&stored.agents);
        report.warnings.clone_from(&stored.warnings);
        report.narrative.clone_from(&stored.narrative);
        let earlier = stored.said.iter().filter(|said| said.round.is_some());
        report.said.extend(earlier.cloned());
        report.complete();
        Ok(report)
    }

    /// Fails unless the repository still has what a target was.
    fn still_has(&self, target: &Target) -> Result<()> {
        let mut needed: Vec<Oid> = target
            .listed
            .iter()
            .flatten()
            .map(|commit| commit.id)
            .collect();
        needed.extend(target.head.commit());
        needed.extend(target.base.commit);
        needed.extend(target.paid.as_ref().map(|paid| paid.tip));
        for id in needed {
            if matches!(self.repo.peel(&id)?, Peeled::Missing) {
                return Err(anyhow!(
                    "commit {} is gone from this repository",
                    id.short()
                ))
                .with_context(|| format!("`{}` can't be read again", target.name));
            }
        }
        Ok(())
    }

    /// The raw reviews of a record, byte for byte.
    fn kept_replies(&self, id: &ReviewId, kept: &[ReplyRecord]) -> Result<Vec<Reply>> {
        kept.iter()
            .map(|kept| {
                let bytes = self
                    .store
                    .raw_review(id, &kept.file)?
                    .with_context(|| format!("the raw review `{}` is gone", kept.file))?;
                if blake3::hash(&bytes).to_hex().as_str() != kept.digest {
                    bail!("the raw review `{}` was changed", kept.file);
                }
                Ok(Reply {
                    agent: kept.agent.clone(),
                    bytes,
                })
            })
            .collect()
    }

    /// The raw reviews that a stored review was made from in its own run, by agent; those of the rules
    /// reviewer are data and not among them. Damaged ones are left out.
    pub(crate) fn originals(&self, id: &ReviewId) -> Vec<Reply> {
        let Some(record) = self.store.review_record::<Record>(id) else {
            return Vec::new();
        };
        let of_panel = record.targets.iter().flat_map(|target| &target.reviews);
        let all = record.replies.iter().chain(of_panel);
        all.filter_map(|kept| self.kept_replies(id, std::slice::from_ref(kept)).ok())
            .flatten()
            .collect()
    }
}

/// A review of the panel, read again: what its receipts say but for what it says itself. They are taken out,
/// for those that it gives now. `None` if it gave none.
fn heard_again(review: &Reply, reading: &Reading, receipts: &mut Vec<Receipt>) -> Option<Heard> {
    let digest = digest(&review.bytes);
    let is_own = |receipt: &mut Receipt| {
        let reply = receipt.handed_in.as_ref();
        reply.is_some_and(|it| it.reply == digest)
    };
    let own: Vec<Receipt> = receipts.extract_if(.., is_own).collect();
    let spec = own.first()?.agent.clone();
    let units = reading.counting();
    let read = own.into_iter().filter_map(|receipt| {
        let index = units.iter().position(|unit| unit.key == receipt.unit)?;
        Some((index, receipt.asked?))
    });
    let mut heard = Heard {
        digest,
        read: Some(read.collect()),
        review: parse::parse(&String::from_utf8_lossy(&review.bytes)),
        spec,
    };
    for finding in &mut heard.review.findings {
        finding.agent.clone_from(&heard.spec.name);
    }
    Some(heard)
}

fn decided_at(decision: &Decision) -> Timestamp {
    match decision {
        Decision::Resolved(resolved) => resolved.at,
        Decision::Reopened(reopened) => reopened.at,
        Decision::Skipped(skipped) => skipped.at,
    }
}
