//! Starts a program, as a rule ourselves, in the background: in a session of its own, and without any
//! stream of ours, so that whoever waits for us does not wait for it.
//! What it does there, and how it is found again, is the caller's to say.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};

use super::Program;
use super::companion::Companion;
use super::message::{self, Notice, Task};

/// How long starting a program may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Starts `program` (absolute) in `directory` (absolute) with `environment` as its whole environment.
///
/// Its standard input is empty; what it writes goes to `log`, or nowhere. It is no child of ours, and when
/// this returns it has left our session already: no Ctrl-C, closed terminal or end of ours reaches it.
/// Returns its process id.
pub(crate) fn start_detached(
    program: &Path,
    arguments: &[&OsStr],
    directory: &Path,
    environment: &[(OsString, OsString)],
    log: Option<File>,
) -> Result<u32> {
    let program = Program {
        path: program.to_owned(),
        arguments: arguments.iter().map(|word| (*word).to_owned()).collect(),
        directory: directory.to_owned(),
        environment: environment.to_vec(),
        input: Vec::new(),
    };
    start_detached_by(&Companion::this_program()?, &program, log)
}

/// Whether a process is gone. One that a new process took the number of is not known to be.
pub(crate) fn has_ended(process: u32) -> bool {
    let id = i32::try_from(process).ok().and_then(Pid::from_raw);
    id.is_some_and(|id| test_kill_process(id) == Err(Errno::SRCH))
}

/// As [`start_detached`], with a given companion.
pub(super) fn start_detached_by(
    companion: &Companion,
    program: &Program,
    log: Option<File>,
) -> Result<u32> {
    program.check()?;
    let what = || {
        format!(
            "cannot start `{}` in the background",
            program.path.display()
        )
    };
    let (stdout, stderr) = match log {
        Some(log) => (log.try_clone().map(Stdio::from), Stdio::from(log)),
        None => (Ok(Stdio::null()), Stdio::null()),
    };
    let (mut starter, socket) = companion
        .start(stdout.with_context(what)?, stderr)
        .with_context(what)?;
    let said = ask(&socket, program);
    if said.is_err() {
        // It may have ended by itself already.
        let _ = starter.kill();
    }
    starter.wait().with_context(what)?;
    match said.with_context(what)? {
        Notice::Started(pid) => u32::try_from(pid).with_context(what),
        Notice::NotStarted(error) => Err(io::Error::from_raw_os_error(error)).with_context(what),
        other => Err(anyhow!("the starter said {other:?}")).with_context(what),
    }
}

fn ask(mut socket: &UnixStream, program: &Program) -> Result<Notice> {
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.set_write_timeout(Some(PATIENCE))?;
    socket.write_all(&message::request_bytes(Task::Detach, program))?;
    let mut bytes = [0; Notice::LENGTH];
    socket.read_exact(&mut bytes)?;
    let (notice, _) =
        Notice::split_from(&bytes).context("the starter said nothing that is known")?;
    Ok(notice)
}
