//! The ledger's file: decisions as sealed JSON lines, appended and never rewritten.
//! A decision that can't be read must not be guessed at, so damage stops with an error; a decision
//! that somebody else sealed is not one, and is counted.

use anyhow::{Context, anyhow};

use crate::error::HintExt;
use crate::ledger::Decision;

use super::seal::{Broken, Purpose};
use super::{Store, lines};

pub(super) const FILE: &str = "ledger.jsonl";

/// What the ledger holds.
#[derive(Debug, Default)]
pub(crate) struct LedgerRead {
    /// The decisions of this user, oldest first.
    pub(crate) decisions: Vec<Decision>,
    /// How many lines were ignored because this user did not seal them.
    pub(crate) foreign: usize,
}

impl Store {
    /// Reads all decisions. Takes no lock.
    pub(crate) fn ledger(&self) -> anyhow::Result<LedgerRead> {
        let path = self.dir.join(FILE);
        let bytes = lines::read(&path)?;
        let mut read = LedgerRead::default();
        for (index, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
            if line.is_empty() {
                continue;
            }
            match self.open_decision(line) {
                Ok(decision) => read.decisions.push(decision),
                Err(Broken::Foreign) => read.foreign += 1,
                Err(Broken::Damaged(why)) => {
                    return Err(anyhow!("line {}: {why}", index + 1))
                        .with_context(|| format!("the ledger `{}` is damaged", path.display()))
                        .hint("restore it from a backup, or remove that line: the decision on it is then open again");
                }
            }
        }
        Ok(read)
    }

    fn open_decision(&self, line: &[u8]) -> Result<Decision, Broken> {
        let text = std::str::from_utf8(line).map_err(|error| Broken::Damaged(error.to_string()))?;
        match &self.secret {
            Some(secret) => secret.open(Purpose::Decision, text),
            None => Err(Broken::Foreign),
        }
    }

    /// Appends decisions; they are on the disk when this returns.
    pub(crate) fn record(&mut self, decisions: &[Decision]) -> anyhow::Result<()> {
        let _lock = self.lock()?;
        let secret = self.secret()?;
        let sealed = decisions
            .iter()
            .map(|decision| secret.seal(Purpose::Decision, decision))
            .collect::<anyhow::Result<Vec<String>>>()?;
        lines::append(&self.dir.join(FILE), &sealed, lines::Crash::KeepsAll)
            .context("the decision was not recorded")
    }
}
