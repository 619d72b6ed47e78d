//! One program run to its end in a bounded time, and what it said.
//! Where it runs and with which environment is the sandbox's to say.

use std::ffi::{OsStr, OsString};
use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

/// How long any program may take before it counts as hanging.
const PATIENCE: Duration = Duration::from_secs(180);

/// A program about to be run.
#[derive(Debug)]
pub(crate) struct Call {
    command: Command,
    words: String,
    input: Vec<u8>,
}

/// What a program said and how it ended.
#[derive(Clone, Debug)]
pub(crate) struct Said {
    /// The exit code; `None` if a signal ended it.
    pub(crate) code: Option<i32>,
    /// Standard output.
    pub(crate) stdout: String,
    /// Standard error.
    pub(crate) stderr: String,
    words: String,
}

/// A program that is running.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    streams: [Receiver<Vec<u8>>; 2],
    words: String,
}

impl Call {
    /// A program in a directory with nothing but the given environment.
    #[expect(
        clippy::disallowed_methods,
        reason = "tests start the programs under test"
    )]
    pub(crate) fn new(
        program: &OsStr,
        directory: &std::path::Path,
        environment: &[(OsString, OsString)],
    ) -> Self {
        let mut command = Command::new(program);
        command
            .current_dir(directory)
            .env_clear()
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let words = PathBuf::from(program)
            .file_name()
            .unwrap_or(program)
            .to_string_lossy()
            .into_owned();
        Self {
            command,
            words,
            input: Vec::new(),
        }
    }

    /// Adds an argument.
    pub(crate) fn arg(mut self, word: impl AsRef<OsStr>) -> Self {
        self.words.push(' ');
        self.words.push_str(&word.as_ref().to_string_lossy());
        self.command.arg(word);
        self
    }

    /// Adds arguments.
    pub(crate) fn args<W: AsRef<OsStr>>(self, words: impl IntoIterator<Item = W>) -> Self {
        words.into_iter().fold(self, Self::arg)
    }

    /// Sets a variable.
    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Takes a variable away.
    pub(crate) fn without(mut self, name: &str) -> Self {
        self.command.env_remove(name);
        self
    }

    /// Runs it elsewhere.
    pub(crate) fn within(mut self, directory: impl AsRef<std::path::Path>) -> Self {
        self.command.current_dir(directory);
        self
    }

    /// Gives it something to read.
    pub(crate) fn input(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.input = bytes.into();
        self
    }

    /// Starts it.
    pub(crate) fn start(mut self) -> Running {
        let mut child = self
            .command
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start `{}`: {error}", self.words));
        let mut stdin = child.stdin.take().expect("it is piped");
        let input = self.input;
        // A program that does not read must not hold the test up.
        thread::spawn(move || stdin.write_all(&input));
        let streams = [
            drained(child.stdout.take().expect("it is piped")),
            drained(child.stderr.take().expect("it is piped")),
        ];
        Running {
            child,
            streams,
            words: self.words,
        }
    }

    /// Runs it to its end, whatever that is.
    pub(crate) fn run(self) -> Said {
        self.start().finish()
    }
}

impl Running {
    /// Its process id, which is also that of its process group.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Ends it at once, as `kill -9` does, and waits until it is gone.
    pub(crate) fn kill(mut self) -> Said {
        // It may have ended by itself already.
        let _ = self.child.kill();
        self.finish()
    }

    /// Waits for its end. One that hangs is killed with all it started, and fails the test.
    pub(crate) fn finish(mut self) -> Said {
        let deadline = Instant::now() + PATIENCE;
        let mut texts = self.streams.iter().map(|stream| {
            let left = deadline.saturating_duration_since(Instant::now());
            stream.recv_timeout(left).ok()
        });
        let (stdout, stderr) = (texts.next().flatten(), texts.next().flatten());
        drop(texts);
        let group = self.child.id();
        let (sender, receiver) = channel();
        thread::spawn(move || sender.send(self.child.wait()));
        let left = deadline.saturating_duration_since(Instant::now());
        let status = receiver.recv_timeout(left).ok();
        let (Some(stdout), Some(stderr), Some(status)) = (&stdout, &stderr, status) else {
            kill_group(group);
            panic!("`{}` hangs; it said {stdout:?} and {stderr:?}", self.words);
        };
        let status = status.expect("a child can be waited for");
        Said {
            code: status.code(),
            stdout: String::from_utf8_lossy(stdout).into_owned(),
            stderr: String::from_utf8_lossy(stderr).into_owned(),
            words: self.words,
        }
    }
}

impl Said {
    /// Fails unless it ended with this code.
    #[track_caller]
    pub(crate) fn code(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self}");
        self
    }

    /// Fails unless standard error has this text.
    #[track_caller]
    pub(crate) fn says(self, text: &str) -> Self {
        assert!(self.stderr.contains(text), "no {text:?} in {self}");
        self
    }

    /// Fails unless standard output has this text.
    #[track_caller]
    pub(crate) fn prints(self, text: &str) -> Self {
        assert!(self.stdout.contains(text), "no {text:?} in {self}");
        self
    }

    /// Fails if either stream has this text.
    #[track_caller]
    pub(crate) fn conceals(self, text: &str) -> Self {
        let said = self.stdout.contains(text) || self.stderr.contains(text);
        assert!(!said, "{text:?} in {self}");
        self
    }

    /// Standard output as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error} in {self}"))
    }
}

impl std::fmt::Display for Said {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            code,
            stdout,
            stderr,
            words,
        } = self;
        write!(
            f,
            "`{words}`, code {code:?}\n-- stdout\n{stdout}\n-- stderr\n{stderr}\n--"
        )
    }
}

fn drained(mut stream: impl Read + Send + 'static) -> Receiver<Vec<u8>> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        // What was read until the stream broke is what there is.
        let _ = stream.read_to_end(&mut bytes);
        sender.send(bytes)
    });
    receiver
}

#[expect(clippy::disallowed_methods, reason = "std cannot kill a process group")]
fn kill_group(group: u32) {
    let group = format!("-{group}");
    let _ = Command::new("kill").args(["-KILL", "--", &group]).status();
}
