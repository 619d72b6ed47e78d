//! Reads the places a finding names: `path:lines` in back-quotes, as a link or bare.
//! Whether a place exists is left to `ground`.

use crate::diff::RepoPath;
use crate::finding::{LineRange, Location};

use super::link::link;

/// More places than this in one list are noise.
const MOST: usize = 64;
/// A longer path than this is none.
pub(super) const LONGEST_PATH: usize = 1024;
/// Files that people name without extension or directory.
const BARE_NAMES: [&str; 12] = [
    "Makefile",
    "GNUmakefile",
    "Dockerfile",
    "Containerfile",
    "Jenkinsfile",
    "Vagrantfile",
    "Rakefile",
    "Gemfile",
    "Procfile",
    "LICENSE",
    "CODEOWNERS",
    "justfile",
];

/// Takes a list of places from the start of `text`. Returns them, the most important first, and
/// what follows; `None` when `text` does not start with a place.
pub(super) fn leading(text: &str) -> Option<(Vec<Location>, &str)> {
    let mut found = Vec::new();
    let mut rest = text.trim_start();
    let mut path: Option<String> = None;
    loop {
        if let Some((places, after)) = list_in_span(rest) {
            path = places.last().map(|place| place.path.clone());
            for place in &places {
                push(&mut found, place);
            }
            rest = after;
            match connector(rest) {
                Some(next) if found.len() < MOST => {
                    rest = next;
                    continue;
                }
                _ => break,
            }
        }
        let Some((place, after)) = item(rest, path.as_deref()) else {
            break;
        };
        push(&mut found, &place);
        path = Some(place.path);
        rest = after;
        match connector(rest) {
            Some(next) if found.len() < MOST && item(next, path.as_deref()).is_some() => {
                rest = next;
            }
            _ => break,
        }
    }
    (!found.is_empty()).then_some((found, rest))
}

/// Collects the places with lines that stand in back-quotes or links anywhere in `text`.
pub(super) fn quoted(text: &str) -> Vec<Location> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(['`', '[']) {
        rest = &rest[at..];
        match item(rest, None) {
            Some((place, after)) if !place.lines.is_empty() => {
                push(&mut found, &place);
                rest = after;
            }
            _ => {
                let skip = match code_span(rest) {
                    Some((_, after)) => rest.len() - after.len(),
                    None => 1,
                };
                rest = &rest[skip..];
            }
        }
        if found.len() >= MOST {
            break;
        }
    }
    found
}

/// One place as written, with all its lines.
pub(super) struct Place {
    /// The path.
    pub(super) path: String,
    /// The lines, if some were said.
    pub(super) lines: Vec<LineRange>,
}

fn push(found: &mut Vec<Location>, place: &Place) {
    let path = RepoPath::from(place.path.as_str());
    if place.lines.is_empty() {
        found.push(Location { path, lines: None });
        return;
    }
    for lines in &place.lines {
        found.push(Location {
            path: path.clone(),
            lines: Some(*lines),
        });
    }
}

/// A code span that holds a list of places with lines: `` `a.rs:1; b.rs:2` ``.
fn list_in_span(text: &str) -> Option<(Vec<Place>, &str)> {
    let (code, after) = code_span(text)?;
    if code.len() > LONGEST_PATH || !code.contains([';', ',']) {
        return None;
    }
    let mut places = Vec::new();
    let mut rest = code.trim();
    while !rest.is_empty() {
        let (place, after) = item(rest, None)?;
        if place.lines.is_empty() {
            return None;
        }
        places.push(place);
        rest = match connector(after) {
            Some(next) => next,
            None if after.trim().is_empty() => "",
            None => return None,
        };
    }
    (places.len() > 1).then_some((places, after))
}

/// What may stand between two places of a list.
fn connector(text: &str) -> Option<&str> {
    let text = text.trim_start();
    for word in ["and ", "vs. ", "vs ", "or ", "& ", "+ ", "/ ", "<br>"] {
        if let Some(rest) = text.strip_prefix(word) {
            return Some(rest.trim_start());
        }
    }
    let rest = text.strip_prefix([',', ';'])?.trim_start();
    Some(rest.strip_prefix("and ").unwrap_or(rest).trim_start())
}

/// One place in any form. `path` is the one before it in the list, for lines without a path.
fn item<'t>(text: &'t str, path: Option<&str>) -> Option<(Place, &'t str)> {
    if let Some(rest) = text.strip_prefix('[') {
        return link(rest);
    }
    if let Some((code, rest)) = code_span(text) {
        let mut place = path_and_lines(code.trim(), Standing::Quoted)
            .or_else(|| lines_only(code.trim(), path))?;
        let rest = if place.lines.is_empty() {
            let (lines, rest) = lines_after(rest);
            place.lines = lines;
            rest
        } else {
            rest
        };
        return Some((place, rest));
    }
    if text.starts_with(':')
        && let Some(place) = lines_only(bare_word(text), path)
    {
        return Some((place, &text[bare_word(text).len()..]));
    }
    let word = bare_word(text);
    let mut place = path_and_lines(word, Standing::Bare)?;
    let mut rest = &text[word.len()..];
    if place.lines.is_empty() {
        (place.lines, rest) = lines_after(rest);
    } else {
        while let Some((lines, after)) = next_range(rest) {
            place.lines.push(lines);
            rest = after;
            if place.lines.len() >= MOST {
                break;
            }
        }
    }
    Some((place, rest))
}

/// A code span at the start of `text`: its content and what follows.
pub(super) fn code_span(text: &str) -> Option<(&str, &str)> {
    let ticks = text.len() - text.trim_start_matches('`').len();
    if ticks == 0 || ticks > 3 {
        return None;
    }
    let fence = &text[..ticks];
    let content = &text[ticks..];
    let end = content.find(fence)?;
    Some((&content[..end], &content[end + ticks..]))
}

/// The longest run without white space and without what can't end a bare path.
fn bare_word(text: &str) -> &str {
    let end = text
        .find(|c: char| c.is_whitespace() || matches!(c, '`' | '"' | '*' | '|' | '<' | '>'))
        .unwrap_or(text.len());
    text[..end].trim_end_matches([',', ';', '.', ')', ':', '—', '–'])
}

/// How a path stands in the text; a quoted one needs to look less like a path.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// In back-quotes or a link.
    Quoted,
    /// As a word of its own.
    Bare,
}

/// All of `text` as one path, with or without lines.
pub(super) fn path_and_lines(text: &str, standing: Standing) -> Option<Place> {
    if text.len() > LONGEST_PATH {
        return None;
    }
    // The first colon or anchor whose right side reads as lines ends the path.
    for (at, mark) in text.match_indices([':', '#']) {
        let Some(lines) = ranges(&text[at + mark.len()..]) else {
            continue;
        };
        let path = plain_path(&text[..at])?;
        return is_path_with_lines(&path).then_some(Place { path, lines });
    }
    let (path, lines) = match text.split_once(" line") {
        Some((path, said)) => (path, ranges(said.trim_start_matches('s').trim())?),
        None => (text, Vec::new()),
    };
    let path = plain_path(path.split('#').next()?)?;
    let fits = if lines.is_empty() {
        let directory = text.ends_with('/') && standing == Standing::Quoted;
        is_path_alone(&path, standing) || directory && is_path_alone(&format!("{path}/."), standing)
    } else {
        is_path_with_lines(&path)
    };
    fits.then_some(Place { path, lines })
}

fn lines_only(text: &str, path: Option<&str>) -> Option<Place> {
    let said = text.trim_start_matches(':');
    Some(Place {
        path: path?.to_owned(),
        lines: ranges(said)?,
    })
}

/// Undoes what agents do to paths: escaped slashes, a slash at the end.
fn plain_path(text: &str) -> Option<String> {
    let path = text.trim().replace("\\/", "/").replace("\\_", "_");
    let path = path.trim_end_matches('/');
    (!path.is_empty()).then(|| path.to_owned())
}

fn is_path_with_lines(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    !path.contains("::")
        && !path.contains("//")
        && !path.contains(['`', '"', '<', '>', '|', '*', '\n', '{', '='])
        && !path.chars().all(|c| c.is_ascii_digit() || c == '.')
        && (path.contains('/') || path.contains('.') || BARE_NAMES.contains(&name))
        && (!path.contains(' ') || path.contains('/'))
}

fn is_path_alone(path: &str, standing: Standing) -> bool {
    if !is_path_with_lines(path)
        || path.contains(|c: char| c.is_whitespace())
        || path.starts_with(['-', '$', '@', '~', '(', ','])
        || path.contains(['(', ')', ';', ',', '$'])
    {
        return false;
    }
    let name = path.rsplit('/').next().unwrap_or(path);
    // `r.watcher` is a field: without a directory an extension is short or well known.
    let longest = if path.contains('/') { 12 } else { 6 };
    let extension = name.rsplit_once('.').is_some_and(|(_, extension)| {
        ((1..=longest).contains(&extension.len())
            || ["properties", "template", "markdown"].contains(&extension))
            && extension
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
            && extension.starts_with(|c: char| c.is_ascii_lowercase())
    });
    let directory = path.contains('/') && standing == Standing::Quoted;
    extension || directory || BARE_NAMES.contains(&name)
}

/// Lines said after a path: `:10-12`, ` line 10`, ` lines 10, 12`, ` L10`, ` (line 10)`.
pub(super) fn lines_after(text: &str) -> (Vec<LineRange>, &str) {
    let trimmed = text.trim_start();
    let (said, closing) = match trimmed.strip_prefix('(') {
        Some(inside) => (inside, true),
        None => (trimmed, false),
    };
    let said = ["lines ", "line ", "Lines ", "Line ", ":", "#"]
        .iter()
        .find_map(|word| said.strip_prefix(word))
        .or_else(|| said.starts_with('L').then_some(said));
    let Some(mut rest) = said else {
        return (Vec::new(), text);
    };
    let mut lines = Vec::new();
    while let Some((range, after)) = range(rest) {
        lines.push(range);
        rest = after;
        match rest
            .trim_start()
            .strip_prefix(',')
            .or_else(|| rest.trim_start().strip_prefix("and "))
            .map(str::trim_start)
        {
            Some(next) if lines.len() < MOST && range_ends_well(next) => rest = next,
            _ => break,
        }
    }
    if lines.is_empty() || !ends_well(rest) {
        return (Vec::new(), text);
    }
    match (closing, rest.trim_start().strip_prefix(')')) {
        (false, _) => (lines, rest),
        (true, Some(rest)) => (lines, rest),
        (true, None) => (Vec::new(), text),
    }
}

/// `, 9-11` after a bare path with lines.
fn next_range(text: &str) -> Option<(LineRange, &str)> {
    let rest = text.strip_prefix(',')?.trim_start();
    let (lines, after) = range(rest)?;
    ends_well(after).then_some((lines, after))
}

fn range_ends_well(text: &str) -> bool {
    range(text).is_some_and(|(_, rest)| ends_well(rest))
}

/// A number that runs into letters or a path is no line.
fn ends_well(rest: &str) -> bool {
    let next = rest.strip_prefix('.').unwrap_or(rest);
    let runs_on = |c: char| c.is_alphanumeric() || matches!(c, '/' | '_' | '%');
    !(rest.starts_with(runs_on) || next.starts_with(char::is_alphanumeric))
}

/// All of `text` as ranges: `10`, `10-12`, `L10-L12`, `10-12,15`, `10, 12`, `10:5` (a column).
fn ranges(text: &str) -> Option<Vec<LineRange>> {
    let mut found = Vec::new();
    let mut rest = text.trim();
    loop {
        let (lines, after) = range(rest)?;
        found.push(lines);
        rest = after.trim_start();
        if rest.is_empty() || found.len() >= MOST {
            return Some(found);
        }
        rest = rest
            .strip_prefix([',', ';', '/', '+'])
            .or_else(|| rest.strip_prefix("and "))?
            .trim_start();
    }
}

fn range(text: &str) -> Option<(LineRange, &str)> {
    let (start, mut rest) = number(text)?;
    let mut end = start;
    if let Some((column, after)) = rest.strip_prefix(':').and_then(number) {
        let _ = column;
        rest = after;
    }
    let dash = ["..=", "..", "-", "–", "—", "‑", " - ", " – ", " to "]
        .iter()
        .find_map(|dash| rest.strip_prefix(dash));
    if let Some((last, after)) = dash.and_then(number) {
        end = last;
        rest = after;
    }
    let lines = LineRange {
        start: start.min(end),
        end: start.max(end),
    };
    Some((lines, rest))
}

/// A line number, 1 to 9 digits, not 0.
fn number(text: &str) -> Option<(u32, &str)> {
    let text = text.strip_prefix(['L', '~', ':']).unwrap_or(text);
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    if end == 0 || end > 9 {
        return None;
    }
    let value: u32 = text[..end].parse().ok()?;
    (value > 0).then_some((value, &text[end..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Option<(String, String)> {
        let (places, rest) = leading(text)?;
        let places: Vec<String> = places
            .iter()
            .map(|place| match place.lines {
                Some(lines) => format!("{:?}:{}-{}", place.path, lines.start, lines.end),
                None => format!("{:?}", place.path),
            })
            .collect();
        Some((places.join(" ").replace('"', ""), rest.to_owned()))
    }

    #[test]
    fn every_form_of_a_place_is_read() {
        for (text, places, rest) in [
            ("`src/a.rs:7`", "src/a.rs:7-7", ""),
            ("`src/a.rs:7-9` (gap)", "src/a.rs:7-9", " (gap)"),
            ("`src/a.rs:7–9,12`", "src/a.rs:7-9 src/a.rs:12-12", ""),
            ("`src/a.rs:1, 5`", "src/a.rs:1-1 src/a.rs:5-5", ""),
            ("`a.rs:1`, `b.rs:2`", "a.rs:1-1 b.rs:2-2", ""),
            ("`a.rs:1` and `b.rs`", "a.rs:1-1 b.rs", ""),
            ("`a.rs:1` vs `b.rs:3`", "a.rs:1-1 b.rs:3-3", ""),
            ("`a.rs:1-2`, `:10`", "a.rs:1-2 a.rs:10-10", ""),
            ("`a.rs:1-2` and `14`", "a.rs:1-2 a.rs:14-14", ""),
            (
                "a.rs:1, b/c.rs:2 — title",
                "a.rs:1-1 b/c.rs:2-2",
                " — title",
            ),
            ("src/a.rs:1-2, 9-11", "src/a.rs:1-2 src/a.rs:9-11", ""),
            ("`src/a.rs`:26-27, more", "src/a.rs:26-27", ", more"),
            ("`src/a.rs` lines 3 and 5", "src/a.rs:3-3 src/a.rs:5-5", ""),
            ("`src/a.rs` (line 3)", "src/a.rs:3-3", ""),
            ("`src/a.rs#L3-L5`", "src/a.rs:3-5", ""),
            ("`src/a.rs:3:14`", "src/a.rs:3-3", ""),
            ("[src/a.rs:4](/home/x/src/a.rs#L4) x", "src/a.rs:4-4", " x"),
            ("[`src/a.rs`](/x/src/a.rs):26-27", "src/a.rs:26-27", ""),
            ("[src/a.rs](/x/src/a.rs#L8-L9)", "src/a.rs:8-9", ""),
            ("[a.rs#L47](a.rs#L47)", "a.rs:47-47", ""),
            ("[a.rs:7](/x/src/a.rs#L7)", "/x/src/a.rs:7-7", ""),
            (r"`src\/deep\/a.rs:3`", "src/deep/a.rs:3-3", ""),
            (
                "`src/app/(group)/[id]/page.tsx:3`",
                "src/app/(group)/[id]/page.tsx:3-3",
                "",
            ),
            ("`Makefile:12`", "Makefile:12-12", ""),
            ("`docs/`", "docs", ""),
            ("`.github/x.yml`", ".github/x.yml", ""),
            ("`a.rs:9-7`", "a.rs:7-9", ""),
            (
                "`a.rs:1; b.rs:2-3; c.rs:4`",
                "a.rs:1-1 b.rs:2-3 c.rs:4-4",
                "",
            ),
            ("`a.rs:1,3, b.rs:2`", "a.rs:1-1 a.rs:3-3 b.rs:2-2", ""),
        ] {
            let got = shown(text);
            assert_eq!(got, Some((places.to_owned(), rest.to_owned())), "{text}");
        }
    }

    #[test]
    fn what_is_no_place_is_left_alone() {
        for text in [
            "",
            "`Vec::new()`",
            "`std::fs:12`",
            "`localhost:8080`",
            "`127.0.0.1:80`",
            "`http://x.org:80`",
            "`os.Rename`",
            "`r.watcher`",
            "`--flag`",
            "see `a.rs:1`",
            "`a.rs:0`x",
            "the end.",
            "`12`",
            "`unclosed",
            "[text](",
        ] {
            assert_eq!(shown(text), None, "{text}");
        }
    }

    #[test]
    fn places_inside_prose_need_lines() {
        let found = quoted("see `a.rs` and `b.rs:3`, then [c.rs:4](/x/c.rs#L4) `d");
        let paths: Vec<_> = found
            .iter()
            .map(|place| place.path.to_str_lossy())
            .collect();
        assert_eq!(paths, ["b.rs", "/x/c.rs"]);
    }
}
