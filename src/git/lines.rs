//! Compares two texts line by line as Git does: Myers with its heuristics, then the indent
//! heuristic. Cutting hunks out of the differences is left to `diff::patch`.

use gix::diff::blob::{Algorithm, Diff, InternedInput, Token, sources::byte_lines};

use crate::diff::{LineDiff, Replacement};

use super::myers;

/// From this many changed lines on, in texts with this many lines together, one of the bounds of
/// Git's search matters that gix 0.90 has differently: when a path counts as good enough.
const LONG_SCRIPT: u32 = 500;
const LONG_TEXTS: usize = 1 << 16;

/// The differences between two texts; lines include their line end, so that a missing last one
/// and CRLF count as differences.
pub(in crate::git) fn compare(old: &[u8], new: &[u8]) -> LineDiff {
    let input = InternedInput::new(byte_lines(old), byte_lines(new));
    let mut diff = Diff::compute(Algorithm::Myers, &input);
    if input.before.len() + input.after.len() + 3 >= LONG_TEXTS
        && diff.count_removals() + diff.count_additions() >= LONG_SCRIPT
    {
        diff = as_git_gives_up(&input);
    }
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

/// The script that Git settles for when it is long, in the form that can be postprocessed: gix's
/// search is given lines that are equal where Git left them unchanged, and nowhere else.
fn as_git_gives_up(input: &InternedInput<&[u8]>) -> Diff {
    let numbers = |tokens: &[Token]| tokens.iter().map(|token| token.0).collect::<Vec<u32>>();
    let (removed, added) = myers::changed(&numbers(&input.before), &numbers(&input.after));
    let mut next = 0;
    let mut unlike = |changed: &[bool], from: u32| -> Vec<Token> {
        let mut unchanged = from;
        let line = |changed: &bool| {
            let counter = if *changed { &mut next } else { &mut unchanged };
            *counter += 1;
            Token(*counter - 1)
        };
        changed.iter().map(line).collect()
    };
    let changes = removed
        .iter()
        .chain(&added)
        .filter(|changed| **changed)
        .count();
    let changes = u32::try_from(changes).expect("lines are counted in 31 bits");
    let (before, after) = (unlike(&removed, changes), unlike(&added, changes));
    let mut diff = Diff::default();
    let numbers = changes + u32::try_from(before.len()).expect("lines are counted in 31 bits");
    diff.compute_with(Algorithm::Myers, &before, &after, numbers);
    diff
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
