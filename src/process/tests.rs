//! Supervised and detached programs: what they get, what is kept of what they say, how they end.
//!
//! The test program stands in for `deep-review`: started with the name of the test at the end of this file,
//! it is the supervisor.

mod trees;

use std::ffi::OsString;
use std::fs;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;
use rustix::process::{Pid, Signal, kill_process};

use super::companion::{Companion, SUBCOMMAND};
use super::detached::start_detached_by;
use super::supervise::supervise_by;
use super::{End, Ended, Interrupt, Limits, Program, serve};

/// How long anything may take before it counts as never.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the test program says before the supervised one does.
const PREFACE: &[u8] = b"\nrunning 1 test\n";

const GENEROUS: Limits = Limits {
    total: Duration::from_secs(300),
    idle: Duration::from_secs(300),
    stdout: 1 << 20,
    stderr: 1 << 20,
    grace: Duration::from_millis(200),
};

fn this_test_program(test: &str) -> Companion {
    let arguments = ["--exact", test, "--nocapture", "--test-threads=2"];
    let mut arguments: Vec<OsString> = arguments.map(OsString::from).to_vec();
    arguments.push(SUBCOMMAND.into());
    Companion {
        program: std::env::current_exe().unwrap(),
        arguments,
    }
}

fn companion() -> Companion {
    this_test_program("process::tests::when_asked_this_is_a_supervisor")
}

/// A script for bash, whose `$0` is `marker`.
fn script(text: &str, marker: &str) -> Program {
    Program {
        path: "/bin/bash".into(),
        arguments: ["-c", text, marker].map(OsString::from).to_vec(),
        directory: "/".into(),
        environment: vec![("PATH".into(), "/usr/local/bin:/usr/bin:/bin".into())],
        input: Vec::new(),
    }
}

fn supervised(program: &Program, limits: &Limits) -> Result<Ended> {
    supervise_by(
        &companion(),
        program,
        limits,
        &Interrupt::never(),
        &mut |_| ControlFlow::Continue(()),
    )
}

/// What the program said on standard output.
#[track_caller]
fn said(ended: &Ended) -> &[u8] {
    ended.stdout.strip_prefix(PREFACE).expect("the preface")
}

/// A word that no other process has in its arguments.
fn marker() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("nasty-{}-{number}-tree", std::process::id())
}

/// The processes with a marker in their arguments; those that have ended have none.
fn marked(marker: &str) -> Vec<Pid> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap() {
        let entry = entry.unwrap();
        let Some(pid) = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok())
        else {
            continue;
        };
        let arguments = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        if memchr::memmem::find(&arguments, marker.as_bytes()).is_some() {
            found.extend(Pid::from_raw(pid));
        }
    }
    found
}

/// The session of this process; 0 where its leader stands outside of our PID namespace, as in a container.
fn own_session() -> i32 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let (_, after_the_name) = stat.rsplit_once(") ").unwrap();
    after_the_name.split(' ').nth(3).unwrap().parse().unwrap()
}

/// Waits until it is true.
#[track_caller]
fn until(what: &str, mut is_true: impl FnMut() -> bool) {
    let started = Instant::now();
    while !is_true() {
        assert!(started.elapsed() < PATIENCE, "never: {what}");
        thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn exit_codes_and_signals_pass() {
    for code in [0, 1, 2, 127, 255] {
        let ended = supervised(&script(&format!("exit {code}"), "x"), &GENEROUS).unwrap();
        assert_eq!(ended.end, End::Exited(Some(code)));
    }
    for signal in ["TERM", "KILL", "SEGV"] {
        let ended = supervised(&script(&format!("kill -{signal} $$"), "x"), &GENEROUS).unwrap();
        assert_eq!(ended.end, End::Exited(None), "{signal}");
    }
}

#[test]
fn a_program_gets_what_was_said_and_nothing_else() {
    let mut program = script("", "x");
    program.path = "/usr/bin/env".into();
    program.directory = "/usr".into();
    program.environment = vec![
        ("KEY".into(), "s3cret value".into()),
        ("PATH".into(), "/usr/bin:/bin".into()),
    ];
    let text = r#"env -0 | sort -z; pwd; printf '<%s>' "$@"; cat; echo to-error >&2;
        readlink /proc/$$/fd/* | grep socket:; cut -d ' ' -f 5,6,7 /proc/$$/stat; echo $$"#;
    program.arguments = ["bash", "-c", text, "zero", "", "two words"]
        .map(OsString::from)
        .to_vec();
    program.input = b"input\n".to_vec();
    let ended = supervised(&program, &GENEROUS).unwrap();
    let output = String::from_utf8(said(&ended).to_vec()).unwrap();
    let (front, session) = output.split_once("<><two words>input\n").expect(&output);
    let mut front: Vec<&str> = front
        .split('\0')
        .filter(|name| !name.starts_with("_="))
        .collect();
    front.retain(|name| !name.starts_with("SHLVL=") && !name.starts_with("OLDPWD"));
    assert_eq!(
        front,
        [
            "KEY=s3cret value",
            "PATH=/usr/bin:/bin",
            "PWD=/usr",
            "/usr\n"
        ]
    );
    assert_eq!(ended.stderr, b"to-error\n");
    let numbers: Vec<&str> = session.split_whitespace().collect();
    let [group, session, terminal, pid] = numbers[..] else {
        panic!("open: {session}")
    };
    assert_eq!(group, pid, "a group of its own");
    assert_ne!(session, own_session().to_string(), "not in our session");
    assert_eq!(terminal, "0", "no terminal");
}

#[test]
fn much_output_is_kept_up_to_the_limit_and_ends_the_run() {
    let endless = "while :; do echo 0123456789012345678901234567890123456789; done";
    let limits = Limits {
        stdout: 100_000,
        ..GENEROUS
    };
    let mut lines = 0;
    let ended = supervise_by(
        &companion(),
        &script(endless, "x"),
        &limits,
        &Interrupt::never(),
        &mut |line| {
            lines += usize::from(line.len() == 40);
            ControlFlow::Continue(())
        },
    )
    .unwrap();
    assert_eq!(ended.end, End::TooMuchOutput);
    assert_eq!(ended.stdout.len(), 100_000);
    assert!(ended.unkept > 0);
    assert_eq!(lines, (100_000 - PREFACE.len()) / 41);

    // Also if it ends before we could end it.
    let short = Limits {
        stdout: PREFACE.len() + 3,
        ..GENEROUS
    };
    let ended = supervised(&script("echo four", "x"), &short).unwrap();
    assert_eq!((ended.end, said(&ended)), (End::TooMuchOutput, &b"fou"[..]));
}

#[test]
fn twenty_megabytes_fit_if_they_may() {
    let text = "head -c 20000000 /dev/zero; head -c 20000000 /dev/zero >&2";
    let limits = Limits {
        stdout: 32 << 20,
        ..GENEROUS
    };
    let ended = supervised(&script(text, "x"), &limits).unwrap();
    assert_eq!(ended.end, End::Exited(Some(0)));
    assert_eq!(said(&ended).len(), 20_000_000);
    assert_eq!(ended.stderr.len(), GENEROUS.stderr);
    assert_eq!(ended.unkept, 20_000_000 - GENEROUS.stderr as u64);
}

#[test]
fn who_never_reads_does_not_hold_us_up_and_who_reads_gets_all() {
    let mut program = script("echo hello", "x");
    program.input = (0..2_000_000_u32).map(|n| n.to_le_bytes()[0]).collect();
    let ended = supervised(&program, &GENEROUS).unwrap();
    assert_eq!(
        (ended.end, said(&ended)),
        (End::Exited(Some(0)), &b"hello\n"[..])
    );

    program.arguments[1] = "sleep 1000".into();
    let limits = Limits {
        total: Duration::from_millis(500),
        ..GENEROUS
    };
    let ended = supervised(&program, &limits).unwrap();
    assert_eq!(ended.end, End::TotalDeadline);

    program.arguments[1] = "exec cat".into();
    let limits = Limits {
        stdout: 4 << 20,
        ..GENEROUS
    };
    let ended = supervised(&program, &limits).unwrap();
    assert!(
        said(&ended) == program.input,
        "{} bytes",
        ended.stdout.len()
    );
}

#[test]
fn who_closes_its_streams_goes_on() {
    let text = "echo first; exec >&-; echo second >&2; exec 2>&-; sleep 0.2; exit 3";
    let ended = supervised(&script(text, "x"), &GENEROUS).unwrap();
    assert_eq!(ended.end, End::Exited(Some(3)));
    assert_eq!(
        (said(&ended), &ended.stderr[..]),
        (&b"first\n"[..], &b"second\n"[..])
    );

    let text = "exec >&- 2>&-; exec sleep 1000";
    let limits = Limits {
        idle: Duration::from_millis(500),
        ..GENEROUS
    };
    let ended = supervised(&script(text, "x"), &limits).unwrap();
    assert_eq!(ended.end, End::IdleDeadline);
}

#[test]
fn lines_are_given_whole_and_the_last_one_too() {
    let text = r"printf 'one\ntw'; sleep 0.1; printf 'o\n\nlast'";
    let mut lines = Vec::new();
    let ended = supervise_by(
        &companion(),
        &script(text, "x"),
        &GENEROUS,
        &Interrupt::never(),
        &mut |line| {
            lines.push(String::from_utf8(line.to_vec()).unwrap());
            ControlFlow::Continue(())
        },
    )
    .unwrap();
    assert_eq!(ended.end, End::Exited(Some(0)));
    assert_eq!(lines[2..], ["one", "two", "", "last"]);
}

#[test]
fn who_obeys_has_time_to_say_its_last_words() {
    let text = "trap 'echo last; exit 0' TERM; echo ready; while :; do read -rt 1 <> <(:); done";
    let limits = Limits {
        grace: PATIENCE,
        ..GENEROUS
    };
    let ended = supervise_by(
        &companion(),
        &script(text, "x"),
        &limits,
        &Interrupt::never(),
        &mut |line| match line {
            b"ready" => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        },
    )
    .unwrap();
    assert!(ended.stdout.ends_with(b"ready\nlast\n"));
    assert!(ended.end == End::Stopped && ended.took < PATIENCE);
}

#[test]
fn who_does_not_obey_has_no_more_than_a_moment_while_somebody_waits() {
    let interrupt = Interrupt::by_hand().unwrap();
    let limits = Limits {
        grace: PATIENCE,
        ..GENEROUS
    };
    let ended = supervise_by(
        &companion(),
        &script("trap '' TERM; echo ready; while :; do sleep 1; done", "x"),
        &limits,
        &interrupt,
        &mut |line| {
            if line == b"ready" {
                interrupt.set();
            }
            ControlFlow::Continue(())
        },
    )
    .unwrap();
    assert!(ended.end == End::Interrupted && ended.took < PATIENCE);
}

#[test]
fn an_interrupt_that_came_before_starts_nothing() {
    let interrupt = Interrupt::by_hand().unwrap();
    interrupt.set();
    let place = tempfile::tempdir().unwrap();
    let mut program = script("echo > began", "x");
    program.directory = place.path().to_owned();
    let ended = supervise_by(&companion(), &program, &GENEROUS, &interrupt, &mut |_| {
        ControlFlow::Continue(())
    })
    .unwrap();
    assert_eq!(ended.end, End::Interrupted);
    assert!(!place.path().join("began").exists());
}

#[test]
fn what_cannot_be_started_is_an_error() {
    let mut program = script("", "x");
    program.path = "/nowhere/at/all".into();
    let error = supervised(&program, &GENEROUS).unwrap_err();
    assert!(format!("{error:#}").contains("cannot start `/nowhere/at/all`: No such file"));
    program.path = "bash".into();
    assert!(supervised(&program, &GENEROUS).is_err(), "relative");
    let program = script("\0", "x");
    assert!(supervised(&program, &GENEROUS).is_err(), "zero byte");
}

#[test]
fn what_is_detached_has_left_us() {
    let marker = marker();
    let place = tempfile::tempdir().unwrap();
    let log = place.path().join("log");
    let mut program = script(
        r#"cat; cut -d ' ' -f 4,5,6,7 /proc/$$/stat; pwd; echo "$KEY" >&2; exec -a "$0" sleep 1000"#,
        &marker,
    );
    program.directory = "/usr".into();
    program.environment.push(("KEY".into(), "value".into()));
    let to = fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(&log)
        .unwrap();
    let pid = start_detached_by(&companion(), &program, Some(to)).unwrap();
    let pid = Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    until("it runs", || {
        fs::read_to_string(&log).unwrap().contains("value\n")
    });
    until("it is itself", || marked(&marker) == [pid]);
    let streams: Vec<_> = (0..3)
        .map(|stream| fs::read_link(format!("/proc/{pid}/fd/{stream}")).unwrap())
        .collect();
    kill_process(pid, Signal::KILL).unwrap();
    assert_eq!(streams, [Path::new("/dev/null"), &log, &log]);
    let text = fs::read_to_string(&log).unwrap();
    let told: Vec<&str> = text.lines().skip(2).collect();
    let [stat, "/usr", "value"] = told[..] else {
        panic!("{text}")
    };
    let stat: Vec<i32> = stat.split(' ').map(|word| word.parse().unwrap()).collect();
    let [parent, group, session, terminal] = stat[..] else {
        panic!("{text}")
    };
    let own = rustix::process::getpid().as_raw_nonzero().get();
    assert_ne!(parent, own, "it is no child of ours");
    assert_eq!(group, pid.as_raw_nonzero().get());
    assert!(session != own_session() && terminal == 0);
}

#[test]
fn what_cannot_be_detached_is_an_error() {
    let mut program = script("", "x");
    program.path = "/nowhere/at/all".into();
    let error = start_detached_by(&companion(), &program, None).unwrap_err();
    assert!(format!("{error:#}").contains("No such file"), "{error:#}");
}

fn is_asked() -> bool {
    std::env::args().next_back().as_deref() == Some(SUBCOMMAND)
}

#[test]
#[expect(clippy::exit, reason = "the test program must say no more")]
fn when_asked_this_is_a_supervisor() {
    if is_asked() {
        let served = serve();
        std::process::exit(i32::from(served.is_err()));
    }
}
