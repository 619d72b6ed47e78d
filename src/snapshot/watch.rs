//! Tells what was changed in a snapshot since it was written: agents shall only read in it.
//! What follows from a change is the caller's.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use anyhow::{Context, Result};

use crate::diff::RepoPath;
use crate::git::FileStat;
use crate::parallel;

use super::files::native_path;

/// Named before the rest is only counted.
const NAMED: usize = 3;

/// More changes than this are not looked at: an agent may have made any number.
const MOST_TOLD: usize = 1000;

/// A larger index is none of ours, in bytes.
const LARGEST_INDEX: u64 = 512 << 20;

/// The index is compared by content: Git may write the same one again when it only looks.
const INDEX: &str = ".git/index";

/// What stands for the bytes of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Contents(blake3::Hash);

impl Contents {
    pub(super) fn of(bytes: &[u8]) -> Self {
        Self(blake3::hash(bytes))
    }
}

/// Every file of a snapshot as it was written.
#[derive(Debug, Default)]
pub(super) struct Watch {
    files: HashMap<RepoPath, FileStat>,
    index: Option<blake3::Hash>,
    /// What was written into those that may be written again.
    contents: HashMap<RepoPath, Contents>,
    /// When the last look began, and what was different.
    looked: Option<(Instant, Option<String>)>,
}

impl Watch {
    /// Takes note of one file.
    pub(super) fn add(&mut self, path: RepoPath, file: FileStat) {
        self.files.insert(path, file);
    }

    /// Takes note of one file and of what was written into it.
    pub(super) fn add_with(&mut self, path: RepoPath, file: FileStat, contents: Contents) {
        self.contents.insert(path.clone(), contents);
        self.add(path, file);
    }

    /// Whether just this was written into a file. Nothing is read: an agent may have put there what
    /// can't be.
    pub(super) fn has_with(&self, path: &RepoPath, contents: Contents) -> bool {
        self.contents.get(path) == Some(&contents)
    }

    /// Whether a file was noted.
    pub(super) fn has(&self, path: &RepoPath) -> bool {
        self.files.contains_key(path)
    }

    /// Takes note of everything in a directory of the snapshot, and of the index.
    pub(super) fn add_all(&mut self, root: &Path, dir: &str) -> Result<()> {
        let take = |found: &mut Vec<_>, path, file| found.push((path, file));
        let found: Vec<Vec<(RepoPath, FileStat)>> = walk(root, dir, &take)?;
        self.files.extend(found.into_iter().flatten());
        self.index = index(root);
        Ok(())
    }

    /// What is different at some moment after `asked`: found out now, unless somebody else has begun to
    /// since.
    pub(super) fn changed_since(&mut self, root: &Path, asked: Instant) -> Result<Option<String>> {
        if let Some((began, found)) = &self.looked
            && *began > asked
        {
            return Ok(found.clone());
        }
        let began = Instant::now();
        let found = self.changed(root)?;
        self.looked = Some((began, found.clone()));
        Ok(found)
    }

    /// What is different now, as in "`a` was edited"; `None` if nothing.
    fn changed(&self, root: &Path) -> Result<Option<String>> {
        let compare = |look: &mut Look, path: RepoPath, file| {
            let what = match self.files.get(&path) {
                Some(before) => {
                    look.seen += 1;
                    let same = *before == file;
                    let is_index = path.as_bytes() == INDEX.as_bytes();
                    look.index_is_same |= is_index && same;
                    if same || is_index {
                        return;
                    }
                    "edited"
                }
                None => "added",
            };
            if look.told.len() < MOST_TOLD {
                look.told.push(format!("{path:?} was {what}"));
            }
        };
        let looks = walk(root, "", &compare)?;
        let seen: usize = looks.iter().map(|look| look.seen).sum();
        let index_is_same = looks.iter().any(|look| look.index_is_same);
        let mut told: Vec<String> = looks.into_iter().flat_map(|look| look.told).collect();
        told.truncate(MOST_TOLD);
        if seen != self.files.len() {
            let gone = |path: &&RepoPath| {
                fs::symlink_metadata(root.join(native_path(path.as_bytes()))).is_err()
            };
            let gone = self.files.keys().filter(gone).take(MOST_TOLD);
            told.extend(gone.map(|path| format!("{path:?} was removed")));
        }
        if !index_is_same && index(root) != self.index {
            told.push(format!("{INDEX:?} was edited"));
        }
        told.sort();
        told.dedup();
        let more = told.len().saturating_sub(NAMED);
        told.truncate(NAMED);
        Ok(match (told.is_empty(), more) {
            (true, _) => None,
            (_, 0) => Some(told.join(", ")),
            (_, more) if more + NAMED >= MOST_TOLD => {
                Some(format!("{} and many more", told.join(", ")))
            }
            (_, more) => Some(format!("{} and {more} more", told.join(", "))),
        })
    }
}

/// A digest of the index; `None` if there is none that can be read to its end in a bounded time, such as
/// the pipe that an agent put in its place.
fn index(root: &Path) -> Option<blake3::Hash> {
    let path = root.join(INDEX);
    let metadata = fs::symlink_metadata(&path).ok()?;
    if !metadata.is_file() || metadata.len() > LARGEST_INDEX {
        return None;
    }
    Some(blake3::hash(&fs::read(path).ok()?))
}

/// What one thread saw.
#[derive(Default)]
struct Look {
    /// Files that are known.
    seen: usize,
    /// Whether it saw the index untouched.
    index_is_same: bool,
    told: Vec<String>,
}

/// From so many directories beside each other on, threads pay.
const WORTH_THREADS: usize = 8;
/// More threads than this get in each other's way.
const MOST_THREADS: usize = 8;

/// Gives every entry below a directory of `root` that is none, links not followed, to what each thread
/// makes of them.
fn walk<S: Default + Send>(
    root: &Path,
    dir: &str,
    give: &(dyn Fn(&mut S, RepoPath, FileStat) + Sync),
) -> Result<Vec<S>> {
    let mut all = Vec::new();
    let mut level = vec![dir.as_bytes().to_vec()];
    while !level.is_empty() {
        let threads = match level.len() {
            0..WORTH_THREADS => 1,
            _ => parallel::threads(MOST_THREADS),
        };
        let next = AtomicUsize::new(0);
        let done = parallel::on_threads(threads, || -> Result<(S, Vec<Vec<u8>>)> {
            let (mut own, mut below) = (S::default(), Vec::new());
            while let Some(dir) = level.get(next.fetch_add(1, Ordering::Relaxed)) {
                list(root, dir, &mut below, &mut |path, file| {
                    give(&mut own, path, file);
                })
                .with_context(|| {
                    format!(
                        "cannot look at all in `{}`",
                        root.join(native_path(dir)).display()
                    )
                })?;
            }
            Ok((own, below))
        });
        let mut deeper = Vec::new();
        for one in done {
            let (own, below) = one?;
            all.push(own);
            deeper.extend(below);
        }
        level = deeper;
    }
    Ok(all)
}

/// Gives the entries of one directory of `root` that are none, and adds those that are. The directory is
/// opened once: looking up each name by its whole path would take twice as long.
#[cfg(unix)]
fn list(
    root: &Path,
    dir: &[u8],
    dirs: &mut Vec<Vec<u8>>,
    give: &mut dyn FnMut(RepoPath, FileStat),
) -> io::Result<()> {
    use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, open, statat};

    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let opened = open(root.join(native_path(dir)), flags, Mode::empty())?;
    for entry in Dir::read_from(&opened)? {
        let entry = entry?;
        let name = entry.file_name();
        if matches!(name.to_bytes(), b"." | b"..") {
            continue;
        }
        let path = below(dir, name.to_bytes());
        let kind = match entry.file_type() {
            // Not every file system tells.
            FileType::Unknown => {
                let found = statat(&opened, name, AtFlags::SYMLINK_NOFOLLOW)?;
                FileType::from_raw_mode(found.st_mode)
            }
            kind => kind,
        };
        if kind == FileType::Directory {
            dirs.push(path);
            continue;
        }
        give(RepoPath::new(path), FileStat::in_dir(&opened, name)?);
    }
    Ok(())
}

/// Gives the entries of one directory of `root` that are none, and adds those that are.
#[cfg(not(unix))]
fn list(
    root: &Path,
    dir: &[u8],
    dirs: &mut Vec<Vec<u8>>,
    give: &mut dyn FnMut(RepoPath, FileStat),
) -> io::Result<()> {
    for entry in fs::read_dir(root.join(native_path(dir)))? {
        let entry = entry?;
        let path = below(dir, entry.file_name().as_encoded_bytes());
        if entry.file_type()?.is_dir() {
            dirs.push(path);
            continue;
        }
        give(RepoPath::new(path), FileStat::at(&entry.path())?);
    }
    Ok(())
}

/// The path of a name in a directory.
fn below(dir: &[u8], name: &[u8]) -> Vec<u8> {
    let mut path = Vec::with_capacity(dir.len() + 1 + name.len());
    path.extend_from_slice(dir);
    if !dir.is_empty() {
        path.push(b'/');
    }
    path.extend_from_slice(name);
    path
}
