//! Runs many patterns over added lines: one search for the keywords of all of them, then each
//! candidate's own pattern on that line only.
//! What a match means is left to the caller.

use std::ops::{ControlFlow, Range};
use std::sync::Arc;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use regex::bytes::{RegexSet, RegexSetBuilder};

use super::AddedLine;
use super::pattern::Pattern;

/// A longer line is searched in pieces of this many bytes …
const WINDOW: usize = 16 << 10;
/// … which share this many with their neighbour: the longest match that is surely found.
const OVERLAP: usize = 1 << 10;

/// Up to so many bytes of keywords the automaton is a table: faster, 8 MB at most.
const LARGEST_TABLE: usize = 32 << 10;

/// Patterns and the automaton over their keywords. Shared between threads.
#[derive(Debug)]
pub(super) struct Engine {
    patterns: Vec<Arc<Pattern>>,
    automaton: Option<AhoCorasick>,
    /// For each keyword of the automaton, the patterns that need it.
    needed_by: Vec<Vec<usize>>,
    /// Patterns without a keyword: those that `gate` answers for on many lines at once, and those
    /// that have to see each line alone.
    gated: Vec<usize>,
    ungated: Vec<usize>,
    /// Matches wherever a gated pattern does; `None` if there is none or it would be too large.
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
        let (mut gated, mut ungated) = (Vec::new(), Vec::new());
        for (index, pattern) in patterns.iter().enumerate() {
            match &pattern.keywords {
                Some(set) => keywords.extend(set.iter().map(|word| (word.as_slice(), index))),
                None if pattern.asks_for_whole_text => ungated.push(index),
                None => gated.push(index),
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
            let size: usize = words.iter().map(|word| word.len()).sum();
            AhoCorasick::builder()
                .kind((size <= LARGEST_TABLE).then_some(AhoCorasickKind::DFA))
                .match_kind(MatchKind::Standard)
                .ascii_case_insensitive(true)
                .build(&words)
                .expect("the keywords of all rules are far fewer than 2^31 bytes")
        });
        // Over its size limit the gate is left out: slower, same findings.
        let gate = RegexSetBuilder::new(gated.iter().map(|index| patterns[*index].source()))
            .unicode(false)
            .multi_line(true)
            .size_limit(16 << 20)
            .dfa_size_limit(16 << 20)
            .build()
            .ok()
            .filter(|gate| !gate.is_empty());
        Self {
            patterns,
            automaton,
            needed_by,
            gated,
            ungated,
            gate,
        }
    }

    /// Calls `found` for the matches of each pattern that `applies`: per line and pattern from left
    /// to right until `found` breaks, the patterns with keywords of one line together. A long line
    /// may show a match twice.
    pub(super) fn scan<'l>(
        &self,
        lines: &[AddedLine<'l>],
        applies: &mut dyn FnMut(usize) -> bool,
        found: &mut dyn FnMut(Match<'l>) -> ControlFlow<()>,
    ) {
        let mut tried = Tried::new(self.patterns.len());
        let mut block = Block::default();
        for (index, line) in lines.iter().enumerate() {
            let text = without_line_end(line.text);
            if block.joined.len() + text.len() > WINDOW {
                self.scan_block(&mut block, &mut tried, applies, found);
            }
            if text.len() < WINDOW {
                block.push(index, text);
                continue;
            }
            for window in windows(text.len()) {
                block.push_window(index, text, window);
                self.scan_block(&mut block, &mut tried, applies, found);
            }
        }
        self.scan_block(&mut block, &mut tried, applies, found);
    }

    /// Searches the pieces of a block and empties it.
    fn scan_block<'l>(
        &self,
        block: &mut Block<'l>,
        tried: &mut Tried,
        applies: &mut dyn FnMut(usize) -> bool,
        found: &mut dyn FnMut(Match<'l>) -> ControlFlow<()>,
    ) {
        if let Some(automaton) = &self.automaton {
            let mut at = usize::MAX;
            for keyword in automaton.find_overlapping_iter(&block.joined) {
                let piece = block.ends.partition_point(|end| *end < keyword.end());
                if piece != at {
                    at = piece;
                    tried.clear();
                }
                for &pattern in &self.needed_by[keyword.pattern().as_usize()] {
                    if tried.first_time(pattern) && applies(pattern) {
                        self.run(pattern, &block.pieces[piece], found);
                    }
                }
            }
        }
        let may_match = |text: &[u8]| self.gate.as_ref().is_none_or(|gate| gate.is_match(text));
        let gated = !self.gated.is_empty() && may_match(&block.joined);
        for piece in &block.pieces {
            let gated = gated && may_match(&piece.text[piece.from..]);
            let gated = self.gated.iter().filter(|_| gated);
            for &pattern in self.ungated.iter().chain(gated) {
                if applies(pattern) {
                    self.run(pattern, piece, found);
                }
            }
        }
        block.clear();
    }

    fn run<'l>(
        &self,
        pattern: usize,
        piece: &Piece<'l>,
        found: &mut dyn FnMut(Match<'l>) -> ControlFlow<()>,
    ) {
        let &Piece {
            index, text, cut, ..
        } = piece;
        let asked = &self.patterns[pattern];
        let mut from = piece.from;
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

/// A line, or a window of a long one.
#[derive(Debug)]
struct Piece<'l> {
    /// Index of the line among those given.
    index: usize,
    /// The line up to the end of the window.
    text: &'l [u8],
    /// Where the window begins.
    from: usize,
    /// The line goes on after the window.
    cut: bool,
}

/// Pieces that are searched for keywords in one go, because a search per line costs more than the
/// bytes of most lines.
#[derive(Debug, Default)]
struct Block<'l> {
    pieces: Vec<Piece<'l>>,
    /// The pieces with a line feed after each.
    joined: Vec<u8>,
    /// Where each piece ends in `joined`.
    ends: Vec<usize>,
}

impl<'l> Block<'l> {
    fn push(&mut self, index: usize, text: &'l [u8]) {
        self.push_window(index, text, 0..text.len());
    }

    fn push_window(&mut self, index: usize, line: &'l [u8], window: Range<usize>) {
        self.joined.extend_from_slice(&line[window.clone()]);
        self.ends.push(self.joined.len());
        self.joined.push(b'\n');
        self.pieces.push(Piece {
            index,
            text: &line[..window.end],
            from: window.start,
            cut: window.end < line.len(),
        });
    }

    fn clear(&mut self) {
        self.pieces.clear();
        self.joined.clear();
        self.ends.clear();
    }
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
