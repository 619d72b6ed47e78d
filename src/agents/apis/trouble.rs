//! What a fault or a vendor's refusal means for a question: what kind of failure it is, and whether to
//! ask again.
//! Doing so is left to the loop.

use std::time::Duration;

use serde_json::Value;

use crate::agents::FailureKind;
use crate::http::{Fault, one_line, words_of};

/// How often it is tried again when a vendor has no time for us.
const MOST: u32 = 8;
/// How often it is tried again when something is odd.
const FEW: u32 = 2;
/// The longest wait that we choose ourselves.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// Why a turn brought nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Trouble {
    /// What sort of failure it is if it stays.
    pub(super) kind: FailureKind,
    /// In the vendor's words where there are any; one line.
    pub(super) words: String,
    /// Whether asking again may help.
    pub(super) again: Again,
    /// True if the vendor does not take what the request says, rather than who sent it.
    pub(super) is_bad_request: bool,
}

/// Whether asking again may help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Again {
    /// No.
    Never,
    /// Perhaps, if it was chance.
    Few,
    /// Yes, later; the vendor may say when.
    Later(Option<Duration>),
}

impl Trouble {
    /// A trouble of this kind.
    pub(super) fn new(kind: FailureKind, words: impl Into<String>, again: Again) -> Self {
        Self {
            kind,
            words: words.into(),
            again,
            is_bad_request: false,
        }
    }

    /// A stream that says what no vendor says.
    pub(super) fn garbled(words: &str) -> Self {
        Self::new(
            FailureKind::Unavailable,
            format!("sent an event that can't be read: {}", one_line(words)),
            Again::Few,
        )
    }

    /// An error that a vendor reports inside a stream: its type or code, and all of it.
    pub(super) fn reported(code: &str, error: &Value) -> Self {
        let words = one_line(&words_of(error).unwrap_or_else(|| error.to_string()));
        let (kind, again) = match code.to_ascii_lowercase().as_str() {
            "rate_limit_error" | "rate_limit_exceeded" | "resource_exhausted" | "429" => {
                (FailureKind::RateLimited, Again::Later(None))
            }
            "insufficient_quota" | "billing_error" => (FailureKind::RateLimited, Again::Never),
            "authentication_error"
            | "permission_error"
            | "unauthenticated"
            | "permission_denied"
            | "invalid_api_key" => (FailureKind::NotLoggedIn, Again::Never),
            "invalid_request_error"
            | "invalid_prompt"
            | "not_found_error"
            | "invalid_argument"
            | "context_length_exceeded" => (FailureKind::Refused, Again::Never),
            _ => (FailureKind::Unavailable, Again::Later(None)),
        };
        Self::new(kind, words, again)
    }

    /// How often to ask again.
    pub(super) fn most(&self) -> u32 {
        match self.again {
            Again::Never => 0,
            Again::Few => FEW,
            Again::Later(_) => MOST,
        }
    }

    /// How long to wait before the n-th time, from 1: as the vendor says, else twice as long each time.
    /// `chance`, 0 to 255, spreads those that failed together.
    pub(super) fn wait(&self, nth: u32, first: Duration, chance: u8) -> Duration {
        if let Again::Later(Some(wait)) = self.again {
            return wait;
        }
        let wait = first
            .saturating_mul(1 << nth.saturating_sub(1).min(16))
            .min(LONGEST_WAIT);
        wait.mul_f64(0.75 + f64::from(chance) / 512.0)
    }
}

impl From<Fault> for Trouble {
    fn from(fault: Fault) -> Self {
        let words = fault.to_string();
        match fault {
            Fault::Unreachable { refused: true, .. } => {
                Self::new(FailureKind::Unavailable, words, Again::Never)
            }
            Fault::Unreachable { .. } | Fault::Lost(_) | Fault::Ended => {
                Self::new(FailureKind::Unavailable, words, Again::Few)
            }
            Fault::Status {
                code,
                words: said,
                retry_after,
            } => of_status(code, &said, retry_after, words),
            Fault::NoStream { .. } => Self::new(FailureKind::Unavailable, words, Again::Never),
            Fault::Redirected(_) | Fault::Unusable(_) => {
                Self::new(FailureKind::Refused, words, Again::Never)
            }
            Fault::TooMuch(_) => Self::new(FailureKind::TooMuch, words, Again::Never),
            Fault::Stalled => Self::new(FailureKind::Stalled, words, Again::Never),
            Fault::TimedOut => Self::new(FailureKind::TimedOut, words, Again::Never),
            Fault::Interrupted => Self::new(FailureKind::Interrupted, words, Again::Never),
        }
    }
}

fn of_status(code: u16, said: &str, retry_after: Option<Duration>, words: String) -> Trouble {
    let said = said.to_lowercase();
    let (kind, again) = match code {
        401 | 403 => (FailureKind::NotLoggedIn, Again::Never),
        // Google's answer to a wrong key.
        400 if said.contains("api key") || said.contains("api_key") => {
            (FailureKind::NotLoggedIn, Again::Never)
        }
        400 if said.contains("credit balance") => (FailureKind::RateLimited, Again::Never),
        402 => (FailureKind::RateLimited, Again::Never),
        // OpenAI says so when the money is gone, which no wait brings back.
        429 if said.contains("insufficient_quota") => (FailureKind::RateLimited, Again::Never),
        429 => (FailureKind::RateLimited, Again::Later(retry_after)),
        408 | 409 | 425 | 500..=599 => (FailureKind::Unavailable, Again::Later(retry_after)),
        _ => (FailureKind::Refused, Again::Never),
    };
    let is_bad_request = kind == FailureKind::Refused && matches!(code, 400 | 422);
    Trouble {
        is_bad_request,
        ..Trouble::new(kind, words, again)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(code: u16, words: &str) -> Trouble {
        Trouble::from(Fault::Status {
            code,
            words: words.to_owned(),
            retry_after: None,
        })
    }

    #[test]
    fn statuses_mean_what_vendors_mean_by_them() {
        use FailureKind::{NotLoggedIn, RateLimited, Refused, Unavailable};
        for (code, words, kind, most) in [
            (401, "bad key", NotLoggedIn, 0),
            (403, "no", NotLoggedIn, 0),
            (
                400,
                "API key not valid. Please pass a valid API key.",
                NotLoggedIn,
                0,
            ),
            (400, "Your credit balance is too low", RateLimited, 0),
            (400, "prompt is too long", Refused, 0),
            (404, "no such model", Refused, 0),
            (413, "too large", Refused, 0),
            (402, "pay", RateLimited, 0),
            (429, "slow down", RateLimited, MOST),
            (429, "quota (insufficient_quota)", RateLimited, 0),
            (500, "oops", Unavailable, MOST),
            (503, "busy", Unavailable, MOST),
            (529, "Overloaded", Unavailable, MOST),
        ] {
            let trouble = status(code, words);
            assert_eq!(
                (trouble.kind, trouble.most()),
                (kind, most),
                "{code} {words}"
            );
            assert!(trouble.words.contains(words) && trouble.words.contains(&code.to_string()));
        }
    }

    #[test]
    fn waits_grow_up_to_a_minute_unless_the_vendor_says_how_long() {
        let trouble = status(529, "Overloaded");
        let wait = |nth| trouble.wait(nth, Duration::from_secs(1), 128).as_secs();
        assert_eq!(
            [wait(1), wait(2), wait(3), wait(7), wait(99)],
            [1, 2, 4, 60, 60]
        );
        let least = trouble.wait(3, Duration::from_secs(1), 0);
        let most = trouble.wait(3, Duration::from_secs(1), 255);
        assert!(least >= Duration::from_secs(3) && most < Duration::from_secs(5));
        let said = Trouble::new(
            FailureKind::RateLimited,
            "",
            Again::Later(Some(Duration::from_secs(600))),
        );
        assert_eq!(
            said.wait(1, Duration::from_secs(1), 7),
            Duration::from_secs(600)
        );
    }
}
