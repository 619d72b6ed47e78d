//! Asks once more: for units that an answer left out, and for another form of an answer.
//! Whether to ask is left to the pipeline; each is asked once.

use minijinja::context;

use super::boundary::Boundary;
use super::family::Family;
use super::input::{BriefUnit, check_ids};
use super::lead::{LEAD_SCHEMA, NARRATIVE_SCHEMA};
use super::{ANSWER_SCHEMA, Brief, BriefError, MOST_INLINE, answer_form, change, finished, render};

/// Asks for the units that have no answer yet. They keep their ids; the answer is one to this brief,
/// which has a run id of its own.
pub(crate) fn re_ask(
    run: &str,
    nonce: &str,
    family: Family,
    units: &[BriefUnit],
) -> Result<Brief, BriefError> {
    let boundary = Boundary::new(nonce)?;
    check_ids(units, &[])?;
    let slots = family.slots();
    let shown = change::shown(nonce, units, MOST_INLINE)?;
    let text = render(
        "re_ask",
        context! {
            tools => slots.tools,
            paged => shown.paged,
            change => shown.text.as_str(),
            emphasis => slots.on_form,
            answer => answer_form(run),
        },
    );
    let brief = finished(text, 0, Vec::new(), &boundary, family)?;
    brief.with(run, &shown).map(|brief| Brief {
        files: shown.files,
        ..brief
    })
}

/// An answer that is asked for in another form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Repair<'r> {
    /// The run id of the brief it answered, or that of a batch or a report for the lead.
    pub(crate) run: &'r str,
    /// What its answer is to be like.
    pub(crate) form: Form,
    /// 128 random bits in hexadecimal digits.
    pub(crate) nonce: &'r str,
    /// Who answered.
    pub(crate) family: Family,
    /// The answer, redacted.
    pub(crate) answer: &'r str,
    /// What is wrong with it: the place in it and what was expected.
    pub(crate) error: &'r str,
}

/// The form of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Form {
    /// The property that repeats the id of the question.
    pub(crate) id: &'static str,
    /// Its JSON schema.
    pub(crate) schema: &'static str,
}

impl Form {
    /// That of a review.
    pub(crate) const REVIEW: Self = Self {
        id: "review",
        schema: ANSWER_SCHEMA,
    };
    /// That of the lead's word about findings.
    pub(crate) const VERDICTS: Self = Self {
        id: "batch",
        schema: LEAD_SCHEMA,
    };
    /// That of the lead's prose.
    pub(crate) const NARRATIVE: Self = Self {
        id: "report",
        schema: NARRATIVE_SCHEMA,
    };
}

/// Asks for the same content in the right form. What the answer must account for does not change.
pub(crate) fn repair(asked: Repair<'_>) -> Result<Brief, BriefError> {
    let boundary = Boundary::new(asked.nonce)?;
    let answer =
        boundary.data("error", "", asked.error) + &boundary.data("answer", "", asked.answer);
    let text = render(
        "repair",
        context! {
            answer,
            run => asked.run,
            name => asked.form.id,
            schema => asked.form.schema.trim_end(),
        },
    );
    finished(text, 0, Vec::new(), &boundary, asked.family)
}
