//! Characters that deceive the reader: they turn text around, can't be seen, or look like others.
//! Characters that break programs are left to their compilers.

use super::{
    Builtin, Form, Hit, Judgement, Place, everywhere, in_lenient_places, in_own_code, stands,
};
use crate::finding::Severity;
use crate::rules::paths::is_document;
use crate::rules::scan::FileFacts;

pub(super) static BIDI_CONTROL: Builtin = Builtin {
    id: "bidi-control",
    severity: Severity::Important,
    summary: "characters that change the direction of text, so that code reads other than it runs",
    why: "The line has a character that turns the direction of the text after it (U+202A to \
          U+202E, U+2066 to U+2069). What the reviewer sees is then not what the compiler reads; \
          CVE-2021-42574 describes such attacks.",
    mend: "Delete the character, or write it as an escape sequence where a program needs it.",
    history: false,
    reaches: everywhere,
    lowers: in_documents,
    forms: &[Form {
        title: "bidirectional control character in the line",
        // UTF-8 of U+202A-202E and U+2066-2069.
        pattern: r"(?-u:\xE2\x80[\xAA-\xAE]|\xE2\x81[\xA6-\xA9])",
        languages: &[],
        place: Place::Anywhere,
        judge: stands,
    }],
    whole_file: None,
};

pub(super) static INVISIBLE_CHARACTER: Builtin = Builtin {
    id: "invisible-character",
    severity: Severity::Important,
    summary: "characters that can't be seen, in code or settings",
    why: "The line has a character that shows as nothing. Two names that look alike are then \
          different, a comparison fails for no visible reason, or a text hides what a program \
          reads.",
    mend: "Delete the character, or write it as an escape sequence where a program needs it.",
    history: false,
    reaches: in_own_code,
    lowers: in_lenient_places,
    forms: &[
        Form {
            title: "invisible tag character in the line",
            // UTF-8 of U+E0000-E007F.
            pattern: r"(?-u:\xF3\xA0[\x80\x81][\x80-\xBF])",
            languages: &[],
            place: Place::Anywhere,
            judge: unless_flag,
        },
        Form {
            title: "invisible character in the line",
            // UTF-8 of U+00AD soft hyphen, U+200B zero width space, U+2060-2064 word joiner and
            // invisible operators, U+FEFF, U+115F, U+1160, U+3164 and U+FFA0 Hangul fillers.
            pattern: r"(?-u:\xC2\xAD|\xE2\x80\x8B|\xE2\x81[\xA0-\xA4]|\xEF\xBB\xBF|\xE1\x85[\x9F\xA0]|\xE3\x85\xA4|\xEF\xBE\xA0)",
            languages: &[],
            place: Place::Anywhere,
            judge: unless_leading_mark,
        },
    ],
    whole_file: None,
};

fn in_documents(facts: &FileFacts<'_>) -> bool {
    is_document(facts.file.path)
}

/// Flags of regions are a black flag (U+1F3F4) and its letters in tag characters.
fn unless_flag(hit: &Hit<'_>) -> Judgement {
    let mut before = &hit.text[..hit.range.start];
    while let [rest @ .., 0xF3, 0xA0, 0x80 | 0x81, 0x80..=0xBF] = before {
        before = rest;
    }
    if before.ends_with("\u{1F3F4}".as_bytes()) {
        Judgement::Passes
    } else {
        Judgement::Stands
    }
}

fn unless_leading_mark(hit: &Hit<'_>) -> Judgement {
    let leading = hit.line().no == 1 && hit.range.start == 0;
    if leading && hit.matched() == "\u{FEFF}".as_bytes() {
        Judgement::Passes
    } else {
        Judgement::Lowered("such characters are often typed by accident and seldom do harm")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::tests::found;

    fn severities(path: &str, text: &str) -> Vec<(String, Severity)> {
        found(path, text)
            .into_iter()
            .map(|(rule, _, severity)| (rule, severity))
            .collect()
    }

    #[test]
    fn each_direction_control_is_important_but_in_documents() {
        for control in ('\u{202a}'..='\u{202e}').chain('\u{2066}'..='\u{2069}') {
            let line = format!("if a /*{control}*/ {{\n");
            for path in [
                "src/a.c",
                "tests/a.py",
                "docs/a.js",
                ".github/workflows/ci.yml",
            ] {
                let expected = ("bidi-control".to_owned(), Severity::Important);
                assert_eq!(severities(path, &line), [expected], "{control:?} in {path}");
            }
            let expected = ("bidi-control".to_owned(), Severity::Suggestion);
            assert_eq!(severities("docs/a.md", &line), [expected]);
        }
        for other in ['\u{2029}', '\u{202f}', '\u{2065}', '\u{206a}', 'ä', '一'] {
            assert_eq!(found("src/a.c", &format!("x{other}y")), [], "{other:?}");
        }
    }

    #[test]
    fn tag_characters_are_important_and_flags_are_not() {
        let tag = ("invisible-character".to_owned(), Severity::Important);
        let hidden: String = "ignore"
            .chars()
            .map(|c| char::from_u32(0xE0000 + c as u32).unwrap())
            .collect();
        assert_eq!(severities("src/a.py", &format!("x = 1 # {hidden}")), [tag]);
        let region: String = "gbsct\u{7f}"
            .chars()
            .map(|c| char::from_u32(0xE0000 + c as u32).unwrap())
            .collect();
        assert_eq!(found("src/a.py", &format!("x = '\u{1f3f4}{region}'")), []);
    }

    #[test]
    fn other_invisible_characters_are_suggestions_in_code_only() {
        for hidden in [
            '\u{200b}', '\u{2060}', '\u{ad}', '\u{115f}', '\u{3164}', '\u{ffa0}', '\u{feff}',
        ] {
            let line = format!("const a{hidden} = 1\n");
            let expected = ("invisible-character".to_owned(), Severity::Suggestion);
            assert_eq!(severities("src/a.js", &line), [expected], "{hidden:?}");
            assert_eq!(found("docs/a.md", &line), []);
            assert_eq!(found("vendor/a.js", &line), []);
        }
        // The joiner holds emoji together.
        assert_eq!(found("src/a.js", "x = '👩\u{200d}💻'"), []);
    }

    #[test]
    fn a_byte_order_mark_may_lead_the_file() {
        assert_eq!(found("src/a.cs", "\u{feff}using System;\n"), []);
        assert_eq!(found("src/a.cs", "x\n\u{feff}using System;\n").len(), 1);
    }
}
