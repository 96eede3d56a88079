//! The fused loop: noise, update and squared change of a few thousand elements, in one pass.
//!
//! The compiler vectorises it; `pulp` compiles it once for each instruction set and picks one at run time. Nothing here
//! depends on the vector width: elements are independent, squares are added in [`LANES`] fixed lanes, and no
//! multiplication and addition is ever fused, so every instruction set gives the same bits.

use pulp::{Simd, WithSimd};

use super::noise::{NoiseKey, TILE};
use super::rule::Rule;

/// Elements of a chunk, the unit of work of a thread. Part of the result, since partial norms are added chunk by chunk.
///
/// 16384 elements are 11 us (SGD) to 28 us (AdamW with noise) of work, by 0.7 to 1.7 ns per element on a shared two-core
/// EPYC with AVX-512: many times what handing them to a thread costs. Narrow tensors stay on the calling thread.
pub(super) const CHUNK: usize = 64 * TILE;

/// Lanes in which squares are added; one AVX-512 register.
const LANES: usize = 16;

type Tile = [f32; TILE];

/// Gradient noise of one parameter in one step.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Noise {
    /// Which numbers.
    pub key: NoiseKey,
    /// Their standard deviation.
    pub std: f32,
}

/// One thread's work: at most [`CHUNK`] elements of one parameter, with their gradients and slots.
pub(super) struct Chunk<'a, R, const SLOTS: usize> {
    /// The update rule.
    pub rule: R,
    /// Noise to add to the gradient.
    pub noise: Option<Noise>,
    /// Number of the chunk's first tile in the parameter.
    pub first_tile: u32,
    /// Changed in place.
    pub parameter: &'a mut [f32],
    /// As long as the parameter.
    pub gradient: &'a [f32],
    /// What the gradient is multiplied by; 1 unless it is clipped.
    pub scale: f32,
    /// Each as long as the parameter, changed in place.
    pub slots: [&'a mut [f32]; SLOTS],
}

impl<R: Rule<SLOTS>, const SLOTS: usize> WithSimd for Chunk<'_, R, SLOTS> {
    /// The sum of the squared changes.
    type Output = f64;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> f64 {
        self.update()
    }
}

impl<R: Rule<SLOTS>, const SLOTS: usize> Chunk<'_, R, SLOTS> {
    #[inline(always)]
    fn update(self) -> f64 {
        let Self { rule, noise, first_tile, parameter, gradient, scale, slots } = self;
        let (parameters, last_parameter) = parameter.as_chunks_mut::<TILE>();
        let (gradients, last_gradient) = gradient.as_chunks::<TILE>();
        let mut slots = slots.map(|slot| slot.as_chunks_mut::<TILE>());
        let mut lanes = [0.0_f64; LANES];
        let mut tile = first_tile;
        for (position, (parameter, gradient)) in parameters.iter_mut().zip(gradients).enumerate() {
            prefetch(parameter);
            prefetch(gradient);
            slots.iter().for_each(|(tiles, _)| prefetch(&tiles[position]));
            let slots = slots.each_mut().map(|(tiles, _)| &mut tiles[position]);
            update_tile(rule, noise, tile, TILE, parameter, gradient, scale, slots, &mut lanes);
            tile = tile.wrapping_add(1);
        }
        if !last_parameter.is_empty() {
            // The last tile is padded with zeros, so that there is one loop and it has a fixed length.
            let length = last_parameter.len();
            let mut padded_parameter = padded(last_parameter);
            let mut padded_slots = slots.each_ref().map(|(_, last)| padded(last));
            let padded_gradient = padded(last_gradient);
            let tiles = padded_slots.each_mut();
            update_tile(rule, noise, tile, length, &mut padded_parameter, &padded_gradient, scale, tiles, &mut lanes);
            last_parameter.copy_from_slice(&padded_parameter[..length]);
            for ((_, last), padded) in slots.iter_mut().zip(&padded_slots) {
                last.copy_from_slice(&padded[..length]);
            }
        }
        lanes.iter().sum()
    }
}

#[inline(always)]
#[expect(clippy::too_many_arguments, reason = "one call site's loop body; a struct would only rename the arguments")]
fn update_tile<R: Rule<SLOTS>, const SLOTS: usize>(
    rule: R,
    noise: Option<Noise>,
    tile: u32,
    length: usize,
    parameter: &mut Tile,
    gradient: &Tile,
    scale: f32,
    slots: [&mut Tile; SLOTS],
    lanes: &mut [f64; LANES],
) {
    // A product with 1 is exact: what is not clipped keeps its bits.
    let mut gradient = gradient.map(|gradient| gradient * scale);
    if let Some(noise) = noise {
        for (gradient, normal) in gradient.iter_mut().zip(noise.key.tile(tile)) {
            *gradient += noise.std * normal;
        }
    }
    let mut squares = [0.0_f32; TILE];
    for index in 0..TILE {
        let before = parameter[index];
        let kept = slots.each_ref().map(|slot| slot[index]);
        let (after, kept) = rule.element(before, gradient[index], kept);
        parameter[index] = after;
        for slot in 0..SLOTS {
            slots[slot][index] = kept[slot];
        }
        squares[index] = (after - before) * (after - before);
    }
    // Padding has noise too, and noise moves it.
    squares[length..].fill(0.0);
    let mut partial = [0.0_f32; LANES];
    for row in squares.as_chunks::<LANES>().0 {
        for (sum, square) in partial.iter_mut().zip(row) {
            *sum += square;
        }
    }
    for (lane, sum) in lanes.iter_mut().zip(partial) {
        *lane += f64::from(sum);
    }
}

/// Asks for the memory of the tile after the next, of the same buffer: it comes while the noise of this one is computed. Behind the buffer's end
/// it asks for what nobody may need.
#[inline(always)]
fn prefetch(tile: &Tile) {
    #[cfg(target_arch = "x86_64")]
    for line in 0..TILE / LANES {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        let ahead = tile.as_ptr().wrapping_add(2 * TILE + line * LANES);
        // SAFETY: every x86-64 processor has the instruction, which reads nothing, at whatever address.
        unsafe {
            _mm_prefetch::<_MM_HINT_T0>(ahead.cast());
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = tile;
}

#[inline(always)]
fn padded(part: &[f32]) -> Tile {
    let mut tile = [0.0; TILE];
    tile[..part.len()].copy_from_slice(part);
    tile
}

#[cfg(test)]
mod tests {
    use super::super::config::{OptimizerConfig, OptimizerKind, StepControl};
    use super::super::rule::{Sgd, StepRule};
    use super::*;
    use crate::require::{Component, skip};

    /// A chunk whose last tile is not full.
    const LENGTH: usize = 5 * TILE + 77;

    fn numbers(salt: u32) -> Vec<f32> {
        let word = |index: u32| (index ^ salt).wrapping_mul(0x9E37_79B9).rotate_left(7).wrapping_mul(0x85EB_CA6B);
        (0..LENGTH as u32).map(|index| word(index) as i32 as f32 / (1_u32 << 31) as f32).collect()
    }

    /// Parameters, slots and squared norm after three steps of a chunk, as bits.
    fn run<R: Rule<SLOTS>, const SLOTS: usize>(
        rule: R,
        std: Option<f32>,
        dispatch: impl Fn(Chunk<'_, R, SLOTS>) -> f64,
    ) -> Vec<u64> {
        let mut parameter = numbers(1);
        let mut slots: [Vec<f32>; SLOTS] = std::array::from_fn(|_| vec![0.0; LENGTH]);
        let mut bits = Vec::new();
        for step in 0..3 {
            let gradient = numbers(2 + step as u32);
            let squared = dispatch(Chunk {
                rule,
                noise: std.map(|std| Noise { key: NoiseKey { seed: 5, parameter: 6, step }, std }),
                first_tile: 64,
                parameter: &mut parameter,
                gradient: &gradient,
                scale: 1.0,
                slots: slots.each_mut().map(Vec::as_mut_slice),
            });
            bits.push(squared.to_bits());
        }
        bits.extend(parameter.iter().chain(slots.iter().flatten()).map(|value| u64::from(value.to_bits())));
        bits
    }

    fn assert_same_bits<R: Rule<SLOTS>, const SLOTS: usize>(rule: R) {
        for std in [None, Some(0.1)] {
            let plain = run(rule, std, |chunk| chunk.update());
            assert!(run(rule, std, |chunk| pulp::Arch::Scalar.dispatch(chunk)) == plain, "baseline");
            #[cfg(target_arch = "x86_64")]
            {
                use pulp::x86::{V3, V4};
                match V3::try_new() {
                    Some(v3) => assert!(run(rule, std, |chunk| pulp::Arch::V3(v3).dispatch(chunk)) == plain, "AVX2"),
                    None => skip(Component::Avx2, "this machine has no AVX2"),
                }
                match V4::try_new() {
                    Some(v4) => assert!(run(rule, std, |chunk| pulp::Arch::V4(v4).dispatch(chunk)) == plain, "AVX-512"),
                    None => skip(Component::Avx512, "this machine has no AVX-512"),
                }
            }
        }
    }

    #[test]
    fn every_instruction_set_gives_the_same_bits() {
        let control = StepControl { learning_rate: 0.01, multiplier: 1.5, noise_std: 0.0, step: 0 };
        let kinds = [OptimizerKind::ADAMW, OptimizerKind::Sgd { momentum: 0.9 }, OptimizerKind::Sgd { momentum: 0.0 }];
        for kind in kinds {
            match StepRule::new(&OptimizerConfig { kind, weight_decay: 0.01, max_gradient_norm: None }, &control, 1) {
                StepRule::AdamW(rule) => assert_same_bits(rule),
                StepRule::Momentum(rule) => assert_same_bits(rule),
                StepRule::Sgd(rule) => assert_same_bits(rule),
            }
        }
    }

    /// The padding of the last tile is noised too, and must not reach the norm.
    #[test]
    fn the_norm_covers_exactly_the_elements() {
        let before = numbers(1);
        let mut parameter = before.clone();
        let gradient = numbers(2);
        let squared = Chunk {
            rule: Sgd { learning_rate: 0.5, weight_decay: 0.0 },
            noise: Some(Noise { key: NoiseKey { seed: 1, parameter: 0, step: 0 }, std: 10.0 }),
            first_tile: 0,
            parameter: &mut parameter,
            gradient: &gradient,
            scale: 1.0,
            slots: [],
        }
        .update();
        let expected: f64 =
            parameter.iter().zip(&before).map(|(new, old)| f64::from(new - old) * f64::from(new - old)).sum();
        assert!((squared / expected - 1.0).abs() < 1e-6, "{squared} for {expected}");
    }
}
