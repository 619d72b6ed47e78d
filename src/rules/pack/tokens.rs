//! Access tokens that identify themselves, judged by their check digits and by whether a person typed
//! them.
//! Their formats are in `credential`; secrets without a form of their own (by entropy) are left to redaction.

use std::borrow::Cow;
use std::ops::ControlFlow;
use std::sync::{Arc, OnceLock};

use super::{Builtin, Form, Hit, Judgement, Place, everywhere, in_lenient_places};
use crate::credential;
use crate::finding::Severity;
use crate::rules::AddedLine;
use crate::rules::engine::Engine;
use crate::rules::pattern::Pattern;

pub(super) static PROVIDER_TOKEN: Builtin = Builtin {
    id: "provider-token",
    severity: Severity::Important,
    summary: "access tokens in the published format of a provider",
    why: "The line has an access token. Whoever can read the repository, now or from its history \
          later, can use it until it is revoked.",
    mend: "Revoke the token at its provider if it was ever pushed, take it out of the commits that \
           are not pushed yet, and read it from the environment or a secret store.",
    history: true,
    reaches: everywhere,
    lowers: in_lenient_places,
    forms: FORMS,
    whole_file: None,
};

macro_rules! token {
    ($title:literal, $judge:ident, $format:ident) => {
        Form {
            title: $title,
            pattern: credential::$format.pattern,
            languages: &[],
            place: Place::Anywhere,
            judge: $judge,
        }
    };
}

/// The formats, each with what judges a match. A letter or digit beside a match makes it a part of
/// something longer, so the patterns ask for word boundaries.
static FORMS: &[Form] = &[
    token!("GitHub token added", github, GITHUB),
    token!("GitHub token added", plausible, GITHUB_FINE_GRAINED),
    token!("GitLab token added", plausible, GITLAB),
    token!("AWS access key id added", amazon, AWS),
    token!("Slack token added", plausible, SLACK),
    token!("Slack token added", plausible, SLACK_APP),
    token!("Slack webhook added", plausible, SLACK_WEBHOOK),
    token!("Stripe live key added", plausible, STRIPE),
    token!("npm token added", npm, NPM),
    token!("PyPI token added", plausible, PYPI),
    token!("PyPI token added", plausible, PYPI_TEST),
    token!("RubyGems key added", plausible, RUBYGEMS),
    token!("crates.io token added", plausible, CRATES_IO),
    token!("Docker Hub token added", plausible, DOCKER),
    token!("SendGrid key added", plausible, SENDGRID),
    token!("OpenAI key added", plausible, OPENAI),
    token!("Anthropic key added", plausible, ANTHROPIC),
    token!("Hugging Face token added", plausible, HUGGING_FACE),
    token!("DigitalOcean token added", plausible, DIGITALOCEAN),
    token!("Shopify token added", plausible, SHOPIFY),
    token!("Vault token added", plausible, VAULT),
    token!("Terraform token added", plausible, TERRAFORM),
    token!("Grafana token added", plausible, GRAFANA),
    token!("Azure storage key added", azure, AZURE_STORAGE),
    token!("age secret key added", age, AGE),
];

/// Returns the text with each token of a known format cut down to its first four characters.
pub(super) fn mask_tokens(text: &[u8]) -> Cow<'_, [u8]> {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    let engine = ENGINE.get_or_init(|| {
        let patterns = FORMS.iter().map(|form| Pattern::lazy(form.pattern));
        Engine::new(patterns.map(Arc::new).collect())
    });
    let mut found = Vec::new();
    let line = AddedLine { no: 1, text };
    engine.scan(&[line], &mut |_| true, &mut |hit| {
        found.push(hit.range);
        ControlFlow::Continue(())
    });
    if found.is_empty() {
        return Cow::Borrowed(text);
    }
    found.sort_unstable_by_key(|range| (range.start, range.end));
    let mut masked = Vec::with_capacity(text.len());
    let mut from = 0;
    for range in found {
        if range.start >= from {
            masked.extend_from_slice(&text[from..range.start]);
            masked.extend_from_slice(&text[range.start..range.end.min(range.start + 4)]);
            masked.extend_from_slice("…".as_bytes());
        }
        from = from.max(range.end);
    }
    masked.extend_from_slice(&text[from..]);
    Cow::Owned(masked)
}

const PLACEHOLDER: Judgement = Judgement::Lowered("the value looks like a placeholder");
const VERIFIED: Judgement = Judgement::Raised("the token's check digits are right");

fn plausible(hit: &Hit<'_>) -> Judgement {
    if is_placeholder(hit.matched()) {
        PLACEHOLDER
    } else {
        Judgement::Stands
    }
}

fn github(hit: &Hit<'_>) -> Judgement {
    if has_check_digits(&hit.matched()[4..]) {
        VERIFIED
    } else {
        Judgement::Lowered("the token's check digits are wrong, so it can't be a real one")
    }
}

fn npm(hit: &Hit<'_>) -> Judgement {
    if has_check_digits(&hit.matched()[4..]) {
        VERIFIED
    } else {
        plausible(hit)
    }
}

fn amazon(hit: &Hit<'_>) -> Judgement {
    if hit.matched().ends_with(b"EXAMPLE") {
        Judgement::Lowered("it is one of the keys in the provider's own documents")
    } else {
        plausible(hit)
    }
}

fn azure(hit: &Hit<'_>) -> Judgement {
    // The storage emulator has one fixed, published account.
    if memchr::memmem::find(hit.text, b"devstoreaccount1").is_some()
        || hit.matched()["AccountKey=".len()..].starts_with(b"Eby8vdM0")
    {
        Judgement::Lowered("it is the published key of the storage emulator")
    } else {
        plausible(hit)
    }
}

fn age(hit: &Hit<'_>) -> Judgement {
    let digits = &hit.matched()["AGE-SECRET-KEY-1".len()..];
    if bech32_sum(b"age-secret-key-", digits) == Some(1) {
        VERIFIED
    } else {
        Judgement::Lowered("the key's check digits are wrong, so it can't be a real one")
    }
}

/// A value that a person typed: few different characters, a long run, or words that say so.
fn is_placeholder(token: &[u8]) -> bool {
    let value = token
        .iter()
        .rposition(|byte| matches!(byte, b'_' | b'-' | b'.' | b'/' | b'='))
        .filter(|at| token.len() - at > 16)
        .map_or(token, |at| &token[at + 1..]);
    let mut seen = [false; 256];
    for byte in value {
        seen[usize::from(*byte)] = true;
    }
    let different = seen.iter().filter(|seen| **seen).count();
    let longest_run = value
        .chunk_by(|left, right| left == right)
        .map(<[u8]>::len)
        .max()
        .unwrap_or(0);
    let lower = token.to_ascii_lowercase();
    let says_so = [
        &b"example"[..],
        b"xxxxx",
        b"your",
        b"dummy",
        b"placeholder",
        b"redacted",
    ]
    .iter()
    .any(|word| memchr::memmem::find(&lower, word).is_some());
    let counts_up = [&b"1234567890"[..], b"0123456789", b"abcdefghij"]
        .iter()
        .any(|word| memchr::memmem::find(&lower, word).is_some());
    different < 7 || longest_run > 5 || says_so || counts_up
}

/// True if the last six characters are the CRC-32 of those before them, in base 62.
fn has_check_digits(value: &[u8]) -> bool {
    let (random, digits) = value.split_at(value.len() - 6);
    base62(crc32(random)) == digits
}

/// CRC-32 as in zlib (polynomial 0xEDB88320, reflected).
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| {
            (sum >> 1) ^ (0xEDB8_8320 & (sum & 1).wrapping_neg())
        })
    })
}

/// Six digits, zeros in front; the digits are 0-9, A-Z, a-z.
fn base62(mut number: u32) -> [u8; 6] {
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut text = [b'0'; 6];
    for place in text.iter_mut().rev() {
        *place = DIGITS[(number % 62) as usize];
        number /= 62;
    }
    text
}

/// The Bech32 checksum of BIP 173 over a human-readable part and digits of either case: 1 for a
/// valid text, `None` for other characters.
fn bech32_sum(prefix: &[u8], digits: &[u8]) -> Option<u32> {
    const DIGITS: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";
    const GENERATORS: [u32; 5] = [
        0x3b6a_57b2,
        0x2650_8e6d,
        0x1ea1_19fa,
        0x3d42_33dd,
        0x2a14_62b3,
    ];
    let mut values: Vec<u32> = prefix.iter().map(|byte| u32::from(byte >> 5)).collect();
    values.push(0);
    values.extend(prefix.iter().map(|byte| u32::from(byte & 31)));
    for digit in digits {
        let value = DIGITS
            .iter()
            .position(|known| *known == digit.to_ascii_lowercase())?;
        values.push(u32::try_from(value).ok()?);
    }
    Some(values.iter().fold(1, |sum, value| {
        let top = sum >> 25;
        let shifted = ((sum & 0x01ff_ffff) << 5) ^ value;
        GENERATORS
            .iter()
            .enumerate()
            .filter(|(bit, _)| top >> bit & 1 == 1)
            .fold(shifted, |sum, (_, generator)| sum ^ generator)
    }))
}

#[cfg(test)]
mod tests;
