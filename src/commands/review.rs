//! `deep-review`: reviews a scope asked for by hand and prints the report.

use anyhow::{Context, Result};

use super::handed_in;
use crate::cli::{Format, ReviewArgs};
use crate::error::{Exit, HintExt};
use crate::page::Page;
use crate::pipeline::{Asking, Scope, Session};
use crate::report::{self, Report};
use crate::store;
use crate::ui::{ProgressLines, Ui, plain_text};

pub(crate) fn run(arguments: &ReviewArgs, ui: &Ui) -> Result<Exit> {
    let replies = handed_in::replies(&arguments.reviews)?;
    let mut session = Session::open()?;
    session.ask_only(&arguments.agents)?;
    session.listener = Box::new(ProgressLines::new(ui));
    let asking = if arguments.fresh {
        Asking::Everything
    } else {
        Asking::Missing
    };
    let report = session.review_with(&Scope::from(&arguments.scope), asking, &replies)?;
    match &arguments.output {
        None => print(&report, arguments.format, ui)?,
        Some(path) => {
            let bytes = match arguments.format {
                Format::Json => report::to_json(&report)?,
                Format::Terminal => plain_text(&page(&report, ui)),
            };
            store::deliver(path, &bytes).hint("name a file in a directory that can be written")?;
            ui.status(&format!("report written to {}", path.display()));
        }
    }
    if let Some(id) = &report.id {
        ui.detail(&format!("remembered as {id}"));
    }
    Ok(Exit::from(&report.verdict))
}

/// Prints a report as a result.
pub(super) fn print(report: &Report, format: Format, ui: &Ui) -> Result<()> {
    match format {
        Format::Json => {
            ui.result_bytes(&report::to_json(report).context("cannot print the report")?);
        }
        Format::Terminal => ui.result(&page(report, ui)),
    }
    Ok(())
}

fn page(report: &Report, ui: &Ui) -> Page {
    report::review_page(report, ui.width())
}
