//! What a vendor is told about each of our tools: its name, what it does, what it takes.
//! How that is written in a request is left to the file of each vendor.

use serde_json::{Map, Value, json};

/// One tool as a vendor is told about it.
#[derive(Clone, Debug)]
pub(crate) struct Declared {
    /// Its name.
    pub(crate) name: &'static str,
    /// What it does, for the model.
    pub(crate) description: &'static str,
    /// Its arguments: a JSON schema of one flat object, with nothing that any vendor refuses.
    pub(crate) parameters: Value,
}

const PATH: (&str, &str, &str) = (
    "path",
    "string",
    "A path exactly as the change or list_files writes it.",
);
const START: (&str, &str, &str) = ("start", "integer", "The first line wanted, from 1.");
const END: (&str, &str, &str) = ("end", "integer", "The last line wanted.");
const BASE: (&str, &str, &str) = (
    "base",
    "boolean",
    "True to look at the version before the change.",
);

/// The tools in the order in which they are declared: always the same, so that vendors may cache it.
pub(crate) fn declared() -> Vec<Declared> {
    vec![
        tool(
            "read_file",
            "Reads a file of the reviewed version, with line numbers. Long files come in parts: ask on with start. Also reads the files below .deep-review/ that the brief names.",
            &[PATH],
            &[START, END],
        ),
        tool(
            "show_base",
            "Reads a file as it was before the change, with line numbers. Use the old path of a renamed file.",
            &[PATH],
            &[START, END],
        ),
        tool(
            "grep",
            "Finds the lines that a regular expression matches (Rust syntax, without look-around and back-references), as path:line: text.",
            &[(
                "pattern",
                "string",
                "The regular expression, tried on each line.",
            )],
            &[
                (
                    "glob",
                    "string",
                    "Only files whose path matches, as in src/**/*.rs or *.go.",
                ),
                ("ignore_case", "boolean", "True to ignore case."),
                BASE,
            ],
        ),
        tool(
            "list_files",
            "Lists the entries of one directory of the reviewed version, or every file that a glob matches.",
            &[],
            &[
                (
                    "directory",
                    "string",
                    "A directory without a slash at its end; the root if left out.",
                ),
                (
                    "glob",
                    "string",
                    "Every file whose path matches, at any depth.",
                ),
            ],
        ),
        tool(
            "blame",
            "Says which commit last changed each line of a file.",
            &[PATH],
            &[START, END, BASE],
        ),
        tool(
            "log",
            "Lists commits, newest first: id, date, author, subject.",
            &[],
            &[
                (
                    "revision",
                    "string",
                    "Where to begin: head, base, a commit id, or two of them as in base..head. Head if left out.",
                ),
                ("path", "string", "Only commits that changed this file."),
                (
                    "count",
                    "integer",
                    "At most so many commits: 20 if left out, 200 at most.",
                ),
            ],
        ),
    ]
}

type Argument = (&'static str, &'static str, &'static str);

fn tool(
    name: &'static str,
    description: &'static str,
    required: &[Argument],
    optional: &[Argument],
) -> Declared {
    let properties: Map<String, Value> = required
        .iter()
        .chain(optional)
        .map(|(name, kind, about)| {
            (
                (*name).to_owned(),
                json!({"type": kind, "description": about}),
            )
        })
        .collect();
    let required: Vec<&str> = required.iter().map(|argument| argument.0).collect();
    Declared {
        name,
        description,
        parameters: json!({"type": "object", "properties": properties, "required": required}),
    }
}
