//! Cuts what a finding says into weighted tokens: segments, words, humps of identifiers, pairs.
//! What a token is worth is left to `weights`; how two bags compare, to `pairs`.

use std::collections::HashMap;
use std::sync::LazyLock;

use regex::Regex;

use super::statement::Statement;

/// How many bytes of one text are read; more is beyond any honest finding (median 900).
const TEXT_LIMIT: usize = 16 * 1024;

/// Weight of the title.
const TITLE: f64 = 3.0;
/// Weight of prose before the proposed fix.
const PROSE: f64 = 1.0;
/// Weight of the proposed fix: two agents mend one problem in different ways.
const FIX: f64 = 0.5;
/// Weight of quoted code: neighbours of a problem are quoted along with it.
const CODE: f64 = 0.3;
/// What the parts of an identifier and the pairs of neighbouring words keep of their weight.
const PART: f64 = 0.2;
/// Letters kept of a plain word; the cut is the stemmer.
const STEM: usize = 4;

/// The number of a token within one [`Vocabulary`].
pub(super) type Token = u32;

/// The tokens of one finding with their largest weight, ascending by token.
pub(super) type Bag = Vec<(Token, f64)>;

/// The tokens seen so far, numbered in the order of their first use.
#[derive(Default)]
pub(super) struct Vocabulary {
    /// How each word was read, by its spelling.
    spellings: HashMap<String, Reading>,
    words: HashMap<String, Token>,
    pairs: HashMap<(Token, Token), Token>,
    /// How to show each token.
    shown: Vec<Shown>,
    /// Where in the bag being filled each token stands: the number of the bag, the index in it.
    places: Vec<(u32, u32)>,
    bags: u32,
}

/// What one word gives.
#[derive(Clone, Default)]
struct Reading {
    /// The word itself; absent for words that are dropped.
    whole: Option<Token>,
    /// The parts of an identifier.
    parts: Vec<Token>,
}

/// How to show a token: the first word that gave it, lowercase and uncut, or its two words.
enum Shown {
    Word(String),
    Pair(Token, Token),
}

impl Vocabulary {
    /// The number of different tokens.
    pub(super) fn len(&self) -> usize {
        self.shown.len()
    }

    /// The words by which people recognise a token.
    pub(super) fn show(&self, token: Token) -> String {
        match &self.shown[token as usize] {
            Shown::Word(word) => word.clone(),
            Shown::Pair(first, second) => format!("{} {}", self.show(*first), self.show(*second)),
        }
    }

    /// Weighs the tokens of one statement; a token that occurs in several places keeps its
    /// largest weight.
    pub(super) fn weigh(&mut self, statement: &Statement<'_>) -> Bag {
        self.bags += 1;
        let mut bag = Bag::new();
        for segment in segments(statement) {
            let mut previous = None;
            for word in words(segment.text) {
                if !self.spellings.contains_key(word) {
                    let reading = self.read(word);
                    self.spellings.insert(word.to_owned(), reading);
                }
                let Reading { whole, parts } = self.spellings[word].clone();
                let Some(whole) = whole else {
                    continue;
                };
                for part in parts {
                    self.put(&mut bag, part, segment.weight * PART);
                }
                self.put(&mut bag, whole, segment.weight);
                if let Some(previous) = previous.replace(whole) {
                    let pair = self.pair(previous, whole);
                    self.put(&mut bag, pair, segment.weight * PART);
                }
            }
        }
        bag.sort_unstable_by_key(|(token, _)| *token);
        bag
    }

    fn put(&mut self, bag: &mut Bag, token: Token, weight: f64) {
        let (of_bag, index) = self.places[token as usize];
        if of_bag == self.bags {
            let known = &mut bag[index as usize].1;
            *known = known.max(weight);
        } else {
            let index = u32::try_from(bag.len()).expect("texts are bounded far below 4 GiB");
            self.places[token as usize] = (self.bags, index);
            bag.push((token, weight));
        }
    }

    fn read(&mut self, word: &str) -> Reading {
        let parts: Vec<&str> = humps(word)
            .filter(|hump| !hump.starts_with(|c: char| c.is_ascii_digit()))
            .collect();
        if parts.len() >= 2 {
            let parts = parts
                .into_iter()
                .map(str::to_ascii_lowercase)
                .filter(|part| part.len() >= 2 && !is_stop_word(part))
                .map(|part| self.word(stem(&part), &part))
                .collect();
            let name = word.to_ascii_lowercase().replace('_', "");
            return Reading {
                whole: Some(self.word(&name, &name)),
                parts,
            };
        }
        let word = word.trim_matches(|c| c == '_' || c == '$').to_lowercase();
        let dropped = word.chars().nth(1).is_none() || is_stop_word(&word);
        Reading {
            whole: (!dropped).then(|| self.word(stem(&word), &word)),
            parts: Vec::new(),
        }
    }

    fn word(&mut self, text: &str, shown: &str) -> Token {
        if let Some(token) = self.words.get(text) {
            return *token;
        }
        let token = self.number(Shown::Word(shown.to_owned()));
        self.words.insert(text.to_owned(), token);
        token
    }

    fn pair(&mut self, first: Token, second: Token) -> Token {
        if let Some(token) = self.pairs.get(&(first, second)) {
            return *token;
        }
        let token = self.number(Shown::Pair(first, second));
        self.pairs.insert((first, second), token);
        token
    }

    fn number(&mut self, shown: Shown) -> Token {
        let token = Token::try_from(self.shown.len()).expect("texts are bounded far below 4 GiB");
        self.shown.push(shown);
        self.places.push((0, 0));
        token
    }
}

/// A stretch of text whose words weigh the same; word pairs don't reach across its ends.
#[derive(Debug, PartialEq)]
struct Segment<'a> {
    text: &'a str,
    weight: f64,
}

/// The title, the runs of prose and the fences of a statement. A text without a title is a short
/// comment: no part of its prose counts as the fix.
fn segments<'a>(statement: &Statement<'a>) -> Vec<Segment<'a>> {
    let titled = !statement.title.trim().is_empty();
    let mut found = vec![Segment {
        text: bounded(statement.title),
        weight: TITLE,
    }];
    let body = bounded(statement.body);
    let mut open: Option<Fence> = None;
    let (mut start, mut at, mut prose) = (0, 0, PROSE);
    for line in body.split_inclusive('\n') {
        let end = at + line.len();
        if let Some(fence) = &open {
            if fence.is_closed_by(line) {
                found.push(Segment {
                    text: &body[start..at],
                    weight: fence.weight,
                });
                start = end;
                open = None;
            }
        } else if let Some(fence) = Fence::opened_by(line) {
            found.push(Segment {
                text: &body[start..at],
                weight: prose,
            });
            start = end;
            open = Some(fence);
        } else if titled && prose > FIX && starts_fix(line) {
            found.push(Segment {
                text: &body[start..at],
                weight: prose,
            });
            start = at;
            prose = FIX;
        }
        at = end;
    }
    found.push(Segment {
        text: &body[start..],
        weight: open.map_or(prose, |fence| fence.weight),
    });
    for effect in &statement.effects {
        found.push(Segment {
            text: bounded(effect),
            weight: PROSE,
        });
    }
    if let Some(quote) = statement.quote {
        found.push(Segment {
            text: bounded(quote),
            weight: CODE,
        });
    }
    found.retain(|segment| segment.weight > 0.0 && !segment.text.is_empty());
    found
}

/// The first bytes of a text up to the limit, cut between characters.
fn bounded(text: &str) -> &str {
    let mut end = text.len().min(TEXT_LIMIT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// An open code fence of Markdown.
struct Fence {
    mark: u8,
    length: usize,
    weight: f64,
}

impl Fence {
    fn opened_by(line: &str) -> Option<Self> {
        let line = line.trim();
        let mark = *line.as_bytes().first()?;
        let length = run(line, mark);
        if !matches!(mark, b'`' | b'~') || length < 3 {
            return None;
        }
        let info = line[length..].trim_start();
        // An inline span of three back-ticks opens nothing.
        if mark == b'`' && info.contains('`') {
            return None;
        }
        let weight = if info.starts_with("diff") { 0.0 } else { CODE };
        Some(Self {
            mark,
            length,
            weight,
        })
    }

    fn is_closed_by(&self, line: &str) -> bool {
        let line = line.trim();
        let length = run(line, self.mark);
        length >= self.length && length == line.len()
    }
}

fn run(text: &str, mark: u8) -> usize {
    text.bytes().take_while(|byte| *byte == mark).count()
}

/// Whether a line starts the part of a finding that says how to mend it.
fn starts_fix(line: &str) -> bool {
    static MARKER: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(
            r"(?i)^\s*(?:\*\*)?(?:(?:suggested|recommended|proposed)\s+)?(?:fix|suggestion|recommendation)\b[^\n:]{0,30}:",
        )
        .expect("the pattern is constant")
    });
    MARKER.is_match(line)
}

/// The words of a text: `[A-Za-z_$][A-Za-z0-9_$]*`, runs of digits, and runs of letters of other
/// scripts; of scripts without spaces each two neighbouring letters.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        rest = &rest[rest.find(|c| is_word_char(c) || is_foreign(c))?..];
        let first = rest.chars().next()?;
        let belongs = match first {
            '0'..='9' => |c: char| c.is_ascii_digit(),
            _ if is_word_char(first) => is_word_char,
            _ if is_unspaced(first) => is_unspaced,
            _ => |c: char| is_foreign(c) && !is_unspaced(c),
        };
        let mut end = rest.find(|c| !belongs(c)).unwrap_or(rest.len());
        let mut next = end;
        if is_unspaced(first) {
            next = first.len_utf8();
            end = rest[..end].char_indices().nth(2).map_or(end, |(at, _)| at);
        }
        let word = &rest[..end];
        rest = &rest[next..];
        Some(word)
    })
}

fn is_word_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '$'
}

fn is_foreign(c: char) -> bool {
    !c.is_ascii() && c.is_alphabetic()
}

/// Letters of scripts that put no spaces between words: kana and Chinese characters.
fn is_unspaced(c: char) -> bool {
    matches!(c, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{20000}'..='\u{3ffff}')
        && c.is_alphabetic()
}

/// The humps of a word: a run of capitals, an optional capital with lowercase letters, or digits;
/// a run of capitals leaves its last letter to the lowercase that follows (`HTTP`, `Server`).
fn humps(word: &str) -> impl Iterator<Item = &str> {
    let bytes = word.as_bytes();
    let span = |from: usize, is: fn(&u8) -> bool| {
        from + bytes[from..].iter().take_while(|byte| is(byte)).count()
    };
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            let start = at;
            let first = *bytes.get(start)?;
            if first.is_ascii_digit() {
                at = span(start, u8::is_ascii_digit);
            } else if first.is_ascii_lowercase() {
                at = span(start, u8::is_ascii_lowercase);
            } else if first.is_ascii_uppercase() {
                let capitals = span(start, u8::is_ascii_uppercase);
                let follows = bytes.get(capitals).is_some_and(u8::is_ascii_lowercase);
                at = match (follows, capitals - start) {
                    (false, _) => capitals,
                    (true, 1) => span(capitals, u8::is_ascii_lowercase),
                    (true, _) => capitals - 1,
                };
            } else {
                at += 1;
                continue;
            }
            return Some(&word[start..at]);
        }
    })
}

/// The first letters of a plain word; numbers and mixtures stay whole.
fn stem(word: &str) -> &str {
    match word.char_indices().nth(STEM) {
        Some((end, _)) if word.chars().all(char::is_alphabetic) => &word[..end],
        _ => word,
    }
}

/// Words that say nothing about which problem is meant: general English, and the boilerplate of
/// reviews.
const STOP_WORDS: &str = "\
    a an the of to in is and or for on with that this it its as by be are from not no at if when \
    which but so can will does do into than then only has have was were would could should may \
    might one two all any also each still same use used using uses must where while after before \
    because since both more most other another such there their they them these those here how \
    what why who i we you our your via per through without within against between about even just \
    like make makes made get gets being been very up out off over under either neither rather too \
    already now never always however therefore thus instead etc old new see add adds added need \
    needs needed \
    problem fix classification regression gap enhancement introduced severity issue finding \
    existing current currently consider line lines file code change changes changed pr commit \
    branch diff go ts js py rs";

fn is_stop_word(word: &str) -> bool {
    static SORTED: LazyLock<Vec<&str>> = LazyLock::new(|| {
        let mut words: Vec<&str> = STOP_WORDS.split_whitespace().collect();
        words.sort_unstable();
        words
    });
    SORTED.binary_search(&word).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(word: &str) -> Vec<&str> {
        humps(word).collect()
    }

    fn weights(title: &str, body: &str) -> Vec<(String, f64)> {
        let mut vocabulary = Vocabulary::default();
        let bag = vocabulary.weigh(&Statement {
            title,
            body,
            ..Statement::default()
        });
        bag.into_iter()
            .map(|(token, weight)| (vocabulary.show(token), weight))
            .collect()
    }

    fn weight(of: &[(String, f64)], word: &str) -> Option<f64> {
        of.iter().find(|(shown, _)| shown == word).map(|(_, w)| *w)
    }

    #[test]
    fn humps_follow_case_digits_and_underscores() {
        assert_eq!(split("HTTPServer"), ["HTTP", "Server"]);
        assert_eq!(split("readIndex2"), ["read", "Index", "2"]);
        assert_eq!(split("open_cache"), ["open", "cache"]);
        assert_eq!(split("RDD_CACHE_DIR"), ["RDD", "CACHE", "DIR"]);
        assert_eq!(split("Lock"), ["Lock"]);
        assert_eq!(split("$_"), [""; 0]);
    }

    #[test]
    fn words_split_at_everything_but_letters_digits_and_dollars() {
        let found: Vec<&str> = words("a.b/c-d: $x1, 42px — →").collect();
        assert_eq!(found, ["a", "b", "c", "d", "$x1", "42", "px"]);
        assert_eq!(words("").count() + words("; 。").count(), 0);
    }

    #[test]
    fn other_scripts_have_words_too() {
        let found: Vec<&str> = words("über блокировка,ロック解除 x").collect();
        assert_eq!(
            found,
            [
                "ü",
                "ber",
                "блокировка",
                "ロッ",
                "ック",
                "ク解",
                "解除",
                "除",
                "x"
            ]
        );
        let found = weights("Блокировка файла", "Утечка блокировки");
        assert_eq!(weight(&found, "блокировка"), Some(3.0), "{found:?}");
        assert_eq!(weight(&found, "утечка"), Some(1.0));
        assert_eq!(weight(&found, "блокировки"), None, "the same stem");
    }

    #[test]
    fn both_spellings_of_an_identifier_are_one_token() {
        let found = weights("openCache fails", "open_cache fails");
        assert_eq!(weight(&found, "opencache"), Some(3.0));
        assert!((weight(&found, "open").unwrap() - 0.6).abs() < 1e-12);
        assert!((weight(&found, "cache").unwrap() - 0.6).abs() < 1e-12);
        assert!((weight(&found, "opencache fails").unwrap() - 0.6).abs() < 1e-12);
    }

    #[test]
    fn the_fix_and_code_weigh_less_and_diffs_nothing() {
        let body = "alpha\n```rust\nbravo\n```\n**Suggested fix (short):** charlie\n~~~diff\n+delta\n~~~\necho\n```\nfoxtrot";
        let found = weights("golf", body);
        assert_eq!(weight(&found, "golf"), Some(3.0));
        assert_eq!(weight(&found, "alpha"), Some(1.0));
        assert_eq!(weight(&found, "bravo"), Some(0.3));
        assert_eq!(weight(&found, "charlie"), Some(0.5));
        assert_eq!(weight(&found, "delta"), None);
        assert_eq!(weight(&found, "echo"), Some(0.5));
        assert_eq!(weight(&found, "foxtrot"), Some(0.3), "unclosed fence");
        assert_eq!(weight(&found, "alpha bravo"), None, "pairs end at fences");
    }

    #[test]
    fn a_short_comment_has_no_fix_part() {
        let found = weights("", "alpha\nFix: bravo");
        assert_eq!(weight(&found, "bravo"), Some(1.0));
    }

    #[test]
    fn what_stands_apart_from_the_body_counts_as_prose_and_code() {
        let mut vocabulary = Vocabulary::default();
        let bag = vocabulary.weigh(&Statement {
            title: "alpha",
            body: "Fix: bravo",
            effects: vec!["charlie", "delta"],
            quote: Some("echo"),
            ..Statement::default()
        });
        let found: Vec<(String, f64)> = bag
            .into_iter()
            .map(|(token, weight)| (vocabulary.show(token), weight))
            .collect();
        assert_eq!(weight(&found, "charlie"), Some(1.0));
        assert_eq!(weight(&found, "delta"), Some(1.0));
        assert_eq!(weight(&found, "echo"), Some(0.3));
        assert_eq!(weight(&found, "charlie delta"), None);
    }

    #[test]
    fn words_that_merely_begin_like_the_marker_start_no_fix() {
        assert!(starts_fix("Fix: close it"));
        assert!(starts_fix("  **Recommended fix** (one line):"));
        assert!(!starts_fix("Fixtures are shared: yes"));
        assert!(!starts_fix("The fix: none"));
    }

    #[test]
    fn a_short_run_closes_no_longer_fence() {
        let found = weights("", "````\nalpha\n```\nbravo\n````\ncharlie");
        assert_eq!(weight(&found, "bravo"), Some(0.3));
        assert_eq!(weight(&found, "charlie"), Some(1.0));
    }

    #[test]
    fn endless_text_is_cut_between_characters() {
        let text = "ü".repeat(TEXT_LIMIT);
        assert_eq!(bounded(&text).len(), TEXT_LIMIT);
        let text = format!("x{text}");
        assert_eq!(bounded(&text).len(), TEXT_LIMIT - 1);
    }
}
