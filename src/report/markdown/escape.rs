//! Makes foreign text harmless in Markdown, and unable to pass for a part of the report: prose keeps
//! its lists, emphasis and code; everything else of Markdown and all of HTML becomes text.
//!
//! Renderers are those of forges, and any other of `CommonMark`; the last word on what a line could be
//! taken for has our own parser, which reads reports back. What stands where is left to the others.

use std::borrow::Cow;
use std::fmt::Write as _;

use crate::diff::RepoPath;
use crate::page::harmless;

/// Longer titles are cut, in characters.
const LONGEST_TITLE: usize = 300;
/// Longer prose of one agent is cut, in bytes.
const LONGEST_PROSE: usize = 64 * 1024;

/// The words that make a group in brackets a label.
const LABELS: [&str; 10] = [
    "critical",
    "important",
    "suggestion",
    "regression",
    "gap",
    "enhancement",
    "pre-existing",
    "preexisting",
    "pre existing",
    "severity:",
];

/// The words that make two plain ones the name of a section of findings.
const SECTIONS: [&str; 14] = [
    "critical",
    "important",
    "suggestion",
    "suggestions",
    "blocker",
    "blockers",
    "blocking",
    "major",
    "minor",
    "nit",
    "nits",
    "nitpicks",
    "improvement",
    "improvements",
];

/// A text as a code span, with as many back-quotes around it as it takes.
pub(super) fn code(text: &str) -> String {
    let text = harmless(text);
    if text.trim().is_empty() {
        return String::new();
    }
    let marks = "`".repeat(longest_run(&text) + 1);
    let pad = if text.starts_with('`') || text.ends_with('`') {
        " "
    } else {
        ""
    };
    format!("{marks}{pad}{text}{pad}{marks}")
}

/// A path as a code span.
pub(super) fn path(path: &RepoPath) -> String {
    code(&path.to_quoted())
}

/// Lines as a block of code, its fence longer than any in it; at least four back-quotes, which a
/// reader may take at their word.
pub(super) fn fenced<'t>(info: &str, lines: impl IntoIterator<Item = &'t str>) -> String {
    let lines: Vec<String> = lines.into_iter().map(visible).collect();
    let longest = lines
        .iter()
        .map(|line| longest_run(line))
        .max()
        .unwrap_or(0);
    let fence = "`".repeat((longest + 1).max(4));
    let mut block = format!("{fence}{info}\n");
    for line in lines {
        block.push_str(&line);
        block.push('\n');
    }
    block.push_str(&fence);
    block.push('\n');
    block
}

/// A line of code with its tabs, and nothing in it that deceives.
fn visible(line: &str) -> String {
    let parts: Vec<String> = line.split('\t').map(harmless).collect();
    parts.join("\t")
}

fn longest_run(text: &str) -> usize {
    let mut longest = 0;
    let mut run = 0;
    for byte in text.bytes() {
        run = if byte == b'`' { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    longest
}

/// A title on one line, for the head of a finding. `placed` tells whether places follow it: without
/// them a place in the title itself must not be taken for one.
pub(super) fn title(text: &str, placed: bool) -> String {
    let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let cut = shortened(&flat, LONGEST_TITLE);
    let mut out = String::new();
    for piece in pieces(&cut) {
        match piece {
            // Tildes in pairs would strike the finding through.
            Piece::Code(inside) if placed && !inside.contains("~~") => out.push_str(&code(inside)),
            Piece::Code(inside) => out.push_str(&text_of(&format!("`{inside}`"), Dress::Strict)),
            Piece::Text(text) => {
                let dress = if placed { Dress::Title } else { Dress::Strict };
                out.push_str(&text_of(text, dress));
            }
        }
    }
    // What a title's end loses when it is read.
    for end in [':', '—', '–', '-', ')'] {
        if let Some(rest) = out.strip_suffix(end) {
            let mut ended = rest.to_owned();
            encode(&mut ended, end);
            out = ended;
        }
    }
    out
}

/// Foreign text on one line among our own words.
pub(super) fn line(text: &str) -> String {
    let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
    inline(&shortened(&flat, 1000), Dress::Title)
}

/// Foreign text in a cell of a table.
pub(super) fn cell(text: &str) -> String {
    line(text)
}

/// A code span in a cell of a table, where a bar needs a backslash even in code.
pub(super) fn code_cell(text: &str) -> String {
    code(text).replace('|', "\\|")
}

fn shortened(text: &str, limit: usize) -> String {
    if text.chars().count() <= limit {
        return text.to_owned();
    }
    let mut cut: String = text.chars().take(limit - 1).collect();
    cut.push('…');
    cut
}

/// Foreign Markdown as harmless Markdown: paragraphs, lists, emphasis, code.
pub(super) fn prose(text: &str) -> String {
    let mut end = text.len().min(LONGEST_PROSE);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let mut out = String::new();
    let mut lines = text[..end].lines().peekable();
    while let Some(raw) = lines.next() {
        let raw = raw.trim_end_matches('\r');
        if let Some((mark, info)) = opener(raw) {
            let indent = raw.len() - raw.trim_start().len();
            let mut block = Vec::new();
            for inner in lines.by_ref() {
                let inner = inner.trim_end_matches('\r');
                if closes(inner, mark) {
                    break;
                }
                let white = inner.len() - inner.trim_start().len();
                block.push(inner.get(white.min(indent)..).unwrap_or(inner));
            }
            out.push_str(&fenced(&info, block));
            continue;
        }
        out.push_str(&one_line(raw));
        out.push('\n');
    }
    if end < text.len() {
        out.push_str("\n… (cut)\n");
    }
    out.trim_end().to_owned()
}

/// The fence a line opens, and a plain word for the language.
fn opener(line: &str) -> Option<(&str, String)> {
    let text = line.trim_start();
    let text = ["- ", "* ", "> "]
        .iter()
        .find_map(|mark| text.strip_prefix(mark))
        .map_or(text, str::trim_start);
    let mark = text.chars().next().filter(|c| matches!(c, '`' | '~'))?;
    let length = text.len() - text.trim_start_matches(mark).len();
    let info = text[length..].trim();
    if length < 3 || (mark == '`' && info.contains('`')) {
        return None;
    }
    let word: String = info
        .chars()
        .take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '_' | '#'))
        .take(20)
        .collect();
    Some((&text[..length], word))
}

fn closes(line: &str, mark: &str) -> bool {
    let text = line.trim();
    text.len() >= mark.len() && text.trim_start_matches(&mark[..1]).is_empty()
}

/// One line of prose.
fn one_line(raw: &str) -> String {
    let raw = raw.replace('\t', "    ");
    let text = raw.trim_end();
    let start = text.trim_start();
    // Four spaces would make code of it, in which no escape counts.
    let indent = (text.len() - start.len()).min(3);
    let indent = if is_item(start) {
        (text.len() - start.len()).min(12)
    } else {
        indent
    };
    let lead = " ".repeat(indent);
    if start.is_empty() {
        return String::new();
    }
    let ruled = start.len() > 1
        && start
            .chars()
            .all(|c| matches!(c, '-' | '=' | '_' | '*' | ' '));
    if ruled {
        return String::new();
    }
    let (bullet, rest) = split_bullet(start);
    if let Some(heading) = heading(rest) {
        let heading = heading.replace(['*', '_'], " ");
        let heading = inline(heading.trim(), Dress::Title);
        return if heading.is_empty() {
            String::new()
        } else {
            format!("{lead}{bullet}*{heading}*")
        };
    }
    let guarded = guard(rest);
    format!("{lead}{bullet}{}", inline_with(&guarded))
}

fn is_item(text: &str) -> bool {
    !split_bullet(text).0.is_empty()
}

/// `- `, `* `, `+ `, `• ` or `12. `, and what follows.
fn split_bullet(text: &str) -> (String, &str) {
    for mark in ["- ", "* ", "+ ", "• "] {
        if let Some(rest) = text.strip_prefix(mark) {
            return ("- ".to_owned(), rest.trim_start());
        }
    }
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    if (1..=3).contains(&digits)
        && let Some(rest) = text[digits..].strip_prefix(". ")
    {
        return (format!("{}. ", &text[..digits]), rest.trim_start());
    }
    (String::new(), text)
}

/// The words of a line that is set as a heading: hash signs, or nothing but bold.
fn heading(text: &str) -> Option<&str> {
    let bare = text.trim_start_matches('#');
    if bare.len() < text.len() && (bare.is_empty() || bare.starts_with([' ', '*'])) {
        return Some(bare.trim().trim_end_matches('#').trim());
    }
    for mark in ["**", "__"] {
        let inner = text.strip_prefix(mark).and_then(|inner| {
            let inner = inner.trim_end_matches([':', '.', ' ']);
            inner.strip_suffix(mark)
        });
        if let Some(inner) = inner
            && !inner.contains(mark)
        {
            return Some(inner);
        }
    }
    // A line of two plain words may name a section of findings.
    let plain = text.trim_end_matches([':', ' ']);
    let words: Vec<String> = plain.split(' ').map(str::to_lowercase).collect();
    let named = words.iter().any(|word| SECTIONS.contains(&word.as_str()));
    (named && words.len() == 2).then_some(plain)
}

/// A line in pieces; text that must be taken letter by letter is encoded already.
enum Guarded<'t> {
    /// As it was.
    Plain(&'t str),
    /// Its start encoded, and the rest.
    Encoded(String, Cow<'t, str>),
}

/// Keeps a line from passing for the head of a finding: an id, a severity in capitals or a back-quoted
/// one of them at its start.
fn guard(text: &str) -> Guarded<'_> {
    if let Some(rest) = text.strip_prefix('>') {
        return Guarded::Encoded("&gt;".to_owned(), rest.into());
    }
    let skipped = text.len()
        - text
            .trim_start_matches(['*', '_', '`', '[', '~', ' ', '('])
            .len();
    let mut core = &text[skipped..];
    let mut front = &text[..skipped];
    for word in ["Finding ", "Issue ", "finding ", "issue "] {
        if let Some(rest) = core.strip_prefix(word) {
            front = &text[..skipped + word.len()];
            core = rest;
        }
    }
    let Some(first) = core.chars().next() else {
        return Guarded::Plain(text);
    };
    let id = matches!(first, 'C' | 'I' | 'S')
        && core[1..]
            .trim_start_matches('-')
            .starts_with(|c: char| c.is_ascii_digit());
    let loud = ["CRITICAL", "IMPORTANT", "SUGGESTION"]
        .iter()
        .any(|word| core.starts_with(word));
    if !(id || loud) {
        return Guarded::Plain(text);
    }
    // Without its back-quotes, in which nothing can be encoded.
    let quoted = front.contains('`');
    let front: String = front.chars().filter(|c| *c != '`').collect();
    let front = text_of(&front, Dress::Prose);
    let rest = &core[first.len_utf8()..];
    let rest = match rest.split_once('`') {
        Some((id, after)) if quoted => Cow::Owned(format!("{id}{after}")),
        _ => Cow::Borrowed(rest),
    };
    let mut encoded = front;
    encode(&mut encoded, first);
    Guarded::Encoded(encoded, rest)
}

fn inline_with(guarded: &Guarded<'_>) -> String {
    match guarded {
        Guarded::Plain(text) => inline(text, Dress::Prose),
        Guarded::Encoded(front, rest) => format!("{front}{}", inline(rest, Dress::Prose)),
    }
}

/// What may stay of Markdown.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Dress {
    /// Emphasis stays.
    Prose,
    /// None of it.
    Title,
    /// Nor anything that names or sets off a place.
    Strict,
}

enum Piece<'t> {
    Text(&'t str),
    Code(&'t str),
}

/// Divides a line into text and code spans; back-quotes without a partner are text.
fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut found = Vec::new();
    let mut start = 0;
    let mut at = 0;
    while let Some(offset) = text[at..].find('`') {
        let open = at + offset;
        let run = text[open..].len() - text[open..].trim_start_matches('`').len();
        let inside = open + run;
        let mut search = inside;
        let close = loop {
            let Some(next) = text[search..].find('`') else {
                break None;
            };
            let next = search + next;
            let length = text[next..].len() - text[next..].trim_start_matches('`').len();
            if length == run {
                break Some(next);
            }
            search = next + length;
        };
        match close {
            Some(close) if !text[inside..close].trim().is_empty() => {
                if start < open {
                    found.push(Piece::Text(&text[start..open]));
                }
                found.push(Piece::Code(text[inside..close].trim()));
                start = close + run;
                at = start;
            }
            _ => at = inside,
        }
    }
    if start < text.len() {
        found.push(Piece::Text(&text[start..]));
    }
    found
}

fn inline(text: &str, dress: Dress) -> String {
    let mut out = String::new();
    for piece in pieces(text) {
        match piece {
            Piece::Code(inside) => out.push_str(&code(inside)),
            Piece::Text(text) => out.push_str(&text_of(text, dress)),
        }
    }
    out
}

/// Text without code spans, word by word: what would become a link or call somebody is shown as code.
fn text_of(text: &str, dress: Dress) -> String {
    let text = harmless(text);
    let mut out = String::new();
    for (nth, word) in text.split(' ').enumerate() {
        if nth > 0 {
            out.push(' ');
        }
        if dress != Dress::Strict && calls(word) {
            let core = word.trim_end_matches(['.', ',', ';', ':', '!', '?']);
            out.push_str(&code(core));
            escape(&mut out, &word[core.len()..], dress);
        } else {
            escape(&mut out, word, dress);
        }
    }
    labels_encoded(&out)
}

/// True for a word that a forge would turn into a link or a message to somebody.
fn calls(word: &str) -> bool {
    let reference = word
        .match_indices('#')
        .any(|(at, _)| word[at + 1..].starts_with(|c: char| c.is_ascii_digit()));
    word.contains("://")
        || word.contains('@')
        || reference
        || word.to_ascii_lowercase().contains("www.")
        || word
            .strip_prefix("GH-")
            .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
}

fn escape(out: &mut String, word: &str, dress: Dress) {
    let mut previous = ' ';
    let mut chars = word.chars().peekable();
    while let Some(c) = chars.next() {
        let next = chars.peek().copied().unwrap_or(' ');
        match c {
            '\\' | '<' | '[' | ']' | '|' | '#' => {
                out.push('\\');
                out.push(c);
            }
            '!' if next == '[' => out.push_str("\\!"),
            '!' if dress == Dress::Strict => out.push_str("\\!"),
            '&' if next == '#' || next.is_ascii_alphanumeric() => out.push_str("&amp;"),
            '`' | '~' => encode(out, c),
            '*' if dress != Dress::Prose => encode(out, c),
            '_' if dress != Dress::Prose
                && !(previous.is_alphanumeric() && next.is_alphanumeric()) =>
            {
                encode(out, c);
            }
            '@' | ':' | '—' | '–' | '―' | '-' | '(' | ')' | '.' if dress == Dress::Strict => {
                encode(out, c);
            }
            _ => out.push(c),
        }
        previous = c;
    }
}

fn encode(out: &mut String, c: char) {
    // In hexadecimal: `#12` could be read as a line of a file.
    write!(out, "&#x{:x};", u32::from(c)).expect("writing to a String cannot fail");
}

/// Encodes brackets in front of a word for a severity or kind: such a group is ours to write.
fn labels_encoded(text: &str) -> String {
    if !text.contains(['(', '[']) {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    for (at, c) in text.char_indices() {
        if matches!(c, '(' | '[') {
            let inside: String = text[at + 1..]
                .chars()
                .skip_while(|c| !c.is_alphanumeric())
                .take(16)
                .collect();
            let inside = inside.to_lowercase();
            if LABELS.iter().any(|word| inside.starts_with(word)) || inside.starts_with("kind:") {
                if out.ends_with('\\') {
                    out.pop();
                }
                encode(&mut out, c);
                continue;
            }
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_foreign_is_obeyed() {
        for (text, shown) in [
            ("<script>x</script>", "\\<script>x\\</script>"),
            ("![a](https://e.org/x.png)", "`![a](https://e.org/x.png)`"),
            ("[a](b) | c", "\\[a\\](b) \\| c"),
            ("ask @ana about #12", "ask `@ana` about `#12`"),
            (
                "see www.e.org & &lt;b&gt;",
                "see `www.e.org` & &amp;lt;b&amp;gt;",
            ),
            ("# Summary", "*Summary*"),
            ("**Critical Issues**:", "*Critical Issues*"),
            ("Critical issues:", "*Critical issues*"),
            ("> quoted", "&gt; quoted"),
            ("---", ""),
            ("it `a|b` ends", "it `a|b` ends"),
            ("a ` b", "a &#x60; b"),
            ("esc\u{1b}[0m \u{202e}x", "esc^\\[\\[0m U+202Ex"),
        ] {
            assert_eq!(prose(text), shown, "{text}");
        }
    }

    #[test]
    fn nothing_foreign_passes_for_a_finding() {
        assert_eq!(
            prose("**I2. Two** — `a.rs:1` (important, gap)"),
            "**&#x49;2. Two** — `a.rs:1` &#x28;important, gap)"
        );
        assert_eq!(prose("`S1.` **x**"), "&#x53;1. **x**");
        assert_eq!(
            prose("**IMPORTANT** a.rs:1 — x"),
            "**&#x49;MPORTANT** a.rs:1 — x"
        );
        assert_eq!(prose("1. **Wait** for it"), "1. **Wait** for it");
        assert_eq!(prose("Ideas: C++ and S3"), "Ideas: C++ and S3");
    }

    #[test]
    fn code_keeps_its_letters_and_can_not_get_out() {
        let text =
            "Why:\n\n```rust\nlet a = \"````\"; // <b>\n```\n\nand ```open\nnever closed\n~~~";
        let got = prose(text);
        assert!(
            got.contains("`````rust\nlet a = \"````\"; // <b>\n`````"),
            "{got}"
        );
        let got = prose("```go\nx()\n## Critical Issues");
        assert_eq!(got, "````go\nx()\n## Critical Issues\n````");
    }

    #[test]
    fn a_code_span_holds_any_text() {
        assert_eq!(code("a`b"), "``a`b``");
        assert_eq!(code("`"), "`` ` ``");
        assert_eq!(code_cell("a|b"), "`a\\|b`");
        assert_eq!(path(&RepoPath::new(b"a\n<b>".to_vec())), "`\"a\\n<b>\"`");
    }

    #[test]
    fn a_title_is_one_line_without_emphasis() {
        assert_eq!(
            title("a **b**\n`c*d` (gap) x:", true),
            "a &#x2a;&#x2a;b&#x2a;&#x2a; `c*d` &#x28;gap) x&#x3a;"
        );
        assert!(!title("`a.rs:3` — it leaks", false).contains(['`', ':', '—']));
        assert_eq!(title(&"x".repeat(999), true).chars().count(), LONGEST_TITLE);
    }
}
