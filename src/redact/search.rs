//! One search for the words that every secret has in or beside it, then the patterns of those words on
//! that line only.
//! What the patterns are is left to `formats`, values of names to `assignments`.

use std::sync::OnceLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use regex::bytes::{Regex, RegexBuilder};

use super::Secret;
use super::assignments::{self, Surroundings};
use super::formats::{AWS_SECRET, FORMATS, Format};
use crate::credential::{AWS, TOKEN_FORMATS};
use crate::diff::RepoPath;

/// So many lines before and behind the id of an AWS key its secret half is looked for.
const BESIDE: usize = 4;

/// All patterns, and the automaton over their words. The same for every redactor.
struct Search {
    automaton: AhoCorasick,
    /// For each word of the automaton, itself if its case matters, and the index of its pattern.
    wanted_by: Vec<(Option<&'static str>, usize)>,
    patterns: Vec<Sought>,
    /// The secret half of an AWS key.
    aws_secret: Regex,
}

/// What a pattern's words announce.
enum Sought {
    Form {
        regex: Regex,
        rule: &'static str,
        judge: fn(&[u8]) -> bool,
        /// Letters, digits and `_` behind a match belong to it.
        grows: bool,
    },
    Assignment,
}

/// Adds the secrets of each line.
pub(super) fn secrets(path: &RepoPath, text: &[u8], found: &mut Vec<Secret>) {
    let search = search();
    let surroundings = Surroundings::of(path);
    // Where the line begins that a pattern was tried on last: words come in order.
    let mut tried = vec![usize::MAX; search.patterns.len()];
    let mut line = 0..0;
    let mut named = 0;
    for word in search.automaton.find_overlapping_iter(text) {
        let (exact, pattern) = search.wanted_by[word.pattern().as_usize()];
        if exact.is_some_and(|exact| exact.as_bytes() != &text[word.range()]) {
            continue;
        }
        // No word has a line feed in it.
        if word.end() > line.end {
            let start = memchr::memrchr(b'\n', &text[..word.start()]).map_or(0, |at| at + 1);
            let end =
                memchr::memchr(b'\n', &text[word.end()..]).map_or(text.len(), |at| word.end() + at);
            line = start..end;
            named = 0;
        }
        let bytes = &text[line.clone()];
        let asked = &search.patterns[pattern];
        if !matches!(asked, Sought::Assignment) {
            if tried[pattern] == line.start {
                continue;
            }
            tried[pattern] = line.start;
        }
        match asked {
            Sought::Assignment => {
                let word = word.start() - line.start..word.end() - line.start;
                let secret = assignments::secret_at(bytes, word, &mut named, surroundings);
                found.extend(secret.map(|secret| Secret {
                    range: line.start + secret.range.start..line.start + secret.range.end,
                    ..secret
                }));
            }
            Sought::Form {
                regex,
                rule,
                judge,
                grows,
            } => {
                let mut is_amazon = false;
                for captures in regex.captures_iter(bytes) {
                    let Some(value) = captures.get(1).or_else(|| captures.get(0)) else {
                        continue;
                    };
                    if !judge(value.as_bytes()) {
                        continue;
                    }
                    let rest = bytes[value.end()..].iter();
                    let more = rest
                        .take_while(|byte| {
                            *grows && (byte.is_ascii_alphanumeric() || **byte == b'_')
                        })
                        .count();
                    found.push(Secret {
                        range: line.start + value.start()..line.start + value.end() + more,
                        rule,
                    });
                    is_amazon |= *rule == AWS.rule;
                }
                if is_amazon {
                    search.beside(text, line.clone(), found);
                }
            }
        }
    }
}

impl Search {
    /// The secret half of a key stands beside its id.
    fn beside(&self, text: &[u8], line: std::ops::Range<usize>, found: &mut Vec<Secret>) {
        let start = memchr::memrchr_iter(b'\n', &text[..line.start])
            .nth(BESIDE)
            .map_or(0, |at| at + 1);
        let end = memchr::memchr_iter(b'\n', &text[line.end..])
            .nth(BESIDE)
            .map_or(text.len(), |at| line.end + at);
        // Lines without end are no place to look around in.
        let start = start.max(line.start.saturating_sub(2000));
        let end = end.min(line.end + 2000);
        for captures in self.aws_secret.captures_iter(&text[start..end]) {
            if let Some(value) = captures.get(1)
                && assignments::is_dense(value.as_bytes())
            {
                found.push(Secret {
                    range: start + value.start()..start + value.end(),
                    rule: "aws-secret-key",
                });
            }
        }
    }
}

fn search() -> &'static Search {
    static SEARCH: OnceLock<Search> = OnceLock::new();
    SEARCH.get_or_init(|| {
        let mut words: Vec<&'static str> = Vec::new();
        let mut wanted_by = Vec::new();
        let mut patterns = Vec::new();
        for format in TOKEN_FORMATS {
            words.extend(format.keywords);
            wanted_by.extend(wanted(format.keywords, patterns.len()));
            patterns.push(Sought::Form {
                regex: compiled(&without_bounds(format.pattern)),
                rule: format.rule,
                judge: |_| true,
                grows: true,
            });
        }
        for Format {
            rule,
            keywords,
            pattern,
            judge,
        } in FORMATS
        {
            words.extend(*keywords);
            wanted_by.extend(wanted(keywords, patterns.len()));
            patterns.push(Sought::Form {
                regex: compiled(pattern),
                rule,
                judge: *judge,
                grows: false,
            });
        }
        words.extend(assignments::WORDS);
        wanted_by.extend(wanted(assignments::WORDS, patterns.len()));
        patterns.push(Sought::Assignment);
        Search {
            automaton: AhoCorasick::builder()
                .kind(Some(AhoCorasickKind::DFA))
                .match_kind(MatchKind::Standard)
                .ascii_case_insensitive(true)
                .build(&words)
                .expect("the words of the table are few and short"),
            wanted_by,
            patterns,
            aws_secret: compiled(AWS_SECRET),
        }
    })
}

/// A word with a capital letter counts as it is written, any other in any case.
fn wanted(
    words: &'static [&'static str],
    pattern: usize,
) -> impl Iterator<Item = (Option<&'static str>, usize)> {
    words.iter().map(move |word| {
        let exact = word.bytes().any(|byte| byte.is_ascii_uppercase());
        (exact.then_some(*word), pattern)
    })
}

/// The tables ask for word boundaries so that nothing is a finding by accident. A token that stands in
/// a longer word is no finding, but it is still a secret; short prefixes keep their boundaries.
fn without_bounds(pattern: &str) -> String {
    if pattern.starts_with(r"\bcio") {
        return pattern.to_owned();
    }
    pattern.replace(r"\b", "")
}

/// Compiles a pattern of the tables, without Unicode.
pub(super) fn compiled(pattern: &str) -> Regex {
    RegexBuilder::new(pattern)
        .unicode(false)
        .build()
        .expect("each pattern of the tables is compiled by a test")
}
