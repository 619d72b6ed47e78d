//! Times the release program and `git` side by side on the same repository, and prints one table.
//! What a fast machine or a busy one makes of it is left to the reader: nothing is asserted but that
//! both print the same patch.
//!
//! `cargo bench --bench reading` runs all cases, `cargo bench --bench reading -- staged gate` those
//! whose names begin so. The repository is made afresh in the temporary directory, the same each time.

mod measure;
mod repository;

use std::time::Instant;

use anyhow::{Context, Result};

use measure::{Call, Program, compare};
use repository::Repository;

/// What the two programs are asked, and what the ratio of their times should be at most.
struct Case {
    name: &'static str,
    ours: &'static [&'static str],
    /// How the run of ours ends.
    exit: i32,
    git: &'static [&'static str],
    target: Option<f64>,
    /// Whether both print the same bytes.
    same: bool,
}

impl Case {
    const fn new(
        name: &'static str,
        ours: &'static [&'static str],
        git: &'static [&'static str],
        target: Option<f64>,
    ) -> Self {
        Self {
            name,
            ours,
            exit: 0,
            git,
            target,
            same: true,
        }
    }

    const fn unlike(mut self) -> Self {
        self.same = false;
        self
    }
}

/// On the branch of 200 commits, nothing edited.
const COMMITTED: &[Case] = &[
    Case::new(
        "floor",
        &["diff", "HEAD..HEAD"],
        &["diff", "HEAD", "HEAD"],
        None,
    ),
    Case::new(
        "parent pair",
        &["diff", "HEAD~1..HEAD"],
        &["diff", "-M", "HEAD~1", "HEAD"],
        Some(1.2),
    ),
    Case::new(
        "branch of 200 commits",
        &["diff"],
        &["diff", "-M", "main...HEAD"],
        Some(0.5),
    ),
    Case::new(
        "10,000 changed files",
        &["diff", "wide~1..wide"],
        &["diff", "-M", "wide~1", "wide"],
        Some(0.6),
    ),
];

/// On the same branch, once it has been reviewed.
const REVIEWED: &[Case] = &[
    Case::new("gate, remembered", &["gate"], &["status"], Some(1.0)).unlike(),
    Case::new(
        "gate, remembered",
        &["gate"],
        &["diff", "--quiet", "main...HEAD"],
        Some(1.0),
    )
    .unlike(),
];

/// On the branch of 50 commits.
const REVIEW: &[Case] = &[Case::new(
    "review of 50 commits",
    &["--fresh"],
    &["log", "-p", "-M", "main..HEAD"],
    None,
)
.unlike()];

/// With a few files staged.
const STAGED: &[Case] = &[Case::new(
    "staged, 50,000 entries",
    &["diff", "--staged"],
    &["diff", "-M", "--cached"],
    Some(1.0),
)];

/// With a few files edited and a few new ones besides.
const EDITED: &[Case] = &[
    Case::new(
        "worktree, 50,000 files",
        &["diff", "--worktree"],
        &["diff", "-M", "HEAD"],
        Some(1.3),
    ),
    Case::new(
        "worktree --untracked",
        &["diff", "--worktree", "--untracked"],
        &["status"],
        Some(1.3),
    )
    .unlike(),
];

fn main() -> Result<()> {
    let wanted: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| !argument.starts_with('-'))
        .collect();
    let wants =
        |case: &Case| wanted.is_empty() || wanted.iter().any(|word| case.name.starts_with(word));
    let made = Instant::now();
    let repository = Repository::make().context("cannot make the repository")?;
    repository.install(env!("CARGO_BIN_EXE_deep-review"))?;
    say(&format!(
        "repository made in {:.0} s; each program {} times or more, in turns\n\n{}",
        made.elapsed().as_secs_f64(),
        measure::LEAST_RUNS,
        measure::HEADING
    ));
    let run = |cases: &[Case]| -> Result<()> {
        for case in cases.iter().filter(|case| wants(case)) {
            let ours = Call::new(&repository, Program::DeepReview, case.ours, case.exit);
            let quiet = case.git.contains(&"--quiet");
            let git = Call::new(&repository, Program::Git, case.git, i32::from(quiet));
            let row = compare(case.name, &ours, &git, case.same, case.target)
                .with_context(|| format!("case `{}`", case.name))?;
            say(&row);
        }
        Ok(())
    };
    run(COMMITTED)?;
    Call::new(&repository, Program::DeepReview, &[], 0).time()?;
    run(REVIEWED)?;
    repository.check_out("fifty")?;
    run(REVIEW)?;
    repository.stage(7)?;
    run(STAGED)?;
    repository.edit(4)?;
    run(EDITED)
}

#[expect(clippy::print_stdout, reason = "the table is what this prints")]
fn say(text: &str) {
    println!("{text}");
}
