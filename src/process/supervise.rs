//! Runs a program below a supervisor process: keeps the deadlines, reads what it writes, and notices
//! when the supervisor itself dies.
//! Ending the program and all below it is left to the supervisor: see `supervisor`.

use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::ops::ControlFlow;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::process::{Child, ChildStderr, ChildStdout, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use rustix::event::{PollFd, PollFlags};

use super::companion::Companion;
use super::interrupt::{DAY, Interrupt, poll_for};
use super::message::{self, Notice, Task};
use super::supervisor::KILLING;
use super::{End, Ended, Limits, Program};
use crate::error::HintExt;

/// How much longer than agreed a supervisor may take before it is given up.
const SLACK: Duration = Duration::from_secs(10);

/// How long streams are read when nobody we know of can write to them any more.
const REST: Duration = Duration::from_secs(1);

/// How long a signal may take from the terminal to our own handler.
const MOMENT: Duration = Duration::from_millis(200);

/// Bytes read at once.
const PORTION: usize = 64 * 1024;

/// What each complete line of standard output is given to; it may end the run.
type OnLine<'l> = &'l mut dyn FnMut(&[u8]) -> ControlFlow<()>;

/// Runs a program to its end, which is its own, a limit's or the user's; on Linux nothing it started is
/// left then, nor if this process dies meanwhile in whatever way (elsewhere its process group is ended).
///
/// `on_line` gets each line of standard output as it comes, without its end (`\n`), also while the
/// program is being ended; a last line without an end when the stream is over. It is not asked any more
/// once it said stop or there was too much output.
///
/// It is an error if the program can't be started or the supervisor died.
pub(crate) fn supervise(
    program: &Program,
    limits: &Limits,
    interrupt: &Interrupt,
    on_line: OnLine<'_>,
) -> Result<Ended> {
    supervise_by(
        &Companion::this_program()?,
        program,
        limits,
        interrupt,
        on_line,
    )
}

/// As [`supervise`], with a given companion.
pub(super) fn supervise_by(
    companion: &Companion,
    program: &Program,
    limits: &Limits,
    interrupt: &Interrupt,
    on_line: OnLine<'_>,
) -> Result<Ended> {
    program.check()?;
    let grace = limits.grace;
    let request = message::request_bytes(Task::Supervise { grace }, program);
    let (mut child, socket) = companion.start(Stdio::piped(), Stdio::piped())?;
    socket
        .set_nonblocking(true)
        .context("cannot use the socket to a supervisor")?;
    let stdout = child.stdout.take().expect("it is piped");
    let stderr = child.stderr.take().expect("it is piped");
    let now = Instant::now();
    let watch = Watch {
        program,
        limits,
        child,
        socket: Some(socket),
        request,
        sent: 0,
        heard: Vec::new(),
        end: None,
        exited: None,
        failed: None,
        left: 0,
        patience: None,
        started: now,
        sign_of_life: now,
        stdout: Stream::new(stdout, limits.stdout),
        stderr: Stream::new(stderr, limits.stderr),
        line_start: 0,
    };
    watch.run(interrupt, on_line)
}

/// One stream of the program: what is kept of it, and how much is not.
struct Stream<F> {
    from: Option<F>,
    kept: Vec<u8>,
    most: usize,
    unkept: u64,
}

impl<F: Read + AsFd> Stream<F> {
    fn new(from: F, most: usize) -> Self {
        Self {
            from: Some(from),
            kept: Vec::new(),
            most,
            unkept: 0,
        }
    }

    fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.from.as_ref().map(AsFd::as_fd)
    }

    /// Reads once, which doesn't block if the stream is ready.
    fn read(&mut self, buffer: &mut [u8]) {
        let Some(from) = &mut self.from else { return };
        match from.read(buffer) {
            Ok(0) => self.from = None,
            Ok(length) => {
                let kept = length.min(self.most - self.kept.len());
                self.kept.extend_from_slice(&buffer[..kept]);
                self.unkept += (length - kept) as u64;
            }
            Err(error) if is_passing(&error) => {}
            Err(_) => self.from = None,
        }
    }
}

/// What is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    Interrupt,
    Socket,
    Stdout,
    Stderr,
}

/// A run in progress.
struct Watch<'a> {
    program: &'a Program,
    limits: &'a Limits,
    child: Child,
    /// `None` once the supervisor is gone.
    socket: Option<UnixStream>,
    request: Vec<u8>,
    sent: usize,
    /// Bytes of the supervisor that are no whole notice yet.
    heard: Vec<u8>,
    /// Why we are ending it, if we are.
    end: Option<End>,
    /// How the program ended, once it did.
    exited: Option<End>,
    /// Why the program could not be started, if so.
    failed: Option<io::Error>,
    left: u32,
    /// When the supervisor is given up; set once it is to end.
    patience: Option<Instant>,
    started: Instant,
    sign_of_life: Instant,
    stdout: Stream<ChildStdout>,
    stderr: Stream<ChildStderr>,
    /// Where the first line begins that nobody was given.
    line_start: usize,
}

impl Watch<'_> {
    fn run(mut self, interrupt: &Interrupt, on_line: OnLine<'_>) -> Result<Ended> {
        let mut buffer = vec![0; PORTION];
        let mut given_up = false;
        while self.socket.is_some() {
            let ready = self.wait(interrupt)?;
            if ready.contains(&Source::Interrupt) && self.patience.is_none() {
                self.stop(End::Interrupted);
            }
            self.read(&ready, &mut buffer, on_line);
            if ready.contains(&Source::Socket) {
                self.talk();
            }
            let now = Instant::now();
            if self.patience.is_some_and(|patience| now >= patience) {
                given_up = true;
                break;
            }
            if self.patience.is_none() {
                self.keep_deadlines(now);
            }
        }
        let answered = self.exited.is_some() || self.failed.is_some();
        if given_up || !(answered || self.never_started()) {
            // Ctrl-C in a terminal reaches a supervisor that has no session of its own yet.
            if !given_up && self.end.is_none() && interrupt.wait(MOMENT) {
                self.end = Some(End::Interrupted);
            }
            let left = self.bury_supervisor();
            if self.end == Some(End::Interrupted) && left == 0 {
                return Ok(self.ended());
            }
            return Err(anyhow!(
                "the supervisor of `{}` {}",
                self.program.path.display(),
                if given_up { "does not end" } else { "died" }
            ))
            .hint(match left {
                0 => "run it again".to_owned(),
                left => format!("{left} of the program's processes may still be running"),
            });
        }
        self.child.wait().context("cannot wait for a supervisor")?;
        self.read_the_rest(&mut buffer, on_line)?;
        if let Some(error) = self.failed.take() {
            return Err(error)
                .with_context(|| format!("cannot start `{}`", self.program.path.display()));
        }
        Ok(self.ended())
    }

    fn ended(self) -> Ended {
        Ended {
            end: self.end.or(self.exited).unwrap_or(End::Exited(None)),
            stdout: self.stdout.kept,
            stderr: self.stderr.kept,
            unkept: self.stdout.unkept + self.stderr.unkept,
            left: self.left,
            took: self.started.elapsed(),
        }
    }

    /// True if we ended it before the supervisor knew what to start.
    fn never_started(&self) -> bool {
        self.end.is_some() && self.sent < self.request.len()
    }

    /// Waits until something is ready, or a deadline is over.
    fn wait(&self, interrupt: &Interrupt) -> Result<Vec<Source>> {
        let now = Instant::now();
        let until = self.patience.unwrap_or_else(|| {
            let total = self.started.checked_add(self.limits.total);
            let idle = self.sign_of_life.checked_add(self.limits.idle);
            // A limit beyond all time is none.
            let far = now + DAY;
            total.unwrap_or(far).min(idle.unwrap_or(far))
        });
        let unsent = self.end.is_none() && self.sent < self.request.len();
        let mut wanted = PollFlags::IN;
        wanted.set(PollFlags::OUT, unsent);
        let bell = interrupt.bell().filter(|_| self.patience.is_none());
        let socket = self.socket.as_ref().map(AsFd::as_fd);
        let sources = [
            (Source::Interrupt, bell, PollFlags::IN),
            (Source::Socket, socket, wanted),
            (Source::Stdout, self.stdout.fd(), PollFlags::IN),
            (Source::Stderr, self.stderr.fd(), PollFlags::IN),
        ];
        ready_of(&sources, until.saturating_duration_since(now))
    }

    /// Begins to end it.
    fn stop(&mut self, end: End) {
        if self.end.is_some() {
            return;
        }
        self.end = Some(end);
        // Ending already, by itself.
        if self.patience.is_some() {
            return;
        }
        self.patience = Some(Instant::now() + self.limits.grace + KILLING + SLACK);
        if let Some(mut socket) = self.socket.as_ref() {
            if end == End::Interrupted && self.sent == self.request.len() {
                // Unsaid, it only takes longer.
                let _ = socket.write(&[message::HURRY]);
            }
            // The supervisor is gone already, then, which its end of the socket will tell.
            let _ = socket.shutdown(Shutdown::Write);
        }
    }

    fn keep_deadlines(&mut self, now: Instant) {
        if now.duration_since(self.started) >= self.limits.total {
            self.stop(End::TotalDeadline);
        } else if now.duration_since(self.sign_of_life) >= self.limits.idle {
            self.stop(End::IdleDeadline);
        }
    }

    /// Reads what the streams have, and gives complete lines away.
    fn read(&mut self, ready: &[Source], buffer: &mut [u8], on_line: OnLine<'_>) {
        if ready.contains(&Source::Stderr) {
            self.stderr.read(buffer);
            self.sign_of_life = Instant::now();
        }
        if ready.contains(&Source::Stdout) {
            let searched = self.stdout.kept.len();
            self.stdout.read(buffer);
            self.sign_of_life = Instant::now();
            self.give_lines(searched, on_line);
            if self.stdout.unkept > 0 {
                self.stop(End::TooMuchOutput);
            }
        }
    }

    /// Gives away the lines that end behind `searched`, and the last one if the stream is over.
    fn give_lines(&mut self, searched: usize, on_line: OnLine<'_>) {
        let mut from = searched;
        while let Some(length) = memchr::memchr(b'\n', &self.stdout.kept[from..]) {
            self.give_line(from + length, on_line);
            from += length + 1;
            self.line_start = from;
        }
        if self.stdout.from.is_none() && self.line_start < self.stdout.kept.len() {
            self.give_line(self.stdout.kept.len(), on_line);
            self.line_start = self.stdout.kept.len();
        }
    }

    fn give_line(&mut self, line_end: usize, on_line: OnLine<'_>) {
        if matches!(self.end, Some(End::Stopped | End::TooMuchOutput)) {
            return;
        }
        let line = &self.stdout.kept[self.line_start..line_end];
        if on_line(line).is_break() {
            self.stop(End::Stopped);
        }
    }

    /// Sends what is left of the request, and hears what the supervisor says.
    fn talk(&mut self) {
        let Some(socket) = &mut self.socket else {
            return;
        };
        if self.end.is_none() && self.sent < self.request.len() {
            // If it is gone, reading says so.
            self.sent += socket.write(&self.request[self.sent..]).unwrap_or(0);
        }
        let mut buffer = [0; 64];
        match socket.read(&mut buffer) {
            Ok(0) => self.socket = None,
            Ok(length) => self.heard.extend_from_slice(&buffer[..length]),
            Err(error) if is_passing(&error) => {}
            Err(_) => self.socket = None,
        }
        while let Some((notice, rest)) = Notice::split_from(&self.heard) {
            self.heard = rest.to_vec();
            self.take_notice(notice);
        }
    }

    fn take_notice(&mut self, notice: Notice) {
        match notice {
            Notice::Started(_) => return,
            Notice::NotStarted(error) => self.failed = Some(io::Error::from_raw_os_error(error)),
            Notice::Exited(code) => self.exited = Some(End::Exited(Some(code))),
            Notice::Signaled(_) => self.exited = Some(End::Exited(None)),
            Notice::Left(processes) => self.left = processes.unsigned_abs(),
        }
        self.patience = Some(Instant::now() + KILLING + SLACK);
    }

    /// Kills a supervisor that is of no use any more and who can be found of those below it; returns
    /// how many of them are left.
    #[cfg(target_os = "linux")]
    fn bury_supervisor(&mut self) -> usize {
        use super::table;
        use rustix::process::Pid;

        let supervisor = Pid::from_child(&self.child);
        // Who is below it is only known while it lives; a table that can't be read ends nobody.
        let _ = table::kill_below(supervisor);
        // It may have ended by itself already; its id stays its own until it is waited for.
        let _ = self.child.kill();
        let left = table::kill_session(supervisor, KILLING);
        let _ = self.child.wait();
        left
    }

    #[cfg(not(target_os = "linux"))]
    fn bury_supervisor(&mut self) -> usize {
        // Who is below it can't be found without a process table.
        let _ = self.child.kill();
        let _ = self.child.wait();
        1
    }

    /// Reads what is still in the streams. They are over by themselves if nobody is left; if somebody
    /// outside holds them open, what is there is enough.
    fn read_the_rest(&mut self, buffer: &mut [u8], on_line: OnLine<'_>) -> Result<()> {
        let until = Instant::now() + REST;
        while Instant::now() < until {
            let sources = [
                (Source::Stdout, self.stdout.fd(), PollFlags::IN),
                (Source::Stderr, self.stderr.fd(), PollFlags::IN),
            ];
            let ready = ready_of(&sources, Duration::ZERO)?;
            if ready.is_empty() {
                break;
            }
            self.read(&ready, buffer, on_line);
        }
        self.stdout.from = None;
        self.give_lines(self.stdout.kept.len(), on_line);
        Ok(())
    }
}

/// Waits for the sources there are; returns which of them are ready.
fn ready_of(
    sources: &[(Source, Option<BorrowedFd<'_>>, PollFlags)],
    most: Duration,
) -> Result<Vec<Source>> {
    let (names, mut watched): (Vec<_>, Vec<_>) = sources
        .iter()
        .filter_map(|(name, fd, wanted)| Some((*name, PollFd::from_borrowed_fd((*fd)?, *wanted))))
        .unzip();
    poll_for(&mut watched, Some(most))?;
    let ready = names.into_iter().zip(&watched);
    Ok(ready
        .filter(|(_, one)| !one.revents().is_empty())
        .map(|(name, _)| name)
        .collect())
}

/// True for what is no error but bad timing.
fn is_passing(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}
