//! The per-user secret and the seal it puts on everything remembered.
//! A repository that arrives with a store in it has no seal of ours, so it waives nothing.

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::Path;

use anyhow::{Context, anyhow, bail};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::value::RawValue;

use super::create_private_dir;
use crate::error::HintExt;

/// What a sealed text is: a text sealed as one is worthless as another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    Receipt,
    Decision,
    Review,
    Record,
    Verdict,
    Lead,
    Unpaid,
}

impl Purpose {
    fn label(self) -> &'static str {
        match self {
            Self::Receipt => "receipt",
            Self::Decision => "decision",
            Self::Review => "review",
            Self::Record => "record",
            Self::Verdict => "verdict",
            Self::Lead => "lead",
            Self::Unpaid => "unpaid",
        }
    }
}

/// 32 random bytes in the user's state directory, mode 0600.
#[derive(Clone)]
pub(crate) struct Secret([u8; 32]);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Secret {
    /// Reads the secret; `None` if there is none yet.
    pub(super) fn read(dir: &Path) -> anyhow::Result<Option<Self>> {
        let path = dir.join("secret");
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error)
                if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) =>
            {
                return Ok(None);
            }
            Err(error) => {
                return Err(error)
                    .with_context(|| format!("cannot read the secret `{}`", path.display()))
                    .hint("it must be readable by you alone (mode 0600)");
            }
        };
        refuse_open_to_others(&path)?;
        let key = <[u8; 32]>::try_from(bytes.as_slice())
            .map_err(|_| anyhow!("`{}` has {} bytes, not 32", path.display(), bytes.len()))
            .context("the secret is damaged")
            .hint("remove it to make a new one: reviews and decisions made under it are then no longer believed")?;
        Ok(Some(Self(key)))
    }

    /// Reads the secret, or makes one. Any number of processes at once agree on one.
    pub(super) fn read_or_create(dir: &Path) -> anyhow::Result<Self> {
        if let Some(secret) = Self::read(dir)? {
            return Ok(secret);
        }
        let attempt = || -> anyhow::Result<()> {
            create_private_dir(dir)?;
            let mut file = tempfile::Builder::new()
                .prefix(".secret-")
                .tempfile_in(dir)?;
            file.write_all(&random()?)?;
            file.as_file().sync_all()?;
            match file.persist_noclobber(dir.join("secret")) {
                Ok(_) => Ok(()),
                Err(lost) if lost.error.kind() == ErrorKind::AlreadyExists => Ok(()),
                Err(failed) => Err(failed.error.into()),
            }
        };
        attempt()
            .with_context(|| format!("cannot keep a secret in `{}`", dir.display()))
            .hint("deep-review seals what it remembers with it: make that directory writable, or set XDG_STATE_HOME")?;
        Self::read(dir)?.context("the secret vanished right after it was made")
    }

    /// A key for something else, from which the secret can't be told.
    pub(super) fn derived(&self, context: &str) -> [u8; 32] {
        blake3::derive_key(context, &self.0)
    }

    /// The MAC of a text for one purpose, as 64 hexadecimal digits.
    fn mac(&self, purpose: Purpose, text: &str) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new_keyed(&self.0);
        hasher.update(b"deep-review seal 1\0");
        hasher.update(purpose.label().as_bytes());
        hasher.update(b"\0");
        hasher.update(text.as_bytes());
        hasher.finalize()
    }

    /// Seals a value: one line of JSON, `{"mac":"…","body":…}`.
    pub(super) fn seal<T: Serialize>(&self, purpose: Purpose, value: &T) -> anyhow::Result<String> {
        let body = serde_json::value::to_raw_value(value).context("cannot write JSON")?;
        let mac = self.mac(purpose, body.get()).to_hex();
        serde_json::to_string(&Sealed {
            mac: mac.as_str(),
            body: &body,
        })
        .context("cannot write JSON")
    }

    /// Opens what [`Secret::seal`] wrote for the same purpose.
    pub(super) fn open<T: DeserializeOwned>(
        &self,
        purpose: Purpose,
        line: &str,
    ) -> Result<T, Broken> {
        let sealed: Sealed<'_> =
            serde_json::from_str(line).map_err(|error| Broken::Damaged(error.to_string()))?;
        let claimed = blake3::Hash::from_hex(sealed.mac).map_err(|_| Broken::Foreign)?;
        // Hashes compare in constant time.
        if self.mac(purpose, sealed.body.get()) != claimed {
            return Err(Broken::Foreign);
        }
        serde_json::from_str(sealed.body.get()).map_err(|error| Broken::Damaged(error.to_string()))
    }
}

#[derive(Serialize, Deserialize)]
struct Sealed<'a> {
    mac: &'a str,
    #[serde(borrow)]
    body: &'a RawValue,
}

/// Why a sealed text could not be opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Broken {
    /// Not sealed by this user, or changed since.
    #[error("not sealed by this user")]
    Foreign,
    /// Not the JSON that was expected.
    #[error("{0}")]
    Damaged(String),
}

/// A secret that others can read is none.
#[cfg(unix)]
fn refuse_open_to_others(path: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let mode = fs::metadata(path)?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(anyhow!(
            "`{}` has mode {:o}: others can read or replace it",
            path.display(),
            mode & 0o777
        ))
        .context("the secret is not secret")
        .hint(format!(
            "run `chmod 600 '{}'`, or remove it to make a new one: what was sealed with it is then no longer believed",
            path.display()
        ));
    }
    Ok(())
}

#[cfg(not(unix))]
fn refuse_open_to_others(_path: &Path) -> anyhow::Result<()> {
    Ok(())
}

/// 32 bytes from the operating system's generator.
fn random() -> anyhow::Result<[u8; 32]> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)
        .map_err(|error| anyhow!("{error}"))
        .context("the system gave no random bytes")?;
    if bytes == [0; 32] {
        bail!("the system gave no random bytes");
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seal_holds_for_its_purpose_and_user_only() {
        let (ours, theirs) = (Secret([1; 32]), Secret([2; 32]));
        let line = ours.seal(Purpose::Decision, &"yes").unwrap();
        assert_eq!(
            ours.open::<String>(Purpose::Decision, &line).unwrap(),
            "yes"
        );
        assert_eq!(
            ours.open::<String>(Purpose::Receipt, &line),
            Err(Broken::Foreign)
        );
        assert_eq!(
            theirs.open::<String>(Purpose::Decision, &line),
            Err(Broken::Foreign)
        );
        let changed = line.replace("yes", "no!");
        assert_eq!(
            ours.open::<String>(Purpose::Decision, &changed),
            Err(Broken::Foreign)
        );
        assert!(matches!(
            ours.open::<String>(Purpose::Decision, "{"),
            Err(Broken::Damaged(_))
        ));
    }

    #[test]
    fn many_makers_agree_on_one_secret() {
        let dir = tempfile::tempdir().unwrap();
        let secrets: Vec<Secret> = std::thread::scope(|scope| {
            let makers: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| Secret::read_or_create(dir.path()).unwrap()))
                .collect();
            makers
                .into_iter()
                .map(|maker| maker.join().unwrap())
                .collect()
        });
        assert!(secrets.iter().all(|secret| secret.0 == secrets[0].0));
    }

    #[test]
    #[cfg(unix)]
    fn a_secret_that_others_can_read_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        Secret::read_or_create(dir.path()).unwrap();
        let open = fs::Permissions::from_mode(0o644);
        fs::set_permissions(dir.path().join("secret"), open).unwrap();
        let error = Secret::read(dir.path()).unwrap_err();
        assert!(format!("{error:#}").contains("mode 644"), "{error:#}");
    }
}
