//! What all questions about one target share: the snapshot that agents read, what takes secrets out of it,
//! what may be spent. Made for whoever is asked first, taken down after the last.
//! Asking is left to `asking`, `leading` and `narrating`.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context as _, Result};

use super::Session;
use super::asking::Question;
use super::purse::Purse;
use super::seats::Room;
use crate::agents::Agent;
use crate::config::Limits;
use crate::diff::{Change, RepoPath};
use crate::env;
use crate::owed::{Head, Target};
use crate::process::{self, Interrupt};
use crate::redact::{self, Redactor};
use crate::snapshot::{self, Aside, Plan, Redact, Redacted, Snapshot, SnapshotLimits};
use crate::store::Turn;
use crate::units::Excludes;

/// The hidden subcommand that removes old snapshots.
const SWEEP: &str = "sweep";

/// What all questions about one target share: made for whoever is asked first, taken down after the last.
pub(super) struct Opened {
    /// What agents read.
    pub(super) snapshot: Snapshot,
    /// What takes secrets out of what they are given.
    pub(super) shield: Shield,
    /// What may be spent.
    pub(super) purse: Purse,
    /// When everything is to be over.
    pub(super) deadline: Instant,
    /// Whether the user wants to stop.
    pub(super) interrupt: Interrupt,
    /// Nobody else asks meanwhile.
    turn: Option<Turn>,
}

/// Takes secrets out of what agents are given, if anybody among them may not see them.
pub(super) struct Shield {
    /// For what is neither a file nor a text.
    pub(super) redactor: Redactor,
    redacts: bool,
    /// What of the change nobody is given, and why.
    kept_back: BTreeMap<RepoPath, String>,
    /// What nobody is given, changed or not.
    excludes: Excludes,
}

impl Shield {
    /// A file as agents may have it.
    pub(super) fn file(&self, path: &RepoPath, text: &[u8]) -> Redacted {
        let why = match redact::withheld(path) {
            Some(why) if self.redacts => Some(why),
            _ => self
                .kept_back
                .get(path)
                .map(String::as_str)
                .or_else(|| self.excludes.reason(path)),
        };
        match (self.redacts, why) {
            (_, Some(why)) => Redacted::Withheld {
                why: why.to_owned(),
            },
            (false, None) => Redacted::Same,
            (true, None) => match self.redactor.redact(path, text) {
                redaction if redaction.marks.is_empty() => Redacted::Same,
                redaction => Redacted::Text(redaction.text.into_owned()),
            },
        }
    }

    /// What cuts secrets out of patches for everybody; `None` if everybody may see them.
    pub(super) fn of_patches(&self) -> Option<&Redactor> {
        self.redacts.then_some(&self.redactor)
    }

    /// A text that is not from a file.
    pub(super) fn text(&self, text: &str) -> String {
        if self.redacts {
            self.redactor.redact_text(text).into_owned()
        } else {
            text.to_owned()
        }
    }
}

impl Opened {
    /// What the seats of one round of questions share.
    pub(super) fn room<'o>(&'o self, limits: &Limits, redact: &'o Redact<'o>) -> Room<'o> {
        Room {
            snapshot: &self.snapshot,
            purse: &self.purse,
            deadline: self.deadline,
            idle: limits.idle,
            parallel: limits.parallel,
            interrupt: &self.interrupt,
            redact,
        }
    }
}

impl Session {
    /// Makes what agents read, for everybody of the panel and for a lead that was named.
    pub(super) fn open_snapshot(
        &mut self,
        question: &Question<'_>,
        interrupt: Interrupt,
        turn: Option<Turn>,
    ) -> Result<Opened> {
        let (snapshot, shield) = self.build_snapshot(question)?;
        let before = self.store.spent_on(self.today()).unwrap_or_default();
        Ok(Opened {
            snapshot,
            purse: Purse::new(&self.limits, before),
            shield,
            deadline: Instant::now() + self.limits.wall,
            interrupt,
            turn,
        })
    }

    /// The same with a new snapshot. What was spent stays spent, and the deadline stays.
    pub(super) fn renewed(&mut self, question: &Question<'_>, opened: Opened) -> Result<Opened> {
        let Opened {
            snapshot: changed,
            shield: _,
            purse,
            deadline,
            interrupt,
            turn,
        } = opened;
        self.discard(changed);
        let (snapshot, shield) = self.build_snapshot(question)?;
        Ok(Opened {
            snapshot,
            shield,
            purse,
            deadline,
            interrupt,
            turn,
        })
    }

    fn build_snapshot(&mut self, question: &Question<'_>) -> Result<(Snapshot, Shield)> {
        let named = self.named_lead().cloned();
        let of_panel = question.counting.panel.agents.iter();
        let readers: Vec<&Agent> = of_panel.chain(&named).collect();
        // What of the change is kept back is kept out of the snapshot too.
        let kept_back = question
            .counting
            .all_kept_back(question.reading)
            .into_iter()
            .map(|file| (file.path, file.why))
            .collect();
        let settings = &question.in_force.settings;
        let excludes = [settings.exclude.as_slice(), &settings.withhold].concat();
        // A pattern that can't be understood excludes nothing; that is complained about elsewhere.
        let (excludes, _) = Excludes::new(&excludes);
        let shield = Shield {
            kept_back,
            excludes,
            redactor: Redactor::new(self.store.redaction_key()?),
            // One snapshot serves all: it has secrets only if everybody may see them.
            redacts: readers.iter().any(|agent| agent.redact),
        };
        let panel = &question.counting.panel.agents;
        let see_secrets: Vec<&str> = readers
            .iter()
            .filter(|agent| !agent.redact)
            // A lead that does not review reads what is made for all.
            .filter(|agent| !shield.redacts || panel.iter().any(|it| it.name == agent.name))
            .map(|agent| agent.name.as_str())
            .collect();
        if !see_secrets.is_empty() {
            self.warn(format!(
                "what looks like a secret is not cut out for {}: `redact = false`",
                see_secrets.join(", ")
            ));
        }
        let redact = |path: &RepoPath, text: &[u8]| shield.file(path, text);
        let cache = env::cache_dir()?;
        match snapshot::sweep_quickly(&cache) {
            Ok(more) => self.left_behind |= more,
            Err(error) => self.warn(format!("an old snapshot could not be removed: {error:#}")),
        }
        let changes = question.reading.head_changes();
        let snapshot = snapshot::build(
            &cache,
            &Plan {
                repo: &self.repo,
                head: snapshot_head(question.target, &changes),
                base: question.target.base.commit,
                target: None,
                redact: &redact,
                files: readers.iter().any(|agent| !agent.kind.is_api()),
                limits: SnapshotLimits::default(),
            },
        )
        .context("cannot write the snapshot that agents read")?;
        for note in &snapshot.notes {
            self.warn(note.clone());
        }
        Ok((snapshot, shield))
    }

    /// Takes down what questions about a target shared.
    pub(super) fn close(&mut self, opened: Opened) {
        self.interrupted |= opened.interrupt.is_set();
        self.discard(opened.snapshot);
    }

    fn discard(&mut self, snapshot: Snapshot) {
        let aside = snapshot.set_aside();
        match aside.and_then(Aside::delete_if_quick) {
            Ok(gone) => self.left_behind |= !gone,
            Err(error) => self.warn(format!("the snapshot could not be removed: {error:#}")),
        }
    }

    /// Has a process of its own remove the snapshots that take long, if any were left behind: nobody is to wait
    /// for that, so it begins when the review is over, and goes on when this process has ended. If it can't be
    /// started, or this process dies before, the next review tries again.
    pub(super) fn sweep_beside(&mut self) {
        if !std::mem::take(&mut self.left_behind) {
            return;
        }
        let attempt = || -> Result<u32> {
            let program = env::current_exe()?;
            let words = [OsStr::new(SWEEP)];
            process::start_detached(&program, &words, Path::new("/"), &env::inherited(), None)
        };
        if let Err(error) = attempt() {
            self.warn(format!("an old snapshot was not removed: {error:#}"));
        }
    }

    /// Opens what questions about a target share, if nobody has. True if somebody else was waited for;
    /// nothing is opened if the user wants to stop.
    pub(super) fn open_again(
        &mut self,
        question: &Question<'_>,
        opened: &mut Option<Opened>,
    ) -> Result<bool> {
        if opened.is_some() {
            return Ok(false);
        }
        let interrupt = Interrupt::on_signals()?;
        let Some((turn, waited)) = self.turn(&interrupt)? else {
            self.interrupted = true;
            return Ok(false);
        };
        *opened = Some(self.open_snapshot(question, interrupt, turn)?);
        Ok(waited)
    }
}

/// What stands in the snapshot.
fn snapshot_head<'c>(target: &Target, changes: &'c [Change]) -> snapshot::Head<'c> {
    let what = match target.head {
        Head::Commit(head) => return snapshot::Head::Commit(head),
        Head::Index => "staged changes",
        Head::Worktree { .. } => "changes of the work tree",
    };
    snapshot::Head::Uncommitted {
        base_tree: target.base.tree,
        changes,
        what,
    }
}
