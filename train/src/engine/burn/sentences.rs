//! Text classifiers on sentences: how token ids become batches on the CPU.
//!
//! A batch holds the real tokens of its sentences one after the other and nothing else: padding never leaves the
//! attention. On a GPU the work is that of `resident_sentences.rs`.

use std::ops::Range;
use std::sync::Arc;

#[cfg(feature = "gpu")]
use aees_models::TokenLayout;
use aees_models::burn::{DropoutMasks, TextClassifier, TokenBatch};
use aees_models::{BatchError, TextClassifierConfig};
use aees_tasks::{Batch, TokenData};
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
    /// The device with gradients.
    training: Device,
    /// The same device without.
    evaluation: Device,
}

/// A batch as the classifier takes it.
pub(super) struct SentenceBatch {
    pub(super) tokens: TokenBatch,
    /// What to drop; nothing in an evaluation.
    pub(super) dropout: Option<BurnDropout>,
}

impl SentenceWorkload {
    /// The sentences for a classifier on a device; `device` is the one without gradients.
    pub(super) fn new(data: Arc<TokenData>, config: TextClassifierConfig, dropout_seed: u64, device: &Device) -> Self {
        let (training, evaluation) = (device.clone().autodiff(), device.clone());
        Self { data, config, dropout_seed, training, evaluation }
    }

    fn tokens(
        &self,
        split: Split,
        examples: impl Iterator<Item = usize> + Clone,
        device: &Device,
    ) -> Result<TokenBatch, EngineError> {
        let (ids, lengths) = ids_and_lengths(&self.data, split, examples.clone());
        TokenBatch::new(&self.config, &ids, &lengths, device).map_err(unfit(split, examples))
    }
}

fn ids_and_lengths(data: &TokenData, of: Split, examples: impl Iterator<Item = usize>) -> (Vec<i32>, Vec<usize>) {
    let (mut ids, mut lengths) = (Vec::new(), Vec::new());
    if let Some(sentences) = of.sentences(data) {
        for example in examples {
            let before = ids.len();
            sentences.extend_ids(example, &mut ids);
            lengths.push(ids.len() - before);
        }
    }
    (ids, lengths)
}

/// The length of each sentence of a batch that fits the network.
///
/// # Errors
/// When one does not.
#[cfg(feature = "gpu")]
pub(super) fn sentence_lengths(
    config: &TextClassifierConfig,
    data: &TokenData,
    of: Split,
    examples: impl Iterator<Item = usize> + Clone,
) -> Result<Vec<usize>, EngineError> {
    let (ids, lengths) = ids_and_lengths(data, of, examples.clone());
    TokenLayout::longest(config, &ids, &lengths).map_err(unfit(of, examples))?;
    Ok(lengths)
}

fn unfit(split: Split, mut examples: impl Iterator<Item = usize>) -> impl FnOnce(BatchError) -> EngineError {
    move |error| EngineError::Example { split, example: examples.next().unwrap_or_default(), reason: error.to_string() }
}

impl Workload for SentenceWorkload {
    type Input = SentenceBatch;

    fn training_batch(&mut self, batch: Batch<'_>, key: u64) -> Result<(SentenceBatch, Tensor<1, Int>), EngineError> {
        let examples = batch.indices.iter().map(|index| *index as usize);
        let tokens = self.tokens(Split::Train, examples, &self.training)?;
        let labels = self.data.train.labels();
        let labels: Vec<i32> = batch.indices.iter().map(|index| labels[*index as usize] as i32).collect();
        let count = labels.len();
        let labels = Tensor::from_data(TensorData::new(labels, [count]), &self.training);
        let masks = StepDropout::new(self.dropout_seed, key);
        let dropout = Some(BurnDropout { masks, place: MaskPlace::Host });
        Ok((SentenceBatch { tokens, dropout }, labels))
    }

    fn evaluation_batch(&mut self, split: Split, examples: Range<usize>) -> Result<SentenceBatch, EngineError> {
        Ok(SentenceBatch { tokens: self.tokens(split, examples, &self.evaluation)?, dropout: None })
    }
}

impl Network<SentenceBatch> for TextClassifier {
    fn logits(&self, input: SentenceBatch) -> Tensor<2> {
        let dropout = input.dropout.as_ref().map(|dropout| dropout as &dyn DropoutMasks);
        self.forward(&input.tokens, dropout)
    }
}
