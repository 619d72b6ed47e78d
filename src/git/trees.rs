//! Walks two trees side by side and lists the files that differ, in path order.
//! Pairing deletions with additions is left to `renames`, reading contents to `patches`.

use anyhow::{Context, Result, anyhow};
use gix::objs::Kind;

use crate::diff::{Change, Entry, Mode, Oid, RepoPath};

use super::objects::{ObjectFault, Objects};

/// The deepest nesting of directories that is followed, so that a hostile tree can't exhaust the
/// stack of a thread; real ones stay below a hundred.
pub(in crate::git) const DEEPEST: usize = 256;

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
        if *id == self.empty {
            return Ok(Vec::new());
        }
        let mut buffer = Vec::new();
        self.objects
            .read(id, Kind::Tree, true, &mut buffer)
            .with_context(|| format!("cannot read tree {id}"))?;
        let mut entries = parse(&buffer, id.as_bytes().len())
            .ok_or(ObjectFault::Damaged(*id))
            .with_context(|| format!("cannot read tree {id}"))?;
        if !entries.is_sorted_by(|a, b| a.sort_key().lt(b.sort_key())) {
            entries.sort_by(|a, b| a.sort_key().cmp(b.sort_key()));
        }
        let mut names: Vec<&[u8]> = entries.iter().map(|entry| entry.name.as_slice()).collect();
        names.sort_unstable();
        if let Some(twice) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            let name = RepoPath::new(twice[0]);
            return Err(anyhow!("tree {id} has two entries called {name:?}"));
        }
        Ok(entries)
    }

    /// The entry of a path; `None` if there is nothing or a directory.
    pub(in crate::git) fn find(&self, tree: &Oid, path: &RepoPath) -> Result<Option<Entry>> {
        let mut tree = *tree;
        let mut parts = path.as_bytes().split(|byte| *byte == b'/').peekable();
        while let Some(part) = parts.next() {
            let entries = self.read(&tree)?;
            let Some(entry) = entries.into_iter().find(|entry| entry.name == part) else {
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

    /// Every file that differs between two trees, sorted by path, without renames.
    pub(in crate::git) fn differences(&self, old: &Oid, new: &Oid) -> Result<Vec<Change>> {
        self.differences_at(b"", Some(old), Some(new))
    }

    /// Every file that differs between two trees that stand at a path, or one of which is not there.
    pub(in crate::git) fn differences_at(
        &self,
        path: &[u8],
        old: Option<&Oid>,
        new: Option<&Oid>,
    ) -> Result<Vec<Change>> {
        let mut walk = Walk {
            trees: self,
            path: path.to_vec(),
            depth: 0,
            found: Vec::new(),
        };
        if old != new {
            walk.compare(old, new)?;
        }
        Ok(walk.found)
    }
}

struct Walk<'t, 'o> {
    trees: &'t Trees<'o>,
    path: Vec<u8>,
    depth: usize,
    found: Vec<Change>,
}

impl Walk<'_, '_> {
    fn compare(&mut self, old: Option<&Oid>, new: Option<&Oid>) -> Result<()> {
        if self.depth >= DEEPEST {
            return Err(anyhow!("directories are nested deeper than {DEEPEST}"));
        }
        self.depth += 1;
        let read = |id: Option<&Oid>| id.map_or_else(|| Ok(Vec::new()), |id| self.trees.read(id));
        let mut old = read(old)?.into_iter().peekable();
        let mut new = read(new)?.into_iter().peekable();
        loop {
            let order = match (old.peek(), new.peek()) {
                (None, None) => break,
                (Some(_), None) => std::cmp::Ordering::Less,
                (None, Some(_)) => std::cmp::Ordering::Greater,
                (Some(old), Some(new)) => old.sort_key().cmp(new.sort_key()),
            };
            let gone = if order.is_le() { old.next() } else { None };
            let came = if order.is_ge() { new.next() } else { None };
            self.entry(gone.as_ref(), came.as_ref())?;
        }
        self.depth -= 1;
        Ok(())
    }

    /// One name, present on one side or, with the same kind of sort key, on both.
    fn entry(&mut self, old: Option<&TreeEntry>, new: Option<&TreeEntry>) -> Result<()> {
        let same = |a: &TreeEntry, b: &TreeEntry| a.mode == b.mode && a.id == b.id;
        if let (Some(old), Some(new)) = (old, new)
            && same(old, new)
        {
            return Ok(());
        }
        let Some(name) = old.or(new).map(|entry| &entry.name) else {
            return Ok(());
        };
        let parent = self.path.len();
        if parent > 0 {
            self.path.push(b'/');
        }
        self.path.extend_from_slice(name);
        let directory = |side: Option<&TreeEntry>| {
            side.filter(|entry| entry.mode.is_none())
                .map(|entry| entry.id)
        };
        let file = |side: Option<&TreeEntry>| side.and_then(|entry| entry.at(&self.path));
        match (file(old), file(new)) {
            (Some(old), Some(new)) => self.found.push(Change::Modified { old, new }),
            (Some(old), None) => self.found.push(Change::Deleted(old)),
            (None, Some(new)) => self.found.push(Change::Added(new)),
            (None, None) => self.compare(directory(old).as_ref(), directory(new).as_ref())?,
        }
        self.path.truncate(parent);
        Ok(())
    }
}

/// Reads a tree object: lines of octal mode, space, name, zero byte, id. `None` if it is broken, or
/// has a name with which a path would be ambiguous.
fn parse(mut data: &[u8], id_len: usize) -> Option<Vec<TreeEntry>> {
    let mut entries = Vec::with_capacity(data.len() / 40);
    while !data.is_empty() {
        let space = memchr::memchr(b' ', &data[..data.len().min(8)])?;
        let mode = data[..space].iter().try_fold(0_u32, |mode, digit| {
            matches!(digit, b'0'..=b'7').then(|| mode * 8 + u32::from(digit - b'0'))
        })?;
        let rest = &data[space + 1..];
        let end = memchr::memchr(0, rest)?;
        let name = &rest[..end];
        let id = Oid::from_bytes(rest.get(end + 1..end + 1 + id_len)?)?;
        if space == 0 || name.is_empty() || name.contains(&b'/') {
            return None;
        }
        entries.push(TreeEntry {
            name: name.to_vec(),
            mode: kind(mode),
            id,
        });
        data = &rest[end + 1 + id_len..];
    }
    Some(entries)
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
}
