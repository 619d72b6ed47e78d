//! What another repository needs to borrow our objects, and how a repository of our own is opened.
//! The snapshot writes that other repository.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::diff::Oid;

use super::Repo;
use super::objects::plain;

impl Repo {
    /// Opens a repository that we wrote ourselves, by its Git directory: nothing of the environment
    /// and no configuration but its own is looked at.
    pub(crate) fn open_private(git_dir: &Path) -> Result<Self> {
        let options = gix::open::Options::isolated().open_path_as_is(true);
        let opened = gix::ThreadSafeRepository::open_opts(git_dir, options);
        Self::checked(opened, git_dir)
    }

    /// The directories with this repository's objects, its own first, then those it borrows from,
    /// directly or through others; absolute, without links.
    pub(crate) fn object_directories(&self) -> Result<Vec<PathBuf>> {
        let store = self.raw().objects.store_ref();
        let mut all = vec![store.path().to_owned()];
        all.extend(
            store
                .alternate_db_paths()
                .context("cannot read where objects are borrowed from")?,
        );
        let mut found: Vec<PathBuf> = Vec::new();
        for directory in all {
            let real = directory
                .canonicalize()
                .with_context(|| format!("cannot find `{}`", directory.display()))?;
            if !found.contains(&real) {
                found.push(real);
            }
        }
        Ok(found)
    }

    /// The commits at which a shallow clone cut the history off; empty for a full one.
    pub(crate) fn shallow_ids(&self) -> Result<Vec<Oid>> {
        let found = self
            .raw()
            .shallow_commits()
            .context("cannot read the list of shallow commits")?;
        Ok(found
            .iter()
            .flat_map(|commits| commits.iter())
            .map(|id| plain(id))
            .collect())
    }

    /// The name of the object format as in `extensions.objectFormat`.
    pub(crate) fn object_format(&self) -> &'static str {
        if self.empty_tree().as_bytes().len() == 32 {
            "sha256"
        } else {
            "sha1"
        }
    }
}
