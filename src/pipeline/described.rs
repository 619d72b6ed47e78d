//! The facts of a full report that no verdict depends on: names, commits, rounds, excerpts.
//! A fact that can't be had is left out with a warning; it fails no review.

use std::borrow::Cow;
use std::collections::BTreeSet;

use anyhow::Result;

use super::Session;
use super::read_units::Reading;
use super::tree::Sides;
use crate::config::Settings;
use crate::diff::{Oid, RepoPath};
use crate::git::Logged;
use crate::owed::{Head, Target};
use crate::redact::{PRIVATE_KEY, Redactor};
use crate::report::{
    CommitLine, Excerpt, RepoName, Report, RoundReport, Said, TargetReport, repo_name,
};
use crate::rules::mask_secrets;

/// The most commits that are listed.
const LISTED_COMMITS: usize = 50;
/// The most excerpts of one finding.
const EXCERPTS: usize = 4;
/// The most findings of one target that code is shown of; the worst come first.
const SHOWN_FINDINGS: usize = 200;

impl Session {
    /// Adds what people want to know about a target besides its findings.
    pub(super) fn describe(
        &mut self,
        report: &mut TargetReport,
        target: &Target,
        reading: &Reading,
        settings: &Settings,
    ) {
        match self.log_of(target, reading) {
            Ok(log) => report.log = log,
            Err(error) => self.warn(format!("the commits are not listed: {error:#}")),
        }
        if let Err(error) = self.add_excerpts(report, target, reading, settings) {
            self.warn(format!("no code is shown: {error:#}"));
        }
    }

    fn log_of(&mut self, target: &Target, reading: &Reading) -> Result<Vec<CommitLine>> {
        let Head::Commit(head) = target.head else {
            return Ok(Vec::new());
        };
        if reading.commits.is_empty() {
            return Ok(Vec::new());
        }
        let limit = LISTED_COMMITS.min(reading.commits.len());
        let log = self.log(&head, &target.published, limit)?;
        let line = |logged: Logged| CommitLine {
            id: logged.id.to_string(),
            author: logged.author,
            subject: logged.subject,
        };
        Ok(log.into_iter().map(line).collect())
    }

    /// What [`crate::git::Repo::log`] has of commits, without the secrets in their words: these go into
    /// reports, into the store and to the terminal.
    pub(crate) fn log(&mut self, tip: &Oid, hidden: &[Oid], most: usize) -> Result<Vec<Logged>> {
        let mut log = self.repo.log(tip, hidden, most)?;
        for commit in &mut log {
            self.cut_secrets(&mut commit.author)?;
            self.cut_secrets(&mut commit.subject)?;
        }
        Ok(log)
    }

    /// Cuts the secrets out of a text that is not from a file.
    pub(super) fn cut_secrets(&mut self, text: &mut String) -> Result<()> {
        // Most texts have none, and need no key: whoever only looks creates nothing.
        if let Cow::Owned(_) = Redactor::new([0; 32]).redact_text(text) {
            let redactor = Redactor::new(self.store.redaction_key()?);
            *text = redactor.redact_text(text).into_owned();
        }
        Ok(())
    }

    fn add_excerpts(
        &self,
        report: &mut TargetReport,
        target: &Target,
        reading: &Reading,
        settings: &Settings,
    ) -> Result<()> {
        let limit = settings.max_file_size.value;
        let sides = Sides::of(&self.repo, target, reading.head_changes(), limit)?;
        // Neighbours in the report often stand in one file.
        let mut last: Option<(RepoPath, Option<Vec<u8>>)> = None;
        for standing in report.findings.iter_mut().take(SHOWN_FINDINGS) {
            // What only an earlier commit has is not in the reviewed tree.
            if standing.finding.commit.is_some() {
                continue;
            }
            let mut excerpts: Vec<Excerpt> = Vec::new();
            for location in &standing.finding.locations {
                if excerpts.len() == EXCERPTS {
                    break;
                }
                let Some(lines) = location.lines else {
                    continue;
                };
                if last.as_ref().is_none_or(|(path, _)| *path != location.path) {
                    let text = sides.head(&location.path);
                    let text = text.map(|text| without_keys(&location.path, text));
                    last = Some((location.path.clone(), text));
                }
                let text = last.as_ref().and_then(|(_, text)| text.as_deref());
                if let Some(text) = text
                    && let Some(excerpt) = Excerpt::of(&location.path, text, lines)
                {
                    take_in(&mut excerpts, excerpt, text);
                }
            }
            standing.excerpts = excerpts.into_iter().map(masked).collect();
        }
        Ok(())
    }

    /// Names the repository and the round, and keeps what agents said whose reading is remembered.
    /// `before` is the newest stored review of the same target, which knows the ones before it.
    pub(super) fn place_in_history(&self, report: &mut Report, before: Option<&Report>) {
        report.repo = self.repo_name();
        let mut rounds: Vec<RoundReport> = Vec::new();
        if let Some(before) = before {
            said_before(report, before);
            rounds.clone_from(&before.rounds);
            if let (Some(round), Some(id)) = (before.round, &before.id)
                && rounds.last().is_none_or(|last| last.round < round)
            {
                rounds.push(RoundReport {
                    round,
                    id: id.clone(),
                    at: before.at,
                });
            }
        }
        let read_something = report.agents.iter().any(|agent| agent.read > 0);
        let last = rounds.last().map_or(0, |last| last.round);
        if read_something || last == 0 {
            report.round = Some(last + 1);
        } else {
            rounds.pop();
            report.round = Some(last);
        }
        report.rounds = rounds;
    }

    /// The repository by the URL of the remote that a push goes to, else by its directory.
    fn repo_name(&self) -> Option<RepoName> {
        let head = self.repo.head().ok()?;
        let remote = self.repo.push_remote(head.branch());
        let of_remote = remote
            .and_then(|remote| self.repo.setting(&format!("remote.{remote}.url")))
            .and_then(|url| repo_name(&url));
        of_remote.or_else(|| {
            let dir = self.repo.work_tree().unwrap_or(self.repo.git_dir());
            let name = dir.file_name()?.to_string_lossy().into_owned();
            Some(RepoName { name, link: None })
        })
    }
}

/// Adds an excerpt, as a part of those that it touches.
fn take_in(excerpts: &mut Vec<Excerpt>, mut new: Excerpt, text: &[u8]) {
    let mut at = excerpts.len();
    while let Some((touched, both)) = excerpts
        .iter()
        .enumerate()
        .find_map(|(index, shown)| Some((index, shown.joined(&new, text)?)))
    {
        excerpts.remove(touched);
        at = at.min(touched);
        new = both;
    }
    excerpts.insert(at.min(excerpts.len()), new);
}

/// Takes over what agents said in an earlier round, if they had nothing to read again since.
fn said_before(report: &mut Report, before: &Report) {
    for said in &before.said {
        let is_same = |name: &str| *name == said.agent;
        let remembered = report
            .agents
            .iter()
            .any(|agent| is_same(&agent.name) && agent.read == 0 && agent.remembered > 0);
        if remembered && !report.said.iter().any(|now| is_same(&now.agent)) {
            report.said.push(Said {
                round: said.round.or(before.round),
                ..said.clone()
            });
        }
    }
}

/// A text without the lines of private keys: a few lines out of it do not show that they are of a key.
fn without_keys(path: &RepoPath, text: Vec<u8>) -> Vec<u8> {
    // The marks are not shown, so their key does not matter.
    let marks = Redactor::new([0; 32]).redact(path, &text).marks;
    let of_keys = marks.iter().filter(|mark| mark.rule == PRIVATE_KEY);
    let lines: BTreeSet<u32> = of_keys.map(|mark| mark.line).collect();
    if lines.is_empty() {
        return text;
    }
    let mut without = Vec::with_capacity(text.len());
    for (number, line) in (1..).zip(text.split_inclusive(|byte| *byte == b'\n')) {
        if lines.contains(&number) {
            without.extend("…\n".bytes());
        } else {
            without.extend(line);
        }
    }
    without
}

/// An excerpt without the secrets that the rules know; masked as one text, because a key has several
/// lines.
fn masked(mut excerpt: Excerpt) -> Excerpt {
    let text = excerpt.lines.join("\n");
    let safe = mask_secrets(text.as_bytes());
    let safe = String::from_utf8_lossy(&safe);
    let lines: Vec<String> = safe.split('\n').map(str::to_owned).collect();
    // A mask that swallows lines leaves no way to number them.
    if lines.len() == excerpt.lines.len() {
        excerpt.lines = lines;
    } else {
        excerpt.lines = vec!["…".to_owned(); excerpt.lines.len()];
    }
    excerpt
}
