//! `deep-review explain`: what would be compared, who would read what, and which settings are in force.

use anyhow::Result;

use crate::cli::ScopeArgs;
use crate::config::Settings;
use crate::error::Exit;
use crate::page::{Page, Style};
use crate::pipeline::{Asking, Scope, Session};
use crate::report::Report;
use crate::rules::{RuleLevel, builtin_rules};
use crate::ui::Ui;
use crate::units::Class;

pub(crate) fn run(scope: &ScopeArgs, config: bool, ui: &Ui) -> Result<Exit> {
    let mut session = Session::open()?;
    let scope = Scope::from(scope);
    if config {
        let (targets, _) = session.owed(&scope)?;
        for target in &targets {
            let changed = session.head_changes(target)?;
            let in_force = session.in_force(target, &changed)?;
            ui.result(&settings_page(&in_force.settings));
        }
        return Ok(Exit::Pass);
    }
    let report = session.review(&scope, Asking::Nothing)?;
    ui.result(&units_page(&report));
    Ok(Exit::Pass)
}

fn units_page(report: &Report) -> Page {
    let mut page = Page::new();
    for target in &report.targets {
        page.put(Style::Strong, &target.name)
            .text(format!(" against {}", target.base.why))
            .end();
        page.line(Style::Faint, format!("base tree {}", target.base.tree));
        if target.protected {
            page.line(
                Style::Plain,
                "protected: owes everything since the remote's tip",
            );
        }
        for note in &target.notes {
            page.put(Style::Warning, "note: ").text(note).end();
        }
        for unit in &target.units {
            let (class, why) = match &unit.class {
                Class::Reviewed => ("reviewed", ""),
                Class::RulesOnly { why } => ("rules only", why.as_str()),
                Class::Listed { why } => ("listed", why.as_str()),
                Class::Unreadable { why } => ("unreadable", why.as_str()),
                Class::Paid => ("paid", "the remote has it"),
            };
            let known = match (&unit.class, unit.read_by.as_slice()) {
                (Class::Reviewed | Class::RulesOnly { .. }, []) => "to be read",
                (Class::Reviewed | Class::RulesOnly { .. }, _) => "remembered",
                _ => "",
            };
            let commit = unit
                .commit
                .as_deref()
                .map(|commit| format!(" in commit {}", &commit[..12.min(commit.len())]))
                .unwrap_or_default();
            page.put(Style::Faint, format!("{} ", unit.status))
                .text(format!("{class:<11}{known:<11}"))
                .text(format!("{}{commit}", unit.path.to_quoted()));
            if !why.is_empty() {
                page.put(Style::Faint, format!("  {why}"));
            }
            page.end();
        }
    }
    for warning in &report.warnings {
        page.put(Style::Warning, "note: ").text(warning).end();
    }
    page
}

fn settings_page(settings: &Settings) -> Page {
    let mut page = Page::new();
    let mut row = |key: &str, value: String, origin: String| {
        page.text(format!("{key:<22} = {value}"))
            .put(Style::Faint, format!("  # {origin}"))
            .end();
    };
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
        format!("{:?}", settings.on_incomplete.value).to_lowercase(),
        settings.on_incomplete.origin.to_string(),
    );
    row(
        "gate.evidence",
        format!("{:?}", settings.evidence.value).to_lowercase(),
        settings.evidence.origin.to_string(),
    );
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
