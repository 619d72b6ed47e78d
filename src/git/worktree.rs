//! Compares the files on disk with the index, and so with HEAD, without running any filter.
//! What stands in the index against HEAD is found by `staged`; single files are looked at by `scan`.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, anyhow};

use crate::diff::{Change, Entry, RepoPath};
use crate::error::HintExt;
use crate::parallel::in_parallel_with;

use super::Repo;
use super::index::{BLOCK, Index};
use super::objects::FileBlobs;
use super::place::belongs;
use super::scan::{Difference, Rules, Scan};
use super::staged::Staged;

/// Entries a thread takes at once.
const JOB: usize = BLOCK;
/// What looking at one file on disk costs, a comparison of numbers being one.
const LOOKING: usize = 64;

/// What stands in the files against HEAD, staged or not.
#[derive(Debug)]
pub(crate) struct Worktree {
    /// What committing everything would change, sorted by path, renames found. Ids of new contents
    /// are those that they would have; this [`Repo`] reads them from the files, or says why it can't.
    pub(crate) changes: Vec<Change>,
    /// Paths with an unresolved conflict; they are in no change.
    pub(crate) unmerged: Vec<RepoPath>,
    /// Files that count as unchanged whatever stands in them.
    pub(crate) masked: Masked,
}

/// Files that the index marks `assume-unchanged` or `skip-worktree`: Git doesn't compare them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Masked {
    /// How many carry a mark.
    pub(crate) marked: usize,
    /// How many of these differ from the index all the same. One that is left out of a sparse
    /// checkout does not.
    pub(crate) edited: usize,
}

impl Repo {
    /// The files of the work tree against HEAD; with `untracked` also those that are neither tracked
    /// nor ignored. Line ends are converted as the settings say; a file under a filter driver is
    /// compared as it stands. A submodule counts by the commit it stands on.
    pub(crate) fn worktree(&self, untracked: bool) -> Result<Worktree> {
        let known = self.files_stand_in.as_deref();
        let root = known
            .or(self.work_tree())
            .context("the repository has no work tree")
            .hint("name commits to review, as in `--range A..B`")?;
        // Only the user's environment and the place of the repository are believed.
        let is_named = self.work_tree_is_named || known.is_some();
        if !is_named && !belongs(root, &self.git_dir) {
            return Err(anyhow!(
                "the repository claims the files in `{}`, which are not its own",
                root.display()
            ))
            .hint("if they are, say so with `GIT_WORK_TREE`; else look at `core.worktree`");
        }
        let index = if untracked && self.folds_names()? {
            Index::decode(&self.raw().index_path(), self.raw().object_hash())?
        } else {
            self.index()?
        };
        let Staged { changes, unmerged } = self.staged_in(&index)?;
        let mut sides: BTreeMap<RepoPath, (Option<Entry>, Option<Entry>)> = changes
            .into_iter()
            .map(|change| {
                let sides = (change.old().cloned(), change.new().cloned());
                (change.path().clone(), sides)
            })
            .collect();
        let index = self.with_left_out_files(root, index)?;
        let mut found = self.compare_tracked(root, &index)?;
        if untracked {
            found.extend(self.look_at_untracked(root, &index)?);
        }
        let mut files = FileBlobs::new();
        for difference in found {
            let Difference { path, indexed, now } = difference;
            let new = now.map(|now| {
                if let Some(file) = now.file {
                    files.insert(now.entry.id, file);
                }
                now.entry
            });
            let sides = sides.entry(path).or_insert((indexed, None));
            sides.1 = new;
        }
        let masked = self.count_masked(root, &index)?;
        drop(index);
        self.compared(files);
        let changes = sides
            .into_values()
            .filter_map(|sides| match sides {
                (Some(old), Some(new)) => (old != new).then_some(Change::Modified { old, new }),
                (Some(old), None) => Some(Change::Deleted(old)),
                (None, Some(new)) => Some(Change::Added(new)),
                (None, None) => None,
            })
            .collect();
        Ok(Worktree {
            changes: self.pair_renames(changes),
            unmerged,
            masked,
        })
    }

    /// The files that are not compared.
    fn count_masked(&self, root: &Path, index: &Index) -> Result<Masked> {
        let mut count = Masked::default();
        if index.masked().len() > 0 {
            let mut scan = Scan::new(root, Rules::of(self, index)?, index, &self.share());
            for at in index.masked() {
                let hidden = scan.hides_an_edit(at)?;
                count.marked += usize::from(hidden.is_some());
                count.edited += usize::from(hidden == Some(true));
            }
        }
        Ok(count)
    }

    /// The tracked files that differ from the index.
    fn compare_tracked(&self, root: &Path, index: &Index) -> Result<Vec<Difference>> {
        let rules = Rules::of(self, index)?;
        let entries = index.len();
        let jobs: Vec<_> = (0..entries)
            .step_by(JOB)
            .map(|first| first..entries.min(first + JOB))
            .collect();
        let shared = self.share();
        let found = in_parallel_with(
            &jobs,
            JOB * LOOKING,
            || Scan::new(root, rules, index, &shared),
            |scan, job| {
                let looked = job.clone().filter_map(|entry| scan.look(entry).transpose());
                looked.collect::<Result<Vec<Difference>>>()
            },
        );
        let found: Vec<Vec<Difference>> = found.into_iter().collect::<Result<_>>()?;
        Ok(found.into_iter().flatten().collect())
    }

    /// The files that are neither tracked nor ignored.
    fn look_at_untracked(&self, root: &Path, index: &Index) -> Result<Vec<Difference>> {
        let mut scan = Scan::new(root, Rules::of(self, index)?, index, &self.share());
        let paths = self.untracked(root, index)?.into_iter();
        Ok(paths.filter_map(|path| scan.untracked(path)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diff::{Content, unified};
    use crate::git::ReadLimits;
    use crate::git::fixture::Fixture;

    fn ours(repo: &Repo, untracked: bool) -> String {
        let changes = unified::as_printed(repo.worktree(untracked).unwrap().changes);
        let limits = ReadLimits {
            abbreviate: true,
            ..ReadLimits::default()
        };
        let texts = repo.read_patches(&changes, &limits, |_, change, patch| {
            let mut text = Vec::new();
            unified::write(change, patch, unified::Names::Ascii, &mut text).unwrap();
            text
        });
        String::from_utf8_lossy(&texts.unwrap().concat()).into_owned()
    }

    /// The patch of the work tree is git's.
    fn assert_same(fixture: &Fixture, situation: &str) {
        let theirs = fixture.git(&["diff", "HEAD", "-M", "--no-ext-diff", "--no-textconv"]);
        let theirs = String::from_utf8_lossy(&theirs).into_owned();
        assert_eq!(ours(&fixture.repo(), false), theirs, "{situation}");
    }

    fn files() -> Fixture {
        let fixture = Fixture::new();
        for file in 0..30 {
            fixture.write(
                &format!("d{}/{file}", file % 4),
                format!("{file}\n").repeat(9),
            );
        }
        fixture.write("top", "top\n");
        fixture.write("crlf", "a\r\nb\r\n");
        fixture.commit();
        fixture
    }

    fn remove(fixture: &Fixture, path: &str) {
        #[expect(clippy::disallowed_methods, reason = "a test edits its own repository")]
        std::fs::remove_file(fixture.root().join(path)).unwrap();
    }

    #[test]
    fn what_a_sparse_checkout_left_out_is_compared_where_it_stands() {
        let mut with_untracked = String::new();
        for form in ["--no-sparse-index", "--sparse-index"] {
            let fixture = files();
            fixture.write("d1/below/deep", "deep\n");
            fixture.commit();
            fixture.git(&["sparse-checkout", "set", "--cone", form, "d0"]);
            assert_same(&fixture, "nothing stands outside");
            let masked = |fixture: &Fixture| fixture.repo().worktree(false).unwrap().masked;
            let left_out = masked(&fixture);
            assert_eq!(left_out.edited, 0);
            fixture.write("d1/5", "edited\n");
            fixture.write("d1/9", "9\n".repeat(9));
            fixture.write("d2/2", "2\n".repeat(8));
            fixture.write("d1/below/new", "nobody's\n");
            fixture.write("d3", "a file for a directory\n");
            // Before Git takes note in the index of what stands there.
            fixture.git(&["config", "sparse.expectFilesOutsideOfPatterns", "true"]);
            assert_same(&fixture, "expected outside");
            assert!(!ours(&fixture.repo(), false).contains("+edited"), "{form}");
            fixture.git(&["config", "--unset", "sparse.expectFilesOutsideOfPatterns"]);
            let before = ours(&fixture.repo(), false);
            assert_eq!(masked(&fixture).edited, 0, "{form}");
            // Those that are there are compared, and so not counted among those that are not.
            let still = masked(&fixture).marked;
            assert!(
                form == "--sparse-index" || still == left_out.marked - 3,
                "{still}"
            );
            assert_same(&fixture, form);
            assert_eq!(ours(&fixture.repo(), false), before, "{form}");
            assert!(ours(&fixture.repo(), false).contains("+edited"), "{form}");

            remove(&fixture, "d3");
            let all = ours(&fixture.repo(), true);
            assert!(
                all.contains("+nobody's") && all.contains("+edited"),
                "{all}"
            );
            if form == "--no-sparse-index" {
                // With a sparse index Git 2.47 puts files into it several times.
                fixture.git(&["add", "--sparse", "-N", "."]);
                let theirs = fixture.git(&["diff", "HEAD", "-M", "--no-ext-diff", "--no-textconv"]);
                with_untracked = String::from_utf8_lossy(&theirs).into_owned();
            }
            assert_eq!(all, with_untracked, "{form}");
        }
    }

    #[test]
    fn edits_deletions_and_staged_changes_are_git_s() {
        let fixture = files();
        assert_same(&fixture, "clean");
        fixture.write("d1/1", "edited\n");
        assert_same(&fixture, "edited");
        fixture.git(&["add", "d1/1"]);
        fixture.write("d1/1", "edited again\n");
        fixture.write("d2/new", "new\n");
        fixture.git(&["add", "d2/new"]);
        remove(&fixture, "d2/2");
        assert_same(&fixture, "staged and edited");
        fixture.write("d1/1", "1\n".repeat(9));
        assert_same(&fixture, "edited back");
        remove(&fixture, "d2/new");
        assert_same(&fixture, "added and gone");
        fixture.git(&["rm", "-q", "--cached", "d3/3"]);
        assert_same(&fixture, "only in the work tree");
        fixture.git(&["mv", "d0/0", "moved"]);
        fixture.write("moved", "0\n".repeat(8));
        assert_same(&fixture, "moved and edited");
        fixture.write("later", "later\n");
        fixture.git(&["add", "-N", "later"]);
        assert_same(&fixture, "intent to add");
        fixture.git(&["update-index", "--assume-unchanged", "top"]);
        fixture.git(&["update-index", "--skip-worktree", "d1/5"]);
        fixture.write("top", "hidden\n");
        remove(&fixture, "d1/5");
        assert_same(&fixture, "assumed unchanged");
        let masked = |marked, edited| Masked { marked, edited };
        let found = || fixture.repo().worktree(false).unwrap().masked;
        assert_eq!(found(), masked(2, 1), "one edited, one left out");
        fixture.write("d1/5", "hidden\n");
        assert_eq!(found(), masked(2, 2));
        fixture.git(&["update-index", "--no-assume-unchanged", "top"]);
        assert_eq!(found(), masked(1, 1));
    }

    #[test]
    fn a_file_changed_within_the_second_of_the_index_is_seen() {
        let fixture = files();
        let index = std::fs::metadata(fixture.root().join(".git/index")).unwrap();
        let path = fixture.root().join("d1/1");
        let before = std::fs::metadata(&path).unwrap();
        fixture.write("d1/1", "X\n".repeat(9));
        assert_eq!(std::fs::metadata(&path).unwrap().len(), before.len());
        let file = std::fs::File::options().write(true).open(&path).unwrap();
        file.set_modified(index.modified().unwrap()).unwrap();
        assert!(ours(&fixture.repo(), false).contains("+X\n"));
    }

    #[cfg(unix)]
    #[test]
    fn modes_links_and_directories_in_the_way_are_git_s() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let fixture = files();
        let at = |path: &str| fixture.root().join(path);
        std::fs::set_permissions(at("d1/1"), PermissionsExt::from_mode(0o755)).unwrap();
        assert_same(&fixture, "executable");
        fixture.git(&["config", "core.fileMode", "false"]);
        assert_same(&fixture, "executables do not count");
        fixture.git(&["config", "core.fileMode", "true"]);
        remove(&fixture, "d1/1");
        symlink("d2/2", at("d1/1")).unwrap();
        assert_same(&fixture, "link for file");
        remove(&fixture, "top");
        std::fs::create_dir(at("top")).unwrap();
        assert_same(&fixture, "directory for file");
        #[expect(clippy::disallowed_methods, reason = "a test edits its own repository")]
        std::fs::rename(at("d3"), at("elsewhere")).unwrap();
        symlink("elsewhere", at("d3")).unwrap();
        assert_same(&fixture, "link for directory");
        fixture.git(&["init", "-q", "sub"]);
        std::fs::create_dir_all(at("d2/nested")).unwrap();
        assert_same(&fixture, "a repository inside");
    }

    #[test]
    fn line_ends_are_converted_as_git_does() {
        let fixture = files();
        let texts = ["lf", "crlf", "mixed", "bin", "sub/lf"];
        let attributes = [
            "",
            "* text=auto\n",
            "* text\n",
            "* -text\n",
            "* text=auto eol=crlf\n",
            "* eol=lf\n",
            "lf crlf\nmixed text=auto\nbin -crlf\n",
            "* text=auto\nsub/* -text\n",
        ];
        for text in texts {
            fixture.write(text, "a\nb\n");
        }
        fixture.commit();
        for auto in ["false", "true", "input"] {
            for attributes in attributes {
                fixture.git(&["config", "core.autocrlf", auto]);
                fixture.write(".gitattributes", attributes);
                fixture.write("lf", "a\r\nb\r\n");
                fixture.write("crlf", "a\r\nb\r\nc\r\n");
                fixture.write("mixed", "a\r\nb\nc\rd\n");
                fixture.write("bin", "a\r\nb\0\r\n");
                fixture.write("sub/lf", "a\r\nc\r\n");
                assert_same(&fixture, &format!("{auto} {attributes}"));
            }
        }
    }

    #[test]
    fn attributes_that_only_the_index_has_count_for_line_ends() {
        let fixture = files();
        fixture.write(".gitattributes", "/lf text=auto\n");
        for directory in ["sub", "sub/own", "other"] {
            fixture.write(&format!("{directory}/.gitattributes"), "lf text=auto\n");
        }
        let texts = ["lf", "sub/lf", "sub/own/lf", "other/lf"];
        for text in texts {
            fixture.write(text, "a\nb\n");
        }
        fixture.commit();
        let edit = || {
            for text in texts {
                fixture.write(text, "a\r\nB\r\n");
            }
        };
        edit();
        assert_same(&fixture, "in files");
        remove(&fixture, ".gitattributes");
        remove(&fixture, "sub/.gitattributes");
        // A file counts before the index.
        fixture.write("sub/own/.gitattributes", "lf -text\n");
        assert_same(&fixture, "in the index");
        let patch = ours(&fixture.repo(), false);
        assert_eq!(patch.matches("\n+B\n").count(), 3, "{patch}");
        fixture.git(&["rm", "-q", "--cached", "other/.gitattributes"]);
        remove(&fixture, "other/.gitattributes");
        assert_same(&fixture, "nowhere");
        let patch = ours(&fixture.repo(), false);
        assert_eq!(patch.matches("\n+B\n").count(), 2, "{patch}");

        fixture.git(&["reset", "-q", "--hard"]);
        fixture.git(&["sparse-checkout", "set", "--no-cone", "lf"]);
        assert!(!fixture.root().join(".gitattributes").exists());
        edit();
        assert_same(&fixture, "left out of a sparse checkout");

        // They decide about nothing else.
        let fixture = files();
        fixture.write(".gitattributes", "* -diff\n");
        fixture.commit();
        remove(&fixture, ".gitattributes");
        fixture.write("top", "edited\n");
        assert!(ours(&fixture.repo(), false).contains("+edited\n"));
    }

    #[test]
    fn no_filter_is_run() {
        let fixture = files();
        let trap = fixture.root().join("ran");
        let command = format!("touch {}; cat", trap.display());
        for driver in [
            "filter.evil.clean",
            "filter.evil.process",
            "diff.evil.textconv",
        ] {
            fixture.git(&["config", driver, &command]);
        }
        fixture.git(&["config", "core.fsmonitor", &command]);
        fixture.write(".gitattributes", "* filter=evil diff=evil text=auto\n");
        fixture.write("d1/1", "edited\r\n");
        let patch = ours(&fixture.repo(), true);
        assert!(patch.contains("+edited\n") && patch.contains("b/.gitattributes"));
        assert!(!trap.exists());
    }

    #[test]
    fn untracked_files_are_those_of_git() {
        let fixture = files();
        fixture.write(".gitignore", "*.log\nbuild/\n!keep.log\n");
        fixture.write("a.log", "");
        fixture.write("deep/keep.log", "x\n");
        fixture.write("build/out", "x\n");
        fixture.write("deep/er/new file", "x\n");
        fixture.write("d1/new", "x\n");
        fixture.git(&["init", "-q", "other"]);
        fixture.write("other/file", "x\n");
        fixture.write(".git/info/exclude", "d2\n");
        fixture.write("d2/excluded", "x\n");
        let theirs = fixture.git(&["ls-files", "-o", "-z", "--exclude-standard"]);
        let theirs: Vec<RepoPath> = theirs
            .split(|byte| *byte == 0)
            .filter(|path| !path.is_empty() && !path.ends_with(b"/"))
            .map(RepoPath::new)
            .collect();
        let found = fixture.repo().worktree(true).unwrap();
        let ours: Vec<RepoPath> = found
            .changes
            .iter()
            .map(|change| change.path().clone())
            .collect();
        assert_eq!(ours, theirs);
        assert!(ours.len() > 3);
    }

    #[test]
    fn a_submodule_counts_by_its_commit() {
        let fixture = files();
        let other = files();
        other.write("more", "more\n");
        other.commit();
        let url = other.root().to_str().unwrap();
        fixture.git(&[
            "-c",
            "protocol.file.allow=always",
            "submodule",
            "add",
            "-q",
            url,
            "sub",
        ]);
        fixture.git(&["commit", "-qm", "submodule"]);
        assert_same(&fixture, "clean");
        fixture.write("sub/top", "dirty\n");
        assert_eq!(
            ours(&fixture.repo(), true),
            "",
            "dirty: only the pointer counts"
        );
        fixture.git(&["-C", "sub", "checkout", "-q", "-f", "HEAD~1"]);
        assert_same(&fixture, "moved");
        fixture.git(&["-C", "sub", "checkout", "-q", "--orphan", "new"]);
        assert_eq!(ours(&fixture.repo(), false), "", "without a commit");
        #[expect(clippy::disallowed_methods, reason = "a test edits its own repository")]
        std::fs::rename(fixture.root().join("sub"), fixture.root().join("away")).unwrap();
        assert_same(&fixture, "gone");
        std::fs::create_dir(fixture.root().join("sub")).unwrap();
        assert_same(&fixture, "not checked out");
    }

    #[test]
    fn a_submodule_whose_commit_can_t_be_read_is_named() {
        let fixture = files();
        for (name, format) in [("files", "files"), ("tables", "reftable")] {
            let format = format!("--ref-format={format}");
            fixture.git(&["init", "-q", &format, name]);
            fixture.git(&["-C", name, "commit", "-q", "--allow-empty", "-m", "one"]);
        }
        fixture.commit();
        for name in ["files", "tables"] {
            fixture.git(&["-C", name, "commit", "-q", "--allow-empty", "-m", "two"]);
        }
        let theirs = String::from_utf8(fixture.git(&["diff", "HEAD"])).unwrap();
        assert_eq!(theirs.matches("+Subproject").count(), 2, "both moved");
        let found = unread(&fixture, false);
        assert_eq!(named(&found), ["M tables"]);
        assert!(found[0].1.contains("`reftable`"), "{found:?}");
        remove(&fixture, "files/.git/HEAD");
        let found = unread(&fixture, true);
        assert_eq!(named(&found), ["M files", "M tables"], "{found:?}");
        let place = fixture.root().to_str().unwrap();
        assert!(!found[0].1.contains(place), "{found:?}");
        let patch = ours(&fixture.repo(), false);
        assert_eq!(patch.matches("\nUnreadable: it can't be told").count(), 2);
        assert!(!patch.contains("+Subproject"), "{patch}");
    }

    #[test]
    fn a_file_that_changes_after_the_comparison_is_unreadable() {
        let fixture = files();
        fixture.write("d1/1", "edited\n");
        let repo = fixture.repo();
        let found = repo.worktree(false).unwrap();
        fixture.write("d1/1", "EDITED\n");
        let unreadable =
            repo.read_patches(&found.changes, &ReadLimits::default(), |_, _, patch| {
                matches!(patch.content, Content::Unreadable(_))
            });
        assert_eq!(unreadable.unwrap(), [true]);
    }

    /// The paths whose content can't be read, each with the letter of its change, and why.
    fn unread(fixture: &Fixture, untracked: bool) -> Vec<(String, String)> {
        let repo = fixture.repo();
        let changes = repo.worktree(untracked).unwrap().changes;
        let found = repo.read_patches(&changes, &ReadLimits::default(), |_, change, patch| {
            let Content::Unreadable(why) = &patch.content else {
                return None;
            };
            let path = change.path().to_str_lossy();
            Some((format!("{} {path}", change.letter()), why.to_string()))
        });
        found.unwrap().into_iter().flatten().collect()
    }

    fn named(unread: &[(String, String)]) -> Vec<&str> {
        unread.iter().map(|(path, _)| path.as_str()).collect()
    }

    #[cfg(unix)]
    fn put_fifo(place: &Path) {
        use rustix::fs::{CWD, FileType, Mode, mknodat};
        mknodat(CWD, place, FileType::Fifo, Mode::RWXU, 0).unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn what_is_no_file_is_unreadable_and_not_deleted() {
        let fixture = files();
        for path in ["d1/1", "top", "d3/3"] {
            remove(&fixture, path);
        }
        put_fifo(&fixture.root().join("d1/1"));
        put_fifo(&fixture.root().join("untracked"));
        let top = fixture.root().join("top");
        let _socket = std::os::unix::net::UnixListener::bind(top).unwrap();
        for untracked in [false, true] {
            let found = unread(&fixture, untracked);
            assert_eq!(named(&found), ["M d1/1", "M top"], "{untracked}");
            assert!(found[0].1.contains("a pipe"), "{found:?}");
        }
        let patch = ours(&fixture.repo(), false);
        assert_eq!(patch.matches("deleted file").count(), 1, "only d3/3");

        // One that comes to stand there after the comparison is not waited for.
        let fixture = files();
        fixture.write("top", "edited\n");
        let repo = fixture.repo();
        let changes = repo.worktree(false).unwrap().changes;
        remove(&fixture, "top");
        put_fifo(&fixture.root().join("top"));
        let found = repo.read_patches(&changes, &ReadLimits::default(), |_, _, patch| {
            matches!(patch.content, Content::Unreadable(_))
        });
        assert_eq!(found.unwrap(), [true]);
    }

    #[cfg(unix)]
    #[test]
    fn what_can_t_be_looked_at_is_unreadable_and_not_deleted() {
        let fixture = files();
        let blob = fixture.id("HEAD:top");
        // No file system has such a name, so nobody can tell, whoever runs this test.
        let long = "x".repeat(300);
        for path in [long.clone(), format!("d1/{long}/below")] {
            let entry = format!("100755,{blob},{path}");
            fixture.git(&["update-index", "--add", "--cacheinfo", &entry]);
        }
        let found = unread(&fixture, true);
        assert_eq!(
            named(&found),
            [format!("A d1/{long}/below"), format!("A {long}")]
        );
        assert!(found[0].1.starts_with("it can't be looked at: "));
    }

    #[cfg(unix)]
    #[test]
    fn what_may_not_be_read_is_unreadable_and_not_deleted() {
        use std::io::Write;
        use std::os::unix::fs::PermissionsExt;
        let fixture = files();
        let allow = |path: &str, mode: u32| {
            let place = fixture.root().join(path);
            std::fs::set_permissions(place, PermissionsExt::from_mode(mode)).unwrap();
        };
        allow("top", 0);
        if std::fs::File::open(fixture.root().join("top")).is_ok() {
            // Past the harness, which keeps what tests that pass print to itself.
            let line = b"skipped: 1 test needs a user who may not read everything\n";
            std::io::stderr().write_all(line).unwrap();
            return;
        }
        assert_eq!(named(&unread(&fixture, false)), ["M top"]);
        fixture.write("new", "new\n");
        allow("new", 0);
        assert_eq!(named(&unread(&fixture, true)), ["A new", "M top"]);
        fixture.git(&["update-index", "--assume-unchanged", "top"]);
        let masked = fixture.repo().worktree(false).unwrap().masked;
        let expected = Masked {
            marked: 1,
            edited: 1,
        };
        assert_eq!(masked, expected, "nobody can tell that it is the same");

        fixture.write("d1/new", "new\n");
        let failed = |says: &str| {
            let error = format!("{:#}", fixture.repo().worktree(true).unwrap_err());
            assert!(error.contains(says) && error.contains("denied"), "{error}");
        };
        // Its files can be listed, but not looked at.
        allow("d1", 0o400);
        let found = unread(&fixture, false);
        let below = found.iter().filter(|(path, _)| path.starts_with("M d1/"));
        assert_eq!(below.count(), 8, "{found:?}");
        failed("cannot tell whether");
        // And the other way round.
        allow("d1", 0o100);
        assert_eq!(named(&unread(&fixture, false)), [""; 0]);
        failed("cannot list the files");
        allow("d1", 0o700);

        fixture.git(&["sparse-checkout", "set", "--cone", "--sparse-index", "d0"]);
        fixture.write("d2/2", "edited\n");
        allow("d2", 0);
        let found = unread(&fixture, false);
        assert!(named(&found).contains(&"M d2/2"), "{found:?}");
        allow("d2", 0o700);
    }

    #[test]
    fn a_path_of_the_index_never_leads_out_of_the_work_tree() {
        let fixture = Fixture::new();
        let outside = fixture.root().parent().unwrap().join("secret");
        #[expect(clippy::disallowed_methods, reason = "a test writes its own files")]
        std::fs::write(&outside, "secret\n").unwrap();
        fixture.write("ab/secret", "mine\n");
        fixture.git(&["add", "-A"]);
        let index = fixture.root().join(".git/index");
        let good = std::fs::read(&index).unwrap();
        let at = good
            .windows(9)
            .position(|part| part == b"ab/secret")
            .unwrap();
        for hostile in ["../secret", ".GIT/HEAD", "/ab/secre", "ab//secre"] {
            let mut bad = good.clone();
            bad[at..at + 9].copy_from_slice(hostile.as_bytes());
            #[expect(clippy::disallowed_methods, reason = "a test damages its own index")]
            std::fs::write(&index, bad).unwrap();
            let found = fixture.repo().worktree(false);
            let changed = found.map_or(0, |found| found.changes.len());
            assert_eq!(changed, 0, "{hostile}: not on disk, so not there");
        }
    }
}
