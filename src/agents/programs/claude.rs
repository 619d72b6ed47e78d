//! Claude Code: how it is called without the user's or the repository's settings, and what its event stream means.
//! Finding it, starting it and ending it is left to `mod`.
//!
//! The stream is `--output-format stream-json`: one JSON object a line, `result` the last.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::access::Access;
use super::stream::{Exit, Reader, Trouble, kind_of_status, one_line};
use super::{Flow, Invocation, Purpose, Question};
use crate::agents::asking::{Event, FailureKind, Spent};

/// Bytes of standard input that it takes.
const INPUT: usize = 10_000_000;
/// Bytes of a schema: it is an argument, and the system takes 128 KiB in one.
const SCHEMA: usize = 100_000;
/// The tools it gets: its shell runs only what its own rules take for read-only.
const TOOLS: [&str; 2] = ["Bash", "Read"];
/// The tool through which it hands in an answer by schema.
const HAND_IN: &str = "StructuredOutput";
/// What a gateway without a key gets, because without any key the program asks nobody.
const NO_KEY: &str = "none";

/// What each run gets in its environment: no attachments of files that the brief happens to name, no traffic but the
/// question's, nothing of the user's notes, no commits' subjects put before the brief.
const ENVIRONMENT: [&str; 7] = [
    "CLAUDE_CODE_DISABLE_ATTACHMENTS",
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC",
    "CLAUDE_CODE_DISABLE_AUTO_MEMORY",
    "CLAUDE_CODE_DISABLE_BACKGROUND_TASKS",
    "CLAUDE_CODE_DISABLE_CLAUDE_MDS",
    "CLAUDE_CODE_DISABLE_GIT_INSTRUCTIONS",
    "DISABLE_AUTOUPDATER",
];

pub(super) fn invocation(question: &Question<'_>) -> Result<Invocation, Trouble> {
    let ask = question.ask;
    let refuse = |why: String| Err(Trouble::new(FailureKind::Refused, why));
    if ask.text.len() > INPUT {
        return refuse(format!(
            "the brief has {} bytes, and claude takes {INPUT}",
            ask.text.len()
        ));
    }
    if ask.text.trim_start().starts_with(['/', '!']) {
        return refuse("claude would take the brief's first line for a command".to_owned());
    }
    let mut call = Invocation::default();
    call.argument("-p");
    let bare = matches!(question.access, Access::Key { .. } | Access::Open);
    if bare {
        // Reads a key only, and nothing of the user's; a login needs it left out.
        call.argument("--bare");
    }
    let tools = match question.purpose {
        Purpose::Review => TOOLS.join(","),
        Purpose::Probe => String::new(),
    };
    call.arguments([
        "--setting-sources",
        "",
        "--strict-mcp-config",
        "--tools",
        &tools,
    ])
    .arguments(["--permission-mode", "dontAsk", "--no-session-persistence"]);
    if let Some(model) = question.model() {
        call.arguments(["--model", model]);
    }
    let effort = match question.purpose {
        Purpose::Review => question.effort(),
        Purpose::Probe => Some("low"),
    };
    if let Some(effort) = effort {
        call.arguments(["--effort", effort]);
    }
    if let Some(schema) = ask.schema {
        if schema.len() > SCHEMA {
            return refuse(format!(
                "the schema has {} bytes, too many for an argument",
                schema.len()
            ));
        }
        call.arguments(["--json-schema", schema]);
    }
    call.arguments(["--output-format", "stream-json", "--verbose"]);
    for name in ENVIRONMENT {
        call.set(name, "1");
    }
    if question.purpose == Purpose::Probe {
        call.set("CLAUDE_CODE_MAX_RETRIES", "0");
    }
    if let Some(endpoint) = question.endpoint() {
        call.set("ANTHROPIC_BASE_URL", endpoint);
    }
    match question.access {
        Access::Key { key, .. } => call.set("ANTHROPIC_API_KEY", key.reveal()),
        Access::Open => call.set("ANTHROPIC_API_KEY", NO_KEY),
        Access::Token { name, token } => call.set(name, token.reveal()),
        Access::Login(variables) => {
            call.environment.extend(variables.iter().cloned());
            &mut call
        }
    };
    if !question.access.is_login() {
        call.set("HOME", question.own_home());
    }
    call.input.extend_from_slice(ask.text.as_bytes());
    Ok(call)
}

/// What was read of the event stream.
#[derive(Debug, Default)]
pub(super) struct Stream {
    spent: Spent,
    /// Tokens in, from a cache and out of each message, by its id: the same message comes in several lines.
    messages: BTreeMap<String, [u64; 3]>,
    complaint: Option<String>,
    /// Why going on is of no use.
    hopeless: Option<Trouble>,
    result: Option<Outcome>,
}

#[derive(Debug, Deserialize)]
struct Outcome {
    #[serde(default)]
    subtype: String,
    #[serde(default)]
    is_error: bool,
    api_error_status: Option<u64>,
    #[serde(default)]
    result: String,
    structured_output: Option<Box<RawValue>>,
    stop_reason: Option<String>,
    #[serde(default)]
    errors: Vec<String>,
    total_cost_usd: Option<f64>,
    #[serde(default, rename = "modelUsage")]
    model_usage: BTreeMap<String, ModelUsage>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ModelUsage {
    #[serde(rename = "inputTokens")]
    fresh: u64,
    #[serde(rename = "outputTokens")]
    output: u64,
    #[serde(rename = "cacheReadInputTokens")]
    cached: u64,
    #[serde(rename = "cacheCreationInputTokens")]
    caching: u64,
}

impl Reader for Stream {
    fn line(&mut self, line: &str, on: &mut dyn FnMut(Event)) -> Flow {
        let Ok(event) = serde_json::from_str::<Value>(line) else {
            return Flow::Continue(());
        };
        match (event["type"].as_str(), event["subtype"].as_str()) {
            (Some("system"), Some("init")) => self.started(&event, on),
            (Some("system"), Some("api_retry")) => self.retries(&event, on),
            (Some("assistant"), _) => {
                self.speaks(&event["message"], on);
                Flow::Continue(())
            }
            (Some("result"), _) => {
                self.result = serde_json::from_str(line).ok();
                self.account();
                Flow::Continue(())
            }
            _ => Flow::Continue(()),
        }
    }

    fn outcome(&mut self, exit: &Exit<'_>) -> Result<String, Trouble> {
        if let Some(trouble) = self.hopeless.take() {
            return Err(trouble);
        }
        let Some(result) = self.result.take() else {
            return Err(Trouble::unfinished(exit, self.complaint.as_deref()));
        };
        if result.stop_reason.as_deref() == Some("refusal") {
            return Err(Trouble::new(FailureKind::Declined, &result.result));
        }
        if result.is_error || result.subtype.starts_with("error") {
            let words = if result.result.is_empty() {
                result.errors.join("; ")
            } else {
                result.result
            };
            let words = if words.is_empty() {
                result.subtype
            } else {
                words
            };
            return Err(Trouble::in_words(result.api_error_status, &words));
        }
        let answer = match result.structured_output {
            Some(answer) if answer.get() != "null" => answer.get().to_owned(),
            _ => result.result,
        };
        if answer.trim().is_empty() {
            return Err(Trouble::new(FailureKind::NoAnswer, "its answer is empty"));
        }
        Ok(answer)
    }

    fn spent(&self) -> &Spent {
        &self.spent
    }
}

impl Stream {
    fn started(&mut self, event: &Value, on: &mut dyn FnMut(Event)) -> Flow {
        let names = |list: &Value| -> Vec<String> {
            let list = list.as_array().into_iter().flatten();
            list.map(|name| {
                name.as_str()
                    .map_or_else(|| name["name"].to_string(), str::to_owned)
            })
            .collect()
        };
        let model = event["model"].as_str().map(str::to_owned);
        self.spent.model.clone_from(&model);
        let mut foreign = names(&event["tools"]);
        foreign.retain(|name| name != HAND_IN && !TOOLS.contains(&name.as_str()));
        foreign.extend(names(&event["mcp_servers"]));
        if !foreign.is_empty() {
            let why = format!(
                "it started with more than it may use: {}",
                foreign.join(", ")
            );
            return self.give_up(Trouble::new(FailureKind::Unconfined, why));
        }
        on(Event::Started { model });
        Flow::Continue(())
    }

    fn retries(&mut self, event: &Value, on: &mut dyn FnMut(Event)) -> Flow {
        let status = event["error_status"].as_u64();
        let error = event["error"].as_str().unwrap_or("unknown");
        let why = match (status, error) {
            (Some(status), _) => format!("HTTP {status}: {error}"),
            // No response came, or none that was whole.
            (None, "unknown") => "the connection to its vendor failed".to_owned(),
            (None, _) => format!("the connection to its vendor failed: {error}"),
        };
        // It would try a refused key ten times, for minutes.
        if error == "authentication_failed"
            || status.is_some_and(|status| kind_of_status(status) == FailureKind::NotLoggedIn)
        {
            return self.give_up(Trouble::new(FailureKind::NotLoggedIn, why));
        }
        let why = one_line(&why);
        self.complaint = Some(why.clone());
        on(Event::Retrying { why });
        Flow::Continue(())
    }

    fn give_up(&mut self, trouble: Trouble) -> Flow {
        self.hopeless = Some(trouble);
        Flow::Break(())
    }

    fn speaks(&mut self, message: &Value, on: &mut dyn FnMut(Event)) {
        self.complaint = None;
        for block in message["content"].as_array().into_iter().flatten() {
            let name = block["name"].as_str().unwrap_or_default();
            if block["type"] == "tool_use" && name != HAND_IN {
                *self.spent.tools.entry(name.to_owned()).or_default() += 1;
                on(Event::Tool {
                    name: name.to_owned(),
                });
            }
        }
        let usage = &message["usage"];
        let count = |name: &str| usage[name].as_u64().unwrap_or(0);
        let cached = count("cache_read_input_tokens");
        let input = count("input_tokens") + cached + count("cache_creation_input_tokens");
        let id = message["id"].as_str().unwrap_or_default().to_owned();
        let tokens = [input, cached, count("output_tokens")];
        let before = self.messages.insert(id, tokens);
        if before.is_none() && input > 0 {
            let [input, cached, output] =
                [0, 1, 2].map(|nth| self.messages.values().map(|tokens| tokens[nth]).sum());
            on(Event::Tokens {
                input,
                cached,
                output,
            });
        }
    }

    /// Takes over what the result says was spent: it counts what the messages leave out.
    fn account(&mut self) {
        let Some(result) = &self.result else { return };
        if result.model_usage.is_empty() {
            return;
        }
        self.spent.cost = result.total_cost_usd;
        let sum = |count: fn(&ModelUsage) -> u64| result.model_usage.values().map(count).sum();
        self.spent.input = Some(sum(|usage| usage.fresh + usage.cached + usage.caching));
        self.spent.cached = Some(sum(|usage| usage.cached));
        self.spent.output = Some(sum(|usage| usage.output));
        let most = result
            .model_usage
            .iter()
            .max_by_key(|(_, usage)| usage.output);
        self.spent.model = most.map(|(model, _)| model.clone());
    }
}
