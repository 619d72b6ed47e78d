//! How far the lead's word about one finding counts. It never loses a finding, never makes one Critical
//! by itself, and can't take away what more than its own kind of eyes saw.

use super::{Case, Finished, Lead, Quoted, Word, ground, wish};
use crate::finding::{Finding, Proof, RULES, Severity, Stance};
use crate::parse::verdicts::{Ground, MoveTo, Verdict};

/// The most severe that the lead can make a finding by itself.
pub(super) const HIGHEST_ALONE: Severity = Severity::Important;
/// A reason is cut there, in bytes.
const REASON: usize = 600;

/// What becomes of a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ruling {
    /// It stands, as the lead or as its voices have it.
    Stands(Finished),
    /// It counts for nothing.
    Drop {
        /// Why.
        reason: String,
    },
    /// It belongs elsewhere.
    Move {
        /// Where to.
        to: MoveTo,
        /// Why.
        reason: String,
    },
}

/// Decides about one case.
pub(super) fn rule(case: &Case, word: Word<'_>, lead: Lead<'_>) -> Ruling {
    let (finding, verified) = (&case.finding, word.verified);
    let reason = one_line(&verified.reason);
    let stands = |severity, stance, wants: String, retold| {
        Ruling::Stands(Finished {
            severity,
            stance,
            wants,
            // Who lets it stand need not say why.
            reason: match stance {
                Stance::Kept | Stance::Confirmed if verified.reason.trim().is_empty() => {
                    String::new()
                }
                _ => reason.clone(),
            },
            retold,
        })
    };
    let contested = || stands(finding.severity, Stance::Contested, wish(verified), false);
    if !finding.is_opinion() {
        // A fact takes no part in votes, and nobody's word is worth anything against it.
        return stands(finding.severity, Stance::Kept, String::new(), false);
    }
    match verified.verdict {
        Verdict::Keep => {
            let severity = raised(finding, verified.severity);
            let stance = if severity > finding.severity {
                Stance::Raised
            } else if word.quoted == Quoted::InHead && verified.proof != Proof::Unsure {
                Stance::Confirmed
            } else {
                Stance::Kept
            };
            stands(severity, stance, String::new(), true)
        }
        Verdict::Downgrade if verified.severity >= finding.severity => {
            stands(finding.severity, Stance::Kept, String::new(), true)
        }
        Verdict::Downgrade if counts(case, word, lead) => {
            let stance = Stance::Downgraded;
            stands(verified.severity, stance, String::new(), true)
        }
        Verdict::Drop if has_ground(case, verified.ground) && counts(case, word, lead) => {
            Ruling::Drop {
                reason: format!(
                    "the lead, {}, says {}: {reason}",
                    lead.agent,
                    ground(verified.ground)
                ),
            }
        }
        Verdict::Move if verified.to == MoveTo::Nowhere => {
            stands(finding.severity, Stance::Kept, String::new(), true)
        }
        Verdict::Move if may_move(case, word, lead) => Ruling::Move {
            to: verified.to,
            reason: format!("the lead, {}: {reason}", lead.agent),
        },
        Verdict::Downgrade | Verdict::Drop | Verdict::Move => contested(),
    }
}

/// The severity of a finding that the lead keeps: a higher one only if somebody who raised it calls it
/// that, and never newly critical.
fn raised(finding: &Finding, wanted: Severity) -> Severity {
    let votes = finding.voices.members.iter().filter_map(|raw| raw.severity);
    let highest = votes.max().unwrap_or(finding.severity);
    wanted.min(highest).min(HIGHEST_ALONE).max(finding.severity)
}

/// True if a drop or a downgrade counts: the code it quotes stands there, it says why, and what may hold
/// a push was raised by one agent only, and by another vendor's.
fn counts(case: &Case, word: Word<'_>, lead: Lead<'_>) -> bool {
    let before = word.verified.ground == Ground::Predates;
    let proven = match word.quoted {
        Quoted::InHead => true,
        // What the change removed shows nothing but how it was before.
        Quoted::OnlyInBase => before,
        Quoted::Nowhere => false,
    };
    let reasoned = !word.verified.reason.trim().is_empty();
    proven && reasoned && (!is_weighty(&case.finding, lead) || is_of_one_other(&case.finding, lead))
}

/// A suggestion may be told elsewhere for a reason; what is worse leaves the findings, and that is a drop.
fn may_move(case: &Case, word: Word<'_>, lead: Lead<'_>) -> bool {
    if case.finding.severity == Severity::Suggestion {
        return !word.verified.reason.trim().is_empty();
    }
    counts(case, word, lead)
}

/// A drop stands on something: never on another finding, which would have to be joined, and on a
/// decision only if there is one.
fn has_ground(case: &Case, ground: Ground) -> bool {
    match ground {
        Ground::None | Ground::Duplicate => false,
        Ground::Declined => case.decided,
        Ground::Misread
        | Ground::Impossible
        | Ground::Handled
        | Ground::Predates
        | Ground::NoEffect => true,
    }
}

/// True if the finding could hold a push: bad enough, and borne out by the code or by two vendors.
fn is_weighty(finding: &Finding, lead: Lead<'_>) -> bool {
    let mut vendors: Vec<String> = finding
        .voices
        .members
        .iter()
        .map(|raw| (lead.vendor_of)(&raw.agent))
        .collect();
    vendors.sort_unstable();
    vendors.dedup();
    let supported = finding.voices.evidence.iter().any(|check| check.supported);
    finding.severity >= Severity::Important && (supported || vendors.len() > 1)
}

/// True if one agent raised the finding, and it is not of the lead's own vendor.
fn is_of_one_other(finding: &Finding, lead: Lead<'_>) -> bool {
    let mut agents = finding.voices.members.iter().map(|raw| raw.agent.as_str());
    let Some(first) = agents.next() else {
        return false;
    };
    agents.all(|agent| agent == first)
        && first != RULES
        && (lead.vendor_of)(first) != (lead.vendor_of)(lead.agent)
}

/// A text as one line within bounds.
fn one_line(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let mut line = words.join(" ");
    if line.len() > REASON {
        let mut end = REASON;
        while !line.is_char_boundary(end) {
            end -= 1;
        }
        line.truncate(end);
        line.push('…');
    }
    if line.is_empty() {
        line.push_str("no reason given");
    }
    line
}
