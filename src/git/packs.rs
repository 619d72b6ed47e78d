//! Finds a few objects without gix's database, which reads through the offsets of a whole pack before it
//! finds the first: here a few reads of an index file say where an object stands. What is not found
//! here, in whatever state the files are, is left to gix.
//! Where an object stands is `pack_index`'s to say, what stands there `pack_data`'s.

use std::cell::RefCell;
use std::io;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering as Memory};

use gix::objs::Kind;
use gix::odb::{alternate, loose};

use super::pack_data::{Decoding, PackData};
use super::pack_index::Index;

/// With more packs than that, looking into one after the other is no gain.
const MOST_PACKS: usize = 24;
/// Objects after which ids are kept, or for large packs gix is the better way, as reading from the index
/// takes a system call each time.
const FEW: usize = 200;
/// Packs with no more objects than this in all have their indices kept, in 8 MB at most for SHA-1.
const KEPT: u64 = 1 << 18;
/// Bytes that a loose object may have to be read here.
const LARGEST: usize = 16 << 20;

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
    decoding: RefCell<Decoding>,
    /// Where the last object was found, as its size is asked for just before its content.
    found: RefCell<Option<(gix::ObjectId, usize, u64)>>,
}

struct Pack {
    path: PathBuf,
    index: OnceLock<Option<Index>>,
    data: OnceLock<Option<PackData>>,
}

impl Packs {
    /// Looks for packs, without opening them; `None` where gix's database is no slower, or the
    /// directories can't be read.
    pub(in crate::git) fn of(repo: &gix::Repository) -> Option<Self> {
        let mut directories = vec![repo.objects.store_ref().path().to_owned()];
        // Asking the store for them would make it look through all packs.
        if directories[0].join("info/alternates").try_exists().ok()? {
            let current = gix::fs::current_dir(false).ok()?;
            directories.extend(alternate::resolve(directories[0].clone(), &current).ok()?);
        }
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
        let decoding = &mut unpacking.decoding.borrow_mut();
        let (data, locate) = (self.data(nth)?, self.locator(nth)?);
        data.read(offset, locate, decoding, buffer)
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
        let decoding = &mut unpacking.decoding.borrow_mut();
        let (data, locate) = (self.data(nth)?, self.locator(nth)?);
        data.header(offset, locate, decoding)
    }

    /// The number of objects in packs, one that is in two counted twice as Git does; `None` if an
    /// index can't be read here.
    pub(in crate::git) fn count(&self) -> Option<u64> {
        let counts = self.all.iter().map(|pack| {
            let index = pack.index(self.hash)?;
            Some(u64::from(index.count()))
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

    /// Says where in a pack an object stands.
    fn locator(&self, nth: usize) -> Option<impl Fn(&gix::oid) -> Option<u64>> {
        let index = self.all[nth].index(self.hash)?;
        Some(|id: &gix::oid| index.offset(index.locate(id.as_bytes())?))
    }

    fn data(&self, nth: usize) -> Option<&PackData> {
        let pack = &self.all[nth];
        let open = || {
            let number = u32::try_from(nth).expect("there are few packs");
            PackData::open(&pack.path.with_extension("pack"), number, self.hash)
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

/// How many hexadecimal digits two ids have in common at the beginning.
fn equal_digits(one: &[u8], two: &[u8]) -> usize {
    let equal = one.iter().zip(two).take_while(|(a, b)| a == b).count();
    let half = match (one.get(equal), two.get(equal)) {
        (Some(one), Some(two)) => usize::from(one >> 4 == two >> 4),
        _ => 0,
    };
    2 * equal + half
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

    /// The index of the only pack.
    fn index_path(fixture: &Fixture) -> PathBuf {
        let packs_dir = fixture.root().join(".git/objects/pack");
        let mut files = std::fs::read_dir(packs_dir).unwrap();
        let index = files.find_map(|file| {
            let path = file.unwrap().path();
            path.extension()
                .is_some_and(|it| it == "idx")
                .then_some(path)
        });
        index.unwrap()
    }

    #[test]
    fn a_damaged_pack_gives_what_gix_finds_in_it_or_nothing() {
        use gix::odb::pack::{cache, data};
        let fixture = Fixture::new();
        grow(&fixture, 0..6);
        fixture.git(&["gc", "-q"]);
        let index = index_path(&fixture);
        let good = std::fs::read(index.with_extension("pack")).unwrap();
        let index = Index::open(&index, 20).unwrap();
        let offsets: Vec<u64> = (0..index.count())
            .map(|nth| index.offset(nth).unwrap())
            .collect();
        let hash = gix::hash::Kind::Sha1;
        let mut random = Random::new(5);
        let (mut read, mut refused) = (0, 0);
        for _ in 0..400 {
            let mut bad = good.clone();
            for _ in 0..random.below(4) {
                let at = 12 + random.below(bad.len() - 12);
                bad[at] = u8::try_from(random.below(256)).unwrap();
            }
            if random.below(8) == 0 {
                bad.truncate(12 + random.below(bad.len() - 12));
            }
            let mut file = tempfile::Builder::new().suffix(".pack").tempfile().unwrap();
            file.write_all(&bad).unwrap();
            let Some(ours) = PackData::open(file.path(), 0, hash) else {
                continue;
            };
            let theirs = data::File::at(file.path(), hash).unwrap();
            let theirs = theirs.with_alloc_limit_bytes(Some(LARGEST));
            let (mut decoding, mut buffer) = (Decoding::default(), Vec::new());
            for offset in &offsets {
                let Some(kind) = ours.read(*offset, |_| None, &mut decoding, &mut buffer) else {
                    refused += 1;
                    continue;
                };
                let mut content = Vec::new();
                let found = theirs
                    .decode_entry(
                        theirs.entry(*offset).unwrap(),
                        &mut content,
                        &mut gix::zlib::Inflate::default(),
                        &|_, _| Ok(None),
                        &mut cache::Never,
                    )
                    .unwrap();
                assert!((kind, &buffer) == (found.kind, &content));
                read += 1;
            }
        }
        assert!(read > 1000 && refused > 100, "{read} {refused}");
    }

    #[test]
    fn large_and_empty_objects_are_read_from_a_pack() {
        let fixture = Fixture::new();
        let mut random = Random::new(9);
        let line = |random: &mut Random| format!("{:x}\n", random.below(1 << 30));
        let mut text: Vec<String> = (0..200_000).map(|_| line(&mut random)).collect();
        for _ in 0..3 {
            text[random.below(200_000)] = "edited\n".to_owned();
            fixture.write("large", text.concat());
            fixture.write("zeros", vec![0; 3 << 20]);
            fixture.write("empty", "");
            fixture.commit();
        }
        fixture.git(&["gc", "-q"]);
        assert_all_are_found(&fixture);
    }

    #[test]
    fn an_index_that_leads_to_other_objects_deceives_nobody() {
        let fixture = Fixture::new();
        grow(&fixture, 0..4);
        fixture.git(&["gc", "-q"]);
        let path = index_path(&fixture);
        let mut bytes = std::fs::read(&path).unwrap();
        let count = usize::try_from(Index::open(&path, 20).unwrap().count()).unwrap();
        // Behind signature, counts, ids and checksums: each object gets the place of the one before.
        let at = 8 + 256 * 4 + count * 24;
        bytes[at..at + count * 4].rotate_right(4);
        #[expect(clippy::disallowed_methods, reason = "a test damages its own pack")]
        {
            std::fs::remove_file(&path).unwrap();
            std::fs::write(&path, bytes).unwrap();
        }
        let repo = fixture.repo();
        let head = fixture.id("refs/heads/main");
        for kind in [Kind::Commit, Kind::Tree, Kind::Blob] {
            let read = repo.objects().read(&head, kind, true, &mut Vec::new());
            assert!(read.is_err(), "{kind}");
        }
        assert!(repo.tree_of(&head).is_err());
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
}
