//! The real programs of the vendors and what a review by one of them needs: their place on this machine, a vendor on
//! loopback, everybody's keys.
//! What they are asked and how the vendor answers is left to the tests.
//!
//! The programs are those below `DEEP_REVIEW_TEST_AGENTS`, else those that CI installs below `target/agents`.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, PoisonError};
use std::thread;

use super::call::{Call, Said};
use super::sandbox::{PROGRAM, Repo, Sandbox, write};
use super::vendors::reviewer::PLANTED;
use super::vendors::{Plan, Vendors};

/// How many of the programs run at the same time: each takes 300 MB.
const SEATS: usize = 4;

static FREE: Mutex<usize> = Mutex::new(SEATS);
static FREED: Condvar = Condvar::new();

/// A program of a vendor, and how the vendor names what it needs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Program {
    /// Its name, in our configuration too.
    pub(crate) name: &'static str,
    /// The variable that its key stands in.
    pub(crate) key: &'static str,
    /// What follows the address of the vendor.
    pub(crate) base: &'static str,
}

/// Claude Code.
pub(crate) const CLAUDE: Program = Program {
    name: "claude",
    key: "ANTHROPIC_API_KEY",
    base: "",
};
/// Codex.
pub(crate) const CODEX: Program = Program {
    name: "codex",
    key: "CODEX_API_KEY",
    base: "/v1",
};
/// Gemini CLI.
pub(crate) const GEMINI: Program = Program {
    name: "gemini",
    key: "GEMINI_API_KEY",
    base: "",
};
/// All of them.
pub(crate) const ALL: [Program; 3] = [CLAUDE, CODEX, GEMINI];

/// Where the programs are; `None` if they are not.
#[expect(
    clippy::disallowed_methods,
    reason = "where the programs are comes from outside"
)]
pub(crate) fn installed() -> Option<PathBuf> {
    let given = std::env::var_os("DEEP_REVIEW_TEST_AGENTS").map(PathBuf::from);
    let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/agents/node_modules/.bin");
    let place = given.unwrap_or(ours);
    ALL.iter()
        .all(|program| place.join(program.name).exists())
        .then_some(place)
}

/// The right to run one of the programs; given back when dropped.
#[derive(Debug)]
struct Seat;

/// A place for a review by one program: a branch with the planted bug, and the vendor that answers.
#[derive(Debug)]
pub(crate) struct Review {
    /// Where it takes place.
    pub(crate) sandbox: Sandbox,
    /// Who answers.
    pub(crate) vendors: Vendors,
    /// Who asks.
    pub(crate) program: Program,
    /// Where its program is.
    path: PathBuf,
    /// Its table in the user's configuration.
    pub(crate) table: String,
    _seat: Seat,
}

impl Review {
    /// Everything ready, and what the user configured written; waits for a free seat.
    pub(crate) fn by(program: Program, place: &Path, plan: Plan) -> Self {
        Self::limited(program, place, plan, "wall = \"2m\"")
    }

    /// The same with these limits.
    pub(crate) fn limited(program: Program, place: &Path, plan: Plan, limits: &str) -> Self {
        let seat = Seat::take();
        let sandbox = Sandbox::private();
        let vendors = plan.start();
        let path = place.join(program.name);
        let shown = path.display().to_string();
        let table = format!(
            "[agents.{}]\ncommand = [{shown:?}]\nendpoint = \"{}{}\"\n[review]\nlead = \"none\"\n[limits]\n{limits}\n",
            program.name,
            vendors.url(),
            program.base,
        );
        sandbox.configure(&table);
        Self {
            sandbox,
            vendors,
            program,
            path,
            table,
            _seat: seat,
        }
    }

    /// Has the program called by a shell script that says `real` where it is to run; otherwise as the product calls it.
    pub(crate) fn wrap(&self, script: &str) {
        let wrapper = self.sandbox.path("wrapper");
        let real = self.path.display().to_string();
        write(
            &wrapper,
            format!("#!/bin/sh\nreal() {{ '{real}' \"$@\"; }}\n{script}\n"),
        );
        let mode = Permissions::from_mode(0o700);
        std::fs::set_permissions(&wrapper, mode).unwrap();
        let wrapper = wrapper.display().to_string();
        self.sandbox.configure(&self.table.replace(&real, &wrapper));
    }

    /// The branch `topic` that plants the bug, with the program in the panel.
    pub(crate) fn repo(&self) -> Repo<'_> {
        let (repo, _) = self.sandbox.cloned();
        repo.deep_review(["agents", "enable", self.program.name])
            .code(0);
        repo
    }

    /// Reviews the branch, with everybody's keys in the environment and the vendors as proxy.
    pub(crate) fn run(&self, repo: &Repo<'_>) -> Said {
        self.call(repo).run()
    }

    /// The same, not started yet.
    pub(crate) fn call(&self, repo: &Repo<'_>) -> Call {
        let url = self.vendors.url();
        let mut call = repo.call(PROGRAM);
        for program in ALL {
            call = call.env(program.key, secret(program));
        }
        for name in ["HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"] {
            call = call.env(name, &url);
        }
        call.env("OPENAI_API_KEY", "secret-of-nobody")
    }
}

impl Seat {
    fn take() -> Self {
        let free = FREE.lock().unwrap_or_else(PoisonError::into_inner);
        let mut free = FREED
            .wait_while(free, |free| *free == 0)
            .unwrap_or_else(PoisonError::into_inner);
        *free -= 1;
        Self
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        *FREE.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        FREED.notify_one();
    }
}

/// Its key.
pub(crate) fn secret(program: Program) -> String {
    format!("secret-of-{}", program.name)
}

/// Commits the bug.
pub(crate) fn plant(repo: &Repo<'_>) {
    repo.write(
        "shop.js",
        format!("export function last(prices) {{\n  return {PLANTED};\n}}\n"),
    );
    repo.commit("Show the last price");
}

/// Runs the test for each program, all at once.
pub(crate) fn for_each_program(test: fn(Program, &Path)) {
    let Some(place) = installed() else { return };
    thread::scope(|scope| {
        let running = ALL.map(|program| {
            let place = &place;
            scope.spawn(move || test(program, place))
        });
        for test in running {
            if let Err(panic) = test.join() {
                std::panic::resume_unwind(panic);
            }
        }
    });
}
