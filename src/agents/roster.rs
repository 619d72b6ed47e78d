//! The agents by name, with all their settings.
//! Which of them a repository may ask is the panel's to say.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::known::known;
use crate::env;
use crate::receipt::AgentSpec;

/// How an agent is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum AgentKind {
    /// Claude Code.
    Claude,
    /// Codex.
    Codex,
    /// Gemini CLI.
    Gemini,
    /// Any program: brief on standard input, review on standard output.
    Command,
    /// Anthropic's Messages API.
    Anthropic,
    /// OpenAI's Responses API.
    #[serde(rename = "openai")]
    OpenAi,
    /// OpenAI's Chat Completions API, the one that local servers speak.
    #[serde(rename = "openai-chat")]
    OpenAiChat,
    /// Google's Gemini API.
    GeminiApi,
}

/// One agent as the user has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Agent {
    /// Its name in configuration and reports.
    pub(crate) name: String,
    /// How it is called.
    pub(crate) kind: AgentKind,
    /// The model to ask for; without one the vendor's default.
    pub(crate) model: Option<String>,
    /// How hard it is to think, in the vendor's own word; without one the vendor's default.
    pub(crate) effort: Option<String>,
    /// Where it is reached, if not at its vendor's own address: the base URL that its API paths follow.
    pub(crate) endpoint: Option<String>,
    /// The environment variable that holds its key; for APIs without one no key is sent, for known
    /// programs the vendor's own variable is used.
    pub(crate) key_env: Option<String>,
    /// The program and its arguments, for `command`; for known programs a path to use instead of the one
    /// on PATH.
    pub(crate) command: Vec<String>,
    /// False if secrets in the code may reach it, as with a model on this machine.
    pub(crate) redact: bool,
}

impl AgentKind {
    /// The word in configuration and receipts.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Claude => "claude",
            Self::Codex => "codex",
            Self::Gemini => "gemini",
            Self::Command => "command",
            Self::Anthropic => "anthropic",
            Self::OpenAi => "openai",
            Self::OpenAiChat => "openai-chat",
            Self::GeminiApi => "gemini-api",
        }
    }

    /// True if it is asked over HTTP by us, with our tools.
    pub(crate) fn is_api(self) -> bool {
        matches!(
            self,
            Self::Anthropic | Self::OpenAi | Self::OpenAiChat | Self::GeminiApi
        )
    }
}

impl Agent {
    /// Who gets the code it reads, for people.
    pub(crate) fn receiver(&self) -> String {
        if let Some(endpoint) = &self.endpoint {
            return if self.is_local() {
                format!("{endpoint}, on this machine")
            } else {
                endpoint.clone()
            };
        }
        match self.kind {
            AgentKind::Claude | AgentKind::Anthropic => "Anthropic".to_owned(),
            AgentKind::Codex | AgentKind::OpenAi | AgentKind::OpenAiChat => "OpenAI".to_owned(),
            AgentKind::Gemini | AgentKind::GeminiApi => "Google".to_owned(),
            AgentKind::Command => {
                let program = self.command.first().map_or("", String::as_str);
                format!("the program `{program}`")
            }
        }
    }

    /// The program to start, by name or path; empty for APIs.
    pub(crate) fn program(&self) -> &str {
        match (self.command.first(), self.kind) {
            (Some(program), _) => program,
            (None, AgentKind::Claude | AgentKind::Codex | AgentKind::Gemini) => self.kind.name(),
            (None, _) => "",
        }
    }

    /// True if it could be asked as far as can be told without asking: its program is there, outside
    /// the directories given, or its key is.
    pub(crate) fn is_there(&self, outside: &[&Path]) -> bool {
        if self.kind.is_api() {
            let key = self.key_env.as_deref();
            return key.is_none_or(|name| env::text(name).is_some());
        }
        env::find_program(self.program(), outside).is_ok()
    }

    /// True if its endpoint is this machine.
    pub(crate) fn is_local(&self) -> bool {
        let Some(endpoint) = &self.endpoint else {
            return false;
        };
        let rest = endpoint
            .split_once("://")
            .map_or(endpoint.as_str(), |it| it.1);
        let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let host = host.rsplit_once('@').map_or(host, |it| it.1);
        let host = match host.strip_prefix('[') {
            Some(bracketed) => bracketed.split(']').next().unwrap_or_default(),
            None => host.split(':').next().unwrap_or_default(),
        };
        host.eq_ignore_ascii_case("localhost")
            || host
                .parse::<std::net::IpAddr>()
                .is_ok_and(|address| address.is_loopback())
    }

    /// The model that is asked for: the user's, else ours for a known program; `None` leaves it to the
    /// vendor.
    pub(crate) fn effective_model(&self) -> Option<&str> {
        let ours = || known(self.kind).and_then(|known| known.model.as_deref());
        self.model.as_deref().or_else(ours)
    }

    /// How hard it is to think: as the user says, else as we say for a known program; `None` leaves it
    /// to the vendor.
    pub(crate) fn effective_effort(&self) -> Option<&str> {
        let ours = || known(self.kind).and_then(|known| known.effort.as_deref());
        self.effort.as_deref().or_else(ours)
    }

    /// What decides its answers, as receipts know it.
    pub(crate) fn spec(&self) -> AgentSpec {
        AgentSpec {
            name: self.name.clone(),
            kind: self.kind.name().to_owned(),
            model: self.effective_model().unwrap_or_default().to_owned(),
            effort: self.effective_effort().unwrap_or_default().to_owned(),
            endpoint: match self.kind {
                AgentKind::Command => self.command.join("\u{0}"),
                _ => self.endpoint.clone().unwrap_or_default(),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_is_this_machine() {
        let local = |endpoint: &str| {
            Agent {
                name: "house".to_owned(),
                kind: AgentKind::OpenAiChat,
                model: None,
                effort: None,
                endpoint: Some(endpoint.to_owned()),
                key_env: None,
                command: Vec::new(),
                redact: true,
            }
            .is_local()
        };
        for here in [
            "http://127.0.0.1:11434/v1",
            "http://localhost/v1",
            "http://[::1]:8080",
            "HTTP://LOCALHOST:1",
        ] {
            assert!(local(here), "{here}");
        }
        for elsewhere in [
            "https://api.example.com/v1",
            "http://localhost.example.com",
            "http://127.0.0.1@example.com/",
            "http://192.168.1.4:1",
        ] {
            assert!(!local(elsewhere), "{elsewhere}");
        }
    }
}
