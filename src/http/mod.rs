//! Speaks HTTP with the one host that the user configured: the only place that names reqwest.
//! What is asked and what the answer means is left to the agents; when to try again, too.
//!
//! - `endpoint`: where requests may go, and the key that goes nowhere else
//! - `fault`: what can go wrong, in the words of the other side
//! - `event_stream`: the events of a streamed answer

mod endpoint;
mod event_stream;
mod fault;
#[cfg(test)]
pub(crate) mod fixture;

use std::io::Read as _;
use std::ops::ControlFlow;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use reqwest::blocking::{Client, Request};
use reqwest::header::{
    ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION, RETRY_AFTER,
};
use reqwest::redirect::Policy;
use reqwest::{Method, Url};

pub(crate) use endpoint::{Endpoint, KeyPlace, Secret};
pub(crate) use event_stream::EventStream;
pub(crate) use fault::Fault;
pub(crate) use fault::{one_line, words_of};

use fault::{retry_after, said_by};

/// How often an interruption is looked for while nothing arrives.
const TICK: Duration = Duration::from_millis(50);
/// How long it may take to be connected.
const CONNECT: Duration = Duration::from_secs(20);
/// How long an idle connection is kept for the next request.
const KEPT: Duration = Duration::from_secs(60);
/// The longest answer that is read, in bytes.
const LONGEST_ANSWER: usize = 16 << 20;
/// How much of an answer that is an error is read, in bytes.
const LONGEST_COMPLAINT: usize = 64 << 10;
/// How long the end of an answer is waited for once it is complete, so that its connection can be used
/// again.
const LAST_WORDS: Duration = Duration::from_millis(200);
/// Bytes read at once.
const PIECE: usize = 16 << 10;
/// Pieces that may wait for whoever reads.
const WAITING: usize = 16;

/// How long to wait, and for whom to stop.
#[derive(Clone, Copy)]
pub(crate) struct Patience<'p> {
    /// When all must be over.
    pub(crate) deadline: Instant,
    /// How long the other side may be silent.
    pub(crate) idle: Duration,
    /// True once the user wants an end.
    pub(crate) interrupted: &'p dyn Fn() -> bool,
}

impl Patience<'_> {
    /// Waits, unless the user or the deadline ends it before.
    pub(crate) fn wait(&self, how_long: Duration) -> Result<(), Fault> {
        let until = Instant::now() + how_long;
        loop {
            self.check()?;
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            thread::sleep(left.min(TICK));
        }
    }

    /// What is left until the deadline.
    pub(crate) fn left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    fn check(&self) -> Result<(), Fault> {
        if (self.interrupted)() {
            Err(Fault::Interrupted)
        } else if self.left().is_zero() {
            Err(Fault::TimedOut)
        } else {
            Ok(())
        }
    }
}

/// A connection to one endpoint.
#[derive(Debug)]
pub(crate) struct Connection {
    client: Client,
    endpoint: Endpoint,
}

/// What arrives from the thread that reads.
enum Part {
    Head(Head),
    Bytes(Vec<u8>),
    End,
    Failed(Fault),
}

/// The head of an answer, as far as it matters.
struct Head {
    status: u16,
    content_type: String,
    retry_after: Option<Duration>,
    location: Option<String>,
}

impl Connection {
    /// Prepares to speak with an endpoint; nothing is sent yet. It follows no redirect, tries nothing
    /// again by itself, and reaches endpoints without encryption directly, never through a proxy.
    pub(crate) fn to(endpoint: Endpoint) -> Result<Self, Fault> {
        let mut builder = Client::builder()
            .redirect(Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .connect_timeout(CONNECT)
            .pool_idle_timeout(KEPT)
            .user_agent(concat!("deep-review/", env!("CARGO_PKG_VERSION")));
        if !endpoint.is_encrypted() {
            builder = builder.no_proxy();
        }
        let client = builder
            .build()
            .map_err(|error| Fault::Unusable(chain(&error)))?;
        Ok(Self { client, endpoint })
    }

    /// The endpoint.
    pub(crate) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Sends a JSON body to a path below the endpoint and hands out the streamed answer, piece by piece,
    /// until it ends or `on` breaks. An answer that is no stream, or whose status is no success, is a fault
    /// with its words. Returns within a fraction of a second of an interruption or a deadline; the
    /// thread that reads ends later by itself.
    pub(crate) fn post(
        &self,
        path: &str,
        headers: &[(&'static str, &'static str)],
        body: Vec<u8>,
        patience: &Patience<'_>,
        on: &mut dyn FnMut(&[u8]) -> ControlFlow<()>,
    ) -> Result<(), Fault> {
        patience.check()?;
        let request = self.request(path, headers, body, patience);
        let (sender, receiver) = sync_channel(WAITING);
        let client = self.client.clone();
        thread::Builder::new()
            .name("http".to_owned())
            .spawn(move || fetch(&client, request, &sender))
            .map_err(|error| Fault::Unusable(format!("cannot start a thread: {error}")))?;
        let mut answer = Reading::Head;
        let mut heard = Instant::now();
        let mut seen = 0_usize;
        loop {
            if let Reading::Over(until) = answer {
                if Instant::now() >= until {
                    return Ok(());
                }
            } else {
                patience.check()?;
                if heard.elapsed() >= patience.idle {
                    return answer.complaint(&self.endpoint, Fault::Stalled);
                }
            }
            let part = match receiver.recv_timeout(TICK) {
                Ok(part) => part,
                Err(RecvTimeoutError::Timeout) => continue,
                Err(RecvTimeoutError::Disconnected) => {
                    return answer
                        .complaint(&self.endpoint, Fault::Lost("the reader ended".to_owned()));
                }
            };
            heard = Instant::now();
            match part {
                Part::Head(begun) => answer = Reading::of(begun)?,
                Part::Bytes(piece) => {
                    seen += piece.len();
                    // What comes after the last word is not read.
                    if seen > LONGEST_ANSWER && !matches!(answer, Reading::Over(_)) {
                        return Err(Fault::TooMuch(LONGEST_ANSWER));
                    }
                    match &mut answer {
                        Reading::Stream => {
                            if on(&piece).is_break() {
                                answer = Reading::Over(Instant::now() + LAST_WORDS);
                            }
                        }
                        Reading::Complaint { text, .. } => {
                            text.extend_from_slice(&piece);
                            if text.len() >= LONGEST_COMPLAINT {
                                return answer
                                    .complaint(&self.endpoint, Fault::TooMuch(LONGEST_COMPLAINT));
                            }
                        }
                        Reading::Head | Reading::Over(_) => {}
                    }
                }
                Part::End => return answer.complaint(&self.endpoint, Fault::Ended),
                Part::Failed(fault) => {
                    if matches!(answer, Reading::Over(_)) {
                        return Ok(());
                    }
                    return answer.complaint(&self.endpoint, fault);
                }
            }
        }
    }

    fn request(
        &self,
        path: &str,
        headers: &[(&'static str, &'static str)],
        body: Vec<u8>,
        patience: &Patience<'_>,
    ) -> Request {
        let mut request = Request::new(Method::POST, self.endpoint.url(path));
        // A backstop for the thread that reads: whoever waits for it looks at the clock itself.
        let longest = patience.idle.min(patience.left()) + CONNECT;
        *request.timeout_mut() = Some(longest);
        let map = request.headers_mut();
        map.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        map.insert(ACCEPT, HeaderValue::from_static("text/event-stream"));
        for (name, value) in headers {
            map.insert(
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            );
        }
        if let Some((name, value)) = self.endpoint.key_header() {
            map.insert(name, value);
        }
        *request.body_mut() = Some(body.into());
        request
    }
}

/// What is being read.
enum Reading {
    Head,
    Stream,
    Complaint {
        head: Head,
        text: Vec<u8>,
    },
    /// All that matters has arrived; the rest is awaited until then.
    Over(Instant),
}

impl Reading {
    fn of(head: Head) -> Result<Self, Fault> {
        if (300..400).contains(&head.status) {
            return Err(Fault::Redirected(
                head.location.unwrap_or_else(|| "nowhere".to_owned()),
            ));
        }
        let is_other = ["text/html", "application/json"]
            .iter()
            .any(|other| head.content_type.starts_with(other));
        if (200..300).contains(&head.status) && !is_other {
            return Ok(Self::Stream);
        }
        Ok(Self::Complaint {
            head,
            text: Vec::new(),
        })
    }

    /// What the answer comes to when it ends like this.
    fn complaint(self, endpoint: &Endpoint, end: Fault) -> Result<(), Fault> {
        match self {
            Self::Head => Err(match end {
                Fault::Ended => Fault::Lost("it was closed before an answer".to_owned()),
                other => other,
            }),
            // An answer may end by the end of its connection; whether it was complete is for its
            // reader to say.
            Self::Stream if matches!(end, Fault::Ended) => Ok(()),
            Self::Stream => Err(end),
            Self::Over(_) => Ok(()),
            Self::Complaint { head, text } => {
                // Before they are cut: a half of a key is not found any more.
                let text = endpoint.scrub(&String::from_utf8_lossy(&text));
                let words = said_by(&head.content_type, &text);
                Err(if (200..300).contains(&head.status) {
                    Fault::NoStream {
                        content_type: head.content_type,
                        words,
                    }
                } else {
                    Fault::Status {
                        code: head.status,
                        words,
                        retry_after: head.retry_after,
                    }
                })
            }
        }
    }
}

/// Sends the request and passes on what comes back, until nobody listens.
fn fetch(client: &Client, request: Request, to: &SyncSender<Part>) {
    let mut answer = match client.execute(request) {
        Ok(answer) => answer,
        Err(error) => {
            let _ = to.send(Part::Failed(unsent(&error)));
            return;
        }
    };
    let head = Head {
        status: answer.status().as_u16(),
        content_type: text(answer.headers(), &CONTENT_TYPE).unwrap_or_default(),
        retry_after: text(answer.headers(), &RETRY_AFTER).and_then(|text| retry_after(&text)),
        location: text(answer.headers(), &LOCATION).map(|to| host_of(answer.url(), &to)),
    };
    let mut sent = to.send(Part::Head(head));
    let mut piece = vec![0; PIECE];
    while sent.is_ok() {
        sent = match answer.read(&mut piece) {
            Ok(0) => {
                let _ = to.send(Part::End);
                return;
            }
            Ok(len) => to.send(Part::Bytes(piece[..len].to_vec())),
            Err(error) => {
                let _ = to.send(Part::Failed(Fault::Lost(chain(&error))));
                return;
            }
        };
    }
}

/// Why a request came to nothing before there was an answer.
fn unsent(error: &reqwest::Error) -> Fault {
    let words = chain(error);
    if !error.is_connect() {
        return if error.is_timeout() {
            Fault::Stalled
        } else {
            Fault::Lost(words)
        };
    }
    let refused = causes(error).any(|cause| {
        cause
            .downcast_ref::<std::io::Error>()
            .is_some_and(|cause| cause.kind() == std::io::ErrorKind::ConnectionRefused)
    });
    Fault::Unreachable { words, refused }
}

fn causes<'e>(
    error: &'e (dyn std::error::Error + 'static),
) -> impl Iterator<Item = &'e (dyn std::error::Error + 'static)> {
    std::iter::successors(Some(error), |error| error.source())
}

/// An error with its causes on one line, without the address: it may hold what should not be shown.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut said: Vec<String> = Vec::new();
    for cause in causes(error) {
        let words = match cause.downcast_ref::<reqwest::Error>() {
            Some(_) => continue,
            None => cause.to_string(),
        };
        if said.last().is_none_or(|last| !last.contains(&words)) {
            said.push(words);
        }
    }
    if said.is_empty() {
        return "the connection failed".to_owned();
    }
    said.join(": ")
}

fn text(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let value = headers.get(name)?.to_str().ok()?;
    Some(value.trim().to_ascii_lowercase())
}

/// The host that a redirect names.
fn host_of(from: &Url, location: &str) -> String {
    match from.join(location) {
        Ok(to) => to.host_str().unwrap_or("another address").to_owned(),
        Err(_) => "an address that can't be read".to_owned(),
    }
}

#[cfg(test)]
mod tests;
