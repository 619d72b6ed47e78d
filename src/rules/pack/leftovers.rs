//! What merging and debugging leave behind in the text: conflict markers and debugger calls.
//! Files and reminders left behind are in `strays`.

use super::{
    Builtin, Form, Judgement, Place, everywhere, in_lenient_places, in_own_code, nowhere, stands,
};
use crate::finding::Severity;
use crate::rules::language::Language::{JavaScript, Python, Ruby, Rust};
use crate::rules::scan::FileFacts;

pub(super) static CONFLICT_MARKER: Builtin = Builtin {
    id: "conflict-marker",
    severity: Severity::Important,
    summary: "merge conflict markers left in a file",
    why: "The line is a marker that Git writes around the two sides of a merge conflict. A file \
          that still has it is broken for every program that reads it, and one side of the \
          conflict may be lost unseen.",
    mend: "Resolve the conflict: keep what is right of both sides and delete the markers.",
    history: false,
    reaches: everywhere,
    lowers: nowhere,
    forms: &[Form {
        title: "merge conflict marker left in the file",
        // Never `=======` alone: documents underline headings with it.
        pattern: r"^(?:<{7}|>{7}|\|{7})(?: |$)",
        languages: &[],
        place: Place::Anywhere,
        judge: stands,
    }],
    whole_file: None,
};

pub(super) static DEBUGGER_LEFTOVER: Builtin = Builtin {
    id: "debugger-leftover",
    severity: Severity::Important,
    summary: "a debugger call left in code",
    why: "The call stops the program for a debugger, or prints for one who debugs. In production \
          it hangs the process, or shows what was meant for the author alone.",
    mend: "Remove the call.",
    history: false,
    reaches: in_own_code_but_build_scripts,
    lowers: in_lenient_places,
    forms: &[
        Form {
            title: "`debugger` statement left in the code",
            pattern: r"\bdebugger[ \t]*(?:;|\}|$)",
            languages: &[JavaScript],
            place: Place::Code,
            judge: begins_statement,
        },
        Form {
            title: "debugger call left in the code",
            pattern: r"\b(?:breakpoint\([ \t]*\)|i?pu?db\.set_trace\()",
            languages: &[Python],
            place: Place::Code,
            judge: begins_statement,
        },
        Form {
            title: "debugger call left in the code",
            pattern: r"\b(?:binding\.(?:pry|irb|b|break)|byebug|debugger)\b",
            languages: &[Ruby],
            place: Place::Code,
            judge: begins_statement,
        },
        Form {
            title: "`dbg!` left in the code",
            // Before a `$` it is the body of a macro that takes its place.
            pattern: r"\bdbg!\((?:[^$]|$)",
            languages: &[Rust],
            place: Place::Code,
            judge: stands,
        },
    ],
    whole_file: None,
};

/// A build script prints to its build tool's log, by design.
fn in_own_code_but_build_scripts(facts: &FileFacts<'_>) -> bool {
    in_own_code(facts) && facts.file.path.file_name() != b"build.rs"
}

/// A debugger call stands for itself; `group :debugger`, `x.debugger` or `def breakpoint()` don't.
fn begins_statement(hit: &super::Hit<'_>) -> Judgement {
    let before = hit.text[..hit.range.start].trim_ascii_end();
    let after = hit.text[hit.range.end..].trim_ascii_start();
    let apart = before.len() < hit.range.start;
    let keyword = [&b" then"[..], b" do", b" else", b" rescue"]
        .iter()
        .any(|word| before.ends_with(word) || before == &word[1..]);
    let starts = match before.last() {
        None | Some(b';' | b'{' | b'}' | b')') => true,
        Some(b':' | b'>') => apart,
        _ => keyword,
    };
    let ends = !matches!(after.first(), Some(b'=' | b':' | b'.' | b','));
    if starts && ends {
        Judgement::Stands
    } else {
        Judgement::Passes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::tests::found;

    fn severities(path: &str, text: &str) -> Vec<Severity> {
        found(path, text)
            .into_iter()
            .map(|(.., severity)| severity)
            .collect()
    }

    #[test]
    fn conflict_markers_are_found_everywhere() {
        for sign in ["<", ">", "|"] {
            let marker = sign.repeat(7);
            for line in [
                format!("{marker} HEAD\n"),
                marker.clone(),
                format!("{marker}\r\n"),
            ] {
                for path in [
                    "src/a.rs",
                    "docs/a.md",
                    "tests/fixtures/a.txt",
                    "vendor/a.c",
                ] {
                    assert_eq!(
                        severities(path, &line),
                        [Severity::Important],
                        "{line} in {path}"
                    );
                }
            }
        }
    }

    #[test]
    fn headings_rules_and_quoted_markers_are_no_conflict() {
        let seven = "<".repeat(7);
        for line in [
            "=======\n".to_owned(),
            "=".repeat(20),
            "<".repeat(8),
            format!(" {seven} HEAD\n"),
            format!("{seven}HEAD\n"),
            format!("\"{seven} HEAD\"\n"),
        ] {
            assert_eq!(found("a.md", &line), [], "{line}");
        }
    }

    #[test]
    fn debugger_calls_are_found_in_code() {
        for (path, line) in [
            ("src/a.js", "debugger;"),
            ("src/a.ts", "if (x) { debugger }"),
            ("src/a.tsx", "  debugger"),
            ("src/a.vue", "onClick() { debugger; }"),
            ("a.py", "    breakpoint()"),
            ("a.py", "import pdb; pdb.set_trace()"),
            ("a.py", "ipdb.set_trace(context=5)"),
            ("lib/a.rb", "  binding.pry"),
            ("lib/a.rb", "x.each { binding.irb }"),
            ("lib/a.rb", "byebug if x"),
            ("lib/a.rb", "foo rescue byebug"),
            ("src/a.rs", "let x = dbg!(y);"),
        ] {
            assert_eq!(
                severities(path, line),
                [Severity::Important],
                "{line} in {path}"
            );
        }
    }

    #[test]
    fn comments_strings_names_and_other_languages_are_no_debugger_call() {
        for (path, line) in [
            ("src/a.js", "// debugger;"),
            ("src/a.js", "run('debugger;')"),
            ("src/a.js", "const debugger_ = 1;"),
            ("src/a.js", "x.debugger;"),
            ("src/a.js", "  * debugger;"),
            ("src/a.js", "/* debugger; */"),
            ("src/a.py", "# breakpoint()"),
            ("src/a.py", "def breakpoint():"),
            ("src/a.py", "x = 'pdb.set_trace()'"),
            ("src/a.py", "self.breakpoint()"),
            ("src/a.rb", "gem 'byebug'"),
            ("src/a.rb", "# binding.pry"),
            ("src/a.rb", "group :debugger do"),
            ("src/a.rs", "/// dbg!(x)"),
            ("src/a.rs", "let s = \"dbg!(\";"),
            ("build.rs", "dbg!(x);"),
            ("src/a.rs", "($(dbg!($value)),+)"),
            ("src/a.go", "debugger;"),
            ("README.md", "debugger;"),
            ("vendor/a.js", "debugger;"),
        ] {
            assert_eq!(found(path, line), [], "{line} in {path}");
        }
    }

    #[test]
    fn a_call_in_a_docstring_is_no_debugger_call() {
        let text = "def f():\n    \"\"\"\n    breakpoint()\n    \"\"\"\n    breakpoint()\n";
        let lines: Vec<u32> = found("a.py", text)
            .into_iter()
            .map(|(_, line, _)| line)
            .collect();
        assert_eq!(lines, [5]);
    }

    #[test]
    fn a_call_in_a_test_module_is_a_suggestion() {
        let text = "fn a() {\n    dbg!(1);\n}\n#[cfg(test)]\nmod tests {\n    dbg!(2);\n}\n";
        assert_eq!(
            severities("src/a.rs", text),
            [Severity::Important, Severity::Suggestion]
        );
    }

    #[test]
    fn debugger_calls_in_tests_and_examples_are_suggestions() {
        for (path, line) in [
            ("tests/a.rs", "dbg!(x);"),
            ("src/a.test.ts", "debugger;"),
            ("examples/a.py", "breakpoint()"),
        ] {
            assert_eq!(
                severities(path, line),
                [Severity::Suggestion],
                "{line} in {path}"
            );
        }
    }
}
