//! Writes the two briefs of the lead: checking clusters of findings against the code, without names of
//! agents, and then the prose of the report.
//! Its answers are read by `parse`; how far they count is decided elsewhere.

use minijinja::context;

use crate::finding::Severity;

use super::boundary::Boundary;
use super::family::Family;
use super::input::line_of;
use super::{Brief, BriefError, finished, render};

/// The strict JSON schema of the answer to [`lead_brief`].
pub(crate) const LEAD_SCHEMA: &str = include_str!("lead.schema.json");
/// The strict JSON schema of the answer to [`narrative_brief`].
pub(crate) const NARRATIVE_SCHEMA: &str = include_str!("narrative.schema.json");

/// Most clusters of a batch.
pub(crate) const MOST_CLUSTERS: usize = 8;

/// A batch of clusters for the lead to check. All text has been redacted before.
#[derive(Clone, Debug)]
pub(crate) struct LeadInput<'i> {
    /// The id of the batch, which the answer must repeat.
    pub(crate) batch: &'i str,
    /// 128 random bits of this run in hexadecimal digits.
    pub(crate) nonce: &'i str,
    /// Who is asked.
    pub(crate) family: Family,
    /// At most [`MOST_CLUSTERS`], in the order of their paths.
    pub(crate) clusters: Vec<Cluster>,
}

/// One problem, as reviewers put it. Nothing in it names an agent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cluster {
    /// A neutral id, as `k01`.
    pub(crate) id: String,
    /// Where it stands, as `src/a.rs:10`.
    pub(crate) place: String,
    /// The severity of each voice.
    pub(crate) votes: Vec<Severity>,
    /// What each voice said, with title, trigger, outcome, reasons and doubt.
    pub(crate) texts: Vec<String>,
    /// What the program found out, a sentence each.
    pub(crate) evidence: Vec<String>,
    /// Code of both sides, each with a line that says what it is.
    pub(crate) excerpts: Vec<(String, String)>,
    /// Decisions about the same problem, a sentence each.
    pub(crate) decisions: Vec<String>,
}

/// What the prose of a report is written from. All text has been redacted before.
#[derive(Clone, Debug)]
pub(crate) struct NarrativeInput<'i> {
    /// The id of the report, which the answer must repeat.
    pub(crate) report: &'i str,
    /// 128 random bits of this run in hexadecimal digits.
    pub(crate) nonce: &'i str,
    /// Who is asked.
    pub(crate) family: Family,
    /// Sections of what is settled, in their order: a word of ours, as `findings`, and its lines.
    pub(crate) material: Vec<(&'static str, Vec<String>)>,
}

/// Writes the brief of one batch.
pub(crate) fn lead_brief(input: &LeadInput<'_>) -> Result<Brief, BriefError> {
    let boundary = Boundary::new(input.nonce)?;
    if input.clusters.len() > MOST_CLUSTERS {
        return Err(BriefError::TooManyClusters {
            clusters: input.clusters.len(),
            most: MOST_CLUSTERS,
        });
    }
    let slots = input.family.slots();
    let mut text = render(
        "lead",
        context! { tools => slots.tools, shell => slots.shell },
    );
    let static_prefix_len = text.len();
    let clusters: String = input
        .clusters
        .iter()
        .map(|cluster| cluster_text(cluster, &boundary))
        .collect();
    text.push_str(&render(
        "lead_task",
        context! {
            clusters,
            emphasis => slots.on_form,
            batch => input.batch,
            schema => LEAD_SCHEMA.trim_end(),
        },
    ));
    finished(text, static_prefix_len, Vec::new(), &boundary, input.family)
}

fn cluster_text(cluster: &Cluster, boundary: &Boundary<'_>) -> String {
    let id = &cluster.id;
    let votes: Vec<&str> = cluster.votes.iter().map(|vote| vote.as_str()).collect();
    let mut head = vec![
        format!("place: {}", line_of(&cluster.place)),
        format!("votes: {}", votes.join(", ")),
    ];
    let sentences = |word: &str, lines: &[String]| -> Vec<String> {
        lines
            .iter()
            .map(|line| format!("{word}: {}", line_of(line)))
            .collect()
    };
    head.extend(sentences("checked", &cluster.evidence));
    head.extend(sentences("decided", &cluster.decisions));
    let mut text = boundary.data("cluster", id, &head.join("\n"));
    for (number, said) in cluster.texts.iter().enumerate() {
        text.push_str(&boundary.data("text", &format!("{id}.{}", number + 1), said));
    }
    for (what, code) in &cluster.excerpts {
        text.push_str(&boundary.data("code", id, &format!("{}\n{code}", line_of(what))));
    }
    text
}

/// Writes the brief for the prose of the report.
pub(crate) fn narrative_brief(input: &NarrativeInput<'_>) -> Result<Brief, BriefError> {
    let boundary = Boundary::new(input.nonce)?;
    let material: String = input
        .material
        .iter()
        .filter(|(_, lines)| !lines.is_empty())
        .map(|(kind, lines)| boundary.data(kind, "", &lines.join("\n")))
        .collect();
    let text = render(
        "lead_narrative",
        context! {
            tools => input.family.slots().tools,
            material,
            report => input.report,
            schema => NARRATIVE_SCHEMA.trim_end(),
        },
    );
    finished(text, 0, Vec::new(), &boundary, input.family)
}
