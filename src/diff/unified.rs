//! Writes the patch text of a change, byte for byte as
//! `git diff --no-color --no-ext-diff --no-textconv -M` prints it with default settings.
//! It shows what was read; which changes are shown is left to the caller.

use std::io::{self, Write};
use std::ops::Range;

use super::{Change, Content, Entry, IdDigits, Oid, Origin, Patch, Side, TextPatch, Unreadable};

/// How names are written; Git's `core.quotePath`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Names {
    /// Bytes above 127 are escaped; Git's default.
    Ascii,
    /// They stand as they are.
    AsTheyAre,
}

/// A written patch, and which parts of it are of which text.
#[derive(Debug, Default)]
pub(crate) struct Written {
    /// What [`write()`] writes.
    pub(crate) text: Vec<u8>,
    /// Its lines and headings, from top to bottom; what both sides have is there for each of them.
    pub(crate) quoted: Vec<Quoted>,
}

/// A part of one side's text as it stands in a written patch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Quoted {
    /// Whose text it is of.
    pub(crate) side: Side,
    /// Which bytes of that text it is.
    pub(crate) of: Range<usize>,
    /// Where the first of them stands in the patch.
    pub(crate) at: usize,
}

/// The changes as Git prints them: a change of type is a deletion and an addition.
pub(crate) fn as_printed(changes: Vec<Change>) -> Vec<Change> {
    changes
        .into_iter()
        .flat_map(|change| match change {
            Change::Modified { ref old, ref new } if change.letter() == 'T' => {
                vec![Change::Deleted(old.clone()), Change::Added(new.clone())]
            }
            other => vec![other],
        })
        .collect()
}

/// Writes one change. A change of type is written as two; if only one of its sides is binary both
/// are shown as such, unless it went through [`as_printed`] first. The digits of [`Patch::id_digits`] are used if they were read, else ids are
/// written in full. A content that can't be shown is a line that says so and that no program
/// takes for a patch.
pub(crate) fn write(
    change: &Change,
    patch: &Patch,
    names: Names,
    out: &mut impl Write,
) -> io::Result<()> {
    write_on(change, patch, names, &mut Unnoted(out))
}

/// The same, with a note of where each part is from.
pub(crate) fn written(change: &Change, patch: &Patch, names: Names) -> io::Result<Written> {
    let mut written = Written::default();
    write_on(change, patch, names, &mut written)?;
    Ok(written)
}

/// What a patch is written on.
trait Sheet: Write {
    /// Is told which bytes of a side's text are written next.
    fn quotes(&mut self, side: Side, of: Range<usize>);
}

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.text.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Sheet for Written {
    fn quotes(&mut self, side: Side, of: Range<usize>) {
        self.quoted.push(Quoted {
            side,
            of,
            at: self.text.len(),
        });
    }
}

/// Writes, and forgets where it is from.
struct Unnoted<'w, W>(&'w mut W);

impl<W: Write> Write for Unnoted<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl<W: Write> Sheet for Unnoted<'_, W> {
    fn quotes(&mut self, _: Side, _: Range<usize>) {}
}

fn write_on(change: &Change, patch: &Patch, names: Names, out: &mut impl Sheet) -> io::Result<()> {
    match change {
        Change::Modified { old, new } if change.letter() == 'T' => {
            let half = |old, new| Writer::new(old, new, None, patch, names);
            half(Some(old), None).write(out)?;
            half(None, Some(new)).write(out)
        }
        Change::Renamed {
            old,
            new,
            similarity,
        } => Writer::new(Some(old), Some(new), Some(*similarity), patch, names).write(out),
        _ => Writer::new(change.old(), change.new(), None, patch, names).write(out),
    }
}

struct Writer<'a> {
    old: Option<&'a Entry>,
    new: Option<&'a Entry>,
    similarity: Option<u8>,
    patch: &'a Patch,
    names: Names,
    old_name: Vec<u8>,
    new_name: Vec<u8>,
}

impl<'a> Writer<'a> {
    fn new(
        old: Option<&'a Entry>,
        new: Option<&'a Entry>,
        similarity: Option<u8>,
        patch: &'a Patch,
        names: Names,
    ) -> Self {
        let name = |side: Option<&'a Entry>, other: Option<&'a Entry>| {
            side.or(other)
                .map_or(&[][..], |entry| entry.path.as_bytes())
        };
        Self {
            old,
            new,
            similarity,
            patch,
            names,
            old_name: quoted(b"a/", name(old, new), names),
            new_name: quoted(b"b/", name(new, old), names),
        }
    }

    fn write(&self, out: &mut impl Sheet) -> io::Result<()> {
        out.write_all(b"diff --git ")?;
        out.write_all(&self.old_name)?;
        out.write_all(b" ")?;
        out.write_all(&self.new_name)?;
        out.write_all(b"\n")?;
        match (self.old, self.new) {
            (None, Some(new)) => writeln!(out, "new file mode {}", new.mode.as_octal())?,
            (Some(old), None) => writeln!(out, "deleted file mode {}", old.mode.as_octal())?,
            (Some(old), Some(new)) if old.mode != new.mode => {
                writeln!(out, "old mode {}", old.mode.as_octal())?;
                writeln!(out, "new mode {}", new.mode.as_octal())?;
            }
            _ => {}
        }
        if let (Some(similarity), Some(old), Some(new)) = (self.similarity, self.old, self.new) {
            writeln!(out, "similarity index {similarity}%")?;
            for (word, entry) in [("from", old), ("to", new)] {
                write!(out, "rename {word} ")?;
                out.write_all(&quoted(b"", entry.path.as_bytes(), self.names))?;
                out.write_all(b"\n")?;
            }
        }
        if self.old.map(|old| old.id) == self.new.map(|new| new.id) {
            return Ok(());
        }
        self.index_line(out)?;
        match &self.patch.content {
            Content::Text(text) => self.text(text, out),
            Content::Binary => {
                out.write_all(b"Binary files ")?;
                out.write_all(label(self.old, &self.old_name))?;
                out.write_all(b" and ")?;
                out.write_all(label(self.new, &self.new_name))?;
                out.write_all(b" differ\n")
            }
            Content::Unreadable(why) => match why {
                Unreadable::Missing(id) => writeln!(out, "Unreadable: object {id} is missing"),
                Unreadable::Damaged(id) => writeln!(out, "Unreadable: object {id} is damaged"),
                Unreadable::Unread(why) => writeln!(out, "Unreadable: {why}"),
                Unreadable::TooLarge { bytes, limit } => {
                    writeln!(out, "Unreadable: {bytes} bytes, the limit is {limit}")
                }
            },
        }
    }

    fn index_line(&self, out: &mut impl Write) -> io::Result<()> {
        let id = |side: Option<&Entry>, other: Option<&Entry>, digits: fn(&IdDigits) -> usize| {
            let mut hex = match (side, other) {
                (Some(entry), _) => entry.id.to_string(),
                (None, Some(entry)) => "0".repeat(hex_len(&entry.id)),
                (None, None) => String::new(),
            };
            if let Some(shown) = &self.patch.id_digits {
                hex.truncate(if side.is_some() {
                    digits(shown)
                } else {
                    shown.null
                });
            }
            hex
        };
        let old = id(self.old, self.new, |digits| digits.old);
        let new = id(self.new, self.old, |digits| digits.new);
        write!(out, "index {old}..{new}")?;
        if let (Some(old), Some(new)) = (self.old, self.new)
            && old.mode == new.mode
        {
            write!(out, " {}", new.mode.as_octal())?;
        }
        out.write_all(b"\n")
    }

    fn text(&self, text: &TextPatch, out: &mut impl Sheet) -> io::Result<()> {
        let shown = |origin: Origin| match origin {
            Origin::Context => true,
            Origin::Removed => self.old.is_some(),
            Origin::Added => self.new.is_some(),
        };
        let mut begun = false;
        for hunk in text.hunks() {
            let (old_len, new_len) = (
                if self.old.is_some() { hunk.old_len } else { 0 },
                if self.new.is_some() { hunk.new_len } else { 0 },
            );
            if old_len == 0 && new_len == 0 {
                continue;
            }
            if !begun {
                begun = true;
                Self::file_line(b"--- ", self.old, &self.old_name, out)?;
                Self::file_line(b"+++ ", self.new, &self.new_name, out)?;
            }
            out.write_all(b"@@ -")?;
            range(
                if old_len == 0 && self.old.is_none() {
                    0
                } else {
                    hunk.old_start
                },
                old_len,
                out,
            )?;
            out.write_all(b" +")?;
            range(
                if new_len == 0 && self.new.is_none() {
                    0
                } else {
                    hunk.new_start
                },
                new_len,
                out,
            )?;
            out.write_all(b" @@")?;
            let heading = text.heading(hunk);
            if !heading.is_empty() {
                out.write_all(b" ")?;
                for (side, of) in text.heading_places(hunk) {
                    out.quotes(side, of);
                }
                out.write_all(heading)?;
            }
            out.write_all(b"\n")?;
            for line in text.lines(hunk).filter(|line| shown(line.origin)) {
                out.write_all(match line.origin {
                    Origin::Context => b" ",
                    Origin::Removed => b"-",
                    Origin::Added => b"+",
                })?;
                for (side, of) in text.places(&line) {
                    out.quotes(side, of);
                }
                out.write_all(line.text)?;
                if line.text.last() != Some(&b'\n') {
                    out.write_all(b"\n\\ No newline at end of file\n")?;
                }
            }
        }
        Ok(())
    }

    fn file_line(
        start: &[u8],
        side: Option<&Entry>,
        name: &[u8],
        out: &mut impl Write,
    ) -> io::Result<()> {
        let label = label(side, name);
        out.write_all(start)?;
        out.write_all(label)?;
        out.write_all(if label.contains(&b' ') {
            b"\t\n"
        } else {
            b"\n"
        })
    }
}

/// The name of a side, or what Git prints for one that is not there.
fn label<'n>(side: Option<&Entry>, name: &'n [u8]) -> &'n [u8] {
    if side.is_some() { name } else { b"/dev/null" }
}

/// Start and length as in a hunk's header; a length of 1 is not written.
fn range(start: u32, len: u32, out: &mut impl Write) -> io::Result<()> {
    if len == 1 {
        write!(out, "{start}")
    } else {
        write!(out, "{start},{len}")
    }
}

fn hex_len(id: &Oid) -> usize {
    id.as_bytes().len() * 2
}

/// A name as Git prints it: as it is, or with its prefix in double quotes.
fn quoted(prefix: &[u8], path: &[u8], names: Names) -> Vec<u8> {
    let special = |byte: &u8| {
        byte.is_ascii_control()
            || matches!(byte, b'"' | b'\\')
            || (names == Names::Ascii && !byte.is_ascii())
    };
    if !path.iter().any(special) {
        return [prefix, path].concat();
    }
    let mut name = vec![b'"'];
    name.extend_from_slice(prefix);
    for byte in path {
        match byte {
            0x07 => name.extend(b"\\a"),
            0x08 => name.extend(b"\\b"),
            b'\t' => name.extend(b"\\t"),
            b'\n' => name.extend(b"\\n"),
            0x0b => name.extend(b"\\v"),
            0x0c => name.extend(b"\\f"),
            b'\r' => name.extend(b"\\r"),
            b'"' => name.extend(b"\\\""),
            b'\\' => name.extend(b"\\\\"),
            other if special(other) => name.extend(format!("\\{other:03o}").bytes()),
            other => name.push(*other),
        }
    }
    name.push(b'"');
    name
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diff::{LineDiff, Mode, Replacement, RepoPath};

    #[test]
    fn each_line_and_heading_is_noted_with_its_place() {
        let entry = |id: u8| Entry {
            path: RepoPath::from("a"),
            mode: Mode::Regular,
            id: Oid::from_bytes(&[id; 20]).unwrap(),
        };
        let change = Change::Modified {
            old: entry(1),
            new: entry(2),
        };
        // The heading of the second hunk is a line that is gone, that of the third one that stays.
        let lines = |text: &str| text.replace(' ', "\n") + "\n";
        let old = lines("1 2 gone 4 5 6 7 8 9 10 11 12 stays 14 15 16 17 18 19 20");
        let new = lines("1 2 4 5 6 7 8 9 10 new 12 stays 14 15 16 17 18 19");
        let replaced = |old, new| Replacement { old, new };
        let diff = LineDiff {
            replacements: vec![
                replaced(2..3, 2..2),
                replaced(10..11, 9..10),
                replaced(19..20, 18..18),
            ],
            old_tokens: (0..20).collect(),
        };
        let text = TextPatch::new(old.clone().into(), new.clone().into(), diff);
        let patch = Patch {
            content: Content::Text(text),
            id_digits: None,
        };
        let written = written(&change, &patch, Names::Ascii).unwrap();
        let mut plain = Vec::new();
        write(&change, &patch, Names::Ascii, &mut plain).unwrap();
        assert_eq!(written.text, plain);
        let shown = String::from_utf8(plain).unwrap();
        assert!(shown.contains("@@ gone\n") && shown.contains("@@ stays\n"));
        let mut of_side = [0, 0];
        for quoted in &written.quoted {
            let (nth, text) = match quoted.side {
                Side::Old => (0, &old),
                Side::New => (1, &new),
            };
            of_side[nth] += 1;
            let of = &text[quoted.of.clone()];
            assert!(shown[quoted.at..].starts_with(of), "{of}");
        }
        let begins = |sign: &[char]| {
            let lines = shown.lines().skip(4);
            lines.filter(|line| line.starts_with(sign)).count()
        };
        // Two headings, one of which is in the new text too.
        assert_eq!(of_side, [begins(&[' ', '-']) + 2, begins(&[' ', '+']) + 1]);
    }
}
