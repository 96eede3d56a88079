//! The numbers of one step as one small tensor on the device.
//!
//! Everything that changes from step to step is read from this block, so that the operations of a step are the same each
//! time and a recorded graph of them could be replayed after a new upload. Constants of the run (betas, epsilon, momentum,
//! weight decay of SGD, the noise key) are not in it.

use burn::Tensor;
use burn::tensor::{DType, Device, Int, TensorData};

use crate::engine::burn::philox::Word;
use crate::optimizer::{StepControl, StepRule};

/// Entries of the block.
const ENTRIES: usize = 8;

/// The uploaded block, entry by entry, each of shape `[1]`. Each is cut out once: fusion ends at a slice.
#[derive(Clone, Debug)]
pub(super) struct ControlBlock {
    scalars: [Tensor<1>; STEP],
    step: [Tensor<1, Int>; ENTRIES - STEP],
}

/// What an entry holds. Entries that a rule does not use are 0.
#[derive(Clone, Copy, Debug)]
pub(super) enum ControlEntry {
    /// What AdamW's weight decay leaves of a parameter.
    Decay = 0,
    /// Learning rate, for AdamW with the first bias correction.
    StepSize = 1,
    /// AdamW's second bias correction.
    SquareCorrection = 2,
    /// Standard deviation of the gradient noise.
    NoiseStd = 3,
}

/// The step number follows, in four pieces of 16 bits from the lowest: `f32` holds those exactly.
const STEP: usize = 4;

impl ControlBlock {
    /// Uploads the numbers of one step.
    pub(super) fn upload(rule: &StepRule, control: &StepControl, device: &Device) -> Self {
        let mut block = [0.0_f32; ENTRIES];
        let mut set = |entry: ControlEntry, value: f32| block[entry as usize] = value;
        match rule {
            StepRule::AdamW(rule) => {
                set(ControlEntry::Decay, rule.decay);
                set(ControlEntry::StepSize, rule.step_size);
                set(ControlEntry::SquareCorrection, rule.square_correction);
            }
            StepRule::Momentum(rule) => set(ControlEntry::StepSize, rule.plain.learning_rate),
            StepRule::Sgd(rule) => set(ControlEntry::StepSize, rule.learning_rate),
        }
        set(ControlEntry::NoiseStd, control.noise_std as f32);
        for (piece, entry) in block[STEP..].iter_mut().enumerate() {
            *entry = ((control.step >> (16 * piece)) & 0xffff) as f32;
        }
        let block = Tensor::<1>::from_data(TensorData::from(block), (device, DType::F32));
        let entry = |index: usize| block.clone().narrow(0, index, 1);
        Self {
            scalars: std::array::from_fn(entry),
            step: std::array::from_fn(|piece| entry(STEP + piece).int().cast(DType::I32)),
        }
    }

    /// One number, of shape `[1]`.
    pub(super) fn get(&self, entry: ControlEntry) -> Tensor<1> {
        self.scalars[entry as usize].clone()
    }

    /// The low and the high word of the step number, each of shape `[1]`.
    pub(super) fn step(&self) -> [Word; 2] {
        let [lowest, low, high, highest] = self.step.clone();
        [Word { low: lowest, high: low }, Word { low: high, high: highest }]
    }
}
