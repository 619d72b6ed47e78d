//! What a call wants: its arguments, checked by name and type.
//! Whether what it wants exists is found out later.

use serde_json::{Map, Value};

use crate::diff::RepoPath;
use crate::finding::LineRange;

use super::Refused;
use super::names::refuse_path;

/// The longest glob, in bytes.
const LONGEST_GLOB: usize = 256;
/// Most commits of one log.
pub(super) const MOST_COMMITS: usize = 200;
/// Commits of a log if no number is asked for.
const COMMITS: usize = 20;

/// A call that can be looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    File {
        base: bool,
        path: RepoPath,
        lines: Option<LineRange>,
    },
    List {
        directory: Option<RepoPath>,
        glob: Option<String>,
    },
    Grep(Grep),
    Blame {
        base: bool,
        path: RepoPath,
        lines: Option<LineRange>,
    },
    Log {
        revision: Option<String>,
        path: Option<RepoPath>,
        count: usize,
    },
}

/// What to search for, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Grep {
    pub(super) pattern: String,
    pub(super) glob: Option<String>,
    pub(super) ignore_case: bool,
    pub(super) base: bool,
}

/// Reads a call; also gives the key by which the same call is known again.
pub(super) fn wanted(name: &str, arguments: &str) -> Result<(Wanted, String), Refused> {
    let text = match arguments.trim() {
        "" => "{}",
        text => text,
    };
    let Ok(Value::Object(given)) = serde_json::from_str::<Value>(text) else {
        return Err("the arguments are no JSON object".to_owned());
    };
    let key = format!("{name} {}", Value::Object(given.clone()));
    let mut given = Given(given);
    let wanted = match name {
        "read_file" | "show_base" => Wanted::File {
            base: name == "show_base",
            path: given.path("path")?.ok_or("`path` is missing")?,
            lines: given.lines()?,
        },
        "list_files" => Wanted::List {
            directory: given.directory()?,
            glob: given.glob()?,
        },
        "grep" => Wanted::Grep(Grep {
            pattern: given
                .text("pattern")?
                .filter(|pattern| !pattern.is_empty())
                .ok_or("`pattern` is missing")?,
            glob: given.glob()?,
            ignore_case: given.switch("ignore_case")?,
            base: given.switch("base")?,
        }),
        "blame" => Wanted::Blame {
            path: given.path("path")?.ok_or("`path` is missing")?,
            lines: given.lines()?,
            base: given.switch("base")?,
        },
        "log" => Wanted::Log {
            revision: given.text("revision")?,
            path: given.path("path")?,
            count: match given.number("count")? {
                None => COMMITS,
                Some(count) if (1..=MOST_COMMITS).contains(&(count as usize)) => count as usize,
                Some(_) => return Err(format!("`count` must be 1 to {MOST_COMMITS}")),
            },
        },
        other => {
            return Err(format!("there is no tool `{}`", super::visible(other, 60)));
        }
    };
    match given.0.keys().next() {
        Some(other) => Err(format!(
            "`{}` is no argument of {name}",
            super::visible(other, 60)
        )),
        None => Ok((wanted, key)),
    }
}

/// Arguments that were not looked at yet.
struct Given(Map<String, Value>);

impl Given {
    /// Takes one out; null is as good as absent, since some vendors fill in every argument.
    fn take(&mut self, name: &str) -> Option<Value> {
        self.0.remove(name).filter(|value| !value.is_null())
    }

    fn text(&mut self, name: &str) -> Result<Option<String>, Refused> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(format!("`{name}` must be a string")),
        }
    }

    fn switch(&mut self, name: &str) -> Result<bool, Refused> {
        match self.take(name) {
            None => Ok(false),
            Some(Value::Bool(on)) => Ok(on),
            Some(_) => Err(format!("`{name}` must be true or false")),
        }
    }

    fn number(&mut self, name: &str) -> Result<Option<u32>, Refused> {
        let Some(value) = self.take(name) else {
            return Ok(None);
        };
        // Some vendors write whole numbers as `12.0`.
        let whole = value.as_u64().or_else(|| {
            let text = value.as_f64()?.to_string();
            text.parse().ok()
        });
        match whole.filter(|_| value.is_number()).map(u32::try_from) {
            Some(Ok(number)) => Ok(Some(number)),
            _ => Err(format!("`{name}` must be a whole number")),
        }
    }

    fn path(&mut self, name: &str) -> Result<Option<RepoPath>, Refused> {
        let Some(text) = self.text(name)? else {
            return Ok(None);
        };
        let path = RepoPath::from_quoted(&text)
            .ok_or_else(|| format!("`{name}` is a broken quotation"))?;
        refuse_path(&path)?;
        Ok(Some(path))
    }

    /// A directory; the root, however it is written, is none.
    fn directory(&mut self) -> Result<Option<RepoPath>, Refused> {
        if let Some(Value::String(text)) = self.0.get("directory")
            && matches!(text.as_str(), "" | "." | "/" | "./")
        {
            self.0.remove("directory");
            return Ok(None);
        }
        if let Some(Value::String(text)) = self.0.get_mut("directory")
            && text.ends_with('/')
        {
            text.pop();
        }
        self.path("directory")
    }

    fn lines(&mut self) -> Result<Option<LineRange>, Refused> {
        let (start, end) = (self.number("start")?, self.number("end")?);
        if start.is_none() && end.is_none() {
            return Ok(None);
        }
        let lines = LineRange {
            start: start.unwrap_or(1),
            end: end.unwrap_or(u32::MAX),
        };
        if lines.start == 0 || lines.end < lines.start {
            return Err("`start` must be at least 1, and `end` at least `start`".to_owned());
        }
        Ok(Some(lines))
    }

    fn glob(&mut self) -> Result<Option<String>, Refused> {
        match self.text("glob")? {
            Some(glob) if glob.len() > LONGEST_GLOB => {
                Err(format!("`glob` is longer than {LONGEST_GLOB} bytes"))
            }
            // What would turn the glob around, or name nothing.
            Some(glob) if glob.starts_with('!') || glob.trim().is_empty() => {
                Err("`glob` must say which paths are wanted".to_owned())
            }
            glob => Ok(glob),
        }
    }
}
