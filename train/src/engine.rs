//! The seam to a tensor library, and the only one.
//!
//! An engine holds the data, the model and the optimizer on its device. [`Engine::step`] enqueues work and returns;
//! [`Engine::drain`] is the only device-to-host read of a training epoch. Everything an engine needs to know of a
//! step comes in as plain numbers, so that it can live in a device buffer and be replayed.
//!
//! A task describes what is to be trained as an [`EngineJob`] of host values; [`build`] makes the engine for it. An engine is
//! one folder here and one line in the list of [`mod@select`]: [`mod@burn`], for the CPU and every GPU that burn drives, and, behind
//! the Cargo feature of its name, `libtorch`, for the CPU and CUDA.

use std::ops::Range;
use std::path::PathBuf;

pub use aees_run::checkpoint::EngineState;
pub use aees_run::state::StepRecord;
pub use aees_tasks::Batch;

pub use crate::optimizer::StepControl;
use aees_run::settings::Precision;
pub use device::{DeviceChoice, EngineDevice, WorkCounts};
pub use job::{EngineData, EngineJob};
pub use select::{SelectError, Target, available, build, engines, select};

pub mod burn;
pub mod device;
mod guarded;
mod job;
#[cfg(feature = "libtorch")]
pub mod libtorch;
mod saved_state;
pub mod select;

/// Which examples to evaluate; none is augmented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Split {
    /// The training set.
    Train,
    /// The part of the training set that was held out.
    Validation,
    /// The test set.
    Test,
}

/// Something that trains one model on one device.
pub trait Engine: Send {
    /// Enqueues forward, backward and the optimizer step of a batch, and returns without waiting for any of it.
    ///
    /// A batch of more examples than the job's `batch_size` is taken in parts of that size. Each has a forward and a backward pass of its own, with
    /// batch normalisation over its own examples; the gradient is that of the mean loss over all of them.
    ///
    /// # Errors
    /// When the device refuses the work.
    fn step(&mut self, batch: Batch<'_>, control: &StepControl) -> Result<(), EngineError>;

    /// Reads what the steps since the last drain gave, in their order, and appends it to `records`.
    ///
    /// # Errors
    /// When the device failed in one of them.
    fn drain(&mut self, records: &mut Vec<StepRecord>) -> Result<(), EngineError>;

    /// Whether a step returns when it is done, with its results in host memory: then a drain costs nothing.
    fn is_synchronous(&self) -> bool;

    /// The predicted class of every example of a split, in the split's order.
    ///
    /// # Errors
    /// When the device refuses the work.
    fn predict(&mut self, split: Split) -> Result<Vec<u32>, EngineError>;

    /// The logits of some examples of a split as they are, one row of classes after the other, without augmentation and dropout.
    ///
    /// # Errors
    /// When the device refuses the work.
    fn logits(&mut self, split: Split, examples: Range<usize>) -> Result<Vec<f32>, EngineError>;

    /// Everything needed to go on.
    ///
    /// # Errors
    /// When the device cannot be read.
    fn save(&mut self) -> Result<EngineState, EngineError>;

    /// Goes on from a saved state: bit for bit on the CPU.
    ///
    /// # Errors
    /// When tensors are missing, left over or of another shape.
    fn load(&mut self, state: &EngineState) -> Result<(), EngineError>;

    /// What it has done on its device so far, as far as it counts it.
    fn work_counts(&self) -> WorkCounts {
        WorkCounts::default()
    }
}

/// A kind of engine: a tensor library with its devices.
pub trait EngineFactory: Sync {
    /// Its name as `--engine` takes it.
    fn name(&self) -> &'static str;

    /// The tensor library and its version.
    fn version(&self) -> &'static str;

    /// The precisions that it can compute in on one of its devices.
    fn precisions(&self, device: &EngineDevice) -> &'static [Precision];

    /// What the user should know of computing in a precision there.
    fn caveat(&self, _device: &EngineDevice, _precision: Precision) -> Option<&'static str> {
        None
    }

    /// The CPU, if it computes there.
    fn cpu(&self) -> Option<EngineDevice>;

    /// The GPUs that this build can use on this machine, best first.
    ///
    /// Asking opens drivers, so ask once.
    fn gpus(&self) -> Vec<EngineDevice>;

    /// The folders in which it keeps compiled kernels and what it has tuned, between runs.
    fn caches(&self) -> Vec<PathBuf> {
        Vec::new()
    }

    /// Seconds of the fastest of some products of two square matrices of this side, on a device and in a precision: what
    /// a training step is measured against.
    ///
    /// # Errors
    /// When the device refuses the work.
    fn product_seconds(&self, device: &EngineDevice, precision: Precision, side: usize) -> Result<f64, EngineError>;

    /// Why it can use no device of a kind, whatever the machine has; none if it can.
    fn lacks(&self, wanted: DeviceChoice) -> Option<String>;

    /// An engine for a job, on one of the devices and in one of the precisions.
    ///
    /// # Errors
    /// When the job is not for this kind of engine, its tensors do not fit the model, or the device refuses the work.
    fn build(
        &self,
        job: EngineJob,
        device: &EngineDevice,
        precision: Precision,
    ) -> Result<Box<dyn Engine>, EngineError>;
}

/// A way to take a step with less memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SmallerBatch {
    /// Examples of a forward pass.
    pub batch_size: usize,
    /// Forward passes whose gradients make the step: of the engine's last step, and in what a run says, of all its steps.
    pub parts: usize,
}

/// What an engine can fail with.
#[allow(missing_docs, reason = "a field's name says it")]
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The tensor library or the device gave up.
    #[error("the engine failed while it {activity}: {reason}")]
    Device { activity: &'static str, reason: String },
    /// The device has no memory left. `whole` says whether model and optimizer are as the last whole step left them, and can be
    /// saved; `fits`, how the step that failed was tried again and had memory enough.
    #[error("there was not enough memory while the engine {activity}: {reason}")]
    OutOfMemory { activity: &'static str, reason: String, whole: bool, fits: Option<SmallerBatch> },
    /// An example that the network cannot take, or the first of a batch with such a one.
    #[error("{split:?} example {example}: {reason}")]
    Example { split: Split, example: usize, reason: String },
    /// A job that this kind of engine cannot do.
    #[error("the engine {engine} cannot train this model on this data")]
    Job { engine: &'static str },
    /// Weights that cannot be read or do not fit the model.
    #[error("{0}")]
    Weights(String),
    /// A saved state that does not fit the model.
    #[error("the saved state does not fit the model: {0}")]
    State(String),
}

impl EngineError {
    /// What would fit, for steps of so many examples: the one that failed may have been the last of an epoch, and shorter.
    pub(crate) fn in_steps_of(mut self, examples: usize) -> Self {
        if let Self::OutOfMemory { fits: Some(SmallerBatch { batch_size, parts }), .. } = &mut self {
            *parts = examples.div_ceil(*batch_size);
        }
        self
    }
}
