//! Joins the built-in pack and the repository's rules into one checked set with a digest.
//! Trying it on a file is left to `scan`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use ignore::overrides::{Override, OverrideBuilder};

use super::engine::Engine;
use super::pack::{self, Builtin};
use super::pattern::{Pattern, cut};
use super::spec::{RuleError, RuleLevel, RuleSpec, is_rule_id};
use crate::diff::RepoPath;
use crate::finding::Severity;

/// Raised when the same rules, paths and lines give other findings than before.
const ENGINE_VERSION: u32 = 1;
/// Most rules of one repository.
const MOST_RULES: usize = 1_000;
/// Most bytes of all patterns and globs of one repository.
const MOST_PATTERN_BYTES: usize = 256 << 10;
/// Most steps of all patterns of one repository: a quarter of a second of compiling.
const MOST_PATTERN_STEPS: usize = 500_000;

/// The rules one review uses. Built once, shared between threads.
#[derive(Debug)]
pub(crate) struct RuleSet {
    pub(super) rules: Vec<Rule>,
    /// For each pattern of the engine: the rule, and the form of a built-in rule.
    pub(super) owners: Vec<(usize, usize)>,
    pub(super) engine: Engine,
}

/// One rule, ready to be tried.
#[derive(Clone, Debug)]
pub(super) struct Rule {
    pub(super) id: Arc<str>,
    pub(super) severity: Severity,
    /// Configuration has set the severity.
    pub(super) configured: bool,
    pub(super) history: bool,
    pub(super) check: Check,
    patterns: Vec<Arc<Pattern>>,
    /// Over everything that can change a finding of this rule.
    fingerprint: [u8; 32],
}

/// How a rule decides.
#[derive(Clone, Debug)]
pub(super) enum Check {
    /// A rule of the pack.
    Builtin(&'static Builtin),
    /// A rule of the repository.
    House {
        /// `None`: every file.
        paths: Option<Arc<Override>>,
        /// With `$` for what matched.
        message: Arc<str>,
        /// The globs as one line, for people.
        globs: Arc<str>,
    },
}

impl RuleSet {
    /// Checks and compiles the pack and `specs`; `levels` turns rules off or sets their severity.
    /// An id in `levels` that no rule has is without effect.
    pub(crate) fn compile(
        specs: &[RuleSpec],
        levels: &BTreeMap<String, RuleLevel>,
    ) -> Result<Self, RuleError> {
        let mut rules: Vec<Rule> = pack::PACK
            .iter()
            .map(|builtin| Rule::shipped(builtin))
            .collect();
        let mut bench = Bench::default();
        for spec in specs {
            rules.push(bench.prepare(spec)?);
        }
        rules.retain_mut(|rule| rule.take_level(levels.get(&*rule.id)));
        Ok(Self::of(rules))
    }

    /// Checks one rule of the repository by itself, without the cost of a set.
    pub(crate) fn check(spec: &RuleSpec) -> Result<(), RuleError> {
        Bench::default().prepare(spec).map(drop)
    }

    /// The subset that also reads the added lines of each new commit.
    pub(crate) fn history_only(&self) -> Self {
        Self::of(self.history_rules().cloned().collect())
    }

    /// Hexadecimal BLAKE3 over everything that can change a finding.
    pub(crate) fn digest(&self) -> String {
        digest(self.rules.iter())
    }

    /// The [`RuleSet::digest`] of [`RuleSet::history_only`], without building it.
    pub(crate) fn history_digest(&self) -> String {
        digest(self.history_rules())
    }

    fn history_rules(&self) -> impl Iterator<Item = &Rule> {
        self.rules.iter().filter(|rule| rule.history)
    }

    fn of(rules: Vec<Rule>) -> Self {
        let mut owners = Vec::new();
        let mut patterns = Vec::new();
        for (index, rule) in rules.iter().enumerate() {
            for (form, pattern) in rule.patterns.iter().enumerate() {
                owners.push((index, form));
                patterns.push(Arc::clone(pattern));
            }
        }
        Self {
            rules,
            owners,
            engine: Engine::new(patterns),
        }
    }
}

/// Where the rules of one repository are checked and made ready, one after the other.
#[derive(Default)]
struct Bench<'s> {
    ids: BTreeSet<&'s str>,
    /// Of all patterns and globs.
    bytes: usize,
    /// Of all patterns.
    steps: usize,
    /// Rules often share their paths.
    globs: BTreeMap<&'s [String], Arc<Override>>,
}

impl<'s> Bench<'s> {
    fn prepare(&mut self, spec: &'s RuleSpec) -> Result<Rule, RuleError> {
        let id = spec.id.clone();
        if !is_rule_id(&id) {
            return Err(RuleError::Id { id: cut(&id) });
        }
        if pack::builtin_rules().any(|builtin| builtin.id == id) {
            return Err(RuleError::BuiltIn { id });
        }
        if !self.ids.insert(&spec.id) {
            return Err(RuleError::Duplicate { id });
        }
        if spec.paths.is_empty() && spec.added.is_none() {
            return Err(RuleError::Unconditional { id });
        }
        if spec.message.trim().is_empty() {
            return Err(RuleError::Message { id });
        }
        let bad = |detail| RuleError::Pattern {
            id: spec.id.clone(),
            detail,
        };
        let pattern = spec.added.as_deref().map(Pattern::read).transpose();
        let pattern = pattern.map_err(bad)?;
        let texts = spec.added.iter().chain(&spec.paths);
        self.bytes += texts.map(String::len).sum::<usize>();
        self.steps += pattern.as_ref().map_or(0, |pattern| pattern.steps);
        for (spent, limit, of) in [
            (self.ids.len(), MOST_RULES, "in number"),
            (
                self.bytes,
                MOST_PATTERN_BYTES,
                "bytes of patterns and globs",
            ),
            (self.steps, MOST_PATTERN_STEPS, "steps of patterns"),
        ] {
            if spent > limit {
                return Err(RuleError::TooMany { id, limit, of });
            }
        }
        if let Some(pattern) = &pattern {
            pattern.build().map_err(bad)?;
        }
        let paths = self.paths(spec)?;
        Ok(Rule::of_repository(spec, pattern, paths))
    }

    fn paths(&mut self, spec: &'s RuleSpec) -> Result<Option<Arc<Override>>, RuleError> {
        if spec.paths.is_empty() {
            return Ok(None);
        }
        if let Some(known) = self.globs.get(spec.paths.as_slice()) {
            return Ok(Some(Arc::clone(known)));
        }
        let globs = Arc::new(read_globs(spec)?);
        self.globs.insert(&spec.paths, Arc::clone(&globs));
        Ok(Some(globs))
    }
}

impl Rule {
    fn shipped(builtin: &'static Builtin) -> Self {
        Self {
            id: builtin.id.into(),
            severity: builtin.severity,
            configured: false,
            history: builtin.history,
            check: Check::Builtin(builtin),
            patterns: builtin
                .forms
                .iter()
                .map(|form| Arc::new(Pattern::lazy(form.pattern)))
                .collect(),
            fingerprint: builtin.fingerprint(),
        }
    }

    fn of_repository(
        spec: &RuleSpec,
        pattern: Option<Pattern>,
        paths: Option<Arc<Override>>,
    ) -> Self {
        let mut print = Fingerprint::new("house");
        print.field(spec.id.as_bytes());
        print.field(spec.severity.as_str().as_bytes());
        print.field(&[u8::from(spec.history), u8::from(spec.added.is_some())]);
        print.field(spec.added.as_deref().unwrap_or_default().as_bytes());
        print.field(spec.message.as_bytes());
        for glob in &spec.paths {
            print.field(glob.as_bytes());
        }
        Self {
            id: spec.id.as_str().into(),
            severity: spec.severity,
            configured: false,
            history: spec.history,
            check: Check::House {
                paths,
                message: spec.message.as_str().into(),
                globs: cut(&spec.paths.join(" ")).into(),
            },
            patterns: pattern.into_iter().map(Arc::new).collect(),
            fingerprint: print.finish(),
        }
    }

    /// Applies what configuration says; false if that is "off".
    fn take_level(&mut self, level: Option<&RuleLevel>) -> bool {
        match level {
            None => true,
            Some(RuleLevel::Off) => false,
            Some(RuleLevel::At(severity)) => {
                self.severity = *severity;
                self.configured = true;
                let mut print = Fingerprint::new("level");
                print.field(&self.fingerprint);
                print.field(severity.as_str().as_bytes());
                self.fingerprint = print.finish();
                true
            }
        }
    }

    /// The pattern of a rule of the repository, if it has one.
    pub(super) fn pattern(&self) -> Option<&Pattern> {
        self.patterns.first().map(AsRef::as_ref)
    }
}

/// True if globs written for ripgrep's `-g` let a path through.
pub(super) fn globs_match(globs: &Override, path: &RepoPath) -> bool {
    let path = path.to_str_lossy();
    !globs.matched(Path::new(&*path), false).is_ignore()
}

fn read_globs(spec: &RuleSpec) -> Result<Override, RuleError> {
    let bad = |glob: &str, detail: String| RuleError::Glob {
        id: spec.id.clone(),
        glob: cut(glob),
        detail: cut(&detail),
    };
    let mut builder = OverrideBuilder::new("");
    for glob in &spec.paths {
        if matches!(glob.trim(), "" | "!" | "/" | "!/") {
            return Err(bad(glob, "it is empty".to_owned()));
        }
        builder
            .add(glob)
            .map_err(|error| bad(glob, error.to_string()))?;
    }
    builder
        .build()
        .map_err(|error| bad(&spec.paths.join(" "), error.to_string()))
}

fn digest<'r>(rules: impl Iterator<Item = &'r Rule>) -> String {
    let mut print = Fingerprint::new("rules");
    print.field(&ENGINE_VERSION.to_le_bytes());
    for rule in rules {
        print.field(&rule.fingerprint);
    }
    blake3::Hash::from(print.finish()).to_hex().to_string()
}

/// BLAKE3 over fields that can't run into each other.
pub(super) struct Fingerprint(blake3::Hasher);

impl Fingerprint {
    /// Starts one for things of this sort.
    pub(super) fn new(sort: &str) -> Self {
        let mut print = Self(blake3::Hasher::new());
        print.field(sort.as_bytes());
        print
    }

    /// Adds a field after its length.
    pub(super) fn field(&mut self, bytes: &[u8]) {
        self.0.update(&(bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
    }

    /// The 32 bytes.
    pub(super) fn finish(self) -> [u8; 32] {
        *self.0.finalize().as_bytes()
    }
}
