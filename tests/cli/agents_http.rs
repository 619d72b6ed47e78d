//! Reviews by agents over HTTP, against vendors on loopback: each kind finds the planted bug with our tools,
//! gets its own key only, and is named with its vendor's words when it fails.

use super::support::call::Said;
use super::support::sandbox::{PROGRAM, Repo, Sandbox};
use super::support::vendors::faults::{Fault, WORDS};
use super::support::vendors::reviewer::{PLANTED, TITLE};
use super::support::vendors::{Plan, Vendors};

/// Each kind, with what follows the vendor's address.
const KINDS: [(&str, &str); 4] = [
    ("anthropic", ""),
    ("openai", "/v1"),
    ("openai-chat", "/v1"),
    ("gemini-api", ""),
];
const KEY: &str = "secret-of-the-house";

struct Review {
    sandbox: Sandbox,
    vendors: Vendors,
}

impl Review {
    fn by(kind: &str, base: &str, plan: Plan) -> Self {
        let sandbox = Sandbox::private();
        let vendors = plan.start();
        sandbox.configure(&format!(
            "[agents.house]\nkind = \"{kind}\"\nendpoint = \"{}{base}\"\nmodel = \"m-1\"\nkey_env = \"HOUSE_KEY\"\n[review]\nlead = \"none\"\n[limits]\nwall = \"60s\"\n",
            vendors.url(),
        ));
        Self { sandbox, vendors }
    }

    fn repo(&self) -> Repo<'_> {
        let (repo, _) = self.sandbox.cloned();
        repo.deep_review(["agents", "enable", "house"]).code(0);
        repo.write(
            "shop.js",
            format!("export function last(prices) {{\n  return {PLANTED};\n}}\n"),
        );
        repo.commit("Show the last price");
        repo
    }

    fn run(repo: &Repo<'_>) -> Said {
        repo.call(PROGRAM)
            .env("HOUSE_KEY", KEY)
            .env("ANTHROPIC_API_KEY", "secret-of-another")
            .run()
    }
}

#[test]
fn each_kind_finds_the_planted_bug_with_our_tools() {
    for (kind, base) in KINDS {
        let review = Review::by(kind, base, Plan::reviewer());
        let repo = review.repo();
        Review::run(&repo).code(1).prints(TITLE).conceals(KEY);
        let asked = review.vendors.asked();
        let heard = review.vendors.heard();
        let used_a_tool = heard.iter().any(|heard| !heard.results.is_empty());
        assert!(used_a_tool, "{kind} called no tool");
        for request in &asked {
            assert!(request.contains(KEY), "{kind}");
            assert!(!request.contains("secret-of-another"), "{kind}");
        }
        // What is known is not asked again, and the finding stays.
        Review::run(&repo).code(1).prints(TITLE);
        assert_eq!(review.vendors.asked().len(), asked.len(), "{kind}");
    }
}

#[test]
fn a_server_without_a_key_is_asked_without_one() {
    let sandbox = Sandbox::private();
    let vendors = Plan::reviewer().start();
    sandbox.configure(&format!(
        "[agents.local]\nkind = \"openai-chat\"\nendpoint = \"{}/v1\"\nmodel = \"m-1\"\n",
        vendors.url()
    ));
    let (repo, _) = sandbox.cloned();
    repo.write(
        "shop.js",
        format!("export function last(prices) {{\n  return {PLANTED};\n}}\n"),
    );
    repo.commit("Show the last price");
    repo.deep_review(["--agent", "local"]).code(1).prints(TITLE);
    for request in vendors.asked() {
        assert!(!request.contains("authorization"), "a key was sent");
    }
}

#[test]
fn a_refused_key_is_named_and_counts_for_nothing() {
    for (kind, base) in KINDS {
        let review = Review::by(kind, base, Plan::reviewer().failing(Fault::Status(401)));
        let repo = review.repo();
        Review::run(&repo)
            .code(3)
            .prints("house did not answer")
            .prints(WORDS)
            .conceals(KEY);
        repo.deep_review(["gate"]).code(3);
    }
}

#[test]
fn a_probe_shows_the_vendors_own_words() {
    let review = Review::by(
        "anthropic",
        "",
        Plan::reviewer().failing(Fault::Status(401)),
    );
    let repo = review.repo();
    repo.call(PROGRAM)
        .env("HOUSE_KEY", KEY)
        .args(["agents", "--probe"])
        .run()
        .code(3)
        .prints("no answer")
        .prints(WORDS)
        .conceals(KEY);
    let sound = Review::by("anthropic", "", Plan::reviewer());
    let repo = sound.repo();
    repo.call(PROGRAM)
        .env("HOUSE_KEY", KEY)
        .args(["agents", "--probe"])
        .run()
        .code(0)
        .prints("answers");
}
