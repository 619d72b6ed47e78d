//! The only writer to the terminal: streams, colour, width, and harmless foreign text.
//! Callers say what they mean (a result, a status, a warning); a closed stream is no error.

mod progress;

use std::io::{self, BufWriter, IsTerminal, Write};

use crate::env;
use crate::error::hints;
use crate::page::{Page, Style, harmless};

pub(crate) use progress::ProgressLines;

/// When to use colour, as `--color` takes it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum ColorChoice {
    /// On a terminal, unless the environment says otherwise.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// How much is said on standard error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Volume {
    /// Errors and what blocks.
    Quiet,
    /// The ordinary amount.
    Normal,
    /// Also how things were decided.
    Verbose,
}

/// Standard output for results, standard error for everything else.
pub(crate) struct Ui {
    volume: Volume,
    color_out: bool,
    color_err: bool,
    width: usize,
}

impl Ui {
    /// Looks at both streams and the environment once.
    pub(crate) fn new(color: ColorChoice, volume: Volume) -> Self {
        let wants = |terminal: bool| match color {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto => env::color_wish().unwrap_or(terminal),
        };
        Self {
            volume,
            color_out: wants(io::stdout().is_terminal()),
            color_err: wants(io::stderr().is_terminal()),
            width: width(),
        }
    }

    /// The width to lay text out for, in cells.
    pub(crate) fn width(&self) -> usize {
        self.width
    }

    /// Asks a question on the terminal and reads one line; `None` if nobody can answer.
    pub(crate) fn ask(&self, question: &Page) -> Option<String> {
        if !(io::stdin().is_terminal() && io::stderr().is_terminal()) {
            return None;
        }
        self.notice(question);
        let mut answer = String::new();
        // End of input is no answer either.
        io::stdin()
            .read_line(&mut answer)
            .ok()
            .filter(|read| *read > 0)?;
        Some(answer.trim().to_owned())
    }

    /// Writes a result to standard output.
    pub(crate) fn result(&self, page: &Page) {
        draw(&mut io::stdout().lock(), page, self.color_out);
    }

    #[expect(clippy::unused_self, reason = "results go through one value")]
    /// Writes bytes that are a result in a machine's format to standard output, as they are.
    pub(crate) fn result_bytes(&self, bytes: &[u8]) {
        let mut out = io::stdout().lock();
        // A reader that went away (`| head`) is no failure of ours.
        let _ = out.write_all(bytes).and_then(|()| out.flush());
    }

    #[expect(clippy::unused_self, reason = "results go through one value")]
    /// Where a patch goes: byte for byte to a file or a pipe, made harmless on a terminal.
    pub(crate) fn patch(&self) -> BufWriter<Box<dyn Write>> {
        let out = io::stdout();
        BufWriter::with_capacity(
            1 << 16,
            if out.is_terminal() {
                Box::new(Harmless(out))
            } else {
                Box::new(out)
            },
        )
    }

    /// Writes a page to standard error whatever the volume: what blocks a push must be read.
    pub(crate) fn notice(&self, page: &Page) {
        draw(&mut io::stderr().lock(), page, self.color_err);
    }

    /// Says what happened, unless quiet.
    pub(crate) fn status(&self, text: &str) {
        if self.volume > Volume::Quiet {
            let mut page = Page::new();
            page.line(Style::Plain, text);
            self.notice(&page);
        }
    }

    /// True if nothing is to be left out.
    pub(crate) fn is_verbose(&self) -> bool {
        self.volume == Volume::Verbose
    }

    /// Says how something was decided, when verbose.
    pub(crate) fn detail(&self, text: &str) {
        if self.volume == Volume::Verbose {
            let mut page = Page::new();
            page.line(Style::Faint, text);
            self.notice(&page);
        }
    }

    /// Shows an error: what we tried, why it failed, what to do.
    pub(crate) fn error(&self, error: &anyhow::Error) {
        let mut page = Page::new();
        for (depth, cause) in error.chain().enumerate() {
            let (lead, text) = (
                if depth == 0 {
                    "error: "
                } else {
                    "  caused by: "
                },
                cause.to_string(),
            );
            let mut lines = text.trim_end().split('\n');
            page.put(
                if depth == 0 {
                    Style::Alarm
                } else {
                    Style::Faint
                },
                lead,
            );
            page.text(lines.next().unwrap_or_default()).end();
            for line in lines {
                page.line(Style::Plain, format!("  {line}"));
            }
        }
        for hint in hints(error) {
            page.put(Style::Advice, "hint: ").text(hint).end();
        }
        self.notice(&page);
    }
}

fn width() -> usize {
    let terminal = || {
        console::Term::stdout()
            .size_checked()
            .or_else(|| console::Term::stderr().size_checked())
            .map(|(_, columns)| usize::from(columns))
    };
    env::columns()
        .or_else(terminal)
        .unwrap_or(80)
        .clamp(40, 160)
}

/// Shows bytes line by line without letting the terminal obey them.
struct Harmless(io::Stdout);

impl Write for Harmless {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // Whole lines only, unless there is none: a character must not be cut in two.
        let end = bytes.iter().rposition(|byte| *byte == b'\n');
        let taken = &bytes[..end.map_or(bytes.len(), |end| end + 1)];
        for line in taken.split_inclusive(|byte| *byte == b'\n') {
            let (text, end) = match line.split_last() {
                Some((b'\n', text)) => (text, "\n"),
                _ => (line, ""),
            };
            let text = harmless(&String::from_utf8_lossy(text));
            self.0.write_all(text.as_bytes())?;
            self.0.write_all(end.as_bytes())?;
        }
        Ok(taken.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// A page as text without colour, for a file.
pub(crate) fn plain_text(page: &Page) -> Vec<u8> {
    let mut bytes = Vec::new();
    draw(&mut bytes, page, false);
    bytes
}

fn draw(stream: &mut dyn Write, page: &Page, color: bool) {
    let mut bytes = Vec::new();
    for line in page.lines() {
        let mut at_start = true;
        for (style, text) in line {
            let text = harmless(text);
            // Build servers take such lines for commands.
            if at_start && (text.starts_with("::") || text.starts_with("##")) {
                bytes.push(b' ');
            }
            at_start &= text.is_empty();
            let (on, off) = if color { escape(*style) } else { ("", "") };
            bytes.extend_from_slice(on.as_bytes());
            bytes.extend_from_slice(text.as_bytes());
            bytes.extend_from_slice(off.as_bytes());
        }
        bytes.push(b'\n');
    }
    // A closed stream must not panic, and there is nobody left to tell.
    let _ = stream.write_all(&bytes).and_then(|()| stream.flush());
}

fn escape(style: Style) -> (&'static str, &'static str) {
    let on = match style {
        Style::Plain => return ("", ""),
        Style::Strong => "\x1b[1m",
        Style::Faint => "\x1b[2m",
        Style::Alarm => "\x1b[1;31m",
        Style::Warning => "\x1b[1;33m",
        Style::Advice => "\x1b[34m",
        Style::Good => "\x1b[32m",
        Style::Literal => "\x1b[36m",
    };
    (on, "\x1b[0m")
}

/// True if lines on standard error can be drawn anew.
fn draws_lines() -> bool {
    io::stderr().is_terminal() && env::text("TERM").is_none_or(|term| term != "dumb")
}

/// Says one line on standard error, made harmless by the caller.
fn say(line: &str) {
    // A reader that went away is no failure of ours.
    let _ = writeln!(io::stderr().lock(), "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(page: &Page, color: bool) -> String {
        let mut bytes = Vec::new();
        draw(&mut bytes, page, color);
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn foreign_colour_is_shown_not_obeyed() {
        let mut page = Page::new();
        page.put(Style::Alarm, "evil\x1b[0m\n").end();
        assert_eq!(drawn(&page, false), "evil^[[0m^J\n");
        assert_eq!(drawn(&page, true), "\x1b[1;31mevil^[[0m^J\x1b[0m\n");
    }

    #[test]
    fn build_server_commands_are_defused() {
        let mut page = Page::new();
        page.line(Style::Plain, "::set-output name=x::y");
        assert_eq!(drawn(&page, false), " ::set-output name=x::y\n");
    }
}
