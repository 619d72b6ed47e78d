//! Files of sealed lines of which all are wanted: each is opened, and anything wrong with one is a miss.
//! What such a line means is the pipeline's to say.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::seal::Purpose;
use super::{Store, lines, replace};

impl Store {
    /// All that was sealed for a purpose in a file, the oldest first, and how many lines were damaged, of a
    /// later format or not sealed by this user. Takes no lock.
    pub(super) fn sealed<T: DeserializeOwned>(
        &self,
        file: &str,
        purpose: Purpose,
    ) -> anyhow::Result<(Vec<T>, usize)> {
        let bytes = lines::read(&self.dir.join(file))?;
        let mut unusable = 0;
        let mut found = Vec::new();
        for line in bytes.split(|byte| *byte == b'\n') {
            if line.is_empty() {
                continue;
            }
            let opened = self.secret.as_ref().zip(std::str::from_utf8(line).ok());
            match opened.and_then(|(secret, text)| secret.open(purpose, text).ok()) {
                Some(said) => found.push(said),
                None => unusable += 1,
            }
        }
        Ok((found, unusable))
    }

    /// Adds lines to a file; they are on the disk when this returns. Above so many bytes its older half is
    /// forgotten.
    pub(super) fn add_sealed<T: Serialize>(
        &mut self,
        file: &str,
        purpose: Purpose,
        values: &[T],
        compact_above: usize,
    ) -> anyhow::Result<()> {
        if values.is_empty() {
            return Ok(());
        }
        let _lock = self.lock()?;
        let secret = self.secret()?;
        let sealed = values
            .iter()
            .map(|value| secret.seal(purpose, value))
            .collect::<anyhow::Result<Vec<String>>>()?;
        let path = self.dir.join(file);
        self.own_writing(|| {
            lines::append(&path, &sealed, lines::Crash::KeepsAll)?;
            let bytes = lines::read(&path)?;
            if bytes.len() > compact_above {
                let half = bytes.len() / 2;
                let start =
                    memchr::memchr(b'\n', &bytes[half..]).map_or(half, |end| half + end + 1);
                replace(&path, &bytes[start..])?;
            }
            Ok(())
        })
    }
}
