//! What a finding says and where, as far as telling whether two state the same problem goes.
//! Who says it and how bad it is stay with the findings themselves.

use crate::diff::RepoPath;
use crate::finding::{Location, RawFinding};

/// How many places of one finding are compared; a finding that names more says little by any.
pub(super) const PLACES_LIMIT: usize = 64;

/// One wording of one problem.
#[derive(Clone, Debug, Default)]
pub(crate) struct Statement<'a> {
    /// One line; empty for short comments.
    pub(crate) title: &'a str,
    /// Markdown.
    pub(crate) body: &'a str,
    /// Prose that stands apart from the body: what sets the problem off, what comes of it.
    pub(crate) effects: Vec<&'a str>,
    /// Code quoted apart from the body; counts like a fence.
    pub(crate) quote: Option<&'a str>,
    /// The paths it names; a statement without paths fits everywhere.
    pub(crate) paths: Vec<&'a RepoPath>,
}

impl<'a> Statement<'a> {
    /// The wording of a raw finding.
    pub(crate) fn of(raw: &'a RawFinding) -> Self {
        Self {
            title: &raw.title,
            body: &raw.body,
            effects: [&raw.trigger, &raw.outcome]
                .into_iter()
                .filter_map(|text| text.as_deref())
                .collect(),
            quote: raw.quote.as_deref(),
            paths: raw
                .locations
                .iter()
                .take(PLACES_LIMIT)
                .map(|place| &place.path)
                .collect(),
        }
    }

    /// True when both name paths and no path of one is, or ends with, a path of the other.
    pub(super) fn is_elsewhere(&self, other: &Self) -> bool {
        let named = |statement: &Self| {
            statement
                .paths
                .iter()
                .any(|path| !path.as_bytes().is_empty())
        };
        named(self)
            && named(other)
            && !self
                .paths
                .iter()
                .any(|one| other.paths.iter().any(|two| is_same_path(one, two)))
    }
}

/// Whether one path is the other or its end (`cache.go` for `src/cache.go`); an empty path is
/// none.
pub(super) fn is_same_path(one: &RepoPath, two: &RepoPath) -> bool {
    let ends = |long: &[u8], short: &[u8]| {
        long.strip_suffix(short)
            .is_some_and(|rest| rest.is_empty() || rest.ends_with(b"/"))
    };
    let (one, two) = (one.as_bytes(), two.as_bytes());
    !one.is_empty() && !two.is_empty() && (ends(one, two) || ends(two, one))
}

/// Whether two places share a line; places without lines share none.
pub(super) fn is_same_line(one: &Location, two: &Location) -> bool {
    match (one.lines, two.lines) {
        (Some(a), Some(b)) => {
            is_same_path(&one.path, &two.path) && a.start <= b.end && b.start <= a.end
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_the_same_as_its_end() {
        let same = |a: &str, b: &str| is_same_path(&a.into(), &b.into());
        assert!(same("src/cache.go", "cache.go"));
        assert!(same("cache.go", "src/cache.go"));
        assert!(same("a", "a"));
        assert!(!same("src/mycache.go", "cache.go"));
        assert!(!same("", "cache.go"));
    }

    #[test]
    fn statements_without_paths_are_nowhere_else() {
        let (here, there) = (RepoPath::from("a.rs"), RepoPath::from("b.rs"));
        let at = |paths: &[&'static str]| -> Vec<RepoPath> {
            paths.iter().map(|path| RepoPath::from(*path)).collect()
        };
        let none = Statement::default();
        let one = Statement {
            paths: vec![&here],
            ..Statement::default()
        };
        let both = at(&["c.rs", "x/a.rs"]);
        let both = Statement {
            paths: both.iter().collect(),
            ..Statement::default()
        };
        let other = Statement {
            paths: vec![&there],
            ..Statement::default()
        };
        assert!(one.is_elsewhere(&other));
        assert!(!one.is_elsewhere(&both));
        assert!(!one.is_elsewhere(&none));
    }
}
