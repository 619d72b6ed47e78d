//! What a change to `.deep-review.toml` would loosen: a finding of its own, because whoever edits the
//! rules that judge an edit should be seen doing it. None of it is in force for the change itself.

use std::collections::BTreeMap;

use super::REPOSITORY_FILE;
use super::file::{ConfigFile, Level};
use super::layers::{
    BLOCK, DOCUMENT, EVIDENCE, MAX_FILE_SIZE, PROTECTED, built_in_level, built_in_levels,
    same_matches,
};
use crate::diff::RepoPath;
use crate::finding::{Kind, LineRange, Location, RawFinding, Severity};
use crate::gate::{EvidencePolicy, OnBudget, OnIncomplete, Stale};
use crate::rules::RuleSpec;

/// The id of the rule that reports loosenings.
pub(crate) const RULE: &str = "review-policy-loosened";

/// One thing that the change would loosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Loosening {
    /// The key, as in `review.exclude`.
    pub(crate) key: &'static str,
    /// What would no longer hold, as a sentence without a full stop.
    pub(crate) what: String,
    /// Where the new file says so, as a byte offset; a removal has no place.
    offset: Option<usize>,
}

/// Compares two versions of the repository's file; no file is an empty one.
pub(crate) fn loosenings(old: &ConfigFile, new: &ConfigFile) -> Vec<Loosening> {
    let mut found = Vec::new();
    let mut add = |key, what: String, offset| found.push(Loosening { key, what, offset });
    let name = |file: &ConfigFile| file.base.as_ref().map(|base| base.get_ref().clone());
    if name(old) != name(new) {
        let what = match name(new) {
            Some(base) => format!("changes would be compared with `{base}`"),
            None => "the branch to compare with would be left to the remote".to_owned(),
        };
        add(
            "base",
            what,
            new.base.as_ref().map(|base| base.span().start),
        );
    }

    gate(old, new, &mut add);
    review(old, new, &mut add);
    agents(old, new, &mut add);
    rules(old, new, &mut add);
    found
}

fn gate(
    old: &ConfigFile,
    new: &ConfigFile,
    add: &mut impl FnMut(&'static str, String, Option<usize>),
) {
    let table = |file: &ConfigFile| file.gate.clone().unwrap_or_default();
    let (old_gate, new_gate) = (table(old), table(new));
    let old_block = old_gate
        .block
        .as_ref()
        .map_or(BLOCK, |block| *block.get_ref());
    let new_block = new_gate
        .block
        .as_ref()
        .map_or(BLOCK, |block| *block.get_ref());
    if new_block > old_block {
        add(
            "gate.block",
            format!("findings would block from {new_block} on, not from {old_block} on"),
            new_gate.block.as_ref().map(|block| block.span().start),
        );
    }
    let default = || PROTECTED.map(str::to_owned).to_vec();
    let old_protected = old_gate
        .protected
        .as_ref()
        .map_or_else(default, |list| list.get_ref().clone());
    let new_protected = new_gate
        .protected
        .as_ref()
        .map_or_else(default, |list| list.get_ref().clone());
    for pattern in old_protected
        .iter()
        .filter(|pattern| !new_protected.contains(pattern))
    {
        add(
            "gate.protected",
            format!("`{pattern}` would no longer be protected"),
            new_gate.protected.as_ref().map(|list| list.span().start),
        );
    }
    let allows = |gate: &super::file::GateTable| {
        gate.on_incomplete
            .as_ref()
            .is_some_and(|value| *value.get_ref() == OnIncomplete::Allow)
    };
    if allows(&new_gate) && !allows(&old_gate) {
        add(
            "gate.on_incomplete",
            "unreviewed changes would pass".to_owned(),
            new_gate
                .on_incomplete
                .as_ref()
                .map(|value| value.span().start),
        );
    }
    let evidence = |gate: &super::file::GateTable| -> EvidencePolicy {
        gate.evidence
            .as_ref()
            .map_or(EVIDENCE, |value| *value.get_ref())
    };
    if evidence(&new_gate) < evidence(&old_gate) {
        add(
            "gate.evidence",
            "findings of agents without evidence would no longer block".to_owned(),
            new_gate.evidence.as_ref().map(|value| value.span().start),
        );
    }
    asked(&old_gate, &new_gate, add);
}

/// What agents must have answered.
fn asked(
    old: &super::file::GateTable,
    new: &super::file::GateTable,
    add: &mut impl FnMut(&'static str, String, Option<usize>),
) {
    let quorum =
        |gate: &super::file::GateTable| gate.quorum.as_ref().map_or(1, |quorum| *quorum.get_ref());
    if quorum(new) < quorum(old) {
        add(
            "gate.quorum",
            format!(
                "{} agents would have to answer for a file, not {}",
                quorum(new),
                quorum(old)
            ),
            new.quorum.as_ref().map(|value| value.span().start),
        );
    }
    let stale = |gate: &super::file::GateTable| {
        gate.stale
            .as_ref()
            .map_or(Stale::Accept, |stale| *stale.get_ref())
    };
    if stale(new) < stale(old) {
        add(
            "gate.stale",
            "answers given under other rules would count".to_owned(),
            new.stale.as_ref().map(|value| value.span().start),
        );
    }
    let passes = |gate: &super::file::GateTable| {
        gate.on_budget
            .as_ref()
            .is_some_and(|value| *value.get_ref() == OnBudget::RulesOnly)
    };
    if passes(new) && !passes(old) {
        add(
            "gate.on_budget",
            "changes that no money was left for would pass".to_owned(),
            new.on_budget.as_ref().map(|value| value.span().start),
        );
    }
}

fn review(
    old: &ConfigFile,
    new: &ConfigFile,
    add: &mut impl FnMut(&'static str, String, Option<usize>),
) {
    let table = |file: &ConfigFile| file.review.clone().unwrap_or_default();
    let (old_review, new_review) = (table(old), table(new));
    let old_exclude = old_review
        .exclude
        .as_ref()
        .map(|list| list.get_ref().clone())
        .unwrap_or_default();
    if let Some(list) = &new_review.exclude {
        for pattern in list
            .get_ref()
            .iter()
            .filter(|pattern| !old_exclude.contains(pattern))
        {
            add(
                "review.exclude",
                format!("`{pattern}` would no longer be reviewed"),
                Some(list.span().start),
            );
        }
    }
    let size = |table: &super::file::ReviewTable| {
        table
            .max_file_size
            .as_ref()
            .map_or(MAX_FILE_SIZE, |size| *size.get_ref())
    };
    // A larger limit reads more; but it also lets a gate wait longer, so it is said.
    if size(&new_review) > size(&old_review) {
        add(
            "review.max_file_size",
            format!(
                "files of up to {} bytes would be read, not {}",
                size(&new_review),
                size(&old_review)
            ),
            new_review
                .max_file_size
                .as_ref()
                .map(|size| size.span().start),
        );
    }
}

/// Who would be asked, and under which rules.
fn agents(
    old: &ConfigFile,
    new: &ConfigFile,
    add: &mut impl FnMut(&'static str, String, Option<usize>),
) {
    let table = |file: &ConfigFile| file.review.clone().unwrap_or_default();
    let (old_review, new_review) = (table(old), table(new));
    let names = |table: &super::file::ReviewTable| {
        let agents = table.agents.as_ref();
        agents
            .map(|list| list.get_ref().clone())
            .unwrap_or_default()
    };
    let now = names(&new_review);
    for name in names(&old_review).iter().filter(|name| !now.contains(name)) {
        add(
            "review.agents",
            format!("`{name}` would no longer be recommended as a reviewer"),
            new_review.agents.as_ref().map(|list| list.span().start),
        );
    }
    let lead =
        |table: &super::file::ReviewTable| table.lead.as_ref().map(|lead| lead.get_ref().clone());
    if lead(&old_review) != lead(&new_review) {
        let what = match lead(&new_review) {
            Some(lead) if lead == "none" => "no lead would check the findings".to_owned(),
            Some(lead) => format!("`{lead}` would lead the review"),
            None => "the lead would be left to the panel".to_owned(),
        };
        add(
            "review.lead",
            what,
            new_review.lead.as_ref().map(|lead| lead.span().start),
        );
    }
    let documents = |file: &ConfigFile| {
        let list = file.context.as_ref().and_then(|it| it.documents.as_ref());
        list.map_or_else(|| vec![DOCUMENT.to_owned()], |list| list.get_ref().clone())
    };
    let now = documents(new);
    for document in documents(old).iter().filter(|it| !now.contains(it)) {
        let list = new.context.as_ref().and_then(|it| it.documents.as_ref());
        add(
            "context.documents",
            format!("reviewers would no longer be told the rules in `{document}`"),
            list.map(|list| list.span().start),
        );
    }
}

fn rules(
    old: &ConfigFile,
    new: &ConfigFile,
    add: &mut impl FnMut(&'static str, String, Option<usize>),
) {
    let specs = |file: &ConfigFile| -> BTreeMap<String, (RuleSpec, usize)> {
        file.rule
            .iter()
            .filter_map(|table| {
                Some((
                    table.get_ref().id.clone(),
                    (table.get_ref().spec()?, table.span().start),
                ))
            })
            .collect()
    };
    let new_specs = specs(new);
    for (id, (was, _)) in specs(old) {
        match new_specs.get(&id) {
            None => add("rule", format!("rule `{id}` would no longer run"), None),
            Some((is, at)) if !same_matches(&was, is) => add(
                "rule",
                format!("rule `{id}` would match other lines"),
                Some(*at),
            ),
            Some((is, at)) if is.severity < was.severity => {
                add(
                    "rule",
                    format!("rule `{id}` would be {}, not {}", is.severity, was.severity),
                    Some(*at),
                );
            }
            Some(_) => {}
        }
    }
    let levels = |file: &ConfigFile| -> BTreeMap<String, Level> { built_in_levels(file).collect() };
    let (was, is) = (levels(old), levels(new));
    let ids: std::collections::BTreeSet<&String> = was.keys().chain(is.keys()).collect();
    for id in ids {
        let default = built_in_level(id);
        let (was, is) = (
            was.get(id).unwrap_or(&default),
            is.get(id).unwrap_or(&default),
        );
        if is < was {
            let at = new
                .rule
                .iter()
                .find(|table| table.get_ref().id == *id)
                .map(|table| table.span().start);
            add(
                "rule",
                format!("built-in rule `{id}` would be {is}, not {was}"),
                at,
            );
        }
    }
}

/// The loosenings as raw findings of the rules reviewer about the new text of the file. They are
/// important, or suggestions when the change is the first to have the file.
pub(crate) fn raw_findings(
    loosenings: &[Loosening],
    new_text: &[u8],
    first: bool,
) -> Vec<RawFinding> {
    let text = String::from_utf8_lossy(new_text);
    loosenings
        .iter()
        .enumerate()
        .map(|(index, loosening)| {
            let line = loosening.offset.map(|offset| ConfigFile::line(&text, offset));
            let anchor = blake3::hash(format!("{RULE}\0{}\0{}", loosening.key, loosening.what).as_bytes());
            RawFinding {
                agent: crate::rules::AGENT.to_owned(),
                id: format!("{RULE}#{}", index + 1),
                severity: Some(if first { Severity::Suggestion } else { Severity::Important }),
                kind: Some(Kind::Regression),
                title: format!("`{}` loosens the review: {}", loosening.key, loosening.what),
                locations: vec![Location {
                    path: RepoPath::from(REPOSITORY_FILE),
                    lines: line.map(|line| LineRange { start: line, end: line }),
                }],
                body: "This is not in force for this change: what loosens the review counts once it stands on the base side. \
                       Whoever reviews the change should agree that it may."
                    .to_owned(),
                quote: line.and_then(|line| text.lines().nth(line as usize - 1)).map(str::to_owned),
                rule: Some(RULE.to_owned()),
                anchor: Some(anchor.to_hex()[..32].to_owned()),
                ..RawFinding::default()
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::file::Source;
    use super::*;

    fn keys(old: &str, new: &str) -> Vec<&'static str> {
        let parse = |text: &str| {
            let source = Source {
                name: "test".to_owned(),
            };
            ConfigFile::parse(text.as_bytes(), &source).unwrap().0
        };
        loosenings(&parse(old), &parse(new))
            .into_iter()
            .map(|loosening| loosening.key)
            .collect()
    }

    const RULE_TABLE: &str =
        "[[rule]]\nid = \"r\"\nseverity = \"important\"\nadded = 'abc'\nmessage = \"m\"\n";

    #[test]
    fn each_key_that_can_loosen_is_noticed() {
        let cases = [
            ("base", "", "base = \"x\"\n"),
            ("gate.block", "", "[gate]\nblock = \"critical\"\n"),
            ("gate.block", "[gate]\nblock = \"suggestion\"\n", ""),
            (
                "gate.protected",
                "",
                "[gate]\nprotected = [\"main\", \"master\"]\n",
            ),
            (
                "gate.on_incomplete",
                "",
                "[gate]\non_incomplete = \"allow\"\n",
            ),
            ("gate.evidence", "[gate]\nevidence = \"any\"\n", ""),
            ("gate.quorum", "[gate]\nquorum = 2\n", ""),
            ("gate.stale", "[gate]\nstale = \"review\"\n", ""),
            ("gate.on_budget", "", "[gate]\non_budget = \"rules-only\"\n"),
            ("review.agents", "[review]\nagents = [\"claude\"]\n", ""),
            ("review.lead", "", "[review]\nlead = \"none\"\n"),
            ("context.documents", "", "[context]\ndocuments = []\n"),
            ("review.exclude", "", "[review]\nexclude = [\"x\"]\n"),
            (
                "review.max_file_size",
                "",
                "[review]\nmax_file_size = 999999999\n",
            ),
            ("rule", RULE_TABLE, ""),
            ("rule", RULE_TABLE, &RULE_TABLE.replace("abc", "abd")),
            (
                "rule",
                RULE_TABLE,
                &RULE_TABLE.replace("important", "suggestion"),
            ),
            (
                "rule",
                "",
                "[[rule]]\nid = \"debugger-leftover\"\nseverity = \"off\"\n",
            ),
        ];
        for (key, old, new) in cases {
            assert_eq!(keys(old, new), [key], "{old:?} → {new:?}");
        }
        for key in super::super::KEYS {
            // What never counts from a repository can't be loosened there.
            if key.class == super::super::keys::Class::UserFile {
                continue;
            }
            assert!(
                cases.iter().any(|(covered, ..)| *covered == key.name),
                "no case for {}",
                key.name
            );
        }
    }

    #[test]
    fn what_tightens_is_no_loosening() {
        let strict = "[gate]\nblock = \"suggestion\"\nevidence = \"any\"\nquorum = 3\nstale = \"review\"\nprotected = [\"main\", \"master\", \"release/*\", \"x\"]\n[review]\nmax_file_size = 1\n";
        assert!(keys("", strict).is_empty());
        assert!(keys("", RULE_TABLE).is_empty());
        assert!(keys("[review]\nexclude = [\"x\"]\n", "").is_empty());
        assert!(keys(RULE_TABLE, &RULE_TABLE.replace("important", "critical")).is_empty());
    }
}
