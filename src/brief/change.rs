//! The section about the change: what stands against what, every unit, everything that is not shown,
//! and the diff itself.
//! Whether an agent has read it is checked in `account`.

use std::borrow::Cow;

use super::BriefError;
use super::account::{ExpectedUnit, expected_of};
use super::boundary::{Boundary, visible};
use super::input::{BriefUnit, Input, line_of};
use super::pages::pages;

/// True if the diff goes into pages.
pub(crate) fn is_paged(units: &[BriefUnit], most_inline: usize) -> bool {
    units.iter().map(|unit| unit.patch.len()).sum::<usize>() > most_inline
}

/// The patch as an agent sees it: what is not UTF-8 or would deceive a reader is written out.
fn shown_patch(unit: &BriefUnit) -> Cow<'_, str> {
    match String::from_utf8_lossy(&unit.patch) {
        Cow::Borrowed(patch) => visible(patch),
        Cow::Owned(patch) => visible(&patch).into_owned().into(),
    }
}

/// Units as every brief shows them that has the same ones: made once for all of these.
#[derive(Clone, Debug)]
pub(crate) struct Shown {
    /// Files with the diff, to put below `.deep-review/` of the snapshot, by their names there.
    pub(crate) files: Vec<(String, Vec<u8>)>,
    /// The unit table, and the patches if they are not in files.
    pub(super) text: String,
    pub(super) paged: bool,
    /// What an answer must show of each.
    pub(super) expected: Vec<ExpectedUnit>,
    /// The number of the markers stands in it.
    pub(super) forged: bool,
}

/// Shows units, their patches in pages if they have more than `most_inline` bytes in all.
pub(crate) fn shown(
    nonce: &str,
    units: &[BriefUnit],
    most_inline: usize,
) -> Result<Shown, BriefError> {
    let boundary = Boundary::new(nonce)?;
    let paged = is_paged(units, most_inline);
    let mut files = Vec::new();
    let mut expected = Vec::with_capacity(units.len());
    let mut table = vec!["id | status | kind | lines | path | more".to_owned()];
    let mut patches = String::new();
    for unit in units {
        let patch = shown_patch(unit);
        let mut more = unit.files.clone();
        if paged {
            more.extend(put_in_pages(unit, &patch, &boundary, &mut files));
        } else {
            patches.push_str(&boundary.data("diff", &unit.id, &patch));
        }
        table.push(row(unit, &more));
        expected.push(expected_of(unit, &patch, paged));
    }
    Ok(Shown {
        text: boundary.data("units", "", &table.join("\n")) + &patches,
        files,
        paged,
        expected,
        forged: boundary.is_forged(),
    })
}

/// The section about the change.
pub(super) fn change_text(input: &Input<'_>, shown: &Shown, boundary: &Boundary<'_>) -> String {
    let mut facts = input
        .facts
        .iter()
        .map(|fact| line_of(fact))
        .collect::<Vec<_>>();
    facts.push(format!("base: {}", line_of(&input.base)));
    facts.push(format!("head: {}", line_of(&input.head)));
    let mut text = boundary.data("facts", "", &facts.join("\n"));
    text.push_str(&shown.text);
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
