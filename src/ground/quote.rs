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
            if is_left_out(line) {
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

    /// The quote without a first line that is a comment naming the file.
    pub(super) fn without_file_name(&self, name: &[u8]) -> Option<Self> {
        let first = self.stretches.first()?.first()?;
        let names = first.ends_with(name) && first.len() < name.len() + 300;
        let comment = [b"//".as_slice(), b"#", b"--", b"/*", b"<!--", b";"]
            .iter()
            .any(|mark| first.starts_with(mark));
        if !names || !comment {
            return None;
        }
        let mut rest = self.clone();
        rest.stretches[0].remove(0);
        rest.stretches.retain(|stretch| !stretch.is_empty());
        (!rest.stretches.is_empty()).then_some(rest)
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
            lines => self.with_lines(lines),
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

    /// Where several lines stand together (Knuth, Morris, Pratt: linear in both lengths).
    fn with_lines(&self, wanted: &[Cow<'_, [u8]>]) -> Vec<usize> {
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
            while matched > 0 && *line != wanted[matched] {
                matched = fallback[matched - 1];
            }
            matched += usize::from(*line == wanted[matched]);
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
    fn patch_signs_and_file_names_can_be_taken_off() {
        let quote = Quote::new("+    let a = 1;\n-    call(a);").unwrap();
        let plain = quote.without_signs().unwrap();
        assert!(plain.find(&Text::exact(FILE.as_bytes()), None).is_some());
        assert_eq!(Quote::new("    let a = 1;").unwrap().without_signs(), None);
        let quote = Quote::new("// src/one.rs\nfn one() {").unwrap();
        let plain = quote.without_file_name(b"one.rs").unwrap();
        assert!(plain.find(&Text::exact(FILE.as_bytes()), None).is_some());
        assert_eq!(quote.without_file_name(b"two.rs"), None);
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
