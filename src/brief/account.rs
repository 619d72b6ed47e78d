//! What an answer must show for each unit, and what an answer has shown.
//! An agent's word is not enough: it repeats a changed line, or names the unit in prose.

use std::collections::{BTreeMap, BTreeSet};

use crate::diff::RepoPath;
use crate::parse::{ParsedReview, Status, UnitReport, UnitState};

use super::input::BriefUnit;

/// Characters of a line that an echo is compared by.
const COMPARED: usize = 80;
/// A shorter line is no echo where the unit has a longer one.
const LEAST: usize = 8;

/// What one brief asks an answer to account for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Expects {
    /// The id of the brief.
    pub(crate) review: String,
    /// Its units.
    pub(crate) units: Vec<ExpectedUnit>,
}

/// A unit of a brief.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ExpectedUnit {
    /// Its id.
    pub(crate) id: String,
    /// Its path, by which a review in prose names it.
    pub(crate) path: RepoPath,
    /// What its echo has to be.
    pub(crate) echo: EchoRule,
    /// Digests of its added and removed lines.
    pub(crate) changed_lines: BTreeSet<[u8; 16]>,
}

/// How much hangs on the changed line that an answer repeats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EchoRule {
    /// The diff is in files: without a true echo nobody knows that they were opened.
    Required,
    /// The diff is in the brief: a false echo shows that it was altered on its way.
    Advisory,
    /// There is no changed line.
    None,
}

/// What an answer accounts for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Accounted {
    /// Ids of the units that count as reviewed, in the order of the brief.
    pub(crate) reviewed: Vec<String>,
    /// The others, and why they don't.
    pub(crate) missing: Vec<(String, String)>,
    /// Why nothing in the answer counts: it answers another brief.
    pub(crate) refused: Option<String>,
    /// Ids or paths that are none of the brief's.
    pub(crate) unknown: Vec<String>,
    /// Units that count although their echo is false, with what was given.
    pub(crate) doubtful: Vec<(String, String)>,
}

/// What an answer must show of a unit whose patch is shown like this.
pub(super) fn expected_of(unit: &BriefUnit, patch: &str, paged: bool) -> ExpectedUnit {
    let changed_lines = changed_lines(patch);
    let echo = match (changed_lines.is_empty(), paged) {
        (true, _) => EchoRule::None,
        (false, true) => EchoRule::Required,
        (false, false) => EchoRule::Advisory,
    };
    ExpectedUnit {
        id: unit.id.clone(),
        path: unit.path.clone(),
        echo,
        changed_lines,
    }
}

/// Digests of the lines that may be an echo; of the long enough ones if there are any.
fn changed_lines(patch: &str) -> BTreeSet<[u8; 16]> {
    let mut in_hunk = false;
    let mut lines = Vec::new();
    for line in patch.lines() {
        if line.starts_with("@@ ") {
            in_hunk = true;
        } else if in_hunk
            && let Some(changed) = line.strip_prefix(['+', '-'])
            && let Some(compared) = compared(changed)
        {
            lines.push(compared);
        } else if line.starts_with("diff --git ") {
            in_hunk = false;
        }
    }
    let long = |line: &String| line.chars().count() >= LEAST;
    if lines.iter().any(long) {
        lines.retain(long);
    }
    lines.iter().map(|line| digest(line)).collect()
}

/// A line as it is compared: blanks count as one, and so many characters of it.
fn compared(line: &str) -> Option<String> {
    let words = line.split_whitespace().collect::<Vec<_>>().join(" ");
    (!words.is_empty()).then(|| words.chars().take(COMPARED).collect())
}

fn digest(line: &str) -> [u8; 16] {
    let mut digest = [0; 16];
    digest.copy_from_slice(&blake3::hash(line.as_bytes()).as_bytes()[..16]);
    digest
}

impl ExpectedUnit {
    /// True for one of the changed lines, with or without the sign of the diff.
    fn has(&self, echo: &str) -> bool {
        echo.lines()
            .flat_map(|line| [Some(line), line.trim_start().strip_prefix(['+', '-'])])
            .flatten()
            .filter_map(compared)
            .any(|line| self.changed_lines.contains(&digest(&line)))
    }

    /// Why a report that says "reviewed" does not count, if it does not.
    fn lacks(&self, report: &UnitReport) -> Result<Option<String>, String> {
        let echo = report.echo.trim();
        let shown: String = echo.chars().take(COMPARED).collect();
        match self.echo {
            EchoRule::None => Ok(None),
            _ if self.has(echo) => Ok(None),
            EchoRule::Required if echo.is_empty() => {
                Err("the answer repeats no changed line of it".to_owned())
            }
            EchoRule::Required => Err(format!("it has no changed line `{shown}`")),
            EchoRule::Advisory => Ok(Some(shown)),
        }
    }
}

/// Says which units an answer accounts for. A strict answer does so by ids and echoes; one in prose has
/// neither, so a row of its coverage section that names the file as read counts where the diff stood in
/// the brief itself, and nothing counts where it was in files. A finding in a file shows that some line
/// of it was read, not the file, and counts for nothing here.
pub(crate) fn verify(expects: &Expects, review: &ParsedReview) -> Accounted {
    let mut accounted = Accounted::default();
    let missing = |why: &str| {
        let units = expects.units.iter();
        units
            .map(|unit| (unit.id.clone(), why.to_owned()))
            .collect()
    };
    if let Status::Failed { why } = &review.status {
        accounted.missing = missing(why);
        return accounted;
    }
    if let Some(other) = review
        .review
        .as_ref()
        .filter(|other| **other != expects.review)
    {
        let shown: String = other.chars().take(COMPARED).collect();
        let why = format!("it answers the brief `{shown}`, not `{}`", expects.review);
        accounted.missing = missing(&why);
        accounted.refused = Some(why);
        return accounted;
    }
    let strict = review.review.is_some();
    let mut reports: BTreeMap<&str, &UnitReport> = BTreeMap::new();
    for report in &review.units {
        let found = if strict {
            expects.units.iter().find(|unit| unit.id == report.unit)
        } else {
            named(expects, &report.unit)
        };
        let Some(unit) = found else {
            accounted.unknown.push(report.unit.clone());
            continue;
        };
        // Said twice, the lesser word counts.
        let worse = |old: &&UnitReport| rank(old.state) <= rank(report.state);
        if !reports.get(unit.id.as_str()).is_some_and(worse) {
            reports.insert(&unit.id, report);
        }
    }
    for unit in &expects.units {
        let id = unit.id.clone();
        let Some(report) = reports.get(id.as_str()) else {
            accounted
                .missing
                .push((id, "the answer does not name it".to_owned()));
            continue;
        };
        let judged = match report.state {
            UnitState::Not => Err("the answer says that it was not read".to_owned()),
            UnitState::Partly => Err("the answer says that it was read in part".to_owned()),
            UnitState::Reviewed if strict => unit.lacks(report),
            UnitState::Reviewed if unit.echo == EchoRule::Required => {
                Err("a review in prose shows no line of a diff that was in files".to_owned())
            }
            UnitState::Reviewed => Ok(None),
        };
        match judged {
            Ok(doubt) => {
                accounted
                    .doubtful
                    .extend(doubt.map(|echo| (id.clone(), echo)));
                accounted.reviewed.push(id);
            }
            Err(why) => accounted.missing.push((id, why)),
        }
    }
    accounted
}

/// From the word that counts for least to the one that counts for most.
fn rank(state: UnitState) -> u8 {
    match state {
        UnitState::Not => 0,
        UnitState::Partly => 1,
        UnitState::Reviewed => 2,
    }
}

/// The unit a review in prose means by a path: the same, or the one that ends it or is ended by it,
/// if there is one such unit.
fn named<'e>(expects: &'e Expects, path: &str) -> Option<&'e ExpectedUnit> {
    let path = path.trim().trim_start_matches("./").as_bytes();
    if let Some(same) = expects
        .units
        .iter()
        .find(|unit| unit.path.as_bytes() == path)
    {
        return Some(same);
    }
    let ends = |long: &[u8], short: &[u8]| {
        !short.is_empty()
            && long
                .strip_suffix(short)
                .is_some_and(|before| before.ends_with(b"/"))
    };
    let mut similar = expects.units.iter().filter(|unit| {
        let own = unit.path.as_bytes();
        ends(path, own) || ends(own, path)
    });
    match (similar.next(), similar.next()) {
        (Some(unit), None) => Some(unit),
        _ => None,
    }
}
