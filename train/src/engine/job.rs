//! A job for an engine: everything that it needs to train one model, as values of the host.
//!
//! A task makes the job and knows no engine; [`build`](super::build) makes the engine that the user asked for. So all
//! engines start from equal bits, and a checkpoint of one can be loaded by another.

use std::sync::Arc;

use aees_models::{ModelSpec, NamedTensors};
use aees_tasks::{Cifar100, TokenData};

use crate::optimizer::OptimizerConfig;

/// What an engine is to train.
#[derive(Clone, Debug)]
pub struct EngineJob {
    /// The network.
    pub model: ModelSpec,
    /// Its first parameters and buffers, by PyTorch's name.
    pub tensors: NamedTensors,
    /// What it learns from.
    pub data: EngineData,
    /// What training minimises.
    pub loss: Loss,
    /// The optimizer.
    pub optimizer: OptimizerConfig,
    /// Seed of the gradient noise.
    pub noise_seed: u64,
    /// Seed of the dropout masks.
    pub dropout_seed: u64,
    /// The most examples of a forward pass in training; a step on more takes them in so many parts, and adds their gradients.
    pub batch_size: usize,
    /// Examples that are evaluated at a time.
    pub evaluation_batch: usize,
}

/// All splits of a task's data. Cloning shares it.
#[derive(Clone, Debug)]
pub enum EngineData {
    /// Images as bytes; a training batch is cropped and flipped.
    Images(Arc<Cifar100>),
    /// Token ids of sentences.
    Sentences(Arc<TokenData>),
}

/// The loss that training minimises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// Mean over the batch of `-log softmax(logits)[label]`, without label smoothing.
    CrossEntropy,
}
