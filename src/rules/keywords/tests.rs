//! Keywords of known patterns, and of many made ones: each match must contain one.

use aho_corasick::AhoCorasick;
use regex::bytes::RegexBuilder;

use super::super::pattern::parse;
use super::required_keywords;

fn keywords(pattern: &str) -> Option<Vec<String>> {
    let set = required_keywords(&parse(pattern, false).unwrap())?;
    Some(
        set.into_iter()
            .map(|word| String::from_utf8_lossy(&word).into_owned())
            .collect(),
    )
}

#[test]
fn keywords_of_patterns_people_write() {
    let words = |list: &[&str]| Some(list.iter().map(ToString::to_string).collect::<Vec<_>>());
    assert_eq!(keywords("foo"), words(&["foo"]));
    assert_eq!(keywords("(?i)Foo"), words(&["foo"]));
    assert_eq!(keywords(r"\.Reason\s*=="), words(&[".reason"]));
    assert_eq!(
        keywords(r"\b(?:gr[ae]y|white)\b"),
        words(&["gray", "grey", "white"])
    );
    assert_eq!(keywords("^<{7}( |$)"), words(&["<<<<<<<", "<<<<<<< "]));
    assert_eq!(keywords("x{3,}y"), words(&["xxx"]));
    assert_eq!(keywords("(abc)+"), words(&["abc"]));
    assert_eq!(keywords("ab?cdef"), words(&["abcdef", "acdef"]));
    assert_eq!(keywords("[a-z]+secret[a-z]+password"), words(&["password"]));
    // A folded `k` is also the Kelvin sign, whose bytes are other ones.
    assert_eq!(keywords("(?iu)kelv"), words(&["kelv", "\u{212a}elv"]));
    assert_eq!(
        keywords(r"(?-u:\xE2\x81[\xA6\xA7])").map(|set| set.len()),
        Some(2)
    );
}

#[test]
fn patterns_without_a_common_literal_have_no_keywords() {
    for pattern in [
        "[a-z]+",
        "ab",
        "foo|b.r",
        "(foo)?",
        "(?:foo|)x",
        ".*",
        r"\d{4}-\d{2}",
        "f.o.o",
    ] {
        assert_eq!(keywords(pattern), None, "{pattern}");
    }
}

/// A small generator: the same numbers in each run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % limit
    }

    /// A pattern over few letters, so that texts of the same letters often match it.
    fn pattern(&mut self, depth: u32) -> String {
        if depth == 0 {
            let atoms = [
                "a", "b", "c", "k", "A", "ab", "abc", "kba", "[ab]", "[^a]", ".", "\\b", "ä",
                "\\xE2",
            ];
            return atoms[self.below(atoms.len())].to_owned();
        }
        match self.below(7) {
            0 => format!(
                "(?:{}|{})",
                self.pattern(depth - 1),
                self.pattern(depth - 1)
            ),
            1 => {
                let counts = ["*", "+", "?", "{2}", "{1,3}", "{3,}", "{0,2}", "+?"];
                let count = counts[self.below(counts.len())];
                format!("(?:{}){count}", self.pattern(depth - 1))
            }
            2 => format!("({})", self.pattern(depth - 1)),
            3 => {
                let flags = ["i", "iu", "u", "-u", "s"];
                let flag = flags[self.below(flags.len())];
                // Without Unicode a letter like ä can't stand in a class, but as a literal it can.
                format!("(?{flag}:{})", self.pattern(depth - 1))
            }
            _ => format!("{}{}", self.pattern(depth - 1), self.pattern(depth - 1)),
        }
    }

    fn text(&mut self) -> Vec<u8> {
        let parts = [
            "a", "b", "c", "k", "A", "B", "K", "ab", "abc", "kba", "\u{212a}", "ä", "Ä", " ",
        ];
        let mut text = Vec::new();
        for _ in 0..self.below(24) {
            match self.below(30) {
                0 => text.push(0xE2),
                1 => text.push(0xFF),
                other => text.extend_from_slice(parts[other % parts.len()].as_bytes()),
            }
        }
        text
    }
}

#[test]
fn each_match_contains_a_keyword() {
    let mut numbers = Numbers(7);
    let (mut keyed, mut matched) = (0, 0);
    for _ in 0..1_200 {
        let depth = 2 + u32::try_from(numbers.below(4)).unwrap();
        let pattern = numbers.pattern(depth);
        let Ok(hir) = parse(&pattern, false) else {
            continue;
        };
        let Some(words) = required_keywords(&hir) else {
            continue;
        };
        let Ok(regex) = RegexBuilder::new(&pattern).unicode(false).build() else {
            continue;
        };
        keyed += 1;
        let automaton = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .build(&words)
            .unwrap();
        for _ in 0..40 {
            let text = numbers.text();
            if let Some(found) = regex.find(&text) {
                matched += 1;
                assert!(
                    automaton.is_match(found.as_bytes()),
                    "{pattern} matches {:?} without one of {words:?}",
                    String::from_utf8_lossy(found.as_bytes())
                );
            }
        }
    }
    assert!(
        keyed > 150 && matched > 500,
        "{keyed} patterns, {matched} matches"
    );
}
