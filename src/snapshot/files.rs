//! Writes the files of the reviewed tree as plain private files: no link, nothing over an existing one,
//! and a line of text in place of what can't or shall not be written.
//! Which files a partial tree has is decided in `part`, which names are left out in `names`.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result};

use crate::diff::{Entry, Mode};
use crate::error::HintExt;
use crate::git::{Contents, FileStat, Repo};
use crate::parallel;

use super::names::directory;
use super::place::private_dir;
use super::{Redact, Redacted};

/// What became of one file of the tree.
#[derive(Clone, Debug)]
pub(super) enum Made {
    /// It stands there byte for byte.
    Whole(FileStat),
    /// It stands there without its secrets.
    Redacted(FileStat),
    /// A line of text stands there instead, for this reason.
    Stub(FileStat, String),
    /// Nothing stands there: the file system takes no such file beside the others.
    Refused,
}

/// Writes these files below a directory; what became of each, in their order. Contents of more than
/// `limit` bytes become a line of text. Errors if the disk does.
pub(super) fn write(
    repo: &Repo,
    root: &Path,
    entries: &[&Entry],
    limit: u64,
    redact: &Redact<'_>,
) -> Result<Vec<Made>> {
    let mut dirs: BTreeSet<&[u8]> = BTreeSet::new();
    for entry in entries {
        let mut dir = directory(entry.path.as_bytes());
        while !dir.is_empty() && dirs.insert(dir) {
            dir = directory(dir);
        }
    }
    private_dirs(root, dirs.into_iter())?;
    let failed = AtomicBool::new(false);
    let made = repo.read_contents(entries, limit, |entry, contents| {
        if failed.load(Ordering::Relaxed) {
            return Ok(Made::Refused);
        }
        let made = make(
            &root.join(native_path(entry.path.as_bytes())),
            entry,
            &contents,
            redact,
        );
        if made.is_err() {
            failed.store(true, Ordering::Relaxed);
        }
        made.with_context(|| format!("cannot write {:?} into the snapshot", entry.path))
    });
    made.into_iter()
        .collect::<Result<_>>()
        .hint("check the free space, or set XDG_CACHE_HOME to a directory with more")
}

fn make(
    path: &Path,
    entry: &Entry,
    contents: &Contents<'_>,
    redact: &Redact<'_>,
) -> io::Result<Made> {
    let (why, told) = match (entry.mode, contents) {
        (Mode::Submodule, _) => stub("submodule", format!("submodule at commit {}", entry.id)),
        (_, Contents::TooLarge(bytes)) => stub(
            "too large",
            format!("{bytes} bytes, not written: git cat-file blob {}", entry.id),
        ),
        (_, Contents::Missing) => stub(
            "missing",
            format!(
                "not written: object {} is missing in the repository",
                entry.id
            ),
        ),
        (_, Contents::Damaged) => stub(
            "damaged",
            format!("not written: object {} is damaged", entry.id),
        ),
        (mode, Contents::Bytes(bytes)) => match (redact(&entry.path, bytes), mode) {
            (Redacted::Withheld { why }, _) => {
                let told = format!("withheld: {why}");
                (why, told.into_bytes())
            }
            (Redacted::Same, Mode::Symlink) => link(bytes),
            (Redacted::Text(text), Mode::Symlink) => link(&text),
            (Redacted::Same, _) => {
                return Ok(taken(write_new(path, bytes))?.map_or(Made::Refused, Made::Whole));
            }
            (Redacted::Text(text), _) => {
                return Ok(taken(write_new(path, &text))?.map_or(Made::Refused, Made::Redacted));
            }
        },
    };
    let text = [b"[", told.as_slice(), b"]\n"].concat();
    let stub = |stat| Made::Stub(stat, why);
    Ok(taken(write_new(path, &text))?.map_or(Made::Refused, stub))
}

fn stub(why: &str, told: String) -> (String, Vec<u8>) {
    (why.to_owned(), told.into_bytes())
}

fn link(target: &[u8]) -> (String, Vec<u8>) {
    let told = [b"symbolic link to: ", target].concat();
    ("symbolic link".to_owned(), told)
}

/// `None` if the file system refuses the name or has another file under it: a twin in another case or
/// normal form, a path that is too long.
fn taken<T>(written: io::Result<T>) -> io::Result<Option<T>> {
    match written {
        Ok(done) => Ok(Some(done)),
        Err(error) if is_about_the_name(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

fn is_about_the_name(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::AlreadyExists
            | ErrorKind::InvalidFilename
            | ErrorKind::InvalidInput
            | ErrorKind::NotFound
            | ErrorKind::NotADirectory
            | ErrorKind::IsADirectory
    ) || is_illegal_sequence(error)
}

#[cfg(unix)]
fn is_illegal_sequence(error: &io::Error) -> bool {
    error.raw_os_error() == Some(rustix::io::Errno::ILSEQ.raw_os_error())
}

#[cfg(not(unix))]
fn is_illegal_sequence(_: &io::Error) -> bool {
    false
}

/// Writes a new file that only its owner may read and write; never over another, never through a link.
pub(super) fn write_new(path: &Path, bytes: &[u8]) -> io::Result<FileStat> {
    let mut options = File::options();
    // With O_EXCL nothing that stands there is followed or opened.
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    let mut file = options.open(path)?;
    file.write_all(bytes)?;
    FileStat::of(&file)
}

/// From so many files on, threads pay.
const WORTH_THREADS: usize = 16;
/// More threads than this wait for the same directory.
const MOST_THREADS: usize = 4;

/// Writes new files, as [`write_new`] does, and says what became of each, in their order.
pub(super) fn write_all_new(files: &[(PathBuf, &[u8])]) -> Vec<io::Result<FileStat>> {
    let threads = match files.len() {
        0..WORTH_THREADS => 1,
        _ => parallel::threads(MOST_THREADS),
    };
    let write = |(): &mut (), (path, bytes): &(PathBuf, &[u8])| write_new(path, bytes);
    parallel::map_on(threads, files, || (), write)
}

/// Creates directories below a root, parents before their children; names that are refused are passed
/// over, and so will be the files in them.
pub(super) fn private_dirs<'d>(root: &Path, dirs: impl Iterator<Item = &'d [u8]>) -> Result<()> {
    for dir in dirs {
        let path = root.join(native_path(dir));
        taken(private_dir(&path))
            .with_context(|| format!("cannot create `{}`", path.display()))
            .hint("check the free space, or set XDG_CACHE_HOME to a directory with more")?;
    }
    Ok(())
}

/// A path of the repository as one of this system.
#[cfg(unix)]
pub(super) fn native_path(path: &[u8]) -> PathBuf {
    use std::os::unix::ffi::OsStrExt;
    PathBuf::from(std::ffi::OsStr::from_bytes(path))
}

/// A path of the repository as one of this system.
#[cfg(not(unix))]
pub(super) fn native_path(path: &[u8]) -> PathBuf {
    PathBuf::from(String::from_utf8_lossy(path).into_owned())
}
