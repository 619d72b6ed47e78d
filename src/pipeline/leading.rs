//! Asks the lead to check what the others found: who that is, which findings it has not been asked about
//! yet, and its answer, remembered as it comes. Its failure costs its word and nothing else.
//! What its words come to is left to `led`.

use anyhow::Result;

use super::asking::{Question, family, random_hex};
use super::joining::Joined;
use super::led::{LeadAnswer, Led, Prepared, Site, decisions_about, keyed, offered, prepare};
use super::opened::Opened;
use super::opinions::Opinions;
use super::panel::Answers;
use super::seats::{Ended, Place, Wants, seat_all};
use super::session::NOBODY;
use super::tree::Sides;
use super::{Asking, Reply, Session};
use crate::agents::Agent;
use crate::brief;
use crate::brief::again::Form;
use crate::brief::lead::{Cluster, LeadInput, MOST_CLUSTERS, lead_brief};
use crate::diff::RepoPath;
use crate::finding::{Finding, Location, RawFinding};
use crate::parse::verdicts::read_verdicts;
use crate::progress::Unheard;
use crate::receipt::AgentSpec;
use crate::report::MaybeSame;
use crate::snapshot::Redacted;

/// Lines of code around a place that the lead is shown.
const AROUND: u32 = 12;
/// The most places of one finding that it is shown code of.
const PLACES: usize = 2;
/// The most of one text that it is given, in bytes.
const TEXT: usize = 8 * 1024;

/// Some findings, and the pairs among them that may be one problem.
struct Batch<'b> {
    prepared: Vec<&'b Prepared>,
    clusters: Vec<Cluster>,
}

impl Session {
    /// Lets the lead check the findings of a target that it has not been asked about, and applies what it
    /// said, now or earlier.
    pub(super) fn lead(
        &mut self,
        question: &Question<'_>,
        opinions: &Opinions,
        joined: &mut Joined,
        answers: &mut Answers,
        opened: &mut Option<Opened>,
    ) -> Led {
        let mut led = Led::default();
        let asks = matches!(question.asking, Asking::Missing | Asking::Everything);
        let has_answered = |name: &str| {
            let mut heard = opinions.agents.iter();
            heard.any(|it| it.name == name && it.read + it.remembered > 0)
        };
        let agent = match self.leader(question, &has_answered) {
            Ok(Some(agent)) => agent,
            Ok(None) => return led,
            Err(why) => {
                if asks {
                    led.notes.push(why);
                }
                return led;
            }
        };
        let spec = agent.spec();
        let prepared = prepare(joined, opinions, question.decisions);
        led.answers = self.lead_answers();
        if asks {
            led.answers.retain(|it| it.lead == spec);
            if question.asking == Asking::Everything {
                led.answers.clear();
            }
            led.spec = Some(spec);
            let asked = self.ask_lead(
                question, &agent, joined, &prepared, answers, opened, &mut led,
            );
            if let Err(error) = asked {
                led.notes.push(format!(
                    "the lead, {}, did not check the findings: {error:#}",
                    agent.name
                ));
            }
        } else {
            led.spec = Some(whose_word(spec, &led.answers, &prepared));
            led.answers.retain(|it| Some(&it.lead) == led.spec.as_ref());
        }
        let site = Site::of(question);
        match self.apply_led(&site, opinions, joined, &led) {
            // Who was not asked left out nothing.
            Ok(notes) if asks && led.notes.is_empty() => led.notes = notes,
            Ok(_) => {}
            Err(error) => led.notes.push(format!(
                "what the lead said can't be compared with the code: {error:#}"
            )),
        }
        led.keep_relevant(&prepared);
        led
    }

    /// Who leads: the agent named for this run, else the one of the settings if it is enabled here, else
    /// the first of the panel that answered. The error says why nobody does who should.
    pub(super) fn leader(
        &self,
        question: &Question<'_>,
        has_answered: &dyn Fn(&str) -> bool,
    ) -> Result<Option<Agent>, String> {
        if self.lead.is_some() {
            return Ok(self.named_lead().cloned());
        }
        let panel = question.counting.panel;
        match &question.in_force.settings.lead.value {
            Some(name) if name == NOBODY => Ok(None),
            Some(_) if panel.names.is_empty() => Ok(None),
            // A repository can't have code sent to whom the user has not enabled for it.
            Some(name) => match panel.agents.iter().find(|agent| agent.name == *name) {
                Some(agent) => Ok(Some(agent.clone())),
                None => Err(format!(
                    "`review.lead` names {name}, which is not enabled here: nobody checked the findings"
                )),
            },
            None => Ok(panel
                .agents
                .iter()
                .find(|agent| has_answered(&agent.name))
                .cloned()),
        }
    }

    /// All that leads said here.
    pub(super) fn lead_answers(&mut self) -> Vec<LeadAnswer> {
        match self.store.leads() {
            Ok((answers, unusable)) => {
                if unusable > 0 {
                    self.warn(format!(
                        "{unusable} answers of leads were damaged or not sealed by this user, and count for nothing"
                    ));
                }
                answers
            }
            Err(error) => {
                self.warn(format!(
                    "no earlier answer of a lead could be read: {error:#}"
                ));
                Vec::new()
            }
        }
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "each is a part of the one question, owned by somebody else"
    )]
    fn ask_lead(
        &mut self,
        question: &Question<'_>,
        agent: &Agent,
        joined: &Joined,
        prepared: &[Prepared],
        answers: &mut Answers,
        opened: &mut Option<Opened>,
        led: &mut Led,
    ) -> Result<()> {
        if is_answered(prepared, led) || self.interrupted {
            return Ok(());
        }
        let waited = self.open_again(question, opened)?;
        let Some(opened) = opened.as_ref() else {
            return Ok(());
        };
        if waited {
            let spec = agent.spec();
            led.answers = self.lead_answers();
            led.answers.retain(|it| it.lead == spec);
            if is_answered(prepared, led) {
                return Ok(());
            }
        }
        let site = Site::of(question);
        let pairs = offered(joined, prepared);
        let batches = self.batches(&site, opened, prepared, &pairs, led)?;
        let nonce = random_hex(16)?;
        let mut places = Vec::new();
        let mut ids = Vec::new();
        let of = batches.len();
        for (nth, batch) in batches.iter().enumerate() {
            let id = format!("b-{}", random_hex(4)?);
            let made = lead_brief(&LeadInput {
                batch: &id,
                nonce: &nonce,
                family: family(agent.kind),
                clusters: batch.clusters.clone(),
            })?;
            let clusters: Vec<String> = batch.clusters.iter().map(|it| it.id.clone()).collect();
            let home = format!("lead-{}-{}", agent.name, nth + 1);
            ids.push((id.clone(), clusters.clone()));
            places.push(Place {
                agent,
                part: (of > 1).then_some((nth + 1, of)),
                brief: made,
                nonce: &nonce,
                family: family(agent.kind),
                wants: Wants::Lead {
                    form: Form::VERDICTS,
                    id: id.clone(),
                    check: Box::new(move |text| {
                        read_verdicts(text, &id, &clusters).map(|read| read.added.len())
                    }),
                },
                home: opened.snapshot.agent_home(&home)?,
            });
        }
        let redact = |path: &RepoPath, text: &[u8]| opened.shield.file(path, text);
        let room = opened.room(&self.limits, &redact);
        let listener = std::mem::replace(&mut self.listener, Box::new(Unheard));
        let mut heard = |all: Vec<Ended>| {
            for ended in all {
                let (id, clusters) = &ids[ended.seat];
                let batch = &batches[ended.seat];
                self.hear_lead(
                    &site,
                    agent,
                    (id, clusters),
                    prepared,
                    batch,
                    ended,
                    answers,
                    led,
                );
            }
        };
        seat_all(&places, &room, listener.as_ref(), &mut heard);
        self.listener = listener;
        self.interrupted |= opened.interrupt.is_set();
        Ok(())
    }

    /// Takes in how one batch ended.
    #[expect(
        clippy::too_many_arguments,
        reason = "each is a part of the one question, owned by somebody else"
    )]
    fn hear_lead(
        &mut self,
        site: &Site<'_>,
        agent: &Agent,
        (id, clusters): (&str, &[String]),
        prepared: &[Prepared],
        batch: &Batch<'_>,
        ended: Ended,
        answers: &mut Answers,
        led: &mut Led,
    ) {
        self.pay_lead(agent, &ended, answers);
        let Some((text, _)) = ended.words else {
            let why = ended.failure.map_or_else(String::new, |it| it.why);
            led.notes.push(format!(
                "the lead, {}, did not check {}: {why}",
                agent.name,
                count(batch.prepared.len())
            ));
            return;
        };
        answers.words.push(Reply {
            agent: answers.label(&format!("lead-{}", agent.name)),
            bytes: text.clone().into_bytes(),
        });
        let Ok(read) = read_verdicts(&text, id, clusters) else {
            // It was read before.
            return;
        };
        let added = self.anchored(site, read.added).unwrap_or_else(|error| {
            self.warn(format!("what the lead added can't be checked: {error:#}"));
            Vec::new()
        });
        let answer = LeadAnswer {
            verdicts: read
                .clusters
                .into_iter()
                .map(|verified| keyed(verified, prepared))
                .collect(),
            added,
            ..self.lead_answer(agent.spec())
        };
        self.remember_lead(&answer);
        led.answers.push(answer);
    }

    /// What a question to the lead took.
    pub(super) fn pay_lead(&mut self, agent: &Agent, ended: &Ended, answers: &mut Answers) {
        answers.add_spent(&agent.name, &ended.spent);
        if let Some(cost) = ended.spent.cost
            && let Err(error) = self.store.add_spent(self.today(), cost)
        {
            self.warn(format!("what agents cost is not remembered: {error:#}"));
        }
    }

    /// An answer of a lead that says nothing yet.
    pub(super) fn lead_answer(&self, lead: AgentSpec) -> LeadAnswer {
        LeadAnswer {
            lead,
            at: self.now,
            program: env!("CARGO_PKG_VERSION").to_owned(),
            prompt: brief::PROMPT_VERSION.to_string(),
            verdicts: Vec::new(),
            added: Vec::new(),
            narrative: None,
        }
    }

    pub(super) fn remember_lead(&mut self, answer: &LeadAnswer) {
        if let Err(error) = self.store.add_lead(answer) {
            self.warn(format!("not remembered: {error:#}"));
        }
    }

    /// The findings that no answer is about, in batches; pairs that may be one problem stay together.
    fn batches<'p>(
        &self,
        site: &Site<'_>,
        opened: &Opened,
        prepared: &'p [Prepared],
        pairs: &[(String, String, MaybeSame)],
        led: &Led,
    ) -> Result<Vec<Batch<'p>>> {
        let limit = site.in_force.settings.max_file_size.value;
        let changes = site.reading.head_changes();
        let sides = Sides::of(&self.repo, site.target, changes, limit)?;
        let unanswered: Vec<&Prepared> = prepared
            .iter()
            .filter(|it| {
                led.answers
                    .iter()
                    .all(|said| said.verdict(&it.key).is_none())
            })
            .collect();
        let mut batches: Vec<Batch<'p>> = Vec::new();
        for group in together(unanswered, pairs) {
            let fits = |batch: &Batch<'_>| batch.prepared.len() + group.len() <= MOST_CLUSTERS;
            if batches.last().is_none_or(|batch| !fits(batch)) {
                batches.push(Batch {
                    prepared: Vec::new(),
                    clusters: Vec::new(),
                });
            }
            let batch = batches.last_mut().expect("one was added if there was none");
            for one in group {
                batch
                    .clusters
                    .push(cluster(site, opened, &sides, one, pairs));
                batch.prepared.push(one);
            }
        }
        Ok(batches)
    }
}

impl<'s> Site<'s> {
    /// Where the words of a lead about a question are looked for.
    pub(super) fn of(question: &Question<'s>) -> Self {
        Self {
            target: question.target,
            reading: question.reading,
            in_force: question.in_force,
            decisions: question.decisions,
            specs: &question.counting.panel.specs,
        }
    }
}

fn is_answered(prepared: &[Prepared], led: &Led) -> bool {
    let has = |it: &Prepared| {
        led.answers
            .iter()
            .any(|said| said.verdict(&it.key).is_some())
    };
    prepared.iter().all(has)
}

/// Whose word counts when nobody is asked: the lead's, or of one who led for a single run.
fn whose_word(lead: AgentSpec, answers: &[LeadAnswer], prepared: &[Prepared]) -> AgentSpec {
    let says = |said: &LeadAnswer| prepared.iter().any(|it| said.verdict(&it.key).is_some());
    if answers.iter().any(|said| said.lead == lead && says(said)) {
        return lead;
    }
    let newest = answers.iter().rev().find(|said| says(said));
    newest.map_or(lead, |said| said.lead.clone())
}

/// Findings that may be one problem next to each other, each in one group.
fn together<'p>(
    prepared: Vec<&'p Prepared>,
    pairs: &[(String, String, MaybeSame)],
) -> Vec<Vec<&'p Prepared>> {
    let mut groups: Vec<Vec<&Prepared>> = prepared.into_iter().map(|it| vec![it]).collect();
    for (one, other, _) in pairs {
        let place = |id: &str| {
            let has = |group: &Vec<&Prepared>| group.iter().any(|it| it.case.id == id);
            groups.iter().position(has)
        };
        if let (Some(first), Some(second)) = (place(one), place(other))
            && first != second
        {
            let (first, second) = (first.min(second), first.max(second));
            let group = groups.remove(second);
            groups[first].extend(group);
        }
    }
    groups
}

/// One finding as the lead is given it: without the name of anybody who raised it.
fn cluster(
    site: &Site<'_>,
    opened: &Opened,
    sides: &Sides<'_>,
    prepared: &Prepared,
    pairs: &[(String, String, MaybeSame)],
) -> Cluster {
    let finding = &prepared.case.finding;
    let members: Vec<&RawFinding> = prepared
        .order
        .iter()
        .map(|at| &finding.voices.members[*at])
        .collect();
    let mut evidence = Vec::new();
    for (nth, raw) in members.iter().enumerate() {
        let mut checks = finding.voices.evidence.iter();
        if let Some(check) = checks.find(|it| it.agent == raw.agent && it.id == raw.id) {
            let word = if check.supported {
                "borne out by the code"
            } else {
                "not borne out by the code"
            };
            let words = std::iter::once(word).chain(check.sentences.iter().map(String::as_str));
            let words: Vec<&str> = words.collect();
            evidence.push(format!("text {}: {}", nth + 1, words.join("; ")));
        }
    }
    for (one, other, maybe) in pairs {
        let id = &prepared.case.id;
        let partner = match (one == id, other == id) {
            (true, _) => other,
            (_, true) => one,
            _ => continue,
        };
        evidence.push(format!(
            "perhaps the same as {partner}; both say {}",
            opened.shield.text(&maybe.shared.join(", "))
        ));
    }
    if members.len() > 1 && !prepared.case.alone.is_empty() {
        evidence.push("perhaps several problems".to_owned());
    }
    let decisions = decisions_about(finding, site.decisions).map(|decision| {
        let reason = decision.reason.as_deref().unwrap_or("no reason given");
        let words = format!("{}: {reason}", decision.resolution.as_str());
        opened.shield.text(&words)
    });
    Cluster {
        id: prepared.case.id.clone(),
        place: finding.locations.first().map(place).unwrap_or_default(),
        votes: members.iter().filter_map(|raw| raw.severity).collect(),
        texts: members
            .iter()
            .map(|raw| opened.shield.text(&said(raw)))
            .collect(),
        evidence,
        excerpts: excerpts(opened, sides, finding),
        decisions: decisions.collect(),
    }
}

fn place(location: &Location) -> String {
    let lines = location.lines.map(|lines| format!(":{}", lines.start));
    format!("{}{}", location.path.to_quoted(), lines.unwrap_or_default())
}

/// What one voice says, within bounds.
fn said(raw: &RawFinding) -> String {
    let mut text = format!("{}\n{}", raw.title, raw.body);
    let parts = [
        ("Trigger", &raw.trigger),
        ("Outcome", &raw.outcome),
        ("Doubt", &raw.doubt),
    ];
    for (name, words) in parts {
        if let Some(words) = words.as_deref().filter(|words| !words.trim().is_empty()) {
            text.extend(["\n", name, ": ", words]);
        }
    }
    if text.len() > TEXT {
        let mut end = TEXT;
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
        text.push_str("\n(cut here)");
    }
    text
}

/// The code at the first places of a finding, as agents may see it.
fn excerpts(opened: &Opened, sides: &Sides<'_>, finding: &Finding) -> Vec<(String, String)> {
    let places = finding.locations.iter();
    let with_lines = places.filter_map(|it| Some((&it.path, it.lines?)));
    with_lines
        .take(PLACES)
        .filter_map(|(path, lines)| {
            let text = sides.head(path)?;
            let text = match opened.shield.file(path, &text) {
                Redacted::Same => text,
                Redacted::Text(redacted) => redacted,
                Redacted::Withheld { .. } => return None,
            };
            let first = lines.start.saturating_sub(AROUND).max(1);
            let last = lines
                .end
                .min(lines.start.saturating_add(AROUND))
                .saturating_add(AROUND);
            let text = String::from_utf8_lossy(&text);
            let shown: Vec<String> = text
                .lines()
                .zip(1_u32..)
                .filter(|(_, number)| (first..=last).contains(number))
                .map(|(line, number)| {
                    let line: String = line.chars().take(300).collect();
                    format!("{number}: {line}")
                })
                .collect();
            let what = format!("head: {} from line {first}", path.to_quoted());
            (!shown.is_empty()).then(|| (what, shown.join("\n")))
        })
        .collect()
}

fn count(findings: usize) -> String {
    match findings {
        1 => "1 finding".to_owned(),
        many => format!("{many} findings"),
    }
}
