//! Which agents the user lets read a repository: one small file per repository on the user's side, so
//! that no repository brings its own consent along.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, anyhow};
use serde::{Deserialize, Serialize};

use super::{Store, create_private_dir, read_plain, replace};
use crate::error::HintExt;

const FORMAT: u32 = 1;

/// The agents enabled for a repository, in the order in which they were enabled.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Panel {
    format: u32,
    /// For people: which repository this is about.
    repository: String,
    /// Their names.
    pub(crate) agents: Vec<String>,
}

impl Store {
    /// The panel of this repository; `None` if the user never decided. One that can't be read is an
    /// error: taken for none, agents that must answer would be forgotten.
    pub(crate) fn panel(&self) -> anyhow::Result<Option<Panel>> {
        let path = self.panel_path();
        let Some(bytes) = read_plain(&path)? else {
            return Ok(None);
        };
        let attempt = || -> anyhow::Result<Panel> {
            let panel: Panel = serde_json::from_slice(&bytes)?;
            if panel.format != FORMAT {
                return Err(anyhow!(
                    "it has format {}, this program knows {FORMAT}",
                    panel.format
                ));
            }
            Ok(panel)
        };
        attempt()
            .with_context(|| {
                format!(
                    "cannot read `{}`, which says who may review",
                    path.display()
                )
            })
            .hint("remove it and enable the agents again: `deep-review agents enable`")
            .map(Some)
    }

    /// Decides who may read this repository.
    pub(crate) fn set_panel(&self, agents: Vec<String>) -> anyhow::Result<()> {
        let path = self.panel_path();
        let dir = self.secret_dir.join(DIR);
        create_private_dir(&dir)?;
        let panel = Panel {
            format: FORMAT,
            repository: self.dir.display().to_string(),
            agents,
        };
        let bytes = serde_json::to_vec_pretty(&panel).context("cannot write the panel")?;
        replace(&path, &bytes)
    }

    fn panel_path(&self) -> PathBuf {
        // Two ways to one directory are one repository.
        let parent = self.dir.parent().unwrap_or(&self.dir);
        let resolved = fs::canonicalize(parent).unwrap_or_else(|_| parent.to_owned());
        let digest = blake3::hash(resolved.as_os_str().as_encoded_bytes()).to_hex();
        self.secret_dir
            .join(DIR)
            .join(format!("{}.json", &digest[..32]))
    }
}

const DIR: &str = "panels";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panel_belongs_to_one_repository_and_is_not_kept_in_it() {
        let temp = tempfile::tempdir().unwrap();
        let (one, two, state) = (
            temp.path().join("one"),
            temp.path().join("two"),
            temp.path().join("state"),
        );
        for dir in [&one, &two] {
            std::fs::create_dir(dir).unwrap();
        }
        let store = |dir| Store::open(dir, &state).unwrap();
        assert_eq!(store(&one).panel().unwrap(), None);
        store(&one).set_panel(vec!["claude".to_owned()]).unwrap();
        assert_eq!(store(&one).panel().unwrap().unwrap().agents, ["claude"]);
        assert_eq!(store(&two).panel().unwrap(), None);
        assert!(!one.join("deep-review").exists());
        let around = one.join("../one");
        assert!(store(&around).panel().unwrap().is_some());
    }

    #[test]
    fn a_damaged_panel_is_no_empty_one() {
        let temp = tempfile::tempdir().unwrap();
        let store = Store::open(temp.path(), &temp.path().join("state")).unwrap();
        store.set_panel(vec!["claude".to_owned()]).unwrap();
        replace(&store.panel_path(), b"{").unwrap();
        assert!(store.panel().is_err());
        replace(
            &store.panel_path(),
            br#"{"format":9,"repository":"","agents":[]}"#,
        )
        .unwrap();
        assert!(store.panel().is_err());
    }
}
