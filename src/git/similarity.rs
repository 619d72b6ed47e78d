//! How similar two contents are, counted as Git counts for renames: by hashes of short spans.
//! Reading the contents and pairing files is left to `renames`.

use super::patches::is_binary;

/// The score of equal contents; Git's `MAX_SCORE`.
pub(in crate::git) const FULL: u64 = 60_000;

/// The number of different span hashes, as in Git's diffcore-delta.
const HASHES: u32 = 107_927;

/// A span ends after this many bytes, if no line ends before.
const SPAN: usize = 64;

/// The spans of one content: how many bytes hash to what, sorted by hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::git) struct Spans {
    bytes: Vec<(u32, u32)>,
}

impl Spans {
    /// Cuts and hashes a content. In text, a CR before LF does not count.
    pub(in crate::git) fn of(content: &[u8]) -> Self {
        let text = !is_binary(content);
        let mut spans = Spanning::default();
        let mut from = 0;
        for newline in memchr::memchr_iter(b'\n', content) {
            let line = &content[from..newline];
            spans.feed(match line.strip_suffix(b"\r") {
                Some(line) if text => line,
                _ => line,
            });
            spans.feed(b"\n");
            spans.end();
            from = newline + 1;
        }
        spans.feed(&content[from..]);
        spans.end();
        Self {
            bytes: spans.sorted(),
        }
    }

    /// How many bytes of `self` are also in `other`.
    fn copied(&self, other: &Self) -> u64 {
        let mut copied = 0;
        let mut theirs = other.bytes.iter().peekable();
        for (hash, bytes) in &self.bytes {
            while theirs.next_if(|their| their.0 < *hash).is_some() {}
            if let Some(their) = theirs.next_if(|their| their.0 == *hash) {
                copied += u64::from(*bytes.min(&their.1));
            }
        }
        copied
    }
}

/// Whether sizes alone rule out a score of at least `least`.
pub(in crate::git) fn sizes_differ_too_much(old: u64, new: u64, least: u64) -> bool {
    let (small, large) = (old.min(new), old.max(new));
    u128::from(large) * u128::from(FULL - least) < u128::from(large - small) * u128::from(FULL)
}

/// The score of two contents of these sizes, 0 to [`FULL`].
pub(in crate::git) fn score(old: (&Spans, u64), new: (&Spans, u64)) -> u64 {
    score_of(old.0.copied(new.0), old.1, new.1)
}

fn score_of(copied: u64, old: u64, new: u64) -> u64 {
    if new == 0 {
        return 0;
    }
    copied * FULL / old.max(new)
}

/// Many old contents at once, arranged by span, so that comparing a new one with all of them costs
/// only the spans that they share.
pub(in crate::git) struct Sources {
    /// Per hash, where its uses start in `uses`; one more at the end.
    starts: Vec<usize>,
    /// Which source has how many bytes of a hash.
    uses: Vec<(u32, u32)>,
    /// The size of each source; `None` if it takes no part.
    sizes: Vec<Option<u64>>,
}

impl Sources {
    /// Arranges contents with their sizes.
    pub(in crate::git) fn new(contents: &[Option<(&Spans, u64)>]) -> Self {
        let spans = || {
            contents
                .iter()
                .flatten()
                .flat_map(|(spans, _)| &spans.bytes)
        };
        let mut starts = vec![0; HASHES as usize + 1];
        for (hash, _) in spans() {
            starts[*hash as usize + 1] += 1;
        }
        for hash in 0..HASHES as usize {
            starts[hash + 1] += starts[hash];
        }
        let mut next = starts.clone();
        let mut uses = vec![(0, 0); starts[HASHES as usize]];
        for (source, content) in (0_u32..).zip(contents) {
            for (hash, bytes) in content.iter().flat_map(|(spans, _)| &spans.bytes) {
                let slot = &mut next[*hash as usize];
                uses[*slot] = (source, *bytes);
                *slot += 1;
            }
        }
        Self {
            starts,
            uses,
            sizes: contents
                .iter()
                .map(|content| content.map(|(_, size)| size))
                .collect(),
        }
    }

    /// How many steps comparing this content with all sources takes.
    pub(in crate::git) fn work(&self, spans: &Spans) -> u64 {
        let uses = |(hash, _): &(u32, u32)| self.uses(*hash).len() as u64;
        spans.bytes.iter().map(uses).sum()
    }

    /// The score of each source with a new content; 0 where sizes rule out `least`.
    pub(in crate::git) fn scores(&self, new: &Spans, new_size: u64, least: u64) -> Vec<u64> {
        let mut copied = vec![0_u64; self.sizes.len()];
        for (hash, bytes) in &new.bytes {
            for (source, theirs) in self.uses(*hash) {
                copied[*source as usize] += u64::from(*bytes.min(theirs));
            }
        }
        for (copied, size) in copied.iter_mut().zip(&self.sizes) {
            *copied = match size {
                Some(size) if !sizes_differ_too_much(*size, new_size, least) => {
                    score_of(*copied, *size, new_size)
                }
                _ => 0,
            };
        }
        copied
    }

    fn uses(&self, hash: u32) -> &[(u32, u32)] {
        let hash = hash as usize;
        &self.uses[self.starts[hash]..self.starts[hash + 1]]
    }
}

/// The span that is being hashed, and those before it.
#[derive(Default)]
struct Spanning {
    spans: Vec<(u32, u32)>,
    low: u32,
    high: u32,
    len: usize,
}

impl Spanning {
    fn feed(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let (now, later) = bytes.split_at(bytes.len().min(SPAN - self.len));
            let (mut low, mut high) = (self.low, self.high);
            for byte in now {
                (low, high) = (
                    ((low << 7) | (high >> 25)).wrapping_add(u32::from(*byte)),
                    (high << 7) | (low >> 25),
                );
            }
            (self.low, self.high) = (low, high);
            self.len += now.len();
            if self.len == SPAN {
                self.end();
            }
            bytes = later;
        }
    }

    /// Ends the span, if it has begun.
    fn end(&mut self) {
        let Some(len) = u32::try_from(self.len).ok().filter(|len| *len > 0) else {
            return;
        };
        let hash = self.low.wrapping_add(self.high.wrapping_mul(0x61)) % HASHES;
        self.spans.push((hash, len));
        (self.low, self.high, self.len) = (0, 0, 0);
        // Bounds the memory for large contents; there are not more different hashes than that.
        if self.spans.len() >= 4 * HASHES as usize {
            self.merge();
        }
    }

    fn merge(&mut self) {
        self.spans.sort_unstable_by_key(|(hash, _)| *hash);
        self.spans.dedup_by(|next, kept| {
            let same = next.0 == kept.0;
            if same {
                kept.1 = kept.1.saturating_add(next.1);
            }
            same
        });
    }

    fn sorted(mut self) -> Vec<(u32, u32)> {
        self.merge();
        self.spans.shrink_to_fit();
        self.spans
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn between(old: &[u8], new: &[u8]) -> u64 {
        score(
            (&Spans::of(old), old.len() as u64),
            (&Spans::of(new), new.len() as u64),
        )
    }

    #[test]
    fn equal_contents_score_fully_and_empty_ones_not_at_all() {
        assert_eq!(between(b"a\nb\n", b"a\nb\n"), FULL);
        assert_eq!(between(b"a\nb\n", b"c\nd\n"), 0);
        assert_eq!(between(b"a\n", b""), 0);
        assert_eq!(between(b"", b""), 0);
    }

    #[test]
    fn moved_lines_count_and_carriage_returns_do_not_in_text_only() {
        assert_eq!(between(b"a\nb\nc\nd\n", b"d\nc\nb\na\n"), FULL);
        assert_eq!(between(b"a\r\nb\r\n", b"a\nb\n"), FULL * 4 / 6);
        assert_eq!(between(b"\0a\r\nb\r\n", b"\0a\nb\n"), 0);
    }

    #[test]
    fn many_sources_at_once_score_as_one_by_one() {
        let text = |seed: usize| -> Vec<u8> {
            (0..40 + seed)
                .flat_map(|line| format!("{}\n", line * (seed % 5 + 1) % 31).into_bytes())
                .collect()
        };
        let contents: Vec<Vec<u8>> = (0..12).map(text).chain([Vec::new()]).collect();
        let spans: Vec<Spans> = contents.iter().map(|content| Spans::of(content)).collect();
        let size = |of: usize| contents[of].len() as u64;
        let sources: Vec<_> = (0..13)
            .map(|of| (of != 3).then(|| (&spans[of], size(of))))
            .collect();
        let sources = Sources::new(&sources);
        for new in 0..13 {
            let scores = sources.scores(&spans[new], size(new), FULL / 2);
            for old in 0..13 {
                let ruled_out = old == 3 || sizes_differ_too_much(size(old), size(new), FULL / 2);
                let one = score((&spans[old], size(old)), (&spans[new], size(new)));
                assert_eq!(scores[old], if ruled_out { 0 } else { one }, "{old} {new}");
            }
        }
    }

    #[test]
    fn sizes_rule_out_what_could_not_reach_the_score() {
        assert!(!sizes_differ_too_much(50, 100, FULL / 2));
        assert!(sizes_differ_too_much(49, 100, FULL / 2));
        assert!(!sizes_differ_too_much(0, 0, FULL / 2));
        assert!(!sizes_differ_too_much(u64::MAX, u64::MAX, FULL / 2));
    }
}
