//! Which decision about a finding of agents is about one of now: the same words about the same code,
//! or other words for it. How alike words are is measured by the caller.

use super::states::{Found, Surroundings, latest};
use super::{Decision, Resolved};
use crate::finding::{Anchor, Finding, FindingId, LineRange, RawFinding, Wording};

/// A finding of now that restates one that was decided about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Retold {
    /// Index of the finding of now.
    pub(crate) finding: usize,
    /// The finding that was decided about.
    pub(crate) decided: FindingId,
    /// Likely enough to act on; else it only may be.
    pub(crate) sure: bool,
}

/// The decisions about findings of agents that may be told again. Left
/// out are those that stand in this change in the same words: nothing need be guessed about them.
pub(crate) fn told_before<'d>(
    decisions: &'d [Decision],
    findings: &[Finding],
) -> Vec<&'d Resolved> {
    latest(decisions)
        .into_iter()
        .filter(|resolved| !resolved.text.is_empty())
        .filter(|resolved| {
            findings
                .iter()
                .all(|finding| finding.id != resolved.finding)
        })
        .collect()
}

/// The findings of agents that nobody decided about in these very words: their indices.
pub(crate) fn undecided(decisions: &[Decision], findings: &[Finding]) -> Vec<usize> {
    let decided = latest(decisions);
    let is_decided = |finding: &Finding| {
        let mut about = decided.iter();
        about.any(|resolved| !resolved.text.is_empty() && resolved.finding == finding.id)
    };
    (0..findings.len())
        .filter(|index| findings[*index].is_opinion() && !is_decided(&findings[*index]))
        .collect()
}

/// What the decisions say about a finding of agents.
pub(super) fn decision_for<'d>(
    finding: &Finding,
    retold: Option<&Retold>,
    current: &[&'d Resolved],
    around: &Surroundings<'_>,
) -> Found<'d> {
    let about = |id: &FindingId| {
        current
            .iter()
            .find(|resolved| !resolved.text.is_empty() && resolved.finding == *id)
    };
    // The name says both the words and the code.
    if let Some(same) = about(&finding.id) {
        return if has_joined_since(finding, same) {
            Found::Perhaps(same)
        } else {
            Found::Applies(same)
        };
    }
    let Some((retold, decided)) = retold.and_then(|it| Some((it, about(&it.decided)?))) else {
        return Found::None;
    };
    if !retold.sure || has_joined_since(finding, decided) {
        return Found::Perhaps(decided);
    }
    let anchor = &decided.anchor;
    if finding.anchor.same_place(anchor)
        || (finding.anchor.same_code(anchor) && (around.gone)(&anchor.path))
    {
        return Found::Applies(decided);
    }
    match (around.stands)(anchor) {
        Some(lines) if is_near(finding, anchor, lines) => Found::Applies(decided),
        // The same fault in another place is another finding, in whatever words.
        Some(_) => Found::Perhaps(decided),
        None => Found::Outdated(decided),
    }
}

/// A merge less likely than this is doubtful: below it one in ten joined two problems of one function.
const DOUBTFUL: f64 = 0.9;

/// True if a voice that the decision did not know was joined so doubtfully that it may speak of
/// something else: what nobody decided about must not be waived.
fn has_joined_since(finding: &Finding, decided: &Resolved) -> bool {
    let doubtful = finding.voices.confidence.is_some_and(|p| p < DOUBTFUL);
    let known = |raw: &RawFinding| decided.text.contains(&Wording::new(&raw.title, &raw.body));
    doubtful && !finding.voices.members.iter().all(known)
}

/// Agents cite other lines for one fault: this far apart they still mean the same place.
const NEAR: u32 = 10;

/// True if a finding is about the place where the code of an anchor stands now.
fn is_near(finding: &Finding, anchor: &Anchor, lines: LineRange) -> bool {
    let mut places = finding.locations.iter();
    places.any(|place| {
        place.path == anchor.path
            && place.lines.is_none_or(|cited| {
                cited.start <= lines.end.saturating_add(NEAR)
                    && lines.start <= cited.end.saturating_add(NEAR)
            })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diff::RepoPath;
    use crate::finding::{Kind, Location, Severity, Voices};
    use crate::ledger::{Reopened, Resolution, State, states};
    use jiff::Timestamp;
    use jiff::civil::date;

    fn opinion(title: &str, path: &str, code: &str) -> Finding {
        let anchor = Anchor {
            path: RepoPath::from(path),
            code: code.to_owned(),
            around: String::new(),
            occurrence: 0,
            lines: 1,
        };
        Finding {
            id: crate::ledger::opinion_id(&anchor, title, "", 0),
            severity: Severity::Important,
            kind: Kind::Regression,
            title: title.to_owned(),
            body: String::new(),
            locations: vec![Location {
                path: RepoPath::from(path),
                lines: Some(LineRange { start: 5, end: 6 }),
            }],
            agents: vec!["claude".to_owned()],
            rule: None,
            quote: None,
            commit: None,
            anchor,
            voices: Voices {
                members: vec![RawFinding {
                    agent: "claude".to_owned(),
                    title: title.to_owned(),
                    ..RawFinding::default()
                }],
                ..Voices::default()
            },
        }
    }

    fn declined(finding: &Finding) -> Decision {
        Decision::Resolved(Resolved {
            finding: finding.id.clone(),
            title: finding.title.clone(),
            rule: None,
            anchor: finding.anchor.clone(),
            resolution: Resolution::FalsePositive,
            duplicate_of: None,
            reason: Some("because".to_owned()),
            until: None,
            by: "me".to_owned(),
            at: Timestamp::UNIX_EPOCH,
            text: finding.wordings(),
        })
    }

    /// The state of the first of `now` if it restates `before`, with `code` in the head tree.
    fn state(now: &[Finding], decisions: &[Decision], retold: &[Retold], code: &str) -> State {
        let around = Surroundings {
            gone: &|path| path.as_bytes() == b"old",
            stands: &|anchor| {
                let line = if code == "far" { 17 } else { 16 };
                let lines = LineRange {
                    start: line,
                    end: line,
                };
                (anchor.code == code || code == "far").then_some(lines)
            },
        };
        states(now, decisions, retold, &around, date(2026, 1, 1)).remove(0)
    }

    fn link(decided: &Finding, sure: bool) -> [Retold; 1] {
        [Retold {
            finding: 0,
            decided: decided.id.clone(),
            sure,
        }]
    }

    #[test]
    fn a_decision_is_about_its_words_and_its_code() {
        let this = opinion("Lock leaks", "a", "x");
        let decisions = [declined(&this)];
        let of = |now: Finding| state(&[now], &decisions, &[], "x").is_open();
        assert!(!of(this.clone()));
        assert!(
            of(opinion("Index is off by one", "a", "x")),
            "the same line"
        );
        assert!(of(opinion("Lock leaks", "a", "y")), "other code");
    }

    #[test]
    fn other_words_for_unchanged_code_stay_declined() {
        let before = opinion("Lock leaks", "a", "x");
        let now = [opinion("Lock stays held", "a", "z")];
        let decisions = [declined(&before)];
        let State::Resolved { decided_as, .. } = state(&now, &decisions, &link(&before, true), "x")
        else {
            panic!("it is open");
        };
        assert_eq!(decided_as, Some(before.id.clone()));
        for (sure, code, word) in [
            (true, "other", "has changed"),
            (true, "far", "probably"),
            (false, "x", "probably"),
        ] {
            let state = state(&now, &decisions, &link(&before, sure), code);
            assert!(
                matches!(&state, State::Open { lapsed: Some(why) } if why.contains(word)),
                "{state:?}"
            );
        }
        let moved = opinion("Lock leaks", "old", "x");
        let now = [opinion("Lock stays held", "new", "x")];
        assert!(!state(&now, &[declined(&moved)], &link(&moved, true), "-").is_open());
    }

    #[test]
    fn a_voice_that_joined_doubtfully_since_is_not_waived() {
        let before = opinion("Lock leaks", "a", "x");
        let decisions = [declined(&before)];
        let mut now = before;
        now.voices.members.push(RawFinding {
            agent: "codex".to_owned(),
            title: "Lock is taken twice".to_owned(),
            ..RawFinding::default()
        });
        for (confidence, open) in [(0.89, true), (0.9, false)] {
            now.voices.confidence = Some(confidence);
            let state = state(std::slice::from_ref(&now), &decisions, &[], "x");
            assert_eq!(state.is_open(), open, "{confidence}");
        }
    }

    #[test]
    fn only_what_stands_no_more_in_its_words_may_be_retold() {
        let (this, other) = (
            opinion("Lock leaks", "a", "x"),
            opinion("Lock stays", "a", "x"),
        );
        let decisions = [declined(&this)];
        assert!(told_before(&decisions, std::slice::from_ref(&this)).is_empty());
        let both = [this.clone(), other.clone()];
        assert_eq!(undecided(&decisions, &both), [1]);
        let found = told_before(&decisions, &[other]);
        assert_eq!(found[0].finding, this.id);
        assert_eq!(found[0].text, this.wordings());
    }

    #[test]
    fn reopening_takes_back_the_decision_about_the_earlier_words() {
        let (before, now) = (
            opinion("Lock leaks", "a", "x"),
            opinion("Lock stays", "a", "x"),
        );
        let reopened = Decision::Reopened(Reopened {
            finding: now.id.clone(),
            rule: None,
            anchor: now.anchor.clone(),
            reason: None,
            by: "me".to_owned(),
            at: Timestamp::UNIX_EPOCH,
            decided_as: Some(before.id.clone()),
        });
        let decisions = [declined(&before), reopened];
        let link = link(&before, true);
        assert!(state(&[now], &decisions, &link, "x").is_open());
    }
}
