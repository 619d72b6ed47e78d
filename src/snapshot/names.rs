//! Which names are left out of a snapshot, at any depth and in any spelling: what configures an agent,
//! hides files from it, names programs for its tools, or would be taken for a repository.
//! Their changes are reviewed all the same, as text; writing the rest is left to `files`.

use std::collections::BTreeSet;

use crate::diff::RepoPath;
use crate::page;

/// Names that begin like `.git` and are of use to a reviewer.
const KEPT: [&str; 9] = [
    ".gitattributes",
    ".gitmodules",
    ".gitkeep",
    ".github",
    ".gitlab",
    ".gitlab-ci.yml",
    ".gitea",
    ".gitlint",
    ".git-blame-ignore-revs",
];

/// Whole names.
const NAMES: [&str; 60] = [
    // Other version control.
    ".hg",
    ".jj",
    ".svn",
    // What agents' search and read tools skip.
    ".ignore",
    ".rgignore",
    ".ripgreprc",
    ".geminiignore",
    ".qwenignore",
    ".aiderignore",
    // What agents load or run.
    ".mcp.json",
    ".codex",
    "agent.md",
    ".agents",
    ".agent",
    ".gemini",
    ".qwen",
    "qwen.md",
    ".opencode",
    ".windsurf",
    ".windsurfrules",
    ".clinerules",
    ".roo",
    ".roorules",
    ".continue",
    ".aider.conf.yml",
    ".kiro",
    ".junie",
    ".goosehints",
    "copilot-instructions.md",
    ".vscode",
    ".idea",
    ".zed",
    ".devcontainer",
    ".devcontainer.json",
    // What sets up the environment of tools.
    ".env",
    ".envrc",
    "mise.toml",
    ".tool-versions",
    ".npmrc",
    ".yarnrc",
    ".yarnrc.yml",
    ".pnpmfile.cjs",
    ".cargo",
    "rust-toolchain",
    "rust-toolchain.toml",
    ".bazelrc",
    "bunfig.toml",
    ".python-version",
    ".node-version",
    ".nvmrc",
    ".ruby-version",
    ".ssh",
    // Ours: the place of the brief.
    ".deep-review",
    // The memory files of agents, of which there are also variants, below.
    "claude.md",
    "agents.md",
    "gemini.md",
    "opencode.json",
    "opencode.jsonc",
    ".claude",
    ".cursor",
];

/// Names that begin and end like this.
const BEGIN_AND_END: [(&str, &str); 15] = [
    (".git", ""),
    (".claude", ""),
    ("claude.", ".md"),
    ("agents.", ".md"),
    ("gemini.", ".md"),
    ("opencode.json", ""),
    (".cursor", ""),
    ("", ".instructions.md"),
    (".env.", ""),
    (".env-", ""),
    (".env_", ""),
    ("mise.", ".toml"),
    (".mise", ""),
    (".gitignore", ""),
    (".mcp.", ".json"),
];

/// What short (8.3) names of the above begin with, before `~` and a number.
const SHORT: [&str; 8] = [
    "git", "claude", "agents", "gemini", "mcp", "codex", "cursor", "env",
];

/// What agents load from the directories above the one they work in, if it stands there.
const LOADED_FROM_ABOVE: [&str; 9] = [
    ".env",
    ".mcp.json",
    "claude.md",
    "claude.local.md",
    "agents.md",
    "agents.override.md",
    "gemini.md",
    "qwen.md",
    ".envrc",
];

/// True if a file at this path is left out of every snapshot because of a name in it.
pub(crate) fn is_left_out(path: &RepoPath) -> bool {
    path.as_bytes()
        .split(|byte| *byte == b'/')
        .any(is_left_out_name)
}

/// True if one part of a path is such a name.
pub(super) fn is_left_out_name(name: &[u8]) -> bool {
    let name = fold(name);
    if KEPT.contains(&name.as_str()) {
        return false;
    }
    NAMES.contains(&name.as_str())
        || BEGIN_AND_END.iter().any(|(begin, end)| {
            name.len() >= begin.len() + end.len() && name.starts_with(begin) && name.ends_with(end)
        })
        || is_short(&name)
}

/// True if agents load a file of this name from any directory above.
pub(super) fn is_loaded_from_above(name: &[u8]) -> bool {
    LOADED_FROM_ABOVE.contains(&fold(name).as_str())
}

/// What a file system that ignores case, marks and trailing dots would make of a name: without
/// default-ignorable characters, case folded, cut at a colon, without trailing dots and blanks.
/// The names above are ASCII, and what composes with another character is none, so nothing has to be
/// normalised; upper case first also folds what only then has an ASCII form.
fn fold(name: &[u8]) -> String {
    let name = String::from_utf8_lossy(name);
    let folded: String = name
        .chars()
        .filter(|c| c.is_ascii() || !page::deceives(*c))
        .flat_map(char::to_uppercase)
        .flat_map(char::to_lowercase)
        .take_while(|c| *c != ':')
        .collect();
    folded.trim_end_matches(['.', ' ']).to_owned()
}

/// True for the short form that Windows gives a name: `CLAUDE~1`, `MCP~1.JSO`.
fn is_short(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or(name);
    stem.split_once('~').is_some_and(|(begin, number)| {
        SHORT.contains(&begin)
            && !number.is_empty()
            && number.bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// Of these paths, the `HEAD` files by which Git would take a directory for a repository: those beside
/// `commondir`, or beside `objects` and `refs`.
pub(super) fn heads_of_nested_repositories<'p>(
    paths: impl Iterator<Item = &'p RepoPath> + Clone,
) -> BTreeSet<&'p RepoPath> {
    let is_head = |path: &&RepoPath| fold(path.file_name()) == "head";
    let heads: Vec<&RepoPath> = paths.clone().filter(is_head).collect();
    if heads.is_empty() {
        return BTreeSet::new();
    }
    let directories: BTreeSet<&[u8]> = heads
        .iter()
        .map(|head| directory(head.as_bytes()))
        .collect();
    let mut beside: BTreeSet<(&[u8], &str)> = BTreeSet::new();
    for path in paths {
        let bytes = path.as_bytes();
        let mut from = 0;
        for part in bytes.split(|byte| *byte == b'/') {
            let above = &bytes[..from.max(1) - 1];
            from += part.len() + 1;
            if !(4..=64).contains(&part.len()) || !directories.contains(above) {
                continue;
            }
            let folded = fold(part);
            if let Some(name) = ["objects", "refs", "commondir"]
                .into_iter()
                .find(|name| *name == folded)
            {
                beside.insert((above, name));
            }
        }
    }
    heads
        .into_iter()
        .filter(|head| {
            let has = |name| beside.contains(&(directory(head.as_bytes()), name));
            has("commondir") || (has("objects") && has("refs"))
        })
        .collect()
}

/// The directory of a path, empty at the top.
pub(super) fn directory(path: &[u8]) -> &[u8] {
    let end = path.iter().rposition(|byte| *byte == b'/');
    &path[..end.unwrap_or_default()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left_out(path: &str) -> bool {
        is_left_out(&RepoPath::from(path))
    }

    #[test]
    fn what_steers_an_agent_is_left_out_at_any_depth_and_in_any_spelling() {
        for name in [
            ".git",
            ".gitignore",
            ".gitconfig",
            "GIT~1",
            ".GiT",
            ".g\u{200c}it",
            ".git\u{feff}ignore",
            ".git::$INDEX_ALLOCATION",
            ".git. .",
            ".hg",
            ".ignore",
            ".rgignore",
            ".claude",
            ".claude.json",
            ".claude-plugin",
            "CLAUDE.md",
            "Claude.Local.MD",
            "claude~1",
            "CLAUDE~2.JSO",
            ".mcp.json",
            ".codex",
            "AGENTS.md",
            "AGENTS.override.md",
            "agent.md",
            "GEMINI.md",
            ".gemini",
            "QWEN.md",
            "opencode.json",
            "opencode.jsonc",
            ".cursor",
            ".cursorrules",
            ".windsurfrules",
            "copilot-instructions.md",
            "rust.instructions.md",
            ".vscode",
            ".idea",
            ".env",
            ".env.local",
            ".env-prod",
            ".env_test",
            ".ENVRC",
            "mise.toml",
            "mise.local.toml",
            ".mise.toml",
            ".tool-versions",
            ".npmrc",
            ".cargo",
            "rust-toolchain.toml",
            ".ssh",
            ".deep-review",
            // A long s and a Kelvin sign.
            ".cur\u{17f}or",
            ".\u{212a}iro",
            "agent\u{17f}.md",
        ] {
            assert!(left_out(name), "{name:?}");
            assert!(left_out(&format!("a/b/{name}")), "{name:?} below");
            assert!(left_out(&format!("{name}/inner/file")), "{name:?} above");
        }
    }

    #[test]
    fn what_only_looks_alike_is_kept() {
        for name in [
            ".gitattributes",
            ".gitmodules",
            ".gitkeep",
            ".github/workflows/ci.yml",
            ".GitHub/x",
            ".gitlab-ci.yml",
            "agents.rs",
            "claude.rs",
            "claudette.md",
            ".environment",
            ".editorconfig",
            "env",
            "git",
            "environment.env",
            "gemini/mod.rs",
            "agents/README.md",
            "git~x",
            "mise",
            "dot.git",
            ".deep-review.toml",
            "deep-review-context.md",
            "HEAD",
            "instructions.md",
        ] {
            assert!(!left_out(name), "{name:?}");
        }
    }

    #[test]
    fn every_name_is_written_as_it_is_compared() {
        let all = NAMES.iter().chain(&KEPT).chain(&LOADED_FROM_ABOVE);
        for name in all {
            assert_eq!(fold(name.as_bytes()), *name);
        }
    }

    #[test]
    fn only_the_head_of_what_git_takes_for_a_repository_is_named() {
        let paths: Vec<RepoPath> = [
            "HEAD",
            "bare/HEAD",
            "bare/Objects/pack/p",
            "bare/refs/heads/.gitkeep",
            "linked/head",
            "linked/commondir",
            "plain/HEAD",
            "plain/objects/x",
        ]
        .map(RepoPath::from)
        .into();
        let found = heads_of_nested_repositories(paths.iter());
        assert_eq!(
            found.into_iter().collect::<Vec<_>>(),
            [&RepoPath::from("bare/HEAD"), &RepoPath::from("linked/head")]
        );
    }
}
