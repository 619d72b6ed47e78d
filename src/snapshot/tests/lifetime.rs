//! From the lock to the last deletion, and what agents may find and do in between.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use super::{Cache, SHOW_ALL, git, plan, put};
use crate::diff::{Change, Oid, RepoPath};
use crate::git::fixture::Fixture;
use crate::snapshot::sweep::sweep_at;
use crate::snapshot::{Head, Patience, Redacted, build_at, material};

fn small(fixture: &Fixture) -> Oid {
    fixture.write("a", "a\n");
    fixture.write("dir/b", "b\n");
    fixture.commit()
}

fn names(cache: &Cache) -> Vec<String> {
    let entries = fs::read_dir(cache.place().path()).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != "lock")
        .collect();
    names.sort();
    names
}

fn mode(path: &std::path::Path) -> u32 {
    fs::symlink_metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn only_the_owner_can_read_a_snapshot_and_it_goes_when_it_is_dropped() {
    let fixture = Fixture::new();
    let head = small(&fixture);
    let cache = Cache::new();
    let snapshot = cache.of(&fixture.repo(), head, None);
    let home = snapshot.agent_home("claude").unwrap();
    assert_eq!(snapshot.agent_home("claude").unwrap(), home);
    let other = snapshot.agent_home("../Evil/.env").unwrap();
    assert_eq!(home.parent(), other.parent());
    assert!(!home.starts_with(&snapshot.path));
    put(&home.join("scratch"), "x");
    for dir in [
        &snapshot.path,
        &home,
        home.parent().unwrap(),
        &snapshot.path.join("dir"),
    ] {
        assert_eq!(mode(dir), 0o700, "{}", dir.display());
    }
    for file in ["a", "dir/b", ".git/config", ".git/index"] {
        assert_eq!(mode(&snapshot.path.join(file)), 0o600, "{file}");
    }
    assert_eq!(snapshot.changed(), None, "a home is not part of it");
    drop(snapshot);
    assert!(names(&cache).is_empty());
}

#[test]
fn agents_share_a_snapshot_over_threads() {
    let fixture = Fixture::new();
    let head = small(&fixture);
    let cache = Cache::new();
    let snapshot = &cache.of(&fixture.repo(), head, None);
    let homes: Vec<_> = std::thread::scope(|scope| {
        let asked: Vec<_> = ["claude", "codex", "house"]
            .map(|agent| {
                scope.spawn(move || (snapshot.agent_home(agent).unwrap(), snapshot.changed()))
            })
            .into();
        asked
            .into_iter()
            .map(|asked| asked.join().unwrap())
            .collect()
    });
    assert!(
        homes
            .iter()
            .all(|(home, changed)| home.is_dir() && changed.is_none())
    );
}

#[test]
fn a_snapshot_is_out_of_the_way_before_it_is_deleted() {
    let fixture = Fixture::new();
    let head = small(&fixture);
    let cache = Cache::new();
    let snapshot = cache.of(&fixture.repo(), head, None);
    let path = snapshot.path.clone();
    let aside = snapshot.set_aside().unwrap();
    assert!(!path.exists());
    assert_eq!(names(&cache).len(), 1);
    aside.delete().unwrap();
    assert!(names(&cache).is_empty());

    let snapshot = cache.of(&fixture.repo(), head, None);
    let locked = snapshot.path.join("dir");
    fs::set_permissions(&locked, fs::Permissions::from_mode(0o000)).unwrap();
    snapshot.remove().unwrap();
    assert!(names(&cache).is_empty());
}

#[test]
fn dead_ones_are_swept_and_live_ones_are_not() {
    let fixture = Fixture::new();
    let head = small(&fixture);
    let cache = Cache::new();
    let live = cache.of(&fixture.repo(), head, None);
    // What a killed run leaves: its files, and a lock that nobody holds.
    let dead = cache.place().path().join("s-dead");
    put(&dead.join("tree/a"), "a");
    put(&dead.join("lock"), "");
    put(&cache.place().path().join("s-without-lock/tree/a"), "a");
    put(&cache.place().path().join("dead-s-1/tree/a"), "a");
    put(&cache.place().path().join("stranger/a"), "a");
    assert_eq!(sweep_at(&cache.place()).unwrap(), 3);
    assert_eq!(names(&cache).len(), 2, "the live one and the stranger");
    assert!(live.path.join("a").exists());
    assert_eq!(sweep_at(&cache.place()).unwrap(), 0);
    drop(live);
    assert_eq!(names(&cache), ["stranger"]);
}

#[test]
fn what_takes_long_to_delete_is_left_to_a_later_sweep() {
    let fixture = Fixture::new();
    let head = small(&fixture);
    let cache = Cache::new();
    let few = cache.of(&fixture.repo(), head, None);
    assert!(few.set_aside().unwrap().delete_if_quick().unwrap());
    assert!(names(&cache).is_empty());

    let many = cache.of(&fixture.repo(), head, None);
    for nth in 0..600 {
        put(&many.path.join(format!("dir/more/{nth}")), "");
    }
    let path = many.path.clone();
    assert!(!many.set_aside().unwrap().delete_if_quick().unwrap());
    assert!(!path.exists(), "it is out of the way");
    assert_eq!(sweep_at(&cache.place()).unwrap(), 1);
    assert!(names(&cache).is_empty());
}

/// Switches the test below on, in a process of its own.
const HOLD: &str = "DEEP_REVIEW_TEST_HOLD";

/// Does nothing unless it is run again by the test after it; then it holds a snapshot until its input ends.
#[test]
fn a_snapshot_is_held_for_who_asks() {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is how a test talks to itself"
    )]
    let Some(cache) = std::env::var_os(HOLD) else {
        return;
    };
    let fixture = Fixture::new();
    let head = small(&fixture);
    let repo = fixture.repo();
    let place = crate::snapshot::place::Place::unchecked(std::path::Path::new(&cache)).unwrap();
    let snapshot = build_at(place, &plan(&repo, Head::Commit(head), None)).unwrap();
    println!("holding");
    std::io::stdin().read_line(&mut String::new()).unwrap();
    drop(snapshot);
}

#[test]
fn a_process_that_is_killed_leaves_a_snapshot_that_is_swept() {
    use std::io::{BufRead, BufReader};
    let cache = Cache::new();
    #[expect(clippy::disallowed_methods, reason = "a process that can be killed")]
    let mut child = std::process::Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "snapshot::tests::lifetime::a_snapshot_is_held_for_who_asks",
            "--nocapture",
        ])
        .env(HOLD, cache.0.path())
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let said = BufReader::new(child.stdout.take().unwrap());
    let held = said
        .lines()
        .map_while(Result::ok)
        .any(|line| line.contains("holding"));
    assert!(held);
    assert_eq!(sweep_at(&cache.place()).unwrap(), 0, "it is alive");
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(names(&cache).len(), 1);
    assert_eq!(sweep_at(&cache.place()).unwrap(), 1);
    assert!(names(&cache).is_empty());
}

#[test]
fn a_place_inside_the_repository_is_refused() {
    let fixture = Fixture::new();
    let head = small(&fixture);
    let repo = fixture.repo();
    for dir in ["cache", ".git/cache"] {
        let place = crate::snapshot::place::Place::unchecked(&fixture.root().join(dir)).unwrap();
        let error = build_at(place, &plan(&repo, Head::Commit(head), None)).unwrap_err();
        assert!(
            format!("{error:#}").contains("inside the repository"),
            "{error:#}"
        );
    }
}

#[test]
fn what_an_agent_changes_is_told() {
    let fixture = Fixture::new();
    let base = small(&fixture);
    fixture.write("a", "other\n");
    let head = fixture.commit();
    let cache = Cache::new();
    let changed = |what: &str, change: &dyn Fn(&std::path::Path)| {
        let snapshot = cache.of(&fixture.repo(), head, Some(base));
        snapshot
            .add_file("brief.md", b"read this\n".to_vec())
            .unwrap();
        assert_eq!(snapshot.changed(), None, "{what}, before");
        change(&snapshot.path);
        snapshot.changed().unwrap_or_else(|| panic!("{what}"))
    };
    assert_eq!(
        changed("edit", &|tree| put(&tree.join("a"), "edit!\n")),
        "\"a\" was edited"
    );
    assert_eq!(
        changed("add", &|tree| put(&tree.join("dir/new"), "")),
        "\"dir/new\" was added"
    );
    let remove = |tree: &std::path::Path| {
        #[expect(clippy::disallowed_methods, reason = "what an agent may do")]
        fs::remove_file(tree.join("dir/b")).unwrap();
    };
    assert_eq!(changed("remove", &remove), "\"dir/b\" was removed");
    // Same size, and the old time put back.
    let disguised = changed("disguised", &|tree| {
        let before = fs::metadata(tree.join("a")).unwrap().modified().unwrap();
        put(&tree.join("a"), "OTHER\n");
        let file = File::options().append(true).open(tree.join("a")).unwrap();
        file.set_modified(before).unwrap();
    });
    assert_eq!(disguised, "\"a\" was edited");
    let brief = |tree: &std::path::Path| put(&tree.join(".deep-review/brief.md"), "or this\n");
    assert_eq!(
        changed("brief", &brief),
        "\".deep-review/brief.md\" was edited"
    );
    let config = |tree: &std::path::Path| put(&tree.join(".git/config"), "[core]\n");
    assert_eq!(changed("config", &config), "\".git/config\" was edited");
    for (what, command) in [
        ("HEAD", &["checkout", "-qf", "base"][..]),
        ("a ref", &["update-ref", "refs/heads/mine", "HEAD"]),
        ("the index", &["rm", "-q", "--cached", "a"]),
        ("objects", &["hash-object", "-w", "a"]),
    ] {
        if what == "objects" {
            // That one is there already; another one is not.
            let told = changed(what, &|tree| put(&tree.join(".git/objects/aa/bb"), "x"));
            assert!(told.contains("was added"), "{told}");
            continue;
        }
        let told = changed(what, &|tree| {
            git(tree, command);
        });
        assert!(told.contains(".git/"), "{what}: {told}");
    }
}

#[test]
fn the_brief_s_files_have_plain_names_that_no_agent_loads() {
    let fixture = Fixture::new();
    let head = small(&fixture);
    let cache = Cache::new();
    let snapshot = cache.of(&fixture.repo(), head, None);
    for good in [
        "diff.patch",
        "base/0001.txt",
        "blame/0001.txt",
        "diff/u01-001.txt",
    ] {
        snapshot.add_file(good, b"x".to_vec()).unwrap();
    }
    for bad in [
        "",
        ".",
        "..",
        "../x",
        "a/b",
        "base/",
        "base/../x",
        "base/a/b",
        "/x",
        ".hidden",
        "base/.env",
        "CLAUDE.md",
        "base/CLAUDE.md",
        "base/AGENTS.md",
        "with blank",
        "-option",
        "pages/0001.txt",
        "ü",
    ] {
        assert!(snapshot.add_file(bad, b"x".to_vec()).is_err(), "{bad:?}");
    }
    // Two agents may be given the same page, and no page is ever replaced.
    snapshot.add_file("diff.patch", b"x".to_vec()).unwrap();
    assert!(snapshot.add_file("diff.patch", b"y".to_vec()).is_err());
    let page = |bytes: &[u8]| ("diff/u02-001.txt".to_owned(), bytes.to_vec());
    snapshot.add_files(&[page(b"x"), page(b"x")]).unwrap();
    assert!(snapshot.add_files(&[page(b"y"), page(b"x")]).is_err());
    let many: Vec<_> = (0..100)
        .map(|nth| (format!("base/{nth}.txt"), format!("{nth}\n").into_bytes()))
        .collect();
    snapshot.add_files(&many).unwrap();
    let written = fs::read(snapshot.path.join(".deep-review/base/99.txt"));
    assert_eq!(written.unwrap(), b"99\n");
    assert_eq!(snapshot.changed(), None);
    assert_eq!(git(&snapshot.path, &["status", "--porcelain"]), "");
    assert_eq!(snapshot.changed(), None);
}

#[test]
fn the_material_of_each_unit_is_written_and_listed() {
    let fixture = Fixture::new();
    fixture.write("edited", "one\ntwo\nkey = hunter2\n");
    fixture.write("dir/CLAUDE.md", "old orders\n");
    fixture.write("binary", b"\0\x01");
    fixture.write("gone", "was here\n");
    fixture.write("old-name", "a long enough text\nof two lines\n");
    let base = fixture.commit();
    fixture.write("edited", "one\n2\nkey = hunter2\n");
    fixture.write("dir/CLAUDE.md", "new orders\n");
    fixture.write("binary", b"\0\x02");
    fixture.write("new", "new\n");
    fixture.git(&["rm", "-q", "gone"]);
    fixture.git(&["mv", "old-name", "new-name"]);
    fixture.git(&["add", "-A"]);
    fixture.git(&["commit", "-qm", "change \u{1b}[31mall hunter2"]);
    let head = fixture.id("HEAD");
    let repo = fixture.repo();
    let redact = |_: &RepoPath, text: &[u8]| {
        let text = String::from_utf8_lossy(text);
        if text.contains("hunter2") {
            Redacted::Text(text.replace("hunter2", "*").into_bytes())
        } else {
            Redacted::Same
        }
    };
    let cache = Cache::new();
    let snapshot = cache.of(&repo, head, Some(base));
    let changes = repo
        .changes(&repo.tree_of(&base).unwrap(), &repo.tree_of(&head).unwrap())
        .unwrap();
    let units: Vec<(String, &Change)> = changes
        .iter()
        .enumerate()
        .map(|(nth, change)| (format!("u{:02}", nth + 1), change))
        .collect();
    let patience = Patience {
        file: Duration::from_secs(60),
        all: Duration::from_secs(60),
    };
    let made = material(&snapshot, &repo, &units, &redact, patience).unwrap();
    let brief =
        |name: &str| fs::read_to_string(snapshot.path.join(".deep-review").join(name)).unwrap();
    let unit = |path: &str| {
        let path = RepoPath::from(path);
        made.units.iter().find(|unit| unit.path == path).unwrap()
    };
    let text_of = |path: &str| brief(unit(path).base.as_deref().unwrap());
    assert_eq!(text_of("edited"), "one\ntwo\nkey = *\n");
    assert_eq!(text_of("dir/CLAUDE.md"), "old orders\n");
    assert!(!unit("dir/CLAUDE.md").in_tree && unit("edited").in_tree);
    assert_eq!(unit("binary").no_base.as_deref(), Some("it is binary"));
    assert_eq!((&unit("new").base, &unit("new").blame), (&None, &None));
    assert_eq!(unit("gone").status, 'D');
    assert_eq!(unit("new-name").old_path, Some(RepoPath::from("old-name")));
    let blame = brief(unit("edited").blame.as_deref().unwrap());
    let (old, new) = (base.short(), head.short());
    assert_eq!(
        blame,
        format!(
            "lines 1-1  {old}  commit\nlines 2-2  {new}  change ^[[31mall *\nlines 3-3  {old}  commit\n"
        )
    );
    assert!(brief(unit("gone").blame.as_deref().unwrap()).contains(&old));
    let log = brief(made.log.as_deref().unwrap());
    assert_eq!(log, format!("{new}  A  change ^[[31mall *\n"));
    let listed: serde_json::Value = serde_json::from_str(&brief("units.json")).unwrap();
    assert_eq!(listed.as_array().unwrap().len(), changes.len());
    assert_eq!(listed[0]["id"], "u01");
    assert_eq!(snapshot.changed(), None);

    let hasty = cache.of(&repo, head, Some(base));
    let none = Patience {
        file: Duration::ZERO,
        all: Duration::ZERO,
    };
    let made = material(&hasty, &repo, &units, SHOW_ALL, none).unwrap();
    assert!(made.units.iter().all(|unit| unit.blame.is_none()));
    assert!(made.units.iter().any(|unit| unit.base.is_some()));
}

#[test]
fn nothing_above_a_snapshot_sets_variables_for_gemini() {
    let fixture = Fixture::new();
    let head = small(&fixture);
    let cache = Cache::new();
    let snapshot = cache.of(&fixture.repo(), head, None);
    let first = snapshot.path.ancestors().find_map(|above| {
        let named = [".gemini/.env", ".env"].map(|name| above.join(name));
        named.into_iter().find(|path| path.exists())
    });
    let own = snapshot.path.parent().unwrap().join(".gemini/.env");
    assert_eq!(first, Some(own.clone()));
    assert_eq!(fs::read(own).unwrap(), b"");
}
