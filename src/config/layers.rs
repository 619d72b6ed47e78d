//! Puts the layers on top of each other: defaults < user < repository < environment.
//! Of the repository's file the base side counts wholly, the branch's own version only where it is
//! stricter; each value says where it came from.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use toml::Spanned;

use super::file::{ConfigFile, Level};
use super::keys::{self, Class};
use crate::finding::Severity;
use crate::gate::{EvidencePolicy, OnBudget, OnIncomplete, Stale};
use crate::rules::{RuleLevel, RuleSpec};

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Origin {
    /// Built in.
    Default,
    /// The user's own file.
    User,
    /// The repository's file as it stands on the base side.
    Base,
    /// The repository's file as the change has it; not yet on the base side.
    Branch,
    /// A variable of this name.
    Environment(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::User => f.write_str("user configuration"),
            Self::Base => f.write_str(".deep-review.toml"),
            Self::Branch => {
                f.write_str(".deep-review.toml of this change, not yet on the base side")
            }
            Self::Environment(name) => f.write_str(name),
        }
    }
}

/// A value and where it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sourced<T> {
    /// The value in force.
    pub(crate) value: T,
    /// Who set it.
    pub(crate) origin: Origin,
}

impl<T> Sourced<T> {
    fn new(value: T, origin: Origin) -> Self {
        Self { value, origin }
    }
}

/// The files and variables that decide, lowest first.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Layers<'a> {
    /// The user's own file.
    pub(crate) user: Option<&'a ConfigFile>,
    /// The repository's file on the base side.
    pub(crate) base: Option<&'a ConfigFile>,
    /// The repository's file on the head side.
    pub(crate) branch: Option<&'a ConfigFile>,
    /// The value of a variable.
    pub(crate) environment: Option<fn(&str) -> Option<String>>,
}

/// What is in force for one change. Complete: nothing here means "default".
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// The branch to compare with; `None` leaves it to the remote.
    pub(crate) base: Sourced<Option<String>>,
    /// The lowest severity that blocks.
    pub(crate) block: Sourced<Severity>,
    /// Patterns of branch names that owe everything since the remote's tip.
    pub(crate) protected: Vec<Sourced<String>>,
    /// What happens to what was not reviewed.
    pub(crate) on_incomplete: Sourced<OnIncomplete>,
    /// What a finding of agents needs to block.
    pub(crate) evidence: Sourced<EvidencePolicy>,
    /// How many AI agents must have answered for a unit that owes them; `None`: one if there is a panel.
    pub(crate) quorum: Sourced<Option<usize>>,
    /// What an answer counts that was given under other rules for reviewers.
    pub(crate) stale: Sourced<Stale>,
    /// What happens to what no money or tokens were left for.
    pub(crate) on_budget: Sourced<OnBudget>,
    /// The agents this repository recommends.
    pub(crate) agents: Sourced<Vec<String>>,
    /// The lead: an agent's name, or `none`; `None` leaves it to the panel.
    pub(crate) lead: Sourced<Option<String>>,
    /// The documents with rules for reviewers.
    pub(crate) documents: Sourced<Vec<String>>,
    /// Patterns of paths that are listed only.
    pub(crate) exclude: Vec<Sourced<String>>,
    /// Those that stand on the branch only: what they name is sent to nobody, and owed all the same.
    pub(crate) withhold: Vec<Sourced<String>>,
    /// The size of the largest text that is read, in bytes.
    pub(crate) max_file_size: Sourced<u64>,
    /// The rules that are not built in.
    pub(crate) rules: Vec<Sourced<RuleSpec>>,
    /// Severities set for built-in rules.
    pub(crate) levels: BTreeMap<String, Sourced<RuleLevel>>,
}

/// The default of `gate.protected`.
pub(super) const PROTECTED: [&str; 3] = ["main", "master", "release/*"];
/// The default of `gate.block`.
pub(super) const BLOCK: Severity = Severity::Important;
/// The default of `gate.evidence`.
pub(super) const EVIDENCE: EvidencePolicy = EvidencePolicy::Required;
/// The default of `context.documents`.
pub(super) const DOCUMENT: &str = "deep-review-context.md";
/// The default of `review.max_file_size`, in bytes.
pub(super) const MAX_FILE_SIZE: u64 = 16 << 20;

impl Layers<'_> {
    /// Resolves every key. Returns the settings and a warning for each value that may not be set
    /// where it stands or can't be read.
    pub(crate) fn resolve(&self) -> (Settings, Vec<String>) {
        let mut warnings = Vec::new();
        for (file, side) in [(self.base, Origin::Base), (self.branch, Origin::Branch)] {
            if let Some(file) = file {
                refuse_user_only(file, &side, &mut warnings);
            }
        }
        let settings = Settings {
            base: self.base_branch(),
            block: self.block(&mut warnings),
            protected: self.protected(),
            on_incomplete: self.on_incomplete(&mut warnings),
            evidence: self.evidence(&mut warnings),
            quorum: self.quorum(&mut warnings),
            stale: self.stale(&mut warnings),
            on_budget: self.on_budget(&mut warnings),
            agents: self.settled(Vec::new(), |file| {
                Some(file.review.as_ref()?.agents.as_ref()?.get_ref().clone())
            }),
            lead: self.lead(&mut warnings),
            documents: self.settled(vec![DOCUMENT.to_owned()], |file| {
                Some(file.context.as_ref()?.documents.as_ref()?.get_ref().clone())
            }),
            exclude: self.exclude(),
            withhold: self.withhold(),
            max_file_size: self.max_file_size(&mut warnings),
            rules: self.rules(),
            levels: self.levels(),
        };
        warnings.dedup();
        (settings, warnings)
    }

    /// A value that counts from every layer but the branch.
    fn settled<T: Clone>(&self, default: T, read: impl Fn(&ConfigFile) -> Option<T>) -> Sourced<T> {
        let mut settled = Sourced::new(default, Origin::Default);
        for (file, origin) in [(self.user, Origin::User), (self.base, Origin::Base)] {
            if let Some(value) = file.and_then(&read) {
                settled = Sourced::new(value, origin);
            }
        }
        settled
    }

    /// The value of a key's variable, read by `read`; a value that can't be read is a warning.
    fn variable<T>(
        &self,
        key: &str,
        warnings: &mut Vec<String>,
        read: impl Fn(&str) -> Option<T>,
    ) -> Option<Sourced<T>> {
        let name = keys::variable(key)?;
        let text = self.environment?(&name)?;
        let Some(value) = read(&text) else {
            warnings.push(format!(
                "`{name}` is {text:?}, which `{key}` does not take; ignored"
            ));
            return None;
        };
        Some(Sourced::new(value, Origin::Environment(name)))
    }

    fn base_branch(&self) -> Sourced<Option<String>> {
        let settled = self.settled(None, |file| {
            Some(Some(file.base.as_ref()?.get_ref().clone()))
        });
        self.variable("base", &mut Vec::new(), |text| Some(Some(text.to_owned())))
            .unwrap_or(settled)
    }

    fn block(&self, warnings: &mut Vec<String>) -> Sourced<Severity> {
        let read = |file: &ConfigFile| Some(*file.gate.as_ref()?.block.as_ref()?.get_ref());
        let mut block = self.settled(BLOCK, read);
        if let Some(stricter) = self
            .branch
            .and_then(read)
            .filter(|wanted| *wanted < block.value)
        {
            block = Sourced::new(stricter, Origin::Branch);
        }
        self.variable("gate.block", warnings, word::<Severity>)
            .unwrap_or(block)
    }

    fn protected(&self) -> Vec<Sourced<String>> {
        let read =
            |file: &ConfigFile| Some(file.gate.as_ref()?.protected.as_ref()?.get_ref().clone());
        let settled = self.settled(PROTECTED.map(str::to_owned).to_vec(), read);
        let mut protected: Vec<_> = settled
            .value
            .into_iter()
            .map(|pattern| Sourced::new(pattern, settled.origin.clone()))
            .collect();
        for pattern in self.branch.and_then(read).unwrap_or_default() {
            if protected.iter().all(|known| known.value != pattern) {
                protected.push(Sourced::new(pattern, Origin::Branch));
            }
        }
        protected
    }

    fn on_incomplete(&self, warnings: &mut Vec<String>) -> Sourced<OnIncomplete> {
        let read = |file: &ConfigFile| Some(*file.gate.as_ref()?.on_incomplete.as_ref()?.get_ref());
        let mut settled = Sourced::new(OnIncomplete::Block, Origin::Default);
        if let Some(value) = self.user.and_then(read) {
            settled = Sourced::new(value, Origin::User);
        }
        for (file, origin) in [(self.base, Origin::Base), (self.branch, Origin::Branch)] {
            // A repository may be stricter than its user, never more lenient.
            if file.and_then(read) == Some(OnIncomplete::Block)
                && settled.value == OnIncomplete::Allow
            {
                settled = Sourced::new(OnIncomplete::Block, origin);
            }
        }
        self.variable("gate.on_incomplete", warnings, |text| {
            word::<OnIncomplete>(text)
        })
        .unwrap_or(settled)
    }

    fn evidence(&self, warnings: &mut Vec<String>) -> Sourced<EvidencePolicy> {
        let read = |file: &ConfigFile| Some(*file.gate.as_ref()?.evidence.as_ref()?.get_ref());
        let mut evidence = self.settled(EVIDENCE, read);
        if let Some(stricter) = self
            .branch
            .and_then(read)
            .filter(|wanted| *wanted > evidence.value)
        {
            evidence = Sourced::new(stricter, Origin::Branch);
        }
        self.variable("gate.evidence", warnings, word::<EvidencePolicy>)
            .unwrap_or(evidence)
    }

    fn quorum(&self, warnings: &mut Vec<String>) -> Sourced<Option<usize>> {
        let read = |file: &ConfigFile| Some(Some(*file.gate.as_ref()?.quorum.as_ref()?.get_ref()));
        let mut quorum = self.settled(None, read);
        if let Some(stricter) = self
            .branch
            .and_then(read)
            .filter(|wanted| *wanted > Some(quorum.value.unwrap_or(1)))
        {
            quorum = Sourced::new(stricter, Origin::Branch);
        }
        self.variable("gate.quorum", warnings, |text| text.parse().ok().map(Some))
            .unwrap_or(quorum)
    }

    fn stale(&self, warnings: &mut Vec<String>) -> Sourced<Stale> {
        let read = |file: &ConfigFile| Some(*file.gate.as_ref()?.stale.as_ref()?.get_ref());
        let mut stale = self.settled(Stale::Accept, read);
        if self.branch.and_then(read) == Some(Stale::Review) && stale.value == Stale::Accept {
            stale = Sourced::new(Stale::Review, Origin::Branch);
        }
        self.variable("gate.stale", warnings, word::<Stale>)
            .unwrap_or(stale)
    }

    fn on_budget(&self, warnings: &mut Vec<String>) -> Sourced<OnBudget> {
        let read = |file: &ConfigFile| Some(*file.gate.as_ref()?.on_budget.as_ref()?.get_ref());
        let mut settled = Sourced::new(OnBudget::Block, Origin::Default);
        if let Some(value) = self.user.and_then(read) {
            settled = Sourced::new(value, Origin::User);
        }
        for (file, origin) in [(self.base, Origin::Base), (self.branch, Origin::Branch)] {
            // As with what was not reviewed: a repository may only be stricter than its user.
            if file.and_then(read) == Some(OnBudget::Block) && settled.value == OnBudget::RulesOnly
            {
                settled = Sourced::new(OnBudget::Block, origin);
            }
        }
        self.variable("gate.on_budget", warnings, word::<OnBudget>)
            .unwrap_or(settled)
    }

    fn lead(&self, warnings: &mut Vec<String>) -> Sourced<Option<String>> {
        let settled = self.settled(None, |file| {
            Some(Some(file.review.as_ref()?.lead.as_ref()?.get_ref().clone()))
        });
        self.variable("review.lead", warnings, |text| Some(Some(text.to_owned())))
            .unwrap_or(settled)
    }

    fn exclude(&self) -> Vec<Sourced<String>> {
        let read =
            |file: &ConfigFile| Some(file.review.as_ref()?.exclude.as_ref()?.get_ref().clone());
        [(self.user, Origin::User), (self.base, Origin::Base)]
            .into_iter()
            .filter_map(|(file, origin)| Some((file.and_then(read)?, origin)))
            .flat_map(|(patterns, origin)| {
                patterns
                    .into_iter()
                    .map(move |pattern| Sourced::new(pattern, origin.clone()))
            })
            .collect()
    }

    fn withhold(&self) -> Vec<Sourced<String>> {
        let settled = self.exclude();
        let new = self
            .branch
            .and_then(|file| Some(file.review.as_ref()?.exclude.as_ref()?.get_ref().clone()));
        new.unwrap_or_default()
            .into_iter()
            .filter(|pattern| settled.iter().all(|known| known.value != *pattern))
            .map(|pattern| Sourced::new(pattern, Origin::Branch))
            .collect()
    }

    fn max_file_size(&self, warnings: &mut Vec<String>) -> Sourced<u64> {
        let read =
            |file: &ConfigFile| Some(*file.review.as_ref()?.max_file_size.as_ref()?.get_ref());
        let mut size = self.settled(MAX_FILE_SIZE, read);
        if let Some(stricter) = self
            .branch
            .and_then(read)
            .filter(|wanted| *wanted < size.value)
        {
            size = Sourced::new(stricter, Origin::Branch);
        }
        self.variable("review.max_file_size", warnings, |text| text.parse().ok())
            .unwrap_or(size)
    }

    /// The user's rules, the base side's, and the branch's. A rule that the branch changed runs in
    /// both forms: which of two patterns is stricter can't be told.
    fn rules(&self) -> Vec<Sourced<RuleSpec>> {
        let mut rules: Vec<Sourced<RuleSpec>> = Vec::new();
        for (file, origin) in [
            (self.user, Origin::User),
            (self.base, Origin::Base),
            (self.branch, Origin::Branch),
        ] {
            for mut spec in file
                .iter()
                .flat_map(|file| &file.rule)
                .filter_map(|table| table.get_ref().spec())
            {
                if let Some(earlier) = rules
                    .iter_mut()
                    .find(|earlier| same_matches(&earlier.value, &spec))
                {
                    // Only what is said or how bad it is differs: never milder than before.
                    let severity = earlier.value.severity.max(spec.severity);
                    if severity > earlier.value.severity || spec.message != earlier.value.message {
                        spec.severity = severity;
                        *earlier = Sourced::new(spec, origin.clone());
                    }
                    continue;
                }
                // The engine wants one id per rule; both forms of a changed rule must be told apart.
                while rules.iter().any(|earlier| earlier.value.id == spec.id) {
                    spec.id.push_str(".new");
                }
                rules.push(Sourced::new(spec, origin.clone()));
            }
        }
        rules
    }

    fn levels(&self) -> BTreeMap<String, Sourced<RuleLevel>> {
        let mut levels: BTreeMap<String, Sourced<Level>> = BTreeMap::new();
        for (file, origin) in [(self.user, Origin::User), (self.base, Origin::Base)] {
            for (id, level) in file.iter().flat_map(|file| built_in_levels(file)) {
                levels.insert(id, Sourced::new(level, origin.clone()));
            }
        }
        for (id, level) in self.branch.iter().flat_map(|file| built_in_levels(file)) {
            let now = levels
                .get(&id)
                .map_or_else(|| built_in_level(&id), |known| known.value);
            if level > now {
                levels.insert(id, Sourced::new(level, Origin::Branch));
            }
        }
        levels
            .into_iter()
            .map(|(id, level)| {
                let value = level.value.severity().map_or(RuleLevel::Off, RuleLevel::At);
                (id, Sourced::new(value, level.origin))
            })
            .collect()
    }
}

/// True if two rules report the same lines.
pub(super) fn same_matches(one: &RuleSpec, two: &RuleSpec) -> bool {
    one.id == two.id
        && one.paths == two.paths
        && one.added == two.added
        && one.history == two.history
}

/// The tables that only set a built-in rule's severity.
pub(super) fn built_in_levels(file: &ConfigFile) -> impl Iterator<Item = (String, Level)> {
    file.rule
        .iter()
        .map(Spanned::get_ref)
        .filter(|table| table.added.is_none())
        .filter_map(|table| Some((table.id.clone(), table.severity?)))
}

/// The severity a built-in rule has when nobody says anything.
pub(super) fn built_in_level(id: &str) -> Level {
    crate::rules::builtin_severity(id).map_or(Level::Off, Level::from)
}

fn refuse_user_only(file: &ConfigFile, side: &Origin, warnings: &mut Vec<String>) {
    let gate = file.gate.as_ref();
    let allows = gate.and_then(|gate| gate.on_incomplete.as_ref());
    if keys::class("gate.on_incomplete") == Some(Class::UserOnly)
        && allows.is_some_and(|value| *value.get_ref() == OnIncomplete::Allow)
    {
        warnings.push(format!("{side}: `gate.on_incomplete = \"allow\"` is ignored; only the user's own configuration may let unreviewed changes pass"));
    }
    let allows = gate.and_then(|gate| gate.on_budget.as_ref());
    if keys::class("gate.on_budget") == Some(Class::UserOnly)
        && allows.is_some_and(|value| *value.get_ref() == OnBudget::RulesOnly)
    {
        warnings.push(format!("{side}: `gate.on_budget = \"rules-only\"` is ignored; only the user's own configuration may let changes pass that no money was left for"));
    }
    for name in file.agents.keys() {
        warnings.push(format!("{side}: `[agents.{name}]` is ignored; programs, hosts and keys are set in the user's own configuration only"));
    }
    if file.limits.is_some() {
        warnings.push(format!(
            "{side}: `[limits]` is ignored; limits are set in the user's own configuration only"
        ));
    }
}

/// Reads a word as the configuration file would.
fn word<T: for<'de> Deserialize<'de>>(text: &str) -> Option<T> {
    T::deserialize(serde::de::value::StrDeserializer::<serde::de::value::Error>::new(text)).ok()
}

#[cfg(test)]
mod tests;
