//! Ctrl-C and its kin (INT, TERM, HUP) as a value that can be asked and waited for.
//! What is to be given up then is left to whoever holds it.

use std::io::{self, PipeReader, PipeWriter, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::process;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::io::Errno;

use crate::error::Exit;

/// Whether this process was asked to end. Clones are the same.
#[derive(Clone, Debug)]
pub(crate) struct Interrupt(Option<Arc<Bell>>);

/// A flag with a pipe that has something to read, for ever, once the flag is set.
#[derive(Debug)]
struct Bell {
    rung: AtomicBool,
    heard: PipeReader,
    rope: PipeWriter,
}

/// What a second signal does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Second {
    /// Ends this process at once.
    Exits,
    /// Nothing: there is something to be done first, and it is bounded.
    IsIgnored,
}

/// The longest wait at once: who waits longer asks again, and no platform's clock overflows.
pub(super) const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The one that signals ring; the handler can be installed once in a process.
static OF_SIGNALS: Mutex<Option<Interrupt>> = Mutex::new(None);

impl Interrupt {
    /// One that INT, TERM and HUP set, for the whole process; a second such signal ends the process at
    /// once, with the exit code of an interrupted command.
    pub(crate) fn on_signals() -> Result<Self> {
        Self::on_signals_and(Second::Exits)
    }

    /// As [`Interrupt::on_signals`]; who comes first in a process says what a second signal does.
    pub(super) fn on_signals_and(second: Second) -> Result<Self> {
        let mut installed = OF_SIGNALS.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(interrupt) = &*installed {
            return Ok(interrupt.clone());
        }
        let interrupt = Self::by_hand()?;
        let rings = interrupt.clone();
        ctrlc::set_handler(move || {
            if rings.is_set() && second == Second::Exits {
                // Whoever asks twice does not want to wait.
                process::exit(Exit::Interrupted as i32);
            }
            rings.set();
        })
        .context("cannot listen to signals")?;
        *installed = Some(interrupt.clone());
        Ok(interrupt)
    }

    /// One that nothing ever sets.
    #[cfg(test)]
    pub(crate) fn never() -> Self {
        Self(None)
    }

    /// One that only [`Interrupt::set`] sets.
    pub(crate) fn by_hand() -> Result<Self> {
        let (heard, rope) = io::pipe().context("cannot open a pipe for signals")?;
        Ok(Self(Some(Arc::new(Bell {
            rung: AtomicBool::new(false),
            heard,
            rope,
        }))))
    }

    /// Sets it, for all clones; nothing happens to one that nothing ever sets.
    pub(crate) fn set(&self) {
        if let Some(bell) = &self.0
            && !bell.rung.swap(true, Ordering::SeqCst)
        {
            // The pipe is empty, so the byte fits; it is never read, so every waiter sees it.
            let _ = (&bell.rope).write(b"!");
        }
    }

    /// True once it was set.
    pub(crate) fn is_set(&self) -> bool {
        self.0
            .as_ref()
            .is_some_and(|bell| bell.rung.load(Ordering::SeqCst))
    }

    /// Waits so long, or until it is set; returns whether it is.
    pub(crate) fn wait(&self, most: Duration) -> bool {
        let until = Instant::now() + most;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let mut watched: Vec<_> = self
                .bell()
                .map(|bell| PollFd::from_borrowed_fd(bell, PollFlags::IN))
                .into_iter()
                .collect();
            let ready = poll_for(&mut watched, Some(left));
            if self.is_set() || left.is_zero() || ready.is_err() {
                return self.is_set();
            }
        }
    }

    /// What becomes readable when it is set.
    pub(super) fn bell(&self) -> Option<BorrowedFd<'_>> {
        self.0.as_ref().map(|bell| bell.heard.as_fd())
    }
}

/// Waits until one of them is ready or the time is over; a signal in between counts as nothing ready.
pub(super) fn poll_for(watched: &mut [PollFd<'_>], most: Option<Duration>) -> Result<usize> {
    let most = most.map(|most| most.min(DAY));
    let most = most
        .map(|most| Timespec::try_from(most).expect("a day fits into every platform's seconds"));
    match rustix::event::poll(watched, most.as_ref()) {
        Ok(ready) => Ok(ready),
        Err(Errno::INTR) => {
            for one in watched {
                one.clear_revents();
            }
            Ok(0)
        }
        Err(error) => Err(error).context("cannot wait for a program"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(300);

    #[test]
    fn who_waits_is_woken_at_once_and_for_ever() {
        let interrupt = Interrupt::by_hand().unwrap();
        assert!(!interrupt.wait(Duration::from_millis(1)));
        let started = Instant::now();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                let waits = interrupt.clone();
                scope.spawn(move || assert!(waits.wait(LONG)));
            }
            interrupt.set();
            interrupt.set();
        });
        assert!(interrupt.is_set() && interrupt.wait(LONG));
        assert!(started.elapsed() < LONG);
    }

    #[test]
    fn never_is_never_set() {
        let never = Interrupt::never();
        never.set();
        assert!(!never.is_set() && !never.wait(Duration::from_millis(1)));
    }
}
