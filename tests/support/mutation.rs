//! Damaged files by the thousand: a file is changed at random places, always in the same way for the same seed.
//!
//! In CI a few hundred cases of each target run; `AEES_FUZZ_CASES` makes it as many as there is time for, and `AEES_FUZZ_SEED`
//! other ones. A reader passes if it gives a value or an error: a panic, an abort or a hang is a finding.

#![allow(dead_code, reason = "no room needs all of it")]

use std::panic::{AssertUnwindSafe, catch_unwind};

/// What a target did with its damaged files.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) accepted: usize,
    pub(crate) refused: usize,
}

/// Feeds damaged copies of `original` to a reader, which says whether it took them. Names the case that panics.
pub(crate) fn mutate(target: &str, original: &[u8], mut reads: impl FnMut(&[u8]) -> bool) -> Counts {
    let number = |name: &str, usual: u64| std::env::var(name).ok().and_then(|it| it.parse().ok()).unwrap_or(usual);
    let (cases, seed) = (number("AEES_FUZZ_CASES", 150), number("AEES_FUZZ_SEED", 1));
    let mut counts = Counts::default();
    for case in 0..cases {
        let damaged = damaged(original, seed, case);
        match catch_unwind(AssertUnwindSafe(|| reads(&damaged))) {
            Ok(true) => counts.accepted += 1,
            Ok(false) => counts.refused += 1,
            Err(_) => {
                let kept = std::env::temp_dir().join(format!("aees-fuzz-{target}-{seed}-{case}"));
                let _ = std::fs::write(&kept, &damaged);
                panic!("{target}: case {case} of seed {seed} panics; it is kept in {}", kept.display());
            }
        }
    }
    println!("fuzzed {target}: {cases} cases of seed {seed}, {} accepted, {} refused", counts.accepted, counts.refused);
    counts
}

/// SplitMix64 (Steele, Lea and Flood, 2014).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        word ^ (word >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound.max(1) as u64).unwrap_or(0)
    }
}

/// A copy with one to eight changes: other bits, other bytes, numbers at the ends of their range, pieces that are missing,
/// doubled, moved or zero, and an end that is cut off.
fn damaged(original: &[u8], seed: u64, case: u64) -> Vec<u8> {
    const NUMBERS: [&[u8]; 8] =
        [&[0xff; 4], &[0xff; 8], &[0, 0, 0, 0x80], &[0xff, 0xff, 0xff, 0x7f], &[0; 8], b"9999999999", b"-1", b"1e999"];
    let mut random = Random(seed.wrapping_mul(0x1000_0000_01B3) ^ case);
    let mut bytes = original.to_vec();
    for _ in 0..=random.below(8) {
        let (place, length) = (random.below(bytes.len()), random.below(64));
        let end = (place + length).min(bytes.len());
        match random.below(9) {
            0 if place < bytes.len() => bytes[place] ^= 1 << random.below(8),
            1 if place < bytes.len() => bytes[place] = (random.next() & 0xff) as u8,
            2 => drop(bytes.splice(place..place, original[..length.min(original.len())].to_vec())),
            3 => drop(bytes.drain(place..end)),
            4 => bytes.truncate(place),
            5 => bytes[place..end].fill(0),
            6 => {
                let number = NUMBERS[random.below(NUMBERS.len())];
                let end = (place + number.len()).min(bytes.len());
                drop(bytes.splice(place..end, number.iter().copied()));
            }
            7 => {
                let piece = bytes[place..end].to_vec();
                drop(bytes.splice(place..place, piece));
            }
            _ => {
                let from = random.below(bytes.len());
                let piece = bytes[from..(from + length).min(bytes.len())].to_vec();
                drop(bytes.splice(place..end, piece));
            }
        }
    }
    bytes
}
