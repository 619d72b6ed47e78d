//! Whether an agent's program would answer: which version it is, and what its vendor says to the smallest question.
//! When to probe is left to the commands.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{Purpose, find, put, version};
use crate::agents::asking::{Ask, FailureKind};
use crate::agents::known::known;
use crate::agents::roster::{Agent, AgentKind};
use crate::process::Interrupt;

/// How long the vendor may take for one word.
const PATIENCE: Duration = Duration::from_secs(20);

/// The smallest question.
const WORD: &str = "Answer with the one word: ready";

/// What a probe found out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Probe {
    /// Where the program is.
    pub(crate) path: Option<PathBuf>,
    /// Which version it says it is; `None` for programs of the user's, and if it says none.
    pub(crate) version: Option<String>,
    /// The oldest version that is asked; `None` for programs of the user's.
    pub(crate) minimum: Option<&'static str>,
    /// Why it would not answer, in its vendor's words where there are any; without keys.
    pub(crate) problem: Option<String>,
}

/// Finds out whether an agent that is a program would answer, by asking it for one word (programs of the user's are
/// only looked for: what they would do with it, nobody knows). Takes seconds, and a few tokens.
///
/// `place` is a private empty directory that it may fill.
pub(crate) fn probe(agent: &Agent, place: &Path, interrupt: &Interrupt) -> Probe {
    let known = known(agent.kind);
    let mut probe = Probe {
        path: None,
        version: None,
        minimum: known.map(|known| known.minimum.as_str()),
        problem: None,
    };
    probe.problem = look(agent, place, interrupt, &mut probe).err();
    probe
}

fn look(
    agent: &Agent,
    place: &Path,
    interrupt: &Interrupt,
    found: &mut Probe,
) -> Result<(), String> {
    let snapshot = place.join("snapshot");
    fs::create_dir_all(&snapshot)
        .map_err(|error| format!("cannot make `{}`: {error}", snapshot.display()))?;
    let known = known(agent.kind);
    let path = find(agent, known, &snapshot).map_err(|trouble| trouble.why)?;
    found.path = Some(path.clone());
    if agent.kind == AgentKind::Command {
        return Ok(());
    }
    let ask = Ask {
        text: WORD,
        static_prefix: 0,
        schema: None,
        snapshot: &snapshot,
        home: &place.join("agent"),
        commits: ("", ""),
        nonce: "",
        total: PATIENCE,
        idle: PATIENCE,
        meter: None,
    };
    let version = version::say(&path, &ask, interrupt).map_err(|trouble| trouble.why)?;
    found.version = Some(version.clone());
    if let Some(why) = known.and_then(|known| version::too_old(known, &version)) {
        return Err(why);
    }
    match put(agent, &ask, Purpose::Probe, interrupt, &mut |_| {}) {
        Ok(_) => Ok(()),
        Err(failure) => Err(match (failure.kind, known) {
            (FailureKind::NotLoggedIn, Some(known))
                if !failure.why.contains(&known.authenticate) =>
            {
                format!("{}; {}", failure.why, known.authenticate)
            }
            _ => failure.why,
        }),
    }
}
