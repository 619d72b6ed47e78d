//! The process table: who is below whom, and signals that reach the process that was meant.
//! When to send which is left to `supervisor` and `supervise`.
//!
//! Read from `/proc/PID/stat` as proc(5) describes it. A process is its id *and* its start time: ids are
//! given to others again.

use std::fs;
use std::io;
use std::thread;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open, pidfd_send_signal};

/// One line of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Process {
    /// Its id.
    pub(super) pid: Pid,
    parent: i32,
    session: i32,
    /// In clock ticks since the system was started.
    start: u64,
    /// It has ended, and nobody has asked how.
    zombie: bool,
}

/// The table now. Processes that come and go meanwhile may be missing.
fn read() -> io::Result<Vec<Process>> {
    let mut table = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let pid = name.to_str().and_then(|name| name.parse().ok());
        table.extend(pid.and_then(Pid::from_raw).and_then(process));
    }
    Ok(table)
}

/// One process, if there is one of this id.
pub(super) fn process(pid: Pid) -> Option<Process> {
    let stat = fs::read(format!("/proc/{}/stat", pid.as_raw_nonzero())).ok()?;
    parsed(pid, &stat)
}

/// Reads a line of the form `PID (NAME) STATE PARENT GROUP SESSION …`, where the name may contain
/// anything, and the start time is the 22nd field.
fn parsed(pid: Pid, line: &[u8]) -> Option<Process> {
    let name_end = line.iter().rposition(|byte| *byte == b')')?;
    let rest = std::str::from_utf8(&line[name_end + 1..]).ok()?;
    let mut fields = rest.split_ascii_whitespace();
    let state = fields.next()?;
    let parent = fields.next()?.parse().ok()?;
    let session = fields.nth(1)?.parse().ok()?;
    let start = fields.nth(15)?.parse().ok()?;
    Some(Process {
        pid,
        parent,
        session,
        start,
        zombie: matches!(state, "Z" | "X"),
    })
}

/// Those of the table whose parents, or parents' parents, … are one of these, without these themselves.
fn below(table: &[Process], roots: &[Pid]) -> Vec<Process> {
    let mut parents: Vec<i32> = roots
        .iter()
        .map(|root| root.as_raw_nonzero().get())
        .collect();
    let mut found: Vec<Process> = Vec::new();
    while let Some(parent) = parents.pop() {
        for process in table.iter().filter(|process| process.parent == parent) {
            // A table that is read while it changes could even have a circle.
            if !found.contains(process) && !roots.contains(&process.pid) {
                found.push(*process);
                parents.push(process.pid.as_raw_nonzero().get());
            }
        }
    }
    found
}

/// Sends a signal to exactly this process; to nobody if it is gone.
pub(super) fn signal(to: &Process, signal: Signal) {
    let stands = || process(to.pid).is_some_and(|now| now.start == to.start);
    // The handle stays with the process that has the id now; if that is the one that was meant, the
    // signal can't reach another.
    let sent = match pidfd_open(to.pid, PidfdFlags::empty()) {
        Ok(handle) if stands() => pidfd_send_signal(&handle, signal),
        Ok(_) => return,
        Err(error) => Err(error),
    };
    if sent.is_err_and(|error| error != Errno::SRCH) && stands() {
        // Kernels and sandboxes without handles. Gone, or of another user: nothing can be done.
        let _ = kill_process(to.pid, signal);
    }
}

/// Stops all that are below a process, from the top down, and then kills them; returns how many ran.
///
/// Who is stopped starts nobody else, so its children can be listed at leisure. Who lost its parent
/// meanwhile is below again the next time, if the process is a subreaper.
pub(super) fn kill_below(root: Pid) -> io::Result<usize> {
    let found = if let Some(found) = stopped_below(root) {
        found
    } else {
        let found = below(&read()?, &[root]);
        signal_all(&found, Signal::STOP);
        found
    };
    signal_all(&found, Signal::KILL);
    Ok(running(&found))
}

/// Stops all that are below a process and returns them; `None` if the kernel lists no children. Reading
/// the lists takes a fraction of the time that the table does, and this is a race.
fn stopped_below(root: Pid) -> Option<Vec<Process>> {
    let mut found: Vec<Process> = Vec::new();
    let mut parents = vec![root];
    while let Some(parent) = parents.pop() {
        let Some(children) = children(parent) else {
            // Gone; or the kernel has no such lists, which the root, being there, shows.
            if parent == root {
                return None;
            }
            continue;
        };
        for child in children.into_iter().filter_map(process) {
            let parent = parent.as_raw_nonzero().get();
            if child.parent == parent && !found.contains(&child) {
                signal_all(&[child], Signal::STOP);
                found.push(child);
                parents.push(child.pid);
            }
        }
    }
    Some(found)
}

/// The children of a process, as `/proc/PID/task/TID/children` lists them for each of its threads.
fn children(parent: Pid) -> Option<Vec<Pid>> {
    let mut found = Vec::new();
    for thread in fs::read_dir(format!("/proc/{}/task", parent.as_raw_nonzero())).ok()? {
        let listed = fs::read_to_string(thread.ok()?.path().join("children")).ok()?;
        let pids = listed.split_ascii_whitespace();
        found.extend(pids.filter_map(|pid| Pid::from_raw(pid.parse().ok()?)));
    }
    Some(found)
}

fn signal_all(processes: &[Process], what: Signal) {
    for process in processes.iter().filter(|process| !process.zombie) {
        signal(process, what);
    }
}

/// How many of them still run.
fn running(processes: &[Process]) -> usize {
    processes.iter().filter(|process| !process.zombie).count()
}

/// Kills who is in the session of a leader that died, and all below them, until nobody is left or the
/// time is over; returns how many are. Who left the session *and* lost its parents can't be found.
pub(super) fn kill_session(leader: Pid, most: Duration) -> usize {
    let until = Instant::now() + most;
    let mut empty = 0;
    loop {
        let Ok(table) = read() else { return 0 };
        let session = leader.as_raw_nonzero().get();
        let mut found: Vec<Process> = table
            .iter()
            .filter(|process| process.session == session && process.pid != leader)
            .copied()
            .collect();
        let members: Vec<Pid> = found.iter().map(|process| process.pid).collect();
        found.extend(below(&table, &members));
        let left = running(&found);
        empty = if left == 0 { empty + 1 } else { 0 };
        if empty == 2 || Instant::now() >= until {
            return left;
        }
        signal_all(&found, Signal::STOP);
        signal_all(&found, Signal::KILL);
        // They are not our children, so nothing tells us when they are gone.
        thread::sleep(Duration::from_millis(5));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pid(number: i32) -> Pid {
        Pid::from_raw(number).unwrap()
    }

    fn entry(number: i32, parent: i32) -> Process {
        Process {
            pid: pid(number),
            parent,
            session: 1,
            start: 1,
            zombie: false,
        }
    }

    #[test]
    fn a_name_may_look_like_the_end_of_one() {
        let line =
            b"42 (a) S 1 (x) Z 7 8 9 34816 9 4194304 1 2 3 4 5 6 7 8 20 0 1 0 123456 10 11 12\n";
        assert_eq!(
            parsed(pid(42), line),
            Some(Process {
                pid: pid(42),
                parent: 7,
                session: 9,
                start: 123_456,
                zombie: true,
            })
        );
        assert_eq!(parsed(pid(42), b"42 (a"), None);
        assert_eq!(parsed(pid(42), b"42 (a) S 1"), None);
    }

    #[test]
    fn all_generations_are_below_and_nobody_else() {
        let table = [
            entry(2, 1),
            entry(3, 2),
            entry(5, 4),
            entry(4, 3),
            entry(6, 1),
            entry(7, 6),
        ];
        let mut found: Vec<i32> = below(&table, &[pid(2)])
            .iter()
            .map(|process| process.pid.as_raw_nonzero().get())
            .collect();
        found.sort_unstable();
        assert_eq!(found, [3, 4, 5]);
    }

    #[test]
    fn the_kernels_lists_say_the_same_as_the_table() {
        let own = rustix::process::getpid();
        #[expect(clippy::disallowed_methods, reason = "a child to be listed")]
        let mut child = std::process::Command::new("sleep")
            .arg("1000")
            .spawn()
            .unwrap();
        let pid = Pid::from_child(&child);
        assert!(
            below(&read().unwrap(), &[own])
                .iter()
                .any(|below| below.pid == pid)
        );
        // Kernels may be built without them.
        if let Some(listed) = children(own) {
            assert!(listed.contains(&pid));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(process(pid), None);
    }

    #[test]
    fn a_circle_ends() {
        let table = [entry(2, 3), entry(3, 2)];
        assert_eq!(below(&table, &[pid(2)]), [entry(3, 2)]);
    }

    #[test]
    fn this_process_is_in_the_table_and_another_of_its_id_is_not_meant() {
        let own = rustix::process::getpid();
        let this = process(own).unwrap();
        assert!(read().unwrap().iter().any(|process| process.pid == own));
        // It would end the test.
        signal(
            &Process {
                start: this.start + 1,
                ..this
            },
            Signal::KILL,
        );
    }
}
