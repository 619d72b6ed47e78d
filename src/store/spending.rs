//! What agents cost, per day and over all repositories: one file per day on the user's side, a number of
//! US dollars per line.

use std::io::Write;
use std::path::PathBuf;

use anyhow::Context;
use jiff::civil::Date;

use super::{Store, create_private_dir, private, read_plain, refuse_special};

const DIR: &str = "spending";

impl Store {
    /// What has been spent on a day, in US dollars.
    pub(crate) fn spent_on(&self, day: Date) -> anyhow::Result<f64> {
        let bytes = read_plain(&self.spending(day))?.unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        let amounts = text.lines().filter_map(|line| line.parse::<f64>().ok());
        Ok(amounts.filter(|amount| amount.is_finite()).sum())
    }

    /// Adds what an answer cost, in US dollars.
    pub(crate) fn add_spent(&self, day: Date, amount: f64) -> anyhow::Result<()> {
        let path = self.spending(day);
        let attempt = || -> anyhow::Result<()> {
            create_private_dir(&self.secret_dir.join(DIR))?;
            refuse_special(&path)?;
            let mut file = private().create(true).append(true).open(&path)?;
            // One write: lines of several processes don't mix.
            Ok(file.write_all(format!("{amount:.6}\n").as_bytes())?)
        };
        attempt().with_context(|| format!("cannot write `{}`", path.display()))
    }

    fn spending(&self, day: Date) -> PathBuf {
        self.secret_dir.join(DIR).join(day.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_of_a_day_add_up() {
        let temp = tempfile::tempdir().unwrap();
        let store = Store::open(temp.path(), &temp.path().join("state")).unwrap();
        let day = jiff::civil::date(2026, 2, 3);
        assert!(store.spent_on(day).unwrap().abs() < 1e-9);
        store.add_spent(day, 0.25).unwrap();
        store.add_spent(day, 1.5).unwrap();
        assert!((store.spent_on(day).unwrap() - 1.75).abs() < 1e-9);
        assert!(store.spent_on(day.tomorrow().unwrap()).unwrap().abs() < 1e-9);
    }
}
