//! Makes `git deep-review …` work: runs `deep-review`, which lies beside this program or on the path,
//! with the same arguments, and ends with its exit code.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

fn main() -> ExitCode {
    let program = std::env::current_exe()
        .ok()
        .and_then(|here| beside(&here))
        .unwrap_or_else(|| PathBuf::from("deep-review"));
    #[expect(clippy::disallowed_methods, reason = "this program does nothing else")]
    let status = Command::new(&program)
        .args(std::env::args_os().skip(1))
        .status();
    match status {
        // Ended by a signal: as a shell would say it.
        Ok(status) => status.code().map_or(ExitCode::from(130), |code| {
            ExitCode::from(u8::try_from(code).unwrap_or(2))
        }),
        Err(error) => {
            #[expect(clippy::print_stderr, reason = "there is nobody else to say it")]
            {
                eprintln!("error: cannot run `{}`: {error}", program.display());
                eprintln!("hint: install deep-review, which comes with git-deep-review");
            }
            ExitCode::from(2)
        }
    }
}

fn beside(here: &Path) -> Option<PathBuf> {
    let sibling = here.with_file_name(format!("deep-review{}", std::env::consts::EXE_SUFFIX));
    sibling.is_file().then_some(sibling)
}
