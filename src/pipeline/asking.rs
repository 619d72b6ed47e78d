//! Asks the panel about a target: what each agent has not read becomes briefs over one snapshot, and
//! each answer becomes receipts the moment it arrives.
//! Who must answer is `panel`'s to say; that all are asked at the same time, `seats`'.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Context as _, Result};

use super::opened::Opened;
use super::opinions::Remembered;
use super::panel::{Answers, Counting, Silent};
use super::read_units::Reading;
use super::replies::{Heard, digest};
use super::seats::{Ended, Place, Wants, seat_all};
use super::shown::ShownShards;
use super::told::Told;
use super::{Asking, InForce, Reply, Session};
use crate::agents::{Agent, AgentKind, FailureKind};
use crate::brief::again::re_ask;
use crate::brief::family::Family;
use crate::brief::input::{BriefUnit, Input, UnitKind};
use crate::brief::shards::{Budget, shards};
use crate::brief::{self, Brief};
use crate::diff::{Change, RepoPath, unified};
use crate::git::ReadLimits;
use crate::ledger::Decision;
use crate::owed::Target;
use crate::process::Interrupt;
use crate::receipt::{Asked, Receipt};
use crate::redact::{Mark, Redactor};
use crate::rules::{PathKind, path_kind};
use crate::snapshot::{self, Patience, Snapshot, UnitPages};
use crate::store::Turn;

/// A shard is filled up to so many tokens; a unit alone may have more.
pub(super) const SHARD: usize = 50_000;
/// The largest unit an agent is given, in tokens.
pub(super) const LARGEST_UNIT: usize = 200_000;
/// How often a process looks whether it is its turn.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// What the panel is asked about.
pub(super) struct Question<'q> {
    /// Who must answer.
    pub(super) counting: &'q Counting<'q>,
    /// What is reviewed.
    pub(super) target: &'q Target,
    /// Its units.
    pub(super) reading: &'q Reading,
    /// The settings.
    pub(super) in_force: &'q InForce,
    /// What was decided.
    pub(super) decisions: &'q [Decision],
    /// Whether what is remembered counts.
    pub(super) asking: Asking,
}

/// The units each agent is to read, by their place among those that count.
pub(super) type Wanted = Vec<(usize, Vec<usize>)>;

impl Session {
    /// Asks the agents of the panel for what they have not read. What they said is remembered at once;
    /// what keeps all of them from being asked is each one's failure. What they shared is left open for
    /// further questions.
    pub(super) fn ask_panel(
        &mut self,
        question: &Question<'_>,
        remembered: &mut Remembered,
    ) -> (Answers, Option<Opened>) {
        let asks = matches!(question.asking, Asking::Missing | Asking::Everything);
        if !asks || question.wanted(remembered).is_empty() {
            return (Answers::default(), None);
        }
        let asked = self.ask_in_turn(question, remembered);
        let (answers, opened) = asked.unwrap_or_else(|error| {
            let why = format!("not asked: {error:#}");
            let kind = FailureKind::NoAnswer;
            (Answers::of_nobody(question.counting, kind, &why), None)
        });
        self.note_unpaid(question, remembered, &answers);
        (answers, opened)
    }

    fn ask_in_turn(
        &mut self,
        question: &Question<'_>,
        remembered: &mut Remembered,
    ) -> Result<(Answers, Option<Opened>)> {
        let interrupt = Interrupt::on_signals()?;
        let Some((turn, waited)) = self.turn(&interrupt)? else {
            self.interrupted = true;
            let kind = FailureKind::Interrupted;
            let answers = Answers::of_nobody(question.counting, kind, "interrupted");
            return Ok((answers, None));
        };
        if waited {
            // Whoever had the turn may have asked for the same.
            *remembered = self.remembered(question.reading);
        }
        let unread = question.wanted(remembered);
        if unread.is_empty() {
            return Ok((Answers::default(), None));
        }
        let opened = self.open_snapshot(question, interrupt, turn)?;
        let mut answers = match self.ask(question, &unread, &opened) {
            Ok(answers) => answers,
            Err(error) => {
                self.close(opened);
                return Err(error);
            }
        };
        let opened = self.ask_alone(question, unread, opened, &mut answers);
        Ok((answers, opened))
    }

    /// Where the snapshot was changed while several agents read, asks each whose answer that spoiled once more,
    /// alone and on a new one: whoever did it is named then, and the others are heard. Returns a snapshot that
    /// nobody has changed.
    fn ask_alone(
        &mut self,
        question: &Question<'_>,
        unread: Wanted,
        mut opened: Opened,
        answers: &mut Answers,
    ) -> Option<Opened> {
        let agents = &question.counting.panel.agents;
        let is_spoiled = |it: &&Silent| it.kind == FailureKind::Tampered;
        let spoiled = answers.silent.iter().filter(is_spoiled);
        let spoiled: BTreeSet<String> = spoiled.map(|it| it.agent.clone()).collect();
        // Whoever ended before the only one has seen nothing changed.
        let in_doubt = spoiled.len() > 1;
        for (agent, mut units) in unread {
            let name = &agents[agent].name;
            if !in_doubt || !spoiled.contains(name) || opened.interrupt.is_set() {
                continue;
            }
            let counting = question.reading.counting();
            let spec = agents[agent].spec();
            let so_far = Remembered {
                receipts: answers.receipts.clone(),
                ..Remembered::default()
            };
            let so_far = so_far.by_unit();
            units.retain(|unit| !so_far.has_read(&spec, counting[*unit].key, &|_| false));
            opened = self.renewed_or_none(question, opened)?;
            match self.ask(question, &vec![(agent, units)], &opened) {
                Ok(more) => {
                    answers
                        .silent
                        .retain(|it| it.agent != *name || !is_spoiled(&it));
                    answers.take_in(more);
                }
                Err(error) => self.warn(format!("{name} was not asked again: {error:#}")),
            }
        }
        if spoiled.is_empty() || opened.snapshot.changed().is_none() {
            return Some(opened);
        }
        // The lead is to read what was reviewed.
        self.renewed_or_none(question, opened)
    }

    fn renewed_or_none(&mut self, question: &Question<'_>, opened: Opened) -> Option<Opened> {
        match self.renewed(question, opened) {
            Ok(renewed) => Some(renewed),
            Err(error) => {
                self.warn(format!("nobody else was asked: {error:#}"));
                None
            }
        }
    }

    /// Waits until no other process asks about this repository; `None` if interrupted.
    pub(super) fn turn(&mut self, interrupt: &Interrupt) -> Result<Option<(Option<Turn>, bool)>> {
        let mut waited = false;
        loop {
            match self.store.turn() {
                Ok(Some(turn)) => return Ok(Some((Some(turn), waited))),
                Ok(None) => waited = true,
                // A store that can't be written must not keep anybody from reviewing.
                Err(error) => {
                    self.warn(format!("not remembered: {error:#}"));
                    return Ok(Some((None, false)));
                }
            }
            if interrupt.wait(LOOK_EVERY) {
                return Ok(None);
            }
        }
    }

    fn ask(
        &mut self,
        question: &Question<'_>,
        wanted: &Wanted,
        opened: &Opened,
    ) -> Result<Answers> {
        let agents = &question.counting.panel.agents;
        let snapshot = &opened.snapshot;
        let redact = |path: &RepoPath, text: &[u8]| opened.shield.file(path, text);
        let mut units: BTreeSet<usize> = BTreeSet::new();
        units.extend(wanted.iter().flat_map(|(_, units)| units));
        let redactor = opened.shield.of_patches();
        let asked_for = units;
        let units = self.units_to_read(question, &asked_for, snapshot, &redact, redactor)?;
        let sees_secrets = |agent: usize| redactor.is_some() && !agents[agent].redact;
        let clear = if wanted.iter().any(|(agent, _)| sees_secrets(*agent)) {
            self.clear(question, &asked_for, &units)?
        } else {
            BTreeMap::new()
        };
        let told = self.told(question, snapshot)?;
        let run = Run {
            question,
            told: &told,
            units: &units,
            clear: &clear,
            snapshot,
            nonce: random_hex(16)?,
        };
        let mut places = Vec::new();
        let mut answers = Answers::default();
        let mut shown = ShownShards::new(&run.nonce, snapshot);
        for (agent, indices) in wanted {
            if let Err(error) = run.seat(&agents[*agent], indices, &mut shown, &mut places) {
                answers.silent.push(Silent {
                    agent: agents[*agent].name.clone(),
                    kind: FailureKind::Refused,
                    why: format!("{error:#}"),
                });
            }
        }
        let room = opened.room(&self.limits, &redact);
        let listener = std::mem::replace(&mut self.listener, Box::new(crate::progress::Unheard));
        let listening = listener.as_ref();
        let mut heard = |all: Vec<Ended>| {
            let of_each = all
                .into_iter()
                .flat_map(|ended| self.hear(question, &run, &places, ended, &mut answers));
            let receipts: Vec<Receipt> = of_each.collect();
            if let Err(error) = self.store.add_handed_in(&receipts) {
                self.warn(format!("not remembered: {error:#}"));
            }
            answers.receipts.extend(receipts);
        };
        seat_all(&places, &room, listening, &mut heard);
        self.listener = listener;
        self.interrupted |= opened.interrupt.is_set();
        Ok(answers)
    }

    /// Takes in how one seat ended; the receipts that what was understood gives.
    fn hear(
        &mut self,
        question: &Question<'_>,
        run: &Run<'_>,
        places: &[Place<'_>],
        ended: Ended,
        answers: &mut Answers,
    ) -> Vec<Receipt> {
        let mut given = Vec::new();
        let place = &places[ended.seat];
        let agent = place.agent;
        if let Some(failure) = &ended.failure
            && failure.kind == FailureKind::OverBudget
        {
            let read = |id: &String| ended.replies.iter().any(|it| it.units.contains(id));
            let counting = question.reading.counting();
            let given = run
                .units
                .iter()
                .filter(|(_, unit)| place.is_given(&unit.id));
            for (index, _) in given.filter(|(_, unit)| !read(&unit.id)) {
                answers.unpaid.add(&agent.spec(), counting[*index].key);
            }
        }
        answers.add_spent(&agent.name, &ended.spent);
        if let Some(cost) = ended.spent.cost
            && let Err(error) = self.store.add_spent(self.today(), cost)
        {
            self.warn(format!("what agents cost is not remembered: {error:#}"));
        }
        for understood in ended.replies {
            let read = run.receipts_for(&understood.units, ended.spent.model.as_deref());
            let label = answers.label(&agent.name);
            let mut heard = Heard {
                spec: agent.spec(),
                digest: digest(&understood.bytes),
                review: understood.review,
                read: Some(read),
            };
            for finding in &mut heard.review.findings {
                finding.agent.clone_from(&agent.name);
            }
            answers.said.extend(heard.said());
            answers.reviews.push(Reply {
                agent: label,
                bytes: understood.bytes,
            });
            let settings = &question.in_force.settings;
            match self.receipts_of(heard, question.target, question.reading, settings) {
                Ok(receipts) => given.extend(receipts),
                Err(error) => answers.silent.push(Silent {
                    agent: agent.name.clone(),
                    kind: FailureKind::NoAnswer,
                    why: format!("its answer can't be compared with the code: {error:#}"),
                }),
            }
        }
        if let Some(failure) = ended.failure {
            answers.silent.push(Silent {
                agent: agent.name.clone(),
                kind: failure.kind,
                why: failure.why,
            });
        } else if let Some((unit, why)) = ended.missing.first() {
            let named = run.units.values().find(|known| known.id == *unit);
            let path = named.map_or(unit.clone(), |known| known.path.to_str_lossy().into_owned());
            answers.silent.push(Silent {
                agent: agent.name.clone(),
                kind: FailureKind::NoAnswer,
                why: format!(
                    "{} left out although it was asked twice, {path} first: {why}",
                    count(ended.missing.len())
                ),
            });
        }
        given
    }

    /// The units that are given to agents, with their redacted patches and the files about them.
    fn units_to_read(
        &self,
        question: &Question<'_>,
        asked_for: &BTreeSet<usize>,
        snapshot: &Snapshot,
        redact: &snapshot::Redact<'_>,
        redactor: Option<&Redactor>,
    ) -> Result<BTreeMap<usize, BriefUnit>> {
        let given = self.given(question, asked_for, redactor)?;
        let counting = question.reading.counting();
        let ids: Vec<(String, &Change)> = given
            .iter()
            .map(|(index, (unit, _))| (unit.id.clone(), &counting[*index].change))
            .collect();
        let material = snapshot::material(snapshot, &self.repo, &ids, redact, Patience::default())?;
        let with_files = |((index, (mut unit, _)), pages): ((usize, Given), &UnitPages)| {
            unit.files = pages.base.iter().chain(&pages.blame).cloned().collect();
            (index, unit)
        };
        Ok(given
            .into_iter()
            .zip(&material.units)
            .map(with_files)
            .collect())
    }

    /// The same units with their patches as they stand, for agents that may see secrets among others that may
    /// not.
    fn clear(
        &self,
        question: &Question<'_>,
        asked_for: &BTreeSet<usize>,
        units: &BTreeMap<usize, BriefUnit>,
    ) -> Result<BTreeMap<usize, BriefUnit>> {
        let mut clear = BTreeMap::new();
        for (index, (mut unit, _)) in self.given(question, asked_for, None)? {
            unit.files.clone_from(&units[&index].files);
            clear.insert(index, unit);
        }
        Ok(clear)
    }

    /// Units as agents are given them, with their redacted patches and what was cut from each; without a
    /// redactor nothing is.
    pub(super) fn given(
        &self,
        question: &Question<'_>,
        asked_for: &BTreeSet<usize>,
        redactor: Option<&Redactor>,
    ) -> Result<BTreeMap<usize, Given>> {
        let counting = question.reading.counting();
        let changes: Vec<Change> = asked_for
            .iter()
            .map(|index| counting[*index].change.clone())
            .collect();
        let limits = ReadLimits {
            max_file_bytes: question.in_force.settings.max_file_size.value,
            ..ReadLimits::default()
        };
        let names = self.repo.names();
        let patches = self
            .repo
            .read_patches(&changes, &limits, |_, change, patch| {
                let written = unified::written(change, patch, names)?;
                let Some(redactor) = redactor else {
                    return Ok((written.text, Vec::new()));
                };
                let redaction = redactor.redact_patch(change, patch, &written);
                Ok::<_, anyhow::Error>((redaction.text.into_owned(), redaction.marks))
            })?;
        let lines = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let mut given = BTreeMap::new();
        for ((index, change), patch) in asked_for.iter().zip(&changes).zip(patches) {
            let (patch, marks) = patch.context("cannot write a patch")?;
            let (added, removed) = counting[*index].line_counts();
            let unit = BriefUnit {
                id: id_of(*index),
                path: change.path().clone(),
                old_path: match change {
                    Change::Renamed { old, .. } => Some(old.path.clone()),
                    _ => None,
                },
                status: change.word().to_owned(),
                added: lines(added),
                removed: lines(removed),
                kind: kind_of(path_kind(change.path())),
                redacted: !marks.is_empty(),
                patch,
                files: Vec::new(),
                seen_before: false,
            };
            given.insert(*index, (unit, marks));
        }
        Ok(given)
    }
}

/// A unit as agents are given it, and what was cut from its patch.
pub(super) type Given = (BriefUnit, Vec<Mark>);

/// One run over one target: what all its briefs have in common.
struct Run<'r> {
    question: &'r Question<'r>,
    told: &'r Told,
    units: &'r BTreeMap<usize, BriefUnit>,
    /// The same with their secrets, if there is anybody among others who may see them.
    clear: &'r BTreeMap<usize, BriefUnit>,
    snapshot: &'r Snapshot,
    nonce: String,
}

impl Question<'_> {
    /// What each agent has yet to read; agents with nothing to read are left out.
    pub(super) fn wanted(&self, remembered: &Remembered) -> Wanted {
        let nothing = Remembered::default();
        let known = match self.asking {
            Asking::Everything => &nothing,
            _ => remembered,
        };
        self.counting
            .panel
            .agents
            .iter()
            .enumerate()
            .map(|(at, agent)| (at, self.counting.unread(agent, self.reading, known)))
            .filter(|(_, units)| !units.is_empty())
            .collect()
    }
}

impl<'r> Run<'r> {
    /// Makes the briefs for one agent, in shards if the change is large.
    fn seat(
        &'r self,
        agent: &'r Agent,
        wanted: &[usize],
        shown: &mut ShownShards<'_>,
        places: &mut Vec<Place<'r>>,
    ) -> Result<()> {
        let mine = if agent.redact { self.units } else { self.clear };
        let mine = |it: &usize| mine.get(it).unwrap_or(&self.units[it]).clone();
        let mut units: Vec<BriefUnit> = wanted.iter().map(mine).collect();
        let most_inline = Input::most_inline(family(agent.kind));
        if brief::is_paged(&units, most_inline) {
            // Pages stand in the snapshot, where everybody reads.
            units = wanted.iter().map(|it| self.units[it].clone()).collect();
        }
        let budget = Budget {
            shard: SHARD,
            most: LARGEST_UNIT,
        };
        let own = |shard: Vec<usize>| shard.iter().map(|at| units[*at].clone()).collect();
        let shards: Vec<Vec<BriefUnit>> = shards(&units, budget)?.into_iter().map(own).collect();
        shown.add(&shards, most_inline)?;
        let several = shards.len() > 1;
        let of = shards.len();
        for (nth, own) in shards.into_iter().enumerate() {
            let run = format!("r-{}", random_hex(4)?);
            let brief = self.brief(&run, agent, own.clone(), shown)?;
            let part = several.then_some((nth + 1, of));
            let home = self.snapshot.agent_home(&match part {
                Some((part, _)) => format!("{}-{part}", agent.name),
                None => agent.name.clone(),
            })?;
            places.push(Place {
                agent,
                part,
                brief,
                nonce: &self.nonce,
                family: family(agent.kind),
                wants: Wants::Review(Box::new(move |ids| self.again(agent, &own, ids).ok())),
                home,
            });
        }
        Ok(())
    }

    fn brief(
        &self,
        run: &str,
        agent: &Agent,
        units: Vec<BriefUnit>,
        shown: &ShownShards<'_>,
    ) -> Result<Brief> {
        let family = family(agent.kind);
        let shown = shown.get(&units, Input::most_inline(family));
        let shown = shown.context("a shard was not shown")?;
        let all = self.units.values();
        let input = self.told.input(run, &self.nonce, family, units, all);
        let made = brief::brief(&input, shown)?;
        self.place(made)
    }

    /// The brief that asks once more for what was left out.
    fn again(&self, agent: &Agent, units: &[BriefUnit], ids: &[String]) -> Result<Brief> {
        let units: Vec<BriefUnit> = units
            .iter()
            .filter(|unit| ids.contains(&unit.id))
            .cloned()
            .collect();
        let run = format!("r-{}", random_hex(4)?);
        let made = re_ask(&run, &self.nonce, family(agent.kind), &units)?;
        self.place(made)
    }

    /// Puts the files of a brief into the snapshot.
    fn place(&self, brief: Brief) -> Result<Brief> {
        self.snapshot.add_files(&brief.files)?;
        Ok(brief)
    }

    /// What is recorded with the receipts for units, by their place among those that count.
    fn receipts_for(&self, ids: &[String], model: Option<&str>) -> BTreeMap<usize, Asked> {
        self.units
            .iter()
            .filter(|(_, unit)| ids.contains(&unit.id))
            .map(|(index, unit)| {
                let target = self.question.target;
                let asked = Asked {
                    prompt: brief::PROMPT_VERSION.to_string(),
                    context: self.told.advice.digest_for(&unit.path),
                    base: match target.base.commit {
                        Some(commit) => commit.to_string(),
                        None => target.base.tree.to_string(),
                    },
                    head: target.head.commit().map(|id| id.to_string()),
                    model: model.map(str::to_owned),
                };
                (*index, asked)
            })
            .collect()
    }
}

/// The id of a unit in briefs and answers, by its place among those that count.
fn id_of(index: usize) -> String {
    format!("u{:02}", index + 1)
}

pub(super) fn family(kind: AgentKind) -> Family {
    match kind {
        AgentKind::Claude => Family::Claude,
        AgentKind::Codex => Family::Codex,
        AgentKind::Gemini => Family::Gemini,
        AgentKind::Command => Family::Command,
        AgentKind::Anthropic | AgentKind::OpenAi | AgentKind::OpenAiChat | AgentKind::GeminiApi => {
            Family::Api
        }
    }
}

fn kind_of(kind: PathKind) -> UnitKind {
    match kind {
        PathKind::Test | PathKind::Fixture => UnitKind::Test,
        PathKind::Prose => UnitKind::Docs,
        PathKind::Generated | PathKind::Lock | PathKind::Vendored => UnitKind::Generated,
        _ => UnitKind::Code,
    }
}

pub(super) fn random_hex(bytes: usize) -> Result<String> {
    let mut random = vec![0; bytes];
    getrandom::fill(&mut random)
        .map_err(|error| anyhow::anyhow!("{error}"))
        .context("cannot get random bytes from the system")?;
    let digits = random.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    Ok(digits
        .filter_map(|digit| char::from_digit(u32::from(digit), 16))
        .collect())
}

fn count(units: usize) -> String {
    match units {
        1 => "1 file was".to_owned(),
        many => format!("{many} files were"),
    }
}
