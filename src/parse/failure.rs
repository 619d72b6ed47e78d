//! Recognises replies that are no review: empty, refused, an error message, cut off.
//! Reading those that are is left to `json` and `markdown`.

use super::heading::says_none;

/// A longer line that starts with a hash sign is a finding set as a heading, in bytes.
const LONGEST_HEADING: usize = 40;

/// Why a reply says nothing at all; `None` if there is text.
pub(super) fn not_said(reply: &str) -> Option<String> {
    let printable = reply
        .chars()
        .any(|c| !c.is_whitespace() && !c.is_control() && c != '\u{feff}');
    (!printable).then(|| "the reply is empty".to_owned())
}

/// True when the whole reply is the word for nothing.
pub(super) fn only_none(reply: &str) -> bool {
    let text = reply.trim();
    text.len() <= 12 && text.split_whitespace().count() == 1 && says_none(text) && {
        let word = text.trim_matches(|c: char| !c.is_alphanumeric());
        word.eq_ignore_ascii_case("none")
    }
}

/// Why a reply without a section for findings is no review.
pub(super) fn no_review(reply: &str) -> String {
    let first = reply
        .lines()
        .map(str::trim)
        .find(|line| line.chars().any(char::is_alphanumeric))
        .unwrap_or("");
    let shown: String = first.chars().take(160).collect();
    let start = first.to_lowercase().replace('’', "'");
    let start = start.trim_start_matches(|c: char| !c.is_alphanumeric());
    let refusal = [
        "i'm sorry",
        "i am sorry",
        "sorry",
        "i can't",
        "i cannot",
        "i'm unable",
        "i am unable",
        "i won't",
        "i'm not able",
        "unfortunately, i",
    ];
    if refusal.iter().any(|words| start.starts_with(words)) {
        format!("the agent refused: {shown}")
    } else if first.starts_with("{\"") {
        format!("the reply is JSON that is not whole; it begins: {shown}")
    } else {
        format!("no section for critical, important or suggested findings; it begins: {shown}")
    }
}

/// Why a review looks cut off, judged by its last line: a client's error message, or among the
/// findings (`in_findings`) a line that is not finished.
pub(super) fn cut_off(last: &str, in_findings: bool) -> Option<String> {
    let text = last.trim();
    let shown: String = text.chars().take(120).collect();
    let message = [
        "API Error",
        "Error: ",
        "error: ",
        "fatal: ",
        "Execution error",
    ];
    if message.iter().any(|start| text.starts_with(start)) {
        return Some(format!("the reply ends with an error: {shown}"));
    }
    if !in_findings {
        return None;
    }
    let breaks = |c: char| c.is_alphanumeric() || matches!(c, ',' | ';' | '-' | '(' | '—' | '–');
    let prose = text.split_whitespace().count() > 7 && !text.starts_with('|');
    let open = |mark: &str| text.matches(mark).count() % 2 == 1;
    let item = text
        .trim_end_matches(['.', ')', '*', ' '])
        .trim_start_matches(['-', '*', '#', ' ']);
    let begun = item.chars().all(|c| c.is_ascii_digit())
        || text.starts_with('#') && text.len() < LONGEST_HEADING;
    let stops = begun
        || open("**")
        || (open("`") && !text.starts_with("```"))
        || prose && text.ends_with(breaks);
    stops.then(|| format!("the reply breaks off among the findings: …{}", tail(text)))
}

fn tail(text: &str) -> String {
    let count = text.chars().count();
    text.chars().skip(count.saturating_sub(60)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_printable_is_nothing() {
        for reply in ["", " \n\t", "\u{feff}", "\0\0"] {
            assert!(not_said(reply).is_some());
        }
        assert!(not_said("None.").is_none());
    }

    #[test]
    fn only_the_bare_word_is_an_answer() {
        assert!(only_none(" None.\n"));
        assert!(only_none("**None**"));
        assert!(!only_none("No issues found."));
        assert!(!only_none("nonetheless"));
    }

    #[test]
    fn refusals_are_told_from_other_text() {
        assert!(no_review("I'm sorry, but no.").starts_with("the agent refused"));
        assert!(no_review("I’m unable to open it").starts_with("the agent refused"));
        assert!(no_review("All fine").starts_with("no section"));
        assert!(no_review("{\"units\":[{\"u\"").contains("not whole"));
    }

    #[test]
    fn text_that_breaks_off_is_told_from_text_that_ends() {
        let cut = "The guard is dropped before the second call returns and the";
        assert!(cut_off(cut, true).is_some());
        assert!(cut_off(cut, false).is_none());
        for whole in [
            "The guard is dropped before the second call returns, always.",
            "```",
            "None",
            "| a | b |",
        ] {
            assert!(cut_off(whole, true).is_none(), "{whole}");
        }
        for cut in ["#### Impo", "- **Sugge", "2.", "###", "See `src/lo"] {
            assert!(cut_off(cut, true).is_some(), "{cut}");
        }
        assert!(cut_off("API Error: stream idle", false).is_some());
    }
}
