//! A change set for people and programs: line counts as `git diff --stat` shows them, and JSON with
//! the units, their keys, classes and hunks. Pure: changes and patches in, text out.

use serde::Serialize;

use crate::diff::{Change, Content, Entry, Origin, Patch, RepoPath, TextPatch, UnitKey};
use crate::owed::Target;
use crate::page::{Page, Style, cells, cut};
use crate::report::harmless_json;
use crate::units::Class;

/// The version of the JSON form.
const SCHEMA: u32 = 1;

/// How much of one file changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Counted {
    name: String,
    /// Added and removed lines; `None` for what has none, such as a binary file.
    lines: Option<(usize, usize)>,
    /// Said instead of the lines.
    otherwise: &'static str,
}

impl Counted {
    /// Counts the lines of a patch.
    pub(crate) fn of(change: &Change, patch: &Patch) -> Self {
        let name = match change {
            Change::Renamed { old, new, .. } => {
                format!("{} => {}", old.path.to_quoted(), new.path.to_quoted())
            }
            _ => change.path().to_quoted().into_owned(),
        };
        let (lines, otherwise) = match &patch.content {
            Content::Text(text) => (Some((text.added().count(), text.removed().count())), ""),
            Content::Binary => (None, "binary"),
            Content::Unreadable(_) => (None, "unreadable"),
        };
        Self {
            name,
            lines,
            otherwise,
        }
    }
}

/// Line counts with a bar each, and their sums.
pub(crate) fn stat_page(counted: &[Counted], width: usize) -> Page {
    let mut page = Page::new();
    if counted.is_empty() {
        return page;
    }
    let total = |counted: &Counted| counted.lines.map_or(0, |(added, removed)| added + removed);
    let most = counted.iter().map(total).max().unwrap_or_default();
    let digits = most.to_string().len().max(1);
    let longest = counted
        .iter()
        .map(|one| cells(&one.name))
        .max()
        .unwrap_or_default();
    let names = longest.min(width.saturating_sub(digits + 16));
    let room = width.saturating_sub(names + digits + 5).max(1);
    let scaled = |lines: usize| match lines {
        0 => 0,
        lines if most <= room => lines,
        lines => (lines * room / most).max(1),
    };
    for one in counted {
        let name = cut(&one.name, names);
        let padding = " ".repeat(names.saturating_sub(cells(&name)));
        page.text(format!(" {name}{padding} | "));
        match one.lines {
            Some((added, removed)) => {
                page.text(format!("{:>digits$} ", added + removed))
                    .put(Style::Good, "+".repeat(scaled(added)))
                    .put(Style::Alarm, "-".repeat(scaled(removed)));
            }
            None => {
                page.text(one.otherwise);
            }
        }
        page.end();
    }
    let sum = |side: fn((usize, usize)) -> usize| -> usize {
        counted.iter().filter_map(|one| one.lines).map(side).sum()
    };
    page.line(
        Style::Plain,
        format!(
            " {} file{} changed, {} insertions(+), {} deletions(-)",
            counted.len(),
            if counted.len() == 1 { "" } else { "s" },
            sum(|(added, _)| added),
            sum(|(_, removed)| removed)
        ),
    );
    page
}

/// The beginning of a change set's JSON, up to its units.
pub(crate) fn json_head(target: &Target) -> String {
    #[derive(Serialize)]
    struct Compared<'a> {
        schema: u32,
        name: &'a str,
        base: Option<String>,
        base_tree: String,
        base_why: &'a str,
        head: Option<String>,
    }
    let compared = Compared {
        schema: SCHEMA,
        name: &target.name,
        base: target.base.commit.map(|id| id.to_string()),
        base_tree: target.base.tree.to_string(),
        base_why: &target.base.why,
        head: target.head.commit().map(|id| id.to_string()),
    };
    let json = serde_json::to_string(&compared).expect("plain values can be written as JSON");
    let open = json.strip_suffix('}').unwrap_or(&json);
    format!("{},\"units\":[", harmless_json(open))
}

/// One unit as JSON: its key and class, both sides, and its hunks with both line numbers.
pub(crate) fn json_unit(change: &Change, patch: &Patch, key: &UnitKey, class: &Class) -> String {
    let text = match &patch.content {
        Content::Text(text) => Some(text),
        Content::Binary | Content::Unreadable(_) => None,
    };
    let unit = Unit {
        key: key.to_string(),
        class,
        status: change.letter(),
        similarity: match change {
            Change::Renamed { similarity, .. } => Some(*similarity),
            _ => None,
        },
        old: change.old().map(Side::of),
        new: change.new().map(Side::of),
        hunks: text.map(hunks).unwrap_or_default(),
    };
    let json = serde_json::to_string(&unit).expect("plain values can be written as JSON");
    harmless_json(&json)
}

fn hunks(text: &TextPatch) -> Vec<HunkLines> {
    text.hunks()
        .iter()
        .map(|hunk| HunkLines {
            old_start: hunk.old_start,
            old_lines: hunk.old_len,
            new_start: hunk.new_start,
            new_lines: hunk.new_len,
            heading: String::from_utf8_lossy(text.heading(hunk)).into_owned(),
            lines: text
                .lines(hunk)
                .map(|line| LineText {
                    origin: match line.origin {
                        Origin::Context => "context",
                        Origin::Removed => "removed",
                        Origin::Added => "added",
                    },
                    old: line.old_no,
                    new: line.new_no,
                    text: String::from_utf8_lossy(line.text).into_owned(),
                })
                .collect(),
        })
        .collect()
}

#[derive(Serialize)]
struct Unit<'a> {
    key: String,
    class: &'a Class,
    status: char,
    #[serde(skip_serializing_if = "Option::is_none")]
    similarity: Option<u8>,
    old: Option<Side<'a>>,
    new: Option<Side<'a>>,
    hunks: Vec<HunkLines>,
}

#[derive(Serialize)]
struct Side<'a> {
    path: &'a RepoPath,
    mode: &'static str,
    id: String,
}

impl<'a> Side<'a> {
    fn of(entry: &'a Entry) -> Self {
        Self {
            path: &entry.path,
            mode: entry.mode.as_octal(),
            id: entry.id.to_string(),
        }
    }
}

#[derive(Serialize)]
struct HunkLines {
    old_start: u32,
    old_lines: u32,
    new_start: u32,
    new_lines: u32,
    heading: String,
    lines: Vec<LineText>,
}

/// A line with its line end; bytes that are not UTF-8 are U+FFFD.
#[derive(Serialize)]
struct LineText {
    origin: &'static str,
    old: Option<u32>,
    new: Option<u32>,
    text: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(counted: &[Counted], width: usize) -> Vec<String> {
        stat_page(counted, width)
            .lines()
            .iter()
            .map(|line| line.iter().map(|(_, text)| text.as_str()).collect())
            .collect()
    }

    #[test]
    fn bars_fit_and_no_change_is_invisible() {
        let counted = |name: &str, lines| Counted {
            name: name.to_owned(),
            lines,
            otherwise: "binary",
        };
        let lines = shown(
            &[
                counted("a.rs", Some((1, 0))),
                counted("logo.png", None),
                counted("long/name.rs", Some((300, 100))),
            ],
            40,
        );
        assert_eq!(lines[0], " a.rs         |   1 +");
        assert_eq!(lines[1], " logo.png     | binary");
        assert!(lines[2].starts_with(" long/name.rs | 400 +++") && lines[2].ends_with("---"));
        assert!(
            lines.iter().take(3).all(|line| line.len() <= 40),
            "{lines:?}"
        );
        assert_eq!(
            lines[3],
            " 3 files changed, 301 insertions(+), 100 deletions(-)"
        );
    }
}
