//! What a review with agents takes besides the agents: times the release program with three agents that
//! answer after fixed delays, on a change of 1,000 files in a repository of 50,000, and `git worktree add`
//! of the same commit in turns with it. Prints one table; nothing is asserted but that the reviews pass.
//!
//! `cargo bench --bench asking` runs both cases, all parts at once and in the default number at a time;
//! `cargo bench --bench asking -- at-once 9` one of them nine times. The repository is made afresh below
//! the build directory, the same each time.
//!
//! An agent gets a large change in parts. What agents take is what the slowest of them would take if nothing
//! lay between its parts, each as soon as there is room. Overhead is the rest, less the
//! snapshot: from its directory to its index. The files about each unit that stand beside its tree are not
//! taken for part of it. `limits.parallel = 64` asks for all parts at once.

mod agent;
#[path = "../reading/repository.rs"]
#[expect(
    dead_code,
    reason = "the other benchmark asks more of the same repository"
)]
mod repository;
mod review;

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use repository::Repository;
use review::{Bench, Times};

/// The branch of 1,000 changed files.
const BRANCH: &str = "thousand";
/// How often each case is run.
const ROUNDS: usize = 3;

/// A case by its name, and how many parts each agent is asked at the same time.
const CASES: [(&str, usize); 2] = [("at-once", 64), ("default", 4)];

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [word, millis, notes] = &arguments[..]
        && word == review::ANSWER
    {
        return agent::answer(Duration::from_millis(millis.parse()?), Path::new(notes));
    }
    let rounds = arguments.iter().find_map(|word| word.parse().ok());
    let rounds = rounds.unwrap_or(ROUNDS);
    let named = |name: &str| arguments.iter().any(|word| word == name);
    let all = !CASES.iter().any(|(name, _)| named(name));
    let made = Instant::now();
    // Agents must not read below a directory that others can write to, such as the temporary one.
    let below = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let repository = Repository::make_below(below, BRANCH).context("cannot make the repository")?;
    repository.install(env!("CARGO_BIN_EXE_deep-review"))?;
    say(&format!(
        "repository made in {:.0} s; {rounds} rounds; seconds: median (least)\n\n{}",
        made.elapsed().as_secs_f64(),
        review::HEADING
    ));
    for (name, parallel) in CASES.iter().filter(|(name, _)| all || named(name)) {
        let bench = Bench::new(&repository, *parallel)?;
        let mut times: Vec<Times> = Vec::new();
        for _ in 0..rounds {
            times.push(bench.round()?);
        }
        say(&review::row(name, &times));
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the table is what this prints")]
fn say(text: &str) {
    println!("{text}");
}
