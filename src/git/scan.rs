//! Looks at the files of the work tree, one index entry at a time, by Git's rules for what counts as
//! changed. Which entries are looked at, and what HEAD has, is left to `worktree`.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt::Display;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use gix::index::entry::{Flags, Mode as IndexMode, Stage, Stat, stat::Options as StatOptions};
use gix::index::fs::Metadata;

use crate::diff::{Entry, Mode, Oid, RepoPath};

use super::eol::{LineEnds, without_carriage_returns};
use super::files::{FileBlob, FileContent, Reason, content, large_id, says_absent, target};
use super::index::{Entries, Index};
use super::index_format::IndexEntry;
use super::objects::{Objects, plain};
use super::trees::{DEEPEST, kind};
use super::{Repo, Shared, unread_storage};

/// Larger files are hashed without being held, and their line ends are not converted.
const STREAMED: u64 = 256 << 20;

/// A path whose file differs from the index.
pub(in crate::git) struct Difference {
    pub(in crate::git) path: RepoPath,
    /// What the index has; `None` if it is not there.
    pub(in crate::git) indexed: Option<Entry>,
    /// What the file has; `None` if it is not there. One that can't be read is there.
    pub(in crate::git) now: Option<Now>,
}

/// What stands at a path on disk.
pub(in crate::git) struct Now {
    pub(in crate::git) entry: Entry,
    /// `None` for a submodule whose commit is known.
    pub(in crate::git) file: Option<FileBlob>,
}

impl Now {
    /// What can't be read, under an id that no content has.
    fn unread(path: &RepoPath, mode: Mode, why: Reason, hash: gix::hash::Kind) -> Self {
        // Ids of blobs are made in another way, so none is met by accident.
        let id = gix::objs::compute_hash(hash, gix::objs::Kind::Tag, path.as_bytes());
        let id = id.unwrap_or_else(|_| hash.null());
        Self {
            entry: Entry {
                path: path.clone(),
                mode,
                id: plain(&id),
            },
            file: Some(FileBlob::Unread(why)),
        }
    }
}

/// Settings that say when a file counts as changed.
#[derive(Clone, Copy)]
pub(in crate::git) struct Rules {
    stat: StatOptions,
    /// Whether the file system has executables.
    executables: bool,
    /// Whether it has symlinks.
    symlinks: bool,
    /// Whether what a sparse checkout left out is compared where it stands all the same.
    left_out: bool,
    hash: gix::hash::Kind,
}

impl Rules {
    /// Reads the settings.
    pub(in crate::git) fn of(repo: &Repo, index: &Index) -> Result<Self> {
        let config = repo.raw().config_snapshot();
        Ok(Self {
            stat: repo
                .raw()
                .stat_options()
                .context("cannot read how files are compared")?,
            executables: config.boolean("core.fileMode") != Some(false),
            symlinks: config.boolean("core.symlinks") != Some(false),
            left_out: repo.compares_left_out_files(),
            hash: index.hash(),
        })
    }
}

/// Looks at files on one thread.
pub(in crate::git) struct Scan<'a> {
    root: &'a Path,
    rules: Rules,
    index: &'a Index,
    entries: Entries<'a>,
    /// Whether a path is a directory that is reached without a symlink, or why that can't be told.
    directories: HashMap<Vec<u8>, Result<bool, Reason>>,
    line_ends: LineEnds<'a>,
    objects: Objects,
}

impl<'a> Scan<'a> {
    /// A scan for this thread.
    pub(in crate::git) fn new(
        root: &'a Path,
        rules: Rules,
        index: &'a Index,
        shared: &Shared,
    ) -> Self {
        Self {
            root,
            rules,
            index,
            entries: index.entries(),
            directories: HashMap::new(),
            line_ends: LineEnds::of(shared.repo(), index),
            objects: shared.objects(),
        }
    }

    /// A path that the index does not have, as it would be stored; `None` if it could not be.
    pub(in crate::git) fn untracked(&mut self, path: RepoPath) -> Option<Difference> {
        let now = self.standing(path.as_bytes()).and_then(|standing| {
            let storable = |metadata: &Metadata| metadata.is_file() || metadata.is_symlink();
            match standing.filter(|(_, metadata)| storable(metadata)) {
                Some((place, metadata)) => self.read(&path, place, &metadata, None),
                None => Ok(None),
            }
        });
        let now = self.or_unread(&path, Mode::Regular, now)?;
        Some(Difference {
            path,
            indexed: None,
            now: Some(now),
        })
    }

    /// One entry of the index against its file; `None` if they agree, or are not compared.
    pub(in crate::git) fn look(&mut self, at: usize) -> Result<Option<Difference>> {
        let entry = self.entries.at(at)?;
        if self.is_hidden(&entry) {
            return Ok(None);
        }
        Ok(self.compare(&entry))
    }

    /// Whether an entry that is not compared differs from its file; `None` if it is compared. One that is
    /// left out of a sparse checkout has no file.
    pub(in crate::git) fn hides_an_edit(&mut self, at: usize) -> Result<Option<bool>> {
        let entry = self.entries.at(at)?;
        if !self.is_hidden(&entry) {
            return Ok(None);
        }
        let differs = self.compare(&entry).is_some_and(|difference| {
            difference.now.is_some() || !entry.flags.contains(Flags::SKIP_WORKTREE)
        });
        Ok(Some(differs))
    }

    /// Whether an entry is not compared with its file.
    fn is_hidden(&mut self, entry: &IndexEntry<'_>) -> bool {
        let is_compared = self.rules.left_out
            && !entry.flags.contains(Flags::ASSUME_VALID)
            && entry.is_masked()
            && !matches!(self.standing(entry.path), Ok(None));
        entry.is_masked() && !is_compared
    }

    fn compare(&mut self, entry: &IndexEntry<'_>) -> Option<Difference> {
        if entry.stage() != Stage::Unconflicted || entry.mode == IndexMode::DIR {
            return None;
        }
        let bytes = entry.path;
        let intent = entry.flags.contains(Flags::INTENT_TO_ADD);
        let indexed = || {
            Some(Entry {
                path: RepoPath::new(bytes),
                mode: kind(entry.mode.bits())?,
                id: entry.id,
            })
            .filter(|_| !intent)
        };
        let now = match self.standing(bytes) {
            Ok(Some((place, metadata))) => {
                if !intent && self.unchanged_by_stat(entry, &metadata) {
                    return None;
                }
                self.read(&RepoPath::new(bytes), place, &metadata, indexed().as_ref())
            }
            Ok(None) => Ok(None),
            Err(why) => Err(why),
        };
        let mode = kind(entry.mode.bits()).unwrap_or(Mode::Regular);
        let now = self.or_unread(&RepoPath::new(bytes), mode, now);
        let indexed = indexed();
        let same = indexed.as_ref() == now.as_ref().map(|now| &now.entry);
        (!same).then(|| Difference {
            path: RepoPath::new(bytes),
            indexed,
            now,
        })
    }

    /// Whether the index knows the file as it is, and from long enough ago.
    fn unchanged_by_stat(&self, entry: &IndexEntry<'_>, metadata: &Metadata) -> bool {
        let kept = match entry.mode {
            IndexMode::FILE | IndexMode::FILE_EXECUTABLE => {
                let executable = entry.mode == IndexMode::FILE_EXECUTABLE;
                metadata.is_file()
                    && (!self.rules.executables || metadata.is_executable() == executable)
            }
            IndexMode::SYMLINK => {
                metadata.is_symlink() || (!self.rules.symlinks && metadata.is_file())
            }
            _ => false,
        };
        kept && !self.index.is_racy(&entry.stat, self.rules.stat)
            && Stat::from_fs(metadata).is_ok_and(|stat| entry.stat.matches(&stat, self.rules.stat))
    }

    /// What stands at a path, and where; `None` if nothing. An error says why that can't be told.
    fn standing(&mut self, path: &[u8]) -> Result<Option<(PathBuf, Metadata)>, Reason> {
        let Some(place) = self.place(path)? else {
            return Ok(None);
        };
        match Metadata::from_path_no_follow(&place) {
            Ok(metadata) => Ok(Some((place, metadata))),
            Err(error) if says_absent(&error) => Ok(None),
            Err(error) => Err(cannot("be looked at", &error)),
        }
    }

    /// Where a path of the index stands on disk; `None` if a directory above it is not there or is
    /// a symlink, which Git never follows, or if the path leads out of the work tree or into `.git`.
    fn place(&mut self, path: &[u8]) -> Result<Option<PathBuf>, Reason> {
        let leads_elsewhere =
            |part: &[u8]| matches!(part, b"" | b"." | b"..") || part.eq_ignore_ascii_case(b".git");
        let parts = || path.split(|byte| *byte == b'/');
        if parts().any(leads_elsewhere) || parts().count() > DEEPEST {
            return Ok(None);
        }
        if !self.is_directory(parent(path))? {
            return Ok(None);
        }
        Ok(native_path(path).map(|native| self.root.join(native)))
    }

    fn is_directory(&mut self, path: &[u8]) -> Result<bool, Reason> {
        if path.is_empty() {
            return Ok(true);
        }
        if let Some(known) = self.directories.get(path) {
            return known.clone();
        }
        let is = self.is_directory(parent(path)).and_then(|below| {
            let Some(native) = native_path(path).filter(|_| below) else {
                return Ok(false);
            };
            match std::fs::symlink_metadata(self.root.join(native)) {
                Ok(metadata) => Ok(metadata.is_dir()),
                Err(error) if says_absent(&error) => Ok(false),
                Err(error) => Err(cannot("be looked at", &error)),
            }
        });
        self.directories.insert(path.to_vec(), is.clone());
        is
    }

    /// What stands at a path, if anything, also where it could not be read.
    fn or_unread(
        &self,
        path: &RepoPath,
        mode: Mode,
        now: Result<Option<Now>, Reason>,
    ) -> Option<Now> {
        now.unwrap_or_else(|why| Some(Now::unread(path, mode, why, self.rules.hash)))
    }

    /// What a file would be stored as; `None` for a directory, or if the file has just gone. An error
    /// says why it can't be read.
    fn read(
        &mut self,
        path: &RepoPath,
        place: PathBuf,
        metadata: &Metadata,
        indexed: Option<&Entry>,
    ) -> Result<Option<Now>, Reason> {
        let entry = |mode, id| Entry {
            path: path.clone(),
            mode,
            id,
        };
        if metadata.is_dir() {
            let submodule = indexed.filter(|indexed| indexed.mode == Mode::Submodule);
            let id = submodule_head(&place)?.or(submodule.map(|indexed| indexed.id));
            return Ok(id.map(|id| Now {
                entry: entry(Mode::Submodule, id),
                file: None,
            }));
        }
        let known = indexed.map(|indexed| indexed.mode);
        let mode = if metadata.is_symlink() {
            Mode::Symlink
        } else if !metadata.is_file() {
            return Err("a pipe, a socket or a device can't be read as a file".into());
        } else if !self.rules.symlinks && known == Some(Mode::Symlink) {
            Mode::Symlink
        } else if !self.rules.executables {
            known.filter(|mode| mode.is_file()).unwrap_or(Mode::Regular)
        } else if metadata.is_executable() {
            Mode::Executable
        } else {
            Mode::Regular
        };
        let symlink = metadata.is_symlink();
        if metadata.is_file() && metadata.len() > STREAMED {
            let Some((id, stored_bytes)) = unless_gone(large_id(&place, self.rules.hash))? else {
                return Ok(None);
            };
            return Ok(Some(Now {
                entry: entry(mode, id),
                file: Some(FileBlob::Content(FileContent {
                    path: place,
                    symlink,
                    convert: false,
                    stored_bytes,
                })),
            }));
        }
        let stored = if symlink {
            target(&place)
        } else {
            content(&place)
        };
        let Some(mut stored) = unless_gone(stored)? else {
            return Ok(None);
        };
        let blob = indexed
            .filter(|indexed| indexed.mode.is_file())
            .map(|indexed| &indexed.id);
        let convert = mode.is_file() && self.line_ends.converts(path, &stored, blob, &self.objects);
        if convert {
            stored = without_carriage_returns(&stored);
        }
        let id = gix::objs::compute_hash(self.rules.hash, gix::objs::Kind::Blob, &stored)
            .map_err(|error| cannot("be hashed", &error))?;
        Ok(Some(Now {
            entry: entry(mode, plain(&id)),
            file: Some(FileBlob::Content(FileContent {
                path: place,
                symlink,
                convert,
                stored_bytes: stored.len() as u64,
            })),
        }))
    }
}

/// What was read; `None` if the file went away meanwhile.
fn unless_gone<T>(read: io::Result<T>) -> Result<Option<T>, Reason> {
    match read {
        Ok(read) => Ok(Some(read)),
        Err(error) if says_absent(&error) => Ok(None),
        Err(error) => Err(cannot("be read", &error)),
    }
}

fn cannot(what: &str, error: &dyn Display) -> Reason {
    let why = format!("it can't {what}: {error}");
    // It becomes a line of a patch, and may name paths.
    why.replace(char::is_control, " ").into()
}

/// The directory of a path; empty at the top.
fn parent(path: &[u8]) -> &[u8] {
    let slash = path.iter().rposition(|byte| *byte == b'/');
    &path[..slash.unwrap_or(0)]
}

/// The path as the operating system takes it; `None` if nothing can have it here.
pub(in crate::git) fn native_path(path: &[u8]) -> Option<PathBuf> {
    let path: &gix::bstr::BStr = path.into();
    gix::path::from_bstr(path).ok().map(Cow::into_owned)
}

/// The commit that a repository in a directory stands on; its settings are not used. `None` if there is
/// no repository, or no commit yet. An error says why that can't be told.
fn submodule_head(directory: &Path) -> Result<Option<Oid>, Reason> {
    const WHAT: &str = "be told which commit is checked out";
    match directory.join(".git").try_exists() {
        Ok(true) => {}
        Ok(false) => return Ok(None),
        Err(error) => return Err(cannot(WHAT, &error)),
    }
    // The root cause alone: what comes before it names places of this machine.
    head_of(directory).map_err(|error| cannot(WHAT, error.root_cause()))
}

fn head_of(directory: &Path) -> anyhow::Result<Option<Oid>> {
    let repo = gix::open_opts(directory, gix::open::Options::isolated())?;
    if let Some(storage) = unread_storage(&repo) {
        bail!("its refs are stored as `{storage}`, which can't be read yet");
    }
    let head = repo.head()?;
    if head.is_unborn() {
        return Ok(None);
    }
    Ok(Some(plain(&repo.head_id()?.detach())))
}
