//! Finds which lines of two long, very different texts Git would call changed. Git gives up looking
//! for the shortest script when it becomes expensive; where it gives up shows in the patch.
//! Short scripts, and where changes slide to, are left to gix's implementation in `lines`.
//!
//! The search is Myers' "An O(ND) difference algorithm and its variations" in its linear-space form:
//! a box of both texts is split where paths from both of its corners meet, or, by Git's bounds, where
//! one of them got far enough.

use std::ops::Range;

/// Cost from which a good enough split ends the search of a box, and the least limit of the cost.
const COSTLY: i32 = 256;
/// Equal lines in a row that make a path a good one.
const GOOD_RUN: i32 = 20;
/// A good split must be this many times farther than it costs.
const WORTH: i32 = 4;
/// A line that the other text has this often, or less in short texts, says little.
const COMMON_AT_MOST: u32 = 1024;
/// How far around such a line is looked for lines that the other text does not have.
const NEIGHBOURS: usize = 100;

/// Which lines are removed and which added; lines are numbers, equal for equal lines.
pub(in crate::git) fn changed(old: &[u32], new: &[u32]) -> (Vec<bool>, Vec<bool>) {
    let mut removed = vec![false; old.len()];
    let mut added = vec![false; new.len()];
    let head = old
        .iter()
        .zip(new)
        .take_while(|(old, new)| old == new)
        .count();
    let tail = old[head..]
        .iter()
        .rev()
        .zip(new[head..].iter().rev())
        .take_while(|(old, new)| old == new)
        .count();
    let (in_old, in_new) = (counts(old), counts(new));
    let kept_old = telling(old, head..old.len() - tail, &in_new, &mut removed);
    let kept_new = telling(new, head..new.len() - tail, &in_old, &mut added);
    let pick = |lines: &[u32], kept: &[usize]| -> Vec<u32> {
        kept.iter().map(|line| lines[*line]).collect()
    };
    let mut search = Search::new(pick(old, &kept_old), pick(new, &kept_new));
    search.run(
        &mut |line| {
            removed[kept_old[line]] = true;
        },
        &mut |line| {
            added[kept_new[line]] = true;
        },
    );
    (removed, added)
}

fn counts(lines: &[u32]) -> Vec<u32> {
    let most = lines.iter().max().map_or(0, |line| *line as usize + 1);
    let mut counts = vec![0; most];
    for line in lines {
        counts[*line as usize] += 1;
    }
    counts
}

/// A power of two near the square root.
fn about_root(number: usize) -> u32 {
    1 << (usize::BITS - number.leading_zeros()).div_ceil(2)
}

/// How often the other text has a line.
#[derive(Clone, Copy, PartialEq)]
enum There {
    Never,
    Sometimes,
    Often,
}

/// The lines that are worth searching for; the others of the window are marked as changed: those
/// that the other text does not have, and very common ones in the middle of such.
fn telling(lines: &[u32], window: Range<usize>, other: &[u32], changed: &mut [bool]) -> Vec<usize> {
    let often = about_root(lines.len()).min(COMMON_AT_MOST);
    let there: Vec<There> = lines[window.clone()]
        .iter()
        .map(|line| match other.get(*line as usize) {
            None | Some(0) => There::Never,
            Some(count) if *count >= often => There::Often,
            Some(_) => There::Sometimes,
        })
        .collect();
    let lost = |at: usize| match there[at] {
        There::Never => true,
        There::Sometimes => false,
        There::Often => {
            let before = there[at.saturating_sub(NEIGHBOURS)..at].iter().rev();
            let after = there[at + 1..].iter().take(NEIGHBOURS);
            let (before, after) = (nevers_and_oftens(before), nevers_and_oftens(after));
            // The line itself counts on both sides.
            let (nevers, oftens) = (before.0 + after.0, before.1 + after.1 + 2);
            before.0 > 0 && after.0 > 0 && nevers > 3 * oftens
        }
    };
    let mut kept = Vec::new();
    for at in 0..there.len() {
        if lost(at) {
            changed[window.start + at] = true;
        } else {
            kept.push(window.start + at);
        }
    }
    kept
}

/// Counts up to the first line that the other text has sometimes.
fn nevers_and_oftens<'a>(lines: impl Iterator<Item = &'a There>) -> (usize, usize) {
    lines
        .take_while(|there| **there != There::Sometimes)
        .fold((0, 0), |(nevers, oftens), there| match there {
            There::Never => (nevers + 1, oftens),
            _ => (nevers, oftens + 1),
        })
}

/// A box of both texts; `exact` if its shortest script has to be found at any cost.
struct Part {
    old: Range<i32>,
    new: Range<i32>,
    exact: bool,
}

/// Where a box is split, and which halves have to be exact.
struct Split {
    old: i32,
    new: i32,
    exact: (bool, bool),
}

/// How far along the old text the paths from one corner of a box have come, per diagonal
/// (old line - new line).
struct Front {
    /// The reach on diagonal d is at d + `zero`.
    reach: Vec<i32>,
    zero: i32,
    lowest: i32,
    highest: i32,
}

impl Front {
    fn at(&self, diagonal: i32) -> i32 {
        self.reach[Self::index(diagonal + self.zero)]
    }

    fn set(&mut self, diagonal: i32, reach: i32) {
        self.reach[Self::index(diagonal + self.zero)] = reach;
    }

    fn index(at: i32) -> usize {
        usize::try_from(at).expect("a front is one wider than its box on both sides")
    }

    fn start(&mut self, diagonal: i32, reach: i32) {
        (self.lowest, self.highest) = (diagonal, diagonal);
        self.set(diagonal, reach);
    }

    /// Opens a diagonal more on either side; at the edge of the box closes one instead.
    fn widen(&mut self, edge: &Range<i32>, beyond: i32) {
        if self.lowest > edge.start {
            self.lowest -= 1;
            self.set(self.lowest - 1, beyond);
        } else {
            self.lowest += 1;
        }
        if self.highest < edge.end {
            self.highest += 1;
            self.set(self.highest + 1, beyond);
        } else {
            self.highest -= 1;
        }
    }

    /// Every second diagonal, from the highest, as a step touches them.
    fn diagonals(&self) -> impl Iterator<Item = i32> + use<> {
        let (lowest, mut next) = (self.lowest, self.highest);
        std::iter::from_fn(move || {
            let diagonal = next;
            next -= 2;
            (diagonal >= lowest).then_some(diagonal)
        })
    }

    fn touches(&self, diagonal: i32) -> bool {
        (self.lowest..=self.highest).contains(&diagonal)
    }
}

struct Search {
    old: Vec<u32>,
    new: Vec<u32>,
    forward: Front,
    backward: Front,
    /// Cost at which the best path so far is taken.
    limit: i32,
}

impl Search {
    fn new(old: Vec<u32>, new: Vec<u32>) -> Self {
        let signed = |len: usize| i32::try_from(len).expect("lines are counted in 31 bits");
        let diagonals = old.len() + new.len() + 3;
        let front = || Front {
            reach: vec![0; diagonals],
            zero: signed(new.len()) + 1,
            lowest: 0,
            highest: 0,
        };
        Self {
            forward: front(),
            backward: front(),
            limit: i32::try_from(about_root(diagonals)).map_or(i32::MAX, |root| root.max(COSTLY)),
            old,
            new,
        }
    }

    /// Reports every removed and added line, in no order.
    fn run(&mut self, removed: &mut dyn FnMut(usize), added: &mut dyn FnMut(usize)) {
        let all = |lines: &[u32]| 0..i32::try_from(lines.len()).expect("counted before");
        let mut boxes = vec![Part {
            old: all(&self.old),
            new: all(&self.new),
            exact: false,
        }];
        while let Some(mut part) = boxes.pop() {
            while self.equal(part.old.start, part.new.start, &part) {
                part.old.start += 1;
                part.new.start += 1;
            }
            while self.equal(part.old.end - 1, part.new.end - 1, &part) {
                part.old.end -= 1;
                part.new.end -= 1;
            }
            if part.old.is_empty() {
                part.new.map(Front::index).for_each(&mut *added);
            } else if part.new.is_empty() {
                part.old.map(Front::index).for_each(&mut *removed);
            } else {
                let split = self.split(&part);
                boxes.push(Part {
                    old: split.old..part.old.end,
                    new: split.new..part.new.end,
                    exact: split.exact.1,
                });
                boxes.push(Part {
                    old: part.old.start..split.old,
                    new: part.new.start..split.new,
                    exact: split.exact.0,
                });
            }
        }
    }

    /// Whether two lines are in the box and equal.
    fn equal(&self, old: i32, new: i32, part: &Part) -> bool {
        part.old.contains(&old)
            && part.new.contains(&new)
            && self.old[Front::index(old)] == self.new[Front::index(new)]
    }

    fn split(&mut self, part: &Part) -> Split {
        let edge = part.old.start - part.new.end..part.old.end - part.new.start;
        let first = part.old.start - part.new.start;
        let last = part.old.end - part.new.end;
        let odd = (first - last) % 2 != 0;
        self.forward.start(first, part.old.start);
        self.backward.start(last, part.old.end);
        let mut cost = 0;
        loop {
            cost += 1;
            let mut good_run = false;
            self.forward.widen(&edge, -1);
            for diagonal in self.forward.diagonals() {
                let run = self.step_forward(diagonal, part);
                good_run |= run > GOOD_RUN;
                let reach = self.forward.at(diagonal);
                if odd && self.backward.touches(diagonal) && self.backward.at(diagonal) <= reach {
                    return Split::met(reach, diagonal);
                }
            }
            self.backward.widen(&edge, i32::MAX);
            for diagonal in self.backward.diagonals() {
                let run = self.step_backward(diagonal, part);
                good_run |= run > GOOD_RUN;
                let reach = self.backward.at(diagonal);
                if !odd && self.forward.touches(diagonal) && reach <= self.forward.at(diagonal) {
                    return Split::met(reach, diagonal);
                }
            }
            if part.exact {
                continue;
            }
            if good_run && cost > COSTLY {
                let good = self.good_forward(part, first, cost);
                if let Some(split) = good.or_else(|| self.good_backward(part, last, cost)) {
                    return split;
                }
            }
            if cost >= self.limit {
                return self.farthest(part);
            }
        }
    }

    /// One more edit towards the end, then along equal lines; gives how many those were.
    fn step_forward(&mut self, diagonal: i32, part: &Part) -> i32 {
        let (below, above) = (self.forward.at(diagonal - 1), self.forward.at(diagonal + 1));
        let from = if below >= above { below + 1 } else { above };
        let mut old = from;
        while self.equal(old, old - diagonal, part) {
            old += 1;
        }
        self.forward.set(diagonal, old);
        old - from
    }

    /// The same towards the start.
    fn step_backward(&mut self, diagonal: i32, part: &Part) -> i32 {
        let (below, above) = (
            self.backward.at(diagonal - 1),
            self.backward.at(diagonal + 1),
        );
        let from = if below < above { below } else { above - 1 };
        let mut old = from;
        while self.equal(old - 1, old - 1 - diagonal, part) {
            old -= 1;
        }
        self.backward.set(diagonal, old);
        from - old
    }

    /// The path from the start that got farthest for its distance from the middle, if it got far
    /// enough and ends in a good run.
    fn good_forward(&self, part: &Part, middle: i32, cost: i32) -> Option<Split> {
        let mut best: Option<(i32, Split)> = None;
        for diagonal in self.forward.diagonals() {
            let old = self.forward.at(diagonal);
            let new = old - diagonal;
            let worth = (old - part.old.start) + (new - part.new.start) - (diagonal - middle).abs();
            let inside = (part.old.start + GOOD_RUN..part.old.end).contains(&old)
                && (part.new.start + GOOD_RUN..part.new.end).contains(&new);
            if inside
                && worth > best.as_ref().map_or(WORTH * cost, |best| best.0)
                && (1..=GOOD_RUN).all(|back| self.equal(old - back, new - back, part))
            {
                let exact = (true, false);
                best = Some((worth, Split { old, new, exact }));
            }
        }
        best.map(|(_, split)| split)
    }

    /// The same for the paths from the end.
    fn good_backward(&self, part: &Part, middle: i32, cost: i32) -> Option<Split> {
        let mut best: Option<(i32, Split)> = None;
        for diagonal in self.backward.diagonals() {
            let old = self.backward.at(diagonal);
            let new = old - diagonal;
            let worth = (part.old.end - old) + (part.new.end - new) - (diagonal - middle).abs();
            let inside = (part.old.start + 1..=part.old.end - GOOD_RUN).contains(&old)
                && (part.new.start + 1..=part.new.end - GOOD_RUN).contains(&new);
            if inside
                && worth > best.as_ref().map_or(WORTH * cost, |best| best.0)
                && (0..GOOD_RUN).all(|on| self.equal(old + on, new + on, part))
            {
                let exact = (false, true);
                best = Some((worth, Split { old, new, exact }));
            }
        }
        best.map(|(_, split)| split)
    }

    /// The path that has come farthest from either corner.
    fn farthest(&self, part: &Part) -> Split {
        let mut ahead = (i32::MIN, 0);
        for diagonal in self.forward.diagonals() {
            let old = self.forward.at(diagonal).min(part.old.end);
            let old = old.min(part.new.end + diagonal);
            if old + old - diagonal > ahead.0 {
                ahead = (old + old - diagonal, old);
            }
        }
        let mut behind = (i32::MAX, 0);
        for diagonal in self.backward.diagonals() {
            let old = self.backward.at(diagonal).max(part.old.start);
            let old = old.max(part.new.start + diagonal);
            if old + old - diagonal < behind.0 {
                behind = (old + old - diagonal, old);
            }
        }
        let (sum, old, exact) = if part.old.end + part.new.end - behind.0
            < ahead.0 - (part.old.start + part.new.start)
        {
            (ahead.0, ahead.1, (true, false))
        } else {
            (behind.0, behind.1, (false, true))
        };
        Split {
            old,
            new: sum - old,
            exact,
        }
    }
}

impl Split {
    fn met(old: i32, diagonal: i32) -> Self {
        Self {
            old,
            new: old - diagonal,
            exact: (true, true),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::fixture::Random;

    fn unchanged(lines: &[u32], changed: &[bool]) -> Vec<u32> {
        let kept = lines.iter().zip(changed).filter(|(_, changed)| !**changed);
        kept.map(|(line, _)| *line).collect()
    }

    #[test]
    fn what_is_unchanged_is_the_same_on_both_sides() {
        for seed in 0..300 {
            let mut random = Random::new(seed);
            let letters = 1 + random.below(40);
            let mut lines = |most| -> Vec<u32> {
                let count = random.below(most);
                (0..count)
                    .map(|_| u32::try_from(random.below(letters)).unwrap())
                    .collect()
            };
            let (old, new) = (lines(120), lines(120));
            let (removed, added) = changed(&old, &new);
            assert_eq!(unchanged(&old, &removed), unchanged(&new, &added));
        }
    }

    #[test]
    fn a_cheap_script_is_the_shortest() {
        let old: Vec<u32> = (0..500).collect();
        let mut new = old.clone();
        new.remove(400);
        new.insert(100, 1000);
        new.insert(300, 7);
        let (removed, added) = changed(&old, &new);
        let count = |changed: &[bool]| changed.iter().filter(|changed| **changed).count();
        assert_eq!((count(&removed), count(&added)), (1, 2));
        let nothing: [u32; 0] = [];
        assert_eq!(changed(&nothing, &[1]), (vec![], vec![true]));
        assert_eq!(changed(&[1], &nothing), (vec![true], vec![]));
    }

    #[test]
    fn unlike_texts_of_many_lines_take_no_long_time() {
        let mut random = Random::new(1);
        let mut lines = || -> Vec<u32> {
            (0..20_000)
                .map(|_| u32::try_from(random.below(5000)).unwrap())
                .collect()
        };
        let (old, new) = (lines(), lines());
        let started = std::time::Instant::now();
        let (removed, added) = changed(&old, &new);
        assert_eq!(unchanged(&old, &removed), unchanged(&new, &added));
        assert!(started.elapsed().as_secs() < 60);
    }
}
