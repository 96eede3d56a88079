//! Philox4x32-10, a counter-based random number generator: four words are a pure function of a counter and a key.
//!
//! Source: Salmon, Moraes, Dror and Shaw, "Parallel Random Numbers: As Easy as 1, 2, 3", SC 2011, and the known-answer
//! vectors of its implementation, Random123. It passes BigCrush for any pair of counters and keys, needs no state, and
//! costs twenty multiplications for four words.

/// Rounds of the bijection. Seven already pass BigCrush; ten are the published, conservative number.
pub(crate) const ROUNDS: u32 = 10;

/// The two multipliers, for the first and the third word.
pub(crate) const MULTIPLIERS: [u32; 2] = [0xD251_1F53, 0xCD9E_8D57];

/// What the two key words grow by from round to round: the golden ratio and the square root of three minus one.
pub(crate) const KEY_INCREMENTS: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];

/// Four random words for `counter` under `key`.
#[inline(always)]
pub(crate) fn philox4x32(counter: [u32; 4], key: [u32; 2]) -> [u32; 4] {
    let mut words = counter;
    let mut key = key;
    for _ in 0..ROUNDS {
        let first = u64::from(MULTIPLIERS[0]) * u64::from(words[0]);
        let third = u64::from(MULTIPLIERS[1]) * u64::from(words[2]);
        words = [
            (third >> 32) as u32 ^ words[1] ^ key[0],
            third as u32,
            (first >> 32) as u32 ^ words[3] ^ key[1],
            first as u32,
        ];
        key = [key[0].wrapping_add(KEY_INCREMENTS[0]), key[1].wrapping_add(KEY_INCREMENTS[1])];
    }
    words
}

#[cfg(test)]
mod tests {
    use super::philox4x32;

    /// The three `philox4x32 10` lines of Random123's `kat_vectors`.
    #[test]
    fn gives_the_published_known_answers() {
        assert_eq!(philox4x32([0; 4], [0; 2]), [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]);
        assert_eq!(philox4x32([u32::MAX; 4], [u32::MAX; 2]), [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]);
        assert_eq!(
            philox4x32([0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344], [0xa409_3822, 0x299f_31d0]),
            [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]
        );
    }
}
