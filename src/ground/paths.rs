//! Resolves the paths agents write, which may lack their front or carry a checkout's, to paths of
//! the reviewed tree. What stands at the path is left to the rest of `ground`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::diff::{Change, RepoPath};

/// Whether the path an agent wrote names something in the reviewed tree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "is")]
pub(crate) enum PathEvidence {
    /// A file of the head tree.
    Exact,
    /// One file of the head tree, written in another way.
    Resolved {
        /// As the agent wrote it.
        from: RepoPath,
    },
    /// A file that this change deletes.
    Deleted,
    /// A directory of the head tree.
    Directory,
    /// More than one file could be meant.
    Ambiguous,
    /// No such path.
    Absent,
}

/// The paths of a reviewed tree, arranged for looking up what agents write.
pub(super) struct Paths<'t> {
    /// Sorted by bytes.
    head: &'t [RepoPath],
    /// Positions in `head` by file name.
    by_name: BTreeMap<&'t [u8], Vec<usize>>,
    /// Base-side paths that are not in the head tree, with the head path if renamed.
    gone: BTreeMap<&'t [u8], Option<&'t RepoPath>>,
    /// Head paths of the change, sorted.
    changed: Vec<&'t RepoPath>,
}

impl<'t> Paths<'t> {
    /// Takes the sorted paths of the head tree and what changed.
    pub(super) fn new(head: &'t [RepoPath], changes: &'t [Change]) -> Self {
        let mut by_name: BTreeMap<&[u8], Vec<usize>> = BTreeMap::new();
        for (at, path) in head.iter().enumerate() {
            by_name.entry(path.file_name()).or_default().push(at);
        }
        let mut gone = BTreeMap::new();
        let mut touched = Vec::with_capacity(changes.len());
        for change in changes {
            let new = change.new().map(|entry| &entry.path);
            touched.extend(new);
            if let Some(old) = change.old()
                && head.binary_search(&old.path).is_err()
            {
                gone.insert(old.path.as_bytes(), new);
            }
        }
        touched.sort_unstable();
        Self {
            head,
            by_name,
            gone,
            changed: touched,
        }
    }

    /// True for a head path that this change adds, modifies or renames.
    pub(super) fn is_changed(&self, path: &RepoPath) -> bool {
        self.changed.binary_search(&path).is_ok()
    }

    /// True when something below the directory changed.
    pub(super) fn has_change_below(&self, directory: &RepoPath) -> bool {
        starts_below(&self.changed, directory, |path| path)
    }

    /// The path of the tree that is meant, and how sure that is. For `Ambiguous` and `Absent` there
    /// is none.
    pub(super) fn resolve(&self, said: &RepoPath) -> (PathEvidence, Option<RepoPath>) {
        if self.head.binary_search(said).is_ok() {
            return (PathEvidence::Exact, Some(said.clone()));
        }
        let plain = plain(said);
        let resolved = |path: &RepoPath| {
            let from = said.clone();
            (PathEvidence::Resolved { from }, Some(path.clone()))
        };
        if let Ok(at) = self.head.binary_search(&plain) {
            return resolved(&self.head[at]);
        }
        match self.gone.get(plain.as_bytes()) {
            Some(Some(new)) => return resolved(new),
            Some(None) => return (PathEvidence::Deleted, Some(plain)),
            None => {}
        }
        if starts_below(self.head, &plain, |path| path) {
            return (PathEvidence::Directory, Some(plain));
        }
        if let Some(path) = self.without_checkout(&plain, said.as_bytes().starts_with(b"/")) {
            return resolved(path);
        }
        self.with_front(&plain, said)
    }

    /// The longest path of the tree that ends the path: what is before it is a checkout. A path
    /// that is not absolute must share a directory with it.
    fn without_checkout(&self, said: &RepoPath, absolute: bool) -> Option<&'t RepoPath> {
        let same_name = self.by_name.get(said.file_name())?;
        same_name
            .iter()
            .map(|at| &self.head[*at])
            .filter(|path| ends_path(said.as_bytes(), path.as_bytes()))
            .filter(|path| absolute || path.as_bytes().contains(&b'/'))
            .max_by_key(|path| path.as_bytes().len())
    }

    /// The one path of the tree that the path ends, a changed one before others.
    fn with_front(&self, plain: &RepoPath, said: &RepoPath) -> (PathEvidence, Option<RepoPath>) {
        let same_name = self.by_name.get(plain.file_name());
        let fits = || {
            same_name
                .into_iter()
                .flatten()
                .map(|at| &self.head[*at])
                .filter(|path| ends_path(path.as_bytes(), plain.as_bytes()))
        };
        let changed: Vec<&RepoPath> = fits()
            .filter(|path| self.is_changed(path))
            .take(2)
            .collect();
        let any: Vec<&RepoPath> = fits().take(2).collect();
        let gone = || {
            self.gone
                .iter()
                .filter(|(path, new)| new.is_none() && ends_path(path, plain.as_bytes()))
                .map(|(path, _)| RepoPath::new(*path))
        };
        match (changed.as_slice(), any.as_slice()) {
            ([path], _) | ([], [path]) => {
                let from = said.clone();
                (PathEvidence::Resolved { from }, Some((*path).clone()))
            }
            ([], []) => {
                let mut deleted = gone();
                match (deleted.next(), deleted.next()) {
                    (Some(path), None) => (PathEvidence::Deleted, Some(path)),
                    (Some(_), Some(_)) => (PathEvidence::Ambiguous, None),
                    (None, _) => (PathEvidence::Absent, None),
                }
            }
            _ => (PathEvidence::Ambiguous, None),
        }
    }
}

/// True when `end` is all of `path` after some `/`.
fn ends_path(path: &[u8], end: &[u8]) -> bool {
    path.strip_suffix(end)
        .is_some_and(|front| front.ends_with(b"/") && !end.is_empty())
}

/// True when one of the sorted paths stands below the directory.
fn starts_below<T>(paths: &[T], directory: &RepoPath, path: impl Fn(&T) -> &RepoPath) -> bool {
    let mut front = directory.as_bytes().to_vec();
    if front.is_empty() {
        return false;
    }
    front.push(b'/');
    let at = paths.partition_point(|one| path(one).as_bytes() < front.as_slice());
    paths
        .get(at)
        .is_some_and(|one| path(one).as_bytes().starts_with(&front))
}

/// The path without what is no part of it: `./`, the `a/` and `b/` of patches, slashes at either
/// end, backslashes as separators.
fn plain(said: &RepoPath) -> RepoPath {
    let turned: Vec<u8> = if said.as_bytes().contains(&b'/') {
        said.as_bytes().to_vec()
    } else {
        let turn = |byte: &u8| if *byte == b'\\' { b'/' } else { *byte };
        said.as_bytes().iter().map(turn).collect()
    };
    let mut path = turned.as_slice();
    while let Some(rest) = path.strip_prefix(b"./").or_else(|| path.strip_prefix(b"/")) {
        path = rest;
    }
    while let Some(rest) = path.strip_suffix(b"/") {
        path = rest;
    }
    RepoPath::new(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diff::{Entry, Mode, Oid};

    fn entry(path: &str) -> Entry {
        Entry {
            path: RepoPath::from(path),
            mode: Mode::Regular,
            id: Oid::from_bytes(&[1; 20]).unwrap(),
        }
    }

    fn shown(said: &str) -> String {
        let mut head: Vec<RepoPath> = [
            "Makefile",
            "a.rs",
            "lib/net/mod.rs",
            "lib/store/mod.rs",
            "src/a.rs",
            "src/new.rs",
            "src/app/main.rs",
            "src/app/src/app/main.rs",
            "web/index.ts",
            "docs/guide.md",
        ]
        .map(RepoPath::from)
        .to_vec();
        head.sort();
        let changes = [
            Change::Modified {
                old: entry("lib/net/mod.rs"),
                new: entry("lib/net/mod.rs"),
            },
            Change::Renamed {
                old: entry("src/old.rs"),
                new: entry("src/new.rs"),
                similarity: 90,
            },
            Change::Deleted(entry("src/dead.rs")),
        ];
        let paths = Paths::new(&head, &changes);
        let (evidence, path) = paths.resolve(&RepoPath::from(said));
        let name = match evidence {
            PathEvidence::Exact => "exact",
            PathEvidence::Resolved { from } => {
                assert_eq!(from, RepoPath::from(said));
                "resolved"
            }
            PathEvidence::Deleted => "deleted",
            PathEvidence::Directory => "directory",
            PathEvidence::Ambiguous => "ambiguous",
            PathEvidence::Absent => "absent",
        };
        let path = path.map(|path| path.to_str_lossy().into_owned());
        format!("{name} {}", path.unwrap_or_default())
    }

    #[test]
    fn paths_are_resolved_only_to_what_must_be_meant() {
        for (said, want) in [
            ("src/a.rs", "exact src/a.rs"),
            ("./src/a.rs", "resolved src/a.rs"),
            ("src\\a.rs", "resolved src/a.rs"),
            ("index.ts", "resolved web/index.ts"),
            ("net/mod.rs", "resolved lib/net/mod.rs"),
            // Two files have the name, one of them changed.
            ("mod.rs", "resolved lib/net/mod.rs"),
            ("main.rs", "ambiguous "),
            ("/home/x/wt/src/a.rs", "resolved src/a.rs"),
            (
                "/home/x/wt/src/app/src/app/main.rs",
                "resolved src/app/src/app/main.rs",
            ),
            ("wt/src/a.rs", "resolved src/a.rs"),
            ("b/src/a.rs", "resolved src/a.rs"),
            // A root file does not stand for a file of that name anywhere.
            ("lib/other/a.rs", "absent "),
            ("/home/x/wt/a.rs", "resolved a.rs"),
            ("src/old.rs", "resolved src/new.rs"),
            ("src/dead.rs", "deleted src/dead.rs"),
            ("dead.rs", "deleted src/dead.rs"),
            ("lib", "directory lib"),
            ("src/app/", "directory src/app"),
            ("sr", "absent "),
            ("ndex.ts", "absent "),
            ("nowhere.rs", "absent "),
            ("", "absent "),
            ("/", "absent "),
        ] {
            assert_eq!(shown(said), want, "{said}");
        }
    }
}
