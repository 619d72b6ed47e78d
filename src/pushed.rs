//! What Git tells a pre-push hook on standard input, one line per ref.
//! Deciding what such a line owes is left to `owed`.

use anyhow::{Context, Result, anyhow};

use crate::diff::Oid;
use crate::error::HintExt;

/// One ref of a push.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PushedRef {
    /// What the user typed: a full ref name, `HEAD`, an id, `:/words`; never used to find anything.
    pub(crate) local: String,
    /// What is pushed; zero for a deletion.
    pub(crate) local_id: Oid,
    /// The full name on the remote.
    pub(crate) remote: String,
    /// Where it points there now; zero if it is new.
    pub(crate) remote_id: Oid,
}

/// Reads `<local ref> <local id> <remote ref> <remote id>` lines. The first field may hold spaces,
/// so lines are split from the right. No line is no ref: everything is up to date.
pub(crate) fn parse(input: &[u8]) -> Result<Vec<PushedRef>> {
    input
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| {
            let line = String::from_utf8_lossy(line);
            let mut fields = line.rsplitn(4, ' ');
            let mut next = || fields.next().context("a field is missing");
            let attempt = || -> Result<PushedRef> {
                let remote_id = next()?;
                let remote = next()?;
                let local_id = next()?;
                let local = next()?;
                let id = |hex: &str| Oid::from_hex(hex).ok_or_else(|| anyhow!("`{hex}` is no object id"));
                Ok(PushedRef {
                    local: local.to_owned(),
                    local_id: id(local_id)?,
                    remote: remote.to_owned(),
                    remote_id: id(remote_id)?,
                })
            };
            let mut attempt = attempt;
            attempt()
                .with_context(|| format!("cannot understand what Git says is pushed: `{}`", line.trim_end()))
                .hint("`deep-review hook pre-push` expects Git's lines on standard input; to review by hand, run `deep-review`")
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_split_from_the_right() {
        let one = "1".repeat(40);
        let zero = "0".repeat(40);
        let input =
            format!(":/two words {one} refs/heads/x {zero}\n(delete) {zero} refs/heads/y {one}\n");
        let refs = parse(input.as_bytes()).unwrap();
        assert_eq!(refs[0].local, ":/two words");
        assert_eq!(refs[0].remote, "refs/heads/x");
        assert!(refs[0].remote_id.is_zero() && !refs[0].local_id.is_zero());
        assert!(refs[1].local_id.is_zero());
        assert!(parse(b"").unwrap().is_empty());
    }

    #[test]
    fn sha256_ids_are_read_and_rubbish_is_refused() {
        let one = "a".repeat(64);
        let input = format!("refs/heads/x {one} refs/heads/x {}\n", "0".repeat(64));
        assert!(parse(input.as_bytes()).unwrap()[0].remote_id.is_zero());
        assert!(parse(b"refs/heads/x 12 refs/heads/x 34\n").is_err());
        assert!(parse(b"nonsense\n").is_err());
    }
}
