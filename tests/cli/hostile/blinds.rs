//! What hides a change from plain Git, or makes it look elsewhere, without starting a program.

use super::{baited, holds, hook, tip};
use crate::support::sandbox::{FLAWED, Repo, SOUND, Sandbox, write};

/// A way to hide the problem of the branch.
struct Blind {
    name: &'static str,
    plant: fn(&Repo<'_>),
    /// The words with which Git should show it, and does not.
    asked: &'static [&'static str],
}

const DIRECT: &[&str] = &["diff", "main", "HEAD"];
const FROM_BASE: &[&str] = &["diff", "main...topic"];

fn replace(repo: &Repo<'_>, original: &str, with: &str) {
    let (original, with) = (repo.id(original), repo.id(with));
    repo.git(["replace", "-f", &original, &with]);
}

const BLINDS: [Blind; 12] = [
    Blind {
        name: "-diff in info/attributes",
        plant: |repo| repo.write(".git/info/attributes", "* -diff\n"),
        asked: DIRECT,
    },
    Blind {
        name: "binary in .gitattributes",
        plant: |repo| repo.write(".gitattributes", "*.js binary\n"),
        asked: DIRECT,
    },
    Blind {
        name: "core.attributesFile",
        plant: |repo| {
            repo.write("attributes", "* -diff\n");
            repo.git(["config", "core.attributesFile", "attributes"]);
        },
        asked: DIRECT,
    },
    Blind {
        name: "a replaced blob",
        plant: |repo| replace(repo, "HEAD:cart.js", "HEAD:shop.js"),
        asked: DIRECT,
    },
    Blind {
        name: "a replaced tree",
        plant: |repo| replace(repo, "HEAD^{tree}", "main^{tree}"),
        asked: DIRECT,
    },
    Blind {
        name: "a replaced commit",
        plant: |repo| replace(repo, "HEAD", "main"),
        asked: DIRECT,
    },
    Blind {
        name: "a base that is replaced by the branch",
        plant: |repo| replace(repo, "main", "HEAD"),
        asked: DIRECT,
    },
    Blind {
        name: "a graft that puts the branch below its base",
        plant: |repo| {
            let line = format!("{} {}\n", repo.id("main"), repo.id("HEAD"));
            repo.write(".git/info/grafts", line);
        },
        asked: FROM_BASE,
    },
    Blind {
        name: "a tag called as the base",
        plant: |repo| {
            repo.git(["tag", "main", "topic"]);
        },
        asked: FROM_BASE,
    },
    Blind {
        name: "a tag called as the remote's base",
        plant: |repo| {
            repo.git(["tag", "origin/main", "topic"]);
        },
        asked: &["diff", "origin/main...topic"],
    },
    Blind {
        name: "a branch called as the remote's base",
        plant: |repo| {
            repo.git(["update-ref", "refs/heads/origin/main", "topic"]);
        },
        asked: &["diff", "origin/main...topic"],
    },
    Blind {
        name: "a remote's HEAD that is the branch itself",
        plant: |repo| {
            repo.git([
                "symbolic-ref",
                "refs/remotes/origin/HEAD",
                "refs/heads/topic",
            ]);
        },
        asked: &["diff", "origin...topic"],
    },
];

#[test]
fn nothing_hides_what_a_branch_changes() {
    for blind in &BLINDS {
        let sandbox = Sandbox::new();
        let repo = baited(&sandbox);
        let shows = |repo: &Repo<'_>| repo.try_git(blind.asked).stdout.contains("debugger");
        (blind.plant)(&repo);
        assert!(!shows(&repo), "{}: Git shows it", blind.name);
        holds(&sandbox, &repo, blind.name, &[1]);
    }
}

#[test]
fn a_name_that_several_refs_share_is_refused() {
    let sandbox = Sandbox::new();
    let repo = baited(&sandbox);
    repo.git(["tag", "main", "topic"]);
    for words in [
        &["--base", "main"][..],
        &["--range", "main..topic"],
        &["--commit", "main^"],
    ] {
        for command in [&["diff"][..], &["gate"], &[]] {
            repo.deep_review([command, words].concat())
                .code(2)
                .says("refs/tags/main or refs/heads/main");
        }
    }
    repo.deep_review(["--base", "refs/heads/main"]).code(1);
    repo.git(["tag", "-d", "main"]);
    write(&repo.path(".git/main"), format!("{}\n", tip(&repo)));
    assert!(
        !repo.git(FROM_BASE_DIFF).contains("debugger"),
        "git looks there first"
    );
    let said = repo.deep_review(["--base", "main"]);
    assert!(matches!(said.code, Some(1 | 2)), "{said}");
}

const FROM_BASE_DIFF: [&str; 2] = ["diff", "main...topic"];

#[test]
fn a_forged_shallow_boundary_hides_nothing() {
    let sandbox = Sandbox::new();
    let repo = baited(&sandbox);
    write(&repo.path(".git/shallow"), format!("{}\n", tip(&repo)));
    repo.try_git(["merge-base", "main", "topic"]).code(1);
    holds(&sandbox, &repo, "shallow", &[1, 2]);
    hook(&repo).code(1).says("shallow");
}

#[test]
fn grafts_that_run_in_a_circle_hold_nothing_up() {
    let sandbox = Sandbox::new();
    let repo = baited(&sandbox);
    let (main, topic) = (repo.id("main"), repo.id("HEAD"));
    repo.write(
        ".git/info/grafts",
        format!("{main} {topic}\n{topic} {main}\n"),
    );
    let blame = ["3", "git", "blame", "README.md"];
    let ended = repo.call("timeout").args(blame).run();
    if ended.code != Some(124) {
        eprintln!("1 of 1 traps caught no Git: a circle of grafts");
    }
    holds(&sandbox, &repo, "circle of grafts", &[1]);
}

#[test]
fn files_claimed_from_elsewhere_are_not_read() {
    let sandbox = Sandbox::new();
    let repo = baited(&sandbox);
    for (name, text) in [
        ("README.md", "A shop.\n"),
        ("cart.js", SOUND),
        ("private", "a secret"),
    ] {
        write(&sandbox.path("elsewhere").join(name), text);
    }
    repo.git(["config", "core.worktree", "../../elsewhere"]);
    let shown = repo.git(["diff", "HEAD", "--", "shop.js"]);
    assert!(!shown.contains("+  debugger;"), "git looks elsewhere");
    holds(&sandbox, &repo, "core.worktree", &[1, 2]);
    repo.deep_review(["diff", "--worktree", "--untracked"])
        .code(2)
        .says("not its own")
        .conceals("a secret");
    // The directory around it would be claimed as well.
    repo.git(["config", "core.worktree", "../.."]);
    repo.deep_review(["--worktree"])
        .code(2)
        .says("core.worktree");
    repo.call(crate::support::sandbox::PROGRAM)
        .arg("--worktree")
        .env("GIT_WORK_TREE", repo.path(""))
        .run()
        .code(1);
}

#[test]
fn marks_in_the_index_that_hide_edits_are_told() {
    for mark in ["--assume-unchanged", "--skip-worktree"] {
        let sandbox = Sandbox::new();
        let repo = baited(&sandbox);
        repo.git(["update-index", mark, "shop.js"]);
        repo.git(["update-index", mark, "README.md"]);
        assert!(!repo.git(["diff"]).contains("debugger"), "git hides it");
        let note = "`assume-unchanged` or `skip-worktree`: 2, 1 of them differs";
        for words in [
            &["diff", "--worktree"][..],
            &["diff", "--worktree", "--untracked"],
        ] {
            repo.deep_review(words).code(0).says(note);
        }
        repo.deep_review(["--worktree"]).prints(note);
        repo.deep_review(["explain", "--worktree"]).prints(note);
        repo.deep_review(["--staged"])
            .code(1)
            .conceals("assume-unchanged");
    }
}

#[test]
fn a_module_file_that_git_dies_of_is_only_a_file() {
    let sandbox = Sandbox::new();
    let repo = baited(&sandbox);
    let id = repo.id("main");
    let entry = format!("160000,{id},sub");
    repo.git(["update-index", "--add", "--cacheinfo", &entry]);
    let run = format!("!touch {}", super::mark(&sandbox).display());
    let modules = format!("[submodule \"sub\"]\n\tpath = sub\n\turl = ./x\n\tupdate = {run}\n");
    repo.write(".gitmodules", modules);
    repo.try_git(["status"]).code(128);
    holds(&sandbox, &repo, ".gitmodules", &[1]);
}

#[test]
fn the_pointer_of_a_submodule_is_never_ignored() {
    let sandbox = Sandbox::new();
    let (repo, _) = sandbox.cloned();
    let entry = |id: &str| format!("160000,{id},sub");
    let first = repo.id("main");
    repo.git(["update-index", "--add", "--cacheinfo", &entry(&first)]);
    repo.git(["commit", "-q", "-m", "Add sub"]);
    repo.git(["push", "-q", "origin", "topic:main"]);
    let second = repo.id("HEAD");
    repo.git(["update-index", "--cacheinfo", &entry(&second)]);
    repo.git(["commit", "-q", "-m", "Move sub"]);
    repo.write(
        ".gitmodules",
        "[submodule \"sub\"]\n\tpath = sub\n\turl = ./x\n\tignore = all\n",
    );
    repo.git(["config", "diff.ignoreSubmodules", "all"]);
    assert_eq!(repo.git(["diff", "HEAD~1", "HEAD"]), "", "git hides it");
    repo.deep_review(["diff"])
        .code(0)
        .prints(&format!("+Subproject commit {second}"));
}

#[test]
fn links_do_not_lead_out_of_the_work_tree() {
    let sandbox = Sandbox::new();
    let repo = baited(&sandbox);
    repo.write("notes/private", "mine\n");
    repo.git(["add", "notes"]);
    repo.git(["commit", "-q", "-m", "Note", "notes"]);
    write(&sandbox.path("outside/private"), "a secret\n");
    write(&sandbox.path("outside/other"), "a secret\n");
    std::fs::remove_dir_all(repo.path("notes")).unwrap();
    std::os::unix::fs::symlink("../outside", repo.path("notes")).unwrap();
    std::os::unix::fs::symlink("../outside/private", repo.path("link")).unwrap();
    let shown = repo
        .deep_review(["diff", "--worktree", "--untracked"])
        .code(0);
    shown
        .prints("-mine")
        .prints("+../outside/private")
        .conceals("a secret");
    repo.deep_review(["--worktree", "--untracked"])
        .code(1)
        .conceals("a secret");
    holds(&sandbox, &repo, "links", &[1]);
}

#[test]
fn an_index_that_leads_out_of_the_work_tree_or_into_git_reads_nothing_there() {
    for (harmless, hostile) in [("aa/victim", "../victim"), ("aaaa/config", ".git/config")] {
        let sandbox = Sandbox::new();
        let repo = baited(&sandbox);
        write(&sandbox.path("victim"), "a secret\n");
        repo.git(["config", "some.thing", "a secret"]);
        repo.write(harmless, FLAWED);
        repo.git(["add", harmless]);
        let mut index = std::fs::read(repo.path(".git/index")).unwrap();
        let at = index
            .windows(harmless.len())
            .position(|bytes| bytes == harmless.as_bytes())
            .unwrap();
        index[at..at + hostile.len()].copy_from_slice(hostile.as_bytes());
        write(&repo.path(".git/index"), &index);
        for scope in super::SCOPES {
            for command in [&["diff"][..], &["gate"], &[]] {
                let said = repo.deep_review([command, scope].concat());
                assert!(command == ["diff"] || said.code != Some(0), "{said}");
                said.conceals("a secret");
            }
        }
    }
}
