//! `deep-review install` and `uninstall`: the pre-push hook of this repository.

use anyhow::Result;

use crate::env;
use crate::error::Exit;
use crate::git::Repo;
use crate::hooks::{self, Done};
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
    Ok(Exit::Pass)
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
