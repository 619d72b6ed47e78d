//! `deep-review install` and `uninstall`: the pre-push hook of this repository.

use anyhow::Result;

use crate::agents::Agent;
use crate::env;
use crate::error::Exit;
use crate::git::Repo;
use crate::hooks::{self, Done};
use crate::page::{Page, Style};
use crate::pipeline::Session;
use crate::ui::Ui;

pub(crate) fn install(ui: &Ui) -> Result<Exit> {
    let repo = Repo::discover(&env::current_dir()?)?;
    let done = hooks::install(&repo, &env::current_exe()?)?;
    let path = hooks::path(&repo);
    match done {
        Done::Updated => ui.status(&format!("updated {}", path.display())),
        Done::Already => ui.status(&format!("already installed: {}", path.display())),
        Done::Installed | Done::Removed | Done::NotOurs => {
            ui.status(&format!("installed {}", path.display()));
            ui.status(
                "from now on `git push` is reviewed by the built-in rules; try `deep-review` now",
            );
        }
    }
    panel(&mut Session::open()?, ui)?;
    Ok(Exit::Pass)
}

/// So many recommended agents are named.
const NAMED: usize = 8;

/// Asks once which agents may read this repository.
fn panel(session: &mut Session, ui: &Ui) -> Result<()> {
    if session.store.panel()?.is_some() {
        return Ok(());
    }
    let mut recommended = session.recommended_agents()?;
    recommended.truncate(NAMED);
    let there: Vec<&Agent> = session
        .agents
        .iter()
        .filter(|agent| agent.is_there(&session.repo.places()))
        .collect();
    if there.is_empty() {
        return Ok(());
    }
    let mut question = Page::new();
    question.end().line(
        Style::Strong,
        "These agents could review this repository too. Changed files, and what they read around them, are then sent:",
    );
    for agent in &there {
        question
            .put(Style::Literal, format!("  {:<12} ", agent.name))
            .text(format!("to {}", agent.receiver()))
            .text(if recommended.contains(&agent.name) {
                "; this repository recommends it"
            } else {
                ""
            })
            .end();
    }
    let missing: Vec<&str> = recommended
        .iter()
        .map(String::as_str)
        .filter(|name| there.iter().all(|agent| agent.name != *name))
        .collect();
    if !missing.is_empty() {
        let words = format!("Recommended too, and not here: {}", missing.join(", "));
        question.text(words).end();
    }
    question
        .text("Which ones? Names, `all`, or nothing for none:")
        .end();
    let names: Vec<&str> = there.iter().map(|agent| agent.name.as_str()).collect();
    let Some(answer) = ui.ask(&question) else {
        let advice = match recommended.as_slice() {
            [] => String::new(),
            some => format!(" (this repository recommends {})", some.join(", ")),
        };
        ui.status(&format!(
            "agents that could review too: {}{advice}; `deep-review agents enable NAME` lets one read this repository",
            names.join(", ")
        ));
        return Ok(());
    };
    let chosen: Vec<String> = match answer.as_str() {
        "" | "none" | "n" | "no" => Vec::new(),
        "all" => names.iter().map(|name| (*name).to_owned()).collect(),
        words => words
            .split([',', ' '])
            .filter(|word| !word.is_empty())
            .map(str::to_owned)
            .collect(),
    };
    for name in &chosen {
        session.agent(name)?;
    }
    session.store.set_panel(chosen.clone())?;
    ui.status(&match chosen.as_slice() {
        [] => "only the built-in rules review this repository; `deep-review agents enable NAME` changes that".to_owned(),
        chosen => format!("enabled: {}", chosen.join(", ")),
    });
    Ok(())
}

pub(crate) fn uninstall(ui: &Ui) -> Result<Exit> {
    let repo = Repo::discover(&env::current_dir()?)?;
    let path = hooks::path(&repo);
    match hooks::uninstall(&repo, &env::current_exe()?)? {
        Done::Removed => ui.status(&format!("removed {}", path.display())),
        _ => ui.status(&format!("no hook of deep-review in {}", path.display())),
    }
    Ok(Exit::Pass)
}
