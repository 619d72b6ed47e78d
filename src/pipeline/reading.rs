//! Reads a change set unit by unit: each patch gets its key and its class, and the rules reviewer reads
//! what it has not read before. Patches are dropped after their visit; what stays is small.

use std::collections::{BTreeSet, HashSet};

use anyhow::{Context, Result, anyhow};

use super::read_units::{ReadUnit, Reading, Specs};
use super::{Asking, Session};
use crate::config::Settings;
use crate::diff::{Change, Content, Entry, Oid, Patch, RepoPath, TextPatch, UnitKey, unit_key};
use crate::error::HintExt;
use crate::finding::{LineRange, RawFinding};
use crate::git::{Commit, Masked, ReadLimits};
use crate::ledger::around;
use crate::owed::{Head, Target};
use crate::receipt::{Receipt, ReceiptKey};
use crate::rules::{AddedLine, FileUnderReview, RuleSet};
use crate::store::ReceiptsRead;
use crate::units::{Class, Excludes};

/// The changed files of a target, before any of them is read.
pub(super) struct ChangeSet {
    /// Between the base tree and the head tree.
    pub(super) head: Vec<Change>,
    /// What the remote has of it.
    paid: Vec<Change>,
    /// What single commits change that is not among `head`.
    history: Vec<(Oid, Change)>,
    /// The new commits, newest first.
    commits: Vec<Commit>,
    /// What people should know about how `head` was found.
    pub(super) notes: Vec<String>,
}

impl Session {
    /// The changed files of a target and of the commits it publishes.
    pub(super) fn change_set(&self, target: &Target) -> Result<ChangeSet> {
        let (head, notes) = self.head_changes(target)?;
        let paid = match &target.paid {
            Some(paid) => {
                let tree = self.repo.tree_of(&paid.tip)?;
                let owed: HashSet<&RepoPath> = head.iter().map(Change::path).collect();
                let mut changes = self.repo.changes(&paid.base_tree, &tree)?;
                changes.retain(|change| owed.contains(change.path()));
                changes
            }
            None => Vec::new(),
        };
        let of_head: HashSet<&Change> = head.iter().collect();
        let mut history = Vec::new();
        let commits = target.new_commits(&self.repo)?;
        for (nth, commit) in commits.iter().enumerate() {
            self.listener
                .read("the new commits", nth + 1, commits.len());
            for change in self.commit_changes(commit)? {
                // The same content at the same place is the same unit, whoever changed it.
                if !of_head.contains(&change) {
                    history.push((commit.id, change));
                }
            }
        }
        Ok(ChangeSet {
            head,
            paid,
            history,
            commits,
            notes,
        })
    }

    /// The changed files between the base and the head of a target, and what people should know
    /// about how they were found.
    pub(crate) fn head_changes(&self, target: &Target) -> Result<(Vec<Change>, Vec<String>)> {
        if let Head::Commit(head) = &target.head {
            let head_tree = self.repo.tree_of(head)?;
            let changes = self.repo.changes(&target.base.tree, &head_tree)?;
            if changes.is_empty() && head_tree != target.base.tree {
                return Err(anyhow!(
                    "the trees {} and {head_tree} differ, but in no file",
                    target.base.tree
                ))
                .context("cannot tell what changed")
                .hint("run `git fsck`");
            }
            return Ok((changes, Vec::new()));
        }
        let (changes, unmerged, masked) = match target.head {
            Head::Worktree { untracked } => {
                let files = self.repo.worktree(untracked)?;
                (files.changes, files.unmerged, files.masked)
            }
            Head::Index | Head::Commit(_) => {
                let staged = self.repo.staged()?;
                (staged.changes, staged.unmerged, Masked::default())
            }
        };
        match unmerged.first() {
            None => Ok((changes, masked_note(masked).into_iter().collect())),
            Some(path) => Err(anyhow!("{path:?} has an unresolved conflict"))
                .context("cannot review what is not committed yet")
                .hint("resolve the conflict and stage the file first"),
        }
    }

    /// What a commit changes against all of its parents: a merge publishes what neither side had.
    fn commit_changes(&self, commit: &Commit) -> Result<Vec<Change>> {
        let tree = self.repo.tree_of(&commit.id)?;
        let Some((first, others)) = commit.parents.split_first() else {
            return self.repo.changes(&self.repo.empty_tree(), &tree);
        };
        let mut changes = self.repo.changes(&self.repo.tree_of(first)?, &tree)?;
        for other in others {
            let against: HashSet<RepoPath> = self
                .repo
                .changes(&self.repo.tree_of(other)?, &tree)?
                .iter()
                .map(|change| change.path().clone())
                .collect();
            changes.retain(|change| against.contains(change.path()));
        }
        Ok(changes)
    }

    /// Reads every unit of a change set, and lets the rules reviewer read what it does not know.
    pub(super) fn read(
        &mut self,
        target: &Target,
        change_set: ChangeSet,
        settings: &Settings,
        rules: &RuleSet,
        asking: Asking,
    ) -> Result<Reading> {
        let specs = Specs::of(rules);
        let history_rules = rules.history_only();
        let (excludes, warnings) = Excludes::new(&settings.exclude);
        for warning in warnings {
            self.warn(warning);
        }
        let known = match asking {
            Asking::Missing | Asking::Rules => self.store.receipt_keys().unwrap_or_default(),
            Asking::Everything | Asking::Nothing => HashSet::new(),
        };
        let limits = ReadLimits {
            max_file_bytes: settings.max_file_size.value,
            ..ReadLimits::default()
        };
        let visit = |commit: Option<&Oid>, change: &Change, patch: &Patch| -> ReadUnit {
            let mut unit = ReadUnit::of(commit.copied(), change, patch, &excludes);
            let key = ReceiptKey::new(&unit.key, specs.for_unit(commit));
            if asking != Asking::Nothing && unit.is_owed() && !known.contains(&key) {
                let rules = if commit.is_some() {
                    &history_rules
                } else {
                    rules
                };
                unit.raw = Some(scan(rules, change, patch));
            }
            unit
        };

        let mut units = self
            .repo
            .read_patches(&change_set.head, &limits, |_, change, patch| {
                visit(None, change, patch)
            })?;
        let paid: BTreeSet<UnitKey> = self
            .repo
            .read_patches(&change_set.paid, &limits, |_, change, patch| {
                unit_key(change, patch)
            })?
            .into_iter()
            .collect();
        for unit in &mut units {
            if paid.contains(&unit.key) {
                unit.class = Class::Paid;
            }
        }
        let of_head: HashSet<UnitKey> = units.iter().map(|unit| unit.key).collect();
        let (commits, changes): (Vec<Oid>, Vec<Change>) = change_set.history.into_iter().unzip();
        let mut seen = HashSet::new();
        let mut read = 0;
        self.repo.stream_patches(
            &changes,
            &limits,
            |index, change, patch| visit(Some(&commits[index]), change, patch),
            |unit| {
                read += 1;
                self.listener
                    .read("the files of the new commits", read, changes.len());
                if !of_head.contains(&unit.key) && seen.insert(unit.key) {
                    units.push(unit);
                }
                Ok(())
            },
        )?;

        let mut reading = Reading {
            fresh: (0..units.len())
                .filter(|index| units[*index].raw.is_some())
                .collect(),
            units,
            remembered: 0,
            unusable: 0,
            commits: change_set.commits,
            specs,
        };
        self.recall(target, &mut reading, rules, &history_rules, &limits, asking)?;
        Ok(reading)
    }

    /// Fills in what receipts say. A receipt that turns out not to be valid is a miss: then the unit
    /// is read after all, if agents may be asked.
    fn recall(
        &mut self,
        target: &Target,
        reading: &mut Reading,
        rules: &RuleSet,
        history_rules: &RuleSet,
        limits: &ReadLimits,
        asking: Asking,
    ) -> Result<()> {
        let wanting: Vec<usize> = (0..reading.units.len())
            .filter(|index| {
                let unit = &reading.units[*index];
                (unit.is_owed() || unit.is_paid()) && unit.raw.is_none()
            })
            .collect();
        let keys: HashSet<ReceiptKey> = wanting.iter().map(|index| reading.key(*index)).collect();
        let receipts = self.store.receipts(&keys).unwrap_or_else(|error| {
            self.warn(format!("no receipt could be read: {error:#}"));
            ReceiptsRead::default()
        });
        reading.unusable = receipts.unusable;
        let mut missing = Vec::new();
        for index in wanting {
            match receipts.found.get(&reading.key(index)) {
                Some(receipt) => {
                    reading.units[index].raw = Some(recalled(receipt, &reading.units[index].hunks));
                    reading.remembered += usize::from(reading.units[index].is_owed());
                }
                None if reading.units[index].is_owed() => missing.push(index),
                None => {}
            }
        }
        if asking == Asking::Nothing || missing.is_empty() {
            return Ok(());
        }
        let changes: Vec<Change> = missing
            .iter()
            .map(|index| reading.units[*index].change.clone())
            .collect();
        let scanned = self
            .repo
            .read_patches(&changes, limits, |nth, change, patch| {
                let history = reading.units[missing[nth]].commit.is_some();
                scan(if history { history_rules } else { rules }, change, patch)
            })
            .with_context(|| format!("cannot read the units of `{}`", target.name))?;
        for (index, raw) in missing.into_iter().zip(scanned) {
            reading.units[index].raw = Some(raw);
            reading.fresh.push(index);
        }
        Ok(())
    }
}

/// What is to be said about files that count as unchanged whatever stands in them.
fn masked_note(masked: Masked) -> Option<String> {
    let Masked { marked, edited } = masked;
    (marked > 0).then(|| {
        let differ = match edited {
            0 => "none of them differs".to_owned(),
            1 => "1 of them differs".to_owned(),
            edited => format!("{edited} of them differ"),
        };
        format!(
            "not compared, as in Git: files marked `assume-unchanged` or `skip-worktree`: {marked}, \
             {differ} from what is staged; `git ls-files -v` lists them"
        )
    })
}

/// Lets the rules reviewer read one patch.
fn scan(rules: &RuleSet, change: &Change, patch: &Patch) -> Vec<RawFinding> {
    let (Some(new), Content::Text(text)) = (change.new(), &patch.content) else {
        return Vec::new();
    };
    let added: Vec<AddedLine<'_>> = text
        .added()
        .map(|(no, text)| AddedLine { no, text })
        .collect();
    let mut raw = rules.scan(&FileUnderReview {
        path: &new.path,
        mode: new.mode,
        old_mode: change.old().map(|old: &Entry| old.mode),
        added: &added,
        new_text: whole(text, TextPatch::new_text),
        old_text: whole(text, TextPatch::old_text),
    });
    for finding in &mut raw {
        let line = finding
            .locations
            .first()
            .and_then(|location| location.lines);
        finding.around = line.map(|lines| around(text.new_text(), lines.start));
    }
    raw
}

/// A text of a patch; a patch without hunks was made without reading any.
fn whole<'a>(text: &'a TextPatch, side: fn(&'a TextPatch) -> &'a [u8]) -> Option<&'a [u8]> {
    (!text.hunks().is_empty()).then(|| side(text))
}

/// What a receipt says, at the lines where its hunks stand now. Equal keys mean equal hunks in equal
/// order, so only their places can have moved.
fn recalled(receipt: &Receipt, hunks: &[u32]) -> Vec<RawFinding> {
    let mut raw = receipt.findings.clone();
    for location in raw.iter_mut().flat_map(|finding| &mut finding.locations) {
        if location.path == receipt.path
            && let Some(lines) = &mut location.lines
        {
            *lines = moved(&receipt.hunks, hunks, *lines);
        }
    }
    raw
}

/// Where lines stand now that stood beside hunks that began elsewhere then.
pub(super) fn moved(then: &[u32], now: &[u32], lines: LineRange) -> LineRange {
    let moved = |line: u32| -> u32 {
        let hunk = then.iter().rposition(|start| *start <= line);
        match hunk.and_then(|at| Some((then[at], *now.get(at)?))) {
            Some((then, now)) => now.saturating_add(line - then),
            None => line,
        }
    };
    LineRange {
        start: moved(lines.start),
        end: moved(lines.end),
    }
}
