//! Which commit last changed each line of a file, as `git blame` says it, renames followed.
//! It is done with our own tree and line comparison, as gix's goes through attributes and knows no
//! deadline.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use gix::objs::Kind;

use crate::diff::{Change, Entry, Oid, Replacement, RepoPath};
use crate::error::HintExt;
use crate::finding::LineRange;

use super::Repo;
use super::lines::compare;
use super::log::CommitText;
use super::objects::{Objects, plain};
use super::trees::Trees;

/// More lines than this are not blamed at once.
const MOST_LINES: u32 = 5_000;
/// Versions of a file larger than this are not compared, in bytes.
const LARGEST: u64 = 8 << 20;

/// Consecutive lines that one commit last changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Blamed {
    /// The lines, as the file that was asked about has them.
    pub(crate) lines: LineRange,
    /// The commit.
    pub(crate) commit: Oid,
    /// The first paragraph of its message as one line; any text.
    pub(crate) subject: String,
}

/// Lines of the file that was asked about, at their place in some version of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Part {
    /// The first line as it was asked for, from 1.
    line: u32,
    /// Where it stands in the version, from 0.
    at: u32,
    len: u32,
}

impl Part {
    fn slice(self, from: u32, to: u32, at: u32) -> Self {
        Self {
            line: self.line + (from - self.at),
            at,
            len: to - from,
        }
    }
}

/// A version of the file that may have brought lines: its commit and path, newest first.
type Version = (Reverse<i64>, Oid, RepoPath);

struct Blame<'r> {
    repo: &'r Repo,
    objects: &'r Objects,
    trees: Trees<'r>,
    shallow: HashSet<Oid>,
    commits: HashMap<Oid, Rc<CommitText>>,
    /// What stands in a tree at the rest of a path: most commits leave most directories alone.
    files: HashMap<(Oid, RepoPath), Option<Entry>>,
    waiting: BTreeMap<Version, (Oid, Vec<Part>)>,
    done: Vec<Blamed>,
}

impl Repo {
    /// Who last changed these lines of a file, as a commit has it; lines beyond its end are left
    /// out. Errors if the file is not there or is too large, if more than 5,000 lines are asked
    /// about, if an object is missing or damaged, and if it takes longer than `patience`.
    pub(crate) fn blame(
        &self,
        commit: &Oid,
        path: &RepoPath,
        lines: LineRange,
        patience: Duration,
    ) -> Result<Vec<Blamed>> {
        let deadline = Instant::now() + patience;
        if lines.start == 0 || lines.end < lines.start {
            bail!("lines {} to {} are none", lines.start, lines.end);
        }
        if lines.end - lines.start >= MOST_LINES {
            bail!("more than {MOST_LINES} lines are asked about");
        }
        let objects = self.objects();
        let shallow = self
            .raw()
            .shallow_commits()
            .context("cannot read the list of shallow commits")?;
        let mut blame = Blame {
            repo: self,
            objects: &objects,
            trees: Trees::new(&objects, self.empty_tree()),
            shallow: shallow
                .iter()
                .flat_map(|commits| commits.iter())
                .map(|id| plain(id))
                .collect(),
            commits: HashMap::new(),
            files: HashMap::new(),
            waiting: BTreeMap::new(),
            done: Vec::new(),
        };
        let tree = blame.commit(commit)?.tree;
        let file = blame.find(&tree, path)?;
        let file = file
            .filter(|entry| entry.mode.is_file())
            .with_context(|| format!("commit {} has no file {path:?}", commit.short()))?;
        let content = blame.content(&file.id)?;
        let count = u32::try_from(content.split_inclusive(|byte| *byte == b'\n').count())?;
        let end = lines.end.min(count);
        if lines.start > end {
            bail!("{path:?} has only {count} lines");
        }
        let whole = Part {
            line: lines.start,
            at: lines.start - 1,
            len: end + 1 - lines.start,
        };
        blame.wait(*commit, path, file.id, vec![whole])?;
        while let Some(((_, commit, path), (blob, parts))) = blame.waiting.pop_first() {
            if Instant::now() > deadline {
                bail!("it takes longer than {} s", patience.as_secs());
            }
            blame.pass_on(&commit, &path, &blob, parts)?;
        }
        let mut done = blame.done;
        done.sort_by_key(|blamed| blamed.lines.start);
        done.dedup_by(|next, earlier| {
            let joins = next.commit == earlier.commit;
            if joins {
                earlier.lines.end = next.lines.end;
            }
            joins
        });
        Ok(done)
    }
}

impl Blame<'_> {
    fn commit(&mut self, id: &Oid) -> Result<Rc<CommitText>> {
        if let Some(known) = self.commits.get(id) {
            return Ok(Rc::clone(known));
        }
        let commit = CommitText::read(self.objects, id)?;
        self.commits.insert(*id, Rc::clone(&commit));
        Ok(commit)
    }

    /// The entry of a path; its own path is what of it was looked up in the last tree that was read.
    fn find(&mut self, tree: &Oid, path: &RepoPath) -> Result<Option<Entry>> {
        let mut asked = Vec::new();
        let mut wanted = (*tree, path.clone());
        let found = loop {
            if let Some(known) = self.files.get(&wanted) {
                break known.clone();
            }
            let whole = wanted.1.as_bytes();
            let (name, rest) = match memchr::memchr(b'/', whole) {
                Some(end) => (&whole[..end], Some(&whole[end + 1..])),
                None => (whole, None),
            };
            match (self.trees.named(&wanted.0, name)?, rest) {
                (Some(entry), Some(rest)) if entry.mode.is_none() => {
                    let below = (entry.id, RepoPath::new(rest));
                    asked.push(std::mem::replace(&mut wanted, below));
                }
                (Some(entry), None) => {
                    let found = entry.at(name);
                    asked.push(wanted);
                    break found;
                }
                _ => {
                    asked.push(wanted);
                    break None;
                }
            }
        };
        let known = asked.into_iter().map(|asked| (asked, found.clone()));
        self.files.extend(known);
        Ok(found)
    }

    fn content(&self, blob: &Oid) -> Result<Vec<u8>> {
        if self.objects.size(blob)? > LARGEST {
            bail!("a version of the file is larger than {LARGEST} bytes");
        }
        let mut content = Vec::new();
        self.objects.read(blob, Kind::Blob, true, &mut content)?;
        Ok(content)
    }

    /// Puts lines down for a version that may have brought them.
    fn wait(&mut self, commit: Oid, path: &RepoPath, blob: Oid, parts: Vec<Part>) -> Result<()> {
        let time = self.commit(&commit)?.committed;
        let version = (Reverse(time), commit, path.clone());
        let waiting = self.waiting.entry(version);
        waiting.or_insert((blob, Vec::new())).1.extend(parts);
        Ok(())
    }

    /// Hands the lines of a version to those parents that have them already; the others are its own.
    fn pass_on(
        &mut self,
        commit: &Oid,
        path: &RepoPath,
        blob: &Oid,
        mut parts: Vec<Part>,
    ) -> Result<()> {
        let text = self.commit(commit)?;
        let parents = if self.shallow.contains(commit) {
            &[][..]
        } else {
            &text.parents
        };
        let mut origins: Vec<Option<(Oid, RepoPath, Oid)>> = Vec::new();
        for parent in parents {
            let tree = self.commit(parent)?.tree;
            let there = self.find(&tree, path)?;
            let there = there.filter(|entry| entry.mode.is_file());
            if there.as_ref().is_some_and(|entry| entry.id == *blob) {
                return self.wait(*parent, path, *blob, parts);
            }
            origins.push(there.map(|entry| (*parent, path.clone(), entry.id)));
        }
        for (parent, origin) in parents.iter().zip(&mut origins) {
            if origin.is_some() {
                continue;
            }
            let Some((from, id)) = self.renamed_from(parent, &text.tree, path)? else {
                continue;
            };
            if id == *blob {
                return self.wait(*parent, &from, id, parts);
            }
            *origin = Some((*parent, from, id));
        }
        let new = self.content(blob)?;
        let mut compared = HashSet::new();
        for (parent, from, id) in origins.into_iter().flatten() {
            if parts.is_empty() {
                break;
            }
            if !compared.insert(id) {
                continue;
            }
            let old = self.content(&id)?;
            let (passed, kept) = split(&parts, &compare(&old, &new).replacements);
            parts = kept;
            if !passed.is_empty() {
                self.wait(parent, &from, id, passed)?;
            }
        }
        self.done.extend(parts.iter().map(|part| Blamed {
            lines: LineRange {
                start: part.line,
                end: part.line + part.len - 1,
            },
            commit: *commit,
            subject: text.subject.clone(),
        }));
        Ok(())
    }

    /// The file that a commit renamed to this path, as its parent has it.
    fn renamed_from(
        &mut self,
        parent: &Oid,
        tree: &Oid,
        path: &RepoPath,
    ) -> Result<Option<(RepoPath, Oid)>> {
        let before = self.commit(parent)?.tree;
        let changes = self
            .repo
            .changes(&before, tree)
            .hint("a damaged history can't be blamed")?;
        Ok(changes.into_iter().find_map(|change| match change {
            Change::Renamed { old, new, .. } if new.path == *path => Some((old.path, old.id)),
            _ => None,
        }))
    }
}

/// Parts the lines that the older text has, at their places there, from those that are new.
fn split(parts: &[Part], replacements: &[Replacement]) -> (Vec<Part>, Vec<Part>) {
    let (mut passed, mut kept) = (Vec::new(), Vec::new());
    for part in parts {
        let (mut at, end) = (part.at, part.at + part.len);
        let first = replacements.partition_point(|one| one.new.end <= at);
        // Behind a replacement both texts run in step again.
        let mut in_step = match first.checked_sub(1) {
            Some(before) => (replacements[before].old.end, replacements[before].new.end),
            None => (0, 0),
        };
        for one in &replacements[first..] {
            if at >= end {
                break;
            }
            if at < one.new.start {
                let to = end.min(one.new.start);
                passed.push(part.slice(at, to, in_step.0 + (at - in_step.1)));
                at = to;
            }
            let to = end.min(one.new.end);
            if at < to {
                kept.push(part.slice(at, to, at));
                at = to;
            }
            in_step = (one.old.end, one.new.end);
        }
        if at < end {
            passed.push(part.slice(at, end, in_step.0 + (at - in_step.1)));
        }
    }
    (passed, kept)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::fixture::{Fixture, Random};

    const ALL: LineRange = LineRange {
        start: 1,
        end: MOST_LINES,
    };
    const LONG: Duration = Duration::from_secs(60);

    fn ours(fixture: &Fixture, path: &str) -> Vec<Oid> {
        let blamed = fixture
            .repo()
            .blame(&fixture.id("HEAD"), &RepoPath::from(path), ALL, LONG)
            .unwrap();
        let mut commits = Vec::new();
        for one in blamed {
            assert_eq!(one.lines.start as usize, commits.len() + 1);
            commits.resize(one.lines.end as usize, one.commit);
        }
        commits
    }

    fn theirs(fixture: &Fixture, path: &str) -> Vec<Oid> {
        let text = fixture.git(&["blame", "--line-porcelain", "HEAD", "--", path]);
        let text = String::from_utf8(text).unwrap();
        let mut commits = Vec::new();
        let mut head = true;
        for line in text.lines() {
            if head {
                commits.push(Oid::from_hex(&line[..40]).unwrap());
            }
            head = line.starts_with('\t');
        }
        commits
    }

    /// Adds a commit in which some lines of a file are other, gone or new.
    fn edit(fixture: &Fixture, path: &str, random: &mut Random, time: &mut u64) {
        let full = fixture.root().join(path);
        let mut lines: Vec<String> = std::fs::read_to_string(&full)
            .unwrap_or_default()
            .lines()
            .map(str::to_owned)
            .collect();
        for _ in 0..=random.below(3) {
            let at = random.below(lines.len() + 1);
            match random.below(3) {
                0 if at < lines.len() => {
                    lines.remove(at);
                }
                1 if at < lines.len() => lines[at] = format!("edited {}", random.below(1000)),
                _ => lines.insert(at, format!("line {}", random.below(20))),
            }
        }
        fixture.write(path, lines.join("\n") + "\n");
        commit(fixture, time);
    }

    fn commit(fixture: &Fixture, time: &mut u64) {
        *time += 60;
        fixture.git(&["add", "-A"]);
        fixture.git(&["commit", "-q", "--allow-empty", "-m", "edit"]);
        // The clock of the fixture stands still; histories need times.
        let text = String::from_utf8(fixture.git(&["cat-file", "commit", "HEAD"])).unwrap();
        let text = text.replace("> 1577836800 ", &format!("> {time} "));
        let id = fixture.feed(
            &["hash-object", "-t", "commit", "-w", "--stdin"],
            text.as_bytes(),
        );
        fixture.git(&[
            "reset",
            "-q",
            "--soft",
            std::str::from_utf8(&id).unwrap().trim(),
        ]);
    }

    #[test]
    fn blame_of_random_histories_with_merges_is_git_s() {
        for seed in 1..6 {
            let mut random = Random::new(seed);
            let fixture = Fixture::new();
            let mut time = 1_600_000_000;
            fixture.write("dir/file", "line 0\n".repeat(12));
            commit(&fixture, &mut time);
            for round in 0..4 {
                fixture.git(&["checkout", "-q", "-B", "side"]);
                edit(&fixture, "dir/file", &mut random, &mut time);
                edit(&fixture, "dir/file", &mut random, &mut time);
                fixture.git(&["checkout", "-q", "main"]);
                edit(&fixture, "dir/file", &mut random, &mut time);
                let favour = if round % 2 == 0 { "ours" } else { "theirs" };
                fixture.git(&[
                    "merge", "-q", "--no-ff", "-X", favour, "-m", "merge", "side",
                ]);
                commit(&fixture, &mut time);
            }
            assert_eq!(
                ours(&fixture, "dir/file"),
                theirs(&fixture, "dir/file"),
                "seed {seed}"
            );
        }
    }

    #[test]
    fn a_renamed_file_is_followed() {
        let fixture = Fixture::new();
        let mut time = 1_600_000_000;
        let mut random = Random::new(7);
        fixture.write("a", "one\ntwo\nthree\nfour\nfive\nsix\nseven\n");
        commit(&fixture, &mut time);
        edit(&fixture, "a", &mut random, &mut time);
        fixture.git(&["mv", "a", "b"]);
        commit(&fixture, &mut time);
        fixture.git(&["mv", "b", "c"]);
        edit(&fixture, "c", &mut random, &mut time);
        let blamed = ours(&fixture, "c");
        assert_eq!(blamed, theirs(&fixture, "c"));
        assert!(blamed.contains(&fixture.id("HEAD~3")));
    }

    #[test]
    fn a_replacement_or_a_graft_changes_no_blame() {
        let fixture = Fixture::new();
        let mut time = 1_600_000_000;
        fixture.write("a", "one\n");
        commit(&fixture, &mut time);
        fixture.write("a", "one\ntwo\n");
        commit(&fixture, &mut time);
        let wanted = theirs(&fixture, "a");
        let (tip, first) = (fixture.id("HEAD"), fixture.id("HEAD~1"));
        fixture.git(&["replace", &first.to_string(), &tip.to_string()]);
        fixture.write(
            ".git/info/grafts",
            format!("{first} {tip}\n{tip} {first}\n"),
        );
        assert_eq!(ours(&fixture, "a"), wanted);
    }

    #[test]
    fn a_shallow_history_is_blamed_on_its_end_and_limits_hold() {
        let fixture = Fixture::new();
        let mut time = 1_600_000_000;
        fixture.write("a", "one\n");
        commit(&fixture, &mut time);
        fixture.write("a", "one\ntwo\n");
        commit(&fixture, &mut time);
        let tip = fixture.id("HEAD");
        fixture.write(".git/shallow", format!("{tip}\n"));
        assert_eq!(ours(&fixture, "a"), [tip, tip]);
        let repo = fixture.repo();
        let path = RepoPath::from("a");
        let range = |start, end| LineRange { start, end };
        for bad in [
            range(0, 1),
            range(2, 1),
            range(3, 4),
            range(1, MOST_LINES + 1),
        ] {
            assert!(repo.blame(&tip, &path, bad, LONG).is_err(), "{bad:?}");
        }
        let second = repo.blame(&tip, &path, range(2, 9), LONG).unwrap();
        assert_eq!(second[0].lines, range(2, 2));
        assert!(repo.blame(&tip, &RepoPath::from("b"), ALL, LONG).is_err());
        let late = repo.blame(&tip, &path, ALL, Duration::ZERO).unwrap_err();
        assert!(late.to_string().contains("longer than"), "{late}");
    }
}
