//! The supervisor process: runs one program for the process that started it, and sees to it that nothing
//! of what the program started is left.
//! Deadlines and output are left to that process: see `supervise`.
//!
//! On Linux it is the subreaper of all below it: whoever loses its parent becomes a child of the
//! supervisor, so that being without children means that nobody is left. The program is asked to end
//! (TERM, to it alone: it ends its own tools), has its grace (a second at most if somebody waits), and then everything below is stopped,
//! killed and reaped until there is no child. That begins when the socket to the other process ends (it
//! said so or died, even by KILL), on INT, TERM and HUP, and, without asking, when the program has ended.
//!
//! Elsewhere it is weaker: only the program's process group is killed, so who left the group survives.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use rustix::event::{PollFd, PollFlags};
use rustix::fs::{FileType, fstat};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitOptions, WaitStatus};

use super::Program;
use super::interrupt::{Interrupt, Second, poll_for};
use super::message::{self, Notice, Request, Task};
#[cfg(target_os = "linux")]
use super::table;
use crate::error::{Exit, HintExt};

/// How long killing may take before what is left is given up: it is of another user, or stuck in the
/// kernel.
pub(super) const KILLING: Duration = Duration::from_secs(30);

/// The longest grace if somebody waits.
const HURRIED: Duration = Duration::from_secs(1);

/// Does what the process at the other end of standard input asks, and ends when that is done.
pub(crate) fn serve() -> Result<Exit> {
    let socket = socket()?;
    rustix::process::setsid().context("cannot open a session")?;
    let Some(Request { task, program }) =
        message::read_request(&socket).context("cannot read what is asked of a supervisor")?
    else {
        // Whoever asked is gone, or does not want it any more.
        return Ok(Exit::Pass);
    };
    match task {
        Task::Supervise { grace } => supervise(&socket, program, grace)?,
        Task::Detach => detach(&socket, &program),
    }
    Ok(Exit::Pass)
}

/// Standard input, which has to be a socket.
fn socket() -> Result<UnixStream> {
    let stdin = rustix::stdio::stdin();
    let kind = fstat(stdin).map(|stat| FileType::from_raw_mode(stat.st_mode));
    if kind != Ok(FileType::Socket) {
        return Err(anyhow!("`supervise` is no command for people"))
            .hint("it is how this program starts agents");
    }
    let socket = stdin
        .try_clone_to_owned()
        .context("cannot use standard input")?;
    Ok(socket.into())
}

/// Starts the program for good: it has its own process group in a session that is left by its leader.
fn detach(socket: &UnixStream, program: &Program) {
    let started = command(program).stdin(Stdio::null()).spawn();
    say(socket, said_of_start(&started));
}

fn said_of_start(started: &io::Result<Child>) -> Notice {
    match started {
        Ok(child) => Notice::Started(Pid::from_child(child).as_raw_nonzero().get()),
        // An error without a number is about our own arguments, as a zero byte in one.
        Err(error) => {
            Notice::NotStarted(error.raw_os_error().unwrap_or(Errno::INVAL.raw_os_error()))
        }
    }
}

fn supervise(socket: &UnixStream, mut program: Program, grace: Duration) -> Result<()> {
    let interrupt = Interrupt::on_signals_and(Second::IsIgnored)?;
    #[cfg(target_os = "linux")]
    rustix::process::set_child_subreaper(Some(rustix::process::getpid()))
        .context("cannot become the parent of orphans")?;
    let mut started = command(&program).stdin(Stdio::piped()).spawn();
    say(socket, said_of_start(&started));
    let Ok(child) = &mut started else {
        return Ok(());
    };
    let pid = Pid::from_child(child);
    let watch = Watch {
        socket,
        pid,
        #[cfg(target_os = "linux")]
        identity: table::process(pid),
        reaper: reaper(pid)?,
    };
    let mut stdin = child.stdin.take().expect("it is piped");
    let input = std::mem::take(&mut program.input);
    // Who does not read must not hold us up; the thread ends with the last reader.
    thread::spawn(move || stdin.write_all(&input));
    watch.until_the_end(&interrupt, grace)
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the door to other programs"
)]
fn command(program: &Program) -> Command {
    let mut command = Command::new(&program.path);
    command
        .args(&program.arguments)
        .env_clear()
        .envs(
            program
                .environment
                .iter()
                .map(|(name, value)| (name, value)),
        )
        .current_dir(&program.directory)
        .process_group(0);
    command
}

/// Says something to the other process; if it is gone, nobody needs to know.
fn say(mut socket: &UnixStream, notice: Notice) {
    let _ = socket.write_all(&notice.bytes());
}

/// A running program and how its end is noticed.
struct Watch<'s> {
    socket: &'s UnixStream,
    pid: Pid,
    /// As long as it stands in the process table, its id is its own.
    #[cfg(target_os = "linux")]
    identity: Option<table::Process>,
    /// How the program ended; closed when nobody is left who could be waited for.
    reaper: io::PipeReader,
}

/// What the reaper has told so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reaped {
    Nothing,
    Program,
    Everybody,
}

impl Watch<'_> {
    fn until_the_end(mut self, interrupt: &Interrupt, grace: Duration) -> Result<()> {
        let mut reaped = Reaped::Nothing;
        loop {
            let mut watched = vec![
                PollFd::new(&self.reaper, PollFlags::IN),
                PollFd::new(self.socket, PollFlags::IN),
            ];
            watched.extend(
                interrupt
                    .bell()
                    .map(|bell| PollFd::from_borrowed_fd(bell, PollFlags::IN)),
            );
            poll_for(&mut watched, None)?;
            let ready: Vec<bool> = watched
                .iter()
                .map(|one| !one.revents().is_empty())
                .collect();
            if ready[0] {
                reaped = self.reaped()?;
                break;
            }
            if ready[1..].contains(&true) {
                self.ask_to_end();
                let grace = if ready[1] && self.is_in_a_hurry() {
                    grace.min(HURRIED)
                } else {
                    grace
                };
                let until = Instant::now() + grace;
                while reaped == Reaped::Nothing && Instant::now() < until {
                    reaped = self.wait_for_reaper(until)?;
                }
                break;
            }
        }
        self.kill_the_rest(reaped)
    }

    /// True if the other process said that somebody waits; to be asked when there is something to read.
    fn is_in_a_hurry(&self) -> bool {
        let mut said = [0];
        let mut socket = self.socket;
        matches!(socket.read(&mut said), Ok(1)) && said[0] == message::HURRY
    }

    /// Kills until nobody is left.
    fn kill_the_rest(&mut self, mut reaped: Reaped) -> Result<()> {
        let until = Instant::now() + KILLING;
        let mut pause = Duration::from_millis(1);
        while reaped != Reaped::Everybody {
            let left = self.kill();
            if Instant::now() >= until {
                say(self.socket, Notice::Left(left));
                return Ok(());
            }
            let told = self.wait_for_reaper(Instant::now() + pause)?;
            reaped = if told == Reaped::Nothing {
                reaped
            } else {
                told
            };
            pause = (pause * 2).min(Duration::from_millis(20));
        }
        Ok(())
    }

    fn wait_for_reaper(&mut self, until: Instant) -> Result<Reaped> {
        let left = until.saturating_duration_since(Instant::now());
        let mut watched = [PollFd::new(&self.reaper, PollFlags::IN)];
        if poll_for(&mut watched, Some(left))? == 0 {
            return Ok(Reaped::Nothing);
        }
        self.reaped()
    }

    /// Reads what the reaper tells, and passes it on.
    fn reaped(&mut self) -> Result<Reaped> {
        let mut bytes = [0; Notice::LENGTH];
        match self.reaper.read_exact(&mut bytes) {
            Ok(()) => {
                let (notice, _) = Notice::split_from(&bytes)
                    .ok_or_else(|| anyhow!("the reaper said nothing that is known"))?;
                say(self.socket, notice);
                Ok(Reaped::Program)
            }
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(Reaped::Everybody),
            Err(error) => Err(error).context("cannot hear of the program's end"),
        }
    }

    #[cfg(target_os = "linux")]
    fn ask_to_end(&self) {
        if let Some(identity) = &self.identity {
            table::signal(identity, Signal::TERM);
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn ask_to_end(&self) {
        // Gone already, then.
        let _ = rustix::process::kill_process(self.pid, Signal::TERM);
    }

    /// Kills all that are below now; returns how many those are.
    #[cfg(target_os = "linux")]
    fn kill(&self) -> i32 {
        let Ok(below) = table::kill_below(rustix::process::getpid()) else {
            // Without a process table, as elsewhere.
            self.kill_group();
            return 1;
        };
        // Somebody is there, or the reaper would have said so: it may be hidden from us.
        i32::try_from(below).unwrap_or(i32::MAX).max(1)
    }

    #[cfg(not(target_os = "linux"))]
    fn kill(&self) -> i32 {
        self.kill_group();
        1
    }

    fn kill_group(&self) {
        // Empty already, then.
        let _ = rustix::process::kill_process_group(self.pid, Signal::KILL);
    }
}

/// Waits for all children, own and adopted, in a thread: tells how the program ended, and closes when
/// there is no child any more.
fn reaper(program: Pid) -> Result<io::PipeReader> {
    let (told, mut tell) = io::pipe().context("cannot open a pipe to the reaper")?;
    thread::Builder::new()
        .name("reaper".to_owned())
        .spawn(move || {
            loop {
                match rustix::process::wait(WaitOptions::empty()) {
                    Ok(Some((pid, status))) if pid == program => {
                        // Five bytes fit into any pipe.
                        let _ = tell.write_all(&notice(status).bytes());
                    }
                    Ok(_) | Err(Errno::INTR) => {}
                    Err(_) => return,
                }
            }
        })
        .context("cannot start the reaper")?;
    Ok(told)
}

fn notice(status: WaitStatus) -> Notice {
    match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => Notice::Exited(code),
        (None, signal) => Notice::Signaled(signal.unwrap_or_default()),
    }
}
