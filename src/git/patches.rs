//! Reads the content of changed files and makes their patches, on several threads and without ever
//! holding more than a few files. Which files changed is decided elsewhere.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, mpsc};

use anyhow::{Result, anyhow};
use gix::objs::Kind;

use crate::diff::{Change, Content, Entry, IdDigits, Mode, Patch, TextPatch, Unreadable};

use super::Repo;
use super::abbreviation::Abbreviation;
use super::lines;
use super::objects::{ObjectFault, Objects};

/// Below this many changes one thread is faster.
const PARALLEL_FROM: usize = 32;
/// The fewest and the most changes a thread takes at once: each time it wakes whoever takes the patches.
const JOB: (usize, usize) = (8, 32);
/// So many jobs for each thread, so that all end at about the same time.
const SHARE: usize = 8;
/// Jobs that may be finished ahead of the one whose turn it is.
const AHEAD: usize = 6;
/// How far Git looks for a zero byte.
const BINARY_WITHIN: usize = 8000;
/// Contents over the limit are still read up to this size, by one thread at a time, to tell binary
/// from text.
const LOOKED_AT: u64 = 512 << 20;
/// A text of this size or more can't be compared: lines are counted in 31 bits.
const COMPARABLE: u64 = 1 << 31;

/// How contents are read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReadLimits {
    /// The largest text, in bytes of either side, for which a patch is made. Above 512 MiB a content
    /// is not looked at, and counts as text even if it is binary.
    pub(crate) max_file_bytes: u64,
    /// Whether blobs are hashed and compared with their ids; commits and trees always are.
    pub(crate) verify: bool,
    /// Whether [`Patch::id_digits`] is filled in, as printing a patch needs it.
    pub(crate) abbreviate: bool,
}

impl Default for ReadLimits {
    fn default() -> Self {
        Self {
            max_file_bytes: 32 << 20,
            verify: true,
            abbreviate: false,
        }
    }
}

impl Repo {
    /// Makes the patch of each change and hands it to `visit`, in parallel for many; gives what
    /// `visit` made, in the order of `changes`. A patch is dropped after its visit. What can't be
    /// read is [`Content::Unreadable`]; an error means that the work itself failed.
    pub(crate) fn read_patches<T: Send>(
        &self,
        changes: &[Change],
        limits: &ReadLimits,
        visit: impl Fn(usize, &Change, &Patch) -> T + Sync,
    ) -> Result<Vec<T>> {
        let mut all = Vec::with_capacity(changes.len());
        self.stream_patches(changes, limits, visit, |made| {
            all.push(made);
            Ok(())
        })?;
        Ok(all)
    }

    /// Like [`Repo::read_patches`], but hands what `visit` made to `take` one by one, in the order
    /// of `changes`, and holds back the readers while `take` is behind; its error ends the work.
    pub(crate) fn stream_patches<T: Send>(
        &self,
        changes: &[Change],
        limits: &ReadLimits,
        visit: impl Fn(usize, &Change, &Patch) -> T + Sync,
        mut take: impl FnMut(T) -> Result<()>,
    ) -> Result<()> {
        let threads = if changes.len() < PARALLEL_FROM {
            1
        } else {
            std::thread::available_parallelism().map_or(1, usize::from)
        };
        if threads < 2 {
            let large = Mutex::default();
            let abbreviation = || Abbreviation::of(self.raw(), self.packs());
            let abbreviation = limits.abbreviate.then(abbreviation);
            let objects = self.objects();
            let reader = Reader::new(&objects, abbreviation, *limits, &large);
            for (index, change) in changes.iter().enumerate() {
                take(visit(index, change, &reader.patch(change)))?;
            }
            return Ok(());
        }
        let job_size = (changes.len() / (threads * SHARE)).clamp(JOB.0, JOB.1);
        let shared = self.share();
        let turn = Turn::default();
        let next = AtomicUsize::new(0);
        let large = Mutex::default();
        let (sender, receiver) = mpsc::channel();
        std::thread::scope(|scope| {
            let _stop = StopOnDrop(&turn);
            for _ in 0..threads {
                let sender = sender.clone();
                let (shared, turn, next, large, visit) = (&shared, &turn, &next, &large, &visit);
                scope.spawn(move || {
                    let _stop = StopOnPanic(turn);
                    let abbreviation = || Abbreviation::of(&shared.repo(), shared.packs());
                    let abbreviation = limits.abbreviate.then(abbreviation);
                    let objects = shared.objects();
                    let reader = Reader::new(&objects, abbreviation, *limits, large);
                    loop {
                        let job = next.fetch_add(1, Ordering::Relaxed);
                        let first = job * job_size;
                        if first >= changes.len() || !turn.wait_for(job) {
                            return;
                        }
                        let made: Vec<T> = changes[first..changes.len().min(first + job_size)]
                            .iter()
                            .enumerate()
                            .map(|(offset, change)| {
                                visit(first + offset, change, &reader.patch(change))
                            })
                            .collect();
                        if sender.send((job, made)).is_err() {
                            return;
                        }
                    }
                });
            }
            drop(sender);
            let mut early = BTreeMap::new();
            for job in 0..changes.len().div_ceil(job_size) {
                let made = loop {
                    if let Some(made) = early.remove(&job) {
                        break made;
                    }
                    let (finished, made) = receiver
                        .recv()
                        .map_err(|_| anyhow!("a thread that reads files died"))?;
                    early.insert(finished, made);
                };
                for made in made {
                    take(made)?;
                }
                turn.advance();
            }
            Ok(())
        })
    }
}

/// Whose turn it is, so that nobody runs far ahead.
#[derive(Default)]
struct Turn {
    done: Mutex<usize>,
    changed: Condvar,
    stopped: AtomicBool,
}

impl Turn {
    /// Waits until a job is near its turn; false if the work was stopped.
    fn wait_for(&self, job: usize) -> bool {
        let done = self.done.lock().expect("nothing panics while holding it");
        let stopped = || self.stopped.load(Ordering::Relaxed);
        let _done = self
            .changed
            .wait_while(done, |done| job >= *done + AHEAD && !stopped())
            .expect("nothing panics while holding it");
        !stopped()
    }

    fn advance(&self) {
        *self.done.lock().expect("nothing panics while holding it") += 1;
        self.changed.notify_all();
    }

    fn stop(&self) {
        let _done = self.done.lock().expect("nothing panics while holding it");
        self.stopped.store(true, Ordering::Relaxed);
        self.changed.notify_all();
    }
}

/// Lets the readers go when the taker is done or has failed.
struct StopOnDrop<'t>(&'t Turn);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.stop();
    }
}

/// Lets the other readers go when one panics.
struct StopOnPanic<'t>(&'t Turn);

impl Drop for StopOnPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.stop();
        }
    }
}

/// Makes patches on one thread.
struct Reader<'l> {
    large: &'l Mutex<()>,
    objects: &'l Objects,
    abbreviation: Option<Abbreviation>,
    limits: ReadLimits,
}

/// One side of a change as it is compared.
enum Side {
    Text(Vec<u8>),
    Binary,
    TooLarge(u64),
}

impl<'l> Reader<'l> {
    fn new(
        objects: &'l Objects,
        abbreviation: Option<Abbreviation>,
        limits: ReadLimits,
        large: &'l Mutex<()>,
    ) -> Self {
        Self {
            large,
            objects,
            abbreviation,
            limits,
        }
    }

    /// The patch of one change.
    fn patch(&self, change: &Change) -> Patch {
        let id_digits = self.abbreviation.as_ref().map(|abbreviation| {
            let digits = |side: Option<&Entry>| {
                side.map_or(abbreviation.base(), |entry| abbreviation.digits(&entry.id))
            };
            IdDigits {
                old: digits(change.old()),
                new: digits(change.new()),
                null: abbreviation.base(),
            }
        });
        Patch {
            content: self
                .content(change)
                .unwrap_or_else(|fault| Content::Unreadable(fault.into())),
            id_digits,
        }
    }

    fn content(&self, change: &Change) -> Result<Content, ObjectFault> {
        if let (Some(old), Some(new)) = (change.old(), change.new())
            && old.id == new.id
            && change.letter() != 'T'
        {
            return Ok(Content::Text(TextPatch::default()));
        }
        let side =
            |entry: Option<&Entry>| entry.map_or(Ok(Side::Text(Vec::new())), |e| self.side(e));
        // Git stores the older content as a delta of the newer one, which is decoded first therefore.
        let new = side(change.new());
        Ok(match (side(change.old())?, new?) {
            (Side::Binary, _) | (_, Side::Binary) => Content::Binary,
            (Side::TooLarge(old), Side::TooLarge(new)) => self.too_large(old.max(new)),
            (Side::TooLarge(bytes), _) | (_, Side::TooLarge(bytes)) => self.too_large(bytes),
            (Side::Text(old), Side::Text(new)) => {
                let diff = if change.letter() == 'T' {
                    lines::replace_all(&old, &new)
                } else {
                    lines::compare(&old, &new)
                };
                Content::Text(TextPatch::new(old, new, diff))
            }
        })
    }

    fn too_large(&self, bytes: u64) -> Content {
        Content::Unreadable(Unreadable::TooLarge {
            bytes,
            limit: self.limits.max_file_bytes.min(COMPARABLE),
        })
    }

    fn side(&self, entry: &Entry) -> Result<Side, ObjectFault> {
        if entry.mode == Mode::Submodule {
            self.objects.file(&entry.id)?;
            return Ok(Side::Text(
                format!("Subproject commit {}\n", entry.id).into_bytes(),
            ));
        }
        let mut content = Vec::new();
        let verify = self.limits.verify;
        let small = self
            .objects
            .read_small_blob(&entry.id, verify, &mut content);
        if small.transpose()?.is_some() && content.len() as u64 <= self.limits.max_file_bytes {
            return Ok(if is_binary(&content) {
                Side::Binary
            } else {
                Side::Text(content)
            });
        }
        let bytes = self.objects.size(&entry.id)?;
        let large = bytes > self.limits.max_file_bytes || bytes >= COMPARABLE;
        if large && bytes > LOOKED_AT {
            return Ok(Side::TooLarge(bytes));
        }
        let _alone = large.then(|| self.large.lock());
        self.objects
            .read(&entry.id, Kind::Blob, verify, &mut content)?;
        Ok(if is_binary(&content) {
            Side::Binary
        } else if large {
            Side::TooLarge(bytes)
        } else {
            Side::Text(content)
        })
    }
}

/// Git's rule without attributes.
pub(in crate::git) fn is_binary(content: &[u8]) -> bool {
    memchr::memchr(0, &content[..content.len().min(BINARY_WITHIN)]).is_some()
}
