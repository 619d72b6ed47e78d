//! Says who changed what: the log and the blame of what head and base reach.
//! Commits that neither of them reaches are as good as absent.

use jiff::Timestamp;

use crate::diff::{Oid, RepoPath};
use crate::finding::LineRange;
use crate::git::Logged;

use super::wanted::MOST_COMMITS;
use super::{Lines, Refused, Toolbox, unreadable, visible};

/// Most lines that are blamed at once.
const MOST_LINES: u32 = 5_000;
/// Most commits that are looked at for one path.
const MOST_LOOKED_AT: usize = 5_000;
/// A longer subject or name is cut, in characters.
const LONGEST_WORDS: usize = 200;
/// Fewest digits of an id that are understood.
const FEWEST_DIGITS: usize = 7;

impl Toolbox<'_> {
    /// Who last changed the lines of a file.
    pub(super) fn blame(
        &self,
        base: bool,
        path: &RepoPath,
        lines: Option<LineRange>,
    ) -> Result<String, Refused> {
        self.entry(base, path)?;
        let side = if base { &self.base } else { &self.head };
        let commit = side.commit.ok_or_else(no_base)?;
        let lines = match lines {
            Some(lines) if lines.end == u32::MAX => LineRange {
                end: lines.start.saturating_add(MOST_LINES - 1),
                ..lines
            },
            Some(lines) if lines.end - lines.start >= MOST_LINES => {
                return Err(format!("at most {MOST_LINES} lines are blamed at once"));
            }
            Some(lines) => lines,
            None => LineRange {
                start: 1,
                end: MOST_LINES,
            },
        };
        let blamed = self
            .repo
            .blame(&commit, path, lines, self.patience())
            .map_err(|_| {
                "it can't be blamed: too large, too old, or it took too long".to_owned()
            })?;
        let mut out = Lines::new();
        for part in &blamed {
            let line = format!(
                "{}-{} {} {}",
                part.lines.start,
                part.lines.end,
                part.commit.short(),
                visible(&part.subject, LONGEST_WORDS)
            );
            if !out.add(&line) {
                break;
            }
        }
        let note = out
            .full
            .then(|| "[cut here: ask for fewer lines]".to_owned());
        let text = out.end(note);
        self.cleaned_text(&text)
    }

    /// Commits, newest first.
    pub(super) fn log(
        &self,
        revision: Option<&str>,
        path: Option<&RepoPath>,
        count: usize,
    ) -> Result<String, Refused> {
        let (tip, hidden) = match revision.unwrap_or("head").split_once("..") {
            None => (self.revision(revision.unwrap_or("head"))?, Vec::new()),
            Some((from, to)) => (self.revision(to)?, vec![self.revision(from)?]),
        };
        let most = match (path, hidden.is_empty()) {
            (Some(_), _) => MOST_LOOKED_AT,
            (None, true) => count,
            (None, false) => MOST_COMMITS + 1,
        };
        let commits = self.repo.log(&tip, &hidden, most).map_err(unreadable)?;
        if path.is_none() && commits.len() > MOST_COMMITS {
            return Err(format!("the range has more than {MOST_COMMITS} commits"));
        }
        let looked_at_all = commits.len() < MOST_LOOKED_AT;
        let mut out = Lines::new();
        let mut listed = 0;
        let mut over = false;
        for commit in &commits {
            if listed >= count || out.full {
                break;
            }
            if self.is_over() {
                over = true;
                break;
            }
            if let Some(path) = path
                && !self.changes(commit, path).map_err(unreadable)?
            {
                continue;
            }
            listed += 1;
            out.add(&line(commit));
        }
        let note = if out.full || over || (path.is_some() && listed < count && !looked_at_all) {
            Some("[there may be more, older ones]".to_owned())
        } else if listed == 0 {
            Some("[no commits]".to_owned())
        } else {
            None
        };
        let text = out.end(note);
        self.cleaned_text(&text)
    }

    /// True if a commit has another file at a path than each of its parents.
    fn changes(&self, commit: &Logged, path: &RepoPath) -> anyhow::Result<bool> {
        let at = |id: &Oid| -> anyhow::Result<_> {
            let entry = self.repo.entry(&self.repo.tree_of(id)?, path)?;
            Ok(entry.map(|entry| (entry.mode, entry.id)))
        };
        let here = at(&commit.id)?;
        let parents = self.repo.commit_of(&commit.id)?.parents;
        if parents.is_empty() {
            return Ok(here.is_some());
        }
        for parent in &parents {
            // The parents of a shallow clone's oldest commits are not here.
            match at(parent) {
                Ok(there) if there == here => return Ok(false),
                Ok(_) => {}
                Err(_) => return Ok(here.is_some()),
            }
        }
        Ok(true)
    }

    /// The commit that a model names: `head`, `base`, or an id that one of them reaches.
    fn revision(&self, name: &str) -> Result<Oid, Refused> {
        match name {
            "head" | "HEAD" => return self.head.commit.ok_or_else(no_base),
            "base" => return self.base.commit.ok_or_else(no_base),
            _ => {}
        }
        let refused = || {
            "a revision is head, base, or the id of a commit that one of them reaches".to_owned()
        };
        let digits = name.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !digits || !(FEWEST_DIGITS..=64).contains(&name.len()) {
            return Err(refused());
        }
        let id = self.repo.commit(name).map_err(|_| refused())?;
        // A branch may be called like an id.
        if !id.to_string().starts_with(&name.to_ascii_lowercase()) {
            return Err(refused());
        }
        for tip in [&self.head.commit, &self.base.commit].into_iter().flatten() {
            if id == *tip || self.repo.merge_base(&id, tip).map_err(unreadable)? == Some(id) {
                return Ok(id);
            }
        }
        Err(refused())
    }
}

fn no_base() -> Refused {
    "there is no version before the change".to_owned()
}

fn line(commit: &Logged) -> String {
    let date = Timestamp::from_second(commit.time).map_or_else(
        |_| "????-??-??".to_owned(),
        |time| time.to_string().chars().take(10).collect(),
    );
    format!(
        "{} {date} {}: {}",
        commit.id.short(),
        visible(&commit.author, LONGEST_WORDS),
        visible(&commit.subject, LONGEST_WORDS)
    )
}
