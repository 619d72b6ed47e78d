//! What agents were not asked about, or did not finish, because a limit was spent: one file of sealed lines,
//! so that a later look at the same knows it. What such a line means is the pipeline's to say.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Store;
use super::seal::Purpose;

const FILE: &str = "unpaid";

/// Above this size the older half is forgotten, in bytes: it costs asking again.
const COMPACT_ABOVE: usize = 4 << 20;

impl Store {
    /// All that is remembered, the oldest first. What this user did not seal is none of it. Takes no lock.
    pub(crate) fn unpaid<T: DeserializeOwned>(&self) -> anyhow::Result<Vec<T>> {
        Ok(self.sealed(FILE, Purpose::Unpaid)?.0)
    }

    /// Remembers more; it is on the disk when this returns.
    pub(crate) fn add_unpaid<T: Serialize>(&mut self, more: &[T]) -> anyhow::Result<()> {
        self.add_sealed(FILE, Purpose::Unpaid, more, COMPACT_ABOVE)
    }
}
