//! Access tokens that identify themselves: prefix, alphabet and length as their providers publish
//! them, and the check digits where there are some.
//! Secrets without a form of their own (by entropy) are left to redaction.

use std::borrow::Cow;
use std::ops::ControlFlow;
use std::sync::{Arc, OnceLock};

use super::{Builtin, Form, Hit, Judgement, Place, everywhere, in_lenient_places};
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
    ($title:literal, $judge:ident, $pattern:literal) => {
        Form {
            title: $title,
            pattern: $pattern,
            languages: &[],
            place: Place::Anywhere,
            judge: $judge,
        }
    };
}

/// Each with the source of its format. A letter or digit beside a match makes it a part of
/// something longer, so the patterns ask for word boundaries.
static FORMS: &[Form] = &[
    // docs.github.com, "About authentication to GitHub"; the check digits: GitHub's blog of
    // 2021-04-05, "Behind GitHub's new authentication token formats".
    token!(
        "GitHub token added",
        github,
        r"\bgh[pousr]_[0-9A-Za-z]{36}\b"
    ),
    token!(
        "GitHub token added",
        plausible,
        r"\bgithub_pat_[0-9A-Za-z]{22}_[0-9A-Za-z]{59}\b"
    ),
    // docs.gitlab.com, "Token overview", "Token prefixes".
    token!(
        "GitLab token added",
        plausible,
        r"\b(?:glpat|gldt|glrt|glptt|gloas|glcbt|glsoat|glffct)-[0-9A-Za-z_-]{20,300}"
    ),
    // docs.aws.amazon.com, IAM user guide, "IAM identifiers": unique id prefixes.
    token!(
        "AWS access key id added",
        amazon,
        r"\b(?:AKIA|ASIA)[A-Z2-7]{16}\b"
    ),
    // docs.slack.dev, "Tokens" and "Sending messages using incoming webhooks".
    token!(
        "Slack token added",
        plausible,
        r"\bxox[abpors]-(?:[0-9]{8,14}-){1,3}[0-9A-Za-z]{20,40}\b"
    ),
    token!(
        "Slack token added",
        plausible,
        r"\bxapp-[0-9]-[A-Z0-9]{9,13}-[0-9]{10,14}-[0-9a-f]{64}\b"
    ),
    token!(
        "Slack webhook added",
        plausible,
        r"\bhooks\.slack\.com/services/T[0-9A-Z]{8,12}/B[0-9A-Z]{8,12}/[0-9A-Za-z]{24}\b"
    ),
    // docs.stripe.com, "API keys".
    token!(
        "Stripe live key added",
        plausible,
        r"\b[sr]k_live_[0-9A-Za-z]{24,247}\b"
    ),
    // GitHub's change log of 2021-09-23, "npm has a new access token format".
    token!("npm token added", npm, r"\bnpm_[0-9A-Za-z]{36}\b"),
    // docs.pypi.org and warehouse's macaroons: the location `pypi.org` in base64 after the prefix.
    token!(
        "PyPI token added",
        plausible,
        r"\bpypi-AgEIcHlwaS5vcmc[0-9A-Za-z_-]{50,1000}"
    ),
    token!(
        "PyPI token added",
        plausible,
        r"\bpypi-AgENdGVzdC5weXBpLm9yZw[0-9A-Za-z_-]{50,1000}"
    ),
    // guides.rubygems.org, "API key"; doc.rust-lang.org/cargo and crates.io's source.
    token!(
        "RubyGems key added",
        plausible,
        r"\brubygems_[0-9a-f]{48}\b"
    ),
    token!(
        "crates.io token added",
        plausible,
        r"\bcio[0-9A-Za-z]{32}\b"
    ),
    // docs.docker.com, "Personal access tokens".
    token!(
        "Docker Hub token added",
        plausible,
        r"\bdckr_[po]at_[0-9A-Za-z_-]{27,32}"
    ),
    // docs.sendgrid.com, "API keys".
    token!(
        "SendGrid key added",
        plausible,
        r"\bSG\.[0-9A-Za-z_-]{22}\.[0-9A-Za-z_-]{43}"
    ),
    // `T3BlbkFJ` is "OpenAI" in base64, in the middle of each key.
    token!(
        "OpenAI key added",
        plausible,
        r"\bsk-(?:[a-z]{2,10}-)?[0-9A-Za-z_-]{20,100}T3BlbkFJ[0-9A-Za-z_-]{20,100}"
    ),
    token!(
        "Anthropic key added",
        plausible,
        r"\bsk-ant-[a-z]{3,8}[0-9]{2}-[0-9A-Za-z_-]{80,110}"
    ),
    token!(
        "Hugging Face token added",
        plausible,
        r"\bhf_[A-Za-z]{34}\b"
    ),
    // docs.digitalocean.com, "Token prefixes".
    token!(
        "DigitalOcean token added",
        plausible,
        r"\bdo[opr]_v1_[0-9a-f]{64}\b"
    ),
    // shopify.dev, "Authentication": admin, custom app, private app, shared secret.
    token!(
        "Shopify token added",
        plausible,
        r"\bshp(?:at|ca|pa|ss)_[0-9A-Fa-f]{32}\b"
    ),
    // developer.hashicorp.com: Vault "Tokens", Terraform "API tokens".
    token!(
        "Vault token added",
        plausible,
        r"\bhv[sb]\.[0-9A-Za-z_-]{90,300}"
    ),
    token!(
        "Terraform token added",
        plausible,
        r"\b[0-9A-Za-z]{14}\.atlasv1\.[0-9A-Za-z_-]{60,70}"
    ),
    // grafana.com, "Service account tokens".
    token!(
        "Grafana token added",
        plausible,
        r"\bglsa_[0-9A-Za-z]{32}_[0-9a-f]{8}\b"
    ),
    // learn.microsoft.com, "Configure Azure Storage connection strings": 64 bytes in base64.
    token!(
        "Azure storage key added",
        azure,
        r"\bAccountKey=[0-9A-Za-z+/]{86}=="
    ),
    // age-encryption.org and its Bech32 (BIP 173) encoding of 32 bytes.
    token!(
        "age secret key added",
        age,
        r"\bAGE-SECRET-KEY-1[02-9AC-HJ-NP-Z]{58}\b"
    ),
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
