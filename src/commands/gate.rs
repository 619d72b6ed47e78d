//! `deep-review gate`: the verdict from what is known. Asks no agent and writes nothing.

use anyhow::Result;

use crate::cli::{Format, ScopeArgs};
use crate::error::Exit;
use crate::pipeline::{Asking, Scope, Session};
use crate::report;
use crate::ui::{ProgressLines, Ui};

pub(crate) fn run(scope: &ScopeArgs, format: Format, ui: &Ui) -> Result<Exit> {
    let mut session = Session::open()?;
    session.listener = Box::new(ProgressLines::new(ui));
    let report = session.review(&Scope::from(scope), Asking::Nothing)?;
    match format {
        Format::Terminal => ui.result(&report::push_page(&report, ui.width())),
        Format::Json => ui.result_bytes(&report::to_json(&report)?),
    }
    Ok(Exit::from(&report.verdict))
}
