//! What names and settings say at this moment, as digests that are read without asking for any object:
//! equal ones mean that nothing moved in between. What follows from that is left to the pipeline.

use std::collections::BTreeMap;
use std::fs;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use blake3::Hash;

use crate::diff::Oid;

use super::Repo;

/// Above this many loose refs, or bytes of names, asking Git's way is no slower.
const MOST_REFS: usize = 10_000;
const MOST_BYTES: u64 = 64 << 20;
/// No ref is longer; one that is belongs to nobody.
const LONGEST_REF: u64 = 4096;
/// Directories of refs are not nested deeper.
const DEEPEST: usize = 64;

/// Where HEAD and every ref point, and where a shallow history ends.
#[derive(Clone)]
pub(crate) struct RefState {
    digest: Hash,
    packed: Vec<u8>,
    loose: BTreeMap<Vec<u8>, Vec<u8>>,
    /// A file with this name beside HEAD would win over a ref.
    git_dir: PathBuf,
}

impl RefState {
    /// Equal if and only if all names, and what they point at, are.
    pub(crate) fn digest(&self) -> &Hash {
        &self.digest
    }

    /// True if the refs alone say which commit a revision names: HEAD, a whole id, or the name of a
    /// ref, and ancestors of these. A part of an id, a date or words can come to name another one.
    pub(crate) fn decides(&self, revision: &str) -> bool {
        let name = revision.split(['^', '~']).next().unwrap_or_default();
        let steps = &revision[name.len()..];
        if !steps
            .bytes()
            .all(|byte| matches!(byte, b'^' | b'~' | b'0'..=b'9'))
        {
            return false;
        }
        let is_id =
            matches!(name.len(), 40 | 64) && name.bytes().all(|byte| byte.is_ascii_hexdigit());
        if name == "HEAD" || is_id {
            return true;
        }
        let plain = !name.is_empty()
            && !name.contains("..")
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"/._-".contains(&byte));
        plain
            && fs::symlink_metadata(self.git_dir.join(name)).is_err()
            && ["refs/heads/", "refs/tags/", "refs/remotes/"]
                .iter()
                .any(|place| self.has(format!("{place}{name}").as_bytes()))
    }

    /// True if a ref points at this object itself, so that it is there.
    pub(crate) fn mentions(&self, id: &Oid) -> bool {
        let id = id.to_string();
        let is_it = |target: &Vec<u8>| target.trim_ascii_end() == id.as_bytes();
        self.loose.values().any(is_it)
            || memchr::memmem::find(&self.packed, id.as_bytes()).is_some()
    }

    fn has(&self, full: &[u8]) -> bool {
        let line = [b" ", full, b"\n"].concat();
        self.loose.contains_key(full) || memchr::memmem::find(&self.packed, &line).is_some()
    }
}

impl Repo {
    /// Reads where every name points; `None` if that can't be told surely, or not at little cost.
    pub(crate) fn ref_state(&self) -> Option<RefState> {
        let mut loose = BTreeMap::new();
        below(&self.common_dir().join("refs"), b"refs", 0, &mut loose)?;
        let packed = whole(&self.common_dir().join("packed-refs"))?;
        let mut hasher = blake3::Hasher::new_derive_key("deep-review 2026 refs 1");
        let mut add = |part: &[u8]| {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part);
        };
        add(&whole(&self.git_dir().join("HEAD"))??);
        add(packed.as_deref().unwrap_or_default());
        add(&[u8::from(packed.is_some())]);
        let shallow = whole(&self.raw().shallow_file().ok()?)?;
        add(shallow.as_deref().unwrap_or_default());
        let mut own = BTreeMap::new();
        if self.git_dir() != self.common_dir() {
            below(&self.git_dir().join("refs"), b"refs", 0, &mut own)?;
        }
        for refs in [&loose, &own] {
            add(&refs.len().to_le_bytes());
            for (name, target) in refs {
                add(name);
                add(target);
            }
        }
        Some(RefState {
            digest: hasher.finalize(),
            packed: packed.unwrap_or_default(),
            loose,
            git_dir: self.git_dir().to_owned(),
        })
    }

    /// A digest of Git's whole configuration as it was read when the repository was opened, with the
    /// places of the repository.
    pub(crate) fn settings_digest(&self) -> Hash {
        let mut hasher = blake3::Hasher::new_derive_key("deep-review 2026 git settings 1");
        let mut add = |part: &[u8]| {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part);
        };
        for place in [
            Some(self.git_dir()),
            Some(self.common_dir()),
            self.work_tree(),
        ] {
            add(place.map_or(b"", |place| place.as_os_str().as_encoded_bytes()));
        }
        let config = self.raw().config_snapshot();
        for section in config.sections() {
            add(format!("{:?}", section.meta().source).as_bytes());
            add(&section.to_bstring());
        }
        hasher.finalize()
    }

    /// A digest of the index, byte for byte; `None` if it can't be read.
    pub(crate) fn index_digest(&self) -> Option<Hash> {
        let mut hasher = blake3::Hasher::new_derive_key("deep-review 2026 index 1");
        match fs::File::open(self.raw().index_path()) {
            Ok(file) => {
                hasher.update(b"there");
                hasher.update_reader(file).ok()?;
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(_) => return None,
        }
        Some(hasher.finalize())
    }
}

/// Every file below a directory of refs with what stands in it. `None` if something there is neither
/// a file nor a directory, or if there is too much of it.
fn below(
    dir: &Path,
    name: &[u8],
    depth: usize,
    found: &mut BTreeMap<Vec<u8>, Vec<u8>>,
) -> Option<()> {
    if depth > DEEPEST {
        return None;
    }
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Some(()),
        Err(_) => return None,
    };
    for entry in entries {
        let entry = entry.ok()?;
        let kind = entry.file_type().ok()?;
        let name = [name, b"/", entry.file_name().as_encoded_bytes()].concat();
        if kind.is_dir() {
            below(&entry.path(), &name, depth + 1, found)?;
        } else if kind.is_file() && found.len() < MOST_REFS {
            let mut target = Vec::new();
            let file = fs::File::open(entry.path()).ok()?;
            file.take(LONGEST_REF + 1).read_to_end(&mut target).ok()?;
            if target.len() as u64 > LONGEST_REF {
                return None;
            }
            found.insert(name, target);
        } else {
            return None;
        }
    }
    Some(())
}

/// The bytes of a plain file of bounded size, or that there is none; `None` for anything else.
#[expect(
    clippy::option_option,
    reason = "that there is no file is an answer, not knowing is none"
)]
fn whole(path: &Path) -> Option<Option<Vec<u8>>> {
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_file() && found.len() <= MOST_BYTES => fs::read(path).ok().map(Some),
        Err(error) if error.kind() == ErrorKind::NotFound => Some(None),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::Fixture;

    #[test]
    fn whatever_moves_a_name_changes_the_digest() {
        let fixture = Fixture::new();
        fixture.write("a", "1");
        let one = fixture.commit();
        fixture.write("a", "2");
        fixture.commit();
        let digest = || *fixture.repo().ref_state().unwrap().digest();
        let mut seen = vec![digest()];
        assert_eq!(digest(), seen[0], "nothing moved");
        let one = one.to_string();
        for words in [
            &["branch", "new"][..],
            &["branch", "-f", "new", &one],
            &["checkout", "-q", "new"],
            &["checkout", "-q", "--detach"],
            &["update-ref", "refs/remotes/origin/main", &one],
            &[
                "symbolic-ref",
                "refs/remotes/origin/HEAD",
                "refs/remotes/origin/main",
            ],
            &["tag", "-a", "-m", "t", "v1"],
            &["pack-refs", "--all"],
            &["update-ref", "-d", "refs/heads/new"],
        ] {
            fixture.git(words);
            let now = digest();
            assert!(!seen.contains(&now), "{words:?}");
            seen.push(now);
        }
        fixture.write(".git/shallow", format!("{one}\n"));
        assert!(!seen.contains(&digest()), "the history became shallow");
    }

    #[test]
    fn settings_of_git_change_their_digest() {
        let fixture = Fixture::new();
        let digest = || fixture.repo().settings_digest();
        let before = digest();
        assert_eq!(digest(), before);
        fixture.git(&["config", "branch.main.pushRemote", "up"]);
        assert_ne!(digest(), before);
    }

    #[test]
    fn only_names_that_refs_decide_are_decided_by_refs() {
        let fixture = Fixture::new();
        fixture.write("a", "1");
        let commit = fixture.commit().to_string();
        fixture.git(&["tag", "v1"]);
        fixture.git(&["pack-refs", "--all"]);
        fixture.git(&["branch", "topic/x"]);
        let state = fixture.repo().ref_state().unwrap();
        assert!(state.mentions(&fixture.id("main")));
        assert!(!state.mentions(&fixture.id("main^{tree}")));
        for good in [
            "HEAD",
            "HEAD~2^2",
            "main",
            "v1^",
            "topic/x",
            commit.as_str(),
        ] {
            assert!(state.decides(good), "{good}");
        }
        for bad in [
            "",
            &commit[..12],
            "nowhere",
            "HEAD@{1}",
            "main^{tree}",
            ":/words",
            "../HEAD",
            "v1-0-gabcdef0",
            "@",
        ] {
            assert!(!state.decides(bad), "{bad}");
        }
        fixture.write(".git/main", "in the way");
        assert!(!state.decides("main"), "Git would take the file");
    }

    #[test]
    fn refs_that_cannot_be_told_surely_have_no_state() {
        let fixture = Fixture::new();
        fixture.write("a", "1");
        fixture.commit();
        fixture.write(".git/refs/heads/long", "x".repeat(5000));
        assert!(fixture.repo().ref_state().is_none());
    }

    #[test]
    fn what_is_staged_changes_the_digest_of_the_index() {
        let fixture = Fixture::new();
        let digest = || fixture.repo().index_digest().unwrap();
        let without = digest();
        fixture.write("a", "1");
        fixture.commit();
        let committed = digest();
        fixture.write("a", "2");
        assert_eq!(digest(), committed);
        fixture.git(&["add", "a"]);
        assert_ne!(digest(), committed);
        assert_ne!(without, committed);
    }
}
