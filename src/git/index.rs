//! Reads the index: of a plain one only the paths are kept, the rest of an entry is read when it is asked for.
//! What no plain index has is gix's to read or to refuse; what entries mean is left to `staged` and `scan`.

use std::fs::File;
use std::ops::Range;
use std::path::Path;
use std::time::UNIX_EPOCH;

use anyhow::{Context, Result, bail};
use gix::index::State;
use gix::index::entry::{Flags, Mode as IndexMode, Stage, Stat, stat};
use gix::index::extension::Tree as CacheTree;

use super::Repo;
use super::index_format::{
    BEFORE_ID, HEADER, IndexEntry, Window, cache_tree, entry_at, flags_at, is_masked, next_start,
    number, path_within,
};
use super::objects::{native, plain};
use super::pack_index::read_at;

/// Entries that are read at once.
pub(in crate::git) const BLOCK: usize = 256;
/// Larger files are left to gix.
const LARGEST: u64 = 256 << 20;

/// An index as it was read, sorted by path and stage.
pub(in crate::git) struct Index {
    hash: gix::hash::Kind,
    form: Form,
    cache: Option<CacheTree>,
    /// Entries that are not compared with their files.
    masked: Vec<u32>,
    /// When the file was written: seconds since 1970, and nanoseconds.
    written: (i64, u32),
}

enum Form {
    Plain(Plain),
    /// One that is prefix-compressed, split or larger than most, or none at all.
    Decoded(Box<State>),
}

/// What is kept of a file, checked.
struct Plain {
    file: File,
    /// The paths of all entries, one after the other.
    paths: Vec<u8>,
    /// Where each path ends.
    ends: Vec<u32>,
    /// Where each block starts in the file, and where the last ends.
    blocks: Vec<u32>,
}

impl Plain {
    fn path(&self, at: usize) -> &[u8] {
        let start = at.checked_sub(1).map_or(0, |last| self.ends[last] as usize);
        &self.paths[start..self.ends[at] as usize]
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
            masked: masked_of(&index),
            written: (written.unix_seconds(), written.nanoseconds()),
            form: Form::Decoded(Box::new(index)),
        })
    }

    /// An index of the same file with other entries, in order; nothing is known of its trees.
    pub(in crate::git) fn replaced(&self, entries: State) -> Self {
        Self {
            hash: self.hash,
            cache: None,
            masked: masked_of(&entries),
            written: self.written,
            form: Form::Decoded(Box::new(entries)),
        }
    }

    /// Reads a file that is as most are; `None` if there is anything unusual about it.
    fn plain(path: &Path, hash: gix::hash::Kind) -> Option<Self> {
        let file = File::open(path).ok()?;
        let metadata = file.metadata().ok()?;
        if !metadata.is_file() || metadata.len() > LARGEST {
            return None;
        }
        let id_length = hash.len_in_bytes();
        let end = metadata.len().checked_sub(id_length as u64)?;
        let mut window = Window::of(&file, end);
        let header = window.bytes(0)?;
        if header.get(..4)? != b"DIRC" || !matches!(number(header, 4)?, 2 | 3) {
            return None;
        }
        let count = number(header, 8)? as usize;
        let spare = usize::try_from(end).ok()?.checked_sub(HEADER)?;
        let spare = spare.checked_sub(count.checked_mul(BEFORE_ID + id_length)?)?;
        let (mut paths, mut ends) = (Vec::<u8>::new(), Vec::new());
        paths.try_reserve_exact(spare).ok()?;
        ends.try_reserve_exact(count).ok()?;
        let (mut blocks, mut masked) = (Vec::new(), Vec::new());
        let (mut start, mut last) = (HEADER as u64, None);
        for at in 0..count {
            if at % BLOCK == 0 {
                blocks.push(u32::try_from(start).ok()?);
            }
            let bytes = window.bytes(start)?;
            let place = path_within(bytes, 0, id_length)?;
            start += next_start(0, place.end) as u64;
            let path = bytes.get(place)?;
            let flags = flags_at(bytes, 0, id_length)?;
            let before = last.map(|(from, stage): (usize, u32)| (&paths[from..], stage));
            if start > end || before.is_some_and(|before| before >= (path, flags.stage_raw())) {
                return None;
            }
            if is_masked(IndexMode::from_bits_truncate(number(bytes, 24)?), flags) {
                masked.push(u32::try_from(at).ok()?);
            }
            last = Some((paths.len(), flags.stage_raw()));
            paths.extend_from_slice(path);
            ends.push(u32::try_from(paths.len()).ok()?);
        }
        blocks.push(u32::try_from(start).ok()?);
        let cache = cache_tree(&mut window, start, hash)?;
        let modified = metadata.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
        Some(Self {
            hash,
            cache,
            masked,
            written: (modified.as_secs().try_into().ok()?, modified.subsec_nanos()),
            form: Form::Plain(Plain {
                file,
                paths,
                ends,
                blocks,
            }),
        })
    }

    /// The index as gix has it; `None` if only its paths were kept.
    pub(in crate::git) fn decoded(&self) -> Option<&State> {
        match &self.form {
            Form::Plain(_) => None,
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

    /// The entries that are not to be compared with their files.
    pub(in crate::git) fn masked(&self) -> impl ExactSizeIterator<Item = usize> {
        self.masked.iter().map(|at| *at as usize)
    }

    /// The number of entries.
    pub(in crate::git) fn len(&self) -> usize {
        match &self.form {
            Form::Plain(plain) => plain.ends.len(),
            Form::Decoded(state) => state.entries().len(),
        }
    }

    /// The path of an entry.
    pub(in crate::git) fn path(&self, at: usize) -> &[u8] {
        match &self.form {
            Form::Plain(plain) => plain.path(at),
            Form::Decoded(state) => state.entries()[at].path(state).as_ref(),
        }
    }

    /// Reads entries for one thread.
    pub(in crate::git) fn entries(&self) -> Entries<'_> {
        Entries {
            index: self,
            block: None,
            bytes: Vec::new(),
            starts: Vec::new(),
        }
    }

    /// An index for gix that has nothing but files of this name, of any directory, among these entries;
    /// where there is a conflict, what is ours.
    pub(in crate::git) fn files_called(
        &self,
        name: &[u8],
        among: impl Iterator<Item = usize>,
        counts: impl Fn(&IndexEntry<'_>) -> bool,
    ) -> Result<State> {
        let mut entries = self.entries();
        let mut found = State::new(self.hash);
        for at in among {
            let directory = self.path(at).strip_suffix(name);
            if !directory.is_some_and(|directory| matches!(directory.last(), None | Some(b'/'))) {
                continue;
            }
            let entry = entries.at(at)?;
            let is_one = matches!(entry.stage(), Stage::Unconflicted | Stage::Ours)
                && entry.mode == IndexMode::FILE;
            if is_one && counts(&entry) {
                found.dangerously_push_entry(
                    Stat::default(),
                    native(&entry.id),
                    entry.flags & (Flags::EXTENDED | Flags::SKIP_WORKTREE),
                    entry.mode,
                    entry.path.into(),
                );
            }
        }
        Ok(found)
    }

    /// The end of the entries from the start of a range on of whose paths this holds; it must not hold
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

/// Which entries are not compared with their files.
fn masked_of(index: &State) -> Vec<u32> {
    (0_u32..)
        .zip(index.entries())
        .filter(|(_, entry)| is_masked(entry.mode, entry.flags))
        .map(|(at, _)| at)
        .collect()
}

/// Entries as they are asked for; cheap if they are near each other.
pub(in crate::git) struct Entries<'a> {
    index: &'a Index,
    /// Which block is held.
    block: Option<usize>,
    bytes: Vec<u8>,
    starts: Vec<usize>,
}

impl<'a> Entries<'a> {
    /// An entry. An error if the file was written over.
    pub(in crate::git) fn at(&mut self, at: usize) -> Result<IndexEntry<'a>> {
        match &self.index.form {
            Form::Plain(plain) => self
                .read(plain, at)
                .context("the index was written over while it was read"),
            Form::Decoded(state) => {
                let entry = &state.entries()[at];
                Ok(IndexEntry {
                    path: entry.path(state).as_ref(),
                    id: plain(&entry.id),
                    mode: entry.mode,
                    flags: entry.flags,
                    stat: entry.stat,
                })
            }
        }
    }

    fn read(&mut self, plain: &'a Plain, at: usize) -> Option<IndexEntry<'a>> {
        let id_length = self.index.hash.len_in_bytes();
        let first = at / BLOCK * BLOCK;
        if self.block != Some(first) {
            self.block = None;
            let [start, end] = *plain.blocks.get(at / BLOCK..)?.first_chunk()?;
            self.bytes.resize((end - start) as usize, 0);
            read_at(&plain.file, &mut self.bytes, start.into()).ok()?;
            self.starts.clear();
            let mut start = 0;
            for other in first..plain.ends.len().min(first + BLOCK) {
                let path = path_within(&self.bytes, start, id_length)?;
                self.starts.push(start);
                start = next_start(start, path.end);
                if self.bytes.get(path)? != plain.path(other) {
                    return None;
                }
            }
            self.block = Some(first);
        }
        entry_at(
            &self.bytes,
            self.starts[at - first],
            id_length,
            plain.path(at),
        )
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
        let mut entries = index.entries();
        let masked: Vec<usize> = index.masked().collect();
        (0..index.len())
            .map(|at| {
                let entry = entries.at(at).unwrap();
                let mode = entry.mode.bits();
                assert_eq!(masked.contains(&at), is_masked(entry.mode, entry.flags));
                assert_eq!(entry.path, index.path(at));
                format!(
                    "{:?} {:?} {:o} {:?} {:?}",
                    entry.path, entry.id, mode, entry.flags, entry.stat
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
    fn an_index_that_is_read_in_many_parts_is_what_gix_reads() {
        let fixture = Fixture::new();
        let mut random = Random::new(3);
        let mut lines = Vec::new();
        for nth in 0..3_000 {
            let most = 4_000 >> random.below(12);
            let name = "x".repeat(random.below(most));
            lines.extend(format!("100644 {:040x} 0\td{}/{nth}{name}\n", nth + 1, nth % 7).bytes());
        }
        fixture.feed(&["update-index", "--index-info"], &lines);
        assert!(std::fs::metadata(path_of(&fixture)).unwrap().len() > 500_000);
        assert_eq!(agree(&fixture, "large").unwrap().len(), 3_000);
        let index = fixture.repo().index().unwrap();
        let mut entries = index.entries();
        for _ in 0..200 {
            let at = random.below(3_000);
            assert_eq!(entries.at(at).unwrap().path, index.path(at));
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
    fn an_index_that_is_written_over_is_an_error() {
        let fixture = Fixture::new();
        for file in 0..2 * BLOCK {
            fixture.write(&format!("{file:05}"), "");
        }
        fixture.commit();
        let index = fixture.repo().index().unwrap();
        let mut entries = index.entries();
        assert!(entries.at(BLOCK).is_ok());
        let good = std::fs::read(path_of(&fixture)).unwrap();
        for bad in [&good[..good.len() / 4], &vec![b'x'; good.len()], b""] {
            damage(&fixture, bad);
            assert!(entries.at(BLOCK + 1).is_ok(), "held");
            let error = index.entries().at(BLOCK + 1).err().unwrap();
            assert!(error.to_string().contains("written over"), "{error}");
        }
        damage(&fixture, &good);
        assert_eq!(index.entries().at(1).unwrap().path, b"00001");
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
