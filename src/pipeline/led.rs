//! What leads said about the findings of a target, whenever that was: each word is looked up by the words
//! it was about, its quote is looked for in the code as it is now, and what then counts is applied.
//! Asking a lead is left to `leading`; how far a word counts, to `lead`.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::joining::{Joined, alone};
use super::opinions::{Opinions, anchor, grounded, sentences, tree_for};
use super::read_units::Reading;
use super::tree::TargetTree;
use super::{InForce, Session};
use crate::diff::RepoPath;
use crate::finding::{Anchor, Checked, Finding, LineRange, Location, Member, RawFinding, vendor};
use crate::ground::evidence::{Evidence, QuoteEvidence};
use crate::ground::{Grounds, Side};
use crate::lead::{self, Case, DOUBTFUL, ELSEWHERE, Lead, Quoted, Word, shares_agent};
use crate::ledger::{self, Decision};
use crate::owed::Target;
use crate::parse::verdicts::Verified;
use crate::receipt::AgentSpec;
use crate::report::{Dropped, MaybeSame, Moved, Narrative};

/// How many pairs of findings a lead is told may be one problem, per change.
const MOST_OFFERED: usize = 3;

/// What a lead said once. The findings it is about are named by [`Prepared::key`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct LeadAnswer {
    /// Who.
    pub(super) lead: AgentSpec,
    /// When.
    pub(super) at: Timestamp,
    /// The version of this program that asked.
    pub(super) program: String,
    /// The version of the brief.
    pub(super) prompt: String,
    /// Its verdicts; findings and texts of them are named by keys.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) verdicts: Vec<Verified>,
    /// Its own findings.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) added: Vec<Added>,
    /// Its prose, by what that is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) narrative: Option<(String, Narrative)>,
}

/// A finding of a lead's own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Added {
    /// As it was said.
    pub(super) raw: RawFinding,
    /// Its code then.
    pub(super) anchor: Anchor,
}

/// What leads said about one target, as far as it is to count.
#[derive(Clone, Debug, Default)]
pub(super) struct Led {
    /// Who leads; nobody if `None`.
    pub(super) spec: Option<AgentSpec>,
    /// All that this lead said, the oldest first.
    pub(super) answers: Vec<LeadAnswer>,
    /// What people should know.
    pub(super) notes: Vec<String>,
}

/// A finding that a lead may be asked about.
pub(super) struct Prepared {
    /// Stands for everything about it that an answer depends on but the code around it.
    pub(super) key: String,
    /// The finding under a neutral id.
    pub(super) case: Case,
    /// Its voices in the order in which a lead is given them: by their words, not by their names.
    pub(super) order: Vec<usize>,
}

/// What the words of a lead are compared with.
pub(super) struct Site<'s> {
    /// What is reviewed.
    pub(super) target: &'s Target,
    /// Its units.
    pub(super) reading: &'s Reading,
    /// The settings.
    pub(super) in_force: &'s InForce,
    /// What was decided.
    pub(super) decisions: &'s [Decision],
    /// The agents that may have said something.
    pub(super) specs: &'s [AgentSpec],
}

/// The findings that only agents state, in the order of their places.
pub(super) fn prepare(
    joined: &Joined,
    opinions: &Opinions,
    decisions: &[Decision],
) -> Vec<Prepared> {
    let checked = opinions.checks.iter().zip(&opinions.anchors);
    let known: BTreeMap<Member, (&RawFinding, &Checked, &Anchor)> = opinions
        .raw
        .iter()
        .zip(checked)
        .map(|(raw, (check, anchor))| (Member::of(raw), (raw, check, anchor)))
        .collect();
    let mut findings: Vec<&Finding> = joined.findings.iter().collect();
    findings.retain(|finding| finding.is_opinion());
    findings.sort_by(|a, b| (&a.locations, &a.id).cmp(&(&b.locations, &b.id)));
    let mut prepared = Vec::with_capacity(findings.len());
    for (nth, finding) in findings.into_iter().enumerate() {
        let members = &finding.voices.members;
        let mut order: Vec<usize> = (0..members.len()).collect();
        order.sort_by(|a, b| by_words(&members[*a]).cmp(&by_words(&members[*b])));
        let doubtful = finding.voices.confidence.is_some_and(|p| p < DOUBTFUL)
            || joined
                .maybe_same
                .iter()
                .any(|it| it.p >= ELSEWHERE && it.findings.contains(&Some(finding.id.clone())));
        let by_itself = |at: &usize| {
            let (raw, check, anchor) = known.get(&Member::of(&members[*at]))?;
            alone(raw, check, anchor)
        };
        prepared.push(Prepared {
            key: key(finding, &order),
            case: Case {
                id: format!("k{:02}", nth + 1),
                alone: if doubtful {
                    order.iter().map(by_itself).collect()
                } else {
                    Vec::new()
                },
                decided: decisions_about(finding, decisions).next().is_some(),
                finding: finding.clone(),
            },
            order,
        });
    }
    prepared
}

fn by_words(raw: &RawFinding) -> (&str, &str, Option<&str>, &str, &str) {
    let quote = raw.quote.as_deref();
    (&raw.title, &raw.body, quote, &raw.agent, &raw.id)
}

/// Line numbers are not part of it: code that only moves is the same.
fn key(finding: &Finding, order: &[usize]) -> String {
    let mut hasher = blake3::Hasher::new_derive_key("deep-review 2026 lead case 1");
    let mut add = |bytes: &[u8]| {
        hasher.update(&(bytes.len() as u64).to_le_bytes());
        hasher.update(bytes);
    };
    add(finding.anchor.path.as_bytes());
    add(finding.anchor.code.as_bytes());
    for at in order {
        let raw = &finding.voices.members[*at];
        add(raw.agent.as_bytes());
        add(raw.severity.map_or("", |it| it.as_str()).as_bytes());
        add(raw.title.as_bytes());
        add(raw.body.as_bytes());
        add(raw.quote.as_deref().unwrap_or_default().as_bytes());
    }
    hasher.finalize().to_hex()[..32].to_owned()
}

/// The decisions about exactly this finding that were not taken back.
pub(super) fn decisions_about<'d>(
    finding: &Finding,
    decisions: &'d [Decision],
) -> impl Iterator<Item = &'d ledger::Resolved> {
    let last = decisions.iter().rev().find_map(|decision| match decision {
        Decision::Resolved(it) if it.finding == finding.id => Some(Some(it)),
        Decision::Reopened(it) if it.finding == finding.id => Some(None),
        _ => None,
    });
    last.flatten().into_iter()
}

/// The likeliest pairs of findings that may be one problem, by the ids of their cases: those that
/// clustering left apart, and that no agent told as two. A case in doubt may lose the voice of that agent.
pub(super) fn offered(joined: &Joined, prepared: &[Prepared]) -> Vec<(String, String, MaybeSame)> {
    let case = |maybe: &MaybeSame, side: usize| {
        let id = maybe.findings[side].as_ref()?;
        prepared.iter().find(|it| it.case.finding.id == *id)
    };
    let pairs = joined.maybe_same.iter().filter_map(|maybe| {
        let (one, other) = (&case(maybe, 0)?.case, &case(maybe, 1)?.case);
        let may_part = |case: &Case| !case.alone.is_empty();
        (!shares_agent(&one.finding, &other.finding) || may_part(one) || may_part(other))
            .then(|| (one.id.clone(), other.id.clone(), maybe.clone()))
    });
    pairs.take(MOST_OFFERED).collect()
}

impl LeadAnswer {
    /// Its verdict about a finding.
    pub(super) fn verdict(&self, key: &str) -> Option<&Verified> {
        self.verdicts.iter().find(|it| it.cluster == key)
    }
}

impl Led {
    /// Forgets what is about none of these findings, raises none, and is no prose.
    pub(super) fn keep_relevant(&mut self, prepared: &[Prepared]) {
        let is_about = |said: &LeadAnswer| {
            let mut keys = prepared.iter().map(|it| &it.key);
            keys.any(|key| said.verdict(key).is_some())
        };
        self.answers
            .retain(|said| is_about(said) || !said.added.is_empty() || said.narrative.is_some());
    }

    /// What the findings were made from: all but prose.
    pub(super) fn about_findings(&self) -> Vec<LeadAnswer> {
        let answers = self.answers.iter().map(|said| LeadAnswer {
            narrative: None,
            ..said.clone()
        });
        answers
            .filter(|said| !said.verdicts.is_empty() || !said.added.is_empty())
            .collect()
    }
}

/// A verdict with neutral ids as the keys of what they name.
pub(super) fn keyed(mut verified: Verified, prepared: &[Prepared]) -> Verified {
    renamed(&mut verified, prepared, |it| (&it.case.id, &it.key));
    verified
}

/// The other way round; what is not there any more is not named.
fn unkeyed(mut verified: Verified, prepared: &[Prepared]) -> Verified {
    renamed(&mut verified, prepared, |it| (&it.key, &it.case.id));
    verified
}

fn renamed(
    verified: &mut Verified,
    prepared: &[Prepared],
    names: impl Fn(&Prepared) -> (&String, &String),
) {
    let rename = |name: &str| {
        let mut pairs = prepared.iter().map(&names);
        let found = pairs.find(|(from, _)| *from == name);
        found.map(|(_, to)| to.clone()).unwrap_or_default()
    };
    verified.cluster = rename(&verified.cluster);
    verified.same_as = rename(&verified.same_as);
    for text in &mut verified.apart {
        if let Some((name, nth)) = text.rsplit_once('.') {
            *text = format!("{}.{nth}", rename(name));
        }
    }
}

impl Session {
    /// Applies what a lead said to the findings of a target.
    pub(super) fn apply_led(
        &self,
        site: &Site<'_>,
        opinions: &Opinions,
        joined: &mut Joined,
        led: &Led,
    ) -> Result<Vec<String>> {
        let Some(spec) = &led.spec else {
            return Ok(Vec::new());
        };
        let prepared = prepare(joined, opinions, site.decisions);
        let newest = |key: &str| led.answers.iter().rev().find_map(|it| it.verdict(key));
        let verdicts: Vec<Verified> = prepared
            .iter()
            .filter_map(|it| Some(unkeyed(newest(&it.key)?.clone(), &prepared)))
            .collect();
        let added = added_of(led, site.reading);
        if verdicts.is_empty() && added.is_empty() {
            return Ok(Vec::new());
        }
        let (quoted, added) = self.proven(site, spec, &verdicts, added)?;
        let words: Vec<Word<'_>> = verdicts
            .iter()
            .zip(&quoted)
            .map(|(verified, quoted)| Word {
                verified,
                quoted: *quoted,
            })
            .collect();
        let pairs: Vec<(String, String)> = offered(joined, &prepared)
            .into_iter()
            .map(|(one, other, _)| (one, other))
            .collect();
        let vendor_of = |agent: &str| vendor_of(site.specs, spec, agent);
        let who = Lead {
            agent: &spec.name,
            vendor_of: &vendor_of,
        };
        let cases: Vec<Case> = prepared.into_iter().map(|it| it.case).collect();
        let outcome = lead::apply(cases, &words, &pairs, added, who);
        let notes = if outcome.restored.is_empty() || verdicts.is_empty() {
            Vec::new()
        } else {
            let left = outcome.restored.len();
            let what = if left == 1 { "finding" } else { "findings" };
            vec![format!(
                "the lead, {}, left out {left} {what}, unchanged by it",
                spec.name
            )]
        };
        joined.findings.retain(|finding| !finding.is_opinion());
        joined.findings.extend(outcome.findings);
        joined.sort();
        joined.moved = outcome.moved.into_iter().map(moved).collect();
        let dropped = outcome.dropped.into_iter();
        joined
            .dropped
            .extend(dropped.map(|(members, reason)| Dropped { members, reason }));
        joined.name_again();
        Ok(notes)
    }

    /// Looks for what a lead quotes, and checks its own findings, in the code as it is now.
    fn proven(
        &self,
        site: &Site<'_>,
        spec: &AgentSpec,
        verdicts: &[Verified],
        added: Vec<&Added>,
    ) -> Result<(Vec<Quoted>, Vec<Finding>)> {
        let claims: Vec<RawFinding> = verdicts.iter().map(claim).collect();
        let named: Vec<&RawFinding> = claims
            .iter()
            .chain(added.iter().map(|it| &it.raw))
            .collect();
        let settings = &site.in_force.settings;
        let changes = site.reading.head_changes();
        let tree = tree_for(&self.repo, site.target, changes, settings, &named)?;
        let reviewed = tree.reviewed();
        let grounds = Grounds::new(&reviewed);
        let proofs = claims.iter().map(|raw| quoted(&grounds.check(raw)));
        let proofs = proofs.collect();
        let mut own = Vec::new();
        for added in added {
            let Some(mut raw) = standing(added, &tree) else {
                continue;
            };
            raw.agent.clone_from(&spec.name);
            raw.id = format!("lead-{}", own.len() + 1);
            let evidence = grounds.check(&raw);
            let at = anchor(&raw, &evidence, &tree);
            let check = Checked {
                agent: raw.agent.clone(),
                id: raw.id.clone(),
                sentences: sentences(&evidence),
                supported: evidence.supported(),
            };
            own.extend(alone(&grounded(raw, &evidence), &check, &at));
        }
        Ok((proofs, own))
    }

    /// The code of findings that a lead raised just now, as it will be looked for later.
    pub(super) fn anchored(&self, site: &Site<'_>, raw: Vec<RawFinding>) -> Result<Vec<Added>> {
        let named: Vec<&RawFinding> = raw.iter().collect();
        let settings = &site.in_force.settings;
        let changes = site.reading.head_changes();
        let tree = tree_for(&self.repo, site.target, changes, settings, &named)?;
        let reviewed = tree.reviewed();
        let grounds = Grounds::new(&reviewed);
        let anchored = raw.into_iter().map(|raw| Added {
            anchor: anchor(&raw, &grounds.check(&raw), &tree),
            raw,
        });
        Ok(anchored.collect())
    }
}

/// A lead's quote as something that can be checked.
fn claim(verified: &Verified) -> RawFinding {
    RawFinding {
        locations: vec![Location {
            path: RepoPath::from(verified.path.as_str()),
            lines: (verified.line > 0).then_some(LineRange {
                start: verified.line,
                end: verified.line,
            }),
        }],
        quote: Some(verified.quote.clone()),
        ..RawFinding::default()
    }
}

fn quoted(evidence: &Evidence) -> Quoted {
    match evidence.quote {
        QuoteEvidence::Found { .. }
        | QuoteEvidence::Moved { .. }
        | QuoteEvidence::WhitespaceDiffers { .. } => Quoted::InHead,
        QuoteEvidence::OnlyInBase { .. } => Quoted::OnlyInBase,
        QuoteEvidence::Absent | QuoteEvidence::NotGiven => Quoted::Nowhere,
    }
}

/// The lead's own findings about files of this change, each once.
fn added_of<'l>(led: &'l Led, reading: &Reading) -> Vec<&'l Added> {
    let mut seen = BTreeSet::new();
    let all = led.answers.iter().rev().flat_map(|it| &it.added);
    let mut added: Vec<&Added> = all
        .filter(|it| reading.owes(&it.anchor.path))
        .filter(|it| seen.insert((&it.anchor.path, &it.anchor.code, &it.raw.title)))
        .collect();
    added.reverse();
    added
}

/// A finding of the lead's own where its code stands now; `None` if it is gone.
fn standing(added: &Added, tree: &TargetTree<'_>) -> Option<RawFinding> {
    let mut raw = added.raw.clone();
    if added.anchor.lines == 0 {
        return Some(raw);
    }
    let text = tree.text(Side::Head, &added.anchor.path)?;
    let lines = ledger::found_again(&text, &added.anchor)?;
    let place = Location {
        path: added.anchor.path.clone(),
        lines: Some(lines),
    };
    match raw.locations.first_mut() {
        Some(first) => *first = place,
        None => raw.locations.push(place),
    }
    Some(raw)
}

fn moved(away: lead::MovedAway) -> Moved {
    let finding = away.finding;
    Moved {
        place: away.to,
        reason: away.reason,
        title: finding.title,
        body: finding.body,
        locations: finding.locations,
        members: finding.voices.members,
        evidence: finding.voices.evidence,
    }
}

/// Whose model an agent is: by how it is called where that says so, else by its model's or its own name.
fn vendor_of(specs: &[AgentSpec], lead: &AgentSpec, agent: &str) -> String {
    let mut specs = specs.iter().chain([lead]);
    let Some(spec) = specs.find(|spec| spec.name == agent) else {
        return vendor(agent);
    };
    match spec.kind.as_str() {
        "claude" | "anthropic" => vendor("claude"),
        "codex" | "openai" => vendor("codex"),
        "gemini" | "gemini-api" => vendor("gemini"),
        "openai-chat" if !spec.model.is_empty() => vendor(&spec.model),
        _ => vendor(agent),
    }
}
