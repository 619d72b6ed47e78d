//! What differs between kinds of agents: tools, limits and one sentence before the answer form.
//! Everything else is said to all in the same words, or their answers could not be compared.

/// A kind of agent, by how it works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    /// Claude Code, with its own read-only shell.
    Claude,
    /// Codex, in its read-only sandbox.
    Codex,
    /// Gemini in plan mode: no shell.
    Gemini,
    /// A model over HTTP with our own tools.
    Api,
    /// Any other program.
    Command,
}

/// What the templates say about a family.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slots {
    /// One sentence about tools.
    pub(super) tools: &'static str,
    /// It can call git.
    pub(super) shell: bool,
    /// One sentence before the answer form of a reviewer; may be empty.
    pub(super) emphasis: &'static str,
    /// One about the form of the answer, for the briefs without those sections; may be empty.
    pub(super) on_form: &'static str,
    /// Most bytes of a brief that it takes.
    pub(super) most_bytes: usize,
}

impl Family {
    /// Every family.
    #[cfg(test)]
    pub(crate) const ALL: [Self; 5] = [
        Self::Claude,
        Self::Codex,
        Self::Gemini,
        Self::Api,
        Self::Command,
    ];

    pub(super) fn slots(self) -> Slots {
        match self {
            Self::Claude => Slots {
                tools: "Tools: Read; Bash for git log, show, blame, diff, grep, rg, cat.",
                shell: true,
                on_form: "",
                emphasis: "Open callers and siblings before you close a unit.",
                most_bytes: 10_000_000,
            },
            Self::Codex => Slots {
                tools: "Tools: a read-only shell, with git, rg and cat.",
                shell: true,
                on_form: "",
                emphasis: "Suggestions are wanted too, small ones included. Paths are relative.",
                most_bytes: 1_048_576,
            },
            Self::Gemini => Slots {
                tools: "Tools: read_file, grep_search, glob, list_directory; there is no shell.",
                shell: false,
                on_form: "Copy quotes byte for byte. The JSON comes after all tool use.",
                emphasis: "Put the question of section 5 to each outcome. Copy quotes and echoes byte for byte. The JSON comes after all tool use.",
                most_bytes: 8 << 20,
            },
            Self::Api => Slots {
                tools: "Tools: those declared with this request; there is no shell.",
                shell: false,
                on_form: "The JSON comes after all tool use.",
                emphasis: "The JSON comes after all tool use.",
                most_bytes: 8 << 20,
            },
            Self::Command => Slots {
                tools: "Tools: your own for reading files.",
                shell: false,
                on_form: "",
                emphasis: "",
                most_bytes: 8 << 20,
            },
        }
    }
}
