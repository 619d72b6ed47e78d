//! Reads the index where it lies: its entries are looked up in the bytes of the file, none is copied.
//! What no plain index has is gix's to read or to refuse; what entries mean is left to `staged` and `scan`.

use std::fs::File;
use std::io::Read;
use std::ops::Range;
use std::path::Path;
use std::time::UNIX_EPOCH;

use anyhow::{Context, Result, bail};
use gix::index::State;
use gix::index::entry::{Flags, Mode as IndexMode, Stage, Stat, stat};
use gix::index::extension::Tree as CacheTree;

use crate::diff::Oid;

use super::Repo;
use super::objects::plain;
use super::trees::DEEPEST;

/// Larger files are left to gix, which maps them.
const LARGEST: u64 = 256 << 20;
/// Signature, version and number of entries.
const HEADER: usize = 12;
/// Times, device, inode, mode, owner and size; the id follows.
const BEFORE_ID: usize = 40;
/// The bits of the flags that hold the length of the path; all of them for one that is longer.
const LONG_PATH: usize = 0xfff;
/// Signature and size of an extension.
const EXTENSION_HEADER: usize = 8;

/// An index as it was read, sorted by path and stage.
pub(in crate::git) struct Index {
    hash: gix::hash::Kind,
    form: Form,
    cache: Option<CacheTree>,
    /// When the file was written: seconds since 1970, and nanoseconds.
    written: (i64, u32),
}

enum Form {
    /// The whole file, checked, and where each entry starts.
    File { bytes: Vec<u8>, starts: Vec<u32> },
    /// One that is prefix-compressed, split or larger than most, or none at all.
    Decoded(Box<State>),
}

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
}

impl Repo {
    /// The index, or an empty one if there is no file; its order is checked, its checksum is not.
    pub(in crate::git) fn index(&self) -> Result<Index> {
        let (path, hash) = (self.raw().index_path(), self.raw().object_hash());
        match Index::plain(&path, hash) {
            Some(index) => Ok(index),
            None => Index::decode(&path, hash),
        }
    }
}

impl Index {
    /// Lets gix read a file, which copies its entries; an empty index if there is none.
    pub(in crate::git) fn decode(path: &Path, hash: gix::hash::Kind) -> Result<Self> {
        let options = gix::index::decode::Options {
            thread_limit: Some(1),
            ..Default::default()
        };
        let index = gix::index::File::at_or_default(path, hash, true, options)
            .with_context(|| format!("cannot read the index `{}`", path.display()))?;
        let mut index = State::from(index);
        let paths = index.entries().iter();
        if !paths
            .is_sorted_by(|a, b| (a.path(&index), a.stage_raw()) < (b.path(&index), b.stage_raw()))
        {
            bail!("the index `{}` is damaged: not in order", path.display());
        }
        let written = index.timestamp();
        Ok(Self {
            hash,
            cache: index.remove_tree(),
            written: (written.unix_seconds(), written.nanoseconds()),
            form: Form::Decoded(Box::new(index)),
        })
    }

    /// Reads a file that is as most are; `None` if there is anything unusual about it.
    fn plain(path: &Path, hash: gix::hash::Kind) -> Option<Self> {
        let file = File::open(path).ok()?;
        let metadata = file.metadata().ok()?;
        if !metadata.is_file() || metadata.len() > LARGEST {
            return None;
        }
        let length = usize::try_from(metadata.len()).ok()?;
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(length).ok()?;
        file.take(metadata.len()).read_to_end(&mut bytes).ok()?;
        if bytes.len() != length {
            return None;
        }
        let modified = metadata.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
        let written = (modified.as_secs().try_into().ok()?, modified.subsec_nanos());
        Self::parse(bytes, hash, written)
    }

    /// Finds the entries of a file in version 2 or 3 of the format, see gitformat-index(5).
    fn parse(bytes: Vec<u8>, hash: gix::hash::Kind, written: (i64, u32)) -> Option<Self> {
        if bytes.get(..4)? != b"DIRC" || !matches!(number(&bytes, 4)?, 2 | 3) {
            return None;
        }
        let end = bytes.len().checked_sub(hash.len_in_bytes())?;
        let count = number(&bytes, 8)? as usize;
        let mut starts = Vec::new();
        let most = end.checked_sub(HEADER)? / (BEFORE_ID + hash.len_in_bytes());
        starts
            .try_reserve_exact(Some(count).filter(|count| *count <= most)?)
            .ok()?;
        let mut start = HEADER;
        let mut last: Option<(&[u8], u32)> = None;
        for _ in 0..count {
            let path = path_within(&bytes[..end], start, hash.len_in_bytes())?;
            let next = next_start(start, path.end);
            let flags = flags_at(&bytes, start, hash.len_in_bytes())?;
            let this = (bytes.get(path)?, flags.stage_raw());
            if next > end || last.is_some_and(|last| last >= this) {
                return None;
            }
            last = Some(this);
            starts.push(u32::try_from(start).ok()?);
            start = next;
        }
        if says_otherwise(&bytes[..end], start, hash.len_in_bytes()) {
            return None;
        }
        let cache = cache_tree(&bytes[start..end], hash)?;
        Some(Self {
            hash,
            cache,
            written,
            form: Form::File { bytes, starts },
        })
    }

    /// The index as gix has it; `None` if it was read where it lies.
    pub(in crate::git) fn decoded(&self) -> Option<&State> {
        match &self.form {
            Form::File { .. } => None,
            Form::Decoded(state) => Some(state),
        }
    }

    /// How ids are made.
    pub(in crate::git) fn hash(&self) -> gix::hash::Kind {
        self.hash
    }

    /// What is known of trees that are unchanged; it may be anything.
    pub(in crate::git) fn cache(&self) -> Option<&CacheTree> {
        self.cache.as_ref()
    }

    /// The number of entries.
    pub(in crate::git) fn len(&self) -> usize {
        match &self.form {
            Form::File { starts, .. } => starts.len(),
            Form::Decoded(state) => state.entries().len(),
        }
    }

    /// The path of an entry.
    pub(in crate::git) fn path(&self, at: usize) -> &[u8] {
        match &self.form {
            Form::File { bytes, starts } => {
                let path = path_within(bytes, starts[at] as usize, self.hash.len_in_bytes());
                &bytes[path.expect("it was found there before")]
            }
            Form::Decoded(state) => state.entries()[at].path(state).as_ref(),
        }
    }

    /// An entry.
    pub(in crate::git) fn entry(&self, at: usize) -> IndexEntry<'_> {
        match &self.form {
            Form::File { bytes, starts } => {
                let entry = entry_at(bytes, starts[at] as usize, self.hash.len_in_bytes());
                entry.expect("it was found there before")
            }
            Form::Decoded(state) => {
                let entry = &state.entries()[at];
                IndexEntry {
                    path: entry.path(state).as_ref(),
                    id: plain(&entry.id),
                    mode: entry.mode,
                    flags: entry.flags,
                    stat: entry.stat,
                }
            }
        }
    }

    /// The end of the entries from the start of a range on of which this holds; it must not hold
    /// again after that.
    pub(in crate::git) fn end_of(
        &self,
        range: Range<usize>,
        holds: impl Fn(&[u8]) -> bool,
    ) -> usize {
        let Range { mut start, mut end } = range;
        while start < end {
            let middle = start + (end - start) / 2;
            if holds(self.path(middle)) {
                start = middle + 1;
            } else {
                end = middle;
            }
        }
        start
    }

    /// Whether a file could have been edited after the index took this from it without its times
    /// telling, as both happened at once.
    pub(in crate::git) fn is_racy(&self, stat: &Stat, options: stat::Options) -> bool {
        let (seconds, nanoseconds) = self.written;
        let mut order = seconds.cmp(&i64::from(stat.mtime.secs));
        if options.use_nsec && options.check_stat {
            order = order.then(nanoseconds.cmp(&stat.mtime.nsecs));
        }
        order.is_le()
    }
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    let four = bytes.get(at..)?.first_chunk()?;
    Some(u32::from_be_bytes(*four))
}

fn short(bytes: &[u8], at: usize) -> Option<u16> {
    let two = bytes.get(at..)?.first_chunk()?;
    Some(u16::from_be_bytes(*two))
}

/// The flags of the entry that starts here; `None` for some that nobody knows.
fn flags_at(bytes: &[u8], start: usize, id_length: usize) -> Option<Flags> {
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
fn path_within(bytes: &[u8], start: usize, id_length: usize) -> Option<Range<usize>> {
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
fn next_start(start: usize, path_end: usize) -> usize {
    start + (path_end - start + 8) / 8 * 8
}

fn entry_at(bytes: &[u8], start: usize, id_length: usize) -> Option<IndexEntry<'_>> {
    let word = |nth: usize| number(bytes, start + 4 * nth);
    let time = |nth: usize| {
        Some(stat::Time {
            secs: word(nth)?,
            nsecs: word(nth + 1)?,
        })
    };
    Some(IndexEntry {
        stat: Stat {
            ctime: time(0)?,
            mtime: time(2)?,
            dev: word(4)?,
            ino: word(5)?,
            uid: word(7)?,
            gid: word(8)?,
            size: word(9)?,
        },
        mode: IndexMode::from_bits_truncate(word(6)?),
        id: Oid::from_bytes(bytes.get(start + BEFORE_ID..)?.get(..id_length)?)?,
        flags: flags_at(bytes, start, id_length)?,
        path: bytes.get(path_within(bytes, start, id_length)?)?,
    })
}

/// Whether the last extension names another place where the extensions start.
fn says_otherwise(bytes: &[u8], start: usize, id_length: usize) -> bool {
    let size = 4 + id_length;
    let Some(at) = bytes.len().checked_sub(EXTENSION_HEADER + size) else {
        return false;
    };
    bytes[at..].starts_with(b"EOIE")
        && number(bytes, at + 4).is_some_and(|said| said as usize == size)
        && number(bytes, at + EXTENSION_HEADER).is_none_or(|said| said as usize != start)
}

/// What the extensions say of trees, if anything. `None` if one is broken, or if not knowing it means
/// not understanding the index.
#[expect(
    clippy::option_option,
    reason = "no cache tree is an answer, not knowing is none"
)]
fn cache_tree(mut extensions: &[u8], hash: gix::hash::Kind) -> Option<Option<CacheTree>> {
    let mut cache = None;
    while !extensions.is_empty() {
        let size = number(extensions, 4)? as usize;
        let (extension, rest) = extensions.split_at_checked(size.checked_add(EXTENSION_HEADER)?)?;
        let (signature, content) = (&extension[..4], &extension[EXTENSION_HEADER..]);
        match signature {
            b"TREE" => {
                cache = nests_little(content, hash.len_in_bytes())
                    .then(|| gix::index::extension::tree::decode(content, hash, None))
                    .flatten();
            }
            // Some entries are directories; they say so themselves.
            b"sdir" if content.is_empty() => {}
            _ if signature[0].is_ascii_lowercase() => return None,
            _ => {}
        }
        extensions = rest;
    }
    Some(cache)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::fixture::{Fixture, Random};

    fn path_of(fixture: &Fixture) -> std::path::PathBuf {
        fixture.root().join(".git/index")
    }

    fn damage(fixture: &Fixture, bytes: &[u8]) {
        #[expect(clippy::disallowed_methods, reason = "a test damages its own index")]
        std::fs::write(path_of(fixture), bytes).unwrap();
    }

    /// What both readers must agree on: everything that is known of every entry.
    fn told(index: &Index) -> Vec<String> {
        (0..index.len())
            .map(|at| {
                let entry = index.entry(at);
                assert_eq!(entry.path, index.path(at));
                format!(
                    "{:?} {:?} {:o} {:?} {:?}",
                    entry.path,
                    entry.id,
                    entry.mode.bits(),
                    entry.flags,
                    entry.stat
                )
            })
            .collect()
    }

    /// Both readers see the same; gives what they see if the file is read where it lies.
    fn agree(fixture: &Fixture, situation: &str) -> Option<Vec<String>> {
        agree_on(
            &path_of(fixture),
            fixture.repo().raw().object_hash(),
            situation,
        )
    }

    fn agree_on(path: &Path, hash: gix::hash::Kind, situation: &str) -> Option<Vec<String>> {
        let ours = Index::plain(path, hash)?;
        let theirs = Index::decode(path, hash).expect(situation);
        let seen = told(&ours);
        assert_eq!(seen, told(&theirs), "{situation}");
        assert_eq!(ours.written, theirs.written, "{situation}");
        assert_eq!(ours.cache, theirs.cache, "{situation}");
        Some(seen)
    }

    /// Lines for `git update-index --index-info`, with conflicts and all modes.
    fn random_lines(random: &mut Random, id_length: usize) -> Vec<u8> {
        let mut lines = Vec::new();
        for _ in 0..=random.below(12) {
            let depth = 1 + random.below(3);
            let mut path: Vec<String> = (0..depth)
                .map(|_| ["a", "b", "a.c", "ab", "é", "long name"][random.below(6)].to_owned())
                .collect();
            if random.below(8) == 0 {
                path.push("x".repeat(random.below(600)) + "y");
            }
            let path = path.join("/");
            let mode = ["100644", "100755", "120000", "160000"][random.below(4)];
            let id = |random: &mut Random| format!("{:0id_length$x}", 1 + random.below(1 << 20));
            let mut line = |mode: &str, id: &str, stage: usize| {
                lines.extend(format!("{mode} {id} {stage}\t{path}\0").bytes());
            };
            line("0", &"0".repeat(id_length), 0);
            match random.below(5) {
                0 => {}
                1 => {
                    for stage in 1..=3 {
                        if random.below(3) > 0 {
                            line(mode, &id(random), stage);
                        }
                    }
                }
                _ => line(mode, &id(random), 0),
            }
        }
        lines
    }

    #[test]
    fn random_indices_are_what_gix_reads() {
        for format in ["sha1", "sha256"] {
            let fixture = Fixture::with(&[&format!("--object-format={format}")]);
            let id_length = if format == "sha1" { 40 } else { 64 };
            let mut random = Random::new(7);
            for nth in 0..60 {
                let lines = random_lines(&mut random, id_length);
                fixture.feed(&["update-index", "-z", "--index-info"], &lines);
                let staged = fixture.git(&["ls-files", "--stage", "-z"]);
                let merged: Vec<String> = String::from_utf8(staged)
                    .unwrap()
                    .split_terminator('\0')
                    .filter_map(|line| line.split_once(" 0\t"))
                    .map(|(_, path)| path.to_owned())
                    .collect();
                if !merged.is_empty() {
                    let mark = ["--assume-unchanged", "--skip-worktree"][random.below(2)];
                    let path = &merged[random.below(merged.len())];
                    fixture.git(&["update-index", mark, path]);
                }
                fixture.write(&format!("new{nth}"), "new\n");
                let add = [&["add", "-N", "."][..], &["add", "new*"]][random.below(2)];
                if nth % 7 == 0 {
                    fixture.git(add);
                }
                let seen = agree(&fixture, "random").expect("nothing unusual in it");
                let count = fixture.git(&["ls-files", "--stage"]);
                assert_eq!(seen.len(), count.split(|byte| *byte == b'\n').count() - 1);
            }
        }
    }

    #[test]
    fn flags_and_extensions_are_what_gix_reads() {
        let fixture = Fixture::new();
        for path in ["a/1", "a/2", "a/b/3", "c", "d/4"] {
            fixture.write(path, path);
        }
        fixture.commit();
        let mut all = Vec::new();
        for words in [
            &["status"][..],
            &["write-tree"],
            &["config", "index.threads", "2"],
            &["config", "core.untrackedCache", "true"],
            &["update-index", "--force-untracked-cache"],
            &["config", "index.skipHash", "true"],
            &["update-index", "--assume-unchanged", "c"],
            &["update-index", "--skip-worktree", "a/1"],
            &["update-index", "--really-refresh"],
            &["rm", "-q", "--cached", "a/b/3"],
            &["add", "-N", "a/b/3"],
            &["reset", "-q"],
            &["update-index", "--index-version", "3"],
            &["sparse-checkout", "set", "--cone", "--sparse-index", "d"],
        ] {
            fixture.git(words);
            all.push(agree(&fixture, &format!("{words:?}")).expect("nothing unusual in it"));
        }
        let has = |part: &str| all.iter().flatten().any(|entry| entry.contains(part));
        for part in ["ASSUME_VALID", "SKIP_WORKTREE", "INTENT_TO_ADD", " 40000 "] {
            assert!(has(part), "{part}");
        }
    }

    #[test]
    fn a_path_that_is_longer_than_its_length_can_tell_is_read_as_git_does() {
        let fixture = Fixture::new();
        fixture.write("a", "a");
        fixture.commit();
        let id = fixture.id("HEAD:a");
        for length in 4090..4110 {
            let long = "d/".repeat(20) + &"x".repeat(length - 40);
            let lines = format!("100644 {id} 0\t{long}\n100644 {id} 0\tz\n");
            fixture.git(&["read-tree", "--empty"]);
            fixture.feed(&["update-index", "--index-info"], lines.as_bytes());
            let hash = fixture.repo().raw().object_hash();
            let index = Index::plain(&path_of(&fixture), hash).unwrap();
            let paths: Vec<_> = (0..index.len()).map(|at| index.path(at)).collect();
            assert_eq!(paths, [long.as_bytes(), b"z"], "{length}");
        }
    }

    #[test]
    fn what_is_unusual_is_left_to_gix() {
        let fixture = Fixture::new();
        let hash = fixture.repo().raw().object_hash();
        let plain = || Index::plain(&path_of(&fixture), hash).is_some();
        assert!(!plain(), "no file");
        assert_eq!(fixture.repo().index().unwrap().len(), 0);
        fixture.write("a", "a");
        fixture.commit();
        assert!(plain());
        fixture.git(&["update-index", "--index-version", "4"]);
        assert!(!plain(), "prefix-compressed");
        assert_eq!(fixture.repo().index().unwrap().len(), 1);
        fixture.git(&["update-index", "--index-version", "2"]);
        assert!(plain());
        fixture.git(&["update-index", "--split-index"]);
        assert!(!plain(), "split");
        assert_eq!(fixture.repo().index().unwrap().len(), 1);
    }

    #[test]
    fn a_damaged_index_is_what_gix_makes_of_it_or_an_error() {
        let fixture = Fixture::new();
        for path in ["a/1", "a/2", "b"] {
            fixture.write(path, path);
        }
        fixture.commit();
        fixture.git(&["update-index", "--skip-worktree", "a/2"]);
        fixture.git(&["config", "index.threads", "2"]);
        fixture.git(&["write-tree"]);
        let good = std::fs::read(path_of(&fixture)).unwrap();
        let extensions = good.windows(4).position(|four| four == b"TREE").unwrap();
        let (path, hash) = (path_of(&fixture), fixture.repo().raw().object_hash());
        let mut refused = 0;
        let mut examine = |bytes: &[u8], situation: String| {
            damage(&fixture, bytes);
            refused += usize::from(agree_on(&path, hash, &situation).is_none());
        };
        for length in 0..good.len() {
            examine(&good[..length], format!("{length} bytes"));
        }
        for at in 0..good.len() {
            for flip in [1, 0x0f, 0x40, 0x80, 0xff] {
                let mut bad = good.clone();
                bad[at] ^= flip;
                examine(&bad, format!("byte {at} of {extensions}, {flip:x}"));
            }
        }
        assert!(refused > good.len() * 3 / 2, "{refused}");
    }

    #[test]
    fn a_cache_tree_that_is_nested_without_end_is_not_followed() {
        let fixture = Fixture::new();
        fixture.write("a", "a");
        fixture.commit();
        let mut bytes = std::fs::read(path_of(&fixture)).unwrap();
        let at = bytes.windows(4).position(|four| four == b"TREE").unwrap();
        bytes.truncate(at);
        let nested = b"a\0-1 1\n".repeat(1_000_000);
        bytes.extend(b"TREE");
        bytes.extend(u32::try_from(nested.len() + 7).unwrap().to_be_bytes());
        bytes.extend(nested);
        bytes.extend(b"a\0-1 0\n");
        bytes.extend([0; 20]);
        damage(&fixture, &bytes);
        let index = fixture.repo().index().unwrap();
        assert_eq!((index.len(), index.cache()), (1, None));
    }
}
