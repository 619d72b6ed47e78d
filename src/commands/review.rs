//! `deep-review`: reviews a scope asked for by hand and prints the report.

use anyhow::Result;

use super::explain::foreseen_page;
use super::handed_in;
use super::report::deliver;
use crate::cli::{ReportFormat, ReviewArgs};
use crate::error::Exit;
use crate::pipeline::{Asking, Reply, Scope, Session};
use crate::progress::Unheard;
use crate::report::Report;
use crate::store::ReviewId;
use crate::ui::{ProgressLines, Ui};

pub(crate) fn run(arguments: &ReviewArgs, ui: &Ui) -> Result<Exit> {
    let replies = handed_in::replies(&arguments.reviews)?;
    let mut session = Session::open()?;
    session.ask_only(&arguments.agents)?;
    let asking = if arguments.fresh {
        Asking::Everything
    } else {
        Asking::Missing
    };
    if arguments.dry_run {
        ui.result(&foreseen_page(
            &session.foresee(&Scope::from(&arguments.scope), asking)?,
        ));
        return Ok(Exit::Pass);
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

/// The raw reviews of this run: as they were kept, or as they came if nothing was.
fn originals(session: &Session, report: &Report, replies: Vec<Reply>) -> Vec<Reply> {
    match report.id.as_deref().and_then(ReviewId::parse) {
        Some(id) => session.originals(&id),
        None => replies,
    }
}
