//! Receipts in one file of sealed lines, `<key> <sealed receipt>`: a gate over thousands of units
//! reads one file and opens only the lines it wants. Anything wrong with a line is a miss.
//! Receipts of reviews that were handed in have a file of their own, `<unit key> <path> <sealed
//! receipt>`: they are looked up by what they are about, because nobody knows who they are of.

use std::collections::{HashMap, HashSet};

use crate::diff::{RepoPath, UnitKey};
use crate::receipt::{Receipt, ReceiptKey};

use super::lines::Crash;
use super::seal::{Broken, Purpose};
use super::{Store, lines, replace};

pub(super) const FILE: &str = "receipts";
const KEY_LEN: usize = 64;
pub(super) const HANDED_IN: &str = "receipts-handed-in";
/// How many hexadecimal digits stand for a path.
const PATH_LEN: usize = 16;

/// Above this size the older half is forgotten: a forgotten receipt costs a review, never a decision.
const COMPACT_ABOVE: u64 = 64 << 20;

/// The receipts that were found, and what was wrong with others.
#[derive(Debug, Default)]
pub(crate) struct ReceiptsRead {
    /// The valid ones among the wanted.
    pub(crate) found: HashMap<ReceiptKey, Receipt>,
    /// How many wanted ones were damaged, of a later format or not sealed by this user: misses.
    pub(crate) unusable: usize,
}

impl Store {
    /// Looks up receipts by key. Takes no lock.
    pub(crate) fn receipts(&self, wanted: &HashSet<ReceiptKey>) -> anyhow::Result<ReceiptsRead> {
        let mut read = ReceiptsRead::default();
        if wanted.is_empty() {
            return Ok(read);
        }
        let bytes = lines::read(&self.dir.join(FILE))?;
        let mut unusable = HashSet::new();
        for line in bytes.split(|byte| *byte == b'\n') {
            let Some((key, sealed)) = line.split_at_checked(KEY_LEN) else {
                continue;
            };
            let Some(key) = ReceiptKey::from_hex(key) else {
                continue;
            };
            if !wanted.contains(&key) {
                continue;
            }
            match self.open_receipt(key, sealed) {
                Ok(receipt) => {
                    read.found.insert(key, receipt);
                }
                Err(_) => {
                    unusable.insert(key);
                }
            }
        }
        // One that was replaced by a valid one since is missed by nobody.
        unusable.retain(|key| !read.found.contains_key(key));
        read.unusable = unusable.len();
        Ok(read)
    }

    /// The keys of all receipts, valid or not: what is not among them need not be looked up.
    pub(crate) fn receipt_keys(&self) -> anyhow::Result<HashSet<ReceiptKey>> {
        let bytes = lines::read(&self.dir.join(FILE))?;
        Ok(bytes
            .split(|byte| *byte == b'\n')
            .filter_map(|line| ReceiptKey::from_hex(line.get(..KEY_LEN)?))
            .collect())
    }

    fn open_receipt(&self, key: ReceiptKey, sealed: &[u8]) -> Result<Receipt, Broken> {
        let text =
            std::str::from_utf8(sealed).map_err(|error| Broken::Damaged(error.to_string()))?;
        let secret = self.secret.as_ref().ok_or(Broken::Foreign)?;
        let receipt: Receipt = secret.open(Purpose::Receipt, text.trim_start())?;
        // A valid line moved under another key vouches for nothing.
        if receipt.key() == key {
            Ok(receipt)
        } else {
            Err(Broken::Foreign)
        }
    }

    /// The receipts of handed-in reviews about one of the units, or about an earlier state of a file
    /// that stands at one of the paths; the oldest first. Takes no lock.
    pub(crate) fn handed_in(
        &self,
        units: &[(UnitKey, &RepoPath)],
    ) -> anyhow::Result<(Vec<Receipt>, usize)> {
        let bytes = lines::read(&self.dir.join(HANDED_IN))?;
        let mut found = Vec::new();
        let mut unusable = 0;
        if bytes.is_empty() {
            return Ok((found, unusable));
        }
        let keys: HashSet<String> = units.iter().map(|(key, _)| key.to_string()).collect();
        let paths: HashSet<String> = units.iter().map(|(_, path)| path_digits(path)).collect();
        for line in bytes.split(|byte| *byte == b'\n') {
            let Ok(line) = std::str::from_utf8(line) else {
                continue;
            };
            let mut parts = line.splitn(3, ' ');
            let (Some(key), Some(path), Some(sealed)) = (parts.next(), parts.next(), parts.next())
            else {
                continue;
            };
            if !keys.contains(key) && !paths.contains(path) {
                continue;
            }
            let opened = self
                .secret
                .as_ref()
                .ok_or(Broken::Foreign)
                .and_then(|secret| secret.open::<Receipt>(Purpose::Receipt, sealed));
            match opened {
                Ok(receipt)
                    if receipt.handed_in.is_some()
                        && receipt.unit.to_string() == key
                        && path_digits(&receipt.path) == path =>
                {
                    found.push(receipt);
                }
                _ => unusable += 1,
            }
        }
        Ok((found, unusable))
    }

    /// Remembers receipts of handed-in reviews; they are on the disk when this returns.
    pub(crate) fn add_handed_in(&mut self, receipts: &[Receipt]) -> anyhow::Result<()> {
        self.add(HANDED_IN, receipts, Crash::KeepsAll, |receipt| {
            format!("{} {}", receipt.unit, path_digits(&receipt.path))
        })
    }

    /// Remembers receipts of the rules reviewer. Nobody waits for the disk: it reads again in a moment what
    /// a crash of the system makes it forget.
    pub(crate) fn add_receipts(&mut self, receipts: &[Receipt]) -> anyhow::Result<()> {
        self.add(FILE, receipts, Crash::MayLoseLast, |receipt| {
            receipt.key().to_string()
        })
    }

    fn add(
        &mut self,
        file: &str,
        receipts: &[Receipt],
        crash: Crash,
        key: impl Fn(&Receipt) -> String,
    ) -> anyhow::Result<()> {
        if receipts.is_empty() {
            return Ok(());
        }
        let _lock = self.lock()?;
        let secret = self.secret()?;
        let sealed = receipts
            .iter()
            .map(|receipt| {
                Ok(format!(
                    "{} {}",
                    key(receipt),
                    secret.seal(Purpose::Receipt, receipt)?
                ))
            })
            .collect::<anyhow::Result<Vec<String>>>()?;
        let path = self.dir.join(file);
        self.own_writing(|| {
            lines::append(&path, &sealed, crash)?;
            if lines::len(&path)? > COMPACT_ABOVE {
                let bytes = lines::read(&path)?;
                let half = bytes.len() / 2;
                let start =
                    memchr::memchr(b'\n', &bytes[half..]).map_or(half, |end| half + end + 1);
                replace(&path, &bytes[start..])?;
            }
            Ok(())
        })
    }
}

/// What stands for a path in a line: of any length and without spaces.
fn path_digits(path: &RepoPath) -> String {
    blake3::hash(path.as_bytes()).to_hex()[..PATH_LEN].to_owned()
}
