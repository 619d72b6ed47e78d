//! Verdicts of states that were met before, one small file each, and what the store itself holds as
//! part of such a state. What else a state consists of is the pipeline's to say.
//!
//! A verdict that is lost costs the time to find it again, so nothing here waits for the disk or for
//! a lock: files are replaced whole, and one that does not verify is none.

use std::fs;
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::time::SystemTime;

use anyhow::{Context, bail};
use blake3::Hash;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::seal::Purpose;
use super::{Store, create_private_dir, leads, ledger, read_plain, receipts};

const DIR: &str = "verdicts";
/// How many are kept: about as many as there are branches somebody works on.
const MOST: usize = 64;
/// A larger one is not kept: it would take longer to read than to find.
const LARGEST: usize = 16 << 20;
/// How much of the end of a growing file is looked at, besides its size and times.
const TAIL: u64 = 4096;

/// What the store held at one moment, as far as verdicts are made from it: the decisions, the receipts,
/// and what leads said. The latter are told by size, times and the last lines, because there may be many.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StoreState(Hash);

impl StoreState {
    /// Equal for equal states.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

#[derive(Serialize)]
struct Kept<'a, T> {
    state: &'a str,
    value: &'a T,
}

#[derive(Deserialize)]
struct Found<T> {
    state: String,
    value: T,
}

impl Store {
    /// What the store holds now; from now on [`Store::unmoved`] tells whether anybody else writes to
    /// it. `None` if it can't be read.
    pub(crate) fn observe(&mut self) -> Option<StoreState> {
        self.watched = self.state().ok();
        self.watched.clone()
    }

    /// What the store holds now, if since [`Store::observe`] nobody but this process has written to it.
    pub(crate) fn unmoved(&self) -> Option<StoreState> {
        let now = self.state().ok()?;
        (self.watched.as_ref() == Some(&now)).then_some(now)
    }

    /// Does what this process writes to receipts. The caller holds the lock, so nobody else writes
    /// meanwhile.
    pub(super) fn own_writing(
        &mut self,
        write: impl FnOnce() -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let unmoved = self.unmoved().is_some();
        self.watched = None;
        write()?;
        if unmoved {
            self.watched = self.state().ok();
        }
        Ok(())
    }

    fn state(&self) -> anyhow::Result<StoreState> {
        let mut hasher = blake3::Hasher::new_derive_key("deep-review 2026 store state 1");
        let decisions = read_plain(&self.dir.join(ledger::FILE))?.unwrap_or_default();
        hasher.update(&(decisions.len() as u64).to_le_bytes());
        hasher.update(&decisions);
        for file in [receipts::FILE, receipts::HANDED_IN, leads::FILE] {
            stamp(&self.dir.join(file), &mut hasher)?;
        }
        Ok(StoreState(hasher.finalize()))
    }

    /// The verdict that was kept in this slot for exactly this state. Takes no lock.
    pub(crate) fn verdict<T: DeserializeOwned>(&self, slot: &Hash, state: &Hash) -> Option<T> {
        let path = self.dir.join(DIR).join(name(slot));
        // A verdict is a memory: one that can't be read is forgotten, whatever is wrong with it.
        let bytes = read_plain(&path).ok().flatten()?;
        let state = state.to_hex();
        let sealed = bytes.strip_prefix(state.as_bytes())?;
        let text = std::str::from_utf8(sealed).ok()?.trim_start();
        let found: Found<T> = self.secret.as_ref()?.open(Purpose::Verdict, text).ok()?;
        (found.state == state.as_str()).then_some(found.value)
    }

    /// Keeps a verdict for one state, in place of what its slot held. Creates no store.
    pub(crate) fn keep_verdict<T: Serialize>(
        &self,
        slot: &Hash,
        state: &Hash,
        value: &T,
    ) -> anyhow::Result<()> {
        let secret = self.secret.as_ref().context("there is no secret yet")?;
        if !self.dir.is_dir() {
            bail!("there is no store yet");
        }
        let state = state.to_hex();
        let kept = Kept {
            state: state.as_str(),
            value,
        };
        let sealed = secret.seal(Purpose::Verdict, &kept)?;
        if sealed.len() > LARGEST {
            bail!("it has {} bytes", sealed.len());
        }
        let dir = self.dir.join(DIR);
        if fs::symlink_metadata(&dir).is_ok_and(|found| !found.is_dir()) {
            bail!("`{}` is not a directory", dir.display());
        }
        create_private_dir(&dir)?;
        let mut file = tempfile::Builder::new().prefix(".new-").tempfile_in(&dir)?;
        file.write_all(format!("{state} {sealed}").as_bytes())?;
        file.persist(dir.join(name(slot)))?;
        forget_oldest(&dir)
    }
}

fn name(slot: &Hash) -> String {
    slot.to_hex()[..32].to_owned()
}

/// Removes what is too many, the oldest first.
#[expect(
    clippy::disallowed_methods,
    reason = "the store is a door to the file system"
)]
fn forget_oldest(dir: &Path) -> anyhow::Result<()> {
    let mut found: Vec<(SystemTime, std::path::PathBuf)> = fs::read_dir(dir)?
        .filter_map(|entry| {
            let entry = entry.ok()?;
            Some((entry.metadata().ok()?.modified().ok()?, entry.path()))
        })
        .collect();
    found.sort();
    for (_, path) in found.iter().take(found.len().saturating_sub(MOST)) {
        match fs::remove_file(path) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
    }
    Ok(())
}

/// Adds what tells one state of a growing file from another.
fn stamp(path: &Path, hasher: &mut blake3::Hasher) -> anyhow::Result<()> {
    let found = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            hasher.update(b"none");
            return Ok(());
        }
        found => found?,
    };
    if !found.is_file() {
        bail!("`{}` is not a plain file", path.display());
    }
    hasher.update(&found.len().to_le_bytes());
    let since = found
        .modified()?
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    hasher.update(&since.as_nanos().to_le_bytes());
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        for number in [found.ctime(), found.ctime_nsec()] {
            hasher.update(&number.to_le_bytes());
        }
        hasher.update(&found.ino().to_le_bytes());
    }
    let mut file = fs::File::open(path)?;
    file.seek(SeekFrom::Start(found.len().saturating_sub(TAIL)))?;
    let mut tail = Vec::new();
    file.take(TAIL).read_to_end(&mut tail)?;
    hasher.update(&(tail.len() as u64).to_le_bytes());
    hasher.update(&tail);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store(dir: &tempfile::TempDir) -> Store {
        let mut store = Store::open(dir.path(), &dir.path().join("state")).unwrap();
        drop(store.lock().unwrap());
        store
    }

    fn state(text: &str) -> Hash {
        blake3::hash(text.as_bytes())
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "the test is another process's writing"
    )]
    fn write(path: &Path, text: &str) {
        fs::write(path, text).unwrap();
    }

    #[test]
    fn a_verdict_is_found_for_its_state_and_slot_only() {
        let dir = tempfile::tempdir().unwrap();
        let store = store(&dir);
        let (slot, other) = (state("slot"), state("other slot"));
        store.keep_verdict(&slot, &state("1"), &"pass").unwrap();
        let found = |slot, at: &str| store.verdict::<String>(slot, &state(at));
        assert_eq!(found(&slot, "1").as_deref(), Some("pass"));
        assert_eq!(found(&slot, "2"), None);
        assert_eq!(found(&other, "1"), None);
        store.keep_verdict(&slot, &state("2"), &"block").unwrap();
        assert_eq!(found(&slot, "1"), None);
        assert_eq!(found(&slot, "2").as_deref(), Some("block"));
    }

    #[test]
    fn a_verdict_that_was_touched_or_is_of_another_user_is_none() {
        let dir = tempfile::tempdir().unwrap();
        let mut store = store(&dir);
        let (slot, one) = (state("slot"), state("1"));
        store.keep_verdict(&slot, &one, &"block").unwrap();
        let path = dir.path().join("deep-review/verdicts").join(name(&slot));
        let text = fs::read_to_string(&path).unwrap();
        // Another state in front of it, but not under the seal.
        let moved = text.replacen(one.to_hex().as_str(), state("2").to_hex().as_str(), 1);
        for touched in [text.replace("block", "pass!"), moved, text[..90].to_owned()] {
            write(&path, &touched);
            for at in ["1", "2"] {
                assert_eq!(store.verdict::<String>(&slot, &state(at)), None);
            }
        }
        write(&path, &text);
        assert!(store.verdict::<String>(&slot, &one).is_some());
        write(&dir.path().join("state/secret"), &"x".repeat(32));
        store.secret = super::super::Secret::read(&dir.path().join("state")).unwrap();
        assert_eq!(store.verdict::<String>(&slot, &one), None);
    }

    #[test]
    fn the_oldest_verdicts_are_forgotten() {
        let dir = tempfile::tempdir().unwrap();
        let store = store(&dir);
        for slot in 0..MOST + 9 {
            let slot = state(&slot.to_string());
            store
                .keep_verdict(&slot, &state("1"), &slot.to_string())
                .unwrap();
        }
        let verdicts = dir.path().join("deep-review/verdicts");
        assert_eq!(fs::read_dir(verdicts).unwrap().count(), MOST);
        let newest = state(&(MOST + 8).to_string());
        assert!(store.verdict::<String>(&newest, &state("1")).is_some());
    }

    #[test]
    fn decisions_and_receipts_are_part_of_the_state() {
        let dir = tempfile::tempdir().unwrap();
        let mut store = store(&dir);
        let mut seen = vec![store.observe().unwrap()];
        assert_eq!(store.unmoved().as_ref(), seen.first());
        for (file, text) in [
            (ledger::FILE, "one\n"),
            (ledger::FILE, "two\n"),
            (receipts::FILE, "one\n"),
            (receipts::FILE, "one\ntwo\n"),
            (receipts::HANDED_IN, "one\n"),
            (receipts::HANDED_IN, "two\n"),
        ] {
            write(&dir.path().join("deep-review").join(file), text);
            assert!(store.unmoved().is_none(), "{file} was written");
            let now = store.observe().unwrap();
            assert!(!seen.contains(&now), "{file}: {text:?}");
            seen.push(now);
        }
    }

    #[test]
    fn own_writing_is_told_from_that_of_others() {
        let dir = tempfile::tempdir().unwrap();
        let mut store = store(&dir);
        let file = dir.path().join("deep-review").join(receipts::FILE);
        store.observe();
        let ours = |text: &'static str| {
            let file = file.clone();
            move || {
                write(&file, text);
                Ok(())
            }
        };
        store.own_writing(ours("ours\n")).unwrap();
        assert!(store.unmoved().is_some());
        write(&file, "ours\ntheirs\n");
        store.own_writing(ours("ours\ntheirs\nours\n")).unwrap();
        assert!(store.unmoved().is_none(), "theirs was never looked at");
    }

    #[test]
    fn no_verdict_is_kept_where_there_is_no_store() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path(), &dir.path().join("state")).unwrap();
        assert!(store.keep_verdict(&state("a"), &state("1"), &1).is_err());
        assert!(!dir.path().join("deep-review").exists());
    }
}
