//! Which language a file is written in, and whether a place of a line is code, comment or string.
//! It reads quotes and comment signs only; it is no parser.

use std::ops::Range;

use crate::diff::RepoPath;

/// Of a longer line only so many bytes before a place are read.
const REACH: usize = 16 << 10;

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

/// What is open at the beginning of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Carry {
    Nothing,
    /// A block comment.
    Block,
    /// A string between three of these quotes.
    Fence(u8),
    /// A string between back-ticks.
    Raw,
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
            Self::JavaScript => b"\"'`",
            Self::Prose | Self::Unknown => b"",
            _ => b"\"'",
        }
    }

    /// Tells what stands at byte `place` of `line`, whose beginning stands in `carried`.
    pub(super) fn region(self, line: &[u8], place: usize, carried: Carry) -> Region {
        // The middle of a block comment, as most formatters write it.
        let text = line.trim_ascii_start();
        if self.has_block_comments()
            && text.starts_with(b"*")
            && matches!(text.get(1), None | Some(b' ' | b'\t'))
        {
            return Region::Comment;
        }
        let start = place.saturating_sub(REACH);
        let carried = if start == 0 { carried } else { Carry::Nothing };
        self.walk(&line[start..], place - start, carried).0
    }

    /// For each line of a text, what its beginning stands in.
    pub(super) fn carries(self, text: &[u8]) -> Vec<Carry> {
        let mut carry = Carry::Nothing;
        text.split(|byte| *byte == b'\n')
            .map(|line| {
                let before = carry;
                carry = self.walk(line, line.len(), before).1;
                before
            })
            .collect()
    }

    /// The line numbers (1-based) of the tests inside a source file: in Rust, the items at the
    /// start of a line that `#[test]` or a `cfg` of `test` marks, up to their closing brace.
    pub(super) fn inline_tests(self, text: &[u8]) -> Vec<Range<u32>> {
        let mut tests = Vec::new();
        if self != Self::Rust {
            return tests;
        }
        let mut marked = false;
        let mut start = None;
        for (line, number) in text.split(|byte| *byte == b'\n').zip(1..) {
            if let Some(first) = start {
                if line.starts_with(b"}") {
                    tests.push(first..number);
                    start = None;
                }
            } else if line.starts_with(b"#[") {
                marked |= line.starts_with(b"#[test]")
                    || [&b"(test)"[..], b"(test,", b" test,", b" test)"]
                        .iter()
                        .any(|word| line.starts_with(b"#[cfg(") && find(line, word).is_some());
            } else if !line.trim_ascii().is_empty() && !line.starts_with(b"//") {
                let opens = line.trim_ascii_end().ends_with(b"{");
                start = (marked && opens).then_some(number);
                marked = false;
            }
        }
        tests
    }

    /// Reads `line` up to `place`: what stands there, and what is open after it.
    fn walk(self, line: &[u8], place: usize, carried: Carry) -> (Region, Carry) {
        let mut carry = carried;
        let mut at = 0;
        loop {
            let rest = line.get(at..).unwrap_or_default();
            let (region, closed) = match carry {
                Carry::Nothing => (Region::Code, None),
                Carry::Block => (Region::Comment, find(rest, b"*/").map(|end| end + 2)),
                Carry::Fence(quote) => {
                    (Region::Literal, find(rest, &[quote; 3]).map(|end| end + 3))
                }
                Carry::Raw => (Region::Literal, find(rest, b"`").map(|end| end + 1)),
            };
            if carry != Carry::Nothing {
                match closed {
                    Some(length) if at + length <= place => {
                        carry = Carry::Nothing;
                        at += length;
                        continue;
                    }
                    _ => return (region, carry),
                }
            }
            if at >= place {
                return (Region::Code, Carry::Nothing);
            }
            if self.starts_comment(line, at) {
                return (Region::Comment, Carry::Nothing);
            }
            if self.has_block_comments() && rest.starts_with(b"/*") {
                carry = Carry::Block;
                at += 2;
            } else if self == Self::Python && is_fence(rest) {
                carry = Carry::Fence(rest[0]);
                at += 3;
            } else if self == Self::Go && rest[0] == b'`' {
                carry = Carry::Raw;
                at += 1;
            } else if self.quotes().contains(&rest[0]) && !self.is_plain_tick(rest) {
                match closing_quote(rest) {
                    Some(end) if at + end < place => at += end + 1,
                    _ => return (Region::Literal, Carry::Nothing),
                }
            } else {
                at += 1;
            }
        }
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

/// Three equal quotes open a string over several lines.
fn is_fence(text: &[u8]) -> bool {
    matches!(text, [b'"', b'"', b'"', ..] | [b'\'', b'\'', b'\'', ..])
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    memchr::memmem::find(text, wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What stands where `@` is in the text.
    fn at_sign(path: &str, text: &str) -> Region {
        let language = Language::of(&RepoPath::from(path));
        let before = &text[..text.find('@').unwrap()];
        let number = before.matches('\n').count();
        let line = text.lines().nth(number).unwrap().as_bytes();
        let place = line.iter().position(|byte| *byte == b'@').unwrap();
        language.region(line, place, language.carries(text.as_bytes())[number])
    }

    #[test]
    fn code_is_code() {
        for (path, text) in [
            ("a.rs", "let x = @;"),
            ("a.rs", "f('\"', @)"),
            ("a.rs", "impl<'a> X<'a> { @"),
            ("a.rs", "\"https://x\"; @"),
            ("a.c", "/* a */ @ /* b */"),
            ("a.c", "*p = @;"),
            ("a.js", "const s = \"src/**/*.js\"\n@"),
            ("a.js", "`a` + @"),
            ("a.py", "x = '#'; @"),
            ("a.py", "\"\"\"doc\"\"\"\n@"),
            ("a.py", "x = \"it's\"\n@"),
            ("a.sh", "echo $# @"),
            ("a.go", "x := `a\nb`; @"),
            ("a.c", "/*\n*/ @"),
            ("a.xyz", "# // @"),
        ] {
            assert_eq!(at_sign(path, text), Region::Code, "{text} in {path}");
        }
    }

    #[test]
    fn comments_are_comments() {
        for (path, text) in [
            ("a.rs", "x // @"),
            ("a.rs", "/// @"),
            ("a.c", "x /* @ */"),
            ("a.c", " * @"),
            ("a.c", "/* a\n b @"),
            ("a.py", "x # @"),
            ("a.yml", "x: 1 # @"),
            ("a.sql", "select 1 -- @"),
            ("a.php", "# @"),
            ("Dockerfile", "# @"),
        ] {
            assert_eq!(at_sign(path, text), Region::Comment, "{text} in {path}");
        }
    }

    #[test]
    fn strings_are_strings() {
        for (path, text) in [
            ("a.rs", "x = \"@\""),
            ("a.rs", "x = \"\\\" @\""),
            ("a.py", "'''a\n@\n'''"),
            ("a.py", "\"\"\"a @"),
            ("a.go", "x := `a\n @ b`"),
            ("a.js", "x = 'never closed @"),
        ] {
            assert_eq!(at_sign(path, text), Region::Literal, "{text} in {path}");
        }
    }

    #[test]
    fn tests_inside_rust_files_are_found() {
        let text = b"fn a() {\n}\n#[cfg(test)]\nmod tests {\n    x\n}\nfn b() {\n}\n\
            #[cfg(all(test, unix))]\n#[cfg(x)]\npub(crate) mod more {\n}\n\
            #[cfg(test)]\nmod files;\nmod no {\n}\n#[cfg(testing)]\nmod no {\n}\n\
            #[test]\nfn c() {\n}\n#[cfg(test)]\nmod open {\n";
        assert_eq!(Language::Rust.inline_tests(text), [4..6, 11..12, 21..22]);
        assert_eq!(Language::Go.inline_tests(text), []);
    }

    #[test]
    fn of_a_long_line_only_the_last_part_is_read() {
        let language = Language::of(&RepoPath::from("a.js"));
        let mut line = vec![b'x'; 4 * REACH];
        assert_eq!(
            language.region(&line, line.len(), Carry::Block),
            Region::Code
        );
        line[4 * REACH - 9] = b'"';
        assert_eq!(
            language.region(&line, line.len(), Carry::Nothing),
            Region::Literal
        );
    }
}
