//! The TOML shape of both configuration files, every key optional.
//! An unknown key is a warning with a suggestion; a wrong type or an unusable rule is an error with
//! line and caret. What a value means beside others is left to `layers`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use anyhow::{Context, anyhow};
use serde::Deserialize;
use toml::Spanned;

use super::MAX_FILE_BYTES;
use super::keys::KEYS;
use crate::agents::AgentKind;
use crate::error::HintExt;
use crate::finding::Severity;
use crate::gate::{EvidencePolicy, OnBudget, OnIncomplete, Stale};
use crate::rules::RuleSpec;

/// Where a configuration file came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Source {
    /// As people know it: a path, or a path and a side.
    pub(crate) name: String,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// One configuration file.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct ConfigFile {
    pub(super) base: Option<Spanned<String>>,
    pub(super) gate: Option<GateTable>,
    pub(super) review: Option<ReviewTable>,
    pub(super) context: Option<ContextTable>,
    #[serde(default)]
    pub(super) agents: BTreeMap<String, Spanned<AgentTable>>,
    pub(super) limits: Option<LimitsTable>,
    #[serde(default)]
    pub(super) rule: Vec<Spanned<RuleTable>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct GateTable {
    pub(super) block: Option<Spanned<Severity>>,
    pub(super) protected: Option<Spanned<Vec<String>>>,
    pub(super) on_incomplete: Option<Spanned<OnIncomplete>>,
    pub(super) evidence: Option<Spanned<EvidencePolicy>>,
    pub(super) quorum: Option<Spanned<usize>>,
    pub(super) stale: Option<Spanned<Stale>>,
    pub(super) on_budget: Option<Spanned<OnBudget>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct ReviewTable {
    pub(super) exclude: Option<Spanned<Vec<String>>>,
    pub(super) max_file_size: Option<Spanned<u64>>,
    pub(super) agents: Option<Spanned<Vec<String>>>,
    pub(super) lead: Option<Spanned<String>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct ContextTable {
    pub(super) documents: Option<Spanned<Vec<String>>>,
}

/// One `[agents.NAME]` of the user.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct AgentTable {
    pub(super) kind: Option<AgentKind>,
    pub(super) model: Option<String>,
    pub(super) effort: Option<String>,
    pub(super) endpoint: Option<String>,
    pub(super) key_env: Option<String>,
    pub(super) command: Option<Vec<String>>,
    pub(super) redact: Option<bool>,
}

/// `[limits]` of the user.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct LimitsTable {
    pub(super) wall: Option<Spanned<String>>,
    pub(super) idle: Option<Spanned<String>>,
    pub(super) push: Option<Spanned<String>>,
    pub(super) parallel: Option<Spanned<usize>>,
    pub(super) tokens: Option<Spanned<u64>>,
    pub(super) cost: Option<Spanned<f64>>,
    pub(super) cost_per_day: Option<Spanned<f64>>,
}

/// One `[[rule]]`.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct RuleTable {
    pub(super) id: String,
    pub(super) severity: Option<Level>,
    #[serde(default)]
    pub(super) paths: Vec<String>,
    pub(super) added: Option<Spanned<String>>,
    pub(super) message: Option<String>,
    #[serde(default)]
    pub(super) history: bool,
}

/// A severity, or `off` for a rule that is not to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Level {
    Off,
    Suggestion,
    Important,
    Critical,
}

impl Level {
    pub(super) fn severity(self) -> Option<Severity> {
        match self {
            Self::Off => None,
            Self::Suggestion => Some(Severity::Suggestion),
            Self::Important => Some(Severity::Important),
            Self::Critical => Some(Severity::Critical),
        }
    }
}

impl From<Severity> for Level {
    fn from(severity: Severity) -> Self {
        match severity {
            Severity::Suggestion => Self::Suggestion,
            Severity::Important => Self::Important,
            Severity::Critical => Self::Critical,
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.severity().map_or("off", Severity::as_str))
    }
}

impl RuleTable {
    /// The rule as the engine takes it; `None` if the table only sets a built-in rule's severity.
    pub(super) fn spec(&self) -> Option<RuleSpec> {
        let added = self.added.as_ref()?;
        Some(RuleSpec {
            id: self.id.clone(),
            severity: self.severity.unwrap_or(Level::Important).severity()?,
            paths: self.paths.clone(),
            added: Some(added.get_ref().clone()),
            message: self.message.clone().unwrap_or_default(),
            history: self.history,
        })
    }
}

impl ConfigFile {
    /// Reads a configuration file. Returns it with one warning for each key that is not known.
    pub(crate) fn parse(text: &[u8], source: &Source) -> anyhow::Result<(Self, Vec<String>)> {
        let attempt = || {
            if text.len() > MAX_FILE_BYTES {
                return Err(anyhow!(
                    "it has {} bytes, more than {MAX_FILE_BYTES}",
                    text.len()
                ));
            }
            let text = std::str::from_utf8(text).context("it is not UTF-8")?;
            let mut unknown = BTreeSet::new();
            let read = toml::Deserializer::parse(text).map_err(|error| located(text, &error))?;
            let file: Self = serde_ignored::deserialize(read, |path| {
                unknown.insert(path.to_string());
            })
            .map_err(|error| located(text, &error))?;
            file.check(text)?;
            let warnings = unknown.iter().map(|key| unknown_key(key, source)).collect();
            Ok((file, warnings))
        };
        attempt()
            .with_context(|| format!("cannot use {source}"))
            .hint("correct it; nothing was reviewed, because its rules and limits are not known")
    }

    /// What serde can't say: each rule must be usable.
    fn check(&self, text: &str) -> anyhow::Result<()> {
        let mut ids = BTreeSet::new();
        for table in &self.rule {
            let rule = table.get_ref();
            let fail = |span: std::ops::Range<usize>, why: String| {
                Err(anyhow!(
                    "{}",
                    caret(text, span, &format!("rule `{}`: {why}", rule.id))
                ))
            };
            if rule.id.is_empty()
                || !rule
                    .id
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
            {
                return fail(
                    table.span(),
                    "an id consists of letters, digits, `-`, `_` and `.`".to_owned(),
                );
            }
            if !ids.insert(&rule.id) {
                return fail(
                    table.span(),
                    "this id is already taken by a rule above".to_owned(),
                );
            }
            let built_in = crate::rules::builtin_severity(&rule.id).is_some();
            match &rule.added {
                None if !built_in => {
                    return fail(
                        table.span(),
                        "it has no `added` pattern, and no built-in rule has this id".to_owned(),
                    );
                }
                None if rule.severity.is_none() => {
                    return fail(
                        table.span(),
                        "a built-in rule takes a `severity` here, or \"off\"".to_owned(),
                    );
                }
                None if !rule.paths.is_empty() || rule.message.is_some() || rule.history => {
                    return fail(
                        table.span(),
                        "only the severity of a built-in rule can be set".to_owned(),
                    );
                }
                Some(added) if built_in => {
                    return fail(
                        added.span(),
                        "a built-in rule has this id; choose another one".to_owned(),
                    );
                }
                Some(added) => {
                    if rule
                        .message
                        .as_deref()
                        .unwrap_or_default()
                        .trim()
                        .is_empty()
                    {
                        return fail(
                            table.span(),
                            "it has no `message`: say what is wrong and what to do".to_owned(),
                        );
                    }
                    if let Some(spec) = rule.spec()
                        && let Err(error) = crate::rules::RuleSet::check(&spec)
                    {
                        return Err(anyhow!("{error}")).with_context(|| {
                            caret(
                                text,
                                added.span(),
                                &format!("rule `{}` cannot be used", rule.id),
                            )
                        });
                    }
                }
                None => {}
            }
        }
        Ok(())
    }

    /// The line of the file a span starts on, from 1.
    pub(super) fn line(text: &str, offset: usize) -> u32 {
        let newlines =
            memchr::memchr_iter(b'\n', &text.as_bytes()[..offset.min(text.len())]).count();
        u32::try_from(newlines + 1).unwrap_or(u32::MAX)
    }
}

/// toml's own message has line and caret if it was given the text.
fn located(text: &str, error: &toml::de::Error) -> anyhow::Error {
    match error.span() {
        Some(span) => {
            let message = error.message().replace("unknown variant", "unknown value");
            anyhow!("{}", caret(text, span, &message))
        }
        None => anyhow!("{}", error.message()),
    }
}

/// A message with the line it is about and a caret below the place.
pub(super) fn caret(text: &str, span: std::ops::Range<usize>, message: &str) -> String {
    let no = ConfigFile::line(text, span.start);
    let start = text[..span.start.min(text.len())]
        .rfind('\n')
        .map_or(0, |at| at + 1);
    let line = text[start..].lines().next().unwrap_or_default();
    let column = text[start..span.start.min(text.len())].chars().count();
    let room = line.chars().count().saturating_sub(column).max(1);
    let marks = text
        .get(span)
        .map_or(1, |marked| {
            marked.lines().next().unwrap_or_default().chars().count()
        })
        .clamp(1, room);
    let gutter = " ".repeat(no.to_string().len());
    format!(
        "line {no}: {message}\n{gutter} |\n{no} | {line}\n{gutter} | {}{}",
        " ".repeat(column),
        "^".repeat(marks)
    )
}

fn unknown_key(key: &str, source: &Source) -> String {
    // What the parsers put between: options, positions, and where a value stands.
    let told = |part: &&str| {
        *part != "?" && part.parse::<usize>().is_err() && !part.starts_with("$__serde_spanned")
    };
    let parts: Vec<&str> = key.split('.').filter(told).collect();
    let plain = parts.join(".");
    // An agent's name stands between the table and its key.
    let (known_as, name) = match parts[..] {
        ["agents", name, key] => (format!("agents.{key}"), Some(name)),
        _ => (plain.clone(), None),
    };
    let rule_keys = [
        "rule.id",
        "rule.severity",
        "rule.paths",
        "rule.added",
        "rule.message",
        "rule.history",
    ];
    let nearest = KEYS
        .iter()
        .map(|key| key.name)
        .chain(rule_keys)
        .map(|known| (strsim::jaro_winkler(known, &known_as), known))
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .filter(|(likeness, _)| *likeness > 0.8);
    let meant = match (nearest, name) {
        (Some((_, known)), Some(name)) => {
            let key = known.rsplit('.').next().unwrap_or(known);
            format!("; did you mean `agents.{name}.{key}`?")
        }
        (Some((_, known)), None) => format!("; did you mean `{known}`?"),
        (None, _) => String::new(),
    };
    format!("{source}: unknown key `{plain}`{meant}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source() -> Source {
        Source {
            name: "`.deep-review.toml`".to_owned(),
        }
    }

    fn error(text: &str) -> String {
        let error = ConfigFile::parse(text.as_bytes(), &source()).unwrap_err();
        error
            .chain()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join("\n")
    }

    #[test]
    fn a_wrong_type_is_shown_with_line_and_caret() {
        let text = error("base = \"main\"\n[gate]\nblock = 5\n");
        assert!(
            text.contains("line 3") && text.contains("3 | block = 5\n  |         ^"),
            "{text}"
        );
    }

    #[test]
    fn a_wrong_word_names_the_right_ones() {
        let text = error("[gate]\nblock = \"high\"\n");
        assert!(
            text.contains("line 2") && text.contains("important"),
            "{text}"
        );
    }

    #[test]
    fn a_broken_pattern_is_shown_with_rule_and_line() {
        let text = error(
            "[[rule]]\nid = \"no-x\"\nseverity = \"important\"\nadded = '''a(b'''\nmessage = \"m\"\n",
        );
        assert!(
            text.contains("rule `no-x`") && text.contains("line 4") && text.contains("a(b"),
            "{text}"
        );
    }

    #[test]
    fn an_unknown_key_is_a_warning_with_a_suggestion() {
        let (_, warnings) =
            ConfigFile::parse(b"[gate]\nblok = \"important\"\n", &source()).unwrap();
        assert_eq!(
            warnings,
            ["`.deep-review.toml`: unknown key `gate.blok`; did you mean `gate.block`?"]
        );
        let (_, warnings) = ConfigFile::parse(
            b"[agents.ann]\nkind = \"command\"\nmodle = \"m\"\n",
            &source(),
        )
        .unwrap();
        assert_eq!(
            warnings,
            [
                "`.deep-review.toml`: unknown key `agents.ann.modle`; did you mean `agents.ann.model`?"
            ]
        );
    }

    #[test]
    fn a_rule_without_a_pattern_must_be_built_in() {
        assert!(
            error("[[rule]]\nid = \"mine\"\nseverity = \"important\"\n")
                .contains("no built-in rule")
        );
        let (file, _) = ConfigFile::parse(
            b"[[rule]]\nid = \"debugger-leftover\"\nseverity = \"off\"\n",
            &source(),
        )
        .unwrap();
        assert!(file.rule[0].get_ref().spec().is_none());
    }
}
