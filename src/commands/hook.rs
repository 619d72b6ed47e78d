//! `deep-review hook pre-push`: turns what Git tells a hook into a scope, and the verdict into what Git
//! understands. Everything is said on standard error: standard output is the push's.

use std::io::Read;

use anyhow::{Context, Result, anyhow};

use crate::cli::HookEvent;
use crate::env::{self, Skip};
use crate::error::{Exit, HintExt};
use crate::gate::Verdict;
use crate::ledger::{Decision, Skipped, SkippedRef};
use crate::page::{Page, Style};
use crate::pipeline::{Asking, Scope, Session};
use crate::pushed::{self, PushedRef};
use crate::report;
use crate::ui::Ui;

/// Said with whatever kept a push from being reviewed.
const BYPASS: &str =
    "to push without a review, and leave a trace: DEEP_REVIEW_SKIP=\"why\" git push";

pub(crate) fn run(event: &HookEvent, ui: &Ui) -> Result<Exit> {
    let HookEvent::PrePush { remote, url } = event;
    let mut input = Vec::new();
    std::io::stdin()
        .lock()
        .read_to_end(&mut input)
        .context("cannot read what Git says is pushed")?;
    if env::switched_on(env::ACTIVE) {
        return Err(anyhow!("a reviewing agent may not push"))
            .context(format!("`{}` is set", env::ACTIVE))
            .hint("unset it if you are no agent");
    }
    let refs = pushed::parse(&input)?;
    if refs.is_empty() {
        return Ok(Exit::Pass);
    }
    if let Skip::Yes { reason } = env::skip() {
        return skip(reason, &refs, ui);
    }
    let mut session = Session::open().hint(BYPASS)?;
    let scope = Scope::Pushed {
        refs,
        remote: remote.clone(),
        url: url.clone(),
    };
    let report = session.review(&scope, Asking::Missing).hint(BYPASS)?;
    let quiet_pass = matches!(report.verdict, Verdict::NothingNew) && report.warnings.is_empty();
    if quiet_pass {
        for nothing in &report.nothing {
            ui.status(&format!("deep-review: {}: {}", nothing.name, nothing.why));
        }
    } else {
        let mut page = report::push_page(&report, ui.width());
        if page.len() == 1 {
            page.lead(Style::Strong, "deep-review: ");
            ui.notice(&page);
        } else {
            let mut headed = Page::new();
            headed.line(Style::Strong, "deep-review").append(page);
            ui.notice(&headed);
        }
    }
    Ok(Exit::from(&report.verdict))
}

/// Lets a push through because the user said so, and leaves a trace. Without a trace it does not pass.
fn skip(reason: Option<String>, refs: &[PushedRef], ui: &Ui) -> Result<Exit> {
    let mut session = Session::open()?;
    let skipped = Skipped {
        reason: reason.clone(),
        refs: refs
            .iter()
            .map(|pushed| SkippedRef {
                name: pushed.remote.clone(),
                id: pushed.local_id.to_string(),
            })
            .collect(),
        by: session.repo.identity(),
        at: session.now,
    };
    session.store.record(&[Decision::Skipped(skipped)])?;
    let mut page = Page::new();
    page.put(Style::Warning, "deep-review: NOT REVIEWED")
        .text(match reason {
            Some(reason) => format!(", skipped: {reason}"),
            None => ", skipped without a reason".to_owned(),
        })
        .end();
    ui.notice(&page);
    Ok(Exit::Pass)
}
