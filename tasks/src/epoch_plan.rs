//! One epoch: in which order the examples come and, for images, how each is cropped and flipped.
//!
//! A plan is a pure function of (seed, epoch, n), so a run can start at any batch of any epoch; batches of similar lengths
//! depend on the lengths and the batch size as well. The transform is the
//! reference's (torchvision `RandomCrop(32, padding=4)`, then `RandomHorizontalFlip(0.5)`): offsets uniform over 9 x 9. Its
//! random numbers are our own, because PyTorch's generators are not portable.

use crate::keyed_random::{StreamPurpose, stream};

/// Zero pixels that are added on each side before the crop.
pub const PADDING: u8 = 4;

/// The positions of the crop in one direction.
const OFFSETS: u32 = 2 * PADDING as u32 + 1;

/// The batches among which examples of similar length are looked for: enough to fill batches with little padding, and
/// few enough that which examples meet in a batch stays a matter of chance.
const POOL_BATCHES: usize = 100;

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

/// The order and the augmentation of one epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EpochPlan {
    /// The example at each position, a permutation of `0..n`.
    pub order: Vec<u32>,
    /// The augmentation at each position, `[n]`; empty for examples that have none.
    pub augmentations: Vec<CropFlip>,
}

/// A run of positions of an epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Batch<'plan> {
    /// The number of the batch in its epoch, from 0.
    pub index: usize,
    /// The examples.
    pub indices: &'plan [u32],
    /// Their augmentations, in the same order; empty for examples that have none.
    pub augmentations: &'plan [CropFlip],
    /// The plan of the epoch, for whoever takes it over as a whole.
    pub plan: &'plan EpochPlan,
    /// The position of the first example in it.
    pub start: usize,
}

impl<'plan> Batch<'plan> {
    /// The batch in parts of so many examples, in order; the last may be shorter.
    pub fn parts(self, size: usize) -> impl Iterator<Item = Batch<'plan>> {
        let size = size.max(1);
        (0..self.indices.len()).step_by(size).map(move |first| {
            let part = first..first.saturating_add(size).min(self.indices.len());
            let augmentations = self.augmentations.get(part.clone()).unwrap_or_default();
            Batch { indices: &self.indices[part], augmentations, start: self.start + first, ..self }
        })
    }
}

impl EpochPlan {
    /// The plan of an epoch (from 0) over `n` examples.
    pub fn new(seed: u64, epoch: u64, n: u32) -> Self {
        let mut random = stream(seed, StreamPurpose::Augmentation, epoch);
        let augmentations = (0..n)
            .map(|_| {
                let draw = random.below(2 * OFFSETS * OFFSETS);
                let place = draw / 2;
                CropFlip { dy: (place / OFFSETS) as u8, dx: (place % OFFSETS) as u8, flip: draw % 2 == 1 }
            })
            .collect();
        Self { augmentations, ..Self::without_augmentation(seed, epoch, n) }
    }

    /// The same order for examples that are not augmented.
    pub fn without_augmentation(seed: u64, epoch: u64, n: u32) -> Self {
        let mut order: Vec<u32> = (0..n).collect();
        stream(seed, StreamPurpose::EpochOrder, epoch).shuffle(&mut order);
        Self { order, augmentations: Vec::new() }
    }

    /// An order whose batches of `batch_size` hold examples of similar length: `--bucket-by-length`.
    ///
    /// The order of [`EpochPlan::without_augmentation`] is cut into pools of 100 batches, each pool is sorted by length (equal
    /// ones stay in their order) and cut into batches, and the full batches of all pools are shuffled. A short last batch
    /// stays last.
    ///
    /// # Panics
    /// If `batch_size` is 0.
    pub fn by_length(seed: u64, epoch: u64, lengths: &[u32], batch_size: usize) -> Self {
        let mut plan = Self::without_augmentation(seed, epoch, lengths.len() as u32);
        for pool in plan.order.chunks_mut(batch_size.saturating_mul(POOL_BATCHES)) {
            pool.sort_by_key(|&example| lengths[example as usize]);
        }
        let full = plan.order.chunks_exact(batch_size);
        let short = full.remainder();
        let mut batches: Vec<&[u32]> = full.collect();
        stream(seed, StreamPurpose::BatchOrder, epoch).shuffle(&mut batches);
        let order = batches.into_iter().chain([short]).flatten().copied().collect();
        Self { order, augmentations: Vec::new() }
    }

    /// One batch; the last one of an epoch may be short (`drop_last=False`). `None` past the end.
    pub fn batch(&self, index: usize, batch_size: usize) -> Option<Batch<'_>> {
        let start = index.checked_mul(batch_size).filter(|&start| start < self.order.len())?;
        let end = start.saturating_add(batch_size).min(self.order.len());
        (start < end).then(|| Batch {
            index,
            indices: &self.order[start..end],
            augmentations: self.augmentations.get(start..end).unwrap_or_default(),
            plan: self,
            start,
        })
    }

    /// Whether a batch may be one of this plan: what it says of its positions is the same.
    pub fn holds(&self, batch: Batch<'_>) -> bool {
        let positions = batch.start..batch.start + batch.indices.len();
        self.order.get(positions.clone()) == Some(batch.indices)
            && self.augmentations.get(positions).unwrap_or_default() == batch.augmentations
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
        assert_eq!(plan.batches(128).count(), 391);
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

    /// The padding of all batches, as a share of the real positions.
    fn padding(plan: &EpochPlan, lengths: &[u32], batch_size: usize) -> f64 {
        let real: u64 = lengths.iter().map(|&length| u64::from(length)).sum();
        let padded = plan.batches(batch_size).map(|batch| {
            let longest = batch.indices.iter().map(|&example| lengths[example as usize]).max().unwrap_or(0);
            u64::from(longest) * batch.indices.len() as u64
        });
        padded.sum::<u64>() as f64 / real as f64 - 1.0
    }

    #[test]
    fn bucketing_takes_most_of_the_padding_of_phrases_away() {
        // Token counts with SST-2's quantiles: many short phrases, few long sentences.
        let quantiles = [3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 14, 16, 19, 22, 26, 35, 60];
        let mut random = stream(0, StreamPurpose::SyntheticTrain, 0);
        let lengths: Vec<u32> = (0..20_000)
            .map(|_| {
                let cell = random.below(16) as usize;
                quantiles[cell] + random.below(quantiles[cell + 1] - quantiles[cell])
            })
            .collect();
        let random_order = padding(&EpochPlan::without_augmentation(0, 0, 20_000), &lengths, 16);
        let by_length = padding(&EpochPlan::by_length(0, 0, &lengths, 16), &lengths, 16);
        assert!(random_order > 1.2 && by_length < 0.06, "{random_order} {by_length}");
    }

    #[test]
    fn lengths_decide_batches_and_not_their_order() {
        let lengths: Vec<u32> = (0..400).map(|example| example % 50).collect();
        let plan = EpochPlan::by_length(1, 2, &lengths, 8);
        assert_eq!(plan, EpochPlan::by_length(1, 2, &lengths, 8));
        assert_ne!(plan.order, EpochPlan::by_length(1, 3, &lengths, 8).order);
        assert_ne!(plan.order, EpochPlan::by_length(2, 2, &lengths, 8).order);
        let firsts: Vec<u32> = plan.batches(8).map(|batch| lengths[batch.indices[0] as usize]).collect();
        assert!(!firsts.is_sorted(), "batches come in order of length");
    }

    #[test]
    fn the_order_does_not_depend_on_augmentation() {
        let plain = EpochPlan::without_augmentation(4, 9, 100);
        assert_eq!(plain.order, EpochPlan::new(4, 9, 100).order);
        assert_eq!(plain.batch(3, 32).map(|batch| (batch.indices.len(), batch.augmentations.len())), Some((4, 0)));
    }

    proptest! {
        #[test]
        fn bucketed_batches_cover_each_example_once(
            seed: u64,
            epoch in 0_u64..1000,
            lengths in prop::collection::vec(0_u32..60, 0..900),
            batch_size in 1_usize..9,
        ) {
            let plan = EpochPlan::by_length(seed, epoch, &lengths, batch_size);
            let mut seen = plan.order.clone();
            seen.sort_unstable();
            prop_assert_eq!(seen, (0..lengths.len() as u32).collect::<Vec<_>>());
            let short = lengths.len() % batch_size;
            let last = plan.batches(batch_size).last().map_or(0, |batch| batch.indices.len());
            prop_assert_eq!(last, if short == 0 { batch_size.min(lengths.len()) } else { short });
        }

        #[test]
        fn the_parts_of_a_batch_are_the_smaller_batches_of_its_plan(seed: u64, n in 1_u32..300, size in 1_usize..20, count in 1_usize..6) {
            let plan = EpochPlan::new(seed, 0, n);
            let parts: Vec<Batch<'_>> = plan.batches(size * count).flat_map(|batch| batch.parts(size)).collect();
            let smaller: Vec<Batch<'_>> = plan.batches(size).collect();
            prop_assert_eq!(parts.len(), smaller.len());
            for (part, smaller) in parts.iter().zip(&smaller) {
                prop_assert_eq!(part, &Batch { index: part.index, ..*smaller });
            }
        }

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
