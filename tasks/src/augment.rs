//! From bytes to normalised floats: crop, flip and scale of a whole batch in one pass.
//!
//! The padding is black *before* normalisation, as in the reference, so a padded pixel is (0 - mean) / std. Each channel has a
//! table of 256 floats made with the same single-precision steps as torchvision (`x / 255`, `- mean`, `/ std`), which
//! makes the result equal to torchvision's to the bit and needs one load for each pixel.

use crate::epoch_plan::{CropFlip, PADDING};
use crate::image::{CHANNELS, IMAGE_BYTES, ImageSplit, PLANE_BYTES, SIDE};

/// Mean and standard deviation of each channel, and the tables made from them.
#[derive(Debug, Clone, PartialEq)]
pub struct Normalization {
    mean: [f32; CHANNELS],
    std: [f32; CHANNELS],
    tables: [[f32; 256]; CHANNELS],
}

impl Normalization {
    /// From the mean and standard deviation of each channel, in units where white is 1.
    pub fn new(mean: [f32; CHANNELS], std: [f32; CHANNELS]) -> Self {
        let tables = std::array::from_fn(|channel| {
            std::array::from_fn(|byte| (byte as f32 / 255.0 - mean[channel]) / std[channel])
        });
        Self { mean, std, tables }
    }

    /// The reference's constants for CIFAR-100.
    pub fn cifar100() -> Self {
        Self::new([0.5071, 0.4867, 0.4408], [0.2675, 0.2565, 0.2761])
    }

    /// The mean of each channel (red, green, blue).
    pub fn mean(&self) -> [f32; CHANNELS] {
        self.mean
    }

    /// The standard deviation of each channel (red, green, blue).
    pub fn std(&self) -> [f32; CHANNELS] {
        self.std
    }
}

/// Writes the images at `indices`, cropped and flipped by `augmentations`, to `out`, `[indices.len(), 3, 32, 32]`.
///
/// # Panics
/// If the three lengths do not agree, an index is not in `images`, or an offset is above 8.
pub fn augment_batch(
    images: &ImageSplit,
    indices: &[u32],
    augmentations: &[CropFlip],
    normalization: &Normalization,
    out: &mut [f32],
) {
    assert_eq!(indices.len(), augmentations.len(), "one augmentation for each image");
    assert_eq!(indices.len() * IMAGE_BYTES, out.len(), "room for the whole batch");
    for ((&index, &crop), target) in indices.iter().zip(augmentations).zip(out.chunks_exact_mut(IMAGE_BYTES)) {
        let image = images.image(index as usize);
        let planes = image.chunks_exact(PLANE_BYTES).zip(target.chunks_exact_mut(PLANE_BYTES));
        for ((plane, target), table) in planes.zip(&normalization.tables) {
            crop_plane(plane, crop, table, target);
        }
    }
}

/// Writes the images at `indices` as they are to `out`, `[indices.len(), 3, 32, 32]`: the test transform.
///
/// # Panics
/// If the lengths do not agree or an index is not in `images`.
pub fn normalize_batch(images: &ImageSplit, indices: &[u32], normalization: &Normalization, out: &mut [f32]) {
    assert_eq!(indices.len() * IMAGE_BYTES, out.len(), "room for the whole batch");
    for (&index, target) in indices.iter().zip(out.chunks_exact_mut(IMAGE_BYTES)) {
        let image = images.image(index as usize);
        let planes = image.chunks_exact(PLANE_BYTES).zip(target.chunks_exact_mut(PLANE_BYTES));
        for ((plane, target), table) in planes.zip(&normalization.tables) {
            look_up(plane, table, target);
        }
    }
}

fn crop_plane(plane: &[u8], crop: CropFlip, table: &[f32; 256], target: &mut [f32]) {
    let rows = Overlap::new(crop.dy);
    let columns = Overlap::new(crop.dx);
    let black = table[0];
    for (y, target) in target.chunks_exact_mut(SIDE).enumerate() {
        if !(rows.first..rows.end).contains(&y) {
            target.fill(black);
            continue;
        }
        let source = &plane[(y - rows.first + rows.source) * SIDE..][..SIDE];
        let source = &source[columns.source..][..columns.end - columns.first];
        if crop.flip {
            // Column x of the crop is written to 31 - x.
            let (first, end) = (SIDE - columns.end, SIDE - columns.first);
            target[..first].fill(black);
            target[end..].fill(black);
            for (value, &byte) in target[first..end].iter_mut().rev().zip(source) {
                *value = table[usize::from(byte)];
            }
        } else {
            target[..columns.first].fill(black);
            target[columns.end..].fill(black);
            look_up(source, table, &mut target[columns.first..columns.end]);
        }
    }
}

#[inline]
fn look_up(bytes: &[u8], table: &[f32; 256], target: &mut [f32]) {
    for (value, &byte) in target.iter_mut().zip(bytes) {
        *value = table[usize::from(byte)];
    }
}

/// Where a crop and the image meet in one direction.
struct Overlap {
    /// First position of the crop that is on the image.
    first: usize,
    /// One past the last position of the crop that is on the image.
    end: usize,
    /// The image's position under `first`.
    source: usize,
}

impl Overlap {
    fn new(offset: u8) -> Self {
        assert!(offset <= 2 * PADDING, "a crop offset of 0 to 8");
        let (offset, padding) = (usize::from(offset), usize::from(PADDING));
        let first = padding.saturating_sub(offset);
        let source = offset.saturating_sub(padding);
        Self { first, end: SIDE - source, source }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The transform as it is defined, pixel by pixel.
    fn slow(image: &[u8], crop: CropFlip, normalization: &Normalization) -> Vec<f32> {
        let mut out = Vec::new();
        for channel in 0..CHANNELS {
            for y in 0..SIDE {
                for x in 0..SIDE {
                    let x = if crop.flip { SIDE - 1 - x } else { x };
                    let (row, column) = (y + usize::from(crop.dy), x + usize::from(crop.dx));
                    let inside = (4..36).contains(&row) && (4..36).contains(&column);
                    let byte = if inside { image[channel * PLANE_BYTES + (row - 4) * SIDE + column - 4] } else { 0 };
                    out.push(normalization.tables[channel][usize::from(byte)]);
                }
            }
        }
        out
    }

    #[test]
    fn fast_rows_equal_the_definition_for_every_crop() {
        let pixels: Vec<u8> = (0..IMAGE_BYTES).map(|position| (position * 7 % 251) as u8).collect();
        let images = ImageSplit::new(pixels, vec![0]).unwrap();
        let normalization = Normalization::cifar100();
        let mut out = vec![f32::NAN; IMAGE_BYTES];
        for place in 0..162 {
            let crop = CropFlip { dy: place / 18, dx: place / 2 % 9, flip: place % 2 == 1 };
            augment_batch(&images, &[0], &[crop], &normalization, &mut out);
            assert_eq!(out, slow(images.image(0), crop, &normalization), "{crop:?}");
        }
        normalize_batch(&images, &[0], &normalization, &mut out);
        assert_eq!(out, slow(images.image(0), CropFlip { dy: PADDING, dx: PADDING, flip: false }, &normalization));
    }
}
