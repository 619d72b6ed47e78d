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

impl Aside {
    /// Deletes it.
    pub(crate) fn delete(self) -> Result<()> {
        delete(&self.0)
    }
}

/// Removes the snapshots below a cache directory whose owners have ended, and gives how many. One in use
/// is left alone, whichever process uses it.
pub(crate) fn sweep(cache_dir: &Path) -> Result<usize> {
    if fs::symlink_metadata(cache_dir.join("snapshots")).is_err() {
        return Ok(0);
    }
    sweep_at(&Place::below(cache_dir)?)
}

pub(super) fn sweep_at(place: &Place) -> Result<usize> {
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
    let removed = dead.into_iter().map(Aside::delete);
    Ok(removed.flatten().count())
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
