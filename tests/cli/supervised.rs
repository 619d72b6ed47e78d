//! The real program as a supervisor: what it does at the other end of a socket, and that it is nothing for
//! people. What happens above that socket is tested beside the code.
#![cfg(target_os = "linux")]

use std::fs;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::sandbox::{PROGRAM, Sandbox};

/// How long anything may take before it counts as never.
const PATIENCE: Duration = Duration::from_secs(60);

/// What is asked of a supervisor: the script for bash, and how long it may take to end, in milliseconds.
fn request(script: &str, grace: u64) -> Vec<u8> {
    let put = |bytes: &mut Vec<u8>, text: &str| {
        bytes.extend((text.len() as u64).to_le_bytes());
        bytes.extend(text.as_bytes());
    };
    let mut body = vec![b's'];
    body.extend(grace.to_le_bytes());
    put(&mut body, "/bin/bash");
    put(&mut body, "/");
    body.extend(2_u64.to_le_bytes());
    put(&mut body, "-c");
    put(&mut body, script);
    body.extend(2_u64.to_le_bytes());
    put(&mut body, "PATH");
    put(&mut body, "/usr/local/bin:/usr/bin:/bin");
    put(&mut body, "KEY");
    put(&mut body, "a-key-of-somebody");
    put(&mut body, "input");
    let mut bytes = b"dr-sup\0\x01".to_vec();
    bytes.extend((body.len() as u64).to_le_bytes());
    bytes.extend(body);
    bytes
}

/// A supervisor that was told what to do.
#[expect(
    clippy::disallowed_methods,
    reason = "its standard input is a socket, as for no other program"
)]
fn supervisor(script: &str, grace: u64) -> (Child, UnixStream) {
    let (mut ours, theirs) = UnixStream::pair().unwrap();
    ours.set_read_timeout(Some(PATIENCE)).unwrap();
    let child = Command::new(PROGRAM)
        .arg("supervise")
        .env_clear()
        .stdin(OwnedFd::from(theirs))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    ours.write_all(&request(script, grace)).unwrap();
    (child, ours)
}

/// The notices of a supervisor: a letter and a number each.
fn notices(socket: &mut UnixStream) -> Vec<(char, i32)> {
    let mut bytes = Vec::new();
    socket.read_to_end(&mut bytes).unwrap();
    bytes
        .chunks_exact(5)
        .map(|notice| {
            let number = i32::from_le_bytes(notice[1..].try_into().unwrap());
            (char::from(notice[0]), number)
        })
        .collect()
}

/// A number that only one sleeping process of a test has.
fn seconds(line: u32) -> String {
    format!("{}.{line}", 100_000 + u64::from(std::process::id()))
}

fn sleepers(seconds: &str) -> usize {
    fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| fs::read(entry.unwrap().path().join("cmdline")).ok())
        .filter(|arguments| *arguments == format!("sleep\0{seconds}\0").as_bytes())
        .count()
}

#[track_caller]
fn until(what: &str, mut is_true: impl FnMut() -> bool) {
    let started = Instant::now();
    while !is_true() {
        assert!(started.elapsed() < PATIENCE, "never: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_supervisor_passes_on_what_it_was_given_and_how_it_ended() {
    let (child, mut socket) = supervisor("cat; echo :$KEY:; echo error >&2; exit 42", 1000);
    let told = notices(&mut socket);
    let output = child.wait_with_output().unwrap();
    assert!(matches!(told[..], [('p', _), ('x', 42)]), "{told:?}");
    assert_eq!(output.stdout, b"input:a-key-of-somebody:\n");
    assert_eq!(output.stderr, b"error\n");
    assert!(output.status.success());
}

#[test]
fn nothing_it_was_given_stands_in_its_arguments_or_environment() {
    let (child, mut socket) = supervisor("exec sleep 1000", 1000);
    let mut started = [0; 5];
    socket.read_exact(&mut started).unwrap();
    let place = format!("/proc/{}", child.id());
    let arguments = fs::read(format!("{place}/cmdline")).unwrap();
    assert!(arguments.ends_with(b"deep-review\0supervise\0"));
    assert_eq!(fs::read(format!("{place}/environ")).unwrap(), b"");
    drop(socket);
    assert!(child.wait_with_output().unwrap().status.success());
}

#[test]
fn the_end_of_the_socket_ends_all_that_is_below() {
    for half in [true, false] {
        let seconds = seconds(line!() + u32::from(half));
        let script = format!(
            "trap '' TERM; setsid bash -c '(setsid sleep {seconds} &) ; sleep {seconds}' & sleep {seconds}; sleep {seconds}"
        );
        let (child, mut socket) = supervisor(&script, 100);
        until("all sleep", || sleepers(&seconds) == 3);
        if half {
            // Said, as for a deadline: how it ended is told.
            socket.shutdown(Shutdown::Write).unwrap();
            let told = notices(&mut socket);
            assert!(matches!(told[..], [('p', _), ('k', 9)]), "{told:?}");
        }
        // Or as if the main process died.
        drop(socket);
        assert!(child.wait_with_output().unwrap().status.success());
        assert_eq!(sleepers(&seconds), 0);
    }
}

#[test]
fn a_signal_to_the_supervisor_ends_all_that_is_below() {
    for (number, signal) in ["-TERM", "-INT", "-HUP"].into_iter().enumerate() {
        let seconds = seconds(line!() + u32::try_from(number).unwrap());
        let (child, mut socket) =
            supervisor(&format!("setsid sleep {seconds} & sleep {seconds}"), 100);
        until("both sleep", || sleepers(&seconds) == 2);
        let sandbox = Sandbox::new();
        sandbox
            .call("kill")
            .args([signal, &child.id().to_string()])
            .run()
            .code(0);
        let told = notices(&mut socket);
        // Bash waits for its child, then obeys; or it is killed.
        assert!(matches!(told[..], [('p', _), ('k', 9 | 15)]), "{told:?}");
        assert!(child.wait_with_output().unwrap().status.success());
        assert_eq!(sleepers(&seconds), 0, "{signal}");
    }
}

#[test]
fn supervising_is_nothing_for_people() {
    let sandbox = Sandbox::new();
    sandbox
        .deep_review(["supervise"])
        .code(2)
        .says("no command for people");
    sandbox
        .deep_review(["--help"])
        .code(0)
        .conceals("supervise");
}
