//! What is known about the agents' own programs, as data: `known.toml`.
//! How each is called is left to `programs`.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

use super::roster::AgentKind;

static KNOWN: LazyLock<BTreeMap<String, Known>> = LazyLock::new(|| {
    toml::from_str(include_str!("known.toml")).expect("a test reads the file that is built in")
});

/// A program that we know how to call.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Known {
    /// Its name on PATH.
    pub(crate) program: String,
    /// The version all of it was tried with; older ones are refused.
    pub(crate) minimum: String,
    /// Variables that may hold its vendor's key, best first.
    pub(crate) keys: Vec<String>,
    /// Variables that may hold a login instead of a key.
    pub(crate) tokens: Vec<String>,
    /// Variables that say where the user's own login is; `None` for one that has to have a key.
    pub(crate) login: Option<Vec<String>>,
    /// The model that is asked for where the user names none; `None` leaves it to the program.
    pub(crate) model: Option<String>,
    /// How hard it is to think where the user does not say; `None` leaves it to the program.
    pub(crate) effort: Option<String>,
    /// How to get it.
    pub(crate) install: String,
    /// How to log in.
    pub(crate) authenticate: String,
    /// What it can read while it reviews, for people to decide about.
    pub(crate) reads: String,
}

/// What is known of the program of this kind; `None` for kinds that are no program we know.
pub(crate) fn known(kind: AgentKind) -> Option<&'static Known> {
    KNOWN.get(kind.name())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_known_program_is_described() {
        for kind in [AgentKind::Claude, AgentKind::Codex, AgentKind::Gemini] {
            let known = known(kind).expect("it is described");
            assert!(!known.keys.is_empty(), "{kind:?}");
            assert!(
                known
                    .minimum
                    .split('.')
                    .all(|part| part.parse::<u32>().is_ok()),
                "{kind:?}"
            );
        }
        assert_eq!(known(AgentKind::Command), None);
        assert_eq!(KNOWN.len(), 3, "a description that nothing uses");
    }
}
