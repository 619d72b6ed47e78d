//! Takes from a pattern the literals one of which every match must contain.
//! Searching for them is left to `engine`, reading the pattern to `pattern`.

use regex_syntax::hir::{Class, ClassBytesRange, ClassUnicodeRange, Hir, HirKind, Repetition};

/// Most literals of one pattern; beyond this the automaton grows faster than it filters.
const MOST_LITERALS: usize = 64;
/// Longer literals are cut: the rest filters nothing more and only grows the automaton.
const LONGEST: usize = 24;
/// Most members of a class that is spelled out …
const MOST_MEMBERS: usize = 16;
/// … and of one without ASCII, which are rare in most texts.
const MOST_RARE_MEMBERS: usize = 48;

/// Returns literals in ASCII lower case such that every text the pattern matches contains one of
/// them when ASCII case is ignored; `None` when the pattern has no such set that is worth
/// searching for (fewer than three bytes, or two of which one is not ASCII).
pub(super) fn required_keywords(hir: &Hir) -> Option<Vec<Vec<u8>>> {
    let found = walk(hir);
    better(found.exact.filter(|set| worthy(set)), found.required).map(|mut set| {
        for literal in &mut set {
            literal.truncate(LONGEST);
        }
        set.sort_unstable();
        set.dedup();
        set
    })
}

/// What is known about the texts one node of a pattern matches, in ASCII lower case.
struct Known {
    /// All of them, if they are few.
    exact: Option<Vec<Vec<u8>>>,
    /// A worthy set one of which each of them contains.
    required: Option<Vec<Vec<u8>>>,
}

impl Known {
    const NOTHING: Self = Self {
        exact: None,
        required: None,
    };

    fn exactly(set: Vec<Vec<u8>>) -> Self {
        Self {
            exact: Some(set),
            required: None,
        }
    }

    /// The best set this node offers by itself.
    fn offer(&self) -> Option<Vec<Vec<u8>>> {
        let whole = self.exact.clone().filter(|set| worthy(set));
        better(whole, self.required.clone())
    }
}

fn walk(hir: &Hir) -> Known {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => Known::exactly(vec![Vec::new()]),
        HirKind::Literal(literal) => Known::exactly(vec![literal.0.to_ascii_lowercase()]),
        HirKind::Class(class) => members(class).map_or(Known::NOTHING, Known::exactly),
        HirKind::Capture(capture) => walk(&capture.sub),
        HirKind::Concat(parts) => concat(parts),
        HirKind::Alternation(branches) => alternation(branches),
        HirKind::Repetition(repetition) => repeat(repetition),
    }
}

fn members(class: &Class) -> Option<Vec<Vec<u8>>> {
    let mut set: Vec<Vec<u8>> = Vec::new();
    match class {
        Class::Unicode(class) => {
            let count: usize = class.iter().map(ClassUnicodeRange::len).sum();
            if count > most_members(class.iter().all(|range| !range.start().is_ascii())) {
                return None;
            }
            for range in class.iter() {
                for member in range.start()..=range.end() {
                    let lower = member.to_ascii_lowercase();
                    set.push(lower.encode_utf8(&mut [0; 4]).as_bytes().to_vec());
                }
            }
        }
        Class::Bytes(class) => {
            let count: usize = class.iter().map(ClassBytesRange::len).sum();
            if count > most_members(class.iter().all(|range| !range.start().is_ascii())) {
                return None;
            }
            for range in class.iter() {
                for member in range.start()..=range.end() {
                    set.push(vec![member.to_ascii_lowercase()]);
                }
            }
        }
    }
    set.sort_unstable();
    set.dedup();
    Some(set)
}

fn most_members(rare: bool) -> usize {
    if rare {
        MOST_RARE_MEMBERS
    } else {
        MOST_MEMBERS
    }
}

fn concat(parts: &[Hir]) -> Known {
    let mut run: Vec<Vec<u8>> = vec![Vec::new()];
    let mut whole = true;
    let mut best: Option<Vec<Vec<u8>>> = None;
    for part in parts {
        let known = walk(part);
        let joined = known.exact.as_ref().and_then(|set| product(&run, set));
        if let Some(joined) = joined {
            run = joined;
            continue;
        }
        whole = false;
        best = better(best, Some(run).filter(|set| worthy(set)));
        best = better(best, known.offer());
        run = known.exact.unwrap_or_else(|| vec![Vec::new()]);
    }
    if whole {
        return Known::exactly(run);
    }
    Known {
        exact: None,
        required: better(best, Some(run).filter(|set| worthy(set))),
    }
}

fn alternation(branches: &[Hir]) -> Known {
    let known: Vec<Known> = branches.iter().map(walk).collect();
    let exact = known
        .iter()
        .map(|branch| branch.exact.clone())
        .collect::<Option<Vec<_>>>()
        .map(|sets| sets.concat())
        .filter(|set| set.len() <= MOST_LITERALS);
    let required = known
        .iter()
        .map(Known::offer)
        .collect::<Option<Vec<_>>>()
        .map(|sets| sets.concat())
        .filter(|set| set.len() <= MOST_LITERALS);
    Known { exact, required }
}

fn repeat(repetition: &Repetition) -> Known {
    let inner = walk(&repetition.sub);
    if repetition.min == 0 {
        let once = repetition.max == Some(1);
        let exact = inner.exact.filter(|_| once).map(|mut set| {
            set.push(Vec::new());
            set
        });
        return Known {
            exact,
            required: None,
        };
    }
    let mut required = inner.offer();
    let mut power: Option<Vec<Vec<u8>>> = None;
    if let Some(set) = &inner.exact {
        let mut run = set.clone();
        let mut complete = true;
        for _ in 1..repetition.min {
            if run.iter().any(|literal| literal.len() >= LONGEST) {
                complete = false;
                break;
            }
            let Some(longer) = product(&run, set) else {
                complete = false;
                break;
            };
            run = longer;
        }
        required = better(required, Some(run.clone()).filter(|set| worthy(set)));
        if complete && repetition.max == Some(repetition.min) {
            power = Some(run);
        }
    }
    Known {
        exact: power,
        required,
    }
}

/// Every text of `left` followed by every text of `right`; `None` if these are too many or too long.
fn product(left: &[Vec<u8>], right: &[Vec<u8>]) -> Option<Vec<Vec<u8>>> {
    if left.len() * right.len() > MOST_LITERALS {
        return None;
    }
    let mut joined = Vec::with_capacity(left.len() * right.len());
    for start in left {
        for end in right {
            if start.len() + end.len() > 4 * LONGEST {
                return None;
            }
            joined.push([start.as_slice(), end].concat());
        }
    }
    joined.sort_unstable();
    joined.dedup();
    Some(joined)
}

fn worthy(set: &[Vec<u8>]) -> bool {
    !set.is_empty()
        && set
            .iter()
            .all(|literal| literal.len() >= 3 || (literal.len() == 2 && !literal.is_ascii()))
}

/// The set that filters more: a longer shortest literal, up to eight bytes, then fewer literals.
fn better(left: Option<Vec<Vec<u8>>>, right: Option<Vec<Vec<u8>>>) -> Option<Vec<Vec<u8>>> {
    let (Some(left), Some(right)) = (&left, &right) else {
        return left.or(right);
    };
    let rank = |set: &[Vec<u8>]| {
        let shortest = set.iter().map(Vec::len).min().unwrap_or(0).min(8);
        (shortest, usize::MAX - set.len())
    };
    let chosen = if rank(right) > rank(left) {
        right
    } else {
        left
    };
    Some(chosen.clone())
}

#[cfg(test)]
mod tests;
