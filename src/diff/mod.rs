//! The change set as plain values: which files changed and how their text changed.
//! Nothing here reads Git; `git` fills these in, every room after it only looks.
//!
//! - `path`: a path inside the repository, as bytes that survive JSON and the terminal
//! - `patch`: hunks and lines of one file, `ordinal`: what tells equal-looking hunks apart
//! - `unified`: the patch as text, and which parts of it are of which side
//! - `key`: the unit key, by which a patch is remembered

mod key;
mod ordinal;
mod patch;
mod path;
pub(crate) mod unified;

use std::fmt;

pub(crate) use key::{UnitKey, unit_key};
pub(crate) use patch::{Content, IdDigits, LineDiff, Patch, Replacement, TextPatch, Unreadable};
pub(crate) use path::RepoPath;

/// An object id of either object format, 20 (SHA-1) or 32 (SHA-256) bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Oid {
    len: u8,
    bytes: [u8; 32],
}

impl Oid {
    /// Takes the raw bytes of an id; `None` unless there are 20 or 32 of them.
    pub(crate) fn from_bytes(raw: &[u8]) -> Option<Self> {
        if raw.len() != 20 && raw.len() != 32 {
            return None;
        }
        let mut bytes = [0; 32];
        bytes[..raw.len()].copy_from_slice(raw);
        Some(Self {
            len: u8::try_from(raw.len()).ok()?,
            bytes,
        })
    }

    /// Reads 40 or 64 hexadecimal digits of either case.
    pub(crate) fn from_hex(hex: &str) -> Option<Self> {
        let hex = hex.as_bytes();
        if hex.len() != 40 && hex.len() != 64 {
            return None;
        }
        let digit = |c: u8| {
            char::from(c)
                .to_digit(16)
                .and_then(|d| u8::try_from(d).ok())
        };
        let raw = hex
            .chunks_exact(2)
            .map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?))
            .collect::<Option<Vec<u8>>>()?;
        Self::from_bytes(&raw)
    }

    /// The raw bytes.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }

    /// True for the all-zero id with which Git says "no object", of either length.
    pub(crate) fn is_zero(&self) -> bool {
        self.as_bytes().iter().all(|byte| *byte == 0)
    }

    /// The all-zero id of the same length, with which Git says "no object".
    pub(crate) fn zero(&self) -> Self {
        Self {
            len: self.len,
            bytes: [0; 32],
        }
    }

    /// The first twelve hexadecimal digits, for people.
    pub(crate) fn short(&self) -> String {
        let mut hex = self.to_string();
        hex.truncate(12);
        hex
    }
}

impl fmt::Display for Oid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut hex = [0; 64];
        let digit = |half: u8| b"0123456789abcdef"[usize::from(half)];
        for (two, byte) in hex.chunks_exact_mut(2).zip(self.as_bytes()) {
            two.copy_from_slice(&[digit(byte >> 4), digit(byte & 15)]);
        }
        let hex = &hex[..2 * self.as_bytes().len()];
        f.write_str(std::str::from_utf8(hex).expect("digits are ASCII"))
    }
}

impl fmt::Debug for Oid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Oid({self})")
    }
}

/// What a tree entry is, in Git's four kinds that can change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Mode {
    /// `100644`
    Regular,
    /// `100755`
    Executable,
    /// `120000`: the content is the target path
    Symlink,
    /// `160000`: the content is a commit id of another repository
    Submodule,
}

impl Mode {
    /// The octal form of Git's patches.
    pub(crate) fn as_octal(self) -> &'static str {
        match self {
            Self::Regular => "100644",
            Self::Executable => "100755",
            Self::Symlink => "120000",
            Self::Submodule => "160000",
        }
    }

    /// True for the two kinds of plain files.
    pub(crate) fn is_file(self) -> bool {
        matches!(self, Self::Regular | Self::Executable)
    }
}

/// One side of a change: a path with the mode and object that stand there.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Entry {
    /// Where it stands in its tree.
    pub(crate) path: RepoPath,
    /// What it is.
    pub(crate) mode: Mode,
    /// The blob, or the commit of a submodule.
    pub(crate) id: Oid,
}

/// What happened to one file between the base tree and the head tree.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Change {
    /// Only the head has it.
    Added(Entry),
    /// Only the base has it.
    Deleted(Entry),
    /// Same path on both sides, other content or mode.
    Modified {
        /// The base side.
        old: Entry,
        /// The head side.
        new: Entry,
    },
    /// Other path, same or similar content.
    Renamed {
        /// The base side.
        old: Entry,
        /// The head side.
        new: Entry,
        /// Git's similarity index in percent, 50 to 100.
        similarity: u8,
    },
}

impl Change {
    /// The base side, if there is one.
    pub(crate) fn old(&self) -> Option<&Entry> {
        match self {
            Self::Added(_) => None,
            Self::Deleted(old) | Self::Modified { old, .. } | Self::Renamed { old, .. } => {
                Some(old)
            }
        }
    }

    /// The head side, if there is one.
    #[expect(
        clippy::new_ret_no_self,
        clippy::wrong_self_convention,
        reason = "the two sides of a patch are called old and new"
    )]
    pub(crate) fn new(&self) -> Option<&Entry> {
        match self {
            Self::Deleted(_) => None,
            Self::Added(new) | Self::Modified { new, .. } | Self::Renamed { new, .. } => Some(new),
        }
    }

    /// The path by which people name the change: the head's, or the base's of a deletion.
    pub(crate) fn path(&self) -> &RepoPath {
        match self {
            Self::Added(entry) | Self::Deleted(entry) => &entry.path,
            Self::Modified { new, .. } | Self::Renamed { new, .. } => &new.path,
        }
    }

    /// What happened to it, in a word.
    pub(crate) fn word(&self) -> &'static str {
        match self.letter() {
            'A' => "added",
            'D' => "deleted",
            'R' => "renamed",
            'T' => "changed its type",
            _ => "modified",
        }
    }

    /// Git's status letter: A, D, M, R, or T for a change of type.
    pub(crate) fn letter(&self) -> char {
        match self {
            Self::Added(_) => 'A',
            Self::Deleted(_) => 'D',
            Self::Renamed { .. } => 'R',
            Self::Modified { old, new }
                if old.mode.is_file() != new.mode.is_file()
                    || (!old.mode.is_file() && old.mode != new.mode) =>
            {
                'T'
            }
            Self::Modified { .. } => 'M',
        }
    }
}

/// One of the two texts that a patch is between.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// The base version.
    Old,
    /// The head version.
    New,
}

/// Where a line of a patch comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// On both sides.
    Context,
    /// Only in the base version.
    Removed,
    /// Only in the head version.
    Added,
}
