//! Asks the lead for the report's prose, once its findings are settled; the same report is not asked about
//! twice. Every number stays the program's.

use anyhow::Result;

use super::asking::{Question, family, random_hex};
use super::gathering::Gathering;
use super::led::Led;
use super::opened::Opened;
use super::panel::Answers;
use super::seats::{Ended, Place, Wants, seat_all};
use super::{Asking, Reply, Session};
use crate::agents::Agent;
use crate::brief::again::Form;
use crate::brief::lead::{NarrativeInput, narrative_brief};
use crate::diff::RepoPath;
use crate::parse::Sections;
use crate::parse::verdicts::{KnownIds, ProposalAction, ProposalTarget, read_narrative};
use crate::report::{Narrative, Said, TargetReport};

/// More lines of one sort are not told.
const LINES: usize = 300;
/// A line is cut there, in characters.
const LINE: usize = 400;
/// How many digits of a commit's id name it.
const ID: usize = 12;

/// What the prose may refer to.
#[derive(Clone, Debug, Default)]
struct Names {
    findings: Vec<String>,
    commits: Vec<String>,
    agents: Vec<String>,
}

impl Names {
    fn known(&self) -> KnownIds<'_> {
        KnownIds {
            clusters: &self.findings,
            findings: &self.findings,
            commits: &self.commits,
            agents: &self.agents,
        }
    }
}

impl Session {
    /// Adds the lead's prose to a report about one target, remembered or asked for.
    pub(super) fn narrate(
        &mut self,
        question: &Question<'_>,
        led: &Led,
        gathering: &mut Gathering<'_>,
        opened: &mut Option<Opened>,
    ) {
        let Some(spec) = &led.spec else {
            return;
        };
        let Some(target) = gathering.targets.last() else {
            return;
        };
        if target.units.is_empty() {
            return;
        }
        let key = key(target);
        let known = led.answers.iter().rev().find_map(|said| {
            let (about, prose) = said.narrative.as_ref()?;
            (*about == key).then(|| prose.clone())
        });
        if let Some(mut prose) = known {
            let names = names(gathering, target);
            // A commit that was reworded since is another one.
            prose
                .commits
                .retain(|note| names.commits.contains(&note.sha));
            gathering.narrative = Some(prose);
            return;
        }
        let asks = matches!(question.asking, Asking::Missing | Asking::Everything);
        let agent = self.agents.iter().find(|it| it.name == spec.name).cloned();
        let Some(agent) = agent.filter(|_| asks && !self.interrupted) else {
            return;
        };
        match self.ask_narrative(question, &agent, gathering, opened) {
            Ok(Some(prose)) => {
                let mut answer = self.lead_answer(agent.spec());
                answer.narrative = Some((key, prose.clone()));
                self.remember_lead(&answer);
                gathering.narrative = Some(prose);
            }
            Ok(None) => {}
            Err(error) => {
                let note = format!("the lead, {}, wrote no prose: {error:#}", agent.name);
                if let Some(target) = gathering.targets.last_mut() {
                    target.notes.push(note);
                }
            }
        }
    }

    fn ask_narrative(
        &mut self,
        question: &Question<'_>,
        agent: &Agent,
        gathering: &mut Gathering<'_>,
        opened: &mut Option<Opened>,
    ) -> Result<Option<Narrative>> {
        self.open_again(question, opened)?;
        let Some(opened) = opened.as_ref() else {
            return Ok(None);
        };
        let Some(target) = gathering.targets.last() else {
            return Ok(None);
        };
        let names = names(gathering, target);
        let mut material = material(gathering, target);
        for (_, lines) in &mut material {
            lines.truncate(LINES);
            for line in lines {
                let flat = line.split_whitespace().collect::<Vec<_>>().join(" ");
                let short: String = flat.chars().take(LINE).collect();
                *line = opened.shield.text(&short);
            }
        }
        let nonce = random_hex(16)?;
        let report = format!("n-{}", random_hex(4)?);
        let brief = narrative_brief(&NarrativeInput {
            report: &report,
            nonce: &nonce,
            family: family(agent.kind),
            material,
        })?;
        let (id, refers) = (report.clone(), names.clone());
        let places = [Place {
            agent,
            part: None,
            brief,
            nonce: &nonce,
            family: family(agent.kind),
            wants: Wants::Lead {
                form: Form::NARRATIVE,
                id: report.clone(),
                check: Box::new(move |text| read_narrative(text, &id, refers.known()).map(|_| 0)),
            },
            home: opened
                .snapshot
                .agent_home(&format!("lead-{}-prose", agent.name))?,
        }];
        let redact = |path: &RepoPath, text: &[u8]| opened.shield.file(path, text);
        let room = opened.room(&self.limits, &redact);
        let mut ended: Option<Ended> = None;
        seat_all(&places, &room, self.listener.as_ref(), |mut it| {
            ended = it.pop();
        });
        self.interrupted |= opened.interrupt.is_set();
        let Some(ended) = ended else {
            return Ok(None);
        };
        let mut took = Answers::default();
        self.pay_lead(agent, &ended, &mut took);
        gathering.add_spent(&agent.spec(), &took);
        if let Some(failure) = &ended.failure {
            anyhow::bail!("{}", failure.why);
        }
        let Some((text, _)) = ended.words else {
            return Ok(None);
        };
        let read = read_narrative(&text, &report, names.known()).map_err(anyhow::Error::msg)?;
        gathering.raw.push(Reply {
            agent: format!("lead-{}-prose", agent.name),
            bytes: text.into_bytes(),
        });
        Ok(Some(Narrative::of(&agent.name, read)))
    }
}

/// Stands for what the prose is about: the units and what was found in them.
fn key(target: &TargetReport) -> String {
    let mut hasher = blake3::Hasher::new_derive_key("deep-review 2026 prose 1");
    let mut add = |text: &str| {
        hasher.update(&(text.len() as u64).to_le_bytes());
        hasher.update(text.as_bytes());
    };
    for unit in target.units.iter().filter(|unit| unit.commit.is_none()) {
        add(&unit.key);
    }
    for standing in &target.findings {
        add(standing.finding.id.as_str());
        add(standing.finding.severity.as_str());
    }
    hasher.finalize().to_hex()[..32].to_owned()
}

fn names(gathering: &Gathering<'_>, target: &TargetReport) -> Names {
    Names {
        findings: target
            .findings
            .iter()
            .map(|standing| standing.position.clone())
            .collect(),
        commits: target.log.iter().map(|it| short(&it.id)).collect(),
        agents: gathering.agents.iter().map(|it| it.name.clone()).collect(),
    }
}

fn short(id: &str) -> String {
    id.chars().take(ID).collect()
}

/// What is settled, in sections.
fn material(gathering: &Gathering<'_>, target: &TargetReport) -> Vec<(&'static str, Vec<String>)> {
    let files = target.units.iter().filter(|unit| unit.commit.is_none());
    let files = files.map(|unit| {
        let path = unit.path.to_quoted();
        format!("{} {path} +{} -{}", unit.status, unit.added, unit.removed)
    });
    let findings = target.findings.iter().map(|standing| {
        let finding = &standing.finding;
        let place = finding.locations.first().map_or_else(String::new, |it| {
            let line = it.lines.map(|lines| format!(":{}", lines.start));
            format!("{}{}", it.path.to_quoted(), line.unwrap_or_default())
        });
        let state = if standing.state.is_open() {
            "open"
        } else {
            "decided"
        };
        format!(
            "{} {} {state} {place} [{}]: {}",
            standing.position,
            finding.severity,
            finding.agents.join(", "),
            finding.title
        )
    });
    let changed = target.findings.iter().flat_map(|standing| {
        let entries = standing.finding.voices.reconciliation.iter();
        entries.map(|entry| format!("{}: {}", standing.position, entry.reason))
    });
    let moved = gathering.aside.moved.iter();
    let moved = moved.map(|it| format!("{}: {} ({})", it.place.name(), it.title, it.reason));
    let dropped = gathering.aside.dropped.iter().flat_map(|it| {
        let members = it.members.iter();
        members.map(|raw| format!("dropped: {} {}: {}", raw.agent, raw.title, it.reason))
    });
    let agents = gathering.agents.iter().map(|agent| {
        let raised = target.findings.iter();
        let raised = raised.filter(|it| it.finding.agents.contains(&agent.name));
        let alone = raised.clone().filter(|it| it.finding.agents.len() == 1);
        format!(
            "{}: read {} files; a voice of {} findings, the only one of {}",
            agent.name,
            agent.read + agent.remembered,
            raised.count(),
            alone.count()
        )
    });
    let of_agents = |section: fn(&Sections) -> &String| {
        let notes = gathering
            .said
            .iter()
            .map(move |said: &Said| (said, section(&said.sections)));
        let notes = notes.filter(|(_, text)| !text.trim().is_empty());
        notes
            .map(|(said, text)| format!("{}: {text}", said.agent))
            .collect::<Vec<String>>()
    };
    let commits = target.log.iter();
    let commits = commits.map(|it| format!("{} {}", short(&it.id), it.subject));
    vec![
        ("files", files.collect()),
        ("findings", findings.collect()),
        (
            "reconciliation",
            changed.chain(moved).chain(dropped).collect(),
        ),
        ("agents", agents.collect()),
        ("summaries", of_agents(|it| &it.summary)),
        ("design", of_agents(|it| &it.design)),
        ("tests", of_agents(|it| &it.testing)),
        ("docs", of_agents(|it| &it.documentation)),
        ("limitations", of_agents(|it| &it.acknowledged)),
        // The author's own words come last: they are a claim.
        ("commits", commits.collect()),
    ]
}

/// What a lead proposes, as the words of an agent, so that it is found with what others propose.
pub(super) fn proposed(prose: &Narrative) -> Option<Said> {
    let lines: Vec<String> = prose
        .proposals
        .iter()
        .filter(|it| it.target == ProposalTarget::Context && it.action == ProposalAction::Add)
        .map(|it| {
            format!(
                "- {}",
                it.text.split_whitespace().collect::<Vec<_>>().join(" ")
            )
        })
        .collect();
    (!lines.is_empty()).then(|| Said {
        agent: prose.agent.clone(),
        round: None,
        sections: Sections {
            proposals: lines.join("\n"),
            ..Sections::default()
        },
    })
}
