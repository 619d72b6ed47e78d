//! What vendors stream for a turn of the model, written by hand.
//! What is expected of it is left to the tests.

use serde_json::{Value, json};

use crate::agents::AgentKind;

fn event(data: &Value) -> String {
    format!("data: {data}\n\n")
}

/// A stream of these events.
pub(super) fn stream(events: &[Value]) -> String {
    events.iter().map(event).collect()
}

/// How a scripted turn ends.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Last {
    Well,
    CutOff,
    Declined,
    /// The events end before the last one.
    Missing,
}

/// A turn as each vendor streams it: text in two pieces, tool calls, an end.
pub(super) fn turn(kind: AgentKind, text: &str, calls: &[(&str, Value)], last: Last) -> String {
    let (one, two) = text.split_at(text.len() / 2);
    let mut events = match kind {
        AgentKind::Anthropic => anthropic_turn(one, two, calls, last),
        AgentKind::OpenAi => responses_turn(text, calls, last),
        AgentKind::OpenAiChat => chat_turn(one, two, calls, last),
        _ => gemini_turn(one, two, calls, last),
    };
    if last == Last::Missing {
        events.pop();
    }
    let mut stream = stream(&events);
    if kind == AgentKind::OpenAiChat && last != Last::Missing {
        stream.push_str("data: [DONE]\n\n");
    }
    stream
}

fn anthropic_turn(one: &str, two: &str, calls: &[(&str, Value)], last: Last) -> Vec<Value> {
    let mut events = vec![
        json!({"type": "message_start", "message": {"model": "real-model", "usage": {"input_tokens": 10,
            "cache_read_input_tokens": 70, "cache_creation_input_tokens": 20, "output_tokens": 1}}}),
        json!({"type": "ping"}),
        json!({"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": "", "signature": ""}}),
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "secret thought"}}),
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": "c2ln"}}),
        json!({"type": "content_block_stop", "index": 0}),
        json!({"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": ""}}),
    ];
    for piece in [one, two] {
        events.push(json!({"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": piece}}));
    }
    for (number, (name, arguments)) in calls.iter().enumerate() {
        let index = number + 2;
        let text = arguments.to_string();
        let (begin, end) = text.split_at(text.len() / 2);
        events.push(json!({"type": "content_block_start", "index": index,
            "content_block": {"type": "tool_use", "id": format!("call-{number}"), "name": name, "input": {}}}));
        for piece in [begin, end] {
            events.push(json!({"type": "content_block_delta", "index": index,
                "delta": {"type": "input_json_delta", "partial_json": piece}}));
        }
    }
    let reason = match last {
        Last::CutOff => "max_tokens",
        Last::Declined => "refusal",
        _ if calls.is_empty() => "end_turn",
        _ => "tool_use",
    };
    let end = json!({"type": "message_delta", "delta": {"stop_reason": reason}, "usage": {"output_tokens": 5}});
    if last != Last::Missing {
        events.push(end);
    }
    events.push(json!({"type": "message_stop"}));
    events
}

fn responses_turn(text: &str, calls: &[(&str, Value)], last: Last) -> Vec<Value> {
    let part = match last {
        Last::Declined => json!({"type": "refusal", "refusal": "I can't help with that"}),
        _ => json!({"type": "output_text", "text": text}),
    };
    let mut items = vec![
        json!({"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "c2VhbGVk"}),
        json!({"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [part]}),
    ];
    for (number, (name, arguments)) in calls.iter().enumerate() {
        items.push(json!({"type": "function_call", "id": format!("fc_{number}"), "call_id": format!("call-{number}"),
            "name": name, "arguments": arguments.to_string()}));
    }
    let mut events = vec![json!({"type": "response.created", "response": {"model": "real-model"}})];
    events.push(json!({"type": "response.output_text.delta", "delta": text}));
    events.extend(
        items
            .iter()
            .map(|item| json!({"type": "response.output_item.done", "item": item})),
    );
    let usage = json!({"input_tokens": 100, "input_tokens_details": {"cached_tokens": 70}, "output_tokens": 5});
    events.push(match last {
        Last::CutOff => json!({"type": "response.incomplete", "response": {"model": "real-model", "status": "incomplete",
            "incomplete_details": {"reason": "max_output_tokens"}, "usage": usage}}),
        _ => json!({"type": "response.completed", "response": {"model": "real-model", "status": "completed", "usage": usage}}),
    });
    events
}

fn chat_turn(one: &str, two: &str, calls: &[(&str, Value)], last: Last) -> Vec<Value> {
    let chunk = |delta: Value| json!({"model": "real-model", "choices": [{"index": 0, "delta": delta, "finish_reason": null}]});
    let mut events = vec![
        chunk(json!({"role": "assistant", "content": "<think>secret"})),
        chunk(json!({"content": " thought</think>\n"})),
        chunk(json!({"content": one})),
        chunk(json!({"content": two, "reasoning_content": "secret thought"})),
    ];
    for (index, (name, arguments)) in calls.iter().enumerate() {
        let text = arguments.to_string();
        let (begin, end) = text.split_at(text.len() / 2);
        events.push(chunk(json!({"tool_calls": [{"index": index, "id": format!("call-{index}"), "type": "function",
            "function": {"name": name, "arguments": begin}}]})));
        events.push(chunk(
            json!({"tool_calls": [{"index": index, "function": {"arguments": end}}]}),
        ));
    }
    let reason = match last {
        Last::CutOff => "length",
        Last::Declined => "content_filter",
        _ if calls.is_empty() => "stop",
        _ => "tool_calls",
    };
    events.push(
        json!({"choices": [], "usage": {"prompt_tokens": 100, "completion_tokens": 5,
        "prompt_tokens_details": {"cached_tokens": 70}}}),
    );
    events.push(json!({"model": "real-model", "choices": [{"index": 0, "delta": {}, "finish_reason": reason}]}));
    events
}

fn gemini_turn(one: &str, two: &str, calls: &[(&str, Value)], last: Last) -> Vec<Value> {
    let chunk = |parts: Value| json!({"modelVersion": "real-model", "candidates": [{"content": {"role": "model", "parts": parts}}]});
    let mut events = vec![
        chunk(json!([{"text": "secret thought", "thought": true}])),
        chunk(json!([{"text": one}])),
        chunk(json!([{"text": two}])),
    ];
    for (name, arguments) in calls {
        events.push(chunk(json!([{"functionCall": {"name": name, "args": arguments}, "thoughtSignature": "c2ln"}])));
    }
    let reason = match last {
        Last::CutOff => "MAX_TOKENS",
        Last::Declined => "SAFETY",
        _ => "STOP",
    };
    events.push(json!({"modelVersion": "real-model", "candidates": [{"content": {"parts": []}, "finishReason": reason}],
        "usageMetadata": {"promptTokenCount": 100, "cachedContentTokenCount": 70, "candidatesTokenCount": 3, "thoughtsTokenCount": 2}}));
    events
}
