//! Runs many patterns over added lines: one search for the keywords of all of them, then each
//! candidate's own pattern on that line only.
//! What a match means is left to the caller.

use std::ops::{ControlFlow, Range};
use std::sync::Arc;

use aho_corasick::{AhoCorasick, Input, MatchKind};
use regex::bytes::{RegexSet, RegexSetBuilder};

use super::AddedLine;
use super::pattern::Pattern;

/// A longer line is searched in pieces of this many bytes …
const WINDOW: usize = 16 << 10;
/// … which share this many with their neighbour: the longest match that is surely found.
const OVERLAP: usize = 1 << 10;

/// Patterns and the automaton over their keywords. Shared between threads.
#[derive(Debug)]
pub(super) struct Engine {
    patterns: Vec<Arc<Pattern>>,
    automaton: Option<AhoCorasick>,
    /// For each keyword of the automaton, the patterns that need it.
    needed_by: Vec<Vec<usize>>,
    /// Patterns without a keyword, and one expression that matches where any of them does.
    unkeyed: Vec<usize>,
    gate: Option<RegexSet>,
}

/// One match of one pattern.
#[derive(Debug)]
pub(super) struct Match<'l> {
    /// Index of the pattern in the order given to [`Engine::new`].
    pub(super) pattern: usize,
    /// Index of the line among those given.
    pub(super) index: usize,
    /// The line, cut where the search of this piece ended.
    pub(super) text: &'l [u8],
    /// Bytes of the match in the line.
    pub(super) range: Range<usize>,
}

impl Engine {
    /// Builds the automaton over the keywords of all patterns.
    pub(super) fn new(patterns: Vec<Arc<Pattern>>) -> Self {
        let mut keywords: Vec<(&[u8], usize)> = Vec::new();
        let mut unkeyed = Vec::new();
        for (index, pattern) in patterns.iter().enumerate() {
            match &pattern.keywords {
                Some(set) => keywords.extend(set.iter().map(|word| (word.as_slice(), index))),
                None => unkeyed.push(index),
            }
        }
        keywords.sort_unstable();
        let mut words: Vec<&[u8]> = Vec::new();
        let mut needed_by: Vec<Vec<usize>> = Vec::new();
        for (word, index) in keywords {
            if words.last() != Some(&word) {
                words.push(word);
                needed_by.push(Vec::new());
            }
            if let Some(needing) = needed_by.last_mut() {
                needing.push(index);
            }
        }
        let automaton = (!words.is_empty()).then(|| {
            AhoCorasick::builder()
                .match_kind(MatchKind::Standard)
                .ascii_case_insensitive(true)
                .build(&words)
                .expect("the keywords of all rules are far fewer than 2^31 bytes")
        });
        // Over its size limit the gate is left out: slower, same findings.
        let gate = (unkeyed.len() > 1)
            .then(|| {
                RegexSetBuilder::new(unkeyed.iter().map(|index| patterns[*index].source()))
                    .unicode(false)
                    .size_limit(16 << 20)
                    .dfa_size_limit(16 << 20)
                    .build()
                    .ok()
            })
            .flatten();
        Self {
            patterns,
            automaton,
            needed_by,
            unkeyed,
            gate,
        }
    }

    /// Calls `found` for the matches of each pattern that `applies`, line by line; per line and
    /// pattern from left to right until `found` breaks. A long line may show a match twice.
    pub(super) fn scan<'l>(
        &self,
        lines: &[AddedLine<'l>],
        applies: &mut dyn FnMut(usize) -> bool,
        found: &mut dyn FnMut(Match<'l>) -> ControlFlow<()>,
    ) {
        let mut tried = Tried::new(self.patterns.len());
        for (index, line) in lines.iter().enumerate() {
            let text = without_line_end(line.text);
            for window in windows(text.len()) {
                self.scan_window(index, text, window, &mut tried, applies, found);
            }
        }
    }

    fn scan_window<'l>(
        &self,
        index: usize,
        text: &'l [u8],
        window: Range<usize>,
        tried: &mut Tried,
        applies: &mut dyn FnMut(usize) -> bool,
        found: &mut dyn FnMut(Match<'l>) -> ControlFlow<()>,
    ) {
        let piece = &text[window.clone()];
        if let Some(automaton) = &self.automaton
            && automaton.is_match(Input::new(piece).earliest(true))
        {
            tried.clear();
            for keyword in automaton.find_overlapping_iter(piece) {
                for &pattern in &self.needed_by[keyword.pattern().as_usize()] {
                    if tried.first_time(pattern) && applies(pattern) {
                        self.run(pattern, index, text, window.clone(), found);
                    }
                }
            }
        }
        if !self.unkeyed.is_empty() && self.gate.as_ref().is_none_or(|gate| gate.is_match(piece)) {
            for &pattern in &self.unkeyed {
                if applies(pattern) {
                    self.run(pattern, index, text, window.clone(), found);
                }
            }
        }
    }

    fn run<'l>(
        &self,
        pattern: usize,
        index: usize,
        line: &'l [u8],
        window: Range<usize>,
        found: &mut dyn FnMut(Match<'l>) -> ControlFlow<()>,
    ) {
        let text = &line[..window.end];
        let cut = window.end < line.len();
        let asked = &self.patterns[pattern];
        let mut from = window.start;
        while let Some(hit) = asked.regex().find_at(text, from) {
            let deceived = cut && asked.looks_ahead && hit.end() == text.len();
            from = hit.end().max(hit.start() + 1);
            if !deceived {
                let range = hit.range();
                let matched = Match {
                    pattern,
                    index,
                    text,
                    range,
                };
                if found(matched).is_break() {
                    return;
                }
            }
            if from >= text.len() {
                return;
            }
        }
    }
}

/// The line without `\n`, `\r\n` or a lone `\r` at its end.
pub(super) fn without_line_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

fn windows(len: usize) -> impl Iterator<Item = Range<usize>> {
    let mut start = Some(0);
    std::iter::from_fn(move || {
        let from = start?;
        let to = len.min(from + WINDOW);
        start = (to < len).then(|| to - OVERLAP);
        Some(from..to)
    })
}

/// Which patterns were tried on the line at hand, forgotten in constant time.
struct Tried {
    round: u32,
    last: Vec<u32>,
}

impl Tried {
    fn new(patterns: usize) -> Self {
        Self {
            round: 0,
            last: vec![0; patterns],
        }
    }

    fn clear(&mut self) {
        if self.round == u32::MAX {
            self.last.fill(0);
            self.round = 0;
        }
        self.round += 1;
    }

    fn first_time(&mut self, pattern: usize) -> bool {
        std::mem::replace(&mut self.last[pattern], self.round) != self.round
    }
}

#[cfg(test)]
mod tests;
