//! Finds the lines of private keys by the armour around them, also when a patch or a page shows only
//! one end of a key, or none.
//! Keys that are one line without armour are left to `formats`.

use std::ops::Range;

use super::Secret;
use crate::credential::{is_base64, without_wrapping};

/// The word in marks.
pub(super) const RULE: &str = "private-key";
/// A line of a key has at least this many characters, its last line excepted.
const LEAST: usize = 16;
/// Lines of a key without its armour have at least this many; so have those of certificates.
const BARE: usize = 60;
/// After so many lines the armour is taken for one that does not end.
const MOST_LINES: usize = 400;
/// How the parts of a patch begin, which show each a piece of a file.
const HUNKS: [&[u8]; 2] = [b"\n@@ ", b"\ndiff --git "];
/// So many lines that are no part of a key end it.
const MOST_STRANGE: usize = 3;

/// Adds each line of a private key, without its sign, indentation, quotes and commas.
pub(super) fn secrets(text: &[u8], found: &mut Vec<Secret>) {
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    let mut edges: Vec<usize> = HUNKS
        .iter()
        .flat_map(|head| memchr::memmem::find_iter(text, *head))
        .map(|at| at + 1)
        .chain([0, text.len()])
        .collect();
    edges.sort_unstable();
    for edge in edges.windows(2) {
        part(text, edge[0]..edge[1], found);
    }
}

/// One hunk, or a text that is no patch.
fn part(text: &[u8], range: Range<usize>, found: &mut Vec<Secret>) {
    let bytes = &text[range.clone()];
    let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    let is_hunk = is_head(bytes);
    let after_head = if is_hunk {
        memchr::memchr(b'\n', bytes).map_or(bytes.len(), |at| at + 1)
    } else {
        0
    };
    let start = range.start + after_head;
    let range = start..range.start + bytes.len();
    if range.is_empty() || !may_have_key(&text[range.clone()]) {
        return;
    }
    let mut reader = Reader {
        fresh: true,
        ..Reader::default()
    };
    let mut from = range.start;
    let ends = memchr::memchr_iter(b'\n', &text[range.clone()]).map(|at| range.start + at);
    for end in ends.chain([range.end]) {
        reader.line(text, from..end, found);
        from = end + 1;
    }
    reader.end(found);
}

/// False for most texts: no armour of a private key, and no long lines where it begins or ends.
fn may_have_key(text: &[u8]) -> bool {
    let first = memchr::memchr(b'\n', text).map_or(text, |at| &text[..at]);
    let last = memchr::memrchr(b'\n', text).map_or(text, |at| &text[at + 1..]);
    let before = &text[..text.len() - last.len()];
    let before = before.strip_suffix(b"\n").unwrap_or(before);
    let before = memchr::memrchr(b'\n', before).map_or(before, |at| &before[at + 1..]);
    [first, last, before].iter().any(|line| has_long_run(line))
        || memchr::memmem::find(text, b"PRIVATE KEY").is_some()
        || memchr::memmem::find(text, b"PuTTY-User-Key").is_some()
}

fn is_head(text: &[u8]) -> bool {
    HUNKS.iter().any(|head| text.starts_with(&head[1..]))
}

/// Where the reader of a text stands.
#[derive(Default)]
struct Reader {
    inside: Option<Inside>,
    /// Pieces right before this line that could be of a key whose head is not shown.
    run: Vec<Range<usize>>,
    /// The run began where the text or a hunk begins.
    at_edge: bool,
    /// Nothing was read since the text or a hunk began.
    fresh: bool,
    /// In a certificate or a public key, which may be shown.
    public: bool,
}

/// Behind the head of a key.
struct Inside {
    lines: usize,
    strange: usize,
    /// A line of the key has been seen.
    seen: bool,
}

impl Reader {
    fn line(&mut self, text: &[u8], line: Range<usize>, found: &mut Vec<Secret>) {
        let bytes = &text[line.clone()];
        // Most lines of most texts: neither armour near nor a long word.
        if self.inside.is_none() && self.run.is_empty() && !has_long_run(bytes) && !is_armour(bytes)
        {
            self.no_piece(found);
            return;
        }
        // A key in a string literal has its line ends written out.
        let mut from = line.start;
        let breaks = memchr::memmem::find_iter(bytes, b"\\n")
            .map(|at| (line.start + at, 2))
            .chain([(line.end, 0)]);
        for (end, skip) in breaks {
            if from <= end {
                self.piece(text, from..end, found);
            }
            from = end + skip;
        }
    }

    fn piece(&mut self, text: &[u8], piece: Range<usize>, found: &mut Vec<Secret>) {
        let bytes = &text[piece.clone()];
        if let Some(head) = private_head(bytes) {
            let rest = piece.start + head..piece.end;
            self.run.clear();
            self.inside = Some(Inside {
                lines: 0,
                strange: 0,
                seen: false,
            });
            match private_foot(&text[rest.clone()]) {
                Some(foot) => {
                    same_line(text, rest.start..rest.start + foot, found);
                    self.inside = None;
                    self.no_piece(found);
                }
                None => same_line(text, rest, found),
            }
            return;
        }
        if let Some(foot) = private_foot(bytes) {
            let before = piece.start..piece.start + foot;
            if self.inside.take().is_none() {
                found.extend(self.run.drain(..).map(secret));
            }
            same_line(text, before, found);
            self.no_piece(found);
            return;
        }
        if let Some(inside) = &mut self.inside {
            inside.lines += 1;
            if let Some(range) = key_line(text, &piece, inside.seen) {
                inside.seen = true;
                inside.strange = 0;
                found.push(secret(range));
            } else if !is_between(bytes) {
                inside.strange += 1;
            }
            if inside.lines > MOST_LINES || inside.strange > MOST_STRANGE {
                self.inside = None;
            }
            return;
        }
        if memchr::memmem::find(bytes, b"-----BEGIN ").is_some() {
            self.public = true;
            self.no_piece(found);
        } else if memchr::memmem::find(bytes, b"-----END ").is_some() {
            self.public = false;
            self.run.clear();
        } else if let Some(range) =
            key_line(text, &piece, !self.run.is_empty()).filter(|_| !self.public)
        {
            self.at_edge |= self.run.is_empty() && self.fresh;
            self.fresh = false;
            self.run.push(range);
        } else {
            self.no_piece(found);
        }
    }

    /// A line that is no part of a key: what stood before it is none either, unless it was cut off.
    fn no_piece(&mut self, found: &mut Vec<Secret>) {
        if self.at_edge {
            self.take_even_run(found);
        }
        self.run.clear();
        self.at_edge = false;
        self.fresh = false;
    }

    /// The end of what is shown.
    fn end(&mut self, found: &mut Vec<Secret>) {
        self.take_even_run(found);
    }

    /// Lines of equal length that touch an edge are taken for the middle of a key.
    fn take_even_run(&mut self, found: &mut Vec<Secret>) {
        let Some((_, whole)) = self.run.split_last() else {
            return;
        };
        let width = whole.first().map_or(0, Range::len);
        if whole.len() >= 2 && width >= BARE && whole.iter().all(|line| line.len() == width) {
            found.extend(self.run.drain(..).map(secret));
        }
    }
}

/// What stands on the line of the armour itself: a long run and what is behind it, because code stands
/// there too.
fn same_line(text: &[u8], range: Range<usize>, found: &mut Vec<Secret>) {
    let mut from = range.start;
    let mut seen = false;
    let ends = text[range.clone()]
        .iter()
        .enumerate()
        .filter(|(_, byte)| !is_base64(**byte))
        .map(|(at, _)| range.start + at)
        .chain([range.end]);
    for end in ends {
        let run = from..end;
        from = end + 1;
        let long = run.len() >= 40 && text[run.clone()].iter().any(u8::is_ascii_digit);
        seen |= long;
        if long || seen && run.len() >= 4 {
            found.push(secret(run));
        }
    }
}

fn secret(range: Range<usize>) -> Secret {
    Secret { range, rule: RULE }
}

fn has_long_run(line: &[u8]) -> bool {
    line.len() >= LEAST
        && line
            .split(|byte| !is_base64(*byte))
            .any(|run| run.len() >= LEAST)
}

fn is_armour(line: &[u8]) -> bool {
    memchr::memmem::find(line, b"-----").is_some() || memchr::memmem::find(line, b"PuTTY").is_some()
}

/// Where the text after the head of a private key begins.
fn private_head(line: &[u8]) -> Option<usize> {
    if let Some(begin) = memchr::memmem::find(line, b"-----BEGIN ") {
        let rest = &line[begin..];
        let name = memchr::memmem::find(rest, b"PRIVATE KEY").filter(|at| *at < 80)?;
        let dashes = memchr::memmem::find(&rest[name..], b"-----")?;
        return Some(begin + name + dashes + 5);
    }
    memchr::memmem::find(line, b"PuTTY-User-Key-File-").map(|_| line.len())
}

/// Where the foot of a private key begins.
fn private_foot(line: &[u8]) -> Option<usize> {
    let end = memchr::memmem::find(line, b"-----END ")?;
    memchr::memmem::find(&line[end..], b"PRIVATE KEY")
        .filter(|at| *at < 80)
        .map(|_| end)
}

/// The part of a line that is of a key; behind its first line also a short one.
fn key_line(text: &[u8], piece: &Range<usize>, seen: bool) -> Option<Range<usize>> {
    let bytes = &text[piece.clone()];
    let inner = without_wrapping(bytes);
    if inner.is_empty() {
        return None;
    }
    // A sign of a patch may stand before it; `+` is also a digit of base64, and then stays outside.
    let mut start = piece.start + memchr::memmem::find(bytes, inner)?;
    let end = start + inner.len();
    if start == piece.start && inner.len() > 1 && matches!(inner[0], b'+' | b'-') {
        start += 1;
    }
    let inner = &text[start..end];
    // Folded into one line, the lines of a key have blanks between them.
    let words = inner.split(|byte| *byte == b' ');
    let longest = words.map(<[u8]>::len).max().unwrap_or(0);
    let digits = inner.iter().all(|byte| is_base64(*byte) || *byte == b' ');
    let least = if inner.contains(&b' ') { 40 } else { LEAST };
    let mixed = || inner.len() >= 40 || inner.iter().any(|byte| !byte.is_ascii_alphabetic());
    let long = longest >= least && mixed();
    let rest_of_key = seen && !inner.contains(&b' ');
    (digits && !inner.is_empty() && (long || rest_of_key)).then_some(start..end)
}

/// Lines that stand in a key and are none of it: blank ones and headers such as `Proc-Type: 4,ENCRYPTED`.
fn is_between(line: &[u8]) -> bool {
    let inner = without_wrapping(line);
    inner.is_empty() || matches!(inner, b"-" | b"+") || {
        let name = inner.split(|byte| *byte == b':').next().unwrap_or(inner);
        name.len() < inner.len()
            && name.len() <= 24
            && name
                .iter()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+'))
    }
}
