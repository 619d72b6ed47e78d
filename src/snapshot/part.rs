//! Which files stand in the snapshot of a tree that is too large to be written out: the changed ones,
//! then what stands around them, then the texts of the same packages.
//! Pure: paths in, sizes where they decide, a choice out.

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

/// So many sizes are asked for at once, at least.
const SIZES: usize = 1024;

/// For each candidate whether it is taken: nearest to the changed paths first, until the limits are
/// reached. A changed file that is itself too large counts nothing, as it is not written either.
/// `sizes` gives the bytes of candidates by their indexes: it is asked only for those that are near.
pub(super) fn choose(
    candidates: &[&RepoPath],
    changed: &BTreeSet<&RepoPath>,
    limits: &SnapshotLimits,
    sizes: &dyn Fn(&[usize]) -> Vec<u64>,
) -> Vec<bool> {
    let mut taken = vec![false; candidates.len()];
    let (mut files, mut bytes) = (0, 0);
    for (tier, near) in tiers(candidates, changed).into_iter().enumerate() {
        let mut near = near.as_slice();
        while !near.is_empty() && files < limits.files {
            let batch = near.len().min((limits.files - files).max(SIZES));
            let (now, later) = near.split_at(batch);
            near = later;
            for (at, own) in now.iter().zip(sizes(now)) {
                let size = if own > limits.file_bytes { 0 } else { own };
                let fits = files < limits.files && bytes + size <= limits.bytes;
                if fits && (tier < PACKAGE || own <= SMALL) {
                    taken[*at] = true;
                    files += 1;
                    bytes += size;
                }
            }
        }
    }
    taken
}

/// The place among the tiers of what is only in the same package.
const PACKAGE: usize = 2;

/// The indexes of the candidates by nearness: the changed ones, what stands around them, the rest of
/// the same packages. What is farther is in none.
fn tiers(candidates: &[&RepoPath], changed: &BTreeSet<&RepoPath>) -> [Vec<usize>; PACKAGE + 1] {
    let mut around: BTreeSet<&[u8]> = BTreeSet::from([&b""[..]]);
    for path in changed {
        let mut dir = directory(path.as_bytes());
        while !dir.is_empty() && around.insert(dir) {
            dir = directory(dir);
        }
    }
    let tops: BTreeSet<&[u8]> = candidates
        .iter()
        .filter(|path| MANIFESTS.contains(&path.file_name()))
        .map(|path| directory(path.as_bytes()))
        .filter(|dir| !dir.is_empty())
        .collect();
    let packages: BTreeSet<&[u8]> = changed
        .iter()
        .filter_map(|path| package(path.as_bytes(), &tops))
        .collect();
    let mut tiers: [Vec<usize>; PACKAGE + 1] = Default::default();
    for (at, path) in candidates.iter().enumerate() {
        if changed.contains(path) {
            tiers[0].push(at);
        } else if around.contains(directory(path.as_bytes())) {
            tiers[1].push(at);
        } else if is_below(path.as_bytes(), &packages) {
            tiers[PACKAGE].push(at);
        }
    }
    tiers
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
        let candidates: Vec<&RepoPath> = paths.iter().collect();
        let sizes = |wanted: &[usize]| wanted.iter().map(|at| files[*at].1).collect();
        let taken = choose(&candidates, &changed.iter().collect(), &limits, &sizes);
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
    fn only_what_is_near_is_asked_for_its_size() {
        let paths: Vec<RepoPath> = TREE.iter().map(|(path, _)| RepoPath::from(*path)).collect();
        let candidates: Vec<&RepoPath> = paths.iter().collect();
        let changed = RepoPath::from("crates/a/src/deep/changed.rs");
        let asked = std::cell::RefCell::new(Vec::new());
        let sizes = |wanted: &[usize]| {
            asked.borrow_mut().extend_from_slice(wanted);
            vec![1; wanted.len()]
        };
        let limits = SnapshotLimits::default();
        choose(&candidates, &BTreeSet::from([&changed]), &limits, &sizes);
        asked.borrow_mut().sort_unstable();
        assert_eq!(*asked.borrow(), [0, 1, 2, 3, 4, 5, 7]);
    }

    #[test]
    fn without_a_manifest_the_first_directory_is_the_package() {
        let tree = [("x/y/a", 1), ("x/z/b", 1), ("w/c", 1)];
        let found = chosen(&tree, &["x/y/a"], SnapshotLimits::default());
        assert_eq!(found, ["x/y/a", "x/z/b"]);
    }
}
