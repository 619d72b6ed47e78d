//! Says what a stretch of lines has to do with the change.
//! Which lines those are is left to the rest of `ground`.

use serde::{Deserialize, Serialize};

use crate::finding::LineRange;

use super::ChangedLines;

/// Lines this near to a changed one stand in the same hunk of a patch.
const CONTEXT: u32 = 3;

/// What a place has to do with the change; a greater one is nearer to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Touch {
    /// There is no such place.
    Nothing,
    /// The file is as it was.
    UntouchedFile,
    /// The file changed, elsewhere.
    ChangedFile,
    /// Within three lines of a changed line.
    NearChange,
    /// Lines were removed there.
    RemovedLine,
    /// A line there was added.
    AddedLine,
}

/// The changed lines of one file, arranged for looking up head lines.
#[derive(Debug, Default)]
pub(super) struct Touched {
    /// Added head lines, sorted.
    added: Vec<u32>,
    /// Removed base lines, sorted.
    removed: Vec<u32>,
    /// The head lines before and after each removal, sorted.
    gaps: Vec<LineRange>,
}

impl Touched {
    /// Takes the changed lines of a file in any order.
    pub(super) fn new(lines: &ChangedLines) -> Self {
        let mut added: Vec<u32> = lines.added.iter().map(|(line, _)| *line).collect();
        let mut removed: Vec<u32> = lines.removed.iter().map(|(line, _)| *line).collect();
        added.sort_unstable();
        removed.sort_unstable();
        let gaps = gaps(&added, &removed);
        Self {
            added,
            removed,
            gaps,
        }
    }

    /// What a stretch of head lines has to do with the change.
    pub(super) fn by(&self, lines: LineRange) -> Touch {
        if any_within(&self.added, lines) {
            return Touch::AddedLine;
        }
        if any_overlaps(&self.gaps, lines) {
            return Touch::RemovedLine;
        }
        let wide = LineRange {
            start: lines.start.saturating_sub(CONTEXT),
            end: lines.end.saturating_add(CONTEXT),
        };
        if any_within(&self.added, wide) || any_overlaps(&self.gaps, wide) {
            return Touch::NearChange;
        }
        Touch::ChangedFile
    }

    /// True when one of the base lines was removed.
    pub(super) fn removes(&self, lines: LineRange) -> bool {
        any_within(&self.removed, lines)
    }
}

/// For each run of removed base lines, the head lines around the place where it stood.
fn gaps(added: &[u32], removed: &[u32]) -> Vec<LineRange> {
    let mut gaps: Vec<LineRange> = Vec::new();
    let mut next_added = 0;
    for (before, line) in removed.iter().enumerate() {
        // The base lines that are kept stand in the head in the same order.
        let removed_before = u32::try_from(before).unwrap_or(u32::MAX);
        let kept = line.saturating_sub(1).saturating_sub(removed_before);
        // The head line of the last kept one, past the lines added before it.
        while let Some(at) = added.get(next_added) {
            let added_before = u32::try_from(next_added).unwrap_or(u32::MAX);
            if *at > kept.saturating_add(added_before) {
                break;
            }
            next_added += 1;
        }
        let start = kept.saturating_add(u32::try_from(next_added).unwrap_or(u32::MAX));
        let gap = LineRange {
            start: start.max(1),
            end: start.saturating_add(1),
        };
        if gaps.last() != Some(&gap) {
            gaps.push(gap);
        }
    }
    gaps
}

fn any_within(sorted: &[u32], lines: LineRange) -> bool {
    let at = sorted.partition_point(|line| *line < lines.start);
    sorted.get(at).is_some_and(|line| *line <= lines.end)
}

/// The stretches are sorted by start, and each is two lines long at most.
fn any_overlaps(sorted: &[LineRange], lines: LineRange) -> bool {
    let at = sorted.partition_point(|gap| gap.end < lines.start);
    sorted.get(at).is_some_and(|gap| gap.start <= lines.end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diff::RepoPath;

    fn touched(added: &[u32], removed: &[u32]) -> Touched {
        let text = |line: &u32| (*line, Vec::new());
        Touched::new(&ChangedLines {
            path: RepoPath::from("a"),
            added: added.iter().map(text).collect(),
            removed: removed.iter().map(text).collect(),
        })
    }

    fn by(touched: &Touched, start: u32, end: u32) -> Touch {
        touched.by(LineRange { start, end })
    }

    #[test]
    fn added_removed_near_and_elsewhere_are_told_apart() {
        // Base lines 20 and 21 went, head lines 5 and 6 came: the hole is between 21 and 22.
        let change = touched(&[5, 6], &[21, 20]);
        assert_eq!(by(&change, 5, 5), Touch::AddedLine);
        assert_eq!(by(&change, 1, 40), Touch::AddedLine);
        assert_eq!(by(&change, 7, 8), Touch::NearChange);
        assert_eq!(by(&change, 9, 9), Touch::NearChange);
        assert_eq!(by(&change, 10, 17), Touch::ChangedFile);
        assert_eq!(by(&change, 18, 20), Touch::NearChange);
        assert_eq!(by(&change, 21, 21), Touch::RemovedLine);
        assert_eq!(by(&change, 22, 22), Touch::RemovedLine);
        assert_eq!(by(&change, 26, 30), Touch::ChangedFile);
        assert!(change.removes(LineRange { start: 19, end: 20 }));
        assert!(!change.removes(LineRange { start: 22, end: 30 }));
    }

    #[test]
    fn holes_at_the_ends_of_a_file_are_found() {
        let change = touched(&[], &[1, 2, 10]);
        assert_eq!(by(&change, 1, 1), Touch::RemovedLine);
        assert_eq!(by(&change, 7, 7), Touch::RemovedLine);
        assert_eq!(by(&change, 20, 20), Touch::ChangedFile);
    }

    #[test]
    fn a_replaced_line_leaves_no_hole_beyond_it() {
        let change = touched(&[3], &[3]);
        assert_eq!(by(&change, 3, 3), Touch::AddedLine);
        assert_eq!(change.gaps, [LineRange { start: 2, end: 3 }]);
    }

    #[test]
    fn order_is_the_distance_from_the_change() {
        assert!(Touch::AddedLine > Touch::RemovedLine && Touch::RemovedLine > Touch::NearChange);
        assert!(Touch::NearChange > Touch::ChangedFile && Touch::UntouchedFile > Touch::Nothing);
    }
}
