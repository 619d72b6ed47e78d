//! Finds changes that put back what the base has had before: the same bytes at the same path.
//! That such a change needs fewer readers is decided by the pipeline.

use std::collections::BTreeMap;

use anyhow::Result;

use crate::diff::{Change, Mode, Oid};

use super::Repo;
use super::log::CommitText;
use super::trees::Trees;

/// Paths that are looked for, as a tree of directories.
#[derive(Default)]
struct Wanted {
    /// The tree that was looked at last: while it is the same, nothing below it can be new.
    seen: Option<Oid>,
    directories: BTreeMap<Vec<u8>, Wanted>,
    /// Which changes want the file of this name.
    files: BTreeMap<Vec<u8>, Vec<usize>>,
}

impl Wanted {
    fn add(&mut self, path: &[u8], index: usize) {
        let mut parts = path.splitn(2, |byte| *byte == b'/');
        let first = parts.next().unwrap_or_default().to_vec();
        match parts.next() {
            Some(rest) => self.directories.entry(first).or_default().add(rest, index),
            None => self.files.entry(first).or_default().push(index),
        }
    }

    /// Looks at a tree unless it is the one that was looked at last, and tells of each wanted file that
    /// stands in it.
    fn look(
        &mut self,
        trees: &Trees<'_>,
        tree: &Oid,
        tell: &mut impl FnMut(usize, Mode, Oid),
    ) -> Result<()> {
        if self.seen.replace(*tree) == Some(*tree) {
            return Ok(());
        }
        let (files, directories) = (&self.files, &mut self.directories);
        trees.each(tree, |name, mode, id| {
            match mode {
                Some(mode) => {
                    for index in files.get(name).into_iter().flatten() {
                        tell(*index, mode, id);
                    }
                }
                None => {
                    if let Some(below) = directories.get_mut(name) {
                        below.look(trees, &id, tell)?;
                    }
                }
            }
            Ok(())
        })
    }
}

impl Repo {
    /// For each change the newest commit among the last `most` that had what it puts there, in the same
    /// mode and at the same path; `None` if none had, or for a deletion. Commits are counted from `base`
    /// along first parents. A history that ends early, or can't be read further, restores nothing more.
    pub(crate) fn restored(
        &self,
        base: &Oid,
        changes: &[&Change],
        most: usize,
    ) -> Vec<Option<Oid>> {
        let mut found = vec![None; changes.len()];
        let mut wanted = Wanted::default();
        let mut left = 0;
        for (index, change) in changes.iter().enumerate() {
            if let Some(new) = change.new() {
                wanted.add(new.path.as_bytes(), index);
                left += 1;
            }
        }
        let objects = self.objects();
        let trees = Trees::new(&objects, self.empty_tree());
        let mut next = Some(*base);
        for _ in 0..most {
            let Some(id) = next.filter(|_| left > 0) else {
                break;
            };
            let Ok(commit) = CommitText::read(&objects, &id) else {
                break;
            };
            let looked = wanted.look(&trees, &commit.tree, &mut |index, mode, blob| {
                let new = changes[index].new();
                let same = new.is_some_and(|new| new.id == blob && new.mode == mode);
                if same && found[index].is_none() {
                    found[index] = Some(id);
                    left -= 1;
                }
            });
            if looked.is_err() {
                break;
            }
            next = commit.parents.first().copied();
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::Fixture;
    use super::*;
    use crate::diff::Entry;

    const FAR: usize = 100;

    struct History {
        fixture: Fixture,
        /// The commits of `main`, the oldest first.
        commits: Vec<Oid>,
    }

    /// `a/b/file` holds its number in each of four commits; `side` is not on the way of first parents.
    fn history() -> History {
        let fixture = Fixture::new();
        let mut commits = Vec::new();
        for number in 0..4 {
            fixture.write("a/b/file", format!("{number}\n"));
            fixture.write("other", format!("{}\n", number / 2));
            commits.push(fixture.commit());
        }
        fixture.git(&["checkout", "-q", "-b", "side", &commits[2].to_string()]);
        fixture.write("a/b/file", "side\n");
        fixture.commit();
        fixture.git(&["checkout", "-q", "main"]);
        fixture.git(&["merge", "-q", "-s", "ours", "-m", "merge", "side"]);
        commits.push(fixture.id("HEAD"));
        History { fixture, commits }
    }

    impl History {
        fn restored(&self, path: &str, text: &str, most: usize) -> Option<Oid> {
            self.fixture.write(path, text);
            let head = self.fixture.commit();
            let repo = self.fixture.repo();
            let base = self.commits[4];
            let (old, new) = (repo.tree_of(&base).unwrap(), repo.tree_of(&head).unwrap());
            let changes = repo.changes(&old, &new).unwrap();
            let changes: Vec<&Change> = changes.iter().collect();
            let found = repo.restored(&base, &changes, most);
            self.fixture
                .git(&["reset", "-q", "--hard", &base.to_string()]);
            found[0]
        }
    }

    #[test]
    fn what_a_path_held_before_is_restored_from_the_newest_commit_that_had_it() {
        let history = history();
        let commits = &history.commits;
        let found = |path, text| history.restored(path, text, FAR);
        assert_eq!(found("a/b/file", "2\n"), Some(commits[2]));
        assert_eq!(found("a/b/file", "0\n"), Some(commits[0]));
        assert_eq!(found("other", "0\n"), Some(commits[1]));
        assert_eq!(found("a/b/file", "2\n\n"), None, "almost the same");
        assert_eq!(found("a/file", "2\n"), None, "elsewhere");
        assert_eq!(found("a/b/file", "side\n"), None, "only on a side branch");
    }

    #[test]
    fn the_history_is_searched_so_far_and_no_further() {
        let history = history();
        let found = |most| history.restored("a/b/file", "1\n", most);
        // The merge, and the commits 3, 2 and 1.
        assert_eq!(found(3), None);
        assert_eq!(found(4), Some(history.commits[1]));
        assert_eq!(found(0), None);
    }

    #[test]
    fn another_mode_and_a_deletion_restore_nothing() {
        let history = history();
        let base = history.commits[4];
        let repo = history.fixture.repo();
        let entry = |commit: Oid| {
            let tree = repo.tree_of(&commit).unwrap();
            repo.entry(&tree, &"a/b/file".into()).unwrap().unwrap()
        };
        let (now, before) = (entry(base), entry(history.commits[0]));
        let modified = |new: Entry| Change::Modified {
            old: now.clone(),
            new,
        };
        let executable = Entry {
            mode: Mode::Executable,
            ..before.clone()
        };
        let changes = [
            modified(executable),
            Change::Deleted(now.clone()),
            modified(before),
        ];
        let changes: Vec<&Change> = changes.iter().collect();
        let found = repo.restored(&base, &changes, FAR);
        assert_eq!(found, [None, None, Some(history.commits[0])]);
    }

    #[test]
    fn a_history_that_cannot_be_read_restores_nothing() {
        let history = history();
        let repo = history.fixture.repo();
        let nowhere = Oid::from_hex(&"1".repeat(40)).unwrap();
        let tree = repo.tree_of(&history.commits[0]).unwrap();
        let entry = repo.entry(&tree, &"a/b/file".into()).unwrap().unwrap();
        let change = Change::Added(entry);
        assert_eq!(repo.restored(&nowhere, &[&change], FAR), [None]);
        assert!(repo.restored(&history.commits[4], &[&change], FAR)[0].is_some());
    }
}
