//! The whole report as one Markdown document: strict in form, so that it can be read back, and with
//! nothing foreign in it that a renderer would obey.
//!
//! - `escape`: foreign text made harmless
//! - `head`: the table of facts
//! - `findings`: one finding, with its code, its words and its evidence
//! - `lead`: the lead's prose
//! - `sections`: what agents said besides findings
//! - `retro`: what each agent was worth, and where each raw finding ended

mod escape;
mod findings;
mod head;
mod lead;
mod retro;
mod sections;
#[cfg(test)]
mod tests;

use serde::de::IgnoredAny;

use super::Report;
use crate::finding::Severity;

/// A raw review, as it was received.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Original<'a> {
    /// Whose it is.
    pub(crate) agent: &'a str,
    /// Its bytes.
    pub(crate) bytes: &'a [u8],
}

/// The most of one raw review that the appendix shows, in bytes.
const LONGEST_ORIGINAL: usize = 512 * 1024;

/// Renders a report; `originals` become its appendix.
pub(crate) fn markdown(report: &Report, originals: &[Original<'_>]) -> Vec<u8> {
    let name = report.id.as_deref().unwrap_or_else(|| report.target_name());
    let mut document = Document::default();
    document.push(&format!("# Deep Review: {}", escape::line(name)));
    document.push(&head::table(report));
    document.part("## Executive Summary", &sections::summary(report));
    for severity in Severity::WORST_FIRST {
        let heading = match severity {
            Severity::Critical => "## Critical Issues",
            Severity::Important => "## Important Issues",
            Severity::Suggestion => "## Suggestions",
        };
        document.part(heading, &findings::of_severity(report, severity));
    }
    document.part("## Design Observations", &sections::design(report));
    for (heading, text) in sections::said(report) {
        document.part(heading, &text);
    }
    document.part("## Coverage Summary", &sections::coverage(report));
    document.part("## Agent Performance Retro", &retro::retro(report));
    document.part("## Review Process Notes", &sections::notes(report));
    document.part("## Appendix: Original Reviews", &appendix(originals));
    document.push("---");
    document.push(&format!(
        "Written by deep-review {}; every number in it is computed from what was stored.",
        escape::line(&report.program)
    ));
    document.text.into_bytes()
}

/// Parts with one blank line between them.
#[derive(Default)]
struct Document {
    text: String,
}

impl Document {
    fn push(&mut self, block: &str) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        self.text.push_str(block.trim_end());
        self.text.push('\n');
    }

    /// A part with a rule before it; one without material is left out.
    fn part(&mut self, heading: &str, text: &str) {
        if text.trim().is_empty() {
            return;
        }
        self.push("---");
        self.push(heading);
        self.push(text);
    }
}

/// Blocks with a blank line between them.
fn blocks(parts: impl IntoIterator<Item = String>) -> String {
    let parts: Vec<String> = parts
        .into_iter()
        .map(|part| part.trim_end().to_owned())
        .filter(|part| !part.is_empty())
        .collect();
    parts.join("\n\n")
}

/// The raw reviews as they were received, as text, JSON a value to a line: what stands in them is theirs, and
/// none of it is part of this document.
fn appendix(originals: &[Original<'_>]) -> String {
    blocks(originals.iter().map(|original| {
        let kept = &original.bytes[..original.bytes.len().min(LONGEST_ORIGINAL)];
        let text = String::from_utf8_lossy(kept);
        let cut = if kept.len() < original.bytes.len() {
            format!("\nThe first {} KiB of it.\n", LONGEST_ORIGINAL >> 10)
        } else {
            String::new()
        };
        let block = if serde_json::from_str::<IgnoredAny>(&text).is_ok() {
            escape::fenced("json", indented(&text).lines())
        } else {
            escape::fenced("text", text.trim_end().lines())
        };
        format!("### [{}]\n{cut}\n{block}", escape::line(original.agent))
    }))
}

/// Valid JSON with a line for each value, otherwise as it was: the same keys in the same order.
fn indented(json: &str) -> String {
    let mut out = String::with_capacity(json.len() * 2);
    let mut depth = 0_usize;
    let (mut inside, mut escaped) = (false, false);
    let line = |out: &mut String, depth: usize| {
        out.push('\n');
        // Deep nesting is not worth the space that it would take.
        out.extend(std::iter::repeat_n("  ", depth.min(16)));
    };
    let mut letters = json.chars().peekable();
    while let Some(letter) = letters.next() {
        if inside {
            out.push(letter);
            (inside, escaped) = (escaped || letter != '"', !escaped && letter == '\\');
            continue;
        }
        match letter {
            ' ' | '\t' | '\n' | '\r' => {}
            '{' | '[' => {
                out.push(letter);
                while letters.next_if(char::is_ascii_whitespace).is_some() {}
                if let Some(end) = letters.next_if(|next| matches!(next, '}' | ']')) {
                    out.push(end);
                } else {
                    depth += 1;
                    line(&mut out, depth);
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                line(&mut out, depth);
                out.push(letter);
            }
            ',' => {
                out.push(letter);
                line(&mut out, depth);
            }
            ':' => out.push_str(": "),
            letter => {
                inside = letter == '"';
                out.push(letter);
            }
        }
    }
    out
}
