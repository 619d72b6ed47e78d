//! Pairs deleted files with added ones as `git diff -M` does, so that a renamed file is one change.
//! The steps and bounds are those of Git's diffcore-rename; how similar contents are is left to
//! `similarity`.

use std::collections::HashMap;

use gix::objs::Kind;

use crate::diff::{Change, Entry, Oid};
use crate::parallel::{in_parallel, in_parallel_with};

use super::Repo;
use super::objects::Objects;
use super::similarity::{FULL, Sources, Spans, score, sizes_differ_too_much};

/// The least score of a rename; 50 %.
const LEAST: u64 = FULL / 2;
/// The least score of a pair that is tried only because its file names are equal and unique.
const LEAST_BY_NAME: u64 = LEAST + (FULL - LEAST) / 2;
/// Above this many squared pairs contents are not compared; Git's `diff.renameLimit`.
const LIMIT: usize = 1000;
/// How many equal contents are looked at for the one with the same file name.
const EQUAL_LOOKED_AT: usize = 100;
/// How many candidates are kept for each added file.
const KEPT: usize = 4;
/// Larger contents are not compared, to bound memory.
const LARGEST: u64 = 512 << 20;
/// Up to so many pairs are compared one by one: arranging the old contents by span would cost more.
const ONE_BY_ONE: usize = 16;
/// Comparisons of spans after which contents are not compared either, to bound time; an ordinary
/// change at the limit of files needs less than a hundredth.
const MOST_WORK: u64 = 1 << 34;
/// What reading a file costs, a comparison being one.
const READING: usize = 1024;

impl Repo {
    /// Turns deletions and additions among `changes`, which are sorted by path, into renames.
    pub(in crate::git) fn pair_renames(&self, changes: Vec<Change>) -> Vec<Change> {
        let mut old: Vec<File> = Vec::new();
        let mut new: Vec<File> = Vec::new();
        for change in &changes {
            match change {
                Change::Deleted(entry) => old.push(File::new(entry)),
                Change::Added(entry) => new.push(File::new(entry)),
                Change::Modified { .. } | Change::Renamed { .. } => {}
            }
        }
        let mut pairing = Pairing {
            source_of: vec![None; new.len()],
            used: vec![false; old.len()],
            old,
            new,
        };
        if !pairing.old.is_empty() && !pairing.new.is_empty() {
            pairing.pair_equal();
            pairing.pair_by_name(self);
            pairing.pair_by_content(self);
        }
        pairing.apply(changes)
    }
}

/// One side of a possible rename.
struct File {
    entry: Entry,
    content: Option<(Spans, u64)>,
}

impl File {
    fn new(entry: &Entry) -> Self {
        Self {
            entry: entry.clone(),
            content: None,
        }
    }

    fn name(&self) -> &[u8] {
        self.entry.path.file_name()
    }
}

struct Pairing {
    old: Vec<File>,
    new: Vec<File>,
    /// For each new file, the old one it was renamed from and the score.
    source_of: Vec<Option<(usize, u64)>>,
    /// Whether an old file has been renamed.
    used: Vec<bool>,
}

impl Pairing {
    fn record(&mut self, old: usize, new: usize, score: u64) {
        self.source_of[new] = Some((old, score));
        self.used[old] = true;
    }

    /// Equal contents first, those with the same file name preferred.
    fn pair_equal(&mut self) {
        let mut by_id: HashMap<Oid, Vec<usize>> = HashMap::new();
        let backwards = looked_at_backwards(self.old.len());
        for nth in 0..self.old.len() {
            let index = if backwards {
                self.old.len() - 1 - nth
            } else {
                nth
            };
            by_id
                .entry(self.old[index].entry.id)
                .or_default()
                .push(index);
        }
        for new in 0..self.new.len() {
            let target = &self.new[new];
            let Some(candidates) = by_id.get_mut(&target.entry.id) else {
                continue;
            };
            candidates.retain(|old| !self.used[*old]);
            let fits = |old: &usize| {
                let source = &self.old[*old].entry;
                source.mode == target.entry.mode
                    || (source.mode.is_file() && target.entry.mode.is_file())
            };
            let mut fitting = candidates
                .iter()
                .copied()
                .filter(fits)
                .take(EQUAL_LOOKED_AT);
            let first = fitting.clone().next();
            let best = fitting
                .find(|old| self.old[*old].name() == target.name())
                .or(first);
            if let Some(old) = best {
                self.record(old, new, FULL);
            }
        }
    }

    /// Then files whose name is unique among what is left of either side.
    fn pair_by_name(&mut self, repo: &Repo) {
        let old = unique_names(&self.old, |index| !self.used[index]);
        let new = unique_names(&self.new, |index| self.source_of[index].is_none());
        let mut pairs: Vec<(usize, usize)> = old
            .into_iter()
            .filter_map(|(name, old)| Some((old?, (*new.get(name)?)?)))
            .collect();
        pairs.sort_unstable();
        let objects = repo.objects();
        pairs.retain(|(old, new)| {
            could_pair(&objects, &self.old[*old], &self.new[*new], LEAST_BY_NAME)
        });
        load(
            repo,
            &mut self.old,
            pairs.iter().map(|pair| pair.0).collect(),
        );
        load(
            repo,
            &mut self.new,
            pairs.iter().map(|pair| pair.1).collect(),
        );
        for (old, new) in pairs {
            let score = compare(&self.old[old], &self.new[new], LEAST_BY_NAME);
            if score >= LEAST_BY_NAME {
                self.record(old, new, score);
            }
        }
    }

    /// Then everything left against everything left, best pairs first.
    fn pair_by_content(&mut self, repo: &Repo) {
        let old: Vec<usize> = (0..self.old.len()).filter(|old| !self.used[*old]).collect();
        let new: Vec<usize> = (0..self.new.len())
            .filter(|new| self.source_of[*new].is_none())
            .collect();
        if old.is_empty() || new.is_empty() || old.len() * new.len() > LIMIT * LIMIT {
            return;
        }
        let objects = repo.objects();
        let size = |file: &File| sized(&objects, file);
        let old_sizes: Vec<Option<u64>> = old.iter().map(|old| size(&self.old[*old])).collect();
        let new_sizes: Vec<Option<u64>> = new.iter().map(|new| size(&self.new[*new])).collect();
        let comparable = |one: &Option<u64>, others: &[Option<u64>]| {
            one.is_some_and(|one| {
                others
                    .iter()
                    .flatten()
                    .any(|other| !sizes_differ_too_much(one, *other, LEAST))
            })
        };
        let wanted = |files: &[usize], sizes: &[Option<u64>], others: &[Option<u64>]| {
            files
                .iter()
                .zip(sizes)
                .filter(|(_, size)| comparable(size, others))
                .map(|(file, _)| *file)
                .collect::<Vec<usize>>()
        };
        load(repo, &mut self.old, wanted(&old, &old_sizes, &new_sizes));
        load(repo, &mut self.new, wanted(&new, &new_sizes, &old_sizes));
        let sources = (old.len() * new.len() > ONE_BY_ONE).then(|| {
            let sources: Vec<_> = old.iter().map(|old| contents_of(&self.old[*old])).collect();
            Sources::new(&sources)
        });
        let targets = new.iter().filter_map(|new| self.new[*new].content.as_ref());
        if let Some(sources) = &sources
            && targets.map(|(spans, _)| sources.work(spans)).sum::<u64>() > MOST_WORK
        {
            return;
        }
        for candidate in self.candidates(&old, &new, sources.as_ref()) {
            if candidate.score < LEAST {
                break;
            }
            if self.source_of[candidate.new].is_none() && !self.used[candidate.old] {
                self.record(candidate.old, candidate.new, candidate.score);
            }
        }
    }

    /// The best few sources of each new file, best pairs first, ties as Git leaves them.
    fn candidates(
        &self,
        old: &[usize],
        new: &[usize],
        sources: Option<&Sources>,
    ) -> Vec<Candidate> {
        let row = |new: &usize| {
            let target = &self.new[*new];
            let one_by_one = |old: &usize| compare(&self.old[*old], target, LEAST);
            let scores = match (&target.content, sources) {
                (Some((spans, size)), Some(sources)) => sources.scores(spans, *size, LEAST),
                _ => old.iter().map(one_by_one).collect(),
            };
            let mut kept = [None; KEPT];
            for (old, score) in old.iter().zip(scores) {
                keep_if_better(
                    &mut kept,
                    Candidate {
                        old: *old,
                        new: *new,
                        score,
                        same_name: self.old[*old].name() == target.name(),
                    },
                );
            }
            kept
        };
        let mut candidates: Vec<Candidate> = in_parallel(new, old.len(), row)
            .into_iter()
            .flatten()
            .flatten()
            .collect();
        candidates.sort_by_key(|candidate| std::cmp::Reverse(candidate.rank()));
        candidates
    }

    /// Puts each rename where its new path stands and takes out what it was before.
    fn apply(self, changes: Vec<Change>) -> Vec<Change> {
        let mut olds = self.used.into_iter();
        let mut news = self.source_of.into_iter();
        let old = self.old;
        changes
            .into_iter()
            .filter_map(|change| match change {
                Change::Deleted(_) if olds.next() == Some(true) => None,
                Change::Added(new) => Some(match news.next().flatten() {
                    None => Change::Added(new),
                    Some((source, score)) => Change::Renamed {
                        old: old[source].entry.clone(),
                        new,
                        similarity: u8::try_from(score * 100 / FULL)
                            .expect("a score is at most full"),
                    },
                }),
                other => Some(other),
            })
            .collect()
    }
}

/// Whether Git looks at equal old files from the last to the first. It keeps them in a hash table of
/// 64 places, or 4, 16, ... times as many, chosen to be four fifths full at most; for a few numbers of
/// files rounding leaves one too many, and growing for that one turns the chains around.
fn looked_at_backwards(files: usize) -> bool {
    let mut places = 64;
    while places < files * 5 / 4 {
        places *= 4;
    }
    files > places * 4 / 5
}

/// A possible rename with what it is ranked by.
#[derive(Clone, Copy, Debug)]
struct Candidate {
    old: usize,
    new: usize,
    score: u64,
    same_name: bool,
}

impl Candidate {
    fn rank(&self) -> (u64, bool) {
        (self.score, self.same_name)
    }
}

/// Replaces the worst of the kept ones, or the first empty place, if the candidate is better. Which
/// place it takes decides ties later, so poor candidates take part too.
fn keep_if_better(kept: &mut [Option<Candidate>; KEPT], candidate: Candidate) {
    let rank = |place: &Option<Candidate>| place.as_ref().map(Candidate::rank);
    let mut worst = 0;
    for place in 1..KEPT {
        if rank(&kept[place]) < rank(&kept[worst]) {
            worst = place;
        }
    }
    if rank(&kept[worst]) < Some(candidate.rank()) {
        kept[worst] = Some(candidate);
    }
}

/// The index of each file name that occurs once among the files that are left; `None` for those
/// that occur more often.
fn unique_names(files: &[File], left: impl Fn(usize) -> bool) -> HashMap<&[u8], Option<usize>> {
    let mut names = HashMap::new();
    for (index, file) in files.iter().enumerate().filter(|(index, _)| left(*index)) {
        names
            .entry(file.name())
            .and_modify(|first| *first = None)
            .or_insert(Some(index));
    }
    names
}

/// The size of a regular file that is small enough to be compared.
fn sized(objects: &Objects, file: &File) -> Option<u64> {
    if !file.entry.mode.is_file() {
        return None;
    }
    let known = file.content.as_ref().map(|content| content.1);
    known
        .or_else(|| objects.size(&file.entry.id).ok())
        .filter(|size| *size <= LARGEST)
}

fn could_pair(objects: &Objects, old: &File, new: &File, least: u64) -> bool {
    match (sized(objects, old), sized(objects, new)) {
        (Some(old), Some(new)) => !sizes_differ_too_much(old, new, least),
        _ => false,
    }
}

/// The score of two loaded files; 0 for what was not loaded, or sizes rule out.
fn compare(old: &File, new: &File, least: u64) -> u64 {
    match (&old.content, &new.content) {
        (Some(old), Some(new)) if !sizes_differ_too_much(old.1, new.1, least) => {
            score((&old.0, old.1), (&new.0, new.1))
        }
        _ => 0,
    }
}

/// The content of a file, if it was loaded.
fn contents_of(file: &File) -> Option<(&Spans, u64)> {
    file.content.as_ref().map(|(spans, size)| (spans, *size))
}

/// Reads and cuts the contents of these files; one that can't be read stays out.
fn load(repo: &Repo, files: &mut [File], mut these: Vec<usize>) {
    these.retain(|file| files[*file].content.is_none());
    let ids: Vec<Oid> = these.iter().map(|file| files[*file].entry.id).collect();
    let shared = repo.share();
    let spans = in_parallel_with(
        &ids,
        READING,
        || shared.objects(),
        |objects, id| {
            let mut content = Vec::new();
            objects.read(id, Kind::Blob, false, &mut content).ok()?;
            Some((Spans::of(&content), content.len() as u64))
        },
    );
    for (file, content) in these.into_iter().zip(spans) {
        files[file].content = content;
    }
}
