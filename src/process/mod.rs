//! Runs a program and waits for it: the only place that starts one.
//! Which program, where and with what environment is the caller's to say.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use crate::error::HintExt;

/// What a program said and how it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finished {
    /// True for exit code 0.
    pub(crate) success: bool,
    /// Standard output, then standard error.
    pub(crate) output: String,
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
