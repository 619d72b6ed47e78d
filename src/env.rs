//! Every environment variable we read, with its meaning, and the directories they decide.
//! The only reader of the environment; Git's own variables are honoured by `git`.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
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

/// The whole environment we were started with, for a program that is ourselves.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the door to the environment"
)]
pub(crate) fn inherited() -> Vec<(OsString, OsString)> {
    std::env::vars_os().collect()
}

/// What a reviewing agent gets of our environment, besides `PATH` and all `LC_…`.
const FOR_AGENTS: &[&str] = &[
    "HOME",
    "USER",
    "LOGNAME",
    "LANG",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "NODE_EXTRA_CA_CERTS",
];

/// What every reviewing agent is told: it is one, has no terminal, and a Git below it reads no
/// configuration of the user, writes nothing, fetches nothing and asks nothing.
const TOLD_AGENTS: &[(&str, &str)] = &[
    (ACTIVE, "1"),
    ("TERM", "dumb"),
    ("GIT_CONFIG_GLOBAL", "/dev/null"),
    ("GIT_CONFIG_NOSYSTEM", "1"),
    ("GIT_OPTIONAL_LOCKS", "0"),
    ("GIT_NO_LAZY_FETCH", "1"),
    ("GIT_PAGER", "cat"),
    ("GIT_TERMINAL_PROMPT", "0"),
];

/// The whole environment of a reviewing agent, in order of names: an allowlist of ours, with `PATH`
/// sanitised as [`find_program`] does, and `own`, which wins: its `TMPDIR` and its own provider's key.
/// `outside` are the directories no program may come from: the repository.
pub(crate) fn for_agents(own: &[(&str, OsString)], outside: &[&Path]) -> Vec<(OsString, OsString)> {
    allowed(inherited(), own, outside)
}

fn allowed(
    inherited: Vec<(OsString, OsString)>,
    own: &[(&str, OsString)],
    outside: &[&Path],
) -> Vec<(OsString, OsString)> {
    let mut environment = BTreeMap::new();
    for (name, value) in inherited {
        let text = name.to_str().unwrap_or_default();
        if text == "PATH" {
            let places = sanitised(&value, outside);
            // They were split at what would be an error to join with.
            environment.insert(name, std::env::join_paths(places).unwrap_or_default());
        } else if FOR_AGENTS.contains(&text) || text.starts_with("LC_") {
            environment.insert(name, value);
        }
    }
    let told = TOLD_AGENTS
        .iter()
        .map(|(name, value)| (*name, OsString::from(value)));
    for (name, value) in told.chain(own.iter().cloned()) {
        environment.insert(name.into(), value);
    }
    environment.into_iter().collect()
}

/// The directories of a search path without those that are empty, relative or, followed through links,
/// within one of `outside`.
fn sanitised(path: &OsStr, outside: &[&Path]) -> Vec<PathBuf> {
    std::env::split_paths(path)
        .filter(|place| place.is_absolute() && !lies_within(place, outside))
        .collect()
}

/// True for a path within one of the directories, as written or followed through links.
fn lies_within(path: &Path, directories: &[&Path]) -> bool {
    let real = path.canonicalize().ok();
    directories.iter().any(|directory| {
        let real_directory = directory.canonicalize().ok();
        [Some(path), real.as_deref()]
            .into_iter()
            .flatten()
            .any(|path| {
                path.starts_with(directory)
                    || real_directory
                        .as_deref()
                        .is_some_and(|directory| path.starts_with(directory))
            })
    })
}

/// Finds a program by its name: the first executable file on `PATH`, whose empty and relative entries
/// don't count, nor those within one of `outside`; refused if it is a link that leads into one of those.
/// A path instead of a name has to be absolute, and is checked as well.
///
/// The directory is returned without links, the name as it is: version managers link many names to one
/// program that looks at the name it was called by.
pub(crate) fn find_program(name: &str, outside: &[&Path]) -> anyhow::Result<PathBuf> {
    found_on(&read("PATH").unwrap_or_default(), name, outside)
}

fn found_on(path: &OsStr, name: &str, outside: &[&Path]) -> anyhow::Result<PathBuf> {
    let asked = Path::new(name);
    let candidates = if asked.is_absolute() {
        vec![asked.to_owned()]
    } else if asked.components().count() == 1 && asked.file_name() == Some(OsStr::new(name)) {
        let places = sanitised(path, outside);
        places.iter().map(|place| place.join(name)).collect()
    } else {
        return Err(anyhow!("`{name}` is neither a name nor an absolute path"));
    };
    let program = candidates
        .iter()
        .find(|candidate| is_executable(candidate))
        .ok_or_else(|| anyhow!("cannot find the program `{name}`"))
        .hint("install it, or correct PATH")?;
    if lies_within(program, outside) {
        return Err(anyhow!(
            "`{}` lies within what is reviewed, so it is not run",
            program.display()
        ))
        .hint("install it elsewhere");
    }
    let place = program.parent().and_then(|place| place.canonicalize().ok());
    let name = program.file_name();
    let found = place.zip(name).map(|(place, name)| place.join(name));
    found.with_context(|| format!("cannot follow `{}`", program.display()))
}

#[cfg(unix)]
fn is_executable(path: &Path) -> bool {
    use rustix::fs::{Access, access};

    path.is_file() && access(path, Access::EXEC_OK).is_ok()
}

#[cfg(not(unix))]
fn is_executable(path: &Path) -> bool {
    path.is_file()
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

/// Where snapshots are kept while they are in use: `$XDG_CACHE_HOME/deep-review/`.
pub(crate) fn cache_dir() -> anyhow::Result<PathBuf> {
    Ok(directories()?.cache_dir().join("deep-review"))
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

    fn given(pairs: &[(&str, &str)]) -> Vec<(OsString, OsString)> {
        pairs
            .iter()
            .map(|(name, value)| (OsString::from(name), OsString::from(value)))
            .collect()
    }

    #[test]
    fn agents_get_what_is_allowed_and_their_own() {
        let ours = given(&[
            ("PATH", "/bin::.:bin:/work/tree/bin:/usr/bin"),
            ("HOME", "/home/ada"),
            ("LC_TIME", "C"),
            ("https_proxy", "http://proxy.example.org"),
            ("TERM", "xterm"),
            ("TMPDIR", "/tmp"),
            ("GIT_DIR", ".git"),
            ("GIT_SSH_COMMAND", "evil"),
            ("GIT_CONFIG_GLOBAL", "/home/ada/.gitconfig"),
            ("LD_PRELOAD", "evil.so"),
            ("NODE_OPTIONS", "--require evil"),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
            ("OPENAI_API_KEY", "of another provider"),
            ("DEEP_REVIEW_SKIP", "1"),
        ]);
        let own = [
            ("TMPDIR", OsString::from("/private")),
            ("ANTHROPIC_API_KEY", OsString::from("key")),
        ];
        let outside = Path::new("/work/tree");
        assert_eq!(
            allowed(ours, &own, &[outside]),
            given(&[
                ("ANTHROPIC_API_KEY", "key"),
                ("DEEP_REVIEW_ACTIVE", "1"),
                ("GIT_CONFIG_GLOBAL", "/dev/null"),
                ("GIT_CONFIG_NOSYSTEM", "1"),
                ("GIT_NO_LAZY_FETCH", "1"),
                ("GIT_OPTIONAL_LOCKS", "0"),
                ("GIT_PAGER", "cat"),
                ("GIT_TERMINAL_PROMPT", "0"),
                ("HOME", "/home/ada"),
                ("LC_TIME", "C"),
                ("PATH", "/bin:/usr/bin"),
                ("TERM", "dumb"),
                ("TMPDIR", "/private"),
                ("https_proxy", "http://proxy.example.org"),
            ])
        );
    }

    #[cfg(unix)]
    #[test]
    fn programs_come_from_the_search_path_and_never_from_the_repository() {
        use std::os::unix::fs::symlink;

        let root = tempfile::tempdir().unwrap();
        let root = root.path().canonicalize().unwrap();
        let [repo, first, second] = ["repo", "first", "second"].map(|name| root.join(name));
        for place in [&repo, &first, &second] {
            std::fs::create_dir(place).unwrap();
        }
        // An executable that exists everywhere; only its place matters.
        let sh = Path::new("/bin/sh").canonicalize().unwrap();
        symlink(&sh, second.join("agent")).unwrap();
        symlink(&sh, repo.join("agent")).unwrap();
        symlink(repo.join("made-here"), second.join("leads-in")).unwrap();
        std::fs::copy(&sh, repo.join("made-here")).unwrap();
        symlink("/etc/passwd", first.join("agent")).unwrap();
        symlink(&repo, root.join("link")).unwrap();

        let path = std::env::join_paths([
            Path::new(""),
            Path::new("."),
            &repo,
            &root.join("link"),
            &first,
            &second,
        ])
        .unwrap();
        let find = |name: &str| found_on(&path, name, &[&repo]);
        assert_eq!(
            find("agent").unwrap(),
            second.join("agent"),
            "not the file nobody may run, and by the name it was asked for"
        );
        assert!(find("made-here").is_err(), "only the repository has it");
        let error = find("leads-in").unwrap_err().to_string();
        assert!(error.contains("lies within"), "{error}");
        assert!(find("nowhere").is_err());
        for odd in ["", ".", "..", "./agent", "second/agent"] {
            assert!(find(odd).is_err(), "{odd:?}");
        }
        assert_eq!(
            find("/bin/sh").unwrap().canonicalize().unwrap(),
            sh,
            "an absolute path"
        );
        assert!(find(repo.join("made-here").to_str().unwrap()).is_err());
    }
}
