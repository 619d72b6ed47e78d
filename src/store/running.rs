//! Reviews that run in the background: who runs one, how far it is, and the wish that it stop.
//! A lock that dies with its process says that one runs; a small file says how far it is.

use std::fs::{self, File, TryLockError};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Store, create_private_dir, private, read_plain, refuse_special, replace};
use crate::progress::Progress;

const DIR: &str = "running";

/// Whoever looks whether a review runs shares its lock for a moment, which keeps nobody from running it.
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

/// What is known of a review in the background.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Run {
    /// Whether somebody runs it now.
    pub(crate) runs: bool,
    /// Which run of it the state is of; none if there never was one. Every run has another.
    pub(crate) id: Option<String>,
    /// How far it is or was.
    pub(crate) state: RunState,
}

/// The file that says how far a review is.
#[derive(Deserialize, Serialize)]
struct Written {
    #[serde(default)]
    run: String,
    #[serde(flatten)]
    state: RunState,
}

/// A review that this process runs for whoever waits. Ends when dropped.
#[derive(Debug)]
pub(crate) struct Running {
    _lock: File,
    id: String,
    state: PathBuf,
    stop: PathBuf,
}

impl Running {
    /// Says how far it is.
    pub(crate) fn tell(&self, state: &RunState) -> Result<()> {
        let written = Written {
            run: self.id.clone(),
            state: state.clone(),
        };
        let bytes = serde_json::to_vec(&written).context("cannot write how far the review is")?;
        replace(&self.state, &bytes)
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

/// How a lock is taken.
#[derive(Clone, Copy)]
enum Lock {
    /// By one alone.
    Own,
    /// By all who want to know whether anybody has it alone.
    Share,
}

impl Store {
    /// Takes on a review; `None` if another process runs this one. The wish that it stop stands, also if it
    /// came before.
    pub(crate) fn run(&self, key: &str) -> Result<Option<Running>> {
        let name = format!("{key}.lock");
        let mut lock = self.try_lock(&name, Lock::Own)?;
        let until = Instant::now() + LOOKED_AT;
        while lock.is_none() && Instant::now() < until {
            std::thread::sleep(LOOKED_AT / 50);
            lock = self.try_lock(&name, Lock::Own)?;
        }
        let Some(lock) = lock else {
            return Ok(None);
        };
        let running = Running {
            _lock: lock,
            id: format!(
                "{}-{}",
                Timestamp::now().as_nanosecond(),
                std::process::id()
            ),
            state: self.running(&format!("{key}.json")),
            stop: self.running(&format!("{key}.stop")),
        };
        running.tell(&RunState::default())?;
        Ok(Some(running))
    }

    /// Whether a review runs, and how far it is or was.
    pub(crate) fn run_of(&self, key: &str) -> Result<Run> {
        let runs = || -> Result<bool> {
            let lock = self.try_lock(&format!("{key}.lock"), Lock::Share)?;
            Ok(lock.is_none())
        };
        // Looked at first: who has ended by then has said its last word, and that is what is read.
        let ran = runs()?;
        let written: Option<Written> = read_plain(&self.running(&format!("{key}.json")))?
            .and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let Some(Written { run, state }) = written else {
            return Ok(Run {
                runs: ran,
                ..Run::default()
            });
        };
        Ok(Run {
            // Another run may have begun in between.
            runs: ran || (!state.done && runs()?),
            id: Some(run),
            state,
        })
    }

    /// Asks a review to stop: the one that runs, else the next.
    pub(crate) fn stop(&self, key: &str) -> Result<()> {
        replace(&self.running(&format!("{key}.stop")), b"")
    }

    /// True if a review was asked to stop.
    pub(crate) fn is_to_stop(&self, key: &str) -> bool {
        self.running(&format!("{key}.stop")).exists()
    }

    /// Where the words of a review in the background go.
    pub(crate) fn log_of(&self, key: &str) -> Result<PathBuf> {
        create_private_dir(&self.dir.join(DIR))?;
        Ok(self.running(&format!("{key}.log")))
    }

    /// Tries to get the turn to ask agents; `None` if another process has it.
    pub(crate) fn turn(&self) -> Result<Option<Turn>> {
        Ok(self
            .try_lock("turn.lock", Lock::Own)?
            .map(|lock| Turn { _lock: lock }))
    }

    fn running(&self, name: &str) -> PathBuf {
        self.dir.join(DIR).join(name)
    }

    /// Takes back the wish that a review stop.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the door to the store's files"
    )]
    pub(crate) fn forget_stop(&self, key: &str) -> Result<()> {
        let path = self.running(&format!("{key}.stop"));
        match fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(error).with_context(|| format!("cannot remove `{}`", path.display()))
            }
            _ => Ok(()),
        }
    }

    /// Takes a lock if nobody has it; where the file system has no locks everybody gets it.
    fn try_lock(&self, name: &str, how: Lock) -> Result<Option<File>> {
        create_private_dir(&self.dir.join(DIR))?;
        let path = self.running(name);
        let attempt = || -> Result<Option<File>> {
            refuse_special(&path)?;
            let file = private()
                .create(true)
                .truncate(false)
                .write(true)
                .open(&path)?;
            let tried = match how {
                Lock::Own => file.try_lock(),
                Lock::Share => file.try_lock_shared(),
            };
            match tried {
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
        assert_eq!(store.run_of("k").unwrap(), Run::default());
        let running = store.run("k").unwrap().unwrap();
        assert!(store.run("k").unwrap().is_none() && store.run("other").unwrap().is_some());
        let begun = store.run_of("k").unwrap();
        assert!(begun.runs && begun.id.is_some() && begun.state == RunState::default());
        let state = RunState {
            done: true,
            ..RunState::default()
        };
        running.tell(&state).unwrap();
        let seen = store.run_of("k").unwrap();
        assert_eq!(
            (seen.runs, &seen.id, &seen.state),
            (true, &begun.id, &state)
        );
        drop(running);
        let ended = store.run_of("k").unwrap();
        assert_eq!(
            (ended.runs, &ended.id, &ended.state),
            (false, &begun.id, &state)
        );
        // Each run can be told from the one before.
        drop(store.run("k").unwrap().unwrap());
        let again = store.run_of("k").unwrap();
        assert!(!again.runs && again.id != begun.id && again.state == RunState::default());
    }

    #[test]
    fn a_review_is_asked_to_stop_before_it_begins_or_while_it_runs() {
        let temp = tempfile::tempdir().unwrap();
        let store = Store::open(temp.path(), &temp.path().join("state")).unwrap();
        drop(store.run("k").unwrap().unwrap());
        store.stop("k").unwrap();
        let running = store.run("k").unwrap().unwrap();
        assert!(running.is_to_stop() && store.is_to_stop("k"));
        store.forget_stop("k").unwrap();
        assert!(!running.is_to_stop() && !store.is_to_stop("k"));
    }

    #[test]
    fn who_looks_whether_a_review_runs_is_not_taken_for_running_it() {
        let temp = tempfile::tempdir().unwrap();
        let store = Store::open(temp.path(), &temp.path().join("state")).unwrap();
        let looking = store.try_lock("k.lock", Lock::Share).unwrap();
        assert!(looking.is_some() && !store.run_of("k").unwrap().runs);
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
