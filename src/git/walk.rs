//! Walks along histories: where two meet, and what one has that others lack. Every commit is read from its
//! object and checked against its id: a commit-graph file could say anything of its parents, and with
//! one Git's choice among several merge bases is another.
//! Which histories are compared, and what follows, is left to those who ask.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use anyhow::{Context, Result};
use gix::objs::Kind;

use crate::diff::Oid;

use super::history::Commit;
use super::log::Origins;
use super::objects::{ObjectFault, Objects};

/// Commits of a hidden history that are looked at once they are all older than what is shown: so many
/// for clocks that run differently, and so many once one is seen that went wrong.
const FURTHER: (usize, usize) = (8, 1000);

/// What is known of a commit, as bits.
type Marks = u8;

/// Reached from the first and from the second commit whose merge base is looked for.
const ONE: Marks = 1;
const TWO: Marks = 2;
const BOTH: Marks = ONE | TWO;
/// Reached from one that both reach, or from one that is hidden.
const STALE: Marks = 4;
/// Waits for its turn.
const QUEUED: Marks = 8;

/// A walk over the history of one repository.
pub(in crate::git) struct Walk<'a> {
    objects: &'a Objects,
    /// The commits at which a shallow clone ends: only of these parents may be missing.
    ends: Vec<Oid>,
    seen: HashMap<Oid, Seen>,
    queue: BinaryHeap<Turn>,
    /// How many were queued so far: of commits of the same second the first comes first, as in Git.
    queued: u64,
    /// How many in the queue are not stale.
    fresh: usize,
    /// Whether a commit was older than a parent of its own.
    skewed: bool,
    buffer: Vec<u8>,
}

struct Seen {
    marks: Marks,
    origins: Origins,
}

/// When it was committed, when it was queued, and which commit it is.
type Turn = (i64, Reverse<u64>, Oid);

impl<'a> Walk<'a> {
    /// A walk in a repository whose history is cut off at `ends`.
    pub(in crate::git) fn new(objects: &'a Objects, ends: Vec<Oid>) -> Self {
        Self {
            objects,
            ends,
            seen: HashMap::new(),
            queue: BinaryHeap::new(),
            queued: 0,
            fresh: 0,
            skewed: false,
            buffer: Vec::new(),
        }
    }

    /// Git's choice among the best common ancestors: the newest of them, and of several of the same second
    /// the one that is found first.
    pub(in crate::git) fn merge_base(mut self, one: &Oid, two: &Oid) -> Result<Option<Oid>> {
        self.start(one, ONE)?;
        self.start(two, TWO)?;
        let mut found: Vec<(Oid, i64)> = Vec::new();
        // What only stale commits reach is behind a common ancestor that is found already.
        while self.fresh > 0
            && let Some((committed, _, id)) = self.next()
        {
            let mut marks = self.seen[&id].marks & (BOTH | STALE);
            if marks == BOTH {
                if !found.iter().any(|(known, _)| *known == id) {
                    found.push((id, committed));
                }
                marks |= STALE;
            }
            self.follow(&id, marks)?;
        }
        found.retain(|(id, _)| self.seen[id].marks & STALE == 0);
        found.sort_by_key(|(_, committed)| Reverse(*committed));
        if found.len() > 1 {
            self.drop_reached(&mut found)?;
        }
        Ok(found.first().map(|(id, _)| *id))
    }

    /// Drops those commits that others of them reach. Where clocks went wrong one may stay.
    fn drop_reached(&mut self, found: &mut Vec<(Oid, i64)>) -> Result<()> {
        self.seen.values_mut().for_each(|seen| seen.marks = 0);
        self.queue.clear();
        self.fresh = 0;
        for (id, _) in &*found {
            self.follow(id, STALE)?;
        }
        let oldest = found.iter().map(|(_, committed)| *committed).min();
        self.walk_stale(oldest.unwrap_or(i64::MAX))?;
        found.retain(|(id, _)| self.seen[id].marks & STALE == 0);
        Ok(())
    }

    /// The commits that `tip` reaches and none of `hidden` does, newest first, at most `limit`; where clocks
    /// went wrong perhaps some that are hidden, too.
    pub(in crate::git) fn new_commits(
        mut self,
        tip: &Oid,
        hidden: &[Oid],
        limit: usize,
    ) -> Result<Vec<Commit>> {
        for id in hidden {
            self.mark(id, STALE)?;
        }
        self.start(tip, ONE)?;
        let (mut shown, mut oldest) = (Vec::new(), i64::MAX);
        while self.fresh > 0
            && let Some((committed, _, id)) = self.next()
        {
            let marks = self.seen[&id].marks;
            if marks & STALE == 0 {
                shown.push(id);
                oldest = oldest.min(committed);
                if hidden.is_empty() && shown.len() == limit {
                    break;
                }
            }
            self.follow(&id, marks & (ONE | STALE))?;
        }
        if !shown.is_empty() && !hidden.is_empty() {
            self.walk_stale(oldest)?;
        }
        shown.retain(|id| self.seen[id].marks & STALE == 0);
        shown.truncate(limit);
        let mut commit = |id| Commit {
            id,
            parents: self
                .seen
                .remove(&id)
                .map_or_else(Vec::new, |seen| seen.origins.parents),
        };
        Ok(shown.into_iter().map(&mut commit).collect())
    }

    /// Follows what is stale until all of it is older than `oldest`, and somewhat further.
    fn walk_stale(&mut self, oldest: i64) -> Result<()> {
        let mut further = 0;
        while let Some((committed, _, id)) = self.next() {
            if committed < oldest {
                further += 1;
            }
            if further > if self.skewed { FURTHER.1 } else { FURTHER.0 } {
                break;
            }
            self.follow(&id, STALE)?;
        }
        Ok(())
    }

    /// The newest commit in the queue.
    fn next(&mut self) -> Option<Turn> {
        let turn = self.queue.pop()?;
        let seen = self.seen.get_mut(&turn.2)?;
        seen.marks &= !QUEUED;
        self.fresh -= usize::from(seen.marks & STALE == 0);
        Some(turn)
    }

    /// Marks the parents of a commit that was seen.
    fn follow(&mut self, id: &Oid, marks: Marks) -> Result<()> {
        let Some(seen) = self.seen.get_mut(id) else {
            return Ok(());
        };
        // Put back below; no commit is its own parent.
        let parents = std::mem::take(&mut seen.origins.parents);
        let committed = seen.origins.committed;
        for parent in &parents {
            match self.mark(parent, marks)? {
                Some(theirs) => self.skewed |= theirs > committed,
                // What is hidden hides less than it could.
                None if marks & STALE != 0 || self.ends.contains(id) => {}
                None => {
                    return Err(ObjectFault::Missing(*parent))
                        .with_context(|| format!("cannot read a parent of commit {id}"));
                }
            }
        }
        if let Some(seen) = self.seen.get_mut(id) {
            seen.origins.parents = parents;
        }
        Ok(())
    }

    /// Marks a commit that must be there.
    fn start(&mut self, id: &Oid, marks: Marks) -> Result<()> {
        match self.mark(id, marks)? {
            Some(_) => Ok(()),
            None => Err(ObjectFault::Missing(*id).into()),
        }
    }

    /// Marks a commit, and queues it if that is news. Gives when it was committed; `None` if it is missing.
    fn mark(&mut self, id: &Oid, marks: Marks) -> Result<Option<i64>> {
        if !self.seen.contains_key(id) {
            let Some(origins) = self.read(id)? else {
                return Ok(None);
            };
            self.seen.insert(*id, Seen { marks: 0, origins });
        }
        let seen = self.seen.get_mut(id).expect("it was just looked for");
        let committed = seen.origins.committed;
        if seen.marks & marks == marks {
            return Ok(Some(committed));
        }
        let (was_queued, was_fresh) = (seen.marks & QUEUED != 0, seen.marks & STALE == 0);
        seen.marks |= marks | QUEUED;
        let is_fresh = seen.marks & STALE == 0;
        if was_queued {
            self.fresh -= usize::from(was_fresh && !is_fresh);
        } else {
            self.fresh += usize::from(is_fresh);
            self.queue.push((committed, Reverse(self.queued), *id));
            self.queued += 1;
        }
        Ok(Some(committed))
    }

    /// The parents of a commit and its time, checked against its id; `None` if it is missing.
    fn read(&mut self, id: &Oid) -> Result<Option<Origins>> {
        let context = || format!("cannot read commit {id}");
        match self.objects.read(id, Kind::Commit, true, &mut self.buffer) {
            Ok(()) => Origins::parse(&self.buffer)
                .map(Some)
                .with_context(|| format!("commit {id} is damaged")),
            Err(ObjectFault::Missing(_)) => Ok(None),
            Err(fault) => Err(fault).with_context(context),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::PathBuf;

    use super::super::fixture::{Fixture, Random};
    use super::super::objects::native;
    use super::*;

    /// A commit to be: its parents by number, and its time.
    type Plan = (Vec<usize>, i64);

    /// Writes commits without files; gives their ids.
    fn commits(fixture: &Fixture, plans: &[Plan]) -> Vec<Oid> {
        let mut stream = Vec::new();
        for (number, (parents, time)) in plans.iter().enumerate() {
            let mark = number + 1;
            let begin = format!(
                "commit refs/heads/c{number}\nmark :{mark}\ncommitter C <c> {time} +0000\ndata 2\n{mark:02}\n"
            );
            stream.extend(begin.bytes());
            for (nth, parent) in parents.iter().enumerate() {
                let word = if nth == 0 { "from" } else { "merge" };
                stream.extend(format!("{word} :{}\n", parent + 1).bytes());
            }
            stream.extend(format!("\nget-mark :{mark}\n").bytes());
        }
        let ids = fixture.feed(&["fast-import", "--quiet"], &stream);
        let ids = String::from_utf8(ids).unwrap();
        ids.lines().map(|hex| Oid::from_hex(hex).unwrap()).collect()
    }

    #[derive(Clone, Copy, Debug, PartialEq)]
    enum Clocks {
        Right,
        Coarse,
        Wrong,
    }

    /// A history that forks and merges at random.
    fn random_plans(random: &mut Random, clocks: Clocks) -> Vec<Plan> {
        let plan = |number: usize, random: &mut Random| {
            let mut parents = Vec::new();
            // Now and then a second root.
            let many = if number == 0 || random.below(12) == 0 {
                0
            } else {
                1 + random.below(2)
            };
            for _ in 0..many {
                let parent = number - 1 - random.below(number.min(5));
                if !parents.contains(&parent) {
                    parents.push(parent);
                }
            }
            let number = i64::try_from(number).unwrap();
            let time = match clocks {
                Clocks::Right => 1000 + 10 * number,
                Clocks::Coarse => 1000 + number / 4,
                Clocks::Wrong => 1000 + i64::try_from(random.below(40)).unwrap(),
            };
            (parents, time)
        };
        (0..24).map(|number| plan(number, random)).collect()
    }

    /// The ids that git printed, also those that it marks as excluded.
    fn lines(output: &[u8]) -> Vec<Oid> {
        let output = std::str::from_utf8(output).unwrap();
        let ids = output.lines().map(|line| line.trim_start_matches('^'));
        ids.map(|hex| Oid::from_hex(hex).unwrap()).collect()
    }

    fn commit_graph(fixture: &Fixture) -> PathBuf {
        fixture.git(&["config", "core.commitGraph", "true"]);
        fixture.git(&[
            "-c",
            "commitGraph.generationVersion=1",
            "commit-graph",
            "write",
            "--reachable",
        ]);
        fixture.root().join(".git/objects/info/commit-graph")
    }

    #[test]
    fn merge_bases_and_new_commits_are_git_s_whatever_the_commit_graph() {
        let mut random = Random::new(11);
        let mut several = 0;
        for clocks in [Clocks::Right, Clocks::Coarse, Clocks::Wrong].repeat(4) {
            let fixture = Fixture::new();
            let ids = commits(&fixture, &random_plans(&mut random, clocks));
            let mut pairs = Vec::new();
            for _ in 0..16 {
                let (one, two) = (ids[14 + random.below(10)], ids[14 + random.below(10)]);
                let (from, to) = (one.to_string(), two.to_string());
                let pair = format!("{from} {to} {clocks:?}");
                let range = format!("{from}...{to}");
                let parsed = lines(&fixture.git(&["rev-parse", &range]));
                // The two, then their merge bases.
                several += usize::from(parsed.len() > 3);
                let base = parsed.get(2).copied();
                assert_eq!(
                    fixture.repo().merge_base(&one, &two).unwrap(),
                    base,
                    "{pair}"
                );
                let reached: BTreeSet<Oid> = lines(&fixture.git(&["rev-list", &to]))
                    .into_iter()
                    .collect();
                let hidden: BTreeSet<Oid> = lines(&fixture.git(&["rev-list", &from]))
                    .into_iter()
                    .collect();
                let wanted: BTreeSet<Oid> = reached.difference(&hidden).copied().collect();
                let new = fixture.repo().new_commits(&two, &[one]).unwrap();
                let order: Vec<Oid> = new.iter().map(|commit| commit.id).collect();
                assert_eq!(
                    order.iter().copied().collect::<BTreeSet<_>>(),
                    wanted,
                    "{pair}"
                );
                if clocks == Clocks::Right {
                    let theirs = fixture.git(&["rev-list", &to, &format!("^{from}")]);
                    assert_eq!(order, lines(&theirs), "{pair}");
                }
                pairs.push((one, two, base, order));
            }
            commit_graph(&fixture);
            let repo = fixture.repo();
            for (one, two, base, order) in pairs {
                assert_eq!(repo.merge_base(&one, &two).unwrap(), base);
                let new = repo.new_commits(&two, &[one]).unwrap();
                assert!(new.iter().map(|commit| commit.id).eq(order));
            }
        }
        assert!(several > 5, "{several} pairs have several merge bases");
    }

    /// Lets the commit-graph say that a commit has another parent, and that it comes late.
    fn lie(fixture: &Fixture, child: Oid, parent: Oid) {
        let path = commit_graph(fixture);
        let mut graph = std::fs::read(&path).unwrap();
        let chunk = |name: &[u8]| {
            let at = 8 + 12
                * (0..9)
                    .find(|nth| graph[8 + 12 * nth..].starts_with(name))
                    .unwrap();
            usize::try_from(u64::from_be_bytes(
                graph[at + 4..at + 12].try_into().unwrap(),
            ))
            .unwrap()
        };
        let (ids, data) = (chunk(b"OIDL"), chunk(b"CDAT"));
        let position =
            |id: Oid| (0..9).find(|nth| graph[ids + 20 * nth..].starts_with(id.as_bytes()));
        let (child, parent) = (position(child).unwrap(), position(parent).unwrap());
        let at = data + 36 * child + 20;
        graph[at..at + 4].copy_from_slice(&u32::try_from(parent).unwrap().to_be_bytes());
        graph[at + 11] = 3 << 2;
        let end = graph.len() - 20;
        let mut hasher = gix::hash::hasher(gix::hash::Kind::Sha1);
        hasher.update(&graph[..end]);
        graph[end..].copy_from_slice(hasher.try_finalize().unwrap().as_bytes());
        replace(&path, graph);
    }

    fn replace(path: &std::path::Path, content: Vec<u8>) {
        #[expect(
            clippy::disallowed_methods,
            reason = "a test damages its own repository"
        )]
        {
            std::fs::remove_file(path).unwrap();
            std::fs::write(path, content).unwrap();
        }
    }

    #[test]
    fn a_commit_graph_that_lies_or_is_damaged_deceives_nobody() {
        let fixture = Fixture::new();
        let ids = commits(
            &fixture,
            &[(vec![], 1000), (vec![0], 1010), (vec![0], 1020)],
        );
        let [begin, new, main] = ids[..] else {
            panic!("{ids:?}")
        };
        lie(&fixture, main, new);
        let repo = fixture.repo();
        let graph = repo.raw().commit_graph().unwrap();
        let mut believed = gix::revwalk::Graph::new(&repo.raw().objects, Some(&graph));
        let [one, two] = [new, main].map(|id| native(&id));
        let found = gix::revision::plumbing::merge_base(one, &[two], &mut believed);
        assert_eq!(
            found.unwrap().unwrap()[0],
            one,
            "who believes it is deceived"
        );
        let check = || {
            let repo = fixture.repo();
            assert_eq!(repo.merge_base(&new, &main).unwrap(), Some(begin));
            assert_eq!(repo.new_commits(&new, &[main]).unwrap()[0].id, new);
            assert_eq!(repo.log(&new, &[main], 9).unwrap().len(), 1);
            assert!(repo.raw().commit_graph_if_enabled().unwrap().is_none());
        };
        check();
        replace(
            &fixture.root().join(".git/objects/info/commit-graph"),
            b"CGPH".to_vec(),
        );
        check();
    }

    /// Where an object stands that is in no pack.
    fn loose(fixture: &Fixture, id: Oid) -> PathBuf {
        let hex = id.to_string();
        let objects = fixture.root().join(".git/objects");
        objects.join(&hex[..2]).join(&hex[2..])
    }

    #[test]
    fn a_commit_whose_object_is_another_s_ends_every_walk() {
        let fixture = Fixture::new();
        fixture.git(&["config", "fastimport.unpackLimit", "100"]);
        let ids = commits(
            &fixture,
            &[(vec![], 1000), (vec![0], 1010), (vec![0], 1020)],
        );
        let [_, new, main] = ids[..] else {
            panic!("{ids:?}")
        };
        let other = std::fs::read(loose(&fixture, new)).unwrap();
        replace(&loose(&fixture, main), other);
        let repo = fixture.repo();
        assert!(repo.merge_base(&new, &main).is_err());
        assert!(repo.new_commits(&new, &[main]).is_err());
        assert!(repo.log(&main, &[], 9).is_err());
    }

    #[test]
    fn a_missing_parent_is_an_error_unless_the_history_is_shallow_there() {
        let fixture = Fixture::new();
        fixture.git(&["config", "fastimport.unpackLimit", "100"]);
        let ids = commits(
            &fixture,
            &[(vec![], 1000), (vec![0], 1010), (vec![1], 1020)],
        );
        #[expect(
            clippy::disallowed_methods,
            reason = "a test damages its own repository"
        )]
        std::fs::remove_file(loose(&fixture, ids[0])).unwrap();
        let error = fixture.repo().new_commits(&ids[2], &[]).unwrap_err();
        assert!(format!("{error:#}").contains(&format!("object {} is missing", ids[0])));
        assert_eq!(
            fixture
                .repo()
                .new_commits(&ids[2], &[ids[1]])
                .unwrap()
                .len(),
            1
        );
        fixture.write(".git/shallow", format!("{}\n", ids[1]));
        assert_eq!(fixture.repo().new_commits(&ids[2], &[]).unwrap().len(), 2);
        assert_eq!(
            fixture.repo().merge_base(&ids[2], &ids[1]).unwrap(),
            Some(ids[1])
        );
    }

    #[test]
    fn commits_older_than_their_parents_are_not_new_where_they_are_known() {
        let fixture = Fixture::new();
        let plans = [
            (vec![], 700),
            (vec![0], 600),
            (vec![0], 400),
            (vec![2], 500),
            (vec![1, 3], 900),
        ];
        let ids = commits(&fixture, &plans);
        let new = fixture.repo().new_commits(&ids[4], &[ids[3]]).unwrap();
        let new: Vec<Oid> = new.iter().map(|commit| commit.id).collect();
        assert_eq!(new, [ids[4], ids[1]]);
    }
}
