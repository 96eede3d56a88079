//! The seam to a tensor library, and the only one.
//!
//! An engine holds the data, the model and the optimizer on its device. [`Engine::step`] enqueues work and returns;
//! [`Engine::drain`] is the only device-to-host read of a training epoch. Everything an engine needs to know of a
//! step comes in as plain numbers, so that it can live in a device buffer and be replayed.
//!
//! Implementations: [`mod@burn`], for the CPU and every GPU that burn drives.

pub use aees_run::checkpoint::{EngineState, HostTensor};
pub use aees_run::state::StepRecord;
pub use aees_tasks::Batch;

pub use crate::optimizer::StepControl;

pub mod burn;
pub mod device;
pub mod images;
pub mod sentences;

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
pub trait Engine {
    /// Enqueues forward, backward and the optimizer step of a batch, and returns without waiting for any of it.
    ///
    /// # Errors
    /// When the device refuses the work.
    fn step(&mut self, batch: Batch<'_>, control: &StepControl) -> Result<(), EngineError>;

    /// Reads what the steps since the last drain gave, in their order, and appends it to `records`.
    ///
    /// # Errors
    /// When the device failed in one of them.
    fn drain(&mut self, records: &mut Vec<StepRecord>) -> Result<(), EngineError>;

    /// Whether a drain costs nothing because the results are in host memory anyway.
    fn drains_for_free(&self) -> bool;

    /// The predicted class of every example of a split, in the split's order.
    ///
    /// # Errors
    /// When the device refuses the work.
    fn predict(&mut self, split: Split) -> Result<Vec<u32>, EngineError>;

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
}

/// What an engine can fail with.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The tensor library or the device gave up.
    #[error("the engine failed while it {activity}: {reason}")]
    Device {
        /// What it was doing.
        activity: &'static str,
        /// What it said.
        reason: String,
    },
    /// An example that the network cannot take.
    #[error("{split:?} example {example}: {reason}")]
    Example {
        /// The split.
        split: Split,
        /// Its place in the split, or that of the first of its batch.
        example: usize,
        /// Why.
        reason: String,
    },
    /// Weights that cannot be read or do not fit the model.
    #[error("{0}")]
    Weights(String),
    /// A saved state that does not fit the model.
    #[error("the saved state does not fit the model: {0}")]
    State(String),
}
