//! Files that are never sent, by their names: all that is in them is secret, so a cut by line would be
//! a matter of luck.
//! Their units are still listed; what that means for the verdict is left to the pipeline.

use crate::diff::RepoPath;

/// Endings of file names that hold keys and nothing else.
const KEY_ENDINGS: &[&str] = &[
    ".pem",
    ".key",
    ".p12",
    ".pfx",
    ".p8",
    ".jks",
    ".keystore",
    ".ppk",
    ".kdbx",
    ".asc.key",
];

/// File names that programs keep passwords in.
const PASSWORD_FILES: &[&str] = &[
    ".netrc",
    "_netrc",
    ".git-credentials",
    ".pgpass",
    ".htpasswd",
    ".dockercfg",
    ".my.cnf",
];

/// Endings of a dotenv file that shows names and no values; its lines are redacted one by one.
const SAMPLES: &[&str] = &[
    ".example",
    ".sample",
    ".template",
    ".dist",
    ".defaults",
    ".schema",
];

/// Endings of files that are settings or data; a file named for credentials with another ending is
/// code, prose or a picture about them.
const SETTINGS: &[&str] = &[
    "json",
    "yml",
    "yaml",
    "toml",
    "ini",
    "cfg",
    "conf",
    "txt",
    "xml",
    "csv",
    "tsv",
    "env",
    "properties",
    "plist",
    "enc",
    "gpg",
    "bak",
    "old",
    "db",
    "sqlite",
];

/// Why a file is never sent, for people; the case of its name does not matter.
pub(super) fn reason(path: &RepoPath) -> Option<&'static str> {
    let lower = path.file_name().to_ascii_lowercase();
    let name = String::from_utf8_lossy(&lower);
    let name = name.as_ref();
    let ends = |endings: &[&str]| endings.iter().any(|ending| name.ends_with(ending));
    let is_dotenv = name
        .strip_prefix(".env")
        .is_some_and(|rest| rest.is_empty() || rest == "rc" || rest.starts_with(['.', '-', '_']));
    if is_dotenv && !ends(SAMPLES) {
        return Some("an environment file");
    }
    if ends(KEY_ENDINGS) {
        return Some("a file of keys or certificates");
    }
    // `id_rsa` and its like; `id_rsa.pub` is public and `id_map.c` is code.
    if name.starts_with("id_") && !name.contains('.') {
        return Some("a private key of SSH");
    }
    if ends(&[".tfstate", ".tfstate.backup"]) {
        return Some("the state of Terraform");
    }
    if PASSWORD_FILES.contains(&name) || is_credentials(name) {
        return Some("a file of credentials");
    }
    None
}

/// `credentials`, `aws-credentials.json`, `credentials.yml.enc`, and not `credentials.rs`.
fn is_credentials(name: &str) -> bool {
    name.contains("credentials")
        && match name.rsplit_once('.') {
            None | Some(("", _)) => true,
            Some((_, ending)) => SETTINGS.contains(&ending),
        }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_secrets_are_withheld_by_name() {
        for path in [
            ".env",
            "a/.env.production",
            "a/.ENV.local",
            ".envrc",
            ".env-prod",
            "tls/server.pem",
            "tls/server.key",
            "a.p12",
            "a.PFX",
            "home/id_rsa",
            "id_ed25519",
            "x.kdbx",
            "infra/terraform.tfstate",
            "infra/terraform.tfstate.backup",
            ".aws/credentials",
            "gcp-credentials.json",
            "config/credentials.yml.enc",
            ".netrc",
            ".git-credentials",
        ] {
            assert!(reason(&RepoPath::from(path)).is_some(), "{path}");
        }
    }

    #[test]
    fn code_about_secrets_is_sent() {
        for path in [
            "src/credentials.rs",
            "pkg/credentials_test.go",
            "docs/credentials.md",
            "src/env.rs",
            ".environment",
            ".env.example",
            "id_map.c",
            "id_rsa.pub",
            "keyboard.rs",
            "src/key",
            "i18n/keys.json",
        ] {
            assert_eq!(reason(&RepoPath::from(path)), None, "{path}");
        }
    }
}
