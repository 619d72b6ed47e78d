//! The facts at the head of a report: which repository, which round, which commits, and what the
//! findings together recommend. Reading them from Git and the store is left to the pipeline.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Report;
use crate::finding::Severity;
use crate::gate::Verdict;

/// The repository as people know it, from the URL of its remote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RepoName {
    /// As in `owner/name`; the name of its directory if there is no remote.
    pub(crate) name: String,
    /// Its page, as in `https://host/owner/name`, without credentials; absent if the remote is no
    /// known form of URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) link: Option<String>,
}

/// One new commit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CommitLine {
    /// Its full id.
    pub(crate) id: String,
    /// Who wrote it; any text.
    pub(crate) author: String,
    /// The first paragraph of its message as one line; any text.
    pub(crate) subject: String,
}

/// An earlier review of the same target that read something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RoundReport {
    /// Its number, from 1.
    pub(crate) round: u32,
    /// The name it is stored under.
    pub(crate) id: String,
    /// When.
    pub(crate) at: Timestamp,
}

/// What the report says of the change as a whole; whether it may leave is the gate's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Advice {
    /// Nothing stands.
    MergeAsIs,
    /// Only what its author may leave as it is.
    MergeWithOptionalFixes,
    /// Something stands that a fair author would mend first.
    MergeWithFixes,
    /// So much is wrong that it should be thought over.
    Rework,
}

impl Advice {
    /// The words in reports.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::MergeAsIs => "Merge as-is",
            Self::MergeWithOptionalFixes => "Merge with optional fixes",
            Self::MergeWithFixes => "Merge with fixes",
            Self::Rework => "Rework",
        }
    }
}

/// What the report recommends, and the rule that gives it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Recommendation {
    /// What.
    pub(crate) advice: Advice,
    /// Why: what stands, as the rule counts it.
    pub(crate) rule: String,
}

/// From so many open Critical findings on a change should be thought over rather than mended.
const REWORK_FROM: usize = 2;

/// Counts of findings by severity, worst first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Counts {
    /// Critical ones.
    #[serde(default)]
    pub(crate) critical: usize,
    /// Important ones.
    #[serde(default)]
    pub(crate) important: usize,
    /// Suggestions.
    #[serde(default)]
    pub(crate) suggestion: usize,
    /// Those without a severity.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) unrated: usize,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands references")]
fn is_zero(number: &usize) -> bool {
    *number == 0
}

impl Counts {
    /// Counts one more.
    pub(crate) fn add(&mut self, severity: Option<Severity>) {
        *match severity {
            Some(Severity::Critical) => &mut self.critical,
            Some(Severity::Important) => &mut self.important,
            Some(Severity::Suggestion) => &mut self.suggestion,
            None => &mut self.unrated,
        } += 1;
    }
}

/// As in `1C 2I 5S`; `none` for none.
impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts: Vec<String> = [
            (self.critical, "C"),
            (self.important, "I"),
            (self.suggestion, "S"),
            (self.unrated, "?"),
        ]
        .into_iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, letter)| format!("{number}{letter}"))
        .collect();
        if parts.is_empty() {
            f.write_str("none")
        } else {
            f.write_str(&parts.join(" "))
        }
    }
}

impl Report {
    /// The open findings by severity. One that can't block for lack of evidence counts as a
    /// suggestion.
    pub(crate) fn open_counts(&self) -> Counts {
        let mut counts = Counts::default();
        for standing in self.findings() {
            if standing.state.is_open() {
                let severity = if standing.without_evidence {
                    Severity::Suggestion
                } else {
                    standing.finding.severity
                };
                counts.add(Some(severity));
            }
        }
        counts
    }

    /// What the open findings recommend; nothing if the change was not read wholly, for then nobody
    /// knows.
    pub(super) fn recommend(&self) -> Option<Recommendation> {
        let unread = matches!(
            self.verdict,
            Verdict::NothingNew | Verdict::Inconclusive { .. }
        );
        if unread || !self.verdict.not_reviewed().is_empty() {
            return None;
        }
        let open = self.open_counts();
        let several = |number: usize, one: &str, many: &str| match number {
            1 => format!("1 {one} stands"),
            many_of_it => format!("{many_of_it} {many} stand"),
        };
        let (advice, rule) = match (open.critical, open.important, open.suggestion) {
            (critical, ..) if critical >= REWORK_FROM => (
                Advice::Rework,
                several(critical, "Critical finding", "Critical findings"),
            ),
            (0, 0, 0) => (Advice::MergeAsIs, "no finding stands".to_owned()),
            (0, 0, suggestions) => (
                Advice::MergeWithOptionalFixes,
                format!(
                    "{}, nothing worse",
                    several(suggestions, "suggestion", "suggestions")
                ),
            ),
            (critical, important, _) => (
                Advice::MergeWithFixes,
                several(
                    critical + important,
                    "Important or Critical finding",
                    "Important or Critical findings",
                ),
            ),
        };
        Some(Recommendation { advice, rule })
    }
}

/// The name and page of a repository, from the URL of its remote: `https://[user[:secret]@]host/path`,
/// `ssh://[user@]host[:port]/path` and `[user@]host:path`, as Git's manual lists them. Nothing of what
/// stands before the host is kept. `None` for a path, a file or another scheme.
pub(crate) fn repo_name(url: &str) -> Option<RepoName> {
    let (host, path, web) = if let Some((scheme, rest)) = url.split_once("://") {
        let (authority, path) = rest.split_once('/')?;
        let host = authority.rsplit('@').next()?;
        match scheme.to_ascii_lowercase().as_str() {
            "https" | "http" => (host, path, true),
            // The port of SSH is not that of the page.
            "ssh" | "git+ssh" | "ssh+git" => (host.split(':').next()?, path, true),
            "git" => (host, path, false),
            _ => return None,
        }
    } else {
        let (authority, path) = url.split_once(':')?;
        // A letter and a colon are a drive.
        if authority.contains(['/', '\\']) || authority.len() < 2 {
            return None;
        }
        (authority.rsplit('@').next()?, path, true)
    };
    let path = path.split(['?', '#']).next()?.trim_matches('/');
    let path = path.strip_suffix(".git").unwrap_or(path);
    let plain = |text: &str, also: &[u8]| {
        !text.is_empty()
            && text.bytes().all(|byte| {
                byte.is_ascii_alphanumeric() || b"-_.".contains(&byte) || also.contains(&byte)
            })
    };
    let sound = plain(host, b":")
        && plain(path, b"/~+")
        && path.split('/').all(|part| !matches!(part, "" | "." | ".."));
    sound.then(|| RepoName {
        name: path.to_owned(),
        link: web.then(|| format!("https://{host}/{path}")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_gives_a_name_and_a_page_without_credentials() {
        for (url, name, link) in [
            (
                "https://ana:s3cret@example.org/shop/site.git",
                "shop/site",
                Some("https://example.org/shop/site"),
            ),
            (
                "http://tok@en@example.org:8443/a/b?x=s3cret",
                "a/b",
                Some("https://example.org:8443/a/b"),
            ),
            (
                "git@example.org:shop/site.git",
                "shop/site",
                Some("https://example.org/shop/site"),
            ),
            (
                "ssh://git@example.org:2222/group/sub/site/",
                "group/sub/site",
                Some("https://example.org/group/sub/site"),
            ),
            ("git://example.org/site", "site", None),
        ] {
            let got = repo_name(url).unwrap();
            assert_eq!((got.name.as_str(), got.link.as_deref()), (name, link));
            assert!(!format!("{got:?}").contains("s3cret"));
        }
    }

    #[test]
    fn what_is_no_known_url_has_no_page() {
        for url in [
            "../site.git",
            "/srv/git/site",
            "C:\\git\\site",
            "file:///srv/site",
            "https://example.org",
            "https://example.org/",
            "https://example.org/a/../b",
            "https://exa mple.org/a\"><b",
            "javascript:alert(1)//x",
            "",
        ] {
            assert_eq!(repo_name(url), None, "{url}");
        }
    }

    #[test]
    fn counts_are_written_in_letters() {
        let mut counts = Counts::default();
        assert_eq!(counts.to_string(), "none");
        for severity in [
            Some(Severity::Suggestion),
            Some(Severity::Important),
            Some(Severity::Suggestion),
            None,
        ] {
            counts.add(severity);
        }
        assert_eq!(counts.to_string(), "1I 2S 1?");
    }
}
