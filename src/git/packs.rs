//! Finds a few objects without gix's database, which reads through the offsets of a whole pack before it
//! finds the first: here a few reads of an index file say where an object stands. What is not found
//! here, in whatever state the files are, is left to gix.
//!
//! The format of an index is that of gitformat-pack, version 2; packs themselves are decoded by gix.

use std::borrow::Cow;
use std::cell::RefCell;
use std::cmp::Ordering;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering as Memory};

use gix::objs::Kind;
use gix::odb::loose;
use gix::odb::pack::data;
use gix::odb::pack::data::decode::{entry, header};
use gix::zlib::Inflate;

use super::bases::Bases;

/// With more packs than that, looking into one after the other is no gain.
const MOST_PACKS: usize = 24;
/// Objects after which ids are kept, or for large packs gix is the better way, as reading from the index
/// takes a system call each time.
const FEW: usize = 200;
/// Packs with no more objects than this in all have their indices kept, in 8 MB at most for SHA-1.
const KEPT: u64 = 1 << 18;
/// Bytes that decoding one object may take here, deltas and all; gix has no such limit.
const LARGEST: usize = 16 << 20;
/// How an index of version 2 begins.
const SIGNATURE: [u8; 8] = [0xff, b't', b'O', b'c', 0, 0, 0, 2];
/// Where the ids begin: behind the signature and 256 counts.
const IDS_AT: u64 = 8 + 256 * 4;
/// Ids read at once. Ids are spread evenly, so that among a few thousand with the same first byte the
/// wanted one is rarely further than this from where it should be.
const WINDOW: u32 = 192;

/// The packs and loose objects of a repository, with those it borrows.
pub(in crate::git) struct Packs {
    all: Vec<Pack>,
    loose: Vec<loose::Store>,
    /// Whether any loose object has this first byte, when names were first made unique.
    has_loose: OnceLock<Box<[bool; 256]>>,
    hash: gix::hash::Kind,
    /// How often objects were asked for.
    asked: AtomicUsize,
    /// Whether all indices are small enough to be kept.
    are_small: OnceLock<bool>,
    /// The pack that had the last object.
    last: AtomicUsize,
}

/// What one thread needs to read from packs.
#[derive(Default)]
pub(in crate::git) struct Unpacking {
    inflate: RefCell<Inflate>,
    bases: RefCell<Bases>,
    /// Where the last object was found, as its size is asked for just before its content.
    found: RefCell<Option<(gix::ObjectId, usize, u64)>>,
}

struct Pack {
    path: PathBuf,
    index: OnceLock<Option<Index>>,
    data: OnceLock<Option<data::File>>,
}

struct Index {
    file: File,
    /// How many ids have at most this first byte.
    counts: Box<[u32; 256]>,
    id_len: u32,
    /// Where the checksums at the end begin.
    end: u64,
    /// What stands from the ids to the offsets, if it is kept.
    kept: OnceLock<Option<Vec<u8>>>,
}

impl Packs {
    /// Looks for packs, without opening them; `None` where gix's database is no slower, or the
    /// directories can't be read.
    pub(in crate::git) fn of(repo: &gix::Repository) -> Option<Self> {
        let store = repo.objects.store_ref();
        let mut directories = vec![store.path().to_owned()];
        directories.extend(store.alternate_db_paths().ok()?);
        let mut packs = Vec::new();
        for directory in &directories {
            let listed = match std::fs::read_dir(directory.join("pack")) {
                Ok(listed) => listed,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(_) => return None,
            };
            for file in listed {
                let path = file.ok()?.path();
                if path.extension().is_some_and(|extension| extension == "idx") {
                    packs.push(Pack::new(path));
                }
            }
            if packs.len() > MOST_PACKS {
                return None;
            }
        }
        let hash = repo.object_hash();
        Some(Self {
            all: packs,
            loose: directories
                .into_iter()
                .map(|directory| {
                    let options = loose::Options {
                        alloc_limit_bytes: Some(LARGEST),
                        ..loose::Options::default()
                    };
                    loose::Store::at_opts(directory, hash, options)
                })
                .collect(),
            has_loose: OnceLock::new(),
            hash,
            asked: AtomicUsize::new(0),
            are_small: OnceLock::new(),
            last: AtomicUsize::new(0),
        })
    }

    /// True while this is the quick way: if the indices are small, or few objects were asked for.
    pub(in crate::git) fn pays(&self) -> bool {
        self.asked.fetch_add(1, Memory::Relaxed) < FEW || self.are_small()
    }

    fn are_small(&self) -> bool {
        let small = || self.count().is_some_and(|count| count <= KEPT);
        *self.are_small.get_or_init(small)
    }

    /// Whether what is read of an index is kept for the next time.
    fn keeps(&self) -> bool {
        self.asked.load(Memory::Relaxed) >= FEW && self.are_small()
    }

    /// Puts the content of an object into `buffer`, without looking whether it fits the id; `None` if
    /// it is not here, or can't be decoded here.
    pub(in crate::git) fn read(
        &self,
        id: &gix::oid,
        unpacking: &Unpacking,
        buffer: &mut Vec<u8>,
    ) -> Option<Kind> {
        let Some((nth, offset)) = self.locate(id, unpacking) else {
            return self.loose.iter().find_map(|loose| {
                let found = loose.try_find(id, buffer).ok()??;
                let (kind, len) = (found.kind, found.data.len());
                buffer.truncate(len);
                Some(kind)
            });
        };
        let (index, data) = (self.all[nth].index(self.hash)?, self.data(nth)?);
        let base = |id: &gix::oid, _: &mut Vec<u8>| {
            let offset = index.locate(id.as_bytes()).and_then(|at| index.offset(at));
            let base = offset.map(|offset| data.entry(offset)).transpose()?;
            Ok(base.map(entry::ResolvedBase::InPack))
        };
        let decoded = data.decode_entry(
            data.entry(offset).ok()?,
            buffer,
            &mut unpacking.inflate.borrow_mut(),
            &base,
            &mut *unpacking.bases.borrow_mut(),
        );
        Some(decoded.ok()?.kind)
    }

    /// The kind and size of an object; `None` as for [`Packs::read`].
    pub(in crate::git) fn header(
        &self,
        id: &gix::oid,
        unpacking: &Unpacking,
    ) -> Option<(Kind, u64)> {
        let Some((nth, offset)) = self.locate(id, unpacking) else {
            return self.loose.iter().find_map(|loose| {
                let (size, kind) = loose.try_header(id).ok()??;
                Some((kind, size))
            });
        };
        let (index, data) = (self.all[nth].index(self.hash)?, self.data(nth)?);
        let base = |id: &gix::oid| {
            let offset = index.locate(id.as_bytes()).and_then(|at| index.offset(at));
            let base = offset.map(|offset| data.entry(offset)).transpose()?;
            Ok(base.map(header::ResolvedBase::InPack))
        };
        let entry = data.entry(offset).ok()?;
        let inflate = &mut unpacking.inflate.borrow_mut();
        let found = data.decode_header(entry, inflate, &base).ok()?;
        Some((found.kind, found.object_size))
    }

    /// The number of objects in packs, one that is in two counted twice as Git does; `None` if an
    /// index can't be read here.
    pub(in crate::git) fn count(&self) -> Option<u64> {
        let counts = self.all.iter().map(|pack| {
            let index = pack.index(self.hash)?;
            Some(u64::from(index.counts[255]))
        });
        counts.sum()
    }

    /// The number of hexadecimal digits, at least `least`, that no other object's id begins with;
    /// `None` if that can't be told here.
    pub(in crate::git) fn unique_digits(&self, id: &gix::oid, least: usize) -> Option<usize> {
        let mut digits = least;
        for pack in &self.all {
            let around = pack.index(self.hash)?.around(id.as_bytes())?;
            for other in around.into_iter().flatten() {
                digits = digits.max(1 + equal_digits(id.as_bytes(), &other));
            }
        }
        let first = usize::from(*id.as_bytes().first()?);
        if !self.has_loose.get_or_init(|| self.loose_first_bytes())[first] {
            return Some(digits);
        }
        let hex = id.to_hex().to_string();
        for loose in &self.loose {
            let files = match std::fs::read_dir(loose.path().join(&hex[..2])) {
                Ok(files) => files,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(_) => return None,
            };
            for file in files {
                let name = file.ok()?.file_name();
                let (name, own) = (name.as_encoded_bytes(), &hex.as_bytes()[2..]);
                let equal = name.iter().zip(own).take_while(|(a, b)| a == b).count();
                if name.len() == own.len() && equal < own.len() {
                    digits = digits.max(2 + equal + 1);
                }
            }
        }
        Some(digits)
    }

    /// Which directories of loose objects there are; all, if that can't be read.
    fn loose_first_bytes(&self) -> Box<[bool; 256]> {
        let mut first = Box::new([false; 256]);
        for loose in &self.loose {
            let Ok(listed) = std::fs::read_dir(loose.path()) else {
                return Box::new([true; 256]);
            };
            for name in listed.flatten().map(|entry| entry.file_name()) {
                let byte = name.to_str().filter(|name| name.len() == 2);
                let byte = byte.and_then(|hex| usize::from_str_radix(hex, 16).ok());
                if let Some(byte) = byte {
                    first[byte] = true;
                }
            }
        }
        first
    }

    /// The number of a pack and where in it the object stands.
    fn locate(&self, id: &gix::oid, unpacking: &Unpacking) -> Option<(usize, u64)> {
        let mut found = unpacking.found.borrow_mut();
        if let Some((last, nth, offset)) = &*found
            && **last == *id
        {
            return Some((*nth, *offset));
        }
        let last = self.last.load(Memory::Relaxed);
        let others = (0..self.all.len()).filter(|nth| *nth != last);
        for nth in (last..self.all.len()).take(1).chain(others) {
            let index = self.all[nth].index(self.hash);
            let place = index.and_then(|index| {
                if self.keeps() {
                    index.keep();
                }
                index.offset(index.locate(id.as_bytes())?)
            });
            if let Some(offset) = place {
                self.last.store(nth, Memory::Relaxed);
                *found = Some((id.to_owned(), nth, offset));
                return Some((nth, offset));
            }
        }
        None
    }

    fn data(&self, nth: usize) -> Option<&data::File> {
        let pack = &self.all[nth];
        let open = || {
            let file = data::File::at(pack.path.with_extension("pack"), self.hash).ok()?;
            let mut file = file.with_alloc_limit_bytes(Some(LARGEST));
            file.id = u32::try_from(nth).expect("there are few packs");
            Some(file)
        };
        pack.data.get_or_init(open).as_ref()
    }
}

impl Pack {
    fn new(path: PathBuf) -> Self {
        Self {
            path,
            index: OnceLock::new(),
            data: OnceLock::new(),
        }
    }

    fn index(&self, hash: gix::hash::Kind) -> Option<&Index> {
        let open = || Index::open(&self.path, hash.len_in_bytes());
        self.index.get_or_init(open).as_ref()
    }
}

impl Index {
    /// Opens an index whose parts fit its size; `None` for any other, and for version 1.
    fn open(path: &Path, id_len: usize) -> Option<Self> {
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
    fn keep(&self) {
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
    fn locate(&self, id: &[u8]) -> Option<u32> {
        self.window(id)?.found.ok()
    }

    /// The ids that stand directly before and behind this one, whether or not it is here itself.
    fn around(&self, id: &[u8]) -> Option<[Option<Vec<u8>>; 2]> {
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
    fn offset(&self, position: u32) -> Option<u64> {
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

/// How many hexadecimal digits two ids have in common at the beginning.
fn equal_digits(one: &[u8], two: &[u8]) -> usize {
    let equal = one.iter().zip(two).take_while(|(a, b)| a == b).count();
    let half = match (one.get(equal), two.get(equal)) {
        (Some(one), Some(two)) => usize::from(one >> 4 == two >> 4),
        _ => 0,
    };
    2 * equal + half
}

#[cfg(unix)]
fn read_at(file: &File, buffer: &mut [u8], at: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, buffer, at)
}

/// Elsewhere gix reads everything.
#[cfg(not(unix))]
fn read_at(_: &File, _: &mut [u8], _: u64) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::super::fixture::{Fixture, Random};
    use super::*;

    /// Every object of a repository: its id, kind and content, as git has it.
    fn objects(fixture: &Fixture) -> Vec<(gix::ObjectId, String, Vec<u8>)> {
        let list = fixture.git(&[
            "cat-file",
            "--batch-all-objects",
            "--batch-check=%(objectname) %(objecttype)",
        ]);
        let list = String::from_utf8(list).unwrap();
        let objects = list.lines().map(|line| {
            let (id, kind) = line.split_once(' ').unwrap();
            let content = fixture.git(&["cat-file", kind, id]);
            let id = gix::ObjectId::from_hex(id.as_bytes()).unwrap();
            (id, kind.to_owned(), content)
        });
        objects.collect()
    }

    fn packs(fixture: &Fixture) -> Packs {
        Packs::of(fixture.repo().raw()).unwrap()
    }

    fn assert_all_are_found(fixture: &Fixture) {
        let (packs, unpacking) = (packs(fixture), Unpacking::default());
        for (id, kind, content) in objects(fixture) {
            let mut buffer = b"what was here before".to_vec();
            let header = packs.header(&id, &unpacking).unwrap();
            assert_eq!(header.1, content.len() as u64, "{id}");
            // The second time it is remembered.
            for _ in 0..2 {
                let found = packs.read(&id, &unpacking, &mut buffer).unwrap();
                assert_eq!(found, header.0);
                assert_eq!(found.to_string(), kind, "{id}");
                assert!(buffer == content, "{id}");
            }
        }
        let nowhere = gix::ObjectId::null(fixture.repo().raw().object_hash());
        assert!(packs.read(&nowhere, &unpacking, &mut Vec::new()).is_none());
        assert!(packs.header(&nowhere, &unpacking).is_none());
    }

    /// Versions of a file that are stored as deltas of one another.
    fn grow(fixture: &Fixture, versions: std::ops::Range<u32>) {
        for version in versions {
            let line = |line: u32| format!("line {line} of {}\n", line + version / (line + 1));
            let lines: Vec<String> = (0..300).map(line).collect();
            fixture.write("file", lines.concat());
            fixture.commit();
        }
        fixture.git(&["tag", "-f", "-a", "-m", "t", "tag"]);
    }

    #[test]
    fn loose_and_packed_objects_and_deltas_are_found() {
        for format in ["--object-format=sha1", "--object-format=sha256"] {
            let fixture = Fixture::with(&[format]);
            grow(&fixture, 0..12);
            assert_all_are_found(&fixture);
            fixture.git(&["repack", "-q", "-d"]);
            grow(&fixture, 12..20);
            fixture.git(&["repack", "-q", "-d"]);
            grow(&fixture, 20..24);
            assert_all_are_found(&fixture);
            fixture.git(&["-c", "repack.useDeltaBaseOffset=false", "gc", "-q"]);
            assert_all_are_found(&fixture);
        }
    }

    #[test]
    fn digits_are_those_that_git_prints() {
        let fixture = Fixture::new();
        grow(&fixture, 0..40);
        fixture.git(&["repack", "-q", "-d"]);
        grow(&fixture, 40..60);
        fixture.git(&["repack", "-q", "-d"]);
        grow(&fixture, 60..80);
        let packs = packs(&fixture);
        let packed = fixture.git(&["count-objects", "-v"]);
        let packed = String::from_utf8(packed).unwrap();
        assert!(packed.contains(&format!("in-pack: {}\n", packs.count().unwrap())));
        let mut longest = 0;
        for (id, _, _) in objects(&fixture) {
            let hex = id.to_hex().to_string();
            let short = fixture.git(&["rev-parse", "--short=4", &hex]);
            let digits = packs.unique_digits(&id, 4).unwrap();
            assert_eq!(digits, short.trim_ascii().len(), "{hex}");
            longest = longest.max(digits);
        }
        assert!(longest > 4, "two of some hundred ids begin alike");
    }

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
