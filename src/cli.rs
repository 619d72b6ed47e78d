//! The command line: arguments and their help. No logic.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use jiff::civil::Date;

use crate::finding::Severity;
use crate::ledger::Resolution;
use crate::ui::ColorChoice;

const EXAMPLES: &str = "\
Examples:
  deep-review                       review the current branch
  deep-review --staged              review what is staged
  deep-review --review claude=a.md  take in what claude wrote of this branch
  deep-review install               review every push of this repository from now on
  deep-review findings              what was found, and what was decided about it
  deep-review demo                  see a push being blocked, resolved and passed

Exit codes: 0 pass, 1 blocked by findings, 2 could not run, 3 not everything was reviewed\nor could be read, 130 interrupted";

/// Reviews a change before it leaves your machine, and holds the push while a problem stands.
#[derive(Debug, Parser)]
#[command(name = "deep-review", version, about, after_help = EXAMPLES, disable_help_subcommand = true)]
pub struct Cli {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) review: ReviewArgs,
    #[command(flatten)]
    pub(crate) global: Global,
}

/// What every command understands.
#[derive(Clone, Debug, Args)]
pub(crate) struct Global {
    /// Say only what is asked for, and errors
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// Say more about how things were decided
    #[arg(short, long, global = true)]
    pub(crate) verbose: bool,
    /// When to use colour
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN")]
    pub(crate) color: ColorChoice,
}

// What to look at.
#[derive(Clone, Debug, Default, PartialEq, Eq, Args)]
pub(crate) struct ScopeArgs {
    /// What is staged, instead of the current branch
    #[arg(long, conflicts_with_all = ["worktree", "commit", "range", "base"])]
    pub(crate) staged: bool,
    /// What is not committed yet, staged or not
    #[arg(long, conflicts_with_all = ["commit", "range", "base"])]
    pub(crate) worktree: bool,
    /// With --worktree: also files that Git neither tracks nor ignores
    #[arg(long, requires = "worktree")]
    pub(crate) untracked: bool,
    /// One commit, against its first parent
    #[arg(long, value_name = "REV", conflicts_with_all = ["range", "base"])]
    pub(crate) commit: Option<String>,
    /// From A to B; with three dots, from where B left A
    #[arg(long, value_name = "A..B", conflicts_with = "base")]
    pub(crate) range: Option<String>,
    /// Compare the branch with this revision, instead of the remote's default branch
    #[arg(long, value_name = "REV")]
    pub(crate) base: Option<String>,
}

/// How to print a result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    #[default]
    Terminal,
    /// For programs
    Json,
}

/// How to print a report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReportFormat {
    /// For people at a terminal: what matters
    #[default]
    Terminal,
    /// For people: all of it, as a document
    Markdown,
    /// For programs: all of it; `report --schema` describes it
    Json,
    /// For code scanning and editors: the findings, as SARIF 2.1.0
    Sarif,
}

/// How to print a change set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum PatchFormat {
    /// As `git diff` prints it
    #[default]
    Patch,
    /// For programs
    Json,
}

/// How to print a result that only programs read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum JsonOnly {
    /// For programs
    #[default]
    Json,
}

/// A review asked for by hand.
#[derive(Clone, Debug, Default, PartialEq, Eq, Args)]
pub(crate) struct ReviewArgs {
    #[command(flatten)]
    pub(crate) scope: ScopeArgs,
    /// Take in a review that somebody wrote of this change: an agent's name and a file
    ///
    /// The file holds the reply as it was given, Markdown or JSON; `-` is standard input. Its findings
    /// join the report and count for later pushes of the same change. May be given several times, once
    /// per name; a second pass of an agent has a name of its own, as in claude.2.
    #[arg(long = "review", value_name = "NAME=FILE")]
    pub(crate) reviews: Vec<String>,
    /// Ask this agent in this run, instead of those enabled here; may be given several times
    ///
    /// Changed code is sent to where it runs. `none` asks nobody but the built-in rules.
    #[arg(short, long = "agent", value_name = "AGENT")]
    pub(crate) agents: Vec<String>,
    /// Let this agent check what the others found and write the report's prose; `none` is nobody
    ///
    /// Without it the first agent that answered leads, unless `review.lead` says otherwise. Changed code
    /// is sent to where it runs.
    #[arg(long, value_name = "AGENT")]
    pub(crate) lead: Option<String>,
    /// Ask nobody: show what would be sent to whom
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Read everything again, whatever is remembered
    #[arg(long)]
    pub(crate) fresh: bool,
    /// How to print the report
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) format: ReportFormat,
    /// Write the report to a file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

/// The other commands. Only the one that is run is built whole: building all of them would take longer than
/// looking up a verdict. What is built then has no doc comment, as clap would take that for the command's own
/// summary.
#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub(crate) enum Command {
    /// Give the verdict from what is known, without reviewing anything
    Gate {
        #[command(flatten)]
        scope: ScopeArgs,
        /// How to print the verdict
        #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
        format: Format,
    },
    /// Show what a push of this branch would do, open findings and the state of the hook
    Status {
        /// How to print it
        #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
        format: Format,
    },
    /// List findings, or show one
    Findings(FindingsArgs),
    /// Show a review that is remembered again, in any format
    Report(ReportArgs),
    /// Decide about findings
    Resolve(ResolveArgs),
    /// Take decisions back
    Reopen {
        /// Ids, or positions in the newest report, as in I1
        #[arg(required = true, value_name = "ID")]
        ids: Vec<String>,
        /// Why
        #[arg(short, long, value_name = "REASON")]
        message: Option<String>,
    },
    /// Say what would be compared, who would read what, and which settings are in force
    Explain {
        #[command(flatten)]
        scope: ScopeArgs,
        /// Only the settings, each with its origin
        #[arg(long, conflicts_with = "format")]
        config: bool,
        /// What a push of the branch would owe
        #[arg(long, conflicts_with_all = ["staged", "worktree", "commit", "range", "base"])]
        push: bool,
        /// What would be cut out of the code before it is sent to agents
        #[arg(long, conflicts_with = "config")]
        redactions: bool,
        /// How to print it
        #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
        format: Format,
        /// Instead: what a finding was joined from, and how its severity came about
        #[arg(long, value_name = "ID", conflicts_with_all = ["config", "push", "redactions", "format", "staged", "worktree", "commit", "range", "base"])]
        finding: Option<String>,
    },
    /// Print exactly the patch that is reviewed
    Diff {
        #[command(flatten)]
        scope: ScopeArgs,
        /// The same as --range
        #[arg(value_name = "A..B", conflicts_with_all = ["staged", "worktree", "commit", "range", "base"])]
        between: Option<String>,
        /// Count the changed lines of each file instead
        #[arg(long)]
        stat: bool,
        /// Compare the content of each file with its id, as a review does; JSON always has it compared
        #[arg(long)]
        verify: bool,
        /// How to print it; JSON has the units with their keys, classes and hunks
        #[arg(
            long,
            value_enum,
            default_value_t,
            value_name = "FORMAT",
            conflicts_with = "stat"
        )]
        format: PatchFormat,
    },
    /// Print the findings that a raw review holds; given a change, check them against it
    Parse {
        /// A file with one raw review, or - for standard input
        #[arg(value_name = "FILE")]
        input: String,
        #[command(flatten)]
        scope: ScopeArgs,
        /// How to print them
        #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
        format: Format,
    },
    /// Join raw findings of several agents, given as JSON, into findings
    Consolidate {
        /// Files with raw findings, or - for standard input
        #[arg(value_name = "FILE", required = true)]
        inputs: Vec<String>,
        /// How to print them
        #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
        format: JsonOnly,
    },
    /// Show which agents review this repository, enable and disable them
    Agents(AgentsArgs),
    /// List the rules in force, or what agents propose to add
    Rules(RulesArgs),
    /// Write a commented .deep-review.toml
    Init,
    /// Install the pre-push hook in this repository
    Install,
    /// Remove the pre-push hook from this repository
    Uninstall,
    /// Show a push being blocked, the finding resolved and the push passing, in a repository of its own
    Demo,
    /// Answer a hook; called by the hook itself
    Hook {
        #[command(subcommand)]
        event: HookEvent,
    },
    /// Remove the snapshots that ended reviews left
    #[command(hide = true)]
    Sweep,
}

// The events a hook of ours answers.
#[derive(Debug, Subcommand)]
pub(crate) enum HookEvent {
    /// Before a push; reads Git's lines on standard input
    PrePush {
        /// The remote's name, or its URL
        remote: String,
        /// The remote's URL
        url: String,
    },
    /// Asks the agents about a push in the background; started by the hook, which waits for it
    #[command(hide = true)]
    Review {
        /// What the hook finds it by
        key: String,
        /// The remote's name, or its URL
        remote: String,
        /// The remote's URL
        url: String,
        /// Git's lines
        lines: String,
    },
}

const AGENTS_EXAMPLES: &str = "\
Examples:
  deep-review agents                       who reviews this repository, and who could
  deep-review agents enable claude codex   ask them too; changed code is sent to their vendors
  deep-review agents disable codex         ask it no more
  deep-review agents --probe               whether those enabled would answer

Who is enabled is kept on your side, per repository. Models, programs and endpoints are set as
[agents.NAME] in the user configuration.";

// `agents`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, after_help = AGENTS_EXAMPLES)]
pub(crate) struct AgentsArgs {
    #[command(subcommand)]
    pub(crate) command: Option<AgentsCommand>,
    /// Find out in seconds whether those enabled here would answer; costs a few tokens
    #[arg(long)]
    pub(crate) probe: bool,
    /// How to print them
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) format: Format,
}

// Whom to ask.
#[derive(Debug, Subcommand)]
pub(crate) enum AgentsCommand {
    /// Let agents read this repository; code is sent to where they run
    Enable {
        /// Their names
        #[arg(required = true, value_name = "NAME")]
        names: Vec<String>,
    },
    /// Ask them no more
    Disable {
        /// Their names
        #[arg(required = true, value_name = "NAME")]
        names: Vec<String>,
    },
}

const REPORT_EXAMPLES: &str = "\
Examples:
  deep-review report                              the newest review of this branch
  deep-review report --format markdown -o r.md    all of it, as a document
  deep-review report --list                       what there is
  deep-review report --replay --format json       computed again from what the agents said";

// `report`.
#[derive(Debug, Args)]
#[command(after_help = REPORT_EXAMPLES)]
pub(crate) struct ReportArgs {
    /// Its name, or the beginning of it; the newest review of this branch if none is given
    #[arg(value_name = "ID")]
    pub(crate) id: Option<String>,
    /// How to print it
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) format: ReportFormat,
    /// Write it to a file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Compute everything again from the raw reviews, without asking anybody
    ///
    /// Decisions made since then do not count, and nothing is written to the store.
    #[arg(long)]
    pub(crate) replay: bool,
    /// Instead: list the reviews that are remembered, newest first; as a table, or as JSON
    #[arg(long, conflicts_with_all = ["id", "replay", "schema"])]
    pub(crate) list: bool,
    /// Instead: print the JSON Schema of the JSON format
    #[arg(long, conflicts_with_all = ["id", "replay", "format"])]
    pub(crate) schema: bool,
}

// `rules`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct RulesArgs {
    #[command(subcommand)]
    pub(crate) command: Option<RulesCommand>,
    /// How to print them
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) format: Format,
}

// `rules check` and the proposals.
#[derive(Debug, Subcommand)]
pub(crate) enum RulesCommand {
    /// List the rules that look at a path
    Check {
        /// A path from the root of the repository; nothing need stand there
        #[arg(value_name = "PATH")]
        path: String,
        /// How to print them
        #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
        format: Format,
    },
    /// List the rules that agents propose for deep-review-context.md and that are not in it
    Proposals {
        /// How to print them
        #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
        format: Format,
    },
    /// Add a proposal to deep-review-context.md, for you to look at and commit
    Accept {
        /// Its number in the list, or its id
        #[arg(value_name = "N")]
        proposal: String,
    },
}

// `findings`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct FindingsArgs {
    #[command(subcommand)]
    pub(crate) command: Option<FindingsCommand>,
    /// Those of every stored review, not only of the newest one of this branch
    #[arg(long)]
    pub(crate) all: bool,
    /// How to print them
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) format: Format,
}

// `findings show`.
#[derive(Debug, Subcommand)]
pub(crate) enum FindingsCommand {
    /// Show one finding with everything known about it
    Show {
        /// Its id, the beginning of its id, or its position in the newest report, as in I1
        #[arg(value_name = "ID")]
        id: String,
        /// How to print it
        #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
        format: Format,
    },
}

const RESOLVE_EXAMPLES: &str = "\
Examples:
  deep-review resolve I1 --as false-positive -m \"generated at run time\"
  deep-review resolve kxpvmnqz --as deferred -m \"issue 12\" --until 2027-01-31
  deep-review resolve --all --severity important --as accepted-risk -m \"old branch\"

A decision holds while the code it is about stays the same.";

// `resolve`.
#[derive(Debug, Args)]
#[command(after_help = RESOLVE_EXAMPLES)]
pub(crate) struct ResolveArgs {
    /// Ids, or positions in the newest report, as in I1
    #[arg(value_name = "ID", required_unless_present = "all")]
    pub(crate) ids: Vec<String>,
    /// What is decided
    #[arg(
        long = "as",
        value_enum,
        value_name = "DECISION",
        required_unless_present = "duplicate_of"
    )]
    pub(crate) decision: Option<Choice>,
    /// The same problem as this finding
    #[arg(long, value_name = "ID", conflicts_with = "decision")]
    pub(crate) duplicate_of: Option<String>,
    /// Why; required unless it was fixed
    #[arg(short, long, value_name = "REASON")]
    pub(crate) message: Option<String>,
    /// The last day on which the decision holds; a deferral ends after 14 days by default
    #[arg(long, value_name = "DATE")]
    pub(crate) until: Option<Date>,
    /// Every open finding of the newest report of this branch
    #[arg(long, conflicts_with = "ids", requires = "severity")]
    pub(crate) all: bool,
    /// With --all: only those of this severity
    #[arg(long, value_enum, value_name = "SEVERITY", requires = "all")]
    pub(crate) severity: Option<Severity>,
}

/// What can be decided about a finding; a duplicate has an option of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Choice {
    /// The code was corrected
    Fixed,
    /// The finding is wrong
    FalsePositive,
    /// True, and accepted
    AcceptedRisk,
    /// True, and nothing will be done
    WontFix,
    /// True, and put off
    Deferred,
}

impl From<Choice> for Resolution {
    fn from(choice: Choice) -> Self {
        match choice {
            Choice::Fixed => Self::Fixed,
            Choice::FalsePositive => Self::FalsePositive,
            Choice::AcceptedRisk => Self::AcceptedRisk,
            Choice::WontFix => Self::WontFix,
            Choice::Deferred => Self::Deferred,
        }
    }
}
