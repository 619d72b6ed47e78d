//! The agent that is asked: it reads its brief, waits, and answers what the brief asks for without a
//! finding. On the way it notes what it sees of the time.
//! How long it waits, and what the notes come to, is the caller's.

use std::io::{Read as _, Write as _};
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use serde_json::json;

/// What one agent saw; times in seconds since 1970.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Seen {
    /// When it was started.
    pub(crate) began: f64,
    /// When it had answered.
    pub(crate) answered: f64,
    /// When the directory was made that its snapshot stands in.
    pub(crate) snapshot: f64,
    /// When the snapshot's tree was written: its index is the last of it.
    pub(crate) tree: f64,
    /// When the files about each unit were written: `units.json` is the last of them.
    pub(crate) pages: f64,
}

/// Answers so long after now, and leaves what it saw in a directory.
#[expect(
    clippy::disallowed_methods,
    reason = "an agent of a benchmark reads where it was started and writes its notes"
)]
pub(crate) fn answer(delay: Duration, notes: &Path) -> Result<()> {
    let (started, began) = (Instant::now(), seconds(SystemTime::now())?);
    let mut brief = String::new();
    std::io::stdin().read_to_string(&mut brief)?;
    let answer = answer_to(&brief)?;
    let tree = std::env::current_dir()?;
    let modified =
        |name: &str| -> Result<f64> { seconds(std::fs::metadata(tree.join(name))?.modified()?) };
    let mut seen = Seen {
        began,
        answered: 0.0,
        snapshot: modified("../lock")?,
        tree: changed(&tree.join(".git/index"))?,
        pages: modified(".deep-review/units.json")?,
    };
    std::thread::sleep(delay.saturating_sub(started.elapsed()));
    let mut out = std::io::stdout().lock();
    out.write_all(answer.as_bytes())?;
    out.flush()?;
    seen.answered = seconds(SystemTime::now())?;
    let note = notes.join(format!("{}.json", std::process::id()));
    Ok(std::fs::write(note, serde_json::to_vec(&seen)?)?)
}

fn seconds(time: SystemTime) -> Result<f64> {
    Ok(time.duration_since(SystemTime::UNIX_EPOCH)?.as_secs_f64())
}

/// When a file was last written or dated: its time of modification may have been set.
#[cfg(unix)]
#[expect(
    clippy::cast_precision_loss,
    reason = "a microsecond more or less is nothing here"
)]
fn changed(path: &Path) -> Result<f64> {
    use std::os::unix::fs::MetadataExt;
    let metadata = std::fs::metadata(path)?;
    Ok(metadata.ctime() as f64 + metadata.ctime_nsec() as f64 / 1e9)
}

#[cfg(not(unix))]
fn changed(path: &Path) -> Result<f64> {
    seconds(std::fs::metadata(path)?.modified()?)
}

/// An answer that accounts for every unit of a brief.
fn answer_to(brief: &str) -> Result<String> {
    let review = brief
        .rsplit("`review`: `")
        .next()
        .and_then(|rest| rest.split('`').next())
        .context("the brief has no id")?;
    let rows = brief
        .lines()
        .skip_while(|line| !(line.starts_with("<<<data ") && line.ends_with(" units")))
        .skip(2)
        .take_while(|line| !line.starts_with(">>>data "));
    let mut units = Vec::new();
    for row in rows {
        let id = row.split(" | ").next().context("a row has no id")?;
        let echo = echo_of(brief, id).with_context(|| format!("no changed line of {id}"))?;
        units.push(json!({"u": id, "state": "reviewed", "echo": echo, "looked": ""}));
    }
    let answer = json!({
        "review": review, "units": units, "findings": [], "prior": [], "design": [], "tests": [],
        "docs": [], "summary": "Read.", "trouble": [],
    });
    Ok(answer.to_string())
}

/// A changed line of a unit, from its first page or from the brief itself.
fn echo_of(brief: &str, id: &str) -> Option<String> {
    let page = std::fs::read_to_string(format!(".deep-review/diff/{id}-001.txt"));
    let diff = match &page {
        Ok(page) => page,
        Err(_) => brief.split_once(&format!(" diff {id}\n"))?.1,
    };
    let changed = |line: &&str| line.starts_with(['+', '-']) && line.trim().len() > 12;
    let hunk = diff.lines().skip_while(|line| !line.starts_with("@@ "));
    let line = hunk.skip(1).find(changed)?;
    Some(line[1..].chars().take(80).collect())
}
