//! `deep-review report`: a review that is remembered, again, in any format.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, anyhow};
use serde::Serialize;

use crate::cli::{ReportArgs, ReportFormat};
use crate::error::{Exit, HintExt};
use crate::page::{Page, Style, cut};
use crate::pipeline::{Reply, Session};
use crate::report::{self, Original, Report};
use crate::rules;
use crate::store::{self, ReviewId};
use crate::ui::{Ui, plain_text};

/// The JSON Schema of the JSON format.
const SCHEMA: &str = include_str!("../../schema/report.schema.json");

pub(crate) fn run(arguments: &ReportArgs, ui: &Ui) -> Result<Exit> {
    if arguments.schema {
        hand_over(SCHEMA.as_bytes(), arguments.output.as_deref(), ui)?;
        return Ok(Exit::Pass);
    }
    let mut session = Session::open()?;
    if arguments.list {
        let bytes = list(&session, arguments.format, ui)?;
        hand_over(&bytes, arguments.output.as_deref(), ui)?;
        return Ok(Exit::Pass);
    }
    let (id, mut stored) = wanted(&session, arguments.id.as_deref())?;
    if stored.retro.is_empty() {
        // Kept before these were computed; they follow from the rest.
        stored.complete();
    }
    let report = if arguments.replay {
        session.replay(&id, &stored)?
    } else {
        stored
    };
    let originals = session.originals(&id);
    deliver(
        &report,
        &originals,
        arguments.format,
        arguments.output.as_deref(),
        ui,
    )?;
    Ok(Exit::Pass)
}

/// The review that is meant.
fn wanted(session: &Session, name: Option<&str>) -> Result<(ReviewId, Report)> {
    let mut reviews = session.reviews()?;
    let Some(name) = name else {
        let head = session.repo.head()?;
        let branch = head.branch();
        let of_branch = reviews
            .iter()
            .position(|(_, report)| branch == Some(report.target_name()));
        let index = of_branch
            .or((!reviews.is_empty() && branch.is_none()).then_some(0))
            .ok_or_else(|| match branch {
                Some(branch) => anyhow!("no review of `{branch}` is remembered"),
                None => anyhow!("no review is remembered"),
            })
            .hint("`deep-review` makes one; `deep-review report --list` lists those of other branches")?;
        return Ok(reviews.swap_remove(index));
    };
    let exact = reviews.iter().position(|(id, _)| id.to_string() == name);
    let fitting: Vec<usize> = (0..reviews.len())
        .filter(|index| reviews[*index].0.to_string().starts_with(name))
        .collect();
    let index = match (exact, fitting.as_slice()) {
        (Some(index), _) => Ok(index),
        (None, [index]) => Ok(*index),
        (None, []) => Err(anyhow!("no review is called `{name}`")),
        (None, several) => Err(anyhow!("`{name}` could be {} reviews", several.len())),
    };
    let index = index.hint("`deep-review report --list` lists what is remembered")?;
    Ok(reviews.swap_remove(index))
}

#[derive(Serialize)]
struct Listed {
    id: String,
    target: String,
    round: Option<u32>,
    recommendation: Option<&'static str>,
    open: report::Counts,
    answer: &'static str,
}

fn list(session: &Session, format: ReportFormat, ui: &Ui) -> Result<Vec<u8>> {
    let listed: Vec<Listed> = session
        .reviews()?
        .into_iter()
        .map(|(id, report)| Listed {
            id: id.to_string(),
            target: report.target_name().to_owned(),
            round: report.round,
            recommendation: report.recommendation.as_ref().map(|it| it.advice.words()),
            open: report.open_counts(),
            answer: report.verdict.word(),
        })
        .collect();
    match format {
        ReportFormat::Json => report::to_json(&listed),
        ReportFormat::Terminal => {
            let mut page = Page::new();
            for review in &listed {
                page.put(Style::Literal, &review.id)
                    .text(cut(
                        &format!("  {}  {}  {}", review.target, review.answer, review.open),
                        ui.width().saturating_sub(review.id.len()),
                    ))
                    .end();
            }
            if listed.is_empty() {
                ui.status("no review yet; run `deep-review`");
            }
            Ok(plain_text(&page))
        }
        ReportFormat::Markdown | ReportFormat::Sarif => {
            Err(anyhow!("a list of reviews has no such format")).hint("say `--format json`")
        }
    }
}

/// Renders a report and prints it, or writes it to a file.
pub(super) fn deliver(
    report: &Report,
    originals: &[Reply],
    format: ReportFormat,
    output: Option<&Path>,
    ui: &Ui,
) -> Result<()> {
    if format == ReportFormat::Terminal && output.is_none() {
        ui.result(&report::review_page(report, ui.width()));
        return Ok(());
    }
    let bytes = rendered(report, originals, format, ui).context("cannot write the report")?;
    hand_over(&bytes, output, ui)
}

fn rendered(
    report: &Report,
    originals: &[Reply],
    format: ReportFormat,
    ui: &Ui,
) -> Result<Vec<u8>> {
    match format {
        ReportFormat::Terminal => Ok(plain_text(&report::review_page(report, ui.width()))),
        ReportFormat::Json => report::to_json(report),
        ReportFormat::Sarif => {
            let summaries: BTreeMap<String, String> = rules::builtin_rules()
                .map(|rule| (rule.id.to_owned(), rule.summary.to_owned()))
                .collect();
            report::sarif(report, &summaries)
        }
        ReportFormat::Markdown => {
            let originals: Vec<Original<'_>> = originals
                .iter()
                .map(|reply| Original {
                    agent: &reply.agent,
                    bytes: &reply.bytes,
                })
                .collect();
            Ok(report::markdown(report, &originals))
        }
    }
}

/// Prints bytes, or writes them to a file.
pub(super) fn hand_over(bytes: &[u8], output: Option<&Path>, ui: &Ui) -> Result<()> {
    match output {
        None => ui.result_bytes(bytes),
        Some(path) => {
            store::deliver(path, bytes).hint("name a file in a directory that can be written")?;
            ui.status(&format!("report written to {}", path.display()));
        }
    }
    Ok(())
}
