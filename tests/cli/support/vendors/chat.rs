//! OpenAI's Chat Completions API, the one that local servers speak too: what a request says, and the model's turn in
//! its words.
//! What the model says is left to scripts.

use serde_json::{Value, json};

use super::heard::{Heard, Said, Stop, Turn, Vendor, pieces, texts, tool};

pub(super) fn heard(body: &Value) -> Heard {
    let mut said = Vec::new();
    let mut results = Vec::new();
    for message in body["messages"].as_array().into_iter().flatten() {
        match message["role"].as_str() {
            Some("assistant") => {}
            Some("tool") => results.push(texts(&message["content"]).join("\n")),
            _ => said.extend(texts(&message["content"])),
        }
    }
    Heard {
        vendor: Vendor::Chat,
        model: body["model"].as_str().unwrap_or_default().to_owned(),
        effort: body["reasoning_effort"].as_str().map(str::to_owned),
        texts: said,
        results,
        tools: body["tools"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|declared| &declared["function"])
            .map(|function| tool(&function["name"], &function["parameters"]))
            .collect(),
        streaming: body["stream"] == true,
        schema: body["response_format"]["json_schema"]
            .get("schema")
            .cloned(),
    }
}

fn finish_reason(turn: &Turn) -> &'static str {
    match turn.stop {
        Stop::Length => "length",
        Stop::Refusal => "content_filter",
        Stop::Done if turn.has_calls() => "tool_calls",
        Stop::Done => "stop",
    }
}

fn usage(heard: &Heard) -> Value {
    json!({
        "prompt_tokens": 1200,
        "completion_tokens": 50,
        "total_tokens": 1250,
        "prompt_tokens_details": { "cached_tokens": 100 * heard.results.len() },
        "completion_tokens_details": { "reasoning_tokens": 10 },
    })
}

fn tool_call(heard: &Heard, nth: usize, name: &str, arguments: &str) -> Value {
    json!({
        "index": nth,
        "id": format!("call_{}_{nth}", heard.results.len()),
        "type": "function",
        "function": { "name": name, "arguments": arguments },
    })
}

fn envelope(heard: &Heard, kind: &str, choices: &Value) -> Value {
    json!({
        "id": format!("chatcmpl-{}", heard.results.len()),
        "object": kind,
        "created": 1_767_323_045,
        "model": heard.model,
        "choices": choices,
    })
}

pub(super) fn whole(heard: &Heard, turn: &Turn) -> Value {
    let mut text = String::new();
    let mut calls = Vec::new();
    for said in &turn.says {
        match said {
            Said::Text(words) => text.push_str(words),
            Said::Call { name, arguments } => {
                calls.push(tool_call(heard, calls.len(), name, &arguments.to_string()));
            }
        }
    }
    let mut message = json!({ "role": "assistant", "content": text });
    if !calls.is_empty() {
        message["tool_calls"] = calls.into();
    }
    let choices = json!([{ "index": 0, "message": message, "finish_reason": finish_reason(turn) }]);
    let mut whole = envelope(heard, "chat.completion", &choices);
    whole["usage"] = usage(heard);
    whole
}

pub(super) fn events(heard: &Heard, turn: &Turn) -> Vec<String> {
    let mut deltas = vec![json!({ "role": "assistant", "content": "" })];
    let mut calls = 0;
    for said in &turn.says {
        match said {
            Said::Text(text) => {
                let pieces = pieces(text).into_iter();
                deltas.extend(pieces.map(|text| json!({ "content": text })));
            }
            Said::Call { name, arguments } => {
                let call = tool_call(heard, calls, name, "");
                deltas.push(json!({ "tool_calls": [call] }));
                let pieces = pieces(&arguments.to_string()).into_iter();
                deltas.extend(pieces.map(|json| {
                    json!({ "tool_calls": [{ "index": calls, "function": { "arguments": json } }] })
                }));
                calls += 1;
            }
        }
    }
    let chunk = |delta: Value, finish: Value| {
        let choices = json!([{ "index": 0, "delta": delta, "finish_reason": finish }]);
        envelope(heard, "chat.completion.chunk", &choices)
    };
    let mut events: Vec<Value> = deltas
        .into_iter()
        .map(|delta| chunk(delta, Value::Null))
        .collect();
    events.push(chunk(json!({}), finish_reason(turn).into()));
    let mut last = envelope(heard, "chat.completion.chunk", &json!([]));
    last["usage"] = usage(heard);
    events.push(last);
    let mut lines: Vec<String> = events
        .iter()
        .map(|event| format!("data: {event}"))
        .collect();
    lines.push("data: [DONE]".to_owned());
    lines
}
