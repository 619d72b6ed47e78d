//! A temporary root with a home, repositories and remotes in it; nothing of the real user is in reach.
//! Running a program and looking at its end is left to `call`.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;

use super::call::{Call, Said};

/// The program under test.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_deep-review");

/// Its companion that Git finds.
pub(crate) const COMPANION: &str = env!("CARGO_BIN_EXE_git-deep-review");

/// A script with a problem that blocks: a debugger statement.
pub(crate) const FLAWED: &str =
    "export function total(prices) {\n  debugger;\n  return prices.length;\n}\n";

/// The same script without it.
pub(crate) const SOUND: &str = "export function total(prices) {\n  return prices.length;\n}\n";

const GIT_CONFIG: &str = "[init]\n\tdefaultBranch = main\n[gc]\n\tauto = 0\n[advice]\n\tdetachedHead = false\n\
     [protocol \"file\"]\n\tallow = always\n[core]\n\tautocrlf = false\n";

/// A temporary root; everything in it goes away with it.
#[derive(Debug)]
pub(crate) struct Sandbox {
    root: TempDir,
    /// Where agents read: a cache below what everybody can write to, such as the usual place for
    /// temporary files, is refused.
    cache: TempDir,
}

/// A repository in a sandbox.
#[derive(Clone, Debug)]
pub(crate) struct Repo<'s> {
    sandbox: &'s Sandbox,
    dir: PathBuf,
}

impl Sandbox {
    /// An empty root with a home in it.
    pub(crate) fn new() -> Self {
        Self::within(&std::env::temp_dir())
    }

    /// The same where no directory above is open to everybody: agents load files from there, so no snapshot is
    /// put below such a one.
    pub(crate) fn private() -> Self {
        Self::within(Path::new(env!("CARGO_TARGET_TMPDIR")))
    }

    fn within(place: &Path) -> Self {
        let sandbox = Self {
            root: tempfile::Builder::new()
                .prefix("deep-review-test-")
                .tempdir_in(place)
                .unwrap(),
            cache: tempfile::Builder::new()
                .prefix("cache-")
                .tempdir_in(env!("CARGO_TARGET_TMPDIR"))
                .unwrap(),
        };
        for dir in ["home", "config", "state", "tmp"] {
            fs::create_dir(sandbox.path(dir)).unwrap();
        }
        write(&sandbox.path("gitconfig"), GIT_CONFIG);
        sandbox
    }

    /// A place in it.
    pub(crate) fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.root.path().join(name)
    }

    /// A place in its cache.
    pub(crate) fn cache(&self, name: impl AsRef<Path>) -> PathBuf {
        self.cache.path().join(name)
    }

    /// A program in it, with an environment that holds nothing from outside but the search path.
    pub(crate) fn call(&self, program: impl AsRef<OsStr>) -> Call {
        Call::new(program.as_ref(), self.root.path(), &self.environment())
    }

    /// Copies a program. Another process does it: a child that a test beside this one starts meanwhile
    /// would inherit the file open for writing, and then it could not be run (`ETXTBSY`).
    pub(crate) fn copy(&self, from: impl AsRef<OsStr>, to: impl AsRef<OsStr>) {
        self.call("cp").arg(from).arg(to).run().code(0);
    }

    /// `deep-review` in it, outside any repository.
    pub(crate) fn deep_review<W: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = W>) -> Said {
        self.call(PROGRAM).args(words).run()
    }

    /// Writes the user's own configuration.
    pub(crate) fn configure(&self, text: &str) {
        write(&self.path("config/deep-review/config.toml"), text);
    }

    /// An empty repository on `main`.
    pub(crate) fn repo(&self) -> Repo<'_> {
        self.repo_called("work")
    }

    /// An empty repository of this name.
    pub(crate) fn repo_called(&self, name: &str) -> Repo<'_> {
        self.call("git").args(["init", "-q", name]).run().code(0);
        self.existing(name)
    }

    /// A bare repository to push to.
    pub(crate) fn bare(&self, name: &str) -> Repo<'_> {
        self.call("git")
            .args(["init", "-q", "--bare", name])
            .run()
            .code(0);
        self.existing(name)
    }

    /// What already is a repository, or a worktree of one.
    pub(crate) fn existing(&self, name: &str) -> Repo<'_> {
        Repo {
            sandbox: self,
            dir: self.path(name),
        }
    }

    /// A repository with a remote `origin` that has its first commit on `main`, the hook installed, and
    /// the branch `topic` checked out; with its remote.
    pub(crate) fn hooked(&self) -> (Repo<'_>, Repo<'_>) {
        let (repo, remote) = self.cloned();
        repo.deep_review(["install"]).code(0);
        (repo, remote)
    }

    /// A branch with the flaw in `cart.js`, reviewed; with the finding's id.
    pub(crate) fn flawed(&self) -> (Repo<'_>, String) {
        let (repo, _) = self.hooked();
        repo.commit_file("cart.js", FLAWED);
        repo.deep_review([""; 0]).code(1);
        let id = id_of(&repo.findings()[0]);
        (repo, id)
    }

    /// As [`Sandbox::hooked`], without the hook.
    pub(crate) fn cloned(&self) -> (Repo<'_>, Repo<'_>) {
        let remote = self.bare("remote.git");
        let repo = self.repo();
        repo.git(["remote", "add", "origin", "../remote.git"]);
        repo.write("README.md", "A shop.\n");
        repo.commit("Begin");
        repo.git(["push", "-q", "origin", "main"]);
        repo.git(["checkout", "-q", "-b", "topic"]);
        (repo, remote)
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "the search path is all that is taken from outside"
    )]
    fn environment(&self) -> Vec<(OsString, OsString)> {
        let mut path = vec![
            Path::new(COMPANION)
                .parent()
                .expect("a program has a directory")
                .to_owned(),
        ];
        path.extend(std::env::split_paths(
            &std::env::var_os("PATH").unwrap_or_default(),
        ));
        let mut environment = vec![(
            OsString::from("PATH"),
            std::env::join_paths(path).expect("it was split before"),
        )];
        for (name, place) in [
            ("HOME", "home"),
            ("XDG_CONFIG_HOME", "config"),
            ("XDG_STATE_HOME", "state"),
            ("TMPDIR", "tmp"),
            ("GIT_CONFIG_GLOBAL", "gitconfig"),
        ] {
            environment.push((name.into(), self.path(place).into()));
        }
        environment.push(("XDG_CACHE_HOME".into(), self.cache.path().into()));
        for (name, value) in [
            ("GIT_CONFIG_NOSYSTEM", "1"),
            ("GIT_TERMINAL_PROMPT", "0"),
            ("GIT_PAGER", "cat"),
            ("GIT_EDITOR", "true"),
            ("GIT_AUTHOR_NAME", "Ada"),
            ("GIT_AUTHOR_EMAIL", "ada@example.org"),
            ("GIT_AUTHOR_DATE", "2026-01-02T03:04:05Z"),
            ("GIT_COMMITTER_NAME", "Ada"),
            ("GIT_COMMITTER_EMAIL", "ada@example.org"),
            ("GIT_COMMITTER_DATE", "2026-01-02T03:04:05Z"),
            ("LC_ALL", "C"),
            ("TZ", "UTC"),
            ("COLUMNS", "100"),
            ("TERM", "dumb"),
        ] {
            environment.push((name.into(), value.into()));
        }
        environment
    }
}

impl<'s> Repo<'s> {
    /// Where it stands.
    pub(crate) fn sandbox(&self) -> &'s Sandbox {
        self.sandbox
    }
}

impl Repo<'_> {
    /// A place in its worktree.
    pub(crate) fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.dir.join(name)
    }

    /// A place in its store.
    pub(crate) fn store(&self, name: &str) -> PathBuf {
        self.dir.join(".git/deep-review").join(name)
    }

    /// Writes a file of the worktree, with its directories.
    pub(crate) fn write(&self, name: impl AsRef<Path>, text: impl AsRef<[u8]>) {
        write(&self.path(name), text);
    }

    /// Commits everything in the worktree; returns the commit's id.
    pub(crate) fn commit(&self, message: &str) -> String {
        self.git(["add", "-A"]);
        self.git([
            "commit",
            "-q",
            "--no-verify",
            "--allow-empty",
            "-m",
            message,
        ]);
        self.id("HEAD")
    }

    /// Writes one file and commits it.
    pub(crate) fn commit_file(&self, name: &str, text: impl AsRef<[u8]>) -> String {
        self.write(name, text);
        self.commit(&format!("Write {name}"))
    }

    /// The id of a revision, or nothing if there is none.
    pub(crate) fn id(&self, revision: &str) -> String {
        let said = self.try_git(["rev-parse", "-q", "--verify", revision]);
        said.stdout.trim().to_owned()
    }

    /// Every ref of it with its id.
    pub(crate) fn refs(&self) -> String {
        self.git(["for-each-ref", "--format=%(refname) %(objectname)"])
    }

    /// A program in its worktree.
    pub(crate) fn call(&self, program: impl AsRef<OsStr>) -> Call {
        self.sandbox.call(program).within(&self.dir)
    }

    /// Runs `git`, which must succeed; returns what it prints.
    #[track_caller]
    pub(crate) fn git<W: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = W>) -> String {
        self.try_git(words).code(0).stdout.trim_end().to_owned()
    }

    /// Runs `git`.
    pub(crate) fn try_git<W: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = W>) -> Said {
        self.call("git").args(words).run()
    }

    /// Runs `git push`.
    pub(crate) fn push<W: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = W>) -> Said {
        self.call("git").arg("push").args(words).run()
    }

    /// Runs `deep-review`.
    pub(crate) fn deep_review<W: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = W>) -> Said {
        self.call(PROGRAM).args(words).run()
    }

    /// Reviews the branch; returns the report.
    #[track_caller]
    pub(crate) fn review(&self) -> Value {
        self.deep_review(["--format", "json"]).json()
    }

    /// Every finding ever raised here, as it stands now.
    #[track_caller]
    pub(crate) fn findings(&self) -> Vec<Value> {
        let listed = self
            .deep_review(["findings", "--all", "--format", "json"])
            .code(0);
        listed.json().as_array().expect("it is a list").clone()
    }

    /// The hook, told by hand what is pushed.
    pub(crate) fn hook(&self, remote: &str, url: &str, lines: &str) -> Call {
        self.call(PROGRAM)
            .args(["hook", "pre-push", "--", remote, url])
            .input(lines)
    }
}

/// The id of a finding as it is listed.
pub(crate) fn id_of(standing: &Value) -> String {
    standing["finding"]["id"].as_str().unwrap().to_owned()
}

/// Writes a file with its directories.
#[expect(
    clippy::disallowed_methods,
    reason = "tests write what the programs under test read"
)]
pub(crate) fn write(path: &Path, text: impl AsRef<[u8]>) {
    fs::create_dir_all(path.parent().expect("a file has a directory")).unwrap();
    fs::write(path, text).unwrap();
}

/// Every file below a directory with its bytes, in order of their names.
pub(crate) fn contents(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    let Ok(entries) = fs::read_dir(dir) else {
        return found;
    };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.symlink_metadata().unwrap().is_dir() {
            found.extend(contents(&path));
        } else {
            let bytes = fs::read(&path).unwrap_or_default();
            found.push((path, bytes));
        }
    }
    found.sort();
    found
}

/// Who has read a file, the rules aside.
pub(crate) fn readers(report: &Value, path: &str) -> Vec<String> {
    let units = report["targets"][0]["units"].as_array().unwrap();
    let unit = units.iter().find(|unit| unit["path"] == path).unwrap();
    let names = unit["read_by"].as_array().into_iter().flatten();
    names
        .map(|name| name.as_str().unwrap().to_owned())
        .filter(|name| name != "rules")
        .collect()
}

/// How many units an agent read in a review, and how many it remembered.
pub(crate) fn read_and_remembered(report: &Value) -> (u64, u64) {
    let number = |name: &str| report["agents"][0][name].as_u64().expect("it is a number");
    (number("read"), number("remembered"))
}
