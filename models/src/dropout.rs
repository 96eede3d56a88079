//! Dropout with masks that the caller makes, so that a resumed run draws the masks of the run that was cut off.
//!
//! Every place in a network where dropout acts is a site with a number that never changes: 0 is the sum of the
//! embeddings, 1 the classifier's input, and layer `l` has the sites `2 + 3 l` (attention weights), `3 + 3 l` (attention
//! output, BERT only) and `4 + 3 l` (output of the feed-forward part). The masks of a step are made on the host; only
//! real tokens have any.

use burn::tensor::{Tensor, TensorData};

use crate::TokenBatch;

/// Makes dropout masks. A source stands for one step of one run.
pub trait DropoutSource {
    /// Fills `out` with 0, at the given probability, or the reciprocal of the probability to stay.
    ///
    /// The same source, site, probability and length must give the same values.
    fn fill(&self, site: u32, drop_probability: f64, out: &mut [f32]);
}

/// The site of the sum of the embeddings: `[tokens, dim]`.
pub(crate) const EMBEDDINGS: u32 = 0;

/// The site of the classifier's input: `[sentences, dim]`.
pub(crate) const CLASSIFIER: u32 = 1;

/// The sites of one layer.
#[derive(Clone, Copy)]
pub(crate) struct LayerSites {
    first: u32,
}

impl LayerSites {
    pub(crate) fn of(layer: usize) -> Self {
        Self { first: 2 + 3 * layer as u32 }
    }

    /// Of each sentence in turn: `[heads, queries, length]`.
    pub(crate) fn attention_weights(self) -> u32 {
        self.first
    }

    /// `[rows, dim]`.
    pub(crate) fn attention_output(self) -> u32 {
        self.first + 1
    }

    /// `[rows, dim]`.
    pub(crate) fn feed_forward(self) -> u32 {
        self.first + 2
    }
}

/// Dropout in one pass: active in training, the identity in evaluation.
#[derive(Clone, Copy)]
pub(crate) struct Dropout<'a>(pub(crate) Option<&'a dyn DropoutSource>);

impl Dropout<'_> {
    /// Multiplies `[rows, width]` by the mask of the site.
    pub(crate) fn apply(self, site: u32, probability: f64, x: Tensor<2>) -> Tensor<2> {
        let Some(mask) = self.values(site, probability, x.shape().num_elements()) else { return x };
        let mask = Tensor::from_data(TensorData::new(mask, x.shape()), &x.device());
        x * mask
    }

    /// Multiplies attention weights `[sentences, heads, queries, longest]` by the mask of the site, in which a sentence has
    /// as many queries, up to its length, and keys as it has tokens. The rest of the weights is not used or 0.
    pub(crate) fn apply_to_attention(
        self,
        site: u32,
        probability: f64,
        weights: Tensor<4>,
        batch: &TokenBatch,
    ) -> Tensor<4> {
        let [_, heads, queries, longest] = weights.dims();
        let needed = batch.lengths().iter().map(|&length| heads * queries.min(length) * length).sum();
        let Some(values) = self.values(site, probability, needed) else { return weights };
        let mut padded = vec![1.0; weights.shape().num_elements()];
        let mut rest = values.as_slice();
        for (sentence, &length) in padded.chunks_mut(heads * queries * longest).zip(batch.lengths()) {
            for head in sentence.chunks_mut(queries * longest) {
                for query in head.chunks_mut(longest).take(length) {
                    let (row, after) = rest.split_at(length);
                    query[..length].copy_from_slice(row);
                    rest = after;
                }
            }
        }
        let mask = Tensor::from_data(TensorData::new(padded, weights.shape()), &weights.device());
        weights * mask
    }

    fn values(self, site: u32, probability: f64, count: usize) -> Option<Vec<f32>> {
        let source = self.0.filter(|_| probability > 0.0)?;
        let mut values = vec![0.0; count];
        source.fill(site, probability, &mut values);
        Some(values)
    }
}
