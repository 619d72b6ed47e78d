//! Processes that die at any moment, and many at once: nothing decided is lost, nothing damaged.

use std::fs;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::sandbox::{FLAWED, PROGRAM, Repo, SOUND, Sandbox};

/// How many moments of a run are tried.
const MOMENTS: u32 = 20;

/// Files of a change: enough that a run takes a while.
const FILES: usize = 20;

fn large(sandbox: &Sandbox) -> Repo<'_> {
    let (repo, _) = sandbox.cloned();
    for n in 0..FILES {
        let filler = format!("const a{n} = {n};\n").repeat(40);
        repo.write(format!("file-{n:02}.js"), format!("{filler}{SOUND}"));
    }
    repo.write("cart.js", FLAWED);
    repo.commit("Much");
    repo
}

/// How long a call takes when nobody kills it.
fn duration(run: impl FnOnce()) -> Duration {
    let started = Instant::now();
    run();
    started.elapsed()
}

/// Starts `words` and kills it after each of twenty parts of `whole`; `check` looks afterwards.
fn killed_at_moments(
    repo: &Repo<'_>,
    words: &[&str],
    whole: Duration,
    mut check: impl FnMut(bool),
) {
    for moment in 0..MOMENTS {
        let running = repo.call(PROGRAM).args(words).start();
        // Nothing is waited for: the moment itself is what is tried.
        let (_sender, receiver) = channel::<()>();
        let _ = receiver.recv_timeout(whole * moment / MOMENTS);
        let said = running.kill();
        check(said.code.is_some());
    }
}

/// Fails unless the store can be read and everything in it counts; returns the findings.
fn readable(repo: &Repo<'_>) -> Vec<Value> {
    let said = repo.deep_review(["gate"]);
    assert!(
        matches!(said.code, Some(0 | 1 | 3)) && !said.stdout.contains("count for nothing"),
        "{said}"
    );
    repo.findings()
}

#[test]
fn a_review_killed_at_any_moment_costs_no_more_than_itself() {
    let sandbox = Sandbox::new();
    let repo = large(&sandbox);
    let whole = duration(|| {
        repo.deep_review(["--fresh"]).code(1);
    });
    sandbox
        .call("mv")
        .arg(repo.store(""))
        .arg(sandbox.path("first"))
        .run()
        .code(0);
    killed_at_moments(&repo, &[], whole, |_| drop(readable(&repo)));
    repo.deep_review([""; 0])
        .code(1)
        .prints("BLOCKED by 1 finding")
        .conceals("not remembered");
    repo.deep_review(["gate"])
        .code(1)
        .prints("BLOCKED by 1 finding");
    // A fresh reading writes everything again, so that each moment has something to tear.
    killed_at_moments(&repo, &["--fresh"], whole, |_| drop(readable(&repo)));
    repo.deep_review([""; 0])
        .code(1)
        .prints("BLOCKED by 1 finding")
        .conceals("not remembered");
    assert_eq!(repo.findings().len(), 1);
}

#[test]
fn a_resolve_killed_at_any_moment_has_decided_or_has_not() {
    let sandbox = Sandbox::new();
    let (repo, _) = sandbox.cloned();
    for n in 0..MOMENTS {
        repo.write(format!("cart-{n}.js"), FLAWED);
    }
    repo.write("spare.js", FLAWED);
    repo.commit("Much");
    repo.deep_review([""; 0]).code(1);
    let ids: Vec<String> = repo
        .findings()
        .iter()
        .map(|found| found["finding"]["id"].as_str().unwrap().to_owned())
        .collect();
    let words = |id: &str| {
        [
            "resolve".to_owned(),
            id.to_owned(),
            "--as".to_owned(),
            "wont-fix".to_owned(),
            "-m".to_owned(),
            "why".to_owned(),
        ]
    };
    let whole = duration(|| {
        repo.deep_review(words(&ids[0])).code(0);
    });
    let mut reported = vec![ids[0].clone()];
    for (moment, id) in (0..MOMENTS).zip(&ids[1..]) {
        let running = repo.call(PROGRAM).args(words(id)).start();
        let (_sender, receiver) = channel::<()>();
        let _ = receiver.recv_timeout(whole * moment / MOMENTS);
        let said = running.kill();
        if said.code == Some(0) || said.stderr.contains("resolved ") {
            reported.push(id.clone());
        }
        let resolved = resolved(&readable(&repo));
        assert!(reported.iter().all(|id| resolved.contains(id)), "{said}");
    }
    for id in &ids {
        repo.deep_review(words(id)).code(0);
    }
    repo.deep_review(["gate"]).code(0);
}

/// The ids of those that are resolved.
fn resolved(findings: &[Value]) -> Vec<String> {
    findings
        .iter()
        .filter(|standing| standing["state"]["state"] == "resolved")
        .map(|standing| standing["finding"]["id"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn twenty_at_once_agree_and_damage_nothing() {
    let sandbox = Sandbox::new();
    let (repo, _) = sandbox.cloned();
    for n in 0..10 {
        repo.write(format!("cart-{n}.js"), FLAWED);
    }
    repo.write("stays.js", format!("{} HEAD\n", "<".repeat(7)));
    repo.commit("Much");
    // The first ones have no store, no secret and no receipt to start from.
    let first: Vec<_> = (0..10).map(|_| repo.call(PROGRAM).start()).collect();
    for running in first {
        running
            .finish()
            .code(1)
            .prints("BLOCKED by 11 findings")
            .conceals("not remembered");
    }
    let ids: Vec<String> = repo
        .findings()
        .iter()
        .filter(|standing| standing["finding"]["anchor"]["path"] != "stays.js")
        .map(|standing| standing["finding"]["id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(ids.len(), 10);
    let mixed: Vec<_> = ids
        .iter()
        .flat_map(|id| {
            [
                repo.call(PROGRAM)
                    .args(["resolve", id, "--as", "wont-fix", "-m", "why"])
                    .start(),
                repo.call(PROGRAM).arg("--fresh").start(),
            ]
        })
        .collect();
    for (index, running) in mixed.into_iter().enumerate() {
        let said = running
            .finish()
            .conceals("not remembered")
            .conceals("count for nothing");
        said.code(i32::from(index % 2 == 1));
    }
    let mut decided = resolved(&repo.findings());
    let mut wanted = ids;
    decided.sort();
    wanted.sort();
    assert_eq!(decided, wanted);
    repo.deep_review(["gate"])
        .code(1)
        .prints("BLOCKED by 1 finding");
    let ledger = fs::read_to_string(repo.store("ledger.jsonl")).unwrap();
    assert_eq!(ledger.lines().count(), 10);
}

#[test]
fn processes_of_one_user_agree_on_one_secret() {
    let sandbox = Sandbox::new();
    let (repo, _) = sandbox.cloned();
    repo.commit_file("cart.js", SOUND);
    let linked: Vec<String> = (0..6).map(|n| format!("copy-{n}")).collect();
    for name in &linked {
        sandbox
            .call("git")
            .args(["clone", "-q", "work", name])
            .run()
            .code(0);
    }
    let running: Vec<_> = linked
        .iter()
        .map(|name| {
            sandbox
                .existing(name)
                .call(PROGRAM)
                .args(["--base", "origin/main"])
                .start()
        })
        .collect();
    // Each clone has `topic` checked out and `main` as its base.
    for running in running {
        running.finish().code(0).prints("PASS");
    }
    for name in &linked {
        sandbox
            .existing(name)
            .deep_review(["gate", "--base", "origin/main"])
            .code(0);
    }
    assert_eq!(
        fs::read_dir(sandbox.path("state/deep-review"))
            .unwrap()
            .count(),
        1
    );
}
