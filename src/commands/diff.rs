//! `deep-review diff`: prints exactly the patch that is reviewed.

use std::io::Write;

use anyhow::Result;

use crate::cli::ScopeArgs;
use crate::diff::{Change, unified};
use crate::error::Exit;
use crate::git::{ReadLimits, Repo};
use crate::pipeline::{Scope, Session};
use crate::ui::Ui;

pub(crate) fn run(scope: &ScopeArgs, between: Option<&str>, ui: &Ui) -> Result<Exit> {
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
        let changes = session.head_changes(target)?;
        write_patches(&session.repo, changes, &mut out)?;
    }
    // A reader that went away (`| head`) is no failure of ours.
    let _ = out.flush();
    Ok(Exit::Pass)
}

/// Writes the patches of these changes in their order, holding only a few at a time.
fn write_patches(repo: &Repo, changes: Vec<Change>, out: &mut dyn Write) -> Result<()> {
    let changes = unified::as_printed(changes);
    let limits = ReadLimits {
        abbreviate: true,
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
