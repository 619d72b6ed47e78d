//! This program started once more, as the supervisor of another: with a socket to it as its standard
//! input, and nothing inherited.
//! What is said over the socket is left to `supervise` and `detached`.

use std::ffi::OsString;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};

use crate::env;

/// The hidden subcommand that makes this program a supervisor.
pub(crate) const SUBCOMMAND: &str = "supervise";

/// How this program is started once more.
#[derive(Clone, Debug)]
pub(super) struct Companion {
    /// The program.
    pub(super) program: PathBuf,
    /// What makes it a supervisor.
    pub(super) arguments: Vec<OsString>,
}

impl Companion {
    /// This very program, even if its file was replaced or removed since it was started (Linux).
    pub(super) fn this_program() -> Result<Self> {
        let running = Path::new("/proc/self/exe");
        let program = if cfg!(target_os = "linux") && running.exists() {
            running.to_owned()
        } else {
            env::current_exe()?
        };
        Ok(Self {
            program,
            arguments: vec![SUBCOMMAND.into()],
        })
    }

    /// Starts it with these as its standard output and error; returns it with our end of the socket.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the door to other programs"
    )]
    pub(super) fn start(&self, stdout: Stdio, stderr: Stdio) -> Result<(Child, UnixStream)> {
        let (ours, theirs) = UnixStream::pair().context("cannot open a socket to a supervisor")?;
        let child = Command::new(&self.program)
            .arg0("deep-review")
            .args(&self.arguments)
            .env_clear()
            .current_dir("/")
            .stdin(OwnedFd::from(theirs))
            .stdout(stdout)
            .stderr(stderr)
            .spawn()
            .context("cannot start this program once more, as a supervisor")?;
        Ok((child, ours))
    }
}
