//! One epoch: in which order the images come, and how each is cropped and flipped.
//!
//! A plan is a pure function of (seed, epoch, n), so a run can start at any batch of any epoch. The transform is the
//! reference's (torchvision `RandomCrop(32, padding=4)`, then `RandomHorizontalFlip(0.5)`): offsets uniform over 9 x 9. Its
//! random numbers are our own, because PyTorch's generators are not portable.

use crate::keyed_random::{Purpose, stream};

/// Zero pixels that are added on each side before the crop.
pub const PADDING: u8 = 4;

/// The positions of the crop in one direction.
const OFFSETS: u32 = 2 * PADDING as u32 + 1;

/// How one image is cropped and flipped. `dy = dx = 4` without a flip is the image itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CropFlip {
    /// First row of the crop in the padded image, 0 to 8.
    pub dy: u8,
    /// First column of the crop in the padded image, 0 to 8.
    pub dx: u8,
    /// Whether the crop is mirrored left to right.
    pub flip: bool,
}

impl CropFlip {
    /// Leaves an image as it is.
    pub const IDENTITY: Self = Self { dy: PADDING, dx: PADDING, flip: false };
}

/// The order and the augmentation of one epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EpochPlan {
    /// The example at each position, a permutation of `0..n`.
    pub order: Vec<u32>,
    /// The augmentation at each position, `[n]`.
    pub augmentations: Vec<CropFlip>,
}

/// A run of positions of an epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Batch<'plan> {
    /// The number of the batch in its epoch, from 0.
    pub index: usize,
    /// The examples.
    pub indices: &'plan [u32],
    /// Their augmentations, in the same order.
    pub augmentations: &'plan [CropFlip],
}

impl EpochPlan {
    /// The plan of an epoch (from 0) over `n` examples.
    #[must_use]
    pub fn new(seed: u64, epoch: u64, n: u32) -> Self {
        let mut order: Vec<u32> = (0..n).collect();
        stream(seed, Purpose::EpochOrder, epoch).shuffle(&mut order);
        let mut random = stream(seed, Purpose::Augmentation, epoch);
        let augmentations = (0..n)
            .map(|_| {
                let draw = random.below(2 * OFFSETS * OFFSETS);
                let place = draw / 2;
                CropFlip { dy: (place / OFFSETS) as u8, dx: (place % OFFSETS) as u8, flip: draw % 2 == 1 }
            })
            .collect();
        Self { order, augmentations }
    }

    /// The number of batches of an epoch, the short last one included.
    ///
    /// # Panics
    /// If `batch_size` is 0.
    #[must_use]
    pub fn batch_count(&self, batch_size: usize) -> usize {
        self.order.len().div_ceil(batch_size)
    }

    /// One batch; the last one of an epoch may be short (`drop_last=False`). `None` past the end.
    #[must_use]
    pub fn batch(&self, index: usize, batch_size: usize) -> Option<Batch<'_>> {
        let start = index.checked_mul(batch_size).filter(|&start| start < self.order.len())?;
        let end = start.saturating_add(batch_size).min(self.order.len());
        (start < end).then(|| Batch {
            index,
            indices: &self.order[start..end],
            augmentations: &self.augmentations[start..end],
        })
    }

    /// All batches in order. To resume at batch k: `.skip(k)`, or [`EpochPlan::batch`].
    pub fn batches(&self, batch_size: usize) -> impl Iterator<Item = Batch<'_>> {
        (0..).map_while(move |index| self.batch(index, batch_size))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_epoch_of_the_reference_has_391_batches_and_the_last_has_80() {
        let plan = EpochPlan::new(0, 0, 50_000);
        let sizes: Vec<usize> = plan.batches(128).map(|batch| batch.indices.len()).collect();
        assert_eq!((sizes.len(), sizes[0], sizes[390]), (391, 128, 80));
        assert_eq!(plan.batch_count(128), 391);
        assert_eq!(plan.batch(391, 128), None);
        assert_eq!(plan.batch(5, 128).unwrap(), plan.batches(128).nth(5).unwrap());
    }

    #[test]
    fn every_crop_and_flip_occurs_about_as_often() {
        let plan = EpochPlan::new(3, 1, 48_600);
        let mut counts = [0_u32; 162];
        for crop in &plan.augmentations {
            counts[(usize::from(crop.dy) * 9 + usize::from(crop.dx)) * 2 + usize::from(crop.flip)] += 1;
        }
        assert!(counts.iter().all(|&count| (200..400).contains(&count)), "{counts:?}");
    }

    #[test]
    fn epochs_and_seeds_differ() {
        let plan = EpochPlan::new(0, 0, 100);
        assert_ne!(plan.order, EpochPlan::new(0, 1, 100).order);
        assert_ne!(plan.order, EpochPlan::new(1, 0, 100).order);
        assert_ne!(plan.augmentations, EpochPlan::new(0, 1, 100).augmentations);
    }

    proptest! {
        #[test]
        fn batches_cover_each_example_once(seed: u64, epoch in 0_u64..1000, n in 0_u32..300, batch_size in 1_usize..50) {
            let plan = EpochPlan::new(seed, epoch, n);
            let mut seen: Vec<u32> = plan.batches(batch_size).flat_map(|batch| batch.indices.to_vec()).collect();
            prop_assert_eq!(&seen, &plan.order);
            seen.sort_unstable();
            prop_assert_eq!(seen, (0..n).collect::<Vec<_>>());
        }
    }
}
