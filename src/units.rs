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
    pub(crate) fn reason(&self, path: &RepoPath) -> Option<&str> {
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
            Change::Modified { .. } => "only its mode changed",
            Change::Added(_) | Change::Deleted(_) => "an empty file",
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
    use crate::diff::{Entry, LineDiff, Mode, Oid, Replacement, TextPatch, Unreadable};

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

    const ONE: &str = "1111111111111111111111111111111111111111";
    const TWO: &str = "2222222222222222222222222222222222222222";

    fn entry(path: &str, mode: Mode, id: &str) -> Entry {
        Entry {
            path: RepoPath::from(path),
            mode,
            id: Oid::from_hex(id).unwrap(),
        }
    }

    fn added(path: &str) -> Change {
        Change::Added(entry(path, Mode::Regular, ONE))
    }

    fn text(old: &str, new: &str) -> Content {
        let lines = |text: &str| u32::try_from(text.split_inclusive('\n').count()).unwrap();
        let whole = Replacement {
            old: 0..lines(old),
            new: 0..lines(new),
        };
        let diff = LineDiff {
            replacements: if old == new { Vec::new() } else { vec![whole] },
            old_tokens: (0..lines(old)).collect(),
        };
        Content::Text(TextPatch::new(old.into(), new.into(), diff))
    }

    fn class(change: &Change, content: Content) -> Class {
        let patch = Patch {
            content,
            id_digits: None,
        };
        classify(change, &patch, &excludes(&["secret/**"]))
    }

    fn rules_only(why: &str) -> Class {
        Class::RulesOnly { why: why.into() }
    }

    fn listed(why: &str) -> Class {
        Class::Listed { why: why.into() }
    }

    fn renamed(similar_to: &str, to: &str, old: &str, new: &str) -> Change {
        Change::Renamed {
            old: entry(similar_to, Mode::Regular, old),
            new: entry(to, Mode::Regular, new),
            similarity: 100,
        }
    }

    #[test]
    fn a_path_that_many_projects_share_is_read_by_rules_only() {
        let edited = || text("a\n", "b\n");
        for (path, why) in [
            ("Cargo.lock", "a lock file"),
            ("web/package-lock.json", "a lock file"),
            ("vendor/x/y.go", "vendored code"),
            ("node_modules/x/index.js", "vendored code"),
            ("api/x.pb.go", "generated code"),
            ("web/app.min.js", "generated code"),
        ] {
            assert_eq!(class(&added(path), edited()), rules_only(why), "{path}");
        }
        for path in [
            "src/lock.rs",
            "src/vendor.rs",
            "docs/generated-code.rs",
            "admin.js",
            "Cargo.toml",
        ] {
            assert_eq!(class(&added(path), edited()), Class::Reviewed, "{path}");
        }
    }

    #[test]
    fn what_changes_no_line_is_read_by_rules_only() {
        let same = || text("", "");
        let moved = renamed("a.rs", "b.rs", ONE, ONE);
        assert_eq!(class(&moved, same()), rules_only("renamed without edits"));
        let edited = renamed("a.rs", "b.rs", ONE, TWO);
        assert_eq!(class(&edited, text("a\n", "b\n")), Class::Reviewed);
        let mode = Change::Modified {
            old: entry("run.sh", Mode::Regular, ONE),
            new: entry("run.sh", Mode::Executable, ONE),
        };
        assert_eq!(class(&mode, same()), rules_only("only its mode changed"));
        let both = Change::Modified {
            old: entry("run.sh", Mode::Regular, ONE),
            new: entry("run.sh", Mode::Executable, TWO),
        };
        assert_eq!(class(&both, text("a\n", "b\n")), Class::Reviewed);
        assert_eq!(
            class(&added("empty.rs"), same()),
            rules_only("an empty file")
        );
    }

    #[test]
    fn what_nobody_reads_is_listed_with_its_reason() {
        assert_eq!(class(&added("logo.png"), Content::Binary), listed("binary"));
        // A name alone makes nothing binary.
        assert_eq!(class(&added("logo.png"), text("", "a\n")), Class::Reviewed);
        let pointer = pointer();
        assert_eq!(
            class(&added("film.mov"), text("", &pointer)),
            listed("Git LFS pointer")
        );
        let more = format!("{pointer}evil()\n");
        assert_eq!(class(&added("film.mov"), text("", &more)), Class::Reviewed);
        let deleted = Change::Deleted(entry("film.mov", Mode::Regular, ONE));
        assert_eq!(class(&deleted, text(&pointer, "")), Class::Reviewed);
        let Class::Listed { why } = class(&added("secret/a.rs"), text("", "a\n")) else {
            panic!("it is excluded");
        };
        assert!(why.starts_with("excluded by `secret/**`"), "{why}");
        assert_eq!(
            class(&added("a/secret.rs"), text("", "a\n")),
            Class::Reviewed
        );
    }

    #[test]
    fn what_can_t_be_read_is_never_harmless() {
        let missing = || Unreadable::Missing(Oid::from_hex(ONE).unwrap());
        for path in ["a.rs", "Cargo.lock", "vendor/a.go", "logo.png"] {
            let found = class(&added(path), Content::Unreadable(missing()));
            assert!(matches!(found, Class::Unreadable { .. }), "{path}");
            let large = Unreadable::TooLarge { bytes: 9, limit: 8 };
            let Class::Unreadable { why } = class(&added(path), Content::Unreadable(large)) else {
                panic!("{path} is too large");
            };
            assert!(why.contains('9') && why.contains('8'), "{why}");
        }
        let private = class(&added("secret/a.rs"), Content::Unreadable(missing()));
        assert!(
            matches!(private, Class::Listed { .. }),
            "privacy comes first"
        );
    }

    fn pointer() -> String {
        format!(
            "version https://git-lfs.github.com/spec/v1\noid sha256:{}\nsize 12\n",
            "a".repeat(64)
        )
    }

    #[test]
    fn only_a_bare_lfs_pointer_is_one() {
        let pointer = pointer();
        assert!(is_lfs_pointer(pointer.as_bytes()));
        assert!(!is_lfs_pointer(format!("{pointer}evil()\n").as_bytes()));
        assert!(!is_lfs_pointer(
            b"version https://git-lfs.github.com/spec/v1\n"
        ));
    }
}
