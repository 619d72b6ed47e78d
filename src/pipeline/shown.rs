//! Shows each shard of a run once, for all agents that are given the same units, and puts its files into the
//! snapshot. What agents are told besides is the briefs'.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Result;

use crate::brief::input::BriefUnit;
use crate::brief::{self, Shown};
use crate::snapshot::Snapshot;

/// More threads than this wait for the same directory.
const MOST_THREADS: usize = 4;

/// The shards of one run that were shown.
pub(super) struct ShownShards<'r> {
    nonce: &'r str,
    snapshot: &'r Snapshot,
    made: BTreeMap<Key, Shown>,
}

/// The ids of the units, and how many bytes of diff may be inline.
type Key = (Vec<String>, usize);

fn key(units: &[BriefUnit], most_inline: usize) -> Key {
    (
        units.iter().map(|unit| unit.id.clone()).collect(),
        most_inline,
    )
}

impl<'r> ShownShards<'r> {
    /// None yet. All units of a run of one id are the same.
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
        let next = AtomicUsize::new(0);
        let work = || -> Result<Vec<(Key, Shown)>> {
            let mut done = Vec::new();
            while let Some((key, units)) = wanted.get(next.fetch_add(1, Ordering::Relaxed)) {
                done.push((key.clone(), brief::shown(self.nonce, units, most_inline)?));
            }
            Ok(done)
        };
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let threads = threads.min(MOST_THREADS).min(wanted.len());
        let done: Vec<Result<Vec<(Key, Shown)>>> = std::thread::scope(|scope| {
            let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
            let own = work();
            let others = others
                .into_iter()
                .map(|other| other.join().expect("showing units does not panic"));
            std::iter::once(own).chain(others).collect()
        });
        let done: Vec<(Key, Shown)> = done
            .into_iter()
            .collect::<Result<Vec<_>>>()?
            .into_iter()
            .flatten()
            .collect();
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
