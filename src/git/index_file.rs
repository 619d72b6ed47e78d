//! Makes the bytes of an index from what stands in a tree and on disk.
//! Where it is written is left to the caller; indices are read in `index`.

#[cfg(unix)]
use std::ffi::CStr;
use std::fs::File;
#[cfg(unix)]
use std::os::fd::AsFd;
#[cfg(not(unix))]
use std::path::Path;

use anyhow::{Context, Result, anyhow};
use gix::index::State;
#[cfg(unix)]
use gix::index::entry::stat::Time;
use gix::index::entry::{Flags, Mode as IndexMode, Stat};
#[cfg(unix)]
use rustix::fs::AtFlags;

use crate::diff::{Entry, Mode};

use super::Repo;
use super::objects::native;

/// What the index remembers of a file on disk, to see whether it was edited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FileStat(Stat);

impl FileStat {
    /// Takes it from an open file; its content must have been written.
    pub(crate) fn of(file: &File) -> std::io::Result<Self> {
        #[cfg(unix)]
        return Ok(Self::from(&rustix::fs::fstat(file)?));
        #[cfg(not(unix))]
        Self::from(&gix::index::fs::Metadata::from_file(file)?)
    }

    /// Takes it from what stands at a path; a link is not followed.
    #[cfg(not(unix))]
    pub(crate) fn at(path: &Path) -> std::io::Result<Self> {
        Self::from(&gix::index::fs::Metadata::from_path_no_follow(path)?)
    }

    #[cfg(not(unix))]
    fn from(metadata: &gix::index::fs::Metadata) -> std::io::Result<Self> {
        let stat = Stat::from_fs(metadata).map_err(std::io::Error::other)?;
        Ok(Self(stat))
    }

    /// Takes it from what stands in an open directory under a name; a link is not followed.
    #[cfg(unix)]
    pub(crate) fn in_dir(dir: impl AsFd, name: &CStr) -> std::io::Result<Self> {
        Ok(Self::from(&rustix::fs::statat(
            dir,
            name,
            AtFlags::SYMLINK_NOFOLLOW,
        )?))
    }

    /// As Git keeps it: the low 32 bits of each.
    #[cfg(unix)]
    fn from(stat: &rustix::fs::Stat) -> Self {
        let low = |number: i128| {
            u32::try_from(number & i128::from(u32::MAX)).expect("32 bits are left of it")
        };
        let time = |seconds: i128, nanoseconds: i128| Time {
            secs: low(seconds),
            nsecs: low(nanoseconds),
        };
        Self(Stat {
            mtime: time(stat.st_mtime.into(), stat.st_mtime_nsec.into()),
            ctime: time(stat.st_ctime.into(), stat.st_ctime_nsec.into()),
            dev: low(stat.st_dev.into()),
            ino: low(stat.st_ino.into()),
            uid: stat.st_uid,
            gid: stat.st_gid,
            size: low(stat.st_size.into()),
        })
    }
}

/// A mode as an index has it.
pub(in crate::git) fn index_mode(mode: Mode) -> IndexMode {
    match mode {
        Mode::Regular => IndexMode::FILE,
        Mode::Executable => IndexMode::FILE_EXECUTABLE,
        Mode::Symlink => IndexMode::SYMLINK,
        Mode::Submodule => IndexMode::COMMIT,
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
            let path = entry.path.as_bytes().into();
            let mode = index_mode(entry.mode);
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
