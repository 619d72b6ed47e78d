//! What leads said, in one file of sealed lines: so that the same findings are not asked about again.
//! What such a line means is the pipeline's to say. Anything wrong with one is a miss.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Store;
use super::seal::Purpose;

pub(super) const FILE: &str = "leads";

/// Above this size the older half is forgotten, in bytes: it costs asking again.
const COMPACT_ABOVE: usize = 16 << 20;

impl Store {
    /// All that leads said here, the oldest first, and how many lines were damaged, of a later format or
    /// not sealed by this user. Takes no lock.
    pub(crate) fn leads<T: DeserializeOwned>(&self) -> anyhow::Result<(Vec<T>, usize)> {
        self.sealed(FILE, Purpose::Lead)
    }

    /// Remembers what a lead said; it is on the disk when this returns.
    pub(crate) fn add_lead<T: Serialize>(&mut self, said: &T) -> anyhow::Result<()> {
        self.add_sealed(FILE, Purpose::Lead, &[said], COMPACT_ABOVE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(
        clippy::disallowed_methods,
        reason = "the test forges a line on purpose"
    )]
    fn only_what_this_user_sealed_is_believed() {
        let temp = tempfile::tempdir().unwrap();
        let mut store = Store::open(temp.path(), &temp.path().join("state")).unwrap();
        store.add_lead(&"first").unwrap();
        store.add_lead(&"second").unwrap();
        let path = store.dir.join(FILE);
        let text = std::fs::read_to_string(&path).unwrap();
        let forged = text.replacen("first", "worst", 1);
        std::fs::write(&path, format!("{forged}rubbish\n")).unwrap();
        let (said, unusable) = store.leads::<String>().unwrap();
        assert_eq!((said, unusable), (vec!["second".to_owned()], 2));
    }
}
