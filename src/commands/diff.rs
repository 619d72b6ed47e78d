//! `deep-review diff`: prints exactly the change that is reviewed.
//! Hashing every file takes about an eighth of the time, so it is left to reviews, or asked for.

use std::io::Write;

use anyhow::{Context, Result};

use crate::change_set::{self, Counted};
use crate::cli::{PatchFormat, ScopeArgs};
use crate::diff::{Change, unified, unit_key};
use crate::error::Exit;
use crate::git::{ReadLimits, Repo};
use crate::owed::Target;
use crate::pipeline::{Scope, Session};
use crate::ui::Ui;
use crate::units::{Excludes, classify};

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
    for target in &targets {
        let (changes, notes) = session.head_changes(target)?;
        for note in notes {
            ui.status(&format!("note: {note}"));
        }
        match shape {
            Shape::Patch => write_patches(&session.repo, changes, verify, &mut out)?,
            Shape::Stat => ui.result(&change_set::stat_page(
                &count(&session.repo, &changes, verify)?,
                ui.width(),
            )),
            Shape::Json => write_json(&mut session, target, &changes, &mut out)?,
        }
    }
    // A reader that went away (`| head`) is no failure of ours.
    let _ = out.flush();
    Ok(Exit::Pass)
}

/// Writes the patches of these changes in their order, holding only a few at a time.
fn write_patches(
    repo: &Repo,
    changes: Vec<Change>,
    verify: bool,
    out: &mut dyn Write,
) -> Result<()> {
    let changes = unified::as_printed(changes);
    let limits = ReadLimits {
        abbreviate: true,
        verify,
        ..ReadLimits::default()
    };
    let names = repo.names();
    let mut gone = false;
    repo.stream_patches(
        &changes,
        &limits,
        |_, change, patch| {
            let mut text = Vec::new();
            unified::write(change, patch, names, &mut text).map(|()| text)
        },
        |text| {
            gone = gone || out.write_all(&text?).is_err();
            Ok(())
        },
    )
}

fn count(repo: &Repo, changes: &[Change], verify: bool) -> Result<Vec<Counted>> {
    let limits = ReadLimits {
        verify,
        ..ReadLimits::default()
    };
    repo.read_patches(changes, &limits, |_, change, patch| {
        Counted::of(change, patch)
    })
}

/// Writes one JSON document per target, a unit at a time.
fn write_json(
    session: &mut Session,
    target: &Target,
    changes: &[Change],
    out: &mut dyn Write,
) -> Result<()> {
    let in_force = session.in_force(target, changes)?;
    let (excludes, _) = Excludes::new(&in_force.settings.exclude);
    let limits = ReadLimits {
        max_file_bytes: in_force.settings.max_file_size.value,
        ..ReadLimits::default()
    };
    let mut written = out.write_all(change_set::json_head(target).as_bytes());
    let mut first = true;
    session.repo.stream_patches(
        changes,
        &limits,
        |_, change, patch| {
            let class = classify(change, patch, &excludes);
            change_set::json_unit(change, patch, &unit_key(change, patch), &class)
        },
        |unit| {
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
    Ok(())
}
