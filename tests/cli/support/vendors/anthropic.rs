//! Anthropic's Messages API: what a request says, and the model's turn in its words.
//! What the model says is left to scripts.

use serde_json::{Value, json};

use super::heard::{Heard, Said, Stop, Turn, Vendor, pieces, texts, tool};

pub(super) fn heard(body: &Value) -> Heard {
    let mut said = texts(&body["system"]);
    let mut results = Vec::new();
    for message in body["messages"].as_array().into_iter().flatten() {
        let content = &message["content"];
        for part in content.as_array().into_iter().flatten() {
            if part["type"] == "tool_result" {
                results.push(texts(&part["content"]).join("\n"));
            }
        }
        if message["role"] != "assistant" {
            said.extend(texts(content));
        }
    }
    Heard {
        vendor: Vendor::Anthropic,
        model: body["model"].as_str().unwrap_or_default().to_owned(),
        effort: body["output_config"]["effort"].as_str().map(str::to_owned),
        texts: said,
        results,
        tools: body["tools"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|declared| tool(&declared["name"], &declared["input_schema"]))
            .collect(),
        streaming: body["stream"] == true,
        schema: body["output_config"]["format"].get("schema").cloned(),
    }
}

fn stop_reason(turn: &Turn) -> &'static str {
    match turn.stop {
        Stop::Length => "max_tokens",
        Stop::Refusal => "refusal",
        Stop::Done if turn.has_calls() => "tool_use",
        Stop::Done => "end_turn",
    }
}

fn usage(heard: &Heard) -> Value {
    json!({
        "input_tokens": 1200,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 100 * heard.results.len(),
        "output_tokens": 50,
    })
}

fn message(heard: &Heard, content: &Value, stop_reason: &Value) -> Value {
    json!({
        "id": format!("msg_{}", heard.results.len()),
        "type": "message",
        "role": "assistant",
        "model": heard.model,
        "content": content,
        "stop_reason": stop_reason,
        "stop_sequence": null,
        "usage": usage(heard),
    })
}

fn block(heard: &Heard, nth: usize, said: &Said) -> Value {
    match said {
        Said::Text(text) => json!({ "type": "text", "text": text }),
        Said::Call { name, arguments } => json!({
            "type": "tool_use",
            "id": format!("toolu_{}_{nth}", heard.results.len()),
            "name": name,
            "input": arguments,
        }),
    }
}

pub(super) fn whole(heard: &Heard, turn: &Turn) -> Value {
    let content = turn
        .says
        .iter()
        .enumerate()
        .map(|(nth, said)| block(heard, nth, said))
        .collect();
    message(heard, &content, &stop_reason(turn).into())
}

pub(super) fn events(heard: &Heard, turn: &Turn) -> Vec<String> {
    let mut events = vec![json!({
        "type": "message_start",
        "message": message(heard, &json!([]), &Value::Null),
    })];
    for (nth, said) in turn.says.iter().enumerate() {
        let mut opened = block(heard, nth, said);
        let deltas: Vec<Value> = match said {
            Said::Text(text) => {
                opened["text"] = "".into();
                let pieces = pieces(text).into_iter();
                pieces
                    .map(|text| json!({ "type": "text_delta", "text": text }))
                    .collect()
            }
            Said::Call { arguments, .. } => {
                opened["input"] = json!({});
                let pieces = pieces(&arguments.to_string()).into_iter();
                pieces
                    .map(|json| json!({ "type": "input_json_delta", "partial_json": json }))
                    .collect()
            }
        };
        events
            .push(json!({ "type": "content_block_start", "index": nth, "content_block": opened }));
        events.extend(
            deltas.into_iter().map(
                |delta| json!({ "type": "content_block_delta", "index": nth, "delta": delta }),
            ),
        );
        events.push(json!({ "type": "content_block_stop", "index": nth }));
    }
    events.push(json!({
        "type": "message_delta",
        "delta": { "stop_reason": stop_reason(turn), "stop_sequence": null },
        "usage": usage(heard),
    }));
    events.push(json!({ "type": "message_stop" }));
    events
        .iter()
        .map(|event| {
            let name = event["type"].as_str().unwrap_or_default();
            format!("event: {name}\ndata: {event}")
        })
        .collect()
}

pub(super) fn refusal(status: u16, message: &str) -> Value {
    let kind = match status {
        401 => "authentication_error",
        403 => "permission_error",
        400 => "invalid_request_error",
        429 => "rate_limit_error",
        529 => "overloaded_error",
        _ => "api_error",
    };
    json!({ "type": "error", "error": { "type": kind, "message": message } })
}
