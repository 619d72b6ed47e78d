//! Gemini CLI: how it is called without the user's or the repository's settings, and what its event stream means.
//! Finding it, starting it and ending it is left to `mod`.
//!
//! The stream is `-o stream-json`: one JSON object a line, `result` the last. What stands on its standard input it
//! searches for `@path` and rewrites, so the brief goes into a file that takes the place of the system's words; there it
//! replaces some words in `${…}`, and a brief that holds one is refused.

use serde_json::{Value, json};

use super::access::Access;
use super::stream::{Exit, Reader, Trouble};
use super::{Flow, Invocation, Purpose, Question};
use crate::agents::asking::{Event, FailureKind, Spent};

/// All that stands on standard input; no word of it may look like a command or a path.
const INPUT: &str =
    "The system instruction is the whole task. Do what it says and give the answer it asks for.";
/// The brief, and what it is run by, in the private directory.
const BRIEF: &str = "brief.md";
const POLICY: &str = "policy.toml";
const SETTINGS: &str = "home/.gemini/settings.json";
/// What a gateway without a key gets, because without any key the program asks nobody.
const NO_KEY: &str = "none";
/// Where its vendor is. It is said although the program knows: what stands in a file `.env` in its way counts only for
/// what is not said.
const VENDOR: &str = "https://generativelanguage.googleapis.com";
/// Turns it may take: it ends with an error after them.
const TURNS: u32 = 200;

/// The tools that read; the others are refused, and not even declared to the model.
const READERS: [&str; 5] = [
    "glob",
    "grep_search",
    "list_directory",
    "read_file",
    "read_many_files",
];
/// Tools that touch nothing.
const HARMLESS: [&str; 3] = ["exit_plan_mode", "update_topic", "write_todos"];
const REFUSED: &str = "[[rule]]\n\
    toolName = [\"run_shell_command\", \"write_file\", \"replace\", \"web_fetch\", \"google_web_search\", \
    \"invoke_agent\", \"save_memory\", \"activate_skill\"]\n\
    decision = \"deny\"\n\
    priority = 900\n";

/// What it replaces in the words of a system file, besides `${NAME_ToolName}`.
const REPLACED: [&str; 3] = ["${AgentSkills}", "${SubAgents}", "${AvailableTools}"];

pub(super) fn invocation(question: &Question<'_>) -> Result<Invocation, Trouble> {
    let ask = question.ask;
    if let Some(word) = replaced(ask.text) {
        let why = format!("gemini would replace `{word}`, which stands in the brief");
        return Err(Trouble::new(FailureKind::Refused, why));
    }
    let mut call = Invocation::default();
    call.arguments([
        "-o",
        "stream-json",
        "--approval-mode",
        "plan",
        "--skip-trust",
    ])
    .argument("--policy")
    .argument(ask.home.join(POLICY));
    if let Some(model) = question.model() {
        call.arguments(["-m", model]);
    }
    call.set("HOME", question.own_home())
        .set("GEMINI_SYSTEM_MD", ask.home.join(BRIEF))
        .set("GEMINI_CLI_NO_RELAUNCH", "true")
        .set(
            "GOOGLE_GEMINI_BASE_URL",
            question.endpoint().unwrap_or(VENDOR),
        );
    match question.access {
        Access::Key { key, .. } => call.set("GEMINI_API_KEY", key.reveal()),
        Access::Token { name, token } => call.set(name, token.reveal()),
        Access::Open | Access::Login(_) => call.set("GEMINI_API_KEY", NO_KEY),
    };
    call.files = vec![
        (BRIEF, ask.text.as_bytes().to_owned()),
        (POLICY, REFUSED.as_bytes().to_owned()),
        (SETTINGS, settings(question).to_string().into_bytes()),
    ];
    call.input.extend_from_slice(INPUT.as_bytes());
    Ok(call)
}

fn settings(question: &Question<'_>) -> Value {
    let (attempts, effort) = match question.purpose {
        Purpose::Review => (5, question.effort()),
        Purpose::Probe => (1, None),
    };
    let mut settings = json!({
        "security": { "auth": { "selectedType": "gemini-api-key" } },
        "general": { "enableAutoUpdate": false, "maxAttempts": attempts },
        "privacy": { "usageStatisticsEnabled": false },
        "context": {
            "fileFiltering": { "enableRecursiveFileSearch": false },
            // Names of files are the repository's words.
            "includeDirectoryTree": false,
        },
        "advanced": { "ignoreLocalEnv": true },
        "model": { "maxSessionTurns": TURNS },
    });
    if let (Some(effort), Some(model)) = (effort, question.model()) {
        // Older models think by a number of tokens, newer ones by a word.
        let thinking = match effort.parse::<u32>() {
            Ok(budget) => json!({ "thinkingBudget": budget }),
            Err(_) => json!({ "thinkingLevel": effort.to_ascii_uppercase() }),
        };
        settings["modelConfigs"] = json!({ "customOverrides": [{
            "match": { "model": model },
            "modelConfig": { "generateContentConfig": { "thinkingConfig": thinking } },
        }] });
    }
    settings
}

/// The first word in a text that it would replace.
fn replaced(text: &str) -> Option<String> {
    if let Some(word) = REPLACED.iter().find(|word| text.contains(**word)) {
        return Some((*word).to_owned());
    }
    text.match_indices("_ToolName}").find_map(|(end, _)| {
        let start = text[..end].rfind("${")?;
        let name = &text[start + 2..end];
        let is_name = name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        is_name.then(|| format!("${{{name}_ToolName}}"))
    })
}

/// What was read of the event stream.
#[derive(Debug, Default)]
pub(super) struct Stream {
    spent: Spent,
    /// What the model said since its last call of a tool.
    words: String,
    /// What it said before that, if it has only tidied up since.
    before: String,
    /// The tools whose results are not there yet, by the ids of the calls.
    called: Vec<(String, String)>,
    hopeless: Option<Trouble>,
    result: Option<Result<(), Trouble>>,
}

impl Reader for Stream {
    fn line(&mut self, line: &str, on: &mut dyn FnMut(Event)) -> Flow {
        let Ok(event) = serde_json::from_str::<Value>(line) else {
            return Flow::Continue(());
        };
        let text = |name: &str| event[name].as_str().unwrap_or_default();
        match text("type") {
            "init" => {
                self.spent.model = event["model"].as_str().map(str::to_owned);
                let model = self.spent.model.clone();
                on(Event::Started { model });
            }
            "message" if text("role") == "assistant" => self.words.push_str(text("content")),
            "tool_use" => {
                let name = text("tool_name").to_owned();
                let said = std::mem::take(&mut self.words);
                if !HARMLESS.contains(&name.as_str()) {
                    // It was about to look: what it said is no answer.
                    self.before.clear();
                } else if !said.trim().is_empty() {
                    self.before = said;
                }
                self.called.push((text("tool_id").to_owned(), name.clone()));
                if !HARMLESS.contains(&name.as_str()) {
                    *self.spent.tools.entry(name.clone()).or_default() += 1;
                    on(Event::Tool { name });
                }
            }
            "tool_result" => return self.returned(text("tool_id"), text("status")),
            "result" => self.end(&event, on),
            _ => {}
        }
        Flow::Continue(())
    }

    fn outcome(&mut self, exit: &Exit<'_>) -> Result<String, Trouble> {
        if let Some(trouble) = self.hopeless.take() {
            return Err(trouble);
        }
        match self.result.take() {
            Some(Ok(())) => {}
            Some(Err(trouble)) => return Err(trouble),
            None => return Err(unfinished(exit)),
        }
        [&mut self.words, &mut self.before]
            .into_iter()
            .find(|words| !words.trim().is_empty())
            .map(std::mem::take)
            .ok_or_else(|| Trouble::new(FailureKind::NoAnswer, "its answer is empty"))
    }

    fn spent(&self) -> &Spent {
        &self.spent
    }
}

impl Stream {
    /// A tool did something: none may that does more than read.
    fn returned(&mut self, id: &str, status: &str) -> Flow {
        let Some(at) = self.called.iter().position(|(called, _)| called == id) else {
            return Flow::Continue(());
        };
        let (_, name) = self.called.remove(at);
        let known = READERS.contains(&name.as_str()) || HARMLESS.contains(&name.as_str());
        if status != "success" || known {
            return Flow::Continue(());
        }
        let why = format!("it used what it may not: {name}");
        self.hopeless = Some(Trouble::new(FailureKind::Unconfined, why));
        Flow::Break(())
    }

    fn end(&mut self, event: &Value, on: &mut dyn FnMut(Event)) {
        let stats = &event["stats"];
        if stats["total_tokens"].as_u64().unwrap_or(0) > 0 {
            let total = stats["total_tokens"].as_u64();
            self.spent.input = stats["input_tokens"].as_u64();
            self.spent.cached = stats["cached"].as_u64();
            // The output leaves thinking out, the total does not.
            self.spent.output = match (total, self.spent.input) {
                (Some(total), Some(input)) => Some(total.saturating_sub(input)),
                _ => stats["output_tokens"].as_u64(),
            };
            if let Some((model, _)) = stats["models"].as_object().and_then(|models| {
                models
                    .iter()
                    .max_by_key(|(_, stats)| stats["output_tokens"].as_u64())
            }) {
                self.spent.model = Some(model.clone());
            }
        }
        if let (Some(input), Some(output)) = (self.spent.input, self.spent.output) {
            on(Event::Tokens {
                input,
                cached: self.spent.cached.unwrap_or_default(),
                output,
            });
        }
        self.result = Some(match event["status"].as_str() {
            Some("success") => Ok(()),
            _ => Err(failure(&event["error"])),
        });
    }
}

/// The failure in a `result`: its message has the vendor's body in it.
fn failure(error: &Value) -> Trouble {
    let Some(message) = error["message"].as_str() else {
        // So it ends when the vendor's stream did before its end, whenever it tried.
        let why = "its vendor's stream broke off, and it says no more than that";
        return Trouble::new(FailureKind::Unavailable, why);
    };
    let said = message
        .strip_prefix("[API Error: ")
        .and_then(|rest| rest.strip_suffix(']'));
    let body = said.and_then(|body| serde_json::from_str::<Value>(body).ok());
    if let Some(body) = body
        && let Some(words) = body["error"]["message"].as_str()
    {
        return Trouble::in_words(body["error"]["code"].as_u64(), words);
    }
    match said {
        // What came was not what the vendor's API says.
        Some(words) => Trouble::new(FailureKind::Unavailable, words),
        None if error["type"] == "INVALID_STREAM" => {
            Trouble::new(FailureKind::Unavailable, message)
        }
        None => Trouble::in_words(None, message),
    }
}

/// It ended without a result; some of its exit codes say why.
fn unfinished(exit: &Exit<'_>) -> Trouble {
    let trouble = Trouble::unfinished(exit, complaint(exit.stderr).as_deref());
    let kind = match exit.code {
        Some(41) => FailureKind::NotLoggedIn,
        _ => trouble.kind,
    };
    Trouble { kind, ..trouble }
}

/// The last thing on standard error that is no warning about the terminal and no line of a trace: what it says of a
/// try that failed has the vendor's body in it.
fn complaint(stderr: &str) -> Option<String> {
    let told = stderr
        .lines()
        .map(str::trim)
        .filter(|line| !line.starts_with("at "))
        .rfind(|line| line.contains("rror") || line.contains("failed"))?;
    let body = told
        .split_once("rror: ")
        .and_then(|(_, body)| serde_json::from_str::<Value>(body).ok());
    let words = body.as_ref().and_then(|body| {
        let error = &body["error"];
        let words = error["message"].as_str()?;
        Some(match error["code"].as_u64() {
            Some(status) => format!("HTTP {status}: {words}"),
            None => words.to_owned(),
        })
    });
    Some(words.unwrap_or_else(|| told.to_owned()))
}
