//! Whether Git would store CRLF as LF: from `text`, `crlf` and `eol` attributes and the settings.
//! It is the one place where attributes count; no filter, `ident` or encoding is ever applied.

use gix::attrs::StateRef;
use gix::attrs::search::Outcome;
use gix::filter::plumbing::eol::{AttributesDigest, AutoCrlf, Stats};
use gix::worktree::Stack;
use gix::worktree::stack::state::attributes::Source;

use crate::diff::{Oid, RepoPath};

use super::index::Index;
use super::index_format::IndexEntry;
use super::objects::{Objects, native};

/// Decides about line ends on one thread.
pub(in crate::git) struct LineEnds<'a> {
    repo: gix::Repository,
    index: &'a Index,
    auto: AutoCrlf,
    attributes: Option<(Stack, Outcome)>,
}

impl<'a> LineEnds<'a> {
    /// Reads `core.autocrlf`; attributes are read when they are first needed.
    pub(in crate::git) fn of(repo: gix::Repository, index: &'a Index) -> Self {
        let config = repo.config_snapshot();
        let auto = match config.string("core.autocrlf") {
            Some(value) if value.eq_ignore_ascii_case(b"input") => AutoCrlf::Input,
            Some(_) if config.boolean("core.autocrlf") == Some(true) => AutoCrlf::Enabled,
            _ => AutoCrlf::Disabled,
        };
        Self {
            repo,
            index,
            auto,
            attributes: None,
        }
    }

    /// Whether the CRLF of a file at this path would be stored as LF. `indexed` is the blob that
    /// stands in the index: one with CRLF in it prevents a conversion that is only automatic.
    pub(in crate::git) fn converts(
        &mut self,
        path: &RepoPath,
        content: &[u8],
        indexed: Option<&Oid>,
        objects: &Objects,
    ) -> bool {
        if !has_crlf(content) {
            return false;
        }
        let digest = self
            .digest(path)
            .unwrap_or(AttributesDigest::from(self.auto));
        if digest == AttributesDigest::Binary {
            return false;
        }
        if !digest.is_auto_text() {
            return true;
        }
        let crlf_text = |content: &[u8]| {
            let stats = Stats::from_bytes(content);
            !stats.is_binary() && stats.crlf > 0
        };
        let mut stored = Vec::new();
        let stored_with_crlf = indexed.is_some_and(|id| {
            let read = objects.read(id, gix::objs::Kind::Blob, true, &mut stored);
            read.is_ok() && crlf_text(&stored)
        });
        crlf_text(content) && !stored_with_crlf
    }

    /// What the attributes of a path say; `None` if nothing.
    fn digest(&mut self, path: &RepoPath) -> Option<AttributesDigest> {
        if self.attributes.is_none() {
            // What a directory has in its file counts, or else what the index has of it, as when Git
            // stores files. One that the index names in vain hides no other.
            let is_here = |entry: &IndexEntry<'_>| self.repo.has_object(native(&entry.id));
            let all = 0..self.index.len();
            let known = self.index.files_called(b".gitattributes", all, is_here);
            let source = Source::WorktreeThenIdMapping;
            let stack = self.repo.attributes_only(&known.ok()?, source).ok()?;
            let stack = stack.detach();
            let outcome = stack.selected_attribute_matches(["text", "crlf", "eol"]);
            self.attributes = Some((stack, outcome));
        }
        let (stack, outcome) = self.attributes.as_mut()?;
        outcome.reset();
        let path: &gix::bstr::BStr = path.as_bytes().into();
        let found = stack.at_entry(path, None, &self.repo.objects).ok()?;
        found.matching_attributes(outcome);
        let mut states = outcome.iter_selected().map(|found| found.assignment.state);
        let (text, crlf, eol) = (states.next()?, states.next()?, states.next()?);
        let digest = from_text(text).or_else(|| from_text(crlf));
        let eol = match eol {
            StateRef::Value(value) => Some(value.as_bstr().to_vec()),
            _ => None,
        };
        Some(match (digest, eol.as_deref()) {
            (Some(AttributesDigest::Binary), _) => AttributesDigest::Binary,
            (Some(AttributesDigest::TextAuto), Some(b"lf")) => AttributesDigest::TextAutoInput,
            (Some(AttributesDigest::TextAuto), Some(b"crlf")) => AttributesDigest::TextAutoCrlf,
            (_, Some(b"lf")) => AttributesDigest::TextInput,
            (_, Some(b"crlf")) => AttributesDigest::TextCrlf,
            (digest, _) => digest?,
        })
    }
}

fn from_text(state: StateRef<'_>) -> Option<AttributesDigest> {
    match state {
        StateRef::Set => Some(AttributesDigest::Text),
        StateRef::Unset => Some(AttributesDigest::Binary),
        StateRef::Value(value) if value.as_bstr() == "input" => Some(AttributesDigest::TextInput),
        StateRef::Value(value) if value.as_bstr() == "auto" => Some(AttributesDigest::TextAuto),
        StateRef::Value(_) | StateRef::Unspecified => None,
    }
}

fn has_crlf(content: &[u8]) -> bool {
    memchr::memmem::find(content, b"\r\n").is_some()
}

/// The content with each CRLF replaced by LF; a lone CR stays.
pub(in crate::git) fn without_carriage_returns(content: &[u8]) -> Vec<u8> {
    let mut stored = Vec::with_capacity(content.len());
    let mut from = 0;
    for at in memchr::memmem::find_iter(content, b"\r\n") {
        stored.extend_from_slice(&content[from..at]);
        from = at + 1;
    }
    stored.extend_from_slice(&content[from..]);
    stored
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_carriage_return_before_a_newline_is_dropped() {
        assert_eq!(
            without_carriage_returns(b"a\r\nb\rc\r\r\n\r"),
            b"a\nb\rc\r\n\r"
        );
        assert_eq!(without_carriage_returns(b""), b"");
    }
}
