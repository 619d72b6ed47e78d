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
    /// The files it is told to open to see the change, each with the unit it is of.
    pub(crate) pages: Vec<(String, String)>,
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
    let next = match heard.results.len() {
        0 => first_look(heard, &brief),
        seen => brief.pages.get(seen - 1).and_then(|(_, page)| {
            heard
                .read(page)
                .or_else(|| heard.shell(&format!("cat {page}")))
        }),
    };
    if let Some(call) = next {
        return Turn::calls(vec![Said::Text("I look first.".to_owned()), call]);
    }
    let pages = brief.pages.clone();
    for ((unit, _), page) in pages.iter().zip(heard.results.iter().skip(1)) {
        brief.take_in(unit, page);
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
    /// Reads a brief: the id of the run, its unit table, and the patches as far as they stand in it.
    pub(crate) fn read(text: &str) -> Self {
        let mut brief = Self {
            review: review_in(text).unwrap_or_default(),
            ..Self::default()
        };
        let blocks = blocks(text);
        for (title, block) in &blocks {
            if title == "units" {
                block.lines().for_each(|row| brief.take_in_row(row));
            }
        }
        for (title, block) in &blocks {
            if let Some(unit) = title.strip_prefix("diff ") {
                brief.take_in(unit, block);
            }
        }
        brief
    }

    /// Takes in a row of the unit table: `id | status | kind | lines | path | more`.
    fn take_in_row(&mut self, row: &str) {
        let columns: Vec<&str> = row.split(" | ").collect();
        let (&[id, _, _, _, path], more) = match columns.split_first_chunk::<5>() {
            Some((columns, more)) if is_unit(columns[0]) => (columns, more),
            _ => return,
        };
        let path = path.split(" (was ").next().unwrap_or(path);
        self.units.push(Unit {
            id: id.to_owned(),
            path: path.trim_end_matches(" |").to_owned(),
            ..Unit::default()
        });
        let named: Vec<&str> = more
            .iter()
            .flat_map(|more| more.split(' '))
            .filter(|word| word.starts_with("diff/"))
            .collect();
        let (Some(first), Some(last)) = (named.first(), named.last()) else {
            return;
        };
        for number in page_number(first)..=page_number(last) {
            let page = format!(".deep-review/diff/{id}-{number:03}.txt");
            self.pages.push((id.to_owned(), page));
        }
    }

    /// Takes in a patch of a unit, or a page of it as a tool shows it.
    fn take_in(&mut self, unit: &str, patch: &str) {
        let Some(unit) = self.units.iter_mut().find(|known| known.id == unit) else {
            return;
        };
        for line in patch.lines().map(unnumbered) {
            if line.starts_with("+++ ") || line.starts_with("--- ") {
                continue;
            }
            if let Some(added) = line.strip_prefix('+') {
                unit.added.push(added.to_owned());
            } else if let Some(removed) = line.strip_prefix('-') {
                unit.removed.push(removed.to_owned());
            }
        }
    }
}

/// The blocks of data in a text, each with its title.
fn blocks(text: &str) -> Vec<(String, String)> {
    let mut blocks = Vec::new();
    let mut open: Option<(String, String, String)> = None;
    for line in text.lines() {
        match &mut open {
            Some((nonce, title, block)) => {
                if line.strip_prefix(">>>data ") == Some(nonce.as_str()) {
                    blocks.push((std::mem::take(title), std::mem::take(block)));
                    open = None;
                } else {
                    block.push_str(line);
                    block.push('\n');
                }
            }
            None => {
                open = line
                    .strip_prefix("<<<data ")
                    .and_then(|rest| rest.split_once(' '))
                    .map(|(nonce, title)| (nonce.to_owned(), title.to_owned(), String::new()));
            }
        }
    }
    blocks
}

/// The id of the run, where the form of the answer names it.
fn review_in(text: &str) -> Option<String> {
    let (_, rest) = text.rsplit_once("- `review`: `")?;
    let (id, _) = rest.split_once('`')?;
    Some(id.to_owned())
}

fn page_number(page: &str) -> u32 {
    let name = page.trim_end_matches(".txt");
    let number = name.rsplit('-').next();
    number.and_then(|number| number.parse().ok()).unwrap_or(1)
}

/// A line without the number that some tools put before it; a line of a patch never begins with one.
fn unnumbered(line: &str) -> &str {
    let digits = line.trim_start();
    let rest = digits.trim_start_matches(|letter: char| letter.is_ascii_digit());
    if rest.len() == digits.len() {
        return line;
    }
    let after = ["\t", "\u{2192}", ": ", "| "];
    after
        .iter()
        .find_map(|after| rest.strip_prefix(after))
        .unwrap_or(line)
}

fn is_unit(word: &str) -> bool {
    word.strip_prefix('u')
        .is_some_and(|rest| rest.len() >= 2 && rest.bytes().all(|byte| byte.is_ascii_digit()))
}
