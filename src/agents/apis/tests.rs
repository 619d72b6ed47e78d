//! Every kind of agent over HTTP against a server that says what vendors say, and what breaks.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;

use super::*;
use crate::diff::RepoPath;
use crate::git::fixture::Fixture;
use crate::http::fixture::{Ending, Scripted, Server};
use crate::snapshot::Redacted;

const KEY: &str = "sk-never-to-be-seen-4711";
const KINDS: [AgentKind; 4] = [
    AgentKind::Anthropic,
    AgentKind::OpenAi,
    AgentKind::OpenAiChat,
    AgentKind::GeminiApi,
];
const ANSWER: &str = r#"{"review":"r-1","findings":[]}"#;
const SCHEMA: &str = r#"{"type":"object","properties":{"review":{"type":"string"}}}"#;
/// More than any of these may take on a slow machine.
const SOON: Duration = Duration::from_secs(60);

fn event(data: &Value) -> String {
    format!("data: {data}\n\n")
}

fn stream(events: &[Value]) -> String {
    events.iter().map(event).collect()
}

/// How a scripted turn ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Last {
    Well,
    CutOff,
    Declined,
    /// The events end before the last one.
    Missing,
}

/// A turn as each vendor streams it: text in two pieces, tool calls, an end.
fn turn(kind: AgentKind, text: &str, calls: &[(&str, Value)], last: Last) -> String {
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

fn good(kind: AgentKind) -> Scripted {
    Scripted::events(turn(kind, ANSWER, &[], Last::Well))
}

/// A snapshot with one secret in it.
struct Place {
    fixture: Fixture,
    base: String,
    head: String,
}

impl Place {
    fn new() -> Self {
        let fixture = Fixture::new();
        fixture.write("a.rs", "fn old() {}\n");
        let base = fixture.commit().to_string();
        fixture.write("a.rs", "fn new() {}\nlet token = \"hunter2\";\n");
        let head = fixture.commit().to_string();
        Self {
            fixture,
            base,
            head,
        }
    }

    fn ask(&self) -> Ask<'_> {
        Ask {
            text: "Fixed gr\u{fc}n words. @a.rs \"$@\" ~/x",
            static_prefix: "Fixed gr\u{fc}n".len(),
            schema: Some(SCHEMA),
            snapshot: self.fixture.root(),
            home: self.fixture.root(),
            commits: (&self.head, &self.base),
            nonce: "7f3a9c",
            total: Duration::from_secs(120),
            idle: Duration::from_secs(60),
        }
    }
}

/// What came of asking, what was announced, and how long it took.
struct Outcome {
    ended: Result<Answer, Failure>,
    events: Vec<Event>,
    took: Duration,
}

impl Outcome {
    fn failure(&self) -> &Failure {
        self.ended.as_ref().unwrap_err()
    }

    fn retries(&self) -> Vec<&str> {
        let mut retries = Vec::new();
        for event in &self.events {
            if let Event::Retrying { why } = event {
                retries.push(why.as_str());
            }
        }
        retries
    }
}

fn agent(kind: AgentKind, server: &Server) -> Agent {
    let version = match kind {
        AgentKind::Anthropic => "",
        AgentKind::GeminiApi => "/v1beta",
        _ => "/v1",
    };
    Agent {
        name: "house".to_owned(),
        kind,
        model: Some("asked-model".to_owned()),
        effort: Some("high".to_owned()),
        endpoint: Some(format!("{}{version}", server.url())),
        key_env: Some("HOUSE_KEY".to_owned()),
        command: Vec::new(),
        redact: true,
    }
}

fn asked(place: &Place, kind: AgentKind, server: &Server, ask: Ask<'_>) -> Outcome {
    asked_with(place, kind, server, ask, Secret::new(KEY))
}

/// Asks, and sees to it that the key is in nothing that comes back.
fn asked_with(
    _: &Place,
    kind: AgentKind,
    server: &Server,
    ask: Ask<'_>,
    key: Option<Secret>,
) -> Outcome {
    let begun = Instant::now();
    let mut events = Vec::new();
    let means = Means {
        key,
        redact: &|_: &RepoPath, text: &[u8]| {
            let text = String::from_utf8_lossy(text).replace("hunter2", "[REDACTED]");
            Redacted::Text(text.into_bytes())
        },
        interrupted: &|| false,
        first_wait: Duration::from_millis(1),
    };
    let ended = ask_with(&agent(kind, server), &ask, means, &mut |event| {
        events.push(event);
    });
    let took = begun.elapsed();
    assert!(took < SOON, "{kind:?} {took:?}");
    let transcript = match &ended {
        Ok(answer) => &answer.transcript,
        Err(failure) => &failure.transcript,
    };
    let all = format!(
        "{ended:?} {events:?} {}",
        String::from_utf8_lossy(transcript)
    );
    assert!(!all.contains("never-to-be-seen"), "{all}");
    Outcome {
        ended,
        events,
        took,
    }
}

/// Asks a server that always says the same.
fn always(kind: AgentKind, scripted: Scripted) -> (Outcome, Server) {
    let place = Place::new();
    let server = Server::start(move |_, _| scripted.clone());
    let outcome = asked(&place, kind, &server, place.ask());
    (outcome, server)
}

#[test]
fn each_kind_calls_tools_and_answers() {
    let place = Place::new();
    for kind in KINDS {
        let server = Server::start(move |number, _| match number {
            0 => {
                let calls = [
                    ("read_file", json!({"path": "a.rs"})),
                    ("grep", json!({"pattern": "fn", "base": true})),
                    ("run_shell", json!({"command": "id"})),
                ];
                Scripted::events(turn(kind, "Let me look.", &calls, Last::Well))
            }
            _ => good(kind),
        });
        let outcome = asked(&place, kind, &server, place.ask());
        let answer = outcome.ended.unwrap();
        assert_eq!(answer.text, ANSWER, "{kind:?}");
        let tools: Vec<_> = answer.spent.tools.iter().collect();
        let names: Vec<_> = tools
            .iter()
            .map(|(name, count)| format!("{name} {count}"))
            .collect();
        assert_eq!(names, ["grep 1", "read_file 1", "unknown 1"]);
        let spent = &answer.spent;
        assert_eq!(
            (spent.input, spent.cached, spent.output, spent.cost),
            (Some(200), Some(140), Some(10), None),
            "{kind:?}"
        );
        assert_eq!(spent.model.as_deref(), Some("real-model"));
        let tool = |name: &str| Event::Tool {
            name: name.to_owned(),
        };
        let tokens = |input, output| Event::Tokens { input, output };
        assert_eq!(
            outcome.events,
            [
                Event::Started {
                    model: Some("real-model".to_owned())
                },
                tokens(100, 5),
                tool("read_file"),
                tool("grep"),
                tool("unknown"),
                tokens(200, 10),
            ]
        );
        let requests = server.asked();
        assert_eq!(requests.len(), 2);
        let second = &requests[1].body;
        assert!(second.contains(
            "<<<data 7f3a9c read_file\\n1\\tfn new() {}\\n2\\tlet token = \\\"[REDACTED]\\\";"
        ));
        assert!(second.contains("a.rs:1: fn old() {}"));
        assert!(second.contains("error: there is no tool `run_shell`"));
        assert!(second.contains("Let me look."));
        let is_repeated = second.contains("secret thought");
        // Anthropic wants sealed thoughts back, nobody else gets them.
        assert_eq!(is_repeated, kind == AgentKind::Anthropic);
        let transcript = String::from_utf8(answer.transcript).unwrap();
        let lines: Vec<Value> = transcript
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(lines.len(), 6);
        assert_eq!(lines[0]["asked"]["host"], "127.0.0.1");
        assert_eq!(lines[1]["calls"][0]["tool"], "read_file");
        assert_eq!(lines[4]["refused"], "error: there is no tool `run_shell`");
        assert_eq!(lines[5]["said"], ANSWER);
        assert!(!transcript.contains("hunter2"));
    }
}

#[test]
fn each_kind_gets_the_brief_byte_for_byte_its_schema_and_its_key() {
    let place = Place::new();
    for kind in KINDS {
        let server = Server::start(move |_, _| good(kind));
        asked(&place, kind, &server, place.ask()).ended.unwrap();
        let request = &server.asked()[0];
        let body = request.json();
        let texts = |pointer: &str| -> String {
            let parts = body.pointer(pointer).unwrap().as_array().unwrap();
            parts
                .iter()
                .map(|part| part["text"].as_str().unwrap())
                .collect()
        };
        let schema: Value = serde_json::from_str(SCHEMA).unwrap();
        let (line, key, brief, schema_at, effort_at, tools_at) = match kind {
            AgentKind::Anthropic => (
                "POST /v1/messages ",
                format!("x-api-key: {KEY}"),
                texts("/messages/0/content"),
                "/output_config/format/schema",
                "/output_config/effort",
                "/tools",
            ),
            AgentKind::OpenAi => (
                "POST /v1/responses ",
                format!("authorization: Bearer {KEY}"),
                texts("/input/0/content"),
                "/text/format/schema",
                "/reasoning/effort",
                "/tools",
            ),
            AgentKind::OpenAiChat => (
                "POST /v1/chat/completions ",
                format!("authorization: Bearer {KEY}"),
                body["messages"][0]["content"].as_str().unwrap().to_owned(),
                "/response_format/json_schema/schema",
                "/reasoning_effort",
                "/tools",
            ),
            _ => (
                "POST /v1beta/models/asked-model:streamGenerateContent?alt=sse ",
                format!("x-goog-api-key: {KEY}"),
                texts("/contents/0/parts"),
                "/generationConfig/responseJsonSchema",
                "/generationConfig/thinkingConfig/thinkingLevel",
                "/tools/0/functionDeclarations",
            ),
        };
        assert!(request.head.starts_with(line), "{}", request.head);
        assert!(request.head.contains(&format!("{key}\r\n")), "{kind:?}");
        assert_eq!(request.head.matches(KEY).count(), 1);
        assert!(!request.body.contains(KEY));
        assert_eq!(brief, place.ask().text);
        assert_eq!(body.pointer(schema_at), Some(&schema), "{kind:?}");
        assert_eq!(body.pointer(effort_at), Some(&json!("high")));
        assert_eq!(body.pointer(tools_at).unwrap().as_array().unwrap().len(), 6);
        if kind == AgentKind::Anthropic {
            assert_eq!(body["messages"][0]["content"][0]["text"], "Fixed gr\u{fc}n");
            assert_eq!(
                body["messages"][0]["content"][0]["cache_control"]["type"],
                "ephemeral"
            );
        }
    }
}

#[test]
fn a_local_server_is_asked_without_a_key_and_refuses_what_it_can_t_do() {
    let place = Place::new();
    let server = Server::start(|_, request| {
        let body = request.json();
        if !body["response_format"].is_null() {
            return Scripted::new(400, "", r#"{"error":{"message":"unsupported value"}}"#);
        }
        if !body["tools"].is_null() {
            return Scripted::new(400, "", r#"{"error":"this model does not support tools"}"#);
        }
        good(AgentKind::OpenAiChat)
    });
    let outcome = asked_with(&place, AgentKind::OpenAiChat, &server, place.ask(), None);
    assert_eq!(
        outcome.retries(),
        [
            "HTTP status 400: unsupported value; asked again without the schema",
            "HTTP status 400: this model does not support tools; asked again without tools",
        ]
    );
    assert_eq!(outcome.ended.unwrap().text, ANSWER);
    for request in server.asked() {
        assert!(!request.head.to_lowercase().contains("authorization"));
    }
}

#[test]
fn vendors_that_refuse_an_offer_are_asked_without_it() {
    let place = Place::new();
    for (kind, words, member) in [
        (
            AgentKind::Anthropic,
            "adaptive thinking is not supported on this model",
            "thinking",
        ),
        (
            AgentKind::OpenAi,
            "Encrypted content is not supported with this model.",
            "include",
        ),
        (
            AgentKind::GeminiApi,
            "Function calling with a response mime type: 'application/json' is unsupported",
            "responseMimeType",
        ),
        (
            AgentKind::Anthropic,
            "max_tokens: 64000 > 32000, which is the maximum",
            "64000",
        ),
    ] {
        let server = Server::start(move |_, request| {
            if request.body.contains(&format!("\"{member}\":"))
                || request.body.contains(":64000") && member == "64000"
            {
                let error = json!({"error": {"message": words}});
                return Scripted::new(400, "", error.to_string());
            }
            good(kind)
        });
        let outcome = asked(&place, kind, &server, place.ask());
        assert_eq!(outcome.retries().len(), 1, "{words}");
        outcome.ended.unwrap();
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn what_is_no_answer_fails_by_name_at_once_or_after_a_few_tries() {
    use FailureKind::{
        CutOff, Declined, NoAnswer, NotLoggedIn, RateLimited, Refused, TooMuch, Unavailable,
    };
    let error = |status: u16, words: &str| {
        let body = json!({"error": {"message": format!("{words} {KEY}")}});
        Scripted::new(
            status,
            "content-type: application/json\r\nretry-after: 0\r\n",
            body.to_string(),
        )
    };
    let well = |kind| turn(kind, ANSWER, &[], Last::Well);
    for kind in KINDS {
        let empty = || turn(kind, "", &[], Last::Well);
        let cases = [
            (error(401, "bad key"), NotLoggedIn, "bad key ***", 1),
            (
                error(400, "prompt is too long"),
                Refused,
                "prompt is too long ***",
                // Loose servers don't say why, so they are asked once more without the schema.
                if kind == AgentKind::OpenAiChat { 2 } else { 1 },
            ),
            (error(404, "no such model"), Refused, "no such model ***", 1),
            (error(429, "slow down"), RateLimited, "slow down ***", 9),
            (error(500, "oops"), Unavailable, "oops ***", 9),
            (error(529, "Overloaded"), Unavailable, "Overloaded ***", 9),
            (
                Scripted::new(200, "content-type: text/html\r\n", "<title>Log in</title>"),
                Unavailable,
                "text/html instead of a stream of events: a web page, Log in",
                1,
            ),
            (Scripted::events(""), Unavailable, "broke off", 3),
            (Scripted::events(empty()), NoAnswer, "without a word", 3),
            (
                Scripted::events(turn(kind, ANSWER, &[], Last::Missing)),
                Unavailable,
                "broke off",
                3,
            ),
            (
                Scripted::events(turn(kind, ANSWER, &[], Last::Missing)).then(Ending::Drop),
                Unavailable,
                "the connection broke",
                3,
            ),
            (
                Scripted {
                    head: String::new(),
                    ..Scripted::events("").then(Ending::Drop)
                },
                Unavailable,
                "the connection broke",
                3,
            ),
            (
                Scripted::events(format!("data: {{\"oops {KEY}\n\n{}", well(kind))),
                Unavailable,
                "can't be read: {\"oops ***",
                3,
            ),
            (
                Scripted::events(turn(kind, ANSWER, &[], Last::CutOff)),
                CutOff,
                "cut off at the vendor's limit",
                1,
            ),
            (
                Scripted::events(turn(kind, "no", &[], Last::Declined)),
                Declined,
                "declined: ",
                1,
            ),
            (
                Scripted {
                    times: 20,
                    ..Scripted::events(vec![b'x'; 1 << 20])
                },
                TooMuch,
                "too long",
                1,
            ),
            (
                Scripted {
                    times: 20 << 10,
                    ..Scripted::events(format!(": {}\n", "x".repeat(1021)))
                },
                TooMuch,
                "longer than 16 MB",
                1,
            ),
        ];
        for (scripted, failed, words, requests) in cases {
            let (outcome, server) = always(kind, scripted);
            let failure = outcome.failure();
            assert_eq!(failure.kind, failed, "{kind:?} {words}: {}", failure.why);
            assert!(
                failure.why.contains(words),
                "{kind:?} {words}: {}",
                failure.why
            );
            assert!(!failure.why.contains('\n'));
            assert_eq!(server.asked().len(), requests, "{kind:?} {words}");
            assert_eq!(outcome.retries().len(), requests - 1);
            let transcript = String::from_utf8_lossy(&failure.transcript);
            let last = transcript.lines().last().unwrap();
            assert!(last.contains("\"then\":\"given up\""), "{transcript}");
        }
    }
}

#[test]
fn an_error_inside_a_stream_is_the_vendor_s_word() {
    for (kind, event, failed, words, requests) in [
        (
            AgentKind::Anthropic,
            json!({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}),
            FailureKind::Unavailable,
            "Overloaded (overloaded_error)",
            9,
        ),
        (
            AgentKind::OpenAi,
            json!({"type": "response.failed", "response": {"status": "failed",
                "error": {"code": "rate_limit_exceeded", "message": "Rate limit reached"}}}),
            FailureKind::RateLimited,
            "Rate limit reached (rate_limit_exceeded)",
            9,
        ),
        (
            AgentKind::OpenAi,
            json!({"type": "error", "code": "invalid_prompt", "message": "flagged"}),
            FailureKind::Refused,
            "flagged (invalid_prompt)",
            1,
        ),
        (
            AgentKind::OpenAiChat,
            json!({"error": {"message": "out of memory", "code": 500}}),
            FailureKind::Unavailable,
            "out of memory",
            9,
        ),
        (
            AgentKind::GeminiApi,
            json!({"error": {"code": 503, "message": "busy", "status": "UNAVAILABLE"}}),
            FailureKind::Unavailable,
            "busy (UNAVAILABLE)",
            9,
        ),
        (
            AgentKind::GeminiApi,
            json!({"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}}),
            FailureKind::Declined,
            "declined: the brief was blocked: PROHIBITED_CONTENT",
            1,
        ),
        (
            AgentKind::GeminiApi,
            json!({"candidates": [{"finishReason": "MALFORMED_FUNCTION_CALL", "finishMessage": "bad call"}]}),
            FailureKind::NoAnswer,
            "ended with MALFORMED_FUNCTION_CALL: bad call",
            3,
        ),
    ] {
        let (outcome, server) = always(kind, Scripted::events(stream(&[event])));
        assert_eq!(
            (outcome.failure().kind, outcome.failure().why.as_str()),
            (failed, words)
        );
        assert_eq!(server.asked().len(), requests, "{words}");
    }
}

#[test]
fn what_fails_by_chance_is_asked_again_and_announced() {
    let place = Place::new();
    for kind in KINDS {
        for scripted in [
            Scripted::new(429, "retry-after: 0\r\n", "slow down"),
            Scripted::new(529, "", "slow down"),
            Scripted::events(turn(kind, "half", &[], Last::Missing)).then(Ending::Drop),
        ] {
            let server = Server::start(move |number, _| match number {
                0 | 1 => scripted.clone(),
                _ => good(kind),
            });
            let outcome = asked(&place, kind, &server, place.ask());
            assert_eq!(outcome.retries().len(), 2);
            // Nothing of the broken tries is in the answer.
            assert_eq!(outcome.ended.unwrap().text, ANSWER);
        }
    }
}

#[test]
fn a_vendor_s_wait_is_kept_as_long_as_there_is_time() {
    let place = Place::new();
    let kind = AgentKind::Anthropic;
    let server = Server::start(move |number, _| match number {
        0 => Scripted::new(429, "retry-after: 2\r\n", "slow down"),
        _ => good(kind),
    });
    let outcome = asked(&place, kind, &server, place.ask());
    outcome.ended.unwrap();
    assert!(outcome.took >= Duration::from_secs(2), "{:?}", outcome.took);
    let server = Server::start(|_, _| Scripted::new(429, "retry-after: 3600\r\n", "slow down"));
    let outcome = asked(&place, kind, &server, place.ask());
    assert_eq!(outcome.failure().kind, FailureKind::RateLimited);
    assert_eq!(
        outcome.failure().why,
        "HTTP status 429: slow down; trying again in 3600 s would be too late"
    );
    assert_eq!(server.asked().len(), 1);
}

#[test]
fn silence_and_slowness_end_in_time() {
    let place = Place::new();
    let short = Duration::from_millis(400);
    for kind in KINDS {
        for scripted in [
            Scripted {
                head: String::new(),
                ..Scripted::events("").then(Ending::Hang)
            },
            Scripted::events(turn(kind, "half", &[], Last::Missing)).then(Ending::Hang),
        ] {
            let server = Server::start(move |_, _| scripted.clone());
            for (total, idle, failed) in [
                (SOON, short, FailureKind::Stalled),
                (short, SOON, FailureKind::TimedOut),
            ] {
                let ask = Ask {
                    total,
                    idle,
                    ..place.ask()
                };
                let outcome = asked(&place, kind, &server, ask);
                assert_eq!(outcome.failure().kind, failed);
            }
        }
    }
}

#[test]
fn an_interruption_ends_a_question_while_it_waits_to_try_again() {
    let place = Place::new();
    let server = Server::start(|_, _| Scripted::new(429, "retry-after: 60\r\n", "slow down"));
    let stop = AtomicBool::new(false);
    let means = Means {
        key: None,
        redact: &|_: &RepoPath, _: &[u8]| Redacted::Same,
        interrupted: &|| stop.load(Ordering::SeqCst),
        first_wait: FIRST_WAIT,
    };
    let begun = Instant::now();
    let agent = agent(AgentKind::OpenAi, &server);
    let ended = ask_with(&agent, &place.ask(), means, &mut |event| {
        if matches!(event, Event::Retrying { .. }) {
            stop.store(true, Ordering::SeqCst);
        }
    });
    assert_eq!(ended.unwrap_err().kind, FailureKind::Interrupted);
    assert!(begun.elapsed() < Duration::from_secs(30));
}

#[test]
fn prose_instead_of_json_is_an_answer_for_the_parser() {
    for kind in KINDS {
        let prose = "I found nothing wrong.";
        let (outcome, _) = always(kind, Scripted::events(turn(kind, prose, &[], Last::Well)));
        assert_eq!(outcome.ended.unwrap().text, prose);
    }
}

#[test]
fn a_redirect_ends_it_and_no_key_arrives() {
    let place = Place::new();
    for kind in KINDS {
        let other = Server::start(move |_, _| good(kind));
        let to = other.url().replace("127.0.0.1", "localhost");
        let server =
            Server::start(move |_, _| Scripted::new(307, &format!("location: {to}/\r\n"), ""));
        let outcome = asked(&place, kind, &server, place.ask());
        assert_eq!(outcome.failure().kind, FailureKind::Refused);
        assert!(outcome.failure().why.contains("redirects to `localhost`"));
        assert!(other.asked().is_empty());
    }
}

#[test]
fn a_model_that_never_stops_calling_is_stopped() {
    let place = Place::new();
    for kind in KINDS {
        let server = Server::start(move |_, _| {
            let calls = [("list_files", json!({})), ("log", json!({}))];
            Scripted::events(turn(kind, "more", &calls, Last::Well))
        });
        let outcome = asked(&place, kind, &server, place.ask());
        let failure = outcome.failure();
        assert_eq!(failure.kind, FailureKind::NoAnswer);
        assert_eq!(failure.why, "no answer after 40 turns");
        let requests = server.asked();
        assert_eq!(requests.len(), MOST_TURNS);
        let forbids = |number: usize| {
            let body = &requests[number].body;
            body.contains("\"tool_choice\":\"none\"")
                || body.contains("\"tool_choice\":{\"type\":\"none\"}")
                || body.contains("\"mode\":\"NONE\"")
        };
        assert!(!forbids(29) && forbids(30) && forbids(39), "{kind:?}");
        assert!(
            requests[39]
                .body
                .contains("all 60 calls of this run are used up")
        );

        let server = Server::start(move |_, _| {
            let calls = vec![("log", json!({})); 101];
            Scripted::events(turn(kind, "more", &calls, Last::Well))
        });
        let outcome = asked(&place, kind, &server, place.ask());
        assert_eq!(outcome.failure().why, "called 101 tools in one turn");
    }
}

#[test]
fn broken_arguments_are_answered_and_repeated_as_an_object() {
    let place = Place::new();
    let cases = [
        (
            AgentKind::Anthropic,
            stream(&[
                json!({"type": "content_block_start", "index": 0, "content_block": {"type": "tool_use", "id": "c", "name": "log", "input": {}}}),
                json!({"type": "content_block_delta", "index": 0, "delta": {"type": "input_json_delta", "partial_json": "{\"count\": "}}),
                json!({"type": "message_delta", "delta": {"stop_reason": "tool_use"}}),
                json!({"type": "message_stop"}),
            ]),
            "\"input\":{}",
        ),
        (
            AgentKind::OpenAiChat,
            stream(&[
                json!({"choices": [{"delta": {"tool_calls": [{"id": "c", "function": {"name": "log", "arguments": "{\"count\": "}}]}}]}),
                json!({"choices": [{"delta": {}, "finish_reason": "tool_calls"}]}),
            ]),
            "\"arguments\":\"{}\"",
        ),
    ];
    for (kind, first, repeated) in cases {
        let server = Server::start(move |number, _| match number {
            0 => Scripted::events(first.clone()),
            _ => good(kind),
        });
        asked(&place, kind, &server, place.ask()).ended.unwrap();
        let second = &server.asked()[1].body;
        assert!(
            second.contains("the arguments are no JSON object"),
            "{second}"
        );
        assert!(second.contains(repeated), "{second}");
    }
}

#[test]
fn calls_of_servers_that_number_them_badly_are_told_apart() {
    let mut reader = chat::Chat.reader();
    for (id, name) in [("a", "log"), ("b", "grep")] {
        let call =
            json!({"index": 0, "id": id, "function": {"name": name, "arguments": {"x": id}}});
        let event = json!({"choices": [{"delta": {"tool_calls": [call]}}]});
        assert_eq!(reader.event(&event), Ok(Heard::Part));
    }
    let turn = reader.end();
    let mut calls = String::new();
    for call in &turn.calls {
        write!(calls, "{} {} {};", call.id, call.name, call.arguments).unwrap();
    }
    assert_eq!(calls, "a log {\"x\":\"a\"};b grep {\"x\":\"b\"};");
}

#[test]
fn what_a_vendor_does_not_say_stays_unknown() {
    let place = Place::new();
    let server = Server::start(|_, _| {
        let event = json!({"choices": [{"delta": {"content": ANSWER}, "finish_reason": "stop"}]});
        Scripted::events(stream(&[event]))
    });
    let outcome = asked(&place, AgentKind::OpenAiChat, &server, place.ask());
    assert!(outcome.events.is_empty());
    let spent = outcome.ended.unwrap().spent;
    assert_eq!((spent.input, spent.output, spent.model), (None, None, None));
}

#[test]
fn an_agent_that_can_t_be_asked_says_why() {
    let place = Place::new();
    let server = Server::start(|_, _| good(AgentKind::OpenAi));
    let own = agent(AgentKind::OpenAi, &server);
    let fail = |agent: &Agent, key: Option<&str>| {
        let means = Means {
            key: key.and_then(Secret::new),
            redact: &|_: &RepoPath, _: &[u8]| Redacted::Same,
            interrupted: &|| false,
            first_wait: FIRST_WAIT,
        };
        let failure = ask_with(agent, &place.ask(), means, &mut |_| {}).unwrap_err();
        assert_eq!(failure.kind, FailureKind::Refused);
        assert!(!failure.why.contains("never-to-be-seen"));
        failure.why
    };
    let with = |endpoint: &str| Agent {
        endpoint: Some(endpoint.to_owned()),
        ..own.clone()
    };
    let nameless = Agent {
        model: None,
        ..own.clone()
    };
    assert_eq!(fail(&nameless, None), "[agents.house] names no `model`");
    assert!(fail(&with("http://example.com/v1"), Some(KEY)).contains("without encryption"));
    assert!(fail(&with("http://10.1.2.3/v1"), Some(KEY)).contains("a key would go to"));
    assert!(fail(&with("nowhere"), None).contains("no URL"));
    let program = Agent {
        kind: AgentKind::Claude,
        ..own.clone()
    };
    assert!(fail(&program, None).contains("not asked over HTTP"));
    assert!(server.asked().is_empty());

    let vendor_s = Agent {
        endpoint: None,
        key_env: None,
        ..own.clone()
    };
    assert!(key_of(&vendor_s).unwrap_err().contains("`key_env`"));
    let unset = Agent {
        key_env: Some("DEEP_REVIEW_TEST_NO_SUCH_KEY".to_owned()),
        ..own.clone()
    };
    assert!(
        key_of(&unset)
            .unwrap_err()
            .contains("`DEEP_REVIEW_TEST_NO_SUCH_KEY`")
    );
    let open = Agent {
        key_env: None,
        ..own
    };
    assert_eq!(key_of(&open), Ok(None));
}
