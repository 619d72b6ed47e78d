//! What a snapshot costs beside `git worktree add` of the same commit, in turns in one run. Nothing is
//! asserted: `cargo test --release --lib snapshot::tests::cost -- --ignored --nocapture` prints a table.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use super::{Cache, git, plan};
use crate::diff::Oid;
use crate::git::fixture::{Fixture, Random};
use crate::snapshot::{Head, SnapshotLimits};

const ROUNDS: usize = 7;

/// A base with so many files, and five commits of twenty edits each.
fn repository(files: usize) -> (Fixture, Oid, Oid) {
    let fixture = Fixture::new();
    let mut stream = String::new();
    let mut random = Random::new(7);
    let file = |stream: &mut String, nth: usize, random: &mut Random| {
        let mut text = String::new();
        for _ in 0..20 + random.below(40) {
            let (word, other) = (random.below(1 << 30), random.below(1 << 30));
            writeln!(text, "    let v{word:x} = s{other:x}({word});").unwrap();
        }
        let (part, area, name) = (nth / 2_500, nth / 100 % 25, nth % 100);
        let path = format!("src/part{part:02}/area{area:02}/file{name:02}.rs");
        writeln!(
            stream,
            "M 100644 inline {path}\ndata {}\n{text}",
            text.len()
        )
        .unwrap();
    };
    for commit in 0..6 {
        let time = 1_700_000_000 + commit * 60;
        let head = format!(
            "commit refs/heads/main\ncommitter B <b@example.org> {time} +0000\ndata 4\nedit\n"
        );
        stream.push_str(&head);
        match commit {
            0 => (0..files).for_each(|nth| file(&mut stream, nth, &mut random)),
            _ => (0..20).for_each(|_| {
                let nth = random.below(files);
                file(&mut stream, nth, &mut random);
            }),
        }
    }
    fixture.feed(&["fast-import", "--quiet"], stream.as_bytes());
    fixture.git(&["gc", "-q"]);
    let (base, head) = (fixture.id("main~5"), fixture.id("main"));
    (fixture, base, head)
}

fn timed<T>(times: &mut Vec<Duration>, work: impl FnOnce() -> T) -> T {
    let started = Instant::now();
    let done = work();
    times.push(started.elapsed());
    done
}

fn median(mut times: Vec<Duration>) -> String {
    times.sort();
    format!("{:.0} ms", times[times.len() / 2].as_secs_f64() * 1e3)
}

#[test]
#[ignore = "it measures, and writes many files"]
fn a_snapshot_beside_a_linked_worktree() {
    println!(
        "| files | | build | changed() | git status | aside | delete | worktree add | its status | worktree remove |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|");
    for files in [5_000, 50_000] {
        let (fixture, base, head) = repository(files);
        let repo = fixture.repo();
        let cache = Cache::new();
        let beside = fixture.root().parent().unwrap().join("linked");
        let beside = beside.to_str().unwrap();
        let whole = SnapshotLimits {
            files: usize::MAX,
            ..SnapshotLimits::default()
        };
        for (name, limits) in [("whole", whole), ("as set", SnapshotLimits::default())] {
            let mut times: [Vec<Duration>; 8] = Default::default();
            for _ in 0..ROUNDS {
                let [build, changed, status, aside, delete, add, own, remove] = &mut times;
                let mut plan = plan(&repo, Head::Commit(head), Some(base));
                plan.limits = limits;
                let snapshot = timed(build, || cache.build(&plan));
                timed(changed, || assert_eq!(snapshot.changed(), None));
                timed(status, || git(&snapshot.path, &["status", "--porcelain"]));
                let left = timed(aside, || snapshot.set_aside().unwrap());
                timed(delete, || left.delete().unwrap());
                timed(add, || {
                    fixture.git(&["worktree", "add", "-q", "--detach", beside, "main"])
                });
                timed(own, || {
                    git(std::path::Path::new(beside), &["status", "--porcelain"])
                });
                timed(remove, || {
                    fixture.git(&["worktree", "remove", "--force", beside])
                });
            }
            let cells: Vec<String> = times.into_iter().map(median).collect();
            println!("| {files} | {name} | {} |", cells.join(" | "));
        }
    }
}
