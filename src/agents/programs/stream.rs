//! What the event streams of all programs have in common: lines go in, announcements and in the end an answer or a
//! trouble come out.
//! What a line means is left to the file of each program.

use super::Flow;
use crate::agents::asking::{Event, FailureKind, Spent};

/// Characters of a vendor's words that are shown.
const SHOWN: usize = 300;

/// Reads the event stream of one program.
pub(super) trait Reader {
    /// Takes in a line of standard output; breaks when going on is of no use.
    fn line(&mut self, line: &str, on: &mut dyn FnMut(Event)) -> Flow;

    /// The answer, once the program has announced that it is complete, or what is the matter.
    fn outcome(&mut self, exit: &Exit<'_>) -> Result<String, Trouble>;

    /// What it has taken so far.
    fn spent(&self) -> &Spent;
}

/// How a program ended and what it wrote.
#[derive(Clone, Copy, Debug)]
pub(super) struct Exit<'e> {
    /// `None` if a signal ended it, or we did.
    pub(super) code: Option<i32>,
    /// What is kept of standard output.
    pub(super) stdout: &'e [u8],
    /// What is kept of standard error.
    pub(super) stderr: &'e str,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Trouble {
    /// What sort of failure.
    pub(super) kind: FailureKind,
    /// In one line.
    pub(super) why: String,
    /// What the vendor complained about last, if the trouble is that nothing came after it.
    pub(super) complaint: Option<String>,
}

impl Trouble {
    /// A trouble in one line, cut to what is shown.
    pub(super) fn new(kind: FailureKind, why: impl AsRef<str>) -> Self {
        Self {
            kind,
            why: one_line(why.as_ref()),
            complaint: None,
        }
    }

    /// A trouble in a vendor's words, which also say what sort it is; `status` is HTTP's if it is known.
    pub(super) fn in_words(status: Option<u64>, words: &str) -> Self {
        let kind = kind_of_words(words).or_else(|| status.map(kind_of_status));
        Self::new(kind.unwrap_or(FailureKind::NoAnswer), words)
    }

    /// The program ended, and its stream has no end.
    pub(super) fn unfinished(exit: &Exit<'_>, complaint: Option<&str>) -> Self {
        let how = match exit.code {
            Some(code) => format!("ended with exit code {code} and without an answer"),
            None => "ended without an answer".to_owned(),
        };
        let words = complaint.map_or_else(|| last_words(exit.stderr), str::to_owned);
        let why = if words.is_empty() {
            how
        } else {
            format!("{how}: {words}")
        };
        let mut trouble = Self::in_words(None, &why);
        trouble.complaint = complaint.map(one_line);
        trouble
    }
}

/// What an HTTP status says about a failure.
pub(super) fn kind_of_status(status: u64) -> FailureKind {
    match status {
        401 | 403 => FailureKind::NotLoggedIn,
        // Payment required: a quota, too.
        402 | 429 => FailureKind::RateLimited,
        408 | 409 | 425 | 500..=599 => FailureKind::Unavailable,
        _ => FailureKind::Refused,
    }
}

/// What the words that vendors use say about a failure.
fn kind_of_words(words: &str) -> Option<FailureKind> {
    let words = words.to_ascii_lowercase();
    let has = |any: &[&str]| any.iter().any(|needle| words.contains(needle));
    if has(&[
        "not logged in",
        "/login",
        "invalid api key",
        "api key not valid",
        "failed to authenticate",
        "authentication_failed",
        "401 unauthorized",
    ]) {
        Some(FailureKind::NotLoggedIn)
    } else if has(&[
        "429",
        "rate limit",
        "rate_limit",
        "usage limit",
        "limit reached",
        "quota",
        "credit balance",
    ]) {
        Some(FailureKind::RateLimited)
    } else if has(&["output token maximum", "max_output_tokens"]) {
        Some(FailureKind::CutOff)
    } else if has(&["usage policy"]) {
        Some(FailureKind::Declined)
    } else if has(&[
        "overloaded",
        "high demand",
        "at capacity",
        "temporarily",
        "stream disconnected",
        "malformed response",
        "invalid_stream",
        "connection",
        "timed out",
    ]) {
        Some(FailureKind::Unavailable)
    } else {
        None
    }
}

/// A text in one line without control characters, cut to what is shown.
pub(super) fn one_line(text: &str) -> String {
    let mut line = String::new();
    let mut shown = 0;
    for word in text.split(|letter: char| letter.is_whitespace() || letter.is_control()) {
        if word.is_empty() {
            continue;
        }
        if shown > 0 {
            line.push(' ');
        }
        for letter in word.chars() {
            line.push(letter);
            shown += 1;
            if shown >= SHOWN {
                line.push('…');
                return line;
            }
        }
        shown += 1;
    }
    line
}

/// The last line of standard error that says something.
pub(super) fn last_words(stderr: &str) -> String {
    stderr
        .lines()
        .map(one_line)
        .rfind(|line| line.chars().any(char::is_alphanumeric))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_become_one_bounded_line() {
        assert_eq!(one_line("  a\n\tb\u{1b}[2J c "), "a b [2J c");
        let long = one_line(&"wörter ".repeat(1000));
        assert!(long.chars().count() <= SHOWN + 1, "{long}");
        assert!(long.ends_with('…'));
        assert_eq!(last_words("first\nlast\n\n---\n"), "last");
    }

    #[test]
    fn vendors_words_say_what_sort_of_failure_it_is() {
        for (status, words, kind) in [
            (
                None,
                "Not logged in · Please run /login",
                FailureKind::NotLoggedIn,
            ),
            (
                Some(400),
                "API key not valid. Please pass a valid API key.",
                FailureKind::NotLoggedIn,
            ),
            (Some(400), "the prompt is odd", FailureKind::Refused),
            (
                None,
                "exceeded retry limit, last status: 429 Too Many Requests",
                FailureKind::RateLimited,
            ),
            (Some(529), "so sorry", FailureKind::Unavailable),
            (
                None,
                "Incomplete response returned, reason: max_output_tokens",
                FailureKind::CutOff,
            ),
            (None, "who knows", FailureKind::NoAnswer),
        ] {
            assert_eq!(Trouble::in_words(status, words).kind, kind, "{words}");
        }
    }
}
