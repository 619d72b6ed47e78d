//! Every kind of agent over HTTP against a server that says what vendors say, and what breaks.

mod faults;
mod said;

use std::fmt::Write as _;

use serde_json::json;

use super::*;
use crate::diff::RepoPath;
use crate::git::fixture::Fixture;
use crate::http::fixture::{Ending, Scripted, Server};
use crate::snapshot::Redacted;

use said::{Last, stream, turn};

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
            meter: None,
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
        tools: true,
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
        let tokens = |input, cached, output| Event::Tokens {
            input,
            cached,
            output,
        };
        assert_eq!(
            outcome.events,
            [
                Event::Started {
                    model: Some("real-model".to_owned())
                },
                tokens(100, 70, 5),
                tool("read_file"),
                tool("grep"),
                tool("unknown"),
                tokens(200, 140, 10),
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
fn prose_instead_of_json_is_an_answer_for_the_parser() {
    for kind in KINDS {
        let prose = "I found nothing wrong.";
        let (outcome, _) = always(kind, Scripted::events(turn(kind, prose, &[], Last::Well)));
        assert_eq!(outcome.ended.unwrap().text, prose);
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
            tools: true,
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

/// So many tokens and no more, and what was told of them.
#[derive(Debug)]
struct Tokens {
    limit: u64,
    told: std::sync::Mutex<Vec<u64>>,
}

impl Tokens {
    fn up_to(limit: u64) -> Self {
        Self {
            limit,
            told: std::sync::Mutex::default(),
        }
    }

    fn last(&self) -> u64 {
        *self.told.lock().unwrap().last().unwrap()
    }
}

impl Meter for Tokens {
    fn take(&self, so_far: Taken, next: u64) -> Result<u64, String> {
        self.told.lock().unwrap().push(so_far.tokens);
        let left = self.limit.checked_sub(so_far.tokens + next);
        left.ok_or_else(|| "the limit is spent".to_owned())
    }
}

/// Asks with a limit on tokens.
fn asked_within(tokens: &Tokens, place: &Place, kind: AgentKind, server: &Server) -> Outcome {
    let ask = Ask {
        meter: Some(tokens),
        ..place.ask()
    };
    asked(place, kind, server, ask)
}

#[test]
fn a_limit_stops_a_model_between_its_turns() {
    let place = Place::new();
    for kind in KINDS {
        // Each turn takes 105 tokens, of which 70 come from a cache and count a tenth.
        let server = Server::start(move |_, _| {
            let calls = [("list_files", json!({}))];
            Scripted::events(turn(kind, "more", &calls, Last::Well))
        });
        let tokens = Tokens::up_to(240);
        let outcome = asked_within(&tokens, &place, kind, &server);
        let failure = outcome.failure();
        assert_eq!(failure.kind, FailureKind::OverBudget, "{kind:?}");
        assert_eq!(failure.why, "the limit is spent");
        let turns = server.asked().len() as u64;
        assert!((3..=5).contains(&turns), "{kind:?} {turns}");
        assert_eq!(tokens.last(), turns * 42, "all of it is told in the end");
    }
}

#[test]
fn the_last_turn_that_a_limit_leaves_room_for_is_to_be_the_answer() {
    let place = Place::new();
    let kind = AgentKind::OpenAiChat;
    let server = Server::start(move |_, request| {
        if request.body.contains("\"tool_choice\":\"none\"") {
            return good(kind);
        }
        let calls = [("list_files", json!({}))];
        Scripted::events(turn(kind, "more", &calls, Last::Well))
    });
    let tokens = Tokens::up_to(240);
    let outcome = asked_within(&tokens, &place, kind, &server);
    assert_eq!(outcome.ended.unwrap().text, ANSWER);
    assert!(tokens.last() <= 240);
}

#[test]
fn what_a_server_does_not_count_is_estimated() {
    let place = Place::new();
    let kind = AgentKind::OpenAiChat;
    let server = Server::start(move |_, _| {
        let calls = [("list_files", json!({}))];
        let said = turn(kind, "more", &calls, Last::Well);
        let uncounted = said.replace("\"prompt_tokens\":100", "\"prompt_tokens\":0");
        Scripted::events(uncounted.replace("\"completion_tokens\":5", "\"completion_tokens\":0"))
    });
    let tokens = Tokens::up_to(10_000);
    let outcome = asked_within(&tokens, &place, kind, &server);
    assert_eq!(outcome.failure().kind, FailureKind::OverBudget);
    let sent: usize = server.asked().iter().map(|it| it.body.len()).sum();
    let (told, sent) = (tokens.last(), sent as u64 / 4);
    assert!(told >= sent && told < sent + 300, "{told} {sent}");
}
