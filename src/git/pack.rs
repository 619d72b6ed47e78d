//! Puts whole objects into one pack with an index, both of version 2 as in gitformat-pack(5): a thousand
//! files less to write, to watch and to delete than loose objects are.
//! Which objects, and that they are what their ids say, is the caller's.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;

use anyhow::{Context, Result, anyhow};
use gix::objs::Kind;

use crate::diff::Oid;

/// The most bytes of a stored block of RFC 1951.
const BLOCK: usize = 0xffff;
/// Offsets from here on would need another table in the index.
const FARTHEST: usize = 1 << 31;

/// An object as it stands in a pack.
pub(in crate::git) struct Packed {
    id: Oid,
    bytes: Vec<u8>,
    crc: u32,
}

impl Packed {
    /// Takes the content of an object. It is not compressed: packs of ours are read once or twice.
    pub(in crate::git) fn new(id: Oid, kind: Kind, content: &[u8]) -> Self {
        let blocks = content.len().div_ceil(BLOCK).max(1);
        let mut bytes = Vec::with_capacity(content.len() + 5 * blocks + 16);
        let number = match kind {
            Kind::Commit => 1,
            Kind::Tree => 2,
            Kind::Blob => 3,
            Kind::Tag => 4,
        };
        // Four bits of the size, then seven in each byte.
        let mut size = content.len();
        let mut byte = (number << 4) | low_bits(size, 4);
        size >>= 4;
        while size > 0 {
            bytes.push(byte | 0x80);
            byte = low_bits(size, 7);
            size >>= 7;
        }
        bytes.push(byte);
        store(content, &mut bytes);
        let crc = crc32(&bytes);
        Self { id, bytes, crc }
    }
}

fn low_bits(number: usize, count: u32) -> u8 {
    u8::try_from(number & ((1 << count) - 1)).expect("the bits fit")
}

/// Appends a stream of RFC 1950 that has the content as it is.
fn store(content: &[u8], to: &mut Vec<u8>) {
    to.extend([0x78, 0x01]);
    let mut rest = content;
    loop {
        let (block, later) = rest.split_at(rest.len().min(BLOCK));
        rest = later;
        let length = u16::try_from(block.len()).expect("no block is longer");
        to.push(u8::from(rest.is_empty()));
        to.extend(length.to_le_bytes());
        to.extend((!length).to_le_bytes());
        to.extend_from_slice(block);
        if rest.is_empty() {
            break;
        }
    }
    to.extend(adler32(content).to_be_bytes());
}

/// The checksum of RFC 1950.
fn adler32(content: &[u8]) -> u32 {
    /// So many bytes can be added up before a sum overflows.
    const SAFE: usize = 5552;
    const PRIME: u32 = 65_521;
    let (mut sum, mut sums) = (1, 0);
    for part in content.chunks(SAFE) {
        for byte in part {
            sum += u32::from(*byte);
            sums += sum;
        }
        sum %= PRIME;
        sums %= PRIME;
    }
    (sums << 16) | sum
}

/// The checksum of RFC 1952.
fn crc32(content: &[u8]) -> u32 {
    let step = |crc: u32, byte: &u8| {
        let [low, ..] = crc.to_le_bytes();
        (crc >> 8) ^ CRC_OF_BYTE[usize::from(low ^ byte)]
    };
    !content.iter().fold(!0, step)
}

const CRC_OF_BYTE: [u32; 256] = {
    let mut table = [0; 256];
    let mut byte = 0u32;
    while byte < 256 {
        let mut crc = byte;
        let mut bit = 0;
        while bit < 8 {
            crc = (crc >> 1) ^ ((crc & 1) * 0xedb8_8320);
            bit += 1;
        }
        table[byte as usize] = crc;
        byte += 1;
    }
    table
};

/// Writes a pack of these objects, each given once, into a directory of packs.
pub(in crate::git) fn write(
    directory: &Path,
    hash: gix::hash::Kind,
    objects: &[Packed],
) -> Result<()> {
    let count = u32::try_from(objects.len()).context("these are too many objects")?;
    let mut pack = Summed::new(hash);
    pack.add(b"PACK");
    pack.add(&2u32.to_be_bytes());
    pack.add(&count.to_be_bytes());
    let mut places: Vec<(&Packed, u32)> = Vec::with_capacity(objects.len());
    for object in objects {
        let offset = pack.bytes.len();
        let offset = u32::try_from(offset).ok().filter(|_| offset < FARTHEST);
        places.push((object, offset.context("the pack is too large")?));
        pack.add(&object.bytes);
    }
    let (pack, sum) = pack.finish()?;
    places.sort_unstable_by_key(|(object, _)| object.id);
    let mut index = Summed::new(hash);
    index.add(b"\xfftOc");
    index.add(&2u32.to_be_bytes());
    for first in 0..=u8::MAX {
        let up_to = places.partition_point(|(object, _)| object.id.as_bytes()[0] <= first);
        let up_to = u32::try_from(up_to).expect("all of them are counted");
        index.add(&up_to.to_be_bytes());
    }
    for (object, _) in &places {
        index.add(object.id.as_bytes());
    }
    for (object, _) in &places {
        index.add(&object.crc.to_be_bytes());
    }
    for (_, offset) in &places {
        index.add(&offset.to_be_bytes());
    }
    index.add(sum.as_slice());
    let (index, _) = index.finish()?;
    // Git looks for indices: what it finds one of must be there.
    put(&directory.join(format!("pack-{sum}.pack")), &pack)?;
    put(&directory.join(format!("pack-{sum}.idx")), &index)
}

/// Bytes that end with a digest of themselves.
struct Summed {
    bytes: Vec<u8>,
    hasher: gix::hash::Hasher,
}

impl Summed {
    fn new(hash: gix::hash::Kind) -> Self {
        Self {
            bytes: Vec::new(),
            hasher: gix::hash::hasher(hash),
        }
    }

    fn add(&mut self, bytes: &[u8]) {
        self.hasher.update(bytes);
        self.bytes.extend_from_slice(bytes);
    }

    fn finish(mut self) -> Result<(Vec<u8>, gix::ObjectId)> {
        let sum = self.hasher.try_finalize();
        let sum = sum.map_err(|error| anyhow!("{error}"))?;
        self.bytes.extend_from_slice(sum.as_slice());
        Ok((self.bytes, sum))
    }
}

/// Writes a new file that nobody is to change.
fn put(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o400);
    }
    let mut file = options
        .open(path)
        .with_context(|| format!("cannot create `{}`", path.display()))?;
    file.write_all(bytes)
        .with_context(|| format!("cannot write `{}`", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::fixture::Fixture;

    #[test]
    fn checksums_are_those_of_the_standards() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        assert_eq!(adler32(b"Wikipedia"), 0x11e6_0398);
        // Sums of the largest bytes overflow first.
        let sum = |bytes: usize| (1 + 255 * bytes as u64) % 65_521;
        let sums = (1..=100_000).fold(0, |sums, bytes| (sums + sum(bytes)) % 65_521);
        let wanted = (sums << 16) | sum(100_000);
        assert_eq!(u64::from(adler32(&vec![0xff; 100_000])), wanted);
    }

    #[test]
    fn git_finds_every_object_in_a_pack_and_it_is_whole() {
        for format in ["sha1", "sha256"] {
            let fixture = Fixture::with(&["--object-format", format]);
            let hash = fixture.repo().raw().object_hash();
            let sizes = [0, 1, 15, 16, 2_047, 2_048, BLOCK, BLOCK + 1, 200_000];
            let mut objects = Vec::new();
            let mut contents = Vec::new();
            for (nth, size) in sizes.into_iter().enumerate() {
                let content: Vec<u8> = (0..size).map(|at| low_bits(at * (nth + 1), 8)).collect();
                let id = gix::objs::compute_hash(hash, Kind::Blob, &content).unwrap();
                let id = Oid::from_hex(&id.to_string()).unwrap();
                objects.push(Packed::new(id, Kind::Blob, &content));
                contents.push((id, content));
            }
            write(&fixture.root().join(".git/objects/pack"), hash, &objects).unwrap();
            // It compares both checksums, and each object with its id.
            fixture.git(&["fsck", "--full", "--strict", "--no-dangling"]);
            let mut buffer = Vec::new();
            let ours = fixture.repo().objects();
            for (id, content) in contents {
                let theirs = fixture.git(&["cat-file", "blob", &id.to_string()]);
                assert!(theirs == content, "{format} {}", content.len());
                ours.read(&id, Kind::Blob, true, &mut buffer).unwrap();
                assert!(buffer == content, "{format} {}", content.len());
            }
        }
    }
}
