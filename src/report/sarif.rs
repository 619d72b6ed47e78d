//! The findings as SARIF 2.1.0 (OASIS Standard, errata 01), for code scanning and editors.
//! One run per report; what SARIF has no place for (coverage, retro, raw reviews) is left to the others.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::Result;
use jiff::tz::TimeZone;
use serde::Serialize;

use super::{Report, Standing, json::to_json};
use crate::diff::RepoPath;
use crate::finding::{Finding, Kind, LeadWord, Location, Severity, Stance};
use crate::gate::Verdict;
use crate::ledger::State;
use crate::page::deceives;

/// What a reader checks the document against.
const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";
/// What the paths are relative to: the root of the repository, wherever it stands.
const ROOT: &str = "SRCROOT";
/// Longer messages are cut, in bytes.
const LONGEST_MESSAGE: usize = 16 * 1024;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Log {
    #[serde(rename = "$schema")]
    schema: &'static str,
    version: &'static str,
    runs: [Run; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Run {
    tool: Tool,
    automation_details: AutomationDetails,
    invocations: [Invocation; 1],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    version_control_provenance: Vec<Provenance>,
    original_uri_base_ids: BTreeMap<&'static str, BaseId>,
    results: Vec<SarifResult>,
}

#[derive(Serialize)]
struct Tool {
    driver: Driver,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Driver {
    name: &'static str,
    semantic_version: String,
    rules: Vec<Rule>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Rule {
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    short_description: Option<Message>,
}

#[derive(Serialize)]
struct AutomationDetails {
    id: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Invocation {
    execution_successful: bool,
    start_time_utc: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_execution_notifications: Vec<Notification>,
}

#[derive(Serialize)]
struct Notification {
    level: &'static str,
    message: Message,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    locations: Vec<Place>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Provenance {
    repository_uri: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    revision_id: Option<String>,
    branch: String,
}

#[derive(Serialize)]
struct BaseId {
    description: Message,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SarifResult {
    rule_id: String,
    rule_index: usize,
    level: &'static str,
    /// 0 to 100: what `level` does not tell apart.
    rank: f64,
    message: Message,
    locations: Vec<Place>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    related_locations: Vec<Place>,
    partial_fingerprints: BTreeMap<&'static str, String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    suppressions: Vec<Suppression>,
    properties: Properties,
}

#[derive(Serialize)]
struct Message {
    text: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Place {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<usize>,
    physical_location: PhysicalLocation,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PhysicalLocation {
    artifact_location: ArtifactLocation,
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<Region>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ArtifactLocation {
    uri: String,
    uri_base_id: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Region {
    start_line: u32,
    end_line: u32,
}

#[derive(Serialize)]
struct Suppression {
    kind: &'static str,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    justification: Option<String>,
}

#[derive(Serialize)]
struct Properties {
    position: String,
    severity: Severity,
    kind: Kind,
    agents: Vec<String>,
    evidence: bool,
    /// What the lead would do with it, whose word alone is not enough.
    #[serde(skip_serializing_if = "Option::is_none")]
    contested: Option<String>,
}

/// Renders the findings; `summaries` are the rules by id with what each finds.
pub(crate) fn sarif(report: &Report, summaries: &BTreeMap<String, String>) -> Result<Vec<u8>> {
    let mut rules: Vec<Rule> = Vec::new();
    let mut results = Vec::new();
    for standing in report.findings() {
        let id = rule_id(&standing.finding);
        let index = rules
            .iter()
            .position(|rule| rule.id == id)
            .unwrap_or(rules.len());
        if index == rules.len() {
            let known = summaries.get(&id).map(String::as_str);
            let summary = known.or_else(|| kind_summary(&id));
            rules.push(Rule {
                short_description: summary.map(message),
                id: id.clone(),
            });
        }
        results.push(result(standing, id, index));
    }
    let log = Log {
        schema: SCHEMA,
        version: "2.1.0",
        runs: [Run {
            tool: Tool {
                driver: Driver {
                    name: "deep-review",
                    semantic_version: report.program.clone(),
                    rules,
                },
            },
            automation_details: AutomationDetails {
                id: format!("deep-review/{}/", report.target_name()),
            },
            invocations: [invocation(report)],
            version_control_provenance: provenance(report),
            original_uri_base_ids: [(
                ROOT,
                BaseId {
                    description: message("The root of the repository."),
                },
            )]
            .into(),
            results,
        }],
    };
    to_json(&log)
}

/// The rule a finding is about; what agents raise without one goes by its kind.
fn rule_id(finding: &Finding) -> String {
    match &finding.rule {
        Some(rule) if !rule.trim().is_empty() => rule.clone(),
        _ => format!("review/{}", kind_word(finding.kind)),
    }
}

fn kind_word(kind: Kind) -> &'static str {
    match kind {
        Kind::Regression => "regression",
        Kind::Gap => "gap",
        Kind::Enhancement => "enhancement",
        Kind::PreExisting => "pre-existing",
    }
}

fn kind_summary(id: &str) -> Option<&'static str> {
    Some(match id {
        "review/regression" => "A problem that the change introduces or exposes.",
        "review/gap" => "Something that the change needs is missing.",
        "review/enhancement" => "It works and could be better.",
        "review/pre-existing" => "A problem that was there before the change.",
        _ => return None,
    })
}

fn result(standing: &Standing, rule_id: String, rule_index: usize) -> SarifResult {
    let finding = &standing.finding;
    let mut places = finding.locations.iter();
    let first = places.next().map(|location| place(location, None));
    let related = places
        .enumerate()
        .map(|(nth, location)| place(location, Some(nth + 1)));
    let mut fingerprints = BTreeMap::new();
    fingerprints.insert("deepReviewFinding/v1", finding.id.to_string());
    if !finding.anchor.code.is_empty() {
        let anchor = &finding.anchor;
        let code = format!("{}:{}", anchor.code, anchor.occurrence);
        fingerprints.insert("deepReviewCode/v1", code);
    }
    let text = if finding.body.trim().is_empty() || finding.body == finding.title {
        finding.title.clone()
    } else {
        format!("{}\n\n{}", finding.title, finding.body)
    };
    SarifResult {
        rule_id,
        rule_index,
        level: match finding.severity {
            Severity::Critical | Severity::Important => "error",
            Severity::Suggestion => "note",
        },
        rank: match finding.severity {
            Severity::Critical => 95.0,
            Severity::Important => 70.0,
            Severity::Suggestion => 20.0,
        },
        message: message(&text),
        locations: first.into_iter().collect(),
        related_locations: related.collect(),
        partial_fingerprints: fingerprints,
        suppressions: suppressions(&standing.state),
        properties: Properties {
            position: standing.position.clone(),
            severity: finding.severity,
            kind: finding.kind,
            agents: finding.agents.clone(),
            evidence: !standing.without_evidence,
            contested: finding.voices.lead.as_ref().and_then(contested),
        },
    }
}

/// What the lead would do with a finding that stands against its word, and why.
fn contested(word: &LeadWord) -> Option<String> {
    (word.stance == Stance::Contested).then(|| {
        format!(
            "the lead, {}, would {}: {}",
            word.agent, word.wants, word.reason
        )
    })
}

/// What was decided and holds.
fn suppressions(state: &State) -> Vec<Suppression> {
    let State::Resolved {
        resolution,
        reason,
        by,
        ..
    } = state
    else {
        return Vec::new();
    };
    let words = match reason {
        Some(reason) => format!("{} by {by}: {reason}", resolution.as_str()),
        None => format!("{} by {by}", resolution.as_str()),
    };
    vec![Suppression {
        kind: "external",
        status: "accepted",
        justification: Some(plain(&words)),
    }]
}

fn invocation(report: &Report) -> Invocation {
    let failed = report.failed.iter().map(|failed| Notification {
        level: "error",
        message: message(&format!("{} did not answer: {}", failed.agent, failed.why)),
        locations: Vec::new(),
    });
    let unread = report.verdict.not_reviewed().iter().map(|unit| {
        let by = match unit.agents.as_slice() {
            [] => String::new(),
            agents => format!(" by {}", agents.join(", ")),
        };
        Notification {
            level: "error",
            message: message(&format!("Not reviewed{by}: {}", unit.why)),
            locations: vec![whole_file(&unit.path)],
        }
    });
    let warnings = report.warnings.iter().map(|warning| Notification {
        level: "warning",
        message: message(warning),
        locations: Vec::new(),
    });
    Invocation {
        execution_successful: !matches!(report.verdict, Verdict::Inconclusive { .. }),
        start_time_utc: report
            .at
            .to_zoned(TimeZone::UTC)
            .strftime("%Y-%m-%dT%H:%M:%SZ")
            .to_string(),
        tool_execution_notifications: failed.chain(unread).chain(warnings).collect(),
    }
}

fn provenance(report: &Report) -> Vec<Provenance> {
    let Some(link) = report.repo.as_ref().and_then(|repo| repo.link.as_ref()) else {
        return Vec::new();
    };
    report
        .targets
        .iter()
        .map(|target| Provenance {
            repository_uri: link.clone(),
            revision_id: target.head.clone(),
            branch: target.name.clone(),
        })
        .collect()
}

fn place(location: &Location, id: Option<usize>) -> Place {
    Place {
        id,
        physical_location: PhysicalLocation {
            artifact_location: artifact(&location.path),
            // Lines count from 1; whoever said 0 named the file.
            region: location
                .lines
                .filter(|lines| lines.start > 0)
                .map(|lines| Region {
                    start_line: lines.start,
                    end_line: lines.end.max(lines.start),
                }),
        },
    }
}

fn whole_file(path: &RepoPath) -> Place {
    Place {
        id: None,
        physical_location: PhysicalLocation {
            artifact_location: artifact(path),
            region: None,
        },
    }
}

fn artifact(path: &RepoPath) -> ArtifactLocation {
    ArtifactLocation {
        uri: relative_uri(path.as_bytes()),
        uri_base_id: ROOT,
    }
}

/// A path as a relative reference (RFC 3986): everything but unreserved characters is encoded, so it
/// has no scheme and no host, and never begins with a slash or steps out.
fn relative_uri(path: &[u8]) -> String {
    let mut uri = String::with_capacity(path.len());
    for part in path.split(|byte| *byte == b'/') {
        if matches!(part, b"" | b"." | b"..") {
            continue;
        }
        if !uri.is_empty() {
            uri.push('/');
        }
        for byte in part {
            if byte.is_ascii_alphanumeric() || b"-_.~".contains(byte) {
                uri.push(char::from(*byte));
            } else {
                write!(uri, "%{byte:02X}").expect("writing to a String cannot fail");
            }
        }
    }
    uri
}

fn message(text: &str) -> Message {
    Message { text: plain(text) }
}

/// Text that no viewer takes for more: no embedded link (`[text](target)`), no control character but
/// line ends and tabs, and within bounds.
fn plain(text: &str) -> String {
    let mut end = text.len().min(LONGEST_MESSAGE);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let mut out = String::with_capacity(end);
    for c in text[..end].chars() {
        match c {
            '\n' | '\t' => out.push(c),
            '\r' => {}
            '(' if out.ends_with(']') => out.push_str(" ("),
            c if c.is_control() || deceives(c) => {
                write!(out, "U+{:04X}", u32::from(c)).expect("writing to a String cannot fail");
            }
            c => out.push(c),
        }
    }
    if end < text.len() {
        out.push('…');
    }
    if out.trim().is_empty() {
        // A message has at least one character.
        return "(no words)".to_owned();
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_becomes_a_relative_reference() {
        for (path, uri) in [
            (&b"src/a.rs"[..], "src/a.rs"),
            (b"a b/\xfc%.rs", "a%20b/%FC%25.rs"),
            (b"http://e.org/x", "http%3A/e.org/x"),
            (b"/etc/../passwd", "etc/passwd"),
            (b"c:\\x", "c%3A%5Cx"),
        ] {
            assert_eq!(relative_uri(path), uri);
        }
    }

    #[test]
    fn a_message_is_text() {
        assert_eq!(
            plain("see [this](javascript:x)"),
            "see [this] (javascript:x)"
        );
        assert_eq!(plain("a\r\n\x1b[0m\u{202e}"), "a\nU+001B[0mU+202E");
        assert_eq!(plain(" "), "(no words)");
        assert!(plain(&"ü".repeat(LONGEST_MESSAGE)).len() <= LONGEST_MESSAGE + 4);
    }
}
