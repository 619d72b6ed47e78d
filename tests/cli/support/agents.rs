//! Agents that are shell scripts: each follows its brief to the letter, and does besides what a test
//! wants of it. Where they run and what is reviewed is the sandbox's to say.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::sandbox::{Repo, Sandbox, write};

/// How long anything may take before it counts as never.
const PATIENCE: Duration = Duration::from_secs(180);

const SCRIPT: &str = include_str!("agent.sh");

/// One agent.
#[derive(Debug)]
pub(crate) struct ShellAgent<'s> {
    sandbox: &'s Sandbox,
    name: &'static str,
    own: PathBuf,
}

/// What holds an agent up until it is opened; agents that are there in vain are let go with it.
#[derive(Debug)]
pub(crate) struct Gate(File);

/// Configures agents of these names for the user, with `more` of the user's configuration. Nobody has
/// enabled them yet, and nobody leads unless `more` has a table `[review]`.
pub(crate) fn configured<'s, const N: usize>(
    sandbox: &'s Sandbox,
    names: [&'static str; N],
    more: &str,
) -> [ShellAgent<'s>; N] {
    let agents = names.map(|name| ShellAgent::new(sandbox, name));
    let tables: String = agents.iter().map(ShellAgent::table).collect();
    let lead = if more.contains("[review]") {
        ""
    } else {
        "[review]\nlead = \"none\"\n"
    };
    sandbox.configure(&format!("{tables}{more}{lead}"));
    agents
}

/// The same, and enables them in a repository.
pub(crate) fn enabled<'s, const N: usize>(
    repo: &Repo<'s>,
    names: [&'static str; N],
    more: &str,
) -> [ShellAgent<'s>; N] {
    let agents = configured(repo.sandbox(), names, more);
    repo.deep_review(["agents", "enable"].iter().chain(&names))
        .code(0);
    agents
}

impl<'s> ShellAgent<'s> {
    fn new(sandbox: &'s Sandbox, name: &'static str) -> Self {
        let agent = Self {
            sandbox,
            name,
            own: sandbox.path("agents").join(name),
        };
        write(&sandbox.path("agents/agent.sh"), SCRIPT);
        agent.does("answer");
        agent
    }

    /// Its table in a configuration.
    pub(crate) fn table(&self) -> String {
        format!(
            "[agents.{}]\nkind = \"command\"\ncommand = [\"/bin/sh\", \"{}\", \"{}\"]\n",
            self.name,
            self.sandbox.path("agents/agent.sh").display(),
            self.own.display()
        )
    }

    /// A place in its own directory.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.own.join(name)
    }

    /// What it does once it has its brief, in the words of its shell.
    pub(crate) fn does(&self, script: &str) {
        write(&self.path("does"), script);
    }

    /// What it finds, as `path|line|severity|title|quote`, wherever it is given that path.
    pub(crate) fn raises(&self, finding: &str) {
        write(&self.path("raises"), format!("{finding}\n"));
    }

    /// Lets it wait at a gate before it answers.
    pub(crate) fn waits(&self) -> Gate {
        self.does("wait_for_gate; answer");
        self.gate()
    }

    /// The gate at which `wait_for_gate` waits.
    pub(crate) fn gate(&self) -> Gate {
        let gate = self.path("gate");
        self.sandbox.call("mkfifo").arg(&gate).run().code(0);
        // Open for both, nobody waits for the other end.
        let gate = File::options().read(true).write(true).open(gate);
        Gate(gate.unwrap())
    }

    /// What it was asked, in the order it began.
    pub(crate) fn asked(&self) -> Vec<String> {
        let mut briefs = Vec::new();
        loop {
            let place = self.path(&format!("asked-{}", briefs.len() + 1));
            if !place.join("began").exists() {
                return briefs;
            }
            briefs.push(fs::read_to_string(place.join("brief")).unwrap());
        }
    }

    /// A file it wrote when it was asked for the n-th time.
    pub(crate) fn wrote(&self, n: usize, name: &str) -> String {
        fs::read_to_string(self.path(&format!("asked-{n}/{name}"))).unwrap()
    }

    /// Waits until it was asked so often.
    #[track_caller]
    pub(crate) fn until_asked(&self, times: usize) {
        until("the agent is asked", || self.asked().len() >= times);
    }

    /// Waits until a receipt of it is in the store.
    #[track_caller]
    pub(crate) fn until_heard(&self, repo: &Repo<'_>) {
        let name = format!("\"name\":\"{}\"", self.name);
        until("its answer is remembered", || {
            fs::read_to_string(repo.store("receipts-handed-in")).is_ok_and(|it| it.contains(&name))
        });
    }
}

impl Gate {
    /// Lets one agent through.
    pub(crate) fn open(&mut self) {
        writeln!(self.0, "go").unwrap();
    }
}

/// The paths of the units that a brief is about.
pub(crate) fn units(brief: &str) -> Vec<&str> {
    brief
        .lines()
        .filter(|line| line.starts_with('u'))
        .filter_map(|line| line.split(" | ").nth(4))
        .collect()
}

/// Waits until something is true.
#[track_caller]
pub(crate) fn until(what: &str, mut is_true: impl FnMut() -> bool) {
    let started = Instant::now();
    while !is_true() {
        assert!(started.elapsed() < PATIENCE, "never: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// True if any file below a directory has this text.
pub(crate) fn has(dir: &Path, text: &str) -> bool {
    let found = super::sandbox::contents(dir).into_iter();
    found
        .map(|(_, bytes)| String::from_utf8_lossy(&bytes).into_owned())
        .any(|there| there.contains(text))
}

/// The command lines of all processes that belong to a sandbox, by their arguments, environment or directory.
#[cfg(target_os = "linux")]
pub(crate) fn processes(sandbox: &Sandbox) -> Vec<String> {
    let places = [sandbox.path("x"), sandbox.cache("x")];
    let marks = places.map(|place| place.parent().unwrap().display().to_string());
    let text = |path: PathBuf| {
        let bytes = fs::read(path).unwrap_or_default();
        String::from_utf8_lossy(&bytes).replace('\0', " ")
    };
    fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| {
            let place = entry.ok()?.path();
            let line = text(place.join("cmdline"));
            let directory = fs::read_link(place.join("cwd")).unwrap_or_default();
            let environment = text(place.join("environ"));
            let both = format!("{line}\n{environment}\n{}", directory.display());
            let id = place.file_name()?.to_str()?;
            marks
                .iter()
                .any(|mark| both.contains(mark))
                .then(|| format!("{id} {line}"))
        })
        .collect()
}

/// Waits until no process of a sandbox is left.
#[cfg(target_os = "linux")]
#[track_caller]
pub(crate) fn until_nobody_is_left(sandbox: &Sandbox) {
    let started = Instant::now();
    loop {
        let left = processes(sandbox);
        if left.is_empty() {
            return;
        }
        assert!(started.elapsed() < PATIENCE, "left: {left:?}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The names of the snapshots that are there.
pub(crate) fn snapshots(sandbox: &Sandbox) -> Vec<String> {
    let Ok(entries) = fs::read_dir(sandbox.cache("deep-review/snapshots")) else {
        return Vec::new();
    };
    entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != "lock")
        .collect()
}
