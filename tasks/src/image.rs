//! Images and labels of one split, as bytes on the host.

use std::path::Path;

use bytes::Bytes;

use crate::error::{DataError, DataResult};

/// Colour channels of an image: red, green, blue.
pub const CHANNELS: usize = 3;
/// Rows and columns of an image.
pub const SIDE: usize = 32;
/// Bytes of one channel.
pub const PLANE_BYTES: usize = SIDE * SIDE;
/// Bytes of one image.
pub const IMAGE_BYTES: usize = CHANNELS * PLANE_BYTES;

/// The images of one split with the labels that are trained on and the true ones. Clones share the pixels.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ImageSplit {
    pixels: Bytes,
    labels: Vec<u32>,
    clean_labels: Vec<u32>,
}

impl ImageSplit {
    /// Joins pixels `[n, 3, 32, 32]`, in memory or mapped from a file, and clean labels `[n]`.
    ///
    /// # Errors
    /// If the two do not have the same `n`.
    pub fn new(pixels: impl Into<Bytes>, labels: Vec<u32>) -> DataResult<Self> {
        let pixels = pixels.into();
        if pixels.len() != labels.len() * IMAGE_BYTES {
            let (found, images) = (pixels.len(), labels.len());
            let expected = images * IMAGE_BYTES;
            let reason = format!("expected {expected} bytes for {images} labels, found {found} bytes");
            return Err(DataError::unusable(Path::new("pixels"), reason));
        }
        Ok(Self { pixels, clean_labels: labels.clone(), labels })
    }

    /// The number of images, n.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there is no image.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// All pixels, `[n, 3, 32, 32]`: channels red, green, blue, rows from the top, 0 to 255.
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// The pixels of one image, `[3, 32, 32]`.
    ///
    /// # Panics
    /// If `index >= n`.
    pub fn image(&self, index: usize) -> &[u8] {
        &self.pixels[index * IMAGE_BYTES..(index + 1) * IMAGE_BYTES]
    }

    /// The labels to train on, `[n]`: noisy where label noise was applied.
    pub fn labels(&self) -> &[u32] {
        &self.labels
    }

    /// The true labels, `[n]`.
    pub fn clean_labels(&self) -> &[u32] {
        &self.clean_labels
    }

    /// Replaces the labels to train on; the clean ones stay.
    ///
    /// # Panics
    /// If the number of labels differs.
    pub fn set_noisy_labels(&mut self, labels: Vec<u32>) {
        assert_eq!(labels.len(), self.labels.len(), "one label for each image");
        self.labels = labels;
    }

    /// A new split of the images at `positions`, in that order.
    ///
    /// # Panics
    /// If a position is not below n.
    pub fn select(&self, positions: &[u32]) -> Self {
        let mut pixels = Vec::with_capacity(positions.len() * IMAGE_BYTES);
        for &position in positions {
            pixels.extend_from_slice(self.image(position as usize));
        }
        let pick = |labels: &[u32]| positions.iter().map(|&position| labels[position as usize]).collect();
        Self { pixels: pixels.into(), labels: pick(&self.labels), clean_labels: pick(&self.clean_labels) }
    }

    /// The images of several splits, one after the other; each is copied once.
    pub(crate) fn joined(parts: Vec<Self>) -> Self {
        if let [_] = parts[..] {
            return parts.into_iter().next().unwrap_or_default();
        }
        let mut pixels = Vec::with_capacity(parts.iter().map(|part| part.pixels.len()).sum());
        let (mut labels, mut clean_labels) = (Vec::new(), Vec::new());
        for part in parts {
            pixels.extend_from_slice(&part.pixels);
            labels.extend(part.labels);
            clean_labels.extend(part.clean_labels);
        }
        Self { pixels: pixels.into(), labels, clean_labels }
    }
}
