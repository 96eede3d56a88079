//! NumPy's `SeedSequence`: spreads a small seed over the 256 bits that PCG64 starts from (O'Neill's `seed_seq_fe`, as
//! NumPy uses it). Only the part that `default_rng(integer)` needs.

const POOL_WORDS: usize = 4;
const HASH_START: u32 = 0x43b0_d7e5;
const HASH_STEP: u32 = 0x931e_8875;
const OUTPUT_START: u32 = 0x8b51_f9dd;
const OUTPUT_STEP: u32 = 0x58f3_8ded;
const MIX_LEFT: u32 = 0xca01_f9dd;
const MIX_RIGHT: u32 = 0x4973_f715;

struct Hash(u32);

impl Hash {
    fn mix_in(&mut self, value: u32) -> u32 {
        let value = value ^ self.0;
        self.0 = self.0.wrapping_mul(HASH_STEP);
        let value = value.wrapping_mul(self.0);
        value ^ (value >> 16)
    }
}

fn mix(left: u32, right: u32) -> u32 {
    let mixed = MIX_LEFT.wrapping_mul(left).wrapping_sub(MIX_RIGHT.wrapping_mul(right));
    mixed ^ (mixed >> 16)
}

/// The four 64-bit words that a seed expands to.
pub(super) fn expand(seed: u64) -> [u64; 4] {
    // A 64-bit seed has at most two words, so the reference's loop over further words has nothing to do.
    let entropy = [seed as u32, (seed >> 32) as u32];
    let mut hash = Hash(HASH_START);
    let mut pool = [0u32; POOL_WORDS];
    for (i, word) in pool.iter_mut().enumerate() {
        *word = hash.mix_in(entropy.get(i).copied().unwrap_or(0));
    }
    for source in 0..POOL_WORDS {
        for target in 0..POOL_WORDS {
            if source != target {
                pool[target] = mix(pool[target], hash.mix_in(pool[source]));
            }
        }
    }

    let mut constant = OUTPUT_START;
    let mut word = |index: usize| {
        let value = pool[index % POOL_WORDS] ^ constant;
        constant = constant.wrapping_mul(OUTPUT_STEP);
        let value = value.wrapping_mul(constant);
        u64::from(value ^ (value >> 16))
    };
    [0, 2, 4, 6].map(|index| {
        let low = word(index);
        low | (word(index + 1) << 32)
    })
}
