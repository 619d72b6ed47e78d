//! `deep-review init`: writes a commented configuration that fits the repository.

use anyhow::{Context, Result, anyhow};

use crate::config::REPOSITORY_FILE;
use crate::env;
use crate::error::{Exit, HintExt};
use crate::git::Repo;
use crate::store;
use crate::ui::Ui;

const TEMPLATE: &str = include_str!("init.toml");

pub(crate) fn run(ui: &Ui) -> Result<Exit> {
    let repo = Repo::discover(&env::current_dir()?)?;
    let root = repo
        .work_tree()
        .ok_or_else(|| anyhow!("the repository is bare"))
        .context("cannot write a configuration")
        .hint("run it in a worktree")?;
    let path = root.join(REPOSITORY_FILE);
    if path.symlink_metadata().is_ok() {
        return Err(anyhow!("`{}` is already there", path.display()))
            .context("cannot write a configuration")
            .hint("edit it; `deep-review explain --config` shows what is in force");
    }
    store::publish_file(&path, TEMPLATE.as_bytes())?;
    ui.status(&format!(
        "wrote {}; every line in it is a comment until you change it",
        path.display()
    ));
    Ok(Exit::Pass)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Class, ConfigFile, KEYS, Source};

    /// The template with its settings switched on.
    fn switched_on() -> String {
        let on = |line: &str| match line.strip_prefix("# ") {
            Some(rest) if rest.starts_with('[') || rest.contains(" = ") => rest.to_owned(),
            _ => line.to_owned(),
        };
        TEMPLATE.lines().map(|line| on(line) + "\n").collect()
    }

    #[test]
    fn every_setting_of_the_template_is_valid_and_none_is_missing() {
        let source = Source {
            name: "template".to_owned(),
        };
        for text in [TEMPLATE.to_owned(), switched_on()] {
            let (_, warnings) = ConfigFile::parse(text.as_bytes(), &source).unwrap();
            assert!(warnings.is_empty(), "{warnings:?}");
        }
        // What only a user may set has no place in a repository's file.
        let of_repository = |class| !matches!(class, Class::UserOnly | Class::UserFile);
        for key in KEYS.iter().filter(|key| of_repository(key.class)) {
            let last = key.name.rsplit('.').next().unwrap();
            assert!(TEMPLATE.contains(last), "{}", key.name);
        }
    }
}
