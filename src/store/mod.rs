//! What is remembered between runs: receipts, reviews, the ledger. The only writer of these files.
//!
//! Everything lies in `<git common dir>/deep-review/`, private to the user, as JSON under a seal
//! ([`seal`]): what does not verify is not ours. Writers hold one lock; readers hold none, because
//! files are replaced whole or only ever grow by whole lines.
//!
//! - `seal`: the per-user secret and the MAC
//! - `lines`: sealed JSON lines, appended under the lock, with torn tails cut off
//! - `sealed`: files of such lines that are read as a whole
//! - `receipts`, `ledger`, `reviews`: what is kept, one file each
//! - `leads`: what leads said about findings
//! - `unpaid`: what no agent read because a limit was spent
//! - `running`: reviews in the background
//! - `panels`: which agents may read a repository, kept beside the secret
//! - `verdicts`: verdicts of states that were met before, and whether the store is still in one

mod leads;
mod ledger;
mod lines;
mod panels;
mod receipts;
mod reviews;
mod running;
mod seal;
mod sealed;
mod spending;
mod unpaid;
mod verdicts;

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, bail};

pub(crate) use receipts::ReceiptsRead;
pub(crate) use reviews::ReviewId;
pub(crate) use running::{RunState, Running, Turn};
pub(crate) use seal::Secret;
pub(crate) use verdicts::StoreState;

use crate::error::HintExt;
use crate::parallel;

/// The format of everything in the store; a store of a later format is not touched.
const FORMAT: u32 = 1;

/// How long a writer waits for another one: their critical sections take milliseconds.
const LOCK_PATIENCE: Duration = Duration::from_secs(20);

/// The store of one repository, shared by its linked worktrees.
#[derive(Debug)]
pub(crate) struct Store {
    dir: PathBuf,
    secret_dir: PathBuf,
    secret: Option<Secret>,
    /// What the store held when it was last looked at, and what this process has added since; `None`
    /// once somebody else wrote in between.
    watched: Option<StoreState>,
}

impl Store {
    /// Opens the store below a repository's common directory without creating anything.
    /// `secret_dir` is where the user's secret is kept, outside every repository.
    ///
    /// Fails if the store was written by a later version, or is not a plain directory.
    pub(crate) fn open(common_dir: &Path, secret_dir: &Path) -> anyhow::Result<Self> {
        let dir = common_dir.join("deep-review");
        match fs::symlink_metadata(&dir) {
            Ok(found) if !found.is_dir() => {
                return Err(anyhow!("`{}` is not a directory", dir.display()))
                    .context("cannot open the store")
                    .hint("move it away: deep-review keeps its memory there");
            }
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(error)
                    .with_context(|| format!("cannot open the store `{}`", dir.display()));
            }
            _ => {}
        }
        let format = dir.join("format");
        let found = read_plain(&format)?;
        if let Some(text) = found.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()) {
            match text.trim().parse::<u32>() {
                Ok(FORMAT) => {}
                Ok(later) if later > FORMAT => {
                    return Err(anyhow!("`{}` has format {later}, this program knows {FORMAT}", dir.display()))
                    .context("the store was written by a newer deep-review")
                    .hint("update deep-review, or move that directory away to start afresh (decisions in it are then not seen)");
                }
                _ => {
                    return Err(anyhow!("`{}` holds {text:?}", format.display()))
                        .context("cannot read the format of the store")
                        .hint(format!("move `{}` away to start afresh", dir.display()));
                }
            }
        }
        Ok(Self {
            secret: Secret::read(secret_dir)?,
            secret_dir: secret_dir.to_owned(),
            watched: None,
            dir,
        })
    }

    /// Creates what is missing and takes the lock; released when the guard is dropped.
    fn lock(&mut self) -> anyhow::Result<Lock> {
        let unwritable = |error: anyhow::Error, dir: &Path| {
            Err(error)
                .with_context(|| format!("cannot write to the store `{}`", dir.display()))
                .hint("check its owner, its permissions and the free space")
        };
        if let Err(error) = self.create() {
            return unwritable(error, &self.dir);
        }
        if self.secret.is_none() {
            self.secret = Some(Secret::read_or_create(&self.secret_dir)?);
        }
        let path = self.dir.join("lock");
        let opened = refuse_special(&path).and_then(|()| {
            Ok(private()
                .create(true)
                .truncate(false)
                .write(true)
                .open(&path)?)
        });
        let file = match opened {
            Ok(file) => file,
            Err(error) => return unwritable(error, &self.dir),
        };
        let started = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Lock { _file: file }),
                Err(TryLockError::WouldBlock) if started.elapsed() < LOCK_PATIENCE => {
                    std::thread::sleep(Duration::from_millis(5));
                }
                Err(TryLockError::WouldBlock) => {
                    return Err(anyhow!(
                        "another process has held `{}` for {} s",
                        path.display(),
                        LOCK_PATIENCE.as_secs()
                    ))
                    .context("cannot write to the store")
                    .hint("find the other deep-review and stop it");
                }
                // Some network file systems have no locks; appending whole lines is the best left.
                Err(TryLockError::Error(error)) if error.kind() == ErrorKind::Unsupported => {
                    return Ok(Lock { _file: file });
                }
                Err(TryLockError::Error(error)) => return unwritable(error.into(), &self.dir),
            }
        }
    }

    fn create(&self) -> anyhow::Result<()> {
        create_private_dir(&self.dir)?;
        let format = self.dir.join("format");
        if !format.exists() {
            replace(&format, format!("{FORMAT}\n").as_bytes())?;
        }
        Ok(())
    }

    /// The key that marks of redacted values are made with. The same for one user, so that what an agent
    /// quoted in one run is found again in the next.
    pub(crate) fn redaction_key(&mut self) -> anyhow::Result<[u8; 32]> {
        if self.secret.is_none() {
            self.secret = Some(Secret::read_or_create(&self.secret_dir)?);
        }
        Ok(self.secret()?.derived("deep-review 2026 redaction marks 1"))
    }

    /// The secret, once [`Store::lock`] or [`Store::open`] has found one.
    fn secret(&self) -> anyhow::Result<&Secret> {
        self.secret
            .as_ref()
            .context("no secret although the store is locked")
    }
}

/// Holds the store's lock until dropped.
#[derive(Debug)]
struct Lock {
    _file: File,
}

/// Fails if something stands at a path that is not a plain file: a store that came with the repository
/// may hold links that lead out of it, and pipes that never end.
fn refuse_special(path: &Path) -> anyhow::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(found) if !found.is_file() => bail!("`{}` is not a plain file", path.display()),
        _ => Ok(()),
    }
}

/// The bytes of a plain file; `None` if there is none.
fn read_plain(path: &Path) -> anyhow::Result<Option<Vec<u8>>> {
    let attempt = || -> anyhow::Result<Option<Vec<u8>>> {
        refuse_special(path)?;
        match fs::read(path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error)
                if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) =>
            {
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    };
    attempt().with_context(|| format!("cannot read `{}`", path.display()))
}

/// Options for a file that only its owner may read or write.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    options
}

/// Creates a directory, and its parents, that only its owner may enter.
pub(crate) fn create_private_dir(dir: &Path) -> anyhow::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt;
        builder.mode(0o700);
    }
    builder
        .create(dir)
        .with_context(|| format!("cannot create `{}`", dir.display()))
}

/// Writes a new file for everybody to read, such as one that is to be committed; fails if there is one.
pub(crate) fn publish_file(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let attempt = || -> std::io::Result<()> {
        let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
        file.write_all(bytes)
    };
    attempt().with_context(|| format!("cannot write `{}`", path.display()))
}

/// Writes text into a file of the user's from a byte on, for a plain edit at its end: owner and
/// permissions stay. Refuses what is no plain file.
pub(crate) fn write_on(path: &Path, at: u64, bytes: &[u8]) -> anyhow::Result<()> {
    let attempt = || -> anyhow::Result<()> {
        refuse_special(path)?;
        let mut file = OpenOptions::new().write(true).open(path)?;
        file.seek(SeekFrom::Start(at))?;
        file.write_all(bytes)?;
        Ok(file.set_len(at + bytes.len() as u64)?)
    };
    attempt().with_context(|| format!("cannot write `{}`", path.display()))
}

/// Writes a result where the user asked for it: a file is replaced in one step, a device or a pipe is
/// written into, because replacing it would put a file in its place.
pub(crate) fn deliver(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let special = fs::metadata(path).is_ok_and(|found| !found.is_file() && !found.is_dir());
    if !special {
        return replace(path, bytes);
    }
    let attempt =
        || -> std::io::Result<()> { OpenOptions::new().write(true).open(path)?.write_all(bytes) };
    attempt().with_context(|| format!("cannot write to `{}`", path.display()))
}

/// Opens a private file that is written anew, for the words of a process in the background.
pub(crate) fn open_log(path: &Path) -> anyhow::Result<File> {
    let attempt = || -> anyhow::Result<File> {
        refuse_special(path)?;
        Ok(private()
            .create(true)
            .truncate(true)
            .write(true)
            .open(path)?)
    };
    attempt().with_context(|| format!("cannot write `{}`", path.display()))
}

/// As many writers as wait for the disk together: it takes what they have in one go.
const SYNCED_TOGETHER: usize = 8;

/// Writes new private files; all of them are on the disk when this returns.
fn create_all(files: &[(PathBuf, &[u8])]) -> anyhow::Result<()> {
    let create = |(): &mut (), (path, bytes): &(PathBuf, &[u8])| -> anyhow::Result<()> {
        let attempt = || -> std::io::Result<()> {
            let mut file = private().write(true).create_new(true).open(path)?;
            file.write_all(bytes)?;
            file.sync_all()
        };
        attempt().with_context(|| format!("cannot write `{}`", path.display()))
    };
    let waiting = files.len().min(SYNCED_TOGETHER);
    parallel::map_on(waiting, files, || (), create)
        .into_iter()
        .collect()
}

/// Replaces a private file in one step: readers see the old bytes or the new ones, also after a
/// crash. Refuses a target that is a link.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let attempt = || -> anyhow::Result<()> {
        if fs::symlink_metadata(path).is_ok_and(|found| found.is_symlink()) {
            bail!("it is a symbolic link");
        }
        let dir = path.parent().context("it has no parent directory")?;
        let mut file = tempfile::Builder::new().prefix(".new-").tempfile_in(dir)?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        Ok(())
    };
    attempt().with_context(|| format!("cannot write `{}`", path.display()))
}
