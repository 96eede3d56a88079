//! A batch of sentences as the networks read it: the real tokens, one sentence after the other, and no padding but in
//! attention; see [`TokenLayout`].

use std::cell::OnceCell;

use tch::{Device, Tensor};

use super::layers::rows;
use super::tensors::signed;
use crate::encoder_settings::ComputedTokens;
use crate::{BatchError, TextClassifierConfig, TokenLayout};

/// A batch of sentences on a device.
#[derive(Debug)]
pub struct TokenBatch {
    layout: TokenLayout,
    heads: usize,
    device: Device,
    /// `[tokens]`.
    pub(crate) ids: Tensor,
    /// Of each token in its sentence: `[tokens]`.
    pub(crate) positions: Tensor,
    /// The number of the first token of each sentence: `[sentences]`.
    first_tokens: Tensor,
    padding: Option<PaddedPlaces>,
    /// Of attention weights, for all rows and for the first: made when a mask is first asked for.
    attention_places: [OnceCell<Option<Tensor>>; 2],
}

/// [`crate::Padding`] on the device.
#[derive(Debug)]
struct PaddedPlaces {
    token_of_place: Tensor,
    place_of_token: Tensor,
    /// `[sentences, 1, 1, longest]`.
    scores: Tensor,
}

impl TokenBatch {
    /// `ids` are those of all sentences one after the other, `lengths` the number of ids of each sentence.
    ///
    /// # Errors
    /// When the two do not fit each other or the network.
    pub fn new(
        config: &TextClassifierConfig,
        ids: &[i32],
        lengths: &[usize],
        device: Device,
    ) -> Result<Self, BatchError> {
        let layout = TokenLayout::new(config, ids, lengths)?;
        let upload = |values: &[i32]| Tensor::from_slice(values).to_device(device);
        let padding = layout.padding.as_ref().map(|padding| PaddedPlaces {
            token_of_place: upload(&padding.token_of_place),
            place_of_token: upload(&padding.place_of_token),
            scores: Tensor::from_slice(&padding.scores).to_device(device).view([
                signed(lengths.len()),
                1,
                1,
                signed(layout.longest),
            ]),
        });
        Ok(Self {
            heads: config.heads,
            device,
            ids: upload(ids),
            positions: upload(&layout.positions),
            first_tokens: upload(&layout.first_tokens),
            padding,
            attention_places: Default::default(),
            layout,
        })
    }

    /// Number of sentences.
    pub fn sentences(&self) -> i64 {
        signed(self.layout.lengths.len())
    }

    /// From `[tokens, dim]` to the first token of each sentence, `[sentences, dim]`.
    pub(crate) fn first_of(&self, x: &Tensor) -> Tensor {
        rows(x, &self.first_tokens)
    }

    /// From `[tokens, dim]` to `[sentences, longest, dim]`. Padding holds values of no meaning.
    pub(crate) fn pad(&self, x: Tensor) -> Tensor {
        let x = match &self.padding {
            Some(padding) => rows(&x, &padding.token_of_place),
            None => x,
        };
        x.view([self.sentences(), signed(self.layout.longest), -1])
    }

    /// From `[sentences, longest, dim]` to `[tokens, dim]`.
    pub(crate) fn unpad(&self, x: &Tensor) -> Tensor {
        let x = x.flatten(0, 1);
        match &self.padding {
            Some(padding) => rows(&x, &padding.place_of_token),
            None => x,
        }
    }

    /// Makes the scores `[sentences, heads, queries, longest]` of padded keys too small to matter.
    pub(crate) fn mask(&self, mut scores: Tensor) -> Tensor {
        match &self.padding {
            Some(padding) => scores.g_add_(&padding.scores),
            None => scores,
        }
    }

    /// Elements of attention weights without padding.
    pub(crate) fn attention_elements(&self, rows: ComputedTokens) -> usize {
        self.layout.attention_elements(self.heads, self.queries(rows))
    }

    /// For each element of padded attention weights its number among those without padding, if the two differ.
    pub(crate) fn attention_places(&self, rows: ComputedTokens) -> Option<&Tensor> {
        let cell = &self.attention_places[usize::from(rows == ComputedTokens::First)];
        let make = || {
            let places = self.layout.attention_places(self.heads, self.queries(rows))?;
            Some(Tensor::from_slice(&places).to_device(self.device))
        };
        cell.get_or_init(make).as_ref()
    }

    fn queries(&self, rows: ComputedTokens) -> usize {
        match rows {
            ComputedTokens::All => self.layout.longest,
            ComputedTokens::First => 1,
        }
    }
}
