//! Writes objects into a directory that is not this repository's: copies of a range of commits, and
//! the tree and commit that uncommitted changes would make. The repository itself is never written.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use gix::objs::{Kind, Write as _};

use crate::diff::{Change, Entry, Mode, Oid};
use crate::parallel::in_parallel_with;

use super::Repo;
use super::log::CommitText;
use super::objects::{ObjectFault, Objects, plain};
use super::packing::{self, Packed};
use super::trees::{DEEPEST, TreeEntry, Trees};

/// Objects a thread takes at once.
const JOB: usize = 64;
/// What copying an object costs, a comparison of numbers being one.
const COPYING: usize = 1024;

/// Writes objects into a directory.
pub(crate) struct ObjectWriter(gix::odb::loose::Store);

/// What was copied of a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Copied {
    /// All of it: so many objects.
    All(usize),
    /// Nothing, because the objects take more bytes than the limit.
    TooMuch,
}

impl ObjectWriter {
    /// The directory for packs, which has to be there.
    fn packs(&self) -> PathBuf {
        self.0.path().join("pack")
    }

    fn write(&self, kind: Kind, content: &[u8]) -> Result<Oid> {
        let id = self
            .0
            .write_buf(kind, content)
            .map_err(|error| anyhow!("{error}"))
            .with_context(|| format!("cannot write to `{}`", self.0.path().display()))?;
        Ok(plain(&id))
    }
}

impl Repo {
    /// A writer of objects in the format of this repository.
    pub(crate) fn object_writer(&self, directory: &Path) -> ObjectWriter {
        let hash = self.raw().object_hash();
        ObjectWriter(gix::odb::loose::Store::at(directory, hash))
    }

    /// Copies the commits that `head` reaches and `base` does not, with the trees and blobs that their
    /// parents lack, into one pack, unless these take more than `limit` bytes. What is missing, or a tree that can't
    /// be read, is left out: whoever needs it will say so.
    pub(crate) fn copy_range(
        &self,
        head: &Oid,
        base: Option<&Oid>,
        limit: u64,
        to: &ObjectWriter,
    ) -> Result<Copied> {
        let objects = self.objects();
        let mut range = Range {
            objects: &objects,
            trees: Trees::new(&objects, self.empty_tree()),
            limit,
            bytes: 0,
            seen: HashSet::new(),
            found: Vec::new(),
        };
        let published: Vec<Oid> = base.into_iter().copied().collect();
        for commit in self.new_commits(head, &published)? {
            range.add(Kind::Commit, commit.id);
            let tree = CommitText::read(&objects, &commit.id)?.tree;
            let parents: Vec<Oid> = commit
                .parents
                .iter()
                // Beyond a shallow boundary there is nothing.
                .filter_map(|parent| Some(CommitText::read(&objects, parent).ok()?.tree))
                .collect();
            range.enter(&tree, &parents, 0);
            if range.bytes > limit {
                return Ok(Copied::TooMuch);
            }
        }
        let found = range.found;
        let jobs: Vec<&[(Kind, Oid)]> = found.chunks(JOB).collect();
        let shared = self.share();
        let copied = in_parallel_with(
            &jobs,
            JOB * COPYING,
            || (shared.objects(), Vec::new()),
            |(objects, buffer), job| -> Result<Vec<Packed>> {
                let mut packed = Vec::with_capacity(job.len());
                for (kind, id) in *job {
                    match objects.read(id, *kind, true, buffer) {
                        Ok(()) => packed.push(Packed::new(*id, *kind, buffer)?),
                        Err(ObjectFault::Missing(_)) => {}
                        Err(fault) => return Err(fault.into()),
                    }
                }
                Ok(packed)
            },
        );
        let copy = || -> Result<usize> {
            let packed = copied.into_iter().collect::<Result<Vec<_>>>()?;
            let packed: Vec<Packed> = packed.into_iter().flatten().collect();
            if !packed.is_empty() {
                packing::write(&to.packs(), self.raw().object_hash(), &packed)?;
            }
            Ok(packed.len())
        };
        copy()
            .context("cannot copy the reviewed objects")
            .map(Copied::All)
    }

    /// Writes the tree that a base tree becomes by these changes, with the contents of the changed
    /// files as this repository reads them, and gives its id. Where a file could not be read when the
    /// files were compared, what the base has stays.
    pub(crate) fn write_changed_tree(
        &self,
        base: &Oid,
        changes: &[Change],
        to: &ObjectWriter,
    ) -> Result<Oid> {
        let objects = self.objects();
        let mut edits = Edits::default();
        let could_be_read = |change: &&Change| {
            let new = change.new();
            new.is_none_or(|new| objects.file(&new.id).is_ok())
        };
        let changes: Vec<&Change> = changes.iter().filter(could_be_read).collect();
        // What goes away makes room for what comes, so it is told first.
        for old in changes.iter().filter_map(|change| change.old()) {
            edits.put(old.path.as_bytes(), None)?;
        }
        let mut content = Vec::new();
        for new in changes.iter().filter_map(|change| change.new()) {
            edits.put(new.path.as_bytes(), Some(new))?;
            if new.mode != Mode::Submodule {
                objects
                    .read(&new.id, Kind::Blob, true, &mut content)
                    .with_context(|| format!("cannot read {:?}", new.path))?;
                to.write(Kind::Blob, &content)?;
            }
        }
        let trees = Trees::new(&objects, self.empty_tree());
        match edits.apply(&trees, Some(base), to)? {
            Some(tree) => Ok(tree),
            None => to.write(Kind::Tree, b""),
        }
    }

    /// Writes a commit of a tree under a name of our own, dated as its parent, or 1970 without one.
    pub(crate) fn write_commit(
        &self,
        tree: &Oid,
        parent: Option<&Oid>,
        message: &str,
        to: &ObjectWriter,
    ) -> Result<Oid> {
        let mut time = 0;
        let mut text = format!("tree {tree}\n");
        if let Some(parent) = parent {
            time = CommitText::read(&self.objects(), parent)?.committed.max(0);
            writeln!(text, "parent {parent}").expect("writing to a String cannot fail");
        }
        let who = format!("{WHO} {time} +0000");
        writeln!(text, "author {who}\ncommitter {who}\n\n{message}")
            .expect("writing to a String cannot fail");
        to.write(Kind::Commit, text.as_bytes())
    }
}

/// Who commits in a repository of ours.
const WHO: &str = "deep-review <deep-review@localhost>";

struct Range<'o> {
    objects: &'o Objects,
    trees: Trees<'o>,
    limit: u64,
    bytes: u64,
    seen: HashSet<Oid>,
    found: Vec<(Kind, Oid)>,
}

impl Range<'_> {
    fn add(&mut self, kind: Kind, id: Oid) -> bool {
        let new = self.seen.insert(id);
        if new {
            self.bytes += self.objects.size(&id).unwrap_or_default();
            self.found.push((kind, id));
        }
        new
    }

    /// Adds a tree and what is below it, without what one of the parents' trees has at this place.
    fn enter(&mut self, tree: &Oid, parents: &[Oid], depth: usize) {
        let known = parents.contains(tree) || !self.add(Kind::Tree, *tree);
        if known || self.bytes > self.limit || depth >= DEEPEST {
            return;
        }
        let Ok(entries) = self.trees.read(tree) else {
            return;
        };
        let by_name = |entries: Vec<TreeEntry>| -> HashMap<Vec<u8>, (Option<Mode>, Oid)> {
            let named = entries.into_iter();
            named
                .map(|entry| (entry.name, (entry.mode, entry.id)))
                .collect()
        };
        let parents: Vec<_> = parents
            .iter()
            .filter_map(|parent| Some(by_name(self.trees.read(parent).ok()?)))
            .collect();
        for entry in entries {
            let there = parents.iter().filter_map(|parent| parent.get(&entry.name));
            match entry.mode {
                Some(Mode::Submodule) => {}
                Some(_) => {
                    if !there.clone().any(|(_, id)| *id == entry.id) {
                        self.add(Kind::Blob, entry.id);
                    }
                }
                None => {
                    let below: Vec<Oid> = there
                        .filter(|(mode, _)| mode.is_none())
                        .map(|(_, id)| *id)
                        .collect();
                    self.enter(&entry.id, &below, depth + 1);
                }
            }
        }
    }
}

/// What happens to the entries of one directory, and below it.
#[derive(Default)]
struct Edits<'e> {
    files: BTreeMap<&'e [u8], Option<&'e Entry>>,
    below: BTreeMap<&'e [u8], Edits<'e>>,
}

impl<'e> Edits<'e> {
    fn put(&mut self, path: &'e [u8], new: Option<&'e Entry>) -> Result<()> {
        let mut edits = self;
        let mut parts = path.split(|byte| *byte == b'/').peekable();
        let mut depth = 0;
        while let Some(part) = parts.next() {
            depth += 1;
            if depth > DEEPEST || part.is_empty() {
                bail!(
                    "{:?} can't stand in a tree",
                    crate::diff::RepoPath::new(path)
                );
            }
            if parts.peek().is_none() {
                edits.files.insert(part, new);
                break;
            }
            edits = edits.below.entry(part).or_default();
        }
        Ok(())
    }

    /// The tree after the edits; `None` if nothing is left in it.
    fn apply(
        &self,
        trees: &Trees<'_>,
        base: Option<&Oid>,
        to: &ObjectWriter,
    ) -> Result<Option<Oid>> {
        let old = base.map_or_else(|| Ok(Vec::new()), |base| trees.read(base))?;
        let mut kept: BTreeMap<Vec<u8>, TreeEntry> = old
            .into_iter()
            .map(|entry| (entry.name.clone(), entry))
            .collect();
        for (name, file) in &self.files {
            // A directory of this name stays until its own files are gone.
            if kept.get(*name).is_none_or(|entry| entry.mode.is_some()) {
                kept.remove(*name);
            }
            if let Some(file) = file {
                kept.insert(
                    name.to_vec(),
                    TreeEntry {
                        name: name.to_vec(),
                        mode: Some(file.mode),
                        id: file.id,
                    },
                );
            }
        }
        for (name, edits) in &self.below {
            let added = self.files.get(name).copied().flatten().is_some();
            let under = kept
                .get(*name)
                .filter(|entry| entry.mode.is_none())
                .map(|entry| entry.id);
            if added {
                // The file that came in place of the directory is what counts.
                continue;
            }
            match edits.apply(trees, under.as_ref(), to)? {
                Some(id) => {
                    let name = name.to_vec();
                    kept.insert(
                        name.clone(),
                        TreeEntry {
                            name,
                            mode: None,
                            id,
                        },
                    );
                }
                None => {
                    kept.remove(*name);
                }
            }
        }
        let mut entries: Vec<TreeEntry> = kept.into_values().collect();
        if entries.is_empty() {
            return Ok(None);
        }
        entries.sort_by(|a, b| a.sort_key().cmp(b.sort_key()));
        let mut text = Vec::new();
        for entry in &entries {
            let mode = entry.mode.map_or("40000", Mode::as_octal);
            text.extend_from_slice(mode.as_bytes());
            text.push(b' ');
            text.extend_from_slice(&entry.name);
            text.push(0);
            text.extend_from_slice(entry.id.as_bytes());
        }
        to.write(Kind::Tree, &text).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::fixture::Fixture;

    /// The tree that committing everything makes, ours and git's.
    #[test]
    fn the_tree_of_uncommitted_changes_is_the_one_git_would_commit() {
        let fixture = Fixture::new();
        for file in [
            "a/b/one",
            "a/b/two",
            "a.d/x",
            "gone/only",
            "file",
            "turns/into",
        ] {
            fixture.write(file, format!("{file}\n"));
        }
        let base = fixture.commit();
        fixture.write("a/b/one", "changed\n");
        fixture.write("new/deep/er/file", "new\n");
        fixture.git(&["rm", "-rq", "gone", "turns", "file"]);
        fixture.write("turns", "into a file\n");
        fixture.write("file/is/now", "a directory\n");
        fixture.git(&["mv", "a/b/two", "a.d/two"]);
        let repo = fixture.repo();
        let tree = repo.tree_of(&base).unwrap();
        let changes = repo.worktree(true).unwrap().changes;
        let place = tempfile::tempdir().unwrap();
        let writer = repo.object_writer(place.path());
        let ours = repo.write_changed_tree(&tree, &changes, &writer).unwrap();
        fixture.git(&["add", "-A"]);
        let theirs = String::from_utf8(fixture.git(&["write-tree"])).unwrap();
        assert_eq!(ours.to_string(), theirs.trim());

        fixture.git(&["rm", "-rfq", "."]);
        let repo = fixture.repo();
        let changes = repo.staged().unwrap().changes;
        let nothing = repo.write_changed_tree(&tree, &changes, &writer).unwrap();
        assert_eq!(nothing, repo.empty_tree());
    }

    #[cfg(unix)]
    #[test]
    fn what_could_not_be_read_stays_as_the_base_has_it() {
        let fixture = Fixture::new();
        fixture.write("a", "a\n");
        fixture.write("b", "b\n");
        let base = fixture.commit();
        fixture.write("b", "changed\n");
        #[expect(clippy::disallowed_methods, reason = "a test edits its own repository")]
        std::fs::remove_file(fixture.root().join("a")).unwrap();
        let socket = fixture.root().join("a");
        let _socket = std::os::unix::net::UnixListener::bind(socket).unwrap();
        let repo = fixture.repo();
        let changes = repo.worktree(false).unwrap().changes;
        assert_eq!(changes.len(), 2);
        let place = tempfile::tempdir().unwrap();
        let writer = repo.object_writer(place.path());
        let tree = repo.tree_of(&base).unwrap();
        let ours = repo.write_changed_tree(&tree, &changes, &writer).unwrap();
        fixture.git(&["add", "b"]);
        let theirs = String::from_utf8(fixture.git(&["write-tree"])).unwrap();
        assert_eq!(ours.to_string(), theirs.trim());
    }

    #[test]
    fn a_copied_range_has_what_git_would_pack_and_is_left_over_the_limit() {
        let fixture = Fixture::new();
        for file in 0..20 {
            fixture.write(&format!("d{}/{file}", file % 3), format!("{file}\n"));
        }
        let base = fixture.commit();
        fixture.git(&["checkout", "-qb", "side"]);
        fixture.write("d1/side", "side\n");
        fixture.commit();
        fixture.git(&["checkout", "-q", "main"]);
        fixture.write("d2/2", "changed\n");
        fixture.commit();
        fixture.git(&["merge", "-q", "--no-edit", "side"]);
        fixture.write("d0/new/file", "new\n");
        let head = fixture.commit();
        let repo = fixture.repo();
        let place = tempfile::tempdir().unwrap();
        std::fs::create_dir(place.path().join("pack")).unwrap();
        let writer = repo.object_writer(place.path());
        let copied = repo
            .copy_range(&head, Some(&base), 1 << 20, &writer)
            .unwrap();
        let files = std::fs::read_dir(writer.packs()).unwrap();
        let mut files: Vec<_> = files.map(|file| file.unwrap().path()).collect();
        files.sort();
        let [index, _pack] = &files[..] else {
            panic!("{files:?}");
        };
        let packed = fixture.git(&["verify-pack", "-v", index.to_str().unwrap()]);
        let packed = String::from_utf8(packed).unwrap();
        let range = format!("{base}..{head}");
        let listed = fixture.git(&["rev-list", "--objects", &range]);
        let listed = String::from_utf8(listed).unwrap();
        let mut count = 0;
        for line in listed.lines() {
            let id = Oid::from_hex(line.split(' ').next().unwrap()).unwrap();
            assert!(packed.contains(&id.to_string()), "{line}");
            count += 1;
        }
        assert_eq!(copied, Copied::All(count));
        let nowhere = tempfile::tempdir().unwrap();
        let writer = repo.object_writer(nowhere.path());
        let copied = repo.copy_range(&head, Some(&base), 100, &writer).unwrap();
        assert_eq!(copied, Copied::TooMuch);
        assert_eq!(std::fs::read_dir(nowhere.path()).unwrap().count(), 0);
    }
}
