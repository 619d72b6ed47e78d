//! Cuts out of a patch what is cut out of the files it is between: a few lines do not show that they are
//! of a key whose armour stands elsewhere, and neither does the heading of a hunk.
//! The patch is searched as any text besides.

use std::ops::Range;

use super::{Cut, Redaction, Redactor, Secret, outside, secrets_in};
use crate::diff::unified::{Quoted, Written};
use crate::diff::{Change, Content, Patch, Side};

impl Redactor {
    /// Cuts the secrets out of the written patch of a change. What [`Redactor::redact`] cuts out of either
    /// whole text has the same mark here. A patch without texts is redacted as it stands.
    pub(crate) fn redact_patch<'t>(
        &self,
        change: &Change,
        patch: &Patch,
        written: &'t Written,
    ) -> Redaction<'t> {
        let mut cuts = Vec::new();
        if let Content::Text(text) = &patch.content {
            for (side, entry, whole) in [
                (Side::Old, change.old(), text.old_text()),
                (Side::New, change.new(), text.new_text()),
            ] {
                let Some(entry) = entry else { continue };
                let secrets = secrets_in(&entry.path, whole);
                let quoted = written.quoted.iter().filter(|it| it.side == side);
                for quoted in quoted {
                    cuts.extend(cuts_in(quoted, &secrets, whole));
                }
            }
        }
        let mut cuts = merged(cuts, &written.text);
        let covered: Vec<Range<usize>> = cuts.iter().map(|cut| cut.range.clone()).collect();
        let found = secrets_in(change.path(), &written.text);
        let besides = outside(&covered, found);
        cuts.extend(besides.into_iter().map(|Secret { range, rule }| Cut {
            value: &written.text[range.clone()],
            range,
            rule,
        }));
        cuts.sort_unstable_by_key(|cut| cut.range.start);
        self.cut(&written.text, cuts)
    }
}

/// What is to be cut out of a quoted part of a text with these secrets, which are in order.
fn cuts_in<'q, 'w>(
    quoted: &'q Quoted,
    secrets: &'q [Secret],
    whole: &'w [u8],
) -> impl Iterator<Item = Cut<'w>> + use<'q, 'w> {
    let Quoted { of, at, .. } = quoted;
    let first = secrets.partition_point(|secret| secret.range.end <= of.start);
    secrets[first..]
        .iter()
        .take_while(|secret| secret.range.start < of.end)
        .map(move |secret| {
            // A heading may end within a secret.
            let start = secret.range.start.max(of.start) - of.start;
            let end = secret.range.end.min(of.end) - of.start;
            Cut {
                range: at + start..at + end,
                rule: secret.rule,
                value: &whole[secret.range.clone()],
            }
        })
}

/// In order, without overlaps: what both sides lose is cut once, and what is a longer secret on one side
/// than on the other is cut as a whole.
fn merged<'c>(mut cuts: Vec<Cut<'c>>, text: &'c [u8]) -> Vec<Cut<'c>> {
    cuts.sort_by_key(|cut| (cut.range.start, usize::MAX - cut.range.end));
    let mut merged: Vec<Cut<'c>> = Vec::with_capacity(cuts.len());
    for cut in cuts {
        match merged.last_mut() {
            Some(last) if cut.range.start < last.range.end => {
                if last.range.end < cut.range.end {
                    last.range.end = cut.range.end;
                    last.value = &text[last.range.clone()];
                }
            }
            _ => merged.push(cut),
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::super::Mark;
    use super::super::tests::{BASE64, leaks, random, redactor};
    use super::*;
    use crate::diff::unified::{self, Names};
    use crate::diff::{Entry, LineDiff, Mode, Oid, Replacement, RepoPath, TextPatch};

    /// The redacted patch between two texts: of as many lines, or different in one place.
    fn redacted(name: &str, old: &str, new: &str) -> (String, Vec<Mark>) {
        let lines =
            |text: &str| -> Vec<String> { text.split_inclusive('\n').map(str::to_owned).collect() };
        let (olds, news) = (lines(old), lines(new));
        let number = |line: usize| u32::try_from(line).unwrap();
        let replaced = |old: Range<usize>, new: Range<usize>| Replacement {
            old: number(old.start)..number(old.end),
            new: number(new.start)..number(new.end),
        };
        let replacements = if olds.len() == news.len() {
            let differ = (0..olds.len()).filter(|at| olds[*at] != news[*at]);
            differ.map(|at| replaced(at..at + 1, at..at + 1)).collect()
        } else {
            let same = olds.iter().zip(&news).take_while(|(old, new)| old == new);
            let first = same.count();
            let ends = olds[first..].iter().rev().zip(news[first..].iter().rev());
            let last = ends.take_while(|(old, new)| old == new).count();
            let (old, new) = (olds.len() - last, news.len() - last);
            vec![replaced(first..old, first..new)]
        };
        let diff = LineDiff {
            replacements,
            old_tokens: (0..number(olds.len())).collect(),
        };
        let entry = |text: &str| Entry {
            path: RepoPath::from(name),
            mode: Mode::Regular,
            id: Oid::from_bytes(&blake3::hash(text.as_bytes()).as_bytes()[..20]).unwrap(),
        };
        let change = Change::Modified {
            old: entry(old),
            new: entry(new),
        };
        let patch = Patch {
            content: Content::Text(TextPatch::new(old.into(), new.into(), diff)),
            id_digits: None,
        };
        let written = unified::written(&change, &patch, Names::Ascii).unwrap();
        let redaction = redactor().redact_patch(&change, &patch, &written);
        let lines = |text: &[u8]| memchr::memchr_iter(b'\n', text).count();
        assert_eq!(lines(&redaction.text), lines(&written.text));
        let text = String::from_utf8(redaction.text.into_owned()).unwrap();
        assert_eq!(text.matches("[REDACTED:").count(), redaction.marks.len());
        (text, redaction.marks)
    }

    fn whole(path: &str, text: &str) -> String {
        let redaction = redactor().redact(&RepoPath::from(path), text.as_bytes());
        String::from_utf8(redaction.text.into_owned()).unwrap()
    }

    fn digits(line: usize) -> String {
        random(BASE64, 64, line as u64 + 700)
    }

    /// The lines of a key with its armour, and which of them are to be hidden.
    fn key(head: &str, foot: &str, wrap: (&str, &str)) -> (Vec<String>, Vec<String>) {
        let body: Vec<String> = (0..9).map(digits).collect();
        let lines = [head.to_owned()]
            .into_iter()
            .chain(body.clone())
            .chain([foot.to_owned()])
            .map(|line| format!("{}{line}{}\n", wrap.0, wrap.1))
            .collect();
        (lines, body)
    }

    fn armour(what: &str, kind: &str) -> String {
        let rule = "-".repeat(5);
        format!("{rule}{what} {}{rule}", kind.replace("KEY", "PRIVATE KEY"))
    }

    #[test]
    fn lines_of_a_key_are_cut_wherever_a_hunk_begins() {
        let pair = |kind: &str| (armour("BEGIN", kind), armour("END", kind));
        let putty = (
            "PuTTY-User-Key-File-3: x".to_owned(),
            "Private-MAC: 0".to_owned(),
        );
        for (path, (head, foot), wrap) in [
            ("a.txt", pair("RSA KEY"), ("", "")),
            ("a.txt", pair("OPENSSH KEY"), ("", "")),
            ("a.txt", pair("PGP KEY BLOCK"), ("", "")),
            ("a.txt", putty, ("", "")),
            ("a.yml", pair("KEY"), ("    ", "")),
            ("a.py", pair("EC KEY"), ("    \"", "\\n\"")),
            ("a.js", pair("KEY"), ("  '", "\\n' +")),
        ] {
            let (lines, body) = key(&head, &foot, wrap);
            let before = (0..5).map(|line| format!("  before {line}\n"));
            let after = (0..5).map(|line| format!("  after {line}\n"));
            let old: Vec<String> = before.chain(lines).chain(after).collect();
            let other = format!("{}{}{}\n", wrap.0, digits(99), wrap.1);
            for at in 0..old.len() {
                for (taken, put) in [(0, "  new\n"), (1, ""), (1, other.as_str())] {
                    let mut new = old.clone();
                    new.splice(at..at + taken, [put.to_owned()]);
                    let (old, new) = (old.concat(), new.concat());
                    let (patch, marks) = redacted(path, &old, &new);
                    assert!(marks.iter().all(|mark| mark.rule == "private-key"));
                    for line in &body {
                        assert!(!leaks(&patch, line), "{old}\nto\n{new}\nis\n{patch}");
                    }
                    // Whatever the new text loses, its patch loses.
                    if !leaks(&whole(path, &new), &digits(99)) {
                        assert!(!leaks(&patch, &digits(99)), "{patch}");
                    }
                }
            }
        }
    }

    #[test]
    fn the_heading_of_a_hunk_loses_what_its_line_loses() {
        let (lines, _) = key(
            &armour("BEGIN", "RSA KEY"),
            &armour("END", "RSA KEY"),
            ("", ""),
        );
        // The last line that begins as a declaration does is one of the key.
        let last = lines
            .iter()
            .rposition(|line| line.as_bytes()[0].is_ascii_alphabetic());
        let text = format!("{}{}", lines.concat(), "  x\n".repeat(8));
        let (patch, marks) = redacted("a.txt", &text, &format!("{text}  y\n"));
        let shown = whole("a.txt", &text);
        let mark = shown.lines().nth(last.unwrap()).unwrap();
        let heading = patch
            .lines()
            .position(|line| line.starts_with("@@ "))
            .unwrap();
        assert!(
            patch.lines().nth(heading).unwrap().ends_with(mark),
            "{patch}"
        );
        assert_eq!(marks.len(), 1);
        assert_eq!(marks[0].line as usize, heading + 1);
    }

    #[test]
    fn what_either_side_loses_is_cut_with_the_same_mark() {
        // One such line is no key before there is a head above it.
        let text = |head: &str, end: &str| {
            let headers = "Header: 0\n".repeat(9);
            format!("{head}\n{headers}{}\n{end}\n", digits(1))
        };
        let old = text("nothing", "old-end");
        assert_eq!(whole("a.txt", &old), old);
        let new = text(&armour("BEGIN", "KEY"), "new-end");
        let (patch, marks) = redacted("a.txt", &old, &new);
        let shown = whole("a.txt", &new);
        let mark = shown.lines().nth(10).unwrap();
        assert!(patch.contains(&format!("\n {mark}\n-old-end\n")), "{patch}");
        assert_eq!(marks.len(), 1);
    }

    #[test]
    fn what_stands_in_the_patch_alone_is_cut_too() {
        let token = ["gh", "p_", &digits(1).replace(['+', '/'], "0")[..36]].concat();
        let (patch, marks) = redacted(&format!("{token}.txt"), "a\n", "b\n");
        assert!(!leaks(&patch, &token), "{patch}");
        assert_eq!(marks.first().map(|mark| mark.line), Some(1));
    }

    #[test]
    fn a_patch_without_secrets_stays() {
        let text = "fn a() {\n    b();\n}\n";
        let (patch, marks) = redacted("a.rs", text, &text.replace('b', "c"));
        assert!(
            marks.is_empty() && patch.contains("\n+    c();\n"),
            "{patch}"
        );
    }
}
