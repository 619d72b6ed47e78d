//! Writes the brief's files about each unit, for agents without a shell: its base version, who last
//! changed its lines, the branch's log, and the list of which is which.
//! The patch and the brief itself are written by others, through `Snapshot::add_files`.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde::Serialize;

use crate::diff::{Change, Entry, Oid, RepoPath};
use crate::finding::LineRange;
use crate::git::{Contents, Repo};

use super::{Redact, Redacted, Snapshot};

/// Base versions larger than this are not written, in bytes.
const LARGEST: u64 = 1 << 20;
/// All base versions together, in bytes.
const LARGEST_TOGETHER: u64 = 64 << 20;
/// Lines of one file that are blamed.
const BLAMED_LINES: u32 = 5_000;
/// Files that are blamed.
const BLAMED_FILES: usize = 25;
/// Base versions that are held at once.
const AT_ONCE: usize = 256;
/// Commits in the log.
const LOGGED: usize = 500;

/// How long may be spent on finding out who changed what.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// For one file.
    pub(crate) file: Duration,
    /// For all.
    pub(crate) all: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            file: Duration::from_secs(2),
            all: Duration::from_secs(5),
        }
    }
}

/// What was written about the units.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Material {
    /// The name of the branch's log below `.deep-review/`, unless it has no commit.
    pub(crate) log: Option<String>,
    /// Each unit's files, in the order the units were given.
    pub(crate) units: Vec<UnitPages>,
}

/// The files about one unit; names are below `.deep-review/`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct UnitPages {
    /// The unit's id in the brief, as in `u01`.
    pub(crate) id: String,
    /// The changed file.
    pub(crate) path: RepoPath,
    /// Its path in the base, if it is another.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) old_path: Option<RepoPath>,
    /// Git's letter for what happened to it.
    pub(crate) status: char,
    /// Whether the file stands in the snapshot at its path; else `git show HEAD:PATH` shows it.
    pub(crate) in_tree: bool,
    /// Its version in the base, without secrets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) base: Option<String>,
    /// Why there is no base version although the base has the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) no_base: Option<String>,
    /// Which commit last changed its lines: as the head has them, or, of a deleted file, the base.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) blame: Option<String>,
}

/// Writes `log.txt`, `base/`, `blame/` and `units.json` for these units, each with its id in the brief.
/// Files are numbered, as a name of the repository's could be one that agents load. Whatever takes too
/// long or is too large is left out; only a disk that fails is an error.
pub(crate) fn material(
    snapshot: &Snapshot,
    repo: &Repo,
    units: &[(String, &Change)],
    redact: &Redact<'_>,
    patience: Patience,
) -> Result<Material> {
    let own = snapshot.repo()?;
    let mut made = Material {
        log: log(snapshot, &own, redact)?,
        units: Vec::with_capacity(units.len()),
    };
    let blames = std::thread::scope(|scope| {
        // These read history, which takes one processor long enough for all else.
        let blames = scope.spawn(|| blames(snapshot, units, redact, patience));
        let mut room = LARGEST_TOGETHER;
        for part in units.chunks(AT_ONCE) {
            let olds = base_versions(repo, part, redact);
            let mut files: Vec<(String, Vec<u8>)> = Vec::new();
            for ((id, change), old) in part.iter().zip(olds) {
                let mut unit = UnitPages::of(snapshot, id, change);
                match old {
                    Some(Ok(text)) if text.len() as u64 <= room => {
                        room -= text.len() as u64;
                        let name = format!("base/{:04}.txt", made.units.len() + 1);
                        unit.base = Some(name.clone());
                        files.push((name, text));
                    }
                    Some(Ok(_)) => unit.no_base = Some(TOO_LARGE.to_owned()),
                    Some(Err(why)) => unit.no_base = Some(why),
                    None => {}
                }
                made.units.push(unit);
            }
            snapshot.add_files(&files)?;
        }
        let blames = blames.join().expect("who changed what is told, or nothing");
        Ok::<_, anyhow::Error>(blames)
    })?;
    let mut files: Vec<(String, Vec<u8>)> = Vec::new();
    for (nth, text) in blames {
        let name = format!("blame/{:04}.txt", nth + 1);
        made.units[nth].blame = Some(name.clone());
        files.push((name, text));
    }
    snapshot.add_files(&files)?;
    let json = serde_json::to_vec_pretty(&made.units).context("cannot write the list of units")?;
    snapshot.add_file("units.json", json)?;
    Ok(made)
}

impl UnitPages {
    /// What is said of every unit.
    fn of(snapshot: &Snapshot, id: &str, change: &Change) -> Self {
        let old = change.old().map(|old| &old.path);
        Self {
            id: id.to_owned(),
            path: change.path().clone(),
            old_path: old.filter(|old| *old != change.path()).cloned(),
            status: change.letter(),
            in_tree: change.new().is_some() && snapshot.has(change.path()),
            base: None,
            no_base: None,
            blame: None,
        }
    }
}

/// The texts of the base versions that units have, or why there is none.
fn base_versions(
    repo: &Repo,
    units: &[(String, &Change)],
    redact: &Redact<'_>,
) -> Vec<Option<std::result::Result<Vec<u8>, String>>> {
    let olds: Vec<&Entry> = units
        .iter()
        .filter_map(|(_, change)| change.old())
        .collect();
    let take = |old: &Entry, contents: Contents<'_>| base_version(old, contents, redact);
    let mut texts = repo.read_contents(&olds, LARGEST, take).into_iter();
    let texts = units
        .iter()
        .map(|(_, change)| change.old().and_then(|_| texts.next()));
    texts.collect()
}

const TOO_LARGE: &str = "it is too large";

/// The text of a base version, or why there is none.
fn base_version(
    old: &Entry,
    contents: Contents<'_>,
    redact: &Redact<'_>,
) -> std::result::Result<Vec<u8>, String> {
    if !old.mode.is_file() {
        return Err("it is no plain file".to_owned());
    }
    let text = match contents {
        Contents::Bytes(text) => text,
        Contents::TooLarge(_) => return Err(TOO_LARGE.to_owned()),
        Contents::Missing => return Err(format!("object {} is missing", old.id)),
        Contents::Damaged => return Err(format!("object {} is damaged", old.id)),
    };
    if memchr::memchr(0, &text[..text.len().min(8000)]).is_some() {
        return Err("it is binary".to_owned());
    }
    match redact(&old.path, text) {
        Redacted::Same => Ok(text.to_vec()),
        Redacted::Text(text) => Ok(text),
        Redacted::Withheld { why } => Err(why),
    }
}

/// Who last changed the lines of the first files that had any before: their places among the units, and what
/// there is to say. What takes too long is left out.
fn blames(
    snapshot: &Snapshot,
    units: &[(String, &Change)],
    redact: &Redact<'_>,
    patience: Patience,
) -> Vec<(usize, Vec<u8>)> {
    let deadline = Instant::now() + patience.all;
    let Ok(own) = snapshot.repo() else {
        return Vec::new();
    };
    let texts = units.iter().enumerate().filter_map(|(nth, (_, change))| {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return None;
        }
        let text = blame(snapshot, &own, change, left.min(patience.file))?;
        Some((nth, shown(redact, change.path(), text)?))
    });
    texts.take(BLAMED_FILES).collect()
}

/// Which commit last changed the lines of a file; `None` if that can't be told, or not in time.
fn blame(snapshot: &Snapshot, own: &Repo, change: &Change, patience: Duration) -> Option<String> {
    let (commit, path): (Oid, &RepoPath) = match change {
        // Every line of it is of this change.
        Change::Added(_) => return None,
        Change::Deleted(old) => (snapshot.base?, &old.path),
        Change::Modified { new, .. } | Change::Renamed { new, .. } => (snapshot.head, &new.path),
    };
    let lines = LineRange {
        start: 1,
        end: BLAMED_LINES,
    };
    let blamed = own.blame(&commit, path, lines, patience).ok()?;
    let mut text = String::new();
    let mut last = 0;
    for part in blamed {
        let LineRange { start, end } = part.lines;
        last = last.max(end);
        let subject = crate::page::harmless(&part.subject);
        writeln!(
            text,
            "lines {start}-{end}  {}  {subject}",
            part.commit.short()
        )
        .expect("writing to a String cannot fail");
    }
    if last >= BLAMED_LINES {
        text.push_str("(no line after these was looked at)\n");
    }
    Some(text)
}

/// Writes the log of what is reviewed; its name, if there is any.
fn log(snapshot: &Snapshot, own: &Repo, redact: &Redact<'_>) -> Result<Option<String>> {
    let published: Vec<Oid> = snapshot.base.into_iter().collect();
    let Ok(commits) = own.log(&snapshot.head, &published, LOGGED) else {
        return Ok(None);
    };
    let mut text = String::new();
    for commit in &commits {
        let author = crate::page::harmless(&commit.author);
        let subject = crate::page::harmless(&commit.subject);
        writeln!(text, "{}  {author}  {subject}", commit.id.short())
            .expect("writing to a String cannot fail");
    }
    let name = "log.txt";
    match shown(redact, &RepoPath::from(".deep-review/log.txt"), text) {
        Some(text) if !commits.is_empty() => {
            snapshot.add_file(name, text)?;
            Ok(Some(name.to_owned()))
        }
        _ => Ok(None),
    }
}

/// What may be shown of a text; `None` if nothing.
fn shown(redact: &Redact<'_>, path: &RepoPath, text: String) -> Option<Vec<u8>> {
    match redact(path, text.as_bytes()) {
        Redacted::Same => Some(text.into_bytes()),
        Redacted::Text(text) => Some(text),
        Redacted::Withheld { .. } => None,
    }
}
