//! `deep-review consolidate`: raw findings as JSON in, consolidated findings as JSON out.
//! It needs no repository; where the texts come from is left to the program.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

use anyhow::{Context, anyhow};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::consolidate::{
    ConsolidatedFinding, Consolidation, Likeness, Member, Observation, Settings, consolidate,
};
use crate::diff::RepoPath;
use crate::error::HintExt;
use crate::finding::{Kind, LineRange, Location, RawFinding};

/// The version of the JSON that is written.
const SCHEMA: u32 = 1;

/// What to give, for those who gave something else.
const EXPECTED: &str = r#"give what `deep-review parse` prints with an "agent" added, or {"findings": [{"agent", "id", "severity", "title", "body", "path", "line"}, ...]}"#;

/// Consolidates the findings of all inputs together and writes the result to `out`.
///
/// Each input is a JSON object with `findings`; each finding names its `agent` and `id`, or the
/// object names the `agent` of all of them. Places are `locations` of `{path, start, end}` or
/// `{path, lines: {start, end}}`, or `path`, `line`, `end_line` and `other_locs`. Fails on text that is no such JSON, on a finding
/// without agent, and on two findings of one agent with one id; words for severity and kind that
/// aren't known count as none and are listed under `notes`.
pub(crate) fn run(inputs: &[String], out: &mut dyn Write) -> anyhow::Result<()> {
    let mut notes = Vec::new();
    let mut raw = Vec::new();
    for (number, text) in (1..).zip(inputs) {
        let given: Given = serde_json::from_str(text)
            .with_context(|| format!("input {number} is not the JSON of findings"))
            .hint(EXPECTED)?;
        if given.status.as_deref() == Some("failed") {
            notes.push(format!(
                "input {number} is of an agent that failed: no answer"
            ));
        }
        for finding in given.findings {
            let read = finding
                .read(given.agent.as_deref(), &mut notes)
                .with_context(|| format!("input {number} can't be used"))
                .hint(EXPECTED)?;
            raw.push(read);
        }
    }
    let mut seen = BTreeSet::new();
    for finding in &raw {
        if !seen.insert((&finding.agent, &finding.id)) {
            let (agent, id) = (&finding.agent, &finding.id);
            return Err(anyhow!("two findings of `{agent}` have the id `{id}`")).hint(format!(
                "a second pass of an agent is one of its own: name it `{agent}.2`"
            ));
        }
    }
    let consolidation = consolidate(&raw, &Settings::default());
    let result = result(&raw, &consolidation, &notes);
    serde_json::to_writer_pretty(&mut *out, &result)
        .map_err(std::io::Error::from)
        .and_then(|()| writeln!(out))
        .context("cannot write the consolidated findings")
}

#[derive(Deserialize)]
struct Given {
    #[serde(default)]
    agent: Option<String>,
    #[serde(default)]
    status: Option<String>,
    findings: Vec<GivenFinding>,
}

#[derive(Deserialize)]
struct GivenFinding {
    id: String,
    #[serde(default)]
    agent: Option<String>,
    #[serde(default)]
    severity: Option<String>,
    #[serde(default)]
    kind: Option<String>,
    #[serde(default)]
    title: Option<String>,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    quote: Option<String>,
    #[serde(default)]
    trigger: Option<String>,
    #[serde(default)]
    outcome: Option<String>,
    #[serde(default)]
    withdrawn: Option<String>,
    #[serde(default)]
    path: Option<String>,
    #[serde(default)]
    line: Option<u32>,
    #[serde(default)]
    end_line: Option<u32>,
    #[serde(default)]
    other_locs: Option<Vec<GivenPlace>>,
    #[serde(default)]
    locations: Option<Vec<GivenPlace>>,
}

#[derive(Deserialize)]
struct GivenPlace {
    #[serde(default)]
    path: Option<String>,
    #[serde(default, alias = "line")]
    start: Option<u32>,
    #[serde(default, alias = "end_line")]
    end: Option<u32>,
    #[serde(default)]
    lines: Option<LineRange>,
}

impl GivenFinding {
    fn read(self, agent: Option<&str>, notes: &mut Vec<String>) -> anyhow::Result<RawFinding> {
        let agent = self
            .agent
            .or_else(|| agent.map(str::to_owned))
            .ok_or_else(|| anyhow!("finding `{}` names no agent", self.id))?;
        let mut known = |what: &str, word: &str| {
            notes.push(format!(
                "finding `{}` of `{agent}`: no such {what} as `{word}`, taken as none",
                self.id
            ));
        };
        let severity = self.severity.and_then(|word| {
            let found = word_of(&word);
            if found.is_none() {
                known("severity", &word);
            }
            found
        });
        let kind: Option<Kind> = self.kind.and_then(|word| {
            let found = word_of(&word);
            if found.is_none() {
                known("kind", &word);
            }
            found
        });
        let first = GivenPlace {
            path: self.path,
            start: self.line,
            end: self.end_line,
            lines: None,
        };
        let locations = std::iter::once(first)
            .chain(self.locations.unwrap_or_default())
            .chain(self.other_locs.unwrap_or_default())
            .filter_map(GivenPlace::read)
            .collect();
        Ok(RawFinding {
            agent,
            id: self.id,
            severity,
            kind,
            title: self.title.unwrap_or_default(),
            locations,
            body: self.body.unwrap_or_default(),
            quote: self.quote,
            trigger: self.trigger,
            outcome: self.outcome,
            withdrawn: self.withdrawn,
            ..RawFinding::default()
        })
    }
}

/// Reads the word of a severity or kind, in any case.
fn word_of<T: for<'de> Deserialize<'de>>(word: &str) -> Option<T> {
    serde_json::from_value(Value::String(word.trim().to_lowercase())).ok()
}

impl GivenPlace {
    fn read(self) -> Option<Location> {
        let path = self.path.filter(|path| !path.is_empty())?;
        let said = self.start.map(|start| LineRange {
            start,
            end: self.end.unwrap_or(start).max(start),
        });
        let lines = self.lines.or(said);
        Some(Location {
            path: RepoPath::from(path.as_str()),
            lines,
        })
    }
}

fn result(raw: &[RawFinding], consolidation: &Consolidation, notes: &[String]) -> Value {
    let said: BTreeMap<(&str, &str), &RawFinding> = raw
        .iter()
        .map(|raw| ((raw.agent.as_str(), raw.id.as_str()), raw))
        .collect();
    let body = |member: &Member| {
        let found = said.get(&(member.agent.as_str(), member.id.as_str()));
        found.map_or("", |raw| raw.body.as_str())
    };
    let position_of = |member: &Member| {
        let mut findings = consolidation.findings.iter();
        findings
            .find(|finding| finding.members.contains(member))
            .map(|finding| finding.position.as_str())
    };
    let findings: Vec<Value> = consolidation
        .findings
        .iter()
        .map(|finding| finding_json(finding, body(&finding.told_by)))
        .collect();
    // An observation is dropped from the findings, not from the report.
    let observations = consolidation
        .observations
        .iter()
        .map(|seen| observation_json(seen, body(&seen.told_by)));
    let dropped = consolidation.dropped.iter().map(|dropped| {
        json!({ "members": ids(&dropped.members), "raised_by": &dropped.members, "reason": &dropped.reason })
    });
    let maybe_same: Vec<Value> = consolidation
        .maybe_same
        .iter()
        .map(|likeness| {
            let mut value = likeness_json(likeness);
            value["findings"] =
                json!([position_of(&likeness.first), position_of(&likeness.second)]);
            value
        })
        .collect();
    json!({
        "schema": SCHEMA,
        "findings": findings,
        "dropped": observations.chain(dropped).collect::<Vec<_>>(),
        "maybe_same": maybe_same,
        "notes": notes,
    })
}

fn finding_json(finding: &ConsolidatedFinding, body: &str) -> Value {
    json!({
        "id": finding.position,
        "severity": finding.severity,
        "kind": finding.kind,
        "title": finding.title,
        "locations": places(&finding.locations),
        "body": body,
        "members": ids(&finding.members),
        "raised_by": finding.members,
        "told_by": finding.told_by,
        "confidence": finding.confidence.map(rounded),
        "doubtful": finding.doubtful,
        "judgement": finding.judgement,
        "why": finding.judgement.reason(),
        "likenesses": finding.likenesses.iter().map(likeness_json).collect::<Vec<_>>(),
        "reconciliation": finding.reconciliation,
    })
}

fn observation_json(seen: &Observation, body: &str) -> Value {
    json!({
        "members": ids(&seen.members),
        "raised_by": seen.members,
        "reason": "was there before the change: a design observation",
        "observation": {
            "title": seen.title,
            "locations": places(&seen.locations),
            "body": body,
            "told_by": seen.told_by,
            "likenesses": seen.likenesses.iter().map(likeness_json).collect::<Vec<_>>(),
        },
    })
}

fn likeness_json(likeness: &Likeness) -> Value {
    json!({
        "members": [&likeness.first, &likeness.second],
        "p": rounded(likeness.p),
        "shared": likeness.shared,
    })
}

fn places(locations: &[Location]) -> Vec<Value> {
    locations
        .iter()
        .map(|place| {
            json!({
                "path": place.path,
                "start": place.lines.map(|lines| lines.start),
                "end": place.lines.map(|lines| lines.end),
            })
        })
        .collect()
}

fn ids(members: &[Member]) -> Vec<&str> {
    members.iter().map(|member| member.id.as_str()).collect()
}

/// Three digits say all that a likelihood means.
fn rounded(p: f64) -> f64 {
    (p * 1e3).round() / 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ran(inputs: &[&str]) -> anyhow::Result<Value> {
        let inputs: Vec<String> = inputs.iter().map(|text| (*text).to_owned()).collect();
        let mut out = Vec::new();
        run(&inputs, &mut out)?;
        Ok(serde_json::from_slice(&out)?)
    }

    fn complaint(inputs: &[&str]) -> String {
        let error = ran(inputs).unwrap_err();
        assert!(
            !crate::error::hints(&error).is_empty(),
            "no hint: {error:#}"
        );
        format!("{error:#}")
    }

    #[test]
    fn findings_of_several_inputs_are_joined() {
        let one = r#"{"agent": "alpha", "findings": [{"id": "I1", "severity": "Important",
            "title": "Lock leaks in openCache", "body": "", "locations": [{"path": "a.go", "start": 3}]}]}"#;
        let two = r#"{"findings": [{"agent": "beta", "id": "S1", "severity": "suggestion",
            "title": "openCache leaks the lock", "path": "src/a.go", "line": 2, "end_line": 4, "kind": null,
            "locations": [{"path": "b.go", "lines": {"start": 7, "end": 8}}]},
            {"agent": "beta", "id": "S2", "severity": "suggestion", "kind": "pre-existing",
            "title": "Typo in help", "body": "b", "path": null, "line": null}]}"#;
        let result = ran(&[one, two]).unwrap();
        let findings = result["findings"].as_array().unwrap();
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0]["id"], "I1");
        assert_eq!(findings[0]["members"], json!(["I1", "S1"]));
        let places = json!([{"path": "a.go", "start": 3, "end": 3}, {"path": "src/a.go", "start": 2, "end": 4}, {"path": "b.go", "start": 7, "end": 8}]);
        assert_eq!(findings[0]["locations"], places);
        assert_eq!(findings[0]["judgement"]["rule"], "tie-blocks");
        assert_eq!(result["dropped"][0]["members"], json!(["S2"]));
        assert_eq!(result["dropped"][0]["observation"]["body"], "b");
        assert_eq!(result["notes"], json!([]));
    }

    #[test]
    fn unknown_words_are_noted_not_guessed() {
        let text = r#"{"findings": [{"agent": "a", "id": "1", "severity": "blocker", "kind": "testing", "title": "T"}]}"#;
        let result = ran(&[text]).unwrap();
        assert_eq!(result["notes"].as_array().unwrap().len(), 2);
        assert_eq!(result["findings"][0]["judgement"]["rule"], "no-votes");
    }

    #[test]
    fn broken_input_is_told_by_number_and_place() {
        let found = complaint(&[r#"{"findings": []}"#, "{\"findings\":\n [}"]);
        assert!(
            found.contains("input 2") && found.contains("line 2"),
            "{found}"
        );
        let found = complaint(&[r#"{"findings": [{"id": "1", "title": "T"}]}"#]);
        assert!(found.contains("names no agent"), "{found}");
        assert!(complaint(&["[]"]).contains("input 1"));
        assert!(complaint(&[r#"{"status": "ok"}"#]).contains("findings"));
    }

    #[test]
    fn one_agent_can_not_use_an_id_twice() {
        let text = r#"{"agent": "claude", "findings": [{"id": "I1", "title": "T"}]}"#;
        assert!(complaint(&[text, text]).contains("`I1`"));
    }

    #[test]
    fn nothing_gives_nothing() {
        let result = ran(&[r#"{"status": "none", "findings": []}"#]).unwrap();
        assert_eq!(result["findings"], json!([]));
        assert_eq!(result["dropped"], json!([]));
    }
}
