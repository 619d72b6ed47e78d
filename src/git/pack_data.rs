//! Decodes objects out of one pack, reading a piece of the file at a time instead of mapping it whole.
//! Where an object stands is left to `pack_index`. The format is that of gitformat-pack.

use std::fs::File;
use std::path::Path;

use gix::objs::Kind;
use gix::odb::pack::cache::DecodeEntry as _;
use gix::odb::pack::data::{Entry, entry::Header};
use gix::zlib::{Inflate, Status};

use super::bases::Bases;
use super::pack_index::read_at;

/// Bytes that decoding one object may take here, deltas and all.
const LARGEST: usize = 16 << 20;
/// How many deltas may stand between an object and its last base; Git makes no more.
const LONGEST_CHAIN: usize = 4095;
/// Of what stands between an object and its last base, one in so many is remembered: where directories
/// are compared, the other side is often derived from one of them.
const REMEMBERED: usize = 8;
/// Bytes read at once. What belongs together often stands together.
const PIECE: usize = 8 << 10;
/// Bytes before what is wanted that are read with it, where reading goes backwards.
const REACH: u64 = PIECE as u64 / 2;
/// Pieces remembered: old and new contents stand in two places, each often in the order of their paths.
const PIECES: usize = 4;
/// The kind, size and base of an object take no more bytes than that.
const HEAD: usize = 64;
/// Larger pieces are not kept.
const MOST_KEPT: usize = 256 << 10;
/// The two sizes in front of a delta take no more bytes than that.
const SIZES: usize = 20;

/// A pack that was opened; it may be replaced on disk meanwhile.
pub(in crate::git) struct PackData {
    file: File,
    /// Its number among the packs of a repository.
    number: u32,
    hash: gix::hash::Kind,
    /// Where the checksum at the end begins.
    end: u64,
}

/// What one thread needs to decode objects.
#[derive(Default)]
pub(in crate::git) struct Decoding {
    inflate: Inflate,
    bases: Bases,
    pieces: Pieces,
    spare: Vec<u8>,
}

/// The last parts of packs that were read, the newest first.
#[derive(Default)]
struct Pieces([Piece; PIECES]);

/// Part of a pack.
#[derive(Default)]
struct Piece {
    number: u32,
    start: u64,
    bytes: Vec<u8>,
}

impl PackData {
    /// Opens a pack of version 2 or 3; `None` for any other.
    pub(in crate::git) fn open(path: &Path, number: u32, hash: gix::hash::Kind) -> Option<Self> {
        let file = File::open(path).ok()?;
        let mut head = [0; 8];
        read_at(&file, &mut head, 0).ok()?;
        let end = file.metadata().ok()?.len();
        let end = end.checked_sub(hash.len_in_bytes() as u64)?;
        let known = matches!(&head, b"PACK\0\0\0\x02" | b"PACK\0\0\0\x03");
        known.then_some(Self {
            file,
            number,
            hash,
            end,
        })
    }

    /// Puts the content of the object at `offset` into `out`; `locate` says where a base stands that a
    /// delta names by its id. `None` if it is damaged or too large for here.
    pub(in crate::git) fn read(
        &self,
        offset: u64,
        locate: impl Fn(&gix::oid) -> Option<u64>,
        decoding: &mut Decoding,
        out: &mut Vec<u8>,
    ) -> Option<Kind> {
        let mut at = offset;
        let mut deltas: Vec<(u64, Vec<u8>)> = Vec::new();
        let mut left = LARGEST;
        let kind = loop {
            if let Some((kind, _)) = decoding.bases.get(self.number, at, out) {
                break kind;
            }
            let entry = self.entry(at, &mut decoding.pieces)?;
            let size = usize::try_from(entry.decompressed_size).ok()?;
            left = left.checked_sub(size)?;
            if let Some(kind) = entry.header.as_kind() {
                self.inflate(&entry, size, decoding, out)?;
                // How many bytes it takes in the pack is asked for nowhere.
                decoding.bases.put(self.number, at, out, kind, 0);
                break kind;
            }
            if deltas.len() == LONGEST_CHAIN {
                return None;
            }
            let mut delta = Vec::new();
            self.inflate(&entry, size, decoding, &mut delta)?;
            at = base_of(&entry, &locate)?;
            deltas.push((at, delta));
        };
        let derived = !deltas.is_empty();
        for (nth, (at, delta)) in deltas.into_iter().rev().enumerate() {
            if nth % REMEMBERED == REMEMBERED - 1 {
                decoding.bases.put(self.number, at, out, kind, 0);
            }
            apply(&delta, out, &mut decoding.spare)?;
            std::mem::swap(out, &mut decoding.spare);
        }
        if derived {
            decoding.bases.put(self.number, offset, out, kind, 0);
        }
        Some(kind)
    }

    /// The kind and size of the object at `offset`; `locate` and `None` are as for [`PackData::read`].
    pub(in crate::git) fn header(
        &self,
        offset: u64,
        locate: impl Fn(&gix::oid) -> Option<u64>,
        decoding: &mut Decoding,
    ) -> Option<(Kind, u64)> {
        let mut entry = self.entry(offset, &mut decoding.pieces)?;
        if let Some(kind) = entry.header.as_kind() {
            return Some((kind, entry.decompressed_size));
        }
        let size = self.delta_result(&entry, decoding)?;
        for _ in 0..LONGEST_CHAIN {
            entry = self.entry(base_of(&entry, &locate)?, &mut decoding.pieces)?;
            if let Some(kind) = entry.header.as_kind() {
                return Some((kind, size));
            }
        }
        None
    }

    /// What stands in front of an object.
    fn entry(&self, offset: u64, pieces: &mut Pieces) -> Option<Entry> {
        let bytes = self.bytes(offset, HEAD, pieces)?;
        Entry::from_bytes(bytes, offset, self.hash).ok()
    }

    /// Inflates what stands behind the head of an object.
    fn inflate(
        &self,
        entry: &Entry,
        size: usize,
        decoding: &mut Decoding,
        out: &mut Vec<u8>,
    ) -> Option<()> {
        // What can't be compressed grows a little, if by no more than any sane program makes of it.
        let most = size + size / 64 + HEAD;
        let input = self.bytes(entry.data_offset, most, &mut decoding.pieces)?;
        out.resize(size, 0);
        decoding.inflate.reset();
        let (status, _, written) = decoding.inflate.once(input, out).ok()?;
        decoding.pieces.shrink();
        (status == Status::StreamEnd && written == size).then_some(())
    }

    /// The size of what a delta makes.
    fn delta_result(&self, entry: &Entry, decoding: &mut Decoding) -> Option<u64> {
        let input = self.bytes(entry.data_offset, PIECE, &mut decoding.pieces)?;
        let mut sizes = [0; SIZES];
        decoding.inflate.reset();
        let (_, _, written) = decoding.inflate.prefix(input, &mut sizes).ok()?;
        let mut sizes = &sizes[..written];
        varint(&mut sizes)?;
        varint(&mut sizes)
    }

    /// The bytes from `offset` on, at least `least` of them or all there are; `None` if there are none.
    fn bytes<'p>(&self, offset: u64, least: usize, pieces: &'p mut Pieces) -> Option<&'p [u8]> {
        let rest = self.end.checked_sub(offset).filter(|rest| *rest > 0)?;
        let clipped = |len: usize| usize::try_from(rest.min(len as u64)).ok();
        let least = clipped(least)?;
        let has = |piece: &Piece| piece.from(self.number, offset, least).is_some();
        if let Some(nth) = pieces.0.iter().position(has) {
            pieces.0[..=nth].rotate_right(1);
            return pieces.0[0].from(self.number, offset, least);
        }
        // Bases stand before what is derived of them, one often just before the next.
        let back = pieces.begin_behind(self.number, offset);
        let back = if back { offset.min(REACH) } else { 0 };
        pieces.0.rotate_right(1);
        let piece = &mut pieces.0[0];
        piece.number = self.number;
        piece.start = offset - back;
        let skipped = usize::try_from(offset - piece.start).ok()?;
        let len = (self.end - piece.start).min((skipped + least).max(PIECE) as u64);
        piece.bytes.resize(usize::try_from(len).ok()?, 0);
        if read_at(&self.file, &mut piece.bytes, piece.start).is_err() {
            piece.bytes.clear();
            return None;
        }
        piece.bytes.get(skipped..)
    }
}

impl Pieces {
    /// Whether one begins a little behind that.
    fn begin_behind(&self, number: u32, offset: u64) -> bool {
        let near = offset + 1..=offset + REACH;
        let mut pieces = self.0.iter();
        pieces.any(|piece| piece.number == number && near.contains(&piece.start))
    }

    /// Gives the memory of the newest back, if it is much.
    fn shrink(&mut self) {
        if self.0[0].bytes.len() > MOST_KEPT {
            self.0[0].bytes = Vec::new();
        }
    }
}

impl Piece {
    /// The bytes of a pack from `offset` on, if at least `least` of them are here.
    fn from(&self, number: u32, offset: u64, least: usize) -> Option<&[u8]> {
        let at = usize::try_from(offset.checked_sub(self.start)?).ok()?;
        let bytes = self.bytes.get(at..).filter(|bytes| bytes.len() >= least)?;
        (self.number == number).then_some(bytes)
    }
}

/// Where the base of a delta stands.
fn base_of(entry: &Entry, locate: impl Fn(&gix::oid) -> Option<u64>) -> Option<u64> {
    match entry.header {
        Header::OfsDelta { base_distance } => entry.checked_base_pack_offset(base_distance),
        Header::RefDelta { base_id } => locate(&base_id),
        _ => None,
    }
}

/// Makes of a base what a delta says, which begins with the sizes of both; `None` if it is damaged, or
/// the result is too large.
fn apply(mut delta: &[u8], base: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let from = varint(&mut delta)?;
    let size = usize::try_from(varint(&mut delta)?).ok()?;
    if from != base.len() as u64 || size > LARGEST {
        return None;
    }
    out.clear();
    out.reserve(size);
    while let Some(command) = byte(&mut delta) {
        let copied = if command & 0x80 == 0 {
            let (new, rest) = delta.split_at_checked(usize::from(command))?;
            delta = rest;
            (!new.is_empty()).then_some(new)?
        } else {
            let mut number = |bits: u8| {
                let mut number = 0;
                for nth in (0..8).filter(|nth| command & bits & (1 << nth) != 0) {
                    number |= usize::from(byte(&mut delta)?) << (8 * (nth % 4));
                }
                Some(number)
            };
            let start = number(0b1111)?;
            let len = number(0b111_0000)?;
            let len = if len == 0 { 0x1_0000 } else { len };
            base.get(start..start.checked_add(len)?)?
        };
        if copied.len() > size - out.len() {
            return None;
        }
        out.extend_from_slice(copied);
    }
    (out.len() == size).then_some(())
}

/// A number in groups of seven bits, the lowest first.
fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..63).step_by(7) {
        let next = byte(bytes)?;
        number |= u64::from(next & 0x7f) << shift;
        if next & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

fn byte(bytes: &mut &[u8]) -> Option<u8> {
    let (first, rest) = bytes.split_first()?;
    *bytes = rest;
    Some(*first)
}
