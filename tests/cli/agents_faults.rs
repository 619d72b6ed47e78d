//! Vendors that fail, end to end through their real programs: the agent is named in its vendor's words and counts for
//! nothing, another agent's answer is kept, and neither a process nor a key is left anywhere.
//! What each program makes of a fault, and how much of its vendor's words it lets through, is its own affair: the table
//! says what was found with the versions in `known.toml`.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Mutex;
use std::thread;

use super::support::agents::{configured, has, snapshots, until};
#[cfg(target_os = "linux")]
use super::support::agents::{processes, until_nobody_is_left};
use super::support::programs::{ALL, Program, Review, installed, plant, secret};
use super::support::sandbox::readers;
use super::support::vendors::Plan;
use super::support::vendors::faults::{Fault, WORDS};
use super::support::vendors::reviewer::TITLE;

/// What becomes of an agent whose vendor fails.
#[derive(Clone, Copy, Debug)]
enum Ends {
    /// It answers all the same, for every file.
    Answers,
    /// It answers for these files only; it is named with these words, and what it raises counts.
    Partly(&'static [&'static str], &'static str),
    /// It counts for nothing, and is named with these words, or with the others where it is faster or slower.
    Fails(&'static [&'static str]),
}

use Ends::{Answers, Fails, Partly};

/// A fault, and what becomes of claude, codex and gemini.
type Row = (Fault, [Ends; 3]);

/// What we say of a program that was stopped.
const SILENT: Ends = Fails(&["no sign of life for 25 s"]);
/// What we say of words that are no review.
const PROSE: Ends = Fails(&["it begins: All in all a fine change"]);
const LEFT_OUT: Ends = Partly(&[], "2 files were left out although it was asked twice");
const ONE_LEFT_OUT: Ends = Partly(
    &["cart.js"],
    "1 file was left out although it was asked twice, shop.js first",
);
/// Claude, of a body that is none.
const MALFORMED: Ends = Fails(&["empty or malformed response"]);
/// Codex, of a stream without its end.
const CLOSED: Ends = Fails(&["stream closed before response.completed"]);
/// We of gemini, which says nothing about such a stream.
const BROKE_OFF: Ends = Fails(&["its vendor's stream broke off"]);
const HUGE: &[&str] = &[
    "wrote more than 16 MB",
    "its answer is empty",
    "no sign of life",
    "no answer within",
];
/// No program waits longer for its vendor, and none is waited for longer.
const LIMITS: &str = "idle = \"25s\"\nwall = \"80s\"";

fn rows() -> Vec<Row> {
    vec![
        // Those that go on trying for minutes are stopped by our limit; claude names no more than the status.
        (
            Fault::Status(429),
            [
                Fails(&["HTTP 429: rate_limit"]),
                Fails(&["429 Too Many Requests"]),
                Fails(&[WORDS]),
            ],
        ),
        (
            Fault::Status(529),
            [
                Fails(&["Repeated 529 Overloaded errors"]),
                Fails(&[WORDS]),
                Fails(&[WORDS]),
            ],
        ),
        (
            Fault::Status(500),
            [
                Fails(&["HTTP 500: server_error"]),
                Fails(&["experiencing high demand"]),
                // It ends by itself or is ended, whichever is first, and names the status in one case alone.
                Fails(&[WORDS]),
            ],
        ),
        (Fault::Hang, [SILENT; 3]),
        (Fault::Stall, [SILENT; 3]),
        (
            Fault::StubbornTool,
            // Gemini has no shell: it says nothing once it has read a file.
            [SILENT; 3],
        ),
        (Fault::Huge(20 << 20), [Fails(HUGE); 3]),
        (
            Fault::Drop,
            [
                // Which it is depends on how much of the answer it has read by then, and on its version.
                Fails(&[
                    "Connection closed mid-response",
                    "Connection lost mid-response",
                    "Connection to the API was lost",
                    "the connection to its vendor failed",
                ]),
                Fails(&["stream disconnected before completion"]),
                BROKE_OFF,
            ],
        ),
        (
            Fault::Truncate,
            [
                // It takes what came for the whole answer; later versions don't.
                Fails(&["it begins: I look first.", "Connection lost mid-response"]),
                CLOSED,
                BROKE_OFF,
            ],
        ),
        (
            Fault::BadEvent,
            [
                Fails(&["JSON Parse error", "response stream was malformed"]),
                // It passes over the event, and the last one has the answer whole.
                Answers,
                Fails(&["in JSON at position"]),
            ],
        ),
        (
            Fault::Html,
            [MALFORMED, CLOSED, Fails(&["Incomplete JSON segment"])],
        ),
        (Fault::Empty, [MALFORMED, CLOSED, BROKE_OFF]),
        (
            Fault::MaxTokens,
            [
                Fails(&["output token maximum"]),
                Fails(&["max_output_tokens"]),
                // It keeps quiet about why it stopped.
                Fails(&["JSON that is not whole"]),
            ],
        ),
        (
            Fault::Declines,
            [
                Fails(&[
                    "violate our Usage Policy",
                    "safeguards flagged this message",
                ]),
                // It shows no refusal at all.
                Fails(&["without an answer"]),
                Fails(&["the agent refused: I can't help with that"]),
            ],
        ),
        (Fault::Prose, [PROSE; 3]),
        (Fault::Wrapped, [Answers; 3]),
        (Fault::UnknownUnits, [LEFT_OUT; 3]),
        // It is asked for the rest once more.
        (Fault::MissingUnits, [Answers; 3]),
        (Fault::LeavesOut("u02"), [ONE_LEFT_OUT; 3]),
    ]
}

#[test]
fn a_vendor_that_fails_costs_its_own_agent_only() {
    let Some(place) = installed() else { return };
    // The slowest first.
    let mut cases: Vec<(Program, Fault, Ends)> = Vec::new();
    for (fault, ends) in rows().into_iter().rev() {
        cases.extend(
            ALL.into_iter()
                .zip(ends)
                .map(|(program, ends)| (program, fault.clone(), ends)),
        );
    }
    let cases = Mutex::new(cases);
    let wrong = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in ALL {
            scope.spawn(|| {
                loop {
                    let Some((program, fault, ends)) = cases.lock().unwrap().pop() else {
                        return;
                    };
                    let tried =
                        catch_unwind(AssertUnwindSafe(|| fails(program, &place, &fault, ends)));
                    if tried.is_err() {
                        let name = program.name;
                        wrong.lock().unwrap().push(format!("{name} {fault:?}"));
                    }
                }
            });
        }
    });
    assert_eq!(wrong.into_inner().unwrap(), [""; 0], "what is said above");
}

/// One fault and one program, beside an agent that does as it is told; both must have answered.
fn fails(program: Program, place: &Path, fault: &Fault, ends: Ends) {
    let plan = Plan::reviewer().failing(fault.clone());
    let review = Review::limited(program, place, plan, LIMITS);
    let table = format!("{}[gate]\nquorum = 2\n", review.table);
    let [ann] = configured(&review.sandbox, ["ann"], &table);
    ann.raises("cart.js|2|suggestion|Prices are counted, not added|return prices.length;");
    ann.does(
        "wait_for_gate; env >\"$asked/environment\"; grep -rl secret-of- .. >\"$asked/leaks\"; answer",
    );
    let mut gate = ann.gate();
    let (repo, _) = review.sandbox.cloned();
    repo.deep_review(["agents", "enable", "ann", program.name])
        .code(0);
    repo.write(
        "cart.js",
        "export function total(prices) {\n  return prices.length;\n}\n",
    );
    plant(&repo);

    let running = review.call(&repo).args(["-v", "--format", "json"]).start();
    until("the vendor is asked", || !review.vendors.asked().is_empty());
    #[cfg(target_os = "linux")]
    {
        if *fault == Fault::StubbornTool && program.name != "gemini" {
            let tool = |line: &String| line.contains("trap '' TERM") || line.contains("tail -f");
            until("its tool runs", || {
                processes(&review.sandbox).iter().any(tool)
            });
        }
        keys_are_where_they_belong(&review, running.id());
    }
    gate.open();
    let said = running.finish().conceals("secret-of-");
    let case = format!("{} {fault:?}: {said}", program.name);
    let report = said.json();

    // Ann's answer is kept, whatever became of the other.
    for path in ["cart.js", "shop.js"] {
        assert!(readers(&report, path).contains(&"ann".to_owned()), "{case}");
    }
    assert!(
        said.stdout.contains("Prices are counted, not added"),
        "{case}"
    );
    let read: Vec<&str> = ["cart.js", "shop.js"]
        .into_iter()
        .filter(|path| readers(&report, path).contains(&program.name.to_owned()))
        .collect();
    let named = report["failed"].as_array().and_then(|failed| {
        let own = failed.iter().find(|it| it["agent"] == program.name)?;
        own["why"].as_str()
    });
    let owed = report["verdict"]["not_reviewed"].as_array();
    let owed = owed.map_or(0, Vec::len);
    match ends {
        Answers => {
            assert_eq!((read.len(), named, owed), (2, None, 0), "{case}");
            assert_eq!(said.code, Some(1), "{case}");
        }
        Partly(files, words) => {
            assert_eq!(read, files, "{case}");
            assert!(named.is_some_and(|why| why.contains(words)), "{case}");
            assert_eq!((owed, said.code), (2 - files.len(), Some(1)), "{case}");
        }
        Fails(words) => {
            assert_eq!(read, [""; 0], "{case}");
            let why = named.unwrap_or_else(|| panic!("{case}"));
            assert!(words.iter().any(|words| why.contains(words)), "{case}");
            assert_eq!((owed, said.code), (2, Some(3)), "{case}");
        }
    }
    let raised = !matches!(ends, Fails(_));
    assert_eq!(said.stdout.contains(TITLE), raised, "{case}");

    // Nor does anything stored say otherwise, or hold a key.
    let asked = review.vendors.asked().len();
    repo.deep_review(["gate"]).code(said.code.unwrap_or(-1));
    assert_eq!(review.vendors.asked().len(), asked, "{case}");
    assert_eq!(ann.wrote(1, "leaks"), "", "{case}");
    assert!(!ann.wrote(1, "environment").contains("secret-of-"));
    for place in ["work", "remote.git", "home", "state", "tmp", "config"] {
        let place = review.sandbox.path(place);
        assert!(!has(&place, "secret-of-"), "{case} {}", place.display());
    }
    assert!(!has(&review.sandbox.cache(""), "secret-of-"), "{case}");
    assert_eq!(snapshots(&review.sandbox), [""; 0], "{case}");
    #[cfg(target_os = "linux")]
    until_nobody_is_left(&review.sandbox);
}

/// Fails if a process other than ours knows the key of another program than the one under test.
#[cfg(target_os = "linux")]
fn keys_are_where_they_belong(review: &Review, ours: u32) {
    for process in processes(&review.sandbox) {
        let id = process.split(' ').next().unwrap_or_default();
        if id == ours.to_string() {
            continue;
        }
        // One that has ended meanwhile knows nothing any more.
        let environment = std::fs::read(format!("/proc/{id}/environ")).unwrap_or_default();
        let environment = String::from_utf8_lossy(&environment).into_owned();
        let rest = environment.replace(&secret(review.program), "");
        assert!(
            !rest.contains("secret-of-"),
            "{process} knows another's key"
        );
    }
}
