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
            cut: wanted > MOST_LINES && lines.len() == MOST_LINES,
            lines,
        })
    }

    /// True if the lines are all shown by another excerpt.
    pub(crate) fn is_within(&self, other: &Self) -> bool {
        let shown = u32::try_from(other.lines.len()).unwrap_or(u32::MAX);
        let end = other.first.saturating_add(shown);
        self.path == other.path && other.first <= self.cited.start && self.cited.end < end
    }

    /// Each line with its number and whether a finding names it.
    pub(crate) fn numbered(&self) -> impl Iterator<Item = (u32, bool, &str)> {
        (self.first..).zip(&self.lines).map(|(no, line)| {
            let cited = (self.cited.start..=self.cited.end.max(self.cited.start)).contains(&no);
            (no, cited, line.as_str())
        })
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
        assert!(excerpt(&text, 9, 10).unwrap().is_within(&got));
        assert!(!excerpt(&text, 10, 11).unwrap().is_within(&got));
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
