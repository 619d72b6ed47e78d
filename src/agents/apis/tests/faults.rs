//! Each way in which a vendor fails: it ends in time, under the right name, in the vendor's words.

use std::sync::atomic::{AtomicBool, Ordering};

use super::*;

#[test]
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
        tools: true,
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
