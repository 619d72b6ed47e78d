//! `deep-review demo`: a push is blocked, the finding resolved, the push passes; with the real `git`, in a
//! repository made for it and removed afterwards. Nothing of the user's is read or written.

use std::ffi::OsStr;
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::env;
use crate::error::Exit;
use crate::page::{Page, Style};
use crate::process;
use crate::store;
use crate::ui::Ui;

const FIRST: &str =
    "export function total(prices) {\n  return prices.reduce((sum, price) => sum + price, 0);\n}\n";
const SECOND: &str = "export function total(prices) {\n  debugger;\n  return prices.reduce((sum, price) => sum + price, 0);\n}\n";

pub(crate) fn run(ui: &Ui) -> Result<Exit> {
    let place = tempfile::tempdir().context("cannot make a directory for the demonstration")?;
    let program = env::current_exe()?;
    let work = place.path().join("shop");
    let stage = Stage {
        ui,
        home: place.path(),
        work: &work,
        program: program
            .to_str()
            .context("the path of this program is not UTF-8")?,
    };
    stage.say("A repository with one file, and a remote to push to:");
    stage.quietly(place.path(), "git", &["init", "-q", "--bare", "remote.git"])?;
    stage.quietly(place.path(), "git", &["init", "-q", "-b", "main", "shop"])?;
    stage.quietly(&work, "git", &["remote", "add", "origin", "../remote.git"])?;
    store::publish_file(&work.join("cart.js"), FIRST.as_bytes())?;
    stage.quietly(&work, "git", &["add", "."])?;
    stage.quietly(&work, "git", &["commit", "-q", "-m", "Add up the cart"])?;
    stage.shown("git", &["push", "-q", "origin", "main"], true)?;

    stage.say("From now on every push is reviewed:");
    stage.shown("deep-review", &["install"], true)?;
    stage.say("A change with something left in it:");
    stage.quietly(&work, "git", &["checkout", "-q", "-b", "faster"])?;
    store::replace(&work.join("cart.js"), SECOND.as_bytes())?;
    stage.shown(
        "git",
        &["commit", "-q", "-a", "-m", "Make the cart faster"],
        true,
    )?;
    stage.shown("git", &["push", "-q", "origin", "faster"], false)?;

    stage.say("Correct it, or decide about it and say why:");
    let reason = "this page is for developers only";
    stage.shown(
        "deep-review",
        &["resolve", "I1", "--as", "accepted-risk", "-m", reason],
        true,
    )?;
    stage.shown("git", &["push", "-q", "origin", "faster"], true)?;
    stage.shown("deep-review", &["findings"], true)?;
    stage.say("To have this in a repository of your own: deep-review install");
    Ok(Exit::Pass)
}

struct Stage<'a> {
    ui: &'a Ui,
    home: &'a Path,
    work: &'a Path,
    program: &'a str,
}

impl Stage<'_> {
    fn say(&self, text: &str) {
        let mut page = Page::new();
        page.end().line(Style::Strong, text);
        self.ui.result(&page);
    }

    /// Runs a command and shows it with what it says; fails if it ends otherwise than told.
    fn shown(&self, program: &str, arguments: &[&str], succeeds: bool) -> Result<()> {
        let mut page = Page::new();
        let quoted = |word: &&str| {
            if word.contains(' ') {
                format!("\"{word}\"")
            } else {
                (*word).to_owned()
            }
        };
        let words: Vec<String> = arguments.iter().map(quoted).collect();
        page.put(Style::Literal, format!("$ {program} {}", words.join(" ")))
            .end();
        let finished = self.run(self.work, program, arguments)?;
        for line in finished.output.lines() {
            page.line(Style::Plain, format!("  {line}"));
        }
        self.ui.result(&page);
        if finished.success != succeeds {
            bail!(
                "`{program} {}` did not end as it should",
                arguments.join(" ")
            );
        }
        Ok(())
    }

    fn quietly(&self, directory: &Path, program: &str, arguments: &[&str]) -> Result<()> {
        let finished = self.run(directory, program, arguments)?;
        if !finished.success {
            bail!(
                "`{program} {}` failed:\n{}",
                arguments.join(" "),
                finished.output
            );
        }
        Ok(())
    }

    fn run(
        &self,
        directory: &Path,
        program: &str,
        arguments: &[&str],
    ) -> Result<process::Finished> {
        let home = self.home.as_os_str();
        let no_file = self.home.join("no-such-file");
        let name = OsStr::new("A Newcomer");
        let mail = OsStr::new("newcomer@example.org");
        let environment = [
            ("HOME", home),
            ("XDG_CONFIG_HOME", home),
            ("XDG_STATE_HOME", home),
            ("GIT_CONFIG_NOSYSTEM", OsStr::new("1")),
            ("GIT_CONFIG_GLOBAL", no_file.as_os_str()),
            ("GIT_AUTHOR_NAME", name),
            ("GIT_AUTHOR_EMAIL", mail),
            ("GIT_COMMITTER_NAME", name),
            ("GIT_COMMITTER_EMAIL", mail),
        ];
        let program = if program == "deep-review" {
            self.program
        } else {
            program
        };
        process::run(program, arguments, directory, &environment)
    }
}
