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
