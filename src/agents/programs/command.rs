//! Any program of the user's: the brief on its standard input, the review on its standard output.
//! What it does in between is its own affair; finding it, starting it and ending it is left to `mod`.

use super::access::Access;
use super::stream::{Exit, Reader, Trouble, last_words};
use super::{Flow, Invocation, Question};
use crate::agents::asking::{Event, FailureKind, Spent};

pub(super) fn invocation(question: &Question<'_>) -> Invocation {
    let mut call = Invocation {
        input: question.ask.text.as_bytes().to_owned(),
        ..Invocation::default()
    };
    if let Access::Key { name, key } = question.access {
        call.set(name, key.reveal());
    }
    call
}

/// Nothing is read before the end.
#[derive(Debug, Default)]
pub(super) struct Stream {
    spent: Spent,
    started: bool,
}

impl Reader for Stream {
    fn line(&mut self, _: &str, on: &mut dyn FnMut(Event)) -> Flow {
        if !self.started {
            self.started = true;
            on(Event::Started { model: None });
        }
        Flow::Continue(())
    }

    fn outcome(&mut self, exit: &Exit<'_>) -> Result<String, Trouble> {
        let said = String::from_utf8_lossy(exit.stdout);
        let words = last_words(exit.stderr);
        let colon = if words.is_empty() { "" } else { ": " };
        match exit.code {
            Some(0) if said.trim().is_empty() => Err(Trouble::new(
                FailureKind::NoAnswer,
                format!("it printed nothing{colon}{words}"),
            )),
            Some(0) => Ok(said.into_owned()),
            Some(code) => Err(Trouble::new(
                FailureKind::NoAnswer,
                format!("it ended with exit code {code}{colon}{words}"),
            )),
            None => Err(Trouble::new(
                FailureKind::NoAnswer,
                format!("a signal ended it{colon}{words}"),
            )),
        }
    }

    fn spent(&self) -> &Spent {
        &self.spent
    }
}
