//! Tokens are made here, character by character: none that looks live stands in this repository.

use super::*;
use crate::rules::tests::{found, pack, scan_text};

const ALNUM: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const LOWER_HEX: &[u8] = b"0123456789abcdef";
const DIGITS: &[u8] = b"0123456789";

/// Characters of an alphabet, different for each seed and the same in each run.
fn random(alphabet: &[u8], count: usize, seed: u64) -> String {
    let mut output = vec![0; count];
    blake3::Hasher::new()
        .update(&seed.to_le_bytes())
        .finalize_xof()
        .fill(&mut output);
    output
        .iter()
        .map(|byte| char::from(alphabet[usize::from(*byte) % alphabet.len()]))
        .collect()
}

fn with_check_digits(prefix: &str, seed: u64) -> String {
    let value = random(ALNUM, 30, seed);
    let digits = base62(crc32(value.as_bytes()));
    format!("{prefix}_{value}{}", String::from_utf8_lossy(&digits))
}

/// One token of each form, with the severity it should have in source code.
fn specimens(seed: u64) -> Vec<(String, Severity)> {
    let alnum = |count| random(ALNUM, count, seed);
    let upper = |count| random(&ALNUM[..36], count, seed);
    let base32 = |count| random(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", count, seed);
    let hex = |count| random(LOWER_HEX, count, seed);
    let digits = |count| random(DIGITS, count, seed);
    let letters = |count| random(&ALNUM[10..], count, seed);
    let mut all: Vec<(String, Severity)> = ["ghp", "gho", "ghu", "ghs", "ghr", "npm"]
        .iter()
        .map(|prefix| (with_check_digits(prefix, seed), Severity::Critical))
        .collect();
    all.push((age_key(seed), Severity::Critical));
    let plain = [
        format!("npm_{}", alnum(36)),
        format!("{}_pat_{}_{}", "github", alnum(22), alnum(59)),
        format!("{}-{}", "glpat", alnum(20)),
        format!("{}{}", "AKIA", base32(16)),
        format!("{}-{}-{}-{}", "xoxb", digits(12), digits(12), alnum(24)),
        format!("{}-1-A{}-{}-{}", "xapp", upper(10), digits(12), hex(64)),
        format!(
            "{}/T{}/B{}/{}",
            "hooks.slack.com/services",
            upper(9),
            upper(9),
            alnum(24)
        ),
        format!("{}_live_{}", "sk", alnum(24)),
        format!("{}-AgEIcHlwaS5vcmc{}", "pypi", alnum(80)),
        format!("{}-AgENdGVzdC5weXBpLm9yZw{}", "pypi", alnum(80)),
        format!("{}_{}", "rubygems", hex(48)),
        format!("{}{}", "cio", alnum(32)),
        format!("{}_pat_{}", "dckr", alnum(27)),
        format!("{}.{}.{}", "SG", alnum(22), alnum(43)),
        format!("{}-proj-{}T3BlbkFJ{}", "sk", alnum(40), alnum(40)),
        format!("{}-ant-api03-{}AA", "sk", alnum(93)),
        format!("{}_{}", "hf", letters(34)),
        format!("{}_v1_{}", "dop", hex(64)),
        format!("{}_{}", "shpat", hex(32)),
        format!("{}.{}", "hvs", alnum(95)),
        format!("{}.{}.{}", alnum(14), "atlasv1", alnum(64)),
        format!("{}_{}_{}", "glsa", alnum(32), hex(8)),
        format!("{}={}==", "AccountKey", alnum(86)),
    ];
    all.extend(plain.map(|token| (token, Severity::Important)));
    all
}

fn age_key(seed: u64) -> String {
    const BECH32: &[u8] = b"QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L";
    let value = random(BECH32, 52, seed);
    let unsummed = format!("{value}QQQQQQ");
    let sum = bech32_sum(b"age-secret-key-", unsummed.as_bytes()).unwrap() ^ 1;
    let digits: String = (0..6)
        .map(|digit| char::from(BECH32[(sum >> (5 * (5 - digit)) & 31) as usize]))
        .collect();
    format!("AGE-SECRET-KEY-1{value}{digits}")
}

#[test]
fn check_digits_follow_the_published_algorithms() {
    assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
    assert_eq!(&base62(61), b"00000z");
    // A revoked token that was published to explain the scheme, in two parts.
    assert_eq!(base62(crc32(b"zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ")), *b"0mLq17");
    // The first valid example of BIP 173.
    assert_eq!(bech32_sum(b"a", b"2uel5l"), Some(1));
    assert_ne!(bech32_sum(b"a", b"2uel5q"), Some(1));
}

#[test]
fn each_format_is_found_where_tokens_stand() {
    for seed in 1..6 {
        for (token, severity) in specimens(seed) {
            for line in [
                format!("token = \"{token}\""),
                format!("TOKEN={token}\n"),
                format!("  curl -H 'Authorization: Bearer {token}' x"),
            ] {
                let expected = [("provider-token".to_owned(), 1, severity)];
                assert_eq!(found("src/a.py", &line), expected, "{line}");
            }
        }
    }
}

#[test]
fn tokens_in_tests_and_documents_are_suggestions() {
    for (token, _) in specimens(7) {
        for path in ["tests/a.py", "README.md", "testdata/x", "examples/a.go"] {
            let expected = [("provider-token".to_owned(), 1, Severity::Suggestion)];
            assert_eq!(found(path, &token), expected, "{token} in {path}");
        }
    }
}

#[test]
fn longer_shorter_and_other_words_are_no_tokens() {
    for (token, _) in specimens(3) {
        assert_eq!(found("a.py", &format!("x{token}")), [], "x{token}");
        assert_eq!(
            found("a.py", &token[..token.len() / 2]),
            [],
            "half of {token}"
        );
    }
    for line in [
        "ghp_short",
        "let npm_config_registry_of_the_whole_organisation = 1;",
        "sk_live_mode",
        "hf_hub_download_of_the_model_from_the_hub",
        "AKIATHISISNOTAKEYATALL0189",
    ] {
        assert_eq!(found("a.py", line), [], "{line}");
    }
}

#[test]
fn false_check_digits_placeholders_and_published_keys_are_suggestions() {
    let wrong = format!("ghp_{}", random(ALNUM, 36, 1));
    let wrong_age = format!("AGE-SECRET-KEY-1{}", "Q".repeat(58));
    let filled = format!("{}-{}", "glpat", "x".repeat(20));
    let counted = format!("{}_live_{}", "sk", "1234567890abcdefghijklmn");
    let amazon = format!("AKIA{}", "IOSFODNN7EXAMPLE");
    let azurite = format!(
        "AccountName=devstoreaccount1;AccountKey={}==",
        random(ALNUM, 86, 1)
    );
    for line in [wrong, wrong_age, filled, counted, amazon, azurite] {
        let expected = [("provider-token".to_owned(), 1, Severity::Suggestion)];
        assert_eq!(found("src/a.py", &line), expected, "{line}");
    }
}

#[test]
fn a_real_token_after_an_example_counts() {
    let amazon = |end: &str| format!("AKIA{end}");
    let real = amazon(&random(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 16, 4));
    let line = format!("{} {real}", amazon("IOSFODNN7EXAMPLE"));
    assert_eq!(
        found("a.py", &line),
        [("provider-token".to_owned(), 1, Severity::Important)]
    );
}

#[test]
fn no_finding_shows_a_token() {
    for (token, _) in specimens(9) {
        let (other, _) = &specimens(11)[9];
        let marker = "<".repeat(7);
        let text = format!("{marker} a = '{token}' b = '{other}'\n");
        let findings = scan_text(pack(), "src/a.py", text.as_bytes());
        assert_eq!(findings.len(), 2, "{token}");
        let shown = serde_json::to_string(&findings).unwrap();
        for secret in [&token, other] {
            let value = &secret[secret.len() / 2..];
            assert!(!shown.contains(value), "{shown}");
        }
        assert!(shown.contains('…'), "{shown}");
    }
}

#[test]
fn masking_keeps_the_text_around_tokens() {
    let (token, _) = &specimens(2)[0];
    let masked = mask_tokens(format!("a {token} b {token}").as_bytes()).into_owned();
    assert_eq!(String::from_utf8(masked).unwrap(), "a ghp_… b ghp_…");
    assert!(matches!(mask_tokens(b"nothing"), Cow::Borrowed(_)));
}
