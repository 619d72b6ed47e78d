//! JSON for programs. What a terminal would obey or a reader could not see is escaped, so that
//! printing the JSON is as harmless as printing the report.

use std::fmt::Write as _;

use anyhow::{Context, Result};
use serde::Serialize;

use crate::page::deceives;

/// Pretty JSON with a line feed at its end.
pub(crate) fn to_json<T: Serialize>(value: &T) -> Result<Vec<u8>> {
    let mut json = serde_json::to_string_pretty(value).context("cannot write JSON")?;
    json.push('\n');
    Ok(harmless_json(&json).into_bytes())
}

/// Finished JSON with everything escaped that a terminal would obey or a reader could not see.
pub(crate) fn harmless_json(json: &str) -> String {
    let mut safe = String::with_capacity(json.len());
    for c in json.chars() {
        // Such characters can only stand inside strings, where an escape means the same.
        if c == '\x7f' || deceives(c) {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                write!(safe, "\\u{unit:04x}").expect("writing to a String cannot fail");
            }
        } else {
            safe.push(c);
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_harmless_and_means_the_same() {
        let nasty = "\x1b[31m\u{202e}\u{9b}\x7f\u{e0041} ü";
        let json = String::from_utf8(to_json(&nasty).unwrap()).unwrap();
        assert_eq!(
            json,
            "\"\\u001b[31m\\u202e\\u009b\\u007f\\udb40\\udc41 ü\"\n"
        );
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), nasty);
    }
}
