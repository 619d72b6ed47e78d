//! Commits: what a revision names, where two histories meet, which commits are new.
//! Which of them a push owes is decided in `owed`.

use anyhow::{Context, Result, anyhow};
use gix::objs::Kind;

use crate::diff::Oid;
use crate::error::HintExt;

use super::Repo;
use super::log::CommitText;
use super::objects::{ObjectFault, Objects, native, plain};
use super::walk::Walk;

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
        let named = self.named(revision)?;
        let attempt = || -> Result<Oid> {
            if let Some(found) = self.stepped(revision, named) {
                return Ok(found);
            }
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
        let hint = || match self.is_shallow() {
            Ok(true) => "the clone is shallow: `git fetch --unshallow` brings the commits it lacks",
            _ => "name a branch, a tag or a commit id; `git log --oneline --all` lists them",
        };
        attempt()
            .with_context(|| format!("cannot find the commit `{revision}`"))
            .or_else(|error| Err(error).hint(hint()))
    }

    /// The commit that a revision of the plainest kind names: HEAD, a branch, or a whole id, then steps
    /// back. `None` for all others, and for what can't be found this way. `named` is the commit of the
    /// ref that the revision begins with.
    fn stepped(&self, revision: &str, named: Option<Oid>) -> Option<Oid> {
        let start = revision.find(['^', '~']).unwrap_or(revision.len());
        let (name, mut steps) = revision.split_at(start);
        let is_hex = name.bytes().all(|byte| byte.is_ascii_hexdigit());
        let mut at = match Oid::from_hex(name) {
            Some(id) => match self.peel(&id).ok()? {
                Peeled::Commit(commit) => commit,
                Peeled::NoCommit | Peeled::Missing => return None,
            },
            None if name == "HEAD" => self.head().ok()?.tip()?,
            // What could be the beginning of an id, or has a meaning of its own, is gix's to read.
            None if is_hex || name.contains(['@', ':', '{', '/']) => return None,
            None => named?,
        };
        while let Some(step) = steps.chars().next() {
            let digits = steps[1..].bytes().take_while(u8::is_ascii_digit).count();
            let count = match &steps[1..=digits] {
                "" => 1,
                count => count.parse().ok()?,
            };
            steps = &steps[1 + digits..];
            at = match (step, count) {
                ('~', count) => {
                    for _ in 0..count {
                        at = *self.commit_of(&at).ok()?.parents.first()?;
                    }
                    at
                }
                ('^', 1..) => *self.commit_of(&at).ok()?.parents.get(count - 1)?,
                _ => return None,
            };
        }
        // A commit names its parents whether or not they are here.
        matches!(self.peel(&at), Ok(Peeled::Commit(_))).then_some(at)
    }

    /// Follows tags to what they name.
    pub(crate) fn peel(&self, id: &Oid) -> Result<Peeled> {
        let objects = self.objects();
        let mut id = native(id);
        // A chain of tags longer than this is damage, not use.
        for _ in 0..64 {
            let kind = match objects.header(&plain(&id)) {
                Ok((kind, _)) => kind,
                Err(ObjectFault::Missing(_)) => return Ok(Peeled::Missing),
                Err(fault) => {
                    return Err(fault).with_context(|| format!("cannot read object {id}"));
                }
            };
            match kind {
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
        self.walk(&self.objects())?
            .merge_base(one, two)
            .with_context(|| format!("cannot find where {} and {} meet", one.short(), two.short()))
    }

    /// The commits that `tip` reaches and none of `published` does, newest first.
    /// Ids in `published` that are not here are left out: they can't be reached.
    pub(crate) fn new_commits(&self, tip: &Oid, published: &[Oid]) -> Result<Vec<Commit>> {
        self.walk(&self.objects())?
            .new_commits(tip, published, usize::MAX)
            .with_context(|| format!("cannot list the new commits of {}", tip.short()))
    }

    /// A walk over the history that ends where a shallow clone does.
    pub(in crate::git) fn walk<'a>(&self, objects: &'a Objects) -> Result<Walk<'a>> {
        Ok(Walk::new(objects, self.shallow_ids()?))
    }

    /// A commit with its parents.
    pub(crate) fn commit_of(&self, id: &Oid) -> Result<Commit> {
        let commit = CommitText::read(&self.objects(), id)?;
        Ok(Commit {
            id: *id,
            parents: commit.parents.clone(),
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
