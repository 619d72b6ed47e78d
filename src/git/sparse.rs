//! What a sparse checkout left out and what stands there all the same: Git compares such files like any
//! other, unless `sparse.expectFilesOutsideOfPatterns` says that they are expected. A directory that is one
//! entry of the index becomes its files for that.
//! Comparing them is left to `scan`, what the index itself changes to `staged`.

use std::path::Path;

use anyhow::Result;
use gix::index::State;
use gix::index::entry::{Flags, Mode as IndexMode, Stat};

use super::Repo;
use super::files::says_absent;
use super::index::Index;
use super::index_file::index_mode;
use super::objects::{native, plain};
use super::scan::native_path;
use super::trees::Trees;
use crate::diff::Change;

impl Repo {
    /// Whether a file that the checkout left out is compared where it stands all the same.
    pub(in crate::git) fn compares_left_out_files(&self) -> bool {
        let config = self.raw().config_snapshot();
        config.boolean("core.sparseCheckout") == Some(true)
            && config.boolean("sparse.expectFilesOutsideOfPatterns") != Some(true)
    }

    /// The index with all its files, if a directory that is left out of it and of the checkout stands there
    /// all the same; else as it is.
    pub(in crate::git) fn with_left_out_files(&self, root: &Path, index: Index) -> Result<Index> {
        let left_out = |at: usize| index.path(at).strip_suffix(b"/");
        if !self.compares_left_out_files() {
            return Ok(index);
        }
        // One that can't be looked at may stand there: its files are then found to be unreadable.
        let stands = |directory: &[u8]| {
            let Some(place) = native_path(directory) else {
                return false;
            };
            match std::fs::symlink_metadata(root.join(place)) {
                Ok(metadata) => metadata.is_dir(),
                Err(error) => !says_absent(&error),
            }
        };
        if !(0..index.len()).filter_map(left_out).any(stands) {
            return Ok(index);
        }
        let decoded = match index.decoded() {
            Some(_) => index,
            None => Index::decode(&self.raw().index_path(), self.raw().object_hash())?,
        };
        let Some(state) = decoded.decoded() else {
            return Ok(decoded);
        };
        let objects = self.objects();
        let trees = Trees::new(&objects, self.empty_tree());
        let mut all = State::new(decoded.hash());
        for entry in state.entries() {
            let path = entry.path(state);
            if entry.mode != IndexMode::DIR {
                let (id, flags) = (entry.id, entry.flags);
                all.dangerously_push_entry(entry.stat, id, flags, entry.mode, path);
                continue;
            }
            let directory = path.strip_suffix(b"/").unwrap_or(path);
            for change in trees.differences_at(directory, None, Some(&plain(&entry.id)))? {
                let Change::Added(file) = change else {
                    continue;
                };
                all.dangerously_push_entry(
                    Stat::default(),
                    native(&file.id),
                    Flags::EXTENDED | Flags::SKIP_WORKTREE,
                    index_mode(file.mode),
                    file.path.as_bytes().into(),
                );
            }
        }
        all.sort_entries();
        Ok(decoded.replaced(all))
    }
}
