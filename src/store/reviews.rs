//! Reviews as directories, `reviews/<id>/`: the sealed report value, the raw reviews it came from, and
//! the sealed record of what else it was made from.
//! A directory appears whole, by a rename, or not at all.

use std::cmp::Ordering;
use std::fmt;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Serialize, de::DeserializeOwned};

use super::seal::Purpose;
use super::{Store, create_all, create_private_dir, read_plain};

const DIR: &str = "reviews";
const FILE: &str = "review.json";
const RECORD: &str = "record.json";
const RAW: &str = "raw";

/// The name of a review: `YYYYMMDD-HHMMSS-<target>` in UTC, with a number behind it if taken.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ReviewId(String);

impl ReviewId {
    /// Takes a name that can't leave the directory of reviews.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let sound = !text.is_empty()
            && !text.starts_with('.')
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
        sound.then(|| Self(text.to_owned()))
    }
}

impl fmt::Display for ReviewId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A branch name as part of a file name.
fn slug(target: &str) -> String {
    let mut slug: String = target
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || c == '_' {
                c
            } else {
                '-'
            }
        })
        .take(60)
        .collect();
    while slug.ends_with('-') {
        slug.pop();
    }
    if slug.is_empty() {
        "change".to_owned()
    } else {
        slug
    }
}

impl Store {
    /// Keeps a review with the raw reviews (file name, bytes as received) and the record it was made
    /// from. `name` gives the report its id before it is sealed.
    pub(crate) fn add_review<T: Serialize, R: Serialize>(
        &mut self,
        target: &str,
        at: Timestamp,
        raw: &[(String, Vec<u8>)],
        record: &R,
        name: impl Fn(&ReviewId) -> T,
    ) -> anyhow::Result<ReviewId> {
        let _lock = self.lock()?;
        let reviews = self.dir.join(DIR);
        if fs::symlink_metadata(&reviews).is_ok_and(|found| !found.is_dir()) {
            bail!("`{}` is not a directory", reviews.display());
        }
        create_private_dir(&reviews)?;
        let stem = format!(
            "{}-{}",
            at.to_zoned(TimeZone::UTC).strftime("%Y%m%d-%H%M%S"),
            slug(target)
        );
        // The lock is held, so a free name stays free.
        let id = (1..10_000)
            .map(|n| {
                if n == 1 {
                    stem.clone()
                } else {
                    format!("{stem}-{n}")
                }
            })
            .find(|name| !reviews.join(name).exists())
            .map(ReviewId)
            .context("no free name for the review")?;
        let making = tempfile::Builder::new()
            .prefix(".new-")
            .tempdir_in(&reviews)?;
        let sealed = self.secret()?.seal(Purpose::Review, &name(&id))?;
        let record = self.secret()?.seal(Purpose::Record, record)?;
        let raw_dir = making.path().join(RAW);
        create_private_dir(&raw_dir)?;
        let mut files = vec![
            (making.path().join(FILE), sealed.as_bytes()),
            (making.path().join(RECORD), record.as_bytes()),
        ];
        for (name, bytes) in raw {
            let name = ReviewId::parse(name).with_context(|| format!("{name:?} names no file"))?;
            files.push((raw_dir.join(name.0), bytes));
        }
        create_all(&files)?;
        publish(making, &reviews.join(&id.0))?;
        Ok(id)
    }

    /// The names of all reviews, newest first.
    pub(crate) fn review_ids(&self) -> anyhow::Result<Vec<ReviewId>> {
        let dir = self.dir.join(DIR);
        let entries = match fs::read_dir(&dir) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => {
                return Err(error).with_context(|| format!("cannot read `{}`", dir.display()));
            }
        };
        let mut ids: Vec<ReviewId> = entries
            .filter_map(|entry| ReviewId::parse(entry.ok()?.file_name().to_str()?))
            .collect();
        ids.sort_by(|a, b| self.by_age(a, b).reverse());
        Ok(ids)
    }

    /// Reads a review; `None` if it is not there, not sealed by this user or of another format.
    pub(crate) fn review<T: DeserializeOwned>(&self, id: &ReviewId) -> Option<T> {
        // A review is a memory: one that can't be read is forgotten, whatever is wrong with it.
        let bytes = read_plain(&self.review_dir(id).join(FILE)).ok().flatten()?;
        let text = String::from_utf8(bytes).ok()?;
        self.secret.as_ref()?.open(Purpose::Review, &text).ok()
    }

    /// Reads the record a review was made from; `None` as for [`Store::review`].
    pub(crate) fn review_record<T: DeserializeOwned>(&self, id: &ReviewId) -> Option<T> {
        let bytes = read_plain(&self.review_dir(id).join(RECORD))
            .ok()
            .flatten()?;
        let text = String::from_utf8(bytes).ok()?;
        self.secret.as_ref()?.open(Purpose::Record, &text).ok()
    }

    /// Reads one of the raw reviews of a review, as it was received; nothing seals it.
    pub(crate) fn raw_review(&self, id: &ReviewId, name: &str) -> anyhow::Result<Option<Vec<u8>>> {
        let name = ReviewId::parse(name).with_context(|| format!("{name:?} names no file"))?;
        read_plain(&self.review_dir(id).join(RAW).join(name.0))
    }

    /// The older first. Names tell the second; within one, when they were written does, and of the same target
    /// the number behind them.
    fn by_age(&self, a: &ReviewId, b: &ReviewId) -> Ordering {
        let second = |id: &ReviewId| id.0.get(..15).unwrap_or(&id.0).to_owned();
        let written = |id: &ReviewId| {
            let found = fs::symlink_metadata(self.review_dir(id).join(FILE));
            found.and_then(|found| found.modified()).ok()
        };
        second(a)
            .cmp(&second(b))
            .then_with(|| written(a).cmp(&written(b)))
            .then_with(|| (a.0.len(), &a.0).cmp(&(b.0.len(), &b.0)))
    }

    /// Where a review lies.
    pub(crate) fn review_dir(&self, id: &ReviewId) -> PathBuf {
        self.dir.join(DIR).join(&id.0)
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the store is a door to the file system"
)]
fn publish(making: tempfile::TempDir, target: &Path) -> anyhow::Result<()> {
    if target.exists() {
        bail!("`{}` is already there", target.display());
    }
    fs::rename(making.keep(), target)
        .with_context(|| format!("cannot keep the review in `{}`", target.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_review_id_stays_in_its_directory() {
        assert!(ReviewId::parse("20261123-101500-main").is_some());
        for bad in ["", "..", "../x", "a/b", ".new-1", "a\0b"] {
            assert!(ReviewId::parse(bad).is_none(), "{bad:?}");
        }
        assert_eq!(slug("feature/ü ✓"), "feature");
        assert_eq!(slug("///"), "change");
    }

    #[test]
    fn of_reviews_of_one_second_the_last_written_is_the_newest() {
        let dir = tempfile::tempdir().unwrap();
        let mut store = Store::open(dir.path(), &dir.path().join("secret")).unwrap();
        let at: Timestamp = "2026-11-23T10:15:00Z".parse().unwrap();
        let mut written = Vec::new();
        for (nth, target) in ["topic", "main", "topic"].into_iter().enumerate() {
            let id = store.add_review(target, at, &[], &"record", ToString::to_string);
            let id = id.unwrap();
            let file = fs::File::open(store.review_dir(&id).join(FILE)).unwrap();
            let since = std::time::Duration::from_millis(nth as u64);
            let time = std::time::SystemTime::from(at) + since;
            file.set_modified(time).unwrap();
            written.insert(0, id);
        }
        assert_eq!(written[0].0, "20261123-101500-topic-2");
        assert_eq!(store.review_ids().unwrap(), written);
    }
}
