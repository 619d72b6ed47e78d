//! What can go wrong between us and a vendor, in the words of the other side.
//! What it means for an agent, and whether to try again, is left to the agents.

use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822;
use serde_json::Value;

/// The longest words of a vendor that are passed on, in characters.
const LONGEST_WORDS: usize = 300;
/// A longer wait than this is not believed.
const LONGEST_WAIT: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// A request that brought no streamed answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Fault {
    /// Nobody could be reached.
    #[error("cannot connect: {words}")]
    Unreachable {
        /// Why.
        words: String,
        /// The machine is there, and nobody listens.
        refused: bool,
    },
    /// The connection broke.
    #[error("the connection broke: {0}")]
    Lost(String),
    /// The answer ended.
    #[error("the answer ended early")]
    Ended,
    /// An answer that is no success.
    #[error("HTTP status {code}: {words}")]
    Status {
        /// The status.
        code: u16,
        /// The vendor's words.
        words: String,
        /// How long the vendor wants to be left alone.
        retry_after: Option<Duration>,
    },
    /// A success that is no stream of events.
    #[error("answered with {content_type} instead of a stream of events: {words}")]
    NoStream {
        /// What it said it is.
        content_type: String,
        /// What it says.
        words: String,
    },
    /// The other side sends us elsewhere; we don't go.
    #[error("redirects to `{0}`, which is not followed: set the endpoint to where it really is")]
    Redirected(String),
    /// The answer is longer than any that is wanted.
    #[error("the answer is longer than {} MB", .0 >> 20)]
    TooMuch(usize),
    /// It was silent for too long.
    #[error("nothing was heard for too long")]
    Stalled,
    /// The time is over.
    #[error("the time is over")]
    TimedOut,
    /// The user interrupted it.
    #[error("interrupted")]
    Interrupted,
    /// We can't even ask.
    #[error("{0}")]
    Unusable(String),
}

/// The words of an answer that is no stream: the message of an error in JSON, the title of a web page,
/// else its beginning; one line.
pub(super) fn said_by(content_type: &str, text: &str) -> String {
    if let Ok(json) = serde_json::from_str::<Value>(text)
        && let Some(words) = words_of(&json)
    {
        return one_line(&words);
    }
    if content_type.starts_with("text/html") || text.trim_start().starts_with('<') {
        return match title(text) {
            Some(title) => format!("a web page, {}", one_line(title)),
            None => "a web page".to_owned(),
        };
    }
    match text.trim() {
        "" => "no reason given".to_owned(),
        words => one_line(words),
    }
}

/// The message of an error as vendors write it: `error.message`, `error`, `message`, `detail`, in a
/// list perhaps; with its code where it has one.
pub(crate) fn words_of(json: &Value) -> Option<String> {
    let json = json
        .as_array()
        .and_then(|list| list.first())
        .unwrap_or(json);
    let error = json.get("error").unwrap_or(json);
    let text =
        |value: &Value, name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
    if let Some(error) = error.as_str() {
        return Some(error.to_owned());
    }
    let message = text(error, "message").or_else(|| text(error, "detail"))?;
    let code = ["code", "type", "status"]
        .iter()
        .find_map(|name| text(error, name))
        .filter(|code| *code != "error" && !message.contains(code.as_str()));
    Some(match code {
        Some(code) => format!("{message} ({code})"),
        None => message,
    })
}

/// Foreign words on one line of bounded length.
pub(crate) fn one_line(words: &str) -> String {
    let mut line = String::new();
    let mut len = 0;
    for word in words.split(|c: char| c.is_whitespace() || c.is_control()) {
        if word.is_empty() {
            continue;
        }
        if len > 0 {
            line.push(' ');
            len += 1;
        }
        for c in word.chars() {
            if len >= LONGEST_WORDS {
                line.push('…');
                return line;
            }
            line.push(c);
            len += 1;
        }
    }
    line
}

fn title(page: &str) -> Option<&str> {
    let lower = page.to_ascii_lowercase();
    let start = lower.find("<title")?;
    let start = start + lower[start..].find('>')? + 1;
    let end = start + lower[start..].find("</title")?;
    Some(page[start..end].trim()).filter(|title| !title.is_empty())
}

/// How long a `Retry-After` header asks to wait: seconds, or a date (RFC 9110 section 10.2.3).
pub(super) fn retry_after(text: &str) -> Option<Duration> {
    seconds_until(text, Timestamp::now()).map(|wait| wait.min(LONGEST_WAIT))
}

/// The same, from a given moment on.
fn seconds_until(text: &str, now: Timestamp) -> Option<Duration> {
    let text = text.trim();
    if let Ok(seconds) = text.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    let date = rfc2822::DateTimeParser::new()
        .parse_timestamp(text.to_ascii_uppercase().replace("GMT", "+0000"))
        .ok()?;
    let wait = date.as_second().saturating_sub(now.as_second()).max(0);
    Some(Duration::from_secs(u64::try_from(wait).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_to_wait_is_seconds_or_a_date() {
        let now: Timestamp = "1994-11-06T08:49:37Z".parse().unwrap();
        let wait = |text: &str| seconds_until(text, now).map(|wait| wait.as_millis());
        assert_eq!(wait("7"), Some(7_000));
        assert_eq!(wait(" 0.5"), Some(500));
        assert_eq!(wait("Sun, 06 Nov 1994 08:50:07 GMT"), Some(30_000));
        assert_eq!(wait("sun, 06 nov 1994 08:50:07 gmt"), Some(30_000));
        assert_eq!(wait("Sun, 06 Nov 1994 08:00:00 GMT"), Some(0));
        for none in ["", "soon", "-1", "NaN", "inf", "1e400"] {
            assert_eq!(wait(none), None, "{none}");
        }
        assert_eq!(retry_after("1e15"), Some(LONGEST_WAIT));
    }

    #[test]
    fn the_words_of_vendors_are_found() {
        let said = |text: &str| said_by("application/json", text);
        for (text, words) in [
            (
                r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#,
                "Overloaded (overloaded_error)",
            ),
            (
                r#"{"error":{"message":"Bad key.","type":"x","code":"invalid_api_key"}}"#,
                "Bad key. (invalid_api_key)",
            ),
            (
                r#"[{"error":{"code":429,"message":"Quota","status":"RESOURCE_EXHAUSTED"}}]"#,
                "Quota (RESOURCE_EXHAUSTED)",
            ),
            (r#"{"error":"model 'x' not found"}"#, "model 'x' not found"),
            (r#"{"detail":"Not Found"}"#, "Not Found"),
            ("upstream\n\u{1b}[31m is\tdown", "upstream [31m is down"),
            ("  ", "no reason given"),
            (
                "<html><TITLE>\n502 Bad\nGateway</title>",
                "a web page, 502 Bad Gateway",
            ),
        ] {
            assert_eq!(said(text), words);
        }
        assert_eq!(said(&"x".repeat(5_000)).chars().count(), LONGEST_WORDS + 1);
    }
}
