//! Images on a GPU: pixels and labels are uploaded once, and the order, crops and flips of an epoch once when it begins. A
//! step uploads nothing: a kernel picks, crops, flips and normalises its images and picks their labels.

use std::ops::Range;

use aees_tasks::{Batch, CHANNELS, Cifar100, CropFlip, EpochPlan, ImageSplit, Normalization, SIDE};
use burn::tensor::{DType, Device, Int, Tensor};
use cubecl::prelude::{CubeDim, SequenceArg};

use super::engine::Workload;
use super::kernels::crop::{PADDING, UNITS, VALUES, crop};
use super::kernels::operation::{StreamTensor, cubes, empty, enqueue, from_floats, from_integers};
use super::resident_plan::{ResidentPlan, upload};
use crate::engine::{EngineError, Split};

/// Images in a GPU's memory.
pub(super) struct ResidentImages {
    /// Mean and deviation of each channel.
    scales: [f32; 2 * CHANNELS],
    /// The device without gradients.
    device: Device,
    train: ResidentSplit,
    validation: Option<ResidentSplit>,
    test: ResidentSplit,
    plan: ResidentPlan,
}

/// One split.
#[derive(Clone)]
struct ResidentSplit {
    /// Four bytes a word.
    pixels: StreamTensor,
    labels: StreamTensor,
}

impl ResidentImages {
    /// Uploads the images to a device; `device` is the one without gradients.
    ///
    /// # Errors
    /// When it is not a device for kernels of our own.
    pub(super) fn new(data: &Cifar100, device: &Device) -> Result<Self, EngineError> {
        let normalization = Normalization::cifar100();
        let (mean, deviation) = (normalization.mean(), normalization.std());
        let scales = std::array::from_fn(|index| match index {
            0..CHANNELS => mean[index],
            _ => deviation[index - CHANNELS],
        });
        Ok(Self {
            train: ResidentSplit::upload(&data.train, device)?,
            validation: data.validation.as_ref().map(|images| ResidentSplit::upload(images, device)).transpose()?,
            test: ResidentSplit::upload(&data.test, device)?,
            scales,
            device: device.clone(),
            plan: ResidentPlan::default(),
        })
    }

    /// Images `[examples, 3, 32, 32]` and labels `[examples]` from a position of a plan, or of a split, on.
    fn batch(
        &self,
        split: &ResidentSplit,
        plan: Option<&StreamTensor>,
        first: usize,
        examples: usize,
    ) -> (Tensor<4>, Tensor<1, Int>) {
        let (scales, planned) = (self.scales, plan.is_some());
        let shape = [examples, CHANNELS, SIDE, SIDE];
        let outputs = vec![(shape.into(), DType::F32), ([examples].into(), DType::I32)];
        let words = plan.unwrap_or(&split.labels).clone();
        let inputs = vec![split.pixels.clone(), split.labels.clone(), words];
        let mut made = enqueue("aees_crop", inputs, outputs, move |inputs| {
            let mut inputs = inputs.into_iter();
            let (Some(pixels), Some(labels), Some(plan)) = (inputs.next(), inputs.next(), inputs.next()) else {
                return Vec::new();
            };
            let (images, picked) = (empty(&pixels, shape, DType::F32), empty(&pixels, [examples], DType::I32));
            let elements = examples * VALUES as usize;
            crop::launch(
                &pixels.client.clone(),
                cubes(elements, UNITS),
                CubeDim::new_1d(UNITS),
                pixels.into_buffer_arg(),
                labels.into_buffer_arg(),
                plan.into_buffer_arg(),
                images.clone().into_buffer_arg(),
                picked.clone().into_buffer_arg(),
                SequenceArg { values: scales.into_iter().collect() },
                first as u32,
                examples as u32,
                planned,
            );
            vec![images, picked]
        });
        let labels = from_integers(made.swap_remove(1));
        (from_floats(made.swap_remove(0)), labels)
    }

    fn split(&self, split: Split) -> Option<&ResidentSplit> {
        match split {
            Split::Train => Some(&self.train),
            Split::Validation => self.validation.as_ref(),
            Split::Test => Some(&self.test),
        }
    }
}

impl ResidentSplit {
    fn upload(images: &ImageSplit, device: &Device) -> Result<Self, EngineError> {
        let words =
            images.pixels().chunks_exact(4).map(|bytes| u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]));
        Ok(Self { pixels: upload(words.collect(), device)?, labels: upload(images.labels().to_vec(), device)? })
    }
}

impl Workload for ResidentImages {
    type Input = Tensor<4>;

    fn training_batch(&mut self, batch: Batch<'_>, _key: u64) -> Result<(Tensor<4>, Tensor<1, Int>), EngineError> {
        let plan = self.plan.of(batch, &self.device, words)?;
        let (images, labels) = self.batch(&self.train, Some(&plan), batch.start, batch.indices.len());
        Ok((Tensor::from_inner(images), Tensor::from_inner(labels)))
    }

    fn evaluation_batch(&mut self, of: Split, examples: Range<usize>) -> Result<Tensor<4>, EngineError> {
        let Some(split) = self.split(of) else {
            return Ok(Tensor::zeros([0, CHANNELS, SIDE, SIDE], &self.device));
        };
        Ok(self.batch(split, None, examples.start, examples.len()).0)
    }
}

/// Two words for each position, as the kernel reads them.
fn words(plan: &EpochPlan) -> Vec<u32> {
    let augmentation = |crop: &CropFlip| u32::from(crop.dy) + 16 * u32::from(crop.dx) + 256 * u32::from(crop.flip);
    let word = |position: usize| plan.augmentations.get(position).map_or(17 * PADDING, augmentation);
    plan.order.iter().enumerate().flat_map(|(position, example)| [*example, word(position)]).collect()
}
