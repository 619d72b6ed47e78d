//! What people see, whole: each text as it appears, to be read and judged by a reader.
//! Places, ids of commits and moments are replaced; everything else is exact.

use std::fs;

use insta::{Settings, assert_snapshot};

use crate::support::sandbox::{FLAWED, PROGRAM, Repo, SOUND, Sandbox};

const RULES: &str = r#"
[[rule]]
id = "no-drop-table"
severity = "critical"
added = '(?i)\bdrop\s+table\b'
message = "this deletes a table: write a migration that can be taken back"

[[rule]]
id = "todo-has-an-issue"
severity = "suggestion"
added = '\bTODO\b'
message = "name the issue a TODO belongs to"
"#;

/// Replaces what differs from run to run.
fn filtered(sandbox: &Sandbox) -> Settings {
    let mut settings = Settings::clone_current();
    let root = sandbox.path("");
    let root = root
        .to_str()
        .expect("a temporary path is UTF-8")
        .trim_end_matches('/')
        .to_owned();
    settings.add_filter(&regex_of(PROGRAM), "[PROGRAM]");
    settings.add_filter(&regex_of(&root), "[ROOT]");
    settings.add_filter(r"\b[0-9a-f]{40}\b", "[40 DIGITS]");
    settings.add_filter(r"\b[0-9a-f]{12}\b", "[12 DIGITS]");
    settings.add_filter(r"\b\d{8}-\d{6}-", "[TIME]-");
    settings.add_filter(r"\b\d{4}-\d\d-\d\d\b", "[DATE]");
    settings
}

fn regex_of(text: &str) -> String {
    text.chars()
        .flat_map(|c| {
            if c.is_ascii_punctuation() {
                vec!['\\', c]
            } else {
                vec![c]
            }
        })
        .collect()
}

/// A branch with a finding of each severity, one of which has been decided.
fn shop(sandbox: &Sandbox) -> Repo<'_> {
    sandbox.configure(RULES);
    let (repo, _) = sandbox.hooked();
    repo.write("src/cart.js", FLAWED);
    repo.write(
        "src/price.js",
        SOUND.replace("return", "// TODO round\n  return"),
    );
    repo.write("db/clean.sql", "DROP TABLE carts;\n");
    repo.write("package-lock.json", "{}\n");
    repo.write("logo.png", b"\x89PNG\0\0");
    repo.commit("Clean up");
    repo
}

#[test]
fn a_blocked_push() {
    let sandbox = Sandbox::new();
    let repo = shop(&sandbox);
    let said = repo.push(["-q", "origin", "topic"]).code(1);
    let _filtered = filtered(&sandbox).bind_to_scope();
    assert_snapshot!(said.stderr, @r#"
    deep-review
    critical  owpyqpvq  db/clean.sql:1
              this deletes a table: write a migration that can be taken back  rules
    important sqyqwpnr  src/cart.js:2
              `debugger` statement left in the code  rules
    BLOCKED by 2 findings
      see      deep-review findings show owpyqpvq
      resolve  deep-review resolve owpyqpvq --as false-positive -m "why"
      all      deep-review findings
      bypass   DEEP_REVIEW_SKIP="why" git push
    error: failed to push some refs to '../remote.git'
    "#);
}

#[test]
fn a_passed_and_an_inconclusive_push() {
    let sandbox = Sandbox::new();
    let (repo, _) = sandbox.hooked();
    repo.commit_file("cart.js", SOUND);
    let passed = repo.push(["-q", "origin", "topic"]).code(0);
    sandbox.configure("[review]\nmax_file_size = 10\n");
    repo.commit_file("price.js", SOUND);
    let held = repo.push(["-q", "origin", "topic"]).code(1);
    let _filtered = filtered(&sandbox).bind_to_scope();
    assert_snapshot!(format!("{}\n{}", passed.stderr, held.stderr), @r#"
    deep-review: PASS: 1 file by the built-in rules

    deep-review
    unread    price.js: 58 bytes of text, over `review.max_file_size` (10)
    INCONCLUSIVE: 1 unit not reviewed
      see      deep-review explain
      bypass   DEEP_REVIEW_SKIP="why" git push
    error: failed to push some refs to '../remote.git'
    "#);
}

#[test]
fn the_report_at_80_columns() {
    let sandbox = Sandbox::new();
    let repo = shop(&sandbox);
    let said = repo.call(PROGRAM).env("COLUMNS", "80").run().code(1);
    let _filtered = filtered(&sandbox).bind_to_scope();
    assert_snapshot!(said.stdout, @r#"
    topic against merge base with origin/main, [12 DIGITS]
    1 new commit, 5 changed files, +10 −0

    Critical
      C1  owpyqpvq  this deletes a table: write a migration that can be taken back
          db/clean.sql:1
          │ DROP TABLE carts;
          rules · no-drop-table

    Important
      I1  sqyqwpnr  `debugger` statement left in the code
          src/cart.js:2
          │ debugger;
          The call stops the program for a debugger, or prints for one who debugs.
          In production it hangs the process, or shows what was meant for the author
          alone.
          rules · debugger-leftover

    Suggestion
      S1  ozqzvrns  name the issue a TODO belongs to
          src/price.js:2
          │ // TODO round
          rules · todo-has-an-issue

    4 files read, 1 of them lock, vendored, generated or merely renamed. Built-in
    rules only: no AI agent took part.
    Listed, not read: logo.png (binary).

    BLOCKED by 2 findings
      see      deep-review findings show owpyqpvq
      resolve  deep-review resolve owpyqpvq --as false-positive -m "why"
    "#);
}

#[test]
fn the_report_with_a_decision_that_lapsed() {
    let sandbox = Sandbox::new();
    let repo = shop(&sandbox);
    repo.deep_review([""; 0]).code(1);
    repo.deep_review([
        "resolve",
        "I1",
        "C1",
        "--as",
        "accepted-risk",
        "-m",
        "only on my machine",
    ])
    .code(0);
    repo.write(
        "src/cart.js",
        FLAWED.replace("  debugger;", "  if (!prices) { debugger; }"),
    );
    repo.commit("Stop only when empty");
    let said = repo.call(PROGRAM).env("COLUMNS", "80").run().code(1);
    let _filtered = filtered(&sandbox).bind_to_scope();
    assert_snapshot!(said.stdout, @r#"
    topic against merge base with origin/main, [12 DIGITS]
    2 new commits, 5 changed files, +10 −0

    Important
      I1  rkwlzoqu  `debugger` statement left in the code
          src/cart.js:2
          │ if (!prices) { debugger; }
          the decision of [DATE] (accepted-risk) was about code that has changed
          since
          The call stops the program for a debugger, or prints for one who debugs.
          In production it hangs the process, or shows what was meant for the author
          alone.
          rules · debugger-leftover

    Suggestion
      S1  ozqzvrns  name the issue a TODO belongs to
          src/price.js:2
          │ // TODO round
          rules · todo-has-an-issue

    Resolved
      C1  owpyqpvq  this deletes a table: write a migration that can be taken back
          db/clean.sql:1 · accepted-risk by Ada <ada@example.org> on [DATE]: on…

    4 files read, 1 of them lock, vendored, generated or merely renamed; 3 of 6
    answers from memory. Built-in rules only: no AI agent took part.
    Listed, not read: logo.png (binary).

    BLOCKED by 1 finding
      see      deep-review findings show rkwlzoqu
      resolve  deep-review resolve rkwlzoqu --as false-positive -m "why"
    "#);
}

#[test]
fn the_list_of_findings() {
    let sandbox = Sandbox::new();
    let repo = shop(&sandbox);
    repo.deep_review([""; 0]).code(1);
    repo.deep_review([
        "resolve",
        "I1",
        "--as",
        "deferred",
        "-m",
        "issue 12",
        "--until",
        "2999-01-31",
    ])
    .code(0);
    let list = repo.deep_review(["findings"]).code(0);
    let one = repo.deep_review(["findings", "show", "I1"]).code(0);
    let _filtered = filtered(&sandbox).bind_to_scope();
    assert_snapshot!(format!("{}\n{}", list.stdout, one.stdout), @"
    review [TIME]-topic
    C1  owpyqpvq critical   open           db/clean.sql:1  this deletes a table: write a migration that…
    I1  sqyqwpnr important  deferred       src/cart.js:2  `debugger` statement left in the code
    S1  ozqzvrns suggestion open           src/price.js:2  name the issue a TODO belongs to

    sqyqwpnr  important  `debugger` statement left in the code

      at    src/cart.js:2
      code    debugger;
      line  last changed by this change, in commit [12 DIGITS]: Clean up
      by    rules · debugger-leftover
      state deferred until [DATE] by Ada <ada@example.org> on [DATE]: issue 12

      The call stops the program for a debugger, or prints for one who debugs. In production it hangs
      the process, or shows what was meant for the author alone.

      Remove the call.
    ");
}

#[test]
fn the_status() {
    let sandbox = Sandbox::new();
    let repo = shop(&sandbox);
    let skipped = repo
        .call("git")
        .args(["push", "-q", "--dry-run", "origin", "topic"]);
    skipped
        .env("DEEP_REVIEW_SKIP", "hotfix for the fair")
        .run()
        .code(0);
    repo.deep_review([""; 0]).code(1);
    let said = repo.deep_review(["status"]).code(0);
    let _filtered = filtered(&sandbox).bind_to_scope();
    assert_snapshot!(said.stdout, @r#"
    branch    topic against merge base with origin/main, [12 DIGITS]
    hook      installed
    reviews   1 remembered
    skipped   topic by Ada <ada@example.org> on [DATE]: hotfix for the fair

    A push of this branch would be:
    critical  owpyqpvq  db/clean.sql:1
              this deletes a table: write a migration that can be taken back  rules
    important sqyqwpnr  src/cart.js:2
              `debugger` statement left in the code  rules
    BLOCKED by 2 findings
      see      deep-review findings show owpyqpvq
      resolve  deep-review resolve owpyqpvq --as false-positive -m "why"
      all      deep-review findings
      bypass   DEEP_REVIEW_SKIP="why" git push
    "#);
}

#[test]
fn the_explanation() {
    let sandbox = Sandbox::new();
    let repo = shop(&sandbox);
    repo.deep_review([""; 0]).code(1);
    repo.commit_file("src/new.js", SOUND);
    let said = repo.deep_review(["explain"]).code(0);
    let _filtered = filtered(&sandbox).bind_to_scope();
    assert_snapshot!(said.stdout, @"
    topic against merge base with origin/main, [12 DIGITS]
    base tree [40 DIGITS]
    owes 6 units: 1 listed, 4 reviewed, 1 rules only
    [12 DIGITS] Write src/new.js
    [12 DIGITS] Clean up
    A reviewed   remembered db/clean.sql
    A listed                logo.png  binary
    A rules only remembered package-lock.json  a lock file
    A reviewed   remembered src/cart.js
    A reviewed   to be read src/new.js
    A reviewed   remembered src/price.js
    nothing would be sent to agents
    ");
}

#[test]
fn the_settings() {
    let sandbox = Sandbox::new();
    let repo = shop(&sandbox);
    repo.commit_file(".deep-review.toml", "[gate]\nblock = \"suggestion\"\n");
    let said = repo.deep_review(["explain", "--config"]).code(0);
    // There are more built-in rules with each version.
    let built_in = |line: &&str| line.ends_with("# built in") && !line.contains("debugger");
    let shown: Vec<&str> = said.stdout.lines().filter(|line| !built_in(line)).collect();
    let _filtered = filtered(&sandbox).bind_to_scope();
    assert_snapshot!(shown.join("\n"), @r#"
    base                             = the remote's HEAD  # default
    gate.block                       = "suggestion"  # .deep-review.toml of this change, not yet on the base side
    gate.protected                   = "main"  # default
    gate.protected                   = "master"  # default
    gate.protected                   = "release/*"  # default
    gate.on_incomplete               = "block"  # default
    gate.evidence                    = "required"  # default
    gate.quorum                      = 1 if agents are enabled  # default
    gate.stale                       = "accept"  # default
    gate.on_budget                   = "block"  # default
    review.agents                    = []  # default
    review.lead                      = the first agent that answered  # default
    context.documents                = ["deep-review-context.md"]  # default
    review.max_file_size             = 16777216  # default
    rule no-drop-table               = critical  # user configuration
    rule todo-has-an-issue           = suggestion  # user configuration
    rule debugger-leftover           = important  # built in
    "#);
}

#[test]
fn the_installed_hook() {
    let sandbox = Sandbox::new();
    let (repo, _) = sandbox.hooked();
    let text = fs::read_to_string(repo.path(".git/hooks/pre-push")).unwrap();
    let _filtered = filtered(&sandbox).bind_to_scope();
    assert_snapshot!(text, @r#"
    #!/bin/sh
    # deep-review hook v1 id:[12 DIGITS]
    # Reviews what is about to be pushed. `deep-review uninstall` removes it.
    program='[PROGRAM]'
    if [ ! -x "$program" ]; then
        program=$(command -v deep-review) || {
            echo "deep-review: the program is gone, so nothing was reviewed and nothing is pushed." >&2
            echo "  install it again, then run: deep-review install" >&2
            echo "  or remove this hook: rm '$0'" >&2
            exit 1
        }
    fi
    exec "$program" hook pre-push -- "$@"
    "#);
}

#[test]
fn an_error_in_the_configuration() {
    let sandbox = Sandbox::new();
    let (repo, _) = sandbox.hooked();
    repo.commit_file(".deep-review.toml", "[gate]\nblock = \"high\"\n");
    let said = repo.deep_review([""; 0]).code(2);
    let _filtered = filtered(&sandbox).bind_to_scope();
    assert_snapshot!(said.stderr, @r#"
    error: cannot use `.deep-review.toml`
      caused by: line 2: unknown value `high`, expected one of `suggestion`, `important`, `critical`
        |
      2 | block = "high"
        |         ^^^^^^
    hint: correct it; nothing was reviewed, because its rules and limits are not known
    "#);
}
