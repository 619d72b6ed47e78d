//! Remembers the last contents that were decoded from packs. The two sides of a change are often stored
//! one as a delta of the other, so that the second needs not be decoded from its distant base again.

use std::collections::VecDeque;

use gix::objs::Kind;
use gix::odb::pack::cache::DecodeEntry;

/// Contents remembered at most.
const MOST: usize = 16;
/// Larger contents are not remembered, in bytes.
const LARGEST: usize = 256 << 10;

/// The last contents, the newest in front.
#[derive(Default)]
pub(in crate::git) struct Bases {
    last: VecDeque<Base>,
}

struct Base {
    pack: u32,
    offset: u64,
    kind: Kind,
    packed: usize,
    content: Vec<u8>,
}

impl DecodeEntry for Bases {
    fn put(&mut self, pack: u32, offset: u64, content: &[u8], kind: Kind, packed: usize) {
        if content.len() > LARGEST {
            return;
        }
        let mut base = match self.last.len() {
            MOST => self.last.pop_back(),
            _ => None,
        }
        .unwrap_or_else(|| Base {
            pack,
            offset,
            kind,
            packed,
            content: Vec::with_capacity(content.len()),
        });
        base.content.clear();
        base.content.extend_from_slice(content);
        (base.pack, base.offset, base.kind, base.packed) = (pack, offset, kind, packed);
        self.last.push_front(base);
    }

    fn get(&mut self, pack: u32, offset: u64, out: &mut Vec<u8>) -> Option<(Kind, usize)> {
        let fits = |base: &Base| base.offset == offset && base.pack == pack;
        let at = self.last.iter().position(fits)?;
        let base = &self.last[at];
        out.clear();
        out.extend_from_slice(&base.content);
        Some((base.kind, base.packed))
    }
}
