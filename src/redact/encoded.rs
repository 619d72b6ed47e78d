//! Looks once more under an encoding: base64, hexadecimal digits, percent signs. What has a secret in
//! it is cut as a whole.
//! Encodings within encodings are left alone.

use std::ops::Range;

use super::{PRIVATE_KEY, Secret, secrets_by_line};
use crate::diff::RepoPath;

/// Shorter runs decode to nothing worth hiding.
const LEAST: usize = 24;
/// Bytes of a run that have to decode to text before the rest is decoded.
const TASTE: usize = 16;

/// Adds each run of encoded text that has a secret in it.
pub(super) fn secrets(text: &[u8], found: &mut Vec<Secret>) {
    let mut from = 0;
    for (at, byte) in text.iter().enumerate() {
        if !DIGITS[usize::from(*byte)] {
            if at - from >= LEAST {
                run(text, from..at, found);
            }
            from = at + 1;
        }
    }
    if text.len() - from >= LEAST {
        run(text, from..text.len(), found);
    }
    percent(text, found);
}

/// The digits of base64 in both alphabets, and its padding.
static DIGITS: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        #[expect(clippy::cast_possible_truncation, reason = "it is below 256")]
        let digit = byte as u8;
        table[byte] =
            digit.is_ascii_alphanumeric() || matches!(digit, b'+' | b'/' | b'=' | b'-' | b'_');
        byte += 1;
    }
    table
};

fn run(text: &[u8], range: Range<usize>, found: &mut Vec<Secret>) {
    // `name=…` is one run: what stands before a `=` that is no padding is not encoded.
    let mut start = range.start;
    let bytes = &text[range.clone()];
    let padding = bytes.iter().rev().take_while(|byte| **byte == b'=').count();
    if let Some(at) = memchr::memrchr(b'=', &bytes[..bytes.len() - padding]) {
        start += at + 1;
    }
    let signs = text[start..range.end]
        .iter()
        .take_while(|byte| matches!(byte, b'-' | b'+' | b'/'))
        .count();
    // In a patch the sign of the line stands before it; without one it may be a digit.
    let starts = [start, start + signs];
    for start in &starts[..if signs == 0 { 1 } else { 2 }] {
        let start = *start;
        let value = &text[start..range.end];
        if value.len() < LEAST {
            return;
        }
        let rule = [from_base64, from_hex]
            .iter()
            .find_map(|decode| secret_in(*decode, value));
        if let Some(rule) = rule {
            found.push(Secret {
                range: start..range.end,
                rule,
            });
            return;
        }
    }
}

/// The rule of a secret in the decoded value, if it decodes to text.
fn secret_in(decode: fn(&[u8]) -> Option<Vec<u8>>, value: &[u8]) -> Option<&'static str> {
    decode(&value[..TASTE]).filter(|taste| is_text(taste))?;
    let decoded = decode(value).filter(|decoded| is_text(decoded))?;
    if memchr::memmem::find(&decoded, b"PRIVATE KEY-----").is_some() {
        return Some(PRIVATE_KEY);
    }
    secrets_by_line(&RepoPath::default(), &decoded)
        .first()
        .map(|secret| secret.rule)
}

fn is_text(bytes: &[u8]) -> bool {
    bytes
        .iter()
        .all(|byte| matches!(byte, b' '..=b'~' | b'\n' | b'\r' | b'\t'))
}

/// Decodes RFC 4648, both alphabets; of an unpadded rest only whole bytes.
fn from_base64(value: &[u8]) -> Option<Vec<u8>> {
    let end = value.iter().rposition(|byte| *byte != b'=')? + 1;
    let mut decoded = Vec::with_capacity(end / 4 * 3 + 2);
    let (mut bits, mut count) = (0_u32, 0_u32);
    for byte in &value[..end] {
        let digit = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(digit);
        count += 6;
        if count >= 8 {
            count -= 8;
            decoded.push(u8::try_from(bits >> count & 0xff).ok()?);
        }
    }
    Some(decoded)
}

fn from_hex(value: &[u8]) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    value
        .chunks(2)
        .map(|pair| match pair {
            [high, low] => u8::try_from(digit(*high)? << 4 | digit(*low)?).ok(),
            _ => None,
        })
        .collect()
}

/// Words with percent signs (RFC 3986, section 2.1).
fn percent(text: &[u8], found: &mut Vec<Secret>) {
    let mut done = 0;
    for at in memchr::memchr_iter(b'%', text) {
        let is_escape = |at: usize| {
            text.get(at + 1..at + 3)
                .is_some_and(|pair| pair.iter().all(u8::is_ascii_hexdigit))
        };
        if at < done || !is_escape(at) {
            continue;
        }
        let ends = |byte: &u8| byte.is_ascii_whitespace() || b"\"'`<>&".contains(byte);
        let start = text[done..at]
            .iter()
            .rposition(ends)
            .map_or(done, |before| done + before + 1);
        let end = text[at..]
            .iter()
            .position(ends)
            .map_or(text.len(), |after| at + after);
        done = end;
        let mut decoded = Vec::with_capacity(end - start);
        let mut from = start;
        while from < end {
            let pair = text.get(from + 1..from + 3).filter(|_| text[from] == b'%');
            if let Some(byte) = pair
                .and_then(from_hex)
                .and_then(|byte| byte.first().copied())
            {
                decoded.push(byte);
                from += 3;
            } else {
                decoded.push(text[from]);
                from += 1;
            }
        }
        let secrets = secrets_by_line(&RepoPath::default(), &decoded);
        // What stands there plainly was found already.
        let plain = secrets.iter().all(|secret| {
            memchr::memmem::find(&text[start..end], &decoded[secret.range.clone()]).is_some()
        });
        if let Some(secret) = secrets.first().filter(|_| !plain) {
            found.push(Secret {
                range: start..end,
                rule: secret.rule,
            });
        }
    }
}
