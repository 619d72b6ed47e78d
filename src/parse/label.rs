//! Reads the words for severity and kind that agents put in labels.
//! Where a label may stand is left to `head` and `findings`.

use crate::finding::{Kind, Severity};

/// What a label says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Label {
    /// Its severity, if it names one.
    pub(super) severity: Option<Severity>,
    /// Its kind, if it names one of ours.
    pub(super) kind: Option<Kind>,
}

impl Label {
    /// This label, with what it lacks taken from another.
    pub(super) fn or(self, other: Self) -> Self {
        Self {
            severity: self.severity.or(other.severity),
            kind: self.kind.or(other.kind),
        }
    }
}

/// Reads `important, gap` in any case and order, also back-quoted or emphasised. A kind of the
/// agent's own making (`important, logic error`) is passed over after a severity; anything else
/// is no label.
pub(super) fn label(text: &str) -> Option<Label> {
    if text.len() > 80 {
        return None;
    }
    let mut said = Label::default();
    for (index, word) in text.split([',', '/', ';', '|', '·']).enumerate() {
        let word = word.trim_matches(|c: char| !c.is_alphanumeric());
        let word = word.to_ascii_lowercase();
        let word = word
            .strip_prefix("severity:")
            .or_else(|| word.strip_prefix("kind:"))
            .unwrap_or(&word)
            .trim();
        match (severity_word(word), kind_word(word)) {
            (Some(severity), _) if said.severity.is_none() => said.severity = Some(severity),
            (_, Some(kind)) if said.kind.is_none() => said.kind = Some(kind),
            _ if index > 0 && said.severity.is_some() && word.split(' ').count() <= 3 => {}
            _ => return None,
        }
    }
    (said != Label::default()).then_some(said)
}

/// The severity a single word names.
pub(super) fn severity_word(word: &str) -> Option<Severity> {
    match word {
        "critical" => Some(Severity::Critical),
        "important" => Some(Severity::Important),
        "suggestion" => Some(Severity::Suggestion),
        _ => None,
    }
}

/// The kind a single word names.
pub(super) fn kind_word(word: &str) -> Option<Kind> {
    match word {
        "regression" => Some(Kind::Regression),
        "gap" => Some(Kind::Gap),
        "enhancement" => Some(Kind::Enhancement),
        "pre-existing" | "preexisting" | "pre existing" => Some(Kind::PreExisting),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_read_in_any_dress() {
        for (text, severity, kind) in [
            ("important, gap", Some(Severity::Important), Some(Kind::Gap)),
            (
                "`Critical`, regression",
                Some(Severity::Critical),
                Some(Kind::Regression),
            ),
            ("suggestion", Some(Severity::Suggestion), None),
            ("enhancement", None, Some(Kind::Enhancement)),
            ("gap, important", Some(Severity::Important), Some(Kind::Gap)),
            ("important, logic error", Some(Severity::Important), None),
            (
                "suggestion/pre-existing",
                Some(Severity::Suggestion),
                Some(Kind::PreExisting),
            ),
        ] {
            assert_eq!(label(text), Some(Label { severity, kind }), "{text}");
        }
        for text in [
            "",
            "in-scope",
            "important because of the lock",
            "gap between them",
            "a, gap",
        ] {
            assert_eq!(label(text), None, "{text}");
        }
    }
}
