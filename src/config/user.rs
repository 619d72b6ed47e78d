//! The agents and limits of the user's own file, complete.
//! A repository has no say here: it names no program, no host, no key and no limit.

use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use jiff::SignedDuration;
use toml::Spanned;

use super::file::{AgentTable, ConfigFile};
use crate::agents::{Agent, AgentKind};
use crate::error::HintExt;

/// What a review may take.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Limits {
    /// Wall clock of one review.
    pub(crate) wall: Duration,
    /// How long an agent may be silent.
    pub(crate) idle: Duration,
    /// How long a push waits for agents; without one it depends on the remote.
    pub(crate) push: Option<Duration>,
    /// How many parts of a large change one agent is asked at the same time. Agents don't wait for each other:
    /// each has a service or a machine of its own.
    pub(crate) parallel: usize,
    /// Tokens of one review, in and out; `None`: no limit.
    pub(crate) tokens: Option<u64>,
    /// US dollars of one review.
    pub(crate) cost: Option<f64>,
    /// US dollars of one day, over all repositories.
    pub(crate) cost_per_day: Option<f64>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            wall: Duration::from_secs(30 * 60),
            idle: Duration::from_secs(10 * 60),
            push: None,
            parallel: 4,
            tokens: Some(3_000_000),
            cost: None,
            cost_per_day: None,
        }
    }
}

/// Agents that need no table: their vendors' programs.
const KNOWN: [(&str, AgentKind); 3] = [
    ("claude", AgentKind::Claude),
    ("codex", AgentKind::Codex),
    ("gemini", AgentKind::Gemini),
];

/// Names that mean something else.
const TAKEN: [&str; 3] = ["rules", "none", "file"];

/// All agents the user could ask: the known ones first, then those of the file by name.
pub(crate) fn agents(user: Option<&ConfigFile>) -> anyhow::Result<Vec<Agent>> {
    let mut agents = Vec::new();
    let table = |name: &str| user.and_then(|file| file.agents.get(name));
    for (name, kind) in KNOWN {
        agents.push(agent(name, Some(kind), table(name).map(Spanned::get_ref))?);
    }
    for (name, table) in user.iter().flat_map(|file| &file.agents) {
        if KNOWN.iter().all(|(known, _)| known != name) {
            agents.push(agent(name, None, Some(table.get_ref()))?);
        }
    }
    Ok(agents)
}

fn agent(
    name: &str,
    known: Option<AgentKind>,
    table: Option<&AgentTable>,
) -> anyhow::Result<Agent> {
    let attempt = || -> anyhow::Result<Agent> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        if !name.bytes().all(plain) || name.is_empty() || name.len() > 40 {
            bail!("a name consists of at most 40 letters, digits, `-`, `_` and `.`");
        }
        if TAKEN.contains(&name) {
            bail!("this name means something else");
        }
        let nothing = AgentTable::default();
        let table = table.unwrap_or(&nothing);
        let kind = match (table.kind, known) {
            (Some(kind), Some(known)) if kind != known => {
                bail!(
                    "`{name}` is the program of this name; give an agent of another kind another name"
                )
            }
            (Some(kind), _) | (None, Some(kind)) => kind,
            (None, None) => bail!(
                "it has no `kind`: one of claude, codex, gemini, command, anthropic, openai, openai-chat, gemini-api"
            ),
        };
        let command = table.command.clone().unwrap_or_default();
        if kind == AgentKind::Command && command.is_empty() {
            bail!("it has no `command`: a list of the program and its arguments");
        }
        if kind.is_api() && !command.is_empty() {
            bail!("an agent over HTTP has no `command`");
        }
        if kind == AgentKind::OpenAiChat && table.endpoint.is_none() {
            bail!("it has no `endpoint`, such as \"http://127.0.0.1:11434/v1\"");
        }
        if kind.is_api() && table.model.is_none() {
            bail!("it has no `model`");
        }
        Ok(Agent {
            name: name.to_owned(),
            kind,
            model: table.model.clone(),
            effort: table.effort.clone(),
            endpoint: table.endpoint.clone(),
            key_env: table.key_env.clone(),
            command,
            redact: table.redact.unwrap_or(true),
        })
    };
    attempt()
        .with_context(|| format!("cannot use `[agents.{name}]` of the user configuration"))
        .hint("correct it; nothing was reviewed, because it may be an agent that must answer")
}

/// The limits in force.
pub(crate) fn limits(user: Option<&ConfigFile>) -> anyhow::Result<Limits> {
    let mut limits = Limits::default();
    let Some(table) = user.and_then(|file| file.limits.as_ref()) else {
        return Ok(limits);
    };
    if let Some(text) = &table.wall {
        limits.wall = duration("wall", text.get_ref())?;
    }
    if let Some(text) = &table.idle {
        limits.idle = duration("idle", text.get_ref())?;
    }
    if let Some(text) = &table.push {
        limits.push = Some(duration("push", text.get_ref())?);
    }
    if let Some(parallel) = &table.parallel {
        limits.parallel = (*parallel.get_ref()).clamp(1, 64);
    }
    if let Some(tokens) = &table.tokens {
        limits.tokens = Some(*tokens.get_ref());
    }
    limits.cost = amount("cost", table.cost.as_ref())?;
    limits.cost_per_day = amount("cost_per_day", table.cost_per_day.as_ref())?;
    Ok(limits)
}

fn duration(key: &str, text: &str) -> anyhow::Result<Duration> {
    text.parse::<SignedDuration>()
        .map_err(|error| anyhow!("{error}"))
        .and_then(|duration| Ok(Duration::try_from(duration)?))
        .with_context(|| format!("cannot read `limits.{key} = {text:?}` of the user configuration"))
        .hint("write it as in \"30m\" or \"90s\"")
}

fn amount(key: &str, value: Option<&Spanned<f64>>) -> anyhow::Result<Option<f64>> {
    match value.map(Spanned::get_ref) {
        Some(amount) if !amount.is_finite() || *amount < 0.0 => Err(anyhow!(
            "`limits.{key} = {amount}` of the user configuration is no amount"
        )),
        amount => Ok(amount.copied()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::file::Source;
    use super::*;

    fn file(text: &str) -> ConfigFile {
        let source = Source {
            name: "test".to_owned(),
        };
        ConfigFile::parse(text.as_bytes(), &source).unwrap().0
    }

    #[test]
    fn known_agents_need_no_table_and_take_settings() {
        let names = |agents: Vec<Agent>| -> Vec<String> {
            agents.into_iter().map(|agent| agent.name).collect()
        };
        assert_eq!(names(agents(None).unwrap()), ["claude", "codex", "gemini"]);
        let user = file(
            "[agents.claude]\nmodel = \"opus\"\neffort = \"high\"\n[agents.house]\nkind = \"openai-chat\"\nendpoint = \"http://127.0.0.1:1/v1\"\nmodel = \"m\"\n",
        );
        let all = agents(Some(&user)).unwrap();
        assert_eq!(all[0].model.as_deref(), Some("opus"));
        assert_eq!(all[3].kind, AgentKind::OpenAiChat);
        assert!(all[3].redact && all[3].key_env.is_none());
    }

    #[test]
    fn an_agent_that_cannot_be_called_is_an_error() {
        for text in [
            "[agents.house]\nmodel = \"m\"\n",
            "[agents.house]\nkind = \"command\"\n",
            "[agents.house]\nkind = \"openai-chat\"\nmodel = \"m\"\n",
            "[agents.house]\nkind = \"anthropic\"\n",
            "[agents.rules]\nkind = \"command\"\ncommand = [\"x\"]\n",
            "[agents.claude]\nkind = \"codex\"\n",
            "[agents.\"a b\"]\nkind = \"command\"\ncommand = [\"x\"]\n",
        ] {
            assert!(agents(Some(&file(text))).is_err(), "{text}");
        }
    }

    #[test]
    fn limits_are_read_as_people_write_them() {
        let user = file("[limits]\nwall = \"1h30m\"\nidle = \"90s\"\ncost = 5.0\n");
        let read = limits(Some(&user)).unwrap();
        assert_eq!(read.wall, Duration::from_secs(5400));
        assert_eq!(read.idle, Duration::from_secs(90));
        assert_eq!((read.cost, read.cost_per_day), (Some(5.0), None));
        assert!(limits(Some(&file("[limits]\nwall = \"soon\"\n"))).is_err());
        assert!(limits(Some(&file("[limits]\ncost = -1.0\n"))).is_err());
    }
}
