//! Makes a repository of 50,000 files with a few branches, the same on every run.
//! What is measured in it is the caller's.

use std::fmt::Write as _;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

const FILES: usize = 50_000;
/// How many different lines files are made of.
const LINES: usize = 1 << 31;
/// How many files a commit edits.
const EDITS: usize = 5;
const WIDE: usize = 10_000;
const THOUSAND: usize = 1_000;
/// Of those, how many are moved too.
const MOVED: usize = 300;

/// A checked-out repository; gone with this value.
///
/// `main` has 60 commits. From its thirtieth start `work` with 200 commits and `fifty` with 50, each
/// editing a few files; `wide` edits 10,000 files in one commit, `thousand` 1,000.
pub(crate) struct Repository {
    directory: TempDir,
}

impl Repository {
    /// Makes it, packs it as `git gc` does, and checks out `work`.
    pub(crate) fn make() -> Result<Self> {
        Self::make_below(&std::env::temp_dir(), "work")
    }

    /// Makes it below a directory, and checks out a branch.
    pub(crate) fn make_below(place: &Path, branch: &str) -> Result<Self> {
        std::fs::create_dir_all(place)?;
        let directory = tempfile::Builder::new()
            .prefix("reading-")
            .tempdir_in(place)?;
        let repository = Self { directory };
        std::fs::create_dir(repository.root())?;
        repository.git(&["init", "-q", "-b", "main"])?;
        let mut import = repository
            .command("git")
            .args(["fast-import", "--quiet"])
            .stdin(Stdio::piped())
            .spawn()?;
        let stdin = import.stdin.take().context("fast-import has no input")?;
        let mut history = History::new(BufWriter::new(stdin));
        history.write()?;
        drop(history);
        ensure!(import.wait()?.success(), "fast-import failed");
        repository.git(&["gc", "-q"])?;
        repository.check_out(branch)?;
        Ok(repository)
    }

    /// The directory around it, in which programs keep what is theirs.
    pub(crate) fn home(&self) -> &Path {
        self.directory.path()
    }

    /// Its work tree.
    pub(crate) fn root(&self) -> PathBuf {
        self.home().join("repository")
    }

    /// Where the program that is measured stands.
    pub(crate) fn installed(&self) -> PathBuf {
        self.home().join("deep-review")
    }

    /// Puts a copy of the program there, as `cargo install` does: what a linker wrote stands in the system's
    /// memory in smaller pieces than a file that was copied or read from the disk, and its start takes a
    /// fifth longer.
    pub(crate) fn install(&self, program: &str) -> Result<()> {
        std::fs::copy(program, self.installed()).context("cannot copy the program")?;
        Ok(())
    }

    /// A program in the work tree, with an environment of its own.
    #[expect(
        clippy::disallowed_methods,
        reason = "a benchmark runs the two programs it compares"
    )]
    pub(crate) fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let home = self.home();
        let mut command = Command::new(program);
        command.current_dir(self.root()).env_clear();
        command.envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
        command
            .env("HOME", home)
            .env("XDG_STATE_HOME", home.join("state"))
            .env("XDG_CONFIG_HOME", home.join("config"))
            .env("XDG_CACHE_HOME", home.join("cache"))
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_OPTIONAL_LOCKS", "0");
        command
    }

    fn git(&self, arguments: &[&str]) -> Result<()> {
        let status = self.command("git").args(arguments).status()?;
        ensure!(status.success(), "git {arguments:?} failed");
        Ok(())
    }

    /// Checks out a branch.
    pub(crate) fn check_out(&self, branch: &str) -> Result<()> {
        self.git(&["checkout", "-q", branch])?;
        self.settle()
    }

    /// Edits and stages some files.
    pub(crate) fn stage(&self, count: usize) -> Result<()> {
        for nth in 0..count {
            self.put(&path(nth * 6_007), &text(nth * 6_007, 90))?;
        }
        self.git(&["add", "-u"])?;
        self.settle()
    }

    /// Edits some files without staging them, and adds as many that are not tracked.
    pub(crate) fn edit(&self, count: usize) -> Result<()> {
        for nth in 0..count {
            self.put(&path(nth * 7_919 + 1), &text(nth * 7_919 + 1, 91))?;
            self.put(&format!("src/new{nth}.rs"), &text(nth, 92))?;
        }
        Ok(())
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "a benchmark writes its own repository"
    )]
    fn put(&self, path: &str, text: &str) -> Result<()> {
        Ok(std::fs::write(self.root().join(Path::new(path)), text)?)
    }

    /// Gives the index a later time than every file has, so that no file must be read to see that it
    /// is unchanged.
    fn settle(&self) -> Result<()> {
        std::thread::sleep(Duration::from_millis(1200));
        let index = self.root().join(".git/index");
        let now = std::time::SystemTime::now();
        std::fs::File::options()
            .append(true)
            .open(index)?
            .set_modified(now)?;
        Ok(())
    }
}

/// Commits on their way into `git fast-import`.
struct History<W> {
    out: W,
    random: Random,
    marks: usize,
}

impl<W: Write> History<W> {
    fn new(out: W) -> Self {
        Self {
            out,
            random: Random::new(1),
            marks: 0,
        }
    }

    fn write(&mut self) -> Result<()> {
        let mut versions = vec![0; FILES];
        let root = self.commit("main", None)?;
        for (file, version) in versions.iter().enumerate() {
            self.file(&path(file), &text(file, *version))?;
        }
        let fork = self.edits("main", root, 29, &mut versions)?;
        self.edits("work", fork, 200, &mut versions.clone())?;
        self.edits("fifty", fork, 50, &mut versions.clone())?;
        self.edits("main", fork, 30, &mut versions.clone())?;
        self.commit("wide", Some(fork))?;
        for nth in 0..WIDE {
            let file = nth * (FILES / WIDE);
            if nth % (WIDE / MOVED) == 0 {
                writeln!(self.out, "D {}", path(file))?;
                self.file(&format!("moved/{}", path(file)), &text(file, 3))?;
            } else {
                self.file(&path(file), &text(file, 3))?;
            }
        }
        self.commit("thousand", Some(fork))?;
        for nth in 0..THOUSAND {
            let file = nth * (FILES / THOUSAND);
            self.file(&path(file), &text(file, 4))?;
        }
        Ok(self.out.flush()?)
    }

    /// Commits that edit a few files each; gives the mark of the last.
    fn edits(
        &mut self,
        branch: &str,
        from: usize,
        commits: usize,
        versions: &mut [usize],
    ) -> Result<usize> {
        let mut tip = from;
        for _ in 0..commits {
            tip = self.commit(branch, Some(tip))?;
            for _ in 0..EDITS {
                let file = self.random.below(FILES);
                versions[file] += 1;
                self.file(&path(file), &text(file, versions[file]))?;
            }
        }
        Ok(tip)
    }

    fn commit(&mut self, branch: &str, from: Option<usize>) -> Result<usize> {
        self.marks += 1;
        let (mark, time) = (self.marks, 1_700_000_000 + self.marks * 60);
        writeln!(self.out, "commit refs/heads/{branch}\nmark :{mark}")?;
        writeln!(
            self.out,
            "committer B <b@example.org> {time} +0000\ndata 5\nedit"
        )?;
        if let Some(from) = from {
            writeln!(self.out, "from :{from}")?;
        }
        Ok(mark)
    }

    fn file(&mut self, path: &str, text: &str) -> Result<()> {
        write!(
            self.out,
            "M 100644 inline {path}\ndata {}\n{text}\n",
            text.len()
        )?;
        Ok(())
    }
}

/// 20 directories of 25 directories of 100 files.
fn path(file: usize) -> String {
    let (part, area) = (file / 2_500, file / 100 % 25);
    format!("src/part{part:02}/area{area:02}/file{:02}.rs", file % 100)
}

/// The text of a file after so many edits, each of which changes one line and adds another. No two files
/// have much in common, as otherwise packs would chain them all, which real ones don't.
fn text(file: usize, version: usize) -> String {
    let mut random = Random::new(file);
    let mut lines: Vec<usize> = (0..20 + random.below(40))
        .map(|_| random.below(LINES))
        .collect();
    for _ in 0..version {
        let at = random.below(lines.len());
        lines[at] = random.below(LINES);
        lines.insert(random.below(lines.len()), random.below(LINES));
    }
    let mut text = format!("fn file_{file}() {{\n");
    for line in &lines {
        let (word, other) = (line >> 20, line.wrapping_mul(0x9e37_79b9) & 0xff_ffff);
        let done = match line % 5 {
            0 => writeln!(text, "    if v{word:x} > {line} {{"),
            1 => writeln!(text, "    let v{word:x} = s{other:x};"),
            2 => writeln!(text, "}}\n\nfn f{other:x}(v{word:x}: u8) {{"),
            _ => writeln!(text, "    c{word:x}(v{other:x}, {line});"),
        };
        done.expect("a string takes all that is written to it");
    }
    text.push_str("}\n");
    text
}

/// Numbers that are the same on every run.
struct Random(u64);

impl Random {
    fn new(seed: usize) -> Self {
        Self((seed as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// A number below a bound.
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).expect("31 bits fit") % bound
    }
}
