//! Anthropic's Messages API: a request of a conversation, and a turn of its streamed events.
//! Sources: the vendor's reference of `POST /v1/messages`, of streaming, structured outputs, adaptive
//! thinking and prompt caching.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::http::KeyPlace;

use super::Vendor;
use super::conversation::{Call, Conversation, Heard, Reader, Stop, Turn, number_at, text_of};
use super::trouble::Trouble;

/// The Messages API.
pub(super) struct Anthropic;

impl Vendor for Anthropic {
    fn address(&self) -> &'static str {
        "https://api.anthropic.com/v1"
    }

    fn key_place(&self) -> KeyPlace {
        KeyPlace::Header("x-api-key")
    }

    fn headers(&self) -> &'static [(&'static str, &'static str)] {
        &[("anthropic-version", "2023-06-01")]
    }

    fn path(&self, _model: &str, base: &str) -> String {
        // The vendor's own programs take a base without the version.
        if base.ends_with("/v1") {
            "/messages".to_owned()
        } else {
            "/v1/messages".to_owned()
        }
    }

    fn body(&self, conversation: &Conversation<'_>) -> Value {
        let mut body = json!({
            "model": conversation.model,
            "max_tokens": conversation.offers.room,
            "stream": true,
            "messages": messages(conversation),
        });
        if !conversation.tools().is_empty() {
            let tools = conversation.tools().iter().map(|tool| {
                json!({"name": tool.name, "description": tool.description, "input_schema": tool.parameters})
            });
            body["tools"] = tools.collect();
            let choice = if conversation.may_call {
                "auto"
            } else {
                "none"
            };
            body["tool_choice"] = json!({"type": choice});
        }
        if conversation.offers.thinking {
            body["thinking"] = json!({"type": "adaptive"});
        }
        if let Some(effort) = conversation.effort {
            body["output_config"]["effort"] = json!(effort);
        }
        if let Some(schema) = conversation.schema() {
            body["output_config"]["format"] = json!({"type": "json_schema", "schema": schema});
        }
        body
    }

    fn reader(&self) -> Box<dyn Reader> {
        Box::<Blocks>::default()
    }
}

/// What may be cached ends at three places: the part of the brief that is always the same, the brief, and
/// the newest tool results.
fn messages(conversation: &Conversation<'_>) -> Vec<Value> {
    let cached = json!({"type": "ephemeral"});
    let (fixed, rest) = conversation.brief_in_parts();
    let brief: Vec<Value> = [fixed, rest]
        .into_iter()
        .filter(|part| !part.is_empty())
        .map(|part| json!({"type": "text", "text": part, "cache_control": cached}))
        .collect();
    let mut messages = vec![json!({"role": "user", "content": brief})];
    for exchange in &conversation.exchanges {
        messages.push(json!({"role": "assistant", "content": exchange.said}));
        let results: Vec<Value> = exchange
            .answers
            .iter()
            .map(|answer| {
                json!({
                    "type": "tool_result",
                    "tool_use_id": answer.id,
                    "content": answer.text,
                    "is_error": answer.failed,
                })
            })
            .collect();
        messages.push(json!({"role": "user", "content": results}));
    }
    if !conversation.exchanges.is_empty()
        && let Some(newest) = messages
            .last_mut()
            .and_then(|message| message["content"].as_array_mut())
            .and_then(|content| content.last_mut())
    {
        newest["cache_control"] = cached;
    }
    messages
}

/// The blocks of one message, by their index.
#[derive(Debug, Default)]
struct Blocks {
    parts: BTreeMap<u64, Block>,
    turn: Turn,
    stop: Option<String>,
    declined: Option<String>,
}

/// A block with what was added to it.
#[derive(Debug)]
struct Block {
    begun: Value,
    /// Text, thoughts, or the JSON of arguments.
    text: String,
    signature: String,
}

impl Blocks {
    fn usage(&mut self, usage: &Value) {
        let count = |name| number_at(usage, name);
        let of_cache = count("/cache_read_input_tokens");
        let to_cache = count("/cache_creation_input_tokens");
        if let Some(input) = count("/input_tokens") {
            let all = input + of_cache.unwrap_or_default() + to_cache.unwrap_or_default();
            // The last event repeats the counts of the first, in some servers as zero.
            self.turn.usage.input = self.turn.usage.input.max(Some(all));
        }
        self.turn.usage.cached = self.turn.usage.cached.max(of_cache);
        self.turn.usage.output = self.turn.usage.output.max(count("/output_tokens"));
    }

    fn delta(&mut self, index: u64, delta: &Value) {
        let Some(block) = self.parts.get_mut(&index) else {
            return;
        };
        let added = ["text", "thinking", "partial_json"]
            .iter()
            .find_map(|name| text_of(delta, name));
        block.text.push_str(added.unwrap_or_default());
        block
            .signature
            .push_str(text_of(delta, "signature").unwrap_or_default());
    }
}

impl Reader for Blocks {
    fn event(&mut self, event: &Value) -> Result<Heard, Trouble> {
        let index = number_at(event, "/index").unwrap_or_default();
        match text_of(event, "type").unwrap_or_default() {
            "message_start" => {
                let message = &event["message"];
                self.turn.model = text_of(message, "model").map(str::to_owned);
                self.usage(&message["usage"]);
            }
            "content_block_start" => {
                let begun = event["content_block"].clone();
                let text = ["text", "thinking"]
                    .iter()
                    .find_map(|name| text_of(&begun, name));
                self.parts.insert(
                    index,
                    Block {
                        text: text.unwrap_or_default().to_owned(),
                        signature: String::new(),
                        begun,
                    },
                );
            }
            "content_block_delta" => self.delta(index, &event["delta"]),
            "message_delta" => {
                self.usage(&event["usage"]);
                let delta = &event["delta"];
                self.stop = text_of(delta, "stop_reason").map(str::to_owned);
                self.declined = delta
                    .pointer("/stop_details/explanation")
                    .and_then(Value::as_str)
                    .map(str::to_owned);
            }
            "message_stop" => return Ok(Heard::All),
            "error" => {
                let code = text_of(&event["error"], "type").unwrap_or_default();
                return Err(Trouble::reported(code, event));
            }
            // Pings, ends of blocks, and what is still to be invented.
            _ => {}
        }
        Ok(Heard::Part)
    }

    fn model(&self) -> Option<&str> {
        self.turn.model.as_deref()
    }

    fn end(self: Box<Self>) -> Turn {
        let mut turn = self.turn;
        for block in self.parts.into_values() {
            let mut whole = block.begun;
            match text_of(&whole, "type").unwrap_or_default() {
                "text" => {
                    turn.text.push_str(&block.text);
                    // The vendor refuses empty ones.
                    if block.text.is_empty() {
                        continue;
                    }
                    whole["text"] = json!(block.text);
                }
                "thinking" => {
                    whole["thinking"] = json!(block.text);
                    if !block.signature.is_empty() {
                        whole["signature"] = json!(block.signature);
                    }
                }
                "tool_use" => {
                    let arguments = if block.text.is_empty() {
                        whole["input"].to_string()
                    } else {
                        block.text
                    };
                    let input = serde_json::from_str::<Value>(&arguments).ok();
                    whole["input"] = input.filter(Value::is_object).unwrap_or_else(|| json!({}));
                    turn.calls.push(Call {
                        id: text_of(&whole, "id").unwrap_or_default().to_owned(),
                        name: text_of(&whole, "name").unwrap_or_default().to_owned(),
                        arguments,
                    });
                }
                _ => {}
            }
            turn.said.push(whole);
        }
        turn.stop = match self.stop.as_deref() {
            None => Stop::Broken,
            Some("refusal") => {
                Stop::Declined(self.declined.unwrap_or_else(|| "refusal".to_owned()))
            }
            Some(limit @ ("max_tokens" | "model_context_window_exceeded")) => {
                Stop::CutOff(limit.to_owned())
            }
            Some(_) => Stop::Complete,
        };
        turn
    }
}
