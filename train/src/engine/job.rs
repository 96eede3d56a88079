//! A job for an engine: everything that it needs to train one model, as values of the host.
//!
//! A task makes the job and knows no engine; [`build`](super::build) makes the engine that the user asked for. So all
//! engines start from equal bits, and a checkpoint of one can be loaded by another.

use std::sync::Arc;

use aees_models::{ModelSpec, NamedTensors};
use aees_run::settings::{OptimizerName, RunConfig};
use aees_tasks::{Cifar100, ImageSplit, TokenData, TokenSplit};

use super::Split;
use crate::optimizer::{OptimizerConfig, OptimizerKind};

/// What an engine is to train: to minimise the mean over the batch of `-log softmax(logits)[label]`, without label smoothing.
#[derive(Clone, Debug)]
pub struct EngineJob {
    /// The network.
    pub model: ModelSpec,
    /// Its first parameters and buffers, by PyTorch's name.
    pub tensors: NamedTensors,
    /// What it learns from.
    pub data: EngineData,
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

impl EngineJob {
    /// The job of a run: a network with its first values, and data.
    pub fn of(config: &RunConfig, model: ModelSpec, tensors: NamedTensors, data: EngineData) -> Self {
        let kind = match config.optimizer {
            OptimizerName::AdamW => OptimizerKind::ADAMW,
            OptimizerName::Sgd => OptimizerKind::Sgd { momentum: config.momentum.get() },
        };
        let max_gradient_norm = config.grad_clip.map(|norm| norm.get());
        let batch_size = config.batch_size.get();
        Self {
            model,
            tensors,
            optimizer: OptimizerConfig { kind, weight_decay: config.weight_decay.get(), max_gradient_norm },
            noise_seed: config.seed,
            dropout_seed: config.seed,
            batch_size: batch_size.min(data.examples(Split::Train)),
            evaluation_batch: batch_size,
            data,
        }
    }
}

impl EngineData {
    /// How many examples a split has.
    pub fn examples(&self, split: Split) -> usize {
        match self {
            Self::Images(data) => split.images(data).map_or(0, ImageSplit::len),
            Self::Sentences(data) => split.sentences(data).map_or(0, TokenSplit::len),
        }
    }
}

impl Split {
    /// Its images, if it is there.
    pub fn images(self, data: &Cifar100) -> Option<&ImageSplit> {
        match self {
            Self::Train => Some(&data.train),
            Self::Validation => data.validation.as_ref(),
            Self::Test => Some(&data.test),
        }
    }

    /// Its sentences, if it is there.
    pub fn sentences(self, data: &TokenData) -> Option<&TokenSplit> {
        match self {
            Self::Train => Some(&data.train),
            Self::Validation => Some(&data.validation),
            Self::Test => data.test.as_ref(),
        }
    }
}
