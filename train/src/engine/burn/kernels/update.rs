//! The optimizer step as a kernel: gradient noise, AdamW or SGD and the squared norm of the change, for as many parameters
//! as a launch can bind.
//!
//! A parameter takes a run of cubes; a cube takes [`CUBE_ELEMENTS`] of its elements and leaves one partial sum of the norm,
//! so that the sums are always added in the same order. What differs between the parameters of a launch is known when the
//! kernel is built; what differs between steps is read from a control buffer on the device.

use cubecl::prelude::*;

use super::normal::{PhiloxWords, normal_pair, philox4x32};
use crate::optimizer::{NORM_EPSILON, TILE, TILE_BLOCKS};

/// Units of a cube. Each takes one Philox block, so four elements, a turn.
pub(crate) const UNITS: u32 = 256;

/// Turns of a cube.
const TURNS: u32 = 4;

/// Elements of a cube.
pub(crate) const CUBE_ELEMENTS: usize = UNITS as usize * TURNS as usize * 4;

/// Elements that a unit takes.
const UNIT_ELEMENTS: u32 = 4 * TURNS;

const TILE_LENGTH: u32 = TILE as u32;
const TILE_UNITS: u32 = TILE_BLOCKS as u32;

/// Entries of the control buffer, all as 32 bits.
pub(crate) const CONTROL_ENTRIES: usize = 11;

/// The step number's low and high word.
const STEP: usize = 0;
/// Standard deviation of the noise.
const NOISE_STD: usize = 2;
/// The rule's own scalars begin here.
const RULE: usize = 3;
/// The largest norm of the gradients, and then what they are multiplied by.
pub(crate) const CLIP: usize = 10;

const EPSILON: f32 = NORM_EPSILON as f32;

/// The update rule of a kernel, and the order of its scalars in the control buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum RuleKind {
    /// Decay, mean weight, square decay, square weight, step size, square correction, epsilon; two slots.
    AdamW,
    /// Learning rate, weight decay, momentum; one slot.
    Momentum,
    /// Learning rate, weight decay; no slot.
    Sgd,
}

/// What a kernel knows of one of its parameters when it is built.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct BoundParameter {
    /// The parameter's place in PyTorch's `parameters()`.
    pub(crate) number: u32,
    /// Its first cube in the launch.
    pub(crate) first_cube: u32,
    /// Its elements.
    pub(crate) elements: u32,
    /// Shape and strides of its gradient, innermost first; empty if the elements lie in their order.
    pub(crate) gradient: Vec<(u32, u32)>,
}

/// Writes a step's numbers to the control buffer. They come as arguments of the launch, which are no upload.
#[cube(launch, create_dummy_kernel)]
pub(crate) fn set_control(control: &mut [u32], values: Sequence<u32>) {
    if UNIT_POS_X == 0u32 {
        #[unroll]
        for entry in 0..values.len() {
            control[entry] = values[entry];
        }
    }
}

/// One step of the parameters of a launch, in place.
#[cube(launch, create_dummy_kernel)]
#[allow(clippy::too_many_arguments, reason = "bindings of a kernel")]
pub(crate) fn update(
    parameters: &mut Sequence<Box<[f32]>>,
    gradients: &Sequence<Box<[f32]>>,
    first_slots: &mut Sequence<Box<[f32]>>,
    second_slots: &mut Sequence<Box<[f32]>>,
    partial_sums: &mut [f32],
    control: &[u32],
    key_low: u32,
    key_high: u32,
    first_sum: u32,
    #[comptime] rows: Vec<BoundParameter>,
    #[comptime] rule: RuleKind,
    #[comptime] noise: bool,
    #[comptime] clipped: bool,
) {
    let count = comptime!(rows.len());
    let mut row = 0u32;
    let mut first_cube = 0u32;
    let mut number = 0u32;
    #[unroll]
    for index in 0..count {
        let start = comptime!(rows[index].first_cube);
        if CUBE_POS_X >= start {
            row = comptime!(index as u32).runtime();
            first_cube = start.runtime();
            number = comptime!(rows[index].number).runtime();
        }
    }
    // The first Philox block of this unit; a turn is `UNITS` blocks.
    let block = (CUBE_POS_X - first_cube) * (TURNS * UNITS) + UNIT_POS_X;

    // Each unit reads back only what it wrote itself.
    let mut normals = Shared::<[f32]>::new_slice(comptime!(if noise { CUBE_ELEMENTS } else { 1 }));
    if comptime!(noise) {
        for turn in 0..TURNS {
            let counter = PhiloxWords {
                first: block + turn * UNITS,
                second: number,
                third: control[STEP],
                fourth: control[comptime!(STEP + 1)],
            };
            let words = philox4x32(counter, key_low, key_high);
            let front = normal_pair(words.first, words.second);
            let back = normal_pair(words.third, words.fourth);
            let place = turn * 4u32 * UNITS + UNIT_POS_X;
            normals[place as usize] = front.cosine;
            normals[(place + UNITS) as usize] = front.sine;
            normals[(place + 2u32 * UNITS) as usize] = back.cosine;
            normals[(place + 3u32 * UNITS) as usize] = back.sine;
        }
    }
    let noise_std = f32::reinterpret(control[NOISE_STD]);

    let mut sum = 0.0f32;
    #[unroll]
    for index in 0..count {
        if row == comptime!(index as u32) {
            let elements = comptime!(rows[index].elements);
            for step in 0..UNIT_ELEMENTS {
                let at_block = block + step / 4u32 * UNITS;
                let at = at_block / TILE_UNITS * TILE_LENGTH + step % 4u32 * TILE_UNITS + at_block % TILE_UNITS;
                if at < elements {
                    let parameter = parameters.index_mut(index);
                    let place = gradient_place(at, comptime!(rows[index].gradient.clone()));
                    let mut gradient = gradients.index(index)[place as usize];
                    if comptime!(clipped) {
                        gradient *= f32::reinterpret(control[CLIP]);
                    }
                    if comptime!(noise) {
                        gradient += normals[(step * UNITS + UNIT_POS_X) as usize] * noise_std;
                    }
                    let at = at as usize;
                    let before = parameter[at];
                    let after = if comptime!(rule == RuleKind::AdamW) {
                        let means = first_slots.index_mut(index);
                        let squares = second_slots.index_mut(index);
                        let mean = means[at] + entry(control, 1usize) * (gradient - means[at]);
                        let square =
                            squares[at] * entry(control, 2usize) + entry(control, 3usize) * (gradient * gradient);
                        let denominator = f32::sqrt(square) / entry(control, 5usize) + entry(control, 6usize);
                        means[at] = mean;
                        squares[at] = square;
                        before * entry(control, 0usize) - entry(control, 4usize) * mean / denominator
                    } else if comptime!(rule == RuleKind::Momentum) {
                        let buffers = first_slots.index_mut(index);
                        let decayed = gradient + entry(control, 1usize) * before;
                        let buffer = entry(control, 2usize) * buffers[at] + decayed;
                        buffers[at] = buffer;
                        before - entry(control, 0usize) * buffer
                    } else {
                        before - entry(control, 0usize) * (gradient + entry(control, 1usize) * before)
                    };
                    let change = after - before;
                    sum += change * change;
                    parameter[at] = after;
                }
            }
        }
    }
    let total = sum_of_units(sum);
    if UNIT_POS_X == 0u32 {
        partial_sums[(first_sum + CUBE_POS_X) as usize] = total;
    }
}

/// The squares of the gradients of a launch, added as those of the change are.
#[cube(launch, create_dummy_kernel)]
pub(crate) fn sum_squares(
    gradients: &Sequence<Box<[f32]>>,
    partial_sums: &mut [f32],
    first_sum: u32,
    #[comptime] rows: Vec<BoundParameter>,
) {
    let count = comptime!(rows.len());
    let mut row = 0u32;
    let mut first_cube = 0u32;
    #[unroll]
    for index in 0..count {
        let start = comptime!(rows[index].first_cube);
        if CUBE_POS_X >= start {
            row = comptime!(index as u32).runtime();
            first_cube = start.runtime();
        }
    }
    let first = (CUBE_POS_X - first_cube) * (UNIT_ELEMENTS * UNITS) + UNIT_POS_X;
    let mut sum = 0.0f32;
    #[unroll]
    for index in 0..count {
        if row == comptime!(index as u32) {
            let elements = comptime!(rows[index].elements);
            for step in 0..UNIT_ELEMENTS {
                let at = first + step * UNITS;
                if at < elements {
                    let place = gradient_place(at, comptime!(rows[index].gradient.clone()));
                    let gradient = gradients.index(index)[place as usize];
                    sum += gradient * gradient;
                }
            }
        }
    }
    let total = sum_of_units(sum);
    if UNIT_POS_X == 0u32 {
        partial_sums[(first_sum + CUBE_POS_X) as usize] = total;
    }
}

/// Turns the largest norm in the control buffer into what the gradients are multiplied by.
#[cube(launch, create_dummy_kernel)]
pub(crate) fn set_clip(control: &mut [u32], squared_norm: &[f32]) {
    if UNIT_POS_X == 0u32 {
        let factor = f32::reinterpret(control[CLIP]) / (f32::sqrt(squared_norm[0]) + EPSILON);
        if factor < 1.0f32 {
            control[CLIP] = u32::reinterpret(factor);
        } else {
            control[CLIP] = u32::reinterpret(1.0f32);
        }
    }
}

/// One cube adds all partial sums, always in the same order.
#[cube(launch, create_dummy_kernel)]
pub(crate) fn add_sums(partial_sums: &[f32], total: &mut [f32], count: u32) {
    let mut sum = 0.0f32;
    let mut at = UNIT_POS_X;
    while at < count {
        sum += partial_sums[at as usize];
        at += UNITS;
    }
    let sum = sum_of_units(sum);
    if UNIT_POS_X == 0u32 {
        total[0] = sum;
    }
}

/// A scalar of the rule.
#[cube]
fn entry(control: &[u32], #[comptime] index: usize) -> f32 {
    f32::reinterpret(control[comptime!(RULE + index)])
}

/// Where the gradient of an element lies.
#[cube]
fn gradient_place(at: u32, #[comptime] layout: Vec<(u32, u32)>) -> u32 {
    if comptime!(layout.is_empty()) {
        at
    } else {
        let mut place = 0u32;
        let mut rest = at;
        #[unroll]
        for dimension in 0..comptime!(layout.len()) {
            let size = comptime!(layout[dimension].0);
            let stride = comptime!(layout[dimension].1);
            place += (rest % size) * stride;
            rest = rest / size;
        }
        place
    }
}

/// The sum over the units of a cube, in the unit 0.
#[cube]
fn sum_of_units(value: f32) -> f32 {
    let mut sums = Shared::<[f32]>::new_slice(UNITS as usize);
    let unit = UNIT_POS_X as usize;
    sums[unit] = value;
    sync_cube();
    #[unroll]
    for level in 0..UNITS.ilog2() {
        let half = comptime!(UNITS >> (level + 1));
        if UNIT_POS_X < half {
            let other = sums[unit + comptime!(half as usize)];
            sums[unit] += other;
        }
        sync_cube();
    }
    sums[0]
}
