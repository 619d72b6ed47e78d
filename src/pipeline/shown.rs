//! Shows each shard of a run once, for all agents that are given the same units, and puts its files into the
//! snapshot. What agents are told besides is the briefs'.

use std::collections::BTreeMap;

use anyhow::Result;

use crate::brief::input::BriefUnit;
use crate::brief::{self, Shown};
use crate::parallel;
use crate::snapshot::Snapshot;

/// More threads than this wait for the same directory.
const MOST_THREADS: usize = 4;

/// The shards of one run that were shown.
pub(super) struct ShownShards<'r> {
    nonce: &'r str,
    snapshot: &'r Snapshot,
    made: BTreeMap<Key, Shown>,
}

/// The ids of the units, what tells their patches, and how many bytes of diff may be inline.
type Key = (Vec<String>, [u8; 32], usize);

fn key(units: &[BriefUnit], most_inline: usize) -> Key {
    // Of one id, patches differ by whether secrets were cut out.
    let mut patches = blake3::Hasher::new();
    for unit in units {
        patches.update(&(unit.patch.len() as u64).to_le_bytes());
        patches.update(&unit.patch);
    }
    (
        units.iter().map(|unit| unit.id.clone()).collect(),
        *patches.finalize().as_bytes(),
        most_inline,
    )
}

impl<'r> ShownShards<'r> {
    /// None yet.
    pub(super) fn new(nonce: &'r str, snapshot: &'r Snapshot) -> Self {
        Self {
            nonce,
            snapshot,
            made: BTreeMap::new(),
        }
    }

    /// Shows those of these shards that were not, on several threads. Errors if a file can't be written.
    pub(super) fn add(&mut self, shards: &[Vec<BriefUnit>], most_inline: usize) -> Result<()> {
        let mut wanted: BTreeMap<Key, &[BriefUnit]> = BTreeMap::new();
        for units in shards {
            let key = key(units, most_inline);
            if !self.made.contains_key(&key) {
                wanted.insert(key, units);
            }
        }
        let wanted: Vec<(Key, &[BriefUnit])> = wanted.into_iter().collect();
        let show = |(): &mut (), (key, units): &(Key, &[BriefUnit])| {
            let shown = brief::shown(self.nonce, units, most_inline)?;
            Ok((key.clone(), shown))
        };
        let threads = parallel::threads(MOST_THREADS.min(wanted.len()));
        let done: Vec<(Key, Shown)> = parallel::map_on(threads, &wanted, || (), show)
            .into_iter()
            .collect::<Result<_>>()?;
        let files = done.iter().flat_map(|(_, shown)| &shown.files);
        self.snapshot.add_files(files)?;
        self.made.extend(done);
        Ok(())
    }

    /// One that was added.
    pub(super) fn get(&self, units: &[BriefUnit], most_inline: usize) -> Option<&Shown> {
        self.made.get(&key(units, most_inline))
    }
}
