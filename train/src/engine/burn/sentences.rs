//! Text classifiers on sentences: how token ids become batches on a device.
//!
//! A batch holds the real tokens of its sentences one after the other and nothing else: padding never leaves the
//! attention. Ids are uploaded with each step, four bytes a token.

use std::ops::Range;
use std::sync::Arc;

use aees_models::TextClassifierConfig;
use aees_models::burn::{DropoutMasks, TextClassifier, TokenBatch};
use aees_tasks::{Batch, TokenData, TokenSplit};
use burn::tensor::{Device, Int, Tensor, TensorData};

use super::dropout::{BurnDropout, MaskPlace};
use super::engine::{Network, Workload};
use crate::dropout::StepDropout;
use crate::engine::{EngineError, Split};

/// Sentences for a text classifier.
pub(super) struct SentenceWorkload {
    data: Arc<TokenData>,
    config: TextClassifierConfig,
    dropout_seed: u64,
    mask_place: MaskPlace,
    /// The device with gradients.
    training: Device,
    /// The same device without.
    evaluation: Device,
}

/// A batch as the classifier takes it.
pub(super) struct SentenceBatch {
    tokens: TokenBatch,
    /// What to drop; nothing in an evaluation.
    dropout: Option<BurnDropout>,
}

impl SentenceWorkload {
    /// The sentences for a classifier on a device; `device` is the one without gradients.
    pub(super) fn new(
        data: Arc<TokenData>,
        config: TextClassifierConfig,
        dropout_seed: u64,
        device: &Device,
        mask_place: MaskPlace,
    ) -> Self {
        let (training, evaluation) = (device.clone().autodiff(), device.clone());
        Self { data, config, dropout_seed, mask_place, training, evaluation }
    }

    fn split(&self, split: Split) -> Option<&TokenSplit> {
        match split {
            Split::Train => Some(&self.data.train),
            Split::Validation => Some(&self.data.validation),
            Split::Test => self.data.test.as_ref(),
        }
    }

    fn tokens(
        &self,
        split: Split,
        examples: impl Iterator<Item = usize> + Clone,
        device: &Device,
    ) -> Result<TokenBatch, EngineError> {
        let (mut ids, mut lengths) = (Vec::new(), Vec::new());
        if let Some(sentences) = self.split(split) {
            for example in examples.clone() {
                let before = ids.len();
                sentences.extend_ids(example, &mut ids);
                lengths.push(ids.len() - before);
            }
        }
        TokenBatch::new(&self.config, &ids, &lengths, device).map_err(|error| EngineError::Example {
            split,
            example: examples.clone().next().unwrap_or_default(),
            reason: error.to_string(),
        })
    }
}

impl Workload for SentenceWorkload {
    type Input = SentenceBatch;

    fn training_batch(&mut self, batch: Batch<'_>, step: u64) -> Result<(SentenceBatch, Tensor<1, Int>), EngineError> {
        let examples = batch.indices.iter().map(|index| *index as usize);
        let tokens = self.tokens(Split::Train, examples, &self.training)?;
        let labels = self.data.train.labels();
        let labels: Vec<i32> = batch.indices.iter().map(|index| labels[*index as usize] as i32).collect();
        let count = labels.len();
        let labels = Tensor::from_data(TensorData::new(labels, [count]), &self.training);
        let masks = StepDropout::new(self.dropout_seed, step);
        let dropout = Some(BurnDropout { masks, place: self.mask_place.clone() });
        Ok((SentenceBatch { tokens, dropout }, labels))
    }

    fn evaluation_batch(&mut self, split: Split, examples: Range<usize>) -> Result<SentenceBatch, EngineError> {
        Ok(SentenceBatch { tokens: self.tokens(split, examples, &self.evaluation)?, dropout: None })
    }

    fn examples(&self, split: Split) -> usize {
        self.split(split).map_or(0, TokenSplit::len)
    }
}

impl Network<SentenceBatch> for TextClassifier {
    fn logits(&self, input: SentenceBatch) -> Tensor<2> {
        let dropout = input.dropout.as_ref().map(|dropout| dropout as &dyn DropoutMasks);
        self.forward(&input.tokens, dropout)
    }
}
