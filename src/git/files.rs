//! The content of a file in the work tree as Git would store it.
//! Which files are read is left to `worktree`, when line ends are converted to `eol`.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use crate::diff::Oid;

use super::eol::without_carriage_returns;
use super::objects::plain;

/// A file whose content is read when it is needed, like a blob.
#[derive(Clone, Debug)]
pub(in crate::git) struct FileBlob {
    /// Where it stands; absolute.
    pub(in crate::git) path: PathBuf,
    /// Whether its content is the target of a symlink.
    pub(in crate::git) symlink: bool,
    /// Whether CRLF is stored as LF.
    pub(in crate::git) convert: bool,
    /// The number of bytes after the conversion.
    pub(in crate::git) stored_bytes: u64,
}

impl FileBlob {
    /// The number of bytes that would be stored.
    pub(in crate::git) fn size(&self) -> u64 {
        self.stored_bytes
    }

    /// The bytes that would be stored; `None` if the file can't be read any more, or is larger than
    /// it was.
    pub(in crate::git) fn read(&self) -> Option<Vec<u8>> {
        if self.symlink {
            return target(&self.path);
        }
        let content = content(&self.path)?;
        let content = if self.convert {
            without_carriage_returns(&content)
        } else {
            content
        };
        (content.len() as u64 == self.stored_bytes).then_some(content)
    }
}

/// What a symlink points to, as Git stores it.
pub(in crate::git) fn target(path: &Path) -> Option<Vec<u8>> {
    let target = std::fs::read_link(path).ok()?;
    let target = gix::path::into_bstr(target).ok()?;
    Some(gix::path::to_unix_separators_on_windows(target).to_vec())
}

/// The bytes of a regular file, not more than it has when it is opened.
pub(in crate::git) fn content(path: &Path) -> Option<Vec<u8>> {
    let file = File::open(path).ok()?;
    let metadata = file.metadata().ok().filter(std::fs::Metadata::is_file)?;
    let mut content = Vec::with_capacity(usize::try_from(metadata.len()).ok()?);
    file.take(metadata.len()).read_to_end(&mut content).ok()?;
    Some(content)
}

/// The id and size of a regular file as it stands, without holding it.
pub(in crate::git) fn large_id(path: &Path, hash: gix::hash::Kind) -> Option<(Oid, u64)> {
    let mut file = File::open(path).ok()?;
    let bytes = file
        .metadata()
        .ok()
        .filter(std::fs::Metadata::is_file)?
        .len();
    let id = gix::objs::compute_stream_hash(
        hash,
        gix::objs::Kind::Blob,
        &mut file,
        bytes,
        &mut gix::progress::Discard,
        &AtomicBool::new(false),
    );
    Some((plain(&id.ok()?), bytes))
}
