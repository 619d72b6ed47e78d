//! The vendors of AI agents on loopback: one server that speaks their four ways to talk,
//! and answers by a script; it is also a proxy that refuses every other host.
//! Which turn it is, is counted from the request's own history, so any number of agents may ask at once.
//!
//! - `wire`: HTTP/1.1, as little of it as clients need
//! - `heard`: what a request asks, and what the model says, in no vendor's words
//! - `anthropic`, `responses`, `chat`, `gemini`: the two in each vendor's words
//! - `reviewer`: a model that follows a brief literally
//! - `faults`: the ways in which a vendor fails

pub(crate) mod anthropic;
pub(crate) mod chat;
pub(crate) mod faults;
pub(crate) mod gemini;
pub(crate) mod heard;
pub(crate) mod responses;
pub(crate) mod reviewer;
pub(crate) mod wire;

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use faults::Fault;
use heard::{Heard, Turn, Vendor};
use wire::{Connection, Request};

/// What the model says to what it hears.
pub(crate) type Script = Arc<dyn Fn(&Heard) -> Turn + Send + Sync>;

/// A running server; it ends with this value.
#[derive(Debug)]
pub(crate) struct Vendors {
    address: SocketAddr,
    state: Arc<State>,
}

/// How a server behaves.
#[derive(Clone)]
pub(crate) struct Plan {
    script: Script,
    fault: Option<Fault>,
}

struct State {
    plan: Plan,
    requests: Mutex<Vec<Request>>,
    foreign: Mutex<Vec<String>>,
    asked: AtomicUsize,
    over: AtomicBool,
}

impl Plan {
    /// A model that reads one thing by a tool and then raises what [`reviewer::raised`] says.
    pub(crate) fn reviewer() -> Self {
        Self::scripted(reviewer::literal)
    }

    /// A model that reads one thing by a tool and then answers with what `answer` makes of the brief.
    pub(crate) fn answering(
        answer: impl Fn(&reviewer::Brief) -> String + Send + Sync + 'static,
    ) -> Self {
        Self::scripted(move |heard| reviewer::look_then(heard, &answer))
    }

    /// A model that says what `script` says.
    pub(crate) fn scripted(script: impl Fn(&Heard) -> Turn + Send + Sync + 'static) -> Self {
        Self {
            script: Arc::new(script),
            fault: None,
        }
    }

    /// The same, failing.
    pub(crate) fn failing(mut self, fault: Fault) -> Self {
        self.fault = Some(fault);
        self
    }

    /// Starts a server.
    pub(crate) fn start(self) -> Vendors {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        let address = listener.local_addr().expect("it is bound");
        let state = Arc::new(State {
            plan: self,
            requests: Mutex::default(),
            foreign: Mutex::default(),
            asked: AtomicUsize::new(0),
            over: AtomicBool::new(false),
        });
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming() {
                if shared.over.load(Ordering::SeqCst) {
                    break;
                }
                if let Ok(stream) = stream {
                    let state = Arc::clone(&shared);
                    thread::spawn(move || state.serve(stream));
                }
            }
        });
        Vendors { address, state }
    }
}

impl Vendors {
    /// Where it is: `http://127.0.0.1:PORT`, without a slash.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Everything that was asked so far, in order of arrival; also what no model has to answer.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.state.requests.lock().unwrap().clone()
    }

    /// The requests that a model had to answer.
    pub(crate) fn asked(&self) -> Vec<Request> {
        let mut requests = self.requests();
        requests.retain(|request| vendor(request).is_some());
        requests
    }

    /// What models heard, in order of arrival.
    pub(crate) fn heard(&self) -> Vec<Heard> {
        self.requests().iter().filter_map(heard).collect()
    }

    /// The other hosts that somebody tried to reach through this one as a proxy.
    pub(crate) fn foreign(&self) -> Vec<String> {
        self.state.foreign.lock().unwrap().clone()
    }
}

impl Drop for Vendors {
    fn drop(&mut self) {
        self.state.over.store(true, Ordering::SeqCst);
        // Wakes the thread that waits for connections.
        let _ = TcpStream::connect_timeout(&self.address, Duration::from_secs(1));
    }
}

impl State {
    fn serve(&self, stream: TcpStream) {
        let mut connection = Connection::new(stream);
        let Some(request) = connection.request() else {
            return;
        };
        let proxied = wire::foreign_host(&request);
        self.requests.lock().unwrap().push(request.clone());
        if let Some(host) = proxied {
            self.foreign.lock().unwrap().push(host);
            connection.answer(403, "text/plain", b"this proxy reaches nobody\n");
            return;
        }
        match heard(&request) {
            Some(heard) => self.speak(&mut connection, &heard),
            None => aside(&mut connection, &request),
        }
    }

    fn speak(&self, connection: &mut Connection, heard: &Heard) {
        let nth = self.asked.fetch_add(1, Ordering::SeqCst);
        let turn = || (self.plan.script)(heard);
        match &self.plan.fault {
            None => say(connection, heard, &turn()),
            Some(fault) => fault.happen(connection, heard, nth, turn(), &|| {
                self.over.load(Ordering::SeqCst)
            }),
        }
    }
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State")
            .field("fault", &self.plan.fault)
            .finish_non_exhaustive()
    }
}

/// Answers as the vendor does when all is well.
pub(crate) fn say(connection: &mut Connection, heard: &Heard, turn: &Turn) {
    if heard.streaming {
        connection.begin_events();
        for event in events(heard, turn) {
            connection.event(&event);
        }
        connection.end_events();
    } else {
        let body = whole(heard, turn).to_string();
        connection.answer(200, "application/json", body.as_bytes());
    }
}

/// The events of a stream, as they stand on the wire.
pub(crate) fn events(heard: &Heard, turn: &Turn) -> Vec<String> {
    match heard.vendor {
        Vendor::Anthropic => anthropic::events(heard, turn),
        Vendor::Responses => responses::events(heard, turn),
        Vendor::Chat => chat::events(heard, turn),
        Vendor::Gemini => gemini::events(heard, turn),
    }
}

fn whole(heard: &Heard, turn: &Turn) -> serde_json::Value {
    match heard.vendor {
        Vendor::Anthropic => anthropic::whole(heard, turn),
        Vendor::Responses => responses::whole(heard, turn),
        Vendor::Chat => chat::whole(heard, turn),
        Vendor::Gemini => gemini::whole(heard, turn),
    }
}

/// The body of an error in the vendor's form.
pub(crate) fn refusal(vendor: Vendor, status: u16, message: &str) -> serde_json::Value {
    match vendor {
        Vendor::Anthropic => anthropic::refusal(status, message),
        Vendor::Responses | Vendor::Chat => responses::refusal(status, message),
        Vendor::Gemini => gemini::refusal(status, message),
    }
}

fn vendor(request: &Request) -> Option<Vendor> {
    let path = request.target.split('?').next().unwrap_or_default();
    if request.method != "POST" {
        None
    } else if path.ends_with("/messages") {
        Some(Vendor::Anthropic)
    } else if path.ends_with("/responses") {
        Some(Vendor::Responses)
    } else if path.ends_with("/chat/completions") {
        Some(Vendor::Chat)
    } else if path.ends_with("enerateContent") {
        Some(Vendor::Gemini)
    } else {
        None
    }
}

/// What a request says to a model; `None` if it is for none.
pub(crate) fn heard(request: &Request) -> Option<Heard> {
    let vendor = vendor(request)?;
    let body = serde_json::from_slice(&request.body).unwrap_or_default();
    Some(match vendor {
        Vendor::Anthropic => anthropic::heard(&body),
        Vendor::Responses => responses::heard(&body),
        Vendor::Chat => chat::heard(&body),
        Vendor::Gemini => gemini::heard(&request.target, &body),
    })
}

/// What clients ask beside: to count tokens, to list models, to upgrade to a web socket.
fn aside(connection: &mut Connection, request: &Request) {
    let target = &request.target;
    if request.method == "GET" && target.contains("/responses") {
        connection.answer(426, "text/plain", b"no web sockets here\n");
    } else if target.contains("count_tokens") {
        connection.answer(200, "application/json", br#"{"input_tokens":1200}"#);
    } else if target.contains(":countTokens") {
        connection.answer(200, "application/json", br#"{"totalTokens":1200}"#);
    } else {
        connection.answer(
            404,
            "application/json",
            br#"{"error":{"message":"no such thing"}}"#,
        );
    }
}
