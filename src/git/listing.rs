//! Lists every file of a tree for those who write it out, hostile names included and marked.
//! What is compared or reviewed goes through `trees`, which refuses such names.

use anyhow::{Context, Result, anyhow};
use gix::objs::Kind;

use crate::diff::{Entry, Oid, RepoPath};

use super::Repo;
use super::objects::{ObjectFault, Objects, plain};
use super::trees::{DEEPEST, kind};

/// The longest name that file systems take, in bytes.
const LONGEST_NAME: usize = 255;

/// What separates names on this system, or begins something else than a name.
const SEPARATORS: &[u8] = if cfg!(windows) { b"/\\:" } else { b"/" };

/// A file of a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listed {
    /// What stands in the tree.
    pub(crate) entry: Entry,
    /// False if a name on the way could lead elsewhere on disk, or can't be the name of a file there:
    /// empty, `.`, `..`, with a slash in it, or longer than 255 bytes.
    pub(crate) writable: bool,
}

struct Walk<'o> {
    objects: &'o Objects,
    empty: Oid,
    most: usize,
    path: Vec<u8>,
    found: Vec<Listed>,
}

impl Repo {
    /// Every file of a tree, sorted by path, each path once. Errors if a tree is missing or damaged,
    /// if directories are nested deeper than elsewhere, and if there are more than `most` files: a
    /// small tree can stand for any number of them.
    pub(crate) fn listing(&self, tree: &Oid, most: usize) -> Result<Vec<Listed>> {
        let objects = self.objects();
        let mut walk = Walk {
            objects: &objects,
            empty: self.empty_tree(),
            most,
            path: Vec::new(),
            found: Vec::new(),
        };
        walk.enter(tree, true, 0)?;
        let mut found = walk.found;
        found.sort_by(|a, b| a.entry.path.cmp(&b.entry.path));
        found.dedup_by(|next, first| next.entry.path == first.entry.path);
        Ok(found)
    }
}

impl Walk<'_> {
    fn enter(&mut self, tree: &Oid, writable: bool, depth: usize) -> Result<()> {
        if *tree == self.empty {
            return Ok(());
        }
        if depth >= DEEPEST {
            return Err(anyhow!("directories are nested deeper than {DEEPEST}"));
        }
        let mut buffer = Vec::new();
        self.objects
            .read(tree, Kind::Tree, true, &mut buffer)
            .with_context(|| format!("cannot read tree {tree}"))?;
        let hash = gix::ObjectId::from_bytes_or_panic(tree.as_bytes()).kind();
        for entry in gix::objs::TreeRefIter::from_bytes(&buffer, hash) {
            let entry = entry
                .map_err(|_| ObjectFault::Damaged(*tree))
                .with_context(|| format!("cannot read tree {tree}"))?;
            let name: &[u8] = entry.filename.as_ref();
            let writable = writable && is_writable(name);
            let parent = self.path.len();
            if parent > 0 {
                self.path.push(b'/');
            }
            self.path.extend_from_slice(name);
            let id = plain(entry.oid);
            match kind(u32::from(entry.mode.value())) {
                None => self.enter(&id, writable, depth + 1)?,
                Some(mode) => {
                    if self.found.len() >= self.most {
                        return Err(anyhow!("the tree has more than {} files", self.most));
                    }
                    let path = RepoPath::new(self.path.as_slice());
                    self.found.push(Listed {
                        entry: Entry { path, mode, id },
                        writable,
                    });
                }
            }
            self.path.truncate(parent);
        }
        Ok(())
    }
}

/// Whether a name of a tree can only be the name of a file in its directory.
fn is_writable(name: &[u8]) -> bool {
    !matches!(name, b"" | b"." | b"..")
        && name.len() <= LONGEST_NAME
        && !name.iter().any(|byte| SEPARATORS.contains(byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::fixture::Fixture;

    #[test]
    fn names_that_lead_elsewhere_are_listed_and_marked() {
        let fixture = Fixture::new();
        let long = "n".repeat(256);
        let tree = fixture.tree(&[
            ("100644", "a/plain", b"1\n"),
            ("100644", "a/../up", b"2\n"),
            ("120000", "link", b"/etc/passwd"),
            ("100644", &long, b"3\n"),
        ]);
        let listed = fixture.repo().listing(&tree, 100).unwrap();
        let shown: Vec<(String, bool)> = listed
            .iter()
            .map(|one| (one.entry.path.to_str_lossy().into_owned(), one.writable))
            .collect();
        let wanted = [("a/../up", false), ("a/plain", true), ("link", true)];
        let mut wanted: Vec<_> = wanted.map(|(path, ok)| (path.to_owned(), ok)).into();
        wanted.push((long, false));
        assert_eq!(shown, wanted);
    }

    #[test]
    fn a_tree_that_stands_for_very_many_files_is_refused() {
        let fixture = Fixture::new();
        let leaf = fixture.tree(&[("100644", "a", b"1\n"), ("100644", "b", b"1\n")]);
        let level = |below: &Oid| {
            let line = |name: &str| [b"40000 ", name.as_bytes(), b"\0", below.as_bytes()].concat();
            let lines: Vec<u8> = ["a", "b", "c", "d"]
                .iter()
                .flat_map(|name| line(name))
                .collect();
            let hex = fixture.feed(&["hash-object", "-t", "tree", "-w", "--stdin"], &lines);
            Oid::from_hex(String::from_utf8(hex).unwrap().trim()).unwrap()
        };
        let bomb = (0..12).fold(leaf, |tree, _| level(&tree));
        let error = fixture.repo().listing(&bomb, 1000).unwrap_err();
        assert!(error.to_string().contains("more than 1000"), "{error:#}");
    }
}
