//! Which language a file is written in, and whether a place of a line is code, comment or string.
//! It reads one line, or the lines before it when it is given them; it is no parser.

use crate::diff::RepoPath;

/// A group of languages with one comment and string syntax.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Language {
    C,
    CSharp,
    Go,
    Java,
    JavaScript,
    Kotlin,
    Php,
    Python,
    Ruby,
    Rust,
    Shell,
    Sql,
    Swift,
    /// Settings whose comments start with `#`.
    Hash,
    /// Documents and markup.
    Prose,
    /// Nothing is known; all of a line counts as code.
    Unknown,
}

/// What stands at a place of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Region {
    Code,
    Comment,
    Literal,
}

impl Language {
    /// Tells the language from the file's name.
    pub(super) fn of(path: &RepoPath) -> Self {
        let name = path.file_name().to_ascii_lowercase();
        let name = String::from_utf8_lossy(&name);
        match &*name {
            "gemfile" | "rakefile" | "vagrantfile" | "podfile" | "fastfile" | "guardfile" => {
                return Self::Ruby;
            }
            "makefile" | "dockerfile" | "containerfile" | ".gitattributes" | ".gitignore"
            | ".npmrc" | ".env" | "justfile" => return Self::Hash,
            _ => {}
        }
        match name.rsplit_once('.').map_or("", |(_, extension)| extension) {
            "c" | "cc" | "cpp" | "cxx" | "h" | "hh" | "hpp" | "hxx" | "m" | "mm" | "proto" => {
                Self::C
            }
            "cs" => Self::CSharp,
            "go" => Self::Go,
            "java" | "groovy" | "gradle" | "scala" | "dart" => Self::Java,
            "js" | "jsx" | "mjs" | "cjs" | "ts" | "tsx" | "mts" | "cts" | "vue" | "svelte" => {
                Self::JavaScript
            }
            "kt" | "kts" => Self::Kotlin,
            "php" => Self::Php,
            "py" | "pyi" | "pyx" => Self::Python,
            "rb" | "rake" | "gemspec" | "erb" => Self::Ruby,
            "rs" => Self::Rust,
            "sh" | "bash" | "zsh" | "ksh" | "bats" => Self::Shell,
            "sql" => Self::Sql,
            "swift" => Self::Swift,
            "yml" | "yaml" | "toml" | "ini" | "cfg" | "conf" | "properties" | "env" | "tf"
            | "tfvars" | "hcl" => Self::Hash,
            _ if super::paths::is_document(path) => Self::Prose,
            _ => Self::Unknown,
        }
    }

    fn line_comments(self) -> &'static [&'static [u8]] {
        match self {
            Self::C
            | Self::CSharp
            | Self::Go
            | Self::Java
            | Self::JavaScript
            | Self::Kotlin
            | Self::Rust
            | Self::Swift => &[b"//"],
            Self::Php => &[b"//", b"#"],
            Self::Python | Self::Ruby | Self::Shell | Self::Hash => &[b"#"],
            Self::Sql => &[b"--"],
            Self::Prose | Self::Unknown => &[],
        }
    }

    fn has_block_comments(self) -> bool {
        matches!(
            self,
            Self::C
                | Self::CSharp
                | Self::Go
                | Self::Java
                | Self::JavaScript
                | Self::Kotlin
                | Self::Php
                | Self::Rust
                | Self::Sql
                | Self::Swift
        )
    }

    fn quotes(self) -> &'static [u8] {
        match self {
            Self::JavaScript | Self::Go => b"\"'`",
            Self::Prose | Self::Unknown => b"",
            _ => b"\"'",
        }
    }

    /// Tells what stands at byte `place` of `line`, as far as the line itself tells.
    pub(super) fn region(self, line: &[u8], place: usize) -> Region {
        let first = line
            .iter()
            .position(|byte| !byte.is_ascii_whitespace())
            .unwrap_or(line.len());
        // The middle of a block comment, as most formatters write it.
        if self.has_block_comments()
            && line[first..].starts_with(b"*")
            && matches!(line.get(first + 1), None | Some(b' ' | b'\t' | b'/'))
        {
            return Region::Comment;
        }
        let mut at = 0;
        while at < place {
            let rest = &line[at..];
            if self.starts_comment(line, at) {
                return Region::Comment;
            }
            if self.has_block_comments() && rest.starts_with(b"/*") {
                match find(&rest[2..], b"*/") {
                    Some(end) if at + 2 + end + 2 <= place => at += 2 + end + 2,
                    _ => return Region::Comment,
                }
            } else if self.quotes().contains(&rest[0]) && !self.is_plain_tick(rest) {
                match closing_quote(rest) {
                    Some(end) if at + end < place => at += end + 1,
                    _ => return Region::Literal,
                }
            } else {
                at += 1;
            }
        }
        Region::Code
    }

    /// Tells what stands at byte `place` of line `number` (1-based) of `text`: the line itself
    /// decides, unless the lines before it leave a block comment or a long string open.
    pub(super) fn region_in(self, text: &[u8], number: u32, line: &[u8], place: usize) -> Region {
        let own = self.region(line, place);
        if own != Region::Code {
            return own;
        }
        let before = lines_before(text, number);
        if self.has_block_comments() {
            let opened = rfind(before, b"/*");
            let closed = rfind(before, b"*/");
            if opened > closed && find(&line[..place], b"*/").is_none() {
                return Region::Comment;
            }
        }
        if self == Self::Python {
            let fences = |fence: &[u8]| memchr::memmem::find_iter(before, fence).count();
            if fences(b"\"\"\"") % 2 == 1 || fences(b"'''") % 2 == 1 {
                return Region::Literal;
            }
        }
        Region::Code
    }

    fn starts_comment(self, line: &[u8], at: usize) -> bool {
        self.line_comments().iter().any(|marker| {
            line[at..].starts_with(marker)
                // In a shell `$#` and `a#b` are no comments.
                && (*marker != b"#" || at == 0 || line[at - 1].is_ascii_whitespace())
                // Nor is the end of a scheme, as in an unquoted `https://`.
                && (*marker != b"//" || at == 0 || line[at - 1] != b':')
        })
    }

    /// True for a single quote that opens no string: a Rust lifetime.
    fn is_plain_tick(self, rest: &[u8]) -> bool {
        self == Self::Rust
            && rest[0] == b'\''
            && !matches!(rest, [_, b'\\', ..] | [_, _, b'\'', ..])
    }
}

fn closing_quote(text: &[u8]) -> Option<usize> {
    let quote = text[0];
    let mut at = 1;
    while at < text.len() {
        match text[at] {
            b'\\' => at += 2,
            byte if byte == quote => return Some(at),
            _ => at += 1,
        }
    }
    None
}

fn lines_before(text: &[u8], number: u32) -> &[u8] {
    let Some(wanted) = number.checked_sub(2).and_then(|n| usize::try_from(n).ok()) else {
        return &[];
    };
    let end = memchr::memchr_iter(b'\n', text)
        .nth(wanted)
        .unwrap_or(text.len());
    &text[..end]
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    memchr::memmem::find(text, wanted)
}

fn rfind(text: &[u8], wanted: &[u8]) -> Option<usize> {
    memchr::memmem::rfind(text, wanted)
}
