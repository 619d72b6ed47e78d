//! The fixture of the vendors: what it says is what the vendors' clients would understand.
//! Clients themselves are left to the tests of agents.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};

use super::support::vendors::faults::{Fault, WORDS};
use super::support::vendors::reviewer::{self, PLANTED, TITLE};
use super::support::vendors::{Plan, Vendors};

const BRIEF: &str = "# Review brief\n\
    <<<data 00ff units\nid | status | kind | lines | path | more\nu01 | modified | code | +1 -1 | shop.js | base/0001.txt\n\
    u02 | modified | code | +1 -1 | cart.js | diff/u02-001.txt to diff/u02-002.txt\n>>>data 00ff\n\
    <<<data 00ff diff u01\ndiff --git a/shop.js b/shop.js\n--- a/shop.js\n+++ b/shop.js\n@@ -1 +1 @@\n-return last;\n+return prices[prices.length];\n>>>data 00ff\n\
    <<<data 00ff other-units\nu03 other.js\n>>>data 00ff\n\
    - `review`: `r-7f3a`. `units`: every id of the unit table.\n```json\n{\"review\":\"r-example\"}\n```\n";

fn send(vendors: &Vendors, head: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(vendors.url().trim_start_matches("http://")).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(30)))
        .unwrap();
    write!(
        stream,
        "{head} HTTP/1.1\r\nhost: {}\r\ncontent-length: {}\r\n\r\n{body}",
        vendors.url().trim_start_matches("http://"),
        body.len()
    )
    .unwrap();
    let mut answer = Vec::new();
    // A connection that is dropped has said what it said.
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

fn body_of(answer: &str) -> Value {
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    serde_json::from_str(body).unwrap()
}

#[test]
fn a_model_looks_first_and_answers_for_each_unit() {
    let vendors = Plan::reviewer().start();
    let tools = json!([{"type": "function", "function": {"name": "read_file", "parameters": {"properties": {"path": {}}}}}]);
    let mut messages = vec![json!({"role": "user", "content": BRIEF})];
    let ask = |messages: &[Value]| {
        let body = json!({"model": "m", "messages": messages, "tools": tools}).to_string();
        let answer = send(&vendors, "POST /v1/chat/completions", &body);
        body_of(&answer)["choices"][0]["message"].clone()
    };

    let look = ask(&messages);
    let call = &look["tool_calls"][0]["function"];
    assert_eq!(call["name"], "read_file");
    assert_eq!(call["arguments"], r#"{"path":"shop.js"}"#);

    messages.push(look);
    messages.push(json!({"role": "tool", "content": "return prices[prices.length];"}));
    for (page, shown) in [
        (1, "1\tdiff --git a/cart.js b/cart.js\n2\t@@ -1 +1 @@"),
        (2, "3\t-let a = 1;\n4\t+let a = 20;"),
    ] {
        let turn = ask(&messages);
        let path = format!("{{\"path\":\".deep-review/diff/u02-00{page}.txt\"}}");
        assert_eq!(turn["tool_calls"][0]["function"]["arguments"], path);
        messages.push(turn);
        messages.push(json!({"role": "tool", "content": shown}));
    }
    let text = ask(&messages)["content"].as_str().unwrap().to_owned();
    let answer: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(answer["review"], "r-7f3a");
    assert_eq!(answer["units"][0]["u"], "u01");
    assert!(
        answer["units"][0]["echo"]
            .as_str()
            .unwrap()
            .contains(PLANTED)
    );
    assert_eq!(answer["units"][1]["echo"], "let a = 20;");
    assert_eq!(answer["units"].as_array().unwrap().len(), 2);
    assert_eq!(answer["findings"][0]["title"], TITLE);
    assert_eq!(answer["findings"][0]["places"][0]["path"], "shop.js");
    let heard = vendors.heard();
    assert_eq!(heard.len(), 4);
    assert_eq!(heard[1].results, ["return prices[prices.length];"]);
}

#[test]
fn each_vendor_streams_in_its_own_words() {
    for (path, body, last) in [
        (
            "/v1/messages",
            json!({"messages": [{"role": "user", "content": BRIEF}], "stream": true}),
            "message_stop",
        ),
        (
            "/v1/responses",
            json!({"input": BRIEF, "stream": true}),
            "response.completed",
        ),
        (
            "/v1/chat/completions",
            json!({"messages": [{"role": "user", "content": BRIEF}], "stream": true}),
            "[DONE]",
        ),
        (
            "/v1beta/models/g:streamGenerateContent?alt=sse",
            json!({"contents": [{"role": "user", "parts": [{"text": BRIEF}]}]}),
            "\"finishReason\":\"STOP\"",
        ),
    ] {
        let vendors = Plan::answering(|_| "fine".to_owned()).start();
        let answer = send(&vendors, &format!("POST {path}"), &body.to_string());
        assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
        assert!(answer.contains(last), "{path}: {answer}");
        assert!(answer.ends_with("0\r\n\r\n"), "{path}: {answer}");
        assert_eq!(vendors.asked()[0].json(), body);
    }
}

#[test]
fn what_a_client_asks_for_is_heard() {
    let vendors = Plan::reviewer().start();
    let schema = json!({"type": "object"});
    for (path, body) in [
        (
            "/v1/messages",
            json!({"system": "S", "output_config": {"effort": "low", "format": {"type": "json_schema", "schema": schema}}}),
        ),
        (
            "/v1/responses",
            json!({"instructions": "S", "reasoning": {"effort": "low"}, "text": {"format": {"type": "json_schema", "schema": schema}}}),
        ),
        (
            "/v1/chat/completions",
            json!({"messages": [{"role": "system", "content": "S"}], "reasoning_effort": "low", "response_format": {"json_schema": {"schema": schema}}}),
        ),
        (
            "/v1beta/models/g:generateContent",
            json!({"systemInstruction": {"parts": [{"text": "S"}]}, "generationConfig": {"responseJsonSchema": schema, "thinkingConfig": "low"}}),
        ),
    ] {
        send(&vendors, &format!("POST {path}"), &body.to_string());
    }
    for heard in vendors.heard() {
        assert_eq!(heard.text(), "S", "{heard:?}");
        assert_eq!(heard.schema.as_ref(), Some(&schema), "{heard:?}");
        assert_eq!(heard.effort.as_deref(), Some("low"), "{heard:?}");
    }
    assert_eq!(vendors.heard().len(), 4);
    assert!(
        vendors
            .asked()
            .iter()
            .all(|request| request.contains("\"object\""))
    );
}

#[test]
fn faults_pass_or_stay() {
    let body = json!({"messages": [{"role": "user", "content": BRIEF}]}).to_string();
    let status = |vendors: &Vendors| send(vendors, "POST /v1/messages", &body)[9..12].to_owned();

    let busy = Plan::reviewer()
        .failing(Fault::Busy {
            times: 2,
            retry_after: 1,
        })
        .start();
    assert_eq!(
        [status(&busy), status(&busy), status(&busy)],
        ["429", "429", "200"]
    );

    let down = Plan::reviewer().failing(Fault::Status(529)).start();
    let answer = send(&down, "POST /v1/messages", &body);
    assert!(
        answer.contains("overloaded_error") && answer.contains(WORDS),
        "{answer}"
    );

    let streamed =
        json!({"messages": [{"role": "user", "content": BRIEF}], "stream": true}).to_string();
    for (fault, whole) in [(Fault::Drop, false), (Fault::Truncate, true)] {
        let vendors = Plan::reviewer().failing(fault).start();
        let answer = send(&vendors, "POST /v1/messages", &streamed);
        assert!(!answer.contains("message_stop"), "{answer}");
        assert_eq!(answer.ends_with("0\r\n\r\n"), whole, "{answer}");
    }
}

#[test]
fn answers_are_spoilt_by_name() {
    let body = json!({"messages": [{"role": "user", "content": BRIEF}]}).to_string();
    let said = |fault| {
        let vendors = Plan::answering(|brief| reviewer::answer(brief, &[]))
            .failing(fault)
            .start();
        let answer = body_of(&send(&vendors, "POST /v1/messages", &body));
        (
            answer["content"][0]["text"].as_str().unwrap().to_owned(),
            answer["stop_reason"].clone(),
        )
    };
    let (cut, reason) = said(Fault::MaxTokens);
    assert!(serde_json::from_str::<Value>(&cut).is_err());
    assert_eq!(reason, "max_tokens");
    assert_eq!(said(Fault::Declines).1, "refusal");
    assert!(serde_json::from_str::<Value>(&said(Fault::Prose).0).is_err());
    assert!(said(Fault::Wrapped).0.contains("```json\n{"));
    let units = |fault| serde_json::from_str::<Value>(&said(fault).0).unwrap()["units"].clone();
    assert_eq!(units(Fault::UnknownUnits)[0]["u"], "u998");
    assert_eq!(units(Fault::MissingUnits).as_array().unwrap().len(), 1);
    assert!(said(Fault::Huge(20 << 20)).0.len() > 20 << 20);
}

#[test]
fn the_proxy_reaches_nobody_and_says_who_was_wanted() {
    let vendors = Plan::reviewer().start();
    let refused = send(&vendors, "CONNECT telemetry.example:443", "");
    assert!(refused.starts_with("HTTP/1.1 403"), "{refused}");
    let refused = send(&vendors, "GET http://updates.example/latest", "");
    assert!(refused.starts_with("HTTP/1.1 403"), "{refused}");
    assert_eq!(
        vendors.foreign(),
        ["telemetry.example:443", "updates.example"]
    );
    let upgrade = send(&vendors, "GET /v1/responses", "");
    assert!(upgrade.starts_with("HTTP/1.1 426"), "{upgrade}");
    assert!(vendors.asked().is_empty());
}

#[test]
fn what_hangs_says_nothing_more_and_what_is_broken_says_it_all() {
    let body =
        json!({"messages": [{"role": "user", "content": BRIEF}], "stream": true}).to_string();
    let head = "POST /v1/messages";
    for (fault, begun) in [(Fault::Hang, false), (Fault::Stall, true)] {
        let vendors = Plan::reviewer().failing(fault).start();
        let mut stream = TcpStream::connect(vendors.url().trim_start_matches("http://")).unwrap();
        write!(
            stream,
            "{head} HTTP/1.1\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        let mut byte = [0];
        if begun {
            assert_eq!(stream.read(&mut byte).unwrap(), 1);
        }
        // It ends with the server only.
        drop(vendors);
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest);
        assert_eq!(
            !rest.is_empty(),
            begun,
            "{}",
            String::from_utf8_lossy(&rest)
        );
        assert!(!String::from_utf8_lossy(&rest).contains("message_stop"));
    }
    let said = |fault| {
        let vendors = Plan::reviewer().failing(fault).start();
        send(&vendors, head, &body)
    };
    assert!(said(Fault::BadEvent).contains("{\"oops"));
    assert!(said(Fault::Html).contains("<!doctype html>"));
    assert!(said(Fault::Empty).ends_with("content-length: 0\r\nconnection: close\r\n\r\n"));
    assert!(
        said(Fault::Redirect("http://elsewhere.example".to_owned()))
            .contains("location: http://elsewhere.example")
    );
    assert!(
        said(Fault::Passing {
            status: 500,
            times: 1
        })
        .contains(WORDS)
    );
    assert!(said(Fault::StubbornTool).contains("message_stop"));
}
