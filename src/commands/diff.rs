//! `deep-review diff`: prints exactly the patch that is reviewed.
//! Which two commits are compared is left to the caller.

use std::io::Write;

use anyhow::Result;

use crate::diff::{Change, Oid, unified};
use crate::git::{ReadLimits, Repo};

/// Writes the patch between two commits.
pub(crate) fn run(repo: &Repo, base: &Oid, head: &Oid, out: &mut dyn Write) -> Result<()> {
    let changes = repo.changes(&repo.tree_of(base)?, &repo.tree_of(head)?)?;
    write_patches(repo, changes, out)
}

/// Writes the patches of these changes in their order, holding only a few at a time.
pub(crate) fn write_patches(repo: &Repo, changes: Vec<Change>, out: &mut dyn Write) -> Result<()> {
    let changes = unified::as_printed(changes);
    let limits = ReadLimits {
        abbreviate: true,
        ..ReadLimits::default()
    };
    let names = repo.names();
    repo.stream_patches(
        &changes,
        &limits,
        |_, change, patch| {
            let mut text = Vec::new();
            unified::write(change, patch, names, &mut text).map(|()| text)
        },
        |text| Ok(out.write_all(&text?)?),
    )
}
