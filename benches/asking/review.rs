//! One round: a linked worktree of the reviewed commit, then a review of it; and the row of the table
//! that many rounds make.
//! What the agents do is theirs; the repository is made elsewhere.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result, ensure};

use crate::agent::Seen;
use crate::repository::Repository;

/// The word by which this program is an agent.
pub(crate) const ANSWER: &str = "answer-after";

/// The agents, and after how many milliseconds each answers: sooner than most that read so much. The last is
/// heard well after half a minute, when Linux begins to write a snapshot of that age to the disk: whoever
/// then waits for the disk waits for all of it.
const AGENTS: [(&str, u64); 3] = [("quick", 15_000), ("middling", 30_000), ("slow", 45_000)];

/// How long deleting a snapshot may take.
const PATIENCE: Duration = Duration::from_secs(300);

/// Tells the memory and the work of a program it runs; where it is missing, so are they.
const TIME: &str = "/usr/bin/time";

pub(crate) const HEADING: &str = "\
| case | parts | total | agents | snapshot | worktree add | overhead | allowed | before | pages, briefs | start | after | peak MB | user + system |
|---|---|---|---|---|---|---|---|---|---|---|---|---|---|";

/// What one round took, in seconds.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Times {
    parts: f64,
    total: f64,
    /// What the agents alone would take.
    agents: f64,
    snapshot: f64,
    worktree: f64,
    /// From the start to the snapshot.
    before: f64,
    /// From the snapshot's tree to the first agent.
    briefs: f64,
    /// What was lost while agents were asked.
    starting: f64,
    /// From the last answer to the end.
    after: f64,
    megabytes: f64,
    work: f64,
}

impl Times {
    fn overhead(&self) -> f64 {
        self.total - self.agents - self.snapshot
    }

    fn allowed(&self) -> f64 {
        self.agents * 0.02 + 0.15
    }
}

/// One case in a repository.
pub(crate) struct Bench<'r> {
    repository: &'r Repository,
    notes: PathBuf,
    parallel: usize,
}

impl<'r> Bench<'r> {
    /// Configures the agents, and how many parts each is asked at the same time.
    #[expect(
        clippy::disallowed_methods,
        reason = "a benchmark writes its own configuration"
    )]
    pub(crate) fn new(repository: &'r Repository, parallel: usize) -> Result<Self> {
        let home = repository.home();
        let notes = home.join("notes");
        let program = std::env::current_exe()?;
        let mut configuration =
            format!("[limits]\nparallel = {parallel}\n[review]\nlead = \"none\"\n");
        for (name, millis) in AGENTS {
            writeln!(
                configuration,
                "[agents.{name}]\nkind = \"command\"\ncommand = [{:?}, {ANSWER:?}, \"{millis}\", {:?}]",
                program.display().to_string(),
                notes.display().to_string(),
            )?;
        }
        let place = home.join("config/deep-review");
        std::fs::create_dir_all(&place)?;
        std::fs::write(place.join("config.toml"), configuration)?;
        Ok(Self {
            repository,
            notes,
            parallel,
        })
    }

    /// Both in turns. Nothing is remembered of a round in the next.
    pub(crate) fn round(&self) -> Result<Times> {
        let worktree = self.worktree()?;
        for old in [
            &self.notes,
            &self.repository.root().join(".git/deep-review"),
        ] {
            if old.exists() {
                std::fs::remove_dir_all(old)?;
            }
        }
        std::fs::create_dir_all(&self.notes)?;
        let told = tempfile::NamedTempFile::new()?;
        let measured = Path::new(TIME).exists();
        let ours = self.repository.installed();
        let mut command = if measured {
            let mut command = self.repository.command(TIME);
            command
                .args(["-q", "-f", "%M %U %S", "-o"])
                .arg(told.path());
            command.arg(ours);
            command
        } else {
            self.repository.command(ours)
        };
        for (name, _) in AGENTS {
            command.args(["-a", name]);
        }
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        let began = SystemTime::now();
        let started = Instant::now();
        let output = command.output()?;
        let total = started.elapsed().as_secs_f64();
        ensure!(
            output.status.success(),
            "the review ended with {}: {}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
        self.until_it_is_quiet()?;
        let began = began.duration_since(SystemTime::UNIX_EPOCH)?.as_secs_f64();
        let seen = self.seen()?;
        let first = earliest(&seen, |it| it.began);
        let last = -earliest(&seen, |it| -it.answered);
        let agents = self.agents_alone(seen.len());
        let tree = earliest(&seen, |it| it.tree);
        let snapshot = earliest(&seen, |it| it.snapshot);
        let text = std::fs::read_to_string(told.path())?;
        let numbers: Vec<f64> = text.split(' ').flat_map(|it| it.trim().parse()).collect();
        let [kilobytes, user, system] = numbers[..] else {
            ensure!(!measured, "`{TIME}` told {text:?}");
            return Ok(Times::default());
        };
        Ok(Times {
            parts: f64::from(u32::try_from(seen.len())?),
            total,
            agents,
            snapshot: tree - snapshot,
            worktree,
            before: snapshot - began,
            briefs: first - tree,
            starting: last - first - agents,
            after: began + total - last,
            megabytes: kilobytes / 1024.0,
            work: user + system,
        })
    }

    /// `git worktree add` of the same commit. It stays until all are gone: file systems are slow for minutes
    /// after many files were deleted, and what is measured next would pay for that.
    fn worktree(&self) -> Result<f64> {
        let place = tempfile::Builder::new()
            .prefix("linked-")
            .tempdir_in(self.repository.home())?
            .keep();
        let mut git = self.repository.command("git");
        git.args(["worktree", "add", "-q", "--detach"]).arg(place);
        git.stdout(Stdio::null()).stderr(Stdio::null());
        let started = Instant::now();
        let status = git.status()?;
        ensure!(status.success(), "`git worktree add` failed");
        Ok(started.elapsed().as_secs_f64())
    }

    /// Waits until the snapshot is deleted, which a review leaves to a process beside it.
    fn until_it_is_quiet(&self) -> Result<()> {
        let place = self.repository.home().join("cache/deep-review/snapshots");
        let ended = Instant::now();
        while std::fs::read_dir(&place)?.count() > 1 {
            ensure!(ended.elapsed() < PATIENCE, "the snapshot is still there");
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    fn seen(&self) -> Result<Vec<Seen>> {
        let notes: Vec<Seen> = std::fs::read_dir(&self.notes)?
            .map(|entry| Ok(serde_json::from_slice(&std::fs::read(entry?.path())?)?))
            .collect::<Result<_>>()
            .context("cannot read an agent's notes")?;
        ensure!(!notes.is_empty(), "no agent was asked");
        Ok(notes)
    }

    /// The time of the slowest agent with its parts, if nothing lay between one and the next: each in turn
    /// as soon as there is room.
    fn agents_alone(&self, parts: usize) -> f64 {
        let each = parts / AGENTS.len();
        let slowest = AGENTS.iter().map(|(_, millis)| *millis).max();
        let slowest = Duration::from_millis(slowest.expect("some are asked"));
        let waves = u32::try_from(each.div_ceil(self.parallel)).expect("there are few parts");
        (slowest * waves).as_secs_f64()
    }
}

fn earliest(seen: &[Seen], time: impl Fn(&Seen) -> f64) -> f64 {
    seen.iter().map(time).fold(f64::INFINITY, f64::min)
}

/// A row: the median of each, and in brackets the least.
pub(crate) fn row(name: &str, times: &[Times]) -> String {
    let of = |number: &dyn Fn(&Times) -> f64| {
        let mut all: Vec<f64> = times.iter().map(number).collect();
        all.sort_by(f64::total_cmp);
        format!("{:.2} ({:.2})", all[all.len() / 2], all[0])
    };
    let cells = [
        of(&|it| it.total),
        of(&|it| it.agents),
        of(&|it| it.snapshot),
        of(&|it| it.worktree),
        of(&Times::overhead),
        of(&Times::allowed),
        of(&|it| it.before),
        of(&|it| it.briefs),
        of(&|it| it.starting),
        of(&|it| it.after),
        of(&|it| it.megabytes),
        of(&|it| it.work),
    ];
    let parts = times.first().map_or(0.0, |it| it.parts);
    format!("| {name} | {parts} | {} |", cells.join(" | "))
}
