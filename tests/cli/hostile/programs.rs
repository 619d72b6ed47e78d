//! Settings of a repository that make Git start a program of the repository's choice.

use super::{bait, baited, holds, mark};
use crate::support::sandbox::{Repo, Sandbox, write};

/// A trap that starts a program; `MARK` is the file it leaves.
struct Trap {
    name: &'static str,
    /// Settings of the repository.
    settings: &'static [(&'static str, &'static str)],
    /// Files below the work tree.
    files: &'static [(&'static str, &'static str)],
    /// The words with which Git walks into it.
    fired_by: &'static [&'static str],
}

const ALL_EVIL: (&str, &str) = (".gitattributes", "*.js diff=evil filter=evil\n");
const ALL_EVIL_UNSEEN: (&str, &str) = (".git/info/attributes", "* diff=evil filter=evil\n");

const TRAPS: [Trap; 17] = [
    Trap {
        name: "core.fsmonitor",
        settings: &[("core.fsmonitor", "touch MARK; false")],
        files: &[],
        fired_by: &["status"],
    },
    Trap {
        name: "include.path",
        settings: &[("include.path", "../../elsewhere")],
        files: &[(
            "../elsewhere",
            "[core]\n\tfsmonitor = \"touch MARK; false\"\n",
        )],
        fired_by: &["status"],
    },
    Trap {
        name: "textconv by .gitattributes",
        settings: &[("diff.evil.textconv", "touch MARK; cat")],
        files: &[ALL_EVIL],
        fired_by: &["diff", "main", "HEAD"],
    },
    Trap {
        name: "textconv by info/attributes",
        settings: &[("diff.evil.textconv", "touch MARK; echo same; :")],
        files: &[ALL_EVIL_UNSEEN],
        fired_by: &["diff", "main", "HEAD"],
    },
    Trap {
        name: "diff.NAME.command",
        settings: &[("diff.evil.command", "touch MARK; :")],
        files: &[ALL_EVIL],
        fired_by: &["diff", "main", "HEAD"],
    },
    Trap {
        name: "diff.external",
        settings: &[("diff.external", "touch MARK; :")],
        files: &[],
        fired_by: &["diff", "main", "HEAD"],
    },
    Trap {
        name: "filter.NAME.clean",
        settings: &[("filter.evil.clean", "touch MARK; cat")],
        files: &[ALL_EVIL_UNSEEN],
        fired_by: &["diff"],
    },
    Trap {
        name: "a filter that is required and fails",
        settings: &[
            ("filter.evil.clean", "touch MARK; false"),
            ("filter.evil.required", "true"),
        ],
        files: &[ALL_EVIL],
        fired_by: &["diff"],
    },
    Trap {
        name: "filter.NAME.process",
        settings: &[("filter.evil.process", "touch MARK; false")],
        files: &[ALL_EVIL],
        fired_by: &["diff"],
    },
    Trap {
        name: "filter.NAME.smudge",
        settings: &[("filter.evil.smudge", "touch MARK; cat")],
        files: &[ALL_EVIL_UNSEEN],
        fired_by: &["cat-file", "--filters", "HEAD:cart.js"],
    },
    Trap {
        name: "core.pager",
        settings: &[("core.pager", "touch MARK; cat")],
        files: &[],
        fired_by: &["grep", "-O", "debugger"],
    },
    Trap {
        name: "core.sshCommand",
        settings: &[("core.sshCommand", "touch MARK; false")],
        files: &[],
        fired_by: &["ls-remote", "ssh://nowhere.invalid/x"],
    },
    Trap {
        name: "a remote that is a program",
        settings: &[
            ("remote.origin.url", "ext::touch MARK"),
            ("protocol.ext.allow", "always"),
        ],
        files: &[],
        fired_by: &["ls-remote", "origin"],
    },
    Trap {
        name: "core.hooksPath",
        settings: &[("core.hooksPath", ".hooks")],
        files: &[(".hooks/pre-commit", "#!/bin/sh\ntouch MARK\nexit 1\n")],
        fired_by: &["commit", "--allow-empty", "-m", "never"],
    },
    Trap {
        name: "credential.helper",
        settings: &[("credential.helper", "!touch MARK; false")],
        files: &[],
        fired_by: &["credential", "fill"],
    },
    Trap {
        name: "gpg.program",
        settings: &[("gpg.program", "./.signer"), ("log.showSignature", "true")],
        files: &[(".signer", "#!/bin/sh\ntouch MARK\n")],
        fired_by: &["commit-tree", "-S", "-m", "never", "HEAD^{tree}"],
    },
    Trap {
        name: "core.alternateRefsCommand",
        settings: &[("core.alternateRefsCommand", "touch MARK; :")],
        files: &[(
            ".git/objects/info/alternates",
            "../../../remote.git/objects\n",
        )],
        fired_by: &["fetch", "origin"],
    },
];

fn plant(sandbox: &Sandbox, repo: &Repo<'_>, trap: &Trap) {
    let armed = |text: &str| text.replace("MARK", &mark(sandbox).to_string_lossy());
    for (name, text) in trap.files {
        let path = repo.path(name);
        write(&path, armed(text));
        #[cfg(unix)]
        if text.starts_with("#!") {
            let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
            std::fs::set_permissions(&path, executable).unwrap();
        }
    }
    for (key, value) in trap.settings {
        repo.git(["config", key, &armed(value)]);
    }
}

/// Whether plain Git walks into it; leaves no trace of that.
fn fires(sandbox: &Sandbox, repo: &Repo<'_>, words: &[&str]) -> bool {
    repo.call("git")
        .without("GIT_PAGER")
        .args(words)
        .input("protocol=https\nhost=nowhere.invalid\n\n")
        .run();
    let fired = mark(sandbox).exists();
    if fired {
        remove(&mark(sandbox));
    }
    fired
}

#[expect(clippy::disallowed_methods, reason = "a test clears away its own mark")]
fn remove(path: &std::path::Path) {
    std::fs::remove_file(path).unwrap();
}

/// A trap that this version of Git no longer walks into proves nothing; it is counted.
#[track_caller]
#[expect(clippy::print_stderr, reason = "who runs the tests should know")]
fn tell_silent(silent: &[&str], of: usize) {
    if !silent.is_empty() {
        eprintln!("{} of {of} traps caught no Git: {silent:?}", silent.len());
    }
    assert!(
        silent.len() <= of / 4,
        "too many traps do not work: {silent:?}"
    );
}

#[test]
fn no_setting_starts_a_program() {
    let mut silent = Vec::new();
    for trap in &TRAPS {
        let sandbox = Sandbox::new();
        let repo = baited(&sandbox);
        plant(&sandbox, &repo, trap);
        if !fires(&sandbox, &repo, trap.fired_by) {
            silent.push(trap.name);
        }
        holds(&sandbox, &repo, trap.name, &[1]);
    }
    tell_silent(&silent, TRAPS.len());
}

#[test]
fn a_repository_inside_starts_no_program() {
    let sandbox = Sandbox::new();
    let repo = baited(&sandbox);
    repo.git(["init", "-q", "sub"]);
    let command = format!("touch {}; false", mark(&sandbox).display());
    repo.git(["-C", "sub", "config", "core.fsmonitor", &command]);
    let commit = ["-C", "sub", "-c", "core.fsmonitor=false", "commit", "-q"];
    repo.git([&commit[..], &["--allow-empty", "-m", "inside"]].concat());
    let id = repo.git(["-C", "sub", "rev-parse", "HEAD"]);
    let entry = format!("160000,{id},sub");
    repo.git(["update-index", "--add", "--cacheinfo", &entry]);
    assert!(fires(&sandbox, &repo, &["status"]));
    holds(&sandbox, &repo, "nested repository", &[1]);
}

#[test]
fn a_missing_object_of_a_partial_clone_is_not_fetched() {
    let sandbox = Sandbox::new();
    let repo = baited(&sandbox);
    let blob = repo.id("HEAD:cart.js");
    remove(&repo.path(format!(".git/objects/{}/{}", &blob[..2], &blob[2..])));
    let fetch = format!("ext::touch {}", mark(&sandbox).display());
    for (key, value) in [
        ("core.repositoryFormatVersion", "1"),
        ("extensions.partialClone", "origin"),
        ("remote.origin.promisor", "true"),
        ("protocol.ext.allow", "always"),
        ("remote.origin.url", &fetch),
    ] {
        repo.git(["config", key, value]);
    }
    assert!(fires(&sandbox, &repo, &["cat-file", "-p", &blob]));
    let report = repo.deep_review(["--format", "json"]).code(3);
    assert!(report.stdout.contains("cart.js") && report.stdout.contains("missing"));
    super::hook(&repo).code(3).says("cart.js");
    // What is staged has another blob of the same content: none at all.
    repo.deep_review(["--staged"]).code(3);
    assert!(!mark(&sandbox).exists());
}

#[test]
fn a_bare_repository_among_the_files_is_not_opened() {
    let sandbox = Sandbox::new();
    let repo = baited(&sandbox);
    let command = format!("touch {}; false", mark(&sandbox).display());
    repo.write("docs/HEAD", "ref: refs/heads/main\n");
    repo.write("docs/refs/keep", "");
    repo.write("docs/objects/keep", "");
    repo.write("docs/tree/keep", "");
    let config = format!(
        "[core]\n\trepositoryformatversion = 0\n\tbare = false\n\tworktree = tree\n\tfsmonitor = \"{command}\"\n"
    );
    repo.write("docs/config", config);
    repo.git(["add", "docs"]);
    repo.git(["commit", "-q", "-m", "Documents", "docs"]);
    bait(&repo);
    repo.call("git")
        .within(repo.path("docs"))
        .arg("status")
        .run();
    assert!(mark(&sandbox).exists(), "git runs it");
    remove(&mark(&sandbox));
    for scope in super::SCOPES {
        let inside = |words: &[&str]| {
            let words = [words, scope].concat();
            let call = repo.call(crate::support::sandbox::PROGRAM);
            call.within(repo.path("docs/refs")).args(words).run()
        };
        for words in [&["diff"][..], &["gate"], &[]] {
            inside(words)
                .code(2)
                .says("among the files of another one")
                .says("GIT_DIR");
        }
    }
    holds(&sandbox, &repo, "embedded repository", &[1]);
}

#[test]
fn variables_that_name_programs_or_places_are_no_way_in() {
    let sandbox = Sandbox::new();
    let repo = baited(&sandbox);
    let other = sandbox.repo_called("other");
    other.commit_file("README.md", "Another shop.\n");
    let command = format!("touch {}; false", mark(&sandbox).display());
    let poison = [
        ("GIT_EXTERNAL_DIFF", command.as_str()),
        ("GIT_CONFIG_COUNT", "2"),
        ("GIT_CONFIG_KEY_0", "core.fsmonitor"),
        ("GIT_CONFIG_VALUE_0", &command),
        ("GIT_CONFIG_KEY_1", "diff.external"),
        ("GIT_CONFIG_VALUE_1", &command),
        ("GIT_SSH_COMMAND", &command),
        ("GIT_ASKPASS", &command),
        ("GIT_PAGER", &command),
    ];
    let call = |program: &str, words: &[&str]| {
        let call = repo.call(program).args(words);
        poison
            .iter()
            .fold(call, |call, (name, value)| call.env(name, value))
    };
    call("git", &["diff", "main", "HEAD"]).run();
    assert!(mark(&sandbox).exists(), "git runs it");
    remove(&mark(&sandbox));
    let program = crate::support::sandbox::PROGRAM;
    for scope in super::SCOPES {
        call(program, &[&["diff"], scope].concat())
            .run()
            .code(0)
            .prints("+  debugger;");
        call(program, scope).run().code(1);
    }
    assert!(!mark(&sandbox).exists());

    let elsewhere = other.path(".git");
    let line = format!(
        "refs/heads/topic {} refs/heads/topic {}\n",
        super::tip(&repo),
        super::ZERO
    );
    repo.hook("origin", "../remote.git", &line)
        .env("GIT_DIR", &elsewhere)
        .run()
        .code(2)
        .says("is missing");
    // Whoever sets it means the other repository, with which Git too compares these files, and is told.
    repo.call(program)
        .args(["--worktree", "--untracked"])
        .env("GIT_DIR", &elsewhere)
        .run()
        .code(1)
        .prints(&format!("main against HEAD, {}", &other.id("HEAD")[..12]))
        .prints("cart.js:2");
    for borrowed in ["GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_OBJECT_DIRECTORY"] {
        repo.call(program)
            .env(borrowed, other.path(".git/objects"))
            .run()
            .code(2)
            .says(borrowed);
    }
}
