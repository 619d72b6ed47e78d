//! How each changed file is treated: who reads it, or why nobody does.
//! Named rules over values; the engine that reads them is elsewhere.

use ignore::gitignore::{Gitignore, GitignoreBuilder};

use serde::{Deserialize, Serialize};

use crate::config::Sourced;
use crate::diff::{Change, Content, Patch, RepoPath};
use crate::rules::{PathKind, path_kind};

/// How a unit is treated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "kebab-case")]
pub(crate) enum Class {
    /// Every agent of the panel reads it.
    Reviewed,
    /// Only the rules reviewer reads it.
    RulesOnly {
        /// As in `lock file`.
        why: String,
    },
    /// Nobody reads it; it is listed.
    Listed {
        /// As in `binary`.
        why: String,
    },
    /// It could not be read: the review is inconclusive.
    Unreadable {
        /// As in `object … is missing`.
        why: String,
    },
    /// The remote has this very unit already under the same name.
    Paid,
}

/// The configured exclusions, ready to be asked.
#[derive(Debug)]
pub(crate) struct Excludes {
    patterns: Vec<(Gitignore, String)>,
}

impl Excludes {
    /// Takes gitignore patterns with their origin. Returns them with a warning for each that can't
    /// be understood; such a pattern excludes nothing.
    pub(crate) fn new(patterns: &[Sourced<String>]) -> (Self, Vec<String>) {
        let mut warnings = Vec::new();
        let mut excludes = Vec::new();
        for pattern in patterns {
            let mut builder = GitignoreBuilder::new("");
            let built = builder
                .add_line(None, &pattern.value)
                .map(|builder| builder.build());
            match built {
                Ok(Ok(matcher)) => excludes.push((
                    matcher,
                    format!("excluded by `{}` ({})", pattern.value, pattern.origin),
                )),
                Ok(Err(error)) | Err(error) => warnings.push(format!(
                    "`review.exclude`: {error}; the pattern excludes nothing"
                )),
            }
        }
        (Self { patterns: excludes }, warnings)
    }

    /// Why a path is excluded, if it is.
    fn reason(&self, path: &RepoPath) -> Option<&str> {
        let text = path.to_str_lossy();
        // The matcher panics on paths that look absolute; Git has none.
        let text = text.trim_start_matches('/');
        self.patterns
            .iter()
            .find(|(matcher, _)| matcher.matched_path_or_any_parents(text, false).is_ignore())
            .map(|(_, why)| why.as_str())
    }
}

/// How a unit is treated. Privacy and readability come first: what is excluded is not looked at, what
/// can't be read is never called harmless.
pub(crate) fn classify(change: &Change, patch: &Patch, excludes: &Excludes) -> Class {
    if let Some(why) = excludes.reason(change.path()) {
        return Class::Listed {
            why: why.to_owned(),
        };
    }
    let text = match &patch.content {
        Content::Unreadable(why) => {
            return Class::Unreadable {
                why: why.to_string(),
            };
        }
        Content::Binary => {
            return Class::Listed {
                why: "binary".to_owned(),
            };
        }
        Content::Text(text) => text,
    };
    if change.new().is_some() && is_lfs_pointer(text.new_text()) {
        return Class::Listed {
            why: "Git LFS pointer".to_owned(),
        };
    }
    if text.hunks().is_empty() {
        let why = match change {
            Change::Renamed { .. } => "renamed without edits",
            _ => "no line changed",
        };
        return Class::RulesOnly {
            why: why.to_owned(),
        };
    }
    match path_kind(change.path()) {
        kind @ (PathKind::Vendored | PathKind::Generated | PathKind::Lock) => Class::RulesOnly {
            why: kind.as_phrase().to_owned(),
        },
        _ => Class::Reviewed,
    }
}

/// True for a file that is nothing but a Git LFS pointer: the three lines of its version 1.
/// Anything more could hide behind the first line.
fn is_lfs_pointer(text: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(text) else {
        return false;
    };
    let mut lines = text.lines();
    let version = lines.next() == Some("version https://git-lfs.github.com/spec/v1");
    let oid = lines
        .next()
        .and_then(|line| line.strip_prefix("oid sha256:"))
        .is_some_and(|hex| hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit()));
    let size = lines
        .next()
        .and_then(|line| line.strip_prefix("size "))
        .is_some_and(|size| size.parse::<u64>().is_ok());
    version && oid && size && lines.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Origin;

    fn excludes(patterns: &[&str]) -> Excludes {
        let sourced: Vec<Sourced<String>> = patterns
            .iter()
            .map(|pattern| Sourced {
                value: (*pattern).to_owned(),
                origin: Origin::User,
            })
            .collect();
        Excludes::new(&sourced).0
    }

    #[test]
    fn exclusions_are_gitignore_patterns() {
        let excludes = excludes(&["vendor/**", "*.min.js", "/top"]);
        for out in ["vendor/a/b", "x/y.min.js", "top", "top/inner"] {
            assert!(excludes.reason(&RepoPath::from(out)).is_some(), "{out}");
        }
        for reviewed in ["src/vendor.rs", "a/top", "y.js"] {
            assert!(
                excludes.reason(&RepoPath::from(reviewed)).is_none(),
                "{reviewed}"
            );
        }
        assert!(excludes.reason(&RepoPath::from("//top")).is_some());
    }

    #[test]
    fn only_a_bare_lfs_pointer_is_one() {
        let pointer = format!(
            "version https://git-lfs.github.com/spec/v1\noid sha256:{}\nsize 12\n",
            "a".repeat(64)
        );
        assert!(is_lfs_pointer(pointer.as_bytes()));
        assert!(!is_lfs_pointer(format!("{pointer}evil()\n").as_bytes()));
        assert!(!is_lfs_pointer(
            b"version https://git-lfs.github.com/spec/v1\n"
        ));
    }
}
