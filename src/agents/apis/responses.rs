//! `OpenAI`'s Responses API: a request of a conversation, and a turn of its streamed events.
//! Source: the vendor's reference of `POST /v1/responses` and of its stream.

use serde_json::{Value, json};

use super::conversation::{Call, Conversation, Heard, Reader, Stop, Turn, number_at, text_of};
use super::trouble::Trouble;
use super::{OPENAI, Vendor};

/// The Responses API.
pub(super) struct Responses;

impl Vendor for Responses {
    fn address(&self) -> &'static str {
        OPENAI
    }

    fn path(&self, _model: &str, _base: &str) -> String {
        "/responses".to_owned()
    }

    fn body(&self, conversation: &Conversation<'_>) -> Value {
        let brief = json!({"type": "input_text", "text": conversation.brief});
        let mut input = vec![json!({"type": "message", "role": "user", "content": [brief]})];
        for exchange in &conversation.exchanges {
            input.extend(exchange.said.iter().cloned());
            input.extend(exchange.answers.iter().map(|answer| {
                json!({"type": "function_call_output", "call_id": answer.id, "output": answer.text})
            }));
        }
        let mut body = json!({
            "model": conversation.model,
            "input": input,
            "stream": true,
            "store": false,
        });
        if !conversation.tools().is_empty() {
            let tools = conversation.tools().iter().map(|tool| {
                json!({
                    "type": "function",
                    "name": tool.name,
                    "description": tool.description,
                    "parameters": tool.parameters,
                    "strict": false,
                })
            });
            body["tools"] = tools.collect();
            body["tool_choice"] = json!(if conversation.may_call {
                "auto"
            } else {
                "none"
            });
        }
        if conversation.offers.thinking {
            // Nothing is stored, so thoughts travel with the conversation, sealed.
            body["include"] = json!(["reasoning.encrypted_content"]);
        }
        if let Some(effort) = conversation.effort {
            body["reasoning"] = json!({"effort": effort});
        }
        if let Some(schema) = conversation.schema() {
            body["text"]["format"] =
                json!({"type": "json_schema", "name": "review", "strict": true, "schema": schema});
        }
        body
    }

    fn reader(&self) -> Box<dyn Reader> {
        Box::<Items>::default()
    }
}

/// The items of one response.
#[derive(Debug, Default)]
struct Items {
    done: Vec<Value>,
    /// Text that came before its item was complete.
    begun: String,
    model: Option<String>,
    ended: Option<Value>,
}

impl Reader for Items {
    fn event(&mut self, event: &Value) -> Result<Heard, Trouble> {
        let response = &event["response"];
        if let Some(model) = text_of(response, "model") {
            self.model = Some(model.to_owned());
        }
        match text_of(event, "type").unwrap_or_default() {
            "response.output_text.delta" => {
                self.begun
                    .push_str(text_of(event, "delta").unwrap_or_default());
            }
            "response.output_item.done" => {
                self.begun.clear();
                self.done.push(event["item"].clone());
            }
            "response.completed" | "response.incomplete" => {
                self.ended = Some(response.clone());
                return Ok(Heard::All);
            }
            "response.failed" => {
                let code = text_of(&response["error"], "code").unwrap_or_default();
                return Err(Trouble::reported(code, response));
            }
            "error" => {
                let error = event
                    .get("error")
                    .filter(|error| error.is_object())
                    .unwrap_or(event);
                let code = text_of(error, "code").or_else(|| text_of(error, "type"));
                return Err(Trouble::reported(code.unwrap_or_default(), error));
            }
            _ => {}
        }
        Ok(Heard::Part)
    }

    fn model(&self) -> Option<&str> {
        self.model.as_deref()
    }

    fn end(self: Box<Self>) -> Turn {
        let mut turn = Turn {
            model: self.model,
            ..Turn::default()
        };
        let mut refusal = String::new();
        let ended = self.ended.unwrap_or_default();
        let mut items = self.done;
        if items.is_empty()
            && let Some(all) = ended["output"].as_array()
        {
            items.clone_from(all);
        }
        for mut item in items {
            match text_of(&item, "type").unwrap_or_default() {
                "message" => {
                    for part in item["content"].as_array().into_iter().flatten() {
                        turn.text
                            .push_str(text_of(part, "text").unwrap_or_default());
                        refusal.push_str(text_of(part, "refusal").unwrap_or_default());
                    }
                }
                "function_call" => {
                    let text = |name| text_of(&item, name).unwrap_or_default().to_owned();
                    turn.calls.push(Call {
                        id: text("call_id"),
                        name: text("name"),
                        arguments: text("arguments"),
                    });
                }
                // Thoughts that are not sealed are nothing that could be repeated.
                "reasoning" if item["encrypted_content"].is_null() => continue,
                _ => {}
            }
            if let Some(item) = item.as_object_mut() {
                // Ids name what the vendor stored, and it stored nothing.
                item.remove("id");
                item.remove("status");
            }
            turn.said.push(item);
        }
        if turn.text.is_empty() && turn.calls.is_empty() {
            turn.text = self.begun;
        }
        let usage = &ended["usage"];
        turn.usage.input = number_at(usage, "/input_tokens");
        turn.usage.cached = number_at(usage, "/input_tokens_details/cached_tokens");
        turn.usage.output = number_at(usage, "/output_tokens");
        let reason = ended
            .pointer("/incomplete_details/reason")
            .and_then(Value::as_str);
        turn.stop = match (text_of(&ended, "status"), reason) {
            _ if !refusal.is_empty() => Stop::Declined(refusal),
            (_, Some("content_filter")) => Stop::Declined("content_filter".to_owned()),
            (_, Some(reason)) => Stop::CutOff(reason.to_owned()),
            (Some("incomplete"), None) => Stop::CutOff("incomplete".to_owned()),
            _ if ended.is_object() => Stop::Complete,
            _ => Stop::Broken,
        };
        turn
    }
}
