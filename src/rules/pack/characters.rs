//! Characters that deceive the reader: they turn text around, can't be seen, or look like others.
//! Characters that break programs are left to their compilers.

use super::{
    Builtin, Form, Hit, Judgement, Place, everywhere, in_lenient_places, in_own_code, stands,
};
use crate::finding::Severity;
use crate::rules::paths::{PathKind, is_code, is_document};
use crate::rules::scan::FileFacts;

/// No name that people read is longer, in bytes.
const LONGEST_NAME: usize = 256;
/// The letters of [`LOOKALIKE`].
const LOOKALIKES: &str = "ЅІЈАВЕКМНОРСТУХаеорсухѕіјһԁΑΒΕΖΗΙΚΜΝΟΡΤΥΧο";

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

pub(super) static HOMOGLYPH_IDENTIFIER: Builtin = Builtin {
    id: "homoglyph-identifier",
    severity: Severity::Important,
    summary: "Cyrillic or Greek letters that look like the Latin ones of the same name",
    why: "A name of Latin letters has a Cyrillic or Greek one in it that looks the same. It is \
          another name than the one it looks like, so it can call or shadow what the reader does \
          not expect.",
    mend: "Write the name in letters of one alphabet.",
    history: false,
    reaches: in_own_programs,
    lowers: in_lenient_places,
    forms: &[Form {
        title: "letters of two alphabets that look alike in one name",
        pattern: LOOKALIKE,
        languages: &[],
        place: Place::Code,
        judge: among_latin_letters,
    }],
    whole_file: None,
};

/// UTF-8 of letters that look like Latin ones: of Cyrillic Ѕ І Ј А В Е К М Н О Р С Т У Х а е о р с
/// у х ѕ і ј һ ԁ, of Greek Α Β Ε Ζ Η Ι Κ Μ Ν Ο Ρ Τ Υ Χ ο.
const LOOKALIKE: &str = r"(?-u:\xD0[\x85\x86\x88\x90\x92\x95\x9A\x9C-\x9E\xA0-\xA3\xA5\xB0\xB5\xBE]|\xD1[\x80\x81\x83\x85\x95\x96\x98]|\xD2\xBB|\xD4\x81|\xCE[\x91\x92\x95-\x97\x99\x9A\x9C\x9D\x9F\xA1\xA4\xA5\xA7\xBF])";

fn in_own_programs(facts: &FileFacts<'_>) -> bool {
    in_own_code(facts) && is_code(facts.file.path)
}

/// A name that has Latin letters beside the match, and of other letters only those that look like
/// Latin ones: a name in Russian with a Latin prefix has others too.
fn among_latin_letters(hit: &Hit<'_>) -> Judgement {
    let in_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_' || !byte.is_ascii();
    let before = &hit.text[..hit.range.start];
    let start = before
        .iter()
        .rposition(|byte| !in_word(byte))
        .map_or(0, |at| at + 1);
    let after = &hit.text[hit.range.end..];
    let length = after
        .iter()
        .position(|byte| !in_word(byte))
        .unwrap_or(after.len());
    let has_latin_beside = before.last().is_some_and(u8::is_ascii_alphabetic)
        || after.first().is_some_and(u8::is_ascii_alphabetic);
    let word = &hit.text[start..hit.range.end + length];
    if !has_latin_beside || word.len() > LONGEST_NAME {
        return Judgement::Passes;
    }
    let looks_latin = |letter: char| letter.is_ascii() || LOOKALIKES.contains(letter);
    match std::str::from_utf8(word) {
        Ok(word) if word.chars().all(looks_latin) => Judgement::Stands,
        _ => Judgement::Passes,
    }
}

fn in_documents(facts: &FileFacts<'_>, _: PathKind) -> bool {
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
    fn the_pattern_and_the_list_of_lookalikes_agree() {
        let regex = regex::bytes::RegexBuilder::new(LOOKALIKE)
            .unicode(false)
            .build()
            .unwrap();
        let matched: String = ('\u{370}'..'\u{530}')
            .filter(|letter| regex.is_match(letter.to_string().as_bytes()))
            .collect();
        let mut listed: Vec<char> = LOOKALIKES.chars().collect();
        listed.sort_unstable();
        assert_eq!(matched, listed.into_iter().collect::<String>());
    }

    #[test]
    fn names_of_two_alphabets_that_look_alike_are_important() {
        let expected = ("homoglyph-identifier".to_owned(), Severity::Important);
        for letter in LOOKALIKES.chars() {
            for name in [
                format!("is{letter}dmin"),
                format!("{letter}dmin"),
                format!("log_i{letter}"),
            ] {
                let found = severities("src/a.py", &format!("if {name}(x):\n"));
                assert_eq!(found, std::slice::from_ref(&expected), "{name}");
            }
        }
        for line in [
            "x = Δx + μs",
            "idСотрудника = 1",
            "имя = 1",
            "# раypal",
            "s = 'раypal'",
            "Δ = Ο",
            "naïve = 1",
        ] {
            assert_eq!(found("src/a.py", line), [], "{line}");
        }
        assert_eq!(found("a.md", "раypal"), []);
    }

    #[test]
    fn a_byte_order_mark_may_lead_the_file() {
        assert_eq!(found("src/a.cs", "\u{feff}using System;\n"), []);
        assert_eq!(found("src/a.cs", "x\n\u{feff}using System;\n").len(), 1);
    }
}
