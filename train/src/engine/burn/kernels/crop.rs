//! Images as a network takes them: picked, cropped, flipped and normalised from bytes, and their labels, in one launch.

use cubecl::prelude::*;

/// Units of a cube.
pub(crate) const UNITS: u32 = 256;

/// Pixels of a side.
pub(crate) const SIDE: u32 = 32;

/// Pixels of black around an image before it is cropped.
pub(crate) const PADDING: u32 = 4;

/// Values of an image.
pub(crate) const VALUES: u32 = 3 * SIDE * SIDE;

/// Writes the images `[examples, 3, 32, 32]` and the labels `[examples]` of the positions from `first` on.
///
/// `pixels` holds four bytes a word. `plan` holds two words a position, the example and `dy + 16 dx + 256 flip`; without
/// `planned` it is not read, and a position is its example. `scales` are the mean and the deviation of each channel.
#[cube(launch, create_dummy_kernel)]
#[allow(clippy::too_many_arguments, reason = "bindings of a kernel")]
pub(crate) fn crop(
    pixels: &[u32],
    all_labels: &[u32],
    plan: &[u32],
    images: &mut [f32],
    labels: &mut [u32],
    scales: Sequence<f32>,
    first: u32,
    examples: u32,
    #[comptime] planned: bool,
) {
    let at = (CUBE_POS_Y * CUBE_COUNT_X + CUBE_POS_X) * UNITS + UNIT_POS_X;
    if at < examples * VALUES {
        let position = at / VALUES;
        let within = at % VALUES;
        let channel = within / (SIDE * SIDE);
        let x = within % SIDE;
        let y = within / SIDE % SIDE;

        let mut example = first + position;
        let mut row = y + PADDING;
        let mut column = x + PADDING;
        if comptime!(planned) {
            let entry = (2u32 * example) as usize;
            let augmentation = plan[entry + 1usize];
            example = plan[entry];
            let flip = augmentation >> 8u32;
            // A flipped crop reads its columns from the right.
            let across = select(flip == 1u32, SIDE - 1u32 - x, x);
            row = y + (augmentation & 15u32);
            column = across + ((augmentation >> 4u32) & 15u32);
        }
        let mut value = 0.0f32;
        if row >= PADDING && row < SIDE + PADDING && column >= PADDING && column < SIDE + PADDING {
            let source = channel * (SIDE * SIDE) + (row - PADDING) * SIDE + (column - PADDING);
            let word = pixels[(example * (VALUES / 4u32) + source / 4u32) as usize];
            value = f32::cast_from((word >> (source % 4u32 * 8u32)) & 255u32) / 255.0f32;
        }
        let mean = select(channel == 0u32, scales[0usize], select(channel == 1u32, scales[1usize], scales[2usize]));
        let deviation =
            select(channel == 0u32, scales[3usize], select(channel == 1u32, scales[4usize], scales[5usize]));
        images[at as usize] = (value - mean) / deviation;
        if within == 0u32 {
            labels[position as usize] = all_labels[example as usize];
        }
    }
}
