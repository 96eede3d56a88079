//! Images: how pixels become batches on a device, and the networks for them.
//!
//! On the CPU a batch is cropped, flipped and normalised by [`aees_tasks`] straight into the buffer that becomes the
//! tensor: one pass over bytes that are in cache. On a GPU the pixels are uploaded once; a step sends only indices, crop
//! offsets and flips (16 bytes an image), and the device gathers.

use std::ops::Range;
use std::sync::Arc;

use aees_models::burn::ResNet18;
use aees_tasks::{Batch, Cifar100, ImageSplit, Normalization, augment_batch, normalize_batch};
use burn::tensor::{Device, Int, Tensor, TensorData};

use super::engine::{Network, Workload};
use crate::engine::{EngineError, Split};

const CHANNELS: usize = 3;
const SIDE: usize = 32;
const PADDING: usize = 4;
const PIXELS: usize = CHANNELS * SIDE * SIDE;

/// Images, wherever they lie.
pub(super) struct ImageWorkload {
    data: Arc<Cifar100>,
    normalization: Normalization,
    /// The device with gradients.
    training: Device,
    /// The same device without.
    evaluation: Device,
    /// The pixels of all splits on a GPU; absent on the CPU.
    resident: Option<ResidentPixels>,
}

/// Pixels on a device, each split `[n, 3072]` in 0..1.
struct ResidentPixels {
    train: Tensor<2>,
    validation: Option<Tensor<2>>,
    test: Tensor<2>,
}

impl ResidentPixels {
    fn upload(data: &Cifar100, device: &Device) -> Self {
        Self {
            train: upload(&data.train, device),
            validation: data.validation.as_ref().map(|images| upload(images, device)),
            test: upload(&data.test, device),
        }
    }

    fn of(&self, split: Split) -> Option<&Tensor<2>> {
        match split {
            Split::Train => Some(&self.train),
            Split::Validation => self.validation.as_ref(),
            Split::Test => Some(&self.test),
        }
    }
}

impl ImageWorkload {
    /// The images for a device; `device` is the one without gradients.
    pub(super) fn new(data: Arc<Cifar100>, device: &Device, resident: bool) -> Self {
        let resident = resident.then(|| ResidentPixels::upload(&data, device));
        let (training, evaluation) = (device.clone().autodiff(), device.clone());
        Self { data, normalization: Normalization::cifar100(), training, evaluation, resident }
    }

    fn split(&self, split: Split) -> Option<&ImageSplit> {
        match split {
            Split::Train => Some(&self.data.train),
            Split::Validation => self.data.validation.as_ref(),
            Split::Test => Some(&self.data.test),
        }
    }

    /// Subtracts the mean and divides by the deviation, on the device.
    fn normalize(&self, images: Tensor<4>) -> Tensor<4> {
        let per_channel =
            |values: [f32; CHANNELS]| Tensor::<1>::from_floats(values, &self.evaluation).reshape([1, CHANNELS, 1, 1]);
        (images - per_channel(self.normalization.mean())) / per_channel(self.normalization.std())
    }
}

impl Workload for ImageWorkload {
    type Input = Tensor<4>;

    fn training_batch(&mut self, batch: Batch<'_>, _step: u64) -> Result<(Tensor<4>, Tensor<1, Int>), EngineError> {
        let examples = batch.indices.len();
        let images = match &self.resident {
            Some(pixels) => Tensor::from_inner(self.normalize(crop_on_device(&pixels.train, batch, &self.evaluation))),
            None => {
                let mut values = vec![0.0; examples * PIXELS];
                augment_batch(&self.data.train, batch.indices, batch.augmentations, &self.normalization, &mut values);
                Tensor::from_data(TensorData::new(values, [examples, CHANNELS, SIDE, SIDE]), &self.training)
            }
        };
        let labels = self.data.train.labels();
        let labels: Vec<i32> = batch.indices.iter().map(|index| labels[*index as usize] as i32).collect();
        Ok((images, Tensor::from_data(TensorData::new(labels, [examples]), &self.training)))
    }

    fn evaluation_batch(&mut self, split: Split, examples: Range<usize>) -> Result<Tensor<4>, EngineError> {
        if let Some(pixels) = self.resident.as_ref().and_then(|resident| resident.of(split)) {
            let count = examples.len();
            let images = pixels.clone().slice([examples]).reshape([count, CHANNELS, SIDE, SIDE]);
            return Ok(self.normalize(images));
        }
        let indices: Vec<u32> = examples.map(|index| index as u32).collect();
        let mut values = vec![0.0; indices.len() * PIXELS];
        if let Some(images) = self.split(split) {
            normalize_batch(images, &indices, &self.normalization, &mut values);
        }
        Ok(Tensor::from_data(TensorData::new(values, [indices.len(), CHANNELS, SIDE, SIDE]), &self.evaluation))
    }

    fn examples(&self, split: Split) -> usize {
        self.split(split).map_or(0, ImageSplit::len)
    }
}

impl Network<Tensor<4>> for ResNet18 {
    fn logits(&self, input: Tensor<4>) -> Tensor<2> {
        self.forward(input)
    }
}

fn upload(images: &ImageSplit, device: &Device) -> Tensor<2> {
    let values: Vec<f32> = images.pixels().iter().map(|byte| f32::from(*byte) / 255.0).collect();
    Tensor::from_data(TensorData::new(values, [images.len(), PIXELS]), device)
}

/// Picks, pads, crops and flips on the device: `[batch, 3, 32, 32]` in 0..1.
fn crop_on_device(pixels: &Tensor<2>, batch: Batch<'_>, device: &Device) -> Tensor<4> {
    let count = batch.indices.len();
    let integers = |values: Vec<i32>| Tensor::<1, Int>::from_data(TensorData::new(values, [count]), device);
    let per_image = |value: fn(&aees_tasks::CropFlip) -> i32| {
        integers(batch.augmentations.iter().map(value).collect()).reshape([count, 1, 1, 1])
    };
    let rows = per_image(|crop| i32::from(crop.dy));
    let columns = per_image(|crop| i32::from(crop.dx));
    let flips = per_image(|crop| i32::from(crop.flip));
    let indices = integers(batch.indices.iter().map(|index| *index as i32).collect());
    let images = pixels.clone().select(0, indices).reshape([count, CHANNELS, SIDE, SIDE]);
    let images = images.pad((PADDING, PADDING, PADDING, PADDING), 0.0_f32);
    let padded = SIDE + 2 * PADDING;

    // A flipped crop reads its columns from the right: x becomes 31 - x, or x + flip * (31 - 2 x).
    let positions = || Tensor::<1, Int>::arange(0..SIDE as i64, device);
    let across = positions().reshape([1, 1, 1, SIDE]);
    let mirrored = (across.clone() * -2 + (SIDE as i32 - 1)) * flips;
    let columns = (across + mirrored + columns).expand([count, CHANNELS, padded, SIDE]);
    let rows = (positions().reshape([1, 1, SIDE, 1]) + rows).expand([count, CHANNELS, SIDE, SIDE]);
    images.gather(3, columns).gather(2, rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use aees_tasks::{Cifar100Config, DataSource, EpochPlan};

    #[test]
    fn the_device_crops_as_the_host_does() {
        let config = Cifar100Config {
            source: DataSource::Synthetic,
            limit_train: Some(200),
            limit_eval: Some(100),
            ..Cifar100Config::default()
        };
        let data = Arc::new(config.load().unwrap());
        let device = Device::flex();
        let plan = EpochPlan::new(3, 0, 200);
        let batch = plan.batch(0, 64).unwrap();
        let mut on_host = ImageWorkload::new(data.clone(), &device, false);
        let mut resident = ImageWorkload::new(data, &device, true);
        let difference = |a: Tensor<4>, b: Tensor<4>| (a - b).abs().max().into_scalar::<f32>();
        let ((host, labels), (device, same)) =
            (on_host.training_batch(batch, 0).unwrap(), resident.training_batch(batch, 0).unwrap());
        assert!(difference(host.inner(), device.inner()) < 1e-6);
        labels.into_data().assert_eq(&same.into_data(), true);
        for split in [Split::Train, Split::Test] {
            let (host, device) = (on_host.evaluation_batch(split, 30..70), resident.evaluation_batch(split, 30..70));
            assert!(difference(host.unwrap(), device.unwrap()) < 1e-6, "{split:?}");
        }
    }
}
