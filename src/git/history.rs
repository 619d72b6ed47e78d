//! Commits: what a revision names, where two histories meet, which commits are new.
//! Which of them a push owes is decided in `owed`.

use std::collections::BTreeSet;

use anyhow::{Context, Result, anyhow};
use gix::objs::Kind;

use crate::diff::Oid;
use crate::error::HintExt;

use super::Repo;
use super::objects::{native, plain};

/// What an object is once tags are followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Peeled {
    /// A commit.
    Commit(Oid),
    /// A tree or a blob: it has no history to review.
    NoCommit,
    /// Not in this repository.
    Missing,
}

/// A commit as the review of history needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Commit {
    /// Its id.
    pub(crate) id: Oid,
    /// Its parents, the first first.
    pub(crate) parents: Vec<Oid>,
}

impl Repo {
    /// The commit that a revision names, as `git rev-parse REV^{commit}` would find it. A name that
    /// several refs share is an error: which one wins is Git's rule, not the user's intention.
    pub(crate) fn commit(&self, revision: &str) -> Result<Oid> {
        self.refuse_ambiguous(revision)?;
        let attempt = || -> Result<Oid> {
            let found = self
                .raw()
                .rev_parse_single(revision)
                .map_err(|_| anyhow!("there is no such branch, tag or commit, or several fit"))?;
            match self.peel(&plain(&found))? {
                Peeled::Commit(id) => Ok(id),
                Peeled::NoCommit => Err(anyhow!("it is no commit")),
                Peeled::Missing => Err(anyhow!("its object is missing")),
            }
        };
        attempt()
            .with_context(|| format!("cannot find the commit `{revision}`"))
            .hint("name a branch, a tag or a commit id; `git log --oneline --all` lists them")
    }

    /// Follows tags to what they name.
    pub(crate) fn peel(&self, id: &Oid) -> Result<Peeled> {
        let mut id = native(id);
        // A chain of tags longer than this is damage, not use.
        for _ in 0..64 {
            let header = match self.raw().try_find_header(id) {
                Ok(Some(header)) => header,
                Ok(None) => return Ok(Peeled::Missing),
                Err(error) => {
                    return Err(anyhow!("{error}"))
                        .with_context(|| format!("cannot read object {id}"));
                }
            };
            match header.kind() {
                Kind::Commit => return Ok(Peeled::Commit(plain(&id))),
                Kind::Tree | Kind::Blob => return Ok(Peeled::NoCommit),
                Kind::Tag => {
                    let tag = self
                        .raw()
                        .find_tag(id)
                        .with_context(|| format!("cannot read tag {id}"))?;
                    id = tag
                        .target_id()
                        .with_context(|| format!("cannot read tag {id}"))?
                        .detach();
                }
            }
        }
        Err(anyhow!("too many tags point at one another from {id}"))
    }

    /// The best commit that both histories contain; `None` if they have none in common.
    pub(crate) fn merge_base(&self, one: &Oid, two: &Oid) -> Result<Option<Oid>> {
        let found = self
            .raw()
            .merge_base(native(one), native(two))
            .with_context(|| {
                format!("cannot find where {} and {} meet", one.short(), two.short())
            })?;
        Ok(found.map(|id| plain(&id)))
    }

    /// The commits that `tip` reaches and none of `published` does, newest first.
    /// Ids in `published` that are not here are left out: they can't be reached.
    pub(crate) fn new_commits(&self, tip: &Oid, published: &[Oid]) -> Result<Vec<Commit>> {
        let known = self.known_of(published);
        if known.contains(&native(tip)) {
            return Ok(Vec::new());
        }
        let context = || format!("cannot list the new commits of {}", tip.short());
        let walk = self
            .raw()
            .rev_walk([native(tip)])
            .with_hidden(known)
            .all()
            .with_context(context)?;
        walk.map(|info| {
            let info = info.with_context(context)?;
            Ok(Commit {
                id: plain(&info.id),
                parents: info.parent_ids.iter().map(|id| plain(id)).collect(),
            })
        })
        .collect()
    }

    /// Those of these ids that are in this repository, once each.
    pub(in crate::git) fn known_of(&self, ids: &[Oid]) -> Vec<gix::ObjectId> {
        let ids: BTreeSet<_> = ids.iter().map(native).collect();
        ids.into_iter()
            .filter(|id| self.raw().has_object(id))
            .collect()
    }

    /// A commit with its parents.
    pub(crate) fn commit_of(&self, id: &Oid) -> Result<Commit> {
        let commit = self
            .raw()
            .find_commit(native(id))
            .with_context(|| format!("cannot read commit {id}"))?;
        Ok(Commit {
            id: *id,
            parents: commit.parent_ids().map(|id| plain(&id)).collect(),
        })
    }

    /// True if the history was cut off by a shallow clone.
    pub(crate) fn is_shallow(&self) -> Result<bool> {
        self.raw()
            .is_shallow()
            .context("cannot read the list of shallow commits")
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::Fixture;
    use super::*;

    #[test]
    fn tags_are_followed_to_a_commit_or_none() {
        let fixture = Fixture::new();
        fixture.write("a", "1");
        let commit = fixture.commit();
        fixture.git(&["tag", "-a", "-m", "t", "one"]);
        fixture.git(&["tag", "-a", "-m", "t", "two", "one"]);
        fixture.git(&["tag", "-a", "-m", "t", "tree", "HEAD^{tree}"]);
        let repo = fixture.repo();
        assert_eq!(
            repo.peel(&fixture.id("two")).unwrap(),
            Peeled::Commit(commit)
        );
        assert_eq!(repo.peel(&fixture.id("tree")).unwrap(), Peeled::NoCommit);
        let nowhere = Oid::from_hex(&"1".repeat(40)).unwrap();
        assert_eq!(repo.peel(&nowhere).unwrap(), Peeled::Missing);
        assert_eq!(repo.commit("two").unwrap(), commit);
        assert!(repo.commit("nowhere").is_err());
    }

    #[test]
    fn new_commits_are_those_nobody_has() {
        let fixture = Fixture::new();
        fixture.write("a", "1");
        let first = fixture.commit();
        fixture.write("a", "2");
        let second = fixture.commit();
        fixture.write("a", "3");
        let third = fixture.commit();
        let repo = fixture.repo();
        let nowhere = Oid::from_hex(&"1".repeat(40)).unwrap();
        let new = |published: &[Oid]| -> Vec<Oid> {
            repo.new_commits(&third, published)
                .unwrap()
                .into_iter()
                .map(|commit| commit.id)
                .collect()
        };
        assert_eq!(new(&[first, nowhere]), [third, second]);
        assert_eq!(new(&[]), [third, second, first]);
        assert!(new(&[third]).is_empty());
        assert_eq!(repo.merge_base(&second, &third).unwrap(), Some(second));
    }
}
