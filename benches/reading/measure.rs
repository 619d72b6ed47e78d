//! Runs two programs in turns and makes a row of the table of it.
//! What they are asked, and where, is the caller's.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::repository::Repository;

/// How often each program runs at least.
pub(crate) const LEAST_RUNS: usize = 7;

/// Quick programs run more often, within this time for both.
const PATIENCE: Duration = Duration::from_millis(1500);
const MOST_RUNS: usize = 41;

/// Tells the memory of a program it runs; where it is missing, the table says nothing of memory.
const TIME: &str = "/usr/bin/time";

pub(crate) const HEADING: &str = "\
| case | ours | git | ours, ms | git, ms | ratio | target | peak MB, ours : git |
|---|---|---|---|---|---|---|---|";

/// Whose time is taken.
#[derive(Clone, Copy)]
pub(crate) enum Program {
    DeepReview,
    Git,
}

impl Program {
    fn path(self, repository: &Repository) -> PathBuf {
        match self {
            Self::DeepReview => repository.installed(),
            Self::Git => PathBuf::from("git"),
        }
    }
}

/// A program with its arguments in a repository.
pub(crate) struct Call<'a> {
    repository: &'a Repository,
    program: Program,
    arguments: &'a [&'a str],
    exit: i32,
}

impl<'a> Call<'a> {
    /// `exit` is the exit code of a run that went well.
    pub(crate) fn new(
        repository: &'a Repository,
        program: Program,
        arguments: &'a [&'a str],
        exit: i32,
    ) -> Self {
        Self {
            repository,
            program,
            arguments,
            exit,
        }
    }

    fn command(&self) -> Command {
        let mut command = self.repository.command(self.program.path(self.repository));
        command.args(self.arguments);
        command
    }

    /// Runs it and takes the time from its start to its end.
    pub(crate) fn time(&self) -> Result<Duration> {
        let mut command = self.command();
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let started = Instant::now();
        let status = command.status()?;
        let taken = started.elapsed();
        ensure!(
            status.code() == Some(self.exit),
            "{:?} ended with {status}",
            self.arguments
        );
        Ok(taken)
    }

    fn output(&self) -> Result<Vec<u8>> {
        let output = self.command().output()?;
        if output.status.code() != Some(self.exit) {
            bail!(
                "{:?} ended with {}: {}",
                self.arguments,
                output.status,
                String::from_utf8_lossy(&output.stderr)
            );
        }
        Ok(output.stdout)
    }

    /// Its peak resident memory in kilobytes, the most of three runs; `None` if nothing here tells.
    fn peak(&self) -> Result<Option<u64>> {
        if !Path::new(TIME).exists() {
            return Ok(None);
        }
        let told = tempfile::NamedTempFile::new()?;
        let mut most = 0;
        for _ in 0..3 {
            let mut command = self.repository.command(TIME);
            command.args(["-q", "-f", "%M", "-o"]).arg(told.path());
            command
                .arg(self.program.path(self.repository))
                .args(self.arguments);
            command
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status()?;
            let text = std::fs::read_to_string(told.path())?;
            let Ok(kilobytes) = text.trim().parse::<u64>() else {
                return Ok(None);
            };
            most = most.max(kilobytes);
        }
        Ok(Some(most))
    }
}

/// Runs both in turns after a warm-up, and gives the row of the table.
pub(crate) fn compare(
    name: &str,
    ours: &Call,
    git: &Call,
    same: bool,
    target: Option<f64>,
) -> Result<String> {
    let (mine, theirs) = (ours.output()?, git.output()?);
    ensure!(!same || mine == theirs, "the patches differ");
    let mut times: [Vec<Duration>; 2] = [Vec::new(), Vec::new()];
    let started = Instant::now();
    while times[0].len() < LEAST_RUNS
        || (times[0].len() < MOST_RUNS && started.elapsed() < PATIENCE)
    {
        times[0].push(ours.time()?);
        times[1].push(git.time()?);
    }
    let [mine, theirs] = times.map(|mut times| {
        times.sort();
        times[times.len() / 2].as_secs_f64() * 1e3
    });
    let ratio = mine / theirs;
    let mut row = format!(
        "| {name} | `{}` | `git {}` | {mine:.1} | {theirs:.1} | {ratio:.2} | ",
        ours.arguments.join(" "),
        git.arguments.join(" "),
    );
    match target {
        Some(target) if ratio > target => write!(row, "{target:.1}, missed | "),
        Some(target) => write!(row, "{target:.1} | "),
        None => write!(row, "| "),
    }
    .context("cannot write the row")?;
    match (ours.peak()?, git.peak()?) {
        (Some(mine), Some(theirs)) => {
            write!(row, "{} : {} |", mine.div_ceil(1024), theirs.div_ceil(1024))
        }
        _ => write!(row, "unknown |"),
    }
    .context("cannot write the row")?;
    Ok(row)
}
