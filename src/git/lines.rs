//! Compares two texts line by line as Git does: Myers with its heuristics, then the indent
//! heuristic. Cutting hunks out of the differences is left to `diff::patch`.

use gix::diff::blob::{Algorithm, Diff, InternedInput, sources::byte_lines};

use crate::diff::{LineDiff, Replacement};

/// The differences between two texts; lines include their line end, so that a missing last one
/// and CRLF count as differences.
pub(in crate::git) fn compare(old: &[u8], new: &[u8]) -> LineDiff {
    let input = InternedInput::new(byte_lines(old), byte_lines(new));
    let mut diff = Diff::compute(Algorithm::Myers, &input);
    diff.postprocess_lines(&input);
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
