//! Receipts in one file of sealed lines, `<key> <sealed receipt>`: a gate over thousands of units
//! reads one file and opens only the lines it wants. Anything wrong with a line is a miss.

use std::collections::{HashMap, HashSet};

use crate::receipt::{Receipt, ReceiptKey};

use super::seal::{Broken, Purpose};
use super::{Store, lines, replace};

const FILE: &str = "receipts";
const KEY_LEN: usize = 64;

/// Above this size the older half is forgotten: a forgotten receipt costs a review, never a decision.
const COMPACT_ABOVE: usize = 64 << 20;

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

    /// Remembers receipts; they are on the disk when this returns.
    pub(crate) fn add_receipts(&mut self, receipts: &[Receipt]) -> anyhow::Result<()> {
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
                    receipt.key(),
                    secret.seal(Purpose::Receipt, receipt)?
                ))
            })
            .collect::<anyhow::Result<Vec<String>>>()?;
        let path = self.dir.join(FILE);
        lines::append(&path, &sealed)?;
        let bytes = lines::read(&path)?;
        if bytes.len() > COMPACT_ABOVE {
            let half = bytes.len() / 2;
            let start = memchr::memchr(b'\n', &bytes[half..]).map_or(half, |end| half + end + 1);
            replace(&path, &bytes[start..])?;
        }
        Ok(())
    }
}
