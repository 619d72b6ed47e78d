//! Tells equal-looking hunks of one file apart: counts equal pre-images that start earlier.
//! What a line is and which lines are equal is decided by the caller, who passes numbers.

use std::collections::HashMap;
use std::ops::Range;

/// Comparisons allowed per line of the text before the counting by hashes takes over.
const COMPARISONS_PER_LINE: usize = 8;

/// For each range of lines, how many equal runs start before it. `lines` has a number per line,
/// equal for equal lines; empty ranges get 0. Time is near linear for ordinary texts and bounded by
/// lines x square root of lines for hostile ones.
pub(crate) fn ordinals(lines: &[u32], ranges: &[Range<usize>]) -> Vec<u32> {
    let mut found = vec![0; ranges.len()];
    if ranges.is_empty() || lines.is_empty() {
        return found;
    }
    let places = Places::of(lines);
    let mut left = COMPARISONS_PER_LINE * lines.len() + 1024;
    let mut crowded: HashMap<usize, Vec<usize>> = HashMap::new();
    for (index, range) in ranges.iter().enumerate() {
        let Some((rare, at)) = range
            .clone()
            .map(|line| (places.count(lines[line]), line))
            .min()
        else {
            continue;
        };
        let cost = rare * range.len();
        if cost > left {
            crowded.entry(range.len()).or_default().push(index);
            continue;
        }
        left -= cost;
        let offset = at - range.start;
        found[index] = count(places.all(lines[at]).iter().filter(|place| {
            let place = **place as usize;
            place < at
                && place >= offset
                && lines[place - offset..][..range.len()] == lines[range.clone()]
        }));
    }
    let mut lengths: Vec<(usize, Vec<usize>)> = crowded.into_iter().collect();
    lengths.sort_unstable();
    for (length, indices) in lengths {
        count_by_hash(lines, ranges, length, &indices, &mut found);
    }
    found
}

/// Where each number stands.
struct Places {
    /// Per number, where its places start in `places`; one more at the end.
    starts: Vec<usize>,
    places: Vec<u32>,
}

impl Places {
    fn of(lines: &[u32]) -> Self {
        let numbers = lines.iter().max().map_or(0, |max| *max as usize + 1);
        let mut starts = vec![0; numbers + 1];
        for line in lines {
            starts[*line as usize + 1] += 1;
        }
        for number in 0..numbers {
            starts[number + 1] += starts[number];
        }
        let mut next = starts.clone();
        let mut places = vec![0; lines.len()];
        for (place, line) in (0_u32..).zip(lines) {
            let slot = &mut next[*line as usize];
            places[*slot] = place;
            *slot += 1;
        }
        Self { starts, places }
    }

    fn count(&self, number: u32) -> usize {
        self.all(number).len()
    }

    fn all(&self, number: u32) -> &[u32] {
        let number = number as usize;
        &self.places[self.starts[number]..self.starts[number + 1]]
    }
}

/// Counts with a rolling hash of `length` lines over the whole text, for ranges of that length.
fn count_by_hash(
    lines: &[u32],
    ranges: &[Range<usize>],
    length: usize,
    indices: &[usize],
    found: &mut [u32],
) {
    let wanted: HashMap<usize, usize> = indices
        .iter()
        .map(|index| (ranges[*index].start, *index))
        .collect();
    let leading = (1..length).fold(1, |power, _| multiply(power, BASE));
    let mut seen: HashMap<u64, u32> = HashMap::new();
    let mut hash = 0;
    for (end, line) in lines.iter().enumerate() {
        if end >= length {
            let gone = multiply(u64::from(lines[end - length]) + 1, leading);
            hash = (hash + PRIME - gone) % PRIME;
        }
        hash = (multiply(hash, BASE) + u64::from(*line) + 1) % PRIME;
        if end + 1 >= length {
            let equal = seen.entry(hash).or_default();
            if let Some(index) = wanted.get(&(end + 1 - length)) {
                found[*index] = *equal;
            }
            *equal += 1;
        }
    }
}

/// A Mersenne prime, so that hashes of different runs practically never meet; if two did, a
/// number would be too high, but still be the same on every run.
const PRIME: u64 = (1 << 61) - 1;
const BASE: u64 = 0x0123_4567_89ab_cdef;

fn multiply(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b) % u128::from(PRIME);
    u64::try_from(product).expect("a remainder is below its modulus")
}

fn count<T>(items: impl Iterator<Item = T>) -> u32 {
    items.fold(0, |sum, _| sum + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition, taken literally.
    fn literally(lines: &[u32], range: &Range<usize>) -> u32 {
        count((0..range.start).filter(|start| {
            !range.is_empty() && lines[*start..].starts_with(&lines[range.clone()])
        }))
    }

    #[test]
    fn counting_agrees_with_the_definition() {
        let mut state = 1_u64;
        let mut random = |below: u64| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            usize::try_from((state >> 33) % below).unwrap()
        };
        for round in 0..200 {
            let length = 1 + random(60);
            let letters = 1 + round % 4;
            let lines: Vec<u32> = (0..length)
                .map(|_| u32::try_from(random(letters)).unwrap())
                .collect();
            let ranges: Vec<Range<usize>> = (0..5)
                .map(|_| {
                    let start = random(length as u64);
                    start..start + random((length - start) as u64 + 1)
                })
                .collect();
            let expected: Vec<u32> = ranges.iter().map(|r| literally(&lines, r)).collect();
            assert_eq!(ordinals(&lines, &ranges), expected, "{lines:?} {ranges:?}");
            for (index, range) in ranges.iter().enumerate().filter(|(_, r)| !r.is_empty()) {
                let mut found = vec![0; ranges.len()];
                count_by_hash(&lines, &ranges, range.len(), &[index], &mut found);
                assert_eq!(found[index], expected[index]);
            }
        }
    }

    #[test]
    fn a_hundred_thousand_equal_lines_are_counted_quickly() {
        let lines = vec![7; 100_000];
        let ranges: Vec<Range<usize>> = (0..10_000).map(|i| i * 10..i * 10 + 7).collect();
        let started = std::time::Instant::now();
        assert_eq!(ordinals(&lines, &ranges)[9_999], 99_990);
        assert!(started.elapsed().as_secs() < 5);
    }
}
