//! The only place that names gix: opens a repository safely and reads it into plain values.
//! What the values mean for a review is left to everyone else.
//!
//! - `objects`: single objects, checked against their ids; `packs`, `pack_index`, `pack_data`, `bases`: the quick way to a few
//! - `trees`: which files differ between two trees
//! - `index`, `index_format`: the entries of the index
//! - `staged`: the index against HEAD, `worktree`, `scan`, `sparse`, `untracked`, `files`, `eol`, `filtered`: the files against HEAD
//! - `renames`, `similarity`: which deletions and additions are one file
//! - `patches`, `lines`: how the content of changed files differs
//! - `abbreviation`: how many digits of an id Git prints
//! - `history`: commits, what revisions name; `walk`: merge bases, what is new; `log`: what commits say; `blame`: who last changed a line
//! - `opening`: why a repository is not opened; `place`: where one stands on disk
//! - `refs`: HEAD, remotes, what is known of their branches
//! - `listing`, `contents`: all files of a tree, hostile names marked, and their contents in parallel
//! - `lend`, `index_file`, `writing`, `packing`: what a snapshot's own repository is made of
//! - `restored`: which changes put back what was there before
//! - `state`: whether any name or setting has changed

mod abbreviation;
mod bases;
mod blame;
mod contents;
mod eol;
mod files;
mod filtered;
#[cfg(test)]
pub(crate) mod fixture;
mod history;
mod index;
mod index_file;
mod index_format;
mod lend;
mod lines;
mod listing;
mod log;
mod objects;
mod opening;
#[cfg(test)]
mod oracle;
mod pack_data;
mod pack_index;
mod packing;
mod packs;
mod patches;
mod place;
#[cfg(test)]
mod random;
mod refs;
mod renames;
mod restored;
mod scan;
mod similarity;
mod sparse;
mod staged;
mod state;
#[cfg(test)]
mod storage;
mod trees;
mod untracked;
mod walk;
mod worktree;
mod writing;

use std::cell::{OnceCell, RefCell};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use anyhow::{Context, Result, anyhow};
use gix::objs::Kind;
use gix::sec::Trust;
use gix::sec::trust::DefaultForLevel as _;

use crate::diff::unified::Names;
use crate::diff::{Change, Entry, Mode, Oid, RepoPath};
use crate::error::HintExt;

pub(crate) use contents::Contents;
pub(crate) use history::{Commit, Peeled};
pub(crate) use index_file::FileStat;
pub(crate) use listing::Listed;
pub(crate) use log::Logged;
pub(crate) use patches::ReadLimits;
pub(crate) use refs::TrackingRef;
pub(crate) use state::RefState;
pub(crate) use worktree::Masked;
pub(crate) use writing::Copied;

use objects::{FileBlobs, Objects, harden, plain};
use opening::{not_opened, refuse_unknown_extensions};
use packs::Packs;
use place::tidy;
use trees::Trees;

/// Sections that can name programs to run on content; a repository's own are dropped.
const DRIVERS: [&str; 2] = ["diff", "filter"];

/// An opened repository. Cheap to pass by reference; threads get handles of their own inside.
pub(crate) struct Repo {
    inner: gix::Repository,
    git_dir: PathBuf,
    common_dir: PathBuf,
    work_tree: Option<PathBuf>,
    /// Whether the user named the work tree, rather than the repository's own configuration.
    work_tree_is_named: bool,
    /// Where the files to compare are, if that is the current directory only because `GIT_DIR` is set.
    files_stand_in: Option<PathBuf>,
    /// Contents of changed files, so that they read like objects once they were compared.
    files: RefCell<Arc<FileBlobs>>,
    packs: OnceCell<Option<Arc<Packs>>>,
    /// Made when they are first asked for, as it takes some memory to read an object.
    objects: RefCell<Option<Rc<Objects>>>,
}

/// A repository on its way to another thread.
pub(in crate::git) struct Shared {
    inner: gix::ThreadSafeRepository,
    files: Arc<FileBlobs>,
    packs: Option<Arc<Packs>>,
}

impl Shared {
    /// A repository for this thread.
    pub(in crate::git) fn repo(&self) -> gix::Repository {
        self.inner.to_thread_local()
    }

    /// Objects for this thread.
    pub(in crate::git) fn objects(&self) -> Objects {
        Objects::of(&self.repo(), Arc::clone(&self.files), self.packs.clone())
    }

    /// The quick way to a few objects.
    pub(in crate::git) fn packs(&self) -> Option<Arc<Packs>> {
        self.packs.clone()
    }
}

impl Repo {
    /// Opens the repository that `directory`, the current one, is in, or the one `GIT_DIR` names; honours
    /// `GIT_WORK_TREE` and `GIT_INDEX_FILE`. Errors with a hint if there is none, if it belongs to
    /// someone else, or if it is stored in a way that can't be read.
    pub(crate) fn discover(directory: &Path) -> Result<Self> {
        for name in [
            "GIT_QUARANTINE_PATH",
            "GIT_OBJECT_DIRECTORY",
            "GIT_ALTERNATE_OBJECT_DIRECTORIES",
        ] {
            if gix::path::env::var(name).is_some() {
                return Err(anyhow!(
                    "`{name}` is set: reading quarantined or borrowed objects is unsupported"
                ))
                .hint("run it in a client-side hook or by hand, without that variable");
            }
        }
        let opened = gix::ThreadSafeRepository::discover_with_environment_overrides_opts(
            directory,
            gix::discover::upwards::Options::default(),
            gix::sec::trust::Mapping {
                full: hardened(gix::open::Options::default_for_level(Trust::Full)),
                reduced: hardened(gix::open::Options::default_for_level(Trust::Reduced)),
            },
        );
        let mut repo = Self::checked(opened, directory)?;
        repo.work_tree_is_named = gix::path::env::var("GIT_WORK_TREE").is_some();
        if gix::path::env::var("GIT_DIR").is_none() {
            place::refuse_embedded(&repo.git_dir, directory)?;
        } else if !repo.work_tree_is_named && place::is_work_tree_of_named(&repo, directory) {
            let files = std::path::absolute(directory)
                .context("cannot tell where the current directory is")?;
            repo.inner
                .set_workdir(files.clone())
                .with_context(|| format!("cannot list the files in `{}`", files.display()))?;
            repo.files_stand_in = Some(files);
        }
        Ok(repo)
    }

    /// Opens the repository that `directory` is in, without looking at the environment or at any
    /// configuration but the repository's own.
    #[cfg(test)]
    pub(crate) fn discover_isolated(directory: &Path) -> Result<Self> {
        let isolated = || hardened(gix::open::Options::isolated());
        let opened = gix::ThreadSafeRepository::discover_opts(
            directory,
            gix::discover::upwards::Options::default(),
            gix::sec::trust::Mapping {
                full: isolated(),
                reduced: isolated(),
            },
        );
        Self::checked(opened, directory)
    }

    fn checked(opened: gix::Result<gix::ThreadSafeRepository>, directory: &Path) -> Result<Self> {
        let mut inner = opened
            .or_else(|error| not_opened(error, directory))?
            .to_thread_local();
        inner
            .make_paths_absolute()
            .context("cannot make the repository's paths absolute")?;
        let shown = tidy(inner.workdir().unwrap_or(inner.git_dir()));
        if inner.git_dir_trust() != Trust::Full {
            return Err(anyhow!("`{}` belongs to another user", shown.display())).hint(format!(
                "if you trust it, run `git config --global --add safe.directory '{}'`",
                shown.display()
            ));
        }
        if let Some(storage) = unread_storage(&inner) {
            return Err(anyhow!(
                "the repository stores its refs as `{storage}`, which can't be read yet"
            ))
            .hint("run `git refs migrate --ref-format=files`");
        }
        refuse_unknown_extensions(&inner)?;
        drop_drivers(&mut inner)?;
        // `GIT_NAMESPACE` is for those who serve a repository; Git's diff and log don't look at it.
        inner.clear_namespace();
        harden(&mut inner.objects);
        Ok(Self {
            git_dir: tidy(inner.git_dir()),
            common_dir: tidy(inner.common_dir()),
            work_tree: inner.workdir().map(tidy),
            work_tree_is_named: false,
            files_stand_in: None,
            files: RefCell::default(),
            packs: OnceCell::new(),
            objects: RefCell::default(),
            inner,
        })
    }

    /// The repository's own directory, of this worktree; absolute.
    pub(crate) fn git_dir(&self) -> &Path {
        &self.git_dir
    }

    /// The directory that all worktrees share; absolute.
    pub(crate) fn common_dir(&self) -> &Path {
        &self.common_dir
    }

    /// The directories that belong to the repository: no program is run from there.
    pub(crate) fn places(&self) -> Vec<&Path> {
        let mut places = vec![self.git_dir(), self.common_dir()];
        places.extend(self.work_tree());
        places
    }

    /// The directory of the checked-out files, absolute; `None` in a bare repository.
    pub(crate) fn work_tree(&self) -> Option<&Path> {
        self.work_tree.as_deref()
    }

    /// The repository as gix has it.
    pub(in crate::git) fn raw(&self) -> &gix::Repository {
        &self.inner
    }

    /// Objects for this thread.
    pub(in crate::git) fn objects(&self) -> Rc<Objects> {
        let make = || {
            let files = Arc::clone(&self.files.borrow());
            Rc::new(Objects::of(&self.inner, files, self.packs()))
        };
        let mut objects = self.objects.borrow_mut();
        let objects = objects.get_or_insert_with(make);
        objects.begin();
        Rc::clone(objects)
    }

    /// Lets these files be read like the blobs that they would be.
    fn compared(&self, files: FileBlobs) {
        self.files.replace(Arc::new(files));
        self.objects.replace(None);
    }

    /// The quick way to a few objects.
    pub(in crate::git) fn packs(&self) -> Option<Arc<Packs>> {
        let look = || Packs::of(&self.inner).map(Arc::new);
        self.packs.get_or_init(look).clone()
    }

    /// What other threads need.
    pub(in crate::git) fn share(&self) -> Shared {
        Shared {
            inner: self.inner.clone().into_sync(),
            files: Arc::clone(&self.files.borrow()),
            packs: self.packs(),
        }
    }

    /// How `core.quotePath` says names are written in patches.
    pub(crate) fn names(&self) -> Names {
        match self.inner.config_snapshot().boolean("core.quotePath") {
            Some(false) => Names::AsTheyAre,
            _ => Names::Ascii,
        }
    }

    /// The tree of a commit, which is checked against its id.
    pub(crate) fn tree_of(&self, commit: &Oid) -> Result<Oid> {
        let mut buffer = Vec::new();
        self.objects()
            .read(commit, Kind::Commit, true, &mut buffer)
            .with_context(|| format!("cannot read commit {commit}"))?;
        let tree = buffer
            .strip_prefix(b"tree ")
            .and_then(|rest| rest.split(|byte| *byte == b'\n').next())
            .and_then(|hex| std::str::from_utf8(hex).ok())
            .and_then(Oid::from_hex);
        tree.with_context(|| format!("commit {commit} names no tree"))
    }

    /// The id of the tree without files; it need not be stored.
    pub(crate) fn empty_tree(&self) -> Oid {
        plain(&gix::ObjectId::empty_tree(self.inner.object_hash()))
    }

    /// What stands at a path of a tree, and its exact bytes; `None` if there is nothing, a
    /// directory or a submodule.
    pub(crate) fn read_file(
        &self,
        tree: &Oid,
        path: &RepoPath,
    ) -> Result<Option<(Entry, Vec<u8>)>> {
        let objects = self.objects();
        let found = Trees::new(&objects, self.empty_tree()).find(tree, path)?;
        let Some(entry) = found.filter(|entry| entry.mode != Mode::Submodule) else {
            return Ok(None);
        };
        let mut content = Vec::new();
        objects
            .read(&entry.id, Kind::Blob, true, &mut content)
            .with_context(|| format!("cannot read {path:?}"))?;
        Ok(Some((entry, content)))
    }

    /// Every file of a tree, sorted by path.
    pub(crate) fn files(&self, tree: &Oid) -> Result<Vec<Entry>> {
        let objects = self.objects();
        let trees = Trees::new(&objects, self.empty_tree());
        let all = trees.differences_at(b"", None, Some(tree))?;
        Ok(all
            .into_iter()
            .filter_map(|change| match change {
                Change::Added(entry) => Some(entry),
                _ => None,
            })
            .collect())
    }

    /// The exact bytes of a blob, checked against its id.
    pub(crate) fn read_blob(&self, id: &Oid) -> Result<Vec<u8>> {
        let mut content = Vec::new();
        self.objects().read(id, Kind::Blob, true, &mut content)?;
        Ok(content)
    }

    /// What stands at a path of a tree; `None` if there is nothing or a directory.
    pub(crate) fn entry(&self, tree: &Oid, path: &RepoPath) -> Result<Option<Entry>> {
        let objects = self.objects();
        Trees::new(&objects, self.empty_tree()).find(tree, path)
    }

    /// The bytes of a blob that has at most `limit` of them; `None` for a larger one.
    pub(crate) fn read_blob_within(&self, id: &Oid, limit: u64) -> Result<Option<Vec<u8>>> {
        if self.objects().size(id)? > limit {
            return Ok(None);
        }
        self.read_blob(id).map(Some)
    }

    /// The files that differ between two trees, renames found, in the order `git diff` prints.
    pub(crate) fn changes(&self, base_tree: &Oid, head_tree: &Oid) -> Result<Vec<Change>> {
        let found = self.differences(base_tree, head_tree)?;
        Ok(self.pair_renames(found))
    }
}

/// How a repository stores its refs, if that can't be read.
fn unread_storage(repo: &gix::Repository) -> Option<String> {
    let storage = repo.config_snapshot().string("extensions.refStorage")?;
    (storage != "files").then(|| storage.to_string())
}

/// Turns the commit-graph off: it could name other parents and trees than the commits do.
fn hardened(options: gix::open::Options) -> gix::open::Options {
    options.config_overrides(["core.commitGraph=false"])
}

/// Removes the diff and filter drivers that come with the repository, so that nothing can use them.
fn drop_drivers(repo: &mut gix::Repository) -> Result<()> {
    let mut config = repo.config_snapshot_mut();
    let local = config
        .sections_and_ids()
        .filter(|(section, _)| {
            let name = section.header().name().to_ascii_lowercase();
            DRIVERS.iter().any(|driver| name == driver.as_bytes())
                && section.meta().source.kind() == gix::config::source::Kind::Repository
        })
        .map(|(_, id)| id)
        .collect::<Vec<_>>();
    for id in &local {
        config.remove_section_by_id(*id);
    }
    if local.is_empty() {
        config.forget();
    } else {
        config
            .commit()
            .context("cannot set aside the repository's drivers")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::fixture::Fixture;
    use super::*;

    #[test]
    fn the_files_of_a_tree_are_listed_in_order() {
        let fixture = Fixture::new();
        for path in ["b", "a/b", "a.b", "a/c/d"] {
            fixture.write(path, path);
        }
        let commit = fixture.commit();
        let repo = fixture.repo();
        let files = repo.files(&repo.tree_of(&commit).unwrap()).unwrap();
        let paths: Vec<_> = files
            .iter()
            .map(|entry| entry.path.to_str_lossy())
            .collect();
        assert_eq!(paths, ["a.b", "a/b", "a/c/d", "b"]);
    }

    #[test]
    fn a_file_is_read_by_path_from_a_tree() {
        let fixture = Fixture::new();
        fixture.write("a/b/c.txt", "text\n");
        let commit = fixture.commit();
        let repo = fixture.repo();
        let tree = repo.tree_of(&commit).unwrap();
        assert_eq!(tree, fixture.id("HEAD^{tree}"));
        let (entry, content) = repo
            .read_file(&tree, &RepoPath::from("a/b/c.txt"))
            .unwrap()
            .unwrap();
        assert_eq!(
            (entry.mode, content.as_slice()),
            (Mode::Regular, &b"text\n"[..])
        );
        for none in ["a", "a/b", "a/b/c.txt/d", "x", "", "a//b/c.txt"] {
            assert!(
                repo.read_file(&tree, &RepoPath::from(none))
                    .unwrap()
                    .is_none()
            );
        }
    }

    #[test]
    fn files_are_read_up_to_a_size() {
        let fixture = Fixture::new();
        fixture.write("b", "four");
        fixture.write("a/x", "");
        let commit = fixture.commit();
        let repo = fixture.repo();
        let tree = repo.tree_of(&commit).unwrap();
        let entry = repo.entry(&tree, &RepoPath::from("b")).unwrap().unwrap();
        assert_eq!(repo.entry(&tree, &RepoPath::from("a")).unwrap(), None);
        let read = |limit| repo.read_blob_within(&entry.id, limit).unwrap();
        assert_eq!(read(4), Some(b"four".to_vec()));
        assert_eq!(read(3), None);
    }

    #[test]
    fn replacement_objects_have_no_effect() {
        let fixture = Fixture::new();
        fixture.write("file", "one\n");
        let base = fixture.commit();
        fixture.write("file", "two\n");
        let head = fixture.commit();
        fixture.write("file", "planted\n");
        let other = fixture.commit();
        let blob = fixture.id(&format!("{head}:file"));
        fixture.git(&[
            "replace",
            &blob.to_string(),
            &fixture.id(&format!("{other}:file")).to_string(),
        ]);
        fixture.git(&["replace", &base.to_string(), &other.to_string()]);
        assert_eq!(
            fixture.git(&["cat-file", "blob", &blob.to_string()]),
            b"planted\n"
        );
        for switch in ["true", "false"] {
            fixture.git(&["config", "core.useReplaceRefs", switch]);
            let repo = fixture.repo();
            let tree = |commit| repo.tree_of(commit).unwrap();
            assert_ne!(tree(&base), tree(&other));
            let changes = repo.changes(&tree(&base), &tree(&head)).unwrap();
            let texts =
                repo.read_patches(&changes, &ReadLimits::default(), |_, _, patch| match &patch
                    .content
                {
                    crate::diff::Content::Text(text) => {
                        (text.old_text().to_vec(), text.new_text().to_vec())
                    }
                    other => panic!("{other:?}"),
                })
                .unwrap();
            assert_eq!(texts, [(b"one\n".to_vec(), b"two\n".to_vec())]);
        }
    }

    #[test]
    fn drivers_of_the_repository_are_not_loaded_but_plain_settings_are() {
        let fixture = Fixture::new();
        fixture.git(&["config", "diff.evil.textconv", "false"]);
        fixture.git(&["config", "filter.evil.clean", "false"]);
        fixture.git(&["config", "diff.algorithm", "histogram"]);
        fixture.git(&["config", "remote.origin.url", "example.org"]);
        let repo = fixture.repo();
        let config = repo.raw().config_snapshot();
        assert!(
            config
                .sections_by_name("diff")
                .is_none_or(|mut found| found.next().is_none())
        );
        assert!(
            config
                .sections_by_name("filter")
                .is_none_or(|mut found| found.next().is_none())
        );
        assert_eq!(config.string("remote.origin.url").unwrap(), "example.org");
    }
}
