//! Reviews by the real programs of the vendors, against vendors on loopback: that they are called rightly, are told the
//! brief as it is, and reach nothing else. Their event streams are read in the tests of the library.
//!
//! Without the programs (see `programs`) these tests are skipped, and the line that says so is on standard error.

use std::fs;
use std::io::Write;

use super::support::programs::{ALL, Program, Review, for_each_program, installed, plant, secret};
use super::support::vendors::Plan;
use super::support::vendors::faults::{Fault, WORDS};
use super::support::vendors::heard::{Heard, Turn};
use super::support::vendors::reviewer::{self, TITLE};

#[test]
fn tests_that_are_skipped_are_counted() {
    let tests: usize = [
        include_str!("agents_configuration.rs"),
        include_str!("agents_faults.rs"),
        include_str!("agents_real.rs"),
    ]
    .iter()
    .flat_map(|file| {
        [
            "\n    for_each_program(",
            "\n    let Some(place) = installed()",
        ]
        .map(|begins| file.matches(begins).count())
    })
    .sum();
    assert!(tests > 0);
    if installed().is_none() {
        // Past the harness, which keeps what tests that pass print to itself.
        let line = format!("skipped: {tests} tests need the agents' programs\n");
        std::io::stderr().write_all(line.as_bytes()).unwrap();
    }
}

#[test]
fn each_finds_the_planted_bug_and_reaches_its_vendor_only() {
    for_each_program(|program, place| {
        let review = Review::by(program, place, Plan::reviewer());
        let repo = review.repo();
        plant(&repo);
        let said = review
            .run(&repo)
            .code(1)
            .prints(TITLE)
            .conceals("secret-of-");
        let asked = review.vendors.asked();
        let heard = review.vendors.heard();
        assert!(
            heard.iter().any(|heard| !heard.results.is_empty()),
            "{program:?} called no tool: {said}"
        );
        for request in &asked {
            assert!(request.contains(&secret(program)), "{program:?}");
            for other in ALL.iter().filter(|other| other.name != program.name) {
                assert!(!request.contains(&secret(*other)), "{program:?}");
            }
            assert!(!request.contains("secret-of-nobody"), "{program:?}");
        }
        assert_eq!(review.vendors.foreign(), [""; 0], "{program:?}");
        // What is known is not asked again.
        review.run(&repo).code(1).prints(TITLE);
        assert_eq!(review.vendors.asked().len(), asked.len(), "{program:?}");
    });
}

#[test]
fn the_brief_arrives_as_it_is() {
    for_each_program(|program, place| {
        let review = Review::by(program, place, Plan::reviewer());
        let brief = review.sandbox.path("brief");
        review.wrap(&format!(
            "if [ -e \"$GEMINI_SYSTEM_MD\" ]; then cp \"$GEMINI_SYSTEM_MD\" '{brief}'; real \"$@\"\n\
             elif [ -d .deep-review ]; then tee '{brief}' | real \"$@\"\n\
             else real \"$@\"; fi",
            brief = brief.display()
        ));
        let repo = review.repo();
        let home = review.sandbox.path("home");
        fs::create_dir_all(home.join(".ssh")).unwrap();
        for (file, text) in [
            (home.join(".ssh/id_rsa"), "ATTACHED-KEY\n"),
            (repo.path(".env"), "ATTACHED-ENV\n"),
        ] {
            repo.write(&file, text);
        }
        let lines = [
            "@test",
            "\"$@\"",
            "joe@x.y",
            " @~/.ssh/id_rsa",
            " @.env",
            "@README.md",
            "@./README.md",
            "/help",
            "?",
            "\\@x",
            "tab\there",
            "trailing  ",
            "ü€😀",
            "{{ x }} {% y %}",
            "$HOME `id`",
            "!ls",
            "#memory",
        ];
        repo.write("odd.txt", lines.join("\n") + "\n");
        repo.git(["add", "odd.txt"]);
        repo.git(["commit", "-q", "-m", "Odd"]);
        let said = review.run(&repo);
        let brief = fs::read_to_string(&brief).unwrap();
        let patch = format!("+{}\n", lines.join("\n+"));
        assert!(brief.contains(&patch), "{program:?} was given {brief}");
        let heard = review.vendors.heard();
        let first = heard
            .first()
            .unwrap_or_else(|| panic!("{program:?}: {said}"));
        // Gemini takes the white space at its end away.
        let brief = match program.name {
            "gemini" => brief.trim_end(),
            _ => &brief,
        };
        let (whole, others): (Vec<&String>, Vec<&String>) =
            first.texts.iter().partition(|text| *text == brief);
        assert_eq!(whole.len(), 1, "{program:?} was told {:#?}", first.texts);
        let wrapping = wrapping(program);
        let known = |(other, begins): (&&String, &&str)| other.starts_with(*begins);
        assert!(
            others.len() <= wrapping.len() && others.iter().zip(wrapping).all(known),
            "{program:?} was told besides {others:#?}"
        );
        for other in others {
            assert!(!other.contains("odd.txt"), "{program:?} adds {other}");
        }
        for request in review.vendors.requests() {
            assert!(!request.contains("ATTACHED-"), "{program:?}");
            assert!(!request.contains("A shop."), "{program:?} attached a file");
        }
        said.code(0);
    });
}

/// How everything begins that a program says to its vendor besides the brief, in order.
fn wrapping(program: Program) -> &'static [&'static str] {
    match program.name {
        "claude" => &[
            "x-anthropic-billing-header: ",
            "You are a Claude agent",
            "CWD: ",
            // Later versions say the date with the directory.
            "<system-reminder>\nAs you answer the user's questions, you can use the following context:\n# currentDate\n",
        ],
        "codex" => &[
            "You are Codex",
            "<permissions instructions>",
            "<collaboration_mode>",
            "<multi_agent_role>",
            "<multi_agent_mode>",
            "<environment_context>",
        ],
        // The second is all that we put on its standard input.
        _ => &[
            "<session_context>\nThis is the Gemini CLI.",
            "The system instruction is the whole task.",
        ],
    }
}

#[test]
fn writing_and_the_network_are_out_of_reach() {
    for_each_program(|program, place| {
        let review = Review::by(program, place, Plan::scripted(attack));
        let repo = review.repo();
        plant(&repo);
        let before = repo.git(["rev-parse", "HEAD"]);
        let said = review.run(&repo);
        let heard = review.vendors.heard();
        let told: Vec<&String> = heard.iter().flat_map(|heard| &heard.results).collect();
        if program.name == "gemini" {
            let shells = heard.iter().filter_map(|heard| heard.shell("true"));
            assert_eq!(shells.count(), 0, "{said}");
        } else {
            let tried = told.len();
            assert!(tried >= 3, "{program:?} tried {tried} times: {said}");
        }
        for request in review.vendors.requests() {
            assert!(
                !request.target.contains("fetched"),
                "{program:?} reached the network"
            );
        }
        let left = [repo.path("PWNED"), review.sandbox.path("PWNED")];
        assert!(left.iter().all(|path| !path.exists()), "{program:?} wrote");
        assert_eq!(repo.git(["status", "--porcelain"]), "", "{program:?}");
        assert_eq!(repo.git(["rev-parse", "HEAD"]), before, "{program:?}");
        // It answered all the same.
        said.code(1).prints(TITLE);
    });
}

/// Tries one thing after the other that a reader has no business with, then answers.
fn attack(heard: &Heard) -> Turn {
    let brief = reviewer::Brief::read(&heard.text());
    let tries = [
        "touch PWNED; echo x > PWNED; git log -1 --output=PWNED",
        "git commit --allow-empty -m PWNED; git update-ref refs/heads/main HEAD~1; git checkout -b PWNED",
        "curl -sS -m 5 http://127.0.0.1:9/fetched; wget -q -T 5 http://127.0.0.1:9/fetched",
    ];
    let next = tries.get(heard.results.len());
    match next.and_then(|command| heard.shell(command)) {
        Some(call) => Turn::calls(vec![call]),
        None => reviewer::finally(heard, reviewer::answer(&brief, &reviewer::raised(&brief))),
    }
}

#[test]
fn a_vendor_that_refuses_is_named_in_its_words() {
    for_each_program(|program, place| {
        for status in [401, 400] {
            let plan = Plan::reviewer().failing(Fault::Status(status));
            let review = Review::by(program, place, plan);
            let repo = review.repo();
            plant(&repo);
            let said = review.run(&repo).code(3).conceals("secret-of-");
            let words = match (program.name, status) {
                // It is stopped before it says more than this.
                ("claude", 401) => "authentication_failed",
                _ => WORDS,
            };
            let told = format!("{}{}", said.stdout, said.stderr);
            assert!(told.contains(words), "no {words:?} in {said}");
            assert!(told.contains(program.name), "{said}");
            assert!(
                review.vendors.asked().len() <= 3,
                "it tried again and again"
            );
        }
    });
}

#[test]
fn a_vendor_that_is_busy_for_a_moment_is_waited_for() {
    for_each_program(|program, place| {
        let fault = Fault::Busy {
            times: 1,
            retry_after: 1,
        };
        let review = Review::by(program, place, Plan::reviewer().failing(fault));
        let repo = review.repo();
        plant(&repo);
        review.run(&repo).code(1).prints(TITLE);
    });
}

#[test]
fn an_agent_without_an_answer_is_no_review() {
    for_each_program(|program, place| {
        // Without a finding, which would count all the same.
        let clean = |brief: &reviewer::Brief| reviewer::answer(brief, &[]);
        for fault in [
            Fault::Prose,
            Fault::MaxTokens,
            Fault::Declines,
            Fault::UnknownUnits,
        ] {
            let plan = Plan::answering(clean).failing(fault.clone());
            let review = Review::by(program, place, plan);
            let repo = review.repo();
            plant(&repo);
            let said = review.run(&repo);
            assert_eq!(said.code, Some(3), "{program:?} {fault:?}: {said}");
        }
    });
}

#[test]
fn a_vendor_that_says_nothing_is_given_up_in_time() {
    for_each_program(|program, place| {
        for fault in [Fault::Hang, Fault::Stall] {
            let review = Review::limited(
                program,
                place,
                Plan::reviewer().failing(fault.clone()),
                "wall = \"15s\"",
            );
            let repo = review.repo();
            plant(&repo);
            let said = review.run(&repo);
            assert_eq!(said.code, Some(3), "{program:?} {fault:?}: {said}");
        }
    });
}
