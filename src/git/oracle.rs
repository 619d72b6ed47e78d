//! Tests that what is read agrees with the real `git`: patches of trees, names, texts, renames.
//! Storage formats are tested in `storage`, the index in `staged`.

use crate::diff::{Change, Oid, unified};

use super::fixture::Fixture;
use super::{ReadLimits, Repo};

/// The patch between two trees as we write it.
pub(in crate::git) fn ours(repo: &Repo, old: &Oid, new: &Oid) -> Vec<u8> {
    let limits = ReadLimits {
        abbreviate: true,
        ..ReadLimits::default()
    };
    let changes = unified::as_printed(repo.changes(old, new).unwrap());
    let names = repo.names();
    let write = |_: usize, change: &Change, patch: &crate::diff::Patch| {
        let mut text = Vec::new();
        unified::write(change, patch, names, &mut text).unwrap();
        text
    };
    repo.read_patches(&changes, &limits, write)
        .unwrap()
        .concat()
}

/// The same as git writes it.
pub(in crate::git) fn theirs(fixture: &Fixture, old: &Oid, new: &Oid) -> Vec<u8> {
    let (old, new) = (old.to_string(), new.to_string());
    fixture.git(&[
        "diff",
        "--no-color",
        "--no-ext-diff",
        "--no-textconv",
        "-M",
        &old,
        &new,
    ])
}

pub(in crate::git) fn assert_same(fixture: &Fixture, old: &Oid, new: &Oid, situation: &str) {
    let ours = ours(&fixture.repo(), old, new);
    let theirs = theirs(fixture, old, new);
    assert!(
        ours == theirs,
        "{situation}: ours\n{}\ngit's\n{}",
        String::from_utf8_lossy(&ours),
        String::from_utf8_lossy(&theirs)
    );
}

/// Both directions between the two trees, and from and to nothing.
fn assert_same_all_ways(fixture: &Fixture, old: &Oid, new: &Oid, situation: &str) {
    let empty = fixture.repo().empty_tree();
    for (from, to) in [(old, new), (new, old), (&empty, new), (new, &empty)] {
        assert_same(fixture, from, to, situation);
    }
}

/// One file before and after; both directions.
fn assert_same_texts(cases: &[(&str, &[u8], &[u8])]) {
    let fixture = Fixture::new();
    for (situation, old, new) in cases {
        let old = fixture.tree(&[("100644", "file", old)]);
        let new = fixture.tree(&[("100644", "file", new)]);
        assert_same_all_ways(&fixture, &old, &new, situation);
    }
}

fn numbered(lines: std::ops::Range<u32>) -> String {
    lines.fold(String::new(), |text, line| text + &format!("  {line}\n"))
}

#[test]
fn line_ends_and_their_absence_are_git_s() {
    assert_same_texts(&[
        ("no newline, old", b"a\nb", b"a\nb\n"),
        ("no newline, both, changed", b"a\nb", b"a\nc"),
        ("no newline, both, context", b"a\nb", b"c\nb"),
        ("no newline, more lines", b"a", b"a\nb\nc"),
        ("crlf to lf", b"a\r\nb\r\n", b"a\nb\n"),
        ("mixed", b"a\r\nb\nc\r", b"a\nb\r\nc\r"),
        ("only newlines", b"\n\n\n", b"\n"),
        ("empty", b"", b"a\n"),
        ("one line", b"a", b"b"),
    ]);
}

#[test]
fn lines_of_a_form_feed_or_a_vertical_tab_are_git_s() {
    assert_same_texts(&[
        ("form feed", b"\x0c\n  y\n", b"\x0c\n\x0c\n  y\n"),
        ("and empty lines", b"\x0c\n  y\n", b"\x0c\n\n\x0c\n  y\n"),
        (
            "between functions",
            b"a\n}\n\n\x0c\nb\n}\n",
            b"a\n}\n\n\x0c\nn\n}\n\n\x0c\nb\n}\n",
        ),
        ("vertical tab", b"\x0b\n  y\n", b"\x0b\n\n\x0b\n  y\n"),
        ("indented", b" \x0c\n  y\n", b" \x0c\n\n \x0c\n  y\n"),
        ("carriage return", b"\r\n  y\n", b"\r\n\n\r\n  y\n"),
    ]);
}

#[test]
fn what_is_binary_is_git_s() {
    let text_then_zero = |zero: usize| {
        let mut content = b"line\n".repeat(zero / 5 + 10);
        content[zero] = 0;
        content
    };
    let (within, after) = (text_then_zero(7999), text_then_zero(8000));
    assert_same_texts(&[
        ("zero byte early", b"a\0b\n", b"a\n"),
        ("last byte looked at", &within, b"a\n"),
        ("first byte not looked at", &after, b"a\n"),
        ("Latin-1", b"caf\xe9\n", b"th\xe9\n"),
        ("UTF-16", b"\xff\xfea\0b\0", b"\xff\xfea\0"),
    ]);
}

#[test]
fn hunks_and_headings_are_git_s() {
    let lines = numbered(0..60);
    let edit = |at: &[u32]| {
        at.iter().fold(lines.clone(), |text, at| {
            text.replacen(&format!("  {at}\n"), &format!("  new {at}\n"), 1)
        })
    };
    let below = |heading: &[u8], body: &str| [heading, b"\n", body.as_bytes()].concat();
    let long = [&[b'x'; 79][..], "é tail".as_bytes()].concat();
    let (six, seven) = (edit(&[20, 27]), edit(&[20, 28]));
    let mut cases = vec![
        ("gap of six", lines.clone().into_bytes(), six.into_bytes()),
        (
            "gap of seven",
            lines.clone().into_bytes(),
            seven.into_bytes(),
        ),
    ];
    let headings: [(&str, &[u8]); 9] = [
        ("function", b"fn main() {"),
        ("trailing blanks", b"fn main() { \t \r"),
        ("underscore", b"_start:"),
        ("dollar", b"$main"),
        ("number is none", b"9 lives"),
        ("80 bytes within a character", &long),
        ("Latin-1", b"caf\xe9 au lait"),
        ("vertical tab stays", b"main\x0b\x0c"),
        ("not a character", "a\u{fffe}b".as_bytes()),
    ];
    for (situation, heading) in headings {
        let new = edit(&[20, 50]);
        cases.push((situation, below(heading, &lines), below(heading, &new)));
    }
    let cases: Vec<(&str, &[u8], &[u8])> = cases
        .iter()
        .map(|(situation, old, new)| (*situation, old.as_slice(), new.as_slice()))
        .collect();
    assert_same_texts(&cases);
}

type Tree<'a> = &'a [(&'a str, &'a str, &'a [u8])];

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn kinds_of_entries_are_git_s() {
    let fixture = Fixture::new();
    let (one, two) = ("1".repeat(40), "2".repeat(40));
    let (one, two) = (one.as_bytes(), two.as_bytes());
    let text: &[u8] = b"a\nb\nc\n";
    let cases: &[(&str, Tree<'_>, Tree<'_>)] = &[
        ("nothing", &[], &[]),
        ("mode", &[("100644", "f", text)], &[("100755", "f", text)]),
        (
            "mode and text",
            &[("100644", "f", text)],
            &[("100755", "f", b"a\nb\n")],
        ),
        (
            "old modes",
            &[("100664", "f", text)],
            &[("100644", "f", text)],
        ),
        (
            "old modes, text",
            &[("100664", "f", text)],
            &[("100644", "f", b"a\n")],
        ),
        (
            "symlink",
            &[("120000", "f", b"x")],
            &[("120000", "f", b"y/z")],
        ),
        (
            "symlink to file",
            &[("120000", "f", b"x")],
            &[("100644", "f", text)],
        ),
        (
            "file to executable symlink",
            &[("100755", "f", b"x")],
            &[("120000", "f", b"x")],
        ),
        (
            "empty file",
            &[("100644", "f", b"")],
            &[("100644", "g", b"")],
        ),
        (
            "empty to symlink",
            &[("100644", "f", b"")],
            &[("120000", "f", b"x")],
        ),
        (
            "file to directory",
            &[("100644", "f", text)],
            &[("100644", "f/g", text)],
        ),
        (
            "order around a directory",
            &[
                ("100644", "f", text),
                ("100644", "f.a", text),
                ("100644", "f0", text),
            ],
            &[
                ("100644", "f/g", b"x\n"),
                ("100644", "f.a", b"y\n"),
                ("100644", "f0", b"z\n"),
            ],
        ),
        (
            "submodule",
            &[("160000", "s", one)],
            &[("160000", "s", two)],
        ),
        (
            "submodule moved",
            &[("160000", "s", one)],
            &[("160000", "t", one)],
        ),
        (
            "submodule to file",
            &[("160000", "s", one)],
            &[("100644", "s", text)],
        ),
        (
            "submodule to directory",
            &[("160000", "s", one)],
            &[("100644", "s/f", text)],
        ),
        (
            "binary mode",
            &[("100644", "f", b"\0")],
            &[("100755", "f", b"\0")],
        ),
        (
            "binary",
            &[("100644", "f", b"\0")],
            &[("100644", "f", b"\0\0")],
        ),
        (
            "symlink renamed",
            &[("120000", "f", b"target")],
            &[("120000", "g", b"target")],
        ),
        (
            "symlink edited",
            &[("120000", "f", b"target1")],
            &[("120000", "g", b"target2")],
        ),
        (
            "symlink to equal file",
            &[("120000", "f", b"target")],
            &[("100644", "g", b"target")],
        ),
    ];
    for (situation, old, new) in cases {
        let (old, new) = (fixture.tree(old), fixture.tree(new));
        assert_same_all_ways(&fixture, &old, &new, situation);
    }
}

#[test]
fn names_are_quoted_as_git_quotes_them() {
    let fixture = Fixture::new();
    let names: [&[u8]; 10] = [
        b"a space",
        b"a\ttab",
        b"a\"quote",
        b"back\\slash",
        b"new\nline",
        "ünï/cödé".as_bytes(),
        b"lat\xedn",
        b"\x01\x07\x08\x0b\x0c\r\x1b\x7f",
        b"plain/dir name/x",
        b"'single'",
    ];
    let tree = |content: &str, suffix: &[u8]| {
        let entries = names.map(|name| ([name, suffix].concat(), format!("{content}\n").repeat(9)));
        let entries: Vec<_> = entries
            .iter()
            .map(|(name, content)| ("100644", name.as_slice(), content.as_bytes()))
            .collect();
        fixture.raw_tree(&entries)
    };
    let (old, new) = (tree("a", b""), tree("b", b""));
    let renamed = tree("a", b" 2");
    for quote in ["true", "false"] {
        fixture.git(&["config", "core.quotePath", quote]);
        assert_same_all_ways(&fixture, &old, &new, quote);
        assert_same_all_ways(&fixture, &old, &renamed, quote);
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn renames_are_git_s() {
    let fixture = Fixture::new();
    let text = |name: &str, lines: u32| -> Vec<u8> {
        (0..lines)
            .flat_map(|line| format!("{name} {line}\n").into_bytes())
            .collect()
    };
    let (a, b) = (text("a", 20), text("b", 20));
    let mixed = |from_a: u32| [text("a", from_a), text("c", 20 - from_a)].concat();
    let copies = |names: &[&'static str]| -> Vec<(&'static str, &'static str, Vec<u8>)> {
        names
            .iter()
            .map(|name| ("100644", *name, a.clone()))
            .collect()
    };
    let one = |mode, name, content: &[u8]| vec![(mode, name, content.to_vec())];
    let cases = [
        ("pure", one("100644", "f", &a), one("100644", "g", &a)),
        ("with mode", one("100644", "f", &a), one("100755", "g", &a)),
        (
            "with edit",
            one("100644", "f", &a),
            one("100644", "g", &mixed(15)),
        ),
        (
            "with edit and mode",
            one("100644", "f", &a),
            one("100755", "g", &mixed(15)),
        ),
        (
            "at half",
            one("100644", "f", &a),
            one("100644", "g", &mixed(10)),
        ),
        (
            "below half",
            one("100644", "f", &a),
            one("100644", "g", &mixed(9)),
        ),
        (
            "to a directory",
            one("100644", "f", &a),
            one("100644", "d/f", &mixed(16)),
        ),
        (
            "file name, three quarters",
            one("100644", "x/f", &a),
            one("100644", "d/f", &mixed(14)),
        ),
        (
            "binary",
            one("100644", "f", &[&b"\0"[..], &a].concat()),
            one("100644", "g", &[&b"\0"[..], &mixed(16)].concat()),
        ),
        (
            "copies to copies",
            copies(&["d/a", "d/b", "e/a"]),
            copies(&["x/b", "x/a", "y/c", "z/a"]),
        ),
        (
            "fewer copies",
            copies(&["d/a", "d/b", "e/a", "e/f"]),
            copies(&["x/b", "x/q"]),
        ),
        (
            "empties",
            vec![("100644", "f", vec![]), ("100644", "g", vec![])],
            one("100644", "h", b""),
        ),
        (
            "best of several",
            vec![
                ("100644", "f", a.clone()),
                ("100644", "g", b.clone()),
                ("100644", "h", mixed(12)),
            ],
            vec![
                ("100644", "i", mixed(13)),
                ("100644", "j", mixed(16)),
                ("100644", "k", text("b", 17)),
            ],
        ),
        (
            "crlf",
            one("100644", "f", &a),
            one(
                "100644",
                "g",
                &String::from_utf8(a.clone())
                    .unwrap()
                    .replace('\n', "\r\n")
                    .into_bytes(),
            ),
        ),
        (
            "no line ends",
            one("100644", "f", &[b'q'; 500]),
            one("100644", "g", &[b'q'; 450]),
        ),
    ];
    for (situation, old, new) in &cases {
        let tree = |entries: &[(&str, &str, Vec<u8>)]| {
            let entries: Vec<_> = entries
                .iter()
                .map(|(mode, name, content)| (*mode, *name, content.as_slice()))
                .collect();
            fixture.tree(&entries)
        };
        assert_same_all_ways(&fixture, &tree(old), &tree(new), situation);
    }
}

#[test]
fn equal_files_are_looked_at_in_git_s_order_whatever_their_number() {
    let fixture = Fixture::new();
    let tree = |directory: &str, files: u32| {
        let names: Vec<String> = (0..files)
            .map(|file| format!("{directory}{file}"))
            .collect();
        let entries: Vec<(&str, &str, &[u8])> = names
            .iter()
            .map(|name| ("100644", name.as_str(), b"x\n".as_slice()))
            .collect();
        fixture.tree(&entries)
    };
    let new = tree("new/n", 3);
    for files in [51, 52, 99, 204, 205, 206, 820, 3277] {
        let situation = format!("{files} equal files");
        assert_same(&fixture, &tree("old/o", files), &new, &situation);
    }
}

#[test]
fn contents_are_compared_up_to_a_thousand_by_a_thousand_files() {
    let fixture = Fixture::new();
    let tree = |directory: &str, files: u32, last: &str| {
        let entries: Vec<(String, String)> = (0..files)
            .map(|file| {
                let name = format!("{directory}/{directory}{file}");
                (name, format!("{file}\nx{file}\ny\n{last}\n"))
            })
            .collect();
        let entries: Vec<_> = entries
            .iter()
            .map(|(name, content)| ("100644", name.as_bytes(), content.as_bytes()))
            .collect();
        fixture.raw_tree(&entries)
    };
    let repo = fixture.repo();
    let renames = |old: &Oid, new: &Oid| {
        let changes = repo.changes(old, new).unwrap();
        changes
            .iter()
            .filter(|change| change.letter() == 'R')
            .count()
    };
    let old = tree("a", 1000, "old");
    let (at, over) = (tree("b", 1000, "new"), tree("b", 1001, "new"));
    assert!(renames(&old, &at) > 900);
    assert_eq!(renames(&old, &over), 0);
    assert_same(&fixture, &old, &at, "at the limit");
    assert_same(&fixture, &old, &over, "over the limit");
}

#[test]
fn attributes_neither_hide_nor_relabel() {
    let fixture = Fixture::new();
    let rules = b"* -diff -text\n*.zero diff\n*.rs binary\n";
    fixture.write(".gitattributes", rules);
    fixture.write(".git/info/attributes", rules);
    let tree = |text: &[u8], zero: &[u8]| {
        fixture.tree(&[
            ("100644", ".gitattributes", rules),
            ("100644", "a.rs", text),
            ("100644", "b.zero", zero),
        ])
    };
    let (old, new) = (tree(b"a\n", b"\0"), tree(b"b\n", b"\0\0"));
    let hidden = theirs(&fixture, &old, &new);
    assert!(String::from_utf8_lossy(&hidden).contains("Binary files a/a.rs and b/a.rs differ"));
    let shown = ours(&fixture.repo(), &old, &new);
    let shown = String::from_utf8_lossy(&shown);
    assert!(shown.contains("-a\n+b\n"), "{shown}");
    assert!(
        shown.contains("Binary files a/b.zero and b/b.zero differ"),
        "{shown}"
    );
}
