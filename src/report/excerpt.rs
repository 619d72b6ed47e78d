//! Code of the reviewed tree around the lines a finding names, as plain values.
//! Reading the tree is left to the pipeline, showing the code to the formats.

use serde::{Deserialize, Serialize};

use crate::diff::RepoPath;
use crate::finding::LineRange;

/// Lines before and after the cited ones.
const AROUND: u32 = 3;
/// Most lines of one excerpt.
const MOST_LINES: usize = 40;
/// Most bytes of one line.
const LINE_BYTES: usize = 300;

/// A stretch of a file, in the version that was reviewed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Excerpt {
    /// The file.
    pub(crate) path: RepoPath,
    /// The number of the first line shown, 1-based.
    pub(crate) first: u32,
    /// The lines a finding names.
    pub(crate) cited: LineRange,
    /// Further lines that it names near them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) also: Vec<LineRange>,
    /// The lines, without their ends; long ones are cut, secrets masked, bytes that are not UTF-8
    /// replaced.
    pub(crate) lines: Vec<String>,
    /// True if cited lines are left out at the end.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) cut: bool,
}

impl Excerpt {
    /// Cuts the lines around `cited` out of a text. `None` if the text has no such lines.
    pub(crate) fn of(path: &RepoPath, text: &[u8], cited: LineRange) -> Option<Self> {
        let first = cited.start.saturating_sub(AROUND).max(1);
        let last = cited.end.max(cited.start).saturating_add(AROUND);
        Self::between(path, text, cited, first, last)
    }

    fn between(
        path: &RepoPath,
        text: &[u8],
        cited: LineRange,
        first: u32,
        last: u32,
    ) -> Option<Self> {
        let skipped = usize::try_from(first - 1).ok()?;
        let wanted = usize::try_from(last - first + 1).ok()?;
        // What follows the last line feed is no line unless something stands there.
        let text = text.strip_suffix(b"\n").unwrap_or(text);
        let lines: Vec<String> = text
            .split(|byte| *byte == b'\n')
            .skip(skipped)
            .take(wanted.min(MOST_LINES))
            .map(shown)
            .collect();
        let past_start = usize::try_from(cited.start - first).ok()?;
        (lines.len() > past_start).then(|| Self {
            path: path.clone(),
            first,
            cited,
            also: Vec::new(),
            cut: wanted > MOST_LINES && lines.len() == MOST_LINES,
            lines,
        })
    }

    /// The line after the last one shown.
    fn end(&self) -> u32 {
        let shown = u32::try_from(self.lines.len()).unwrap_or(u32::MAX);
        self.first.saturating_add(shown)
    }

    /// One excerpt of the same text in place of two that touch; `None` if they don't, or if it would be too
    /// long.
    pub(crate) fn joined(&self, other: &Self, text: &[u8]) -> Option<Self> {
        let touch = self.first <= other.end() && other.first <= self.end();
        let first = self.first.min(other.first);
        let end = self.end().max(other.end());
        let length = usize::try_from(end - first).ok()?;
        if self.path != other.path || !touch || self.cut || other.cut || length > MOST_LINES {
            return None;
        }
        let both = Self::between(&self.path, text, self.cited, first, end - 1)?;
        let also = self.also.iter().chain([&other.cited]).chain(&other.also);
        Some(Self {
            also: also.copied().collect(),
            ..both
        })
    }

    /// Each line with its number and whether a finding names it.
    pub(crate) fn numbered(&self) -> impl Iterator<Item = (u32, bool, &str)> {
        let named = |no: u32| {
            let mut all = self.also.iter().chain([&self.cited]);
            all.any(|lines| (lines.start..=lines.end.max(lines.start)).contains(&no))
        };
        (self.first..)
            .zip(&self.lines)
            .map(move |(no, line)| (no, named(no), line.as_str()))
    }
}

fn shown(line: &[u8]) -> String {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let text = String::from_utf8_lossy(&line[..line.len().min(LINE_BYTES)]).into_owned();
    if line.len() > LINE_BYTES {
        format!("{}…", text.trim_end_matches('\u{fffd}'))
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn excerpt(text: &str, start: u32, end: u32) -> Option<Excerpt> {
        Excerpt::of(
            &RepoPath::from("a"),
            text.as_bytes(),
            LineRange { start, end },
        )
    }

    #[test]
    fn the_cited_lines_stand_among_their_neighbours() {
        let text: String = (1..=20)
            .flat_map(|no| ["line ".to_owned(), no.to_string(), "\n".to_owned()])
            .collect();
        let got = excerpt(&text, 6, 7).unwrap();
        let shown: Vec<(u32, bool, &str)> = got.numbered().collect();
        assert_eq!(shown.first(), Some(&(3, false, "line 3")));
        assert_eq!(shown[3], (6, true, "line 6"));
        assert_eq!(shown.last(), Some(&(10, false, "line 10")));
        assert_eq!(excerpt(&text, 1, 1).unwrap().first, 1);
        assert_eq!(excerpt(&text, 20, 20).unwrap().lines.len(), 4);
        assert_eq!(excerpt(&text, 21, 21), None);
    }

    #[test]
    fn excerpts_that_touch_become_one() {
        let text: String = (1..=60)
            .flat_map(|no| ["line ".to_owned(), no.to_string(), "\n".to_owned()])
            .collect();
        let of = |start, end| excerpt(&text, start, end).unwrap();
        let both = of(20, 21).joined(&of(12, 12), text.as_bytes());
        assert_eq!(both, None, "a line is between them");
        let both = of(20, 21).joined(&of(13, 13), text.as_bytes()).unwrap();
        assert_eq!((both.first, both.end()), (10, 25));
        let named: Vec<u32> = both
            .numbered()
            .filter_map(|(no, named, _)| named.then_some(no))
            .collect();
        assert_eq!(named, [13, 20, 21]);
        let within = both.joined(&of(15, 16), text.as_bytes()).unwrap();
        assert_eq!((within.first, within.end()), (10, 25));
        assert_eq!(within.also.len(), 2);
        let long = of(1, 36).joined(&of(37, 44), text.as_bytes());
        assert_eq!(long, None, "too long together");
    }

    #[test]
    fn an_excerpt_is_bounded() {
        let text = format!("{}\n", "ü".repeat(1000)).repeat(100);
        let got = excerpt(&text, 1, u32::MAX).unwrap();
        assert_eq!(got.lines.len(), MOST_LINES);
        assert!(got.cut && got.lines[0].len() < LINE_BYTES + 8);
        assert_eq!(excerpt("a\n", u32::MAX, 1), None);
    }
}
