//! Which files stand in the snapshot of a tree that is too large to be written out: the changed ones,
//! then what stands around them, then the texts of the same packages.
//! Pure: paths and sizes in, a choice out.

use std::collections::BTreeSet;

use crate::diff::RepoPath;

use super::SnapshotLimits;
use super::names::directory;

/// Larger files of a package are not taken along, in bytes.
const SMALL: u64 = 256 << 10;

/// What stands at the top of a package.
const MANIFESTS: [&[u8]; 12] = [
    b"Cargo.toml",
    b"package.json",
    b"go.mod",
    b"pyproject.toml",
    b"setup.py",
    b"pom.xml",
    b"build.gradle",
    b"build.gradle.kts",
    b"composer.json",
    b"Gemfile",
    b"mix.exs",
    b"CMakeLists.txt",
];

/// A file that could be written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate<'p> {
    /// Its path.
    pub(super) path: &'p RepoPath,
    /// Its size in bytes.
    pub(super) bytes: u64,
}

/// For each candidate whether it is taken: nearest to the changed paths first, until the limits are
/// reached. A changed file that is itself too large counts nothing, as it is not written either.
pub(super) fn choose(
    candidates: &[Candidate<'_>],
    changed: &BTreeSet<&RepoPath>,
    limits: &SnapshotLimits,
) -> Vec<bool> {
    let mut around: BTreeSet<&[u8]> = BTreeSet::from([&b""[..]]);
    for path in changed {
        let mut dir = directory(path.as_bytes());
        while !dir.is_empty() && around.insert(dir) {
            dir = directory(dir);
        }
    }
    let tops: BTreeSet<&[u8]> = candidates
        .iter()
        .filter(|one| MANIFESTS.contains(&one.path.file_name()))
        .map(|one| directory(one.path.as_bytes()))
        .filter(|dir| !dir.is_empty())
        .collect();
    let packages: BTreeSet<&[u8]> = changed
        .iter()
        .filter_map(|path| package(path.as_bytes(), &tops))
        .collect();
    let nearness = |one: &Candidate<'_>| {
        if changed.contains(one.path) {
            Some(0)
        } else if around.contains(directory(one.path.as_bytes())) {
            Some(1)
        } else if one.bytes <= SMALL && is_below(one.path.as_bytes(), &packages) {
            Some(2)
        } else {
            None
        }
    };
    let mut taken = vec![false; candidates.len()];
    let (mut files, mut bytes) = (0, 0);
    for tier in 0..=2 {
        for (at, one) in candidates.iter().enumerate() {
            let size = if one.bytes > limits.file_bytes {
                0
            } else {
                one.bytes
            };
            let fits = files < limits.files && bytes + size <= limits.bytes;
            if nearness(one) == Some(tier) && fits {
                taken[at] = true;
                files += 1;
                bytes += size;
            }
        }
    }
    taken
}

/// The package that a path is in: the nearest directory above with a manifest, but not the top of the
/// whole tree, else its first directory.
fn package<'p>(path: &'p [u8], tops: &BTreeSet<&[u8]>) -> Option<&'p [u8]> {
    let mut dir = directory(path);
    let mut first = None;
    while !dir.is_empty() {
        if tops.contains(dir) {
            return Some(dir);
        }
        first = Some(dir);
        dir = directory(dir);
    }
    first
}

fn is_below(path: &[u8], packages: &BTreeSet<&[u8]>) -> bool {
    let mut dir = directory(path);
    while !dir.is_empty() {
        if packages.contains(dir) {
            return true;
        }
        dir = directory(dir);
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(files: &[(&str, u64)], changed: &[&str], limits: SnapshotLimits) -> Vec<String> {
        let paths: Vec<RepoPath> = files
            .iter()
            .map(|(path, _)| RepoPath::from(*path))
            .collect();
        let changed: Vec<RepoPath> = changed.iter().map(|path| RepoPath::from(*path)).collect();
        let candidates: Vec<_> = paths
            .iter()
            .zip(files)
            .map(|(path, (_, bytes))| Candidate {
                path,
                bytes: *bytes,
            })
            .collect();
        let taken = choose(&candidates, &changed.iter().collect(), &limits);
        let taken = paths.iter().zip(taken).filter(|(_, taken)| *taken);
        taken
            .map(|(path, _)| path.to_str_lossy().into_owned())
            .collect()
    }

    const TREE: [(&str, u64); 9] = [
        ("README", 1),
        ("crates/a/Cargo.toml", 1),
        ("crates/a/src/deep/changed.rs", 1),
        ("crates/a/src/lib.rs", 1),
        ("crates/a/tests/big.txt", SMALL + 1),
        ("crates/a/tests/small.txt", SMALL),
        ("crates/b/Cargo.toml", 1),
        ("crates/list", 1),
        ("other/x", 1),
    ];

    #[test]
    fn what_is_near_the_change_is_taken() {
        assert_eq!(
            chosen(
                &TREE,
                &["crates/a/src/deep/changed.rs"],
                SnapshotLimits::default()
            ),
            [
                "README",
                "crates/a/Cargo.toml",
                "crates/a/src/deep/changed.rs",
                "crates/a/src/lib.rs",
                "crates/a/tests/small.txt",
                "crates/list",
            ]
        );
    }

    #[test]
    fn the_nearest_are_taken_first_when_not_all_fit() {
        let limits = |files, bytes| SnapshotLimits {
            files,
            bytes,
            ..SnapshotLimits::default()
        };
        let changed = "crates/a/src/deep/changed.rs";
        assert_eq!(chosen(&TREE, &[changed], limits(1, 100)), [changed]);
        let few = chosen(&TREE, &[changed], limits(100, 5));
        assert_eq!(few.len(), 5);
        assert!(!few.contains(&"crates/a/tests/small.txt".to_owned()));
        assert!(chosen(&TREE, &[changed], limits(0, 100)).is_empty());
    }

    #[test]
    fn without_a_manifest_the_first_directory_is_the_package() {
        let tree = [("x/y/a", 1), ("x/z/b", 1), ("w/c", 1)];
        let found = chosen(&tree, &["x/y/a"], SnapshotLimits::default());
        assert_eq!(found, ["x/y/a", "x/z/b"]);
    }
}
