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
    /// Names a program, a host, a key or a limit: in the user's own file and nowhere else.
    UserFile,
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
        name: "gate.quorum",
        class: Class::Either,
    },
    Key {
        name: "gate.stale",
        class: Class::Either,
    },
    Key {
        name: "gate.on_budget",
        class: Class::UserOnly,
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
        name: "review.agents",
        class: Class::Loosening,
    },
    Key {
        name: "review.lead",
        class: Class::Loosening,
    },
    Key {
        name: "context.documents",
        class: Class::Loosening,
    },
    Key {
        name: "agents.kind",
        class: Class::UserFile,
    },
    Key {
        name: "agents.model",
        class: Class::UserFile,
    },
    Key {
        name: "agents.effort",
        class: Class::UserFile,
    },
    Key {
        name: "agents.endpoint",
        class: Class::UserFile,
    },
    Key {
        name: "agents.key_env",
        class: Class::UserFile,
    },
    Key {
        name: "agents.command",
        class: Class::UserFile,
    },
    Key {
        name: "agents.redact",
        class: Class::UserFile,
    },
    Key {
        name: "limits.wall",
        class: Class::UserFile,
    },
    Key {
        name: "limits.idle",
        class: Class::UserFile,
    },
    Key {
        name: "limits.push",
        class: Class::UserFile,
    },
    Key {
        name: "limits.parallel",
        class: Class::UserFile,
    },
    Key {
        name: "limits.tokens",
        class: Class::UserFile,
    },
    Key {
        name: "limits.cost",
        class: Class::UserFile,
    },
    Key {
        name: "limits.cost_per_day",
        class: Class::UserFile,
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
        "base"
            | "gate.block"
            | "gate.on_incomplete"
            | "gate.evidence"
            | "gate.quorum"
            | "gate.stale"
            | "gate.on_budget"
            | "review.lead"
            | "review.max_file_size"
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
    use super::super::file::{
        AgentTable, ConfigFile, ContextTable, GateTable, LimitsTable, ReviewTable,
    };
    use super::*;

    #[test]
    fn every_field_of_the_file_has_a_class() {
        // A new field does not compile here until it is named, and fails until it has a class.
        let ConfigFile {
            base: _,
            gate: _,
            review: _,
            context: _,
            agents: _,
            limits: _,
            rule: _,
        } = ConfigFile::default();
        let GateTable {
            block: _,
            protected: _,
            on_incomplete: _,
            evidence: _,
            quorum: _,
            stale: _,
            on_budget: _,
        } = GateTable::default();
        let ReviewTable {
            exclude: _,
            max_file_size: _,
            agents: _,
            lead: _,
        } = ReviewTable::default();
        let ContextTable { documents: _ } = ContextTable::default();
        let AgentTable {
            kind: _,
            model: _,
            effort: _,
            endpoint: _,
            key_env: _,
            command: _,
            redact: _,
        } = AgentTable::default();
        let LimitsTable {
            wall: _,
            idle: _,
            push: _,
            parallel: _,
            tokens: _,
            cost: _,
            cost_per_day: _,
        } = LimitsTable::default();
        let fields = [
            "base",
            "gate.block",
            "gate.protected",
            "gate.on_incomplete",
            "gate.evidence",
            "review.exclude",
            "review.max_file_size",
            "gate.quorum",
            "gate.stale",
            "gate.on_budget",
            "review.agents",
            "review.lead",
            "context.documents",
            "agents.kind",
            "agents.model",
            "agents.effort",
            "agents.endpoint",
            "agents.key_env",
            "agents.command",
            "agents.redact",
            "limits.wall",
            "limits.idle",
            "limits.push",
            "limits.parallel",
            "limits.tokens",
            "limits.cost",
            "limits.cost_per_day",
            "rule",
        ];
        for field in fields {
            assert!(class(field).is_some(), "{field}");
        }
        assert_eq!(KEYS.len(), fields.len());
    }
}
