//! Compiles one pattern under limits and says what is wrong with a bad one, with a caret.
//! Which lines it is tried on is left to `engine`.

use std::sync::OnceLock;

use regex::bytes::{Regex, RegexBuilder};
use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Hir, Look, LookSet};

use super::keywords::required_keywords;

/// Compiled size of one pattern, in bytes.
const SIZE_LIMIT: usize = 1 << 20;
/// Cache of one pattern's lazy automaton, in bytes.
const DFA_SIZE_LIMIT: usize = 2 << 20;
/// Depth of groups and repetitions.
const NEST_LIMIT: u32 = 50;

/// One pattern over the bytes of one line, without Unicode unless it says `(?u)`.
#[derive(Debug)]
pub(super) struct Pattern {
    source: String,
    regex: OnceLock<Regex>,
    /// What every match contains, in lower case; `None` if that can't be said.
    pub(super) keywords: Option<Vec<Vec<u8>>>,
    /// It asks what stands after its match, so a cut line can deceive it.
    pub(super) looks_ahead: bool,
    /// It has no keywords and asks, other than by `^` and `$`, where the text starts or ends.
    pub(super) asks_for_whole_text: bool,
}

impl Pattern {
    /// Reads and compiles a pattern of the repository; the error is several lines for people.
    pub(super) fn compile(source: &str) -> Result<Self, String> {
        let pattern = Self::read(source)?;
        let regex = builder(source).build().map_err(|error| match error {
            regex::Error::CompiledTooBig(limit) => {
                format!("{source}\nerror: the compiled pattern is larger than {limit} bytes")
            }
            other => other.to_string(),
        })?;
        // The lock was made empty a moment ago.
        let _ = pattern.regex.set(regex);
        Ok(pattern)
    }

    /// Reads a pattern of the built-in pack, which is compiled when it is first needed.
    pub(super) fn lazy(source: &str) -> Self {
        Self::read(source).expect("each pattern of the pack is compiled by a test")
    }

    fn read(source: &str) -> Result<Self, String> {
        if source.is_empty() {
            return Err("error: the pattern is empty".to_owned());
        }
        let hir = parse(source, false)?;
        match hir.properties().minimum_len() {
            Some(0) => {
                return Err(format!("{source}\nerror: it matches the empty string"));
            }
            None => return Err(format!("{source}\nerror: it can't match anything")),
            Some(_) => {}
        }
        let looks = hir.properties().look_set();
        let keywords = required_keywords(&hir);
        let by_lines = match keywords {
            Some(_) => LookSet::empty(),
            None => parse(source, true)?.properties().look_set(),
        };
        Ok(Self {
            source: source.to_owned(),
            regex: OnceLock::new(),
            keywords,
            looks_ahead: looks.contains(Look::End)
                || looks.contains_word()
                || looks.contains_anchor(),
            asks_for_whole_text: by_lines.contains(Look::Start) || by_lines.contains(Look::End),
        })
    }

    /// The pattern as it was written.
    pub(super) fn source(&self) -> &str {
        &self.source
    }

    /// The compiled pattern.
    pub(super) fn regex(&self) -> &Regex {
        self.regex.get_or_init(|| {
            builder(&self.source)
                .build()
                .expect("each pattern of the pack is compiled by a test")
        })
    }
}

/// The syntax tree under the same settings as the compiler; `^` and `$` are of lines if asked.
pub(super) fn parse(source: &str, multi_line: bool) -> Result<Hir, String> {
    ParserBuilder::new()
        .unicode(false)
        .multi_line(multi_line)
        .utf8(false)
        .nest_limit(NEST_LIMIT)
        .build()
        .parse(source)
        .map_err(|error| {
            let text = error.to_string();
            match text.strip_prefix("regex parse error:\n") {
                Some(place) => place.to_owned(),
                None => text,
            }
        })
}

fn builder(source: &str) -> RegexBuilder {
    let mut builder = RegexBuilder::new(source);
    builder
        .unicode(false)
        .size_limit(SIZE_LIMIT)
        .dfa_size_limit(DFA_SIZE_LIMIT)
        .nest_limit(NEST_LIMIT);
    builder
}
