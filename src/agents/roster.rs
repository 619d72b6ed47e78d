//! The agents by name, with all their settings.
//! Which of them a repository may ask is the panel's to say.

use serde::{Deserialize, Serialize};

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
    /// What decides its answers, as receipts know it.
    pub(crate) fn spec(&self) -> AgentSpec {
        AgentSpec {
            name: self.name.clone(),
            kind: self.kind.name().to_owned(),
            model: self.model.clone().unwrap_or_default(),
            effort: self.effort.clone().unwrap_or_default(),
            endpoint: match self.kind {
                AgentKind::Command => self.command.join("\u{0}"),
                _ => self.endpoint.clone().unwrap_or_default(),
            },
        }
    }
}
