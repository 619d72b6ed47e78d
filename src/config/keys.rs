//! The one table that says who may set a key: the main guard against a repository that trusts itself.

/// What setting a key may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// Makes it stricter or looser: from the branch only what is stricter counts, the rest from the
    /// base side, the user or the environment.
    Either,
    /// Decides what is looked at: from the base side, the user or the environment.
    Loosening,
    /// Lets something through unreviewed: never from a repository.
    UserOnly,
}

/// One key that may be set.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Key {
    /// As in TOML, tables joined by dots.
    pub(crate) name: &'static str,
    /// Who may set it.
    pub(crate) class: Class,
}

/// Every key. A test compares it with the shape of the file.
pub(crate) const KEYS: &[Key] = &[
    Key {
        name: "base",
        class: Class::Loosening,
    },
    Key {
        name: "gate.block",
        class: Class::Either,
    },
    Key {
        name: "gate.protected",
        class: Class::Either,
    },
    Key {
        name: "gate.on_incomplete",
        class: Class::UserOnly,
    },
    Key {
        name: "gate.evidence",
        class: Class::Either,
    },
    Key {
        name: "review.exclude",
        class: Class::Loosening,
    },
    Key {
        name: "review.max_file_size",
        class: Class::Either,
    },
    Key {
        name: "rule",
        class: Class::Either,
    },
];

/// The environment variable that sets a key, as in `DEEP_REVIEW_GATE_BLOCK`; lists and tables have
/// none.
pub(crate) fn variable(name: &str) -> Option<String> {
    let scalar = matches!(
        name,
        "base" | "gate.block" | "gate.on_incomplete" | "gate.evidence" | "review.max_file_size"
    );
    scalar.then(|| format!("DEEP_REVIEW_{}", name.replace('.', "_").to_uppercase()))
}

/// The class of a key, if there is such a key.
pub(crate) fn class(name: &str) -> Option<Class> {
    KEYS.iter()
        .find(|key| key.name == name)
        .map(|key| key.class)
}

#[cfg(test)]
mod tests {
    use super::super::file::{ConfigFile, GateTable, ReviewTable};
    use super::*;

    #[test]
    fn every_field_of_the_file_has_a_class() {
        // A new field does not compile here until it is named, and fails until it has a class.
        let ConfigFile {
            base: _,
            gate: _,
            review: _,
            rule: _,
        } = ConfigFile::default();
        let GateTable {
            block: _,
            protected: _,
            on_incomplete: _,
            evidence: _,
        } = GateTable::default();
        let ReviewTable {
            exclude: _,
            max_file_size: _,
        } = ReviewTable::default();
        let fields = [
            "base",
            "gate.block",
            "gate.protected",
            "gate.on_incomplete",
            "gate.evidence",
            "review.exclude",
            "review.max_file_size",
            "rule",
        ];
        for field in fields {
            assert!(class(field).is_some(), "{field}");
        }
        assert_eq!(KEYS.len(), fields.len());
    }
}
