//! Where snapshots stand, and that nobody else can put anything in their way: agents load files from
//! every directory above the one they work in.
//! What is written there is left to the other files; which directory it is, to `env`.

use std::fmt::Write as _;
use std::fs::{self, DirBuilder, File, TryLockError};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};

use crate::error::HintExt;
use crate::git::Repo;

use super::names;

/// What the name of a snapshot on its way out begins with.
pub(super) const DEAD: &str = "dead-";
/// What the name of a snapshot begins with.
pub(super) const ALIVE: &str = "s-";
/// The file that is locked while a snapshot is in use, in its directory.
pub(super) const LOCK: &str = "lock";

/// The directory with all snapshots of a user; absolute, without links, private.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place(PathBuf);

/// Holds the lock under which snapshots begin and are looked through.
pub(super) struct PlaceLock {
    _file: Option<File>,
}

impl Place {
    /// The place below a cache directory, which is created if there is none. Refuses one that others
    /// can write to, themselves or in a directory above.
    pub(super) fn below(cache_dir: &Path) -> Result<Self> {
        let place = Self::unchecked(cache_dir)?;
        refuse_shared(&place.0)?;
        Ok(place)
    }

    /// The same wherever it is.
    pub(super) fn unchecked(cache_dir: &Path) -> Result<Self> {
        let dir = cache_dir.join("snapshots");
        let attempt = || -> Result<PathBuf> {
            crate::store::create_private_dir(&dir)?;
            let real = dir.canonicalize()?;
            if !fs::symlink_metadata(&dir)?.is_dir() {
                bail!("it is not a directory of its own");
            }
            keep_private(&real)?;
            Ok(real)
        };
        attempt()
            .map(Self)
            .with_context(|| format!("cannot use `{}` for snapshots", dir.display()))
            .hint("set XDG_CACHE_HOME to a directory that only you can write to")
    }

    /// Refuses a place among the files of the repository that is reviewed.
    pub(super) fn refuse_inside(&self, repo: &Repo) -> Result<()> {
        let inside = [
            repo.work_tree(),
            Some(repo.git_dir()),
            Some(repo.common_dir()),
        ]
        .into_iter()
        .flatten()
        .filter_map(|dir| dir.canonicalize().ok())
        .find(|dir| self.0.starts_with(dir));
        match inside {
            None => Ok(()),
            Some(around) => Err(anyhow!(
                "the place for snapshots, `{}`, is inside the repository `{}`",
                self.0.display(),
                around.display()
            ))
            .hint("set XDG_CACHE_HOME to a directory outside the repository"),
        }
    }

    /// The directory.
    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// Waits until no other process begins a snapshot or looks through them; they do so for
    /// milliseconds. Where the file system has no locks, nothing is waited for.
    pub(super) fn lock(&self) -> Result<PlaceLock> {
        let path = self.0.join(LOCK);
        let attempt = || -> std::io::Result<PlaceLock> {
            let file = private_file(&path)?;
            match file.lock() {
                Ok(()) => Ok(PlaceLock { _file: Some(file) }),
                Err(error) if error.kind() == ErrorKind::Unsupported => {
                    Ok(PlaceLock { _file: None })
                }
                Err(error) => Err(error),
            }
        };
        attempt().with_context(|| format!("cannot lock `{}`", path.display()))
    }

    /// A new private directory, and the locked file in it that says that it is in use.
    pub(super) fn begin(&self) -> Result<(PathBuf, File)> {
        let _lock = self.lock()?;
        let mut random = [0; 12];
        getrandom::fill(&mut random)
            .map_err(|error| anyhow!("{error}"))
            .context("cannot get random bytes")?;
        let mut name = ALIVE.to_owned();
        for byte in random {
            write!(name, "{byte:02x}").expect("writing to a String cannot fail");
        }
        let dir = self.0.join(name);
        let attempt = || -> std::io::Result<File> {
            private_dir(&dir)?;
            let file = private_file(&dir.join(LOCK))?;
            match file.try_lock() {
                Ok(()) => Ok(file),
                // Then it is not swept either, see `is_dead`.
                Err(TryLockError::Error(error)) if error.kind() == ErrorKind::Unsupported => {
                    Ok(file)
                }
                Err(error) => Err(error.into()),
            }
        };
        let file = attempt().with_context(|| format!("cannot create `{}`", dir.display()))?;
        Ok((dir, file))
    }
}

/// What stands in the directories above the snapshots and is loaded by agents from there, such as
/// `~/.env`: the user's own, but part of what an agent is told.
pub(crate) fn loaded_from_above(cache_dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let dir = cache_dir
        .canonicalize()
        .unwrap_or_else(|_| cache_dir.to_owned());
    for above in dir.ancestors() {
        let Ok(entries) = fs::read_dir(above) else {
            continue;
        };
        let named = entries.filter_map(|entry| {
            let entry = entry.ok()?;
            names::is_loaded_from_above(entry.file_name().as_encoded_bytes()).then(|| entry.path())
        });
        found.extend(named);
    }
    found.sort();
    found
}

/// True if the owner of this directory has ended: nobody holds its lock.
pub(super) fn is_dead(dir: &Path) -> bool {
    let lock = dir.join(LOCK);
    // A pipe that an agent put there would be waited for.
    if fs::symlink_metadata(&lock).is_ok_and(|metadata| !metadata.is_file()) {
        return true;
    }
    match File::open(lock) {
        // Creating and locking happen under the lock of the place, so one without is no beginning.
        Err(error) => error.kind() == ErrorKind::NotFound,
        Ok(file) => file.try_lock().is_ok(),
    }
}

/// Creates a directory that only its owner may enter; fails if something stands there.
pub(super) fn private_dir(dir: &Path) -> std::io::Result<()> {
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt;
        builder.mode(0o700);
    }
    builder.create(dir)
}

/// Opens a private file for a lock, creating it if there is none.
fn private_file(path: &Path) -> std::io::Result<File> {
    let mut options = File::options();
    options.create(true).truncate(false).write(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    options.open(path)
}

#[cfg(unix)]
fn keep_private(dir: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let mode = fs::metadata(dir)?.permissions().mode();
    if mode & 0o077 != 0 {
        fs::set_permissions(dir, fs::Permissions::from_mode(0o700))?;
    }
    Ok(())
}

#[cfg(not(unix))]
fn keep_private(_: &Path) -> Result<()> {
    Ok(())
}

/// Fails if the directory, or one above it, can be written to by others.
#[cfg(unix)]
fn refuse_shared(dir: &Path) -> Result<()> {
    use std::os::unix::fs::MetadataExt;
    let us = Us {
        user: rustix::process::geteuid().as_raw(),
        group: rustix::process::getegid().as_raw(),
    };
    for above in dir.ancestors() {
        let metadata =
            fs::metadata(above).with_context(|| format!("cannot look at `{}`", above.display()))?;
        let owner = Owner {
            mode: metadata.mode(),
            user: metadata.uid(),
            group: metadata.gid(),
        };
        // Whoever owns the top owns the machine.
        let top = above.parent().is_none();
        if let Some(who) = owner
            .others(&us)
            .filter(|_| !top || owner.mode & 0o002 != 0)
        {
            return Err(anyhow!("`{}` can be written to by {who}", above.display()))
                .context(format!("`{}` is no place for snapshots", dir.display()))
                .hint(
                    "agents load files from the directories above: set XDG_CACHE_HOME to a directory \
                     that only you can write to, and whose parents are such",
                );
        }
    }
    Ok(())
}

#[cfg(not(unix))]
fn refuse_shared(_: &Path) -> Result<()> {
    Ok(())
}

/// Who we are.
#[cfg(unix)]
struct Us {
    user: u32,
    group: u32,
}

/// Whose a directory is.
#[cfg(unix)]
struct Owner {
    mode: u32,
    user: u32,
    group: u32,
}

#[cfg(unix)]
impl Owner {
    /// Who else can write there, if anybody but us and root can. A group that has the number of its
    /// user is that user's alone.
    fn others(&self, us: &Us) -> Option<&'static str> {
        let own_group = self.group == us.group && us.group == us.user;
        if self.mode & 0o002 != 0 {
            Some("everybody")
        } else if self.user != us.user && self.user != 0 {
            Some("another user, who owns it")
        } else if self.mode & 0o020 != 0 && self.group != 0 && !own_group {
            Some("its group")
        } else {
            None
        }
    }
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::error::hints;

    fn mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn a_place_below_what_others_can_write_to_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let shared = directory.path().canonicalize().unwrap().join("shared");
        fs::create_dir(&shared).unwrap();
        // The sticky bit keeps nobody from adding a file.
        for open in [0o777, 0o1777] {
            mode(&shared, open);
            let error = Place::below(&shared.join("own")).unwrap_err();
            let told = format!("{error:#}");
            let wanted = format!("`{}` can be written to by everybody", shared.display());
            assert!(told.contains(&wanted), "{told}");
            assert!(hints(&error)[0].contains("XDG_CACHE_HOME"));
        }
    }

    #[test]
    fn only_we_and_root_may_write_above() {
        let us = Us {
            user: 1000,
            group: 1000,
        };
        let others = |mode, user, group| Owner { mode, user, group }.others(&us);
        assert_eq!(others(0o40755, 0, 0), None);
        assert_eq!(others(0o40775, 0, 0), None);
        assert_eq!(others(0o40700, 1000, 1000), None);
        assert_eq!(others(0o40775, 1000, 1000), None, "a group of one");
        assert_eq!(others(0o40775, 1000, 100), Some("its group"));
        assert_eq!(others(0o41777, 0, 0), Some("everybody"));
        assert_eq!(
            others(0o40700, 1001, 1000),
            Some("another user, who owns it")
        );
        let in_a_shared_group = Us {
            user: 1000,
            group: 100,
        };
        let owner = Owner {
            mode: 0o40775,
            user: 1000,
            group: 100,
        };
        assert_eq!(owner.others(&in_a_shared_group), Some("its group"));
    }

    #[test]
    fn a_place_is_private_without_links_and_not_made_twice() {
        let directory = tempfile::tempdir().unwrap();
        let real = directory.path().canonicalize().unwrap();
        let cache = real.join("cache");
        fs::create_dir(&cache).unwrap();
        let link = real.join("link");
        std::os::unix::fs::symlink(&cache, &link).unwrap();
        let place = Place::unchecked(&link).unwrap();
        assert_eq!(place.path(), cache.join("snapshots"));
        mode(place.path(), 0o755);
        assert_eq!(Place::unchecked(&cache).unwrap(), place);
        let found = fs::metadata(place.path()).unwrap().permissions().mode();
        assert_eq!(found & 0o777, 0o700);
        fs::remove_dir(place.path()).unwrap();
        std::os::unix::fs::symlink(&real, cache.join("snapshots")).unwrap();
        assert!(Place::unchecked(&cache).is_err());
    }

    #[test]
    fn a_lock_that_an_agent_replaced_is_not_waited_for() {
        use rustix::fs::{CWD, FileType, Mode, mknodat};

        let directory = tempfile::tempdir().unwrap();
        let lock = directory.path().join(LOCK);
        let private = Mode::from_raw_mode(0o600);
        mknodat(CWD, lock, FileType::Fifo, private, 0).unwrap();
        assert!(is_dead(directory.path()));
    }

    #[test]
    fn what_agents_would_load_from_above_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let real = directory.path().canonicalize().unwrap();
        let cache = real.join("home/cache");
        fs::create_dir_all(&cache).unwrap();
        File::options()
            .create_new(true)
            .write(true)
            .open(real.join("home/.ENV"))
            .unwrap();
        assert!(loaded_from_above(&cache).contains(&real.join("home/.ENV")));
    }
}
