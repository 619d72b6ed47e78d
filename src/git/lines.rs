//! Compares two texts line by line as Git does: Myers with its heuristics, then the indent
//! heuristic. Cutting hunks out of the differences is left to `diff::patch`.

use gix::diff::blob::{
    Algorithm, Diff, IndentHeuristic, IndentLevel, InternedInput, sources::byte_lines,
};

use crate::diff::{LineDiff, Replacement};

/// The columns of a tab, to the indent heuristic.
const TAB: u8 = 8;

/// A byte as the indent heuristic is to see it: to Git a form feed is no white space, to gix it is.
fn seen(byte: u8) -> u8 {
    match byte {
        b'\x0c' => b'x',
        other => other,
    }
}

/// The differences between two texts; lines include their line end, so that a missing last one
/// and CRLF count as differences.
pub(in crate::git) fn compare(old: &[u8], new: &[u8]) -> LineDiff {
    let input = InternedInput::new(byte_lines(old), byte_lines(new));
    let mut diff = Diff::compute(Algorithm::Myers, &input);
    let indent = IndentHeuristic::new(|token| {
        let line = input.interner[token].iter();
        IndentLevel::for_ascii_line(line.map(|byte| seen(*byte)), TAB)
    });
    diff.postprocess_with_heuristic(&input, indent);
    LineDiff {
        replacements: diff
            .hunks()
            .map(|hunk| Replacement {
                old: hunk.before,
                new: hunk.after,
            })
            .collect(),
        old_tokens: input.before.into_iter().map(u32::from).collect(),
    }
}

/// All old lines replaced by all new lines, as for a change of type.
pub(in crate::git) fn replace_all(old: &[u8], new: &[u8]) -> LineDiff {
    let input = InternedInput::new(byte_lines(old), byte_lines(new));
    let count = |tokens: usize| u32::try_from(tokens).expect("tokens are counted in 32 bits");
    let whole = Replacement {
        old: 0..count(input.before.len()),
        new: 0..count(input.after.len()),
    };
    LineDiff {
        replacements: if whole.old.is_empty() && whole.new.is_empty() {
            Vec::new()
        } else {
            vec![whole]
        },
        old_tokens: input.before.into_iter().map(u32::from).collect(),
    }
}
