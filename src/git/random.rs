//! Tests with random histories: the patches are git's, and applied to the base they give the head.
//! Chosen cases are in `oracle`.
//!
//! `DEEP_REVIEW_TEST_PAIRS=5000 cargo test --lib random` compares so many pairs of trees in each test,
//! of other histories than the few hundred it compares without.

use super::fixture::{File, Fixture, Random};
use super::oracle::{assert_same, ours};

/// What a random history is made of.
#[derive(Clone, Copy, PartialEq)]
enum Contents {
    /// Anything.
    Any,
    /// What `git apply` accepts: no binary content, nothing where a symlink was.
    Applicable,
}

/// Random edits of a small tree: what people do, and what they hardly do.
fn random_history(random: &mut Random, steps: usize, contents: Contents) -> Vec<Vec<File>> {
    let mut files: Vec<File> = Vec::new();
    let mut history = Vec::new();
    for _ in 0..steps {
        for _ in 0..=random.below(5) {
            let name = random_name(random, &files);
            let at = (!files.is_empty()).then(|| random.below(files.len()));
            match (random.below(10), at) {
                (0 | 1, _) | (_, None) => {
                    let content = random_text(random, contents);
                    put(&mut files, (name, "100644", content));
                }
                (2, Some(at)) => drop(files.remove(at)),
                (3, Some(at)) => {
                    let mut moved = files.remove(at);
                    moved.0 = name;
                    // The content of a submodule is its id.
                    if random.below(2) == 0 && moved.1 != "160000" {
                        edit_lines(random, &mut moved.2);
                    }
                    put(&mut files, moved);
                }
                (4, Some(at)) => {
                    let copy = (name, files[at].1, files[at].2.clone());
                    put(&mut files, copy);
                }
                (5, Some(at)) => {
                    let mode = ["100644", "100755"][random.below(2)];
                    if files[at].1 != "160000" && files[at].1 != "120000" {
                        files[at].1 = mode;
                    }
                }
                (6, Some(at)) if contents == Contents::Any => {
                    files[at].1 = "120000";
                    files[at].2 = b"target/of/link".to_vec();
                }
                (7, Some(at)) if random.below(4) == 0 => {
                    files[at].1 = "160000";
                    files[at].2 = format!("{:040x}", 1 + random.below(3)).into_bytes();
                }
                (_, Some(at)) => {
                    if files[at].1.starts_with("100") {
                        edit_lines(random, &mut files[at].2);
                    }
                }
            }
        }
        history.push(files.clone());
    }
    history
}

/// Puts a file in, in place of whatever stands in its way.
fn put(files: &mut Vec<File>, file: File) {
    let below = |one: &str, other: &str| {
        one.strip_prefix(other)
            .is_some_and(|rest| rest.starts_with('/'))
    };
    files.retain(|(name, ..)| *name != file.0 && !below(name, &file.0) && !below(&file.0, name));
    files.push(file);
}

fn random_name(random: &mut Random, files: &[File]) -> String {
    if !files.is_empty() && random.below(8) == 0 {
        return format!("{}/below", files[random.below(files.len())].0);
    }
    let parts = ["a", "b", "a.c", "a b", "ü", "lib", "x\"y", "a-b"];
    let depth = 1 + random.below(3);
    let parts: Vec<&str> = (0..depth)
        .map(|_| parts[random.below(parts.len())])
        .collect();
    parts.join("/")
}

fn random_line(random: &mut Random) -> Vec<u8> {
    let words = [
        "fn a() {",
        "}",
        "    x = 1;",
        "    y = 2;",
        "",
        "\treturn",
        "if b {",
        "caf\u{e9}",
        "  }",
        "_end",
    ];
    let ends = ["\n", "\n", "\n", "\n", "\n", "\r\n"];
    let mut line = words[random.below(words.len())].as_bytes().to_vec();
    if random.below(3) == 0 {
        line.extend(random.below(30).to_string().bytes());
    }
    line.extend(ends[random.below(ends.len())].bytes());
    line
}

fn random_text(random: &mut Random, contents: Contents) -> Vec<u8> {
    let mut text: Vec<u8> = (0..random.below(40))
        .flat_map(|_| random_line(random))
        .collect();
    if random.below(6) == 0 {
        text.pop();
    }
    if contents == Contents::Any && random.below(6) == 0 {
        text.insert(random.below(text.len() + 1), 0);
    }
    text
}

fn edit_lines(random: &mut Random, text: &mut Vec<u8>) {
    let mut lines: Vec<Vec<u8>> = text
        .split_inclusive(|byte| *byte == b'\n')
        .map(<[u8]>::to_vec)
        .collect();
    for _ in 0..=random.below(4) {
        let at = random.below(lines.len() + 1);
        match random.below(3) {
            0 => lines.insert(at, random_line(random)),
            1 if at < lines.len() => drop(lines.remove(at)),
            _ if at < lines.len() => lines[at] = random_line(random),
            _ => {}
        }
    }
    *text = lines.concat();
}

/// The histories a test runs over, when it compares so many pairs of trees of each.
fn seeds(first: u64, usually: u64, pairs_each: u64) -> std::ops::Range<u64> {
    #[expect(
        clippy::disallowed_methods,
        reason = "who runs the tests may ask for more of them"
    )]
    let asked = std::env::var("DEEP_REVIEW_TEST_PAIRS").ok();
    let count = asked.map_or(usually, |pairs| {
        pairs.parse::<u64>().unwrap().div_ceil(pairs_each)
    });
    first..first + count
}

#[test]
fn random_changes_read_as_git_reads_them() {
    for seed in seeds(0, 13, 16) {
        let fixture = Fixture::new();
        let mut random = Random::new(seed);
        let history = random_history(&mut random, 14, Contents::Any);
        let trees = fixture.import(&history);
        for _ in 0..16 {
            let (old, new) = (random.below(trees.len()), random.below(trees.len()));
            assert_same(&fixture, &trees[old], &trees[new], &format!("seed {seed}"));
        }
    }
}

#[test]
fn applying_a_patch_gives_the_head_tree() {
    for seed in seeds(1_000_000, 17, 12) {
        let fixture = Fixture::new();
        let mut random = Random::new(seed);
        let history = random_history(&mut random, 10, Contents::Applicable);
        let trees = fixture.import(&history);
        let repo = fixture.repo();
        for _ in 0..12 {
            let (old, new) = (random.below(trees.len()), random.below(trees.len()));
            let patch = ours(&repo, &trees[old], &trees[new]);
            fixture.git(&["read-tree", &trees[old].to_string()]);
            if !patch.is_empty() {
                fixture.feed(&["apply", "--cached", "--whitespace=nowarn", "-"], &patch);
            }
            let made = String::from_utf8(fixture.git(&["write-tree"])).unwrap();
            assert_eq!(made.trim(), trees[new].to_string(), "seed {seed}");
        }
    }
}
