//! Reads and lists files of the two trees.
//! Which paths are refused at once is left to `names`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::Read as _;

use ignore::Match;
use ignore::overrides::{Override, OverrideBuilder};

use crate::diff::{Entry, Mode, RepoPath};
use crate::finding::LineRange;

use super::{LARGEST_FILE, Lines, Refused, Toolbox, shown, unreadable, visible};

/// A longer line is cut, in characters.
const LONGEST_LINE: usize = 2_000;
/// Text has no zero byte in its first so many bytes, as Git decides it.
const SNIFFED: usize = 8_000;

impl Toolbox<'_> {
    /// A file with line numbers, or the part of it that fits.
    pub(super) fn file(
        &mut self,
        base: bool,
        path: &RepoPath,
        lines: Option<LineRange>,
    ) -> Result<String, Refused> {
        let content = match self.content(base, path)? {
            Content::Text(content) => content,
            Content::Link(target) => {
                return Ok(format!(
                    "a symbolic link, which is not followed, to: {}",
                    visible(&target, LONGEST_LINE)
                ));
            }
        };
        let text = String::from_utf8_lossy(&content);
        let text = text.strip_suffix('\n').unwrap_or(&text);
        let returns = memchr::memmem::find(&content, b"\r\n").is_some();
        let all: Vec<&str> = if content.is_empty() {
            Vec::new()
        } else {
            text.split('\n').collect()
        };
        let first = lines.map_or(1, |lines| lines.start) as usize;
        let last = lines
            .map_or(usize::MAX, |lines| lines.end as usize)
            .min(all.len());
        if first > all.len() && first > 1 {
            return Err(format!("the file has {} lines", all.len()));
        }
        let mut out = Lines::new();
        let mut number = first;
        while number <= last {
            let line = all[number - 1];
            let line = line.strip_suffix('\r').unwrap_or(line);
            if !out.add(&format!("{number}\t{}", visible(line, LONGEST_LINE))) {
                break;
            }
            number += 1;
        }
        let mut notes = Vec::new();
        if number <= last {
            notes.push(format!("cut here: ask on with start {number}"));
        }
        if number <= all.len() || first > 1 {
            notes.push(format!("the file has {} lines", all.len()));
        }
        if returns {
            notes.push("lines end in carriage return and line feed".to_owned());
        }
        if all.is_empty() {
            notes.push("the file is empty".to_owned());
        }
        let note = (!notes.is_empty()).then(|| format!("[{}]", notes.join("; ")));
        Ok(out.end(note))
    }

    /// The redacted text that stands at a path of a tree, or of our own material.
    fn content(&self, base: bool, path: &RepoPath) -> Result<Content, Refused> {
        if let Some(file) = self.material.get(path).filter(|_| !base) {
            let mut content = Vec::new();
            let read = fs::File::open(file)
                .and_then(|file| file.take(LARGEST_FILE).read_to_end(&mut content));
            read.map_err(|_| "it can't be read".to_owned())?;
            return Ok(Content::Text(self.cleaned(path, &content)?.into_owned()));
        }
        let entry = self.entry(base, path)?;
        let raw = self.raw(&entry)?;
        if entry.mode == Mode::Symlink {
            let target = self.cleaned(path, &raw)?;
            return Ok(Content::Link(String::from_utf8_lossy(&target).into_owned()));
        }
        if is_binary(&raw) {
            return Err(format!("it is a binary file of {} bytes", raw.len()));
        }
        Ok(Content::Text(self.cleaned(path, &raw)?.into_owned()))
    }

    /// The file at a path of a tree.
    pub(super) fn entry(&self, base: bool, path: &RepoPath) -> Result<Entry, Refused> {
        let (side, which) = if base {
            (&self.base, "the version before the change")
        } else {
            (&self.head, "the reviewed version")
        };
        let found = self.repo.entry(&side.tree, path).map_err(unreadable)?;
        let entry = found.ok_or_else(|| {
            format!("{which} has no file of this very path; list_files says what is there")
        })?;
        if entry.mode == Mode::Submodule {
            return Err(format!(
                "it is a submodule, a pointer to commit {} of another repository",
                entry.id
            ));
        }
        Ok(entry)
    }

    pub(super) fn raw(&self, entry: &Entry) -> Result<Vec<u8>, Refused> {
        self.repo
            .read_blob_within(&entry.id, LARGEST_FILE)
            .map_err(unreadable)?
            .ok_or_else(|| format!("it is larger than {} MB", LARGEST_FILE >> 20))
    }

    /// The entries of a directory, or the files that a glob matches.
    pub(super) fn list(
        &mut self,
        directory: Option<&RepoPath>,
        glob: Option<&str>,
    ) -> Result<String, Refused> {
        let files = self.listed()?;
        let inside = |path: &RepoPath| -> Option<Vec<u8>> {
            let Some(directory) = directory else {
                return Some(path.as_bytes().to_vec());
            };
            let rest = path.as_bytes().strip_prefix(directory.as_bytes())?;
            Some(rest.strip_prefix(b"/")?.to_vec())
        };
        let mut out = Lines::new();
        let mut left = 0;
        if let Some(glob) = glob {
            let globs = globs(glob)?;
            for path in &files {
                if inside(path).is_some() && matches(&globs, path) && !out.add(&shown(path)) {
                    left += 1;
                }
            }
        } else {
            let mut entries: BTreeMap<Vec<u8>, usize> = BTreeMap::new();
            for path in &files {
                let Some(rest) = inside(path) else { continue };
                let end = rest.iter().position(|byte| *byte == b'/');
                let name = &rest[..end.map_or(rest.len(), |slash| slash + 1)];
                *entries.entry(name.to_vec()).or_default() += 1;
            }
            for (name, count) in &entries {
                let mut line = shown(&RepoPath::new(name.clone()));
                if name.ends_with(b"/") {
                    write!(line, " ({count} files)").expect("writing to a String cannot fail");
                }
                if !out.add(&line) {
                    left += 1;
                }
            }
        }
        if out.text.is_empty() && left == 0 {
            return Err("there is nothing".to_owned());
        }
        let note =
            (left > 0).then(|| format!("[{left} more: name a directory or a narrower glob]"));
        let text = out.end(note);
        self.cleaned_text(&text)
    }

    /// Every path of the reviewed tree, and of our material.
    fn listed(&mut self) -> Result<Vec<RepoPath>, Refused> {
        let files = self.files(false)?;
        let mut paths: Vec<RepoPath> = files.iter().map(|entry| entry.path.clone()).collect();
        let ours = self.material.keys();
        paths.extend(
            ours.filter(|path| paths.binary_search(path).is_err())
                .cloned()
                .collect::<Vec<_>>(),
        );
        Ok(paths)
    }
}

/// What stands at a path.
enum Content {
    Text(Vec<u8>),
    Link(String),
}

/// As Git tells text from other content.
pub(super) fn is_binary(content: &[u8]) -> bool {
    memchr::memchr(0, &content[..content.len().min(SNIFFED)]).is_some()
}

/// Compiles a glob as the rest of the program reads them.
pub(super) fn globs(glob: &str) -> Result<Override, Refused> {
    let mut builder = OverrideBuilder::new("");
    let added = builder.add(glob).map(|_| ());
    added
        .and_then(|()| builder.build())
        .map_err(|_| "`glob` can't be read".to_owned())
}

/// True if a path matches.
pub(super) fn matches(globs: &Override, path: &RepoPath) -> bool {
    matches!(
        globs.matched(path.to_str_lossy().as_ref(), false),
        Match::Whitelist(_)
    )
}
