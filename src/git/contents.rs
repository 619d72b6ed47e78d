//! Reads the contents of many files of a tree on several threads, each handed over as it is read.
//! Which files, and what becomes of them, is the caller's; patches have their own way in `patches`.

use gix::objs::Kind;

use crate::diff::{Entry, Mode};
use crate::parallel::in_parallel_with;

use super::Repo;
use super::objects::ObjectFault;

/// Files a thread takes at once.
const JOB: usize = 64;
/// What reading a file costs, a comparison of numbers being one.
const READING: usize = 1024;
/// What reading a size costs.
const LOOKING: usize = 64;

/// What was found under the id of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Contents<'c> {
    /// Its exact bytes, checked against the id.
    Bytes(&'c [u8]),
    /// So many bytes, over the limit: not read.
    TooLarge(u64),
    /// The object is not here, or the file is a submodule, whose commit is elsewhere.
    Missing,
    /// The object can't be decoded or read, or has another content than its id says.
    Damaged,
}

impl Repo {
    /// Hands the content of each file to `take`, in no fixed order; what it makes of them comes back
    /// in the order of `entries`. Contents of more than `limit` bytes are not read.
    pub(crate) fn read_contents<R: Send>(
        &self,
        entries: &[&Entry],
        limit: u64,
        take: impl Fn(&Entry, Contents<'_>) -> R + Sync,
    ) -> Vec<R> {
        let jobs: Vec<&[&Entry]> = entries.chunks(JOB).collect();
        let shared = self.share();
        let made = in_parallel_with(
            &jobs,
            JOB * READING,
            || (shared.objects(), Vec::new()),
            |(objects, buffer), job| {
                let one = |entry: &&Entry| {
                    if entry.mode == Mode::Submodule {
                        return take(entry, Contents::Missing);
                    }
                    let read = objects.size(&entry.id).and_then(|size| {
                        if size > limit {
                            return Ok(Some(size));
                        }
                        objects.read(&entry.id, Kind::Blob, true, buffer)?;
                        Ok(None)
                    });
                    let contents = match read {
                        Ok(None) => Contents::Bytes(buffer),
                        Ok(Some(size)) => Contents::TooLarge(size),
                        Err(ObjectFault::Missing(_)) => Contents::Missing,
                        Err(ObjectFault::Damaged(_) | ObjectFault::Unread(_)) => Contents::Damaged,
                    };
                    take(entry, contents)
                };
                job.iter().map(one).collect::<Vec<R>>()
            },
        );
        made.into_iter().flatten().collect()
    }

    /// The sizes in bytes of files, in their order; 0 for what has none here.
    pub(crate) fn sizes(&self, entries: &[&Entry]) -> Vec<u64> {
        let jobs: Vec<&[&Entry]> = entries.chunks(JOB).collect();
        let shared = self.share();
        let made = in_parallel_with(
            &jobs,
            JOB * LOOKING,
            || shared.objects(),
            |objects, job| {
                let size = |entry: &&Entry| match entry.mode {
                    Mode::Submodule => 0,
                    _ => objects.size(&entry.id).unwrap_or_default(),
                };
                job.iter().map(size).collect::<Vec<u64>>()
            },
        );
        made.into_iter().flatten().collect()
    }
}
