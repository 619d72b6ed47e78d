//! Limits on what a review may take: agents are stopped in the middle, and what no budget was left for has a
//! policy of its own, in a review as at the gate and in a push.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::support::agents::enabled;
use super::support::sandbox::{Repo, Sandbox, write};
use super::support::vendors::Plan;
use super::support::vendors::heard::{Heard, Turn};

const CART: &str = "export function total(prices) {\n  return prices.length;\n}\n";

fn with_cart(sandbox: &Sandbox) -> Repo<'_> {
    let (repo, _) = sandbox.cloned();
    repo.commit_file("cart.js", CART);
    repo
}

/// A model that reads the same file again and again.
fn reads_on(heard: &Heard) -> Turn {
    Turn::calls(heard.read("cart.js").into_iter().collect())
}

#[test]
fn an_agent_over_http_is_stopped_where_the_tokens_run_out() {
    let sandbox = Sandbox::private();
    let vendors = Plan::scripted(reads_on).start();
    let repo = with_cart(&sandbox);
    // A turn of the model takes 1250 tokens at first, and less when more of them come from a cache.
    sandbox.configure(&format!(
        "[agents.house]\nkind = \"openai-chat\"\nendpoint = \"{}/v1\"\nmodel = \"m-1\"\n[review]\nlead = \"none\"\n[limits]\ntokens = 5_000\n",
        vendors.url(),
    ));
    repo.deep_review(["agents", "enable", "house"]).code(0);
    repo.deep_review([""; 0])
        .code(3)
        .prints("INCONCLUSIVE")
        .prints("`limits.tokens = 5000` would not be kept");
    let turns = vendors.asked().len();
    assert!((3..=5).contains(&turns), "{turns}");
}

/// A program that says of itself that it has taken many tokens, and goes on.
const GREEDY: &str = r#"#!/bin/sh
case "$1" in --version) echo '2.1.197 (Claude Code)'; exit 0 ;; esac
echo '{"type":"system","subtype":"init","tools":["Bash","Read"],"mcp_servers":[],"model":"m-1"}'
echo '{"type":"assistant","message":{"id":"m1","role":"assistant","model":"m-1","content":[{"type":"text","text":"Reading."}],"usage":{"input_tokens":90000,"output_tokens":1}}}'
exec sleep 300
"#;

#[test]
#[cfg(target_os = "linux")]
fn a_program_is_stopped_where_the_tokens_run_out() {
    let sandbox = Sandbox::new();
    let repo = with_cart(&sandbox);
    let program = sandbox.path("greedy");
    write(&program, GREEDY);
    repo.call("chmod").arg("+x").arg(&program).run().code(0);
    sandbox.configure(&format!(
        "[agents.claude]\ncommand = [{:?}]\nkey_env = \"HOUSE_KEY\"\n[review]\nlead = \"none\"\n[limits]\ntokens = 50_000\nwall = \"120s\"\n",
        program.display().to_string(),
    ));
    repo.deep_review(["agents", "enable", "claude"]).code(0);
    repo.call(super::support::sandbox::PROGRAM)
        .env("HOUSE_KEY", "k")
        .run()
        .code(3)
        .prints("`limits.tokens = 50000` was not kept");
}

const TOO_FEW: &str = "[limits]\ntokens = 10\n";
const RULES_ONLY: &str = "[gate]\non_budget = \"rules-only\"\n";
const UNREAD: &str = "NOT REVIEWED by agents: 1 file";

#[test]
fn the_gate_knows_what_no_budget_was_left_for() {
    let sandbox = Sandbox::new();
    let repo = with_cart(&sandbox);
    let [ann] = enabled(&repo, ["ann"], TOO_FEW);
    let configure = |limits: &str, policy: &str| {
        let nobody = "[review]\nlead = \"none\"\n";
        sandbox.configure(&format!("{}{nobody}{limits}{policy}", ann.table()));
    };
    let gate = |code| repo.deep_review(["gate"]).code(code);
    configure(TOO_FEW, RULES_ONLY);
    // It was never found out whether the limit would be kept.
    gate(3);
    repo.deep_review([""; 0]).code(0).prints(UNREAD);
    gate(0).prints("PASS").prints(UNREAD);
    for (limits, policy) in [
        (TOO_FEW, ""),
        ("", RULES_ONLY),
        ("[limits]\ntokens = 11\n", RULES_ONLY),
        ("[limits]\ntokens = 10\ncost_per_day = 1.0\n", RULES_ONLY),
    ] {
        configure(limits, policy);
        gate(3).conceals(UNREAD);
    }
    configure(TOO_FEW, RULES_ONLY);
    gate(0);
    // Another change is another matter.
    repo.commit_file("cart.js", CART.replace("total", "sum"));
    gate(3);
    assert!(ann.asked().is_empty());
}

#[test]
fn a_quorum_that_nobody_could_meet_is_no_matter_of_money() {
    let sandbox = Sandbox::new();
    let repo = with_cart(&sandbox);
    let more = format!("{TOO_FEW}{RULES_ONLY}quorum = 2\n");
    enabled(&repo, ["ann"], &more);
    repo.deep_review([""; 0])
        .code(3)
        .prints("2 agents must answer, and 1 are enabled");
}

#[test]
fn who_was_stopped_by_a_limit_and_then_fails_is_owed_again() {
    let sandbox = Sandbox::private();
    let talks = Arc::new(AtomicBool::new(false));
    let rubbish = Arc::clone(&talks);
    let vendors = Plan::scripted(move |heard| {
        if rubbish.load(Ordering::SeqCst) {
            Turn::text("I would rather not.")
        } else {
            reads_on(heard)
        }
    })
    .start();
    let repo = with_cart(&sandbox);
    sandbox.configure(&format!(
        "[agents.house]\nkind = \"openai-chat\"\nendpoint = \"{}/v1\"\nmodel = \"m-1\"\n[review]\nlead = \"none\"\n[limits]\ntokens = 15_000\n{RULES_ONLY}",
        vendors.url(),
    ));
    repo.deep_review(["agents", "enable", "house"]).code(0);
    repo.deep_review([""; 0]).code(0).prints(UNREAD);
    repo.deep_review(["gate"]).code(0).prints(UNREAD);
    talks.store(true, Ordering::SeqCst);
    repo.deep_review([""; 0]).code(3).conceals(UNREAD);
    repo.deep_review(["gate"]).code(3).conceals(UNREAD);
}

#[test]
#[cfg(target_os = "linux")]
fn a_push_goes_by_the_same_policy() {
    let sandbox = Sandbox::new();
    let (repo, remote) = sandbox.hooked();
    repo.commit_file("cart.js", CART);
    let more = format!("{TOO_FEW}{RULES_ONLY}");
    enabled(&repo, ["ann"], &more);
    repo.push(["-q", "origin", "topic"]).code(0).says(UNREAD);
    assert_eq!(remote.id("topic"), repo.id("topic"));
}
