//! A batch of sentences as the networks read it: the real tokens, one sentence after the other, and no padding but in
//! attention; see [`TokenLayout`].

use burn::tensor::{Device, Int, Tensor, TensorData};

use crate::{BatchError, TextClassifierConfig, TokenLayout};

/// A batch of sentences on a device.
#[derive(Debug, Clone)]
pub struct TokenBatch {
    lengths: Vec<usize>,
    longest: usize,
    pub(crate) tensors: TokenTensors,
}

/// The tensors of a batch: [`TokenLayout`] on a device.
#[derive(Debug, Clone)]
pub struct TokenTensors {
    /// `[tokens]`.
    pub ids: Tensor<1, Int>,
    /// Of each token in its sentence: `[tokens]`.
    pub positions: Tensor<1, Int>,
    /// The number of the first token of each sentence: `[sentences]`.
    pub first_tokens: Tensor<1, Int>,
    /// The length of each sentence: `[sentences]`.
    pub lengths: Tensor<1, Int>,
    /// The sum of the squared lengths before each sentence: `[sentences]`.
    pub square_sums: Tensor<1, Int>,
    /// Absent when all sentences are equally long.
    pub padding: Option<PaddedPlaces>,
}

/// [`crate::Padding`] on a device.
#[derive(Debug, Clone)]
pub struct PaddedPlaces {
    /// `[sentences * longest]`.
    pub token_of_place: Tensor<1, Int>,
    /// `[tokens]`.
    pub place_of_token: Tensor<1, Int>,
    /// `[sentences, 1, 1, longest]`.
    pub scores: Tensor<4>,
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
        let square_sums = lengths.iter().scan(0, |next, &length| {
            let sum = *next as i32;
            *next += length * length;
            Some(sum)
        });
        let tensors = TokenTensors {
            ids: integers(ids.to_vec(), device),
            positions: integers(positions, device),
            first_tokens: integers(first_tokens, device),
            lengths: integers(lengths.iter().map(|&length| length as i32).collect(), device),
            square_sums: integers(square_sums.collect(), device),
            padding,
        };
        Ok(Self { longest, tensors, lengths })
    }

    /// A batch whose tensors were made on the device. `lengths` are those of its sentences.
    pub fn from_tensors(lengths: Vec<usize>, tensors: TokenTensors) -> Self {
        Self { longest: lengths.iter().copied().max().unwrap_or(0), lengths, tensors }
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
        x.select(0, self.tensors.first_tokens.clone())
    }

    /// From `[tokens, dim]` to `[sentences, longest, dim]`. Padding holds values of no meaning.
    pub(crate) fn pad(&self, x: Tensor<2>) -> Tensor<3> {
        let [_, dim] = x.dims();
        let x = match &self.tensors.padding {
            Some(padding) => x.select(0, padding.token_of_place.clone()),
            None => x,
        };
        x.reshape([self.sentences(), self.longest, dim])
    }

    /// From `[sentences, longest, dim]` to `[tokens, dim]`.
    pub(crate) fn unpad(&self, x: Tensor<3>) -> Tensor<2> {
        let x = x.flatten(0, 1);
        match &self.tensors.padding {
            Some(padding) => x.select(0, padding.place_of_token.clone()),
            None => x,
        }
    }

    /// Makes the scores `[sentences, heads, queries, longest]` of padded keys too small to matter.
    pub(crate) fn mask(&self, scores: Tensor<4>) -> Tensor<4> {
        match &self.tensors.padding {
            Some(padding) => scores + padding.scores.clone(),
            None => scores,
        }
    }
}

fn integers(values: Vec<i32>, device: &Device) -> Tensor<1, Int> {
    let length = values.len();
    Tensor::from_data(TensorData::new(values, [length]), device)
}
