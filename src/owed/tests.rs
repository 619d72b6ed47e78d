//! What each shape of push and of branch owes, as tables over one small history:
//!
//! ```text
//! a ── b ── e          main; the remote's main is at b
//!  └── c ── d          feature
//! ```

use super::*;
use crate::git::fixture::Fixture;

struct History {
    fixture: Fixture,
    a: Oid,
    b: Oid,
    c: Oid,
    d: Oid,
    e: Oid,
}

impl History {
    #[expect(
        clippy::many_single_char_names,
        reason = "they are those of the drawing"
    )]
    fn new() -> Self {
        let fixture = Fixture::new();
        let commit = |name: &str| {
            fixture.write(name, name);
            fixture.commit()
        };
        let a = commit("a");
        let b = commit("b");
        let e = commit("e");
        fixture.git(&["checkout", "-q", "-b", "feature", &a.to_string()]);
        let c = commit("c");
        let d = commit("d");
        fixture.git(&["remote", "add", "origin", "https://example.org/x.git"]);
        let history = Self {
            fixture,
            a,
            b,
            c,
            d,
            e,
        };
        history.point("refs/remotes/origin/main", b);
        history.fixture.git(&[
            "symbolic-ref",
            "refs/remotes/origin/HEAD",
            "refs/remotes/origin/main",
        ]);
        history
    }

    fn point(&self, name: &str, id: Oid) {
        self.fixture.git(&["update-ref", name, &id.to_string()]);
    }

    fn owes(&self, refs: &[PushedRef]) -> Vec<Owing> {
        self.owes_to("origin", refs)
    }

    fn owes_to(&self, remote: &str, refs: &[PushedRef]) -> Vec<Owing> {
        let repo = self.fixture.repo();
        pushed(&repo, &policy(), refs, remote, remote).unwrap()
    }

    fn one(&self, pushed: &PushedRef) -> Target {
        only(&self.owes(std::slice::from_ref(pushed)))
    }
}

fn policy() -> OwedPolicy {
    OwedPolicy {
        base: None,
        protected: ["main", "release/*"].map(str::to_owned).to_vec(),
    }
}

fn zero() -> Oid {
    Oid::from_hex(&"0".repeat(40)).unwrap()
}

fn nowhere() -> Oid {
    Oid::from_hex(&"1".repeat(40)).unwrap()
}

fn push(local_id: Oid, remote: &str, remote_id: Oid) -> PushedRef {
    PushedRef {
        local: "HEAD".to_owned(),
        local_id,
        remote: remote.to_owned(),
        remote_id,
    }
}

fn only(owing: &[Owing]) -> Target {
    match owing {
        [Owing::Review(target)] => (**target).clone(),
        other => panic!("{other:?}"),
    }
}

fn why_nothing(owing: &[Owing]) -> &str {
    match owing {
        [Owing::Nothing { why, .. }] => why,
        other => panic!("{other:?}"),
    }
}

fn ids(history: &History, target: &Target) -> Vec<Oid> {
    let commits = target.new_commits(&history.fixture.repo()).unwrap();
    commits.iter().map(|commit| commit.id).collect()
}

#[test]
fn a_new_branch_owes_everything_since_it_left_the_base() {
    let history = History::new();
    let target = history.one(&push(history.d, "refs/heads/feature", zero()));
    assert_eq!(target.base.commit, Some(history.a));
    assert!(target.base.why.starts_with("merge base with origin/main"));
    assert_eq!(ids(&history, &target), [history.d, history.c]);
    assert_eq!((target.paid.clone(), target.protected), (None, false));
}

#[test]
fn an_updated_branch_owes_what_the_remote_lacks_of_it() {
    let history = History::new();
    let target = history.one(&push(history.d, "refs/heads/feature", history.c));
    assert_eq!(target.base.commit, Some(history.a));
    assert_eq!(ids(&history, &target), [history.d]);
    assert_eq!(target.paid.unwrap().tip, history.c);
}

#[test]
fn a_protected_branch_owes_everything_since_the_remotes_tip() {
    let history = History::new();
    let target = history.one(&push(history.e, "refs/heads/main", history.b));
    assert_eq!(target.base.commit, Some(history.b));
    assert_eq!(ids(&history, &target), [history.e]);
    assert_eq!((target.paid, target.protected), (None, true));
}

#[test]
fn what_was_pushed_elsewhere_unreviewed_is_still_owed_to_a_protected_branch() {
    let history = History::new();
    history.point("refs/remotes/origin/feature", history.d);
    let new = push(history.d, "refs/heads/other", zero());
    assert_eq!(why_nothing(&history.owes(&[new])), "nothing new");
    let target = history.one(&push(history.d, "refs/heads/main", history.b));
    assert_eq!(target.base.commit, Some(history.a));
    assert_eq!(ids(&history, &target), [history.d, history.c]);
    let target = history.one(&push(history.d, "refs/heads/release/1", zero()));
    assert_eq!(target.base.commit, Some(history.a));
    assert!(target.protected);
}

#[test]
fn a_forced_push_is_compared_with_the_base_not_with_the_old_tip() {
    let history = History::new();
    history
        .fixture
        .git(&["rebase", "-q", &history.b.to_string()]);
    let tip = history.fixture.id("HEAD");
    let target = history.one(&push(tip, "refs/heads/feature", history.d));
    assert_eq!(target.base.commit, Some(history.b));
    let paid = target.paid.unwrap();
    assert_eq!(paid.tip, history.d);
    assert_eq!(
        paid.base_tree,
        history.fixture.id(&format!("{}^{{tree}}", history.a))
    );
}

#[test]
fn an_unknown_remote_tip_is_said_and_does_not_change_the_base() {
    let history = History::new();
    let target = history.one(&push(history.d, "refs/heads/feature", nowhere()));
    assert_eq!(target.base.commit, Some(history.a));
    assert!(target.notes[0].contains("fetch first"));
    let target = history.one(&push(history.e, "refs/heads/main", nowhere()));
    assert_eq!(target.base.commit, Some(history.b));
}

#[test]
fn deletions_notes_and_what_is_no_commit_owe_nothing_and_are_not_called_passed() {
    let history = History::new();
    let tree = history.fixture.id("HEAD^{tree}");
    for (pushed, why) in [
        (push(zero(), "refs/heads/x", history.d), "deleted"),
        (
            push(tree, "refs/tags/tree", zero()),
            "no commit, not reviewed",
        ),
        (
            push(history.d, "refs/notes/commits", zero()),
            "notes, not reviewed",
        ),
        (push(history.b, "refs/tags/v1", zero()), "nothing new"),
    ] {
        assert_eq!(why_nothing(&history.owes(&[pushed])), why);
    }
}

#[test]
fn a_tag_with_new_commits_owes_them() {
    let history = History::new();
    history
        .fixture
        .git(&["tag", "-a", "-m", "v2", "v2", &history.d.to_string()]);
    let tag = history.fixture.id("v2");
    let target = history.one(&push(tag, "refs/tags/v2", zero()));
    assert_eq!(target.head, Head::Commit(history.d));
    assert_eq!(target.base.commit, Some(history.a));
}

#[test]
fn a_push_for_review_is_compared_like_a_branch() {
    let history = History::new();
    let target = history.one(&push(history.d, "refs/for/main", zero()));
    assert_eq!(target.base.commit, Some(history.a));
    assert!(!target.protected);
}

#[test]
fn refs_that_owe_the_same_share_a_review() {
    let history = History::new();
    let owing = history.owes(&[
        push(history.d, "refs/heads/x", zero()),
        push(history.d, "refs/heads/y", zero()),
    ]);
    assert_eq!(only(&owing).name, "x, y");
}

#[test]
fn a_remote_known_by_url_or_by_nothing_is_compared_with_what_is_known() {
    let history = History::new();
    let new = || push(history.d, "refs/heads/feature", zero());
    for remote in [
        "https://example.org/x.git",
        "https://elsewhere.example/y.git",
    ] {
        let target = only(&history.owes_to(remote, &[new()]));
        assert_eq!(target.base.commit, Some(history.a), "{remote}");
    }
}

#[test]
fn a_first_push_owes_the_whole_tree_even_with_local_branches_around() {
    let history = History::new();
    for name in ["refs/remotes/origin/HEAD", "refs/remotes/origin/main"] {
        history
            .fixture
            .git(&["update-ref", "--no-deref", "-d", name]);
    }
    let target = history.one(&push(history.e, "refs/heads/main", zero()));
    assert_eq!(target.base.commit, None);
    assert_eq!(ids(&history, &target), [history.e, history.b, history.a]);
}

#[test]
fn a_branch_that_shares_no_commit_owes_its_whole_tree() {
    let history = History::new();
    history
        .fixture
        .git(&["checkout", "-q", "--orphan", "island"]);
    let island = history.fixture.commit();
    let target = history.one(&push(island, "refs/heads/island", zero()));
    assert_eq!(target.base.commit, None);
    assert_eq!(ids(&history, &target), [island]);
}

#[test]
fn without_a_usual_name_the_nearest_branch_of_the_remote_is_the_base() {
    let history = History::new();
    for name in ["refs/remotes/origin/HEAD", "refs/remotes/origin/main"] {
        history
            .fixture
            .git(&["update-ref", "--no-deref", "-d", name]);
    }
    history.point("refs/remotes/origin/trunk", history.b);
    history.point("refs/remotes/origin/near", history.c);
    let target = history.one(&push(history.d, "refs/heads/feature", zero()));
    assert_eq!(target.base.commit, Some(history.c));
    assert_eq!(ids(&history, &target), [history.d]);
}

#[test]
fn a_branch_by_hand_owes_what_its_push_would() {
    let history = History::new();
    let repo = history.fixture.repo();
    let by_hand = branch(&repo, &policy(), None).unwrap();
    let by_push = history.one(&push(history.d, "refs/heads/feature", zero()));
    assert_eq!(by_hand.base, by_push.base);
    assert_eq!(ids(&history, &by_hand), ids(&history, &by_push));
    let given = branch(&repo, &policy(), Some("HEAD~1")).unwrap();
    assert_eq!(
        (given.base.commit, ids(&history, &given)),
        (Some(history.c), vec![history.d])
    );
}

#[test]
fn a_configured_base_is_used_or_missed_loudly() {
    let history = History::new();
    history.point("refs/remotes/origin/dev", history.c);
    let repo = history.fixture.repo();
    let configured = |base: &str| OwedPolicy {
        base: Some(base.to_owned()),
        ..policy()
    };
    let target = branch(&repo, &configured("dev"), None).unwrap();
    assert_eq!(target.base.commit, Some(history.c));
    let error = branch(&repo, &configured("gone"), None).unwrap_err();
    assert!(format!("{error:#}").contains("`gone`"));
}

#[test]
fn ranges_and_commits_are_compared_as_git_does() {
    let history = History::new();
    let repo = history.fixture.repo();
    let two = range(&repo, &format!("{}..feature", history.e)).unwrap();
    assert_eq!(two.base.commit, Some(history.e));
    let three = range(&repo, &format!("{}...feature", history.e)).unwrap();
    assert_eq!(three.base.commit, Some(history.a));
    assert_eq!(ids(&history, &three), [history.d, history.c]);
    assert!(range(&repo, "feature").is_err());
    let one = commit(&repo, "feature").unwrap();
    assert_eq!(
        (one.base.commit, ids(&history, &one)),
        (Some(history.c), vec![history.d])
    );
    let root = commit(&repo, &history.a.to_string()).unwrap();
    assert_eq!(
        (root.base.commit, root.base.tree),
        (None, repo.empty_tree())
    );
}

#[test]
fn protected_names_are_whole_and_may_have_stars() {
    let policy = OwedPolicy {
        base: Some("dev".to_owned()),
        protected: ["main", "release/*"].map(str::to_owned).to_vec(),
    };
    for protected in ["main", "dev", "release/1", "release/1/hotfix"] {
        assert!(policy.protects(protected), "{protected}");
    }
    for free in ["feature/main", "mainline", "release", "x/release/1"] {
        assert!(!policy.protects(free), "{free}");
    }
}
