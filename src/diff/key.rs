//! The unit key: the name under which the patch of one file is remembered as reviewed.
//! What a receipt adds to it is left to the store.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use super::{Change, Content, Entry, Origin, Patch, TextPatch, Unreadable};

/// Changes whenever what is hashed changes, so that no old key is ever met by accident.
const FORMAT: &[u8] = b"deep-review unit 1";

/// BLAKE3 over the normalized patch of one file; ordered and shown as hexadecimal.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct UnitKey([u8; 32]);

impl UnitKey {
    /// The raw bytes.
    pub(crate) fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Reads 64 hexadecimal digits.
    pub(crate) fn from_hex(hex: &str) -> Option<Self> {
        blake3::Hash::from_hex(hex)
            .ok()
            .map(|hash| Self(*hash.as_bytes()))
    }
}

impl fmt::Display for UnitKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&blake3::Hash::from_bytes(self.0).to_hex())
    }
}

impl fmt::Debug for UnitKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UnitKey({self})")
    }
}

impl Serialize for UnitKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for UnitKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let hex = String::deserialize(deserializer)?;
        Self::from_hex(&hex).ok_or_else(|| D::Error::custom("a unit key has 64 hexadecimal digits"))
    }
}

/// The key of a change: over status, paths, modes, and for each hunk its lines and its ordinal,
/// but no line number, so that a rebase that only moves lines keeps it. Content without lines
/// counts by its object ids.
pub(crate) fn unit_key(change: &Change, patch: &Patch) -> UnitKey {
    let mut list = List(blake3::Hasher::new());
    list.bytes(FORMAT);
    list.bytes(&[u8::try_from(change.letter()).expect("status letters are ASCII")]);
    list.entry(change.old());
    list.entry(change.new());
    match &patch.content {
        Content::Text(text) => {
            list.bytes(b"text");
            list.text(text);
        }
        Content::Binary => list.ids(b"binary", change),
        Content::Unreadable(Unreadable::Missing(_)) => list.ids(b"missing", change),
        Content::Unreadable(Unreadable::Damaged(_)) => list.ids(b"damaged", change),
        Content::Unreadable(Unreadable::TooLarge { .. }) => list.ids(b"too large", change),
    }
    UnitKey(*list.0.finalize().as_bytes())
}

/// A hash over items, each with its length before it, so that no two lists look alike.
struct List(blake3::Hasher);

impl List {
    fn number(&mut self, number: usize) {
        self.0.update(&(number as u64).to_le_bytes());
    }

    fn bytes(&mut self, item: &[u8]) {
        self.number(item.len());
        self.0.update(item);
    }

    fn entry(&mut self, entry: Option<&Entry>) {
        match entry {
            None => self.number(0),
            Some(entry) => {
                self.number(2);
                self.bytes(entry.path.as_bytes());
                self.bytes(entry.mode.as_octal().as_bytes());
            }
        }
    }

    fn ids(&mut self, kind: &[u8], change: &Change) {
        self.bytes(kind);
        for side in [change.old(), change.new()] {
            self.bytes(side.map_or(&[], |entry| entry.id.as_bytes()));
        }
    }

    fn text(&mut self, text: &TextPatch) {
        self.number(text.hunks().len());
        for hunk in text.hunks() {
            self.number(hunk.ordinal as usize);
            self.number(text.lines(hunk).count());
            for line in text.lines(hunk) {
                self.0.update(match line.origin {
                    Origin::Context => b" ",
                    Origin::Removed => b"-",
                    Origin::Added => b"+",
                });
                self.bytes(line.text);
            }
        }
    }
}
