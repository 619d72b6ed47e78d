//! Puts our hooks where Git looks for them, beside whatever is there already, and takes them away.
//! The hooks are shims: all behaviour is in `deep-review hook <event>`.

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};

use crate::error::HintExt;
use crate::git::Repo;

/// The shim of the pre-push hook, with a placeholder for the program.
const PRE_PUSH: &str = include_str!("../hooks/pre-push");

/// How a hook of ours is told from a foreign one, whatever its version.
const MARK: &str = "# deep-review hook v";

/// What stands where Git looks for a hook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Slot {
    /// Nothing.
    Free,
    /// A hook of ours, exactly as `install` would write it now.
    Ours,
    /// A hook of ours, of another version or for a program elsewhere.
    OursOutdated,
    /// A hook of ours that somebody edited beyond the program's path.
    OursEdited,
    /// Somebody else's.
    Foreign,
}

/// What `install` and `uninstall` did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Done {
    /// Wrote the hook.
    Installed,
    /// The hook was of another version; it is current now.
    Updated,
    /// Nothing to do.
    Already,
    /// Took the hook away.
    Removed,
    /// There was no hook of ours.
    NotOurs,
}

/// Where Git looks for the pre-push hook of a repository.
pub(crate) fn path(repo: &Repo) -> PathBuf {
    repo.hooks_dir().join("pre-push")
}

/// What stands there now. `program` is the absolute path of this program.
pub(crate) fn slot(repo: &Repo, program: &Path) -> Result<Slot> {
    let path = path(repo);
    match fs::read(&path) {
        Ok(found) if found == shim(program)?.as_bytes() => Ok(if is_executable(&path) {
            Slot::Ours
        } else {
            Slot::OursOutdated
        }),
        Ok(found) => Ok(judge(&String::from_utf8_lossy(&found))),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Slot::Free),
        Err(error) => Err(error).with_context(|| format!("cannot read `{}`", path.display())),
    }
}

/// Ours if it has our mark; edited if it says more than a shim of ours does.
fn judge(found: &str) -> Slot {
    if !found.contains(MARK) {
        return Slot::Foreign;
    }
    let without_program = |text: &str| -> Vec<String> {
        text.lines()
            .filter(|line| !line.starts_with("program="))
            .map(str::to_owned)
            .collect()
    };
    if without_program(found) == without_program(PRE_PUSH) {
        Slot::OursOutdated
    } else {
        Slot::OursEdited
    }
}

/// Writes the hook. Refuses where Git looks elsewhere or somebody else's hook stands, and says what
/// to add there.
pub(crate) fn install(repo: &Repo, program: &Path) -> Result<Done> {
    let path = path(repo);
    let dir = repo.hooks_dir();
    let line = format!("    {} hook pre-push -- \"$@\"", quoted(program)?);
    if !repo.owns(&dir) {
        return Err(anyhow!("`core.hooksPath` is set: Git looks for hooks in `{}`, which is not this repository's own", dir.display()))
            .context("cannot install the hook")
            .hint(format!("add this line to the pre-push hook there, with its standard input intact:\n{line}"));
    }
    let done = match slot(repo, program)? {
        Slot::Free => Done::Installed,
        Slot::Ours => return Ok(Done::Already),
        Slot::OursOutdated => Done::Updated,
        Slot::OursEdited => {
            return Err(anyhow!("`{}` is ours but was edited", path.display()))
                .context("cannot install the hook")
                .hint("move your edits elsewhere and remove it, then install again");
        }
        Slot::Foreign => {
            return Err(anyhow!(
                "another pre-push hook stands in `{}`",
                path.display()
            ))
            .context("cannot install the hook")
            .hint(format!(
                "add this line to it, with its standard input intact:\n{line}"
            ));
        }
    };
    let attempt = || -> Result<()> {
        fs::create_dir_all(&dir)?;
        // Written aside and renamed: Git never sees half a hook.
        let mut file = tempfile::Builder::new()
            .prefix(".pre-push-")
            .tempfile_in(&dir)?;
        file.write_all(shim(program)?.as_bytes())?;
        make_executable(file.as_file())?;
        file.as_file().sync_all()?;
        file.persist(&path)?;
        Ok(())
    };
    attempt().with_context(|| format!("cannot write `{}`", path.display()))?;
    Ok(done)
}

/// Takes the hook away if it is ours; leaves anything else as it is.
#[expect(
    clippy::disallowed_methods,
    reason = "hooks are written and removed here only"
)]
pub(crate) fn uninstall(repo: &Repo, program: &Path) -> Result<Done> {
    let path = path(repo);
    match slot(repo, program)? {
        Slot::Free | Slot::Foreign => Ok(Done::NotOurs),
        Slot::OursEdited => Err(anyhow!("`{}` is ours but was edited", path.display()))
            .context("cannot remove the hook")
            .hint("remove it by hand if nothing in it is needed"),
        Slot::Ours | Slot::OursOutdated => {
            fs::remove_file(&path)
                .with_context(|| format!("cannot remove `{}`", path.display()))?;
            Ok(Done::Removed)
        }
    }
}

/// The shim for a program at this place: LF only, so that every `sh` can run it.
fn shim(program: &Path) -> Result<String> {
    Ok(PRE_PUSH.replace("@PROGRAM@", &quoted(program)?))
}

/// A path as one word of the shell.
fn quoted(program: &Path) -> Result<String> {
    let text = program
        .to_str()
        .filter(|text| !text.contains('\n'))
        .ok_or_else(|| {
            anyhow!(
                "the path of this program, `{}`, can't be written into a script",
                program.display()
            )
        })?;
    Ok(format!("'{}'", text.replace('\'', "'\\''")))
}

#[cfg(unix)]
fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(path).is_ok_and(|found| found.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_executable(_path: &Path) -> bool {
    true
}

#[cfg(unix)]
fn make_executable(file: &fs::File) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(fs::Permissions::from_mode(0o755))
}

#[cfg(not(unix))]
fn make_executable(_file: &fs::File) -> std::io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shim_is_plain_sh_with_line_feeds() {
        let shim = shim(Path::new("/opt/it's here/deep-review")).unwrap();
        assert!(shim.starts_with("#!/bin/sh\n") && !shim.contains('\r'));
        assert!(shim.contains("program='/opt/it'\\''s here/deep-review'\n"));
        assert_eq!(judge(&shim), Slot::OursOutdated);
    }

    #[test]
    fn foreign_and_edited_hooks_are_recognized() {
        assert_eq!(judge("#!/bin/sh\nexit 0\n"), Slot::Foreign);
        let edited = shim(Path::new("/x"))
            .unwrap()
            .replace("exec ", "echo hi\nexec ");
        assert_eq!(judge(&edited), Slot::OursEdited);
    }
}
