//! What stands where in the file of an index in version 2 or 3, see gitformat-index(5).
//! What is kept of it, and what is made of other files, is left to `index`.

use std::fs::File;
use std::ops::Range;

use gix::index::entry::{Flags, Mode as IndexMode, Stage, Stat, stat};
use gix::index::extension::Tree as CacheTree;

use crate::diff::Oid;

use super::pack_index::read_at;
use super::trees::DEEPEST;

/// Signature, version and number of entries.
pub(in crate::git) const HEADER: usize = 12;
/// Times, device, inode, mode, owner and size; the id follows.
pub(in crate::git) const BEFORE_ID: usize = 40;
/// The bits of the flags that hold the length of the path; all of them for one that is longer.
const LONG_PATH: usize = 0xfff;
/// Signature and size of an extension.
const EXTENSION_HEADER: usize = 8;
/// Bytes that are read at once, and how many of them must be there to look at an entry.
const WINDOW: u64 = 64 << 10;
const AHEAD: u64 = 8 << 10;

/// An entry of the index.
pub(in crate::git) struct IndexEntry<'a> {
    pub(in crate::git) path: &'a [u8],
    pub(in crate::git) id: Oid,
    pub(in crate::git) mode: IndexMode,
    pub(in crate::git) flags: Flags,
    pub(in crate::git) stat: Stat,
}

impl IndexEntry<'_> {
    /// Which side of a conflict it is.
    pub(in crate::git) fn stage(&self) -> Stage {
        self.flags.stage()
    }

    /// Whether the index says not to compare it with its file.
    pub(in crate::git) fn is_masked(&self) -> bool {
        is_masked(self.mode, self.flags)
    }
}

/// Whether the index says not to compare an entry with its file. A directory left out of a sparse
/// checkout has none.
pub(in crate::git) fn is_masked(mode: IndexMode, flags: Flags) -> bool {
    mode != IndexMode::DIR && flags.intersects(Flags::SKIP_WORKTREE | Flags::ASSUME_VALID)
}

/// Four bytes as a number.
pub(in crate::git) fn number(bytes: &[u8], at: usize) -> Option<u32> {
    let four = bytes.get(at..)?.first_chunk()?;
    Some(u32::from_be_bytes(*four))
}

fn short(bytes: &[u8], at: usize) -> Option<u16> {
    let two = bytes.get(at..)?.first_chunk()?;
    Some(u16::from_be_bytes(*two))
}

/// The flags of the entry that starts here; `None` for some that nobody knows.
pub(in crate::git) fn flags_at(bytes: &[u8], start: usize, id_length: usize) -> Option<Flags> {
    let at = start + BEFORE_ID + id_length;
    let flags = Flags::from_bits_retain(u32::from(short(bytes, at)?)) & !Flags::PATH_LEN;
    if !flags.contains(Flags::EXTENDED) {
        return Some(flags);
    }
    let further = Flags::from_bits_retain(u32::from(short(bytes, at + 2)?) << 16);
    let known = Flags::INTENT_TO_ADD | Flags::SKIP_WORKTREE;
    known.contains(further).then_some(flags | further)
}

/// Where the path of the entry that starts here stands.
pub(in crate::git) fn path_within(
    bytes: &[u8],
    start: usize,
    id_length: usize,
) -> Option<Range<usize>> {
    let at = start + BEFORE_ID + id_length;
    let flags = short(bytes, at)?;
    let extended = u32::from(flags) & Flags::EXTENDED.bits() != 0;
    let path = at + if extended { 4 } else { 2 };
    let length = usize::from(flags) & LONG_PATH;
    if length < LONG_PATH {
        return Some(path..path + length);
    }
    let length = memchr::memchr(0, bytes.get(path..)?)?;
    (length >= LONG_PATH).then_some(path..path + length)
}

/// Where the next entry starts: after one to eight zeros, at a multiple of eight from the last.
pub(in crate::git) fn next_start(start: usize, path_end: usize) -> usize {
    start + (path_end - start + 8) / 8 * 8
}

/// The entry that starts here, which has this path.
pub(in crate::git) fn entry_at<'a>(
    bytes: &[u8],
    start: usize,
    id_length: usize,
    path: &'a [u8],
) -> Option<IndexEntry<'a>> {
    let (before_id, rest) = bytes.get(start..)?.split_first_chunk::<BEFORE_ID>()?;
    let (words, _) = before_id.as_chunks();
    let word = |nth: usize| u32::from_be_bytes(words[nth]);
    let time = |nth: usize| stat::Time {
        secs: word(nth),
        nsecs: word(nth + 1),
    };
    Some(IndexEntry {
        stat: Stat {
            ctime: time(0),
            mtime: time(2),
            dev: word(4),
            ino: word(5),
            uid: word(7),
            gid: word(8),
            size: word(9),
        },
        mode: IndexMode::from_bits_truncate(word(6)),
        id: Oid::from_bytes(rest.get(..id_length)?)?,
        flags: flags_at(bytes, start, id_length)?,
        path,
    })
}

/// The part of a file that is looked at.
pub(in crate::git) struct Window<'f> {
    file: &'f File,
    /// Where what is looked at ends.
    end: u64,
    start: u64,
    bytes: Vec<u8>,
}

impl<'f> Window<'f> {
    /// A window on the bytes of a file before an end.
    pub(in crate::git) fn of(file: &'f File, end: u64) -> Self {
        Self {
            file,
            end,
            start: 0,
            bytes: Vec::new(),
        }
    }

    /// What stands at a place, as far as it is there and some way on.
    pub(in crate::git) fn bytes(&mut self, at: u64) -> Option<&[u8]> {
        let wanted = self.end.checked_sub(at)?.min(AHEAD);
        if at < self.start || at + wanted > self.start + self.bytes.len() as u64 {
            let length = (self.end - at).min(WINDOW);
            self.bytes.resize(usize::try_from(length).ok()?, 0);
            self.start = at;
            read_at(self.file, &mut self.bytes, at).ok()?;
        }
        self.bytes.get(usize::try_from(at - self.start).ok()?..)
    }

    /// All that stands at a place.
    fn whole(&self, place: Range<u64>) -> Option<Vec<u8>> {
        let mut bytes = vec![0; usize::try_from(place.end.checked_sub(place.start)?).ok()?];
        read_at(self.file, &mut bytes, place.start).ok()?;
        Some(bytes)
    }
}

/// What the extensions say of trees, if anything. `None` if one is broken, or if not knowing it means
/// not understanding the index.
#[expect(
    clippy::option_option,
    reason = "no cache tree is an answer, not knowing is none"
)]
pub(in crate::git) fn cache_tree(
    window: &mut Window<'_>,
    entries_end: u64,
    hash: gix::hash::Kind,
) -> Option<Option<CacheTree>> {
    let id_length = hash.len_in_bytes();
    let mut cache = None;
    let (mut start, end) = (entries_end, window.end);
    while start < end {
        let header: [u8; EXTENSION_HEADER] = *window.bytes(start)?.first_chunk()?;
        let (content, size) = (start + EXTENSION_HEADER as u64, number(&header, 4)?);
        start = content + u64::from(size);
        if start > end {
            return None;
        }
        match &header[..4] {
            b"TREE" => {
                let content = window.whole(content..start)?;
                cache = nests_little(&content, id_length)
                    .then(|| gix::index::extension::tree::decode(&content, hash, None))
                    .flatten();
            }
            // Some entries are directories; they say so themselves.
            b"sdir" if size == 0 => {}
            signature if signature[0].is_ascii_lowercase() => return None,
            _ => {}
        }
    }
    let tail = end.saturating_sub((EXTENSION_HEADER + 4 + id_length) as u64);
    let says_otherwise = names_another_end(window.bytes(tail)?, entries_end, id_length);
    (!says_otherwise).then_some(cache)
}

/// Whether these are the bytes of the last extension, and it names another place where the entries end.
fn names_another_end(bytes: &[u8], entries_end: u64, id_length: usize) -> bool {
    let named = number(bytes, EXTENSION_HEADER).map(u64::from);
    bytes.len() == EXTENSION_HEADER + 4 + id_length
        && bytes.starts_with(b"EOIE")
        && number(bytes, 4).is_some_and(|size| size as usize == 4 + id_length)
        && named != Some(entries_end)
}

/// Whether a cache tree is nested no deeper than is followed, and so needs little stack to read.
fn nests_little(mut content: &[u8], id_length: usize) -> bool {
    let mut step = |missing: &mut Vec<usize>| {
        let name = memchr::memchr(0, content)?;
        let line = content.get(name + 1..)?;
        let end = memchr::memchr(b'\n', line)?;
        let (entries, below) = std::str::from_utf8(&line[..end]).ok()?.split_once(' ')?;
        let id_length = if entries.starts_with('-') {
            0
        } else {
            id_length
        };
        content = line.get(end + 1 + id_length..)?;
        missing.push(below.parse().ok()?);
        while missing.last() == Some(&0) {
            missing.pop();
            if let Some(last) = missing.last_mut() {
                *last -= 1;
            }
        }
        (missing.len() <= DEEPEST).then_some(())
    };
    let mut missing = Vec::new();
    loop {
        if step(&mut missing).is_none() {
            return false;
        }
        if missing.is_empty() {
            return true;
        }
    }
}
