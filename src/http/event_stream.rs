//! Cuts a streamed answer into its events (server-sent events, as the HTML standard defines them).
//! What an event means is left to whoever reads that vendor's answers.

/// The longest event, in bytes: one may repeat a whole answer.
const LONGEST_EVENT: usize = 8 << 20;

/// One event of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StreamEvent {
    /// Its type; empty if it says none.
    pub(crate) name: String,
    /// Its lines of data, joined by line feeds.
    pub(crate) data: String,
}

/// A stream of events, fed in pieces of any length.
#[derive(Debug, Default)]
pub(crate) struct EventStream {
    line: Vec<u8>,
    name: String,
    data: String,
    has_data: bool,
    after_return: bool,
    begun: bool,
}

/// An event is longer than any that is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooLong;

impl EventStream {
    /// Takes in a piece and gives the events that it completes. An event that the stream breaks off in
    /// never comes.
    pub(crate) fn feed(&mut self, piece: &[u8]) -> Result<Vec<StreamEvent>, TooLong> {
        let mut events = Vec::new();
        let mut rest = piece;
        while !rest.is_empty() {
            if std::mem::take(&mut self.after_return) && rest[0] == b'\n' {
                rest = &rest[1..];
                continue;
            }
            let Some(end) = memchr::memchr2(b'\n', b'\r', rest) else {
                self.line.extend_from_slice(rest);
                self.check()?;
                break;
            };
            self.line.extend_from_slice(&rest[..end]);
            self.check()?;
            self.after_return = rest[end] == b'\r';
            rest = &rest[end + 1..];
            let line = std::mem::take(&mut self.line);
            events.extend(self.line(&line));
        }
        Ok(events)
    }

    fn check(&self) -> Result<(), TooLong> {
        if self.line.len() + self.data.len() > LONGEST_EVENT {
            Err(TooLong)
        } else {
            Ok(())
        }
    }

    fn line(&mut self, line: &[u8]) -> Option<StreamEvent> {
        let line = if std::mem::replace(&mut self.begun, true) {
            line
        } else {
            line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line)
        };
        if line.is_empty() {
            let name = std::mem::take(&mut self.name);
            let data = std::mem::take(&mut self.data);
            return std::mem::take(&mut self.has_data).then_some(StreamEvent { name, data });
        }
        let (field, value) = match memchr::memchr(b':', line) {
            Some(colon) => (&line[..colon], &line[colon + 1..]),
            None => (line, &b""[..]),
        };
        let value = String::from_utf8_lossy(value.strip_prefix(b" ").unwrap_or(value));
        match field {
            b"event" => self.name = value.into_owned(),
            b"data" => {
                if self.has_data {
                    self.data.push('\n');
                }
                self.has_data = true;
                self.data.push_str(&value);
            }
            // Comments, ids and times to reconnect.
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(pieces: &[&[u8]]) -> Vec<(String, String)> {
        let mut stream = EventStream::default();
        let mut all = Vec::new();
        for piece in pieces {
            all.extend(stream.feed(piece).unwrap());
        }
        all.into_iter()
            .map(|event| (event.name, event.data))
            .collect()
    }

    #[test]
    fn events_are_cut_alike_wherever_pieces_end_and_whatever_ends_lines() {
        let text = "\u{feff}: hello\nevent: a\ndata: {\"x\": \"gr\u{fc}n\"}\nid: 7\n\ndata:one\ndata: two\n\n\nevent: empty\n\ndata\n\ndata: cut off\n";
        let wanted = [
            ("a".to_owned(), "{\"x\": \"gr\u{fc}n\"}".to_owned()),
            (String::new(), "one\ntwo".to_owned()),
            (String::new(), String::new()),
        ];
        for ending in ["\n", "\r\n", "\r"] {
            let text = text.replace('\n', ending);
            for size in 1..text.len() {
                let pieces: Vec<&[u8]> = text.as_bytes().chunks(size).collect();
                assert_eq!(all(&pieces), wanted, "{ending:?} {size}");
            }
        }
    }

    #[test]
    fn an_endless_event_is_refused() {
        let mut stream = EventStream::default();
        let piece = vec![b'x'; 1 << 20];
        let mut fed = 0;
        while stream.feed(&piece).is_ok() {
            fed += 1;
            assert!(fed <= 8);
        }
        let mut stream = EventStream::default();
        let line = [b"data: ".as_slice(), &piece, b"\n"].concat();
        assert!((0..9).any(|_| stream.feed(&line).is_err()));
    }
}
