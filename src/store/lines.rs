//! Files of lines that only grow: appended whole under the store's lock, flushed to the disk where it matters.
//! A last line without its line feed is a torn write: readers ignore it, the next writer cuts it off.

use std::fs;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;

use anyhow::Context;

use super::{private, read_plain, refuse_special};

/// All whole lines of a file, as one text; empty if there is no file.
pub(super) fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    let mut bytes = read_plain(path)?.unwrap_or_default();
    bytes.truncate(memchr::memrchr(b'\n', &bytes).map_or(0, |last| last + 1));
    Ok(bytes)
}

/// How long a file of lines is, in bytes.
pub(super) fn len(path: &Path) -> anyhow::Result<u64> {
    let found = fs::symlink_metadata(path);
    Ok(found
        .with_context(|| format!("cannot look at `{}`", path.display()))?
        .len())
}

/// What a crash of the system may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Crash {
    /// Nothing: the lines are on the disk when they are appended.
    KeepsAll,
    /// The last lines, which are quickly made again.
    MayLoseLast,
}

/// Appends lines in one write. The caller holds the lock.
pub(super) fn append(path: &Path, lines: &[String], crash: Crash) -> anyhow::Result<()> {
    let attempt = || -> anyhow::Result<()> {
        refuse_special(path)?;
        let mut file = private().read(true).append(true).create(true).open(path)?;
        let end = whole_lines_end(&mut file)?;
        if end < file.metadata()?.len() {
            file.set_len(end)?;
        }
        let mut bytes = Vec::new();
        for line in lines {
            bytes.extend_from_slice(line.as_bytes());
            bytes.push(b'\n');
        }
        file.write_all(&bytes)?;
        if crash == Crash::KeepsAll {
            file.sync_all()?;
        }
        Ok(())
    };
    attempt().with_context(|| format!("cannot append to `{}`", path.display()))
}

/// Where the last whole line ends, looking backwards from the end.
fn whole_lines_end(file: &mut fs::File) -> std::io::Result<u64> {
    const STEP: u64 = 8192;
    let mut end = file.metadata()?.len();
    let mut buffer = Vec::new();
    while end > 0 {
        let start = end.saturating_sub(STEP);
        file.seek(SeekFrom::Start(start))?;
        buffer.clear();
        Read::by_ref(file)
            .take(end - start)
            .read_to_end(&mut buffer)?;
        if let Some(last) = memchr::memrchr(b'\n', &buffer) {
            return Ok(start + last as u64 + 1);
        }
        end = start;
    }
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(
        clippy::disallowed_methods,
        reason = "the test tears a file on purpose"
    )]
    fn a_torn_tail_is_ignored_then_cut_off() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        append(&path, &["one".to_owned()], Crash::KeepsAll).unwrap();
        let torn = format!("one\n{}", "x".repeat(20_000));
        fs::write(&path, torn).unwrap();
        assert_eq!(read(&path).unwrap(), b"one\n");
        append(&path, &["two".to_owned()], Crash::MayLoseLast).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"one\ntwo\n");
        assert_eq!(len(&path).unwrap(), 8);
    }

    #[test]
    fn no_file_is_no_lines() {
        let dir = tempfile::tempdir().unwrap();
        assert!(read(&dir.path().join("none")).unwrap().is_empty());
    }
}
