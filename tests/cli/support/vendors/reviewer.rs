//! A model that follows a brief literally: looks once with a tool, accounts for every unit with a changed line of it,
//! and raises the planted problem where it sees it. All that knows what a brief looks like is here.
//! How the words travel is left to the vendors' files.

use serde_json::{Value, json};

use super::heard::{Heard, Said, Turn};

/// Code that the model takes for a bug wherever a change adds it: it reads one behind the last.
pub(crate) const PLANTED: &str = "prices[prices.length]";

/// What the model calls it.
pub(crate) const TITLE: &str = "The last price is read from behind the end of the list";

/// What a model makes of a brief.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Brief {
    /// The run that the answer has to name.
    pub(crate) review: String,
    /// What it is to account for.
    pub(crate) units: Vec<Unit>,
    /// The files it is told to open to see the change.
    pub(crate) pages: Vec<String>,
}

/// A unit of a brief.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Unit {
    /// As in `u01`.
    pub(crate) id: String,
    /// Its path, as far as its patch was seen.
    pub(crate) path: String,
    /// The lines that the change adds.
    pub(crate) added: Vec<String>,
    /// The lines that it removes.
    pub(crate) removed: Vec<String>,
}

/// Looks once, then answers with every unit and the planted problem.
pub(crate) fn literal(heard: &Heard) -> Turn {
    look_then(heard, &|brief| answer(brief, &raised(brief)))
}

/// Looks once and reads the pages of the change, if it has tools to, then answers with what is made of the brief.
pub(crate) fn look_then(heard: &Heard, make: &dyn Fn(&Brief) -> String) -> Turn {
    let mut brief = Brief::read(&heard.text());
    let pages = brief.pages.clone();
    let seen = heard.results.len();
    let look = |nth: usize| {
        let page = nth.checked_sub(1).and_then(|nth| pages.get(nth));
        match page {
            Some(page) => heard
                .read(page)
                .or_else(|| heard.shell(&format!("cat {page}"))),
            None if nth == 0 => first_look(heard, &brief),
            None => None,
        }
    };
    if let Some(call) = look(seen) {
        return Turn::calls(vec![Said::Text("I look first.".to_owned()), call]);
    }
    if !pages.is_empty() {
        for result in &heard.results {
            brief.take_in(result);
        }
    }
    finally(heard, make(&brief))
}

/// The last turn: words, or a call of the tool that hands a structured answer in.
pub(crate) fn finally(heard: &Heard, answer: String) -> Turn {
    let parsed = serde_json::from_str::<Value>(&answer);
    match parsed {
        Ok(arguments) if heard.has("StructuredOutput") => Turn::calls(vec![Said::Call {
            name: "StructuredOutput".to_owned(),
            arguments,
        }]),
        _ => Turn::text(answer),
    }
}

fn first_look(heard: &Heard, brief: &Brief) -> Option<Said> {
    let path = brief
        .units
        .iter()
        .map(|unit| unit.path.as_str())
        .find(|path| !path.is_empty())
        .unwrap_or("README.md");
    heard.read(path).or_else(|| heard.shell("git log -1"))
}

/// The planted problem in each unit that adds it.
pub(crate) fn raised(brief: &Brief) -> Vec<Value> {
    brief
        .units
        .iter()
        .filter_map(|unit| {
            let line = unit.added.iter().find(|line| line.contains(PLANTED))?;
            Some(finding(&unit.path, line, "important", TITLE))
        })
        .collect()
}

/// A finding in the form of the answer.
pub(crate) fn finding(path: &str, quote: &str, severity: &str, title: &str) -> Value {
    json!({
        "title": title,
        "places": [{ "path": path, "line": 0, "quote": quote }],
        "trigger": "any list of prices",
        "outcome": "the last price is undefined",
        "why": "Indices begin at 0, so the length is no index.",
        "proof": "traced",
        "doubt": "",
        "rule": "",
        "kind": "regression",
        "severity": severity,
        "fix": "Subtract one.",
    })
}

/// An answer that accounts for every unit of the brief.
pub(crate) fn answer(brief: &Brief, findings: &[Value]) -> String {
    let units: Vec<Value> = brief
        .units
        .iter()
        .map(|unit| json!({ "u": unit.id, "state": "reviewed", "echo": unit.echo(), "looked": "README.md" }))
        .collect();
    json!({
        "review": brief.review,
        "units": units,
        "findings": findings,
        "prior": [],
        "design": [],
        "tests": [],
        "docs": [],
        "summary": "Changes the shop.",
        "trouble": [],
    })
    .to_string()
}

impl Unit {
    /// A changed line that proves it was seen; the longest one.
    fn echo(&self) -> &str {
        let lines = self.added.iter().chain(&self.removed);
        lines
            .max_by_key(|line| line.trim().len())
            .map_or("", |line| line.as_str())
    }
}

impl Brief {
    /// Reads a brief: the id of the run, the ids of its units, and their patches as far as they stand in it.
    pub(crate) fn read(text: &str) -> Self {
        let mut brief = Self {
            review: last_word(text, is_review).unwrap_or_default(),
            ..Self::default()
        };
        for word in words(text) {
            if is_unit(word) && !brief.units.iter().any(|unit| unit.id == word) {
                brief.units.push(Unit {
                    id: word.to_owned(),
                    ..Unit::default()
                });
            } else if word.starts_with(".deep-review/pages/")
                && !brief.pages.iter().any(|page| page == word)
            {
                brief.pages.push(word.to_owned());
            }
        }
        brief.units.sort_by(|one, other| one.id.cmp(&other.id));
        brief.take_in(text);
        brief
    }

    /// Takes in the patches in a text. A patch belongs to the unit that its boundary, or else its order, names.
    fn take_in(&mut self, text: &str) {
        let mut unit = None;
        let mut named = None;
        let mut in_hunk = false;
        for line in text.lines() {
            if line.starts_with("<<<data") {
                named = words(line).filter(|word| is_unit(word)).last();
                (unit, in_hunk) = (None, false);
            } else if line.starts_with(">>>data") {
                (unit, named, in_hunk) = (None, None, false);
            } else if line.starts_with("diff --git ") {
                let known = named.take().and_then(|id| self.position(id));
                unit = known.or_else(|| self.units.iter().position(|unit| unit.path.is_empty()));
                in_hunk = false;
                if let (Some(nth), Some((_, path))) = (unit, line.rsplit_once(" b/")) {
                    path.clone_into(&mut self.units[nth].path);
                }
            } else if line.starts_with("@@ ") {
                in_hunk = true;
            } else if let (Some(nth), true) = (unit, in_hunk) {
                if let Some(added) = line.strip_prefix('+') {
                    self.units[nth].added.push(added.to_owned());
                } else if let Some(removed) = line.strip_prefix('-') {
                    self.units[nth].removed.push(removed.to_owned());
                }
            }
        }
    }

    fn position(&self, id: &str) -> Option<usize> {
        self.units.iter().position(|unit| unit.id == id)
    }
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|letter: char| !(letter.is_ascii_alphanumeric() || "-._/".contains(letter)))
        .map(|word| word.trim_end_matches('.'))
}

fn last_word(text: &str, wanted: fn(&str) -> bool) -> Option<String> {
    words(text)
        .filter(|word| wanted(word))
        .last()
        .map(str::to_owned)
}

fn is_review(word: &str) -> bool {
    word.strip_prefix("r-")
        .is_some_and(|rest| rest.len() >= 4 && rest.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

fn is_unit(word: &str) -> bool {
    word.strip_prefix('u')
        .is_some_and(|rest| rest.len() >= 2 && rest.bytes().all(|byte| byte.is_ascii_digit()))
}
