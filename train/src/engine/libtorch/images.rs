//! Images for ResNet-18: how pixels become batches on a device.
//!
//! On the CPU a batch is cropped, flipped and normalised by [`aees_tasks`] straight into the tensor's memory. On a GPU the pixels
//! are uploaded once, an epoch's order, crops and flips with its first step, and the device gathers.

use std::ops::Range;
use std::sync::Arc;

use aees_models::libtorch::shim::host_values_mut;
use aees_models::libtorch::{NetworkTensors, ResNet18};
use aees_models::{ResNet18Config, WeightError};
use aees_tasks::{Batch, Cifar100, CropFlip, EpochPlan, ImageSplit, Normalization, augment_batch, normalize_batch};
use tch::{Device, Kind, Tensor, no_grad};

use super::engine::Workload;
use super::failed;
use crate::engine::{EngineError, Split};

const CHANNELS: i64 = 3;
const SIDE: i64 = 32;
const PADDING: i64 = 4;

/// ResNet-18 and its images, wherever they lie.
pub(super) struct ImageWorkload {
    network: ResNet18,
    data: Arc<Cifar100>,
    normalization: Normalization,
    device: Device,
    /// What a GPU keeps; absent on the CPU.
    resident: Option<Resident>,
}

/// Images on a device.
struct Resident {
    /// Each split `[n, 3, 32, 32]` of bytes; the training set has its margin already.
    train: Tensor,
    padded: Tensor,
    validation: Option<Tensor>,
    test: Tensor,
    /// Of the training set: `[n]`.
    labels: Tensor,
    /// `[1, 3, 1, 1]` each.
    mean: Tensor,
    deviation: Tensor,
    /// The plan that was uploaded last: examples, rows, columns and flips, `[4, n]`.
    plan: Option<(EpochPlan, Tensor)>,
    /// A batch of the plan, always in the same memory: `[4, batch]`.
    staged: Option<Tensor>,
}

impl ImageWorkload {
    /// The network over these tensors, on a device.
    pub(super) fn new(
        config: &ResNet18Config,
        tensors: &NetworkTensors,
        data: Arc<Cifar100>,
        device: Device,
    ) -> Result<Self, WeightError> {
        let network = ResNet18::new(config, tensors)?;
        let normalization = Normalization::cifar100();
        let resident = (device != Device::Cpu).then(|| Resident::upload(&data, &normalization, device));
        Ok(Self { network, data, normalization, device, resident })
    }

    /// A batch `[count, 3, 32, 32]` that is filled in host memory.
    fn on_host(&self, count: usize, fill: impl FnOnce(&mut [f32])) -> Result<Tensor, EngineError> {
        let mut images = Tensor::empty([count as i64, CHANNELS, SIDE, SIDE], (Kind::Float, Device::Cpu));
        fill(host_values_mut(&mut images).map_err(failed("made a batch"))?);
        Ok(images)
    }
}

impl Workload for ImageWorkload {
    fn training(&mut self, batch: Batch<'_>, _key: u64) -> Result<(Tensor, Tensor), EngineError> {
        let (images, labels) = match &mut self.resident {
            Some(resident) => no_grad(|| {
                let words = resident.planned(batch);
                resident.crop(&words)
            }),
            None => {
                let Batch { indices, augmentations, .. } = batch;
                let data = &self.data.train;
                let images = self.on_host(indices.len(), |out| {
                    augment_batch(data, indices, augmentations, &self.normalization, out);
                })?;
                let labels: Vec<i64> = indices.iter().map(|index| i64::from(data.labels()[*index as usize])).collect();
                (images, Tensor::from_slice(&labels).to_device(self.device))
            }
        };
        Ok((self.network.forward(&images, true).map_err(failed("trained"))?, labels))
    }

    fn stage(&mut self, batch: Batch<'_>) -> bool {
        self.resident.as_mut().map(|resident| no_grad(|| resident.stage(batch))).is_some()
    }

    fn staged(&mut self) -> Result<Option<(Tensor, Tensor)>, EngineError> {
        let Some(resident) = &self.resident else { return Ok(None) };
        let Some(words) = &resident.staged else { return Ok(None) };
        let (images, labels) = no_grad(|| resident.crop(words));
        Ok(Some((self.network.forward(&images, true).map_err(failed("trained"))?, labels)))
    }

    fn evaluation(&mut self, split: Split, examples: Range<usize>) -> Result<Tensor, EngineError> {
        let images = match self.resident.as_ref().and_then(|resident| resident.of(split)) {
            Some((images, resident)) => {
                resident.normalize(images.narrow(0, examples.start as i64, examples.len() as i64))
            }
            None => {
                let indices: Vec<u32> = examples.map(|index| index as u32).collect();
                self.on_host(indices.len(), |out| {
                    if let Some(images) = split.images(&self.data) {
                        normalize_batch(images, &indices, &self.normalization, out);
                    }
                })?
            }
        };
        self.network.forward(&images, false).map_err(failed("evaluated"))
    }

    fn examples(&self, split: Split) -> usize {
        split.images(&self.data).map_or(0, ImageSplit::len)
    }
}

impl Resident {
    fn upload(data: &Cifar100, normalization: &Normalization, device: Device) -> Self {
        let pixels = |images: &ImageSplit| {
            Tensor::from_slice(images.pixels()).view([-1, CHANNELS, SIDE, SIDE]).to_device(device)
        };
        let per_channel = |values: [f32; 3]| Tensor::from_slice(&values).view([1, CHANNELS, 1, 1]).to_device(device);
        let labels: Vec<i64> = data.train.labels().iter().map(|label| i64::from(*label)).collect();
        let train = pixels(&data.train);
        Self {
            padded: train.constant_pad_nd([PADDING; 4]),
            train,
            validation: data.validation.as_ref().map(pixels),
            test: pixels(&data.test),
            labels: Tensor::from_slice(&labels).to_device(device),
            mean: per_channel(normalization.mean()),
            deviation: per_channel(normalization.std()),
            plan: None,
            staged: None,
        }
    }

    fn of(&self, split: Split) -> Option<(&Tensor, &Self)> {
        let images = match split {
            Split::Train => Some(&self.train),
            Split::Validation => self.validation.as_ref(),
            Split::Test => Some(&self.test),
        };
        images.map(|images| (images, self))
    }

    /// Divides bytes by 255, subtracts the mean and divides by the deviation.
    fn normalize(&self, bytes: Tensor) -> Tensor {
        (bytes.to_kind(Kind::Float) / 255.0 - &self.mean) / &self.deviation
    }

    /// The examples of a batch, and how each is cropped: four rows of the plan on the device, `[4, batch]`.
    fn planned(&mut self, batch: Batch<'_>) -> Tensor {
        let device = self.labels.device();
        let upload = || {
            let EpochPlan { order, augmentations } = batch.plan;
            let examples = order.iter().map(|index| i64::from(*index));
            let crops: [fn(&CropFlip) -> i64; 3] =
                [|crop| crop.dy.into(), |crop| crop.dx.into(), |crop| crop.flip.into()];
            let crops = crops.iter().flat_map(|value| augmentations.iter().map(value));
            let words: Vec<i64> = examples.chain(crops).collect();
            (batch.plan.clone(), Tensor::from_slice(&words).view([4, -1]).to_device(device))
        };
        let last = self.plan.take().filter(|(plan, _)| plan.holds(batch)).unwrap_or_else(upload);
        let (_, words) = self.plan.insert(last);
        words.narrow(1, batch.start as i64, batch.indices.len() as i64)
    }

    /// Puts a batch where those before it of its size lay.
    fn stage(&mut self, batch: Batch<'_>) {
        let words = self.planned(batch);
        match self.staged.as_mut().filter(|staged| staged.size() == words.size()) {
            Some(staged) => staged.copy_(&words),
            None => self.staged = Some(words.copy()),
        }
    }

    /// Picks, crops and flips on the device what rows of a plan say: images and labels.
    fn crop(&self, words: &Tensor) -> (Tensor, Tensor) {
        let device = self.labels.device();
        let [indices, rows, columns, flips] = [0, 1, 2, 3].map(|row| words.get(row));
        let [rows, columns, flips] = [rows, columns, flips].map(|values| values.view([-1, 1, 1, 1]));
        let count = indices.size()[0];
        let images = self.padded.index_select(0, &indices);
        // A flipped crop reads its columns from the right: x becomes 31 - x, or x + flip * (31 - 2 x).
        let positions = Tensor::arange(SIDE, (Kind::Int64, device));
        let across = positions.view([1, 1, 1, SIDE]);
        let columns = (&across + (&across * -2 + (SIDE - 1)) * flips + columns)
            .expand([count, CHANNELS, SIDE + 2 * PADDING, SIDE], false);
        let rows = (positions.view([1, 1, SIDE, 1]) + rows).expand([count, CHANNELS, SIDE, SIDE], false);
        let images = images.gather(3, &columns, false).gather(2, &rows, false);
        (self.normalize(images), self.labels.index_select(0, &indices))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aees_tasks::{Cifar100Config, DataSource};

    #[test]
    fn a_device_crops_as_the_host_does() {
        let config = Cifar100Config {
            source: DataSource::Synthetic,
            limit_train: Some(200),
            limit_eval: Some(100),
            ..Cifar100Config::default()
        };
        let data = config.load().unwrap();
        let normalization = Normalization::cifar100();
        let mut resident = Resident::upload(&data, &normalization, Device::Cpu);
        // Two epochs, and a batch in the middle of each.
        for (epoch, index) in [(0, 0), (0, 2), (1, 2), (0, 1)] {
            let plan = EpochPlan::new(3, epoch, 200);
            let batch = plan.batch(index, 64).unwrap();
            resident.stage(batch);
            let (images, labels) = resident.crop(resident.staged.as_ref().unwrap());
            let mut expected = vec![0.0; 64 * 3072];
            augment_batch(&data.train, batch.indices, batch.augmentations, &normalization, &mut expected);
            let difference = (images.flatten(0, -1) - Tensor::from_slice(&expected)).abs().max().double_value(&[]);
            assert!(difference < 1e-6, "{difference}");
            let expected: Vec<i64> =
                batch.indices.iter().map(|index| data.train.labels()[*index as usize].into()).collect();
            assert!(labels == Tensor::from_slice(&expected));
        }
        let (all, _) = resident.of(Split::Test).unwrap();
        let mut expected = vec![0.0; 40 * 3072];
        normalize_batch(&data.test, &(30..70).collect::<Vec<_>>(), &normalization, &mut expected);
        let found = resident.normalize(all.narrow(0, 30, 40)).flatten(0, -1);
        assert!((found - Tensor::from_slice(&expected)).abs().max().double_value(&[]) < 1e-6);
    }
}
