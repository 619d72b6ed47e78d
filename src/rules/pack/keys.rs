//! Private keys, by the armour around them.

use super::{Builtin, Form, Hit, Judgement, Place, everywhere, in_lenient_places};
use crate::finding::Severity;

/// Most lines after a header that are looked at.
const BLOCK_LINES: usize = 40;
/// Lines of this many base64 characters count.
const LINE_CHARACTERS: usize = 16;
/// So many of these lines are a key, whatever follows.
const KEY_LINES: usize = 3;
/// A complete block with fewer lines has at least this many characters (an Ed25519 key has 64).
const BLOCK_CHARACTERS: usize = 60;

pub(super) static PRIVATE_KEY: Builtin = Builtin {
    id: "private-key",
    severity: Severity::Important,
    summary: "a private key in the repository",
    why: "A private key stands in the change. Whoever can read the repository, now or from its \
          history later, can act as the key's owner.",
    mend: "Take the key out of the commits that are not pushed yet, keep it outside the \
           repository (a secret store, an untracked file), and replace it by a new one if it was \
           ever pushed.",
    history: true,
    secret: true,
    reaches: everywhere,
    lowers: in_lenient_places,
    forms: &[
        Form {
            title: "private key added",
            pattern: r"-----BEGIN (?:[A-Z0-9]{1,16} ){0,3}PRIVATE KEY(?: BLOCK)?-----",
            languages: &[],
            place: Place::Anywhere,
            judge: with_key_material,
        },
        Form {
            title: "private key added",
            pattern: r"^PuTTY-User-Key-File-[23]:",
            languages: &[],
            place: Place::Anywhere,
            judge: with_key_material,
        },
    ],
    whole_file: None,
};

/// A header is in every program that reads keys; a key has lines of base64 after it.
fn with_key_material(hit: &Hit<'_>) -> Judgement {
    let rest = &hit.text[hit.range.end..];
    let mut block = Block::default();
    let mut ended = block.take(rest);
    for line in following_lines(hit) {
        if ended {
            break;
        }
        ended = block.take(line);
    }
    if block.lines >= KEY_LINES || (block.closed && block.characters >= BLOCK_CHARACTERS) {
        Judgement::Stands
    } else {
        Judgement::Passes
    }
}

#[derive(Default)]
struct Block {
    lines: usize,
    characters: usize,
    closed: bool,
}

impl Block {
    /// Counts what one line adds; true when the block is over. A key in a string literal has its
    /// line ends written out.
    fn take(&mut self, line: &[u8]) -> bool {
        let line = &line[..line.len().min(16 << 10)];
        let mut from = 0;
        let breaks = memchr::memmem::find_iter(line, b"\\n").chain([line.len()]);
        for end in breaks {
            if self.take_part(&line[from..end]) {
                return true;
            }
            from = (end + 2).min(line.len());
        }
        false
    }

    fn take_part(&mut self, part: &[u8]) -> bool {
        if memchr::memmem::find(part, b"-----END").is_some() {
            self.closed = true;
        }
        let text = trim_wrapping(part);
        let count = text.iter().take_while(|byte| is_base64(**byte)).count();
        if count == text.len() && count >= LINE_CHARACTERS {
            self.lines += 1;
            self.characters += count;
        }
        self.closed || self.lines >= KEY_LINES
    }
}

/// The part without white space, quotes, commas, concatenation and comment signs around it.
fn trim_wrapping(part: &[u8]) -> &[u8] {
    let wraps = |byte: &u8| byte.is_ascii_whitespace() || b"\"'`,;()\\#*|>.".contains(byte);
    let start = part
        .iter()
        .position(|byte| !wraps(byte) && *byte != b'+')
        .unwrap_or(part.len());
    let end = part
        .iter()
        .rposition(|byte| !wraps(byte))
        .map_or(start, |last| last + 1);
    let mut text = &part[start..end.max(start)];
    // `"…" +` : only a sign that stands apart is one, `+` is also a base64 digit.
    while let [head @ .., b'+'] = text {
        if head.last().is_some_and(|byte| wraps(byte)) {
            text = head;
            while text.last().is_some_and(&wraps) {
                text = &text[..text.len() - 1];
            }
        } else {
            break;
        }
    }
    text
}

fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=')
}

/// The lines after the hit: of the whole file if it is there, else those added right after it.
fn following_lines<'h>(hit: &'h Hit<'_>) -> Vec<&'h [u8]> {
    let file = hit.facts.file;
    let number = hit.line().no;
    if let Some(text) = file.new_text {
        let skipped = usize::try_from(number).unwrap_or(usize::MAX);
        return text
            .split(|byte| *byte == b'\n')
            .skip(skipped)
            .take(BLOCK_LINES)
            .collect();
    }
    file.added[hit.index + 1..]
        .iter()
        .zip(number + 1..)
        .take_while(|(line, expected)| line.no == *expected)
        .take(BLOCK_LINES)
        .map(|(line, _)| line.text)
        .collect()
}
