//! The plain values a brief is made of, and the sections of it that are lists of them.
//! The change itself is in `change`.

use std::collections::BTreeSet;

use crate::diff::RepoPath;
use crate::finding::Severity;

use super::boundary::Boundary;
use super::family::Family;
use super::{BriefError, MOST_INLINE};

/// Everything a reviewer's brief is made of. All text has been redacted before.
#[derive(Clone, Debug)]
pub(crate) struct Input<'i> {
    /// The id of this brief, which the answer must repeat.
    pub(crate) run: &'i str,
    /// 128 random bits of this run in hexadecimal digits.
    pub(crate) nonce: &'i str,
    /// Who is asked.
    pub(crate) family: Family,
    /// From 1.
    pub(crate) round: u32,
    /// What the repository is and what stands under review, a line each.
    pub(crate) facts: Vec<String>,
    /// The name of the base, as people write it, and its commit.
    pub(crate) base: String,
    /// The same of the head.
    pub(crate) head: String,
    /// The units of this shard, in the order of their paths.
    pub(crate) units: Vec<BriefUnit>,
    /// Units that other briefs or no agent read; named, no more.
    pub(crate) others: Vec<OtherUnit>,
    /// Changed files that are not sent.
    pub(crate) excluded: Vec<Excluded>,
    /// Rules and advice from the base side.
    pub(crate) context: Context,
    /// Findings of all rounds before.
    pub(crate) earlier: Vec<Earlier>,
    /// What the snapshot lacks.
    pub(crate) snapshot: SnapshotFacts,
    /// What the author says, where the user lets it be shown.
    pub(crate) author: Option<Author>,
}

impl Input<'_> {
    /// How many bytes a diff may have that such an agent is given inline.
    pub(crate) fn most_inline(family: Family) -> usize {
        match family {
            // What is asked over HTTP reads objects, and no file of the snapshot.
            Family::Api => usize::MAX,
            _ => MOST_INLINE,
        }
    }
}

/// One changed file that the agent has to account for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct BriefUnit {
    /// `u01`: its number among all owed units of the head, the same in each shard and for each agent.
    pub(crate) id: String,
    /// Its path in the head tree, or in the base tree if it was deleted.
    pub(crate) path: RepoPath,
    /// Its path before a rename.
    pub(crate) old_path: Option<RepoPath>,
    /// `added`, `modified`, `deleted`, `renamed`, …
    pub(crate) status: String,
    /// Lines added.
    pub(crate) added: u32,
    /// Lines removed.
    pub(crate) removed: u32,
    /// What sort of file it is.
    pub(crate) kind: UnitKind,
    /// The patch, redacted.
    pub(crate) patch: Vec<u8>,
    /// Something was cut out of it.
    pub(crate) redacted: bool,
    /// Material about it below `.deep-review/`, as `base/0001.txt`.
    pub(crate) files: Vec<String>,
    /// An agent has reviewed it in an earlier round; it is there to be seen together with the rest.
    pub(crate) seen_before: bool,
}

/// What sort of file a unit is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum UnitKind {
    /// Code, and everything that is nothing else.
    #[default]
    Code,
    /// Tests and their material.
    Test,
    /// Text for people.
    Docs,
    /// Written by a program.
    Generated,
}

impl UnitKind {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Code => "code",
            Self::Test => "test",
            Self::Docs => "docs",
            Self::Generated => "generated",
        }
    }
}

/// A unit of the same change that is not in this brief.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OtherUnit {
    /// Its id.
    pub(crate) id: String,
    /// Its path.
    pub(crate) path: RepoPath,
}

/// A changed file that is not sent, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Excluded {
    /// Its path.
    pub(crate) path: RepoPath,
    /// The reason, for people.
    pub(crate) why: String,
}

/// What the repository wants reviewers to know; what applies to the units, from the base side.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Context {
    /// Rules that a finding may cite.
    pub(crate) rules: Vec<ContextRule>,
    /// Sections of its documents.
    pub(crate) prose: Vec<Prose>,
}

/// A rule that a finding may cite.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ContextRule {
    /// Its id, unique in the brief.
    pub(crate) id: String,
    /// How bad a violation is.
    pub(crate) severity: Severity,
    /// What it says.
    pub(crate) text: String,
}

/// A section of a document of the repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Prose {
    /// The document.
    pub(crate) path: RepoPath,
    /// The section.
    pub(crate) text: String,
}

/// A finding of an earlier round.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Earlier {
    /// Its id.
    pub(crate) id: String,
    /// What became of it.
    pub(crate) state: EarlierState,
    /// Where it stands, as `src/a.rs:10`.
    pub(crate) place: String,
    /// Its title.
    pub(crate) title: String,
    /// Its text; shown for claimed fixes.
    pub(crate) body: String,
}

/// What became of an earlier finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum EarlierState {
    /// Somebody says that it is fixed; the commit that did it, if that is known.
    ClaimedFixed {
        /// A short id, or empty.
        commit: String,
    },
    /// Nobody has decided, or the decision lapsed because its code changed.
    Open,
    /// Declined by a decision that holds.
    Declined {
        /// The word of the decision, as `false-positive`.
        resolution: String,
        /// Why.
        reason: String,
        /// In how many rounds it was raised and declined.
        times: u32,
    },
}

/// What the snapshot lacks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SnapshotFacts {
    /// It is a part of a large tree.
    pub(crate) partial: bool,
    /// Files that exist in the history alone.
    pub(crate) left_out: Vec<RepoPath>,
    /// Files in whose place a line says what they are.
    pub(crate) stubs: Vec<RepoPath>,
}

/// What the author says about the change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Author {
    /// The subjects of the commits, oldest first.
    pub(crate) subjects: Vec<String>,
    /// The file with the whole messages, below `.deep-review/`.
    pub(crate) messages: Option<String>,
}

/// Ids are what answers are matched by.
pub(super) fn check_ids(units: &[BriefUnit], rules: &[ContextRule]) -> Result<(), BriefError> {
    let mut seen = BTreeSet::new();
    let units = units.iter().map(|unit| ("unit", &unit.id));
    let rules = rules.iter().map(|rule| ("rule", &rule.id));
    match units.chain(rules).find(|id| !seen.insert(*id)) {
        Some((_, id)) => Err(BriefError::TwiceListed { id: id.clone() }),
        None => Ok(()),
    }
}

/// One line however it was written.
pub(super) fn line_of(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Our words about what the snapshot lacks; the paths stand with the change.
pub(super) fn snapshot_sentence(snapshot: &SnapshotFacts, shell: bool) -> String {
    let mut text = String::new();
    if snapshot.partial {
        text.push_str("The snapshot holds a part of the tree");
        text.push_str(if shell {
            "; `git grep PATTERN HEAD` searches all of it. "
        } else {
            ". "
        });
    }
    if !snapshot.left_out.is_empty() || !snapshot.stubs.is_empty() {
        text.push_str("Files listed as left out or as stubs are not in the snapshot");
        text.push_str(if shell {
            "; `git show HEAD:PATH` shows them. "
        } else {
            ". "
        });
    }
    text.trim_end().to_owned()
}

/// Rules with their ids, then prose.
pub(super) fn context_text(input: &Input<'_>, boundary: &Boundary<'_>) -> String {
    let Context { rules, prose } = &input.context;
    if rules.is_empty() && prose.is_empty() {
        return "None.\n".to_owned();
    }
    let mut text = String::new();
    if !rules.is_empty() {
        let lines: Vec<String> = rules
            .iter()
            .map(|rule| format!("{} ({}): {}", rule.id, rule.severity, line_of(&rule.text)))
            .collect();
        text.push_str(&boundary.data("rules", "", &lines.join("\n")));
    }
    for (number, section) in prose.iter().enumerate() {
        let shown = format!("from {}\n{}", section.path.to_quoted(), section.text);
        text.push_str(&boundary.data("context", &(number + 1).to_string(), &shown));
    }
    text
}

/// Earlier findings in three lists; those declined most often first.
pub(super) fn decisions_text(earlier: &[Earlier], boundary: &Boundary<'_>) -> String {
    let mut fixed = Vec::new();
    let mut open = Vec::new();
    let mut declined = Vec::new();
    for finding in earlier {
        let head = format!(
            "{} {}: {}",
            finding.id,
            line_of(&finding.place),
            line_of(&finding.title)
        );
        match &finding.state {
            EarlierState::ClaimedFixed { commit } => {
                let by = if commit.is_empty() {
                    String::new()
                } else {
                    format!(" (fixed by {commit})")
                };
                let body = finding.body.replace('\n', "\n  ");
                fixed.push(format!("{head}{by}\n  {body}"));
            }
            EarlierState::Open => open.push(head),
            EarlierState::Declined {
                resolution,
                reason,
                times,
            } => declined.push((
                u32::MAX - times,
                format!("{head} [{resolution}, {times} times] {}", line_of(reason)),
            )),
        }
    }
    declined.sort_by_key(|(order, _)| *order);
    let declined: Vec<String> = declined.into_iter().map(|(_, line)| line).collect();
    let mut text = String::new();
    for (kind, lines) in [
        ("claimed-fixed", fixed),
        ("open", open),
        ("declined", declined),
    ] {
        if !lines.is_empty() {
            text.push_str(&boundary.data(kind, "", &lines.join("\n")));
        }
    }
    if text.is_empty() {
        text.push_str("None.\n");
    }
    text
}

/// The author's words, as a claim.
pub(super) fn author_text(author: Option<&Author>, boundary: &Boundary<'_>) -> String {
    let Some(author) = author.filter(|author| !author.subjects.is_empty()) else {
        return "The intent is not given.\n".to_owned();
    };
    let lines: Vec<String> = author
        .subjects
        .iter()
        .map(|subject| line_of(subject))
        .collect();
    let mut text =
        "For walk 6: written by the author, may be wrong or meant to reassure.".to_owned();
    if let Some(messages) = &author.messages {
        text.push_str(" The whole messages are in `.deep-review/");
        text.push_str(messages);
        text.push_str("`.");
    }
    text.push_str("\n\n");
    text.push_str(&boundary.data("commits", "", &lines.join("\n")));
    text
}
