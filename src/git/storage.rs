//! Tests of how repositories are stored and found, and of what is missing or damaged in them.
//! What is read from a sound one is tested in `oracle`.

use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::diff::{Change, Content, Entry, Mode, Oid, RepoPath, Unreadable};
use crate::error::hints;

use super::fixture::{Fixture, git_in};
use super::oracle::{assert_same, ours, theirs};
use super::{ReadLimits, Repo};

fn two_commits(fixture: &Fixture) -> (Oid, Oid) {
    for file in 0..50 {
        fixture.write(
            &format!("d{}/{file}", file % 7),
            format!("{file}\n").repeat(20),
        );
    }
    fixture.write("moved", "moved\n".repeat(9));
    let base = fixture.commit();
    for file in 0..50 {
        fixture.write(
            &format!("d{}/{file}", file % 7),
            format!("{file}\nx\n").repeat(15),
        );
    }
    fixture.git(&["mv", "moved", "there"]);
    (base, fixture.commit())
}

/// The patches are git's, from loose objects, from one pack, from many.
fn assert_same_however_packed(fixture: &Fixture) {
    let (base, head) = two_commits(fixture);
    let repo = fixture.repo();
    let (base, head) = (repo.tree_of(&base).unwrap(), repo.tree_of(&head).unwrap());
    assert_same(fixture, &base, &head, "loose");
    fixture.git(&["repack", "-adq"]);
    assert_same(fixture, &base, &head, "packed");
    for file in 0..5 {
        fixture.write("more", format!("{file}\n"));
        fixture.commit();
        fixture.git(&["repack", "-dq"]);
    }
    assert_same(fixture, &base, &head, "many packs");
    fixture.git(&["multi-pack-index", "write"]);
    assert_same(fixture, &base, &head, "multi-pack index");
}

#[test]
fn sha1_and_sha256_repositories_are_read() {
    assert_same_however_packed(&Fixture::new());
    assert_same_however_packed(&Fixture::with(&["--object-format=sha256"]));
}

#[test]
fn an_id_of_the_other_format_is_missing() {
    let fixture = Fixture::with(&["--object-format=sha256"]);
    two_commits(&fixture);
    let stranger = Oid::from_bytes(&[7; 20]).unwrap();
    assert!(fixture.repo().tree_of(&stranger).is_err());
}

#[test]
fn objects_are_found_in_alternates_and_below_a_shallow_boundary() {
    let fixture = Fixture::new();
    let (base, head) = two_commits(&fixture);
    let repo = fixture.repo();
    let (base, head) = (repo.tree_of(&base).unwrap(), repo.tree_of(&head).unwrap());
    let wanted = theirs(&fixture, &base, &head);
    let clone = |name: &str, arguments: &[&str]| {
        let at = fixture.root().parent().unwrap().join(name);
        let from = format!("file://{}", fixture.root().display());
        let arguments = [&["clone", "-q"], arguments, &[&from, at.to_str().unwrap()]].concat();
        git_in(fixture.root(), &arguments, b"");
        at
    };
    let borrower = clone(
        "borrowed",
        &["--reference", fixture.root().to_str().unwrap()],
    );
    assert_eq!(
        ours(&Repo::discover_isolated(&borrower).unwrap(), &base, &head),
        wanted
    );

    let shallow = Repo::discover_isolated(&clone("shallow", &["--depth=1"])).unwrap();
    assert!(shallow.changes(&base, &head).is_err());
    let empty = shallow.empty_tree();
    assert_eq!(
        ours(&shallow, &empty, &head),
        theirs(&fixture, &empty, &head)
    );

    let without_files = Repo::discover_isolated(&clone("bare", &["--bare"])).unwrap();
    assert_eq!(without_files.work_tree(), None);
    assert_eq!(ours(&without_files, &base, &head), wanted);
}

#[test]
fn linked_worktrees_and_subdirectories_have_their_own_head_and_index() {
    let fixture = Fixture::new();
    let (base, head) = two_commits(&fixture);
    let linked = fixture.root().parent().unwrap().join("linked");
    let arguments = [
        "worktree",
        "add",
        "-q",
        linked.to_str().unwrap(),
        &base.to_string(),
    ];
    fixture.git(&arguments);
    std::fs::create_dir(linked.join("sub")).unwrap();
    git_in(&linked, &["mv", "moved", "sub/moved"], b"");
    let repo = Repo::discover_isolated(&linked.join("sub")).unwrap();
    assert_eq!(repo.work_tree(), Some(linked.as_path()));
    assert_eq!(
        repo.common_dir().canonicalize().unwrap(),
        fixture.root().join(".git").canonicalize().unwrap()
    );
    assert_eq!(repo.git_dir(), fixture.root().join(".git/worktrees/linked"));
    let staged = repo.staged().unwrap();
    assert_eq!(repo.head().unwrap().tip(), Some(base));
    assert_eq!(staged.changes.len(), 1);
    assert_eq!(staged.changes[0].path(), &RepoPath::from("sub/moved"));
    let main = fixture.repo();
    assert_eq!(main.head().unwrap().tip(), Some(head));
    assert_eq!(main.staged().unwrap().changes, []);
}

#[test]
fn a_repack_beside_us_loses_nothing() {
    let fixture = Fixture::new();
    let (base, head) = two_commits(&fixture);
    let repo = fixture.repo();
    let (base, head) = (repo.tree_of(&base).unwrap(), repo.tree_of(&head).unwrap());
    let wanted = theirs(&fixture, &base, &head);
    fixture.git(&["repack", "-adq"]);
    assert_eq!(
        ours(&repo, &base, &head),
        wanted,
        "loose objects became a pack"
    );
    fixture.write("more", "more\n");
    fixture.commit();
    fixture.git(&["repack", "-adfq", "--depth=1"]);
    assert_eq!(ours(&repo, &base, &head), wanted, "the pack became another");
}

fn unreadable(repo: &Repo, changes: &[Change], limits: &ReadLimits) -> Vec<Option<Unreadable>> {
    repo.read_patches(changes, limits, |_, _, patch| match &patch.content {
        Content::Unreadable(why) => Some(why.clone()),
        _ => None,
    })
    .unwrap()
}

fn loose(fixture: &Fixture, id: &Oid) -> PathBuf {
    let hex = id.to_string();
    fixture
        .root()
        .join(".git/objects")
        .join(&hex[..2])
        .join(&hex[2..])
}

fn remove(path: &Path) {
    #[expect(
        clippy::disallowed_methods,
        reason = "a test damages its own repository"
    )]
    std::fs::remove_file(path).unwrap();
}

#[test]
fn a_missing_or_damaged_blob_is_unreadable_and_nothing_else_is() {
    let fixture = Fixture::new();
    let (base, head) = two_commits(&fixture);
    let repo = fixture.repo();
    let (base, head) = (repo.tree_of(&base).unwrap(), repo.tree_of(&head).unwrap());
    let changes = repo.changes(&base, &head).unwrap();
    let (gone, bad, other) = (
        changes[3].new().unwrap().id,
        changes[20].old().unwrap().id,
        changes[21].old().unwrap().id,
    );
    remove(&loose(&fixture, &gone));
    remove(&loose(&fixture, &bad));
    std::fs::copy(loose(&fixture, &other), loose(&fixture, &bad)).unwrap();
    let found = unreadable(&fixture.repo(), &changes, &ReadLimits::default());
    for (index, why) in found.iter().enumerate() {
        let expected = match index {
            3 => Some(Unreadable::Missing(gone)),
            20 => Some(Unreadable::Damaged(bad)),
            _ => None,
        };
        assert_eq!(*why, expected, "{index}");
    }
    let trusting = ReadLimits {
        verify: false,
        ..ReadLimits::default()
    };
    assert_eq!(unreadable(&fixture.repo(), &changes, &trusting)[20], None);
}

#[test]
fn a_blob_in_place_of_a_tree_and_a_damaged_tree_are_errors() {
    let fixture = Fixture::new();
    let (base, head) = two_commits(&fixture);
    let repo = fixture.repo();
    let (base, head) = (repo.tree_of(&base).unwrap(), repo.tree_of(&head).unwrap());
    let blob = fixture.id("HEAD:there");
    assert!(repo.changes(&base, &blob).is_err());
    assert!(repo.tree_of(&base).is_err());
    let (tree, other) = (fixture.id("HEAD:d1"), fixture.id("HEAD:d2"));
    remove(&loose(&fixture, &tree));
    std::fs::copy(loose(&fixture, &other), loose(&fixture, &tree)).unwrap();
    let error = fixture.repo().changes(&base, &head).unwrap_err();
    assert!(format!("{error:#}").contains("damaged"), "{error:#}");
    remove(&loose(&fixture, &tree));
    let error = fixture.repo().changes(&base, &head).unwrap_err();
    assert!(format!("{error:#}").contains("missing"), "{error:#}");
}

#[test]
fn a_tree_that_hides_an_entry_behind_another_is_an_error() {
    let fixture = Fixture::new();
    let blob: &[u8] = b"x\n";
    let twice = fixture.raw_tree(&[("100644", b"a", blob), ("100644", b"a", b"y\n")]);
    let empty = fixture.repo().empty_tree();
    assert!(fixture.repo().changes(&empty, &twice).is_err());
    let swapped = fixture.raw_tree(&[("100644", b"b", blob), ("100644", b"a", blob)]);
    let changes = fixture.repo().changes(&empty, &swapped).unwrap();
    let paths: Vec<_> = changes.iter().map(Change::path).collect();
    assert_eq!(paths, [&RepoPath::from("a"), &RepoPath::from("b")]);
}

#[test]
fn texts_over_the_limit_are_too_large_and_binary_ones_are_binary() {
    let fixture = Fixture::new();
    let big = "line\n".repeat(1000).into_bytes();
    let binary = [b"\0", big.as_slice()].concat();
    let old = fixture.tree(&[("100644", "binary", b"\0"), ("100644", "text", b"a\n")]);
    let new = fixture.tree(&[("100644", "binary", &binary), ("100644", "text", &big)]);
    let repo = fixture.repo();
    let limits = ReadLimits {
        max_file_bytes: 4999,
        ..ReadLimits::default()
    };
    for (old, new) in [(&old, &new), (&new, &old)] {
        let changes = repo.changes(old, new).unwrap();
        let found = unreadable(&repo, &changes, &limits);
        let why = Unreadable::TooLarge {
            bytes: 5000,
            limit: 4999,
        };
        assert_eq!(found, [None, Some(why)]);
    }
    let exactly = ReadLimits {
        max_file_bytes: 5000,
        ..ReadLimits::default()
    };
    let changes = repo.changes(&old, &new).unwrap();
    assert_eq!(unreadable(&repo, &changes, &exactly), [None, None]);
}

#[test]
fn an_error_or_a_panic_while_reading_many_files_ends_the_work() {
    let fixture = Fixture::new();
    let entry = |name: u32| Entry {
        path: RepoPath::from(name.to_string().as_str()),
        mode: Mode::Submodule,
        id: Oid::from_bytes(&[1; 20]).unwrap(),
    };
    let changes: Vec<Change> = (0..5000).map(|name| Change::Added(entry(name))).collect();
    let repo = fixture.repo();
    let limits = ReadLimits::default();
    let order = repo
        .read_patches(&changes, &limits, |index, _, _| index)
        .unwrap();
    assert!(order.iter().copied().eq(0..5000));
    let mut taken = 0;
    let stopped = repo.stream_patches(
        &changes,
        &limits,
        |_, _, _| (),
        |()| -> Result<()> {
            taken += 1;
            anyhow::ensure!(taken < 100, "enough");
            Ok(())
        },
    );
    assert_eq!(stopped.unwrap_err().to_string(), "enough");
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        repo.read_patches(&changes, &limits, |index, _, _| {
            assert!(index != 2000, "on purpose");
        })
    }));
    assert!(panicked.is_err());
}

#[test]
fn what_can_t_be_opened_says_what_to_do() {
    let directory = tempfile::tempdir().unwrap();
    let error = Repo::discover_isolated(directory.path()).err().unwrap();
    assert!(
        format!("{error:#}").contains("no Git repository in"),
        "{error:#}"
    );
    assert_eq!(hints(&error).len(), 1);

    let fixture = Fixture::with(&["--ref-format=reftable"]);
    let error = Repo::discover_isolated(fixture.root()).err().unwrap();
    assert!(format!("{error:#}").contains("reftable"), "{error:#}");
    assert!(hints(&error)[0].contains("git refs migrate"));
}

fn not_opened(directory: &Path) -> (String, String) {
    let error = Repo::discover_isolated(directory).err().unwrap();
    (format!("{error:#}"), hints(&error).concat())
}

#[test]
fn an_unknown_extension_or_version_is_refused_as_git_does() {
    // Also where git refuses the repository.
    let set = |fixture: &Fixture, name: &str| {
        fixture.git(&["config", "--file", ".git/config", name, "true"]);
    };
    let fixture = Fixture::new();
    two_commits(&fixture);
    fixture.git(&["config", "extensions.futureThing", "true"]);
    fixture.repo();
    fixture.git(&["config", "core.repositoryFormatVersion", "1"]);
    let (said, hint) = not_opened(fixture.root());
    assert!(
        said.contains("the extension `futureThing`") && hint.contains("newer"),
        "{said}"
    );

    let fixture = Fixture::new();
    two_commits(&fixture);
    fixture.git(&["config", "core.repositoryFormatVersion", "1"]);
    for known in ["NoOp", "preciousObjects", "partialClone"] {
        fixture.git(&["config", &format!("extensions.{known}"), "true"]);
    }
    fixture.git(&["log"]);
    // Only newer versions of git know these.
    for known in ["relativeWorktrees", "submodulePathConfig"] {
        set(&fixture, &format!("extensions.{known}"));
    }
    fixture.repo();
    set(&fixture, "extensions.noop.more");
    assert!(not_opened(fixture.root()).0.contains("`noop.more`"));

    let fixture = Fixture::new();
    fixture.git(&["config", "core.repositoryFormatVersion", "2"]);
    let (said, _) = not_opened(fixture.root());
    assert!(
        said.starts_with("cannot open the Git repository") && said.contains("version"),
        "{said}"
    );
}

#[test]
fn alternates_in_a_circle_or_to_nowhere_are_named() {
    let fixture = Fixture::new();
    let (base, head) = two_commits(&fixture);
    let objects = fixture.root().join(".git/objects").canonicalize().unwrap();
    let other = tempfile::tempdir().unwrap();
    let other = other.path().canonicalize().unwrap();
    let line = |path: &Path| format!("{}\n", path.display());
    std::fs::create_dir(other.join("info")).unwrap();
    #[expect(
        clippy::disallowed_methods,
        reason = "a test writes its own repository"
    )]
    std::fs::write(other.join("info/alternates"), line(&objects)).unwrap();
    for circle in [&other, &objects] {
        fixture.write(".git/objects/info/alternates", line(circle));
        let (said, hint) = not_opened(fixture.root());
        let file = circle.join("info/alternates");
        assert!(
            said.contains("in a circle") && said.contains(file.to_str().unwrap()),
            "{said}"
        );
        assert!(hint.contains("remove the line"), "{hint}");
    }
    let file = fixture.root().join("there");
    fixture.write("there", "a file\n");
    fixture.write(".git/objects/info/alternates", line(&file.join("below")));
    let (said, hint) = not_opened(fixture.root());
    assert!(said.starts_with("cannot open the Git repository"), "{said}");
    assert!(
        said.contains("there/below") && hint.contains("alternates"),
        "{said}"
    );
    // One that is gone is none.
    fixture.write(".git/objects/info/alternates", line(&other.join("gone")));
    let repo = fixture.repo();
    assert!(repo.tree_of(&base).is_ok() && repo.tree_of(&head).is_ok());
}

/// Switches the test below on, in a process of its own.
const TELL: &str = "DEEP_REVIEW_TEST_TELL";

/// Does nothing unless it is run again by [`discovered`], in an environment of its own; then it says
/// what was opened.
#[test]
fn what_is_discovered_is_told_to_who_asks() {
    if gix::path::env::var(TELL).is_none() {
        return;
    }
    match Repo::discover(Path::new(".")) {
        Ok(repo) => {
            let staged = repo.staged().unwrap();
            println!("git dir {}", repo.git_dir().display());
            println!("work tree {:?}", repo.work_tree());
            println!("head {:?}", repo.head().unwrap().tip());
            let files = repo.files_stand_in.as_deref().or(repo.work_tree());
            println!("files in {files:?}");
            for change in &staged.changes {
                println!("staged {:?}", change.path());
            }
        }
        Err(error) => println!("error {error:#}; {:?}", hints(&error)),
    }
}

fn discovered(directory: &Path, environment: &[(&str, &str)]) -> String {
    #[expect(
        clippy::disallowed_methods,
        reason = "the environment of this process can't be changed"
    )]
    let mut command = std::process::Command::new(std::env::current_exe().unwrap());
    let output = command
        .args([
            "--exact",
            "git::storage::what_is_discovered_is_told_to_who_asks",
            "--nocapture",
        ])
        .current_dir(directory)
        .env_clear()
        .env("HOME", directory)
        .env(TELL, "1")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .envs(environment.iter().copied())
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_named_repository_has_the_current_directory_as_its_work_tree() {
    let fixture = Fixture::new();
    two_commits(&fixture);
    let root = fixture.root().canonicalize().unwrap();
    let outside = root.parent().unwrap();
    let elsewhere = outside.join("elsewhere");
    let below = root.join("below");
    for directory in [&elsewhere, &below] {
        std::fs::create_dir(directory).unwrap();
    }
    let stands = |directory: &Path, git_dir: &Path, more: &[(&str, &str)]| {
        let named = [&[("GIT_DIR", git_dir.to_str().unwrap())], more].concat();
        let told = discovered(directory, &named);
        let line = told.lines().find_map(|line| line.strip_prefix("files in "));
        line.unwrap_or_else(|| panic!("{told}")).to_owned()
    };
    let at = |directory: &Path| format!("{:?}", Some(directory));
    let git_dir = root.join(".git");
    for directory in [&elsewhere, &below, &root] {
        assert_eq!(stands(directory, &git_dir, &[]), at(directory));
    }
    assert_eq!(
        stands(&elsewhere, "../repo/.git".as_ref(), &[]),
        at(&elsewhere)
    );
    // In these Git sees another work tree, or none.
    let named = [("GIT_WORK_TREE", below.to_str().unwrap())];
    assert_eq!(stands(&elsewhere, &git_dir, &named), at(&below));
    assert_eq!(stands(&git_dir, &git_dir, &[]), at(&root));
    let denied = [("GIT_IMPLICIT_WORK_TREE", "0")];
    assert_ne!(stands(&elsewhere, &git_dir, &denied), at(&elsewhere));

    let linked = outside.join("linked");
    fixture.git(&["worktree", "add", "-q", linked.to_str().unwrap()]);
    let private = git_dir.join("worktrees/linked");
    assert_eq!(stands(&linked, &private, &[]), at(&linked));

    fixture.git(&["config", "core.worktree", root.to_str().unwrap()]);
    assert_eq!(stands(&elsewhere, &git_dir, &[]), at(&root));
    fixture.git(&["config", "--unset", "core.worktree"]);
    fixture.git(&["config", "core.bare", "true"]);
    assert_eq!(stands(&elsewhere, &git_dir, &[]), "None");
}

#[test]
fn the_variables_that_git_sets_for_hooks_are_honoured() {
    let fixture = Fixture::new();
    two_commits(&fixture);
    fixture.write("staged", "staged\n");
    fixture.git(&["add", "staged"]);
    let root = fixture.root();
    let git_dir = format!("git dir {}\n", root.join(".git").display());
    let plain = discovered(root, &[]);
    assert!(
        plain.contains(&git_dir) && plain.contains("staged \"staged\""),
        "{plain}"
    );

    let outside = root.parent().unwrap();
    let (dir, tree) = (root.join(".git"), root.to_str().unwrap());
    let named = [("GIT_DIR", dir.to_str().unwrap()), ("GIT_WORK_TREE", tree)];
    assert!(discovered(outside, &named).contains(&format!("work tree Some({root:?})")));
    assert!(
        discovered(root, &[("GIT_DIR", ".git")]).contains(&git_dir),
        "relative"
    );

    let other = outside.join("other-index");
    let other = other.to_str().unwrap();
    std::fs::copy(root.join(".git/index"), other).unwrap();
    fixture.git(&["rm", "-q", "--cached", "staged"]);
    assert!(!discovered(root, &[]).contains("staged \"staged\""));
    assert!(discovered(root, &[("GIT_INDEX_FILE", other)]).contains("staged \"staged\""));

    let named = discovered(root, &[("GIT_NAMESPACE", "elsewhere")]);
    assert!(named.contains("head Some("), "{named}");

    for borrowed in ["GIT_OBJECT_DIRECTORY", "GIT_QUARANTINE_PATH"] {
        let said = discovered(root, &[(borrowed, outside.to_str().unwrap())]);
        assert!(said.contains("error") && said.contains(borrowed), "{said}");
    }
    assert!(discovered(outside, &[]).contains("error no Git repository"));
}
