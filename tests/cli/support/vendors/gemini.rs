//! Google's Gemini API: what a request says, and the model's turn in its words.
//! What the model says is left to scripts.

use serde_json::{Value, json};

use super::heard::{Heard, Said, Stop, Turn, Vendor, pieces, texts, tool};

pub(super) fn heard(target: &str, body: &Value) -> Heard {
    let mut said = texts(&body["systemInstruction"]["parts"]);
    let mut results = Vec::new();
    for content in body["contents"].as_array().into_iter().flatten() {
        let parts = content["parts"].as_array().into_iter().flatten();
        for part in parts {
            if let Some(response) = part.get("functionResponse") {
                let output = &response["response"]["output"];
                let shown = output.as_str().map(str::to_owned);
                results.push(shown.unwrap_or_else(|| response["response"].to_string()));
            } else if content["role"] != "model" {
                said.extend(texts(part));
            }
        }
    }
    let config = &body["generationConfig"];
    let path = target.split('?').next().unwrap_or_default();
    Heard {
        vendor: Vendor::Gemini,
        model: path
            .rsplit('/')
            .next()
            .and_then(|last| last.split(':').next())
            .unwrap_or_default()
            .to_owned(),
        effort: config.get("thinkingConfig").map(|thinking| {
            let word = thinking.as_str().map(str::to_owned);
            word.unwrap_or_else(|| thinking.to_string())
        }),
        texts: said,
        results,
        tools: body["tools"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|group| group["functionDeclarations"].as_array())
            .flatten()
            .map(|declared| {
                let schema = declared
                    .get("parametersJsonSchema")
                    .unwrap_or(&declared["parameters"]);
                tool(&declared["name"], schema)
            })
            .collect(),
        streaming: path.ends_with(":streamGenerateContent"),
        schema: config
            .get("responseJsonSchema")
            .or_else(|| config.get("responseSchema"))
            .cloned(),
    }
}

fn finish_reason(turn: &Turn) -> &'static str {
    match turn.stop {
        Stop::Length => "MAX_TOKENS",
        Stop::Refusal => "SAFETY",
        Stop::Done => "STOP",
    }
}

fn answer(heard: &Heard, parts: &Value, finish: Value) -> Value {
    let mut candidate = json!({ "content": { "role": "model", "parts": parts }, "index": 0 });
    if !finish.is_null() {
        candidate["finishReason"] = finish;
    }
    json!({
        "candidates": [candidate],
        "usageMetadata": {
            "promptTokenCount": 1200,
            "cachedContentTokenCount": 100 * heard.results.len(),
            "candidatesTokenCount": 50,
            "thoughtsTokenCount": 10,
            "totalTokenCount": 1260,
        },
        "modelVersion": heard.model,
        "responseId": format!("response-{}", heard.results.len()),
    })
}

fn part(said: &Said) -> Value {
    match said {
        Said::Text(text) => json!({ "text": text }),
        Said::Call { name, arguments } => {
            json!({ "functionCall": { "name": name, "args": arguments } })
        }
    }
}

pub(super) fn whole(heard: &Heard, turn: &Turn) -> Value {
    let parts = turn.says.iter().map(part).collect();
    answer(heard, &parts, finish_reason(turn).into())
}

pub(super) fn events(heard: &Heard, turn: &Turn) -> Vec<String> {
    let mut parts = Vec::new();
    for said in &turn.says {
        match said {
            Said::Text(text) => {
                let pieces = pieces(text).into_iter();
                parts.extend(pieces.map(|text| json!({ "text": text })));
            }
            Said::Call { .. } => parts.push(part(said)),
        }
    }
    let last = parts.len().saturating_sub(1);
    parts
        .into_iter()
        .enumerate()
        .map(|(nth, part)| {
            let finish = if nth == last {
                finish_reason(turn).into()
            } else {
                Value::Null
            };
            format!("data: {}", answer(heard, &json!([part]), finish))
        })
        .collect()
}

pub(super) fn refusal(status: u16, message: &str) -> Value {
    let name = match status {
        400 => "INVALID_ARGUMENT",
        401 => "UNAUTHENTICATED",
        403 => "PERMISSION_DENIED",
        429 => "RESOURCE_EXHAUSTED",
        503 | 529 => "UNAVAILABLE",
        _ => "INTERNAL",
    };
    json!({ "error": { "code": status, "message": message, "status": name } })
}
