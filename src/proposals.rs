//! Rules that agents propose for the context document: found in their words, as plain values.
//! Joining those of several agents is left to the pipeline, accepting one to the user.

use std::fmt::Write as _;

use jiff::Timestamp;
use serde::Serialize;

use crate::context;
use crate::page::harmless;

/// More proposals than this of one agent and review are noise.
const MOST: usize = 50;
/// Longer proposals are cut, in characters.
const LONGEST: usize = 600;

/// A rule that was proposed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Proposal {
    /// Made of its first words; stays while they do.
    pub(crate) id: String,
    /// What it says, on one line.
    pub(crate) text: String,
    /// Who proposed it, when and in which words, the newest first.
    pub(crate) evidence: Vec<Proposed>,
}

/// One agent's words for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Proposed {
    /// The agent.
    pub(crate) agent: String,
    /// The review.
    pub(crate) review: String,
    /// When.
    pub(crate) at: Timestamp,
    /// Its words, on one line.
    pub(crate) text: String,
}

/// The proposals in the words of one agent: the items of every part that is not about the tool's own
/// prompts; without a list, its paragraphs.
pub(crate) fn proposals(section: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut paragraphs: Vec<String> = Vec::new();
    let mut ours = true;
    let mut fenced = false;
    let mut open: Option<Part> = None;
    for line in section.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
            continue;
        }
        if fenced {
            continue;
        }
        if line.starts_with('#') {
            let words = line.to_lowercase();
            ours = !words.contains("skill") && !words.contains("prompt");
            open = None;
        } else if !ours {
        } else if let Some(words) = item(line) {
            found.push(words.to_owned());
            open = Some(Part::Item);
        } else if line.trim().is_empty() {
            open = None;
        } else {
            let list = match open {
                Some(Part::Item) => &mut found,
                Some(Part::Paragraph) => &mut paragraphs,
                None => {
                    paragraphs.push(String::new());
                    open = Some(Part::Paragraph);
                    &mut paragraphs
                }
            };
            if let Some(last) = list.last_mut() {
                last.push(' ');
                last.push_str(line.trim());
            }
        }
    }
    let all = if found.is_empty() { paragraphs } else { found };
    all.iter()
        .map(|text| one_line(text))
        .filter(|text| says_something(text))
        .take(MOST)
        .collect()
}

enum Part {
    Item,
    Paragraph,
}

fn item(line: &str) -> Option<&str> {
    let marked = ["- ", "* ", "+ ", "• "]
        .iter()
        .find_map(|mark| line.strip_prefix(mark));
    let numbered = || {
        let digits = line.len() - line.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let rest = line[digits..].strip_prefix(". ");
        (1..=3).contains(&digits).then_some(rest).flatten()
    };
    marked.or_else(numbered)
}

fn says_something(text: &str) -> bool {
    let words = text.split(|c: char| !c.is_alphanumeric());
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    let none = words
        .first()
        .is_some_and(|word| ["none", "no", "nothing", "n"].contains(&word.to_lowercase().as_str()));
    words.len() > 2 && !(none && words.len() < 12)
}

/// A text as it can stand in the document: one line, nothing hidden in it.
fn one_line(text: &str) -> String {
    let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut line: String = harmless(&flat).chars().take(LONGEST).collect();
    if line.chars().count() == LONGEST {
        line.push('…');
    }
    line
}

/// The document with a proposal added as its last rule, under a heading of its own. A line that is
/// markup to the reader of the document is defused: a proposal is one rule and nothing else.
pub(crate) fn with_rule(document: &str, proposal: &Proposal) -> String {
    const HEADING: &str = "## Rules from reviews";
    let mut text = document.trim_end().to_owned();
    if text.is_empty() {
        text.push_str("# Context for reviewers");
    }
    let last_heading = text.lines().rfind(|line| line.starts_with('#'));
    if last_heading != Some(HEADING) {
        text.push_str("\n\n");
        text.push_str(HEADING);
        text.push('\n');
    }
    let rule = proposal.text.replace("<!--", "<! --");
    write!(text, "\n- **{}**: {rule}\n", proposal.id).expect("writing to a String cannot fail");
    text
}

/// True if the document has a rule of these words, whatever its id.
pub(crate) fn is_in(document: &context::Context, text: &str) -> bool {
    let same = |a: &str, b: &str| {
        let words = |text: &str| -> Vec<String> {
            text.split(|c: char| !c.is_alphanumeric())
                .filter(|word| !word.is_empty())
                .map(str::to_lowercase)
                .collect()
        };
        words(a) == words(b)
    };
    let mut rules = document.sections().iter().flat_map(|it| &it.rules);
    rules.any(|rule| same(&rule.text, text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::Context;

    fn proposal(text: &str) -> Proposal {
        Proposal {
            id: context::id_of(text),
            text: text.to_owned(),
            evidence: Vec::new(),
        }
    }

    #[test]
    fn what_is_proposed_for_the_context_is_found() {
        let section = "### Skill improvements\n\n- Ask for less prose in the brief.\n\n### Repo context updates\n\n- Say that `vendor/` is\n  never edited by hand.\n- Compare reasons with constants.\n\n```\n- code\n```";
        assert_eq!(
            proposals(section),
            [
                "Say that `vendor/` is never edited by hand.",
                "Compare reasons with constants."
            ]
        );
        assert_eq!(
            proposals("Add a rule that locks\nare released.\n\nAnd another one here."),
            [
                "Add a rule that locks are released.",
                "And another one here."
            ]
        );
        for none in [
            "",
            "None.",
            "- None",
            "No updates needed.",
            "### Skill improvements\n\n- Be short, please.",
        ] {
            assert!(proposals(none).is_empty(), "{none}");
        }
    }

    #[test]
    fn an_accepted_proposal_is_one_rule_of_the_document() {
        let one = proposal("Locks are released <!-- paths: x --> in every branch");
        let two = proposal("Reasons are constants");
        let document = with_rule("# Ours\n\n- Old rule stays.\n", &one);
        let document = with_rule(&document, &two);
        assert!(document.starts_with("# Ours\n\n- Old rule stays.\n\n## Rules from reviews\n"));
        assert_eq!(document.matches("## Rules from reviews").count(), 1);
        let context = Context::read(&document);
        let ids: Vec<&str> = context
            .sections()
            .iter()
            .flat_map(|section| &section.rules)
            .map(|rule| rule.id.as_str())
            .collect();
        assert_eq!(
            ids,
            [
                "old-rule-stays",
                "locks-are-released-paths-x",
                "reasons-are-constants"
            ]
        );
        assert!(context.sections().iter().all(|it| it.paths.is_empty()));
        assert!(is_in(&context, &one.text) && is_in(&context, "reasons ARE constants."));
        assert!(!is_in(&context, "Reasons are strings"));
        assert!(Context::read(&with_rule("", &two)).sections().len() == 2);
    }
}
