//! Checks a raw finding against the reviewed code: path, lines, quote, kind, rule.
//! Reading the code is left to the caller, judging what follows from it to `gate`.
//!
//! - `evidence`: what is found out, and how it is told to people
//! - `paths`: what an agent's path means in the reviewed tree
//! - `quote`: where quoted code stands
//! - `touch`: what lines have to do with the change

pub(crate) mod evidence;
mod paths;
mod quote;
mod touch;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use aho_corasick::AhoCorasick;

use crate::diff::{Change, RepoPath};
use crate::finding::{Kind, LineRange, Location, RawFinding};

use evidence::{Evidence, KindEvidence, LinesEvidence, PlaceEvidence, QuoteEvidence, RuleEvidence};
use paths::{PathEvidence, Paths};
use quote::{Quote, Text};
use touch::{Touch, Touched};

/// The changed lines of one file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ChangedLines {
    /// The head path, or the base path of a deleted file.
    pub(crate) path: RepoPath,
    /// Added lines by head line number, from 1.
    pub(crate) added: Vec<(u32, Vec<u8>)>,
    /// Removed lines by base line number, from 1.
    pub(crate) removed: Vec<(u32, Vec<u8>)>,
}

/// Which text of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// As it stood before the change, under its base path.
    Base,
    /// As it is reviewed.
    Head,
    /// As the agents saw it, with secrets taken out; head side.
    Redacted,
}

/// Where the texts come from: objects in the product, plain values in tests.
pub(crate) trait Texts {
    /// The text of a path on one side; `None` when there is none or it is not text. A redacted text
    /// that is the same as the head's may be left out.
    fn text(&self, side: Side, path: &RepoPath) -> Option<Cow<'_, [u8]>>;
}

/// What is known of the reviewed tree.
pub(crate) struct ReviewedTree<'t> {
    /// The paths of the head tree, sorted.
    pub(crate) paths: &'t [RepoPath],
    /// What changed.
    pub(crate) changes: &'t [Change],
    /// The changed lines, one entry per changed text file.
    pub(crate) lines: &'t [ChangedLines],
    /// The ids of the rules the agents were given.
    pub(crate) rules: &'t [String],
    /// The texts.
    pub(crate) texts: &'t dyn Texts,
}

/// Checks findings against one reviewed tree.
pub(crate) struct Grounds<'t> {
    tree: &'t ReviewedTree<'t>,
    paths: Paths<'t>,
    touched: BTreeMap<&'t RepoPath, Touched>,
    base_paths: BTreeMap<&'t RepoPath, &'t RepoPath>,
    rules: BTreeSet<&'t str>,
    changed_names: Option<AhoCorasick>,
}

/// Shorter file names than this are words.
const LEAST_NAME: usize = 5;
/// More text of a finding than this is not searched for file names, in bytes.
const MOST_PROSE: usize = 256 * 1024;

impl<'t> Grounds<'t> {
    /// Arranges what is known of the tree for many findings.
    pub(crate) fn new(tree: &'t ReviewedTree<'t>) -> Self {
        let names: BTreeSet<&[u8]> = tree
            .changes
            .iter()
            .map(|change| change.path().file_name())
            .filter(|name| name.len() >= LEAST_NAME && name.contains(&b'.'))
            .collect();
        let base_paths = tree.changes.iter().filter_map(|change| {
            let head = &change.new()?.path;
            Some((head, &change.old()?.path))
        });
        Self {
            tree,
            paths: Paths::new(tree.paths, tree.changes),
            touched: tree
                .lines
                .iter()
                .map(|lines| (&lines.path, Touched::new(lines)))
                .collect(),
            base_paths: base_paths.collect(),
            rules: tree.rules.iter().map(String::as_str).collect(),
            // Too many names to search for at once: then none is looked for.
            changed_names: AhoCorasick::new(names).ok(),
        }
    }

    /// Checks one finding.
    pub(crate) fn check(&self, finding: &RawFinding) -> Evidence {
        let mut places: Vec<PlaceEvidence> = finding
            .locations
            .iter()
            .map(|place| self.place(place))
            .collect();
        let (quote, at) = self.quote(finding, &places);
        let mut touches = places.iter().map(|place| place.touches).max();
        if let Some(at) = at {
            let by_quote = self.touch_of_quote(quote, &mut places[at]);
            touches = touches.max(Some(by_quote));
        }
        let touches = touches.unwrap_or(Touch::Nothing);
        let lacks =
            |text: &Option<String>| text.as_ref().is_some_and(|text| text.trim().is_empty());
        Evidence {
            kind: self.kind(finding, touches),
            rule: self.rule(finding),
            quote_owed: finding.trigger.is_some(),
            scoped: !lacks(&finding.trigger) && !lacks(&finding.outcome),
            places,
            quote,
            touches,
        }
    }

    fn place(&self, said: &Location) -> PlaceEvidence {
        let (path, found) = self.paths.resolve(&said.path);
        let Some(found) = found else {
            return PlaceEvidence {
                path,
                lines: LinesEvidence::NotGiven,
                touches: Touch::Nothing,
                place: None,
            };
        };
        let side = match path {
            PathEvidence::Directory => {
                let changed = self.paths.has_change_below(&found);
                return PlaceEvidence {
                    path,
                    lines: LinesEvidence::NotGiven,
                    touches: if changed {
                        Touch::ChangedFile
                    } else {
                        Touch::UntouchedFile
                    },
                    place: Some(Location {
                        path: found,
                        lines: None,
                    }),
                };
            }
            PathEvidence::Deleted => Side::Base,
            _ => Side::Head,
        };
        let (lines, evidence) = match said.lines {
            None => (None, LinesEvidence::NotGiven),
            Some(lines) => match self.tree.texts.text(side, &found) {
                None => (Some(lines), LinesEvidence::NotGiven),
                Some(text) => clamp(lines, &text),
            },
        };
        let touches = if side == Side::Base {
            Touch::RemovedLine
        } else {
            self.touch(&found, lines)
        };
        PlaceEvidence {
            path,
            lines: evidence,
            touches,
            place: Some(Location { path: found, lines }),
        }
    }

    /// What head lines of a file, or the file without lines, have to do with the change.
    fn touch(&self, path: &RepoPath, lines: Option<LineRange>) -> Touch {
        if !self.paths.is_changed(path) {
            return Touch::UntouchedFile;
        }
        match (self.touched.get(path), lines) {
            (Some(touched), Some(lines)) => touched.by(lines),
            _ => Touch::ChangedFile,
        }
    }

    /// Looks for the quote in the files of the places, the first place first. Returns with it the
    /// place whose file has it.
    fn quote(
        &self,
        finding: &RawFinding,
        places: &[PlaceEvidence],
    ) -> (QuoteEvidence, Option<usize>) {
        let Some(quote) = finding.quote.as_deref().and_then(Quote::new) else {
            return (QuoteEvidence::NotGiven, None);
        };
        let mut tried: BTreeSet<&RepoPath> = BTreeSet::new();
        let mut in_base = None;
        for (at, place) in places.iter().enumerate() {
            let Some(location) = &place.place else {
                continue;
            };
            if !tried.insert(&location.path) || place.path == PathEvidence::Directory {
                continue;
            }
            let cited: Vec<LineRange> = places
                .iter()
                .filter_map(|other| other.place.as_ref())
                .filter(|other| other.path == location.path)
                .filter_map(|other| other.lines)
                .collect();
            if place.path != PathEvidence::Deleted
                && let Some(found) = self.quote_in_head(&quote, &location.path, &cited)
            {
                return (found, Some(at));
            }
            if in_base.is_none() {
                let lines = self.quote_in_base(&quote, &location.path, &cited);
                in_base = lines.map(|lines| (QuoteEvidence::OnlyInBase { lines }, Some(at)));
            }
        }
        in_base.unwrap_or((QuoteEvidence::Absent, None))
    }

    fn quote_in_head(
        &self,
        quote: &Quote<'_>,
        path: &RepoPath,
        cited: &[LineRange],
    ) -> Option<QuoteEvidence> {
        let near = cited.first().map(|lines| lines.start);
        let head = self.tree.texts.text(Side::Head, path);
        let redacted = self.tree.texts.text(Side::Redacted, path);
        for text in [&head, &redacted].into_iter().flatten() {
            if let Some(lines) = find(quote, &Text::exact(text), near) {
                return Some(where_found(lines, cited));
            }
        }
        for text in [&head, &redacted].into_iter().flatten() {
            if let Some(lines) = find(quote, &Text::squeezed(text), near) {
                return Some(QuoteEvidence::WhitespaceDiffers { lines });
            }
        }
        None
    }

    fn quote_in_base(
        &self,
        quote: &Quote<'_>,
        path: &RepoPath,
        cited: &[LineRange],
    ) -> Option<LineRange> {
        let path = self.base_paths.get(path).copied().unwrap_or(path);
        let text = self.tree.texts.text(Side::Base, path)?;
        let near = cited.first().map(|lines| lines.start);
        find(quote, &Text::exact(&text), near).or_else(|| find(quote, &Text::squeezed(&text), near))
    }

    /// What the quoted code has to do with the change. A place whose lines were wrong or not given
    /// gets those of the quote.
    fn touch_of_quote(&self, quote: QuoteEvidence, at: &mut PlaceEvidence) -> Touch {
        let Some(place) = &mut at.place else {
            return Touch::Nothing;
        };
        match quote {
            QuoteEvidence::Found { lines }
            | QuoteEvidence::Moved { lines, .. }
            | QuoteEvidence::WhitespaceDiffers { lines } => {
                let moved = matches!(quote, QuoteEvidence::Moved { .. });
                if moved || place.lines.is_none() {
                    place.lines = Some(lines);
                    at.touches = self.touch(&place.path, Some(lines));
                }
                self.touch(&place.path, Some(lines))
            }
            QuoteEvidence::OnlyInBase { lines } => {
                let removed = self
                    .touched
                    .get(&place.path)
                    .is_some_and(|touched| touched.removes(lines));
                if removed || at.path == PathEvidence::Deleted {
                    Touch::RemovedLine
                } else {
                    at.touches
                }
            }
            QuoteEvidence::Absent | QuoteEvidence::NotGiven => at.touches,
        }
    }

    /// A regression is about a changed line, a gap needs a changed file that creates the need: one
    /// it stands in, or one it names. What stands nowhere can't have stood there before.
    fn kind(&self, finding: &RawFinding, touches: Touch) -> KindEvidence {
        let Some(said) = finding.kind else {
            return KindEvidence::NotSaid;
        };
        let on_change = touches >= Touch::RemovedLine;
        let in_change = || touches >= Touch::ChangedFile || self.names_changed_file(finding);
        let kind = match said {
            Kind::Regression if on_change => Kind::Regression,
            Kind::Regression | Kind::Gap if in_change() => Kind::Gap,
            Kind::Regression | Kind::Gap if touches > Touch::Nothing => Kind::PreExisting,
            Kind::Regression | Kind::Gap | Kind::Enhancement | Kind::PreExisting => said,
        };
        if kind == said {
            KindEvidence::Fits { kind }
        } else {
            KindEvidence::TreatedAs { said, kind }
        }
    }

    fn names_changed_file(&self, finding: &RawFinding) -> bool {
        let Some(names) = &self.changed_names else {
            return false;
        };
        let trigger = finding.trigger.as_deref().unwrap_or_default();
        [finding.title.as_str(), trigger, finding.body.as_str()]
            .into_iter()
            .any(|text| {
                let text = text.as_bytes();
                let text = &text[..text.len().min(MOST_PROSE)];
                names.find_overlapping_iter(text).any(|found| {
                    let part =
                        |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
                    let before = found.start().checked_sub(1).and_then(|at| text.get(at));
                    !before.is_some_and(part) && !text.get(found.end()).is_some_and(part)
                })
            })
    }

    fn rule(&self, finding: &RawFinding) -> RuleEvidence {
        match finding.rule.as_deref().map(str::trim) {
            None | Some("") => RuleEvidence::NotCited,
            Some(rule) if self.rules.contains(rule) => RuleEvidence::Known,
            Some(_) => RuleEvidence::Unknown,
        }
    }
}

/// Finds a quote as it is, then without what agents add to quotes.
fn find(quote: &Quote<'_>, text: &Text<'_>, near: Option<u32>) -> Option<LineRange> {
    quote
        .find(text, near)
        .or_else(|| quote.without_signs()?.find(text, near))
        .or_else(|| quote.with_gaps()?.find(text, near))
}

fn where_found(lines: LineRange, cited: &[LineRange]) -> QuoteEvidence {
    let overlaps = |cited: &LineRange| cited.start <= lines.end && lines.start <= cited.end;
    match cited.first() {
        Some(first) if !cited.iter().any(overlaps) => QuoteEvidence::Moved {
            lines,
            by: i64::from(lines.start) - i64::from(first.start),
        },
        _ => QuoteEvidence::Found { lines },
    }
}

/// Cuts lines at the end of the text; there are none left when they start behind it.
fn clamp(lines: LineRange, text: &[u8]) -> (Option<LineRange>, LinesEvidence) {
    let breaks = memchr::memchr_iter(b'\n', text).count();
    let open = usize::from(!text.is_empty() && !text.ends_with(b"\n"));
    let count = u32::try_from(breaks + open).unwrap_or(u32::MAX);
    if lines.start > count {
        (None, LinesEvidence::Beyond)
    } else if lines.end > count {
        let lines = LineRange {
            start: lines.start,
            end: count,
        };
        (Some(lines), LinesEvidence::Clamped)
    } else {
        (Some(lines), LinesEvidence::Within)
    }
}

#[cfg(test)]
mod checks;
