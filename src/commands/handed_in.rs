//! The reviews that are handed in on the command line, `NAME=FILE`: names checked, files read.
//! What is in them is left to the pipeline.

use std::io::Read;

use anyhow::{Context, Result, anyhow, bail};

use crate::error::HintExt;
use crate::finding::RULES;
use crate::pipeline::Reply;

/// Larger replies are refused; the largest seen in practice has about 100 KB.
const LARGEST: u64 = 8 << 20;

/// The longest name of an agent.
const LONGEST_NAME: usize = 64;

/// Reads what is handed in. Names must be names and differ, whatever their case; standard input can
/// be read once.
pub(super) fn replies(given: &[String]) -> Result<Vec<Reply>> {
    let mut replies: Vec<Reply> = Vec::new();
    let mut stdin_taken = false;
    for text in given {
        let (agent, file) = named(text)
            .with_context(|| format!("cannot take in `{text}`"))
            .hint("give an agent's name and a file, as in `--review claude=review.md`")?;
        if replies
            .iter()
            .any(|known| known.agent.eq_ignore_ascii_case(agent))
        {
            return Err(anyhow!("two reviews are of `{agent}`")).hint(format!(
                "a second pass of an agent is one of its own: name it `{agent}.2`"
            ));
        }
        if file == "-" && std::mem::replace(&mut stdin_taken, true) {
            return Err(anyhow!("standard input can be read once"))
                .hint("hand in the other review as a file");
        }
        replies.push(Reply {
            agent: agent.to_owned(),
            bytes: read(file)?,
        });
    }
    Ok(replies)
}

fn named(text: &str) -> Result<(&str, &str)> {
    let (agent, file) = text.split_once('=').context("it names no file")?;
    let sound = agent.starts_with(|c: char| c.is_ascii_alphanumeric())
        && agent.len() <= LONGEST_NAME
        && agent
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    if !sound {
        bail!(
            "`{agent}` is no name: letters, digits, `-`, `_` and `.`, at most {LONGEST_NAME} of them"
        );
    }
    if agent.eq_ignore_ascii_case(RULES) {
        bail!("`{RULES}` is the built-in reviewer");
    }
    if file.is_empty() {
        bail!("it names no file");
    }
    Ok((agent, file))
}

fn read(file: &str) -> Result<Vec<u8>> {
    let attempt = || -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let mut take = |from: &mut dyn Read| from.take(LARGEST + 1).read_to_end(&mut bytes);
        match file {
            "-" => take(&mut std::io::stdin().lock())?,
            path => take(&mut std::fs::File::open(path)?)?,
        };
        if bytes.len() as u64 > LARGEST {
            bail!("it is larger than {} MiB", LARGEST >> 20);
        }
        Ok(bytes)
    };
    attempt()
        .with_context(|| format!("cannot read `{file}`"))
        .hint("name a file with one raw review, or `-` for standard input")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_must_be_one() {
        assert_eq!(named("claude.2=a=b.md").unwrap(), ("claude.2", "a=b.md"));
        for bad in [
            "claude", "=a", "claude=", "../x=a", ".x=a", "Rules=a", "a b=c",
        ] {
            assert!(named(bad).is_err(), "{bad}");
        }
        assert!(named(&format!("{}=a", "x".repeat(65))).is_err());
    }

    #[test]
    fn an_agent_is_named_once() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let path = file.path().display();
        let given = [format!("Claude={path}"), format!("claude={path}")];
        assert_eq!(replies(&given[..1]).unwrap().len(), 1);
        let error = replies(&given).unwrap_err();
        assert!(crate::error::hints(&error)[0].contains("claude.2"));
    }
}
