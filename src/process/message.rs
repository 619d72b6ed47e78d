//! What we and our supervisor process say to each other, over the socket that is its standard input.
//! Acting on it is left to the two ends.
//!
//! We say one [`Request`]: the eight bytes of [`FORM`], the length of the rest, and the rest; numbers are
//! little-endian, texts and lists have their length in front. Nothing follows it: the end of the socket
//! means that the program is to be ended, whether we closed it or died. The supervisor says [`Notice`]s
//! of five bytes. So neither arguments nor environment nor input of an agent stand in the supervisor's
//! arguments, where everybody can read them.

use std::ffi::{OsStr, OsString};
use std::io::{self, Read};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;
use std::time::Duration;

use super::Program;

/// How a request begins; another version of it, another number.
const FORM: &[u8; 8] = b"dr-sup\0\x01";

/// What the supervisor process is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Task {
    /// Run the program, and end it and all below it when we say so or die.
    Supervise {
        /// How long it has between being asked to end and being killed.
        grace: Duration,
    },
    /// Start the program in a session of its own and leave it.
    Detach,
}

/// One task with its program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Request {
    /// What to do.
    pub(super) task: Task,
    /// With what.
    pub(super) program: Program,
}

/// What the supervisor process says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Notice {
    /// The program was started; its process id.
    Started(i32),
    /// It could not be, with this number of the system's error.
    NotStarted(i32),
    /// It ended by itself or as asked, with this exit code.
    Exited(i32),
    /// It was ended by a signal.
    Signaled(i32),
    /// So many processes below it could not be ended.
    Left(i32),
}

/// The bytes of a request.
pub(super) fn request_bytes(task: Task, program: &Program) -> Vec<u8> {
    let mut body = Vec::with_capacity(program.input.len() + 4096);
    match task {
        Task::Supervise { grace } => {
            body.push(b's');
            let grace = u64::try_from(grace.as_millis()).unwrap_or(u64::MAX);
            body.extend_from_slice(&grace.to_le_bytes());
        }
        Task::Detach => body.push(b'd'),
    }
    put(&mut body, program.path.as_os_str());
    put(&mut body, program.directory.as_os_str());
    count(&mut body, program.arguments.len());
    for argument in &program.arguments {
        put(&mut body, argument);
    }
    count(&mut body, program.environment.len());
    for (name, value) in &program.environment {
        put(&mut body, name);
        put(&mut body, value);
    }
    put(&mut body, OsStr::from_bytes(&program.input));
    let mut bytes = FORM.to_vec();
    count(&mut bytes, body.len());
    bytes.append(&mut body);
    bytes
}

fn count(bytes: &mut Vec<u8>, number: usize) {
    bytes.extend_from_slice(&(number as u64).to_le_bytes());
}

fn put(bytes: &mut Vec<u8>, text: &OsStr) {
    count(bytes, text.len());
    bytes.extend_from_slice(text.as_bytes());
}

/// Sent behind a request, before the socket ends: somebody waits.
pub(super) const HURRY: u8 = b'h';

/// Reads a request; `None` if the other end was gone before it was complete.
pub(super) fn read_request(mut from: impl Read) -> io::Result<Option<Request>> {
    let mut head = [0; 16];
    if !filled(&mut from, &mut head)? {
        return Ok(None);
    }
    let (form, length) = head.split_at(8);
    if form != FORM {
        return Err(malformed());
    }
    let length = u64::from_le_bytes(length.try_into().expect("half of sixteen bytes"));
    let mut body = Vec::new();
    from.take(length).read_to_end(&mut body)?;
    if (body.len() as u64) < length {
        return Ok(None);
    }
    let mut rest = Rest(&body);
    let task = match rest.take(1)? {
        b"s" => Task::Supervise {
            grace: Duration::from_millis(rest.number()?),
        },
        b"d" => Task::Detach,
        _ => return Err(malformed()),
    };
    let path = Path::new(&rest.text()?).to_owned();
    let directory = Path::new(&rest.text()?).to_owned();
    let mut arguments = Vec::new();
    for _ in 0..rest.number()? {
        arguments.push(rest.text()?);
    }
    let mut environment = Vec::new();
    for _ in 0..rest.number()? {
        environment.push((rest.text()?, rest.text()?));
    }
    let program = Program {
        path,
        arguments,
        directory,
        environment,
        input: rest.text()?.into_vec(),
    };
    Ok(Some(Request { task, program }))
}

impl Notice {
    /// How many bytes one has.
    pub(super) const LENGTH: usize = 5;

    /// Its bytes.
    pub(super) fn bytes(self) -> [u8; Self::LENGTH] {
        let (tag, number) = match self {
            Self::Started(pid) => (b'p', pid),
            Self::NotStarted(error) => (b'n', error),
            Self::Exited(code) => (b'x', code),
            Self::Signaled(signal) => (b'k', signal),
            Self::Left(processes) => (b'l', processes),
        };
        let [a, b, c, d] = number.to_le_bytes();
        [tag, a, b, c, d]
    }

    /// Reads one from the front; `None` if it is not there yet, or none of these.
    pub(super) fn split_from(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let ([tag, number @ ..], rest) = bytes.split_first_chunk::<{ Self::LENGTH }>()?;
        let number = i32::from_le_bytes(*number);
        let notice = match tag {
            b'p' => Self::Started(number),
            b'n' => Self::NotStarted(number),
            b'x' => Self::Exited(number),
            b'k' => Self::Signaled(number),
            b'l' => Self::Left(number),
            _ => return None,
        };
        Some((notice, rest))
    }
}

/// What of a request is not read yet.
struct Rest<'b>(&'b [u8]);

impl<'b> Rest<'b> {
    fn take(&mut self, length: u64) -> io::Result<&'b [u8]> {
        let length = usize::try_from(length).map_err(|_| malformed())?;
        let (taken, rest) = self.0.split_at_checked(length).ok_or_else(malformed)?;
        self.0 = rest;
        Ok(taken)
    }

    fn number(&mut self) -> io::Result<u64> {
        let bytes = self.take(8)?;
        Ok(u64::from_le_bytes(
            bytes.try_into().expect("eight were taken"),
        ))
    }

    fn text(&mut self) -> io::Result<OsString> {
        let length = self.number()?;
        Ok(OsString::from_vec(self.take(length)?.to_vec()))
    }
}

fn filled(from: &mut impl Read, buffer: &mut [u8]) -> io::Result<bool> {
    match from.read_exact(buffer) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

fn malformed() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "not a request of this program")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program() -> Program {
        Program {
            path: "/bin/agent".into(),
            arguments: vec!["".into(), OsString::from_vec(vec![0xff, b' ', b'\n'])],
            directory: "/a place".into(),
            environment: vec![("KEY".into(), "a=b".into()), ("EMPTY".into(), "".into())],
            input: (0..=255).collect(),
        }
    }

    #[test]
    fn a_request_is_read_as_it_was_said() {
        let grace = Duration::from_millis(1500);
        for task in [Task::Supervise { grace }, Task::Detach] {
            let read = read_request(&*request_bytes(task, &program())).unwrap();
            let program = program();
            assert_eq!(read, Some(Request { task, program }));
        }
    }

    #[test]
    fn a_request_cut_off_anywhere_is_none() {
        let bytes = request_bytes(Task::Detach, &program());
        for length in 0..bytes.len() {
            assert_eq!(read_request(&bytes[..length]).unwrap(), None, "{length}");
        }
    }

    #[test]
    fn what_is_no_request_is_refused() {
        assert!(read_request(&b"GET / HTTP/1.1\r\nHost: example.org"[..]).is_err());
        let mut lies = request_bytes(Task::Detach, &program());
        // The length of the path, behind the head and the task.
        lies[17..25].copy_from_slice(&u64::MAX.to_le_bytes());
        assert!(read_request(&*lies).is_err());
    }

    #[test]
    fn notices_are_read_one_by_one() {
        let said = [
            Notice::Started(7),
            Notice::NotStarted(2),
            Notice::Exited(255),
            Notice::Signaled(9),
            Notice::Left(-1),
        ];
        let bytes: Vec<u8> = said.iter().flat_map(|notice| notice.bytes()).collect();
        let mut rest = &bytes[..];
        for notice in said {
            let (read, behind) = Notice::split_from(rest).unwrap();
            assert_eq!(read, notice);
            rest = behind;
        }
        assert!(rest.is_empty());
        assert_eq!(Notice::split_from(&bytes[..4]), None);
        assert_eq!(Notice::split_from(b"?????"), None);
    }
}
