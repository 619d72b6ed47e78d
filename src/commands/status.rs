//! `deep-review status`: what a push of this branch would do, and whether anything would ask.

use anyhow::Result;
use serde::Serialize;

use crate::cli::Format;
use crate::env;
use crate::error::Exit;
use crate::hooks::{self, Slot};
use crate::ledger::{Decision, Skipped};
use crate::page::{Page, Style};
use crate::pipeline::{Asking, Session};
use crate::report::{self, Report};
use crate::ui::Ui;

#[derive(Serialize)]
struct Status {
    hook: &'static str,
    reviews: usize,
    skipped: Vec<Skipped>,
    branch: Option<Report>,
    problem: Option<String>,
}

pub(crate) fn run(format: Format, ui: &Ui) -> Result<Exit> {
    let mut session = Session::open()?;
    let hook = match hooks::slot(&session.repo, &env::current_exe()?)? {
        Slot::Free => "not installed: `deep-review install`",
        Slot::Ours => "installed",
        Slot::OursOutdated => "installed by another deep-review: `deep-review install` updates it",
        Slot::OursEdited => "installed, and edited by somebody",
        Slot::Foreign => "another tool's: `deep-review install` says what to add",
    };
    let skipped: Vec<Skipped> = session
        .decisions()?
        .into_iter()
        .filter_map(|decision| match decision {
            Decision::Skipped(skipped) => Some(skipped),
            _ => None,
        })
        .collect();
    let reviews = session.store.review_ids()?.len();
    let foretold = session
        .next_push()
        .and_then(|scope| session.review(&scope, Asking::Nothing));
    let (branch, problem) = match foretold {
        Ok(report) => (Some(report), None),
        Err(error) => (None, Some(format!("{error:#}"))),
    };
    let status = Status {
        hook,
        reviews,
        skipped,
        branch,
        problem,
    };
    match format {
        Format::Json => ui.result_bytes(&report::to_json(&status)?),
        Format::Terminal => ui.result(&page(&status, ui.width())),
    }
    Ok(Exit::Pass)
}

fn page(status: &Status, width: usize) -> Page {
    let mut page = Page::new();
    let mut row = |label: &str, text: String| {
        page.put(Style::Faint, format!("{label:<10}"))
            .text(text)
            .end();
    };
    if let Some(target) = status
        .branch
        .as_ref()
        .and_then(|report| report.targets.first())
    {
        row(
            "branch",
            format!("{} against {}", target.name, target.base.why),
        );
    }
    row("hook", status.hook.to_owned());
    row("reviews", format!("{} remembered", status.reviews));
    for skipped in status.skipped.iter().rev().take(3) {
        let refs: Vec<&str> = skipped
            .refs
            .iter()
            .map(|pushed| pushed.name.trim_start_matches("refs/heads/"))
            .collect();
        row(
            "skipped",
            format!(
                "{} by {} on {}: {}",
                refs.join(", "),
                skipped.by,
                skipped.at.to_zoned(jiff::tz::TimeZone::UTC).date(),
                skipped.reason.as_deref().unwrap_or("no reason given")
            ),
        );
    }
    page.end();
    match (&status.branch, &status.problem) {
        (Some(report), _) => {
            page.line(Style::Strong, "A push of this branch would be:");
            page.append(report::push_page(report, width));
        }
        (None, Some(problem)) => {
            page.put(Style::Warning, "A push can't be foretold: ")
                .text(problem)
                .end();
        }
        (None, None) => {}
    }
    page
}
