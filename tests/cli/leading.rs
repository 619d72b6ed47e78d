//! The lead: what it takes away, what stands against its word, and what a person then does about it.
//! Its bounds are tried one by one beside the code.

use serde_json::Value;

use crate::support::agents::{ShellAgent, enabled};
use crate::support::sandbox::{Repo, Sandbox};

const CART: &str = "export function total(prices) {\n  return prices.length;\n}\n";
const SHOP: &str = "export function greet(name) {\n  return hello + nam;\n}\n";
const SUM: &str =
    "cart.js|2|important|The sum counts prices instead of adding them|return prices.length;";
const GREETING: &str = "shop.js|2|important|The greeting names a variable that is not there|return hello + nam;|any visitor|the page shows an error|nam is a typing slip";

/// Lets whoever leads be the first that answers.
const FIRST_LEADS: &str = "[review]\n";

/// What a lead does that wants everything dropped.
const DROPS: &str = "case $(asked_to) in
    verify) verdicts drop misread 'the caller checks it' ;;
    report) prose ;;
    *) answer ;;
esac";

/// A clone with a cart and a shop on its branch; ann finds fault with the one, bob with the other.
fn with_two<'s>(sandbox: &'s Sandbox, more: &str) -> (Repo<'s>, [ShellAgent<'s>; 2]) {
    let (repo, _) = sandbox.cloned();
    repo.write("shop.js", SHOP);
    repo.commit_file("cart.js", CART);
    let agents = enabled(&repo, ["ann", "bob"], more);
    agents[0].raises(SUM);
    agents[1].raises(GREETING);
    agents[0].does(DROPS);
    (repo, agents)
}

fn findings(report: &Value) -> Vec<&Value> {
    report["targets"][0]["findings"]
        .as_array()
        .unwrap()
        .iter()
        .collect()
}

/// The briefs of a kind that an agent was given, by their first line.
fn briefs(agent: &ShellAgent<'_>, head: &str) -> Vec<String> {
    let asked = agent.asked().into_iter();
    asked.filter(|brief| brief.starts_with(head)).collect()
}

const VERIFY: &str = "# Verification brief";
const REPORT: &str = "# Report brief";

#[test]
fn the_lead_drops_what_another_raised_and_not_its_own() {
    let sandbox = Sandbox::new();
    let (repo, [ann, bob]) = with_two(&sandbox, FIRST_LEADS);
    let said = repo.deep_review([""; 0]).code(1);
    let said = said
        .prints("contested: the lead, ann, would drop it")
        .prints("Dropped")
        .prints("the caller checks it");
    let report = repo
        .deep_review(["gate", "--format", "json"])
        .code(1)
        .json();
    let left = findings(&report);
    assert_eq!(left.len(), 1, "{report}");
    assert_eq!(left[0]["finding"]["lead"]["stance"], "contested");
    assert_eq!(left[0]["finding"]["agents"][0], "ann");
    assert_eq!(report["dropped"][0]["members"][0]["agent"], "bob");

    // Who checks does not know who said what.
    let brief = briefs(&ann, VERIFY).pop().unwrap();
    let mut words = brief.split(|c: char| !c.is_alphanumeric());
    assert!(!words.any(|word| word == "ann" || word == "bob"), "{brief}");
    assert!(brief.contains("The sum counts") && brief.contains("The greeting names"));
    assert!(brief.contains("2:   return prices.length;"), "{brief}");
    assert!(briefs(&bob, VERIFY).is_empty());

    // Nothing has changed: nobody is asked again.
    let before = ann.asked().len();
    assert_eq!(repo.review()["dropped"], report["dropped"]);
    assert_eq!(ann.asked().len(), before);

    // Computed again from what was said, it is the same.
    let stored = repo
        .deep_review(["report", "--format", "json"])
        .code(0)
        .json();
    let replay = ["report", "--replay", "--format", "json"];
    let replayed = repo.deep_review(replay).code(0).json();
    assert_eq!(replayed["dropped"], report["dropped"]);
    assert_eq!(replayed, stored);

    // It is computed from the raw reviews themselves, which stand in the appendix.
    let text = repo.deep_review(["report", "--format", "markdown"]).code(0);
    assert!(text.stdout.contains("### [ann]") && text.stdout.contains("### [bob]"));
    let id = stored["id"].as_str().unwrap();
    let raw = repo.store(&format!("reviews/{id}/raw/bob.json"));
    let changed = std::fs::read_to_string(&raw)
        .unwrap()
        .replace("important", "suggestion");
    crate::support::sandbox::write(&raw, changed);
    repo.deep_review(replay)
        .code(2)
        .says("the raw review `bob.json` was changed");

    // The one command that takes the lead's word for it does that.
    let command = said
        .stdout
        .lines()
        .find_map(|line| line.split_once("accept it: "));
    let command = command.unwrap().1.to_owned();
    repo.call("sh").args(["-c", &command]).run().code(0);
    repo.deep_review(["gate"]).code(0);
}

#[test]
fn a_lead_whose_answer_cannot_be_read_is_asked_for_its_form_once() {
    let sandbox = Sandbox::new();
    let (repo, [ann, _]) = with_two(&sandbox, FIRST_LEADS);
    ann.does(
        "case $(asked_to) in
        verify) verdicts drop misread 'the caller checks it' >\"$own/whole\"; head -c 90 \"$own/whole\" ;;
        report) prose ;;
        *) if grep -q 'the form of your answer' \"$asked/brief\"; then cat \"$own/whole\"; else answer; fi ;;
        esac",
    );
    repo.deep_review([""; 0])
        .code(1)
        .prints("the caller checks it")
        .conceals("did not check");
    let mended = briefs(&ann, "# Review brief: the form of your answer");
    assert_eq!(mended.len(), 1);
    assert!(mended[0].contains("`batch` is `b-") && mended[0].contains("\"clusters\""));
}

#[test]
fn the_prose_stands_in_the_report_and_its_numbers_do_not() {
    let sandbox = Sandbox::new();
    let (repo, [ann, _]) = with_two(&sandbox, FIRST_LEADS);
    let page = repo.deep_review([""; 0]).code(1);
    let page = page.prints("It adds a cart.").prints("An empty cart. (I1)");
    page.prints("when a cart with two prices")
        .prints("then the customer pays the wrong sum");
    let text = repo.deep_review(["--format", "markdown"]).code(1).stdout;
    for words in [
        "It adds a cart.",
        "**Strength** (in-scope): The cart is small.",
        "An empty cart.",
        "It saw the greeting.",
        "Sums of prices are added up, never counted.",
        "**Contested**",
    ] {
        assert!(text.contains(words), "{words} in\n{text}");
    }
    assert_eq!(briefs(&ann, REPORT).len(), 1);
    repo.deep_review(["rules", "proposals"])
        .code(0)
        .prints("never counted");
    // It is about the findings, and they are the same.
    let again = repo.review();
    assert_eq!(again["narrative"]["summary"], "It adds a cart.");
    assert_eq!(briefs(&ann, REPORT).len(), 1);
}

#[test]
fn a_lead_that_fails_costs_its_word_and_nothing_else() {
    for does in [
        "case $(asked_to) in review) answer ;; *) echo no such model >&2; exit 7 ;; esac",
        "case $(asked_to) in review) answer ;; *) echo 'All fine.' ;; esac",
        "case $(asked_to) in review) answer ;; *) verdicts drop misread x | sed s/b-/b-0/ ;; esac",
    ] {
        let sandbox = Sandbox::new();
        let (repo, [ann, _]) = with_two(&sandbox, FIRST_LEADS);
        ann.does(does);
        let report = repo.review();
        assert_eq!(findings(&report).len(), 2, "{report}");
        assert_eq!(report["verdict"]["answer"], "block");
        let notes = report["targets"][0]["notes"].to_string();
        assert!(notes.contains("the lead, ann, did not check"), "{notes}");
        assert!(report["narrative"].is_null());
    }
}

#[test]
fn who_leads_is_the_users_to_say() {
    let sandbox = Sandbox::new();
    let (repo, [ann, bob]) = with_two(&sandbox, "[review]\nlead = \"none\"\n");
    bob.does(DROPS);
    let report = repo.review();
    assert_eq!(findings(&report).len(), 2);
    assert!(briefs(&ann, VERIFY).is_empty() && briefs(&bob, VERIFY).is_empty());
    // Bob's own is contested now, and ann's dropped.
    let led = repo.deep_review(["--lead", "bob", "--format", "json"]);
    let led = led.code(1).json();
    assert_eq!(findings(&led)[0]["finding"]["agents"][0], "bob");
    assert_eq!(findings(&led).len(), 1);
    assert_eq!(
        (briefs(&ann, VERIFY).len(), briefs(&bob, VERIFY).len()),
        (0, 1)
    );
    repo.deep_review(["--lead", "nobody"])
        .code(2)
        .says("no agent is called `nobody`");
}

#[test]
fn a_repository_lets_nobody_lead_who_is_not_enabled_for_it() {
    let sandbox = Sandbox::new();
    let (repo, [ann, _]) = with_two(&sandbox, FIRST_LEADS);
    repo.deep_review(["agents", "disable", "ann"]).code(0);
    repo.git(["checkout", "-q", "main"]);
    repo.commit_file(".deep-review.toml", "[review]\nlead = \"ann\"\n");
    repo.git(["push", "-q", "origin", "main"]);
    repo.git(["checkout", "-q", "topic"]);
    repo.git(["rebase", "-q", "main"]);
    repo.deep_review([""; 0])
        .code(1)
        .prints("which is not enabled here");
    assert!(ann.asked().is_empty());
}

#[test]
fn the_lead_adds_only_what_the_code_bears_out() {
    let sandbox = Sandbox::new();
    let (repo, [ann, _]) = with_two(&sandbox, FIRST_LEADS);
    let addition = |title: &str, quote: &str| {
        format!(
            r#"{{"title":"{title}","places":[{{"path":"cart.js","line":1,"quote":"{quote}"}}],"trigger":"an import","outcome":"it fails","why":"so","proof":"traced","doubt":"","rule":"","kind":"regression","severity":"critical","fix":""}}"#
        )
    };
    let true_one = addition("The name is taken", "export function total(prices) {");
    let invented = addition("It deletes everything", "rm(everything)");
    ann.does(&format!(
        "case $(asked_to) in verify) verdicts keep none 'it is so' '{true_one},{invented}' ;; report) prose ;; *) answer ;; esac"
    ));
    let report = repo.review();
    let left = findings(&report);
    let added: Vec<&&Value> = left
        .iter()
        .filter(|it| it["finding"]["lead"]["stance"] == "added")
        .collect();
    assert_eq!(added.len(), 1, "{report}");
    assert_eq!(added[0]["finding"]["title"], "The name is taken");
    assert_eq!(added[0]["finding"]["severity"], "important");
    assert_eq!(
        report["dropped"][0]["members"][0]["title"],
        "It deletes everything"
    );
    let confirmed = left
        .iter()
        .filter(|it| it["finding"]["lead"]["stance"] == "confirmed");
    assert_eq!(confirmed.count(), 2);
    // It stands for the gate too, until its code is gone.
    let gate = repo.deep_review(["gate", "--format", "json"]).json();
    assert_eq!(findings(&gate).len(), 3);
    repo.write("cart.js", CART.replace("total(prices)", "sum(prices)"));
    repo.commit("Rename it");
    let titles = repo.review()["targets"][0]["findings"].to_string();
    assert!(!titles.contains("The name is taken"), "{titles}");
}
