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

/// How often a question is asked until its answer is understood.
const QUESTIONS: usize = 3;

/// So many recommended agents are named.
const NAMED: usize = 8;

/// Asks once which agents may read this repository.
fn panel(session: &mut Session, ui: &Ui) -> Result<()> {
    if let Some(panel) = session.store.panel()? {
        let names = match panel.agents.as_slice() {
            [] => "the built-in rules only".to_owned(),
            names => format!("the built-in rules and {}", names.join(", ")),
        };
        ui.status(&format!(
            "reviewed by {names}; `deep-review agents` shows who else could"
        ));
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
    let names: Vec<String> = there.iter().map(|agent| agent.name.clone()).collect();
    let mut chosen = None;
    for _ in 0..QUESTIONS {
        let Some(answer) = ui.ask(&question) else {
            break;
        };
        match choice(&answer, &names) {
            Ok(names) => {
                chosen = Some(names);
                break;
            }
            Err(unknown) => {
                question = Page::new();
                question.text(unknown).end();
            }
        }
    }
    let Some(chosen) = chosen else {
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
    session.store.set_panel(chosen.clone())?;
    ui.status(&match chosen.as_slice() {
        [] => "only the built-in rules review this repository; `deep-review agents enable NAME` changes that".to_owned(),
        chosen => format!("enabled: {}", chosen.join(", ")),
    });
    Ok(())
}

/// The agents that an answer chooses, or what is to be said of one that isn't understood.
fn choice(answer: &str, names: &[String]) -> Result<Vec<String>, String> {
    match (answer.to_ascii_lowercase().as_str(), names) {
        ("" | "none" | "n" | "no", _) => return Ok(Vec::new()),
        ("all", _) => return Ok(names.to_vec()),
        ("y" | "yes", [only]) => return Ok(vec![only.clone()]),
        _ => {}
    }
    let chosen = answer.split([',', ' ']).filter(|word| !word.is_empty());
    let mut known = Vec::new();
    for word in chosen {
        if !names.iter().any(|name| name == word) {
            let names = names.join(", ");
            return Err(format!(
                "No agent here is called `{word}`. Names out of {names}, `all`, or nothing for none:"
            ));
        }
        known.push(word.to_owned());
    }
    Ok(known)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_chooses_agents_or_is_asked_for_again() {
        let names = ["ann".to_owned(), "bob".to_owned()];
        for nobody in ["", "n", "No", "none"] {
            assert_eq!(choice(nobody, &names), Ok(Vec::new()));
        }
        assert_eq!(choice("all", &names), Ok(names.to_vec()));
        assert_eq!(
            choice("bob, ann", &names),
            Ok(vec!["bob".into(), "ann".into()])
        );
        assert_eq!(choice("yes", &names[..1]), Ok(vec!["ann".into()]));
        // Who several are meant by it is not known.
        for unknown in ["y", "ann cid"] {
            let said = choice(unknown, &names).unwrap_err();
            assert!(said.contains("ann, bob"), "{said}");
        }
    }
}
