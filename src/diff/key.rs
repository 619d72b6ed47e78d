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
        Content::Unreadable(Unreadable::Unread(_)) => list.ids(b"unread", change),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diff::{LineDiff, Mode, Oid, Replacement, RepoPath};
    use std::ops::Range;

    fn entry(path: &str, id: u8) -> Entry {
        Entry {
            path: RepoPath::from(path),
            mode: Mode::Regular,
            id: Oid::from_bytes(&[id; 20]).unwrap(),
        }
    }

    fn modified() -> Change {
        Change::Modified {
            old: entry("src/lib.rs", 1),
            new: entry("src/lib.rs", 2),
        }
    }

    fn patch(content: Content) -> Patch {
        Patch {
            content,
            id_digits: None,
        }
    }

    /// A patch of texts in which these zero-based lines were replaced.
    fn replaced(old: &str, new: &str, lines: &[(Range<u32>, Range<u32>)]) -> Patch {
        let mut known: Vec<&str> = Vec::new();
        let old_tokens = old
            .split_inclusive('\n')
            .map(|line| {
                let at = known.iter().position(|other| *other == line);
                let at = at.unwrap_or_else(|| {
                    known.push(line);
                    known.len() - 1
                });
                u32::try_from(at).unwrap()
            })
            .collect();
        let replacements = lines
            .iter()
            .cloned()
            .map(|(old, new)| Replacement { old, new })
            .collect();
        patch(Content::Text(TextPatch::new(
            old.into(),
            new.into(),
            LineDiff {
                replacements,
                old_tokens,
            },
        )))
    }

    /// `lines` lines above, one line replaced, nothing below.
    fn one_line(above: usize, from: &str, to: &str) -> Patch {
        let above = "x\n".repeat(above);
        let at = u32::try_from(above.len() / 2).unwrap();
        let text = |line: &str| format!("start\n{above}a\nb\nc\n{line}\n");
        let count = |line: &str| u32::try_from(line.lines().count()).unwrap();
        let (old, new) = (at + 4..at + 4 + count(from), at + 4..at + 4 + count(to));
        replaced(&text(from), &text(to), &[(old, new)])
    }

    #[test]
    fn line_numbers_alone_do_not_change_the_key() {
        let (near, far) = (one_line(0, "d", "e"), one_line(50, "d", "e"));
        assert_eq!(unit_key(&modified(), &near), unit_key(&modified(), &far));
    }

    #[test]
    fn each_line_and_its_origin_change_the_key() {
        let key = |patch| unit_key(&modified(), &patch);
        let plain = key(one_line(0, "d", "e"));
        assert_ne!(plain, key(one_line(0, "D", "e")), "removed");
        assert_ne!(plain, key(one_line(0, "d", "E")), "added");
        assert_ne!(plain, key(one_line(0, "d", "e\r")), "line end");
        assert_ne!(plain, key(one_line(0, "d", "e\ne")), "one more");
        let lines = "start\na\nb\nc\nd\n";
        let other = lines.replace('b', "B");
        let line = || [(4..5, 4..5)];
        let patch = replaced(&other, &other.replace('d', "e"), &line());
        assert_ne!(plain, key(patch), "context");
        let swapped = key(replaced("a\nb\n", "b\na\n", &[(0..1, 0..0), (2..2, 1..2)]));
        let other_way = key(replaced("a\nb\n", "b\na\n", &[(0..0, 0..1), (1..2, 2..2)]));
        assert_ne!(swapped, other_way, "order");
    }

    #[test]
    fn equal_looking_edits_in_different_blocks_have_different_keys() {
        let block = "a\nb\nc\nd\ne\nf\ng\n";
        let edited = block.replace('d', "D");
        let old = block.repeat(2);
        let first = replaced(&old, &format!("{edited}{block}"), &[(3..4, 3..4)]);
        let second = replaced(&old, &format!("{block}{edited}"), &[(10..11, 10..11)]);
        assert_ne!(
            unit_key(&modified(), &first),
            unit_key(&modified(), &second)
        );
    }

    #[test]
    fn status_paths_and_modes_change_the_key() {
        let text = || patch(Content::Text(TextPatch::default()));
        let renamed = |old, new| Change::Renamed {
            old,
            new,
            similarity: 100,
        };
        let executable = Entry {
            mode: Mode::Executable,
            ..entry("src/lib.rs", 2)
        };
        let all = [
            modified(),
            Change::Added(entry("src/lib.rs", 2)),
            Change::Deleted(entry("src/lib.rs", 2)),
            Change::Added(entry("src/other.rs", 2)),
            Change::Added(executable.clone()),
            Change::Deleted(executable.clone()),
            renamed(entry("src/lib.rs", 2), entry("b", 2)),
            renamed(entry("a", 2), entry("src/lib.rs", 2)),
            renamed(entry("a", 2), executable.clone()),
            Change::Modified {
                old: entry("src/lib.rs", 2),
                new: executable,
            },
        ];
        let keys: std::collections::BTreeSet<UnitKey> =
            all.iter().map(|change| unit_key(change, &text())).collect();
        assert_eq!(keys.len(), all.len());
    }

    #[test]
    fn the_similarity_of_a_rename_and_the_ids_of_texts_do_not_change_the_key() {
        let renamed = |similarity, id| Change::Renamed {
            old: entry("a", id),
            new: entry("b", id + 1),
            similarity,
        };
        let text = patch(Content::Text(TextPatch::default()));
        assert_eq!(
            unit_key(&renamed(90, 1), &text),
            unit_key(&renamed(91, 3), &text)
        );
    }

    #[test]
    fn both_ids_change_the_key_of_binary_content_and_its_kind_does() {
        let change = |old, new| Change::Modified {
            old: entry("a", old),
            new: entry("a", new),
        };
        let key = |change: Change, content| unit_key(&change, &patch(content));
        let binary = key(change(1, 2), Content::Binary);
        assert_ne!(binary, key(change(3, 2), Content::Binary));
        assert_ne!(binary, key(change(1, 3), Content::Binary));
        let id = Oid::from_bytes(&[1; 20]).unwrap();
        let unreadable = |why| key(change(1, 2), Content::Unreadable(why));
        let keys = [
            binary,
            key(change(1, 2), Content::Text(TextPatch::default())),
            unreadable(Unreadable::Missing(id)),
            unreadable(Unreadable::Damaged(id)),
            unreadable(Unreadable::Unread("gone".into())),
            unreadable(Unreadable::TooLarge { bytes: 2, limit: 1 }),
        ];
        let distinct: std::collections::BTreeSet<_> = keys.iter().collect();
        assert_eq!(distinct.len(), keys.len());
    }

    #[test]
    fn the_format_is_pinned() {
        // A change here forgets every review ever made: raise the number in `FORMAT` with it.
        let key = unit_key(&modified(), &one_line(2, "d", "e"));
        insta::assert_snapshot!(key, @"b808e6fc153914bbaf0e99563036aea31d8c6385b8643008d293b50fd28eb89f");
        let json = serde_json::to_string(&key).unwrap();
        assert_eq!(serde_json::from_str::<UnitKey>(&json).unwrap(), key);
        assert!(serde_json::from_str::<UnitKey>("\"00\"").is_err());
    }
}
