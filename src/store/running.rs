//! Reviews that run in the background: who runs one, how far it is, and the wish that it stop.
//! A lock that dies with its process says that one runs; a small file says how far it is.

use std::fs::{self, File, TryLockError};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Context;
use serde::{Deserialize, Serialize};

use super::{Store, create_private_dir, private, read_plain, refuse_special, replace};
use crate::progress::Progress;

const DIR: &str = "running";

/// Whoever looks whether a review runs has its lock for a moment, which must not count as running it.
const LOOKED_AT: Duration = Duration::from_millis(500);

/// How far a review in the background is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RunState {
    /// Each agent.
    pub(crate) progress: Progress,
    /// True once nothing more will come.
    pub(crate) done: bool,
    /// What kept it from being done at all.
    #[serde(default)]
    pub(crate) error: Option<String>,
}

/// A review that this process runs for whoever waits. Ends when dropped.
#[derive(Debug)]
pub(crate) struct Running {
    _lock: File,
    state: PathBuf,
    stop: PathBuf,
}

impl Running {
    /// Says how far it is.
    pub(crate) fn tell(&self, state: &RunState) -> anyhow::Result<()> {
        replace(
            &self.state,
            &serde_json::to_vec(state).context("cannot write how far the review is")?,
        )
    }

    /// True if somebody wishes that it stop.
    pub(crate) fn is_to_stop(&self) -> bool {
        self.stop.exists()
    }
}

/// The right to ask agents about this repository: one process at a time, so that two pushes of common
/// files don't pay twice. Released when dropped.
#[derive(Debug)]
pub(crate) struct Turn {
    _lock: File,
}

impl Store {
    /// Takes on a review; `None` if another process runs this one. What an earlier one left is gone.
    pub(crate) fn run(&self, key: &str) -> anyhow::Result<Option<Running>> {
        let name = format!("{key}.lock");
        let mut lock = self.try_lock(&name)?;
        let until = Instant::now() + LOOKED_AT;
        while lock.is_none() && Instant::now() < until {
            std::thread::sleep(LOOKED_AT / 50);
            lock = self.try_lock(&name)?;
        }
        let Some(lock) = lock else {
            return Ok(None);
        };
        let running = Running {
            _lock: lock,
            state: self.running(&format!("{key}.json")),
            stop: self.running(&format!("{key}.stop")),
        };
        self.forget_stop(key)?;
        running.tell(&RunState::default())?;
        Ok(Some(running))
    }

    /// Whether a review runs, and how far it is or was.
    pub(crate) fn run_state(&self, key: &str) -> anyhow::Result<(bool, Option<RunState>)> {
        let state = read_plain(&self.running(&format!("{key}.json")))?
            .and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let runs = self.try_lock(&format!("{key}.lock"))?.is_none();
        Ok((runs, state))
    }

    /// Asks a review to stop.
    pub(crate) fn stop(&self, key: &str) -> anyhow::Result<()> {
        replace(&self.running(&format!("{key}.stop")), b"")
    }

    /// Where the words of a review in the background go.
    pub(crate) fn log_of(&self, key: &str) -> anyhow::Result<PathBuf> {
        create_private_dir(&self.dir.join(DIR))?;
        Ok(self.running(&format!("{key}.log")))
    }

    /// Tries to get the turn to ask agents; `None` if another process has it.
    pub(crate) fn turn(&self) -> anyhow::Result<Option<Turn>> {
        Ok(self.try_lock("turn.lock")?.map(|lock| Turn { _lock: lock }))
    }

    fn running(&self, name: &str) -> PathBuf {
        self.dir.join(DIR).join(name)
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "this is the door to the store's files"
    )]
    fn forget_stop(&self, key: &str) -> anyhow::Result<()> {
        let path = self.running(&format!("{key}.stop"));
        match fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(error).with_context(|| format!("cannot remove `{}`", path.display()))
            }
            _ => Ok(()),
        }
    }

    /// Takes a lock if nobody has it; where the file system has no locks everybody gets it.
    fn try_lock(&self, name: &str) -> anyhow::Result<Option<File>> {
        create_private_dir(&self.dir.join(DIR))?;
        let path = self.running(name);
        let attempt = || -> anyhow::Result<Option<File>> {
            refuse_special(&path)?;
            let file = private()
                .create(true)
                .truncate(false)
                .write(true)
                .open(&path)?;
            match file.try_lock() {
                Ok(()) => Ok(Some(file)),
                Err(TryLockError::WouldBlock) => Ok(None),
                Err(TryLockError::Error(error))
                    if error.kind() == std::io::ErrorKind::Unsupported =>
                {
                    Ok(Some(file))
                }
                Err(TryLockError::Error(error)) => Err(error.into()),
            }
        };
        attempt().with_context(|| format!("cannot lock `{}`", path.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_review_runs_once_and_is_seen_until_it_ends() {
        let temp = tempfile::tempdir().unwrap();
        let store = Store::open(temp.path(), &temp.path().join("state")).unwrap();
        assert_eq!(store.run_state("k").unwrap(), (false, None));
        let running = store.run("k").unwrap().unwrap();
        assert!(store.run("k").unwrap().is_none() && store.run("other").unwrap().is_some());
        let state = RunState {
            done: true,
            ..RunState::default()
        };
        running.tell(&state).unwrap();
        assert_eq!(store.run_state("k").unwrap(), (true, Some(state.clone())));
        assert!(!running.is_to_stop());
        store.stop("k").unwrap();
        assert!(running.is_to_stop());
        drop(running);
        assert_eq!(store.run_state("k").unwrap(), (false, Some(state)));
        let again = store.run("k").unwrap().unwrap();
        assert!(!again.is_to_stop());
    }

    #[test]
    fn one_process_at_a_time_asks_agents() {
        let temp = tempfile::tempdir().unwrap();
        let store = Store::open(temp.path(), &temp.path().join("state")).unwrap();
        let turn = store.turn().unwrap();
        assert!(turn.is_some() && store.turn().unwrap().is_none());
        drop(turn);
        assert!(store.turn().unwrap().is_some());
    }
}
