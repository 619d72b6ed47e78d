//! The content of a file in the work tree as Git would store it, or why it can't be had.
//! Which files are read is left to `worktree`, when line ends are converted to `eol`.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::diff::Oid;

use super::eol::without_carriage_returns;
use super::objects::plain;

/// Why a file could not be read, as people are told it.
pub(in crate::git) type Reason = Arc<str>;

/// What stands in a file in place of a blob.
#[derive(Clone, Debug)]
pub(in crate::git) enum FileBlob {
    /// A content that is read when it is needed.
    Content(FileContent),
    /// It could not be read when the files were compared.
    Unread(Reason),
}

/// A file whose content is read when it is needed, like a blob.
#[derive(Clone, Debug)]
pub(in crate::git) struct FileContent {
    /// Where it stands; absolute.
    pub(in crate::git) path: PathBuf,
    /// Whether its content is the target of a symlink.
    pub(in crate::git) symlink: bool,
    /// Whether CRLF is stored as LF.
    pub(in crate::git) convert: bool,
    /// The number of bytes after the conversion.
    pub(in crate::git) stored_bytes: u64,
}

impl FileContent {
    /// The number of bytes that would be stored.
    pub(in crate::git) fn size(&self) -> u64 {
        self.stored_bytes
    }

    /// The bytes that would be stored; `None` if the file can't be read any more, or is larger than
    /// it was.
    pub(in crate::git) fn read(&self) -> Option<Vec<u8>> {
        if self.symlink {
            return target(&self.path).ok();
        }
        let content = content(&self.path).ok()?;
        let content = if self.convert {
            without_carriage_returns(&content)
        } else {
            content
        };
        (content.len() as u64 == self.stored_bytes).then_some(content)
    }
}

/// Whether an error says that nothing is there, by Git's rule. Any other hides what is.
pub(in crate::git) fn says_absent(error: &io::Error) -> bool {
    match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => true,
        // Elsewhere it is also said of a path that is only too long as an absolute one.
        ErrorKind::InvalidFilename => cfg!(windows),
        _ => false,
    }
}

/// What a symlink points to, as Git stores it.
pub(in crate::git) fn target(path: &Path) -> io::Result<Vec<u8>> {
    let target = std::fs::read_link(path)?;
    let target = gix::path::into_bstr(target).map_err(io::Error::other)?;
    Ok(gix::path::to_unix_separators_on_windows(target).to_vec())
}

/// The bytes of a regular file, not more than it has when it is opened.
pub(in crate::git) fn content(path: &Path) -> io::Result<Vec<u8>> {
    let (file, bytes) = open(path)?;
    let capacity = usize::try_from(bytes).map_err(io::Error::other)?;
    let mut content = Vec::with_capacity(capacity);
    file.take(bytes).read_to_end(&mut content)?;
    Ok(content)
}

/// The id and size of a regular file as it stands, without holding it.
pub(in crate::git) fn large_id(path: &Path, hash: gix::hash::Kind) -> io::Result<(Oid, u64)> {
    let (mut file, bytes) = open(path)?;
    let id = gix::objs::compute_stream_hash(
        hash,
        gix::objs::Kind::Blob,
        &mut file,
        bytes,
        &mut gix::progress::Discard,
        &AtomicBool::new(false),
    );
    let id = id.map_err(|error| io::Error::other(error.to_string()))?;
    Ok((plain(&id), bytes))
}

/// Opens a regular file, and says how many bytes it has. Whatever else may have come to stand there
/// is not waited for.
fn open(path: &Path) -> io::Result<(File, u64)> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        let flags = rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOCTTY;
        options.custom_flags(flags.bits().cast_signed());
    }
    let file = options.open(path)?;
    let metadata = file.metadata()?;
    if metadata.is_file() {
        Ok((file, metadata.len()))
    } else {
        Err(io::Error::other("it is no regular file any more"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_not_there_is_absent() {
        for kind in [ErrorKind::NotFound, ErrorKind::NotADirectory] {
            assert!(says_absent(&kind.into()), "{kind}");
        }
        for kind in [
            ErrorKind::PermissionDenied,
            ErrorKind::StaleNetworkFileHandle,
            ErrorKind::InvalidInput,
            ErrorKind::Interrupted,
            ErrorKind::Other,
        ] {
            assert!(!says_absent(&kind.into()), "{kind}");
        }
    }
}
