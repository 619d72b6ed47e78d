//! Text for people as styled spans, built by pure renderers and drawn by `ui`.
//! Colour is a span's style, never part of its text: so foreign text can't bring its own, and
//! everything drawn passes [`harmless`].

use std::fmt::Write as _;

/// How a span is meant; `ui` decides what that looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// Ordinary text.
    Plain,
    /// Headings and what to look at first.
    Strong,
    /// What may be skipped.
    Faint,
    /// Critical problems, failure.
    Alarm,
    /// Important problems, warnings.
    Warning,
    /// Suggestions, hints.
    Advice,
    /// All is well.
    Good,
    /// Something to copy: a command, an id.
    Literal,
}

/// Lines of styled spans.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Page {
    lines: Vec<Vec<(Style, String)>>,
    open: Vec<(Style, String)>,
}

impl Page {
    /// An empty page.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Appends a span to the current line. Line feeds in the text don't end the line.
    pub(crate) fn put(&mut self, style: Style, text: impl Into<String>) -> &mut Self {
        self.open.push((style, text.into()));
        self
    }

    /// Appends ordinary text to the current line.
    pub(crate) fn text(&mut self, text: impl Into<String>) -> &mut Self {
        self.put(Style::Plain, text)
    }

    /// Ends the current line.
    pub(crate) fn end(&mut self) -> &mut Self {
        let line = std::mem::take(&mut self.open);
        self.lines.push(line);
        self
    }

    /// Appends a whole line of one style.
    pub(crate) fn line(&mut self, style: Style, text: impl Into<String>) -> &mut Self {
        self.put(style, text).end()
    }

    /// Appends prose, wrapped at word boundaries to `width` cells, each line after `indent` spaces.
    /// Line feeds in the text separate paragraphs or keep list items apart.
    pub(crate) fn prose(
        &mut self,
        style: Style,
        indent: usize,
        width: usize,
        text: &str,
    ) -> &mut Self {
        let room = width.saturating_sub(indent).max(20);
        for paragraph in text.trim_end().split('\n') {
            let mut line = String::new();
            let lead: String = paragraph.chars().take_while(|c| *c == ' ').collect();
            for word in paragraph.split_whitespace() {
                let longer = cells(&line) + 1 + cells(word);
                if line.trim().is_empty() {
                    line = format!("{lead}{word}");
                } else if longer > room {
                    self.line(style, format!("{:indent$}{line}", ""));
                    line = format!("{lead}{word}");
                } else {
                    line.push(' ');
                    line.push_str(word);
                }
            }
            if line.is_empty() {
                self.end();
            } else {
                self.line(style, format!("{:indent$}{line}", ""));
            }
        }
        self
    }

    /// Puts a span before the first finished line.
    pub(crate) fn lead(&mut self, style: Style, text: impl Into<String>) -> &mut Self {
        if let Some(first) = self.lines.first_mut() {
            first.insert(0, (style, text.into()));
        }
        self
    }

    /// Appends all lines of another page.
    pub(crate) fn append(&mut self, other: Self) -> &mut Self {
        self.lines.extend(other.lines);
        self
    }

    /// The finished lines.
    pub(crate) fn lines(&self) -> &[Vec<(Style, String)>] {
        &self.lines
    }

    /// How many finished lines there are.
    pub(crate) fn len(&self) -> usize {
        self.lines.len()
    }
}

/// The width of a text on a terminal, in cells, after [`harmless`].
pub(crate) fn cells(text: &str) -> usize {
    console::measure_text_width(&harmless(text))
}

/// Cuts a text to at most `width` cells, with an ellipsis where something was cut.
pub(crate) fn cut(text: &str, width: usize) -> String {
    let text = harmless(text);
    if console::measure_text_width(&text) <= width {
        return text;
    }
    let mut kept = String::new();
    for c in text.chars() {
        kept.push(c);
        if console::measure_text_width(&kept) >= width {
            kept.pop();
            break;
        }
    }
    kept.push('…');
    kept
}

/// Makes foreign text harmless on a terminal: control characters become `^X` or `U+XXXX`, and so do
/// the characters that reorder, hide or vanish (bidirectional controls, zero-width and other
/// default-ignorable characters). A tab becomes spaces; a line feed is shown as `^J`.
pub(crate) fn harmless(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\t' => safe.push_str("    "),
            '\0'..='\x1f' => {
                safe.push('^');
                safe.push(char::from(c as u8 + b'@'));
            }
            '\x7f' => safe.push_str("^?"),
            c if deceives(c) => {
                write!(safe, "U+{:04X}", u32::from(c)).expect("writing to a String cannot fail");
            }
            c => safe.push(c),
        }
    }
    safe
}

/// True for characters that a terminal may obey, or that a reader can't see or is misled by:
/// C1 controls, bidirectional controls, default-ignorable code points (Unicode 16, derived
/// property `Default_Ignorable_Code_Point`) and line separators.
pub(crate) fn deceives(c: char) -> bool {
    matches!(u32::from(c),
        0x80..=0x9f | 0xad | 0x034f | 0x061c | 0x115f..=0x1160 | 0x17b4..=0x17b5 | 0x180b..=0x180f
        | 0x200b..=0x200f | 0x2028..=0x202e | 0x2060..=0x206f | 0x3164 | 0xfe00..=0xfe0f | 0xfeff
        | 0xffa0 | 0xfff0..=0xfffb | 0x1bca0..=0x1bca3 | 0x1d173..=0x1d17a | 0xe0000..=0xe0fff)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_a_terminal_obeys_survives() {
        assert_eq!(harmless("a\x1b[31mred\x07\r\nb"), "a^[[31mred^G^M^Jb");
        assert_eq!(
            harmless("\u{9b}31m \u{202e}abc\u{200b}"),
            "U+009B31m U+202EabcU+200B"
        );
        assert_eq!(harmless("grüße 世界"), "grüße 世界");
    }

    #[test]
    fn prose_wraps_at_words_and_keeps_paragraphs() {
        let mut page = Page::new();
        page.prose(
            Style::Plain,
            2,
            24,
            "one two three four five six seven\n\nnext",
        );
        let lines: Vec<String> = page
            .lines()
            .iter()
            .map(|line| line.iter().map(|(_, text)| text.as_str()).collect())
            .collect();
        assert_eq!(
            lines,
            ["  one two three four", "  five six seven", "", "  next"]
        );
    }

    #[test]
    fn a_cut_text_fits() {
        assert_eq!(cut("abcdef", 6), "abcdef");
        assert_eq!(cut("abcdefg", 6), "abcde…");
        assert_eq!(cells(&cut("世界世界", 5)), 5);
    }
}
