//! The engine against each pattern on each line, on long lines and on arbitrary bytes.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;

use super::{Engine, OVERLAP, WINDOW, windows, without_line_end};
use crate::rules::AddedLine;
use crate::rules::pattern::Pattern;

fn engine(patterns: &[&str]) -> Engine {
    Engine::new(
        patterns
            .iter()
            .map(|source| Arc::new(Pattern::read(source).unwrap()))
            .collect(),
    )
}

/// Pattern, line index, start and end of each match.
fn all(engine: &Engine, lines: &[&[u8]]) -> BTreeSet<(usize, usize, usize, usize)> {
    let lines: Vec<AddedLine<'_>> = lines
        .iter()
        .zip(1..)
        .map(|(text, no)| AddedLine { no, text })
        .collect();
    let mut found = BTreeSet::new();
    engine.scan(&lines, &mut |_| true, &mut |hit| {
        found.insert((hit.pattern, hit.index, hit.range.start, hit.range.end));
        ControlFlow::Continue(())
    });
    found
}

const PATTERNS: &[&str] = &[
    "foo",
    "(?i)BAR",
    "^foo$",
    r"\bba[rz]\b",
    "[a-f]{4}",
    "o+b",
    "x.y",
    "foo|[0-9]{3}",
    r"\xFF",
    "(?u)ä",
    "aab*c",
    "^[xy]",
    r"\A[xy]b?",
    r"[19]$",
    r"[19]\z",
    r"[fo]\s+[19]",
    r"(?-m:^)z",
];

#[test]
fn it_finds_what_each_pattern_alone_finds() {
    let engine = engine(PATTERNS);
    let mut output = vec![0; 40_000];
    blake3::Hasher::new().finalize_xof().fill(&mut output);
    let letters = b"foBARrzab xy19\xC3\xA4\xFF\tc";
    let text: Vec<u8> = output
        .iter()
        .map(|byte| letters[usize::from(*byte) % letters.len()])
        .collect();
    let lines: Vec<&[u8]> = text.chunks(23).collect();
    let mut expected = BTreeSet::new();
    for (pattern, source) in PATTERNS.iter().enumerate() {
        let regex = regex::bytes::RegexBuilder::new(source)
            .unicode(false)
            .build()
            .unwrap();
        for (index, line) in lines.iter().enumerate() {
            for found in regex.find_iter(line) {
                expected.insert((pattern, index, found.start(), found.end()));
            }
        }
    }
    assert!(expected.len() > 500, "{}", expected.len());
    assert_eq!(all(&engine, &lines), expected);
}

#[test]
fn matches_in_long_lines_are_found_at_each_border() {
    let engine = engine(&["needle[0-9]*x", "^needle", "needle[0-9]*x$", r"x\b"]);
    for at in [
        0,
        WINDOW - 3,
        WINDOW - OVERLAP,
        WINDOW,
        2 * WINDOW - OVERLAP - 4,
        5 * WINDOW,
    ] {
        let mut line = vec![b'-'; at];
        line.extend_from_slice(b"needle1234567890x");
        line.extend(vec![b'-'; 3 * WINDOW]);
        let found = all(&engine, &[&line]);
        assert!(found.contains(&(0, 0, at, at + 17)), "{at}: {found:?}");
        assert!(found.contains(&(3, 0, at + 16, at + 17)), "{at}: {found:?}");
        assert_eq!(found.iter().any(|hit| hit.0 == 1), at == 0, "{at}");
        assert!(!found.iter().any(|hit| hit.0 == 2), "{at}: {found:?}");
    }
    let mut line = vec![b'-'; 3 * WINDOW];
    line.extend_from_slice(b"needle1x");
    assert!(all(&engine, &[&line]).iter().any(|hit| hit.0 == 2));
}

#[test]
fn a_cut_is_not_the_end_of_the_line() {
    let engine = engine(&["aaa+$", r"aaa+\b"]);
    let line = vec![b'a'; 4 * WINDOW];
    for (_, _, _, end) in all(&engine, &[&line]) {
        assert_eq!(end, line.len());
    }
}

#[test]
fn windows_cover_the_line_with_overlap() {
    for len in [0, 1, WINDOW, WINDOW + 1, 10 * WINDOW + 7] {
        let all: Vec<_> = windows(len).collect();
        assert_eq!(all[0].start, 0);
        assert_eq!(all.last().unwrap().end, len);
        assert!(
            all.windows(2)
                .all(|pair| pair[0].end - pair[1].start == OVERLAP)
        );
        assert!(all.iter().all(|window| window.len() <= WINDOW));
    }
}

#[test]
fn anchors_of_patterns_without_keywords_are_those_of_the_line() {
    for pattern in [
        "^[xy]",
        "[xy]$",
        r"\A[xy]",
        r"[xy]\z",
        "(?-m:^)[xy]",
        r"^[xy]$",
    ] {
        let found = all(&engine(&[pattern]), &[b"--", b"x", b"--"]);
        assert_eq!(found, BTreeSet::from([(0, 1, 0, 1)]), "{pattern}");
    }
    assert_eq!(
        all(&engine(&[r"[xy]\s[xy]"]), &[b"x", b"y"]),
        BTreeSet::new()
    );
}

#[test]
fn line_ends_are_no_part_of_the_line() {
    assert_eq!(without_line_end(b"a\r\n"), b"a");
    assert_eq!(without_line_end(b"a\n"), b"a");
    assert_eq!(without_line_end(b"a\n\n"), b"a\n");
    assert_eq!(all(&engine(&["foo$"]), &[b"foo\r\n"]).len(), 1);
}
