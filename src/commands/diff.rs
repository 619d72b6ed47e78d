//! `deep-review diff`: prints exactly the change that is reviewed.
//! Hashing every file takes about an eighth of the time, so it is left to reviews, or asked for.

use std::io::Write;

use anyhow::{Context, Result};

use crate::change_set::{self, Counted};
use crate::cli::{PatchFormat, ScopeArgs};
use crate::diff::{Change, Content, Patch, unified, unit_key};
use crate::error::Exit;
use crate::git::{ReadLimits, Repo};
use crate::owed::Target;
use crate::page::{Page, Style};
use crate::pipeline::{Scope, Session};
use crate::ui::Ui;
use crate::units::{Class, Excludes, classify};

/// What of the change is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    Patch,
    Stat,
    Json,
}

impl Shape {
    pub(crate) fn of(stat: bool, format: PatchFormat) -> Self {
        match format {
            _ if stat => Self::Stat,
            PatchFormat::Patch => Self::Patch,
            PatchFormat::Json => Self::Json,
        }
    }
}

/// `verify` says whether contents are compared with their ids.
pub(crate) fn run(
    scope: &ScopeArgs,
    between: Option<&str>,
    shape: Shape,
    verify: bool,
    ui: &Ui,
) -> Result<Exit> {
    let mut session = Session::open()?;
    let scope = match between {
        Some(range) => Scope::Range {
            range: range.to_owned(),
        },
        None => Scope::from(scope),
    };
    let (targets, _) = session.owed(&scope)?;
    let mut out = ui.patch();
    let mut unread = Vec::new();
    for target in &targets {
        let (changes, notes) = session.head_changes(target)?;
        for note in notes {
            ui.status(&format!("note: {note}"));
        }
        match shape {
            Shape::Patch => {
                unread.extend(write_patches(&session.repo, changes, verify, &mut out)?);
            }
            Shape::Stat => {
                let (counted, failed) = count(&session.repo, &changes, verify)?;
                ui.result(&change_set::stat_page(&counted, ui.width()));
                unread.extend(failed);
            }
            Shape::Json => unread.extend(write_json(&mut session, target, &changes, &mut out)?),
        }
    }
    // A reader that went away (`| head`) is no failure of ours.
    let _ = out.flush();
    if unread.is_empty() {
        return Ok(Exit::Pass);
    }
    let mut page = Page::new();
    for unread in unread {
        page.put(Style::Alarm, "unread: ").text(unread).end();
    }
    ui.notice(&page);
    Ok(Exit::Inconclusive)
}

/// Which file could not be read, and why; `None` if it was read.
fn unread(change: &Change, patch: &Patch) -> Option<String> {
    match &patch.content {
        Content::Unreadable(why) => Some(format!("{}: {why}", change.path().to_quoted())),
        Content::Text(_) | Content::Binary => None,
    }
}

/// Writes the patches of these changes in their order, holding only a few at a time. Says what could not
/// be read, as the others do.
fn write_patches(
    repo: &Repo,
    changes: Vec<Change>,
    verify: bool,
    out: &mut dyn Write,
) -> Result<Vec<String>> {
    let changes = unified::as_printed(changes);
    let limits = ReadLimits {
        abbreviate: true,
        verify,
        ..ReadLimits::default()
    };
    let names = repo.names();
    let mut gone = false;
    let mut failed = Vec::new();
    repo.stream_patches(
        &changes,
        &limits,
        |_, change, patch| {
            let mut text = Vec::new();
            let written = unified::write(change, patch, names, &mut text);
            (written.map(|()| text), unread(change, patch))
        },
        |(text, unread)| {
            gone = gone || out.write_all(&text?).is_err();
            failed.extend(unread);
            Ok(())
        },
    )?;
    // A type change is printed as two.
    failed.dedup();
    Ok(failed)
}

fn count(repo: &Repo, changes: &[Change], verify: bool) -> Result<(Vec<Counted>, Vec<String>)> {
    let limits = ReadLimits {
        verify,
        ..ReadLimits::default()
    };
    let made = repo.read_patches(changes, &limits, |_, change, patch| {
        (Counted::of(change, patch), unread(change, patch))
    })?;
    let (counted, failed): (Vec<_>, Vec<_>) = made.into_iter().unzip();
    Ok((counted, failed.into_iter().flatten().collect()))
}

/// Writes one JSON document per target, a unit at a time. What is excluded is not owed a reading.
fn write_json(
    session: &mut Session,
    target: &Target,
    changes: &[Change],
    out: &mut dyn Write,
) -> Result<Vec<String>> {
    let in_force = session.in_force(target, changes)?;
    let (excludes, _) = Excludes::new(&in_force.settings.exclude);
    let limits = ReadLimits {
        max_file_bytes: in_force.settings.max_file_size.value,
        ..ReadLimits::default()
    };
    let mut written = out.write_all(change_set::json_head(target).as_bytes());
    let mut first = true;
    let mut failed = Vec::new();
    session.repo.stream_patches(
        changes,
        &limits,
        |_, change, patch| {
            let class = classify(change, patch, &excludes);
            let unread = match class {
                Class::Unreadable { .. } => unread(change, patch),
                _ => None,
            };
            let unit = change_set::json_unit(change, patch, &unit_key(change, patch), &class);
            (unit, unread)
        },
        |(unit, unread)| {
            failed.extend(unread);
            let lead = if first { "\n" } else { ",\n" };
            first = false;
            if written.is_ok() {
                written = out
                    .write_all(lead.as_bytes())
                    .and_then(|()| out.write_all(unit.as_bytes()));
            }
            Ok(())
        },
    )?;
    // A reader that went away is no failure; anything else is told at the end.
    if written.is_ok() {
        out.write_all(b"\n]}\n")
            .context("cannot write the change set")?;
    }
    Ok(failed)
}
