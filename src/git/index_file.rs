//! Makes the bytes of an index from what stands in a tree and on disk.
//! Where it is written is left to the caller; indices are read in `index`.

use std::fs::File;
use std::path::Path;

use anyhow::{Context, Result, anyhow};
use gix::index::State;
use gix::index::entry::{Flags, Mode as IndexMode, Stat};

use crate::diff::{Entry, Mode};

use super::Repo;
use super::objects::native;

/// What the index remembers of a file on disk, to see whether it was edited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FileStat(Stat);

impl FileStat {
    /// Takes it from an open file; its content must have been written.
    pub(crate) fn of(file: &File) -> std::io::Result<Self> {
        Self::from(&gix::index::fs::Metadata::from_file(file)?)
    }

    /// Takes it from what stands at a path; a link is not followed.
    pub(crate) fn at(path: &Path) -> std::io::Result<Self> {
        Self::from(&gix::index::fs::Metadata::from_path_no_follow(path)?)
    }

    fn from(metadata: &gix::index::fs::Metadata) -> std::io::Result<Self> {
        let stat = Stat::from_fs(metadata).map_err(std::io::Error::other)?;
        Ok(Self(stat))
    }
}

impl Repo {
    /// An index (version 3 if there is need) with these entries, sorted by path, each path once.
    /// An entry without a file gets the skip-worktree bit, with which Git believes that it is
    /// unchanged whatever stands there.
    pub(crate) fn index_of<'e>(
        &self,
        entries: impl Iterator<Item = (&'e Entry, Option<FileStat>)>,
    ) -> Result<Vec<u8>> {
        let mut state = State::new(self.raw().object_hash());
        for (entry, file) in entries {
            let (stat, flags) = match file {
                Some(FileStat(stat)) => (stat, Flags::empty()),
                None => (Stat::default(), Flags::EXTENDED | Flags::SKIP_WORKTREE),
            };
            let mode = match entry.mode {
                Mode::Regular => IndexMode::FILE,
                Mode::Executable => IndexMode::FILE_EXECUTABLE,
                Mode::Symlink => IndexMode::SYMLINK,
                Mode::Submodule => IndexMode::COMMIT,
            };
            let path = entry.path.as_bytes().into();
            state.dangerously_push_entry(stat, native(&entry.id), flags, mode, path);
        }
        let mut bytes = Vec::new();
        gix::index::File::from_state(state, "index")
            .write_to(&mut bytes, gix::index::write::Options::default())
            .map_err(|error| anyhow!("{error}"))
            .context("cannot make an index")?;
        Ok(bytes)
    }
}
