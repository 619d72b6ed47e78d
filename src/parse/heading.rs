//! Recognises the headings of a review and the part each opens, in whatever dress they come.
//! What stands in a part is left to `sections`.

use crate::finding::Severity;

use super::label::severity_word;

/// A part of a review.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Part {
    /// Findings of one severity.
    Findings(Severity),
    /// The wrapper around the findings, or findings without their own severity heading.
    AllFindings,
    /// What the change does and what matters.
    Summary,
    /// Design observations.
    Design,
    /// What was tested and what is not.
    Testing,
    /// Documentation gaps.
    Documentation,
    /// Commit structure.
    Commits,
    /// Limitations the author states.
    Acknowledged,
    /// What became of earlier findings.
    Prior,
    /// Open human comments.
    Unresolved,
    /// One line per changed file.
    Coverage,
    /// The agent's own recommendation and header.
    Verdict,
    /// Proposals for rules and prompts.
    Proposals,
}

/// How a heading is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// So many hash signs.
    Atx(usize),
    /// A bold line.
    Bold,
    /// A list item that is a bold line.
    BoldItem,
    /// A plain line with a colon at its end.
    Plain,
}

impl Style {
    /// How deep it ranks; bold lines rank below all real headings.
    pub(super) fn depth(self) -> usize {
        match self {
            Self::Atx(hashes) => hashes,
            Self::Bold => 10,
            Self::BoldItem => 11,
            Self::Plain => 12,
        }
    }
}

/// A line that is set as a heading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Heading<'t> {
    /// How it is set.
    pub(super) style: Style,
    /// The part its words name, if they name one.
    pub(super) part: Option<Part>,
    /// The part is named by more than one everyday word.
    pub(super) canonical: bool,
    /// What follows on the same line, as in `Critical issues: none`.
    pub(super) rest: &'t str,
}

/// Reads a line as a heading; `None` for any other line.
pub(super) fn heading(line: &str) -> Option<Heading<'_>> {
    let line = line.trim();
    if line.is_empty() || line.len() > 300 {
        return None;
    }
    let hashes = line.len() - line.trim_start_matches('#').len();
    if hashes > 0 {
        let text = line[hashes..].trim().trim_end_matches('#').trim_end();
        let spaced = line[hashes..].starts_with([' ', '\t']) || text.starts_with('*');
        if hashes > 9 || text.is_empty() || !spaced {
            return None;
        }
        let (name, rest) = split_name(text);
        return Some(build(Style::Atx(hashes), name, rest));
    }
    let (inner, style) = match line
        .strip_prefix("- ")
        .or_else(|| line.strip_prefix("* "))
        .or_else(|| line.strip_prefix("• "))
    {
        Some(item) => (item.trim_start(), Style::BoldItem),
        None => (line, Style::Bold),
    };
    for mark in ["**", "__"] {
        let Some((name, rest)) = inner
            .strip_prefix(mark)
            .and_then(|text| text.split_once(mark))
        else {
            continue;
        };
        let rest = rest.trim().trim_start_matches(':').trim();
        if rest.is_empty() || (style == Style::Bold && says_none(rest)) {
            let (name, inside) = split_name(name);
            return Some(build(
                style,
                name,
                if inside.is_empty() { rest } else { inside },
            ));
        }
        return None;
    }
    // A plain line counts only with the full name of a severity part.
    let name = line.strip_suffix(':').unwrap_or(line);
    let plain = build(Style::Plain, name, "");
    (style == Style::Bold
        && matches!(plain.part, Some(Part::Findings(_)))
        && name.split_whitespace().count() == 2
        && name.chars().all(|c| c.is_alphabetic() || c == ' '))
    .then_some(plain)
}

fn build<'t>(style: Style, name: &str, rest: &'t str) -> Heading<'t> {
    let named = part(name);
    Heading {
        style,
        part: named.map(|(part, _)| part),
        canonical: named.is_some_and(|(_, canonical)| canonical),
        rest,
    }
}

/// `Critical issues: none` → name and rest; only a rest that says "none" is split off.
fn split_name(text: &str) -> (&str, &str) {
    let text = text.trim_matches('*').trim_end();
    for (at, mark) in text.match_indices([':', '—', '–', '-']).take(8) {
        let rest = text[at + mark.len()..].trim_start_matches(['*', ' ']);
        if !rest.is_empty() && says_none(rest) {
            return (&text[..at], rest);
        }
    }
    (text, "")
}

/// True when text that should hold findings says that there are none.
pub(super) fn says_none(text: &str) -> bool {
    let text = text.trim_start_matches(|c: char| !c.is_alphanumeric());
    let mut words = text
        .split(|c: char| !(c.is_alphanumeric() || c == '/' || c == '\''))
        .filter(|word| !word.is_empty())
        .map(str::to_ascii_lowercase);
    let first = words.next().unwrap_or_default();
    let second = words.next().unwrap_or_default();
    match first.as_str() {
        "none" | "no" | "nothing" | "n/a" | "zero" | "na" => true,
        "not" => second == "applicable",
        "there" => {
            matches!(second.as_str(), "are" | "were" | "is")
                && words
                    .next()
                    .is_some_and(|word| word == "no" || word == "none")
        }
        "i" | "we" => match second.as_str() {
            "found" | "have" | "see" | "saw" | "identified" => words
                .next()
                .is_some_and(|word| word == "no" || word == "none" || word == "nothing"),
            "did" | "do" | "could" => words.next().is_some_and(|word| word == "not"),
            "didn't" | "don't" => true,
            _ => false,
        },
        "did" => second == "not",
        _ => false,
    }
}

/// The part a heading's words name, and whether the name is more than an everyday word.
fn part(name: &str) -> Option<(Part, bool)> {
    let mut words: Vec<String> = Vec::new();
    let mut depth = 0_u32;
    let mut word = String::new();
    for c in name.chars().chain([' ']) {
        match c {
            '(' | '[' => depth += 1,
            ')' | ']' => depth = depth.saturating_sub(1),
            _ if depth > 0 => {}
            _ if c.is_alphanumeric() || c == '\'' => word.extend(c.to_lowercase()),
            _ if !word.is_empty() => words.push(std::mem::take(&mut word)),
            _ => {}
        }
    }
    // Section numbers: `1. Summary`.
    if words
        .first()
        .is_some_and(|word| word.chars().all(|c| c.is_ascii_digit()))
    {
        words.remove(0);
    }
    if words.is_empty() || words.len() > 7 {
        return None;
    }
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    if let Some(severity) = severity_part(&words) {
        // "Suggestion" alone labels a remedy more often than a section.
        let canonical = words != ["suggestion"] && words != ["minor"] && words != ["improvements"];
        return Some((Part::Findings(severity), canonical));
    }
    let named = match words.as_slice() {
        ["executive" | "review", "summary"] => (Part::Summary, true),
        ["summary" | "overview"] => (Part::Summary, false),
        ["findings" | "issues"] => (Part::AllFindings, false),
        ["review" | "detailed" | "code", "findings"] => (Part::AllFindings, true),
        [
            "design",
            "observations" | "observation" | "assessment" | "notes" | "review",
        ]
        | ["architecture", ..] => (Part::Design, true),
        ["design" | "concerns" | "strengths"] => (Part::Design, false),
        [
            "testing" | "test",
            "assessment" | "coverage" | "gaps" | "observations",
        ] => (Part::Testing, true),
        ["testing" | "tests"] => (Part::Testing, false),
        [
            "documentation",
            "assessment" | "gaps" | "review" | "observations",
        ] => (Part::Documentation, true),
        ["documentation" | "docs"] => (Part::Documentation, false),
        [
            "commit" | "commits",
            "structure" | "assessment" | "history" | "review" | "quality",
        ] => (Part::Commits, true),
        ["commits"] => (Part::Commits, false),
        ["acknowledged" | "known", "limitations"] => (Part::Acknowledged, true),
        ["limitations"] => (Part::Acknowledged, false),
        ["unresolved", "feedback" | "comments" | "review", ..] => (Part::Unresolved, true),
        ["coverage", "summary" | "table" | "report" | "map"]
        | ["file" | "files", "coverage" | "reviewed", ..] => (Part::Coverage, true),
        ["coverage"] => (Part::Coverage, false),
        ["verdict" | "header" | "recommendation" | "conclusion"] => (Part::Verdict, false),
        ["clarification", ..]
        | [
            "overall" | "final" | "review",
            "verdict" | "assessment" | "recommendation" | "header",
        ] => (Part::Verdict, true),
        ["review", "process", "notes"]
        | ["skill", "improvements", ..]
        | ["repo" | "proposed" | "repository", "context", ..]
        | ["proposals"] => (Part::Proposals, true),
        ["fix", "verification" | "verdicts", ..] => (Part::Prior, true),
        _ if ["prior", "previous", "declined", "earlier"].contains(&words[0])
            || (words.len() > 2 && words.contains(&"prior"))
                && words.iter().any(|word| {
                    ["round", "rounds", "findings", "fixes", "review"].contains(word)
                }) =>
        {
            (Part::Prior, true)
        }
        _ => return None,
    };
    Some(named)
}

/// `critical issues`, `important findings`, `suggestions`, and the same with what people add.
fn severity_part(words: &[&str]) -> Option<Severity> {
    let mut severity = None;
    for word in words {
        let named = severity_word(word).or(match *word {
            "blocker" | "blockers" | "blocking" => Some(Severity::Critical),
            "major" => Some(Severity::Important),
            "suggestions" | "minor" | "nit" | "nits" | "nitpicks" | "improvements" => {
                Some(Severity::Suggestion)
            }
            _ => None,
        });
        match (named, *word) {
            (Some(named), _) if severity.is_none_or(|known| known == named) => {
                severity = Some(named);
            }
            (
                None,
                "issues" | "issue" | "findings" | "finding" | "problems" | "bugs" | "severity"
                | "comments" | "items" | "and" | "for" | "other" | "improvement" | "concerns"
                | "optional" | "must" | "fix" | "should",
            ) => {}
            _ => return None,
        }
    }
    severity
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn severity_headings_are_known_in_every_dress() {
        for (line, severity, style) in [
            ("### Critical Issues", Severity::Critical, Style::Atx(3)),
            (
                "####### Important Issues",
                Severity::Important,
                Style::Atx(7),
            ),
            ("## 4. Suggestions", Severity::Suggestion, Style::Atx(2)),
            ("## 🔴 Critical (2)", Severity::Critical, Style::Atx(2)),
            ("**Important Issues**", Severity::Important, Style::Bold),
            ("**Important Issues:**", Severity::Important, Style::Bold),
            (
                "- **Important Issues**",
                Severity::Important,
                Style::BoldItem,
            ),
            (
                "### **Important findings**",
                Severity::Important,
                Style::Atx(3),
            ),
            ("Critical issues:", Severity::Critical, Style::Plain),
            ("## Minor suggestions", Severity::Suggestion, Style::Atx(2)),
        ] {
            let got = heading(line).unwrap();
            assert_eq!(got.part, Some(Part::Findings(severity)), "{line}");
            assert_eq!(got.style, style, "{line}");
        }
    }

    #[test]
    fn a_heading_may_say_none_on_its_own_line() {
        for line in [
            "### Critical Issues: None",
            "**Critical Issues**: None.",
            "**Critical Issues: none**",
            "## Critical issues — none found",
        ] {
            let got = heading(line).unwrap();
            assert_eq!(got.part, Some(Part::Findings(Severity::Critical)), "{line}");
            assert!(says_none(got.rest), "{line}");
        }
    }

    #[test]
    fn prose_is_no_heading() {
        for line in [
            "**Suggestion:** take the guard first",
            "**Critical issues** were found in the parser",
            "Suggestions: take the guard",
            "#hashtag",
            "- **Important Issues** follow",
            "Critical",
            "",
        ] {
            assert_eq!(heading(line), None, "{line}");
        }
        assert_eq!(
            heading("### Skill improvement suggestions").unwrap().part,
            None
        );
        assert_eq!(heading("### Nothing critical").unwrap().part, None);
        assert!(!heading("**Suggestion:**").unwrap().canonical);
    }

    #[test]
    fn the_words_for_nothing_are_known() {
        for text in [
            "None.",
            "*None*",
            "- None",
            "No critical issues were found.",
            "N/A",
            "There are no such issues",
            "I found no problems",
            "I did not find any",
            "Nothing.",
        ] {
            assert!(says_none(text), "{text}");
        }
        for text in [
            "",
            "Nonetheless, the lock leaks",
            "The lock leaks",
            "Not closed: the file",
        ] {
            assert!(!says_none(text), "{text}");
        }
    }
}
