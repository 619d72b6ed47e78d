//! `deep-review hook pre-push`: turns what Git tells a hook into a scope, and the verdict into what Git
//! understands. Everything is said on standard error: standard output is the push's.

use std::io::Read;
use std::time::Duration;

use anyhow::{Context, Result};

use super::background::{self, Awaited, Waited};
use crate::cli::HookEvent;
use crate::env::{self, Skip};
use crate::error::{Exit, HintExt};
use crate::gate::Verdict;
use crate::ledger::{Decision, Skipped, SkippedRef};
use crate::page::{Page, Style};
use crate::pipeline::{Asking, Scope, Session};
use crate::process;
use crate::pushed::{self, PushedRef};
use crate::report;
use crate::ui::{ProgressLines, Ui};

/// Said with whatever kept a push from being reviewed.
const BYPASS: &str =
    "to push without a review, and leave a trace: DEEP_REVIEW_SKIP=\"why\" git push";

pub(crate) fn run(event: &HookEvent, ui: &Ui) -> Result<Exit> {
    let (remote, url) = match event {
        HookEvent::PrePush { remote, url } => (remote, url),
        HookEvent::Review {
            key,
            remote,
            url,
            lines,
        } => return background::run(key, remote, url, lines, ui),
    };
    let mut input = Vec::new();
    std::io::stdin()
        .lock()
        .read_to_end(&mut input)
        .context("cannot read what Git says is pushed")?;
    let refs = pushed::parse(&input)?;
    if refs.is_empty() {
        return Ok(Exit::Pass);
    }
    let git = process::parent();
    if let Skip::Yes { reason } = env::skip() {
        return skip(reason, &refs, ui);
    }
    let mut session = Session::open().hint(BYPASS)?;
    session.listener = Box::new(ProgressLines::new(ui));
    let scope = Scope::Pushed {
        refs,
        remote: remote.clone(),
        url: url.clone(),
    };
    let mut report = session.review(&scope, Asking::Rules).hint(BYPASS)?;
    if report.awaits_agents() {
        let awaited = Awaited {
            remote,
            url,
            lines: &input,
            most: session
                .limits
                .push
                .unwrap_or_else(|| patience(url, session.limits.wall)),
        };
        let waited = background::wait(&session, &awaited, ui).hint(BYPASS)?;
        let goes_on = match &waited {
            Waited::Interrupted => {
                // Once Git has ended, the shell's prompt stands where this would be written.
                if process::parent() == git {
                    ui.status("deep-review: interrupted; what was answered is kept");
                }
                return Ok(Exit::Interrupted);
            }
            Waited::Over(_) => None,
            Waited::GoesOn(reading) => Some(reading.join(", ")),
        };
        report = Session::open()?
            .review(&scope, Asking::Rules)
            .hint(BYPASS)?;
        if let Waited::Over(failed) = waited {
            report.failed.extend(failed);
        }
        if let Some(reading) = goes_on.filter(|_| report.awaits_agents()) {
            let reading = if reading.is_empty() {
                "the agents"
            } else {
                &reading
            };
            report.warnings.push(format!(
                "{reading}: still reading; the review continues in the background; push again"
            ));
        }
    }
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

/// How long a push waits for agents if nobody set it: over SSH the connection is open already, and hosts
/// drop it after one to six minutes; over anything else as long as a review may take.
fn patience(url: &str, wall: Duration) -> Duration {
    const OVER_SSH: Duration = Duration::from_secs(50);
    let scp_like = !url.contains("://")
        && url
            .split_once(':')
            .is_some_and(|(host, _)| !host.contains('/'));
    let over_ssh = ["ssh://", "git+ssh://", "ssh+git://"]
        .iter()
        .any(|scheme| url.starts_with(scheme));
    if over_ssh || scp_like { OVER_SSH } else { wall }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_push_over_ssh_waits_less() {
        let half_an_hour = Duration::from_secs(30 * 60);
        for (url, seconds) in [
            ("ssh://git@example.org/shop.git", 50),
            ("ssh://git@example.org:2222/shop.git", 50),
            ("git+ssh://example.org/shop.git", 50),
            ("ssh+git://example.org/shop.git", 50),
            ("git@example.org:shop.git", 50),
            ("example.org:shops/shop.git", 50),
            ("[::1]:shop.git", 50),
            ("https://example.org/shop.git", 1800),
            ("https://example.org:8443/a:b.git", 1800),
            ("git://example.org/shop.git", 1800),
            ("file:///srv/shop.git", 1800),
            ("/srv/shop.git", 1800),
            ("/srv/a:b.git", 1800),
            ("./a:b.git", 1800),
            ("../remote.git", 1800),
        ] {
            assert_eq!(patience(url, half_an_hour).as_secs(), seconds, "{url}");
        }
        let short = Duration::from_secs(90);
        assert_eq!(patience("/srv/shop.git", short), short);
    }
}
