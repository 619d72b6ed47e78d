//! Puts whole objects into one pack with an index, both of version 2 as in gitformat-pack(5): a thousand
//! files less to write, to watch and to delete than loose objects are.
//! Which objects, and that they are what their ids say, is the caller's.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;

use anyhow::{Context, Result, anyhow};
use gix::objs::Kind;
use gix::zlib::Compression;
use gix::zlib::stream::deflate::Write;

use crate::diff::Oid;

/// Offsets from here on would need another table in the index.
const FARTHEST: usize = 1 << 31;

/// An object as it stands in a pack.
pub(in crate::git) struct Packed {
    id: Oid,
    bytes: Vec<u8>,
    crc: u32,
}

impl Packed {
    /// Takes the content of an object. It is compressed, if only a little: what agents are not to see must not
    /// meet them in a search through all files.
    pub(in crate::git) fn new(id: Oid, kind: Kind, content: &[u8]) -> Result<Self> {
        let mut bytes = Vec::with_capacity(content.len() + content.len() / 1024 + 64);
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
        let mut stored = Write::new(bytes, Compression::BEST_SPEED);
        stored.write_all(content)?;
        stored.flush()?;
        let bytes = stored.into_inner();
        let crc = crc32fast::hash(&bytes);
        Ok(Self { id, bytes, crc })
    }
}

fn low_bits(number: usize, count: u32) -> u8 {
    u8::try_from(number & ((1 << count) - 1)).expect("the bits fit")
}

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
    fn git_finds_every_object_in_a_pack_and_it_is_whole() {
        for format in ["sha1", "sha256"] {
            let fixture = Fixture::with(&["--object-format", format]);
            let hash = fixture.repo().raw().object_hash();
            let sizes = [0, 1, 15, 16, 2_047, 2_048, 65_535, 65_536, 200_000];
            let mut objects = Vec::new();
            let mut contents = Vec::new();
            for (nth, size) in sizes.into_iter().enumerate() {
                let content: Vec<u8> = (0..size).map(|at| low_bits(at * (nth + 1), 8)).collect();
                let id = gix::objs::compute_hash(hash, Kind::Blob, &content).unwrap();
                let id = Oid::from_hex(&id.to_string()).unwrap();
                objects.push(Packed::new(id, Kind::Blob, &content).unwrap());
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
