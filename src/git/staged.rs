//! Compares HEAD's tree with the index, skipping directories that the index knows to be unchanged.
//! Reading the index file is `index`'s, the files on disk are left to `worktree`.

use anyhow::{Context, Result, bail};
use gix::index::entry::{Flags, Mode as IndexMode, Stage};
use gix::index::extension::Tree as CacheTree;

use crate::diff::{Change, Entry, Oid, RepoPath};

use super::Repo;
use super::index::{Entries, Index};
use super::objects::plain;
use super::trees::{DEEPEST, TreeEntry, Trees, kind};

/// What stands in the index against HEAD.
#[derive(Debug)]
pub(crate) struct Staged {
    /// What a commit would change, sorted by path, renames found.
    pub(crate) changes: Vec<Change>,
    /// Paths with an unresolved conflict; they are in no change.
    pub(crate) unmerged: Vec<RepoPath>,
}

impl Repo {
    /// What is staged: the index against HEAD. A path added with `--intent-to-add` is not there.
    pub(crate) fn staged(&self) -> Result<Staged> {
        let index = self.index()?;
        let mut staged = self.staged_in(&index)?;
        staged.changes = self.pair_renames(staged.changes);
        Ok(staged)
    }

    /// An index against HEAD, without renames.
    pub(in crate::git) fn staged_in(&self, index: &Index) -> Result<Staged> {
        let base_tree = match self.head()?.tip() {
            Some(commit) => self.tree_of(&commit)?,
            None => self.empty_tree(),
        };
        let objects = self.objects();
        let trees = Trees::new(&objects, self.empty_tree());
        let mut walk = Walk {
            index,
            entries: index.entries(),
            trees: &trees,
            depth: 0,
            changes: Vec::new(),
            unmerged: Vec::new(),
        };
        walk.compare(b"", Some(&base_tree), 0..index.len(), index.cache())?;
        let Walk {
            mut changes,
            unmerged,
            ..
        } = walk;
        changes.sort_by(|a, b| a.path().cmp(b.path()));
        Ok(Staged { changes, unmerged })
    }
}

struct Walk<'a> {
    index: &'a Index,
    entries: Entries<'a>,
    trees: &'a Trees<'a>,
    depth: usize,
    changes: Vec<Change>,
    unmerged: Vec<RepoPath>,
}

/// A file or directory of the index, directly below the directory that is compared.
struct Item {
    name_end: usize,
    directory: bool,
    range: std::ops::Range<usize>,
}

impl<'a> Walk<'a> {
    fn path(&self, at: usize) -> &'a [u8] {
        self.index.path(at)
    }

    /// Compares a directory of the tree with the entries of the index below `prefix`, which is
    /// empty or ends in a slash.
    fn compare(
        &mut self,
        prefix: &[u8],
        tree: Option<&Oid>,
        range: std::ops::Range<usize>,
        cached: Option<&CacheTree>,
    ) -> Result<()> {
        if let (Some(tree), Some(cached)) = (tree, cached)
            && cached
                .num_entries
                .is_some_and(|count| count as usize == range.len())
            && plain(&cached.id) == *tree
        {
            return Ok(());
        }
        if self.depth >= DEEPEST {
            bail!("directories are nested deeper than {DEEPEST}");
        }
        self.depth += 1;
        let entries = tree.map_or_else(|| Ok(Vec::new()), |tree| self.trees.read(tree))?;
        let mut entries = entries.into_iter().peekable();
        let mut at = range.start;
        loop {
            let item = (at < range.end).then(|| self.item(prefix, at, range.end, cached));
            let key = item.as_ref().map(|item| {
                let name = &self.path(at)[prefix.len()..item.name_end];
                name.iter().copied().chain(item.directory.then_some(b'/'))
            });
            let order = match (entries.peek(), key) {
                (None, None) => break,
                (Some(_), None) => std::cmp::Ordering::Less,
                (None, Some(_)) => std::cmp::Ordering::Greater,
                (Some(entry), Some(key)) => entry.sort_key().cmp(key),
            };
            let gone = if order.is_le() { entries.next() } else { None };
            match item.filter(|_| order.is_ge()) {
                Some(item) => {
                    at = item.range.end;
                    self.item_against(prefix, gone, item, cached)?;
                }
                None => self.deleted(prefix, gone)?,
            }
        }
        self.depth -= 1;
        Ok(())
    }

    /// The file or directory that starts at an entry.
    fn item(&self, prefix: &[u8], at: usize, end: usize, cached: Option<&CacheTree>) -> Item {
        let path = self.path(at);
        let Some(slash) = memchr::memchr(b'/', &path[prefix.len()..]) else {
            let same = (at..end)
                .take_while(|other| self.path(*other) == path)
                .count();
            return Item {
                name_end: path.len(),
                directory: false,
                range: at..at + same,
            };
        };
        let name_end = prefix.len() + slash;
        let directory = &path[..=name_end];
        let guess = child(cached, &path[prefix.len()..name_end])
            .and_then(|child| child.num_entries)
            .map(|count| at + count as usize)
            .filter(|guess| {
                (at + 1..=end).contains(guess)
                    && self.path(guess - 1).starts_with(directory)
                    && (*guess == end || !self.path(*guess).starts_with(directory))
            });
        let last = guess.unwrap_or_else(|| {
            self.index
                .end_of(at..end, |path| path.starts_with(directory))
        });
        Item {
            name_end,
            directory: true,
            range: at..last,
        }
    }

    /// An item of the index against the tree entry of its name, if there is one.
    fn item_against(
        &mut self,
        prefix: &[u8],
        old: Option<TreeEntry>,
        item: Item,
        cached: Option<&CacheTree>,
    ) -> Result<()> {
        let path = self.path(item.range.start);
        if item.directory {
            let directory = &path[..=item.name_end];
            let tree = old.map(|old| old.id);
            let is_alone = path == directory && item.range.len() == 1;
            let first = is_alone.then(|| self.entries.at(item.range.start));
            if let Some(first) = first.transpose()?
                && first.mode == IndexMode::DIR
            {
                let below = &path[..item.name_end];
                let found = self
                    .trees
                    .differences_at(below, tree.as_ref(), Some(&first.id))?;
                self.changes.extend(found);
                return Ok(());
            }
            if path == directory {
                bail!(
                    "the index is damaged: two things at {:?}",
                    RepoPath::new(path)
                );
            }
            let cached = child(cached, &path[prefix.len()..item.name_end]);
            return self.compare(directory, tree.as_ref(), item.range, cached);
        }
        let entry = self.entries.at(item.range.start)?;
        if entry.stage() != Stage::Unconflicted {
            self.unmerged.push(RepoPath::new(path));
            return Ok(());
        }
        if entry.flags.contains(Flags::INTENT_TO_ADD) {
            return self.deleted(prefix, old);
        }
        let new = Entry {
            path: RepoPath::new(path),
            mode: kind(entry.mode.bits())
                .with_context(|| format!("the index is damaged: a directory at {path:?}"))?,
            id: entry.id,
        };
        match old.and_then(|old| old.at(path)) {
            Some(old) if old == new => {}
            Some(old) => self.changes.push(Change::Modified { old, new }),
            None => self.changes.push(Change::Added(new)),
        }
        Ok(())
    }

    /// A tree entry that the index does not have.
    fn deleted(&mut self, prefix: &[u8], old: Option<TreeEntry>) -> Result<()> {
        let Some(old) = old else {
            return Ok(());
        };
        let path = [prefix, &old.name].concat();
        if let Some(entry) = old.at(&path) {
            self.changes.push(Change::Deleted(entry));
        } else {
            let found = self.trees.differences_at(&path, Some(&old.id), None)?;
            self.changes.extend(found);
        }
        Ok(())
    }
}

fn child<'c>(cached: Option<&'c CacheTree>, name: &[u8]) -> Option<&'c CacheTree> {
    let children = &cached?.children;
    // gix sorts them by name when it reads them.
    children
        .binary_search_by(|child| child.name.as_slice().cmp(name))
        .ok()
        .map(|at| &children[at])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diff::unified;
    use crate::git::ReadLimits;
    use crate::git::fixture::Fixture;

    /// The patch of what is staged, as we read it, is git's.
    fn assert_same(fixture: &Fixture, situation: &str) {
        let repo = fixture.repo();
        let staged = repo.staged().unwrap();
        let limits = ReadLimits {
            abbreviate: true,
            ..ReadLimits::default()
        };
        let ours = repo
            .read_patches(&staged.changes, &limits, |_, change, patch| {
                let mut text = Vec::new();
                unified::write(change, patch, unified::Names::Ascii, &mut text).unwrap();
                text
            })
            .unwrap()
            .concat();
        let theirs = fixture.git(&["diff", "--cached", "-M", "--no-ext-diff", "--no-textconv"]);
        assert_eq!(
            String::from_utf8_lossy(&ours),
            String::from_utf8_lossy(&theirs),
            "{situation}"
        );
    }

    fn many(fixture: &Fixture) {
        for directory in ["a", "a/b", "a/b/c", "b", "a.d"] {
            for file in 0..5 {
                let content = format!("{directory}\n{file}\nx\ny\nz\n");
                fixture.write(&format!("{directory}/{file}"), content);
            }
        }
        fixture.write("top", "top\n");
    }

    fn edit(fixture: &Fixture) {
        fixture.write("a/b/1", "changed\n");
        fixture.write("a/b/c/new", "new\n");
        fixture.write("zz/deep/er", "new\n");
        fixture.git(&["rm", "-rq", "b", "a.d/3"]);
        fixture.git(&["mv", "a/4", "a.d/moved"]);
        fixture.git(&["rm", "-q", "top"]);
        fixture.write("top/now/a/directory", "file\n");
        fixture.git(&["add", "-A"]);
    }

    #[test]
    fn staged_changes_are_git_s_in_every_index_format() {
        for version in ["2", "3", "4"] {
            let fixture = Fixture::new();
            assert_same(&fixture, "nothing at all");
            many(&fixture);
            fixture.git(&["add", "-A"]);
            assert_same(&fixture, "before the first commit");
            fixture.commit();
            fixture.git(&["update-index", "--index-version", version]);
            assert_same(&fixture, "nothing staged");
            edit(&fixture);
            assert_same(&fixture, version);
            fixture.git(&["write-tree"]);
            assert_same(&fixture, "with a valid cache tree");
        }
    }

    #[test]
    fn an_index_without_checksum_or_with_other_extensions_is_read() {
        let fixture = Fixture::new();
        fixture.git(&["config", "index.skipHash", "true"]);
        fixture.git(&["config", "core.untrackedCache", "true"]);
        many(&fixture);
        fixture.commit();
        fixture.git(&["status"]);
        edit(&fixture);
        assert_same(&fixture, "no checksum, untracked cache");
        fixture.git(&["checkout", "-q", "--detach"]);
        fixture.git(&["update-index", "--force-untracked-cache"]);
        assert_same(&fixture, "detached");
    }

    #[test]
    fn an_index_nested_without_end_is_an_error() {
        let fixture = Fixture::new();
        many(&fixture);
        fixture.commit();
        let blob = fixture.id("HEAD:top");
        let nested = |depth: usize| {
            let line = format!("100644 {blob} 0\t{}file\n", "a/".repeat(depth));
            fixture.feed(&["update-index", "--index-info"], line.as_bytes());
            fixture.repo().staged()
        };
        assert_eq!(nested(DEEPEST - 1).unwrap().changes.len(), 1);
        let error = nested(DEEPEST).unwrap_err();
        assert!(error.to_string().contains("nested deeper"), "{error:#}");
    }

    #[test]
    fn directories_that_the_cache_tree_does_not_know_are_compared() {
        for edited in ["top", "a/1", "a/b/1", "a/b/c/1"] {
            let fixture = Fixture::new();
            many(&fixture);
            fixture.commit();
            fixture.write(edited, "edited\n");
            fixture.git(&["add", edited]);
            assert_same(&fixture, edited);
            fixture.git(&["reset", "-q", "--soft", "HEAD"]);
            fixture.git(&["read-tree", "HEAD"]);
            fixture.git(&["update-index", "--add", "--remove", "b/1"]);
            assert_same(&fixture, "read again");
        }
    }

    #[test]
    fn split_and_sparse_indices_are_read() {
        let fixture = Fixture::new();
        many(&fixture);
        fixture.commit();
        fixture.git(&["update-index", "--split-index"]);
        edit(&fixture);
        assert_same(&fixture, "split");

        let fixture = Fixture::new();
        many(&fixture);
        let first = fixture.commit();
        fixture.write("a/b/c/2", "other\n");
        fixture.write("a/b/c/below/it", "other\n");
        fixture.commit();
        fixture.git(&["sparse-checkout", "set", "--cone", "--sparse-index", "b"]);
        assert_same(&fixture, "sparse");
        fixture.git(&["reset", "-q", "--soft", &first.to_string()]);
        assert_same(&fixture, "sparse directories that differ");
    }

    #[test]
    fn intent_to_add_is_absent_and_conflicts_are_named() {
        let fixture = Fixture::new();
        many(&fixture);
        fixture.commit();
        fixture.write("a/b/later", "later\n");
        fixture.git(&["add", "-N", "a/b/later"]);
        assert_same(&fixture, "intent to add");

        fixture.git(&["rm", "-q", "--cached", "a/b/later"]);
        let blob = fixture.id("HEAD:a/b/1");
        let stages = format!("0 {blob}\ta/b/1\n100644 {blob} 1\ta/b/1\n100644 {blob} 2\ta/b/1\n");
        fixture.feed(&["update-index", "--index-info"], stages.as_bytes());
        let found = fixture.repo().staged().unwrap();
        assert_eq!(found.unmerged, [RepoPath::from("a/b/1")]);
        assert_eq!(found.changes, []);
    }

    #[test]
    fn a_cache_tree_that_lies_about_its_size_is_not_believed() {
        let fixture = Fixture::new();
        many(&fixture);
        fixture.commit();
        fixture.git(&["write-tree"]);
        edit(&fixture);
        fixture.git(&["write-tree"]);
        let path = fixture.root().join(".git/index");
        let good = std::fs::read(&path).unwrap();
        let start = good.windows(4).position(|four| four == b"TREE").unwrap();
        for at in start + 8..good.len() - 20 {
            for digit in b"0129" {
                if good[at].is_ascii_digit() && good[at] != *digit {
                    let mut bad = good.clone();
                    bad[at] = *digit;
                    #[expect(clippy::disallowed_methods, reason = "a test damages its own index")]
                    std::fs::write(&path, bad).unwrap();
                    if let Ok(staged) = fixture.repo().staged() {
                        assert!(staged.changes.len() > 5, "{at}");
                    }
                }
            }
        }
    }
}
