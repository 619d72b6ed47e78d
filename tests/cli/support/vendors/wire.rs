//! HTTP/1.1 as far as the clients of the vendors need it: one request per connection, whole answers and streams of
//! server-sent events.
//! What is said is left to the others.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

/// More than any client of ours sends.
const LONGEST_BODY: usize = 64 << 20;

/// One request, byte for byte.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// `POST` and the like.
    pub(crate) method: String,
    /// As on the request line: a path with its query, `host:port` for `CONNECT`, or a whole URL.
    pub(crate) target: String,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    /// What was sent, not inflated.
    pub(crate) body: Vec<u8>,
}

/// One connection of a client.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    /// A client that has gone away does not get the rest.
    broken: bool,
}

impl Request {
    /// A header's value.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    /// The body as JSON; null if it is none.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// True if the text stands in its line, its headers or its body.
    pub(crate) fn contains(&self, text: &str) -> bool {
        self.target.contains(text)
            || self.headers.iter().any(|(_, value)| value.contains(text))
            || String::from_utf8_lossy(&self.body).contains(text)
    }
}

impl Connection {
    pub(crate) fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            broken: false,
        }
    }

    /// Reads a request; `None` if the client sent nothing that is one.
    pub(crate) fn request(&mut self) -> Option<Request> {
        self.stream
            .set_read_timeout(Some(Duration::from_secs(60)))
            .ok()?;
        let mut reader = BufReader::new(self.stream.try_clone().ok()?);
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let mut words = line.split_whitespace();
        let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
        let mut headers = Vec::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).ok()?;
            let Some((name, value)) = line.trim_end().split_once(':') else {
                break;
            };
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let mut request = Request {
            method,
            target,
            headers,
            body: Vec::new(),
        };
        if request.header("expect").is_some() {
            self.write(b"HTTP/1.1 100 Continue\r\n\r\n");
        }
        request.body = match request.header("content-length") {
            Some(length) => {
                let length: usize = length.parse().ok()?;
                let mut body = vec![0; length.min(LONGEST_BODY)];
                reader.read_exact(&mut body).ok()?;
                body
            }
            None if request.header("transfer-encoding").is_some() => chunks(&mut reader)?,
            None => Vec::new(),
        };
        Some(request)
    }

    /// Sends a whole answer.
    pub(crate) fn answer(&mut self, status: u16, media_type: &str, body: &[u8]) {
        self.answer_with(status, media_type, &[], body);
    }

    /// Sends a whole answer with further headers.
    pub(crate) fn answer_with(
        &mut self,
        status: u16,
        media_type: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) {
        let mut head = format!(
            "HTTP/1.1 {status} {}\r\ncontent-type: {media_type}\r\ncontent-length: {}\r\nconnection: close\r\n",
            reason(status),
            body.len()
        );
        for (name, value) in headers {
            head.extend([name, ": ", value, "\r\n"]);
        }
        head.push_str("\r\n");
        self.write(head.as_bytes());
        self.write(body);
    }

    /// Begins a stream of events.
    pub(crate) fn begin_events(&mut self) {
        self.write(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-cache\r\n\
              transfer-encoding: chunked\r\nconnection: close\r\n\r\n",
        );
    }

    /// Sends one event, with the empty line that ends it.
    pub(crate) fn event(&mut self, event: &str) {
        let text = format!("{event}\n\n");
        self.write(format!("{:x}\r\n", text.len()).as_bytes());
        self.write(text.as_bytes());
        self.write(b"\r\n");
    }

    /// Ends a stream as it should be.
    pub(crate) fn end_events(&mut self) {
        self.write(b"0\r\n\r\n");
    }

    /// Keeps the connection open and silent until the client goes away or `over` says so.
    pub(crate) fn hang(&mut self, over: &dyn Fn() -> bool) {
        let moment = Duration::from_millis(50);
        if self.stream.set_read_timeout(Some(moment)).is_err() {
            return;
        }
        let mut byte = [0];
        while !over() {
            match self.stream.read(&mut byte) {
                Ok(0) => return,
                Ok(_) => {}
                Err(error) if is_timeout(&error) => {}
                Err(_) => return,
            }
        }
    }

    fn write(&mut self, bytes: &[u8]) {
        if !self.broken {
            self.broken = self.stream.write_all(bytes).is_err();
        }
    }
}

/// The host a client wants to reach through us as a proxy, unless that is us.
pub(crate) fn foreign_host(request: &Request) -> Option<String> {
    if request.method == "CONNECT" {
        return Some(request.target.clone());
    }
    let rest = request.target.split_once("://")?.1;
    let host = rest.split('/').next().unwrap_or(rest);
    (request.header("host") != Some(host) || !host.starts_with("127.0.0.1"))
        .then(|| host.to_owned())
}

fn chunks(reader: &mut impl BufRead) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let length = usize::from_str_radix(line.trim(), 16).ok()?;
        if body.len() + length > LONGEST_BODY {
            return None;
        }
        let start = body.len();
        body.resize(start + length, 0);
        reader.read_exact(&mut body[start..]).ok()?;
        reader.read_line(&mut line).ok()?;
        if length == 0 {
            return Some(body);
        }
    }
}

fn is_timeout(error: &std::io::Error) -> bool {
    matches!(
        error.kind(),
        std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut
    )
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        307 => "Temporary Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        426 => "Upgrade Required",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        503 => "Service Unavailable",
        529 => "Overloaded",
        _ => "Status",
    }
}
