//! Codex: how it is called without the user's or the repository's settings, and what its event stream means.
//! Finding it, starting it and ending it is left to `mod`.
//!
//! The stream is `exec --json`: one JSON object a line, `turn.completed` or `turn.failed` the last. It does not show
//! all commands that were run, so what it says about tools is a lower bound.

use std::path::Path;

use serde_json::Value;

use super::access::Access;
use super::stream::{Exit, Reader, Trouble, kind_of_status, one_line};
use super::{Flow, Invocation, Purpose, Question};
use crate::agents::asking::{Event, FailureKind, Spent};

/// Characters of standard input that it takes.
const INPUT: usize = 1_048_576;
/// The schema's name in the private directory.
const SCHEMA: &str = "schema.json";
/// Its home there, if it does not need the user's.
const HOME: &str = "home/.codex";
/// What an endpoint of the user's is called in its configuration.
const PROVIDER: &str = "deep-review";
/// What is said to the agent's own shells, which inherit next to nothing.
const SHELL: &str = "shell_environment_policy.set={GIT_CONFIG_GLOBAL=\"/dev/null\",GIT_CONFIG_NOSYSTEM=\"1\",\
     GIT_OPTIONAL_LOCKS=\"0\",GIT_NO_LAZY_FETCH=\"1\",GIT_PAGER=\"cat\",DEEP_REVIEW_ACTIVE=\"1\"}";

pub(super) fn invocation(question: &Question<'_>) -> Result<Invocation, Trouble> {
    let ask = question.ask;
    let characters = ask.text.chars().count();
    if characters > INPUT {
        return Err(Trouble::new(
            FailureKind::Refused,
            format!("the brief has {characters} characters, and codex takes {INPUT}"),
        ));
    }
    let mut call = Invocation::default();
    call.arguments(["exec", "--json", "--sandbox", "read-only", "--ephemeral"])
        .arguments([
            "--ignore-user-config",
            "--ignore-rules",
            "--skip-git-repo-check",
        ])
        .argument("-C")
        .argument(ask.snapshot);
    if let Some(model) = question.model() {
        call.arguments(["-m", model]);
    }
    let effort = match question.purpose {
        Purpose::Review => question.effort(),
        Purpose::Probe => Some("low"),
    };
    if let Some(effort) = effort {
        setting(&mut call, "model_reasoning_effort", &quoted(effort));
    }
    for words in [
        "project_doc_max_bytes=0",
        "skills.include_instructions=false",
        "web_search=\"disabled\"",
        "analytics.enabled=false",
        "shell_environment_policy.inherit=\"core\"",
        SHELL,
    ] {
        call.arguments(["-c", words]);
    }
    call.arguments(["--disable", "plugins"]);
    if let Some(endpoint) = question.endpoint() {
        provide(&mut call, endpoint, question.access);
    }
    if let Some(schema) = ask.schema {
        call.argument("--output-schema")
            .argument(ask.home.join(SCHEMA));
        call.files.push((SCHEMA, schema.as_bytes().to_owned()));
    }
    match question.access {
        Access::Key { key, .. } => {
            call.set("CODEX_API_KEY", key.reveal());
        }
        Access::Token { name, token } => {
            call.set(name, token.reveal());
        }
        Access::Login(variables) => call.environment.extend(variables.iter().cloned()),
        Access::Open => {}
    }
    if !question.access.is_login() {
        let home = ask.home.join(HOME);
        keep(&mut call, &home);
        call.set("HOME", question.own_home());
    }
    call.input.extend_from_slice(ask.text.as_bytes());
    Ok(call)
}

fn setting(call: &mut Invocation, name: &str, value: &str) {
    call.arguments(["-c", &format!("{name}={value}")]);
}

/// Gives it a home of its own, which has to exist.
fn keep(call: &mut Invocation, home: &Path) {
    call.files.push(("home/.codex/config.toml", Vec::new()));
    call.set("CODEX_HOME", home);
}

/// A provider of its own for an endpoint: it is asked by plain requests, and with no login.
fn provide(call: &mut Invocation, endpoint: &str, access: &Access) {
    let key = match access {
        Access::Key { .. } => ",env_key=\"CODEX_API_KEY\"",
        _ => "",
    };
    setting(call, "model_provider", &quoted(PROVIDER));
    let provider = format!(
        "{{name={},base_url={}{key},wire_api=\"responses\"}}",
        quoted(PROVIDER),
        quoted(endpoint)
    );
    setting(call, &format!("model_providers.{PROVIDER}"), &provider);
}

/// A text as a TOML string.
fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

/// What was read of the event stream.
#[derive(Debug, Default)]
pub(super) struct Stream {
    spent: Spent,
    seen: Vec<String>,
    complaint: Option<String>,
    hopeless: Option<Trouble>,
    message: Option<String>,
    completed: bool,
}

impl Reader for Stream {
    fn line(&mut self, line: &str, on: &mut dyn FnMut(Event)) -> Flow {
        let Ok(event) = serde_json::from_str::<Value>(line) else {
            return Flow::Continue(());
        };
        match event["type"].as_str().unwrap_or_default() {
            "thread.started" => on(Event::Started { model: None }),
            "item.started" | "item.completed" => return self.item(&event, on),
            "error" => return self.complains(&event["message"], on),
            "turn.completed" => self.complete(&event["usage"], on),
            "turn.failed" => {
                let words = event["error"]["message"].as_str().unwrap_or("turn failed");
                self.hopeless = Some(trouble(words));
            }
            _ => {}
        }
        Flow::Continue(())
    }

    fn outcome(&mut self, exit: &Exit<'_>) -> Result<String, Trouble> {
        if let Some(trouble) = self.hopeless.take() {
            return Err(trouble);
        }
        if !self.completed {
            return Err(Trouble::unfinished(exit, self.complaint.as_deref()));
        }
        match self.message.take() {
            Some(message) if !message.trim().is_empty() => Ok(message),
            _ => Err(Trouble::new(
                FailureKind::NoAnswer,
                "it completed its turn without an answer",
            )),
        }
    }

    fn spent(&self) -> &Spent {
        &self.spent
    }
}

impl Stream {
    fn item(&mut self, event: &Value, on: &mut dyn FnMut(Event)) -> Flow {
        let item = &event["item"];
        let kind = item["type"].as_str().unwrap_or_default();
        match kind {
            "agent_message" => {
                if event["type"] == "item.completed" {
                    self.message = item["text"].as_str().map(str::to_owned);
                }
            }
            "error" | "reasoning" | "todo_list" => {}
            "mcp_tool_call" | "web_search" => {
                let why = format!("it used what it may not: {kind}");
                self.hopeless = Some(Trouble::new(FailureKind::Unconfined, why));
                return Flow::Break(());
            }
            _ => {
                let id = item["id"].as_str().unwrap_or_default();
                if self.seen.iter().all(|seen| seen != id) {
                    self.seen.push(id.to_owned());
                    // What it said before is what it was about to do. A refusal it does not show at all.
                    self.message = None;
                    *self.spent.tools.entry(kind.to_owned()).or_default() += 1;
                    on(Event::Tool {
                        name: kind.to_owned(),
                    });
                }
            }
        }
        self.complaint = None;
        Flow::Continue(())
    }

    /// An error is no end: it goes on trying, also where that is of no use.
    fn complains(&mut self, message: &Value, on: &mut dyn FnMut(Event)) -> Flow {
        let message = message.as_str().unwrap_or_default();
        let (status, _) = vendor_words(message);
        let given_up = status
            .map(kind_of_status)
            .filter(|kind| matches!(kind, FailureKind::NotLoggedIn | FailureKind::Refused));
        if given_up.is_some() {
            self.hopeless = Some(trouble(message));
            return Flow::Break(());
        }
        let why = one_line(message);
        self.complaint = Some(why.clone());
        on(Event::Retrying { why });
        Flow::Continue(())
    }

    fn complete(&mut self, usage: &Value, on: &mut dyn FnMut(Event)) {
        self.completed = true;
        // It counts what came from a cache, and thinking, in the sums.
        self.spent.input = usage["input_tokens"].as_u64();
        self.spent.cached = usage["cached_input_tokens"].as_u64();
        self.spent.output = usage["output_tokens"].as_u64();
        if let (Some(input), Some(output)) = (self.spent.input, self.spent.output) {
            on(Event::Tokens {
                input,
                cached: self.spent.cached.unwrap_or_default(),
                output,
            });
        }
    }
}

fn trouble(message: &str) -> Trouble {
    let (status, words) = vendor_words(message);
    Trouble::in_words(status, &words)
}

/// The HTTP status in a message, if there is one, and the words in it: some are the vendor's body as it came.
fn vendor_words(message: &str) -> (Option<u64>, String) {
    let stripped = message
        .strip_prefix("Reconnecting... ")
        .and_then(|rest| rest.split_once(" (")?.1.strip_suffix(')'))
        .unwrap_or(message);
    if let Ok(body) = serde_json::from_str::<Value>(stripped)
        && let Some(words) = body["error"]["message"].as_str()
    {
        // Of bad requests it says the body and not the status.
        return (
            Some(body["status"].as_u64().unwrap_or(400)),
            words.to_owned(),
        );
    }
    let status = ["unexpected status ", "last status: "]
        .iter()
        .find_map(|before| stripped.split_once(before))
        .and_then(|(_, rest)| rest.split(' ').next()?.parse().ok());
    (status, stripped.to_owned())
}
