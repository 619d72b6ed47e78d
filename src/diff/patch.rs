//! The patch of one changed file: its hunks over the old and new text, as `git diff` cuts them.
//! Reading the two texts and comparing their lines is left to `git`; nothing here does I/O.

use std::ops::Range;
use std::sync::Arc;

use super::ordinal::ordinals;
use super::{Oid, Origin, Side};

/// Lines of context around a change; Git's default.
const CONTEXT: u32 = 3;

/// The longest section heading, in bytes; Git's limit.
const HEADING_BYTES: usize = 80;

/// How one file changed.
#[derive(Debug)]
pub(crate) struct Patch {
    /// The change of the content.
    pub(crate) content: Content,
    /// How many hexadecimal digits name the old and the new object uniquely; `None` unless asked
    /// for when reading.
    pub(crate) id_digits: Option<IdDigits>,
}

/// How many hexadecimal digits of an object id `git diff` prints on the `index` line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct IdDigits {
    /// Of the base side's object.
    pub(crate) old: usize,
    /// Of the head side's object.
    pub(crate) new: usize,
    /// Of the null id that stands for a side that is not there.
    pub(crate) null: usize,
}

/// The change of a file's content.
#[derive(Debug)]
pub(crate) enum Content {
    /// Lines. A symlink counts as one line with its target, a submodule as one with its commit; a
    /// pure rename or change of mode has no hunks, and its texts are not read.
    Text(TextPatch),
    /// A zero byte within the first 8000 bytes of either side, as Git decides without attributes.
    Binary,
    /// The content could not be read or is too large to be reviewed.
    Unreadable(Unreadable),
}

/// Why a content is not there to be reviewed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unreadable {
    /// The repository does not have the object: a partial clone or a damaged one.
    #[error("object {0} is missing: fetch it")]
    Missing(Oid),
    /// The object does not decode, is of another kind, or its content does not fit its id.
    #[error("object {0} is damaged")]
    Damaged(Oid),
    /// A file of the work tree, or a submodule's commit, could not be read, for this reason.
    #[error("{0}")]
    Unread(Arc<str>),
    /// A text over the limit.
    #[error("{bytes} bytes of text, over `review.max_file_size` ({limit})")]
    TooLarge {
        /// The larger side.
        bytes: u64,
        /// What was allowed.
        limit: u64,
    },
}

/// A run of old lines replaced by a run of new lines; zero-based line numbers, either may be empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Replacement {
    /// Lines of the old text.
    pub(crate) old: Range<u32>,
    /// Lines of the new text.
    pub(crate) new: Range<u32>,
}

/// What a comparison of two texts by lines found.
#[derive(Debug, Default)]
pub(crate) struct LineDiff {
    /// The differences, in order.
    pub(crate) replacements: Vec<Replacement>,
    /// A number per line of the old text; equal lines, line ends included, have equal numbers.
    pub(crate) old_tokens: Vec<u32>,
}

/// A stretch of changes with its context; line numbers as `git diff` prints them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Hunk {
    /// First old line, from 1; the line before if `old_len` is 0.
    pub(crate) old_start: u32,
    /// Number of old lines.
    pub(crate) old_len: u32,
    /// First new line, from 1; the line before if `new_len` is 0.
    pub(crate) new_start: u32,
    /// Number of new lines.
    pub(crate) new_len: u32,
    /// How many pre-images equal to this one's start earlier in the old text.
    pub(crate) ordinal: u32,
    /// Bytes of the old text that Git shows as the section heading; empty for none.
    heading: Range<usize>,
    /// Which of the replacements are in it.
    replacements: Range<usize>,
}

/// One line of a hunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Line<'a> {
    /// Where it stands.
    pub(crate) origin: Origin,
    /// Its number in the old text, from 1; `None` if added.
    pub(crate) old_no: Option<u32>,
    /// Its number in the new text, from 1; `None` if removed.
    pub(crate) new_no: Option<u32>,
    /// Its bytes, with the line end if it has one.
    pub(crate) text: &'a [u8],
}

/// The two texts of a file and the hunks between them.
#[derive(Debug, Default)]
pub(crate) struct TextPatch {
    old: Text,
    new: Text,
    replacements: Vec<Replacement>,
    hunks: Vec<Hunk>,
}

impl TextPatch {
    /// Cuts hunks out of two texts and what differs between their lines.
    pub(crate) fn new(old: Vec<u8>, new: Vec<u8>, diff: LineDiff) -> Self {
        let mut patch = Self {
            old: Text::new(old),
            new: Text::new(new),
            replacements: diff.replacements,
            hunks: Vec::new(),
        };
        patch.hunks = patch.cut();
        let starts: Vec<Range<usize>> = patch
            .hunks
            .iter()
            .map(|hunk| {
                let old = hunk.old_lines();
                old.start as usize..old.end as usize
            })
            .collect();
        for (hunk, ordinal) in patch
            .hunks
            .iter_mut()
            .zip(ordinals(&diff.old_tokens, &starts))
        {
            hunk.ordinal = ordinal;
        }
        patch
    }

    /// The hunks in order; none for a pure rename or change of mode, or an empty file.
    pub(crate) fn hunks(&self) -> &[Hunk] {
        &self.hunks
    }

    /// The lines of one of this patch's hunks.
    pub(crate) fn lines<'a>(&'a self, hunk: &Hunk) -> Lines<'a> {
        let old = hunk.old_lines();
        Lines {
            patch: self,
            replacements: &self.replacements[hunk.replacements.clone()],
            old: old.start,
            new: hunk.new_lines().start,
            old_end: old.end,
        }
    }

    /// What `git diff` shows after the hunk's numbers; empty for nothing.
    pub(crate) fn heading(&self, hunk: &Hunk) -> &[u8] {
        &self.old.bytes[hunk.heading.clone()]
    }

    /// Which bytes of which texts a hunk's heading is: of the old one, and of the new one if it still has it.
    pub(crate) fn heading_places(
        &self,
        hunk: &Hunk,
    ) -> impl Iterator<Item = (Side, Range<usize>)> + use<> {
        let old = hunk.heading.clone();
        let new = self.kept(self.old.line_at(old.start)).map(|line| {
            let start = self.new.start(line);
            (Side::New, start..start + old.len())
        });
        [(Side::Old, old)].into_iter().chain(new)
    }

    /// Which bytes of which texts a line is.
    pub(crate) fn places(
        &self,
        line: &Line<'_>,
    ) -> impl Iterator<Item = (Side, Range<usize>)> + use<> {
        let place = |side, text: &Text, number: Option<u32>| {
            number.map(|number| (side, text.start(number - 1)..text.start(number)))
        };
        let old = place(Side::Old, &self.old, line.old_no);
        let new = place(Side::New, &self.new, line.new_no);
        old.into_iter().chain(new)
    }

    /// The line of the new text that a line of the old one still is; both zero-based.
    fn kept(&self, old: u32) -> Option<u32> {
        let begun = self
            .replacements
            .partition_point(|replaced| replaced.old.start <= old);
        match self.replacements[..begun].last() {
            None => Some(old),
            Some(last) if old < last.old.end => None,
            Some(last) => Some(last.new.end + (old - last.old.end)),
        }
    }

    /// The base version; empty if there is none or the content did not change.
    pub(crate) fn old_text(&self) -> &[u8] {
        &self.old.bytes
    }

    /// The head version; empty if there is none or the content did not change.
    pub(crate) fn new_text(&self) -> &[u8] {
        &self.new.bytes
    }

    /// Every added line: its number in the new text, from 1, and its bytes without line end.
    pub(crate) fn added(&self) -> impl Iterator<Item = (u32, &[u8])> {
        self.replacements
            .iter()
            .flat_map(|replacement| replacement.new.clone())
            .map(|line| (line + 1, without_line_end(self.new.line(line))))
    }

    /// Every removed line: its number in the old text, from 1, and its bytes without line end.
    pub(crate) fn removed(&self) -> impl Iterator<Item = (u32, &[u8])> {
        self.replacements
            .iter()
            .flat_map(|replacement| replacement.old.clone())
            .map(|line| (line + 1, without_line_end(self.old.line(line))))
    }

    /// Joins replacements whose contexts touch or overlap and finds each hunk's heading.
    fn cut(&self) -> Vec<Hunk> {
        let mut hunks: Vec<Hunk> = Vec::new();
        let mut heading = 0..0;
        let mut searched = 0;
        let mut first = 0;
        while first < self.replacements.len() {
            let mut last = first;
            while self
                .replacements
                .get(last + 1)
                .is_some_and(|next| next.old.start - self.replacements[last].old.end <= 2 * CONTEXT)
            {
                last += 1;
            }
            let (head, tail) = (&self.replacements[first], &self.replacements[last]);
            let before = CONTEXT.min(head.old.start);
            let after = CONTEXT.min(self.old.len() - tail.old.end);
            let old = head.old.start - before..tail.old.end + after;
            let new = head.new.start - before..tail.new.end + after;
            if let Some(found) = self.old.heading_in(searched..old.start) {
                heading = found;
            }
            searched = old.start;
            hunks.push(Hunk {
                old_start: old.start + u32::from(!old.is_empty()),
                old_len: old.end - old.start,
                new_start: new.start + u32::from(!new.is_empty()),
                new_len: new.end - new.start,
                ordinal: 0,
                heading: heading.clone(),
                replacements: first..last + 1,
            });
            first = last + 1;
        }
        hunks
    }
}

impl Hunk {
    /// The old lines, zero-based.
    fn old_lines(&self) -> Range<u32> {
        let start = self.old_start - u32::from(self.old_len > 0);
        start..start + self.old_len
    }

    /// The new lines, zero-based.
    fn new_lines(&self) -> Range<u32> {
        let start = self.new_start - u32::from(self.new_len > 0);
        start..start + self.new_len
    }
}

/// The lines of a hunk, in the order of the patch.
#[derive(Debug)]
pub(crate) struct Lines<'a> {
    patch: &'a TextPatch,
    replacements: &'a [Replacement],
    old: u32,
    new: u32,
    old_end: u32,
}

impl<'a> Iterator for Lines<'a> {
    type Item = Line<'a>;

    fn next(&mut self) -> Option<Line<'a>> {
        while let Some((next, rest)) = self.replacements.split_first() {
            if self.old < next.old.start {
                return Some(self.context());
            }
            if self.old < next.old.end {
                self.old += 1;
                return Some(Line {
                    origin: Origin::Removed,
                    old_no: Some(self.old),
                    new_no: None,
                    text: self.patch.old.line(self.old - 1),
                });
            }
            if self.new < next.new.end {
                self.new += 1;
                return Some(Line {
                    origin: Origin::Added,
                    old_no: None,
                    new_no: Some(self.new),
                    text: self.patch.new.line(self.new - 1),
                });
            }
            self.replacements = rest;
        }
        (self.old < self.old_end).then(|| self.context())
    }
}

impl<'a> Lines<'a> {
    fn context(&mut self) -> Line<'a> {
        self.old += 1;
        self.new += 1;
        Line {
            origin: Origin::Context,
            old_no: Some(self.old),
            new_no: Some(self.new),
            text: self.patch.old.line(self.old - 1),
        }
    }
}

/// Bytes with the places where their lines start.
#[derive(Debug, Default)]
struct Text {
    bytes: Vec<u8>,
    /// Start of each line.
    starts: Vec<u32>,
}

impl Text {
    fn new(bytes: Vec<u8>) -> Self {
        let mut starts = Vec::with_capacity(bytes.len() / 32);
        let mut push = |start: usize| {
            if start < bytes.len() {
                starts.push(u32::try_from(start).expect("a compared text is below 2^31 bytes"));
            }
        };
        push(0);
        memchr::memchr_iter(b'\n', &bytes).for_each(|end| push(end + 1));
        Self { bytes, starts }
    }

    fn len(&self) -> u32 {
        u32::try_from(self.starts.len()).expect("there are not more lines than bytes")
    }

    fn start(&self, line: u32) -> usize {
        let start = self.starts.get(line as usize);
        start.map_or(self.bytes.len(), |start| *start as usize)
    }

    /// The line that a byte stands in.
    fn line_at(&self, byte: usize) -> u32 {
        let begun = self.starts.partition_point(|start| *start as usize <= byte);
        u32::try_from(begun.saturating_sub(1)).expect("there are not more lines than bytes")
    }

    fn line(&self, line: u32) -> &[u8] {
        &self.bytes[self.start(line)..self.start(line + 1)]
    }

    /// The last line of these that starts like a declaration, cut as Git cuts it
    /// (xdiff's default rule, then the truncation at broken UTF-8).
    fn heading_in(&self, lines: Range<u32>) -> Option<Range<usize>> {
        let line = lines.rev().find(|line| {
            self.line(*line)
                .first()
                .is_some_and(|first| first.is_ascii_alphabetic() || matches!(first, b'_' | b'$'))
        })?;
        let text = self.line(line);
        let mut text = &text[..text.len().min(HEADING_BYTES)];
        while let Some((b' ' | b'\t' | b'\n' | b'\r', rest)) = text.split_last() {
            text = rest;
        }
        let start = self.start(line);
        Some(start..start + shown_utf8(text))
    }
}

/// How many leading bytes Git's UTF-8 reader accepts: it also stops at U+FFFE and U+FFFF.
fn shown_utf8(text: &[u8]) -> usize {
    let valid = match std::str::from_utf8(text) {
        Ok(text) => text,
        Err(error) => std::str::from_utf8(&text[..error.valid_up_to()]).unwrap_or_default(),
    };
    valid.find(['\u{fffe}', '\u{ffff}']).unwrap_or(valid.len())
}

fn without_line_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbered(lines: Range<u32>) -> String {
        lines.fold(String::new(), |text, line| text + &format!("  {line}\n"))
    }

    fn patch(old: &str, new: &str, replaced: &[(Range<u32>, Range<u32>)]) -> TextPatch {
        let count = u32::try_from(old.lines().count()).unwrap();
        let diff = LineDiff {
            replacements: replaced
                .iter()
                .cloned()
                .map(|(old, new)| Replacement { old, new })
                .collect(),
            old_tokens: (0..count).collect(),
        };
        TextPatch::new(old.into(), new.into(), diff)
    }

    fn spans(patch: &TextPatch) -> Vec<(u32, u32, u32, u32)> {
        let span = |hunk: &Hunk| (hunk.old_start, hunk.old_len, hunk.new_start, hunk.new_len);
        patch.hunks().iter().map(span).collect()
    }

    #[test]
    fn hunks_six_lines_apart_are_joined_and_seven_apart_are_not() {
        let text = numbered(0..30);
        let joined = patch(&text, &text, &[(5..6, 5..6), (12..13, 12..13)]);
        assert_eq!(spans(&joined), [(3, 14, 3, 14)]);
        let apart = patch(&text, &text, &[(5..6, 5..6), (13..14, 13..14)]);
        assert_eq!(spans(&apart), [(3, 7, 3, 7), (11, 7, 11, 7)]);
    }

    #[test]
    fn a_side_without_lines_starts_before_the_first() {
        let added = patch("", "a\nb\n", &[(0..0, 0..2)]);
        assert_eq!(spans(&added), [(0, 0, 1, 2)]);
        let emptied = patch("a\nb\n", "", &[(0..2, 0..0)]);
        assert_eq!(spans(&emptied), [(1, 2, 0, 0)]);
        assert_eq!(added.lines(&added.hunks()[0]).count(), 2);
        assert_eq!(emptied.lines(&emptied.hunks()[0]).count(), 2);
    }

    #[test]
    fn lines_carry_both_numbers_and_their_line_end() {
        let patch = patch("a\nb\nc", "a\nB\nB\nc", &[(1..2, 1..3)]);
        let lines: Vec<_> = patch
            .lines(&patch.hunks()[0])
            .map(|line| (line.old_no, line.new_no, line.text.to_vec()))
            .collect();
        assert_eq!(
            lines,
            [
                (Some(1), Some(1), b"a\n".to_vec()),
                (Some(2), None, b"b\n".to_vec()),
                (None, Some(2), b"B\n".to_vec()),
                (None, Some(3), b"B\n".to_vec()),
                (Some(3), Some(4), b"c".to_vec()),
            ]
        );
    }

    #[test]
    fn added_and_removed_lines_come_without_line_end() {
        let patch = patch("a\r\nb", "A\r\n\nB", &[(0..2, 0..3)]);
        let added: Vec<_> = patch.added().collect();
        assert_eq!(added, [(1, &b"A"[..]), (2, b""), (3, b"B")]);
        let removed: Vec<_> = patch.removed().collect();
        assert_eq!(removed, [(1, &b"a"[..]), (2, b"b")]);
    }

    #[test]
    fn the_heading_is_the_nearest_declaration_and_is_kept_until_the_next() {
        let heading = |above: &[u8]| {
            let old = [above, numbered(0..40).as_bytes()].concat();
            let first = u32::try_from(above.split_inclusive(|b| *b == b'\n').count()).unwrap();
            let diff = LineDiff {
                replacements: [10, 30]
                    .map(|line| first + line..first + line + 1)
                    .map(|line| Replacement {
                        old: line.clone(),
                        new: line,
                    })
                    .to_vec(),
                old_tokens: Vec::new(),
            };
            let patch = TextPatch::new(old.clone(), old, diff);
            let [near, far] = patch.hunks() else {
                panic!("two hunks");
            };
            assert_eq!(patch.heading(near), patch.heading(far));
            patch.heading(near).to_vec()
        };
        assert_eq!(heading(b"fn a() {\n"), b"fn a() {");
        assert_eq!(heading(b"$a \t\r\n"), b"$a");
        assert_eq!(heading(b"_a\n9\n-\n\n"), b"_a");
        assert_eq!(heading(b"9\n"), b"");
        let long = ["x".repeat(79).as_bytes(), "\u{e9}\n".as_bytes()].concat();
        assert_eq!(
            heading(&long),
            "x".repeat(79).as_bytes(),
            "cut within a character"
        );
        assert_eq!(heading(b"caf\xe9 au lait\n"), b"caf", "Latin-1");
        assert_eq!(
            heading("a\u{ffff}b\n".as_bytes()),
            b"a",
            "as git reads UTF-8"
        );
    }
}
