//! Puts text of the repository between markers with a number that nobody could know before.
//! What the markers mean is said in the templates.

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt::Write as _;

use super::BriefError;

/// Hexadecimal digits of the number.
const DIGITS: usize = 32;

/// The markers of one run.
pub(super) struct Boundary<'n> {
    nonce: &'n str,
    forged: Cell<bool>,
}

impl<'n> Boundary<'n> {
    /// Takes the number, 32 hexadecimal digits.
    pub(super) fn new(nonce: &'n str) -> Result<Self, BriefError> {
        if nonce.len() != DIGITS || !nonce.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(BriefError::Nonce);
        }
        Ok(Self {
            nonce,
            forged: Cell::new(false),
        })
    }

    /// The text between markers, in lines of its own. Kind and id are our own words.
    pub(super) fn data(&self, kind: &str, id: &str, text: &str) -> String {
        self.check(text);
        let nonce = self.nonce;
        let space = if id.is_empty() { "" } else { " " };
        let text = visible(text);
        let end = if text.is_empty() || text.ends_with('\n') {
            ""
        } else {
            "\n"
        };
        format!("<<<data {nonce} {kind}{space}{id}\n{text}{end}>>>data {nonce}\n")
    }

    /// Notes if the number stands in a text that goes into a file of its own.
    pub(super) fn check(&self, text: &str) {
        if memchr::memmem::find(text.as_bytes(), self.nonce.as_bytes()).is_some() {
            self.forged.set(true);
        }
    }

    /// True if some text had the number in it.
    pub(super) fn is_forged(&self) -> bool {
        self.forged.get()
    }
}

/// The text with characters that hide or reorder others written out, as `\u{202e}`.
pub(super) fn visible(text: &str) -> Cow<'_, str> {
    if !text.contains(deceives) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if deceives(c) {
            write!(shown, "\\u{{{:x}}}", u32::from(c)).expect("writing to a String cannot fail");
        } else {
            shown.push(c);
        }
    }
    Cow::Owned(shown)
}

/// Control characters but tabs and line ends, directions, joiners and tags.
fn deceives(c: char) -> bool {
    match c {
        '\n' | '\t' | '\r' => false,
        '\u{ad}'
        | '\u{61c}'
        | '\u{115f}'..='\u{1160}'
        | '\u{180e}'
        | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{3164}'
        | '\u{feff}'
        | '\u{ffa0}'
        | '\u{e0000}'..='\u{e0fff}' => true,
        other => other.is_control(),
    }
}
