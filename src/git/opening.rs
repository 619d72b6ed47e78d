//! Why a repository is not opened: what an error means, and what only newer programs can read.
//! Opening it, and reading it safely, is the module's above.

use std::path::Path;

use anyhow::{Context, Result, anyhow};
use gix::odb::alternate::Cycle;

use crate::error::HintExt;

/// What an error at opening says, and what to do about it.
pub(in crate::git) fn not_opened<T>(error: gix::Error, directory: &Path) -> Result<T> {
    let found = format!(
        "cannot open the Git repository of `{}`",
        directory.display()
    );
    if let Some(cycle) = error.downcast_any_ref::<Cycle>() {
        let files = cycle.paths.iter();
        let files = files.map(|path| format!("`{}`", path.join("info/alternates").display()));
        return Err(anyhow!(
            "its object directories borrow from one another in a circle: {}",
            files.collect::<Vec<_>>().join(", ")
        ))
        .context(found)
        .hint("remove the line that leads back from the last of these files");
    }
    let said = error.to_string();
    // That there is none is said already; any other cause must be told.
    if said.contains("Could not find a git repository") {
        let none = anyhow!("no Git repository in `{}` or above", directory.display());
        return Err(none).hint("run it inside a repository, or name one with `GIT_DIR`");
    }
    let hint = if said.contains("alternates") {
        "remove the line that leads there from `objects/info/alternates`"
    } else if said.contains("does not appear to be a git repository") {
        "run it inside a repository, or name one with `GIT_DIR`"
    } else {
        "`git status` may say more"
    };
    Err(error).context(found).hint(hint)
}

/// Extensions that Git 2.5x knows: of any other it is unknown what the repository means.
const EXTENSIONS: [&str; 10] = [
    "noop",
    "noop-v1",
    "preciousobjects",
    "partialclone",
    "worktreeconfig",
    "objectformat",
    "compatobjectformat",
    "refstorage",
    "relativeworktrees",
    "submodulepathconfig",
];

/// Refuses what Git refuses: an unknown extension, if the repository's format has extensions at all.
pub(in crate::git) fn refuse_unknown_extensions(repo: &gix::Repository) -> Result<()> {
    let config = repo.config_snapshot();
    // What is included does not count for the format.
    let own = |section: &gix::config::file::SectionRef<'_>| {
        section.meta().source == gix::config::Source::Local && section.meta().level == 0
    };
    let sections = || config.sections().filter(own);
    let named = |section: &gix::config::file::SectionRef<'_>, name: &str| {
        section
            .header()
            .name()
            .eq_ignore_ascii_case(name.as_bytes())
    };
    let version = sections()
        .filter(|section| named(section, "core"))
        .filter_map(|section| section.value("repositoryFormatVersion"))
        .last();
    if version.is_none_or(|version| version == "0") {
        return Ok(());
    }
    for section in sections().filter(|section| named(section, "extensions")) {
        for name in section.value_names() {
            let name = match section.header().subsection_name() {
                Some(within) => format!("{within}.{name}"),
                None => name,
            };
            if !EXTENSIONS.contains(&name.to_ascii_lowercase().as_str()) {
                return Err(anyhow!(
                    "the repository has the extension `{name}`, which is unknown"
                ))
                .hint("a newer version may know it; until then it can't be read safely");
            }
        }
    }
    Ok(())
}
