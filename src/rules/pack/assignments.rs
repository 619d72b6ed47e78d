//! Passwords and keys that are written into the code: a name that ends in a word for a secret, and
//! a quoted value too random to be a word. Tokens with a form of their own are in `tokens`.

use std::borrow::Cow;
use std::sync::OnceLock;

use regex::bytes::Regex;

use super::tokens::mask_tokens;
use super::{Builtin, Form, Hit, Judgement, Place, everywhere, in_lenient_places};
use crate::credential::bits_per_character;
use crate::finding::Severity;
use crate::rules::pattern::Pattern;

/// Bits per character from which a value is surely random; twenty characters reach 4.3 at most.
const SURE: f64 = 4.5;
/// Bits per character from which it may be.
const LIKELY: f64 = 4.0;
/// Bits per character of hexadecimal digits, which have 4.0 at most.
const LIKELY_HEX: f64 = 3.0;
/// Least hexadecimal digits.
const HEX_DIGITS: usize = 32;

/// The name ends in the word; a dot or slash in the value makes it a path, a host or a version.
const ASSIGNMENT: &str = r#"(?i)(?:secret|token|passwd|password|api[_-]?key|credential|private[_-]?key|access[_-]?key)["'\]]{0,2}[ \t]*(?:=>|:=|[:=])[ \t]*["'`][0-9A-Za-z+=_!@#$%^&*~-]{20,200}["'`]"#;

pub(super) static SECRET_ASSIGNMENT: Builtin = Builtin {
    id: "secret-assignment",
    severity: Severity::Important,
    summary: "random-looking values assigned to names such as password, secret or token",
    why: "A value that looks random is assigned to a name that ends in a word for a secret. If it \
          is one, whoever can read the repository, now or from its history later, has it.",
    mend: "Read the value from the environment or a secret store, and replace it if it was ever \
           pushed. If it is no secret, resolve this finding with that reason.",
    history: true,
    reaches: everywhere,
    lowers: in_lenient_places,
    forms: &[Form {
        title: "value that looks like a secret",
        pattern: ASSIGNMENT,
        languages: &[],
        place: Place::Anywhere,
        judge: by_randomness,
    }],
    whole_file: None,
};

/// Returns the text with each value that the rule takes for a secret cut to four characters.
pub(super) fn mask_assignments(text: &[u8]) -> Cow<'_, [u8]> {
    static PATTERN: OnceLock<Pattern> = OnceLock::new();
    let regex: &Regex = PATTERN.get_or_init(|| Pattern::lazy(ASSIGNMENT)).regex();
    let mut masked = Vec::new();
    let mut from = 0;
    for found in regex.find_iter(text) {
        let value = value_of(found.as_bytes());
        if judge(found.as_bytes()) != Judgement::Passes {
            let start = found.end() - 1 - value.len();
            masked.extend_from_slice(&text[from..start]);
            masked.extend_from_slice(&value[..4]);
            masked.extend_from_slice("…".as_bytes());
            from = found.end() - 1;
        }
    }
    if from == 0 {
        return Cow::Borrowed(text);
    }
    masked.extend_from_slice(&text[from..]);
    Cow::Owned(masked)
}

fn by_randomness(hit: &Hit<'_>) -> Judgement {
    let name = hit.text[..hit.range.start].to_ascii_lowercase();
    let public = [&b"public_"[..], b"public", b"next_page_", b"nextpage"]
        .iter()
        .any(|word| name.ends_with(word));
    // A token of a known form is the other rule's.
    let is_token = matches!(mask_tokens(hit.matched()), Cow::Owned(_));
    if public || is_token {
        Judgement::Passes
    } else {
        judge(hit.matched())
    }
}

fn judge(matched: &[u8]) -> Judgement {
    let value = value_of(matched);
    let bits = bits_per_character(value);
    let is_hex = value.iter().all(u8::is_ascii_hexdigit);
    let is_name = !value.iter().any(u8::is_ascii_digit);
    if is_hex && value.len() >= HEX_DIGITS && bits >= LIKELY_HEX {
        Judgement::Lowered("hexadecimal digits are more often an id or a digest")
    } else if is_hex || is_name || bits < LIKELY {
        Judgement::Passes
    } else if bits < SURE {
        Judgement::Lowered("the value is not random enough to be sure")
    } else {
        Judgement::Stands
    }
}

/// What stands between the last two quotes.
fn value_of(matched: &[u8]) -> &[u8] {
    let inner = &matched[..matched.len() - 1];
    let start = inner
        .iter()
        .rposition(|byte| matches!(byte, b'"' | b'\'' | b'`'))
        .map_or(0, |quote| quote + 1);
    &inner[start..]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::tests::{found, pack, scan_text};

    /// A value with the alphabet's characters in turn, spread by a step.
    fn value(alphabet: &str, length: usize) -> String {
        let all: Vec<char> = alphabet.chars().collect();
        (0..length)
            .map(|at| all[(at * 7 + at / all.len()) % all.len()])
            .collect()
    }

    fn wide() -> String {
        value("0aB1cD2eF3gH4iJ5kL6mN7oP8qR9sTuV", 32)
    }

    fn severities(path: &str, line: &str) -> Vec<Severity> {
        found(path, line)
            .into_iter()
            .map(|(rule, _, severity)| {
                assert_eq!(rule, "secret-assignment");
                severity
            })
            .collect()
    }

    #[test]
    fn random_values_of_secret_names_are_found() {
        let value = wide();
        for line in [
            format!("password = \"{value}\""),
            format!("  clientSecret: '{value}',"),
            format!("const API_KEY = `{value}`"),
            format!("{{\"access_token\": \"{value}\"}}"),
            format!("$config['db_password'] => '{value}';"),
            format!("token := \"{value}\""),
        ] {
            assert_eq!(
                severities("src/a.go", &line),
                [Severity::Important],
                "{line}"
            );
            assert_eq!(
                severities("tests/a.go", &line),
                [Severity::Suggestion],
                "{line}"
            );
        }
    }

    #[test]
    fn less_random_values_and_hex_are_suggestions() {
        let some = value("0aB1cD2eF3gH4iJ5kL6m", 20);
        assert_eq!(
            severities("a.py", &format!("token = '{some}'")),
            [Severity::Suggestion]
        );
        let hex = value("0123456789abcdef", 40);
        assert_eq!(
            severities("a.py", &format!("secret = '{hex}'")),
            [Severity::Suggestion]
        );
    }

    #[test]
    fn other_names_and_other_values_are_none() {
        let value = wide();
        for line in [
            format!("token_url = \"{value}\""),
            format!("digest = \"{value}\""),
            format!("password = {value}"),
            format!("nextPageToken: \"{value}\""),
            "password = \"changeme\"".to_owned(),
            "token = \"authentication-token-of-the-user\"".to_owned(),
            "secret = \"projects/x/secrets/y/versions/1\"".to_owned(),
            "api_key = \"${{ secrets.VERY_LONG_NAME_OF_A_KEY_1 }}\"".to_owned(),
            "token = \"00000000-0000-0000-0000-000000000000\"".to_owned(),
        ] {
            assert_eq!(found("src/a.go", &line), [], "{line}");
        }
    }

    #[test]
    fn the_value_is_not_shown() {
        let line = format!("password = \"{}\" # {}\n", wide(), "\u{202a}");
        let findings = scan_text(pack(), "a.py", line.as_bytes());
        assert_eq!(findings.len(), 2);
        let shown = format!("{findings:?}");
        assert!(
            !shown.contains(&wide()[5..]) && shown.contains('…'),
            "{shown}"
        );
    }
}
