//! Cuts a patch into pages that a file tool shows whole, and that put together are the patch again.
//! Which patches need it is decided in `change`.

/// Most characters of a page.
pub(super) const MOST_CHARACTERS: usize = 20_000;
/// Most lines of a page.
pub(super) const MOST_LINES: usize = 400;

/// The pages of a text, in order, without gap or overlap; none for an empty text. A page ends with a
/// line unless the line alone is too long.
pub(super) fn pages(text: &str) -> Vec<&str> {
    let mut pages = Vec::new();
    let (mut start, mut at) = (0, 0);
    let (mut lines, mut characters) = (0, 0);
    for line in text.split_inclusive('\n') {
        let length = line.chars().count();
        if at > start && (lines == MOST_LINES || characters + length > MOST_CHARACTERS) {
            pages.push(&text[start..at]);
            start = at;
            (lines, characters) = (0, 0);
        }
        if length > MOST_CHARACTERS {
            for (count, (offset, _)) in line.char_indices().enumerate() {
                if count > 0 && count % MOST_CHARACTERS == 0 {
                    pages.push(&text[start..at + offset]);
                    start = at + offset;
                }
            }
            characters = text[start..at + line.len()].chars().count();
        } else {
            characters += length;
        }
        lines += 1;
        at += line.len();
    }
    if at > start {
        pages.push(&text[start..at]);
    }
    pages
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_tile_the_text_and_stay_small() {
        let long = "ü".repeat(50_001);
        for text in [
            String::new(),
            "a\n".repeat(1_000),
            "a\n".repeat(400),
            format!("{}\n", "b".repeat(150)).repeat(700),
            format!("x\n{long}\ny\n"),
            long.clone(),
            format!("{}\nlast", "c".repeat(20_000)),
            "\n".repeat(401),
        ] {
            let pages = pages(&text);
            assert_eq!(pages.concat(), text);
            for page in &pages {
                assert!(!page.is_empty());
                assert!(page.chars().count() <= MOST_CHARACTERS);
                assert!(page.lines().count() <= MOST_LINES);
            }
        }
        assert_eq!(pages(&"a\n".repeat(400)).len(), 1);
        assert_eq!(pages(&"a\n".repeat(401)).len(), 2);
    }
}
