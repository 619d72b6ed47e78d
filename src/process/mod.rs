//! Runs programs: the only place that starts one, waits for it and ends it.
//! Which program, where and with what environment is the caller's to say.
//!
//! - [`run`] waits for a short program that we trust.
//! - [`supervise()`] runs an agent: below a supervisor process of its own (`supervisor`, with which it
//!   talks as `message` says), so that nothing the agent starts outlives the call or this process.
//! - [`start_detached`] starts ourselves in the background.
//! - [`Interrupt`] is Ctrl-C and its kin; `table` is the process table.

mod companion;
mod detached;
mod interrupt;
mod message;
mod supervise;
mod supervisor;
#[cfg(target_os = "linux")]
mod table;
#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests;

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::error::HintExt;

/// The only argument by which this program starts itself as a supervisor.
pub(crate) use companion::SUBCOMMAND;
pub(crate) use detached::{has_ended, start_detached};
pub(crate) use interrupt::Interrupt;
pub(crate) use supervise::supervise;
pub(crate) use supervisor::serve;

/// The process that started this one, or another once that has ended.
pub(crate) fn parent() -> Option<rustix::process::Pid> {
    rustix::process::getppid()
}

/// Has this process run when no other wants to.
pub(crate) fn let_others_pass() {
    // Where that is refused, it is done all the same.
    #[cfg(unix)]
    let _ = rustix::process::nice(19);
}

/// What a program said and how it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finished {
    /// True for exit code 0.
    pub(crate) success: bool,
    /// Standard output, then standard error.
    pub(crate) output: String,
}

/// A program to supervise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Program {
    /// Where it is; absolute.
    pub(crate) path: PathBuf,
    /// Its arguments, without its own name.
    pub(crate) arguments: Vec<OsString>,
    /// Where it runs; absolute.
    pub(crate) directory: PathBuf,
    /// Its whole environment: nothing is inherited.
    pub(crate) environment: Vec<(OsString, OsString)>,
    /// What is written to its standard input, which is closed after that.
    pub(crate) input: Vec<u8>,
}

impl Program {
    /// Refuses relative paths: the supervisor runs elsewhere.
    fn check(&self) -> Result<()> {
        for path in [&self.path, &self.directory] {
            ensure!(path.is_absolute(), "`{}` is not absolute", path.display());
        }
        Ok(())
    }
}

/// What a supervised program may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    /// How long it may run.
    pub(crate) total: Duration,
    /// How long it may write nothing to either stream.
    pub(crate) idle: Duration,
    /// Bytes of standard output that are kept; one more ends the run.
    pub(crate) stdout: usize,
    /// Bytes of standard error that are kept; more is read and counted.
    pub(crate) stderr: usize,
    /// How long it has between being asked to end and being killed.
    pub(crate) grace: Duration,
}

impl Limits {
    /// The usual time between being asked to end and being killed; somebody who interrupts us waits, and
    /// then it is a second at most.
    pub(crate) const GRACE: Duration = Duration::from_secs(5);
}

/// Why a supervised program is no longer running.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// By itself, with this exit code; `None` if a signal ended it.
    Exited(Option<i32>),
    /// It took too long.
    TotalDeadline,
    /// It was silent for too long.
    IdleDeadline,
    /// It wrote more to standard output than is kept.
    TooMuchOutput,
    /// The user, or the system, interrupted us.
    Interrupted,
    /// Who read its lines said stop.
    Stopped,
}

/// What a supervised program said and how it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ended {
    /// Why it is no longer running.
    pub(crate) end: End,
    /// What is kept of standard output.
    pub(crate) stdout: Vec<u8>,
    /// What is kept of standard error.
    pub(crate) stderr: Vec<u8>,
    /// Bytes of both that were read and not kept.
    pub(crate) unkept: u64,
    /// Processes below it that could not be ended: of another user, or stuck in the kernel. Nearly
    /// always 0.
    pub(crate) left: u32,
    /// From the start to the end of the last process below it.
    pub(crate) took: Duration,
}

/// Runs a program to its end, without standard input and without any of Git's variables, or ours, from outside;
/// `environment` is set on top.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the door to other programs"
)]
pub(crate) fn run(
    program: &str,
    arguments: &[&str],
    directory: &Path,
    environment: &[(&str, &OsStr)],
) -> Result<Finished> {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .current_dir(directory)
        .stdin(Stdio::null());
    for name in crate::env::of_this_repository() {
        command.env_remove(name);
    }
    command.envs(environment.iter().copied());
    let output = command
        .output()
        .with_context(|| format!("cannot run `{program}`"))
        .hint("install it, or correct PATH")?;
    let mut said = String::from_utf8_lossy(&output.stdout).into_owned();
    said.push_str(&String::from_utf8_lossy(&output.stderr));
    Ok(Finished {
        success: output.status.success(),
        output: said,
    })
}
