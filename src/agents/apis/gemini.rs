//! Google's Gemini API: a request of a conversation, and a turn of its streamed chunks.
//! Source: the vendor's reference of `models.streamGenerateContent`, of function calling, thought
//! signatures and structured output.

use serde_json::{Value, json};

use crate::http::KeyPlace;

use super::Vendor;
use super::conversation::{Call, Conversation, Heard, Reader, Stop, Turn, number_at, text_of};
use super::trouble::{Again, Trouble};
use crate::agents::FailureKind;

/// The Gemini API.
pub(super) struct Gemini;

impl Vendor for Gemini {
    fn address(&self) -> &'static str {
        "https://generativelanguage.googleapis.com/v1beta"
    }

    fn key_place(&self) -> KeyPlace {
        KeyPlace::Header("x-goog-api-key")
    }

    fn path(&self, model: &str, base: &str) -> String {
        let model = model.strip_prefix("models/").unwrap_or(model);
        let has_version = base.ends_with("/v1beta") || base.ends_with("/v1");
        let version = if has_version { "" } else { "/v1beta" };
        format!("{version}/models/{model}:streamGenerateContent?alt=sse")
    }

    fn body(&self, conversation: &Conversation<'_>) -> Value {
        let mut contents = vec![json!({"role": "user", "parts": [{"text": conversation.brief}]})];
        for exchange in &conversation.exchanges {
            contents.push(json!({"role": "model", "parts": exchange.said}));
            let answers: Vec<Value> = exchange
                .answers
                .iter()
                .map(|answer| {
                    let outcome = if answer.failed { "error" } else { "output" };
                    let mut response =
                        json!({"name": answer.name, "response": {outcome: answer.text}});
                    if !answer.id.is_empty() {
                        response["id"] = json!(answer.id);
                    }
                    json!({"functionResponse": response})
                })
                .collect();
            contents.push(json!({"role": "user", "parts": answers}));
        }
        let mut body = json!({"contents": contents});
        if !conversation.tools().is_empty() {
            let tools: Vec<Value> = conversation
                .tools()
                .iter()
                .map(|tool| {
                    json!({"name": tool.name, "description": tool.description, "parameters": tool.parameters})
                })
                .collect();
            body["tools"] = json!([{"functionDeclarations": tools}]);
            if !conversation.may_call {
                body["toolConfig"] = json!({"functionCallingConfig": {"mode": "NONE"}});
            }
        }
        if let Some(effort) = conversation.effort {
            // Older models take a number of tokens, newer ones a word.
            body["generationConfig"]["thinkingConfig"] = match effort.parse::<i64>() {
                Ok(budget) => json!({"thinkingBudget": budget}),
                Err(_) => json!({"thinkingLevel": effort}),
            };
        }
        if let Some(schema) = conversation.schema() {
            body["generationConfig"]["responseMimeType"] = json!("application/json");
            body["generationConfig"]["responseJsonSchema"] = schema.clone();
        }
        body
    }

    fn reader(&self) -> Box<dyn Reader> {
        Box::<Parts>::default()
    }
}

/// The parts of one candidate.
#[derive(Debug, Default)]
struct Parts {
    turn: Turn,
}

impl Parts {
    fn part(&mut self, part: &Value) {
        let is_thought = part["thought"].as_bool().unwrap_or_default();
        if let Some(call) = part.get("functionCall") {
            let arguments = &call["args"];
            self.turn.calls.push(Call {
                id: text_of(call, "id").unwrap_or_default().to_owned(),
                name: text_of(call, "name").unwrap_or_default().to_owned(),
                arguments: if arguments.is_null() {
                    String::new()
                } else {
                    arguments.to_string()
                },
            });
        }
        if let Some(text) = text_of(part, "text").filter(|_| !is_thought) {
            self.turn.text.push_str(text);
        }
        let is_signed = part.get("thoughtSignature").is_some();
        if is_thought && !is_signed {
            return;
        }
        // Text comes in many pieces; those that carry a signature must stay as they are.
        let plain = |part: &Value| {
            part.as_object()
                .is_some_and(|part| part.len() == 1 && part.contains_key("text"))
        };
        if plain(part)
            && let Some(more) = text_of(part, "text")
            && let Some(last) = self.turn.said.last_mut().filter(|last| plain(last))
            && let Some(Value::String(begun)) = last.get_mut("text")
        {
            begun.push_str(more);
            return;
        }
        self.turn.said.push(part.clone());
    }
}

impl Reader for Parts {
    fn event(&mut self, event: &Value) -> Result<Heard, Trouble> {
        if let Some(error) = event.get("error") {
            let code = text_of(error, "status").unwrap_or_default();
            return Err(Trouble::reported(code, event));
        }
        if let Some(model) = text_of(event, "modelVersion") {
            self.turn.model = Some(model.to_owned());
        }
        let usage = &event["usageMetadata"];
        if usage.is_object() {
            let count = |name| number_at(usage, name);
            let tools = count("/toolUsePromptTokenCount").unwrap_or_default();
            let thoughts = count("/thoughtsTokenCount");
            let said = count("/candidatesTokenCount");
            self.turn.usage.input = count("/promptTokenCount").map(|prompt| prompt + tools);
            self.turn.usage.cached = count("/cachedContentTokenCount");
            self.turn.usage.output = match (said, thoughts) {
                (None, None) => None,
                (said, thoughts) => Some(said.unwrap_or_default() + thoughts.unwrap_or_default()),
            };
        }
        if let Some(reason) = event
            .pointer("/promptFeedback/blockReason")
            .and_then(Value::as_str)
        {
            self.turn.stop = Stop::Declined(format!("the brief was blocked: {reason}"));
            return Ok(Heard::All);
        }
        let candidate = &event["candidates"][0];
        for part in candidate["content"]["parts"]
            .as_array()
            .into_iter()
            .flatten()
        {
            self.part(part);
        }
        let Some(reason) = text_of(candidate, "finishReason") else {
            return Ok(Heard::Part);
        };
        let words = match text_of(candidate, "finishMessage") {
            Some(message) => format!("{reason}: {message}"),
            None => reason.to_owned(),
        };
        self.turn.stop = match reason {
            "STOP" => Stop::Complete,
            "MAX_TOKENS" => Stop::CutOff(words),
            "SAFETY" | "RECITATION" | "LANGUAGE" | "BLOCKLIST" | "PROHIBITED_CONTENT" | "SPII" => {
                Stop::Declined(words)
            }
            // A call that the vendor itself can't read, and the like.
            _ => {
                return Err(Trouble::new(
                    FailureKind::NoAnswer,
                    format!("ended with {words}"),
                    Again::Few,
                ));
            }
        };
        // The last chunk has both the reason and the usage.
        Ok(if usage.is_object() {
            Heard::All
        } else {
            Heard::Part
        })
    }

    fn model(&self) -> Option<&str> {
        self.turn.model.as_deref()
    }

    fn end(self: Box<Self>) -> Turn {
        self.turn
    }
}
