//! Tries a set of rules on one file and puts what it found into a fixed order.
//! How a hit reads is left to `wording`.

use std::cell::OnceCell;
use std::collections::HashMap;
use std::ops::{ControlFlow, Range};

use super::engine::{Match, without_line_end};
use super::language::{Carry, Language, Region};
use super::pack::{Hit, Judgement, Place, Sums};
use super::paths::{PathKind, path_kind};
use super::set::{Check, RuleSet, globs_match};
use super::wording::Wording;
use super::{AddedLine, FileUnderReview};
use crate::diff::{Mode, RepoPath};
use crate::finding::{RawFinding, Severity};

/// Beyond this many hits of one rule in one file the others become one finding.
const SHOWN: usize = 20;

/// What rules may ask about the file at hand.
#[derive(Debug)]
pub(super) struct FileFacts<'a> {
    pub(super) file: &'a FileUnderReview<'a>,
    pub(super) kind: PathKind,
    pub(super) language: Language,
    /// Read when a rule first asks for it, so that many hits cost one reading.
    starts: OnceCell<Vec<usize>>,
    carries: OnceCell<Vec<Carry>>,
    inline_tests: OnceCell<Vec<Range<u32>>>,
    balance: OnceCell<HashMap<[u8; 16], i64>>,
    old_sums: OnceCell<Sums>,
}

impl<'a> FileFacts<'a> {
    pub(super) fn of(file: &'a FileUnderReview<'a>) -> Self {
        Self {
            file,
            kind: path_kind(file.path),
            language: Language::of(file.path),
            starts: OnceCell::new(),
            carries: OnceCell::new(),
            inline_tests: OnceCell::new(),
            balance: OnceCell::new(),
            old_sums: OnceCell::new(),
        }
    }

    /// Line `number` (1-based) of the whole head version, without its end; `None` past the last
    /// one, or if the caller hasn't the text.
    pub(super) fn line(&self, number: u32) -> Option<&'a [u8]> {
        let text = self.file.new_text?;
        let starts = self.starts.get_or_init(|| {
            let after_breaks = memchr::memchr_iter(b'\n', text).map(|at| at + 1);
            std::iter::once(0).chain(after_breaks).collect()
        });
        let index = usize::try_from(number).ok()?.checked_sub(1)?;
        let start = *starts.get(index)?;
        let end = starts.get(index + 1).map_or(text.len(), |next| *next);
        Some(without_line_end(&text[start..end]))
    }

    /// What sort of text line `number` is: that of the file, or a test inside it.
    pub(super) fn kind_of(&self, number: u32) -> PathKind {
        let tests = self.inline_tests.get_or_init(|| {
            let text = self.file.new_text.unwrap_or_default();
            self.language.inline_tests(text)
        });
        let is_test = tests.iter().any(|lines| lines.contains(&number));
        if is_test && self.kind == PathKind::Source {
            PathKind::Test
        } else {
            self.kind
        }
    }

    /// True if the base version has this line, but for white space around it, at least as often as
    /// the head version: then the change moved it. False if the caller hasn't both versions.
    pub(super) fn is_moved(&self, line: &[u8]) -> bool {
        let (Some(old), Some(new)) = (self.file.old_text, self.file.new_text) else {
            return false;
        };
        let balance = self.balance.get_or_init(|| {
            let mut balance = HashMap::new();
            for (text, step) in [(old, -1), (new, 1)] {
                for line in text.split(|byte| *byte == b'\n') {
                    *balance.entry(line_key(line)).or_default() += step;
                }
            }
            balance
        });
        balance
            .get(&line_key(line))
            .is_some_and(|added| *added <= 0)
    }

    /// What the base version locked, read by the first reader that asks: the name of a file decides
    /// which one that is.
    pub(super) fn old_sums(&self, read: fn(&[u8]) -> Sums) -> &Sums {
        self.old_sums
            .get_or_init(|| read(self.file.old_text.unwrap_or_default()))
    }

    /// What stands at byte `place` of an added line.
    pub(super) fn region(&self, line: &AddedLine<'_>, text: &[u8], place: usize) -> Region {
        let carries = self.carries.get_or_init(|| {
            let text = self.file.new_text.unwrap_or_default();
            self.language.carries(text)
        });
        let open = usize::try_from(line.no)
            .ok()
            .and_then(|number| carries.get(number.checked_sub(1)?))
            .copied()
            .unwrap_or(Carry::Nothing);
        self.language.region(text, place, open)
    }
}

/// Stands for a line without the white space around it.
fn line_key(line: &[u8]) -> [u8; 16] {
    let mut key = [0; 16];
    key.copy_from_slice(&blake3::hash(line.trim_ascii()).as_bytes()[..16]);
    key
}

/// One rule that holds against one line, or against the file.
#[derive(Debug)]
pub(super) struct Found<'a> {
    pub(super) rule: usize,
    pub(super) form: usize,
    /// The added line and, in it, the bytes that matched; `None`: the file itself.
    pub(super) line: Option<(AddedLine<'a>, &'a [u8], Range<usize>)>,
    pub(super) severity: Severity,
    /// Why the severity is not that of the rule.
    pub(super) note: Option<String>,
}

/// Where a repository writes its rules.
const RULES_FILE: &[u8] = b".deep-review.toml";

impl RuleSet {
    /// Finds what the rules hold against one file: in order of lines, the file itself first, then
    /// in order of rules; beyond twenty hits of a rule the rest is one finding with a count.
    pub(crate) fn scan(&self, file: &FileUnderReview<'_>) -> Vec<RawFinding> {
        let facts = FileFacts::of(file);
        let mut reach: Vec<Option<bool>> = vec![None; self.rules.len()];
        let mut hits: Vec<Found<'_>> = Vec::new();
        for rule in 0..self.rules.len() {
            hits.extend(self.try_on_file(rule, &facts));
        }
        // The engine shows the matches of one line together: a better one replaces its equal.
        let mut line_start = hits.len();
        let mut line_index = usize::MAX;
        self.engine.scan(
            file.added,
            &mut |pattern| {
                let rule = self.owners[pattern].0;
                *reach[rule].get_or_insert_with(|| self.reaches(rule, &facts))
                    && self.form_reaches(pattern, &facts)
            },
            &mut |hit| {
                if hit.index != line_index {
                    line_index = hit.index;
                    line_start = hits.len();
                }
                let Some(found) = self.judge(&hit, &facts) else {
                    return ControlFlow::Continue(());
                };
                let settled = found.severity >= self.rules[found.rule].severity
                    || matches!(self.rules[found.rule].check, Check::House { .. });
                match hits[line_start..]
                    .iter_mut()
                    .find(|known| known.rule == found.rule)
                {
                    Some(known) if known.severity >= found.severity => {}
                    Some(known) => *known = found,
                    None => hits.push(found),
                }
                if settled {
                    ControlFlow::Break(())
                } else {
                    ControlFlow::Continue(())
                }
            },
        );
        hits.sort_by_key(|hit| (hit.line.as_ref().map_or(0, |(line, ..)| line.no), hit.rule));
        self.word(&facts, hits)
    }

    fn word(&self, facts: &FileFacts<'_>, hits: Vec<Found<'_>>) -> Vec<RawFinding> {
        let wording = Wording::new(self, facts);
        let mut counts = vec![0_usize; self.rules.len()];
        let mut more: Vec<Vec<Found<'_>>> = Vec::new();
        more.resize_with(self.rules.len(), Vec::new);
        let mut findings = Vec::new();
        for hit in hits {
            counts[hit.rule] += 1;
            if counts[hit.rule] <= SHOWN {
                findings.push(wording.finding(&hit, counts[hit.rule]));
            } else {
                more[hit.rule].push(hit);
            }
        }
        for rest in more.iter().filter(|rest| !rest.is_empty()) {
            findings.push(wording.remainder(rest, SHOWN + 1));
        }
        findings
    }

    /// The rules in use by id with their severity, in order; with a path, those that would look at a
    /// file of that name which the change adds.
    pub(crate) fn in_force(&self, path: Option<&RepoPath>) -> Vec<(String, Severity)> {
        let file = path.map(|path| FileUnderReview {
            path,
            mode: Mode::Regular,
            old_mode: None,
            added: &[],
            new_text: None,
            old_text: None,
        });
        let facts = file.as_ref().map(FileFacts::of);
        (0..self.rules.len())
            .filter(|rule| {
                facts
                    .as_ref()
                    .is_none_or(|facts| self.reaches(*rule, facts))
            })
            .map(|rule| {
                let rule = &self.rules[rule];
                (rule.id.to_string(), rule.severity)
            })
            .collect()
    }

    fn reaches(&self, rule: usize, facts: &FileFacts<'_>) -> bool {
        match &self.rules[rule].check {
            Check::Builtin(builtin) => (builtin.reaches)(facts),
            // A pattern stands in the file that defines it, which is no use of what it forbids.
            Check::House { paths: None, .. } => facts.file.path.as_bytes() != RULES_FILE,
            Check::House {
                paths: Some(globs), ..
            } => globs_match(globs, facts.file.path),
        }
    }

    fn form_reaches(&self, pattern: usize, facts: &FileFacts<'_>) -> bool {
        let (rule, form) = self.owners[pattern];
        match &self.rules[rule].check {
            Check::Builtin(builtin) => {
                let languages = builtin.forms[form].languages;
                languages.is_empty() || languages.contains(&facts.language)
            }
            Check::House { .. } => true,
        }
    }

    fn try_on_file<'a>(&self, rule: usize, facts: &FileFacts<'a>) -> Option<Found<'a>> {
        let asked = &self.rules[rule];
        let judgement = match &asked.check {
            Check::Builtin(builtin) => {
                let judge = builtin.whole_file?;
                if !(builtin.reaches)(facts) {
                    return None;
                }
                judge(facts)
            }
            Check::House { .. } if asked.pattern().is_none() && self.reaches(rule, facts) => {
                Judgement::Stands
            }
            Check::House { .. } => return None,
        };
        let (severity, note) = self.weigh(rule, judgement, facts, facts.kind)?;
        Some(Found {
            rule,
            form: 0,
            line: None,
            severity,
            note,
        })
    }

    fn judge<'a>(&self, hit: &Match<'a>, facts: &FileFacts<'a>) -> Option<Found<'a>> {
        let (rule, form) = self.owners[hit.pattern];
        let line = facts.file.added[hit.index];
        // A secret is published wherever it stands.
        if !self.rules[rule].history && facts.is_moved(line.text) {
            return None;
        }
        let judgement = match &self.rules[rule].check {
            Check::House { .. } => Judgement::Stands,
            Check::Builtin(builtin) => {
                let asked = &builtin.forms[form];
                let judgement = (asked.judge)(&Hit {
                    facts,
                    index: hit.index,
                    text: hit.text,
                    range: hit.range.clone(),
                });
                if judgement == Judgement::Passes {
                    return None;
                }
                let region = || facts.region(&line, hit.text, hit.range.start);
                let in_place = match asked.place {
                    Place::Anywhere => true,
                    Place::Code => region() == Region::Code,
                    Place::Comment => region() == Region::Comment,
                    Place::OutsideComments => region() != Region::Comment,
                    Place::OutsideLiterals => region() != Region::Literal,
                };
                if !in_place {
                    return None;
                }
                judgement
            }
        };
        let kind = facts.kind_of(line.no);
        let (severity, note) = self.weigh(rule, judgement, facts, kind)?;
        Some(Found {
            rule,
            form,
            line: Some((line, hit.text, hit.range.clone())),
            severity,
            note,
        })
    }

    /// The severity a judgement has in text of this kind, and why if it is not the rule's own.
    fn weigh(
        &self,
        rule: usize,
        judgement: Judgement,
        facts: &FileFacts<'_>,
        kind: PathKind,
    ) -> Option<(Severity, Option<String>)> {
        let rule = &self.rules[rule];
        let lowered = |why: &str| {
            let note = (rule.severity > Severity::Suggestion)
                .then(|| format!("Only a suggestion here, because {why}."));
            Some((Severity::Suggestion, note))
        };
        let lenient = match &rule.check {
            Check::Builtin(builtin) => (builtin.lowers)(facts, kind),
            Check::House { .. } => false,
        };
        match judgement {
            Judgement::Passes => None,
            Judgement::Lowered(why) => lowered(why),
            _ if lenient => lowered(&format!("this is {}", kind.as_phrase())),
            Judgement::Raised(why) if !rule.configured && rule.severity < Severity::Critical => {
                Some((
                    Severity::Critical,
                    Some(format!("Critical, because {why}.")),
                ))
            }
            Judgement::Stands | Judgement::Raised(_) => Some((rule.severity, None)),
        }
    }
}
