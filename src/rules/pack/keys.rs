//! Private keys, by the armour around them.
//! Tokens are in `tokens`.

use std::borrow::Cow;

use super::{Builtin, Form, Hit, Judgement, Place, everywhere, in_lenient_places};
use crate::credential::{is_base64, without_wrapping};
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

/// Returns the text without what follows the header of a private key in it.
pub(super) fn mask_keys(text: &[u8]) -> Cow<'_, [u8]> {
    const HEADER_END: &[u8] = b"PRIVATE KEY";
    let Some(header) = memchr::memmem::find(text, b"-----BEGIN ")
        .and_then(|start| Some(start + memchr::memmem::find(&text[start..], HEADER_END)?))
    else {
        return Cow::Borrowed(text);
    };
    let kept = text.len().min(header + HEADER_END.len() + "-----".len());
    if kept == text.len() {
        return Cow::Borrowed(text);
    }
    Cow::Owned([&text[..kept], "…".as_bytes()].concat())
}

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
        let text = without_wrapping(part);
        let count = text.iter().take_while(|byte| is_base64(**byte)).count();
        if count == text.len() && count >= LINE_CHARACTERS {
            self.lines += 1;
            self.characters += count;
        }
        self.closed || self.lines >= KEY_LINES
    }
}

/// The lines after the hit: of the whole file if it is there, else those added right after it.
fn following_lines<'h>(hit: &'h Hit<'_>) -> Vec<&'h [u8]> {
    let file = hit.facts.file;
    let number = hit.line().no;
    if file.new_text.is_some() {
        return (number + 1..)
            .map_while(|number| hit.facts.line(number))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diff::{Mode, RepoPath};
    use crate::rules::tests::{found, pack};
    use crate::rules::{AddedLine, FileUnderReview};

    /// The armour is put together here so that no scanner takes this file for a key.
    fn armour(what: &str, kind: &str) -> String {
        let rule = "-".repeat(5);
        format!("{rule}{what} {kind}{} KEY{rule}", "PRIVATE")
    }

    fn material(lines: usize) -> Vec<String> {
        (0..lines)
            .map(|line| {
                let digest = blake3::hash(&line.to_le_bytes()).to_hex().to_string();
                digest.to_uppercase()
            })
            .collect()
    }

    fn key(kind: &str, lines: usize, join: &str) -> String {
        let body = material(lines).join(join);
        let (head, foot) = (armour("BEGIN", kind), armour("END", kind));
        format!("{head}{join}{body}{join}{foot}\n")
    }

    #[test]
    fn keys_are_important_and_in_tests_suggestions() {
        for kind in ["", "RSA ", "EC ", "OPENSSH ", "ENCRYPTED "] {
            let text = key(kind, 4, "\n");
            let expected = |severity| vec![("private-key".to_owned(), 1, severity)];
            assert_eq!(
                found("deploy/id", &text),
                expected(Severity::Important),
                "{kind}"
            );
            for path in [
                "tests/id",
                "a/fixtures/k.pem",
                "examples/k.pem",
                "docs/k.md",
            ] {
                assert_eq!(found(path, &text), expected(Severity::Suggestion), "{path}");
            }
        }
    }

    #[test]
    fn keys_in_literals_settings_and_short_blocks_are_found() {
        let written_out = format!("{{\"private_key\": \"{}\"}}", key("", 4, "\\n").trim_end());
        let indented = key("RSA ", 4, "\n    ");
        let quoted = key("RSA ", 4, "\" +\n  \"");
        // One line of 64 digits, as an Ed25519 key has it.
        let short = key("", 1, "\n");
        let with_headers = key("RSA ", 3, "\n").replacen('\n', "\nProc-Type: 4,ENCRYPTED\n\n", 1);
        for text in [written_out, indented, quoted, short, with_headers] {
            assert_eq!(found("a.cfg", &text).len(), 1, "{text}");
        }
        let putty = format!("PuTTY-User-Key-File-3: x\n{}\n", material(4).join("\n"));
        assert_eq!(found("k.ppk", &putty).len(), 1);
    }

    #[test]
    fn headers_without_a_key_and_public_keys_are_none() {
        let head = armour("BEGIN", "RSA ");
        for text in [
            format!("if text.starts_with(\"{head}\") {{\n    read(text)\n}}\n"),
            format!("{head}\nMIIE...\n"),
            format!("{head}\n{}\nnot a key\n", material(2).join("\n")),
            key("", 4, "\n").replace("PRIVATE", "PUBLIC"),
            format!("{}\n", material(9).join("\n")),
        ] {
            assert_eq!(found("a.rs", &text), [], "{text}");
        }
    }

    #[test]
    fn without_the_file_only_adjoining_added_lines_count() {
        let text = key("", 4, "\n");
        let lines: Vec<&[u8]> = text.as_bytes().split(|byte| *byte == b'\n').collect();
        let scan = |numbers: &[u32]| {
            let added: Vec<AddedLine<'_>> = numbers
                .iter()
                .zip(&lines)
                .map(|(no, text)| AddedLine { no: *no, text })
                .collect();
            let file = FileUnderReview {
                path: &RepoPath::from("id"),
                mode: Mode::Regular,
                old_mode: Some(Mode::Regular),
                added: &added,
                new_text: None,
                old_text: None,
            };
            pack().scan(&file).len()
        };
        assert_eq!(scan(&[7, 8, 9, 10, 11, 12]), 1);
        assert_eq!(scan(&[7, 9, 11, 13, 15, 17]), 0);
    }

    #[test]
    fn the_key_is_not_shown() {
        let one_line = format!("k = \"{}\"\n", key("", 4, "\\n").trim_end());
        let found = crate::rules::tests::scan_text(pack(), "a.py", one_line.as_bytes());
        let shown = format!("{found:?}");
        for line in material(4) {
            assert!(!shown.contains(&line[..12]), "{shown}");
        }
    }
}
