//! Sentences for a text classifier: how token ids become batches on a device.
//!
//! A batch holds the real tokens of its sentences one after the other and nothing else: padding never leaves the
//! attention. Ids are uploaded with each step, four bytes a token.

use std::ops::Range;
use std::sync::Arc;

use aees_models::libtorch::{NetworkTensors, TextClassifier, TokenBatch};
use aees_models::{TextClassifierConfig, WeightError};
use aees_tasks::{Batch, TokenData, TokenSplit};
use tch::{Device, Tensor};

use super::dropout::TorchDropout;
use super::engine::Workload;
use crate::dropout::StepDropout;
use crate::engine::{EngineError, Split};

/// A text classifier and its sentences.
pub(super) struct SentenceWorkload {
    network: TextClassifier,
    data: Arc<TokenData>,
    config: TextClassifierConfig,
    dropout_seed: u64,
    device: Device,
}

impl SentenceWorkload {
    /// The network over these tensors, on a device.
    pub(super) fn new(
        config: TextClassifierConfig,
        tensors: &NetworkTensors,
        data: Arc<TokenData>,
        dropout_seed: u64,
        device: Device,
    ) -> Result<Self, WeightError> {
        Ok(Self { network: TextClassifier::new(&config, tensors)?, data, config, dropout_seed, device })
    }

    fn tokens(&self, split: Split, examples: impl Iterator<Item = usize> + Clone) -> Result<TokenBatch, EngineError> {
        let (mut ids, mut lengths) = (Vec::new(), Vec::new());
        if let Some(sentences) = split.sentences(&self.data) {
            for example in examples.clone() {
                let before = ids.len();
                sentences.extend_ids(example, &mut ids);
                lengths.push(ids.len() - before);
            }
        }
        TokenBatch::new(&self.config, &ids, &lengths, self.device).map_err(|error| EngineError::Example {
            split,
            example: examples.clone().next().unwrap_or_default(),
            reason: error.to_string(),
        })
    }
}

impl Workload for SentenceWorkload {
    fn training(&mut self, batch: Batch<'_>, key: u64) -> Result<(Tensor, Tensor), EngineError> {
        let tokens = self.tokens(Split::Train, batch.indices.iter().map(|index| *index as usize))?;
        let labels = self.data.train.labels();
        let labels: Vec<i64> = batch.indices.iter().map(|index| i64::from(labels[*index as usize])).collect();
        let dropout = TorchDropout::new(StepDropout::new(self.dropout_seed, key), self.device);
        let logits = self.network.forward(&tokens, Some(&dropout));
        Ok((logits, Tensor::from_slice(&labels).to_device(self.device)))
    }

    fn evaluation(&mut self, split: Split, examples: Range<usize>) -> Result<Tensor, EngineError> {
        Ok(self.network.forward(&self.tokens(split, examples)?, None))
    }

    fn examples(&self, split: Split) -> usize {
        split.sentences(&self.data).map_or(0, TokenSplit::len)
    }
}
