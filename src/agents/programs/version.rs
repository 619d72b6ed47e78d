//! Which version a program is, as it says itself, and whether that is recent enough.
//! What to make of an old one is left to the callers.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use super::home;
use super::stream::{Trouble, last_words, one_line};
use crate::agents::asking::{Ask, FailureKind};
use crate::agents::known::Known;
use crate::env;
use crate::process::{self, End, Interrupt, Limits, Program};

/// How long a program may take to say its version; the slowest that is known takes three seconds on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// Versions that were asked for already: a review asks the same program several times.
static KNOWN: Mutex<BTreeMap<PathBuf, String>> = Mutex::new(BTreeMap::new());

/// Refuses a program that is older than what was tried.
pub(super) fn require(
    known: &Known,
    path: &Path,
    ask: &Ask<'_>,
    interrupt: &Interrupt,
) -> Result<(), Trouble> {
    let asked = KNOWN
        .lock()
        .expect("nothing panics under it")
        .get(path)
        .cloned();
    let version = if let Some(version) = asked {
        version
    } else {
        let version = say(path, ask, interrupt)?;
        let mut versions = KNOWN.lock().expect("nothing panics under it");
        versions.insert(path.to_owned(), version.clone());
        version
    };
    match too_old(known, &version) {
        Some(why) => Err(Trouble::new(FailureKind::TooOld, why)),
        None => Ok(()),
    }
}

/// Why this version is too old, if it is.
pub(super) fn too_old(known: &Known, version: &str) -> Option<String> {
    let old = compare(version, &known.minimum) == Ordering::Less;
    old.then(|| {
        format!(
            "`{}` is version {version}, older than {}, the first that was tried; `{}` updates it",
            known.program, known.minimum, known.install
        )
    })
}

/// Asks a program for its version.
pub(super) fn say(path: &Path, ask: &Ask<'_>, interrupt: &Interrupt) -> Result<String, Trouble> {
    let trouble = |kind, why: String| Err(Trouble::new(kind, why));
    if let Err(error) = home::furnish(ask.home, &[]) {
        return trouble(FailureKind::NoAnswer, format!("{error:#}"));
    }
    // Without the user's home: no settings of whatever kind, and nothing is written there.
    let own = [
        ("HOME", OsString::from(ask.home.join(home::HOME))),
        ("TMPDIR", OsString::from(ask.home.join(home::TEMPORARY))),
        ("GEMINI_CLI_NO_RELAUNCH", OsString::from("true")),
    ];
    let program = Program {
        path: path.to_owned(),
        arguments: vec!["--version".into()],
        directory: ask.home.to_owned(),
        environment: env::for_agents(&own, &[ask.snapshot]),
        input: Vec::new(),
    };
    let limits = Limits {
        total: PATIENCE,
        idle: PATIENCE,
        stdout: 64 << 10,
        stderr: 64 << 10,
        grace: Duration::from_secs(1),
    };
    let mut flow = |_: &[u8]| super::Flow::Continue(());
    let ended = match process::supervise(&program, &limits, interrupt, &mut flow) {
        Ok(ended) => ended,
        Err(error) => return trouble(FailureKind::NoAnswer, format!("{error:#}")),
    };
    let stdout = String::from_utf8_lossy(&ended.stdout);
    match (ended.end, version_in(&stdout)) {
        (End::Exited(_), Some(version)) => Ok(version.to_owned()),
        (End::Interrupted, _) => trouble(
            FailureKind::Interrupted,
            "interrupted before it answered".to_owned(),
        ),
        (End::TotalDeadline | End::IdleDeadline, _) => trouble(
            FailureKind::TimedOut,
            format!(
                "`{} --version` did not end within {} s",
                path.display(),
                PATIENCE.as_secs()
            ),
        ),
        _ => {
            let stderr = String::from_utf8_lossy(&ended.stderr);
            let said = format!("{} {}", one_line(&stdout), last_words(&stderr));
            let why = format!("`{} --version` names no version: {said}", path.display());
            trouble(FailureKind::NoAnswer, why)
        }
    }
}

/// The first word that looks like a version.
fn version_in(text: &str) -> Option<&str> {
    text.split(|letter: char| letter.is_whitespace() || "(),".contains(letter))
        .map(|word| word.trim_start_matches('v'))
        .find(|word| numbers(word).len() >= 2 && word.len() <= 40)
}

/// The numbers a version begins with; empty if it doesn't.
fn numbers(version: &str) -> Vec<u64> {
    version
        .split(['-', '+'])
        .next()
        .unwrap_or(version)
        .split('.')
        .map_while(|part| part.parse().ok())
        .collect()
}

/// Compares by numbers; what follows them decides nothing.
fn compare(one: &str, other: &str) -> Ordering {
    numbers(one).cmp(&numbers(other))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agents::known::known;
    use crate::agents::roster::AgentKind;

    #[test]
    fn versions_are_read_as_each_program_says_them() {
        assert_eq!(version_in("2.1.197 (Claude Code)\n"), Some("2.1.197"));
        assert_eq!(version_in("codex-cli 0.169.0\n"), Some("0.169.0"));
        assert_eq!(version_in("0.61.0\n"), Some("0.61.0"));
        assert_eq!(version_in("v1.2.3-rc.1"), Some("1.2.3-rc.1"));
        assert_eq!(version_in("no version\n"), None);
    }

    #[test]
    fn older_than_tried_is_too_old() {
        let claude = known(AgentKind::Claude).unwrap();
        assert!(too_old(claude, "2.1.99").is_some());
        assert!(too_old(claude, "1.99.999").is_some());
        assert_eq!(too_old(claude, "2.1.197"), None);
        assert_eq!(too_old(claude, "2.10.0"), None);
        assert_eq!(too_old(claude, "10.0.0-beta"), None);
    }
}
