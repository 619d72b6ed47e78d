//! OpenAI's Responses API: what a request says, and the model's turn in its words.
//! What the model says is left to scripts.

use serde_json::{Value, json};

use super::heard::{Heard, Said, Stop, Tool, Turn, Vendor, pieces, texts, tool};

pub(super) fn heard(body: &Value) -> Heard {
    let mut said = texts(&body["instructions"]);
    let mut results = Vec::new();
    let mut tools = declared(&body["tools"]);
    match &body["input"] {
        Value::Array(items) => {
            for item in items {
                match item["type"].as_str().unwrap_or("message") {
                    "message" if item["role"] != "assistant" => {
                        said.extend(texts(&item["content"]));
                    }
                    "function_call_output" | "custom_tool_call_output" => {
                        results.push(texts(&item["output"]).join("\n"));
                    }
                    // Newer models get their tools as an item of the conversation.
                    "additional_tools" => tools.extend(declared(&item["tools"])),
                    _ => {}
                }
            }
        }
        input => said.extend(texts(input)),
    }
    Heard {
        vendor: Vendor::Responses,
        model: body["model"].as_str().unwrap_or_default().to_owned(),
        effort: body["reasoning"]["effort"].as_str().map(str::to_owned),
        texts: said,
        results,
        tools,
        streaming: body["stream"] == true,
        schema: body["text"]["format"].get("schema").cloned(),
    }
}

/// The tools of a list, and those of the namespaces in it.
fn declared(tools: &Value) -> Vec<Tool> {
    let mut found = Vec::new();
    for declared in tools.as_array().into_iter().flatten() {
        if declared["tools"].is_array() {
            found.extend(self::declared(&declared["tools"]));
        } else {
            found.push(tool(&declared["name"], &declared["parameters"]));
        }
    }
    found
}

fn item(heard: &Heard, nth: usize, said: &Said) -> Value {
    let id = format!("{}_{nth}", heard.results.len());
    match said {
        Said::Text(text) => json!({
            "type": "message",
            "id": format!("msg_{id}"),
            "status": "completed",
            "role": "assistant",
            "content": [{ "type": "output_text", "text": text, "annotations": [] }],
        }),
        // The tool that takes free text.
        Said::Call {
            name,
            arguments: Value::String(input),
        } => json!({
            "type": "custom_tool_call",
            "id": format!("ctc_{id}"),
            "call_id": format!("call_{id}"),
            "status": "completed",
            "name": name,
            "input": input,
        }),
        Said::Call { name, arguments } => json!({
            "type": "function_call",
            "id": format!("fc_{id}"),
            "call_id": format!("call_{id}"),
            "status": "completed",
            "name": name,
            "arguments": arguments.to_string(),
        }),
    }
}

fn refuses(said: &Said) -> Option<&str> {
    match said {
        Said::Text(text) => Some(text),
        Said::Call { .. } => None,
    }
}

pub(super) fn whole(heard: &Heard, turn: &Turn) -> Value {
    let mut output: Vec<Value> = turn
        .says
        .iter()
        .enumerate()
        .map(|(nth, said)| item(heard, nth, said))
        .collect();
    if turn.stop == Stop::Refusal {
        for (item, said) in output.iter_mut().zip(&turn.says) {
            if let Some(words) = refuses(said) {
                item["content"] = json!([{ "type": "refusal", "refusal": words }]);
            }
        }
    }
    let cut = turn.stop == Stop::Length;
    json!({
        "id": format!("resp_{}", heard.results.len()),
        "object": "response",
        "status": if cut { "incomplete" } else { "completed" },
        "incomplete_details": if cut { json!({ "reason": "max_output_tokens" }) } else { Value::Null },
        "model": heard.model,
        "output": output,
        "usage": {
            "input_tokens": 1200,
            "input_tokens_details": { "cached_tokens": 100 * heard.results.len() },
            "output_tokens": 50,
            "output_tokens_details": { "reasoning_tokens": 10 },
            "total_tokens": 1250,
        },
    })
}

pub(super) fn events(heard: &Heard, turn: &Turn) -> Vec<String> {
    let response = whole(heard, turn);
    let mut opened = response.clone();
    opened["status"] = "in_progress".into();
    opened["output"] = json!([]);
    opened["usage"] = Value::Null;
    opened["incomplete_details"] = Value::Null;
    let mut events = vec![json!({ "type": "response.created", "response": opened })];
    let items = response["output"].as_array().cloned().unwrap_or_default();
    for (nth, (item, said)) in items.iter().zip(&turn.says).enumerate() {
        let mut begun = item.clone();
        begun["status"] = "in_progress".into();
        if let Said::Text(_) = said {
            begun["content"] = json!([]);
        }
        events.push(json!({
            "type": "response.output_item.added", "output_index": nth, "item": begun,
        }));
        let (kind, text) = match said {
            Said::Text(text) if turn.stop == Stop::Refusal => {
                ("response.refusal.delta", text.clone())
            }
            Said::Text(text) => ("response.output_text.delta", text.clone()),
            Said::Call {
                arguments: Value::String(input),
                ..
            } => ("response.custom_tool_call_input.delta", input.clone()),
            Said::Call { arguments, .. } => (
                "response.function_call_arguments.delta",
                arguments.to_string(),
            ),
        };
        for delta in pieces(&text) {
            events.push(json!({
                "type": kind, "item_id": item["id"], "output_index": nth, "content_index": 0,
                "delta": delta,
            }));
        }
        events.push(json!({
            "type": "response.output_item.done", "output_index": nth, "item": item,
        }));
    }
    let last = match turn.stop {
        Stop::Length => "response.incomplete",
        Stop::Done | Stop::Refusal => "response.completed",
    };
    events.push(json!({ "type": last, "response": response }));
    events
        .iter_mut()
        .enumerate()
        .map(|(nth, event)| {
            event["sequence_number"] = nth.into();
            let name = event["type"].as_str().unwrap_or_default();
            format!("event: {name}\ndata: {event}")
        })
        .collect()
}

pub(super) fn refusal(status: u16, message: &str) -> Value {
    let (kind, code) = match status {
        401 => ("invalid_request_error", "invalid_api_key"),
        429 => ("requests", "rate_limit_exceeded"),
        400 => ("invalid_request_error", "invalid_value"),
        _ => ("server_error", "server_error"),
    };
    json!({ "error": { "message": message, "type": kind, "param": null, "code": code } })
}
