//! The vendor of an agent by its name, so that two passes of one model are not taken for two opinions.
//! What follows from two opinions is decided by `gate` and `lead`.

/// Parts of agents' names by the vendor of their models.
const VENDORS: [(&str, &str); 6] = [
    ("claude", "claude"),
    ("codex", "codex"),
    ("gpt", "codex"),
    ("openai", "codex"),
    ("gemini", "gemini"),
    ("google", "gemini"),
];

/// The family of an agent or a model: that of a part of its name, else the name without a number
/// behind it, in lower case.
pub(crate) fn vendor(agent: &str) -> String {
    let agent = agent.to_lowercase();
    let known = VENDORS.iter().find(|(part, _)| {
        agent
            .match_indices(part)
            .any(|(at, _)| !agent[..at].ends_with(char::is_alphanumeric))
    });
    match known {
        Some((_, vendor)) => (*vendor).to_owned(),
        None => agent
            .trim_end_matches(|c: char| c.is_ascii_digit())
            .trim_end_matches(['.', '-', '_'])
            .to_owned(),
    }
}
