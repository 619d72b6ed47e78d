//! What failed, and what to do about it: hints carried along an error chain, and the exit codes.
//! Showing them is left to `ui`.

use std::fmt;

/// The exit codes of every command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Passed, or nothing to do.
    Pass = 0,
    /// Findings block.
    Block = 1,
    /// Could not run: usage, configuration, no change set.
    CouldNotRun = 2,
    /// Something owed has not been reviewed, or could not be read.
    Inconclusive = 3,
    /// Ended by Ctrl-C, or asked to end by the system; 128 and the number of INT, as shells say it.
    Interrupted = 130,
}

/// A sentence that tells what to do about an error; attached with [`HintExt::hint`].
#[derive(Debug)]
struct Hinted {
    hint: String,
    source: anyhow::Error,
}

impl fmt::Display for Hinted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.source.fmt(f)
    }
}

impl std::error::Error for Hinted {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.source()
    }
}

/// Attaches what to do to an error.
pub(crate) trait HintExt<T> {
    /// Adds a sentence that tells what to do; shown last, after the causes.
    fn hint(self, hint: impl Into<String>) -> anyhow::Result<T>;
}

impl<T, E: Into<anyhow::Error>> HintExt<T> for Result<T, E> {
    fn hint(self, hint: impl Into<String>) -> anyhow::Result<T> {
        self.map_err(|error| {
            anyhow::Error::new(Hinted {
                hint: hint.into(),
                source: error.into(),
            })
        })
    }
}

/// The hints attached to an error, innermost first.
pub(crate) fn hints(error: &anyhow::Error) -> Vec<&str> {
    let mut found = Vec::new();
    collect(error, &mut found);
    found.reverse();
    found
}

fn collect<'e>(error: &'e anyhow::Error, found: &mut Vec<&'e str>) {
    for cause in error.chain() {
        if let Some(hinted) = cause.downcast_ref::<Hinted>() {
            found.push(&hinted.hint);
            collect(&hinted.source, found);
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::{Context, anyhow};

    #[test]
    fn hints_survive_context_and_nesting() {
        let failed: anyhow::Result<()> = Err(anyhow!("no such ref"));
        let error = failed
            .hint("fetch it")
            .context("cannot read `main`")
            .hint("or name another")
            .context("cannot review")
            .unwrap_err();
        assert_eq!(hints(&error), ["fetch it", "or name another"]);
        let chain: Vec<String> = error.chain().map(ToString::to_string).collect();
        assert_eq!(chain[0], "cannot review");
    }
}
