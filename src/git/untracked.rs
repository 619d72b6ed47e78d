//! Lists the files of the work tree that are neither tracked nor ignored.
//! What the index has is told by `index`, what stands in the files by `scan`.

use std::fs::{DirEntry, read_dir};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use anyhow::{Context, Result};
use gix::dir::entry::{Kind as DiskKind, Status};
use gix::dir::walk::{Action, Delegate, EmissionMode};
use gix::index::State;
use gix::index::entry::{Flags, Mode as IndexMode};
use gix::worktree::stack::state::ignore::Source;

use crate::diff::RepoPath;
use crate::error::HintExt;

use super::Repo;
use super::files::says_absent;
use super::index::{Entries, Index};

impl Repo {
    /// Whether several names may stand for one file here.
    pub(in crate::git) fn folds_names(&self) -> Result<bool> {
        let abilities = self.raw().filesystem_options();
        let abilities = abilities.context("cannot read how names of files are compared")?;
        Ok(abilities.ignore_case || abilities.precompose_unicode)
    }

    /// The files that are neither tracked nor ignored, sorted; those of repositories inside are not.
    /// Where names are folded the index must be [decoded](Index::decoded).
    pub(in crate::git) fn untracked(&self, root: &Path, index: &Index) -> Result<Vec<RepoPath>> {
        let mut found = match index
            .decoded()
            .filter(|_| self.folds_names().unwrap_or(true))
        {
            Some(state) => self.untracked_with_folded_names(state)?,
            None => self.untracked_in(root, index)?,
        };
        found.sort();
        Ok(found)
    }

    fn untracked_in(&self, root: &Path, index: &Index) -> Result<Vec<RepoPath>> {
        // Those that are left out of a sparse checkout count all the same.
        let hidden = index.files_called(b".gitignore", index.masked(), |entry| {
            entry.flags.contains(Flags::SKIP_WORKTREE)
        })?;
        let source = Source::WorktreeThenIdMappingIfNotSkipped;
        let ignored = self.raw().excludes(&hidden, None, source);
        let mut walk = Walk {
            index,
            entries: index.entries(),
            ignored: ignored.context("cannot read what is ignored")?,
            git_dir: gix::path::realpath(self.git_dir())
                .context("cannot tell where the repository is")?,
            place: root.to_owned(),
            path: Vec::new(),
            found: Vec::new(),
        };
        walk.directory(0..index.len())?;
        Ok(walk.found)
    }

    fn untracked_with_folded_names(&self, index: &State) -> Result<Vec<RepoPath>> {
        let mut paths = Untracked(Vec::new());
        let options = self
            .raw()
            .dirwalk_options()
            .context("cannot read how files are matched")?
            .emit_untracked(EmissionMode::Matching);
        let all: [&gix::bstr::BStr; 0] = [];
        self.raw()
            .dirwalk(index, all, &AtomicBool::new(false), options, &mut paths)
            .context("cannot list untracked files")?;
        paths
            .0
            .retain(|path| index.entry_by_path(path.as_bytes().into()).is_none());
        Ok(paths.0)
    }
}

/// Collects untracked files.
struct Untracked(Vec<RepoPath>);

impl Delegate for Untracked {
    fn emit(&mut self, entry: gix::dir::EntryRef<'_>, _: Option<Status>) -> Action {
        // What couldn't be looked at is left to whoever reads it.
        let storable = matches!(
            entry.disk_kind,
            None | Some(DiskKind::File | DiskKind::Symlink)
        );
        if entry.status == Status::Untracked && storable {
            self.0
                .push(RepoPath::new(entry.rela_path.as_ref().to_vec()));
        }
        std::ops::ControlFlow::Continue(())
    }
}

/// A walk through the directories of the work tree.
struct Walk<'a> {
    index: &'a Index,
    entries: Entries<'a>,
    ignored: gix::AttributeStack<'a>,
    /// The repository's own directory, without symlinks.
    git_dir: PathBuf,
    /// Where the walk is.
    place: PathBuf,
    /// The same as the index has it; a directory with its slash.
    path: Vec<u8>,
    found: Vec<RepoPath>,
}

impl Walk<'_> {
    /// Looks at all that stands in a directory; the range has the entries of the index below it.
    fn directory(&mut self, tracked: Range<usize>) -> Result<()> {
        let failed = |walk: &Self| format!("cannot list the files in `{}`", walk.place.display());
        let hint = "make it readable, or review without untracked files";
        let entries = read_dir(&self.place).with_context(|| failed(self));
        for entry in entries.hint(hint)? {
            let entry = entry.with_context(|| failed(self)).hint(hint)?;
            let name = entry.file_name();
            if name == ".git" {
                continue;
            }
            let length = self.path.len();
            self.path.extend_from_slice(name.as_encoded_bytes());
            self.look(&entry, tracked.clone())?;
            self.path.truncate(length);
        }
        Ok(())
    }

    fn look(&mut self, entry: &DirEntry, near: Range<usize>) -> Result<()> {
        let (index, path) = (self.index, self.path.as_slice());
        let at = index.end_of(near.clone(), |other| other < path);
        let is_tracked = at < near.end && index.path(at) == path;
        let kind = match entry.file_type() {
            Err(error) if !says_absent(&error) => {
                let place = entry.path();
                return Err(error).with_context(|| format!("cannot look at `{}`", place.display()));
            }
            kind => kind.ok(),
        };
        if !kind.is_some_and(|kind| kind.is_dir()) {
            let is_storable = kind.is_some_and(|kind| kind.is_file() || kind.is_symlink());
            if is_storable && !is_tracked && !self.is_ignored(IndexMode::FILE)? {
                self.found.push(RepoPath::new(self.path.as_slice()));
            }
            return Ok(());
        }
        if is_tracked && self.entries.at(at)?.mode == IndexMode::COMMIT {
            return Ok(());
        }
        self.path.push(b'/');
        let path = self.path.as_slice();
        let first = index.end_of(at..near.end, |other| other < path);
        let below = first..index.end_of(first..near.end, |other| other.starts_with(path));
        self.path.pop();
        // A directory that is left out of a sparse checkout is an entry itself.
        let is_alone = below.len() == 1 && index.path(first).len() == self.path.len() + 1;
        if is_alone && self.entries.at(first)?.mode == IndexMode::DIR {
            return Ok(());
        }
        self.place.push(entry.file_name());
        if !below.is_empty() || !self.is_ignored(IndexMode::DIR)? && !self.is_another_repository() {
            self.path.push(b'/');
            self.directory(below)?;
        }
        self.place.pop();
        Ok(())
    }

    fn is_ignored(&mut self, mode: IndexMode) -> Result<bool> {
        let path: &gix::bstr::BStr = self.path.as_slice().into();
        let found = self.ignored.at_entry(path, Some(mode));
        let found = found.with_context(|| format!("cannot tell whether {path:?} is ignored"))?;
        Ok(found.is_excluded())
    }

    /// Whether a directory has a repository of its own.
    fn is_another_repository(&self) -> bool {
        let candidate = self.place.join(".git");
        gix::discover::is_git(&candidate).is_ok()
            && !gix::path::realpath(&candidate).is_ok_and(|place| place == self.git_dir)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::fixture::{Fixture, Random};

    fn theirs(fixture: &Fixture) -> Vec<RepoPath> {
        let listed = fixture.git(&["ls-files", "-o", "-z", "--exclude-standard"]);
        let mut paths: Vec<RepoPath> = listed
            .split(|byte| *byte == 0)
            .filter(|path| !path.is_empty() && !path.ends_with(b"/"))
            .map(RepoPath::new)
            .collect();
        paths.sort();
        paths
    }

    fn ours(fixture: &Fixture) -> Vec<RepoPath> {
        let repo = fixture.repo();
        let index = repo.index().unwrap();
        repo.untracked(fixture.root(), &index).unwrap()
    }

    fn remove(place: &Path) {
        #[expect(clippy::disallowed_methods, reason = "a test edits its own repository")]
        let _ = std::fs::remove_file(place);
        let _ = std::fs::remove_dir_all(place);
    }

    fn random_path(random: &mut Random) -> String {
        let parts = 1 + random.below(3);
        let names = ["a", "b", "a.c", "ab", "b b", "é"];
        let path: Vec<_> = (0..parts).map(|_| names[random.below(6)]).collect();
        path.join("/")
    }

    /// Puts a file there, in place of whatever stands in its way.
    fn put(fixture: &Fixture, path: &str, content: &str) {
        for (end, _) in path.match_indices('/') {
            let above = fixture.root().join(&path[..end]);
            if std::fs::symlink_metadata(&above).is_ok_and(|above| !above.is_dir()) {
                remove(&above);
            }
        }
        remove(&fixture.root().join(path));
        fixture.write(path, content);
    }

    fn disturb(fixture: &Fixture, random: &mut Random) {
        let path = random_path(random);
        let at = fixture.root().join(&path);
        match random.below(16) {
            0 => remove(&at),
            1 => {
                put(fixture, &path, "");
                remove(&at);
                #[cfg(unix)]
                std::os::unix::fs::symlink("a", at).unwrap();
            }
            2 => {
                put(fixture, &format!("{path}/x"), "");
                remove(&fixture.root().join(format!("{path}/.git")));
                fixture.git(&["init", "-q", &path]);
            }
            3 | 4 => {
                let patterns = [
                    "b\n",
                    "a/\n",
                    "/ab\n!b\n",
                    "*.c\n!a.c\n",
                    "b*/*\n",
                    "**/a\n",
                ];
                let directory = [String::new(), format!("{path}/")][random.below(2)].clone();
                let place = format!("{directory}.gitignore");
                put(fixture, &place, patterns[random.below(6)]);
            }
            5..=8 => {
                let id = fixture.id("HEAD:blob");
                let mode = ["100644", "160000", "120000"][random.below(3)];
                let line = |stage: usize| format!("{mode} {id} {stage}\t{path}\n");
                let lines = [line(0), line(1), line(3), line(1) + &line(2)];
                let lines = &lines[random.below(4)];
                let gone = format!("0 {} 0\t{path}\n{lines}", "0".repeat(40));
                fixture.feed(&["update-index", "--index-info"], gone.as_bytes());
            }
            9 => drop(fixture.git(&["rm", "-rqf", "--cached", "--ignore-unmatch", &path])),
            _ => put(fixture, &path, "x"),
        }
    }

    #[test]
    fn untracked_files_of_random_work_trees_are_git_s() {
        let mut seen = 0;
        for seed in 0..12 {
            let fixture = Fixture::new();
            for path in ["blob", "a/.keep", "ab/.keep"] {
                fixture.write(path, path);
            }
            fixture.commit();
            let mut random = Random::new(seed);
            for step in 0..25 {
                put(&fixture, "a/.keep", "");
                put(&fixture, "ab/.keep", "");
                disturb(&fixture, &mut random);
                let ours = ours(&fixture);
                assert_eq!(ours, theirs(&fixture), "{seed} {step}");
                seen += ours.len();
            }
        }
        assert!(seen > 300, "{seen}");
    }

    #[test]
    fn patterns_left_out_of_a_sparse_checkout_count() {
        let fixture = Fixture::new();
        fixture.write("d/.gitignore", "ignored\n");
        fixture.write("d/file", "");
        fixture.commit();
        let all = ["d/.gitignore", "d/file"];
        fixture.git(&[&["update-index", "--skip-worktree"][..], &all].concat());
        for path in all {
            remove(&fixture.root().join(path));
        }
        fixture.write("d/ignored", "");
        fixture.write("d/new", "");
        assert_eq!(theirs(&fixture), [RepoPath::from("d/new")]);
        assert_eq!(ours(&fixture), theirs(&fixture));
    }

    #[test]
    fn where_names_are_folded_a_tracked_file_has_several() {
        let fixture = Fixture::new();
        fixture.write("File", "");
        fixture.commit();
        fixture.git(&["mv", "File", "moved"]);
        fixture.git(&["mv", "moved", "file"]);
        fixture.write("FILE", "");
        fixture.write("new", "");
        let found = |fixture: &Fixture| -> Vec<RepoPath> {
            let found = fixture.repo().worktree(true).unwrap();
            let added = found.changes.iter().filter(|change| change.old().is_none());
            added.map(|change| change.path().clone()).collect()
        };
        fixture.git(&["config", "core.ignoreCase", "false"]);
        fixture.git(&["commit", "-qm", "moved"]);
        assert_eq!(found(&fixture), ["FILE", "new"].map(RepoPath::from));
        fixture.git(&["config", "core.ignoreCase", "true"]);
        assert_eq!(found(&fixture), [RepoPath::from("new")]);
    }
}
