//! Small repositories for tests, made and read by the real `git` in an environment of their own.
//! What is compared with them is left to the tests of each module.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::diff::Oid;

use super::Repo;

/// A repository in a temporary directory that goes with it.
pub(in crate::git) struct Fixture {
    _directory: tempfile::TempDir,
    root: PathBuf,
}

impl Fixture {
    /// An empty repository.
    pub(in crate::git) fn new() -> Self {
        Self::with(&[])
    }

    /// An empty repository, made with these further arguments of `git init`.
    pub(in crate::git) fn with(arguments: &[&str]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().join("repo");
        fs::create_dir(&root).unwrap();
        let fixture = Self {
            _directory: directory,
            root,
        };
        fixture.git(&[&["init", "-q", "-b", "main"], arguments].concat());
        fixture
    }

    /// The work tree.
    pub(in crate::git) fn root(&self) -> &Path {
        &self.root
    }

    /// The repository as we read it, without the configuration of whoever runs the test.
    pub(in crate::git) fn repo(&self) -> Repo {
        Repo::discover_isolated(&self.root).unwrap()
    }

    /// Runs git in the work tree and gives its standard output; panics if it fails.
    pub(in crate::git) fn git(&self, arguments: &[&str]) -> Vec<u8> {
        self.feed(arguments, b"")
    }

    /// Runs git with input.
    pub(in crate::git) fn feed(&self, arguments: &[&str], input: &[u8]) -> Vec<u8> {
        git_in(&self.root, arguments, input)
    }

    /// Writes a file, and the directories it needs.
    pub(in crate::git) fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        #[expect(
            clippy::disallowed_methods,
            reason = "a test writes its own repository"
        )]
        fs::write(path, content).unwrap();
    }

    /// Adds everything and commits it.
    pub(in crate::git) fn commit(&self) -> Oid {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "--allow-empty", "-m", "commit"]);
        self.id("HEAD")
    }

    /// The object a name stands for.
    pub(in crate::git) fn id(&self, name: &str) -> Oid {
        let hex = self.git(&["rev-parse", "--verify", name]);
        Oid::from_hex(String::from_utf8(hex).unwrap().trim()).unwrap()
    }
}

/// Runs git in a directory, with nothing of the environment but the path.
pub(in crate::git) fn git_in(directory: &Path, arguments: &[&str], input: &[u8]) -> Vec<u8> {
    #[expect(
        clippy::disallowed_methods,
        reason = "git is the oracle of these tests"
    )]
    let mut command = Command::new("git");
    #[expect(clippy::disallowed_methods, reason = "git itself has to be found")]
    let path = std::env::var_os("PATH").unwrap();
    let mut child = command
        .args(arguments)
        .current_dir(directory)
        .env_clear()
        .env("PATH", path)
        .env("HOME", directory)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_ATTR_NOSYSTEM", "1")
        .env("GIT_AUTHOR_NAME", "A")
        .env("GIT_AUTHOR_EMAIL", "a@example.org")
        .env("GIT_AUTHOR_DATE", "2020-01-01T00:00:00Z")
        .env("GIT_COMMITTER_NAME", "C")
        .env("GIT_COMMITTER_EMAIL", "c@example.org")
        .env("GIT_COMMITTER_DATE", "2020-01-01T00:00:00Z")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(
        output.status.success(),
        "git {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    output.stdout
}
