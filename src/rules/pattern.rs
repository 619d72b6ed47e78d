//! Compiles one pattern under limits and says what is wrong with a bad one, with a caret.
//! Which lines it is tried on is left to `engine`.

use std::sync::OnceLock;

use regex::bytes::{Regex, RegexBuilder};
use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Class, Hir, HirKind, Look, LookSet};

use super::keywords::required_keywords;

/// Compiled size of one pattern, in bytes.
const SIZE_LIMIT: usize = 1 << 20;
/// Cache of one pattern's lazy automaton, in bytes.
const DFA_SIZE_LIMIT: usize = 2 << 20;
/// Depth of groups and repetitions.
const NEST_LIMIT: u32 = 50;

/// Most characters of a line of an error.
const SHOWN: usize = 160;

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
    /// How many steps it takes when its repetitions are written out.
    pub(super) steps: usize,
}

impl Pattern {
    /// Reads a pattern of the built-in pack, which is compiled when it is first needed.
    pub(super) fn lazy(source: &str) -> Self {
        Self::read(source).expect("each pattern of the pack is compiled by a test")
    }

    /// Compiles a pattern that was read; the error is several lines for people.
    pub(super) fn build(&self) -> Result<(), String> {
        let source = &self.source;
        let regex = builder(source).build().map_err(|error| match error {
            regex::Error::CompiledTooBig(limit) => {
                format!(
                    "{}\nerror: the compiled pattern is larger than {limit} bytes",
                    cut(source)
                )
            }
            other => cut(&other.to_string()),
        })?;
        // Whoever came first has set the same.
        let _ = self.regex.set(regex);
        Ok(())
    }

    /// Reads a pattern without compiling it; the error is several lines for people, with a caret.
    pub(super) fn read(source: &str) -> Result<Self, String> {
        if source.is_empty() {
            return Err("error: the pattern is empty".to_owned());
        }
        let hir = parse(source, false)?;
        match hir.properties().minimum_len() {
            Some(0) => {
                return Err(format!(
                    "{}\nerror: it matches the empty string",
                    cut(source)
                ));
            }
            None => return Err(format!("{}\nerror: it can't match anything", cut(source))),
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
            steps: steps(&hir),
            looks_ahead: looks.contains(Look::End)
                || looks.contains_word()
                || looks.contains_anchor(),
            asks_for_whole_text: by_lines.contains(Look::Start) || by_lines.contains(Look::End),
        })
    }

    /// The pattern for people: cut if it is long.
    pub(super) fn shown(&self) -> String {
        cut(&self.source)
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
            cut(text.strip_prefix("regex parse error:\n").unwrap_or(&text))
        })
}

/// The text with its long lines cut, and no more than ten of them.
pub(super) fn cut(text: &str) -> String {
    let cut_line = |line: &str| match line.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line.to_owned(),
    };
    let lines: Vec<String> = text.lines().take(10).map(cut_line).collect();
    lines.join("\n")
}

fn steps(hir: &Hir) -> usize {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) | HirKind::Class(Class::Bytes(_)) => 1,
        HirKind::Literal(literal) => literal.0.len(),
        HirKind::Class(Class::Unicode(class)) => class.ranges().len().max(1),
        HirKind::Capture(capture) => steps(&capture.sub).saturating_add(2),
        HirKind::Repetition(repetition) => {
            let count = repetition.max.unwrap_or(repetition.min).max(1);
            steps(&repetition.sub).saturating_mul(usize::try_from(count).unwrap_or(usize::MAX))
        }
        HirKind::Concat(parts) | HirKind::Alternation(parts) => {
            parts.iter().map(steps).fold(1, usize::saturating_add)
        }
    }
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
