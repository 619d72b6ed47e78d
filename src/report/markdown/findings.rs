//! Findings in Markdown: the head, the code at its places, the words of the agent that tells it, and
//! what checking it gave.

use std::fmt::Write as _;

use super::blocks;
use super::escape::{code, fenced, line, path, prose, title};
use super::head::short;
use crate::finding::{Finding, Kind, LeadWord, Location, Severity, Stance};
use crate::ledger::State;
use crate::report::contested::accepting;
use crate::report::fates::voices_of;
use crate::report::listing::state_words;
use crate::report::{Excerpt, Report, Standing};

/// More places than this are only counted.
const PLACES: usize = 60;

/// The open findings of one severity, or the word for none.
pub(super) fn of_severity(report: &Report, severity: Severity) -> String {
    let (unproven, proven): (Vec<&Standing>, Vec<&Standing>) = report
        .findings()
        .into_iter()
        .filter(|standing| standing.finding.severity == severity && standing.state.is_open())
        .partition(|standing| standing.without_evidence);
    let mut parts: Vec<String> = proven.into_iter().map(entry).collect();
    if parts.is_empty() {
        parts.push("None.".to_owned());
    }
    if !unproven.is_empty() {
        parts.push("### Without evidence".to_owned());
        parts.push("What these say is not borne out by the code. They do not block.".to_owned());
        parts.extend(unproven.into_iter().map(entry));
    }
    blocks(parts)
}

fn entry(standing: &Standing) -> String {
    let finding = &standing.finding;
    let mut parts = vec![head(standing)];
    if finding.locations.is_empty() {
        parts.push("Place: none.".to_owned());
    }
    if let Some(commit) = &finding.commit {
        parts.push(format!(
            "It stands in commit {}, which a push publishes too; the reviewed tree no longer has it.",
            code(short(commit))
        ));
        if let Some(quote) = &finding.quote {
            parts.push(fenced("", quote.lines()));
        }
    }
    for excerpt in &standing.excerpts {
        parts.push(shown(excerpt));
    }
    let quoted = !standing.excerpts.is_empty();
    let body = if quoted {
        let body = without_quote(&finding.body, finding.quote.as_deref());
        without_shown_quotes(&body, &standing.excerpts)
    } else {
        finding.body.clone()
    };
    let body = prose(&body);
    parts.extend(when(finding));
    if body != title(&finding.title, true) {
        parts.push(body);
    }
    parts.push(footing(standing));
    blocks(parts)
}

/// `I1. **title** — places [agents] (severity, kind)`
fn head(standing: &Standing) -> String {
    let finding = &standing.finding;
    let has_places = !finding.locations.is_empty();
    let mut head = format!(
        "{}. **{}**",
        standing.position,
        title(&finding.title, has_places)
    );
    let places: Vec<String> = finding.locations.iter().take(PLACES).map(place).collect();
    if has_places {
        head.push_str(" — ");
        head.push_str(&places.join(", "));
    }
    let names: Vec<String> = finding.agents.iter().map(|agent| line(agent)).collect();
    write!(
        head,
        " [{}] ({}, {})",
        names.join(", "),
        finding.severity,
        kind(finding.kind)
    )
    .expect("writing to a String cannot fail");
    head
}

pub(super) fn place(location: &Location) -> String {
    let quoted = location.path.to_quoted();
    match location.lines {
        None => path(&location.path),
        Some(lines) if lines.end > lines.start => {
            code(&format!("{quoted}:{}-{}", lines.start, lines.end))
        }
        Some(lines) => code(&format!("{quoted}:{}", lines.start)),
    }
}

fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Regression => "regression",
        Kind::Gap => "gap",
        Kind::Enhancement => "enhancement",
        Kind::PreExisting => "pre-existing",
    }
}

/// Code with its line numbers; the cited lines are marked.
fn shown(excerpt: &Excerpt) -> String {
    let last = excerpt.numbered().last().map_or(0, |(no, ..)| no);
    let width = last.to_string().len();
    let lines: Vec<String> = excerpt
        .numbered()
        .map(|(no, cited, text)| {
            let mark = if cited { '>' } else { ' ' };
            format!("{mark} {no:>width$} | {text}")
                .trim_end()
                .to_owned()
        })
        .collect();
    let mut block = fenced("excerpt", lines.iter().map(String::as_str));
    if excerpt.cut {
        block.push_str("\nThe cited lines go on.\n");
    }
    format!("{}\n\n{block}", path(&excerpt.path))
}

/// The body without the block of code that the excerpt shows already.
fn without_quote(body: &str, quote: Option<&str>) -> String {
    let Some(quote) = quote.filter(|quote| !quote.trim().is_empty()) else {
        return body.to_owned();
    };
    for fence in ["```", "````"] {
        let Some(start) = body.find(fence) else {
            continue;
        };
        let at_line_start = start == 0 || body[..start].ends_with('\n');
        let Some(inside) = body[start..].find('\n').map(|end| start + end + 1) else {
            continue;
        };
        if let Some(rest) = body[inside..].strip_prefix(quote)
            && let Some(after) = rest.strip_prefix('\n')
            && let Some(after) = after.trim_start_matches(' ').strip_prefix(fence)
            && after.is_empty() | after.starts_with('\n')
            && at_line_start
        {
            return format!("{}{}", &body[..start], after.trim_start_matches('\n'));
        }
    }
    body.to_owned()
}

/// When it bites and what then happens, in the words of the agent that tells it.
fn when(finding: &Finding) -> Option<String> {
    let raw = finding.teller()?;
    let said =
        |text: &Option<String>| Some(line(text.as_deref()?.trim())).filter(|it| !it.is_empty());
    let lines = [("When", said(&raw.trigger)), ("Then", said(&raw.outcome))]
        .into_iter()
        .filter_map(|(word, said)| Some(format!("- {word}: {}", said?)));
    let lines: Vec<String> = lines.collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}

/// The body without the quotes of further places, `path:line` and a block, that excerpts show already.
fn without_shown_quotes(body: &str, excerpts: &[Excerpt]) -> String {
    let shown = |quote: &[&str]| {
        excerpts.iter().any(|excerpt| {
            let mut windows = excerpt.lines.windows(quote.len());
            windows.any(|window| {
                window
                    .iter()
                    .map(|it| it.trim())
                    .eq(quote.iter().map(|it| it.trim()))
            })
        })
    };
    let mut kept: Vec<&str> = Vec::new();
    let lines: Vec<&str> = body.lines().collect();
    let mut at = 0;
    while at < lines.len() {
        if let [head, "", fence, rest @ ..] = &lines[at..]
            && head.starts_with('`')
            && head.ends_with("`:")
            && fence.starts_with("```")
            && let Some(length) = rest.iter().position(|line| line == fence)
            && length > 0
            && shown(&rest[..length])
        {
            at += length + 4;
            // One of the blank lines around it is enough.
            if kept.last().is_none_or(|line| line.is_empty()) && lines.get(at) == Some(&"") {
                at += 1;
            }
        } else {
            kept.push(lines[at]);
            at += 1;
        }
    }
    kept.join("\n")
}

/// What is known about a finding besides what it says: its name, its state, its voices.
fn footing(standing: &Standing) -> String {
    let finding = &standing.finding;
    let mut lines = vec![facts(standing)];
    if let State::Open { lapsed: Some(why) } = &standing.state {
        lines.push(format!("- Open again: {}", line(why)));
    }
    if let Some(word) = &finding.voices.lead {
        lines.push(format!("- {}", lead_says(word)));
        if standing.state.is_open() {
            let command = accepting(finding);
            lines.extend(command.map(|it| format!("- To accept the lead's word: {}", code(&it))));
        }
    }
    for (member, severity, said) in voices_of(finding) {
        if finding.voices.members.is_empty() {
            break;
        }
        let check = finding
            .voices
            .evidence
            .iter()
            .find(|check| check.agent == member.agent && check.id == member.id);
        let word = match check {
            None => "found by rule",
            Some(check) if check.supported => "borne out by the code",
            Some(_) => "not borne out by the code",
        };
        let sentences = check.map(|check| check.sentences.as_slice());
        let mut words = vec![word.to_owned()];
        words.extend(sentences.unwrap_or_default().iter().map(|it| line(it)));
        let severity = severity.map_or("no severity", Severity::as_str);
        let told = if said == finding.title {
            String::new()
        } else {
            format!(", “{}”", line(said))
        };
        lines.push(format!(
            "- {} {}, {severity}{told}: {}",
            line(&member.agent),
            code(&member.id),
            words.join("; ")
        ));
    }
    if let Some(why) = &finding.voices.why_severity {
        lines.push(format!("- Severity: {}", line(why)));
    }
    lines.join("\n")
}

/// What the lead says, and what came of it.
fn lead_says(word: &LeadWord) -> String {
    let (who, reason) = (line(&word.agent), line(&word.reason));
    let why = match reason.as_str() {
        "" => String::new(),
        reason => format!(": {reason}"),
    };
    match word.stance {
        Stance::Confirmed => format!("Lead ({who}): confirmed, with code that stands there{why}"),
        Stance::Kept => format!("Lead ({who}): kept{why}"),
        Stance::Downgraded | Stance::Raised => format!("Lead ({who}): regraded: {reason}"),
        Stance::Contested => format!(
            "**Contested**: the lead ({who}) would {}, and its word alone is not enough: {reason}",
            line(&word.wants)
        ),
        Stance::Added => format!("Raised by the lead ({who}): {reason}"),
    }
}

fn facts(standing: &Standing) -> String {
    let finding: &Finding = &standing.finding;
    let rule = match &finding.rule {
        Some(rule) => format!(", rule {}", code(rule)),
        None => String::new(),
    };
    format!("- Name: {}{rule}", code(finding.id.as_str()))
}

/// Findings that somebody declined, and that were raised again.
pub(super) fn declined(report: &Report) -> String {
    let lines: Vec<String> = report
        .findings()
        .into_iter()
        .filter(|standing| !standing.state.is_open())
        .map(|standing| {
            let finding = &standing.finding;
            let place = finding.locations.first().map(place).unwrap_or_default();
            let who: Vec<String> = voices_of(finding)
                .iter()
                .map(|(member, ..)| {
                    if finding.voices.members.is_empty() {
                        line(&member.agent)
                    } else {
                        format!("{} {}", line(&member.agent), code(&member.id))
                    }
                })
                .collect();
            let round = match &standing.state {
                State::Resolved { at, .. } => report
                    .rounds
                    .iter()
                    .rev()
                    .find(|round| round.at <= *at)
                    .map(|round| format!(" (round {})", round.round))
                    .unwrap_or_default(),
                State::Open { .. } => String::new(),
            };
            format!(
                "- **{}** — {place} {}: {}{round}. Raised again by {}; the code is the same.",
                title(&finding.title, true),
                code(finding.id.as_str()),
                line(&state_words(&standing.state)),
                who.join(", ")
            )
        })
        .collect();
    lines.join("\n")
}
