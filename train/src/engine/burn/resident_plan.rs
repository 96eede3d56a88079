//! The plan of an epoch on a GPU: uploaded once, when its first batch comes.

use aees_tasks::{Batch, EpochPlan};
use burn::tensor::{DType, Device, Int, Tensor, TensorData};

use super::kernels::operation::{StreamTensor, foreign, integers};
use crate::engine::EngineError;

/// The plan that was uploaded last.
#[derive(Default)]
pub(super) struct ResidentPlan {
    last: Option<(EpochPlan, StreamTensor)>,
}

impl ResidentPlan {
    /// The words of the plan that a batch is of, as `words` tells them.
    ///
    /// # Errors
    /// When they cannot be uploaded.
    pub(super) fn of(
        &mut self,
        batch: Batch<'_>,
        device: &Device,
        words: impl FnOnce(&EpochPlan) -> Vec<u32>,
    ) -> Result<StreamTensor, EngineError> {
        let last = match self.last.take().filter(|(plan, _)| plan.holds(batch)) {
            Some(last) => last,
            None => (batch.plan.clone(), upload(words(batch.plan), device)?),
        };
        Ok(self.last.insert(last).1.clone())
    }
}

/// Words, as integers of 32 bits.
///
/// # Errors
/// When it is not a device for kernels of our own.
pub(super) fn upload(words: Vec<u32>, device: &Device) -> Result<StreamTensor, EngineError> {
    let length = words.len();
    let words: Vec<i32> = words.into_iter().map(u32::cast_signed).collect();
    let tensor = Tensor::<1, Int>::from_data(TensorData::new(words, [length]), (device, DType::I32));
    integers(tensor).map_err(foreign("uploaded its data"))
}
