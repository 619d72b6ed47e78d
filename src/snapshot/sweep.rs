//! Removes snapshots: takes them out of the way first, as deleting many files takes its time, and finds
//! those that a run left behind when it died.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::place::{ALIVE, DEAD, Place, is_dead};

/// A snapshot that nobody uses any more. If it is not deleted here, the next sweep does it.
#[derive(Debug)]
#[must_use = "its files are still there"]
pub(crate) struct Aside(PathBuf);

/// More files than this are not deleted while somebody waits: it takes about as long as writing them.
const FEW: usize = 500;

impl Aside {
    /// Deletes it.
    pub(crate) fn delete(self) -> Result<()> {
        delete(&self.0)
    }

    /// Deletes it if that is quick; false if it is still there.
    pub(crate) fn delete_if_quick(self) -> Result<bool> {
        if !has_few(&self.0) {
            return Ok(false);
        }
        self.delete().map(|()| true)
    }
}

/// True if not many files are below a directory. What can't be looked into counts for nothing.
fn has_few(dir: &Path) -> bool {
    let mut waiting = vec![dir.to_owned()];
    let mut seen = 0;
    while let Some(dir) = waiting.pop() {
        for entry in fs::read_dir(&dir).into_iter().flatten().flatten() {
            seen += 1;
            if seen > FEW {
                return false;
            }
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                waiting.push(entry.path());
            }
        }
    }
    true
}

/// Removes the snapshots below a cache directory whose owners have ended, and gives how many. One in use
/// is left alone, whichever process uses it.
pub(crate) fn sweep(cache_dir: &Path) -> Result<usize> {
    if fs::symlink_metadata(cache_dir.join("snapshots")).is_err() {
        return Ok(0);
    }
    sweep_at(&Place::below(cache_dir)?)
}

/// Removes those of them that are quickly removed. True if there is more: then a [`sweep`] is due.
pub(crate) fn sweep_quickly(cache_dir: &Path) -> Result<bool> {
    if fs::symlink_metadata(cache_dir.join("snapshots")).is_err() {
        return Ok(false);
    }
    let dead = dead(&Place::below(cache_dir)?)?;
    let gone: Vec<Result<bool>> = dead.into_iter().map(Aside::delete_if_quick).collect();
    Ok(gone.into_iter().any(|gone| matches!(gone, Ok(false))))
}

pub(super) fn sweep_at(place: &Place) -> Result<usize> {
    let removed = dead(place)?.into_iter().map(Aside::delete);
    Ok(removed.flatten().count())
}

/// The snapshots whose owners have ended, out of the way.
fn dead(place: &Place) -> Result<Vec<Aside>> {
    let mut dead = Vec::new();
    {
        let _lock = place.lock()?;
        let attempt = || -> std::io::Result<Vec<_>> { fs::read_dir(place.path())?.collect() };
        let entries =
            attempt().with_context(|| format!("cannot list `{}`", place.path().display()))?;
        for entry in entries {
            let path = entry.path();
            let name = entry.file_name();
            let name = name.as_encoded_bytes();
            if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                continue;
            }
            if name.starts_with(DEAD.as_bytes()) {
                dead.push(Aside(path));
            } else if name.starts_with(ALIVE.as_bytes()) && is_dead(&path) {
                dead.extend(set_aside(place, &path));
            }
        }
    }
    Ok(dead)
}

/// Renames a snapshot so that nothing takes it for one.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the door to the files of snapshots"
)]
pub(super) fn set_aside(place: &Place, path: &Path) -> Result<Aside> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let aside = place.path().join(format!("{DEAD}{name}"));
    fs::rename(path, &aside)
        .with_context(|| format!("cannot take `{}` out of the way", path.display()))?;
    Ok(Aside(aside))
}

/// Deletes a directory and all below it, links not followed; what an agent made unwritable too.
fn delete(dir: &Path) -> Result<()> {
    let gone = || fs::symlink_metadata(dir).is_err();
    if fs::remove_dir_all(dir).is_ok() || gone() {
        return Ok(());
    }
    make_writable(dir);
    match fs::remove_dir_all(dir) {
        Err(error) if !gone() => {
            Err(error).with_context(|| format!("cannot delete `{}`", dir.display()))
        }
        _ => Ok(()),
    }
}

#[cfg(unix)]
fn make_writable(dir: &Path) {
    use std::os::unix::fs::PermissionsExt;
    let mut waiting = vec![dir.to_owned()];
    while let Some(dir) = waiting.pop() {
        // What can't be changed shows when it can't be deleted.
        let _ = fs::set_permissions(&dir, fs::Permissions::from_mode(0o700));
        let Ok(entries) = fs::read_dir(&dir) else {
            continue;
        };
        let dirs = entries.filter_map(|entry| {
            let entry = entry.ok()?;
            entry.file_type().ok()?.is_dir().then(|| entry.path())
        });
        waiting.extend(dirs);
    }
}

#[cfg(not(unix))]
fn make_writable(_: &Path) {}
