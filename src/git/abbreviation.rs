//! How many digits of an object id `git diff` prints. It reads pack indices and names, no content.

use std::sync::Arc;

use gix::odb::store::prefix::disambiguate::Candidate;

use crate::diff::Oid;

use super::objects::{harden, native};
use super::packs::Packs;

/// Git's shortest automatic abbreviation.
const SHORTEST: usize = 7;

/// The abbreviation of one repository, as one thread uses it.
pub(in crate::git) struct Abbreviation {
    handle: gix::OdbHandle,
    packs: Option<Arc<Packs>>,
    base: usize,
    full: usize,
}

impl Abbreviation {
    /// Reads `core.abbrev`, or else guesses from the number of packed objects as Git does. `packs` are
    /// for a few ids.
    pub(in crate::git) fn of(repo: &gix::Repository, packs: Option<Arc<Packs>>) -> Self {
        let mut handle = repo.objects.clone();
        harden(&mut handle);
        let full = repo.object_hash().len_in_hex();
        let base = configured(repo, full).unwrap_or_else(|| {
            let packed = packs.as_deref().and_then(Packs::count);
            let packed = packed.or_else(|| handle.packed_object_count().ok());
            let packed = packed.unwrap_or_default();
            let bits = u64::BITS - packed.leading_zeros();
            (bits.div_ceil(2) as usize).max(SHORTEST)
        });
        Self {
            handle,
            packs,
            base,
            full,
        }
    }

    /// The digits from which the search for a unique prefix starts.
    pub(in crate::git) fn base(&self) -> usize {
        self.base
    }

    /// The digits with which an id is unique.
    pub(in crate::git) fn digits(&self, id: &Oid) -> usize {
        if self.base >= self.full {
            return self.full;
        }
        let packs = self.packs.as_deref();
        if let Some(digits) = packs.and_then(|packs| packs.unique_digits(&native(id), self.base)) {
            return digits;
        }
        Candidate::new(native(id), self.base)
            .ok()
            .and_then(|candidate| self.handle.disambiguate_prefix(candidate).ok().flatten())
            .map_or(self.base, |prefix| prefix.hex_len())
    }
}

fn configured(repo: &gix::Repository, full: usize) -> Option<usize> {
    let config = repo.config_snapshot();
    let value = config.string("core.abbrev")?;
    if value.eq_ignore_ascii_case(b"auto") {
        return None;
    }
    if config.boolean("core.abbrev") == Some(false) {
        return Some(full);
    }
    let digits = usize::try_from(config.integer("core.abbrev")?).ok()?;
    (4..=full).contains(&digits).then_some(digits)
}
