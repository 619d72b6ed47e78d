//! Searches the files of a tree by a regular expression, without a backtracking engine.
//! It looks at redacted text only: whether a pattern matches must not tell what was taken out.

use std::borrow::Cow;

use regex::bytes::{Regex, RegexBuilder};

use crate::diff::Entry;

use super::files::{globs, is_binary, matches};
use super::wanted::Grep;
use super::{Lines, Refused, Toolbox, shown, visible};

/// Compiled size of a pattern, in bytes.
const SIZE_LIMIT: usize = 1 << 20;
/// Cache of its lazy automaton, in bytes.
const DFA_SIZE_LIMIT: usize = 2 << 20;
/// Depth of groups and repetitions.
const NEST_LIMIT: u32 = 50;
/// Most lines of one result.
const MOST_MATCHES: usize = 500;
/// What is shown of a longer line: so many bytes before the match, so many characters in all.
const BEFORE: usize = 100;
const LONGEST_LINE: usize = 300;

impl Toolbox<'_> {
    /// The lines that a pattern matches.
    pub(super) fn grep(&mut self, grep: &Grep) -> Result<String, Refused> {
        let regex = compiled(grep)?;
        let globs = grep.glob.as_deref().map(globs).transpose()?;
        let files = self.files(grep.base)?;
        let mut out = Lines::new();
        let (mut found, mut unread, mut unsearched) = (0, 0, 0);
        for entry in files.iter().filter(|entry| entry.mode.is_file()) {
            if globs
                .as_ref()
                .is_some_and(|globs| !matches(globs, &entry.path))
            {
                continue;
            }
            if out.full || found >= MOST_MATCHES || self.is_over() {
                unsearched += 1;
                continue;
            }
            let Ok(raw) = self.raw(entry) else {
                unread += 1;
                continue;
            };
            if is_binary(&raw) {
                unread += 1;
                continue;
            }
            let Ok(text) = self.searched(entry, &raw) else {
                unread += 1;
                continue;
            };
            let text = text.strip_suffix(b"\n").unwrap_or(&text);
            for (number, line) in text.split(|byte| *byte == b'\n').enumerate() {
                let line = line.strip_suffix(b"\r").unwrap_or(line);
                let Some(hit) = regex.find(line) else {
                    continue;
                };
                found += 1;
                let from = hit.start().saturating_sub(BEFORE);
                let skipped = if from > 0 && line.len() > LONGEST_LINE {
                    from
                } else {
                    0
                };
                let cut = if skipped > 0 { "…" } else { "" };
                let line = String::from_utf8_lossy(&line[skipped..]);
                let line = visible(&line, LONGEST_LINE);
                if !out.add(&format!(
                    "{}:{}: {cut}{line}",
                    shown(&entry.path),
                    number + 1
                )) || found >= MOST_MATCHES
                {
                    break;
                }
            }
        }
        let mut notes = Vec::new();
        if found == 0 {
            notes.push("no line matches".to_owned());
        }
        if out.full || found >= MOST_MATCHES {
            notes.push("cut here: narrow the pattern or the glob".to_owned());
        }
        if unsearched > 0 {
            notes.push(format!("{unsearched} files were not searched any more"));
        }
        if unread > 0 {
            notes.push(format!(
                "{unread} binary, withheld or very large files were left out"
            ));
        }
        let note = (!notes.is_empty()).then(|| format!("[{}]", notes.join("; ")));
        Ok(out.end(note))
    }

    /// What may be searched of a file.
    fn searched<'c>(&mut self, entry: &Entry, raw: &'c [u8]) -> Result<Cow<'c, [u8]>, Refused> {
        let place = (entry.path.clone(), entry.id);
        if self.clean.contains(&place) {
            return Ok(Cow::Borrowed(raw));
        }
        let text = self.cleaned(&entry.path, raw)?;
        if matches!(text, Cow::Borrowed(_)) {
            self.clean.insert(place);
        }
        Ok(text)
    }
}

fn compiled(grep: &Grep) -> Result<Regex, Refused> {
    RegexBuilder::new(&grep.pattern)
        .unicode(false)
        .case_insensitive(grep.ignore_case)
        .size_limit(SIZE_LIMIT)
        .dfa_size_limit(DFA_SIZE_LIMIT)
        .nest_limit(NEST_LIMIT)
        .build()
        .map_err(|error| match error {
            regex::Error::CompiledTooBig(_) => "the pattern is too large".to_owned(),
            _ => "the pattern can't be read: Rust syntax, ASCII classes, no look-around, no back-references".to_owned(),
        })
}
