//! Lock files whose recorded checksum changed although the version did not.
//! Whether a lock file fits its manifest is left to the agents.

use std::collections::HashMap;

use super::{Builtin, Form, Hit, Judgement, Place, everywhere, nowhere};
use crate::finding::Severity;

/// How far above its checksum the name of a package stands in `Cargo.lock`.
const LINES_ABOVE: u32 = 6;

pub(super) static LOCK_HASH_CHANGED: Builtin = Builtin {
    id: "lock-hash-changed",
    severity: Severity::Important,
    summary: "a dependency whose checksum changed although its version did not",
    why: "The lock file has the same name and version as before with another checksum. A released \
          version never changes, so either somebody published other content under it, or the file \
          was edited by hand.",
    mend: "Find out where the new content comes from. Restore the old line, or take a new version.",
    history: false,
    reaches: everywhere,
    lowers: nowhere,
    forms: &[
        Form {
            title: "other checksum for the same version",
            pattern: r#"^checksum = "[0-9a-f]{64}"$"#,
            languages: &[],
            place: Place::Anywhere,
            judge: in_cargo_lock,
        },
        Form {
            title: "other checksum for the same version",
            pattern: r"^[!-~]+ v[!-~]+ h1:[0-9A-Za-z+/]{43}=$",
            languages: &[],
            place: Place::Anywhere,
            judge: in_go_sum,
        },
    ],
    whole_file: None,
};

/// What was locked before: for a hash over what is locked, a hash of its checksum.
pub(in crate::rules) type Sums = HashMap<[u8; 16], [u8; 16]>;

fn in_cargo_lock(hit: &Hit<'_>) -> Judgement {
    if hit.facts.file.path.file_name() != b"Cargo.lock" {
        return Judgement::Passes;
    }
    let number = hit.line().no;
    let mut above: Vec<&[u8]> = (number.saturating_sub(LINES_ABOVE).max(1)..number)
        .rev()
        .map_while(|number| hit.facts.line(number))
        .take_while(|line| *line != b"[[package]]")
        .filter(|line| is_identity(line))
        .collect();
    above.reverse();
    compare(hit, &above, hit.text, read_cargo_lock)
}

fn is_identity(line: &[u8]) -> bool {
    [&b"name = "[..], b"version = ", b"source = "]
        .iter()
        .any(|key| line.starts_with(key))
}

fn read_cargo_lock(text: &[u8]) -> Sums {
    let mut sums = Sums::new();
    let mut identity: Vec<&[u8]> = Vec::new();
    for line in text.split(|byte| *byte == b'\n') {
        let line = line.trim_ascii_end();
        if line == b"[[package]]" {
            identity.clear();
        } else if is_identity(line) {
            identity.push(line);
        } else if line.starts_with(b"checksum = ") {
            sums.insert(short_hash(&identity), short_hash(&[line]));
        }
    }
    sums
}

fn in_go_sum(hit: &Hit<'_>) -> Judgement {
    if !matches!(hit.facts.file.path.file_name(), b"go.sum" | b"go.work.sum") {
        return Judgement::Passes;
    }
    match hit.text.iter().rposition(|byte| *byte == b' ') {
        Some(space) => compare(
            hit,
            &[&hit.text[..space]],
            &hit.text[space + 1..],
            read_go_sum,
        ),
        None => Judgement::Passes,
    }
}

fn read_go_sum(text: &[u8]) -> Sums {
    text.split(|byte| *byte == b'\n')
        .filter_map(|line| {
            let line = line.trim_ascii_end();
            let space = line.iter().rposition(|byte| *byte == b' ')?;
            Some((
                short_hash(&[&line[..space]]),
                short_hash(&[&line[space + 1..]]),
            ))
        })
        .collect()
}

fn compare(hit: &Hit<'_>, locked: &[&[u8]], sum: &[u8], read: fn(&[u8]) -> Sums) -> Judgement {
    match hit.facts.old_sums(read).get(&short_hash(locked)) {
        Some(old) if *old != short_hash(&[sum]) => Judgement::Stands,
        _ => Judgement::Passes,
    }
}

fn short_hash(lines: &[&[u8]]) -> [u8; 16] {
    let mut hasher = blake3::Hasher::new();
    for line in lines {
        hasher.update(line);
        hasher.update(b"\n");
    }
    let mut short = [0; 16];
    hasher.finalize_xof().fill(&mut short);
    short
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diff::{Mode, RepoPath};
    use crate::rules::tests::pack;
    use crate::rules::{AddedLine, FileUnderReview};

    /// Lines that the rule holds against, if every line of the new version was added.
    fn lines(path: &str, old: &str, new: &str) -> Vec<u32> {
        let added: Vec<AddedLine<'_>> = new
            .lines()
            .zip(1..)
            .map(|(text, no)| AddedLine {
                no,
                text: text.as_bytes(),
            })
            .collect();
        let findings = pack().scan(&FileUnderReview {
            path: &RepoPath::from(path),
            mode: Mode::Regular,
            old_mode: Some(Mode::Regular),
            added: &added,
            new_text: Some(new.as_bytes()),
            old_text: Some(old.as_bytes()),
        });
        findings
            .into_iter()
            .map(|finding| {
                assert_eq!(finding.rule.as_deref(), Some("lock-hash-changed"));
                assert_eq!(finding.severity, Some(Severity::Important));
                finding.locations[0].lines.unwrap().start
            })
            .collect()
    }

    fn package(version: &str, source: &str, sum: char) -> String {
        let sum = sum.to_string().repeat(64);
        format!(
            "[[package]]\nname = \"x\"\nversion = \"{version}\"\nsource = \"{source}\"\nchecksum = \"{sum}\"\ndependencies = [\n \"y\",\n]\n\n"
        )
    }

    #[test]
    fn another_checksum_of_the_same_package_is_found() {
        let old = format!(
            "{}{}",
            package("1.0.0", "a", '1'),
            package("1.1.0", "a", '2')
        );
        let new = format!(
            "{}{}",
            package("1.0.0", "a", '1'),
            package("1.1.0", "a", '3')
        );
        assert_eq!(lines("Cargo.lock", &old, &new), [14]);
        assert_eq!(lines("x/Cargo.lock", &old, &old), [0; 0]);
        for new in [package("1.2.0", "a", '3'), package("1.1.0", "b", '3')] {
            assert_eq!(lines("Cargo.lock", &old, &new), [0; 0], "{new}");
        }
        assert_eq!(lines("other.toml", &old, &new), [0; 0]);
    }

    #[test]
    fn another_checksum_of_the_same_module_is_found() {
        let line = |version: &str, sum: char| {
            format!(
                "example.com/x {version} h1:{}=\n",
                sum.to_string().repeat(43)
            )
        };
        let old = line("v1.0.0", 'a') + &line("v1.0.0/go.mod", 'b');
        let new = line("v1.0.0", 'a') + &line("v1.0.0/go.mod", 'c');
        assert_eq!(lines("go.sum", &old, &new), [2]);
        assert_eq!(lines("go.sum", &old, &line("v1.0.1", 'c')), [0; 0]);
        assert_eq!(lines("go.sum", "", &new), [0; 0]);
    }
}
