//! A batch of sentences as the networks read it: the real tokens, one sentence after the other, and no padding but in
//! attention; see [`TokenLayout`].

use burn::tensor::{Device, Int, Tensor, TensorData};

use crate::{BatchError, TextClassifierConfig, TokenLayout};

/// A batch of sentences on a device.
#[derive(Debug, Clone)]
pub struct TokenBatch {
    lengths: Vec<usize>,
    longest: usize,
    /// `[tokens]`.
    pub(crate) ids: Tensor<1, Int>,
    /// Of each token in its sentence: `[tokens]`.
    pub(crate) positions: Tensor<1, Int>,
    /// The number of the first token of each sentence: `[sentences]`.
    first_tokens: Tensor<1, Int>,
    padding: Option<PaddedPlaces>,
}

/// [`crate::token_layout::Padding`] on the device.
#[derive(Debug, Clone)]
struct PaddedPlaces {
    token_of_place: Tensor<1, Int>,
    place_of_token: Tensor<1, Int>,
    /// `[sentences, 1, 1, longest]`.
    scores: Tensor<4>,
}

impl TokenBatch {
    /// `ids` are those of all sentences one after the other, `lengths` the number of ids of each sentence.
    ///
    /// # Errors
    ///
    /// When the two do not fit each other or the network.
    pub fn new(
        config: &TextClassifierConfig,
        ids: &[i32],
        lengths: &[usize],
        device: &Device,
    ) -> Result<Self, BatchError> {
        let TokenLayout { lengths, longest, positions, first_tokens, padding } =
            TokenLayout::new(config, ids, lengths)?;
        let padding = padding.map(|padding| PaddedPlaces {
            token_of_place: integers(padding.token_of_place, device),
            place_of_token: integers(padding.place_of_token, device),
            scores: Tensor::from_data(TensorData::new(padding.scores, [lengths.len(), 1, 1, longest]), device),
        });
        Ok(Self {
            longest,
            ids: integers(ids.to_vec(), device),
            positions: integers(positions, device),
            first_tokens: integers(first_tokens, device),
            padding,
            lengths,
        })
    }

    /// Number of sentences.
    pub fn sentences(&self) -> usize {
        self.lengths.len()
    }

    /// Number of tokens of all sentences.
    pub fn tokens(&self) -> usize {
        self.lengths.iter().sum()
    }

    /// Number of tokens of the longest sentence: what a padded batch would have for each.
    pub fn longest(&self) -> usize {
        self.longest
    }

    /// Number of tokens of each sentence.
    pub fn lengths(&self) -> &[usize] {
        &self.lengths
    }

    /// From `[tokens, dim]` to the first token of each sentence, `[sentences, dim]`.
    pub(crate) fn first_of(&self, x: Tensor<2>) -> Tensor<2> {
        x.select(0, self.first_tokens.clone())
    }

    /// From `[tokens, dim]` to `[sentences, longest, dim]`. Padding holds values of no meaning.
    pub(crate) fn pad(&self, x: Tensor<2>) -> Tensor<3> {
        let [_, dim] = x.dims();
        let x = match &self.padding {
            Some(padding) => x.select(0, padding.token_of_place.clone()),
            None => x,
        };
        x.reshape([self.sentences(), self.longest, dim])
    }

    /// From `[sentences, longest, dim]` to `[tokens, dim]`.
    pub(crate) fn unpad(&self, x: Tensor<3>) -> Tensor<2> {
        let x = x.flatten(0, 1);
        match &self.padding {
            Some(padding) => x.select(0, padding.place_of_token.clone()),
            None => x,
        }
    }

    /// Makes the scores `[sentences, heads, queries, longest]` of padded keys too small to matter.
    pub(crate) fn mask(&self, scores: Tensor<4>) -> Tensor<4> {
        match &self.padding {
            Some(padding) => scores + padding.scores.clone(),
            None => scores,
        }
    }
}

pub(crate) fn integers(values: Vec<i32>, device: &Device) -> Tensor<1, Int> {
    let length = values.len();
    Tensor::from_data(TensorData::new(values, [length]), device)
}
