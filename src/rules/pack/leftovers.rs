//! What a commit should not carry: conflict markers, debugger calls, stray files, reminders.

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
    secret: false,
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
    secret: false,
    reaches: in_own_code_but_build_scripts,
    lowers: in_lenient_places,
    forms: &[
        Form {
            title: "`debugger` statement left in the code",
            pattern: r"\bdebugger[ \t]*(?:;|$)",
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
            pattern: r"\bdbg!\(",
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
    let keyword = [&b" then"[..], b" do", b" else", b" rescue"]
        .iter()
        .any(|word| before.ends_with(word) || before == &word[1..]);
    let starts = matches!(
        before.last(),
        None | Some(b';' | b'{' | b'}' | b')' | b':' | b'>')
    ) || keyword;
    let ends = !matches!(after.first(), Some(b'=' | b':' | b'.' | b','));
    if starts && ends {
        Judgement::Stands
    } else {
        Judgement::Passes
    }
}
