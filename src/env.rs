//! Every environment variable we read, with its meaning, and the directories they decide.
//! The only reader of the environment; Git's own variables are honoured by `git`.

use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::Context;
use etcetera::BaseStrategy;

use crate::error::HintExt;

/// A reason given by the user for letting a push through unreviewed.
pub(crate) const SKIP: &str = "DEEP_REVIEW_SKIP";
/// Set for reviewing agents: a hook that sees it refuses, so that a reviewer can't push.
pub(crate) const ACTIVE: &str = "DEEP_REVIEW_ACTIVE";

#[expect(
    clippy::disallowed_methods,
    reason = "this is the door to the environment"
)]
fn read(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

/// The value of a variable as text; unset, empty and non-UTF-8 are all `None`.
pub(crate) fn text(name: &str) -> Option<String> {
    read(name).and_then(|value| value.into_string().ok())
}

/// True when the variable is set to something other than nothing, `0` and `false`.
pub(crate) fn switched_on(name: &str) -> bool {
    text(name).is_some_and(|value| value != "0" && !value.eq_ignore_ascii_case("false"))
}

/// What the user asked of this run through [`SKIP`] or the `SKIP` list of hook managers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Skip {
    /// Not asked.
    No,
    /// Asked, with these words; `1` and `true` are no words.
    Yes {
        /// Why, if it was said.
        reason: Option<String>,
    },
}

/// Reads whether this push is to go through unreviewed.
pub(crate) fn skip() -> Skip {
    match text(SKIP) {
        Some(reason) => skip_from(&reason),
        None => match text("SKIP") {
            Some(list) if list.split(',').any(|id| id.trim() == "deep-review") => {
                Skip::Yes { reason: None }
            }
            _ => Skip::No,
        },
    }
}

fn skip_from(value: &str) -> Skip {
    match value.trim() {
        "" | "0" => Skip::No,
        value if value.eq_ignore_ascii_case("false") => Skip::No,
        "1" => Skip::Yes { reason: None },
        value if value.eq_ignore_ascii_case("true") => Skip::Yes { reason: None },
        reason => Skip::Yes {
            reason: Some(reason.to_owned()),
        },
    }
}

/// When colour is wanted regardless of the stream: the conventions of `NO_COLOR`,
/// `CLICOLOR_FORCE`, `CLICOLOR` and `TERM`; `None` leaves it to the terminal.
pub(crate) fn color_wish() -> Option<bool> {
    if read("NO_COLOR").is_some() {
        Some(false)
    } else if text("CLICOLOR_FORCE").is_some_and(|value| value != "0") {
        Some(true)
    } else if text("CLICOLOR").is_some_and(|value| value == "0")
        || text("TERM").is_some_and(|term| term == "dumb")
    {
        Some(false)
    } else {
        None
    }
}

/// The width a user asked for through `COLUMNS`, in cells.
pub(crate) fn columns() -> Option<usize> {
    text("COLUMNS")
        .and_then(|value| value.parse().ok())
        .filter(|width| *width >= 20)
}

/// The names of Git's variables and of ours that are set: a program meant for another repository must
/// not inherit them.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the door to the environment"
)]
pub(crate) fn of_this_repository() -> Vec<OsString> {
    std::env::vars_os()
        .map(|(name, _)| name)
        .filter(|name| {
            name.to_str().is_some_and(|name| {
                name.starts_with("GIT_") || name.starts_with("DEEP_REVIEW_") || name == "SKIP"
            })
        })
        .collect()
}

/// Git's variables that say how it looks, whom it asks or what it tells, and nothing about what is
/// reviewed.
const COSMETIC: [&str; 14] = [
    "GIT_ASKPASS",
    "GIT_AUTHOR_",
    "GIT_COMMITTER_",
    "GIT_EDITOR",
    "GIT_EXEC_PATH",
    "GIT_PAGER",
    "GIT_PREFIX",
    "GIT_PROTOCOL",
    "GIT_PUSH_OPTION",
    "GIT_REFLOG_ACTION",
    "GIT_SEQUENCE_EDITOR",
    "GIT_SSH",
    "GIT_TERMINAL_PROMPT",
    "GIT_TRACE",
];

/// The variables that can change what is reviewed, or how it is judged, with their values, by name.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the door to the environment"
)]
pub(crate) fn deciding() -> Vec<(OsString, OsString)> {
    let mut deciding: Vec<_> = std::env::vars_os()
        .filter(|(name, _)| name.to_str().is_some_and(decides))
        .collect();
    deciding.sort();
    deciding
}

fn decides(name: &str) -> bool {
    let of_git = name.starts_with("GIT_") && !COSMETIC.iter().any(|it| name.starts_with(it));
    of_git || name.starts_with("DEEP_REVIEW_")
}

/// The directory we were started in.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the door to the environment"
)]
pub(crate) fn current_dir() -> anyhow::Result<PathBuf> {
    std::env::current_dir()
        .context("cannot read the current directory")
        .hint("it may have been removed: change to another one")
}

/// The path of this very program.
pub(crate) fn current_exe() -> anyhow::Result<PathBuf> {
    std::env::current_exe().context("cannot find the path of this program")
}

/// Where the user's own configuration is: `$XDG_CONFIG_HOME/deep-review/config.toml`.
pub(crate) fn user_config_file() -> anyhow::Result<PathBuf> {
    Ok(directories()?.config_dir().join("deep-review/config.toml"))
}

/// Where the per-user secret is kept: `$XDG_STATE_HOME/deep-review/`, never in a repository.
pub(crate) fn state_dir() -> anyhow::Result<PathBuf> {
    let directories = directories()?;
    let state = directories
        .state_dir()
        .unwrap_or_else(|| directories.data_dir());
    Ok(state.join("deep-review"))
}

fn directories() -> anyhow::Result<etcetera::base_strategy::Xdg> {
    etcetera::base_strategy::Xdg::new()
        .map_err(|error| anyhow::anyhow!("{error}"))
        .context("cannot find the home directory")
        .hint("set HOME")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_that_decide_are_told_from_those_that_do_not() {
        for name in [
            "GIT_DIR",
            "GIT_INDEX_FILE",
            "GIT_CONFIG_GLOBAL",
            "GIT_NAMESPACE",
            "GIT_SOMETHING_NEW",
            "DEEP_REVIEW_GATE_BLOCK",
        ] {
            assert!(decides(name), "{name}");
        }
        for name in ["GIT_PAGER", "GIT_TRACE2_PARENT_SID", "PATH", "SKIP"] {
            assert!(!decides(name), "{name}");
        }
    }

    #[test]
    fn only_words_are_a_reason_to_skip() {
        assert_eq!(skip_from("0"), Skip::No);
        assert_eq!(skip_from("False"), Skip::No);
        assert_eq!(skip_from("1"), Skip::Yes { reason: None });
        assert_eq!(
            skip_from(" hotfix 12 "),
            Skip::Yes {
                reason: Some("hotfix 12".to_owned())
            }
        );
    }
}
