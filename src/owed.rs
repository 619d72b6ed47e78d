//! What a scope owes: which trees are compared, and which commits are new.
//! Reads names and commits through `git`; reading the files themselves is the pipeline's.
//!
//! A push owes the difference between the merge base with the remote's branch and the pushed commit,
//! without what already stands on the remote under the same name; a push to a protected branch owes
//! everything since the remote's tip. It also owes the reading of every commit it publishes.

use anyhow::{Context, Result, anyhow};
use ignore::gitignore::{Gitignore, GitignoreBuilder};

use crate::diff::Oid;
use crate::error::HintExt;
use crate::git::{Commit, Peeled, Repo, TrackingRef};
use crate::pushed::PushedRef;

/// What a change is compared with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Base {
    /// The commit, unless there is none in common.
    pub(crate) commit: Option<Oid>,
    /// Its tree, or the empty one.
    pub(crate) tree: Oid,
    /// How it was found, as in `merge base with origin/main`.
    pub(crate) why: String,
}

/// The side of a change that is reviewed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Head {
    /// A commit.
    Commit(Oid),
    /// The index.
    Index,
    /// The files on disk.
    Worktree {
        /// Also those that Git does not track.
        untracked: bool,
    },
}

impl Head {
    /// The commit, if it is one.
    pub(crate) fn commit(self) -> Option<Oid> {
        match self {
            Self::Commit(id) => Some(id),
            Self::Index | Self::Worktree { .. } => None,
        }
    }
}

/// What is reviewed of one branch.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    /// The branch, or what else people call it.
    pub(crate) name: String,
    /// What it is compared with.
    pub(crate) base: Base,
    /// What is reviewed.
    pub(crate) head: Head,
    /// A commit whose own units, counted from the same kind of base, are paid for already, with its
    /// base tree.
    pub(crate) paid: Option<Paid>,
    /// The commits that are published by this, if it took them to find out what is owed.
    pub(crate) listed: Option<Vec<Commit>>,
    /// What had been published before: what these reach is not new.
    pub(crate) published: Vec<Oid>,
    /// True if the branch is protected.
    pub(crate) protected: bool,
    /// What people should know about how this was decided.
    pub(crate) notes: Vec<String>,
}

/// What the remote has of the same branch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Paid {
    /// The tree it is counted from.
    pub(crate) base_tree: Oid,
    /// The remote's tip.
    pub(crate) tip: Oid,
}

/// What one pushed ref owes.
#[derive(Clone, Debug)]
pub(crate) enum Owing {
    /// A review.
    Review(Box<Target>),
    /// Nothing, for this reason.
    Nothing {
        /// The ref.
        name: String,
        /// As in `nothing new`.
        why: String,
    },
}

/// The part of the settings that decides what is owed.
#[derive(Clone, Debug, Default)]
pub(crate) struct OwedPolicy {
    /// The configured base branch.
    pub(crate) base: Option<String>,
    /// Patterns of protected branch names.
    pub(crate) protected: Vec<String>,
}

impl OwedPolicy {
    fn protects(&self, branch: &str) -> bool {
        self.base.as_deref() == Some(branch)
            || self
                .patterns()
                .matched_path_or_any_parents(branch, false)
                .is_ignore()
    }

    /// The patterns anchored, so that `main` is not also `feature/main`.
    fn patterns(&self) -> Gitignore {
        let mut builder = GitignoreBuilder::new("");
        for pattern in &self.protected {
            // A pattern that can't be understood protects what it names literally.
            let _ = builder.add_line(None, &format!("/{}", pattern.trim_start_matches('/')));
        }
        builder.build().unwrap_or_else(|_| Gitignore::empty())
    }
}

/// The tip of the branch that changes are compared with when nobody configures one.
pub(crate) fn default_tip(repo: &Repo, remote: Option<&str>) -> Result<Option<Oid>> {
    let policy = OwedPolicy::default();
    let side = remote_side(repo, remote, &policy)?.or(local_side(repo, &policy)?);
    Ok(side.map(|side| side.tip))
}

/// What is not committed yet, in the index or on disk, owes against HEAD.
pub(crate) fn uncommitted(repo: &Repo, reviewed: Head) -> Result<Target> {
    let head = repo.head()?;
    let (tree, why) = match head.tip() {
        Some(tip) => (repo.tree_of(&tip)?, format!("HEAD, {}", tip.short())),
        None => (repo.empty_tree(), "no commit yet".to_owned()),
    };
    Ok(Target {
        name: head.branch().unwrap_or("HEAD").to_owned(),
        base: Base {
            commit: head.tip(),
            tree,
            why,
        },
        head: reviewed,
        paid: None,
        listed: None,
        published: Vec::new(),
        protected: false,
        notes: Vec::new(),
    })
}

/// What the checked-out branch owes: everything since it left the base. `base` is a revision given
/// by hand.
pub(crate) fn branch(repo: &Repo, policy: &OwedPolicy, base: Option<&str>) -> Result<Target> {
    let head = repo.head()?;
    let tip = head
        .tip()
        .ok_or_else(|| anyhow!("`{}` has no commit yet", head.branch().unwrap_or("HEAD")))
        .hint("commit something, or review what is staged with `deep-review --staged`")?;
    let remote = repo.push_remote(head.branch());
    let side = match base {
        Some(revision) => Some(Side {
            tip: repo.commit(revision).context("cannot use the given base")?,
            name: revision.to_owned(),
        }),
        None => remote_side(repo, remote.as_deref(), policy)?.or(local_side(repo, policy)?),
    };
    let side = match (side, &policy.base) {
        (Some(side), _) => side,
        (None, Some(name)) => {
            return Err(anyhow!(
                "neither a remote nor a local branch is called `{name}`"
            ))
            .context("cannot find the configured base")
            .hint("fetch it, correct `base` in the configuration, or name one with `--base REV`");
        }
        (None, None) => {
            return Err(anyhow!(
                "no remote branch is known, and there is no local `main` or `master`"
            ))
            .context("cannot find a base to compare with")
            .hint("name one with `--base REV`, or set `base` in the configuration");
        }
    };
    let met = meet(repo, &tip, &side)?
        .ok_or_else(|| anyhow!("`{}` and HEAD have no commit in common", side.name))
        .hint("name another base with `--base REV`")?;
    let mut published = vec![side.tip];
    // A base given by hand says what to look at, whatever was published before.
    if base.is_none() && remote.is_some() {
        published.extend(tips(&repo.tracking(remote.as_deref())?));
    }
    Ok(Target {
        name: head.branch().unwrap_or("HEAD").to_owned(),
        base: met,
        head: Head::Commit(tip),
        paid: None,
        listed: None,
        published,
        protected: head.branch().is_some_and(|branch| policy.protects(branch)),
        notes: shallow_note(repo)?,
    })
}

/// What one commit owes against its first parent, or against nothing if it has none.
pub(crate) fn commit(repo: &Repo, revision: &str) -> Result<Target> {
    let id = repo.commit(revision)?;
    let commit = repo.commit_of(&id)?;
    if let Some(parent) = commit.parents.first()
        && repo.shallow_ids()?.contains(&id)
        && repo.peel(parent)? == Peeled::Missing
    {
        return Err(anyhow!(
            "the clone is shallow at it: its parent {parent} is not here"
        ))
        .with_context(|| format!("cannot compare commit {}", id.short()))
        .hint("run `git fetch --deepen=1`, or `git fetch --unshallow` for the whole history");
    }
    let base = match commit.parents.first() {
        Some(parent) => Base {
            commit: Some(*parent),
            tree: repo.tree_of(parent)?,
            why: format!("its first parent, {}", parent.short()),
        },
        None => Base {
            commit: None,
            tree: repo.empty_tree(),
            why: "the empty tree, because it has no parent".to_owned(),
        },
    };
    Ok(Target {
        name: revision.to_owned(),
        base,
        head: Head::Commit(id),
        paid: None,
        published: commit.parents.clone(),
        listed: Some(vec![commit]),
        protected: false,
        notes: shallow_note(repo)?,
    })
}

/// What stands between two commits: `A..B` compares them, `A...B` begins at their merge base. A
/// missing side is HEAD.
pub(crate) fn range(repo: &Repo, range: &str) -> Result<Target> {
    let or_head = |revision: &str| match revision {
        "" => "HEAD".to_owned(),
        named => named.to_owned(),
    };
    let (from, to, from_merge_base) = match (range.split_once("..."), range.split_once("..")) {
        (Some((from, to)), _) => (or_head(from), or_head(to), true),
        (None, Some((from, to))) => (or_head(from), or_head(to), false),
        (None, None) => {
            return Err(anyhow!("`{range}` has no `..`"))
                .context("cannot understand the range")
                .hint("write A..B, or A...B to begin where B left A");
        }
    };
    let side = Side {
        tip: repo.commit(&from)?,
        name: from.clone(),
    };
    let head = repo.commit(&to)?;
    let base = if from_merge_base {
        meet(repo, &head, &side)?
            .ok_or_else(|| anyhow!("`{from}` and `{to}` have no commit in common"))
            .hint("compare them directly with `A..B`")?
    } else {
        Base {
            commit: Some(side.tip),
            tree: repo.tree_of(&side.tip)?,
            why: format!("{from}, {}", side.tip.short()),
        }
    };
    Ok(Target {
        name: range.to_owned(),
        listed: None,
        published: vec![side.tip],
        base,
        head: Head::Commit(head),
        paid: None,
        protected: false,
        notes: shallow_note(repo)?,
    })
}

/// What each ref of a push owes. `remote` and `url` are what the hook was told; refs that owe the
/// same review share one.
pub(crate) fn pushed(
    repo: &Repo,
    policy: &OwedPolicy,
    refs: &[PushedRef],
    remote: &str,
    url: &str,
) -> Result<Vec<Owing>> {
    let remote = repo.remote_for(remote, url);
    let mut tracking = match &remote {
        Some(remote) => repo.tracking(Some(remote))?,
        None => Vec::new(),
    };
    if tracking.is_empty() {
        // Pushed by an unknown URL, or never fetched from: what any remote has is published.
        tracking = repo.tracking(None)?;
    }
    let push = Push {
        repo,
        policy,
        side: remote_side(repo, remote.as_deref(), policy)?,
        tracking,
    };
    let mut owing: Vec<Owing> = Vec::new();
    for pushed in refs {
        let next = push
            .owes(pushed)
            .with_context(|| format!("cannot tell what `{}` owes", pushed.remote))?;
        let twin = match &next {
            Owing::Review(target) => owing.iter_mut().find_map(|earlier| match earlier {
                Owing::Review(earlier) if earlier.owes_the_same(target) => Some(earlier),
                _ => None,
            }),
            Owing::Nothing { .. } => None,
        };
        match (twin, next) {
            (Some(twin), Owing::Review(target)) => {
                twin.name = format!("{}, {}", twin.name, target.name);
            }
            (_, next) => owing.push(next),
        }
    }
    Ok(owing)
}

impl Target {
    /// The commits that are published by this, newest first; none for what is not committed. Listing
    /// them costs a walk over the history, which comparing the two sides does without.
    pub(crate) fn new_commits(&self, repo: &Repo) -> Result<Vec<Commit>> {
        match (&self.listed, self.head.commit()) {
            (Some(listed), _) => Ok(listed.clone()),
            (None, Some(head)) => repo.new_commits(&head, &self.published),
            (None, None) => Ok(Vec::new()),
        }
    }

    fn owes_the_same(&self, other: &Self) -> bool {
        self.head == other.head
            && self.base.tree == other.base.tree
            && self.paid == other.paid
            && self.protected == other.protected
            && self.listed == other.listed
    }
}

/// A branch to compare with.
#[derive(Clone, Debug)]
struct Side {
    tip: Oid,
    name: String,
}

struct Push<'a> {
    repo: &'a Repo,
    policy: &'a OwedPolicy,
    side: Option<Side>,
    tracking: Vec<TrackingRef>,
}

impl Push<'_> {
    fn owes(&self, pushed: &PushedRef) -> Result<Owing> {
        let short = ["refs/heads/", "refs/for/", "refs/tags/"]
            .iter()
            .find_map(|prefix| pushed.remote.strip_prefix(prefix))
            .unwrap_or(&pushed.remote);
        let nothing = |why: &str| {
            Ok(Owing::Nothing {
                name: short.to_owned(),
                why: why.to_owned(),
            })
        };
        if pushed.local_id.is_zero() {
            return nothing("deleted");
        }
        if pushed.remote.starts_with("refs/notes/") {
            return nothing("notes, not reviewed");
        }
        let tip = match self.repo.peel(&pushed.local_id)? {
            Peeled::Commit(tip) => tip,
            Peeled::NoCommit => return nothing("no commit, not reviewed"),
            Peeled::Missing => {
                return Err(anyhow!("object {} is missing", pushed.local_id))
                    .hint("run `git fsck`");
            }
        };
        let mut notes = shallow_note(self.repo)?;
        let there = if pushed.remote_id.is_zero() {
            None
        } else {
            match self.repo.peel(&pushed.remote_id)? {
                Peeled::Commit(there) => Some(there),
                Peeled::NoCommit => None,
                Peeled::Missing => {
                    notes.push(format!(
                    "the remote's `{short}` has commits you don't have: unless you force, Git will refuse this push; fetch first"
                ));
                    None
                }
            }
        };
        let protected = pushed.remote.starts_with("refs/heads/") && self.policy.protects(short);
        let published: Vec<Oid> = match (protected, there) {
            (true, Some(there)) => vec![there],
            _ => tips(&self.tracking).chain(there).collect(),
        };
        let commits = self.repo.new_commits(&tip, &published)?;
        let reached = commits.is_empty() && !published.is_empty();
        if reached && (!protected || there == Some(tip)) {
            return nothing("nothing new");
        }
        let there_side = there.map(|tip| Side {
            tip,
            name: format!("the remote's {short}"),
        });
        let side = if protected {
            there_side.clone().or(self.side.clone())
        } else {
            self.side.clone()
        };
        let base = self.base(&tip, side.as_ref(), there_side.as_ref())?;
        let paid = match (protected, there, &side) {
            (false, Some(there), Some(side)) => meet(self.repo, &there, side)?.map(|base| Paid {
                base_tree: base.tree,
                tip: there,
            }),
            _ => None,
        };
        Ok(Owing::Review(Box::new(Target {
            name: short.to_owned(),
            base,
            head: Head::Commit(tip),
            paid,
            listed: Some(commits),
            published,
            protected,
            notes,
        })))
    }

    /// The base of a pushed commit: where it left `side`; else the nearest commit the remote has;
    /// else nothing at all.
    fn base(&self, tip: &Oid, side: Option<&Side>, there: Option<&Side>) -> Result<Base> {
        if let Some(side) = side
            && let Some(base) = meet(self.repo, tip, side)?
        {
            return Ok(base);
        }
        let others = self.tracking.iter().map(|tracking| Side {
            tip: tracking.tip,
            name: tracking.name.trim_start_matches("refs/remotes/").to_owned(),
        });
        let mut nearest: Option<Base> = None;
        for side in there.cloned().into_iter().chain(others).take(NEAREST_OF) {
            let Some(base) = meet(self.repo, tip, &side)? else {
                continue;
            };
            let nearer = match (&nearest, base.commit) {
                (
                    Some(Base {
                        commit: Some(known),
                        ..
                    }),
                    Some(commit),
                ) => *known != commit && self.repo.merge_base(known, &commit)? == Some(*known),
                _ => true,
            };
            if nearer {
                nearest = Some(base);
            }
        }
        if let Some(nearest) = nearest {
            return Ok(nearest);
        }
        // A shallow history ends before the two meet; comparing with nothing would review everything.
        if let Some(side) = there.or(side)
            && self.repo.is_shallow()?
        {
            return Ok(Base {
                commit: Some(side.tip),
                tree: self.repo.tree_of(&side.tip)?,
                why: format!("{} itself, because the history is shallow", side.name),
            });
        }
        Ok(Base {
            commit: None,
            tree: self.repo.empty_tree(),
            why: if self.tracking.is_empty() {
                "the empty tree, because nothing is known to be on the remote".to_owned()
            } else {
                "the empty tree, because no commit is shared with the remote".to_owned()
            },
        })
    }
}

/// How many branches of a remote are tried as the nearest one.
const NEAREST_OF: usize = 64;

fn tips(tracking: &[TrackingRef]) -> impl Iterator<Item = Oid> + '_ {
    tracking.iter().map(|tracking| tracking.tip)
}

/// Where a commit left a branch; `None` if they never met.
fn meet(repo: &Repo, tip: &Oid, side: &Side) -> Result<Option<Base>> {
    let Some(commit) = repo.merge_base(tip, &side.tip)? else {
        return Ok(None);
    };
    Ok(Some(Base {
        commit: Some(commit),
        tree: repo.tree_of(&commit)?,
        why: format!("merge base with {}, {}", side.name, commit.short()),
    }))
}

/// The branch of the remote that changes are compared with: the configured one, else the remote's
/// HEAD, else the usual names.
fn remote_side(repo: &Repo, remote: Option<&str>, policy: &OwedPolicy) -> Result<Option<Side>> {
    let Some(remote) = remote else {
        return Ok(None);
    };
    let prefix = format!("refs/remotes/{remote}/");
    let configured = policy.base.iter().map(|base| format!("{prefix}{base}"));
    let head = repo.remote_head(remote).into_iter();
    let usual = usual_names(repo).map(|name| format!("{prefix}{name}"));
    let candidates: Vec<String> = match policy.base {
        Some(_) => configured.collect(),
        None => head.chain(usual).collect(),
    };
    first_of(repo, candidates)
}

/// The local branch that changes are compared with where no remote is known.
fn local_side(repo: &Repo, policy: &OwedPolicy) -> Result<Option<Side>> {
    let candidates = match &policy.base {
        Some(base) => vec![format!("refs/heads/{base}")],
        None => usual_names(repo)
            .map(|name| format!("refs/heads/{name}"))
            .collect(),
    };
    first_of(repo, candidates)
}

fn usual_names(repo: &Repo) -> impl Iterator<Item = String> {
    repo.setting("init.defaultBranch")
        .into_iter()
        .chain(["main".to_owned(), "master".to_owned()])
}

fn first_of(repo: &Repo, candidates: Vec<String>) -> Result<Option<Side>> {
    for full in candidates {
        if let Some(tip) = repo.tip_of(&full)? {
            let name = full
                .strip_prefix("refs/remotes/")
                .or_else(|| full.strip_prefix("refs/heads/"))
                .unwrap_or(&full)
                .to_owned();
            return Ok(Some(Side { tip, name }));
        }
    }
    Ok(None)
}

fn shallow_note(repo: &Repo) -> Result<Vec<String>> {
    let note = "shallow clone: only the history that is here could be looked at".to_owned();
    Ok(if repo.is_shallow()? {
        vec![note]
    } else {
        Vec::new()
    })
}

#[cfg(test)]
mod tests;
