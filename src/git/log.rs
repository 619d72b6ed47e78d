//! What commits say about themselves: author, time and subject, each commit checked against its id.
//! Which commits are new is found by `history`.

use std::rc::Rc;

use anyhow::{Context, Result};
use gix::objs::Kind;

use crate::diff::Oid;

use super::Repo;
use super::objects::Objects;

/// A longer subject is cut, in bytes; Git sets no limit.
const LONGEST_SUBJECT: usize = 500;

/// One commit of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Logged {
    /// Its id.
    pub(crate) id: Oid,
    /// The author's name as it was written; any text.
    pub(crate) author: String,
    /// When it was written, in seconds since 1970; what the author's clock said.
    pub(crate) time: i64,
    /// The first paragraph of its message as one line; any text.
    pub(crate) subject: String,
}

/// What stands in a commit object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::git) struct CommitText {
    pub(in crate::git) tree: Oid,
    pub(in crate::git) parents: Vec<Oid>,
    /// When it was committed, in seconds since 1970.
    pub(in crate::git) committed: i64,
    author: String,
    time: i64,
    pub(in crate::git) subject: String,
}

/// What a walk needs of a commit.
pub(in crate::git) struct Origins {
    pub(in crate::git) parents: Vec<Oid>,
    /// When it was committed, in seconds since 1970.
    pub(in crate::git) committed: i64,
}

impl CommitText {
    /// Reads a commit and checks it against its id.
    pub(in crate::git) fn read(objects: &Objects, id: &Oid) -> Result<Rc<Self>> {
        let mut text = Vec::new();
        objects
            .read(id, Kind::Commit, true, &mut text)
            .with_context(|| format!("cannot read commit {id}"))?;
        parse(&text)
            .map(Rc::new)
            .with_context(|| format!("commit {id} is damaged"))
    }
}

impl Repo {
    /// The commits that `tip` reaches and none of `published` does, newest first, at most `limit`.
    /// Ids in `published` that are not here are left out, as in [`Repo::new_commits`].
    pub(crate) fn log(&self, tip: &Oid, published: &[Oid], limit: usize) -> Result<Vec<Logged>> {
        let objects = self.objects();
        let new = self
            .walk(&objects)?
            .new_commits(tip, published, limit)
            .with_context(|| format!("cannot list the commits of {}", tip.short()))?;
        new.iter()
            .map(|new| {
                let commit = CommitText::read(&objects, &new.id)?;
                Ok(Logged {
                    id: new.id,
                    author: commit.author.clone(),
                    time: commit.time,
                    subject: commit.subject.clone(),
                })
            })
            .collect()
    }
}

impl Origins {
    /// Takes what a walk needs from a commit object; `None` if it lacks what every commit has.
    pub(in crate::git) fn parse(text: &[u8]) -> Option<Self> {
        let mut lines = text.split(|byte| *byte == b'\n');
        let (_, parents, _) = begin(&mut lines)?;
        let committed = seconds(lines.next()?.strip_prefix(b"committer ")?);
        Some(Self { parents, committed })
    }
}

/// The tree, the parents and the author's line, with which every commit begins.
fn begin<'a>(lines: &mut impl Iterator<Item = &'a [u8]>) -> Option<(Oid, Vec<Oid>, &'a [u8])> {
    let id = |line: &[u8]| Oid::from_hex(std::str::from_utf8(line).ok()?);
    let tree = id(lines.next()?.strip_prefix(b"tree ")?)?;
    let mut parents = Vec::new();
    loop {
        let line = lines.next()?;
        match line.strip_prefix(b"parent ") {
            Some(parent) => parents.push(id(parent)?),
            None => return Some((tree, parents, line.strip_prefix(b"author ")?)),
        }
    }
}

/// Takes a commit object apart; `None` if it lacks what every commit has.
fn parse(text: &[u8]) -> Option<CommitText> {
    let head = text.windows(2).position(|two| two == b"\n\n");
    let (head, message) = match head {
        Some(end) => (&text[..end], &text[end + 2..]),
        None => (text, &b""[..]),
    };
    let mut lines = head.split(|byte| *byte == b'\n');
    let (tree, parents, author) = begin(&mut lines)?;
    let committed = seconds(lines.next()?.strip_prefix(b"committer ")?);
    let (author, time) = (name(author), seconds(author));
    Some(CommitText {
        tree,
        parents,
        committed,
        author,
        time,
        subject: subject(message),
    })
}

/// The name in `Name <email> seconds zone`.
fn name(line: &[u8]) -> String {
    let name = line.split(|byte| *byte == b'<').next().unwrap_or_default();
    String::from_utf8_lossy(name).trim().to_owned()
}

/// The seconds in `Name <email> seconds zone`; of what can't be understood the year 1970.
fn seconds(line: &[u8]) -> i64 {
    let after = line.rsplit(|byte| *byte == b'>').next().unwrap_or_default();
    let mut words = after.split(u8::is_ascii_whitespace);
    let seconds = words.find(|word| !word.is_empty());
    let seconds = seconds.and_then(|seconds| std::str::from_utf8(seconds).ok()?.parse().ok());
    seconds.unwrap_or_default()
}

/// The lines up to the first empty one, joined by spaces.
fn subject(message: &[u8]) -> String {
    let mut subject = String::new();
    let lines = message
        .split(|byte| *byte == b'\n')
        .map(<[u8]>::trim_ascii_end)
        .skip_while(|line| line.is_empty())
        .take_while(|line| !line.is_empty());
    for line in lines {
        if !subject.is_empty() {
            subject.push(' ');
        }
        subject.push_str(&String::from_utf8_lossy(line));
        if subject.len() > LONGEST_SUBJECT {
            let cut = (0..=LONGEST_SUBJECT).rfind(|end| subject.is_char_boundary(*end));
            subject.truncate(cut.unwrap_or_default());
            break;
        }
    }
    subject
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::fixture::Fixture;

    /// A history with merges, times that run backwards and messages of every shape.
    fn history(fixture: &Fixture) {
        let mut stream = Vec::new();
        let mut commit = |mark: u32, time: u32, parents: &[u32], message: &str| {
            let author = format!("A U Thor{mark} <a@example.org>");
            let head = format!(
                "commit refs/heads/main\nmark :{mark}\nauthor {author} {} +0130\ncommitter C <c@example.org> {time} -0800\ndata {}\n{message}\n",
                time + 7,
                message.len()
            );
            stream.extend(head.bytes());
            for (nth, parent) in parents.iter().enumerate() {
                let word = if nth == 0 { "from" } else { "merge" };
                stream.extend(format!("{word} :{parent}\n").bytes());
            }
            stream.extend(format!("M 100644 inline f{mark}\ndata 1\nx\n").bytes());
        };
        commit(1, 1000, &[], "begin");
        commit(2, 2000, &[1], "two\nlines\n\nbody\n");
        commit(3, 1500, &[1], "\n\nafter empty lines  \n\nbody");
        commit(4, 3000, &[2, 3], "merge\u{e9} \u{1b}[31m");
        commit(5, 2500, &[4], "");
        commit(6, 4000, &[5], "last\r\n\r\nbody");
        fixture.feed(&["fast-import", "--quiet"], &stream);
    }

    #[test]
    fn a_log_is_git_s() {
        let fixture = Fixture::new();
        history(&fixture);
        let repo = fixture.repo();
        let tip = fixture.id("main");
        for hidden in ["", "main~3", "main~2^2", "main~1", "main"] {
            let published: Vec<Oid> = match hidden {
                "" => Vec::new(),
                named => vec![fixture.id(named)],
            };
            let ours: Vec<String> = repo
                .log(&tip, &published, 100)
                .unwrap()
                .iter()
                .map(|one| format!("{} {} {} {}\n", one.id, one.author, one.time, one.subject))
                .collect();
            let mut words = vec!["log", "--format=%H %an %at %s", "main"];
            let hide = format!("^{hidden}");
            if !hidden.is_empty() {
                words.push(&hide);
            }
            let theirs = String::from_utf8(fixture.git(&words)).unwrap();
            assert_eq!(ours.concat(), theirs, "{hidden:?}");
        }
        assert_eq!(repo.log(&tip, &[], 2).unwrap().len(), 2);
    }

    #[test]
    fn a_replaced_commit_is_logged_as_it_was() {
        let fixture = Fixture::new();
        history(&fixture);
        let (tip, other) = (fixture.id("main"), fixture.id("main~1"));
        fixture.git(&["replace", &tip.to_string(), &other.to_string()]);
        assert_eq!(fixture.repo().log(&tip, &[], 1).unwrap()[0].subject, "last");
    }

    #[test]
    fn broken_commits_are_refused_and_never_panic() {
        let id = "1".repeat(40);
        let good = format!(
            "tree {id}\nparent {id}\nauthor A <a> 5 +0000\ncommitter C <c> 6 +0000\n\nsubject\n"
        );
        let read = parse(good.as_bytes()).unwrap();
        assert_eq!((read.time, read.committed, read.parents.len()), (5, 6, 1));
        for end in 0..good.find("committer").unwrap() {
            assert_eq!(parse(&good.as_bytes()[..end]), None, "{end}");
        }
        let odd = good.replace("A <a> 5 +0000", "<<>> x");
        assert_eq!(parse(odd.as_bytes()).unwrap().time, 0);
        let long = good.replace("subject", &"\u{e9}".repeat(LONGEST_SUBJECT));
        assert_eq!(
            parse(long.as_bytes()).unwrap().subject.len(),
            LONGEST_SUBJECT
        );
    }
}
