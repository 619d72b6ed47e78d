//! A whole review of a public change by three agents, on paper: `tests/published` has what each of them says
//! and the report that it came to. Making it anew needs a clone of ripgrep, which CI has not; that the
//! report is what its data give is tested beside the code.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::support::sandbox::{PROGRAM, Sandbox};
use super::support::vendors::heard::{Heard, Turn, Vendor};
use super::support::vendors::reviewer::{self, Brief};
use super::support::vendors::{Plan, Vendors};

/// The change, of <https://github.com/BurntSushi/ripgrep>.
const CHANGE: &str = "241b87b3377136659ef0f57948b8e0739e9a691b";
const URL: &str = "https://github.com/BurntSushi/ripgrep";

/// Each agent: its name, its kind, what follows the vendor's address, its model.
const AGENTS: [[&str; 4]; 3] = [
    ["claude-opus", "anthropic", "", "paper-opus"],
    ["gpt", "openai", "/v1", "paper-gpt"],
    ["gemini-flash", "gemini-api", "", "paper-flash"],
];

fn place() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/published")
}

fn written(name: &str) -> Value {
    let bytes = fs::read(place().join(name)).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

/// What the agents' models say, each what is written for it.
fn script(heard: &Heard) -> Turn {
    let name = match heard.vendor {
        Vendor::Anthropic => "claude-opus",
        Vendor::Responses => "gpt",
        Vendor::Gemini | Vendor::Chat => "gemini-flash",
    };
    let text = heard.text();
    if text.contains("# Verification brief") {
        return Turn::text(verdicts(&text).to_string());
    }
    if text.contains("# Report brief") {
        return Turn::text(prose(&text).to_string());
    }
    reviewer::look_then(heard, &|brief| review(name, brief))
}

fn review(name: &str, brief: &Brief) -> String {
    let accounted = reviewer::answer(brief, &[]);
    let mut answer: Value = serde_json::from_str(&accounted).unwrap();
    for (part, said) in written(&format!("{name}.json")).as_object().unwrap() {
        answer[part] = said.clone();
    }
    answer.to_string()
}

/// The word after `before` in a brief, up to the next back quote.
fn named(text: &str, before: &str) -> String {
    let (_, rest) = text.rsplit_once(before).unwrap();
    rest.split('`').next().unwrap().to_owned()
}

/// Keeps every cluster, but for those that are written about: what is written names clusters and texts by words
/// that stand in them.
fn verdicts(text: &str) -> Value {
    let lead = written("lead.json");
    let clusters = clusters(text);
    let holds = |texts: &[(String, String)], words: &Value| -> Option<String> {
        let words = words.as_str().unwrap();
        let mut fitting = texts.iter().filter(|(_, text)| text.contains(words));
        fitting.next().map(|(name, _)| name.clone())
    };
    let clusters: Vec<Value> = clusters
        .iter()
        .map(|(id, texts)| {
            let mut verdict = json!({
                "c": id, "check": "opened the cited lines", "path": "", "line": 0, "quote": "",
                "verdict": "keep", "ground": "none", "reason": "", "kind": "gap",
                "severity": "suggestion", "proof": "traced", "to": "", "same_as": "", "apart": [],
                "title": "", "body": "", "fix": "",
            });
            let about = lead["verify"].as_array().unwrap().iter();
            for about in about
                .filter(|about| holds(texts, &about["match"]).is_some())
                .take(1)
            {
                for (part, said) in about.as_object().unwrap() {
                    verdict[part] = match part.as_str() {
                        "match" => continue,
                        "same_as" => {
                            let mut others = clusters.iter().filter(|(other, _)| other != &id);
                            let same = others.find(|(_, texts)| holds(texts, said).is_some());
                            same.map_or("", |(other, _)| other.as_str()).into()
                        }
                        "apart" => {
                            let apart = said.as_array().unwrap().iter();
                            apart.filter_map(|words| holds(texts, words)).collect()
                        }
                        _ => said.clone(),
                    };
                }
            }
            verdict
        })
        .collect();
    json!({ "batch": named(text, "`batch` is `"), "clusters": clusters, "added": [], "trouble": [] })
}

/// The clusters of a brief by their ids, each with its texts by their names.
fn clusters(text: &str) -> BTreeMap<String, Vec<(String, String)>> {
    let mut clusters: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
    let mut open: Option<(String, String, String)> = None;
    for line in text.lines() {
        let opened = line.strip_prefix("<<<data ");
        let opened = opened.and_then(|rest| rest.split_once(' '));
        match opened.map(|(_, title)| title.split_once(' ')) {
            Some(Some(("cluster", id))) => {
                clusters.entry(id.to_owned()).or_default();
            }
            Some(Some(("text", name))) => {
                let id = name.split('.').next().unwrap();
                open = Some((id.to_owned(), name.to_owned(), String::new()));
            }
            _ if line.starts_with(">>>data ") => {
                if let Some((id, name, text)) = open.take() {
                    clusters.entry(id).or_default().push((name, text));
                }
            }
            _ => {
                if let Some((_, _, text)) = &mut open {
                    text.push_str(line);
                    text.push('\n');
                }
            }
        }
    }
    clusters
}

fn prose(text: &str) -> Value {
    let mut prose = written("lead.json")["prose"].clone();
    prose["report"] = named(text, "`report` is `").into();
    let agents: Vec<Value> = AGENTS
        .iter()
        .map(|[name, ..]| json!({ "agent": name, "text": prose["agents"][name] }))
        .collect();
    prose["agents"] = agents.into();
    for commit in prose["commits"].as_array_mut().unwrap() {
        commit["sha"] = CHANGE[..12].into();
    }
    prose
}

fn configuration(vendors: &Vendors) -> String {
    use std::fmt::Write as _;

    let mut text = "[review]\nlead = \"claude-opus\"\n".to_owned();
    for [name, kind, base, model] in AGENTS {
        let url = vendors.url();
        writeln!(
            text,
            "[agents.{name}]\nkind = \"{kind}\"\nendpoint = \"{url}{base}\"\nmodel = \"{model}\"\neffort = \"high\""
        )
        .unwrap();
    }
    text
}

#[test]
#[ignore = "it needs a clone of ripgrep, named by DEEP_REVIEW_TEST_RIPGREP, and writes the report anew"]
#[expect(
    clippy::disallowed_methods,
    reason = "where the clone is comes from outside, and the files are written on purpose"
)]
fn the_report_is_written_anew() {
    let clone = std::env::var("DEEP_REVIEW_TEST_RIPGREP").unwrap();
    let sandbox = Sandbox::private();
    let vendors = Plan::scripted(script).start();
    sandbox.configure(&configuration(&vendors));
    let repo = sandbox.repo_called("ripgrep");
    repo.git(["fetch", "--quiet", &clone, CHANGE]);
    repo.git(["checkout", "--quiet", "-B", "git-config-variables", CHANGE]);
    repo.git(["remote", "add", "origin", URL]);
    repo.git([
        "update-ref",
        "refs/remotes/origin/master",
        &format!("{CHANGE}^"),
    ]);
    repo.git([
        "symbolic-ref",
        "refs/remotes/origin/HEAD",
        "refs/remotes/origin/master",
    ]);
    for [name, ..] in AGENTS {
        repo.deep_review(["agents", "enable", name]).code(0);
    }
    repo.call(PROGRAM).run().code(1);
    let markdown = repo.deep_review(["report", "--format", "markdown"]).code(0);
    fs::write(place().join("report.md"), &markdown.stdout).unwrap();
    let terminal = repo.deep_review(["report"]).code(0);
    fs::write(place().join("report.txt"), &terminal.stdout).unwrap();
    let json = repo.deep_review(["report", "--format", "json"]).code(0);
    fs::write(place().join("report.json"), &json.stdout).unwrap();
    let id = json.json()["id"].as_str().unwrap().to_owned();
    let raw = repo.store(&format!("reviews/{id}/raw"));
    let kept = place().join("raw");
    fs::create_dir_all(&kept).unwrap();
    for reply in fs::read_dir(raw).unwrap() {
        let reply = reply.unwrap();
        fs::copy(reply.path(), kept.join(reply.file_name())).unwrap();
    }
}
