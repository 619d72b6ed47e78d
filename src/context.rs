//! The repository's prose for reviewers, read: sections, the paths each is about, and the rules in it
//! that can be cited. Where the text comes from, and who is told of it, is left to the callers.
//!
//! The form, all of it optional: headings divide the document into sections, deeper ones lie within
//! those above; a line `<!-- paths: bats/**, *.sh -->` says which changed files a section and those
//! within it are about, a deeper section's own such line counts instead; the items of a list are
//! rules, and an item that begins `**some-id**:` or `` `some-id`: `` has that id.

use std::collections::BTreeSet;
use std::path::Path;

use ignore::overrides::{Override, OverrideBuilder};

use crate::diff::RepoPath;

/// The document, at the root of the tree.
pub(crate) const FILE: &str = "deep-review-context.md";

/// More of a document than this is not read, in bytes.
const LONGEST: usize = 256 << 10;
/// More rules than this are not told apart.
const MOST_RULES: usize = 1_000;
/// An id that is made from the words of a rule has so many of them.
const ID_WORDS: usize = 5;
/// No id is longer, in bytes.
const LONGEST_ID: usize = 64;

/// A context document.
#[derive(Clone, Debug, Default)]
pub(crate) struct Context {
    sections: Vec<Section>,
    /// What could not be used as it stands, with its line.
    pub(crate) warnings: Vec<String>,
}

/// One stretch of it under one heading.
#[derive(Clone, Debug)]
pub(crate) struct Section {
    /// The words of the heading; empty for what stands before the first one.
    pub(crate) heading: String,
    /// Its lines, those of the sections within it not among them.
    pub(crate) text: String,
    /// The globs that count for it, as they were written; none: every path.
    pub(crate) paths: Vec<String>,
    /// The rules in it.
    pub(crate) rules: Vec<ContextRule>,
    globs: Option<Override>,
}

/// One item that can be cited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ContextRule {
    /// Unique in the document; the one the author gave, or made of the first words.
    pub(crate) id: String,
    /// What it says, on one line, without its id.
    pub(crate) text: String,
    /// The line it begins on, 1-based.
    pub(crate) line: usize,
}

impl Section {
    /// True if the section is about this path.
    pub(crate) fn is_about(&self, path: &RepoPath) -> bool {
        self.globs.as_ref().is_none_or(|globs| {
            let path = path.to_str_lossy();
            !globs.matched(Path::new(&*path), false).is_ignore()
        })
    }
}

impl Context {
    /// Reads a document; never fails. What can't be read as meant counts for every path, with a
    /// warning: too much said is better than a rule left out.
    pub(crate) fn read(text: &str) -> Self {
        let mut end = text.len().min(LONGEST);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let mut reader = Reader::default();
        for (index, line) in text[..end].lines().enumerate() {
            reader.take(index + 1, line);
        }
        reader.end_section();
        let mut context = reader.context;
        if end < text.len() {
            context
                .warnings
                .push(format!("only the first {} KiB are read", LONGEST >> 10));
        }
        context
    }

    /// All sections, in order.
    pub(crate) fn sections(&self) -> &[Section] {
        &self.sections
    }

    /// The sections that are about any of these paths, in order.
    pub(crate) fn applying(&self, paths: &[&RepoPath]) -> Vec<&Section> {
        self.sections
            .iter()
            .filter(|section| paths.iter().any(|path| section.is_about(path)))
            .collect()
    }
}

/// True if globs, as rules have them, name any of these paths; no glob is every path.
pub(crate) fn about(globs: &[String], paths: &[&RepoPath]) -> bool {
    let Ok(Some(globs)) = compile(globs) else {
        return true;
    };
    paths.iter().any(|path| {
        let path = path.to_str_lossy();
        !globs.matched(Path::new(&*path), false).is_ignore()
    })
}

/// A heading that is open: how deep, and the globs that count in it.
struct Open {
    depth: usize,
    paths: Vec<String>,
}

#[derive(Default)]
struct Reader {
    context: Context,
    ids: BTreeSet<String>,
    above: Vec<Open>,
    heading: String,
    lines: Vec<String>,
    /// Items of the section so far: where each begins, and its words.
    items: Vec<(usize, String)>,
    in_item: bool,
    fence: Option<usize>,
}

impl Reader {
    fn take(&mut self, number: usize, line: &str) {
        let ticks = line.trim_start();
        let ticks = ticks.len() - ticks.trim_start_matches('`').len();
        match self.fence {
            Some(length) if ticks >= length => self.fence = None,
            Some(_) => {}
            None if ticks >= 3 => {
                self.fence = Some(ticks);
                self.in_item = false;
            }
            None => {
                if let Some((depth, words)) = heading(line) {
                    self.end_section();
                    while self.above.last().is_some_and(|open| open.depth >= depth) {
                        self.above.pop();
                    }
                    let paths = self.paths();
                    self.above.push(Open { depth, paths });
                    words.clone_into(&mut self.heading);
                    return;
                }
                if let Some(globs) = directive(line) {
                    self.scope(number, globs);
                    return;
                }
                self.item(number, line);
            }
        }
        self.lines.push(line.to_owned());
    }

    fn paths(&self) -> Vec<String> {
        self.above
            .last()
            .map(|open| open.paths.clone())
            .unwrap_or_default()
    }

    fn scope(&mut self, number: usize, globs: &str) {
        let paths: Vec<String> = globs
            .split(',')
            .map(|glob| glob.trim().to_owned())
            .filter(|glob| !glob.is_empty())
            .collect();
        if let Err(why) = compile(&paths) {
            self.context.warnings.push(format!(
                "line {number}: {why}; the section counts for every path"
            ));
            return;
        }
        match self.above.last_mut() {
            Some(open) => open.paths = paths,
            // Before the first heading: of the whole document.
            None => self.above.push(Open { depth: 0, paths }),
        }
    }

    fn item(&mut self, number: usize, line: &str) {
        if let Some(words) = bullet(line) {
            self.items.push((number, words.to_owned()));
            self.in_item = true;
        } else if line.trim().is_empty() {
            self.in_item = false;
        } else if self.in_item
            && let Some((_, words)) = self.items.last_mut()
        {
            words.push(' ');
            words.push_str(line.trim());
        }
    }

    fn end_section(&mut self) {
        let text = std::mem::take(&mut self.lines).join("\n");
        let items = std::mem::take(&mut self.items);
        let heading = std::mem::take(&mut self.heading);
        self.in_item = false;
        if heading.is_empty() && text.trim().is_empty() {
            return;
        }
        let paths = self.paths();
        let mut rules = Vec::new();
        for (line, words) in items {
            if self.ids.len() == MOST_RULES {
                self.context
                    .warnings
                    .push(format!("line {line}: more than {MOST_RULES} rules"));
                break;
            }
            let (own, text) = split_id(&words);
            let wanted = own.map_or_else(|| id_of(text), str::to_owned);
            let id = self.unique(&wanted);
            if own.is_some() && id != wanted {
                self.context.warnings.push(format!(
                    "line {line}: there is another rule `{wanted}`; this one is `{id}`"
                ));
            }
            rules.push(ContextRule {
                id,
                text: text.to_owned(),
                line,
            });
        }
        self.context.sections.push(Section {
            heading,
            text: text.trim().to_owned(),
            globs: compile(&paths).ok().flatten(),
            paths,
            rules,
        });
    }

    fn unique(&mut self, wanted: &str) -> String {
        let mut id = wanted.to_owned();
        let mut copy = 1;
        while !self.ids.insert(id.clone()) {
            copy += 1;
            id = format!("{wanted}-{copy}");
        }
        id
    }
}

/// The depth and words of an ATX heading.
fn heading(line: &str) -> Option<(usize, &str)> {
    let depth = line.len() - line.trim_start_matches('#').len();
    let words = line[depth..].strip_prefix(' ')?;
    let words = words.trim().trim_end_matches('#').trim_end();
    ((1..=6).contains(&depth) && !words.is_empty()).then_some((depth, words))
}

/// The globs of a line `<!-- paths: … -->`.
fn directive(line: &str) -> Option<&str> {
    let inside = line.trim().strip_prefix("<!--")?.strip_suffix("-->")?;
    inside.trim().strip_prefix("paths:")
}

/// The words of an item at the outermost level of a list.
fn bullet(line: &str) -> Option<&str> {
    let marked = ["- ", "* ", "+ "]
        .iter()
        .find_map(|mark| line.strip_prefix(mark));
    let numbered = || {
        let digits = line.len() - line.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let rest = line[digits..].strip_prefix(". ");
        (1..=3).contains(&digits).then_some(rest).flatten()
    };
    let words = marked.or_else(numbered)?.trim();
    (!words.is_empty()).then_some(words)
}

/// The id an author gave, and the words after it.
fn split_id(words: &str) -> (Option<&str>, &str) {
    for mark in ["**", "`"] {
        let Some((id, rest)) = words
            .strip_prefix(mark)
            .and_then(|inner| inner.split_once(mark))
        else {
            continue;
        };
        let id = id.trim_end_matches(':');
        let rest = rest.strip_prefix(':').unwrap_or(rest);
        let ended = rest.len() < words.len() && rest.starts_with([' ', '\t']);
        let said = words[mark.len() + id.len()..].starts_with([':', '*', '`'])
            && words[..words.len() - rest.len()].contains(':');
        if is_id(id) && ended && said {
            return (Some(id), rest.trim());
        }
    }
    (None, words)
}

fn is_id(id: &str) -> bool {
    (3..=LONGEST_ID).contains(&id.len())
        && id.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        && id.bytes().all(|byte| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_.".contains(&byte)
        })
}

/// An id made of the first words of a rule: small ASCII letters and digits, joined by hyphens.
pub(crate) fn id_of(text: &str) -> String {
    let words: Vec<String> = text
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .take(ID_WORDS)
        .map(str::to_ascii_lowercase)
        .collect();
    let mut id = words.join("-");
    id.truncate(LONGEST_ID);
    if id.is_empty() { "rule".to_owned() } else { id }
}

/// Globs as in a `.gitignore`, `!` excludes; `None` for none.
fn compile(globs: &[String]) -> Result<Option<Override>, String> {
    if globs.is_empty() {
        return Ok(None);
    }
    let mut builder = OverrideBuilder::new("");
    for glob in globs {
        builder
            .add(glob)
            .map_err(|error| format!("bad glob `{glob}`: {error}"))?;
    }
    let built = builder.build().map_err(|error| error.to_string())?;
    Ok(Some(built))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: &str = "\
# House rules

Single user, embedded server.

- **status-reason**: compare with the exported constant
- Never hold the lock
  across a read.

## Tests
<!-- paths: bats/**, *_test.go, !bats/old/** -->

1. `no-sleep`: wait for the event
2. Note: this is no id

### Helpers
<!-- paths: bats/helpers/** -->

- Quote every path.

```
- not a rule
# not a heading
```

## Go

- Never hold the lock
  across a read.
";

    fn ids(sections: &[&Section]) -> Vec<String> {
        sections
            .iter()
            .flat_map(|section| section.rules.iter().map(|rule| rule.id.clone()))
            .collect()
    }

    #[test]
    fn rules_have_ids_and_apply_to_paths() {
        let context = Context::read(DOCUMENT);
        assert_eq!(context.warnings, Vec::<String>::new());
        let headings: Vec<&str> = context
            .sections()
            .iter()
            .map(|section| section.heading.as_str())
            .collect();
        assert_eq!(headings, ["House rules", "Tests", "Helpers", "Go"]);
        let about = |path: &str| ids(&context.applying(&[&RepoPath::from(path)]));
        let (house, go) = (
            ["status-reason", "never-hold-the-lock-across"],
            "never-hold-the-lock-across-2",
        );
        assert_eq!(about("main.go"), [house[0], house[1], go]);
        assert_eq!(
            about("bats/a.bats"),
            [house[0], house[1], "no-sleep", "note-this-is-no-id", go]
        );
        assert_eq!(about("bats/old/a.bats"), [house[0], house[1], go]);
        assert_eq!(
            about("bats/helpers/x.bash"),
            [
                house[0],
                house[1],
                "no-sleep",
                "note-this-is-no-id",
                "quote-every-path",
                go
            ]
        );
        let first = &context.sections()[0].rules;
        assert_eq!(first[0].text, "compare with the exported constant");
        assert_eq!(first[1].text, "Never hold the lock across a read.");
        assert_eq!(first[1].line, 6);
        assert!(context.sections()[2].text.contains("# not a heading"));
    }

    #[test]
    fn a_line_before_all_headings_counts_for_the_whole_document() {
        let context = Context::read("<!-- paths: web/** -->\n# A\n- x\n## B\n- y\n");
        assert!(context.applying(&[&RepoPath::from("cli/a.rs")]).is_empty());
        let both = [RepoPath::from("cli/a.rs"), RepoPath::from("web/a.js")];
        let both: Vec<&RepoPath> = both.iter().collect();
        assert_eq!(ids(&context.applying(&both)), ["x", "y"]);
    }

    #[test]
    fn what_can_not_be_used_is_told_and_counts_everywhere() {
        let context =
            Context::read("# A\n<!-- paths: a[ -->\n- **same-id**: x\n- **same-id**: y\n");
        assert_eq!(context.warnings.len(), 2, "{:?}", context.warnings);
        assert!(context.warnings[0].starts_with("line 2: bad glob `a[`"));
        assert!(context.warnings[1].contains("this one is `same-id-2`"));
        assert_eq!(context.applying(&[&RepoPath::from("z")]).len(), 1);
        let long = format!("# A\n{}", "- x\n".repeat(LONGEST));
        let context = Context::read(&long);
        assert_eq!(context.sections()[0].rules.len(), MOST_RULES);
        assert_eq!(context.warnings.len(), 2);
        assert!(Context::read("").sections().is_empty());
    }
}
