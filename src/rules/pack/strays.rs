//! What belongs to one machine or one moment, by paths and places: stray files, reminders, paths
//! of a home folder, links out of the repository.

use super::{
    Builtin, Form, Judgement, Place, everywhere, in_lenient_places, in_own_code, nowhere, stands,
};
use crate::diff::{Mode, RepoPath};
use crate::finding::Severity;
use crate::rules::paths::{PathKind, path_kind};
use crate::rules::scan::FileFacts;

pub(super) static DO_NOT_MERGE: Builtin = Builtin {
    id: "do-not-merge",
    severity: Severity::Important,
    summary: "a comment of the author that says not to merge",
    why: "The comment says in capitals that this must not be merged. Its author left it as a \
          reminder to do something first.",
    mend: "Do what the comment waits for and remove it, or don't push the line yet.",
    history: false,
    reaches: in_own_code,
    lowers: in_lenient_places,
    forms: &[Form {
        title: "comment says not to merge",
        pattern: r"\b(?:NOCOMMIT|NOMERGE|DO[ _-]?NOT[ _-]?(?:MERGE|SUBMIT))\b",
        languages: &[],
        place: Place::Comment,
        judge: stands,
    }],
    whole_file: None,
};

pub(super) static LEFTOVER_FILE: Builtin = Builtin {
    id: "leftover-file",
    severity: Severity::Important,
    summary: "files that editors, merges and tools leave behind",
    why: "A tool left this file behind; it is no part of the project. It grows the history for \
          good, and may hold an old version of what was meant to go.",
    mend: "Take it out with `git rm --cached`, and name it in `.gitignore`.",
    history: false,
    reaches: everywhere,
    lowers: below_lenient_folder,
    forms: &[],
    whole_file: Some(is_leftover),
};

pub(super) static ABSOLUTE_PATH_IN_MANIFEST: Builtin = Builtin {
    id: "absolute-path-in-manifest",
    severity: Severity::Important,
    summary: "a dependency or setting in a manifest that points into one person's home folder",
    why: "The manifest points to a folder that only one machine has. The build fails, or takes \
          something else, everywhere else.",
    mend: "Use a path relative to the manifest, a released version or a Git source.",
    history: false,
    reaches: is_manifest,
    lowers: in_lenient_places,
    forms: &[Form {
        title: "manifest points into a home folder",
        pattern: r#"(?:["'= \t]|file:(?://)?)(?:/home/|/Users/|[A-Za-z]:[\\/]{1,2}Users[\\/]{1,2})[0-9A-Za-z_.-]+"#,
        languages: &[],
        place: Place::OutsideComments,
        judge: stands,
    }],
    whole_file: None,
};

pub(super) static SYMLINK_ESCAPES: Builtin = Builtin {
    id: "symlink-escapes",
    severity: Severity::Important,
    summary: "a symbolic link to a place outside the repository",
    why: "The link leads out of the repository. What stands there differs from machine to \
          machine, and a program that follows it reads or writes where nobody expects it.",
    mend: "Link to a path inside the repository, relative to the link.",
    history: false,
    reaches: is_symlink,
    lowers: nowhere,
    forms: &[],
    whole_file: Some(leads_out),
};

const LEFTOVER_ENDINGS: &[&str] = &[".orig", ".rej", ".pyc", ".pyo", "~"];
const LEFTOVER_NAMES: &[&str] = &[".ds_store", "thumbs.db", "desktop.ini"];
/// Files that each installation of packages writes once: one finding, not thousands.
const INSTALL_MARKS: &[&str] = &[".package-lock.json", ".yarn-integrity", ".modules.yaml"];

const MANIFESTS: &[&str] = &[
    "build.gradle",
    "build.gradle.kts",
    "cargo.toml",
    "composer.json",
    "gemfile",
    "go.mod",
    "go.work",
    "mix.exs",
    "package.json",
    "package.swift",
    "pipfile",
    "pom.xml",
    "pubspec.yaml",
    "pyproject.toml",
    "requirements.txt",
    "tsconfig.json",
];

fn is_manifest(facts: &FileFacts<'_>) -> bool {
    let name = facts.file.path.file_name().to_ascii_lowercase();
    MANIFESTS.iter().any(|known| known.as_bytes() == name)
}

fn is_symlink(facts: &FileFacts<'_>) -> bool {
    facts.file.mode == Mode::Symlink
}

fn is_leftover(facts: &FileFacts<'_>) -> Judgement {
    if facts.file.old_mode.is_some() || !facts.file.mode.is_file() {
        return Judgement::Passes;
    }
    let path = facts.file.path.to_str_lossy().to_ascii_lowercase();
    let (folders, name) = path.rsplit_once('/').unwrap_or(("", &path));
    let is_swap =
        name.starts_with('.') && matches!(name.as_bytes(), [.., b'.', b's', b'w', b'a'..=b'p']);
    let is_install = folders.ends_with("node_modules") && INSTALL_MARKS.contains(&name);
    let left = is_swap
        || is_install
        || LEFTOVER_NAMES.contains(&name)
        || LEFTOVER_ENDINGS
            .iter()
            .any(|ending| name.len() > ending.len() && name.ends_with(ending));
    if left {
        Judgement::Stands
    } else {
        Judgement::Passes
    }
}

/// A test's own `node_modules` is a fixture, although the path says vendored.
fn below_lenient_folder(facts: &FileFacts<'_>, kind: PathKind) -> bool {
    let path = facts.file.path.to_str_lossy();
    let folders = path.split("node_modules/").next().unwrap_or_default();
    kind.is_lenient() || path_kind(&RepoPath::new(format!("{folders}x"))).is_lenient()
}

fn leads_out(facts: &FileFacts<'_>) -> Judgement {
    let added = facts.file.added.first().map(|line| line.text);
    let Some(target) = facts.file.new_text.or(added) else {
        return Judgement::Passes;
    };
    let absolute = matches!(target, [b'/' | b'\\', ..] | [b'A'..=b'Z' | b'a'..=b'z', b':', ..]);
    let path = facts.file.path.as_bytes();
    let mut depth = memchr::memchr_iter(b'/', path).count();
    for part in target.split(|byte| matches!(byte, b'/' | b'\\')) {
        match part {
            b"" | b"." => {}
            b".." if depth == 0 => return Judgement::Stands,
            b".." => depth -= 1,
            _ => depth += 1,
        }
    }
    if absolute {
        Judgement::Stands
    } else {
        Judgement::Passes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::tests::{found, pack};
    use crate::rules::{AddedLine, FileUnderReview};

    fn holds(rule: &str, path: &str, text: &str, severity: Severity) {
        let found: Vec<_> = found(path, text)
            .into_iter()
            .map(|(rule, _, severity)| (rule, severity))
            .collect();
        assert_eq!(found, [(rule.to_owned(), severity)], "{text} in {path}");
    }

    #[test]
    fn reminders_in_comments_of_code_are_found() {
        for (path, line) in [
            ("a.rs", "// NOCOMMIT"),
            ("a.py", "x = 1  # DO NOT MERGE before the release"),
            ("a.go", "/* DO_NOT_SUBMIT */"),
        ] {
            holds("do-not-merge", path, line, Severity::Important);
        }
        for (path, line) in [
            ("a.rs", "// do not merge the two lists"),
            ("a.rs", "let s = \"DO NOT MERGE\";"),
            ("README.md", "DO NOT MERGE"),
            ("a.rs", "const NOCOMMIT: u8 = 1;"),
        ] {
            assert_eq!(found(path, line), [], "{line}");
        }
    }

    #[test]
    fn files_that_tools_leave_are_found_when_added() {
        for path in [
            "src/a.rs.orig",
            "a.c.rej",
            ".DS_Store",
            "src/.a.rs.swp",
            "a/__pycache__/b.cpython-312.pyc",
            "src/a.rs~",
            "node_modules/.package-lock.json",
        ] {
            holds("leftover-file", path, "x", Severity::Important);
        }
        for path in [
            "docs/.DS_Store",
            "tests/data/a.rs.orig",
            "tests/fixtures/x/node_modules/.package-lock.json",
        ] {
            holds("leftover-file", path, "x", Severity::Suggestion);
        }
        for path in [
            "src/original.rs",
            ".orig",
            "a.swift",
            "node_modules/x/index.js",
            ".swp/x",
            "~",
        ] {
            assert_eq!(found(path, "x"), [], "{path}");
        }
        let known = RepoPath::from("a.orig");
        let changed = FileUnderReview {
            path: &known,
            mode: Mode::Regular,
            old_mode: Some(Mode::Regular),
            added: &[],
            new_text: None,
            old_text: None,
        };
        assert!(pack().scan(&changed).is_empty());
    }

    #[test]
    fn home_folders_in_manifests_are_found() {
        for (path, line) in [
            ("Cargo.toml", "x = { path = \"/home/ann/x\" }"),
            ("a/package.json", "  \"x\": \"file:/Users/ann/x\","),
            ("go.mod", "replace example.com/x => /home/ann/x"),
            ("Gemfile", "gem 'x', path: '/Users/ann/x'"),
            (
                "pyproject.toml",
                "x = { path = \"C:\\\\Users\\\\ann\\\\x\" }",
            ),
        ] {
            holds("absolute-path-in-manifest", path, line, Severity::Important);
        }
        for (path, line) in [
            ("Cargo.toml", "x = { path = \"../x\" }"),
            ("Cargo.toml", "# path = \"/home/ann/x\""),
            (
                "package.json",
                "\"homepage\": \"https://example.com/home/x\"",
            ),
            ("a.py", "x = '/home/ann/x'"),
        ] {
            assert_eq!(found(path, line), [], "{line}");
        }
    }

    #[test]
    fn links_out_of_the_repository_are_found() {
        let count = |path: &str, target: &str| {
            let path = RepoPath::from(path);
            let added = [AddedLine {
                no: 1,
                text: target.as_bytes(),
            }];
            let file = FileUnderReview {
                path: &path,
                mode: Mode::Symlink,
                old_mode: None,
                added: &added,
                new_text: None,
                old_text: None,
            };
            pack().scan(&file).len()
        };
        for (path, target) in [
            ("a", "/etc/passwd"),
            ("a", "../x"),
            ("a/b", "../../x"),
            ("a/b", "c/../../../x"),
            ("a", "C:\\x"),
        ] {
            assert_eq!(count(path, target), 1, "{path} -> {target}");
        }
        for (path, target) in [
            ("a", "b"),
            ("a/b", "../c"),
            ("a/b/c", "../../d/../e"),
            ("a", "./b"),
        ] {
            assert_eq!(count(path, target), 0, "{path} -> {target}");
        }
    }
}
