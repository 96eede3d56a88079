//! Dropout with masks that the caller keys, so that a resumed run draws the masks of the run that was cut off. Where it acts is in
//! [`crate::dropout_sites`].

use tch::Tensor;

use super::token_batch::TokenBatch;
use crate::encoder_settings::ComputedTokens;

/// Makes dropout masks. A source stands for one step of one run.
pub trait DropoutMasks {
    /// As many values as asked for, on the network's device: each is 0, at the given probability, or the reciprocal of the
    /// probability to stay.
    ///
    /// The same source, site, probability and length must give the same values.
    fn mask(&self, site: u32, drop_probability: f64, elements: usize) -> Tensor;
}

/// Dropout in one pass: active in training, the identity in evaluation.
#[derive(Clone, Copy)]
pub(crate) struct Dropout<'a>(pub(crate) Option<&'a dyn DropoutMasks>);

impl Dropout<'_> {
    /// Multiplies `[rows, width]` by the mask of the site.
    pub(crate) fn apply(self, site: u32, probability: f64, x: Tensor) -> Tensor {
        match self.mask(site, probability, x.numel()) {
            None => x,
            Some(mask) => x.g_mul(&mask.view_as(&x)),
        }
    }

    /// Multiplies attention weights `[sentences, heads, queries, longest]` by the mask of the site, in which a sentence has
    /// as many queries, up to its length, and keys as it has tokens. The rest of the weights is not used or 0.
    pub(crate) fn apply_to_attention(
        self,
        site: u32,
        probability: f64,
        weights: Tensor,
        batch: &TokenBatch,
        rows: ComputedTokens,
    ) -> Tensor {
        match self.mask(site, probability, batch.attention_elements(rows)) {
            None => weights,
            Some(mask) => {
                let mask = match batch.attention_places(rows) {
                    Some(places) => mask.index_select(0, places),
                    None => mask,
                };
                weights.g_mul(&mask.view_as(&weights))
            }
        }
    }

    fn mask(self, site: u32, probability: f64, elements: usize) -> Option<Tensor> {
        Some(self.0.filter(|_| probability > 0.0)?.mask(site, probability, elements))
    }
}
