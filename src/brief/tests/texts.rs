//! The texts themselves: headings, sizes, words and examples.

use std::collections::BTreeSet;

use serde_json::Value;

use super::*;

#[test]
fn headings_are_fixed_and_unique() {
    for family in Family::ALL {
        let (_, outside) = parted(&written(family).text);
        let headings: Vec<&str> = blocks(&outside).iter().map(|(name, _)| *name).collect();
        assert_eq!(
            headings,
            [
                "1 Your part",
                "2 Ground rules",
                "3 Six walks",
                "4 What a finding is",
                "5 Severity and kind",
                "6 Context",
                "7 Decisions",
                "8 The change",
                "9 Author's words",
                "10 Task and answer",
            ]
        );
    }
}

#[test]
fn blocks_keep_to_their_sizes() {
    let size = |text: &str| text.len().div_ceil(BYTES_PER_TOKEN);
    for family in Family::ALL {
        let made = written(family);
        let (_, outside) = parted(&made.text.replace(EXAMPLE.trim_end(), ""));
        let sizes: Vec<usize> = blocks(&outside)
            .iter()
            .map(|(name, text)| size(name) + size(text))
            .collect();
        let most = [60, 180, 450, 250, 350, 50, 40, 60, 15, 350];
        for (index, (size, most)) in sizes.iter().zip(most).enumerate() {
            assert!(
                *size <= most,
                "block {} of {family:?} has {size} tokens, not {most}",
                index + 1
            );
        }
        assert!(size(EXAMPLE) <= 320);
        let fixed: usize = sizes.iter().sum::<usize>() + size(EXAMPLE);
        assert!(fixed <= 2_000, "{fixed}");
    }
    let (_, lead) = parted(
        &lead_brief(&lead())
            .unwrap()
            .text
            .replace(LEAD_SCHEMA.trim_end(), ""),
    );
    assert!(size(&lead) <= 1_000, "{}", size(&lead));
    let (_, prose) = parted(
        &narrative_brief(&narrative())
            .unwrap()
            .text
            .replace(NARRATIVE_SCHEMA.trim_end(), ""),
    );
    assert!(size(&prose) <= 600, "{}", size(&prose));
}

#[test]
fn no_word_asks_finders_to_hold_back() {
    let mut texts: Vec<String> = ["reviewer", "task", "answer", "re_ask"]
        .map(|name| template(name).to_lowercase())
        .to_vec();
    texts.extend(Family::ALL.map(|family| family.slots().emphasis.to_lowercase()));
    for text in texts {
        for word in [
            "only",
            "high-confidence",
            "conservative",
            "nitpick",
            "if unsure",
            "at most",
            "significant",
            "confidence",
            "no issues",
            "looks good",
            "lgtm",
            "%",
            "no problems",
        ] {
            // `{%` opens a block of the template.
            assert!(
                !text.replace("{%", "").replace("%}", "").contains(word),
                "`{word}` in {text}"
            );
        }
    }
    for word in ["claude", "codex", "gemini"] {
        let text = lead_brief(&lead()).unwrap().text.to_lowercase();
        assert!(!text.contains(word), "{word}");
    }
}

#[test]
fn each_exclusion_and_severity_has_its_examples() {
    let all = blocks(template("reviewer"));
    let block = |name: &str| {
        all.iter()
            .find(|(known, _)| known.starts_with(name))
            .unwrap()
            .1
    };
    let excluded = block("4")
        .lines()
        .find(|line| line.starts_with("- Not findings:"))
        .unwrap();
    assert_eq!(excluded.matches('(').count(), 3, "{excluded}");
    for severity in Severity::WORST_FIRST {
        let start = format!("- **{severity}**: ");
        let line = block("5")
            .lines()
            .find(|line| line.starts_with(&start))
            .unwrap();
        let examples = line.split('*').rev().nth(1).unwrap();
        assert_eq!(examples.matches(';').count(), 2, "{examples}");
    }
    let example: Value = serde_json::from_str(EXAMPLE).unwrap();
    let severities: BTreeSet<&str> = example["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| finding["severity"].as_str().unwrap())
        .collect();
    assert_eq!(severities.len(), 3);
    assert_eq!(example["prior"], Value::Array(Vec::new()));
}
