//! Findings that the lead would not let stand, and whose voices outweigh it: what it says, and the one
//! command that takes its word for it. Running that command is the user's affair.

use crate::finding::{Finding, Stance};
use crate::page::{Page, Style, cut, harmless};

/// The longest reason in a command, in characters.
const REASON: usize = 200;

/// What the lead would do, and why; one line. `None` if it agrees.
pub(super) fn contested(finding: &Finding) -> Option<String> {
    let word = finding.voices.lead.as_ref()?;
    (word.stance == Stance::Contested).then(|| {
        format!(
            "contested: the lead, {}, would {}: {}",
            word.agent, word.wants, word.reason
        )
    })
}

/// The command that accepts the lead's word about a contested finding; `None` for others.
pub(super) fn accepting(finding: &Finding) -> Option<String> {
    let word = finding.voices.lead.as_ref()?;
    if word.stance != Stance::Contested {
        return None;
    }
    let reason: String = harmless(&word.reason).chars().take(REASON).collect();
    // What is less bad than it was called is true all the same.
    let decision = if word.wants.starts_with("drop") {
        "false-positive"
    } else {
        "accepted-risk"
    };
    Some(format!(
        "deep-review resolve {} --as {decision} -m {}",
        finding.id,
        quoted(&format!("{} says: {reason}", word.agent))
    ))
}

/// A text as one word of a POSIX shell: nothing in single quotes means anything but itself.
fn quoted(text: &str) -> String {
    let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
    format!("'{}'", flat.replace('\'', "\u{2019}"))
}

/// What the lead says about a finding, for people at a terminal.
pub(super) fn word(page: &mut Page, finding: &Finding, width: usize) {
    if let Some(words) = contested(finding) {
        page.prose(Style::Warning, 6, width.min(100), &words);
        if let Some(command) = accepting(finding) {
            page.text("      accept it: ")
                .put(Style::Literal, command)
                .end();
        }
        return;
    }
    let Some(word) = &finding.voices.lead else {
        return;
    };
    let words = match word.stance {
        Stance::Confirmed => format!("confirmed by the lead, {}", word.agent),
        Stance::Added => format!("raised by the lead, {}: {}", word.agent, word.reason),
        Stance::Downgraded | Stance::Raised => {
            format!("regraded by the lead, {}: {}", word.agent, word.reason)
        }
        Stance::Kept | Stance::Contested => return,
    };
    page.line(Style::Faint, cut(&format!("      {words}"), width));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_stays_one_word_of_the_shell() {
        let hostile = "x'; rm -rf ~ #\n$(touch y) `z` \"";
        let word = quoted(hostile);
        assert_eq!(word, "'x\u{2019}; rm -rf ~ # $(touch y) `z` \"'");
        assert_eq!(word.matches('\'').count(), 2);
    }
}
