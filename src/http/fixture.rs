//! A server on loopback for tests, which answers as a closure says and keeps what it was asked.
//! What a vendor's answer looks like is left to the tests of each.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// A request as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// The request line and the headers, in lower case but for the values.
    pub(crate) head: String,
    /// The body.
    pub(crate) body: String,
}

impl Asked {
    /// The body as JSON.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// How an answer ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// As it should.
    Close,
    /// The connection stays open and nothing more comes.
    Hang,
    /// The connection breaks in the middle.
    Drop,
}

/// What the server answers.
#[derive(Clone, Debug)]
pub(crate) struct Scripted {
    /// Status line and headers; empty for none at all.
    pub(crate) head: String,
    /// What follows.
    pub(crate) body: Vec<u8>,
    /// How often the body is sent.
    pub(crate) times: usize,
    /// How it ends.
    pub(crate) ending: Ending,
}

impl Scripted {
    /// An answer with a status, headers and a body.
    pub(crate) fn new(status: u16, headers: &str, body: impl Into<Vec<u8>>) -> Self {
        Self {
            head: format!("HTTP/1.1 {status} Said\r\n{headers}"),
            body: body.into(),
            times: 1,
            ending: Ending::Close,
        }
    }

    /// A stream of events.
    pub(crate) fn events(body: impl Into<Vec<u8>>) -> Self {
        Self::new(200, "content-type: text/event-stream\r\n", body)
    }

    /// The same with another ending.
    pub(crate) fn then(mut self, ending: Ending) -> Self {
        self.ending = ending;
        self
    }
}

/// A running server; its threads end with the process.
pub(crate) struct Server {
    port: u16,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Server {
    /// Starts a server; `answer` gets the number of the request, from 0, and the request.
    pub(crate) fn start(
        answer: impl Fn(usize, &Asked) -> Scripted + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&asked);
        let answer = Arc::new(answer);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (kept, answer) = (Arc::clone(&kept), Arc::clone(&answer));
                thread::spawn(move || {
                    // A client that goes away is part of many tests.
                    let _ = serve(stream.unwrap(), &kept, &*answer);
                });
            }
        });
        Self { port, asked }
    }

    /// Where it is.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// What it was asked so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

fn serve(
    mut stream: TcpStream,
    kept: &Mutex<Vec<Asked>>,
    answer: &dyn Fn(usize, &Asked) -> Scripted,
) -> std::io::Result<()> {
    let mut read = Vec::new();
    let mut piece = [0; 4096];
    let head = loop {
        if let Some(end) = read.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
        let len = stream.read(&mut piece)?;
        if len == 0 {
            return Ok(());
        }
        read.extend_from_slice(&piece[..len]);
    };
    let text = String::from_utf8_lossy(&read[..head]).into_owned();
    let len: usize = text
        .lines()
        .find_map(|line| {
            line.to_ascii_lowercase()
                .strip_prefix("content-length:")?
                .trim()
                .parse()
                .ok()
        })
        .unwrap_or_default();
    while read.len() < head + len {
        let got = stream.read(&mut piece)?;
        if got == 0 {
            return Ok(());
        }
        read.extend_from_slice(&piece[..got]);
    }
    let asked = Asked {
        head: text,
        body: String::from_utf8_lossy(&read[head..]).into_owned(),
    };
    let number = {
        let mut all = kept.lock().unwrap();
        all.push(asked.clone());
        all.len() - 1
    };
    let scripted = answer(number, &asked);
    if !scripted.head.is_empty() {
        let more = match scripted.ending {
            Ending::Close => 0,
            Ending::Hang | Ending::Drop => 1000,
        };
        let len = scripted.body.len() * scripted.times + more;
        let head = format!(
            "{}content-length: {len}\r\nconnection: close\r\n\r\n",
            scripted.head
        );
        stream.write_all(head.as_bytes())?;
        for _ in 0..scripted.times {
            stream.write_all(&scripted.body)?;
        }
        stream.flush()?;
    }
    if scripted.ending == Ending::Hang {
        while stream.read(&mut piece)? > 0 {}
    }
    Ok(())
}
