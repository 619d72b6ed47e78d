//! Finds values of names such as password, secret or token by how random they are, because they have
//! no form of their own.
//! The rule that raises findings about them asks for more; it is in `rules`.

use std::ops::Range;

use super::Secret;
use crate::credential::bits_per_character as bits_of;
use crate::diff::RepoPath;

/// One of these is in every name that is looked at.
pub(super) const WORDS: &[&str] = &[
    "secret",
    "token",
    "passw",
    "passphrase",
    "pwd",
    "auth",
    "cred",
    "key",
];

/// Bits per character from which a quoted value may be random.
const LIKELY: f64 = 3.5;
/// The same without quotes, where names of the program stand, or with a name that says less.
const SURE: f64 = 3.8;
/// Bits per character of hexadecimal digits, which have 4.0 at most.
const LIKELY_HEX: f64 = 3.0;
/// Least hexadecimal digits.
const HEX_DIGITS: usize = 32;
/// Least characters of a value that is judged by its randomness.
const LONG: usize = 20;

/// Random characters have at least this share of the entropy that as many different ones have …
const NEAR: f64 = 0.88;
/// … of an alphabet of so many.
const ALPHABET: u8 = 62;

/// The word in marks.
const RULE: &str = "secret-assignment";

/// Most bytes of a name before and behind the word in it.
const LONGEST_NAME: [usize; 2] = [60, 20];
/// Bytes of a value that are enough to judge it by.
const ENOUGH: usize = 120;
/// Fewest bytes of a value.
const SHORTEST_VALUE: usize = 6;
/// Most blanks on either side of a sign.
const MOST_BLANKS: usize = 16;

/// What the file says about the lines in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Surroundings {
    /// Names and values and nothing else: each value of a telling name is one.
    Settings,
    /// Anything else.
    Other,
}

impl Surroundings {
    pub(super) fn of(path: &RepoPath) -> Self {
        let name = path.file_name().to_ascii_lowercase();
        let settings = name.starts_with(b".env")
            || matches!(
                name.as_slice(),
                b".npmrc" | b".pypirc" | b".netrc" | b"gradle.properties"
            )
            || [&b".properties"[..], b".ini", b".tfvars", b".env"]
                .iter()
                .any(|ending| name.ends_with(ending));
        if settings {
            Self::Settings
        } else {
            Self::Other
        }
    }
}

/// A name that stands around one of the words, and the value behind it. Ranges are of the line.
struct Assignment {
    name: Range<usize>,
    value: Range<usize>,
    written: Written,
}

/// The value of the name that stands around a word of the line, if it is a secret; `named` is where the
/// name before ended, so that a name is read once however many words are in it.
pub(super) fn secret_at(
    line: &[u8],
    word: Range<usize>,
    named: &mut usize,
    surroundings: Surroundings,
) -> Option<Secret> {
    if word.start < *named {
        return None;
    }
    let Assignment {
        name,
        value,
        written,
    } = assignment(line, word, named)?;
    // Letters of one case are words, whatever the name; most values are, so this is decided first.
    let plain = |byte: &u8| !byte.is_ascii_digit() && !byte.is_ascii_uppercase() && !is_odd(*byte);
    if surroundings == Surroundings::Other && line[value.clone()].iter().all(plain) {
        return None;
    }
    if !Name::of(&line[name])?.has(&line[value.clone()], written, surroundings) {
        return None;
    }
    let rest = &line[value.end..];
    let end = value.end + count(rest, rest.len(), |byte| written.goes_on(*byte));
    *named = end;
    Some(Secret {
        range: value.start..end,
        rule: RULE,
    })
}

fn assignment(line: &[u8], word: Range<usize>, named: &mut usize) -> Option<Assignment> {
    let of_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"_.-".contains(byte);
    let [before, behind] = LONGEST_NAME;
    let earliest = word.start.saturating_sub(before).max(*named);
    let start = line[earliest..word.start]
        .iter()
        .rposition(|byte| !of_name(byte))
        .map_or(earliest, |at| earliest + at + 1);
    let name = start..word.end + count(&line[word.end..], behind, of_name);
    *named = name.end;
    // `name`, "name", \"name\", name[…'x'], ["name"]
    let mut at = name.end + count(&line[name.end..], 4, |byte| b"\\\"'`]".contains(byte));
    at += count(&line[at..], MOST_BLANKS, |byte| is_blank(*byte));
    let sign = [&b"=>"[..], b":=", b"===", b"==", b"=", b":", b",", b"("]
        .into_iter()
        .find(|sign| line[at..].starts_with(sign))?;
    at += sign.len();
    at += count(&line[at..], MOST_BLANKS, |byte| is_blank(*byte));
    let prefix = count(&line[at..], 2, |byte| b"brfuBRFU".contains(byte));
    let escape = count(&line[at + prefix..], 1, |byte| *byte == b'\\');
    let open = at + prefix + escape;
    let quoted = line.get(open).copied().is_some_and(is_quote);
    let start = if quoted { open + 1 } else { at };
    let mut written = if quoted {
        Written::Quoted
    } else {
        Written::Bare
    };
    let value = start..start + count(&line[start..], ENOUGH, |byte| written.goes_on(*byte));
    let next = line.get(value.end).copied();
    let ends = match next {
        _ if value.len() == ENOUGH => true,
        Some(next) if quoted => is_quote(next) || next == b'\\',
        None => !quoted,
        Some(next) => {
            if !next.is_ascii_whitespace() && !b",;\\\"'`&".contains(&next) {
                written = Written::InCode;
            }
            !matches!(sign, b"," | b"(")
        }
    };
    (ends && value.len() >= SHORTEST_VALUE).then_some(Assignment {
        name,
        value,
        written,
    })
}

impl Written {
    /// True for the bytes of a value, false where it ends.
    fn goes_on(self, byte: u8) -> bool {
        let code = !matches!(self, Self::Quoted) && b",;(){}[]<>&|".contains(&byte);
        !is_quote(byte) && !byte.is_ascii_whitespace() && byte != b'\\' && !code
    }
}

fn is_quote(byte: u8) -> bool {
    matches!(byte, b'"' | b'\'' | b'`')
}

/// How many of the first bytes are such bytes, at most so many.
fn count(bytes: &[u8], most: usize, such: impl Fn(&u8) -> bool) -> usize {
    bytes
        .iter()
        .take(most)
        .take_while(|byte| such(byte))
        .count()
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// How a value stands on its line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Written {
    Quoted,
    /// Up to a blank, a comma or the end of the line.
    Bare,
    /// Code goes on behind it.
    InCode,
}

/// What a name says about its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Name {
    says: Says,
    /// In capitals, as in the environment.
    is_variable: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Says {
    Password,
    Secret,
    /// Could be any key, or about rights.
    Perhaps,
}

impl Name {
    /// `None` for names of public or countable things.
    fn of(name: &[u8]) -> Option<Self> {
        let lower = name.to_ascii_lowercase();
        let has = |word: &str| memchr::memmem::find(&lower, word.as_bytes()).is_some();
        let harmless = [
            "public",
            "keyword",
            "keyboard",
            "keycode",
            "keymap",
            "keyof",
            "hotkey",
            "monkey",
            "turkey",
            "tokeniz",
            "author",
            "digest",
            "checksum",
            "hash",
            "fingerprint",
            "commit",
            "sha1",
            "sha256",
            "integrity",
            "page_token",
            "pagetoken",
            "keyid",
            "key_id",
            "key-id",
            "foreign",
            "primary",
        ];
        if harmless.iter().any(|word| has(word)) && !has("authoriz") {
            return None;
        }
        let end = lower.iter().rposition(u8::is_ascii_alphanumeric)? + 1;
        let ends = |words: &[&str]| {
            words
                .iter()
                .any(|word| lower[..end].ends_with(word.as_bytes()))
        };
        if ends(&["path", "file", "url", "name", "type", "version"]) {
            return None;
        }
        let says = if ends(&[
            "password",
            "passwd",
            "passwrd",
            "passphrase",
            "pwd",
            "secret",
        ]) {
            Says::Password
        } else if ends(&[
            "token",
            "apikey",
            "api_key",
            "api-key",
            "credential",
            "credentials",
        ]) || has("secret")
            || has("passw")
            || has("private_key")
            || has("privatekey")
            || has("access_key")
            || has("accesskey")
            || has("auth_key")
            || has("authkey")
        {
            Says::Secret
        } else {
            Says::Perhaps
        };
        Some(Self {
            says,
            is_variable: !name.iter().any(u8::is_ascii_lowercase),
        })
    }

    /// True if the value behind it is a secret.
    fn has(self, value: &[u8], written: Written, surroundings: Surroundings) -> bool {
        let quoted = written == Written::Quoted;
        if is_reference(value) || is_uuid(value) || is_checksum(value) {
            return false;
        }
        let telling = self.says != Says::Perhaps;
        let letters = value.iter().any(u8::is_ascii_alphabetic);
        let digits = value.iter().filter(|byte| byte.is_ascii_digit()).count();
        if telling && surroundings == Surroundings::Settings {
            return digits < value.len();
        }
        // A password that a person made up is short.
        let odd = value
            .iter()
            .any(|byte| byte.is_ascii_digit() || is_odd(*byte));
        let made_up = letters && odd && !is_expression(value);
        if made_up
            && match self.says {
                Says::Password => written != Written::InCode,
                Says::Secret => quoted && value.len() >= 12 && digits > 0 && !is_words(value),
                Says::Perhaps => false,
            }
            || made_up && telling && self.is_variable && written != Written::InCode
        {
            return true;
        }
        let all_hex = value.iter().all(u8::is_ascii_hexdigit);
        if all_hex {
            return value.len() >= HEX_DIGITS && bits(value) >= LIKELY_HEX;
        }
        let alphabet = value
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b"+/=_.~!@#$%^&*:?-".contains(byte));
        let least = if telling && quoted { LIKELY } else { SURE };
        value.len() >= LONG
            && alphabet
            && (quoted
                || written == Written::Bare && digits >= 2 && letters && !is_expression(value))
            && bits(value) >= least
            && !is_words(value)
    }
}

/// Signs that are common in passwords and rare in words.
fn is_odd(byte: u8) -> bool {
    b"!@#$%^&*?~".contains(&byte)
}

/// Shannon's entropy, in bits per character.
pub(super) fn bits(value: &[u8]) -> f64 {
    bits_of(value)
}

/// True for a value of forty characters whose entropy shows that nobody typed it.
pub(super) fn is_dense(value: &[u8]) -> bool {
    bits(value) >= 4.0
}

/// True for a value that no person wrote: long, of many different characters and not made of words.
pub(super) fn is_random(value: &[u8]) -> bool {
    bits(value) >= LIKELY && value.iter().any(u8::is_ascii_digit) && !is_words(value)
}

/// True for what names a value instead of being one: a variable, a template, an empty place.
pub(super) fn is_reference(value: &[u8]) -> bool {
    let opens = value
        .first()
        .is_none_or(|first| b"$<{%*[(&".contains(first));
    opens
        || [
            &b"${"[..],
            b"$(",
            b"{{",
            b"#{",
            b"<%",
            b"%s",
            b"%v",
            b"...",
            b"***",
            b"xxxx",
        ]
        .iter()
        .any(|sign| memchr::memmem::find(value, sign).is_some())
}

/// `a.b.c1`, `x->y`, `A::b2`: code, not a value.
fn is_expression(value: &[u8]) -> bool {
    [&b"::"[..], b"->", b"()", b"!="]
        .iter()
        .any(|sign| memchr::memmem::find(value, sign).is_some())
        || value.starts_with(b"/")
        || value.starts_with(b"./")
        || value.starts_with(b"@")
        || memchr::memchr(b'.', value).is_some_and(|at| at > 0) && is_words(value)
}

/// True if it reads as words: few digits, letters that keep their case, and some of them often. Among
/// random letters of both cases every second changes it, in `camelCase` fewer than every third does;
/// random characters repeat so seldom that their entropy is near that of characters used once each.
fn is_words(value: &[u8]) -> bool {
    let (mut pairs, mut changes, mut digits) = (0_usize, 0_usize, 0_usize);
    let mut before = b' ';
    for &byte in value {
        if byte.is_ascii_alphabetic() && before.is_ascii_alphabetic() {
            pairs += 1;
            changes += usize::from(byte.is_ascii_uppercase() != before.is_ascii_uppercase());
        }
        digits += usize::from(byte.is_ascii_digit());
        before = byte;
    }
    let length = u8::try_from(value.len()).unwrap_or(u8::MAX).min(ALPHABET);
    digits <= value.len() / 10
        && 3 * changes <= pairs
        && bits(value) < NEAR * f64::from(length).log2()
}

/// 8-4-4-4-12 hexadecimal digits.
fn is_uuid(value: &[u8]) -> bool {
    value.len() == 36
        && value.iter().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// The sums of lock files: `sha512-…`, `sha256:…`, `h1:…`.
fn is_checksum(value: &[u8]) -> bool {
    value.starts_with(b"h1:")
        || [&b"sha1"[..], b"sha256", b"sha384", b"sha512", b"md5"]
            .iter()
            .any(|name| {
                value
                    .strip_prefix(*name)
                    .is_some_and(|rest| rest.starts_with(b"-") || rest.starts_with(b":"))
            })
}
