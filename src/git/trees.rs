//! Walks two trees side by side and lists the files that differ, in path order.
//! Pairing deletions with additions is left to `renames`, reading contents to `patches`.

use std::cmp::Ordering;

use anyhow::{Context, Result, anyhow};
use gix::objs::Kind;

use crate::diff::{Change, Entry, Mode, Oid, RepoPath};
use crate::parallel::in_parallel_with;

use super::Repo;
use super::objects::{ObjectFault, Objects};

/// The deepest nesting of directories that is followed, so that a hostile tree can't exhaust the
/// stack of a thread; real ones stay below a hundred.
pub(in crate::git) const DEEPEST: usize = 256;

/// From so many differing directories on, several threads go to the bottom of them.
const ENOUGH: usize = 64;
/// What comparing a directory costs, a comparison of numbers being one.
const COMPARING: usize = 1024;

/// One line of a tree object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::git) struct TreeEntry {
    pub(in crate::git) name: Vec<u8>,
    /// `None` for a directory.
    pub(in crate::git) mode: Option<Mode>,
    pub(in crate::git) id: Oid,
}

impl TreeEntry {
    /// The entry as a file at this path; `None` for a directory.
    pub(in crate::git) fn at(&self, path: &[u8]) -> Option<Entry> {
        Some(Entry {
            path: RepoPath::new(path),
            mode: self.mode?,
            id: self.id,
        })
    }

    /// The name by which Git sorts: a directory as if it ended in a slash.
    pub(in crate::git) fn sort_key(&self) -> impl Iterator<Item = u8> {
        let slash = self.mode.is_none().then_some(b'/');
        self.name.iter().copied().chain(slash)
    }
}

/// Reads trees, each checked against its id.
pub(in crate::git) struct Trees<'o> {
    objects: &'o Objects,
    empty: Oid,
}

impl<'o> Trees<'o> {
    /// Trees of this database; `empty` is the id of the empty tree, which need not be stored.
    pub(in crate::git) fn new(objects: &'o Objects, empty: Oid) -> Self {
        Self { objects, empty }
    }

    /// The entries of a tree in Git's order. A missing, damaged or ambiguous tree is an error.
    pub(in crate::git) fn read(&self, id: &Oid) -> Result<Vec<TreeEntry>> {
        let mut content = Vec::new();
        self.load(Some(id), &mut content)?;
        let lines = lines(id, &content)?;
        Ok(lines.into_iter().map(Line::to_entry).collect())
    }

    /// Gives the name, the mode (`None` for a directory) and the id of each entry of a tree, in Git's order;
    /// its error ends the reading.
    pub(in crate::git) fn each(
        &self,
        id: &Oid,
        mut take: impl FnMut(&[u8], Option<Mode>, Oid) -> Result<()>,
    ) -> Result<()> {
        let mut content = Vec::new();
        self.load(Some(id), &mut content)?;
        lines(id, &content)?
            .into_iter()
            .try_for_each(|line| take(line.name, line.mode, line.oid()))
    }

    /// The entry of a name in a tree.
    pub(in crate::git) fn named(&self, id: &Oid, name: &[u8]) -> Result<Option<TreeEntry>> {
        let mut content = Vec::new();
        self.load(Some(id), &mut content)?;
        let mut lines = lines(id, &content)?.into_iter();
        Ok(lines.find(|line| line.name == name).map(Line::to_entry))
    }

    /// Puts the content of a tree into `content`: nothing for one that is not there.
    fn load(&self, id: Option<&Oid>, content: &mut Vec<u8>) -> Result<()> {
        let Some(id) = id.filter(|id| **id != self.empty) else {
            content.clear();
            return Ok(());
        };
        self.objects
            .read(id, Kind::Tree, true, content)
            .with_context(|| format!("cannot read tree {id}"))
    }

    /// The entry of a path; `None` if there is nothing or a directory.
    pub(in crate::git) fn find(&self, tree: &Oid, path: &RepoPath) -> Result<Option<Entry>> {
        let mut tree = *tree;
        let mut parts = path.as_bytes().split(|byte| *byte == b'/').peekable();
        while let Some(part) = parts.next() {
            let Some(entry) = self.named(&tree, part)? else {
                return Ok(None);
            };
            match (entry.mode, parts.peek()) {
                (None, Some(_)) => tree = entry.id,
                (Some(mode), None) => {
                    return Ok(Some(Entry {
                        path: path.clone(),
                        mode,
                        id: entry.id,
                    }));
                }
                _ => return Ok(None),
            }
        }
        Ok(None)
    }

    /// Every file that differs between two trees that stand at a path, or one of which is not there.
    pub(in crate::git) fn differences_at(
        &self,
        path: &[u8],
        old: Option<&Oid>,
        new: Option<&Oid>,
    ) -> Result<Vec<Change>> {
        let pair = Pair {
            path: path.to_vec(),
            old: old.copied(),
            new: new.copied(),
        };
        Ok(self.compare(&pair, 0, true)?.changes)
    }

    /// What differs between two directories that stand `depth` levels below where the walk began;
    /// with `goes_down` below them too.
    fn compare(&self, pair: &Pair, depth: usize, goes_down: bool) -> Result<Found> {
        let mut walk = Walk {
            trees: self,
            path: pair.path.clone(),
            depth,
            goes_down,
            spare: Vec::new(),
            found: Found::default(),
        };
        if pair.old != pair.new {
            walk.compare(pair.old.as_ref(), pair.new.as_ref())?;
        }
        Ok(walk.found)
    }
}

impl Repo {
    /// Every file that differs between two trees, sorted by path, without renames. If many directories
    /// differ, several threads compare them.
    pub(in crate::git) fn differences(&self, old: &Oid, new: &Oid) -> Result<Vec<Change>> {
        let (own, empty) = (self.objects(), self.empty_tree());
        let root = Pair {
            path: Vec::new(),
            old: Some(*old),
            new: Some(*new),
        };
        let mut found = Trees::new(&own, empty).compare(&root, 0, false)?;
        let mut depth = 1;
        while !found.below.is_empty() && found.below.len() < ENOUGH {
            let trees = Trees::new(&own, empty);
            let parts = found.below.iter();
            let parts = parts.map(|(_, pair)| trees.compare(pair, depth, false));
            let parts = parts.collect::<Result<_>>()?;
            found = found.filled(parts);
            depth += 1;
        }
        if !found.below.is_empty() {
            let shared = self.share();
            let parts = in_parallel_with(
                &found.below,
                COMPARING,
                || shared.objects(),
                |objects, (_, pair)| Trees::new(objects, empty).compare(pair, depth, true),
            );
            found = found.filled(parts.into_iter().collect::<Result<_>>()?);
        }
        Ok(found.changes)
    }
}

/// Two directories at a path, or one that is not there on a side.
struct Pair {
    path: Vec<u8>,
    old: Option<Oid>,
    new: Option<Oid>,
}

/// What differs, in path order.
#[derive(Default)]
struct Found {
    changes: Vec<Change>,
    /// Directories that were not compared yet, each with how many of the changes stand before it.
    below: Vec<(usize, Pair)>,
}

impl Found {
    /// Puts in what was found in each of the directories.
    fn filled(self, parts: Vec<Self>) -> Self {
        let count = self.changes.len() + parts.iter().map(|it| it.changes.len()).sum::<usize>();
        let mut all = Self {
            changes: Vec::with_capacity(count),
            below: Vec::new(),
        };
        let mut changes = self.changes.into_iter();
        let mut taken = 0;
        for ((before, _), part) in self.below.into_iter().zip(parts) {
            all.changes.extend(changes.by_ref().take(before - taken));
            taken = before;
            let first = all.changes.len();
            let below = part.below.into_iter();
            all.below
                .extend(below.map(|(nth, pair)| (first + nth, pair)));
            all.changes.extend(part.changes);
        }
        all.changes.extend(changes);
        all
    }
}

struct Walk<'t, 'o> {
    trees: &'t Trees<'o>,
    path: Vec<u8>,
    depth: usize,
    /// Whether it goes into directories, or leaves them in `found`.
    goes_down: bool,
    /// Buffers that are not in use.
    spare: Vec<Vec<u8>>,
    found: Found,
}

impl Walk<'_, '_> {
    fn compare(&mut self, old: Option<&Oid>, new: Option<&Oid>) -> Result<()> {
        if self.depth >= DEEPEST {
            return Err(anyhow!("directories are nested deeper than {DEEPEST}"));
        }
        self.depth += 1;
        let mut contents = [old, new].map(|_| self.spare.pop().unwrap_or_default());
        // As in `patches`, the newer one is often what the older one is a delta of.
        self.trees.load(new, &mut contents[1])?;
        self.trees.load(old, &mut contents[0])?;
        let read = |id: Option<&Oid>, content| id.map_or(Ok(Vec::new()), |id| lines(id, content));
        let (old, new) = (read(old, &contents[0])?, read(new, &contents[1])?);
        let mut old = old.iter().peekable();
        let mut new = new.iter().peekable();
        loop {
            let order = match (old.peek(), new.peek()) {
                (None, None) => break,
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(old), Some(new)) => old.order(new),
            };
            let gone = if order.is_le() { old.next() } else { None };
            let came = if order.is_ge() { new.next() } else { None };
            if gone != came {
                self.entry(gone, came)?;
            }
        }
        self.spare.extend(contents);
        self.depth -= 1;
        Ok(())
    }

    /// One name, present on one side or, with the same kind of sort key, on both.
    fn entry(&mut self, old: Option<&Line<'_>>, new: Option<&Line<'_>>) -> Result<()> {
        let Some(name) = old.or(new).map(|line| line.name) else {
            return Ok(());
        };
        let parent = self.path.len();
        if parent > 0 {
            self.path.push(b'/');
        }
        self.path.extend_from_slice(name);
        let directory = |side: Option<&Line<'_>>| {
            let line = side.filter(|line| line.mode.is_none());
            line.map(Line::oid)
        };
        let file = |side: Option<&Line<'_>>| {
            let line = side?;
            Some(Entry {
                path: RepoPath::new(self.path.as_slice()),
                mode: line.mode?,
                id: line.oid(),
            })
        };
        match (file(old), file(new)) {
            (Some(old), Some(new)) => self.found.changes.push(Change::Modified { old, new }),
            (Some(old), None) => self.found.changes.push(Change::Deleted(old)),
            (None, Some(new)) => self.found.changes.push(Change::Added(new)),
            (None, None) => {
                let (old, new) = (directory(old), directory(new));
                if self.goes_down {
                    self.compare(old.as_ref(), new.as_ref())?;
                } else {
                    let path = self.path.clone();
                    let pair = Pair { path, old, new };
                    self.found.below.push((self.found.changes.len(), pair));
                }
            }
        }
        self.path.truncate(parent);
        Ok(())
    }
}

/// One line of a tree object, where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Line<'t> {
    name: &'t [u8],
    /// `None` for a directory.
    mode: Option<Mode>,
    id: &'t [u8],
}

impl Line<'_> {
    fn oid(&self) -> Oid {
        Oid::from_bytes(self.id).expect("only ids of a known length are parsed")
    }

    fn to_entry(self) -> TreeEntry {
        TreeEntry {
            name: self.name.to_vec(),
            mode: self.mode,
            id: self.oid(),
        }
    }

    /// The order in a tree, which is that of [`TreeEntry::sort_key`].
    fn order(&self, other: &Self) -> Ordering {
        let common = self.name.len().min(other.name.len());
        let next = |line: &Self| {
            let slash = line.mode.is_none().then_some(b'/');
            line.name.get(common).copied().or(slash)
        };
        self.name[..common]
            .cmp(&other.name[..common])
            .then_with(|| next(self).cmp(&next(other)))
    }
}

/// The lines of a tree in Git's order; an error if it is damaged, or has a name twice.
fn lines<'t>(id: &Oid, content: &'t [u8]) -> Result<Vec<Line<'t>>> {
    let mut lines = parse(content, id.as_bytes().len())
        .ok_or(ObjectFault::Damaged(*id))
        .with_context(|| format!("cannot read tree {id}"))?;
    if !lines.is_sorted_by(|a, b| a.order(b).is_lt()) {
        lines.sort_by(Line::order);
    }
    let twice = |at: usize| {
        let line = &lines[at];
        if line.mode.is_some() {
            return at > 0 && lines[at - 1].order(line).is_eq();
        }
        // A directory stands behind the file of its name, but not always next to it.
        let file = Line {
            mode: Some(Mode::Regular),
            ..*line
        };
        let found = lines[..at].binary_search_by(|other| other.order(&file));
        found.is_ok() || (at > 0 && lines[at - 1].order(line).is_eq())
    };
    if let Some(at) = (0..lines.len()).find(|at| twice(*at)) {
        let name = RepoPath::new(lines[at].name);
        return Err(anyhow!("tree {id} has two entries called {name:?}"));
    }
    Ok(lines)
}

/// Reads a tree object: lines of octal mode, space, name, zero byte, id. `None` if it is broken, or
/// has a name with which a path would be ambiguous.
fn parse(mut data: &[u8], id_len: usize) -> Option<Vec<Line<'_>>> {
    let mut lines = Vec::with_capacity(data.len() / 32);
    while !data.is_empty() {
        let mut mode = 0;
        let mut space = 0;
        while let digit @ b'0'..=b'7' = *data.get(space)? {
            mode = mode * 8 + u32::from(digit - b'0');
            space += 1;
            if space > 7 {
                return None;
            }
        }
        let rest = &data[space + 1..];
        let end = memchr::memchr2(0, b'/', rest)?;
        let id = rest.get(end + 1..end + 1 + id_len)?;
        if data[space] != b' ' || space == 0 || end == 0 || rest[end] != 0 {
            return None;
        }
        lines.push(Line {
            name: &rest[..end],
            mode: kind(mode),
            id,
        });
        data = &rest[end + 1 + id_len..];
    }
    Some(lines)
}

/// Git's reading of a mode: the permission bits only tell executables, unknown types are
/// submodules. `None` for a directory.
pub(in crate::git) fn kind(mode: u32) -> Option<Mode> {
    match mode & 0o170_000 {
        0o100_000 if mode & 0o100 != 0 => Some(Mode::Executable),
        0o100_000 => Some(Mode::Regular),
        0o120_000 => Some(Mode::Symlink),
        0o040_000 => None,
        _ => Some(Mode::Submodule),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::fixture::{Fixture, Random};

    #[test]
    fn broken_trees_are_refused_and_never_panic() {
        let line =
            |mode: &str, name: &[u8]| [mode.as_bytes(), b" ", name, b"\0", &[7; 20]].concat();
        assert_eq!(parse(&line("100644", b"a"), 20).unwrap().len(), 1);
        assert_eq!(parse(b"", 20).unwrap(), []);
        for broken in [
            line("", b"a"),
            line("10064x", b"a"),
            line("100644", b""),
            line("100644", b"a/b"),
            line("777777777", b"a"),
            line("100644", b"a")[..20].to_vec(),
        ] {
            assert_eq!(parse(&broken, 20), None, "{broken:?}");
        }
        let mut random = Random::new(1);
        let good = [
            line("40000", b"dir"),
            line("100755", b"file"),
            line("160000", b"sub"),
        ]
        .concat();
        for _ in 0..5000 {
            let mut bad = good.clone();
            for _ in 0..=random.below(3) {
                let at = random.below(bad.len());
                bad[at] = u8::try_from(random.below(256)).unwrap();
            }
            bad.truncate(random.below(bad.len() + 1));
            for entry in parse(&bad, 20).unwrap_or_default() {
                assert!(!entry.name.is_empty() && !entry.name.contains(&b'/'));
            }
        }
    }

    #[test]
    fn directories_nested_without_end_are_an_error() {
        let fixture = Fixture::new();
        let nested = |depth: usize| vec![("a/".repeat(depth) + "file", "100644", b"x\n".to_vec())];
        let trees = fixture.import(&[nested(DEEPEST - 1), nested(DEEPEST)]);
        let (deep, deeper) = (trees[0], trees[1]);
        let repo = fixture.repo();
        let empty = repo.empty_tree();
        assert_eq!(repo.changes(&empty, &deep).unwrap().len(), 1);
        let error = repo.changes(&empty, &deeper).unwrap_err();
        assert!(error.to_string().contains("nested deeper"), "{error:#}");
    }

    #[test]
    fn many_directories_are_compared_as_few_are() {
        let fixture = Fixture::new();
        let mut random = Random::new(4);
        let mut side = || {
            let mut files = Vec::new();
            for nth in 0..400 {
                let [a, b, c] = [7, 5, 3].map(|bound| random.below(bound));
                let path = match random.below(8) {
                    0 => format!("top{a}"),
                    1 => format!("d{a}/x{b}"),
                    2 => continue,
                    _ => format!("d{a}/e{b}/f{c}/g{}", nth % 4),
                };
                let text = random.below(4).to_string().into_bytes();
                files.push((path, "100644", text));
            }
            files.sort();
            files.dedup_by(|next, kept| next.0 == kept.0);
            files
        };
        let trees = fixture.import(&[side(), side(), Vec::new()]);
        let repo = fixture.repo();
        let objects = repo.objects();
        let one_by_one = Trees::new(&objects, repo.empty_tree());
        for (old, new) in [(0, 1), (1, 0), (0, 2), (2, 1), (1, 1)] {
            let (old, new) = (&trees[old], &trees[new]);
            let all = repo.differences(old, new).unwrap();
            let expected = one_by_one
                .differences_at(b"", Some(old), Some(new))
                .unwrap();
            assert_eq!(all, expected);
            let path = |change: &Change| change.new().or(change.old()).unwrap().path.clone();
            assert!(all.is_sorted_by_key(path));
            assert_eq!(all.is_empty(), old == new);
            let directory = |change: &Change| {
                path(change)
                    .as_bytes()
                    .rsplitn(2, |b| *b == b'/')
                    .last()
                    .map(<[u8]>::to_vec)
            };
            let mut directories: Vec<_> = all.iter().filter_map(directory).collect();
            directories.dedup();
            assert!(
                old == new || directories.len() > ENOUGH,
                "{}",
                directories.len()
            );
        }
    }

    #[test]
    fn one_broken_directory_among_many_is_an_error() {
        let fixture = Fixture::new();
        let paths: Vec<String> = (0..ENOUGH).map(|nth| format!("d{nth}/file")).collect();
        let side = |text: &'static [u8], broken: bool| {
            let mut files: Vec<_> = paths
                .iter()
                .map(|path| ("100644", path.as_bytes(), text))
                .collect();
            if broken {
                files.push(("40000", b"d5x", b"no tree"));
            }
            fixture.raw_tree(&files)
        };
        let (old, new, broken) = (side(b"1", false), side(b"2", false), side(b"2", true));
        let repo = fixture.repo();
        assert_eq!(repo.differences(&old, &new).unwrap().len(), ENOUGH);
        let error = repo.differences(&old, &broken).unwrap_err();
        assert!(format!("{error:#}").contains("damaged"), "{error:#}");
    }
}
