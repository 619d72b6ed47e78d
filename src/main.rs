//! Runs `deep-review`.

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    deep_review::run(&deep_review::Cli::parse())
}
