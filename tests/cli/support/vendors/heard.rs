//! What a request asks of a model, and what the model says to it, in no vendor's words.
//! Reading and writing the vendors' words is left to the file of each.

use serde_json::{Map, Value, json};

/// Whose words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Vendor {
    /// Anthropic Messages.
    Anthropic,
    /// OpenAI Responses.
    Responses,
    /// OpenAI Chat Completions.
    Chat,
    /// Gemini.
    Gemini,
}

/// What a model hears.
#[derive(Clone, Debug)]
pub(crate) struct Heard {
    /// Whose words it was in.
    pub(crate) vendor: Vendor,
    /// The model that is asked.
    pub(crate) model: String,
    /// How hard it is to think, where it says so.
    pub(crate) effort: Option<String>,
    /// What the system and the user say, one text after the other.
    pub(crate) texts: Vec<String>,
    /// What tools gave back so far.
    pub(crate) results: Vec<String>,
    /// The tools it may use.
    pub(crate) tools: Vec<Tool>,
    /// Whether the answer is to come in pieces.
    pub(crate) streaming: bool,
    /// The schema the answer is to keep to, where the vendor enforces one.
    pub(crate) schema: Option<Value>,
}

/// A tool that a client declares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tool {
    /// Its name.
    pub(crate) name: String,
    /// The names of its parameters.
    pub(crate) parameters: Vec<String>,
}

/// One turn of a model.
#[derive(Clone, Debug)]
pub(crate) struct Turn {
    /// What it says, in order.
    pub(crate) says: Vec<Said>,
    /// Why it stops.
    pub(crate) stop: Stop,
}

/// A piece of a turn.
#[derive(Clone, Debug)]
pub(crate) enum Said {
    /// Words.
    Text(String),
    /// A call of a tool.
    Call {
        /// The tool.
        name: String,
        /// By parameter.
        arguments: Value,
    },
}

/// Why a model stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// It is done, or waits for its tools.
    Done,
    /// The vendor's limit on what it may say.
    Length,
    /// It declines.
    Refusal,
}

impl Turn {
    /// Words, and nothing to follow.
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self {
            says: vec![Said::Text(text.into())],
            stop: Stop::Done,
        }
    }

    /// True if it calls a tool.
    pub(crate) fn has_calls(&self) -> bool {
        self.says
            .iter()
            .any(|said| matches!(said, Said::Call { .. }))
    }

    /// Calls of tools.
    pub(crate) fn calls(calls: Vec<Said>) -> Self {
        Self {
            says: calls,
            stop: Stop::Done,
        }
    }
}

impl Heard {
    /// Everything the system and the user said, joined by newlines.
    pub(crate) fn text(&self) -> String {
        self.texts.join("\n")
    }

    /// True if a client declared the tool.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.tools.iter().any(|tool| tool.name == name)
    }

    /// A call that reads a file by whatever the client declared for it.
    pub(crate) fn read(&self, path: &str) -> Option<Said> {
        let reader = self
            .tools
            .iter()
            .find(|tool| matches!(tool.name.as_str(), "Read" | "read_file"))?;
        let parameter = ["file_path", "path", "absolute_path"]
            .into_iter()
            .find(|name| reader.parameters.iter().any(|known| known == name))?;
        Some(call(&reader.name, &[(parameter, path)]))
    }

    /// A call that runs a command by whatever the client declared for it.
    pub(crate) fn shell(&self, command: &str) -> Option<Said> {
        let shell = self.tools.iter().find(|tool| {
            matches!(
                tool.name.as_str(),
                "Bash" | "run_shell_command" | "exec_command" | "shell" | "exec"
            )
        })?;
        Some(match shell.name.as_str() {
            "exec_command" => call("exec_command", &[("cmd", command)]),
            "shell" => Said::Call {
                name: "shell".to_owned(),
                arguments: json!({ "command": ["bash", "-lc", command] }),
            },
            // A tool whose only argument is a program in JavaScript.
            "exec" => Said::Call {
                name: "exec".to_owned(),
                arguments: Value::String(format!(
                    "const done = await tools.exec_command({{cmd: {}}}); text(done.output);",
                    Value::String(command.to_owned())
                )),
            },
            name => call(name, &[("command", command), ("description", "looks")]),
        })
    }
}

/// A call with text arguments.
pub(crate) fn call(name: &str, arguments: &[(&str, &str)]) -> Said {
    let arguments: Map<String, Value> = arguments
        .iter()
        .map(|(name, value)| ((*name).to_owned(), Value::from(*value)))
        .collect();
    Said::Call {
        name: name.to_owned(),
        arguments: Value::Object(arguments),
    }
}

/// The texts in a value that is a text, a list of parts with a `text`, or one such part.
pub(super) fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(parts) => parts.iter().flat_map(texts).collect(),
        Value::Object(part) => part.get("text").map(texts).unwrap_or_default(),
        _ => Vec::new(),
    }
}

/// A tool from its name and the JSON schema of its parameters.
pub(super) fn tool(name: &Value, schema: &Value) -> Tool {
    let parameters = schema["properties"].as_object();
    Tool {
        name: name.as_str().unwrap_or_default().to_owned(),
        parameters: parameters
            .map(|properties| properties.keys().cloned().collect())
            .unwrap_or_default(),
    }
}

/// A text in pieces, as a stream has them; the cuts fall anywhere.
pub(super) fn pieces(text: &str) -> Vec<String> {
    let letters: Vec<char> = text.chars().collect();
    let length = letters.len().div_ceil(3).clamp(1, 8 << 10);
    letters
        .chunks(length)
        .map(|piece| piece.iter().collect())
        .collect()
}
