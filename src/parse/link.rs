//! Reads places that are links, and learns from them where the agent's checkout was.
//! Other forms of places are left to `location`.

use std::collections::BTreeMap;

use crate::diff::RepoPath;

use super::location::{LONGEST_PATH, Place, Standing, lines_after, path_and_lines};

/// `text](address)` after the opening bracket, with lines in the text, after it, or in the address.
/// When the text is only the end of the address, the address is the path.
pub(super) fn link(text: &str) -> Option<(Place, &str)> {
    let (label, address, rest) = link_parts(text)?;
    let target = path_and_lines(address, Standing::Quoted);
    let mut place = match path_and_lines(label, Standing::Quoted) {
        Some(mut place) => {
            if let Some(target) = &target
                && !place.path.contains('/')
                && directory_above(&target.path, &place.path).is_some()
            {
                place.path.clone_from(&target.path);
            }
            place
        }
        None => path_and_lines(address, Standing::Quoted)?,
    };
    if !place.lines.is_empty() {
        return Some((place, rest));
    }
    let (lines, after) = lines_after(rest);
    if !lines.is_empty() {
        place.lines = lines;
        return Some((place, after));
    }
    if let Some(target) = target {
        place.lines = target.lines;
    }
    Some((place, rest))
}

/// Text, address and what follows of a link, after its opening bracket.
fn link_parts(text: &str) -> Option<(&str, &str, &str)> {
    let limit = floor_boundary(text, LONGEST_PATH);
    let close = text[..limit].find("](")?;
    let label = text[..close].trim().trim_matches('`');
    let address = &text[close + 2..];
    let limit = floor_boundary(address, LONGEST_PATH);
    let end = address[..limit].find(')')?;
    let target = address[..end].trim();
    let target = target.strip_prefix("file://").unwrap_or(target);
    Some((label, target, &address[end + 1..]))
}

fn floor_boundary(text: &str, limit: usize) -> usize {
    let mut at = text.len().min(limit);
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// What stands before `/path` at the end of an absolute path.
fn directory_above<'p>(absolute: &'p str, path: &str) -> Option<&'p str> {
    let above = absolute.strip_suffix(path)?.strip_suffix('/')?;
    absolute.starts_with('/').then_some(above)
}

/// The directory the agent worked in, learnt from links whose text is a path with directories and
/// whose address is the same path below it; the one most links tell.
pub(super) fn checkout(reply: &str) -> Option<String> {
    let mut told: BTreeMap<String, usize> = BTreeMap::new();
    for (at, _) in reply.match_indices("](") {
        let mut from = at.saturating_sub(LONGEST_PATH);
        while !reply.is_char_boundary(from) {
            from += 1;
        }
        let Some(open) = reply[from..at].rfind('[') else {
            continue;
        };
        let Some((label, address, _)) = link_parts(&reply[from + open + 1..]) else {
            continue;
        };
        if let Some(place) = path_and_lines(label, Standing::Quoted)
            && let Some(target) = path_and_lines(address, Standing::Quoted)
            && place.path.contains('/')
            && let Some(above) = directory_above(&target.path, &place.path)
        {
            *told.entry(above.to_owned()).or_default() += 1;
        }
    }
    told.into_iter()
        .max_by_key(|(_, count)| *count)
        .map(|(above, _)| above)
}

/// Takes the directory the agent worked in off the front of a path.
pub(super) fn below(path: &RepoPath, checkout: &str) -> Option<RepoPath> {
    let rest = path.as_bytes().strip_prefix(checkout.as_bytes())?;
    rest.strip_prefix(b"/").map(RepoPath::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checkout_is_learnt_from_links() {
        let reply = "[src/a.rs:1](/home/x/w/src/a.rs#L1) [b.rs](/home/x/w/src/b.rs) [t](u)";
        assert_eq!(checkout(reply).as_deref(), Some("/home/x/w"));
        let path = RepoPath::from("/home/x/w/src/b.rs");
        assert_eq!(below(&path, "/home/x/w"), Some(RepoPath::from("src/b.rs")));
        assert_eq!(below(&path, "/home/x/w2"), None);
        assert_eq!(checkout("[b.rs](/home/x/w/src/b.rs)"), None);
    }
}
