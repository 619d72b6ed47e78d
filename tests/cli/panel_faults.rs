//! Agents that fail, or do what they may not: each is named, counts for nothing, costs the others
//! nothing, and leaves nothing behind.

use serde_json::Value;

use crate::support::agents::{ShellAgent, enabled, has, snapshots, units, until};
#[cfg(target_os = "linux")]
use crate::support::agents::{processes, until_nobody_is_left};
use crate::support::sandbox::{Repo, Sandbox, readers};

const CART: &str = "export function total(prices) {\n  return prices.length;\n}\n";
const SHOP: &str = "export function greet(name) {\n  return \"Hello, \" + name;\n}\n";

/// What agents may find in their environment, besides a key of their own; some of it is their shell's.
const ALLOWED: [&str; 16] = [
    "PATH",
    "HOME",
    "TMPDIR",
    "LC_ALL",
    "TERM",
    "PWD",
    "OLDPWD",
    "SHLVL",
    "_",
    "DEEP_REVIEW_ACTIVE",
    "GIT_CONFIG_GLOBAL",
    "GIT_CONFIG_NOSYSTEM",
    "GIT_OPTIONAL_LOCKS",
    "GIT_NO_LAZY_FETCH",
    "GIT_PAGER",
    "GIT_TERMINAL_PROMPT",
];

/// A clone with two files on its branch.
fn with_files(sandbox: &Sandbox) -> Repo<'_> {
    let (repo, _) = sandbox.cloned();
    repo.write("cart.js", CART);
    repo.write("shop.js", SHOP);
    repo.commit("Two files");
    repo
}

/// Two agents read; Ann does as she is told and Bob as `script` says. Fails unless Ann's answer alone
/// counts, Bob is named with `why`, and nothing is left of the review but what it stored.
#[track_caller]
fn bob_fails(script: &str, why: &str, asked: usize) {
    let sandbox = Sandbox::new();
    let repo = with_files(&sandbox);
    let [ann, bob] = enabled(&repo, ["ann", "bob"], "");
    bob.does(script);
    let report = repo.review();
    assert_eq!(report["verdict"]["answer"], "pass");
    for path in ["cart.js", "shop.js"] {
        assert_eq!(readers(&report, path), ["ann"]);
    }
    let missing = &report["targets"][0]["missing"][0];
    let said = missing["why"].as_str().unwrap_or_default();
    assert!(missing["agent"] == "bob" && said.contains(why), "{missing}");
    assert_eq!((ann.asked().len(), bob.asked().len()), (1, asked));
    nothing_is_left(&sandbox);
    // He is asked again the next time, Ann is not.
    bob.does("answer");
    let report = repo.review();
    assert_eq!(readers(&report, "cart.js"), ["ann", "bob"]);
    assert_eq!((ann.asked().len(), bob.asked().len()), (1, asked + 1));
}

#[track_caller]
fn nothing_is_left(sandbox: &Sandbox) {
    assert!(snapshots(sandbox).is_empty());
    #[cfg(target_os = "linux")]
    assert_eq!(processes(sandbox), [""; 0]);
}

/// Bob alone reads; returns the report and him.
#[track_caller]
fn bob_alone<'s>(repo: &Repo<'s>, script: &str, more: &str) -> (Value, ShellAgent<'s>) {
    let [bob] = enabled(repo, ["bob"], more);
    bob.does(script);
    let report = repo.review();
    nothing_is_left(repo.sandbox());
    (report, bob)
}

#[test]
fn who_changes_the_snapshot_is_named_and_spoils_nobody_elses_answer() {
    let sandbox = Sandbox::new();
    let repo = with_files(&sandbox);
    let [ann, bob] = enabled(&repo, ["ann", "bob"], "");
    ann.does("echo changed >> cart.js\nanswer");
    // Who reads with ann ends after her deed; who reads alone sees nothing of it.
    bob.does("[ \"$n\" -gt 1 ] || until grep -q changed cart.js; do sleep 0.01; done\nanswer");
    bob.raises("cart.js|2|important|The sum counts prices|return prices.length;");
    repo.deep_review([""; 0])
        .code(1)
        .prints("The sum counts prices")
        .prints("ann did not answer: the snapshot was changed while it read")
        .conceals("bob did not answer");
    assert_eq!((ann.asked().len(), bob.asked().len()), (2, 2));
    let report = repo.deep_review(["gate", "--format", "json"]).code(1);
    let missing = &report.json()["targets"][0]["missing"];
    assert_eq!(missing[0]["agent"], "ann");
    assert_eq!(missing.as_array().unwrap().len(), 1);
    nothing_is_left(&sandbox);
}

#[test]
fn an_agent_that_says_nothing_has_not_answered() {
    bob_fails(":", "it printed nothing", 1);
}

#[test]
fn an_agent_that_fails_is_quoted() {
    bob_fails(
        "answer; echo 'the quota of this month is used up' >&2; exit 1",
        "exit code 1: the quota of this month is used up",
        1,
    );
}

#[test]
fn an_agent_that_is_killed_has_not_answered() {
    bob_fails("answer; kill -KILL $$", "a signal ended it", 1);
}

#[test]
fn an_agent_that_floods_us_is_stopped() {
    bob_fails(
        "head -c 20000000 /dev/zero | tr '\\0' x; sleep 100000",
        "wrote more than 16 MB",
        1,
    );
}

#[test]
fn an_agent_that_answers_another_brief_has_not_answered_this_one() {
    bob_fails(
        "answer | sed 's/\"r-[0-9a-f]*\"/\"r-00000000\"/'",
        "it answers the brief `r-00000000`",
        1,
    );
}

#[test]
fn the_example_of_the_brief_is_no_answer() {
    bob_fails(
        "sed -n '/^```json$/,/^```$/p' \"$asked/brief\" | sed -e '1d;$d'",
        "r-example",
        1,
    );
}

#[test]
fn an_answer_that_cannot_be_read_is_asked_for_once_more() {
    bob_fails("answer | sed 's/\"findings\":/\"findings\" /'", "", 2);
}

#[test]
fn a_refusal_is_no_review() {
    bob_fails("echo 'I am sorry, but I cannot help with that.'", "", 2);
}

#[test]
fn an_answer_that_is_mended_when_asked_counts() {
    let sandbox = Sandbox::new();
    let repo = with_files(&sandbox);
    let script = "if [ \"$n\" = 1 ]; then answer | sed 's/\"findings\":/\"findings\" /'; \
                  else asked=$own/asked-1; answer; fi";
    let (report, bob) = bob_alone(&repo, script, "");
    assert_eq!(report["verdict"]["answer"], "pass");
    assert_eq!(readers(&report, "cart.js"), ["bob"]);
    let asked = bob.asked();
    assert!(asked.len() == 2 && asked[1].contains("could not be read"));
}

#[test]
fn prose_around_an_answer_does_not_matter() {
    let sandbox = Sandbox::new();
    let repo = with_files(&sandbox);
    let script =
        "echo 'Here is my review:'; echo '```json'; answer; echo '```'; echo 'I hope it helps.'";
    let (report, bob) = bob_alone(&repo, script, "");
    assert_eq!(report["verdict"]["answer"], "pass");
    assert_eq!(readers(&report, "shop.js"), ["bob"]);
    assert_eq!(bob.asked().len(), 1);
}

#[test]
fn what_is_left_out_is_asked_for_once_more() {
    let sandbox = Sandbox::new();
    let repo = with_files(&sandbox);
    let script =
        "if [ \"$n\" = 1 ]; then answer | sed 's/,{\"u\":\"u02\"[^}]*}//'; else answer; fi";
    let (report, bob) = bob_alone(&repo, script, "");
    assert_eq!(report["verdict"]["answer"], "pass");
    let asked = bob.asked();
    assert_eq!(asked.len(), 2);
    assert_eq!(units(&asked[1]), ["shop.js"]);
}

#[test]
fn what_is_left_out_twice_is_owed_and_the_rest_is_kept() {
    let sandbox = Sandbox::new();
    let repo = with_files(&sandbox);
    let script = "answer | sed -e 's/,{\"u\":\"u02\"[^}]*}//' -e 's/{\"u\":\"u02\"[^}]*}//'";
    let (report, bob) = bob_alone(&repo, script, "");
    assert_eq!(report["verdict"]["answer"], "inconclusive");
    assert_eq!(readers(&report, "cart.js"), ["bob"]);
    assert_eq!(readers(&report, "shop.js"), [""; 0]);
    assert_eq!(bob.asked().len(), 2);
    bob.does("answer");
    repo.deep_review([""; 0]).code(0);
    assert_eq!(units(&bob.asked()[2]), ["shop.js"]);
}

#[test]
fn units_that_nobody_asked_about_count_for_nothing() {
    let sandbox = Sandbox::new();
    let repo = with_files(&sandbox);
    let script = "answer | sed 's/\"u\":\"u02\"/\"u\":\"u77\"/'";
    let (report, _) = bob_alone(&repo, script, "");
    assert_eq!(report["verdict"]["answer"], "inconclusive");
    assert_eq!(readers(&report, "cart.js"), ["bob"]);
    assert_eq!(readers(&report, "shop.js"), [""; 0]);
}

#[test]
fn an_agent_that_hangs_is_stopped() {
    for (script, limit, why) in [
        (
            "exec sleep 100000",
            "idle = \"1s\"",
            "no sign of life for 1 s",
        ),
        (
            "while :; do echo still here; sleep 0.1; done",
            "wall = \"4s\"",
            "",
        ),
    ] {
        let sandbox = Sandbox::new();
        let repo = with_files(&sandbox);
        let (report, bob) = bob_alone(&repo, script, &format!("[limits]\n{limit}\n"));
        assert_eq!(report["verdict"]["answer"], "inconclusive", "{script}");
        let failed = report["failed"].to_string();
        assert!(failed.contains(why) && failed.contains("bob"), "{report}");
        assert!(bob.asked().len() <= 1);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn nothing_an_agent_starts_outlives_it() {
    let sandbox = Sandbox::new();
    let repo = with_files(&sandbox);
    let script = "(trap '' TERM HUP INT; env -i \"PATH=$PATH\" setsid sh -c 'trap \"\" TERM HUP; \
                  : >\"$1/started\"; while :; do sleep 0.5; done' \"$own\" \"$asked\" &)\n\
                  until [ -e \"$asked/started\" ]; do sleep 0.05; done; answer";
    let (report, _) = bob_alone(&repo, script, "");
    assert_eq!(report["verdict"]["answer"], "pass");
    until_nobody_is_left(&sandbox);
}

#[test]
fn who_changes_what_it_reads_has_not_answered_and_what_was_said_before_stays() {
    for deed in [
        "echo more >>README.md",
        "echo more >added.txt",
        "rm cart.js",
        "git update-ref HEAD HEAD~1",
        "echo '*' >.git/info/exclude",
        "echo more >>.deep-review/units.json",
        "rm .git/index; mkfifo .git/index",
        "n=0; while [ $n -lt 1500 ]; do : >\"more-$n\"; n=$((n + 1)); done",
    ] {
        let sandbox = Sandbox::new();
        let repo = with_files(&sandbox);
        let [ann, bob] = enabled(&repo, ["ann", "bob"], "");
        bob.does(&format!("wait_for_gate; {deed}; answer"));
        let mut gate = bob.gate();
        let review = repo
            .call(crate::support::sandbox::PROGRAM)
            .args(["--format", "json"])
            .start();
        ann.until_heard(&repo);
        gate.open();
        let report = review.finish().code(0).json();
        let missing = &report["targets"][0]["missing"][0];
        let why = missing["why"].as_str().unwrap_or_default();
        assert!(missing["agent"] == "bob", "{deed}: {report}");
        assert!(why.contains("was changed while it read"), "{deed}: {why}");
        assert_eq!(readers(&report, "cart.js"), ["ann"], "{deed}");
        // What holds many files is removed by a process of its own.
        until("it is removed", || snapshots(&sandbox).is_empty());
        #[cfg(target_os = "linux")]
        until_nobody_is_left(&sandbox);
    }
}

#[test]
fn an_agent_gets_no_more_of_the_environment_than_it_needs() {
    let sandbox = Sandbox::new();
    let repo = with_files(&sandbox);
    let [ann, bob] = enabled(&repo, ["ann", "bob"], "");
    sandbox.configure(&format!(
        "{}{}key_env = \"HOUSE_KEY\"\n",
        ann.table(),
        bob.table()
    ));
    for agent in [&ann, &bob] {
        agent.does("env >\"$asked/environment\"; answer");
    }
    let secrets = [
        ("ANTHROPIC_API_KEY", "key-of-one"),
        ("OPENAI_API_KEY", "key-of-another"),
        ("GEMINI_API_KEY", "key-of-a-third"),
        ("GITHUB_TOKEN", "key-of-the-forge"),
        ("AWS_SECRET_ACCESS_KEY", "key-of-the-cloud"),
        ("SSH_AUTH_SOCK", "/key-of-the-agent"),
        ("HOUSE_KEY", "key-of-the-house"),
    ];
    let call = repo.call(crate::support::sandbox::PROGRAM);
    let call = secrets
        .iter()
        .fold(call, |call, (name, value)| call.env(name, value));
    let elsewhere = repo.path(".git");
    call.env("GIT_DIR", &elsewhere)
        .env("GIT_INDEX_FILE", elsewhere.join("index"))
        .env("NODE_OPTIONS", "--require=evil")
        .env("LD_LIBRARY_PATH", "/nowhere")
        .run()
        .code(0);
    for (agent, own) in [(&ann, None), (&bob, Some("HOUSE_KEY"))] {
        let environment = agent.wrote(1, "environment");
        for line in environment.lines() {
            let (name, _) = line.split_once('=').unwrap();
            assert!(ALLOWED.contains(&name) || Some(name) == own, "{line}");
        }
        assert_eq!(environment.contains("key-of-the-house"), own.is_some());
        assert!(environment.contains("GIT_CONFIG_GLOBAL=/dev/null"));
        assert!(!environment.contains("key-of-the-cloud"));
    }
}

#[test]
fn a_key_is_seen_by_nobody_but_its_agent() {
    const KEY: &str = "the-key-of-the-house-4711";
    let sandbox = Sandbox::new();
    let repo = with_files(&sandbox);
    let [bob] = enabled(&repo, ["bob"], "");
    sandbox.configure(&format!("{}key_env = \"HOUSE_KEY\"\n", bob.table()));
    let review = || {
        repo.call(crate::support::sandbox::PROGRAM)
            .env("HOUSE_KEY", KEY)
            .args(["-v", "--format", "json"])
            .run()
    };
    bob.does("echo \"the key $HOUSE_KEY is refused\" >&2; exit 1");
    let said = review().code(3).conceals(KEY);
    assert!(said.stdout.contains("the key *** is refused"), "{said}");
    bob.does("answer | sed \"s/A cart/$HOUSE_KEY/\"");
    review().code(0).conceals(KEY);
    for place in [repo.store(""), sandbox.path("state"), sandbox.cache("")] {
        assert!(!has(&place, KEY), "{}", place.display());
    }
}

#[test]
fn an_agent_cannot_push() {
    let sandbox = Sandbox::new();
    let (repo, remote) = sandbox.hooked();
    repo.commit_file("cart.js", CART);
    let [ann] = enabled(&repo, ["ann"], "");
    ann.does(&format!(
        "(cd {:?} && DEEP_REVIEW_SKIP=please git push origin topic) >\"$asked/said\" 2>&1; \
         echo \"code $?\" >>\"$asked/said\"; answer",
        repo.path("")
    ));
    repo.deep_review([""; 0]).code(0);
    let said = ann.wrote(1, "said");
    assert!(said.contains("a reviewing agent may not push"), "{said}");
    assert!(!said.contains("code 0"), "{said}");
    assert_eq!(remote.id("topic"), "");
}

#[test]
fn a_program_that_is_not_there_is_missing() {
    let sandbox = Sandbox::new();
    let repo = with_files(&sandbox);
    let [ann] = enabled(
        &repo,
        ["ann"],
        "[agents.zoe]\nkind = \"command\"\ncommand = [\"no-such-reviewer\"]\n",
    );
    repo.deep_review(["agents", "enable", "zoe"]).code(0);
    let report = repo.review();
    assert_eq!(report["verdict"]["answer"], "pass");
    let missing = &report["targets"][0]["missing"][0];
    let why = missing["why"].as_str().unwrap();
    assert!(
        missing["agent"] == "zoe" && why.contains("no-such-reviewer"),
        "{missing}"
    );
    assert_eq!(ann.asked().len(), 1);
}
