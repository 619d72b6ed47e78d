//! Runs `deep-review`.

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    // One stands by each agent: it starts at once and has no use for the whole command line.
    if deep_review::is_supervisor(std::env::args_os()) {
        return deep_review::supervise();
    }
    deep_review::run(&deep_review::Cli::parse())
}
