//! What happens to a request, whatever the other side does.

use std::sync::atomic::{AtomicBool, Ordering};

use super::fixture::{Ending, Scripted, Server};
use super::*;

const KEY: &str = "sk-this-must-not-travel";
/// More than any of these may take on a slow machine, and less than what they would wait for.
const SOON: Duration = Duration::from_secs(15);

fn patience(total: Duration, idle: Duration) -> Patience<'static> {
    Patience {
        deadline: Instant::now() + total,
        idle,
        interrupted: &|| false,
    }
}

fn long() -> Patience<'static> {
    patience(Duration::from_secs(120), Duration::from_secs(60))
}

fn connection(base: &str) -> Connection {
    let key = Secret::new(KEY).map(|key| (KeyPlace::Header("x-api-key"), key));
    Connection::to(Endpoint::new(base, key).unwrap()).unwrap()
}

/// What was read, how it ended, and how long it took.
fn post(server: &Server, patience: &Patience<'_>) -> (Vec<u8>, Result<(), Fault>, Duration) {
    let begun = Instant::now();
    let mut read = Vec::new();
    let ended = connection(&server.url()).post(
        "/v1/ask",
        &[("x-version", "1")],
        b"{}".to_vec(),
        patience,
        &mut |piece| {
            read.extend_from_slice(piece);
            ControlFlow::Continue(())
        },
    );
    (read, ended, begun.elapsed())
}

#[test]
fn a_stream_is_handed_out_and_the_key_is_sent() {
    let server = Server::start(|_, _| Scripted::events("data: 1\n\n"));
    let (read, ended, _) = post(&server, &long());
    assert_eq!((read.as_slice(), ended), (&b"data: 1\n\n"[..], Ok(())));
    let asked = server.asked();
    let head = asked[0].head.to_lowercase();
    for wanted in [
        "post /v1/ask http/1.1\r\n",
        "x-api-key: sk-this-must-not-travel\r\n",
        "x-version: 1\r\n",
        "content-type: application/json\r\n",
        "user-agent: deep-review/",
    ] {
        assert!(head.contains(wanted), "{wanted}");
    }
    assert_eq!(asked[0].body, "{}");
}

#[test]
fn a_redirect_is_not_followed_and_the_key_stays() {
    let other = Server::start(|_, _| Scripted::events("data: stolen\n\n"));
    for (status, host) in [
        (301, "127.0.0.1"),
        (302, "127.0.0.1"),
        (307, "127.0.0.1"),
        (308, "localhost"),
    ] {
        let to = other.url().replace("127.0.0.1", host);
        let server = Server::start(move |_, _| {
            Scripted::new(status, &format!("location: {to}/v1/ask\r\n"), "")
        });
        let (_, ended, _) = post(&server, &long());
        assert_eq!(ended, Err(Fault::Redirected(host.to_owned())));
        assert_eq!(server.asked().len(), 1);
    }
    assert_eq!(other.asked().len(), 0);
}

#[test]
fn what_is_no_stream_is_a_fault_in_its_own_words() {
    let cases = [
        (
            Scripted::new(
                429,
                "content-type: application/json\r\nRetry-After: 7\r\n",
                r#"{"error":{"message":"slow down"}}"#,
            ),
            Fault::Status {
                code: 429,
                words: "slow down".to_owned(),
                retry_after: Some(Duration::from_secs(7)),
            },
        ),
        (
            Scripted::new(500, "", ""),
            Fault::Status {
                code: 500,
                words: "no reason given".to_owned(),
                retry_after: None,
            },
        ),
        (
            Scripted::new(
                200,
                "content-type: text/html; charset=utf-8\r\n",
                "<html><title>Log in</title>",
            ),
            Fault::NoStream {
                content_type: "text/html; charset=utf-8".to_owned(),
                words: "a web page, Log in".to_owned(),
            },
        ),
        (
            Scripted::new(400, "", "cut off").then(Ending::Drop),
            Fault::Status {
                code: 400,
                words: "cut off".to_owned(),
                retry_after: None,
            },
        ),
    ];
    for (scripted, fault) in cases {
        let server = Server::start(move |_, _| scripted.clone());
        assert_eq!(post(&server, &long()).1, Err(fault));
    }
}

#[test]
fn silence_and_breaks_end_in_time() {
    let short = Duration::from_millis(300);
    let mute = |ending| Scripted {
        head: String::new(),
        ..Scripted::events("").then(ending)
    };
    let begun = |ending| Scripted::events("data: 1\n\n").then(ending);
    for scripted in [mute(Ending::Hang), begun(Ending::Hang)] {
        let server = Server::start(move |_, _| scripted.clone());
        let (_, ended, took) = post(&server, &patience(Duration::from_secs(120), short));
        assert_eq!(ended, Err(Fault::Stalled));
        assert!(took < SOON, "{took:?}");
        let (_, ended, took) = post(&server, &patience(short, Duration::from_secs(120)));
        assert_eq!(ended, Err(Fault::TimedOut));
        assert!(took < SOON, "{took:?}");
    }
    for (scripted, read) in [(mute(Ending::Drop), 0), (begun(Ending::Drop), 9)] {
        let server = Server::start(move |_, _| scripted.clone());
        let (got, ended, _) = post(&server, &long());
        assert!(matches!(ended, Err(Fault::Lost(_))), "{ended:?}");
        assert_eq!(got.len(), read);
    }
}

#[test]
fn an_interruption_ends_it_at_once() {
    for scripted in [
        Scripted::events("data: 1\n\n").then(Ending::Hang),
        Scripted {
            head: String::new(),
            ..Scripted::events("").then(Ending::Hang)
        },
    ] {
        let stop = AtomicBool::new(false);
        let server = Server::start(move |_, _| scripted.clone());
        let begun = Instant::now();
        let interrupted = || {
            // It is interrupted once the server is at work.
            stop.fetch_or(!server.asked().is_empty(), Ordering::SeqCst)
        };
        let patience = Patience {
            interrupted: &interrupted,
            ..long()
        };
        let ended =
            connection(&server.url()).post("/v1/ask", &[], Vec::new(), &patience, &mut |_| {
                ControlFlow::Continue(())
            });
        assert_eq!(ended, Err(Fault::Interrupted));
        assert!(begun.elapsed() < SOON);
        assert_eq!(
            patience.wait(Duration::from_secs(100)),
            Err(Fault::Interrupted)
        );
    }
}

#[test]
fn a_flood_is_cut_off_and_a_finished_answer_is_not_waited_for() {
    let server = Server::start(|_, _| Scripted {
        times: 20,
        ..Scripted::events(vec![b'x'; 1 << 20])
    });
    let (read, ended, _) = post(&server, &long());
    assert_eq!(ended, Err(Fault::TooMuch(LONGEST_ANSWER)));
    assert!(read.len() <= LONGEST_ANSWER);

    let server = Server::start(|_, _| Scripted::events("data: 1\n\n").then(Ending::Hang));
    let begun = Instant::now();
    let ended = connection(&server.url()).post("/", &[], Vec::new(), &long(), &mut |_| {
        ControlFlow::Break(())
    });
    assert_eq!(ended, Ok(()));
    assert!(begun.elapsed() < SOON);
}

#[test]
fn a_port_where_nobody_listens_is_unreachable() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let ended = connection(&format!("http://127.0.0.1:{port}")).post(
        "/",
        &[],
        Vec::new(),
        &long(),
        &mut |_| ControlFlow::Continue(()),
    );
    let Err(Fault::Unreachable { words, refused }) = ended else {
        panic!("{ended:?}");
    };
    assert!(refused, "{words}");
    assert!(!words.contains(KEY) && words.contains("refused"), "{words}");
}
