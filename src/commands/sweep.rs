//! `deep-review sweep`, which a review starts: removes large snapshots while nobody waits for it.
//! What is removed, and what is not, is the snapshots' own matter.

use anyhow::Result;

use crate::error::Exit;
use crate::{env, process, snapshot};

/// Removes the snapshots that nobody uses any more, as slowly as others need it.
pub(crate) fn run() -> Result<Exit> {
    process::let_others_pass();
    snapshot::sweep(&env::cache_dir()?)?;
    Ok(Exit::Pass)
}
