//! Tokens in a provider's form, put together at run time: none that looks live stands in this repository.

/// A token in the form of an access key id of Amazon; another one for each seed.
pub(crate) fn amazon(seed: u64) -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut token = ["AK", "IA"].concat();
    while token.len() < 20 {
        // Xorshift: any spread will do.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let index = usize::try_from(state >> 59).expect("five bits fit");
        token.push(char::from(ALPHABET[index]));
    }
    token
}

/// Lines in the form of a private key's, 64 digits of base64 each.
pub(crate) fn key_lines(count: u64) -> Vec<String> {
    let line = |nth| amazon(3 * nth + 10) + &amazon(3 * nth + 11) + &amazon(3 * nth + 12) + "a9/c";
    // No two in a row look like the id of an access key.
    (0..count)
        .map(|nth| line(nth).replace(&["AK", "IA"].concat(), "MII+"))
        .collect()
}

/// What stands above and below such lines.
pub(crate) fn key_armour() -> [String; 2] {
    ["BEGIN", "END"].map(|end| format!("{0}{end} {1} KEY{0}", "-".repeat(5), "PRIVATE"))
}
