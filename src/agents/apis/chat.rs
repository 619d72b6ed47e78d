//! `OpenAI`'s Chat Completions API, as servers of all sorts speak it: a request of a conversation, and a
//! turn of its streamed chunks.
//! Source: the vendor's reference of `POST /v1/chat/completions`; where servers differ, the looser reading.

use serde_json::{Value, json};

use super::conversation::{Call, Conversation, Heard, Reader, Stop, Turn, number_at, text_of};
use super::trouble::Trouble;
use super::{OPENAI, Vendor};

/// Tags in which local models write their thoughts down.
const THOUGHTS: [(&str, &str); 2] = [("<think>", "</think>"), ("<thinking>", "</thinking>")];
/// More calls of one turn than this are one too many to tell apart.
const MOST_CALLS: u64 = 1_000;

/// The Chat Completions API.
pub(super) struct Chat;

impl Vendor for Chat {
    fn address(&self) -> &'static str {
        OPENAI
    }

    fn path(&self, _model: &str, _base: &str) -> String {
        "/chat/completions".to_owned()
    }

    fn body(&self, conversation: &Conversation<'_>) -> Value {
        let mut messages = vec![json!({"role": "user", "content": conversation.brief})];
        for exchange in &conversation.exchanges {
            messages.extend(exchange.said.iter().cloned());
            messages.extend(exchange.answers.iter().map(
                |answer| json!({"role": "tool", "tool_call_id": answer.id, "content": answer.text}),
            ));
        }
        let mut body = json!({
            "model": conversation.model,
            "messages": messages,
            "stream": true,
            "stream_options": {"include_usage": true},
        });
        if !conversation.tools().is_empty() {
            let tools = conversation.tools().iter().map(|tool| {
                json!({
                    "type": "function",
                    "function": {
                        "name": tool.name,
                        "description": tool.description,
                        "parameters": tool.parameters,
                    },
                })
            });
            body["tools"] = tools.collect();
            body["tool_choice"] = json!(if conversation.may_call {
                "auto"
            } else {
                "none"
            });
        }
        if let Some(effort) = conversation.effort {
            body["reasoning_effort"] = json!(effort);
        }
        if let Some(schema) = conversation.schema() {
            body["response_format"] = json!({
                "type": "json_schema",
                "json_schema": {"name": "review", "strict": true, "schema": schema},
            });
        }
        body
    }

    fn reader(&self) -> Box<dyn Reader> {
        Box::<Chunks>::default()
    }
}

/// The chunks of one completion.
#[derive(Debug, Default)]
struct Chunks {
    text: String,
    refusal: String,
    /// Calls with the index that their chunks have.
    calls: Vec<(u64, Call)>,
    turn: Turn,
    finished: Option<String>,
}

impl Chunks {
    fn call(&mut self, chunk: &Value) {
        let given = text_of(chunk, "id").filter(|id| !id.is_empty());
        let index = number_at(chunk, "/index");
        let last = self.calls.last().map(|(index, _)| *index);
        let index = index.or(last).unwrap_or_default();
        // Some servers send every call whole, all under the same index.
        let known = self
            .calls
            .iter()
            .rposition(|(known, call)| *known == index && given.is_none_or(|id| id == call.id));
        let known = known.unwrap_or_else(|| {
            let id = given.map_or_else(|| format!("call_{}", self.calls.len()), str::to_owned);
            self.calls.push((
                index,
                Call {
                    id,
                    ..Call::default()
                },
            ));
            self.calls.len() - 1
        });
        let call = &mut self.calls[known].1;
        let function = &chunk["function"];
        call.name
            .push_str(text_of(function, "name").unwrap_or_default());
        match &function["arguments"] {
            Value::String(part) => call.arguments.push_str(part),
            Value::Null => {}
            // Some servers write an object instead of its text.
            whole => call.arguments = whole.to_string(),
        }
    }
}

impl Reader for Chunks {
    fn event(&mut self, event: &Value) -> Result<Heard, Trouble> {
        if let Some(error) = event.get("error").filter(|error| !error.is_null()) {
            let code = ["code", "type"]
                .iter()
                .find_map(|name| text_of(error, name));
            return Err(Trouble::reported(code.unwrap_or_default(), event));
        }
        if let Some(model) = text_of(event, "model") {
            self.turn.model = Some(model.to_owned());
        }
        let usage = &event["usage"];
        if usage.is_object() {
            self.turn.usage.input = number_at(usage, "/prompt_tokens");
            self.turn.usage.cached = number_at(usage, "/prompt_tokens_details/cached_tokens");
            self.turn.usage.output = number_at(usage, "/completion_tokens");
            self.turn.usage.cost = usage["cost"].as_f64();
        }
        let choice = &event["choices"][0];
        let delta = &choice["delta"];
        self.text
            .push_str(text_of(delta, "content").unwrap_or_default());
        self.refusal
            .push_str(text_of(delta, "refusal").unwrap_or_default());
        for chunk in delta["tool_calls"].as_array().into_iter().flatten() {
            self.call(chunk);
        }
        if self.calls.len() as u64 > MOST_CALLS {
            return Err(Trouble::garbled("too many tool calls"));
        }
        if let Some(reason) = text_of(choice, "finish_reason") {
            self.finished = Some(reason.to_owned());
        }
        // The usage comes after the end of the choice; the stream ends with a word that is no JSON.
        Ok(Heard::Part)
    }

    fn model(&self) -> Option<&str> {
        self.turn.model.as_deref()
    }

    fn end(self: Box<Self>) -> Turn {
        let mut turn = self.turn;
        without_thoughts(&self.text).clone_into(&mut turn.text);
        turn.calls = self.calls.into_iter().map(|(_, call)| call).collect();
        let mut said = json!({"role": "assistant", "content": turn.text});
        if !turn.calls.is_empty() {
            let calls = turn.calls.iter().map(|call| {
                json!({
                    "id": call.id,
                    "type": "function",
                    "function": {"name": call.name, "arguments": repeated(&call.arguments)},
                })
            });
            said["tool_calls"] = calls.collect();
        }
        turn.said.push(said);
        turn.stop = match self.finished.as_deref() {
            None => Stop::Broken,
            _ if !self.refusal.is_empty() => Stop::Declined(self.refusal),
            Some("content_filter") => Stop::Declined("content_filter".to_owned()),
            Some("length") => Stop::CutOff("length".to_owned()),
            Some(_) => Stop::Complete,
        };
        turn
    }
}

/// Arguments as they are repeated: servers refuse what is no JSON, even if the model wrote it.
fn repeated(arguments: &str) -> &str {
    if serde_json::from_str::<Value>(arguments).is_ok_and(|value| value.is_object()) {
        arguments
    } else {
        "{}"
    }
}

/// The text after the thoughts that it begins with; nothing if they never end.
fn without_thoughts(text: &str) -> &str {
    let mut rest = text.trim_start();
    while let Some((_, end)) = THOUGHTS.iter().find(|(begin, _)| rest.starts_with(begin)) {
        match rest.find(end) {
            Some(at) => rest = rest[at + end.len()..].trim_start(),
            None => return "",
        }
    }
    // Templates that begin the thoughts themselves leave the model only their end to write.
    for (begin, end) in THOUGHTS {
        if let Some(at) = rest.find(end)
            && !rest[..at].contains(begin)
            && !rest[..at].contains('{')
        {
            return rest[at + end.len()..].trim_start();
        }
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thoughts_are_no_part_of_the_answer() {
        for (text, answer) in [
            ("<think>\nhm { </think>\n\n{\"a\":1}", "{\"a\":1}"),
            ("<think></think><think>x</think> y", "y"),
            ("so it is\n</think>\n{\"a\":1}", "{\"a\":1}"),
            ("<think> never ends {\"a\":1}", ""),
            (
                "{\"why\":\"it says </think> here\"}",
                "{\"why\":\"it says </think> here\"}",
            ),
            (
                "{\"why\":\"<think>x</think>\"}",
                "{\"why\":\"<think>x</think>\"}",
            ),
            ("plain", "plain"),
        ] {
            assert_eq!(without_thoughts(text), answer, "{text}");
        }
    }
}
