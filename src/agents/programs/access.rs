//! The key or the login that an agent's program gets: only its own vendor's, and never to be read in what we say.
//! How a program wants it is left to the file of each.

use std::ffi::OsString;
use std::fmt;

use super::stream::Trouble;
use crate::agents::asking::FailureKind;
use crate::agents::known::Known;
use crate::agents::roster::Agent;
use crate::env;

/// Stands where a secret stood.
const SCRUBBED: &str = "***";

/// A value that nobody is to read.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Key(String);

impl Key {
    /// A key of this value.
    pub(super) fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The value, for the program alone.
    pub(super) fn reveal(&self) -> OsString {
        OsString::from(&self.0)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(SCRUBBED)
    }
}

/// How a program may reach its vendor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Access {
    /// With a key.
    Key {
        /// The variable that it was found in.
        name: String,
        /// Its value.
        key: Key,
    },
    /// With a login that stands in a variable.
    Token {
        /// The variable.
        name: String,
        /// Its value.
        token: Key,
    },
    /// With the user's own login, which these variables lead to.
    Login(Vec<(String, OsString)>),
    /// With nothing: an endpoint of the user's that asks for no key.
    Open,
}

impl Access {
    /// Looks for the agent's key or login in the environment.
    ///
    /// A login is never used for an endpoint of the user's: it belongs to the vendor's own.
    pub(super) fn find(agent: &Agent, known: Option<&Known>) -> Result<Self, Trouble> {
        Self::among(agent, known, &|name| env::text(name))
    }

    fn among(
        agent: &Agent,
        known: Option<&Known>,
        text: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, Trouble> {
        let refused = |why| Err(Trouble::new(FailureKind::NotLoggedIn, why));
        if let Some(name) = &agent.key_env {
            return match text(name) {
                Some(value) => Ok(Self::key(name, value)),
                None => refused(format!(
                    "`agents.{}.key_env` names {name}, which is not set",
                    agent.name
                )),
            };
        }
        let Some(known) = known else {
            return Ok(Self::Open);
        };
        let found = |names: &[String]| {
            names
                .iter()
                .find_map(|name| text(name).map(|value| (name.clone(), value)))
        };
        if let Some((name, value)) = found(&known.keys) {
            return Ok(Self::key(&name, value));
        }
        if agent.endpoint.is_some() {
            return Ok(Self::Open);
        }
        if let Some((name, value)) = found(&known.tokens) {
            let token = Key::new(value);
            return Ok(Self::Token { name, token });
        }
        match &known.login {
            Some(variables) => Ok(Self::Login(
                variables
                    .iter()
                    .filter_map(|name| text(name).map(|value| (name.clone(), value.into())))
                    .collect(),
            )),
            None => refused(format!("no key: {}", known.authenticate)),
        }
    }

    fn key(name: &str, value: String) -> Self {
        Self::Key {
            name: name.to_owned(),
            key: Key::new(value),
        }
    }

    /// True if the program finds its login in the user's own home.
    pub(super) fn is_login(&self) -> bool {
        matches!(self, Self::Login(_))
    }

    /// A text without the secret in it.
    pub(super) fn scrub(&self, text: &str) -> String {
        match self.secret() {
            Some(secret) => text.replace(secret, SCRUBBED),
            None => text.to_owned(),
        }
    }

    /// Bytes without the secret in them.
    pub(super) fn scrub_bytes(&self, bytes: &[u8]) -> Vec<u8> {
        let Some(secret) = self.secret() else {
            return bytes.to_owned();
        };
        let mut scrubbed = Vec::with_capacity(bytes.len());
        let mut rest = bytes;
        for at in memchr::memmem::find_iter(bytes, secret.as_bytes()) {
            let passed = bytes.len() - rest.len();
            // Occurrences don't overlap.
            scrubbed.extend_from_slice(&bytes[passed..at]);
            scrubbed.extend_from_slice(SCRUBBED.as_bytes());
            rest = &bytes[at + secret.len()..];
        }
        scrubbed.extend_from_slice(rest);
        scrubbed
    }

    fn secret(&self) -> Option<&str> {
        match self {
            Self::Key {
                key: Key(secret), ..
            }
            | Self::Token {
                token: Key(secret), ..
            } => Some(secret)
                .filter(|secret| !secret.is_empty())
                .map(String::as_str),
            Self::Login(_) | Self::Open => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agents::known::known;
    use crate::agents::programs::tests::agent;
    use crate::agents::roster::AgentKind;

    fn access(agent: &Agent, set: &[(&str, &str)]) -> Result<Access, Trouble> {
        Access::among(agent, known(agent.kind), &|name| {
            set.iter()
                .find(|(known, _)| *known == name)
                .map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn each_program_gets_the_key_of_its_own_vendor() {
        let all = [
            ("ANTHROPIC_API_KEY", "a"),
            ("CODEX_API_KEY", "c"),
            ("OPENAI_API_KEY", "o"),
            ("GEMINI_API_KEY", "g"),
        ];
        for (kind, value) in [
            (AgentKind::Claude, "a"),
            (AgentKind::Codex, "c"),
            (AgentKind::Gemini, "g"),
        ] {
            let Ok(Access::Key { key, .. }) = access(&agent(kind), &all) else {
                panic!("{kind:?} has no key");
            };
            assert_eq!(key, Key::new(value));
        }
        assert_eq!(access(&agent(AgentKind::Command), &all), Ok(Access::Open));
    }

    #[test]
    fn a_login_stays_with_its_vendor() {
        let mut claude = agent(AgentKind::Claude);
        let set = [("CLAUDE_CODE_OAUTH_TOKEN", "t")];
        assert!(matches!(access(&claude, &set), Ok(Access::Token { .. })));
        claude.endpoint = Some("https://gateway.example".to_owned());
        assert_eq!(access(&claude, &set), Ok(Access::Open));
        let codex = agent(AgentKind::Codex);
        let found = access(&codex, &[("CODEX_HOME", "/h")]);
        let login = vec![("CODEX_HOME".to_owned(), OsString::from("/h"))];
        assert_eq!(found, Ok(Access::Login(login)));
    }

    #[test]
    fn what_is_missing_is_said() {
        let trouble = access(&agent(AgentKind::Gemini), &[]).unwrap_err();
        assert_eq!(trouble.kind, FailureKind::NotLoggedIn);
        assert!(trouble.why.contains("GEMINI_API_KEY"), "{}", trouble.why);
        let mut house = agent(AgentKind::Command);
        house.key_env = Some("HOUSE_KEY".to_owned());
        let trouble = access(&house, &[]).unwrap_err();
        assert!(trouble.why.contains("HOUSE_KEY"), "{}", trouble.why);
    }

    #[test]
    fn a_secret_is_never_shown() {
        let access = Access::key("X", "hunter2".to_owned());
        assert!(!format!("{access:?}").contains("hunter2"));
        assert_eq!(access.scrub("key hunter2 is bad"), "key *** is bad");
        assert_eq!(access.scrub_bytes(b"hunter2\xff hunter2."), b"***\xff ***.");
        assert_eq!(access.scrub_bytes(b"none"), b"none");
    }
}
