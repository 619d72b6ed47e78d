//! Refuses paths that are no plain path inside a tree, whatever the tree holds.
//! Whether a path is there is left to the tree itself.

use crate::diff::RepoPath;
use crate::page::deceives;

use super::Refused;

/// Refuses everything but a relative path of plain parts: no way out, no other notation of a place, and
/// nothing that some file system takes for `.git`.
pub(super) fn refuse_path(path: &RepoPath) -> Result<(), Refused> {
    let bytes = path.as_bytes();
    let refused = |why: &str| Err(format!("the path is refused: {why}"));
    if bytes.is_empty() {
        return refused("it is empty");
    }
    if bytes.contains(&0) || bytes.contains(&b'\\') {
        return refused("it holds a zero byte or a backslash");
    }
    if bytes.starts_with(b"/") || bytes.starts_with(b"~") {
        return refused("it is not relative to the repository");
    }
    if bytes.len() > 1 && bytes[0].is_ascii_alphabetic() && bytes[1] == b':' {
        return refused("it names a drive");
    }
    for part in bytes.split(|byte| *byte == b'/') {
        if part.is_empty() || part == b"." || part == b".." {
            return refused("it has an empty part, `.` or `..`");
        }
        if is_git(&String::from_utf8_lossy(part)) {
            return refused("it names Git's own directory");
        }
    }
    Ok(())
}

/// `.git` as some file system may read it: other case, invisible characters, trailing dots and spaces, a
/// stream, or its short name.
fn is_git(part: &str) -> bool {
    let folded: String = part
        .chars()
        .filter(|c| !deceives(*c))
        .flat_map(char::to_lowercase)
        .collect();
    let plain = folded.split(':').next().unwrap_or_default();
    let plain = plain.trim_end_matches(['.', ' ']);
    plain == ".git"
        || plain
            .strip_prefix("git~")
            .is_some_and(|number| !number.is_empty() && number.bytes().all(|c| c.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_paths_pass() {
        for good in [
            "a",
            "a/b.c",
            ".gitignore",
            "a/.github/x",
            "git",
            "a~",
            "xx:y",
            "\u{fc}/\u{4e16}",
        ] {
            assert_eq!(refuse_path(&RepoPath::from(good)), Ok(()), "{good}");
        }
        for bad in [
            "",
            "/",
            "/etc/passwd",
            "..",
            "a/..",
            "../a",
            "a/../b",
            "./a",
            "a//b",
            "a/",
            "~",
            "~/x",
            "~root/x",
            "C:/x",
            "c:x",
            "\\\\host\\x",
            "a\\b",
            "a\0b",
            "//host/x",
            ".git",
            ".git/config",
            "a/.git/x",
            ".GIT",
            ".GiT/config",
            ".g\u{200c}it",
            ".git\u{feff}",
            ".git.",
            ".git ",
            ".git. .",
            ".git::$INDEX_ALLOCATION",
            ".git:x",
            "git~1",
            "GIT~2",
            "a/Git~12/x",
        ] {
            assert!(refuse_path(&RepoPath::from(bad)).is_err(), "{bad:?}");
        }
    }
}
