//! The panel behind a push: waiting, going on in the background, being interrupted and killed, and
//! paying once.
#![cfg(target_os = "linux")]

use std::time::{Duration, Instant};

use crate::support::agents::{
    ShellAgent, configured, enabled, processes, snapshots, until, until_nobody_is_left,
};
use crate::support::call::{Call, Running, Said};
use crate::support::sandbox::{PROGRAM, Repo, Sandbox};

const CART: &str = "export function total(prices) {\n  return prices.length;\n}\n";
const FINDING: &str =
    "cart.js|2|important|The sum counts prices instead of adding them|return prices.length;";

/// More than any interruption takes, and less than any agent would.
const PROMPT: Duration = Duration::from_secs(40);

/// A hooked clone with the cart on its branch, and its remote.
fn with_cart(sandbox: &Sandbox) -> (Repo<'_>, Repo<'_>) {
    let (repo, remote) = sandbox.hooked();
    repo.commit_file("cart.js", CART);
    (repo, remote)
}

fn push(repo: &Repo<'_>) -> Call {
    repo.call("git").args(["push", "-q", "origin", "topic"])
}

fn signal(repo: &Repo<'_>, signal: &str, to: &str) {
    repo.call("kill").args([signal, "--", to]).run();
}

/// Ctrl-C, as the terminal gives it to all that run in front; waits for the end.
fn interrupt(repo: &Repo<'_>, running: Running) -> Said {
    let started = Instant::now();
    signal(repo, "-INT", &format!("-{}", running.id()));
    let said = running.finish();
    assert!(started.elapsed() < PROMPT, "{said}");
    said
}

/// The process of the review in the background.
fn background(sandbox: &Sandbox) -> Option<String> {
    let found = processes(sandbox).into_iter();
    let mut found = found.filter(|line| line.contains(" hook review -- "));
    found
        .next()
        .and_then(|line| line.split(' ').next().map(str::to_owned))
}

fn times(agents: &[ShellAgent<'_>]) -> Vec<usize> {
    agents.iter().map(|agent| agent.asked().len()).collect()
}

#[test]
fn a_push_waits_for_the_panel_and_goes_through() {
    let sandbox = Sandbox::new();
    let (repo, remote) = with_cart(&sandbox);
    let [ann, bob] = enabled(&repo, ["ann", "bob"], "");
    bob.does("echo 'the quota is used up' >&2; exit 1");
    push(&repo)
        .run()
        .code(0)
        .says("ann: answered")
        .says("PASS: 1 file by the built-in rules and ann")
        .says("bob")
        .says("the quota is used up");
    assert_eq!(remote.id("topic"), repo.id("topic"));
    until_nobody_is_left(&sandbox);
    assert!(snapshots(&sandbox).is_empty());
    // The same content under another name owes nothing that Ann has not said.
    repo.git(["checkout", "-q", "-b", "again", "main"]);
    repo.git(["cherry-pick", "topic"]);
    repo.git(["commit", "-q", "--amend", "-m", "The same"]);
    repo.push(["-q", "origin", "again"]).code(0);
    assert_eq!(ann.asked().len(), 1);
}

#[test]
fn a_finding_of_an_agent_holds_the_push_until_somebody_decides() {
    let sandbox = Sandbox::new();
    let (repo, remote) = with_cart(&sandbox);
    let [ann] = enabled(&repo, ["ann"], "");
    ann.raises(FINDING);
    for _ in 0..2 {
        let said = push(&repo).run().code(1).says("BLOCKED by 1 finding");
        said.says("The sum counts prices instead of adding them")
            .says("cart.js:2");
    }
    assert_eq!(remote.id("topic"), "");
    let words = ["resolve", "I1", "--as", "false-positive", "-m", "by design"];
    repo.deep_review(words).code(0);
    push(&repo).run().code(0);
    assert_eq!(remote.id("topic"), repo.id("topic"));
    assert_eq!(ann.asked().len(), 1);
}

#[test]
fn a_push_that_waited_long_enough_is_held_and_the_review_goes_on() {
    let sandbox = Sandbox::new();
    let (repo, remote) = with_cart(&sandbox);
    let [ann] = enabled(&repo, ["ann"], "[limits]\npush = \"1ms\"\n");
    let mut gate = ann.waits();
    push(&repo)
        .run()
        .code(1)
        .says("the review continues in the background; push again")
        .says("INCONCLUSIVE");
    assert_eq!(remote.id("topic"), "");
    ann.until_asked(1);
    // The second push waits for the same review.
    configured(&sandbox, ["ann"], "[limits]\npush = \"5m\"\n");
    let second = push(&repo).start();
    gate.open();
    second.finish().code(0).says("PASS");
    assert_eq!(remote.id("topic"), repo.id("topic"));
    assert_eq!(ann.asked().len(), 1);
}

#[test]
fn what_was_read_in_the_background_lets_the_next_push_through_at_once() {
    let sandbox = Sandbox::new();
    let (repo, remote) = with_cart(&sandbox);
    let [ann] = enabled(&repo, ["ann"], "[limits]\npush = \"1ms\"\n");
    let mut gate = ann.waits();
    push(&repo).run().code(1).says("push again");
    // Nobody waits, and yet nothing is said twice or lost.
    gate.open();
    until_nobody_is_left(&sandbox);
    push(&repo).run().code(0).says("PASS");
    assert_eq!(remote.id("topic"), repo.id("topic"));
    assert_eq!(ann.asked().len(), 1);
}

#[test]
fn an_interrupted_push_stops_everybody_and_keeps_what_was_said() {
    let sandbox = Sandbox::new();
    let (repo, remote) = with_cart(&sandbox);
    let agents = enabled(&repo, ["ann", "bob", "cid"], "");
    let _gates = [agents[1].waits(), agents[2].waits()];
    let pushing = push(&repo).start();
    agents[0].until_heard(&repo);
    agents[1].until_asked(1);
    agents[2].until_asked(1);
    interrupt(&repo, pushing);
    until_nobody_is_left(&sandbox);
    assert!(snapshots(&sandbox).is_empty());
    assert_eq!(remote.id("topic"), "");
    resumes(&repo, &agents, &remote);
}

/// Pushes again: only those who had not answered are asked once more.
#[track_caller]
fn resumes(repo: &Repo<'_>, agents: &[ShellAgent<'_>; 3], remote: &Repo<'_>) {
    assert_eq!(times(agents), [1, 1, 1]);
    for agent in agents {
        agent.does("answer");
    }
    // The one answer that was kept is enough for a push; by hand, the rest is asked for.
    repo.deep_review([""; 0])
        .code(0)
        .prints("PASS: 1 file by the built-in rules and ann, bob, cid");
    assert_eq!(times(agents), [1, 2, 2]);
    push(repo).run().code(0).says("PASS");
    assert_eq!(remote.id("topic"), repo.id("topic"));
    assert_eq!(times(agents), [1, 2, 2]);
}

#[test]
fn an_interrupted_review_stops_everybody_and_keeps_what_was_said() {
    let sandbox = Sandbox::new();
    let (repo, remote) = with_cart(&sandbox);
    let agents = enabled(&repo, ["ann", "bob", "cid"], "");
    let _gates = [agents[1].waits(), agents[2].waits()];
    // One of them does not obey, nor does what it starts.
    agents[2].does("trap '' TERM INT HUP; (setsid sh -c 'trap \"\" TERM; while :; do sleep 1; done' &); wait_for_gate");
    let reviewing = repo.call(PROGRAM).start();
    agents[0].until_heard(&repo);
    agents[1].until_asked(1);
    agents[2].until_asked(1);
    let said = interrupt(&repo, reviewing).code(130);
    // Nobody is left when it is over, not only soon after.
    assert_eq!(processes(&sandbox), [""; 0], "{said}");
    assert!(snapshots(&sandbox).is_empty());
    resumes(&repo, &agents, &remote);
}

#[test]
fn a_killed_review_leaves_nobody_behind_and_keeps_what_was_said() {
    let sandbox = Sandbox::new();
    let (repo, remote) = with_cart(&sandbox);
    let agents = enabled(&repo, ["ann", "bob", "cid"], "");
    let _gates = [agents[1].waits(), agents[2].waits()];
    agents[2].does(
        "(trap '' TERM; setsid sh -c 'trap \"\" TERM; while :; do sleep 1; done' &); wait_for_gate",
    );
    let reviewing = repo.call(PROGRAM).start();
    agents[0].until_heard(&repo);
    agents[1].until_asked(1);
    agents[2].until_asked(1);
    assert_eq!(reviewing.kill().code, None);
    until_nobody_is_left(&sandbox);
    resumes(&repo, &agents, &remote);
    // What the killed one could not remove is gone too.
    assert!(snapshots(&sandbox).is_empty());
}

#[test]
fn a_review_killed_in_the_background_holds_the_push_and_is_taken_up_by_the_next() {
    let sandbox = Sandbox::new();
    let (repo, remote) = with_cart(&sandbox);
    let agents = enabled(&repo, ["ann", "bob"], "[gate]\nquorum = 2\n");
    let _gate = agents[1].waits();
    let pushing = push(&repo).start();
    agents[0].until_heard(&repo);
    agents[1].until_asked(1);
    let review = background(&sandbox).expect("it runs");
    signal(&repo, "-KILL", &review);
    pushing.finish().code(1).says("ended before it was done");
    until_nobody_is_left(&sandbox);
    assert_eq!(remote.id("topic"), "");
    agents[1].does("answer");
    push(&repo).run().code(0).says("PASS");
    assert_eq!(times(&agents), [1, 2]);
    assert_eq!(remote.id("topic"), repo.id("topic"));
}

#[test]
fn a_killed_push_does_not_end_its_review() {
    let sandbox = Sandbox::new();
    let (repo, remote) = with_cart(&sandbox);
    let [ann] = enabled(&repo, ["ann"], "");
    let mut gate = ann.waits();
    let pushing = push(&repo).start();
    ann.until_asked(1);
    // As when the terminal is closed: nobody can clean up.
    signal(&repo, "-KILL", &format!("-{}", pushing.id()));
    pushing.finish();
    assert!(background(&sandbox).is_some());
    gate.open();
    until_nobody_is_left(&sandbox);
    push(&repo).run().code(0).says("PASS");
    assert_eq!(ann.asked().len(), 1);
    assert_eq!(remote.id("topic"), repo.id("topic"));
}

#[test]
fn pushes_at_once_pay_once() {
    let sandbox = Sandbox::new();
    let (repo, remote) = with_cart(&sandbox);
    let [ann] = enabled(&repo, ["ann"], "");
    let mut gate = ann.waits();
    repo.git(["branch", "copy"]);
    let copy = || repo.call("git").args(["push", "-q", "origin", "copy"]);
    // The same refs are one review; other refs with the same files wait for its answers.
    let first = [push(&repo).start(), push(&repo).start(), copy().start()];
    ann.until_asked(1);
    let reviews = || {
        let found = processes(&sandbox).into_iter();
        found
            .filter(|line| line.contains(" hook review -- "))
            .count()
    };
    until("both reviews run", || reviews() == 2);
    gate.open();
    for pushing in first {
        let said = pushing.finish();
        // Git itself may refuse the later one of two equal pushes.
        assert!(
            said.code == Some(0) || said.stderr.contains("remote rejected"),
            "{said}"
        );
    }
    assert_eq!(ann.asked().len(), 1);
    assert_eq!(remote.id("topic"), repo.id("topic"));
    assert_eq!(remote.id("copy"), repo.id("topic"));
}

#[test]
fn a_large_snapshot_is_removed_when_the_review_has_ended() {
    let sandbox = Sandbox::new();
    let (repo, _) = sandbox.cloned();
    for nth in 0..700 {
        repo.write(format!("many/{nth}.txt"), "text\n");
    }
    repo.commit("Write many");
    repo.git(["push", "-q", "origin", "topic:main"]);
    repo.commit_file("cart.js", CART);
    let [ann] = enabled(&repo, ["ann"], "");
    repo.deep_review([""; 0]).code(0);
    assert_eq!(ann.asked().len(), 1);
    // By a process of its own, which ends with it.
    until("it is removed", || snapshots(&sandbox).is_empty());
    until_nobody_is_left(&sandbox);
}

#[test]
fn a_review_that_ends_before_anybody_looks_is_seen_to_end() {
    for (limits, gone, why) in [
        ("[limits]\ntokens = 10\n", false, "limits.tokens = 10"),
        ("", true, "cannot find the program"),
    ] {
        let sandbox = Sandbox::new();
        let (repo, _) = with_cart(&sandbox);
        let [ann] = enabled(&repo, ["ann"], limits);
        if gone {
            let table = ann.table().replace("/bin/sh", "/gone/ann");
            sandbox.configure(&format!("{table}[review]\nlead = \"none\"\n"));
        }
        for _ in 0..2 {
            let said = push(&repo).run().code(1).says(why);
            said.says("INCONCLUSIVE").conceals("did not begin");
        }
        assert_eq!(ann.asked().len(), 0);
    }
}

#[test]
fn what_an_earlier_review_came_to_is_not_told_of_the_next() {
    let sandbox = Sandbox::new();
    let (repo, remote) = with_cart(&sandbox);
    let [ann] = enabled(&repo, ["ann"], "");
    ann.does("echo 'the quota is used up' >&2; exit 1");
    push(&repo).run().code(1).says("the quota is used up");
    let mut gate = ann.waits();
    let pushing = push(&repo).start();
    ann.until_asked(2);
    gate.open();
    let said = pushing.finish().code(0).says("ann: answered");
    said.conceals("the quota is used up");
    assert_eq!(remote.id("topic"), repo.id("topic"));
}
