//! The private directory of one agent in one run: the door to the files it is given.
//! What stands in them is left to the file of each program.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};

/// The home that a program gets instead of the user's, in the private directory.
pub(super) const HOME: &str = "home";
/// The place for temporary files in it.
pub(super) const TEMPORARY: &str = "tmp";

/// Makes the directories an agent is given, and its files; nobody else may read them.
pub(super) fn furnish(home: &Path, files: &[(&'static str, Vec<u8>)]) -> Result<()> {
    for name in [HOME, TEMPORARY] {
        make(&home.join(name))?;
    }
    for (name, bytes) in files {
        let path = home.join(name);
        if let Some(directory) = path.parent() {
            make(directory)?;
        }
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options
            .open(&path)
            .and_then(|mut file| file.write_all(bytes))
            .with_context(|| format!("cannot write `{}`", path.display()))?;
    }
    Ok(())
}

fn make(directory: &Path) -> Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
        .create(directory)
        .with_context(|| format!("cannot make `{}`", directory.display()))
}
