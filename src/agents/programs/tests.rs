//! The pure parts: how each program is called, and what streams recorded from the real ones mean.

use std::time::Duration;

use super::*;
use access::Key;

const BRIEF: &str = "Review r-1.\n+@test \"$@\" joe@x.y @~/.ssh/id_rsa\n/help\n";

/// An agent of a kind, with nothing set.
pub(super) fn agent(kind: AgentKind) -> Agent {
    Agent {
        name: kind.name().to_owned(),
        kind,
        model: None,
        effort: None,
        endpoint: None,
        key_env: None,
        command: Vec::new(),
        redact: true,
    }
}

fn ask_of(text: &str) -> Ask<'_> {
    Ask {
        text,
        static_prefix: 0,
        schema: Some("{\"type\":\"object\"}"),
        snapshot: Path::new("/snapshot"),
        home: Path::new("/private"),
        commits: ("head", "base"),
        nonce: "n",
        total: Duration::from_secs(60),
        idle: Duration::from_secs(60),
        meter: None,
    }
}

fn a_key() -> Access {
    Access::Key {
        name: "HOUSE_KEY".to_owned(),
        key: Key::new("secret-value"),
    }
}

fn called(agent: &Agent, access: &Access, text: &str) -> Result<Invocation, Trouble> {
    called_for(agent, access, text, Purpose::Review)
}

fn called_for(
    agent: &Agent,
    access: &Access,
    text: &str,
    purpose: Purpose,
) -> Result<Invocation, Trouble> {
    Question {
        agent,
        ask: &ask_of(text),
        access,
        purpose,
    }
    .invocation()
}

fn words(call: &Invocation) -> Vec<&str> {
    call.arguments
        .iter()
        .map(|argument| argument.to_str().unwrap())
        .collect()
}

fn value<'c>(call: &'c Invocation, name: &str) -> Option<&'c str> {
    call.environment
        .iter()
        .find(|(known, _)| known == name)
        .map(|(_, value)| value.to_str().unwrap())
}

fn after<'c>(call: &'c Invocation, flag: &str) -> Option<&'c str> {
    let words = words(call);
    let at = words.iter().position(|word| *word == flag)?;
    words.get(at + 1).copied()
}

/// What a stream comes to: the outcome, what was spent, and what was announced.
fn read(
    kind: AgentKind,
    stream: &str,
    code: i32,
    stderr: &str,
) -> (Result<String, Trouble>, Spent, Vec<Event>) {
    let agent = agent(kind);
    let access = a_key();
    let question = Question {
        agent: &agent,
        ask: &ask_of(BRIEF),
        access: &access,
        purpose: Purpose::Review,
    };
    let mut reader = question.reader();
    let mut announced = Vec::new();
    for line in stream.lines() {
        if reader
            .line(line, &mut |event| announced.push(event))
            .is_break()
        {
            break;
        }
    }
    let exit = Exit {
        code: Some(code),
        stdout: stream.as_bytes(),
        stderr,
    };
    let outcome = reader.outcome(&exit);
    (outcome, reader.spent().clone(), announced)
}

fn tool(name: &str) -> Event {
    Event::Tool {
        name: name.to_owned(),
    }
}

#[test]
fn claude_gets_the_brief_as_it_is_and_nothing_else() {
    let call = called(&agent(AgentKind::Claude), &a_key(), BRIEF).unwrap();
    assert_eq!(call.input, BRIEF.as_bytes());
    assert_eq!(after(&call, "--tools"), Some("Bash,Read"));
    assert_eq!(after(&call, "--setting-sources"), Some(""));
    assert_eq!(after(&call, "--permission-mode"), Some("dontAsk"));
    assert_eq!(after(&call, "--model"), Some("opus"));
    assert_eq!(after(&call, "--json-schema"), Some("{\"type\":\"object\"}"));
    for flag in ["-p", "--bare", "--strict-mcp-config", "--verbose"] {
        assert!(words(&call).contains(&flag), "{flag}");
    }
    // An allow-list would let more through than none.
    assert!(!words(&call).contains(&"--allowedTools"));
    assert_eq!(value(&call, "CLAUDE_CODE_DISABLE_ATTACHMENTS"), Some("1"));
    assert_eq!(value(&call, "ANTHROPIC_API_KEY"), Some("secret-value"));
    assert_eq!(value(&call, "HOME"), Some("/private/home"));
    assert_eq!(value(&call, "ANTHROPIC_BASE_URL"), None);
}

#[test]
fn a_login_of_the_users_is_found_in_the_users_home() {
    let login = Access::Login(vec![("CLAUDE_CONFIG_DIR".to_owned(), "/c".into())]);
    let call = called(&agent(AgentKind::Claude), &login, BRIEF).unwrap();
    assert!(!words(&call).contains(&"--bare"));
    assert_eq!(after(&call, "--setting-sources"), Some(""));
    assert_eq!(value(&call, "CLAUDE_CODE_DISABLE_ATTACHMENTS"), Some("1"));
    assert_eq!(value(&call, "CLAUDE_CONFIG_DIR"), Some("/c"));
    assert_eq!(value(&call, "ANTHROPIC_API_KEY"), None);
    assert_eq!(value(&call, "HOME"), None);

    let login = Access::Login(Vec::new());
    let call = called(&agent(AgentKind::Codex), &login, BRIEF).unwrap();
    assert_eq!(value(&call, "CODEX_HOME"), None);
    assert_eq!(value(&call, "HOME"), None);
    assert!(words(&call).contains(&"--ignore-user-config"));
}

#[test]
fn codex_is_held_to_reading() {
    let mut codex = agent(AgentKind::Codex);
    codex.model = Some("m".to_owned());
    codex.endpoint = Some("http://127.0.0.1:1/v1/".to_owned());
    let call = called(&codex, &a_key(), BRIEF).unwrap();
    assert_eq!(call.input, BRIEF.as_bytes());
    assert_eq!(after(&call, "--sandbox"), Some("read-only"));
    assert_eq!(after(&call, "-C"), Some("/snapshot"));
    assert_eq!(after(&call, "-m"), Some("m"));
    assert_eq!(
        after(&call, "--output-schema"),
        Some("/private/schema.json")
    );
    assert!(
        call.files
            .contains(&("schema.json", b"{\"type\":\"object\"}".to_vec()))
    );
    for words_of in [
        "model_reasoning_effort=\"high\"",
        "project_doc_max_bytes=0",
        "skills.include_instructions=false",
        "shell_environment_policy.inherit=\"core\"",
        "model_provider=\"deep-review\"",
        "model_providers.deep-review={name=\"deep-review\",base_url=\"http://127.0.0.1:1/v1\",env_key=\"CODEX_API_KEY\",wire_api=\"responses\"}",
    ] {
        assert!(words(&call).contains(&words_of), "{words_of}");
    }
    for flag in ["--ephemeral", "--ignore-user-config", "--ignore-rules"] {
        assert!(words(&call).contains(&flag), "{flag}");
    }
    assert_eq!(value(&call, "CODEX_API_KEY"), Some("secret-value"));
    assert_eq!(value(&call, "CODEX_HOME"), Some("/private/home/.codex"));
}

#[test]
fn what_codex_is_told_by_settings_is_toml() {
    let mut codex = agent(AgentKind::Codex);
    codex.effort = Some("hi\"gh".to_owned());
    codex.endpoint = Some("http://127.0.0.1/\"}".to_owned());
    let call = called(&codex, &Access::Open, BRIEF).unwrap();
    let words = words(&call);
    let mut settings = 0;
    for pair in words.windows(2).filter(|pair| pair[0] == "-c") {
        assert!(pair[1].parse::<toml::Table>().is_ok(), "{}", pair[1]);
        settings += 1;
    }
    assert!(settings >= 8);
    assert_eq!(value(&call, "CODEX_API_KEY"), None);
}

#[test]
fn gemini_never_has_the_brief_on_its_input() {
    let mut gemini = agent(AgentKind::Gemini);
    gemini.effort = Some("4096".to_owned());
    let call = called(&gemini, &a_key(), BRIEF).unwrap();
    let input = String::from_utf8(call.input.clone()).unwrap();
    assert!(
        !input.contains('@') && !input.starts_with(['/', '?']),
        "{input}"
    );
    assert!(
        call.files
            .contains(&("brief.md", BRIEF.as_bytes().to_vec()))
    );
    assert_eq!(value(&call, "GEMINI_SYSTEM_MD"), Some("/private/brief.md"));
    assert_eq!(value(&call, "GEMINI_CLI_NO_RELAUNCH"), Some("true"));
    assert_eq!(value(&call, "HOME"), Some("/private/home"));
    // A file `.env` somewhere above would say it otherwise.
    assert_eq!(
        value(&call, "GOOGLE_GEMINI_BASE_URL"),
        Some("https://generativelanguage.googleapis.com")
    );
    assert_eq!(after(&call, "--approval-mode"), Some("plan"));
    assert_eq!(after(&call, "-m"), Some("gemini-2.5-pro"));
    let file = |name: &str| {
        let (_, bytes) = call.files.iter().find(|(known, _)| *known == name).unwrap();
        String::from_utf8(bytes.clone()).unwrap()
    };
    let settings: serde_json::Value =
        serde_json::from_str(&file("home/.gemini/settings.json")).unwrap();
    assert_eq!(
        settings["security"]["auth"]["selectedType"],
        "gemini-api-key"
    );
    assert!(
        settings.to_string().contains("\"thinkingBudget\":4096"),
        "{settings}"
    );
    let policy: toml::Table = file("policy.toml").parse().unwrap();
    assert!(policy["rule"][0]["toolName"].as_array().unwrap().len() >= 8);
}

#[test]
fn a_brief_that_a_program_would_not_take_as_it_is_is_refused() {
    let refused = |kind, text: &str| {
        let trouble = called(&agent(kind), &a_key(), text).unwrap_err();
        assert_eq!(trouble.kind, FailureKind::Refused, "{}", trouble.why);
        trouble.why
    };
    refused(AgentKind::Claude, &"a".repeat(10_000_001));
    refused(AgentKind::Codex, &"ä".repeat(1_048_577));
    refused(AgentKind::Claude, "/help me");
    for word in [
        "${AvailableTools}",
        "${SubAgents}",
        "${AgentSkills}",
        "${read_file_ToolName}",
    ] {
        let why = refused(AgentKind::Gemini, &format!("+ {word} }}"));
        assert!(why.contains(word), "{why}");
    }
    // Bytes are what counts for one, characters for the other.
    assert!(called(&agent(AgentKind::Codex), &a_key(), &"ä".repeat(1_048_576)).is_ok());
    assert!(called(&agent(AgentKind::Gemini), &a_key(), "${tools} $x_ToolName}").is_ok());
}

#[test]
fn a_program_of_the_users_gets_the_brief_and_its_key_only() {
    let mut house = agent(AgentKind::Command);
    house.command = vec!["reviewer".to_owned(), "--json".to_owned()];
    let call = called(&house, &a_key(), BRIEF).unwrap();
    assert_eq!(call.input, BRIEF.as_bytes());
    assert!(call.arguments.is_empty() && call.files.is_empty());
    assert_eq!(value(&call, "HOUSE_KEY"), Some("secret-value"));
    assert_eq!(call.environment.len(), 1);
}

#[test]
fn a_probe_is_cheap() {
    let probe = |kind| called_for(&agent(kind), &a_key(), "ready?", Purpose::Probe).unwrap();
    let claude = probe(AgentKind::Claude);
    assert_eq!(after(&claude, "--tools"), Some(""));
    assert_eq!(after(&claude, "--effort"), Some("low"));
    assert_eq!(value(&claude, "CLAUDE_CODE_MAX_RETRIES"), Some("0"));
    assert!(words(&probe(AgentKind::Codex)).contains(&"model_reasoning_effort=\"low\""));
}

#[test]
fn an_answer_of_claude_is_read() {
    let stream = include_str!("samples/claude.jsonl");
    let (answer, spent, announced) = read(AgentKind::Claude, stream, 0, "");
    let answer: serde_json::Value = serde_json::from_str(&answer.unwrap()).unwrap();
    assert_eq!(answer["findings"][0]["title"], "Division by zero");
    assert_eq!(spent.model.as_deref(), Some("claude-sonnet-5"));
    assert_eq!(spent.tools.get("Read"), Some(&1));
    assert_eq!(spent.tools.get("Bash"), Some(&1));
    assert_eq!(spent.tools.len(), 2, "handing in is no look-up");
    assert_eq!(spent.input, Some(4500 + 2800));
    assert_eq!(spent.cached, Some(2800));
    assert_eq!(spent.output, Some(160));
    assert_eq!(spent.cost, Some(0.01674));
    assert!(announced.contains(&tool("Read")));
    let started = Event::Started {
        model: Some("claude-sonnet-5".to_owned()),
    };
    assert_eq!(announced[0], started);
}

#[test]
fn claude_is_stopped_at_the_first_refusal_of_its_key() {
    let stream = include_str!("samples/claude.refused-key.jsonl");
    let (outcome, _, announced) = read(AgentKind::Claude, stream, 1, "");
    let trouble = outcome.unwrap_err();
    assert_eq!(trouble.kind, FailureKind::NotLoggedIn);
    assert_eq!(trouble.why, "HTTP 401: authentication_failed");
    let retries = announced
        .iter()
        .filter(|event| matches!(event, Event::Retrying { .. }));
    assert_eq!(retries.count(), 0);
    let last = stream.lines().last().unwrap();
    let (outcome, ..) = read(AgentKind::Claude, last, 1, "");
    let trouble = outcome.unwrap_err();
    assert_eq!(trouble.kind, FailureKind::NotLoggedIn);
    assert!(
        trouble.why.contains("401 mock: HTTP 401"),
        "{}",
        trouble.why
    );
}

#[test]
fn claude_with_foreign_tools_or_servers_is_not_heard() {
    for (tools, servers) in [
        ("\"Read\",\"Write\"", ""),
        ("\"Read\"", "{\"name\":\"spy\",\"status\":\"connected\"}"),
    ] {
        let init = format!(
            "{{\"type\":\"system\",\"subtype\":\"init\",\"model\":\"m\",\"tools\":[{tools}],\"mcp_servers\":[{servers}]}}"
        );
        let stream = format!("{init}\n{}", include_str!("samples/claude.jsonl"));
        let trouble = read(AgentKind::Claude, &stream, 0, "").0.unwrap_err();
        assert_eq!(trouble.kind, FailureKind::Unconfined);
        assert!(
            trouble.why.contains("Write") || trouble.why.contains("spy"),
            "{}",
            trouble.why
        );
    }
}

#[test]
fn what_the_vendor_tries_again_is_announced() {
    let stream = include_str!("samples/claude.busy.jsonl");
    let (answer, _, announced) = read(AgentKind::Claude, stream, 0, "");
    assert!(answer.is_ok());
    let retries = announced
        .iter()
        .filter(|event| matches!(event, Event::Retrying { why } if why.contains("429")));
    assert!(retries.count() >= 1);
    let lost = "{\"type\":\"system\",\"subtype\":\"api_retry\",\"attempt\":1,\"error_status\":null,\"error\":\"unknown\"}";
    let (_, _, announced) = read(AgentKind::Claude, &format!("{lost}\n{stream}"), 0, "");
    let why = "the connection to its vendor failed".to_owned();
    assert!(announced.contains(&Event::Retrying { why }));

    let stream = include_str!("samples/codex.busy.jsonl");
    let (outcome, _, announced) = read(AgentKind::Codex, stream, 1, "");
    let trouble = outcome.unwrap_err();
    assert_eq!(trouble.kind, FailureKind::RateLimited);
    assert!(
        trouble.why.contains("429 Too Many Requests"),
        "{}",
        trouble.why
    );
    assert!(
        announced
            .iter()
            .any(|event| matches!(event, Event::Retrying { .. }))
    );
}

#[test]
fn answers_of_codex_and_gemini_are_read() {
    let (answer, spent, announced) =
        read(AgentKind::Codex, include_str!("samples/codex.jsonl"), 0, "");
    assert!(answer.unwrap().starts_with("{\"findings\":[{"));
    assert_eq!(spent.tools.get("command_execution"), Some(&2));
    assert_eq!(
        (spent.input, spent.cached, spent.output, spent.cost),
        (Some(4500), Some(2800), Some(160), None)
    );
    assert!(announced.contains(&tool("command_execution")));

    let (answer, spent, announced) = read(
        AgentKind::Gemini,
        include_str!("samples/gemini.jsonl"),
        0,
        "",
    );
    // What it said before its tools is not part of it.
    assert!(answer.unwrap().starts_with("{\"design\":["));
    assert_eq!(spent.model.as_deref(), Some("gemini-2.5-pro"));
    assert_eq!((spent.input, spent.cached), (Some(2400), Some(100)));
    assert_eq!(spent.output, Some(120), "thinking is part of it");
    assert!(announced.contains(&tool("read_file")));
}

#[test]
fn refused_keys_are_said_in_the_vendors_words() {
    for (kind, stream) in [
        (
            AgentKind::Codex,
            include_str!("samples/codex.refused-key.jsonl"),
        ),
        (
            AgentKind::Gemini,
            include_str!("samples/gemini.refused-key.jsonl"),
        ),
    ] {
        let trouble = read(kind, stream, 1, "").0.unwrap_err();
        assert_eq!(trouble.kind, FailureKind::NotLoggedIn, "{}", trouble.why);
        assert!(trouble.why.contains("401"), "{}", trouble.why);
    }
}

#[test]
fn a_bad_request_is_refused_in_the_vendors_words() {
    let body = "{\\\"error\\\":{\\\"message\\\":\\\"no such model\\\"}}";
    let stream = format!("{{\"type\":\"error\",\"message\":\"{body}\"}}");
    let trouble = read(AgentKind::Codex, &stream, 1, "").0.unwrap_err();
    assert_eq!(trouble.kind, FailureKind::Refused);
    assert_eq!(trouble.why, "no such model");
}

#[test]
fn a_stream_that_broke_off_is_the_vendors_trouble() {
    for end in [
        "{\"type\":\"result\",\"status\":\"error\",\"stats\":{}}",
        "{\"type\":\"result\",\"status\":\"error\",\"error\":{\"type\":\"unknown\",\"message\":\"[API Error: Incomplete JSON segment at the end]\"}}",
    ] {
        let trouble = read(AgentKind::Gemini, end, 0, "").0.unwrap_err();
        assert_eq!(trouble.kind, FailureKind::Unavailable, "{}", trouble.why);
    }
}

#[test]
fn codex_is_stopped_where_trying_again_is_of_no_use() {
    let stream = include_str!("samples/codex.refused-key.jsonl");
    let (_, _, announced) = read(AgentKind::Codex, stream, 1, "");
    assert!(
        !announced
            .iter()
            .any(|event| matches!(event, Event::Retrying { .. }))
    );
}

#[test]
fn what_codex_says_before_it_looks_is_no_answer() {
    let stream = "{\"type\":\"item.completed\",\"item\":{\"id\":\"0\",\"type\":\"agent_message\",\"text\":\"I look first.\"}}\n\
        {\"type\":\"item.started\",\"item\":{\"id\":\"1\",\"type\":\"command_execution\"}}\n\
        {\"type\":\"item.completed\",\"item\":{\"id\":\"1\",\"type\":\"command_execution\"}}\n\
        {\"type\":\"turn.completed\",\"usage\":{}}";
    let trouble = read(AgentKind::Codex, stream, 0, "").0.unwrap_err();
    assert_eq!(trouble.why, "it completed its turn without an answer");
}

#[test]
fn a_vendor_that_gemini_still_waits_for_is_quoted() {
    let stderr = "Warning: 256-color support not detected.\n\
        Attempt 2 failed with status 429. Retrying with backoff... _ApiError: \
        {\"error\":{\"code\":429,\"message\":\"too much for today\",\"status\":\"RESOURCE_EXHAUSTED\"}}\n    \
        at throwErrorIfNotOK (file:///x.js:1:2)\n    at async Turn.run (file:///x.js:1:2) {\n  status: 429\n}\n";
    let trouble = read(AgentKind::Gemini, "", 0, stderr).0.unwrap_err();
    assert_eq!(
        trouble.complaint.as_deref(),
        Some("HTTP 429: too much for today")
    );
    assert_eq!(trouble.kind, FailureKind::RateLimited, "{}", trouble.why);
}

#[test]
fn refused_tools_are_no_reason_to_discard_but_used_ones_are() {
    let stream = include_str!("samples/codex.denied.jsonl");
    assert!(read(AgentKind::Codex, stream, 0, "").0.is_ok());
    let stream = "{\"type\":\"item.completed\",\"item\":{\"id\":\"1\",\"type\":\"mcp_tool_call\"}}";
    let trouble = read(AgentKind::Codex, stream, 0, "").0.unwrap_err();
    assert_eq!(trouble.kind, FailureKind::Unconfined);

    let used = |status: &str| {
        let stream = format!(
            "{{\"type\":\"tool_use\",\"tool_name\":\"write_file\",\"tool_id\":\"1\"}}\n\
             {{\"type\":\"tool_result\",\"tool_id\":\"1\",\"status\":\"{status}\"}}\n\
             {{\"type\":\"message\",\"role\":\"assistant\",\"content\":\"fine\"}}\n\
             {{\"type\":\"result\",\"status\":\"success\"}}"
        );
        read(AgentKind::Gemini, &stream, 0, "").0
    };
    assert_eq!(used("error"), Ok("fine".to_owned()));
    let with_a_shell = include_str!("samples/gemini.shell.jsonl");
    let trouble = read(AgentKind::Gemini, with_a_shell, 0, "").0.unwrap_err();
    assert!(trouble.why.contains("run_shell_command"), "{}", trouble.why);
    assert_eq!(used("success").unwrap_err().kind, FailureKind::Unconfined);
}

#[test]
fn exit_code_zero_proves_nothing() {
    for (kind, stream) in [
        (AgentKind::Claude, include_str!("samples/claude.jsonl")),
        (AgentKind::Codex, include_str!("samples/codex.jsonl")),
        (AgentKind::Gemini, include_str!("samples/gemini.jsonl")),
    ] {
        let lines: Vec<&str> = stream.lines().collect();
        let cut = lines[..lines.len() - 1].join("\n");
        let trouble = read(kind, &cut, 0, "warning\nit broke off\n")
            .0
            .unwrap_err();
        assert_eq!(
            trouble.kind,
            FailureKind::NoAnswer,
            "{kind:?}: {}",
            trouble.why
        );
        assert!(trouble.why.contains("exit code 0"), "{}", trouble.why);
        assert!(read(kind, "", 0, "").0.is_err());
        // The end alone is no answer either.
        let end = lines[lines.len() - 1];
        if kind != AgentKind::Claude {
            assert!(read(kind, end, 0, "").0.is_err(), "{kind:?}");
        }
    }
    assert!(read(AgentKind::Command, " \n", 0, "").0.is_err());
    let trouble = read(AgentKind::Command, "words", 3, "no luck\n")
        .0
        .unwrap_err();
    assert_eq!(trouble.why, "it ended with exit code 3: no luck");
    assert_eq!(
        read(AgentKind::Command, "words", 0, "").0,
        Ok("words".to_owned())
    );
}

#[test]
fn hostile_lines_are_passed_over() {
    let deep = "[".repeat(100_000);
    let odd = format!(
        "{deep}\nnull\n\"x\"\n{{\"type\":7}}\n{{\"type\":\"assistant\",\"message\":[]}}\n{{\"type\":\"item.completed\"}}\n\
         {{\"type\":\"system\",\"subtype\":\"api_retry\"}}\n{{\"type\":\"tool_result\"}}\n{{\"type\":\"error\"}}\n"
    );
    for (kind, stream) in [
        (AgentKind::Claude, include_str!("samples/claude.jsonl")),
        (AgentKind::Codex, include_str!("samples/codex.jsonl")),
        (AgentKind::Gemini, include_str!("samples/gemini.jsonl")),
    ] {
        assert!(
            read(kind, &format!("{odd}{stream}"), 0, "").0.is_ok(),
            "{kind:?}"
        );
    }
}

#[test]
fn loopback_is_reached_past_the_users_proxy() {
    let mut environment = vec![
        ("NO_PROXY".into(), "intra.example".into()),
        ("HTTPS_PROXY".into(), "http://proxy.example".into()),
    ];
    spare_loopback(&mut environment);
    let value = |name: &str| {
        let found = environment.iter().find(|(known, _)| known == name);
        found.map(|(_, value): &(OsString, OsString)| value.to_str().unwrap().to_owned())
    };
    assert_eq!(
        value("NO_PROXY").unwrap(),
        "intra.example,127.0.0.1,localhost,::1"
    );
    assert_eq!(value("no_proxy").unwrap(), "127.0.0.1,localhost,::1");
    assert_eq!(value("HTTPS_PROXY").unwrap(), "http://proxy.example");
}

#[test]
fn a_program_that_goes_past_a_limit_is_noticed() {
    #[derive(Debug)]
    struct Most(u64);
    impl crate::agents::Meter for Most {
        fn take(&self, so_far: Taken, _: u64) -> Result<u64, String> {
            let left = self.0.checked_sub(so_far.tokens);
            left.ok_or_else(|| "the limit is spent".to_owned())
        }
    }
    let stream = include_str!("samples/claude.jsonl");
    let (_, _, announced) = read(AgentKind::Claude, stream, 0, "");
    let noticed = |most: u64| {
        let meter = Most(most);
        let ask = Ask {
            meter: Some(&meter),
            ..ask_of(BRIEF)
        };
        announced.iter().find_map(|event| past_limit(&ask, event))
    };
    assert_eq!(noticed(2_000).as_deref(), Some("the limit is spent"));
    assert_eq!(noticed(1_000_000), None);
    let unlimited = ask_of(BRIEF);
    assert!(
        announced
            .iter()
            .all(|it| past_limit(&unlimited, it).is_none())
    );
}
