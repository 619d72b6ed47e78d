//! `deep-review explain`: what would be compared, who would read what, and which settings are in force.

use anyhow::Result;

use crate::cli::{Format, ScopeArgs};
use crate::config::Settings;
use crate::error::Exit;
use crate::explanation::{Explanation, MOST_COMMITS};
use crate::gate::OnBudget;
use crate::page::{Page, Style};
use crate::pipeline::{Asking, Scope, Session};
use crate::report;
use crate::rules::{RuleLevel, builtin_rules};
use crate::ui::Ui;

/// What is to be explained, besides its scope.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted {
    /// Only the settings.
    pub(crate) config: bool,
    /// As if the branch were pushed.
    pub(crate) push: bool,
    /// Only what would be cut out before code is sent.
    pub(crate) redactions: bool,
    /// How to print it.
    pub(crate) format: Format,
}

pub(crate) fn run(scope: &ScopeArgs, wanted: Wanted, ui: &Ui) -> Result<Exit> {
    let mut session = Session::open()?;
    let scope = if wanted.push {
        session.next_push()?
    } else {
        Scope::from(scope)
    };
    if wanted.redactions {
        return redactions(&mut session, &scope, wanted.format, ui);
    }
    if wanted.config {
        let (targets, _) = session.owed(&scope)?;
        for target in &targets {
            let (changed, _) = session.head_changes(target)?;
            let in_force = session.in_force(target, &changed)?;
            ui.result(&settings_page(&in_force.settings));
        }
        return Ok(Exit::Pass);
    }
    let explanation = explained(&mut session, &scope, Asking::Missing)?;
    match wanted.format {
        Format::Json => ui.result_bytes(&report::to_json(&explanation)?),
        Format::Terminal => ui.result(&explanation.page(ui.is_verbose())),
    }
    Ok(Exit::Pass)
}

/// A scope, explained with what a review would send.
pub(super) fn explained(
    session: &mut Session,
    scope: &Scope,
    asking: Asking,
) -> Result<Explanation> {
    let (targets, _) = session.owed(scope)?;
    let commits = targets
        .iter()
        .map(|target| match target.head.commit() {
            Some(tip) => session.log(&tip, &target.published, MOST_COMMITS),
            None => Ok(Vec::new()),
        })
        .collect::<Result<Vec<_>>>()?;
    let report = session.review(scope, Asking::Nothing)?;
    let foreseen = session.foresee(scope, asking)?;
    Ok(Explanation::of(&report, commits, foreseen))
}

fn redactions(session: &mut Session, scope: &Scope, format: Format, ui: &Ui) -> Result<Exit> {
    let foreseen = session.foresee(scope, Asking::Everything)?;
    if format == Format::Json {
        ui.result_bytes(&report::to_json(&foreseen.redactions)?);
        return Ok(Exit::Pass);
    }
    let mut page = Page::new();
    for cut in &foreseen.redactions {
        page.text(format!(
            "{}: line {} of its patch: ",
            cut.path.to_quoted(),
            cut.line
        ))
        .put(Style::Strong, cut.rule)
        .end();
    }
    if foreseen.redactions.is_empty() {
        page.line(Style::Plain, "nothing would be cut out");
    }
    ui.result(&page);
    Ok(Exit::Pass)
}

fn settings_page(settings: &Settings) -> Page {
    let mut page = Page::new();
    let mut row =
        |key: &str, value: String, origin: String| setting(&mut page, key, &value, &origin);
    let base = settings.base.value.as_ref().map_or_else(
        || "the remote's HEAD".to_owned(),
        |base| format!("{base:?}"),
    );
    row("base", base, settings.base.origin.to_string());
    row(
        "gate.block",
        format!("\"{}\"", settings.block.value),
        settings.block.origin.to_string(),
    );
    for pattern in &settings.protected {
        row(
            "gate.protected",
            format!("{:?}", pattern.value),
            pattern.origin.to_string(),
        );
    }
    row(
        "gate.on_incomplete",
        format!(
            "{:?}",
            format!("{:?}", settings.on_incomplete.value).to_lowercase()
        ),
        settings.on_incomplete.origin.to_string(),
    );
    row(
        "gate.evidence",
        format!(
            "{:?}",
            format!("{:?}", settings.evidence.value).to_lowercase()
        ),
        settings.evidence.origin.to_string(),
    );
    of_agents(settings, &mut row);
    for pattern in &settings.exclude {
        row(
            "review.exclude",
            format!("{:?}", pattern.value),
            pattern.origin.to_string(),
        );
    }
    row(
        "review.max_file_size",
        settings.max_file_size.value.to_string(),
        settings.max_file_size.origin.to_string(),
    );
    for rule in &settings.rules {
        row(
            &format!("rule {}", rule.value.id),
            rule.value.severity.to_string(),
            rule.origin.to_string(),
        );
    }
    for rule in builtin_rules() {
        let (level, origin) = match settings.levels.get(rule.id) {
            Some(level) => (level.value, level.origin.to_string()),
            None => (RuleLevel::At(rule.severity), "built in".to_owned()),
        };
        row(&format!("rule {}", rule.id), String::from(level), origin);
    }
    page
}

/// One setting with its origin.
fn setting(page: &mut Page, key: &str, value: &str, origin: &str) {
    page.text(format!("{key:<32} = {value}"))
        .put(Style::Faint, format!("  # {origin}"))
        .end();
}

/// The settings about agents.
fn of_agents(settings: &Settings, row: &mut dyn FnMut(&str, String, String)) {
    row(
        "gate.quorum",
        settings.quorum.value.map_or_else(
            || "1 if agents are enabled".to_owned(),
            |quorum| quorum.to_string(),
        ),
        settings.quorum.origin.to_string(),
    );
    row(
        "gate.stale",
        format!("{:?}", format!("{:?}", settings.stale.value).to_lowercase()),
        settings.stale.origin.to_string(),
    );
    let on_budget = match settings.on_budget.value {
        OnBudget::Block => "\"block\"",
        OnBudget::RulesOnly => "\"rules-only\"",
    };
    row(
        "gate.on_budget",
        on_budget.to_owned(),
        settings.on_budget.origin.to_string(),
    );
    row(
        "review.agents",
        format!("{:?}", settings.agents.value),
        settings.agents.origin.to_string(),
    );
    row(
        "review.lead",
        settings.lead.value.as_ref().map_or_else(
            || "the first agent that answered".to_owned(),
            |lead| format!("{lead:?}"),
        ),
        settings.lead.origin.to_string(),
    );
    row(
        "context.documents",
        format!("{:?}", settings.documents.value),
        settings.documents.origin.to_string(),
    );
}
