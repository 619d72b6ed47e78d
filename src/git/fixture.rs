//! Small repositories for tests, made and read by the real `git` in an environment of their own.
//! What is compared with them is left to the tests of each module.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::diff::Oid;

use super::Repo;

/// A file of a random history: path, mode, content; of a submodule the content is its id.
pub(crate) type File = (String, &'static str, Vec<u8>);

/// Mode, path and id of a tree's file.
type Leaf<'a> = (&'a str, &'a [u8], Oid);

/// A repository in a temporary directory that goes with it.
pub(crate) struct Fixture {
    _directory: tempfile::TempDir,
    root: PathBuf,
}

impl Fixture {
    /// An empty repository.
    pub(crate) fn new() -> Self {
        Self::with(&[])
    }

    /// An empty repository, made with these further arguments of `git init`.
    pub(crate) fn with(arguments: &[&str]) -> Self {
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
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// The repository as we read it, without the configuration of whoever runs the test.
    pub(crate) fn repo(&self) -> Repo {
        Repo::discover_isolated(&self.root).unwrap()
    }

    /// Runs git in the work tree and gives its standard output; panics if it fails.
    pub(crate) fn git(&self, arguments: &[&str]) -> Vec<u8> {
        self.feed(arguments, b"")
    }

    /// Runs git with input.
    pub(crate) fn feed(&self, arguments: &[&str], input: &[u8]) -> Vec<u8> {
        git_in(&self.root, arguments, input)
    }

    /// Writes a file, and the directories it needs.
    pub(crate) fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        #[expect(
            clippy::disallowed_methods,
            reason = "a test writes its own repository"
        )]
        fs::write(path, content).unwrap();
    }

    /// Adds everything and commits it.
    pub(crate) fn commit(&self) -> Oid {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "--allow-empty", "-m", "commit"]);
        self.id("HEAD")
    }

    /// Writes a tree of these modes, paths and contents; of a submodule the content is its id.
    pub(crate) fn tree(&self, entries: &[(&str, &str, &[u8])]) -> Oid {
        let entries: Vec<_> = entries
            .iter()
            .map(|(mode, path, content)| (*mode, path.as_bytes(), *content))
            .collect();
        self.raw_tree(&entries)
    }

    /// Writes a tree whose paths are any bytes, with modes as they are given.
    pub(crate) fn raw_tree(&self, entries: &[(&str, &[u8], &[u8])]) -> Oid {
        let contents: Vec<&[u8]> = entries.iter().map(|entry| entry.2).collect();
        let ids = self.blobs(&contents);
        let leaves: Vec<_> = entries
            .iter()
            .zip(ids)
            .map(|((mode, path, content), blob)| {
                let commit = || Oid::from_hex(std::str::from_utf8(content).unwrap()).unwrap();
                let id = if *mode == "160000" { commit() } else { blob };
                (*mode, *path, id)
            })
            .collect();
        self.write_tree(&leaves)
    }

    /// Writes trees bottom up, as raw objects, so that unusual modes survive.
    fn write_tree(&self, leaves: &[Leaf]) -> Oid {
        let mut lines: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
        let mut below: BTreeMap<&[u8], Vec<Leaf>> = BTreeMap::new();
        for (mode, path, id) in leaves {
            match path.iter().position(|byte| *byte == b'/') {
                Some(slash) => {
                    let directory = below.entry(&path[..slash]).or_default();
                    directory.push((mode, &path[slash + 1..], *id));
                }
                None => lines.push((path.to_vec(), tree_line(mode, path, id))),
            }
        }
        for (name, leaves) in below {
            let id = self.write_tree(&leaves);
            lines.push(([name, b"/"].concat(), tree_line("40000", name, &id)));
        }
        lines.sort();
        let tree: Vec<u8> = lines.into_iter().flat_map(|(_, line)| line).collect();
        let hex = self.feed(
            &["hash-object", "-t", "tree", "-w", "--literally", "--stdin"],
            &tree,
        );
        Oid::from_hex(String::from_utf8(hex).unwrap().trim()).unwrap()
    }

    /// Writes blobs with one process.
    fn blobs(&self, contents: &[&[u8]]) -> Vec<Oid> {
        let mut stream = Vec::new();
        for (mark, content) in contents.iter().enumerate() {
            stream.extend(format!("blob\nmark :{}\ndata {}\n", mark + 1, content.len()).bytes());
            stream.extend_from_slice(content);
            stream.extend(format!("\nget-mark :{}\n", mark + 1).bytes());
        }
        let ids = self.feed(&["fast-import", "--quiet"], &stream);
        let ids = String::from_utf8(ids).unwrap();
        ids.lines().map(|hex| Oid::from_hex(hex).unwrap()).collect()
    }

    /// Writes a tree per list of paths, modes and contents.
    pub(crate) fn import(&self, history: &[Vec<File>]) -> Vec<Oid> {
        let mut stream = Vec::new();
        for files in history {
            stream.extend(
                b"commit refs/heads/main\ncommitter C <c@example.org> 0 +0000\ndata 0\ndeleteall\n",
            );
            for (path, mode, content) in files {
                let path = path.replace('"', "\\\"");
                if *mode == "160000" {
                    let id = std::str::from_utf8(content).unwrap();
                    stream.extend(format!("M {mode} {id} \"{path}\"\n").bytes());
                    continue;
                }
                let line = format!("M {mode} inline \"{path}\"\ndata {}\n", content.len());
                stream.extend(line.bytes());
                stream.extend_from_slice(content);
                stream.push(b'\n');
            }
        }
        self.feed(&["fast-import", "--quiet"], &stream);
        let trees = self.git(&["log", "--reverse", "--format=%T", "main"]);
        let trees = String::from_utf8(trees).unwrap();
        trees
            .lines()
            .map(|hex| Oid::from_hex(hex).unwrap())
            .collect()
    }

    /// The object a name stands for.
    pub(crate) fn id(&self, name: &str) -> Oid {
        let hex = self.git(&["rev-parse", "--verify", name]);
        Oid::from_hex(String::from_utf8(hex).unwrap().trim()).unwrap()
    }
}

fn tree_line(mode: &str, name: &[u8], id: &Oid) -> Vec<u8> {
    [mode.as_bytes(), b" ", name, b"\0", id.as_bytes()].concat()
}

/// Numbers that are the same on every run.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// A number below a bound.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 11).unwrap() % bound
    }
}

/// Runs git in a directory, with nothing of the environment but the path.
pub(crate) fn git_in(directory: &Path, arguments: &[&str], input: &[u8]) -> Vec<u8> {
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
    let mut stdin = child.stdin.take().unwrap();
    let output = std::thread::scope(|scope| {
        scope.spawn(move || stdin.write_all(input).unwrap());
        child.wait_with_output().unwrap()
    });
    assert!(
        output.status.success(),
        "git {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    output.stdout
}
