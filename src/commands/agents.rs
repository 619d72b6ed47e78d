//! `deep-review agents`: who may read this repository, and who could.

use anyhow::{Context, Result, anyhow};
use serde::Serialize;

use crate::agents;
use crate::cli::{AgentsArgs, AgentsCommand, Format};
use crate::error::{Exit, HintExt};
use crate::page::{Page, Style, cut};
use crate::pipeline::Session;
use crate::process::Interrupt;
use crate::report;
use crate::ui::Ui;

/// One agent, for programs.
#[derive(Serialize)]
struct Row {
    name: String,
    kind: &'static str,
    model: Option<String>,
    effort: Option<String>,
    enabled: bool,
    /// Who gets the code.
    sends_to: String,
    /// Whether secrets are taken out before.
    redacted: bool,
}

pub(crate) fn run(arguments: &AgentsArgs, ui: &Ui) -> Result<Exit> {
    let session = Session::open()?;
    match &arguments.command {
        Some(AgentsCommand::Enable { names }) => enable(&session, names, ui),
        Some(AgentsCommand::Disable { names }) => disable(&session, names, ui),
        None if arguments.probe => probe(&session, arguments.format, ui),
        None => {
            list(&session, arguments.format, ui)?;
            Ok(Exit::Pass)
        }
    }
}

fn enable(session: &Session, names: &[String], ui: &Ui) -> Result<Exit> {
    for name in names {
        session.agent(name)?;
    }
    let mut enabled = session.enabled()?;
    for name in names {
        if !enabled.contains(name) {
            enabled.push(name.clone());
        }
    }
    session.store.set_panel(enabled)?;
    for name in names {
        let agent = session.agent(name)?;
        ui.status(&format!(
            "{name} reviews this repository from now on; changed files and what it reads around them are sent to {}",
            agent.receiver()
        ));
    }
    Ok(Exit::Pass)
}

fn disable(session: &Session, names: &[String], ui: &Ui) -> Result<Exit> {
    let mut enabled = session.enabled()?;
    for name in names {
        let Some(at) = enabled.iter().position(|it| it == name) else {
            return Err(anyhow!("`{name}` is not enabled for this repository"))
                .hint("`deep-review agents` lists those that are");
        };
        enabled.remove(at);
    }
    session.store.set_panel(enabled)?;
    ui.status(&format!(
        "not asked any more in this repository: {}",
        names.join(", ")
    ));
    Ok(Exit::Pass)
}

/// Asks every enabled program for one word.
fn probe(session: &Session, format: Format, ui: &Ui) -> Result<Exit> {
    let interrupt = Interrupt::on_signals()?;
    let place = tempfile::tempdir().context("cannot make a directory to probe from")?;
    let mut rows = Vec::new();
    for name in session.enabled()? {
        let Ok(agent) = session.agent(&name) else {
            rows.push(Probed {
                name,
                version: None,
                path: None,
                problem: Some("not configured any more".to_owned()),
            });
            continue;
        };
        ui.detail(&format!("asking {name}"));
        let probe = agents::probe(agent, &place.path().join(&name), &interrupt);
        rows.push(Probed {
            name,
            version: probe.version,
            path: probe.path.map(|path| path.display().to_string()),
            problem: probe.problem,
        });
    }
    let all_well = rows.iter().all(|row| row.problem.is_none());
    if format == Format::Json {
        ui.result_bytes(&report::to_json(&rows)?);
    } else {
        let mut page = Page::new();
        for row in &rows {
            let (style, state) = match row.problem {
                None => (Style::Good, "answers  "),
                Some(_) => (Style::Alarm, "no answer"),
            };
            let what = [
                row.version.as_deref(),
                row.path.as_deref(),
                row.problem.as_deref(),
            ];
            let words: Vec<&str> = what.into_iter().flatten().collect();
            page.put(style, state)
                .put(Style::Strong, format!(" {:<12} ", row.name))
                .text(words.join(", "))
                .end();
        }
        ui.result(&page);
        if rows.is_empty() {
            ui.status("no agent is enabled here");
        }
    }
    Ok(if all_well {
        Exit::Pass
    } else {
        Exit::Inconclusive
    })
}

/// What probing one agent gave.
#[derive(Serialize)]
struct Probed {
    name: String,
    version: Option<String>,
    path: Option<String>,
    problem: Option<String>,
}

fn list(session: &Session, format: Format, ui: &Ui) -> Result<()> {
    let enabled = session.enabled()?;
    let rows: Vec<Row> = session
        .agents
        .iter()
        .map(|agent| Row {
            name: agent.name.clone(),
            kind: agent.kind.name(),
            model: agent.model.clone(),
            effort: agent.effort.clone(),
            enabled: enabled.contains(&agent.name),
            sends_to: agent.receiver(),
            redacted: agent.redact,
        })
        .collect();
    if format == Format::Json {
        ui.result_bytes(&report::to_json(&rows)?);
        return Ok(());
    }
    let mut page = Page::new();
    page.put(Style::Good, "enabled  ")
        .put(Style::Strong, format!("{:<12} ", crate::rules::AGENT))
        .text("built in; nothing leaves this machine")
        .end();
    for row in &rows {
        let (style, state) = if row.enabled {
            (Style::Good, "enabled  ")
        } else {
            (Style::Faint, "–        ")
        };
        let model = match (&row.model, &row.effort) {
            (Some(model), Some(effort)) => format!("{model} ({effort}), "),
            (Some(model), None) => format!("{model}, "),
            (None, Some(effort)) => format!("effort {effort}, "),
            (None, None) => String::new(),
        };
        let words = format!("{model}sends code to {}", row.sends_to);
        page.put(style, state)
            .put(Style::Strong, format!("{:<12} ", row.name))
            .text(cut(&words, ui.width().saturating_sub(22)))
            .end();
    }
    for name in enabled
        .iter()
        .filter(|name| rows.iter().all(|row| row.name != **name))
    {
        page.put(Style::Warning, "missing  ")
            .put(Style::Strong, format!("{name:<12} "))
            .text("enabled here, but not configured any more: it counts as not answering")
            .end();
    }
    ui.result(&page);
    if enabled.is_empty() {
        ui.status("only the built-in rules review this repository; `deep-review agents enable NAME` adds an agent");
    }
    Ok(())
}
