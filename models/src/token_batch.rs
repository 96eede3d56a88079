//! A batch of sentences as the networks read it: the real tokens, one sentence after the other, and no padding.
//!
//! Embeddings, projections, feed-forward parts and layer norms treat each token by itself and run on `[tokens, dim]`.
//! Attention alone compares the tokens of a sentence with each other: there the sentences are padded to the longest, and
//! this module says how. On SST-2 in batches of 16 that saves 22 of 35 positions.

use burn::tensor::{Device, Int, Tensor, TensorData};
use thiserror::Error;

use crate::TextClassifierConfig;

/// Added to the attention scores of padding: its exponential is 0 beside that of any real score.
const MASKED: f32 = -1e9;

/// Why ids do not make a batch.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BatchError {
    /// There is no sentence.
    #[error("a batch without sentences")]
    Empty,
    /// A sentence has no tokens.
    #[error("sentence {sentence} of the batch has no tokens")]
    EmptySentence {
        /// Its place in the batch.
        sentence: usize,
    },
    /// The lengths are not those of the ids.
    #[error("the sentences of a batch have {expected} tokens together, but {found} ids were given")]
    Lengths {
        /// Sum of the lengths.
        expected: usize,
        /// Number of ids.
        found: usize,
    },
    /// A sentence has more tokens than the network has positions.
    #[error("sentence {sentence} of the batch has {found} tokens, but the model has only {positions} positions")]
    TooLong {
        /// Its place in the batch.
        sentence: usize,
        /// Its length.
        found: usize,
        /// Rows of the position table.
        positions: usize,
    },
    /// The network has no embedding for an id.
    #[error(
        "token id {id} is outside the vocabulary of the model, which has {vocabulary_size} entries: \
         the tokenizer belongs to another model"
    )]
    UnknownToken {
        /// The id.
        id: i32,
        /// Entries of the word embeddings.
        vocabulary_size: usize,
    },
}

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
    padding: Option<Padding>,
}

/// How a batch of unequal sentences is padded.
#[derive(Debug, Clone)]
struct Padding {
    /// The token at each place; at padding the first one, which is as good as any: `[sentences * longest]`.
    token_of_place: Tensor<1, Int>,
    /// The place of each token: `[tokens]`.
    place_of_token: Tensor<1, Int>,
    /// 0 for tokens and [`MASKED`] for padding: `[sentences, 1, 1, longest]`.
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
        check(config, ids, lengths)?;
        let longest = lengths.iter().copied().max().unwrap_or(0);
        let positions: Vec<i32> = lengths.iter().flat_map(|&length| 0..length as i32).collect();
        let first_tokens = starts(lengths);
        let padding = (ids.len() != lengths.len() * longest).then(|| Padding::new(lengths, longest, device));
        Ok(Self {
            lengths: lengths.to_vec(),
            longest,
            ids: integers(ids.to_vec(), device),
            positions: integers(positions, device),
            first_tokens: integers(first_tokens, device),
            padding,
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

impl Padding {
    fn new(lengths: &[usize], longest: usize, device: &Device) -> Self {
        let mut token_of_place = Vec::with_capacity(lengths.len() * longest);
        let mut place_of_token = Vec::new();
        let mut scores = Vec::with_capacity(lengths.len() * longest);
        for &length in lengths {
            let (place, token) = (token_of_place.len() as i32, place_of_token.len() as i32);
            place_of_token.extend(place..place + length as i32);
            token_of_place.extend(token..token + length as i32);
            token_of_place.resize(place as usize + longest, 0);
            scores.resize(place as usize + length, 0.0);
            scores.resize(place as usize + longest, MASKED);
        }
        Self {
            token_of_place: integers(token_of_place, device),
            place_of_token: integers(place_of_token, device),
            scores: Tensor::from_data(TensorData::new(scores, [lengths.len(), 1, 1, longest]), device),
        }
    }
}

fn check(config: &TextClassifierConfig, ids: &[i32], lengths: &[usize]) -> Result<(), BatchError> {
    if lengths.is_empty() {
        return Err(BatchError::Empty);
    }
    for (sentence, &found) in lengths.iter().enumerate() {
        if found == 0 {
            return Err(BatchError::EmptySentence { sentence });
        }
        if found > config.max_positions {
            return Err(BatchError::TooLong { sentence, found, positions: config.max_positions });
        }
    }
    let expected = lengths.iter().sum();
    if expected != ids.len() {
        return Err(BatchError::Lengths { expected, found: ids.len() });
    }
    let vocabulary_size = config.vocabulary_size;
    match ids.iter().find(|&&id| usize::try_from(id).map_or(true, |id| id >= vocabulary_size)) {
        Some(&id) => Err(BatchError::UnknownToken { id, vocabulary_size }),
        None => Ok(()),
    }
}

/// The number of the first token of each sentence.
fn starts(lengths: &[usize]) -> Vec<i32> {
    let ends = lengths.iter().scan(0, |end, &length| {
        *end += length as i32;
        Some(*end)
    });
    ends.zip(lengths).map(|(end, &length)| end - length as i32).collect()
}

fn integers(values: Vec<i32>, device: &Device) -> Tensor<1, Int> {
    let length = values.len();
    Tensor::from_data(TensorData::new(values, [length]), device)
}
