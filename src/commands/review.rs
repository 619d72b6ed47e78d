//! `deep-review`: reviews a scope asked for by hand and prints the report.

use anyhow::{Result, anyhow};

use super::explain::explained;
use super::handed_in;
use super::report::{deliver, hand_over};
use crate::cli::{ReportFormat, ReviewArgs};
use crate::error::{Exit, HintExt};
use crate::pipeline::{Asking, Reply, Scope, Session};
use crate::progress::Unheard;
use crate::report::{self, Report};
use crate::store::ReviewId;
use crate::ui::{ProgressLines, Ui, plain_text};

pub(crate) fn run(arguments: &ReviewArgs, ui: &Ui) -> Result<Exit> {
    let replies = handed_in::replies(&arguments.reviews)?;
    let mut session = Session::open()?;
    session.ask_only(&arguments.agents)?;
    session.let_lead(arguments.lead.as_deref())?;
    let asking = if arguments.fresh {
        Asking::Everything
    } else {
        Asking::Missing
    };
    if arguments.dry_run {
        return dry_run(&mut session, arguments, asking, ui);
    }
    session.listener = Box::new(ProgressLines::new(ui));
    let report = session.review_with(&Scope::from(&arguments.scope), asking, &replies)?;
    // What it drew is taken off the terminal before the report.
    session.listener = Box::new(Unheard);
    let originals = if arguments.format == ReportFormat::Markdown {
        originals(&session, &report, replies)
    } else {
        Vec::new()
    };
    deliver(
        &report,
        &originals,
        arguments.format,
        arguments.output.as_deref(),
        ui,
    )?;
    if let Some(id) = &report.id {
        ui.detail(&format!("remembered as {id}"));
    }
    if session.interrupted {
        return Ok(Exit::Interrupted);
    }
    Ok(Exit::from(&report.verdict))
}

/// Shows what a review would send, and asks nobody.
fn dry_run(session: &mut Session, arguments: &ReviewArgs, asking: Asking, ui: &Ui) -> Result<Exit> {
    if !matches!(
        arguments.format,
        ReportFormat::Terminal | ReportFormat::Json
    ) {
        return Err(anyhow!("what would be sent has no such format")).hint("say `--format json`");
    }
    let explanation = explained(session, &Scope::from(&arguments.scope), asking)?;
    let output = arguments.output.as_deref();
    if arguments.format == ReportFormat::Json {
        hand_over(&report::to_json(&explanation)?, output, ui)?;
        return Ok(Exit::Pass);
    }
    let page = explanation.sending_page(ui.is_verbose());
    match output {
        Some(_) => hand_over(&plain_text(&page), output, ui)?,
        None => ui.result(&page),
    }
    Ok(Exit::Pass)
}

/// The raw reviews of this run: as they were kept, or as they came if nothing was.
fn originals(session: &Session, report: &Report, replies: Vec<Reply>) -> Vec<Reply> {
    match report.id.as_deref().and_then(ReviewId::parse) {
        Some(id) => session.originals(&id),
        None => replies,
    }
}
