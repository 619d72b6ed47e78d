//! The code that findings of agents are about, by content: agents cite lines, and lines move.
//! Texts and lines in, anchors out; reading the texts is left to the caller.

use crate::diff::RepoPath;
use crate::finding::{Anchor, FindingId, LineRange};

/// More lines than this are not anchored: a decision about a whole file should not lapse by an edit
/// far behind the place it begins at.
const MOST_LINES: usize = 64;

/// The anchor of lines of a text (1-based, inclusive), or of the text as a whole when there are none.
pub(crate) fn anchor(path: &RepoPath, text: &[u8], lines: Option<LineRange>) -> Anchor {
    let all = line_digests(text);
    let cited = lines.and_then(|lines| {
        let start = (lines.start as usize).checked_sub(1)?;
        let end = (lines.end as usize).min(all.len()).min(start + MOST_LINES);
        (start < end).then_some(start..end)
    });
    let (code, occurrence, count) = match cited {
        Some(cited) => {
            let wanted = &all[cited.clone()];
            let earlier = all[..cited.end - 1]
                .windows(wanted.len())
                .filter(|window| *window == wanted)
                .count();
            (digest(wanted), earlier, wanted.len())
        }
        None => (digest(&all), 0, 0),
    };
    Anchor {
        path: path.clone(),
        code,
        around: String::new(),
        occurrence: u32::try_from(occurrence).unwrap_or(u32::MAX),
        lines: u32::try_from(count).unwrap_or(u32::MAX),
    }
}

/// Where the code of an anchor stands in a text: its lines, 1-based; all of them for a whole text.
/// `None` if it does not, or less often than it must to be the same occurrence.
pub(crate) fn found_again(text: &[u8], anchor: &Anchor) -> Option<LineRange> {
    let all = line_digests(text);
    let range = |start: usize, count: usize| LineRange {
        start: u32::try_from(start + 1).unwrap_or(u32::MAX),
        end: u32::try_from(start + count).unwrap_or(u32::MAX),
    };
    let count = anchor.lines as usize;
    if count == 0 {
        return (digest(&all) == anchor.code).then(|| range(0, all.len()));
    }
    if count > MOST_LINES {
        return None;
    }
    let mut places = all
        .windows(count)
        .enumerate()
        .filter(|(_, window)| digest(window) == anchor.code);
    let (start, _) = places.nth(anchor.occurrence as usize)?;
    Some(range(start, count))
}

/// The name of a finding of agents: its code and what it says. `copy` tells apart those that are
/// equal in both.
pub(crate) fn opinion_id(anchor: &Anchor, title: &str, body: &str, copy: u32) -> FindingId {
    let squeezed = |text: &str| {
        let words: Vec<String> = text.split_whitespace().map(str::to_lowercase).collect();
        words.join(" ")
    };
    FindingId::of(&[
        b"opinion",
        anchor.path.as_bytes(),
        anchor.code.as_bytes(),
        &anchor.occurrence.to_le_bytes(),
        squeezed(title).as_bytes(),
        squeezed(body).as_bytes(),
        &copy.to_le_bytes(),
    ])
}

/// One number per line; trailing white space and line ends don't count.
fn line_digests(text: &[u8]) -> Vec<[u8; 16]> {
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    text.split(|byte| *byte == b'\n')
        .map(|line| {
            let hash = blake3::hash(line.trim_ascii_end());
            let mut short = [0; 16];
            short.copy_from_slice(&hash.as_bytes()[..16]);
            short
        })
        .collect()
}

fn digest(lines: &[[u8; 16]]) -> String {
    let mut hasher = blake3::Hasher::new_derive_key("deep-review 2026 anchored lines 1");
    hasher.update(lines.as_flattened());
    hasher.finalize().to_hex()[..32].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &[u8] = b"one\ntwo\nthree\none\ntwo\n";

    fn lines(start: u32, end: u32) -> LineRange {
        LineRange { start, end }
    }

    fn of(text: &[u8], start: u32, end: u32) -> Anchor {
        anchor(&RepoPath::from("a"), text, Some(lines(start, end)))
    }

    #[test]
    fn moved_code_is_found_again_and_changed_code_is_not() {
        let this = of(TEXT, 2, 3);
        assert_eq!(found_again(TEXT, &this), Some(lines(2, 3)));
        assert_eq!(
            found_again(b"new\n\none\ntwo  \r\nthree\n", &this),
            Some(lines(4, 5))
        );
        assert_eq!(found_again(b"one\ntwo\n  three\n", &this), None);
        assert_eq!(found_again(b"", &this), None);
    }

    #[test]
    fn equal_places_are_told_apart() {
        let (first, second) = (of(TEXT, 1, 2), of(TEXT, 4, 5));
        assert_eq!((first.occurrence, second.occurrence), (0, 1));
        assert_eq!(first.code, second.code);
        assert_eq!(found_again(TEXT, &second), Some(lines(4, 5)));
        assert_eq!(found_again(b"one\ntwo\n", &second), None);
    }

    #[test]
    fn without_lines_the_whole_text_is_meant() {
        let whole = anchor(&RepoPath::from("a"), TEXT, None);
        assert_eq!(whole.lines, 0);
        assert!(found_again(b"one\ntwo\nthree\none \ntwo", &whole).is_some());
        assert!(found_again(b"one\ntwo\nthree\none\n", &whole).is_none());
        assert_eq!(of(TEXT, 9, 9).lines, 0, "lines behind the end are none");
    }

    #[test]
    fn a_long_range_is_anchored_by_its_beginning() {
        let text = b"x\n".repeat(1000);
        let long = of(&text, 1, 1000);
        assert_eq!(long.lines as usize, MOST_LINES);
        assert!(found_again(&text, &long).is_some());
    }

    #[test]
    fn a_name_depends_on_code_and_words() {
        let name = |title: &str, start| opinion_id(&of(TEXT, start, start), title, "b", 0);
        assert_eq!(name("Lock  leaks", 1), name("lock leaks", 1));
        assert_ne!(name("Lock leaks", 1), name("Lock stays", 1));
        assert_ne!(name("Lock leaks", 1), name("Lock leaks", 2));
    }
}
