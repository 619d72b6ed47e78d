//! Names: HEAD, remotes and what we know of their branches, and the plain settings around them.
//! Only full ref names are used, so that no tag or branch can shadow another.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use gix::head::Kind;
use gix::prelude::ReferenceExt as _;

use crate::diff::Oid;
use crate::error::HintExt;

use super::Repo;
use super::history::Peeled;
use super::objects::plain;

/// What is checked out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Head {
    /// A branch, by its short name; without a tip while it has no commit.
    Branch {
        /// As in `feature/x`.
        name: String,
        /// Its newest commit.
        tip: Option<Oid>,
    },
    /// A commit without a branch.
    Detached(Oid),
}

impl Head {
    /// The newest commit, if there is one.
    pub(crate) fn tip(&self) -> Option<Oid> {
        match self {
            Self::Branch { tip, .. } => *tip,
            Self::Detached(id) => Some(*id),
        }
    }

    /// The branch, if one is checked out.
    pub(crate) fn branch(&self) -> Option<&str> {
        match self {
            Self::Branch { name, .. } => Some(name),
            Self::Detached(_) => None,
        }
    }
}

/// A branch of a remote as we last saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TrackingRef {
    /// The full name, as in `refs/remotes/origin/main`.
    pub(crate) name: String,
    /// The commit it pointed at.
    pub(crate) tip: Oid,
}

impl Repo {
    /// What is checked out in this worktree.
    pub(crate) fn head(&self) -> Result<Head> {
        let head = self.raw().head().context("cannot read HEAD")?;
        let name = head.referent_name().map(|name| name.shorten().to_string());
        let target = match head.kind {
            Kind::Unborn(_) => None,
            Kind::Detached { target, .. } => Some(plain(&target)),
            Kind::Symbolic(branch) => Some(followed(branch.attach(self.raw()))?),
        };
        let tip = match target {
            None => None,
            Some(target) => match self.peel(&target) {
                Ok(Peeled::Commit(commit)) => Some(commit),
                Ok(Peeled::NoCommit) => return Err(anyhow!("HEAD is no commit")),
                Ok(Peeled::Missing) => {
                    return Err(anyhow!("object {target} is missing"))
                        .context("cannot find the commit of HEAD");
                }
                Err(error) => return Err(error.context("cannot find the commit of HEAD")),
            },
        };
        match (name, tip) {
            (Some(name), tip) => Ok(Head::Branch { name, tip }),
            (None, Some(id)) => Ok(Head::Detached(id)),
            (None, None) => Err(anyhow!("HEAD names neither a branch nor a commit")),
        }
    }

    /// The commit a ref points at, by its full name; `None` if there is no such ref, or none that
    /// leads to a commit.
    pub(crate) fn tip_of(&self, name: &str) -> Result<Option<Oid>> {
        let found = self
            .raw()
            .try_find_reference(name)
            .with_context(|| format!("cannot read `{name}`"))?;
        let Some(reference) = found else {
            return Ok(None);
        };
        // A short name would have been looked for in several places.
        if reference.name().as_bstr() != name.as_bytes() {
            return Ok(None);
        }
        Ok(self.commit_at(reference))
    }

    /// The commit that a ref leads to, if it does.
    fn commit_at(&self, reference: gix::Reference<'_>) -> Option<Oid> {
        match self.peel(&followed(reference).ok()?).ok()? {
            Peeled::Commit(commit) => Some(commit),
            Peeled::NoCommit | Peeled::Missing => None,
        }
    }

    /// The commit of the ref that a revision begins with, if it begins with one. Errors if refs with
    /// different commits share its name.
    pub(in crate::git) fn named(&self, revision: &str) -> Result<Option<Oid>> {
        let name = revision.split("@{").next().unwrap_or(revision);
        let name = name.split(['^', '~', ':']).next().unwrap_or(name);
        if name.is_empty() || name == "HEAD" {
            return Ok(None);
        }
        let places = [
            name.to_owned(),
            format!("refs/{name}"),
            format!("refs/tags/{name}"),
            format!("refs/heads/{name}"),
            format!("refs/remotes/{name}"),
            format!("refs/remotes/{name}/HEAD"),
        ];
        let found: Vec<(String, Oid)> = places
            .into_iter()
            .filter_map(|place| {
                // What can't be a ref's name is no other candidate.
                let tip = self.tip_of(&place).ok().flatten()?;
                Some((place, tip))
            })
            .collect();
        if found.windows(2).all(|pair| pair[0].1 == pair[1].1) {
            return Ok(found.first().map(|(_, tip)| *tip));
        }
        let names: Vec<&str> = found.iter().map(|(place, _)| place.as_str()).collect();
        Err(anyhow!("`{name}` could be {}", names.join(" or ")))
            .hint("write the full name of the one you mean")
    }

    /// The names of the configured remotes, sorted.
    pub(crate) fn remotes(&self) -> Vec<String> {
        self.raw()
            .remote_names()
            .into_iter()
            .map(|name| name.to_string())
            .collect()
    }

    /// The configured remote that a push goes to, from what the hook is told: its name, or failing
    /// that the one that has this URL.
    pub(crate) fn remote_for(&self, name: &str, url: &str) -> Option<String> {
        let remotes = self.remotes();
        if remotes.iter().any(|remote| remote == name) {
            return Some(name.to_owned());
        }
        remotes.into_iter().find(|remote| {
            self.urls(remote)
                .iter()
                .any(|known| known == url || known == name)
        })
    }

    /// Every URL of a remote, as configured and after rewriting.
    fn urls(&self, remote: &str) -> Vec<String> {
        let config = self.raw().config_snapshot();
        let mut urls: Vec<String> = [
            format!("remote.{remote}.url"),
            format!("remote.{remote}.pushurl"),
        ]
        .iter()
        .flat_map(|key| config.plumbing().strings(key.as_str()).unwrap_or_default())
        .map(|url| url.to_string())
        .collect();
        if let Ok(found) = self.raw().find_remote(remote) {
            for direction in [gix::remote::Direction::Fetch, gix::remote::Direction::Push] {
                urls.extend(
                    found
                        .urls(direction)
                        .map(|url| url.to_bstring().to_string()),
                );
            }
        }
        urls
    }

    /// The remote that a branch would be pushed to without naming one.
    pub(crate) fn push_remote(&self, branch: Option<&str>) -> Option<String> {
        let setting = |key: &str| self.setting(key);
        branch
            .and_then(|branch| setting(&format!("branch.{branch}.pushRemote")))
            .or_else(|| setting("remote.pushDefault"))
            .or_else(|| branch.and_then(|branch| setting(&format!("branch.{branch}.remote"))))
            .filter(|remote| remote != ".")
            .or_else(|| {
                let remotes = self.remotes();
                match remotes.as_slice() {
                    [only] => Some(only.clone()),
                    several => several.iter().find(|remote| *remote == "origin").cloned(),
                }
            })
    }

    /// The branches of one remote, or of all, as we last saw them; sorted by name, without `HEAD`.
    pub(crate) fn tracking(&self, remote: Option<&str>) -> Result<Vec<TrackingRef>> {
        let prefix = match remote {
            Some(remote) => format!("refs/remotes/{remote}/"),
            None => "refs/remotes/".to_owned(),
        };
        let refs = self.raw().references().context("cannot read the refs")?;
        let mut found = Vec::new();
        for reference in refs
            .prefixed(prefix.as_str())
            .with_context(|| format!("cannot list `{prefix}`"))?
        {
            let reference = reference
                .map_err(|error| anyhow!("{error}"))
                .context("cannot read a ref")?;
            let name = reference.name().as_bstr().to_string();
            if name.ends_with("/HEAD") {
                continue;
            }
            if let Some(tip) = self.commit_at(reference) {
                found.push(TrackingRef { name, tip });
            }
        }
        found.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(found)
    }

    /// The full name that `refs/remotes/<remote>/HEAD` points at, if that is a branch of the remote.
    pub(crate) fn remote_head(&self, remote: &str) -> Option<String> {
        let prefix = format!("refs/remotes/{remote}/");
        let name = format!("{prefix}HEAD");
        let reference = self.raw().try_find_reference(name.as_str()).ok()??;
        reference
            .target()
            .try_name()
            .map(|target| target.as_bstr().to_string())
            .filter(|target| target.starts_with(&prefix))
    }

    /// A plain setting of Git's configuration.
    pub(crate) fn setting(&self, key: &str) -> Option<String> {
        self.raw()
            .config_snapshot()
            .string(key)
            .map(|value| value.to_string())
    }

    /// Who decides here: `Name <email>` as Git knows the author, else the login name is unknown.
    pub(crate) fn identity(&self) -> String {
        match self.raw().author() {
            Some(Ok(author)) => format!("{} <{}>", author.name, author.email),
            _ => "unknown".to_owned(),
        }
    }

    /// Where Git looks for hooks, absolute: `core.hooksPath`, else `hooks` of the common directory.
    pub(crate) fn hooks_dir(&self) -> PathBuf {
        let configured = self
            .raw()
            .config_snapshot()
            .trusted_path("core.hooksPath")
            .ok()
            .flatten();
        match configured {
            Some(path) => self
                .work_tree()
                .unwrap_or_else(|| self.git_dir())
                .join(path),
            None => self.common_dir().join("hooks"),
        }
    }

    /// True if the hooks Git looks at belong to this repository alone.
    pub(crate) fn owns(&self, dir: &Path) -> bool {
        let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
        real(dir).starts_with(real(self.common_dir()))
    }
}

/// The object that a ref leads to.
fn followed(mut reference: gix::Reference<'_>) -> Result<Oid> {
    let target = reference.follow_to_object();
    let target = target.with_context(|| {
        let name = reference.name().as_bstr();
        format!("cannot find what `{name}` points at")
    })?;
    Ok(plain(&target))
}

#[cfg(test)]
mod tests {
    use super::super::fixture::Fixture;
    use super::*;

    #[test]
    fn head_is_a_branch_with_or_without_commits_or_detached() {
        let fixture = Fixture::new();
        let unborn = Head::Branch {
            name: "main".to_owned(),
            tip: None,
        };
        assert_eq!(fixture.repo().head().unwrap(), unborn);
        fixture.write("a", "1");
        let commit = fixture.commit();
        assert_eq!(fixture.repo().head().unwrap().tip(), Some(commit));
        fixture.git(&["checkout", "-q", "--detach"]);
        assert_eq!(fixture.repo().head().unwrap(), Head::Detached(commit));
    }

    #[test]
    fn a_tag_does_not_shadow_a_branch() {
        let fixture = Fixture::new();
        fixture.write("a", "1");
        let first = fixture.commit();
        fixture.git(&["tag", "main"]);
        fixture.write("a", "2");
        let second = fixture.commit();
        let repo = fixture.repo();
        assert_eq!(repo.tip_of("refs/heads/main").unwrap(), Some(second));
        assert_eq!(repo.tip_of("refs/tags/main").unwrap(), Some(first));
        assert_eq!(repo.tip_of("refs/remotes/main").unwrap(), None);
        for shared in ["main", "main~0", "main@{0}"] {
            let error = repo.commit(shared).unwrap_err().to_string();
            assert!(
                error.contains("refs/tags/main or refs/heads/main"),
                "{error}"
            );
        }
        assert_eq!(repo.commit("refs/heads/main").unwrap(), second);
        assert_eq!(repo.commit("heads/main").unwrap(), second);
        fixture.git(&["tag", "-f", "main", "refs/heads/main"]);
        assert_eq!(repo.commit("main").unwrap(), second, "they agree");
    }

    #[test]
    fn a_remote_is_found_by_name_or_by_url() {
        let fixture = Fixture::new();
        fixture.git(&["remote", "add", "up", "https://example.org/x.git"]);
        fixture.git(&["config", "url.https://example.org/.insteadOf", "ex:"]);
        fixture.git(&["remote", "add", "two", "ex:y.git"]);
        let repo = fixture.repo();
        assert_eq!(repo.remote_for("up", "whatever").as_deref(), Some("up"));
        let url = "https://example.org/x.git";
        assert_eq!(repo.remote_for(url, url).as_deref(), Some("up"));
        let rewritten = "https://example.org/y.git";
        assert_eq!(
            repo.remote_for("ex:y.git", rewritten).as_deref(),
            Some("two")
        );
        assert_eq!(
            repo.remote_for(rewritten, rewritten).as_deref(),
            Some("two")
        );
        assert_eq!(
            repo.remote_for("https://other.org", "https://other.org"),
            None
        );
    }

    #[test]
    fn tracking_refs_are_listed_without_head() {
        let fixture = Fixture::new();
        fixture.write("a", "1");
        let commit = fixture.commit();
        fixture.git(&["update-ref", "refs/remotes/origin/main", "HEAD"]);
        fixture.git(&[
            "symbolic-ref",
            "refs/remotes/origin/HEAD",
            "refs/remotes/origin/main",
        ]);
        fixture.git(&["update-ref", "refs/remotes/other/x", "HEAD"]);
        let repo = fixture.repo();
        assert_eq!(
            repo.tracking(Some("origin")).unwrap(),
            [TrackingRef {
                name: "refs/remotes/origin/main".to_owned(),
                tip: commit
            }]
        );
        assert_eq!(repo.tracking(None).unwrap().len(), 2);
        assert_eq!(
            repo.remote_head("origin").as_deref(),
            Some("refs/remotes/origin/main")
        );
        assert_eq!(repo.remote_head("other"), None);
        fixture.git(&["symbolic-ref", "refs/remotes/other/HEAD", "refs/heads/main"]);
        assert_eq!(repo.remote_head("other"), None, "no branch of the remote");
    }
}
