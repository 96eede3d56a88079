//! Images on the CPU: how pixels become batches, and the networks for them.
//!
//! A batch is cropped, flipped and normalised by [`aees_tasks`] straight into the buffer that becomes the tensor: one pass
//! over bytes that are in cache. On a GPU the work is that of `resident_images.rs`.

use std::ops::Range;
use std::sync::Arc;

use aees_models::burn::ResNet18;
use aees_tasks::{Batch, CHANNELS, Cifar100, IMAGE_BYTES, Normalization, SIDE, augment_batch, normalize_batch};
use burn::tensor::{Device, Int, Tensor, TensorData};

use super::engine::{Network, Workload};
use crate::engine::{EngineError, Split};

/// Images in host memory.
pub(super) struct ImageWorkload {
    data: Arc<Cifar100>,
    normalization: Normalization,
    /// The device with gradients.
    training: Device,
    /// The same device without.
    evaluation: Device,
}

impl ImageWorkload {
    /// The images for a device; `device` is the one without gradients.
    pub(super) fn new(data: Arc<Cifar100>, device: &Device) -> Self {
        let (training, evaluation) = (device.clone().autodiff(), device.clone());
        Self { data, normalization: Normalization::cifar100(), training, evaluation }
    }
}

impl Workload for ImageWorkload {
    type Input = Tensor<4>;

    fn training_batch(&mut self, batch: Batch<'_>, _key: u64) -> Result<(Tensor<4>, Tensor<1, Int>), EngineError> {
        let examples = batch.indices.len();
        let mut values = vec![0.0; examples * IMAGE_BYTES];
        augment_batch(&self.data.train, batch.indices, batch.augmentations, &self.normalization, &mut values);
        let images = Tensor::from_data(TensorData::new(values, [examples, CHANNELS, SIDE, SIDE]), &self.training);
        let labels = self.data.train.labels();
        let labels: Vec<i32> = batch.indices.iter().map(|index| labels[*index as usize] as i32).collect();
        Ok((images, Tensor::from_data(TensorData::new(labels, [examples]), &self.training)))
    }

    fn evaluation_batch(&mut self, split: Split, examples: Range<usize>) -> Result<Tensor<4>, EngineError> {
        let indices: Vec<u32> = examples.map(|index| index as u32).collect();
        let mut values = vec![0.0; indices.len() * IMAGE_BYTES];
        if let Some(images) = split.images(&self.data) {
            normalize_batch(images, &indices, &self.normalization, &mut values);
        }
        Ok(Tensor::from_data(TensorData::new(values, [indices.len(), CHANNELS, SIDE, SIDE]), &self.evaluation))
    }
}

impl Network<Tensor<4>> for ResNet18 {
    fn logits(&self, input: Tensor<4>) -> Tensor<2> {
        self.forward(input)
    }
}
