//! Dropout with masks that the caller keys, so that a resumed run draws the masks of the run that was cut off.
//!
//! Where it acts is in [`crate::dropout_sites`]. Masks are made on the host or on the device, as the caller's source does; both
//! ways give the same values.

use burn::tensor::{Int, Tensor, TensorData};

use super::token_batch::TokenBatch;

/// Makes dropout masks. A source stands for one step of one run.
pub trait DropoutMasks {
    /// As many values as asked for: each is 0, at the given probability, or the reciprocal of the probability to stay.
    ///
    /// The same source, site, probability and length must give the same values.
    fn mask(&self, site: u32, drop_probability: f64, elements: usize) -> DropoutMask;
}

/// A mask, where it was made.
#[expect(clippy::large_enum_variant, reason = "one at a time, taken apart where it is made; a box would only cost")]
pub enum DropoutMask {
    /// In host memory.
    Host(Vec<f32>),
    /// On the network's device, flat.
    Device(Tensor<1>),
}

/// Dropout in one pass: active in training, the identity in evaluation.
#[derive(Clone, Copy)]
pub(crate) struct Dropout<'a>(pub(crate) Option<&'a dyn DropoutMasks>);

impl Dropout<'_> {
    /// Multiplies `[rows, width]` by the mask of the site.
    pub(crate) fn apply(self, site: u32, probability: f64, x: Tensor<2>) -> Tensor<2> {
        let shape = x.shape();
        match self.mask(site, probability, shape.num_elements()) {
            None => x,
            Some(DropoutMask::Host(mask)) => {
                let mask = Tensor::from_data(TensorData::new(mask, shape), &x.device());
                x * mask
            }
            Some(DropoutMask::Device(mask)) => x * mask.reshape(shape),
        }
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
        let places = AttentionPlaces::new(&weights, batch);
        match self.mask(site, probability, places.elements()) {
            None => weights,
            Some(DropoutMask::Host(mask)) => {
                let mask = TensorData::new(places.pad_on_host(&mask), weights.shape());
                let mask = Tensor::from_data(mask, &weights.device());
                weights * mask
            }
            Some(DropoutMask::Device(mask)) => weights * places.pad_on_device(mask, batch),
        }
    }

    fn mask(self, site: u32, probability: f64, elements: usize) -> Option<DropoutMask> {
        Some(self.0.filter(|_| probability > 0.0)?.mask(site, probability, elements))
    }
}

/// Which elements of padded attention weights have a mask.
struct AttentionPlaces<'a> {
    lengths: &'a [usize],
    heads: usize,
    queries: usize,
    longest: usize,
}

impl<'a> AttentionPlaces<'a> {
    fn new(weights: &Tensor<4>, batch: &'a TokenBatch) -> Self {
        let [_, heads, queries, longest] = weights.dims();
        Self { lengths: batch.lengths(), heads, queries, longest }
    }

    /// Elements of a sentence of this length: `[heads, queries, length]`.
    fn of(&self, length: usize) -> usize {
        self.heads * self.queries.min(length) * length
    }

    fn elements(&self) -> usize {
        self.lengths.iter().map(|&length| self.of(length)).sum()
    }

    /// The mask at its places, and 1 elsewhere.
    fn pad_on_host(&self, mask: &[f32]) -> Vec<f32> {
        let Self { heads, queries, longest, .. } = *self;
        let mut padded = vec![1.0; self.lengths.len() * heads * queries * longest];
        let mut rest = mask;
        for (sentence, &length) in padded.chunks_mut(heads * queries * longest).zip(self.lengths) {
            for head in sentence.chunks_mut(queries * longest) {
                for query in head.chunks_mut(longest).take(length) {
                    let (row, after) = rest.split_at(length);
                    query[..length].copy_from_slice(row);
                    rest = after;
                }
            }
        }
        padded
    }

    /// The mask at its places, and any element of it elsewhere: `[sentences, heads, queries, longest]`.
    fn pad_on_device(&self, mask: Tensor<1>, batch: &TokenBatch) -> Tensor<4> {
        let Self { heads, queries, longest, .. } = *self;
        let (device, sentences) = (mask.device(), self.lengths.len());
        let of_sentence = |values: &Tensor<1, Int>| values.clone().reshape([sentences, 1, 1, 1]);
        let tensors = &batch.tensors;
        let length = of_sentence(&tensors.lengths);
        // A sentence has one query, or as many as tokens.
        let (first, rows) = match queries {
            1 => (of_sentence(&tensors.first_tokens), length.ones_like()),
            _ => (of_sentence(&tensors.square_sums), length.clone()),
        };
        let upto = |count: usize| Tensor::<1, Int>::arange(0..count as i64, &device);
        let head = upto(heads).reshape([1, heads, 1, 1]);
        let query = upto(queries).reshape([1, 1, queries, 1]);
        let key = upto(longest).reshape([1, 1, 1, longest]);
        // Beside its places this runs into the next sentence, and in the last one over the end.
        let place = first * heads as i32 + (head * rows + query) * length + key;
        let place = place.clamp_max(self.elements() as i64 - 1).reshape([-1]);
        mask.select(0, place).reshape([sentences, heads, queries, longest])
    }
}
