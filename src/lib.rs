//! Reviews a change deeply before it leaves your machine, and holds the push while a problem stands.
//!
//! ```text
//! scope → change set → units ─┬─ receipts in the store? ─ all there ──────────────┐
//!                             └─ missing → the rules reviewer → raw findings      │
//!       report ← verdict ← gate ← ledger ← findings ←────────────────────────────┘
//! ```
//!
//! - The story is told once, top to bottom: [`pipeline`].
//! - Plain values that every room uses: [`finding`], [`diff`], [`receipt`], [`progress`], [`page`],
//!   [`credential`], [`error`]; and one tool: [`parallel`].
//! - The doors, the only modules that touch the outside: [`git`], [`store`], [`process`], [`mod@env`],
//!   [`ui`], [`http`], [`hooks`] for the hooks' files, and [`snapshot`] for what agents read.
//! - The rooms: [`config`] (what is in force), [`pushed`] and [`owed`] (what must be reviewed),
//!   [`units`] (how each file is treated), [`change_set`] (a change for people and programs),
//!   [`rules`] (the built-in reviewer), [`context`] (the repository's rules for reviewers), [`redact`] (what must not leave the machine),
//!   [`brief`] (what an agent is told), [`agents`] (who else reads it), [`parse`] (what an agent replied), [`ground`] (what the
//!   code says to it), [`consolidate`] (one finding of many voices), [`lead`] (how far the lead's word counts), [`ledger`] (what was decided),
//!   [`gate`] (may it leave?), [`report`] (one value, several renderings), [`explanation`] (who would
//!   read what), [`proposals`] (what agents would add to the context).
//! - [`cli`] and [`commands`]: the command line.
//!
//! Rooms call doors and use plain values; only the pipeline and the commands call rooms.

mod agents;
mod brief;
mod change_set;
mod cli;
mod commands;
mod config;
mod consolidate;
mod context;
mod credential;
mod diff;
mod env;
mod error;
mod explanation;
mod finding;
mod gate;
mod git;
mod ground;
mod hooks;
mod http;
mod lead;
mod ledger;
mod owed;
mod page;
mod parallel;
mod parse;
mod pipeline;
mod process;
mod progress;
mod proposals;
mod pushed;
mod receipt;
mod redact;
mod report;
mod rules;
mod snapshot;
mod store;
mod ui;
mod units;

use std::ffi::OsString;
use std::process::ExitCode;

pub use cli::Cli;

use anyhow::{Context, anyhow};

use cli::{Command, ReviewArgs, RulesArgs, RulesCommand};
use commands::diff::Shape;
use commands::explain::Wanted;
use error::{Exit, HintExt};
use ui::{ColorChoice, Ui, Volume};

/// Whether these arguments, the program's name first, are those by which this program starts itself as the
/// supervisor of an agent.
pub fn is_supervisor(arguments: impl Iterator<Item = OsString>) -> bool {
    arguments.skip(1).eq([process::SUBCOMMAND])
}

/// Serves the process that started this one as a supervisor; what went wrong is on standard error, what it
/// means in the exit code.
pub fn supervise() -> ExitCode {
    told(
        process::serve(),
        &Ui::new(ColorChoice::Auto, Volume::Normal),
    )
}

/// Runs a command line; what went wrong is on standard error, what it means in the exit code.
pub fn run(cli: &Cli) -> ExitCode {
    let volume = match (cli.global.quiet, cli.global.verbose) {
        (true, _) => Volume::Quiet,
        (_, true) => Volume::Verbose,
        _ => Volume::Normal,
    };
    let ui = Ui::new(cli.global.color, volume);
    if let Err(refused) = refuse_to_an_agent(cli) {
        return told(Err(refused), &ui);
    }
    let done = match &cli.command {
        None => commands::review::run(&cli.review, &ui),
        // clap could refuse these too, but then `-q` before a command with them.
        Some(_) if cli.review != ReviewArgs::default() => misplaced(),
        Some(Command::Gate { scope, format }) => commands::gate::run(scope, *format, &ui),
        Some(Command::Status { format }) => commands::status::run(*format, &ui),
        Some(Command::Findings(arguments)) => commands::findings::run(arguments, &ui),
        Some(Command::Report(arguments)) => commands::report::run(arguments, &ui),
        Some(Command::Resolve(arguments)) => commands::resolve::run(arguments, &ui),
        Some(Command::Reopen { ids, message }) => {
            commands::resolve::reopen(ids, message.as_deref(), &ui)
        }
        Some(Command::Explain {
            finding: Some(id), ..
        }) => commands::explain_finding::run(id, &ui),
        Some(Command::Explain {
            scope,
            config,
            push,
            redactions,
            format,
            ..
        }) => {
            let wanted = Wanted {
                config: *config,
                push: *push,
                redactions: *redactions,
                format: *format,
            };
            commands::explain::run(scope, wanted, &ui)
        }
        Some(Command::Diff {
            scope,
            between,
            stat,
            verify,
            format,
        }) => {
            let shape = Shape::of(*stat, *format);
            commands::diff::run(scope, between.as_deref(), shape, *verify, &ui)
        }
        Some(Command::Parse {
            input,
            scope,
            format,
        }) => commands::standalone::parse(input, scope, *format, &ui),
        Some(Command::Consolidate {
            inputs,
            format: cli::JsonOnly::Json,
        }) => commands::standalone::consolidate(inputs, &ui),
        Some(Command::Agents(arguments)) => commands::agents::run(arguments, &ui),
        Some(Command::Rules(arguments)) => commands::rules::run(arguments, &ui),
        Some(Command::Init) => commands::init::run(&ui),
        Some(Command::Install) => commands::install::install(&ui),
        Some(Command::Uninstall) => commands::install::uninstall(&ui),
        Some(Command::Demo) => commands::demo::run(&ui),
        Some(Command::Hook { event }) => commands::hook::run(event, &ui),
        Some(Command::Sweep) => commands::sweep::run(),
    };
    told(done, &ui)
}

/// Errors if an agent that reviews just now would review, decide or push. It could take the variable away;
/// this is against accidents.
fn refuse_to_an_agent(cli: &Cli) -> anyhow::Result<()> {
    let what = match &cli.command {
        None => "start another review",
        Some(Command::Resolve(_) | Command::Reopen { .. }) => "decide about findings",
        Some(Command::Agents(arguments)) if arguments.command.is_some() || arguments.probe => {
            "say who reviews"
        }
        Some(Command::Rules(RulesArgs {
            command: Some(RulesCommand::Accept { .. }),
            ..
        })) => "make rules",
        Some(Command::Install | Command::Uninstall) => "change the hook",
        Some(Command::Hook { .. }) => "push",
        _ => return Ok(()),
    };
    if !env::switched_on(env::ACTIVE) {
        return Ok(());
    }
    Err(anyhow!("a reviewing agent may not {what}"))
        .context(format!("`{}` is set", env::ACTIVE))
        .hint("unset it if you are no agent")
}

/// The exit code of what was done; an error is told.
fn told(done: anyhow::Result<Exit>, ui: &Ui) -> ExitCode {
    let exit = done.unwrap_or_else(|error| {
        ui.error(&error);
        Exit::CouldNotRun
    });
    ExitCode::from(exit as u8)
}

fn misplaced() -> anyhow::Result<Exit> {
    Err(anyhow!(
        "an option of a review stands before the name of a command"
    ))
    .hint("write it behind the name, as in `deep-review gate --staged`")
}
