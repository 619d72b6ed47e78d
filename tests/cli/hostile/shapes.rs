//! Histories, names and sizes that mislead or exhaust a reader.

use super::{ZERO, baited, hook};
use crate::support::sandbox::{FLAWED, SOUND, Sandbox};

#[test]
fn what_only_a_merge_has_is_seen() {
    let sandbox = Sandbox::new();
    let (repo, _) = sandbox.cloned();
    repo.commit_file("cart.js", SOUND);
    repo.git(["checkout", "-q", "-b", "side", "main"]);
    repo.commit_file("shop.js", SOUND.replace("total", "sum"));
    repo.git(["checkout", "-q", "topic"]);
    repo.git(["merge", "-q", "--no-ff", "--no-commit", "side"]);
    repo.write("evil.js", FLAWED);
    repo.commit("Merge side");
    let log = repo.git(["log", "-p", "main..topic"]);
    assert!(!log.contains("debugger"), "git log hides it");
    repo.deep_review(["diff"]).code(0).prints("+  debugger;");
    repo.deep_review::<&str>([]).code(1);
    hook(&repo).code(1).says("evil.js:2");
    repo.deep_review(["--commit", "HEAD"]).code(1);
}

#[test]
fn a_history_of_its_own_is_read_from_its_beginning() {
    let sandbox = Sandbox::new();
    let (repo, _) = sandbox.cloned();
    repo.git(["branch", "-q", "-D", "main"]);
    repo.git(["checkout", "-q", "--orphan", "lone"]);
    repo.commit_file("cart.js", FLAWED);
    repo.try_git(["diff", "origin/main...lone"]).code(128);
    let line = format!(
        "refs/heads/lone {} refs/heads/lone {ZERO}\n",
        repo.id("HEAD")
    );
    repo.hook("origin", "../remote.git", &line)
        .run()
        .code(1)
        .says("cart.js:2");
    for command in [&["diff"][..], &["gate"], &[]] {
        repo.deep_review(command)
            .code(2)
            .says("no commit in common");
    }
}

#[test]
fn a_huge_line_is_read_and_a_huge_file_is_not_passed_over() {
    let sandbox = Sandbox::new();
    let (repo, _) = sandbox.cloned();
    let line = format!("const a = \"{}\";\n{FLAWED}", "x".repeat(8 << 20));
    repo.commit_file("cart.js", line);
    repo.deep_review(["gate"]).code(3);
    repo.deep_review::<&str>([]).code(1);
    hook(&repo).code(1);
    repo.commit_file("huge.js", format!("{FLAWED}\n").repeat(1 << 19));
    repo.deep_review::<&str>([])
        .prints("huge.js")
        .conceals("PASS");
}

#[test]
fn twenty_thousand_files_are_all_read() {
    let sandbox = Sandbox::new();
    let (repo, _) = sandbox.cloned();
    let mut stream = format!(
        "commit refs/heads/topic\ncommitter A <a@example.org> 0 +0000\ndata 0\nfrom {}\n",
        repo.id("main")
    );
    for file in 0..20_000 {
        let line = format!(
            "M 100644 inline d{}/f{file}.txt\ndata 2\n{}\n",
            file % 97,
            file % 10
        );
        stream.push_str(&line);
    }
    let flawed = format!("M 100644 inline z.js\ndata {}\n{FLAWED}\n", FLAWED.len());
    stream.push_str(&flawed);
    repo.call("git")
        .args(["fast-import", "--quiet", "--force"])
        .input(stream)
        .run()
        .code(0);
    hook(&repo).code(1).says("z.js:2");
    let report = repo.review();
    assert_eq!(
        report["targets"][0]["units"].as_array().unwrap().len(),
        20_001
    );
}

#[test]
fn directories_nested_without_end_are_never_passed() {
    let sandbox = Sandbox::new();
    let (repo, _) = sandbox.cloned();
    for (depth, code) in [(200, 1), (400, 2)] {
        let path = "a/".repeat(depth);
        let stream = format!(
            "commit refs/heads/topic\ncommitter A <a@example.org> 0 +0000\ndata 0\nfrom {}\nM 100644 inline {path}x.js\ndata {}\n{FLAWED}\n",
            repo.id("main"),
            FLAWED.len()
        );
        repo.call("git")
            .args(["fast-import", "--quiet", "--force"])
            .input(stream)
            .run()
            .code(0);
        repo.deep_review::<&str>([]).code(code);
        hook(&repo).code(code);
    }
}

#[cfg(unix)]
#[test]
fn names_reach_the_terminal_without_their_powers() {
    let sandbox = Sandbox::new();
    let repo = baited(&sandbox);
    let names = [
        "a\u{1b}[31mred.js",
        "b\nPASS.js",
        "c\u{202e}sj.js",
        "d\r.js",
        "e\u{200b}.js",
        "\u{7}bell.js",
    ];
    for name in names {
        repo.write(name, FLAWED);
    }
    repo.commit("Names");
    for words in [
        &["diff"][..],
        &["diff", "--stat"],
        &["diff", "--format", "json"],
        &["gate"],
        &["explain"],
        &[],
        &["findings"],
        &["status"],
        &["--format", "json"],
    ] {
        let said = repo.deep_review(words);
        let names_only = words.first() != Some(&"diff");
        for power in ['\u{1b}', '\u{202e}', '\u{7}', '\r'] {
            said.clone().conceals(&power.to_string());
        }
        assert!(!names_only || !said.stdout.contains("\nPASS"), "{said}");
    }
    hook(&repo).code(1).conceals("\u{1b}").conceals("\u{202e}");
}
