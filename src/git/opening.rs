//! Why a repository is not opened: what an error means, and what only newer programs can read.
//! Opening it, and reading it safely, is the module's above.

use anyhow::{Result, anyhow};

use crate::error::HintExt;

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
