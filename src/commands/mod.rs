//! One file per subcommand: arguments in, a call of the library, the result to `ui`.

pub(crate) mod agents;
pub(crate) mod background;
pub(crate) mod consolidate;
pub(crate) mod demo;
pub(crate) mod diff;
pub(crate) mod explain;
pub(crate) mod explain_finding;
pub(crate) mod findings;
pub(crate) mod gate;
mod handed_in;
pub(crate) mod hook;
pub(crate) mod init;
pub(crate) mod install;
pub(crate) mod parse;
pub(crate) mod report;
pub(crate) mod resolve;
pub(crate) mod review;
pub(crate) mod rules;
pub(crate) mod standalone;
pub(crate) mod status;
pub(crate) mod sweep;

use crate::cli::ScopeArgs;
use crate::error::Exit;
use crate::gate::Verdict;
use crate::pipeline::Scope;

impl From<&ScopeArgs> for Scope {
    fn from(arguments: &ScopeArgs) -> Self {
        match (&arguments.commit, &arguments.range) {
            _ if arguments.staged => Self::Staged,
            _ if arguments.worktree => Self::Worktree {
                untracked: arguments.untracked,
            },
            (Some(revision), _) => Self::Commit {
                revision: revision.clone(),
            },
            (None, Some(range)) => Self::Range {
                range: range.clone(),
            },
            (None, None) => Self::Branch {
                base: arguments.base.clone(),
            },
        }
    }
}

/// The scope that was named, if one was.
fn named_scope(arguments: &ScopeArgs) -> Option<Scope> {
    let named = arguments.staged
        || arguments.worktree
        || arguments.commit.is_some()
        || arguments.range.is_some()
        || arguments.base.is_some();
    named.then(|| Scope::from(arguments))
}

impl From<&Verdict> for Exit {
    fn from(verdict: &Verdict) -> Self {
        match verdict {
            Verdict::NothingNew | Verdict::Pass { .. } => Self::Pass,
            Verdict::Block { .. } => Self::Block,
            Verdict::Inconclusive { .. } => Self::Inconclusive,
        }
    }
}
