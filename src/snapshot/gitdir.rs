//! The snapshot's own Git directory: minimal, with our configuration only, its objects borrowed.
//! Nothing of the user's configuration, hooks, index or refs is in it; objects are written by `git`.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context, Result};

use crate::diff::Oid;
use crate::git::{FileStat, Repo};

use super::files::{private_dirs, write_new};

/// Takes the teeth out of every `.gitattributes` of the tree: no driver, filter or conversion, and no
/// text that is hidden by calling it binary. It stands in `info/attributes`, which outranks them.
const ATTRIBUTES: &[u8] = b"* !diff !filter !text !eol !crlf !ident !working-tree-encoding !merge \
!whitespace !export-subst\n";

/// What every command in the snapshot runs under. It can't switch off `diff.external` or aliases of the
/// user's own configuration: tool shells need `GIT_CONFIG_GLOBAL` and `GIT_CONFIG_NOSYSTEM` for that.
const CONFIG: &str = "\
[core]
\tbare = false
\tfilemode = false
\tsymlinks = false
\tignorecase = false
\tautocrlf = false
\teol = lf
\thooksPath = /dev/null
\tfsmonitor = false
\tuntrackedCache = false
\tattributesFile = /dev/null
\texcludesFile = /dev/null
\tpager = cat
\teditor = false
\tlogAllRefUpdates = false
[gc]
\tauto = 0
[maintenance]
\tauto = false
[status]
\tshowUntrackedFiles = no
[log]
\tshowSignature = false
[diff]
\tignoreSubmodules = none
[submodule]
\trecurse = false
[protocol]
\tallow = never
[commit]
\tgpgSign = false
[credential]
\thelper =
[user]
\tname = deep-review
\temail = deep-review@localhost
";

/// The commit for what is reviewed.
pub(super) const REVIEW: &str = "refs/heads/review";
/// The commit it is compared with.
pub(super) const BASE: &str = "refs/heads/base";

/// Creates the directory with all but HEAD, refs and index; `repo` lends its objects.
pub(super) fn create(git_dir: &Path, repo: &Repo) -> Result<()> {
    let dirs = [
        "",
        "objects",
        "objects/info",
        "objects/pack",
        "refs",
        "info",
    ];
    private_dirs(git_dir, dirs.iter().map(|dir| dir.as_bytes()))?;
    let mut lenders = Vec::new();
    for directory in repo.object_directories()? {
        lenders.extend(alternate(directory.as_os_str().as_encoded_bytes()));
        lenders.push(b'\n');
    }
    put(git_dir, "objects/info/alternates", &lenders)?;
    put(git_dir, "info/attributes", ATTRIBUTES)?;
    let format = match repo.object_format() {
        "sha1" => "[core]\n\trepositoryformatversion = 0\n".to_owned(),
        other => format!(
            "[core]\n\trepositoryformatversion = 1\n[extensions]\n\tobjectFormat = {other}\n"
        ),
    };
    put(git_dir, "config", format!("{format}{CONFIG}").as_bytes())?;
    let shallow = repo.shallow_ids()?;
    if !shallow.is_empty() {
        let lines: Vec<String> = shallow.iter().map(Oid::to_string).collect();
        put(git_dir, "shallow", (lines.join("\n") + "\n").as_bytes())?;
    }
    Ok(())
}

/// Points HEAD at the reviewed commit, and writes the refs: `review`, `base`, and the target's own name
/// with its tip.
pub(super) fn name_commits(
    git_dir: &Path,
    head: &Oid,
    base: Option<&Oid>,
    target: Option<(String, Oid)>,
) -> Result<()> {
    let mut refs: Vec<(String, Oid)> = vec![(REVIEW.to_owned(), *head)];
    refs.extend(base.map(|base| (BASE.to_owned(), *base)));
    refs.extend(target);
    refs.sort();
    let mut packed = "# pack-refs with: peeled fully-peeled sorted \n".to_owned();
    for (name, id) in refs {
        writeln!(packed, "{id} {name}").expect("writing to a String cannot fail");
    }
    put(git_dir, "packed-refs", packed.as_bytes())?;
    put(git_dir, "HEAD", format!("{head}\n").as_bytes())
}

/// The full name and tip of the target, as in `origin/main`, if it can be a ref beside ours.
pub(super) fn target(repo: &Repo, name: &str) -> Option<(String, Oid)> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-+".contains(&byte);
    let odd = |part: &str| part.is_empty() || part.starts_with('.') || is_lock(part);
    if !name.bytes().all(plain) || name.contains("..") || name.split('/').any(odd) {
        return None;
    }
    let places = [format!("refs/remotes/{name}"), format!("refs/heads/{name}")];
    places.into_iter().find_map(|place| {
        let ours = |taken: &str| place == taken || place.starts_with(&format!("{taken}/"));
        if ours(BASE) || ours(REVIEW) {
            return None;
        }
        let tip = repo.tip_of(&place).ok()??;
        Some((place, tip))
    })
}

/// Git keeps these names for itself.
fn is_lock(part: &str) -> bool {
    part.as_bytes().ends_with(b".lock")
}

/// Writes the index, dated ahead: Git compares whole seconds, and files of the same second as the index
/// would have to be read to see that they are unchanged.
pub(super) fn write_index(git_dir: &Path, bytes: &[u8]) -> Result<()> {
    let path = git_dir.join("index");
    write_new(&path, bytes).with_context(|| format!("cannot write `{}`", path.display()))?;
    let ahead = std::time::SystemTime::now() + std::time::Duration::from_secs(2);
    std::fs::File::options()
        .append(true)
        .open(&path)
        .and_then(|file| file.set_modified(ahead))
        .with_context(|| format!("cannot date `{}`", path.display()))
}

fn put(git_dir: &Path, name: &str, bytes: &[u8]) -> Result<()> {
    let path = git_dir.join(name);
    let written: std::io::Result<FileStat> = write_new(&path, bytes);
    written.with_context(|| format!("cannot write `{}`", path.display()))?;
    Ok(())
}

/// A line of `objects/info/alternates`, without its end. Git reads a line that begins with a quote as
/// C-quoted, and one with `#` as a comment.
fn alternate(path: &[u8]) -> Vec<u8> {
    let plain = !path.contains(&b'\n') && !matches!(path.first(), None | Some(b'"' | b'#'));
    if plain {
        return path.to_vec();
    }
    let mut quoted = vec![b'"'];
    for byte in path {
        match byte {
            b'"' => quoted.extend(b"\\\""),
            b'\\' => quoted.extend(b"\\\\"),
            b'\n' => quoted.extend(b"\\n"),
            other => quoted.push(*other),
        }
    }
    quoted.push(b'"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_that_git_would_misread_are_quoted() {
        assert_eq!(alternate(b"/a b/\"c\"\\"), b"/a b/\"c\"\\");
        assert_eq!(alternate(b"/a\nb"), b"\"/a\\nb\"");
        assert_eq!(alternate(b"\"x\\"), b"\"\\\"x\\\\\"");
        assert_eq!(alternate(b"#x"), b"\"#x\"");
    }
}
