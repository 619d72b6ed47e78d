//! A path inside the repository, as Git has it: bytes, `/` between the parts, any encoding.
//! How it is shown to people without harm is left to `ui`.

use std::borrow::Cow;
use std::fmt::{self, Write as _};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// Path bytes that order like Git's index and survive JSON: a path that is not UTF-8, or that
/// starts with a double quote, is written C-quoted as Git prints it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(crate) struct RepoPath(Vec<u8>);

impl RepoPath {
    /// Takes the bytes as they are.
    pub(crate) fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(bytes.into())
    }

    /// The bytes as Git has them.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The text of the path; bytes that are not UTF-8 become U+FFFD. For matching and showing,
    /// never for reading.
    pub(crate) fn to_str_lossy(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.0)
    }

    /// The last part of the path.
    pub(crate) fn file_name(&self) -> &[u8] {
        self.0
            .rsplit(|byte| *byte == b'/')
            .next()
            .unwrap_or(&self.0)
    }

    /// The reversible text form: the path itself, or C-quoted.
    pub(crate) fn to_quoted(&self) -> Cow<'_, str> {
        match std::str::from_utf8(&self.0) {
            Ok(text) if !text.starts_with('"') && !text.chars().any(char::is_control) => {
                Cow::Borrowed(text)
            }
            _ => Cow::Owned(c_quote(&self.0)),
        }
    }

    /// Reads what [`RepoPath::to_quoted`] wrote; `None` for a broken quotation.
    pub(crate) fn from_quoted(text: &str) -> Option<Self> {
        match text.strip_prefix('"') {
            None => Some(Self(text.as_bytes().to_vec())),
            Some(rest) => c_unquote(rest.strip_suffix('"')?).map(Self),
        }
    }
}

impl From<&str> for RepoPath {
    fn from(text: &str) -> Self {
        Self(text.as_bytes().to_vec())
    }
}

impl fmt::Debug for RepoPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.to_quoted(), f)
    }
}

impl Serialize for RepoPath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_quoted())
    }
}

impl<'de> Deserialize<'de> for RepoPath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::from_quoted(&text).ok_or_else(|| D::Error::custom("broken quoted path"))
    }
}

fn c_quote(bytes: &[u8]) -> String {
    let mut quoted = String::with_capacity(bytes.len() + 2);
    quoted.push('"');
    for byte in bytes {
        match byte {
            b'"' => quoted.push_str("\\\""),
            b'\\' => quoted.push_str("\\\\"),
            b'\n' => quoted.push_str("\\n"),
            b'\t' => quoted.push_str("\\t"),
            0x20..=0x7e => quoted.push(char::from(*byte)),
            other => {
                write!(quoted, "\\{other:03o}").expect("writing to a String cannot fail");
            }
        }
    }
    quoted.push('"');
    quoted
}

fn c_unquote(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        rest = tail;
        if *first != b'\\' {
            bytes.push(*first);
            continue;
        }
        let (escape, tail) = rest.split_first()?;
        rest = tail;
        match escape {
            b'n' => bytes.push(b'\n'),
            b't' => bytes.push(b'\t'),
            b'"' | b'\\' => bytes.push(*escape),
            b'0'..=b'3' => {
                let digits = [*escape, *rest.first()?, *rest.get(1)?];
                rest = &rest[2..];
                let octal = std::str::from_utf8(&digits).ok()?;
                bytes.push(u8::from_str_radix(octal, 8).ok()?);
            }
            _ => return None,
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_survives_json() {
        let all: Vec<u8> = (1..=255).collect();
        for path in [
            RepoPath::from("a b/ü.rs"),
            RepoPath::from("\"q\""),
            RepoPath::from("back\\slash"),
            RepoPath::new(all),
        ] {
            let json = serde_json::to_string(&path).unwrap();
            assert_eq!(serde_json::from_str::<RepoPath>(&json).unwrap(), path);
        }
    }
}
