//! Whole trees of processes, and what is left of them: asked of the process table.
//!
//! The test program stands in for `deep-review` here, too: started with the name of the test at the end of
//! this file, it is a main process that can be interrupted and killed.

use std::io::{BufRead, BufReader};
use std::ops::ControlFlow;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use std::{fs, thread};

use rustix::process::{Pid, Signal, kill_process};

use super::{
    GENEROUS, PATIENCE, companion, is_asked, marked, marker, said, script, supervised,
    this_test_program, until,
};
use crate::process::supervise::supervise_by;
use crate::process::{End, Ended, Interrupt, Limits};

/// Starts processes that do not want to end: TERM ignored, a session of its own, orphans in sessions of
/// their own, one that goes on as another again and again, and a shell that forks and forks. Every one has
/// the marker in its arguments; what a fault in the supervisor leaves ends by itself some day, so that a
/// failed test does not take the machine with it.
const NASTY: &str = r#"
trap '' TERM INT HUP
bash -c 'exec sleep 300 & exec -a "$0-ignores" sleep 300' "$0" &
setsid bash -c 'exec -a "$0-session" sleep 300' "$0" &
setsid bash -c 'setsid bash -c "exec -a \$0-orphan sleep 300" "$0" & exit' "$0" &
chain='[ "$2" -gt 0 ] || exit; read -rt 0.02 <> <(:); setsid bash -c "$1" "$0" "$1" $(($2 - 1)) & exit'
setsid bash -c "$chain" "$0-chain" "$chain" 2000 &
bash -c 'for turn in {1..2000}; do setsid bash -c "(exec -a \$0-forked sleep 300) & exit" "$0"; read -rt 0.02 <> <(:); done' "$0-forks" &
echo ready
exec -a "$0-itself" sleep 300
"#;

/// Ends a nasty tree once it has grown, in whatever way.
fn ended_when_grown(limits: &Limits, end: impl Fn(&Interrupt) -> ControlFlow<()>) -> Ended {
    let marker = marker();
    let interrupt = Interrupt::by_hand().unwrap();
    let ended = supervise_by(
        &companion(),
        &script(NASTY, &marker),
        limits,
        &interrupt,
        &mut |line| {
            if line != b"ready" {
                return ControlFlow::Continue(());
            }
            until("the tree grows", || marked(&marker).len() > 10);
            end(&interrupt)
        },
    )
    .unwrap();
    assert_eq!(marked(&marker), [], "{ended:?}");
    assert_eq!(ended.left, 0);
    ended
}

#[test]
fn nothing_of_a_nasty_tree_is_left_when_its_reader_says_stop() {
    let ended = ended_when_grown(&GENEROUS, |_| ControlFlow::Break(()));
    assert_eq!(ended.end, End::Stopped);
    assert!(ended.took >= GENEROUS.grace, "TERM was ignored");
}

#[test]
fn nothing_of_a_nasty_tree_is_left_after_an_interrupt() {
    let ended = ended_when_grown(&GENEROUS, |interrupt| {
        interrupt.set();
        ControlFlow::Continue(())
    });
    assert_eq!(ended.end, End::Interrupted);
}

#[test]
fn nothing_of_a_nasty_tree_is_left_after_its_deadlines() {
    let second = Duration::from_secs(1);
    let total = Limits {
        total: second,
        ..GENEROUS
    };
    let ended = ended_when_grown(&total, |_| ControlFlow::Continue(()));
    assert_eq!(ended.end, End::TotalDeadline);
    assert!(ended.took >= second);
    let idle = Limits {
        idle: second,
        ..GENEROUS
    };
    let ended = ended_when_grown(&idle, |_| ControlFlow::Continue(()));
    assert_eq!(ended.end, End::IdleDeadline);
}

#[test]
fn what_a_program_leaves_behind_is_ended_and_its_own_end_told() {
    let marker = marker();
    let text = r#"trap '' TERM
        setsid bash -c 'echo behind; exec -a "$0-behind" sleep 300' "$0" &
        setsid bash -c '(setsid bash -c "exec -a \$0-far sleep 300" "$0") & exit' "$0" &
        echo before; exit 7"#;
    let ended = supervised(&script(text, &marker), &GENEROUS).unwrap();
    assert_eq!(ended.end, End::Exited(Some(7)));
    assert!(said(&ended).starts_with(b"before\n") || said(&ended).starts_with(b"behind\n"));
    assert_eq!(marked(&marker), []);
    assert!(
        ended.took < PATIENCE,
        "held open by what is left: {ended:?}"
    );
}

#[test]
fn eight_at_a_time_are_not_mixed_up() {
    let markers: Vec<String> = (0..8).map(|_| marker()).collect();
    thread::scope(|scope| {
        let stays = markers[0].clone();
        let (release, released) = std::sync::mpsc::channel();
        let waits = scope.spawn(move || {
            supervise_by(
                &companion(),
                &script("echo ready; exec -a \"$0\" sleep 300", &stays),
                &GENEROUS,
                &Interrupt::never(),
                &mut |line| {
                    if line != b"ready" {
                        return ControlFlow::Continue(());
                    }
                    released.recv().unwrap();
                    assert_eq!(marked(&stays).len(), 1, "another one's end is not its own");
                    ControlFlow::Break(())
                },
            )
        });
        let others: Vec<_> = markers[1..]
            .iter()
            .enumerate()
            .map(|(number, marker)| {
                scope.spawn(move || {
                    let text = format!(
                        "setsid bash -c 'exec -a \"$0\" sleep 300' \"$0\" & echo {number}; exit {number}"
                    );
                    supervised(&script(&text, marker), &GENEROUS).unwrap()
                })
            })
            .collect();
        for (number, other) in others.into_iter().enumerate() {
            let ended = other.join().unwrap();
            assert_eq!(ended.end, End::Exited(Some(i32::try_from(number).unwrap())));
            assert_eq!(said(&ended), format!("{number}\n").as_bytes());
        }
        release.send(()).unwrap();
        assert_eq!(waits.join().unwrap().unwrap().end, End::Stopped);
    });
    for marker in markers {
        assert_eq!(marked(&marker), []);
    }
}

#[test]
fn a_supervisor_that_is_killed_is_noticed_and_its_program_ended() {
    let marker = marker();
    let text = r#"setsid bash -c 'echo $PPID; exec -a "$0-tool" sleep 300' "$0" &
        echo $PPID; exec -a "$0-itself" sleep 300"#;
    let mut killed = false;
    let error = supervise_by(
        &companion(),
        &script(text, &marker),
        &GENEROUS,
        &Interrupt::never(),
        &mut |line| {
            let pid = std::str::from_utf8(line)
                .ok()
                .and_then(|line| line.parse().ok());
            if let Some(pid) = pid.and_then(Pid::from_raw) {
                let name = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
                if name.starts_with(b"deep-review\0") {
                    until("both run", || marked(&marker).len() == 2);
                    kill_process(pid, Signal::KILL).unwrap();
                    killed = true;
                }
            }
            ControlFlow::Continue(())
        },
    )
    .unwrap_err();
    assert!(killed && error.to_string().ends_with("died"), "{error:#}");
    assert_eq!(marked(&marker), []);
}

/// Another process that supervises a nasty tree, whose standard output tells how it ended.
fn main_process(marker: &str) -> Child {
    let main = this_test_program("process::tests::trees::when_asked_this_is_a_main_process");
    #[expect(clippy::disallowed_methods, reason = "a process to be killed")]
    let mut command = Command::new(main.program);
    let child = command
        .args(main.arguments)
        .env_clear()
        .env("MARKER", marker)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    until("the tree grows", || marked(marker).len() > 10);
    child
}

#[test]
fn nothing_of_a_nasty_tree_is_left_after_ctrl_c_or_a_request_to_end() {
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let marker = marker();
        let mut main = main_process(&marker);
        kill_process(Pid::from_child(&main), signal).unwrap();
        let lines = BufReader::new(main.stdout.take().unwrap()).lines();
        let last = lines.map(Result::unwrap).last().unwrap();
        assert_eq!(last, "Interrupted", "{signal:?}");
        assert!(main.wait().unwrap().success());
        assert_eq!(marked(&marker), []);
    }
}

#[test]
fn nothing_of_a_nasty_tree_is_left_after_kill_9_of_the_main_process() {
    let marker = marker();
    let mut main = main_process(&marker);
    main.kill().unwrap();
    main.wait().unwrap();
    until("all are gone", || marked(&marker).is_empty());
}

#[test]
fn a_second_ctrl_c_ends_the_main_process_at_once() {
    let marker = marker();
    let mut main = main_process(&marker);
    let pid = Pid::from_child(&main);
    // While it waits for the grace of the first.
    until("it ends", || {
        let _ = kill_process(pid, Signal::INT);
        main.try_wait().unwrap().is_some()
    });
    assert_eq!(main.wait().unwrap().code(), Some(130));
    until("all are gone", || marked(&marker).is_empty());
}

#[test]
#[expect(clippy::exit, reason = "the test program must say no more")]
fn when_asked_this_is_a_main_process() {
    if !is_asked() {
        return;
    }
    let interrupt = Interrupt::on_signals().unwrap();
    let marker = crate::env::text("MARKER").unwrap();
    let limits = Limits {
        grace: Duration::from_secs(1),
        ..GENEROUS
    };
    let ended = supervise_by(
        &companion(),
        &script(NASTY, &marker),
        &limits,
        &interrupt,
        &mut |_| ControlFlow::Continue(()),
    );
    println!("{:?}", ended.unwrap().end);
    std::process::exit(0);
}
