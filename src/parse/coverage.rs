//! Reads the coverage section of a Markdown review: what the agent says it did with each file.
//! Whether that is believed is left to the caller.

use super::lines::Line;
use super::location;
use super::{UnitReport, UnitState};

/// Reads a coverage table or list. Lines that name no file are passed over.
pub(super) fn coverage(lines: &[Line<'_>]) -> Vec<UnitReport> {
    lines
        .iter()
        .filter(|line| !line.code && line.text.len() <= 4096)
        .filter_map(|line| row(line.text).or_else(|| item(line.text)))
        .collect()
}

/// `| path | cell | … |`
fn row(text: &str) -> Option<UnitReport> {
    let inner = text.trim().strip_prefix('|')?;
    let inner = inner.strip_suffix('|').unwrap_or(inner);
    let (path, cell) = inner.split_once('|')?;
    report(path, &cell.replace('|', " "))
}

/// `- path — cell`, `- path: cell`
fn item(text: &str) -> Option<UnitReport> {
    let text = text.trim();
    let inner = ["- ", "* ", "+ ", "• "]
        .iter()
        .find_map(|bullet| text.strip_prefix(bullet))
        .or_else(|| text.starts_with('`').then_some(text))?
        .replace("**", "");
    let split = [" — ", " – ", " -- ", " - ", ": ", " → ", " = "]
        .iter()
        .filter_map(|mark| inner.find(mark).map(|at| (at, mark.len())))
        .min();
    match split {
        Some((at, length)) => report(&inner[..at], &inner[at + length..]),
        None => report(&inner, ""),
    }
}

fn report(path: &str, cell: &str) -> Option<UnitReport> {
    let path = path.replace("**", "");
    let path = path.trim();
    let unit = match location::leading(path) {
        Some((places, rest)) if rest.trim().is_empty() || path.starts_with(['`', '[']) => {
            places.first()?.path.to_str_lossy().into_owned()
        }
        _ => return None,
    };
    let cell = cell.replace("**", "");
    let cell = cell.trim();
    Some(UnitReport {
        unit,
        state: state(cell),
        echo: String::new(),
        looked: cell.to_owned(),
    })
}

fn state(cell: &str) -> UnitState {
    let cell = cell.to_ascii_lowercase();
    let starts = |words: &[&str]| words.iter().any(|word| cell.starts_with(word));
    if starts(&[
        "not reviewed",
        "not read",
        "unreviewed",
        "skipped",
        "not opened",
        "not covered",
    ]) {
        UnitState::Not
    } else if starts(&["partly", "partial", "skimmed"]) || cell.contains("partially reviewed") {
        UnitState::Partly
    } else {
        UnitState::Reviewed
    }
}

#[cfg(test)]
mod tests {
    use super::super::lines::lines;
    use super::*;

    #[test]
    fn tables_and_lists_are_read() {
        let text = "| File | Result |\n|---|---|\n| `src/a.rs` | Reviewed, no issues |\n| src/b.rs | I1, S2 |\n\n- `src/c.rs` — Trivial (generated)\n- **`d.md`**: not reviewed\n- [e.rs](/x/e.rs): Partly, only the head\n- and so on";
        let cut = lines(text);
        let got: Vec<String> = coverage(&cut.lines)
            .iter()
            .map(|unit| format!("{} {:?} {}", unit.unit, unit.state, unit.looked))
            .collect();
        assert_eq!(
            got,
            [
                "src/a.rs Reviewed Reviewed, no issues",
                "src/b.rs Reviewed I1, S2",
                "src/c.rs Reviewed Trivial (generated)",
                "d.md Not not reviewed",
                "/x/e.rs Partly Partly, only the head",
            ]
        );
    }
}
