//! What agents said about the units of a target, remembered or just taken in, checked against the code
//! as it stands now. Joining it with what the rules found is left to `joining`.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use anyhow::{Context, Result};
use jiff::Timestamp;

use super::read_units::{ReadUnit, Reading};
use super::reading::moved;
use super::replies::{Heard, Reply, Unheard, hear, is_named};
use super::tree::{Sides, TargetTree};
use super::unpaid::Unpaid;
use super::{Asking, Scope, Session};
use crate::config::Settings;
use crate::diff::{Change, RepoPath, UnitKey};
use crate::error::HintExt;
use crate::finding::{Anchor, Checked, Location, RawFinding};
use crate::git::{ReadLimits, Repo};
use crate::ground::evidence::{Evidence, PathEvidence};
use crate::ground::{Grounds, Side};
use crate::ledger;
use crate::owed::Target;
use crate::receipt::{AgentSpec, Asked, Receipt};
use crate::report::{AgentReport, FailedAgent, Said};
use crate::rules;

/// What agents said, each raw finding once, in an order that depends on nothing but what was said.
#[derive(Debug, Default)]
pub(super) struct Opinions {
    /// With their places as the code has them; agent and id name each.
    pub(super) raw: Vec<RawFinding>,
    /// What checking each gave.
    pub(super) checks: Vec<Checked>,
    /// The code of each.
    pub(super) anchors: Vec<Anchor>,
    /// Who read how many units.
    pub(super) agents: Vec<AgentReport>,
    /// Whose reply is no answer, with what could be read of it all the same.
    pub(super) failed: Vec<(FailedAgent, Vec<RawFinding>)>,
    /// What was said of a change that has no unit to keep it with.
    pub(super) idle: Vec<RawFinding>,
    /// What was said besides findings, in new replies.
    pub(super) said: Vec<Said>,
    /// The receipts of earlier replies that were looked at.
    pub(super) remembered: Vec<Receipt>,
    read_by: BTreeMap<UnitKey, Vec<String>>,
}

/// What is remembered of the opinions on a target: receipts of agents and of reviews handed in.
#[derive(Debug, Default)]
pub(super) struct Remembered {
    /// The oldest first.
    pub(super) receipts: Vec<Receipt>,
    /// What was not read because a limit was spent.
    pub(super) unpaid: Unpaid,
}

/// Receipts by the unit they are about.
#[derive(Debug)]
pub(super) struct ByUnit<'r>(HashMap<UnitKey, Vec<&'r Receipt>>);

impl<'r> ByUnit<'r> {
    fn of(receipts: &'r [Receipt]) -> Self {
        let mut by_unit: HashMap<UnitKey, Vec<&Receipt>> = HashMap::new();
        for receipt in receipts {
            by_unit.entry(receipt.unit).or_default().push(receipt);
        }
        Self(by_unit)
    }

    fn about(&self, unit: UnitKey) -> &[&'r Receipt] {
        self.0.get(&unit).map_or(&[], Vec::as_slice)
    }

    /// True if an agent in exactly this setting has read a unit; `stale` says which receipts no longer
    /// count because it had been told something else.
    pub(super) fn has_read(
        &self,
        spec: &AgentSpec,
        unit: UnitKey,
        stale: &dyn Fn(&Asked) -> bool,
    ) -> bool {
        self.about(unit).iter().any(|receipt| {
            receipt.agent == *spec
                && receipt.handed_in.as_ref().is_some_and(|it| it.accounted)
                && receipt.asked.as_ref().is_some_and(|asked| !stale(asked))
        })
    }
}

impl Remembered {
    /// The same by unit, to look up many.
    pub(super) fn by_unit(&self) -> ByUnit<'_> {
        ByUnit::of(&self.receipts)
    }
}

impl Opinions {
    /// Who has read a unit.
    pub(super) fn readers(&self, unit: &ReadUnit) -> &[String] {
        self.read_by.get(&unit.key).map_or(&[], Vec::as_slice)
    }
}

impl Session {
    /// What is remembered of the opinions on the units of a target.
    pub(super) fn remembered(&mut self, reading: &Reading) -> Remembered {
        let units: Vec<(UnitKey, &RepoPath)> = reading
            .counting()
            .into_iter()
            .map(|unit| (unit.key, unit.change.path()))
            .collect();
        let (receipts, unusable) = self.store.handed_in(&units).unwrap_or_else(|error| {
            self.warn(format!("no earlier opinion could be read: {error:#}"));
            (Vec::new(), 0)
        });
        if unusable > 0 {
            self.warn(format!(
                "{unusable} receipts of agents or handed-in reviews were damaged or not sealed by this user, and count for nothing"
            ));
        }
        Remembered {
            receipts,
            unpaid: self.unpaid(),
        }
    }

    /// Collects what agents said about a target: what is remembered of its units, what the panel said
    /// just now, and reviews that were handed in.
    pub(super) fn opinions(
        &mut self,
        target: &Target,
        reading: &Reading,
        settings: &Settings,
        remembered: &Remembered,
        new: New<'_>,
    ) -> Result<Opinions> {
        let (opinions, handed_in) = self.opinions_of(
            target,
            reading,
            settings,
            new.replies,
            &remembered.receipts,
            new.panel,
        )?;
        if new.asking != Asking::Nothing
            && !handed_in.is_empty()
            && let Err(error) = self.store.add_handed_in(&handed_in)
        {
            self.warn(format!("not remembered: {error:#}"));
        }
        Ok(opinions)
    }

    /// What the replies, the receipts of earlier ones and those of the panel come to, with the receipts
    /// for the replies.
    pub(super) fn opinions_of(
        &self,
        target: &Target,
        reading: &Reading,
        settings: &Settings,
        replies: &[Reply],
        known: &[Receipt],
        panel: &[Receipt],
    ) -> Result<(Opinions, Vec<Receipt>)> {
        let (heard, unheard) = heard(replies);
        let mut opinions = Opinions {
            failed: unheard
                .into_iter()
                .map(|it| (it.failed, it.findings))
                .collect(),
            said: heard.iter().filter_map(Heard::said).collect(),
            ..Opinions::default()
        };
        if reading.counting().is_empty() {
            let findings = heard.into_iter().flat_map(|it| it.review.findings);
            opinions.idle = findings.collect();
            return Ok((opinions, Vec::new()));
        }
        if heard.is_empty() && known.is_empty() && panel.is_empty() {
            return Ok((opinions, Vec::new()));
        }
        let named: Vec<&RawFinding> = heard
            .iter()
            .flat_map(|heard| &heard.review.findings)
            .chain(known.iter().flat_map(|receipt| &receipt.findings))
            .chain(panel.iter().flat_map(|receipt| &receipt.findings))
            .collect();
        let tree = tree_for(&self.repo, target, reading.head_changes(), settings, &named)?;
        drop(named);
        let reviewed = tree.reviewed();
        let grounds = Grounds::new(&reviewed);
        let handed_in: Vec<Receipt> = heard
            .into_iter()
            .flat_map(|heard| heard.receipts(&grounds, &tree, reading, self.now))
            .collect();
        let mut fresh = panel.to_vec();
        fresh.extend(handed_in);
        opinions.recall(known, &fresh, reading, &grounds, &tree);
        opinions.remembered = known.to_vec();
        opinions.remembered.extend_from_slice(panel);
        Ok((opinions, fresh.split_off(panel.len())))
    }

    /// The receipts that an agent's answer gives, checked against the code.
    pub(super) fn receipts_of(
        &self,
        heard: Heard,
        target: &Target,
        reading: &Reading,
        settings: &Settings,
    ) -> Result<Vec<Receipt>> {
        let named: Vec<&RawFinding> = heard.review.findings.iter().collect();
        let tree = tree_for(&self.repo, target, reading.head_changes(), settings, &named)?;
        drop(named);
        let reviewed = tree.reviewed();
        let grounds = Grounds::new(&reviewed);
        Ok(heard.receipts(&grounds, &tree, reading, self.now))
    }
}

/// What is said about a target in this run.
#[derive(Clone, Copy)]
pub(super) struct New<'a> {
    /// Reviews that were handed in.
    pub(super) replies: &'a [Reply],
    /// Receipts of the panel's answers.
    pub(super) panel: &'a [Receipt],
    /// Whether anything may be written.
    pub(super) asking: Asking,
}

impl Session {
    /// Checks findings against the first target of a scope, in the order given.
    pub(crate) fn check(
        &mut self,
        scope: &Scope,
        findings: &[RawFinding],
    ) -> Result<Vec<Evidence>> {
        let (targets, _) = self.owed(scope)?;
        let target = targets
            .first()
            .context("there is no change to compare with")
            .hint("name one with --range or --commit")?;
        let (changes, _) = self.head_changes(target)?;
        let in_force = self.in_force(target, &changes)?;
        let named: Vec<&RawFinding> = findings.iter().collect();
        let tree = tree_for(&self.repo, target, changes, &in_force.settings, &named)?;
        let reviewed = tree.reviewed();
        let grounds = Grounds::new(&reviewed);
        Ok(findings.iter().map(|raw| grounds.check(raw)).collect())
    }
}

/// What grounding asks for about these findings.
pub(super) fn tree_for<'r>(
    repo: &'r Repo,
    target: &Target,
    changes: Vec<Change>,
    settings: &Settings,
    named: &[&RawFinding],
) -> Result<TargetTree<'r>> {
    let limit = settings.max_file_size.value;
    let limits = ReadLimits {
        max_file_bytes: limit,
        ..ReadLimits::default()
    };
    let sides = Sides::of(repo, target, changes, limit)?;
    let ids = rules::builtin_rules().map(|rule| rule.id.to_string());
    let configured = settings.rules.iter().map(|rule| rule.value.id.clone());
    TargetTree::of(sides, &limits, ids.chain(configured).collect(), named)
}

/// The replies that are answers, and the others.
fn heard(replies: &[Reply]) -> (Vec<Heard>, Vec<Unheard>) {
    let (mut answers, mut others) = (Vec::new(), Vec::new());
    for reply in replies {
        match hear(reply) {
            Ok(heard) => answers.push(heard),
            Err(unheard) => others.push(unheard),
        }
    }
    others.sort_by(|a, b| a.failed.agent.cmp(&b.failed.agent));
    (answers, others)
}

impl Opinions {
    /// Puts together what receipts say. Of one agent and unit the newest counts.
    fn recall(
        &mut self,
        known: &[Receipt],
        fresh: &[Receipt],
        reading: &Reading,
        grounds: &Grounds<'_>,
        tree: &TargetTree<'_>,
    ) {
        let units: BTreeMap<UnitKey, &ReadUnit> = reading
            .counting()
            .into_iter()
            .map(|unit| (unit.key, unit))
            .collect();
        let mut exact: BTreeMap<(&str, UnitKey), &Receipt> = BTreeMap::new();
        for receipt in known.iter().chain(fresh) {
            if units.contains_key(&receipt.unit) {
                exact.insert((&receipt.agent.name, receipt.unit), receipt);
            }
        }
        let has_current = |agent: &str, path: &RepoPath| {
            exact
                .values()
                .any(|receipt| receipt.agent.name == agent && receipt.path == *path)
        };
        let mut earlier: BTreeMap<(&str, &RepoPath), &Receipt> = BTreeMap::new();
        for receipt in known {
            let (agent, path) = (receipt.agent.name.as_str(), &receipt.path);
            if !units.contains_key(&receipt.unit) && !has_current(agent, path) {
                earlier.insert((agent, path), receipt);
            }
        }

        let mut said = Replies::default();
        for receipt in exact.values() {
            let unit = units[&receipt.unit];
            said.add(receipt, &unit.hunks);
        }
        for receipt in earlier.values() {
            said.carry(receipt, tree);
        }
        for raw in said.in_order() {
            let evidence = grounds.check(&raw);
            self.anchors.push(anchor(&raw, &evidence, tree));
            self.checks.push(Checked {
                agent: raw.agent.clone(),
                id: raw.id.clone(),
                sentences: sentences(&evidence),
                supported: evidence.supported(),
            });
            self.raw.push(grounded(raw, &evidence));
        }
        self.count(&exact, fresh);
    }

    /// Counts who read what.
    fn count(&mut self, exact: &BTreeMap<(&str, UnitKey), &Receipt>, fresh: &[Receipt]) {
        let fresh = ByUnit::of(fresh);
        let mut agents: BTreeMap<&str, AgentReport> = BTreeMap::new();
        for ((agent, unit), receipt) in exact {
            let report = agents.entry(agent).or_insert_with(|| AgentReport {
                name: (*agent).to_owned(),
                ..AgentReport::default()
            });
            // Who raises something about a unit need not have read it, unless there is nothing else to go by.
            let accounted = receipt.handed_in.as_ref().is_none_or(|it| it.accounted);
            if !accounted && !receipt.agent.is_of_file() {
                continue;
            }
            if fresh.about(*unit).contains(receipt) {
                report.read += 1;
            } else {
                report.remembered += 1;
            }
            let readers = self.read_by.entry(*unit).or_default();
            readers.push((*agent).to_owned());
        }
        self.agents = agents.into_values().collect();
    }
}

/// Raw findings by agent, time and digest of their reply, then by id.
#[derive(Default)]
struct Replies<'r> {
    replies: BTreeMap<(&'r str, Timestamp, &'r str), BTreeMap<&'r str, RawFinding>>,
}

impl<'r> Replies<'r> {
    /// Adds the findings of a receipt whose hunks now begin elsewhere.
    fn add(&mut self, receipt: &'r Receipt, hunks: &[u32]) {
        let findings = self.of(receipt);
        for raw in &receipt.findings {
            let here = relocated(raw, &receipt.path, &receipt.hunks, hunks);
            match findings.get_mut(raw.id.as_str()) {
                None => {
                    findings.insert(&raw.id, here);
                }
                // A finding of several receipts: each knows where its own file's lines stand now.
                Some(known) => {
                    for (known, now) in known.locations.iter_mut().zip(here.locations) {
                        if is_named(&receipt.path, &now.path) {
                            *known = now;
                        }
                    }
                }
            }
        }
    }

    /// Adds the findings of a receipt about an earlier state of its file whose code still stands:
    /// silence is no correction.
    fn carry(&mut self, receipt: &'r Receipt, tree: &TargetTree<'_>) {
        for said in &receipt.findings {
            let anchors = receipt.handed_in.as_ref().map(|it| &it.anchors);
            let anchor = anchors.and_then(|anchors| anchors.get(&said.id));
            let Some(anchor) = anchor.filter(|it| it.path == receipt.path && it.lines > 0) else {
                continue;
            };
            let text = tree.text(Side::Head, &anchor.path);
            let Some(lines) = text.and_then(|text| ledger::found_again(&text, anchor)) else {
                continue;
            };
            let mut raw = said.clone();
            let place = Location {
                path: anchor.path.clone(),
                lines: Some(lines),
            };
            let mut locations = raw.locations.iter_mut();
            match locations.find(|it| is_named(&it.path, &anchor.path)) {
                Some(location) => *location = place,
                None => raw.locations.insert(0, place),
            }
            self.of(receipt).entry(&said.id).or_insert(raw);
        }
    }

    fn of(&mut self, receipt: &'r Receipt) -> &mut BTreeMap<&'r str, RawFinding> {
        let handed_in = receipt.handed_in.as_ref();
        let reply = handed_in.map_or("", |handed_in| handed_in.reply.as_str());
        let key = (receipt.agent.name.as_str(), receipt.at, reply);
        self.replies.entry(key).or_default()
    }

    /// All of it, each with an id that is unique for its agent: a later reply's may be taken.
    fn in_order(self) -> Vec<RawFinding> {
        let mut taken: BTreeSet<(String, String)> = BTreeSet::new();
        let mut all = Vec::new();
        for mut raw in self.replies.into_values().flat_map(BTreeMap::into_values) {
            let own = raw.id.clone();
            let mut copy = 1;
            while !taken.insert((raw.agent.clone(), raw.id.clone())) {
                copy += 1;
                raw.id = format!("{own}.{copy}");
            }
            all.push(raw);
        }
        all
    }
}

/// A finding with its lines in a file moved to where they stand now.
fn relocated(raw: &RawFinding, path: &RepoPath, then: &[u32], now: &[u32]) -> RawFinding {
    let mut raw = raw.clone();
    for location in &mut raw.locations {
        if is_named(path, &location.path)
            && let Some(lines) = &mut location.lines
        {
            *lines = moved(then, now, *lines);
        }
    }
    raw
}

/// A finding as the code has it: its places resolved, its kind as it is treated.
pub(super) fn grounded(mut raw: RawFinding, evidence: &Evidence) -> RawFinding {
    for (location, checked) in raw.locations.iter_mut().zip(&evidence.places) {
        if let Some(place) = &checked.place {
            *location = place.clone();
        }
    }
    raw.kind = evidence.treated_as().or(raw.kind);
    raw
}

/// Each sentence once: several places may have the same to say.
pub(super) fn sentences(evidence: &Evidence) -> Vec<String> {
    let mut sentences: Vec<String> = Vec::new();
    for sentence in evidence.sentences() {
        if !sentences.contains(&sentence) {
            sentences.push(sentence);
        }
    }
    sentences
}

/// The code a checked finding is about: the first lines it names that are there, else the first file.
pub(super) fn code_of(evidence: &Evidence, tree: &TargetTree<'_>) -> Option<Anchor> {
    let places = || {
        evidence
            .places
            .iter()
            .filter_map(|it| Some((&it.path, it.place.as_ref()?)))
    };
    let anchored = |(path, place): (&PathEvidence, &Location)| {
        let side = match path {
            PathEvidence::Deleted => Side::Base,
            _ => Side::Head,
        };
        let text = tree.text(side, &place.path)?;
        Some(ledger::anchor(&place.path, &text, place.lines))
    };
    let mut with_lines = places().filter(|(_, place)| place.lines.is_some());
    with_lines
        .find_map(anchored)
        .or_else(|| places().find_map(anchored))
}

/// The code of a finding; of one about nothing that is there, the path it names.
pub(super) fn anchor(raw: &RawFinding, evidence: &Evidence, tree: &TargetTree<'_>) -> Anchor {
    code_of(evidence, tree).unwrap_or_else(|| Anchor {
        path: raw
            .locations
            .first()
            .map(|location| location.path.clone())
            .unwrap_or_default(),
        code: String::new(),
        around: String::new(),
        occurrence: 0,
        lines: 0,
    })
}
