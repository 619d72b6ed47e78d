//! Reads the index of a pack a piece at a time: where an object stands, and which ids are beside it.
//! What stands in the pack is left to `packs`. The format is that of gitformat-pack, version 2.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::OnceLock;

/// How an index of version 2 begins.
const SIGNATURE: [u8; 8] = [0xff, b't', b'O', b'c', 0, 0, 0, 2];
/// Where the ids begin: behind the signature and 256 counts.
const IDS_AT: u64 = 8 + 256 * 4;
/// Ids read at once. Ids are spread evenly, so that among a few thousand with the same first byte the
/// wanted one is rarely further than this from where it should be.
const WINDOW: u32 = 192;

/// An index that was opened; it may be replaced on disk meanwhile.
pub(in crate::git) struct Index {
    file: File,
    /// How many ids have at most this first byte.
    counts: Box<[u32; 256]>,
    id_len: u32,
    /// Where the checksums at the end begin.
    end: u64,
    /// What stands from the ids to the offsets, if it is kept.
    kept: OnceLock<Option<Vec<u8>>>,
}

impl Index {
    /// Opens an index whose parts fit its size; `None` for any other, and for version 1.
    pub(in crate::git) fn open(path: &Path, id_len: usize) -> Option<Self> {
        let file = File::open(path).ok()?;
        let mut head = [0; 8 + 256 * 4];
        read_at(&file, &mut head, 0).ok()?;
        let (signature, counts) = head.split_at(8);
        let mut all = Box::new([0; 256]);
        for (count, bytes) in all.iter_mut().zip(counts.as_chunks().0) {
            *count = u32::from_be_bytes(*bytes);
        }
        let id_len = u32::try_from(id_len).ok()?;
        let index = Self {
            end: file
                .metadata()
                .ok()?
                .len()
                .checked_sub(2 * u64::from(id_len))?,
            file,
            counts: all,
            id_len,
            kept: OnceLock::new(),
        };
        let fits = index.long_offsets_at() <= index.end;
        (signature == SIGNATURE && index.counts.is_sorted() && fits).then_some(index)
    }

    /// The number of objects.
    pub(in crate::git) fn count(&self) -> u32 {
        self.counts[255]
    }

    fn ids_end(&self) -> u64 {
        IDS_AT + u64::from(self.counts[255]) * u64::from(self.id_len)
    }

    /// Behind the ids stand a checksum and an offset of four bytes each for every object.
    fn long_offsets_at(&self) -> u64 {
        self.ids_end() + u64::from(self.counts[255]) * 8
    }

    /// The positions of the ids with this first byte.
    fn bucket(&self, first: u8) -> Range<u32> {
        let before = first.checked_sub(1);
        let start = before.map_or(0, |before| self.counts[usize::from(before)]);
        start..self.counts[usize::from(first)]
    }

    /// Reads what all later questions are about.
    pub(in crate::git) fn keep(&self) {
        self.kept.get_or_init(|| {
            let len = usize::try_from(self.long_offsets_at() - IDS_AT).ok()?;
            let mut all = vec![0; len];
            read_at(&self.file, &mut all, IDS_AT).ok()?;
            Some(all)
        });
    }

    /// Bytes of the file, from behind the counts to before the long offsets.
    fn bytes(&self, at: u64, len: usize) -> Option<Cow<'_, [u8]>> {
        if let Some(Some(kept)) = self.kept.get() {
            let at = usize::try_from(at - IDS_AT).ok()?;
            return kept.get(at..at + len).map(Cow::Borrowed);
        }
        let mut bytes = vec![0; len];
        read_at(&self.file, &mut bytes, at).ok()?;
        Some(Cow::Owned(bytes))
    }

    /// The position of an id; `None` if it is not here, or the file can't be read.
    pub(in crate::git) fn locate(&self, id: &[u8]) -> Option<u32> {
        self.window(id)?.found.ok()
    }

    /// The ids that stand directly before and behind this one, whether or not it is here itself.
    pub(in crate::git) fn around(&self, id: &[u8]) -> Option<[Option<Vec<u8>>; 2]> {
        let window = self.window(id)?;
        let (before, behind) = match window.found {
            Ok(at) => (at.checked_sub(1), at + 1),
            Err(at) => (at.checked_sub(1), at),
        };
        let behind = (behind < self.counts[255]).then_some(behind);
        let read = |at: Option<u32>| match at {
            Some(at) => window
                .id(at, id.len())
                .or_else(|| Some(self.ids(at..at + 1)?.into_owned()))
                .map(Some),
            None => Some(None),
        };
        Some([read(before)?, read(behind)?])
    }

    /// Looks for an id; `None` if the file can't be read.
    fn window(&self, id: &[u8]) -> Option<Window<'_>> {
        let mut range = self.bucket(*id.first()?);
        let share = u32::from_be_bytes(*id.get(1..)?.first_chunk()?);
        let mut guess = range.start + scaled(range.len(), share)?;
        while !range.is_empty() {
            let start = guess.saturating_sub(WINDOW / 2).max(range.start);
            let end = range.end.min(start.saturating_add(WINDOW));
            let ids = self.ids(start..end)?;
            let id_at = |nth: usize| &ids[nth * id.len()..(nth + 1) * id.len()];
            let len = (start..end).len();
            if id < id_at(0) {
                range.end = start;
            } else if id > id_at(len - 1) {
                range.start = end;
            } else {
                let found = search(len, |nth| id_at(nth).cmp(id));
                let at = |nth: usize| start + u32::try_from(nth).expect("a window is small");
                let found = found.map(at).map_err(at);
                return Some(Window { start, ids, found });
            }
            guess = range.start + (range.end - range.start) / 2;
        }
        Some(Window {
            start: range.start,
            ids: Cow::Borrowed(&[]),
            found: Err(range.start),
        })
    }

    /// The ids at these positions, one behind the other.
    fn ids(&self, range: Range<u32>) -> Option<Cow<'_, [u8]>> {
        let at = IDS_AT + u64::from(range.start) * u64::from(self.id_len);
        self.bytes(at, range.len() * self.id_len as usize)
    }

    /// Where in the pack the object at a position stands.
    pub(in crate::git) fn offset(&self, position: u32) -> Option<u64> {
        let at = self.ids_end() + (u64::from(self.counts[255]) + u64::from(position)) * 4;
        let short = u32::from_be_bytes(*self.bytes(at, 4)?.first_chunk()?);
        let Some(nth) = short.checked_sub(1 << 31) else {
            return Some(u64::from(short));
        };
        let mut long = [0; 8];
        let at = self.long_offsets_at() + u64::from(nth) * 8;
        if at + 8 > self.end {
            return None;
        }
        read_at(&self.file, &mut long, at).ok()?;
        Some(u64::from_be_bytes(long))
    }
}

/// Some ids of an index, with the wanted one or where it would have to be.
struct Window<'i> {
    start: u32,
    ids: Cow<'i, [u8]>,
    /// Positions in the index.
    found: Result<u32, u32>,
}

impl Window<'_> {
    /// The id at a position, if it is among these.
    fn id(&self, at: u32, len: usize) -> Option<Vec<u8>> {
        let from = at.checked_sub(self.start)? as usize * len;
        Some(self.ids.get(from..from + len)?.to_vec())
    }
}

/// Where something stands among `len` in order that are spread evenly, by its share of 2^32.
fn scaled(len: usize, share: u32) -> Option<u32> {
    u32::try_from((len as u64 * u64::from(share)) >> 32).ok()
}

/// Searches what is in order, by how the one at a place compares with what is wanted.
fn search(len: usize, compare: impl Fn(usize) -> Ordering) -> Result<usize, usize> {
    let mut range = 0..len;
    while !range.is_empty() {
        let middle = range.start + range.len() / 2;
        match compare(middle) {
            Ordering::Equal => return Ok(middle),
            Ordering::Less => range.start = middle + 1,
            Ordering::Greater => range.end = middle,
        }
    }
    Err(range.start)
}

/// Fills the buffer from this place of a file on.
#[cfg(unix)]
pub(in crate::git) fn read_at(file: &File, buffer: &mut [u8], at: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, buffer, at)
}

/// Elsewhere gix reads everything.
#[cfg(not(unix))]
pub(in crate::git) fn read_at(_: &File, _: &mut [u8], _: u64) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::super::fixture::Random;
    use super::*;

    /// Writes an index with these ids, whose objects stand at 100 times their positions.
    fn index_of(ids: &[[u8; 20]]) -> (tempfile::NamedTempFile, Vec<u8>) {
        let mut bytes = SIGNATURE.to_vec();
        for first in 0..=255_u8 {
            let count = ids.partition_point(|id| id[0] <= first);
            bytes.extend(u32::try_from(count).unwrap().to_be_bytes());
        }
        bytes.extend(ids.concat());
        bytes.extend(vec![0; ids.len() * 4]);
        for nth in 0..u32::try_from(ids.len()).unwrap() {
            bytes.extend((nth * 100).to_be_bytes());
        }
        bytes.extend([0; 40]);
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(&bytes).unwrap();
        (file, bytes)
    }

    #[test]
    fn ids_are_found_however_unevenly_they_are_spread() {
        let mut random = Random::new(7);
        let mut byte = |bound: usize| u8::try_from(random.below(bound)).unwrap();
        let mut even: Vec<[u8; 20]> = (0..30_000).map(|_| [0; 20].map(|_| byte(256))).collect();
        let mut uneven: Vec<[u8; 20]> = (0..30_000).map(|_| [0; 20].map(|_| byte(2))).collect();
        let mut high = uneven.clone();
        for id in &mut high {
            id[..4].fill(255);
        }
        for ids in [&mut even, &mut uneven, &mut high] {
            ids.sort_unstable();
            ids.dedup();
            let (file, _) = index_of(ids);
            let index = Index::open(file.path(), 20).unwrap();
            for (nth, id) in ids.iter().enumerate().step_by(7) {
                let position = u32::try_from(nth).unwrap();
                if nth > ids.len() / 2 {
                    index.keep();
                }
                assert_eq!(index.locate(id), Some(position));
                assert_eq!(index.offset(position), Some(u64::from(position) * 100));
                let around = index.around(id).unwrap();
                let beside = |nth: Option<usize>| Some(ids.get(nth?)?.to_vec());
                assert_eq!(around[0], beside(nth.checked_sub(1)));
                assert_eq!(around[1], beside(nth.checked_add(1)));
                let mut absent = *id;
                absent[19] ^= 0x80;
                assert_eq!(
                    index.locate(&absent).is_some(),
                    ids.binary_search(&absent).is_ok()
                );
            }
        }
    }

    #[test]
    fn damaged_indices_are_left_alone() {
        let mut random = Random::new(3);
        let ids: Vec<[u8; 20]> = (0..=255).map(|first| [first; 20]).collect();
        let (file, good) = index_of(&ids);
        assert!(Index::open(file.path(), 20).is_some());
        for cut in [0, 7, 1031, 1032, good.len() - 1] {
            file.as_file().set_len(cut as u64).unwrap();
            assert!(Index::open(file.path(), 20).is_none(), "{cut}");
        }
        for _ in 0..3000 {
            let mut bad = good.clone();
            for _ in 0..=random.below(4) {
                let at = random.below(bad.len());
                bad[at] = u8::try_from(random.below(256)).unwrap();
            }
            let mut file = tempfile::NamedTempFile::new().unwrap();
            file.write_all(&bad).unwrap();
            if let Some(index) = Index::open(file.path(), 20) {
                if random.below(2) == 0 {
                    index.keep();
                }
                let position = index.locate(&ids[random.below(256)]);
                // Nothing panics, and no search goes on for ever.
                position.and_then(|position| index.offset(position));
            }
        }
    }
}
