//! Finds code that an agent quoted in the text of a file.
//! Which file that is, and what it means, is left to the rest of `ground`.

use std::borrow::Cow;

use memchr::memmem;

use crate::finding::LineRange;

/// More lines of a quote than this are not compared.
const MOST_LINES: usize = 200;
/// More stretches of a quote than this are not compared.
const MOST_STRETCHES: usize = 8;
/// A quote with fewer letters and digits than this proves nothing.
const LEAST_LETTERS: usize = 4;
/// A single line shorter than this must be a whole line.
const LEAST_PART: usize = 8;

/// A quote, cut into stretches of lines that stand together: agents leave lines out with `...`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Quote<'q> {
    stretches: Vec<Vec<&'q [u8]>>,
}

impl<'q> Quote<'q> {
    /// Takes a quote apart; `None` when it is too short to prove anything.
    pub(super) fn new(text: &'q str) -> Option<Self> {
        let mut stretches = vec![Vec::new()];
        let mut letters = 0;
        for line in text.split('\n').take(MOST_LINES) {
            let line = line.trim_end();
            if names_file(line) {
                // A second file name: what follows stands elsewhere.
                if letters > 0 {
                    break;
                }
            } else if is_left_out(line) {
                stretches.push(Vec::new());
            } else if !(line.is_empty() && stretches.last().is_some_and(Vec::is_empty)) {
                letters += line.chars().filter(|c| c.is_alphanumeric()).count();
                stretches.last_mut()?.push(line.as_bytes());
            }
        }
        for stretch in &mut stretches {
            while stretch.last().is_some_and(|line| line.is_empty()) {
                stretch.pop();
            }
        }
        stretches.retain(|stretch| !stretch.is_empty());
        stretches.truncate(MOST_STRETCHES);
        (letters >= LEAST_LETTERS).then_some(Self { stretches })
    }

    /// The quote without the signs of a patch, if every line has one.
    pub(super) fn without_signs(&self) -> Option<Self> {
        let signed = |line: &[u8]| line.is_empty() || matches!(line[0], b'+' | b'-' | b' ');
        let real = |line: &[u8]| matches!(line.first(), Some(b'+' | b'-'));
        let lines = || self.stretches.iter().flatten();
        if !lines().all(|line| signed(line)) || !lines().any(|line| real(line)) {
            return None;
        }
        let stretches = self.stretches.iter().map(|stretch| {
            let cut = stretch.iter().map(|line| line.get(1..).unwrap_or(line));
            cut.collect()
        });
        Some(Self {
            stretches: stretches.collect(),
        })
    }

    /// The quote with only the longest part of each line from which something was left out, if
    /// there is such a line.
    pub(super) fn with_gaps(&self) -> Option<Self> {
        let mut stretches = Vec::new();
        let mut gaps = false;
        for stretch in &self.stretches {
            let mut whole = Vec::new();
            for line in stretch {
                match longest_part(line) {
                    Some(part) => {
                        gaps = true;
                        stretches.push(std::mem::take(&mut whole));
                        stretches.push(vec![part]);
                    }
                    None => whole.push(*line),
                }
            }
            stretches.push(whole);
        }
        stretches.retain(|stretch| stretch.iter().any(|line| !line.is_empty()));
        stretches.truncate(MOST_STRETCHES);
        (gaps && !stretches.is_empty()).then_some(Self { stretches })
    }

    /// Finds the quote in `text`, nearest to the line `near`. Returns its lines.
    pub(super) fn find(&self, text: &Text<'_>, near: Option<u32>) -> Option<LineRange> {
        let places: Vec<Standing> = self
            .stretches
            .iter()
            .map(|lines| text.stand(lines))
            .collect();
        let first = places.first()?;
        let nearest = match near {
            Some(near) => first
                .starts
                .iter()
                .copied()
                .min_by_key(|at| text.number(*at).abs_diff(near)),
            None => first.starts.first().copied(),
        }?;
        // The nearest beginning may lack the rest; the first one has it if any has.
        let (start, end) = last_line(&places, nearest)
            .map(|end| (nearest, end))
            .or_else(|| {
                let start = *first.starts.first()?;
                Some((start, last_line(&places, start)?))
            })?;
        Some(LineRange {
            start: text.number(start),
            end: text.number(end),
        })
    }
}

/// Where a stretch of lines stands in a text: positions in it, and how many lines it takes there.
struct Standing {
    starts: Vec<usize>,
    length: usize,
}

/// The last line when the first stretch starts at `start` and the others follow in order.
fn last_line(places: &[Standing], start: usize) -> Option<usize> {
    let mut end = start + places[0].length.saturating_sub(1);
    for place in &places[1..] {
        let after = place.starts.partition_point(|at| *at <= end);
        end = place.starts.get(after)? + place.length.saturating_sub(1);
    }
    Some(end)
}

/// The lines of a file, as they are or squeezed.
pub(super) struct Text<'t> {
    lines: Vec<(u32, Cow<'t, [u8]>)>,
    squeezed: bool,
}

impl<'t> Text<'t> {
    /// The lines without white space at their ends.
    pub(super) fn exact(text: &'t [u8]) -> Self {
        let lines =
            numbered(text).map(|(number, line)| (number, Cow::Borrowed(line.trim_ascii_end())));
        Self {
            lines: lines.collect(),
            squeezed: false,
        }
    }

    /// The lines that are not blank, without any white space.
    pub(super) fn squeezed(text: &'t [u8]) -> Self {
        let lines = numbered(text)
            .map(|(number, line)| (number, Cow::Owned(squeeze(line))))
            .filter(|(_, line): &(u32, Cow<'_, [u8]>)| !line.is_empty());
        Self {
            lines: lines.collect(),
            squeezed: true,
        }
    }

    fn number(&self, at: usize) -> u32 {
        self.lines.get(at).map_or(1, |(number, _)| *number)
    }

    /// Where a stretch of a quote stands.
    fn stand(&self, lines: &[&[u8]]) -> Standing {
        let wanted: Vec<Cow<'_, [u8]>> = lines
            .iter()
            .map(|line| self.dress(line))
            .filter(|line| !(self.squeezed && line.is_empty()))
            .collect();
        let starts = match wanted.as_slice() {
            [] => Vec::new(),
            [line] => self.with_part(line),
            lines => {
                let mut starts = self.with_lines(lines, |line| line);
                if starts.is_empty() && !self.squeezed {
                    starts = self.with_lines(lines, <[u8]>::trim_ascii);
                    starts.retain(|start| self.is_shifted(*start, lines));
                }
                starts
            }
        };
        Standing {
            starts,
            length: wanted.len(),
        }
    }

    /// Where one line stands, whole or as part of a longer one.
    fn with_part(&self, line: &[u8]) -> Vec<usize> {
        let inner = line.trim_ascii();
        let finder = (inner.len() >= LEAST_PART).then(|| memmem::Finder::new(inner));
        let fits = |own: &[u8]| {
            own == line
                || finder
                    .as_ref()
                    .is_some_and(|finder| finder.find(own).is_some())
        };
        let lines = self.lines.iter().enumerate();
        lines
            .filter(|(_, (_, own))| fits(own))
            .map(|(at, _)| at)
            .collect()
    }

    /// True when the lines from `start` on differ from the wanted ones by the same indentation.
    fn is_shifted(&self, start: usize, wanted: &[Cow<'_, [u8]>]) -> bool {
        let mut shifts = self.lines[start..]
            .iter()
            .zip(wanted)
            .filter(|(_, line)| !line.is_empty())
            .map(|((_, own), line)| shift(own, line));
        match shifts.next() {
            Some(Some(first)) => shifts.all(|other| other == Some(first)),
            _ => false,
        }
    }

    /// Where several lines stand together, seen through `view` (Knuth, Morris, Pratt: linear in
    /// both lengths).
    fn with_lines(&self, wanted: &[Cow<'_, [u8]>], view: fn(&[u8]) -> &[u8]) -> Vec<usize> {
        let wanted: Vec<&[u8]> = wanted.iter().map(|line| view(line)).collect();
        let mut fallback = vec![0; wanted.len()];
        let mut matched = 0;
        for at in 1..wanted.len() {
            while matched > 0 && wanted[at] != wanted[matched] {
                matched = fallback[matched - 1];
            }
            matched += usize::from(wanted[at] == wanted[matched]);
            fallback[at] = matched;
        }
        let mut found = Vec::new();
        matched = 0;
        for (at, (_, line)) in self.lines.iter().enumerate() {
            let line = view(line);
            while matched > 0 && line != wanted[matched] {
                matched = fallback[matched - 1];
            }
            matched += usize::from(line == wanted[matched]);
            if matched == wanted.len() {
                found.push(at + 1 - matched);
                matched = fallback[matched - 1];
            }
        }
        found
    }

    fn dress<'l>(&self, line: &'l [u8]) -> Cow<'l, [u8]> {
        if self.squeezed {
            Cow::Owned(squeeze(line))
        } else {
            Cow::Borrowed(line)
        }
    }
}

/// The lines of a text with their numbers, from 1.
fn numbered(text: &[u8]) -> impl Iterator<Item = (u32, &[u8])> {
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    (1..).zip(text.split(|byte| *byte == b'\n'))
}

fn squeeze(line: &[u8]) -> Vec<u8> {
    let kept = line.iter().filter(|byte| !byte.is_ascii_whitespace());
    kept.copied().collect()
}

/// By how much one line is indented more than another, and which; `None` when their indentations
/// have nothing in common.
fn shift<'l>(own: &'l [u8], wanted: &'l [u8]) -> Option<(bool, &'l [u8])> {
    let indent = |line: &'l [u8]| &line[..line.len() - line.trim_ascii_start().len()];
    let (own, wanted) = (indent(own), indent(wanted));
    match own.strip_suffix(wanted) {
        Some(more) => Some((true, more)),
        None => wanted.strip_suffix(own).map(|more| (false, more)),
    }
}

/// The longest part of a line between `...`; `None` without one, or when it proves too little.
fn longest_part(line: &[u8]) -> Option<&[u8]> {
    let text = std::str::from_utf8(line).ok()?;
    if !(text.contains("...") || text.contains('…')) {
        return None;
    }
    let parts = text.split("...").flat_map(|part| part.split('…'));
    let part = parts.map(str::trim).max_by_key(|part| part.len())?;
    (part.len() >= LEAST_PART).then_some(part.as_bytes())
}

/// A comment that is nothing but a path, with or without lines: agents put it over an excerpt.
fn names_file(line: &str) -> bool {
    let line = line.trim();
    let marks = |c: char| matches!(c, '/' | '#' | '*' | '-' | ';' | '<' | '>' | '!' | ' ' | '%');
    let inner = line.trim_start_matches(marks).trim_end_matches(marks);
    let marked = line.len() - line.trim_start_matches(marks).len() > 0;
    let path = inner.split(':').next().unwrap_or(inner);
    let said_lines = inner[path.len()..]
        .chars()
        .all(|c| c.is_ascii_digit() || matches!(c, ':' | '-' | '–' | ','));
    let named = path
        .rsplit_once('.')
        .is_some_and(|(stem, end)| !stem.is_empty() && (1..=10).contains(&end.len()));
    marked
        && said_lines
        && named
        && path
            .chars()
            .all(|c| c.is_alphanumeric() || "/._-+@".contains(c))
}

/// A line that says that lines were left out.
fn is_left_out(line: &str) -> bool {
    let line = line.trim();
    let marks = |c: char| {
        matches!(
            c,
            '/' | '#' | '*' | '-' | ';' | '<' | '>' | '!' | ' ' | '(' | ')' | '[' | ']'
        )
    };
    let inner = line.trim_matches(marks);
    inner.len() <= 40
        && (inner.starts_with("...") || inner.starts_with('…'))
        && (inner.len() <= 4
            || inner.ends_with("...")
            || inner.ends_with('…')
            || inner.contains(' '))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "fn one() {\n    let a = 1;\n    call(a);\n}\n\nfn two() {\n    let b = 2;\n\n    call(b);   \r\n    call(b);\n}\n";

    fn find(quote: &str, near: Option<u32>) -> Option<(u32, u32)> {
        let quote = Quote::new(quote)?;
        let found = quote.find(&Text::exact(FILE.as_bytes()), near)?;
        Some((found.start, found.end))
    }

    #[test]
    fn quotes_are_found_where_they_stand() {
        for (quote, near, want) in [
            ("    let a = 1;\n    call(a);", None, (2, 3)),
            ("\n    let a = 1;   \n    call(a);\n\n", None, (2, 3)),
            ("let b = 2;", Some(1), (7, 7)),
            ("    call(b);", Some(1), (9, 9)),
            ("    call(b);", Some(40), (10, 10)),
            ("fn one() {\n    ...\n}", None, (1, 4)),
            (
                "fn one() {\n    // ...\n    call(b);\n    call(b);",
                None,
                (1, 10),
            ),
        ] {
            assert_eq!(find(quote, near), Some(want), "{quote}");
        }
        for quote in [
            "    let a = 2;",
            "    call(a);\n    let a = 1;",
            "fn two() {\n...\nfn one() {",
            "let b = 2;\n    call(b);",
        ] {
            assert_eq!(find(quote, None), None, "{quote}");
        }
    }

    #[test]
    fn quotes_that_prove_nothing_are_none() {
        for quote in ["", "   \n\t\n", "}", "...", "  });  ", "\n\n\n"] {
            assert_eq!(Quote::new(quote), None, "{quote:?}");
        }
    }

    #[test]
    fn white_space_can_be_disregarded() {
        let quote = Quote::new("let b=2;\ncall( b );").unwrap();
        assert_eq!(quote.find(&Text::exact(FILE.as_bytes()), None), None);
        let found = quote.find(&Text::squeezed(FILE.as_bytes()), None).unwrap();
        assert_eq!((found.start, found.end), (7, 9));
    }

    #[test]
    fn patch_signs_can_be_taken_off() {
        let quote = Quote::new("+    let a = 1;\n-    call(a);").unwrap();
        let plain = quote.without_signs().unwrap();
        assert!(plain.find(&Text::exact(FILE.as_bytes()), None).is_some());
        assert_eq!(Quote::new("    let a = 1;").unwrap().without_signs(), None);
    }

    #[test]
    fn a_comment_that_names_the_file_is_no_part_of_the_quote() {
        for name in [
            "// src/one.rs",
            "# one.rs:1",
            "<!-- src/one.rs:1-4 -->",
            "/* one.rs */",
        ] {
            let quote = format!("{name}\nfn one() {{\n    let a = 1;\n\n// two.rs\nelsewhere();");
            assert_eq!(find(&quote, None), Some((1, 2)), "{name}");
        }
        for code in [
            "// see one.rs",
            "one.rs",
            "// one",
            "#include <a.h>",
            "// a.rs: x",
        ] {
            assert!(!names_file(code), "{code}");
        }
    }

    #[test]
    fn excerpts_may_be_shifted_as_a_whole() {
        assert_eq!(find("let a = 1;\ncall(a);", None), Some((2, 3)));
        assert_eq!(
            find("        let a = 1;\n        call(a);", None),
            Some((2, 3))
        );
        assert_eq!(find("  let a = 1;\n    call(a);", None), None);
        assert_eq!(find("fn two() {\nlet b = 2;", None), None);
    }

    #[test]
    fn lines_may_have_gaps() {
        let text = b"call_with(first, second, third) {\nnext();\n";
        let quote = Quote::new("call_with(first, ...) {\nnext();").unwrap();
        assert_eq!(quote.find(&Text::exact(text), None), None);
        let gaps = quote.with_gaps().unwrap();
        let found = gaps.find(&Text::exact(text), None).unwrap();
        assert_eq!((found.start, found.end), (1, 2));
        assert_eq!(Quote::new("call_with(a, b)").unwrap().with_gaps(), None);
        assert_eq!(Quote::new("func(a, ...)").unwrap().with_gaps(), None);
    }

    #[test]
    fn hostile_quotes_take_linear_time() {
        let same = "aaaa\n".repeat(20_000);
        let begun = std::time::Instant::now();
        let almost = format!("{}b", "aaaa\n".repeat(150));
        let quote = Quote::new(&almost).unwrap();
        assert_eq!(quote.find(&Text::exact(same.as_bytes()), None), None);
        assert_eq!(quote.find(&Text::squeezed(same.as_bytes()), None), None);
        let quote = Quote::new(&same).unwrap();
        assert!(quote.find(&Text::exact(same.as_bytes()), Some(3)).is_some());
        let cut = "aaaa\n...\n".repeat(90);
        let quote = Quote::new(&cut).unwrap();
        assert!(quote.find(&Text::exact(same.as_bytes()), None).is_some());
        let long = "x".repeat(4_000_000);
        assert!(Quote::new(&long).is_some());
        assert!(begun.elapsed() < std::time::Duration::from_secs(10));
    }
}
