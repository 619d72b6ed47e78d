//! The section about the change: what stands against what, every unit, everything that is not shown,
//! and the diff itself.
//! Whether an agent has read it is checked in `account`.

use std::borrow::Cow;

use super::boundary::{Boundary, visible};
use super::input::{BriefUnit, Input, line_of};
use super::pages::pages;

/// True if the diff goes into pages.
pub(super) fn is_paged(units: &[BriefUnit], most_inline: usize) -> bool {
    units.iter().map(|unit| unit.patch.len()).sum::<usize>() > most_inline
}

/// The patch as an agent sees it: what is not UTF-8 or would deceive a reader is written out.
pub(super) fn shown_patch(unit: &BriefUnit) -> String {
    visible(&String::from_utf8_lossy(&unit.patch)).into_owned()
}

/// The section; pages are added to the files.
pub(super) fn change_text(
    input: &Input<'_>,
    boundary: &Boundary<'_>,
    files: &mut Vec<(String, Vec<u8>)>,
) -> String {
    let mut facts = input
        .facts
        .iter()
        .map(|fact| line_of(fact))
        .collect::<Vec<_>>();
    facts.push(format!("base: {}", line_of(&input.base)));
    facts.push(format!("head: {}", line_of(&input.head)));
    let mut text = boundary.data("facts", "", &facts.join("\n"));
    text.push_str(&units_text(
        &input.units,
        input.most_inline,
        boundary,
        files,
    ));
    let list = |title: &str, lines: Vec<String>| {
        if lines.is_empty() {
            String::new()
        } else {
            boundary.data(title, "", &lines.join("\n"))
        }
    };
    let others = input.others.iter();
    text.push_str(&list(
        "other-units",
        others
            .map(|unit| format!("{} {}", unit.id, unit.path.to_quoted()))
            .collect(),
    ));
    let excluded = input.excluded.iter();
    text.push_str(&list(
        "excluded",
        excluded
            .map(|file| format!("{}: {}", file.path.to_quoted(), line_of(&file.why)))
            .collect(),
    ));
    let quoted = |paths: &[crate::diff::RepoPath]| -> Vec<String> {
        paths
            .iter()
            .map(|path| path.to_quoted().into_owned())
            .collect()
    };
    text.push_str(&list("left-out", quoted(&input.snapshot.left_out)));
    text.push_str(&list("stubs", quoted(&input.snapshot.stubs)));
    text
}

/// The unit table, and the patches if they are not in pages.
pub(super) fn units_text(
    units: &[BriefUnit],
    most_inline: usize,
    boundary: &Boundary<'_>,
    files: &mut Vec<(String, Vec<u8>)>,
) -> String {
    let paged = is_paged(units, most_inline);
    let mut table = vec!["id | status | kind | lines | path | more".to_owned()];
    let mut patches = String::new();
    for unit in units {
        let shown = shown_patch(unit);
        let mut more = unit.files.clone();
        if paged {
            more.extend(put_in_pages(unit, &shown, boundary, files));
        } else {
            patches.push_str(&boundary.data("diff", &unit.id, &shown));
        }
        table.push(row(unit, &more));
    }
    boundary.data("units", "", &table.join("\n")) + &patches
}

fn row(unit: &BriefUnit, more: &[String]) -> String {
    let path: Cow<'_, str> = match &unit.old_path {
        Some(old) if *old != unit.path => {
            format!("{} (was {})", unit.path.to_quoted(), old.to_quoted()).into()
        }
        _ => unit.path.to_quoted(),
    };
    let mut more = more.join(" ");
    for (is, word) in [
        (unit.redacted, "redacted"),
        (unit.seen_before, "seen before"),
    ] {
        if is {
            more = format!("{more} ({word})");
        }
    }
    let BriefUnit {
        id,
        status,
        added,
        removed,
        ..
    } = unit;
    let kind = unit.kind.as_str();
    format!(
        "{id} | {} | {kind} | +{added} -{removed} | {path} | {}",
        line_of(status),
        more.trim()
    )
}

/// Adds the pages of one patch and returns their names, a range if there are several.
fn put_in_pages(
    unit: &BriefUnit,
    shown: &str,
    boundary: &Boundary<'_>,
    files: &mut Vec<(String, Vec<u8>)>,
) -> Option<String> {
    boundary.check(shown);
    let pages = pages(shown);
    let count = pages.len();
    let name = |number: usize| format!("diff/{}-{number:03}.txt", unit.id);
    for (index, page) in pages.into_iter().enumerate() {
        files.push((name(index + 1), page.as_bytes().to_vec()));
    }
    match count {
        0 => None,
        1 => Some(name(1)),
        _ => Some(format!("{} to {}", name(1), name(count))),
    }
}
