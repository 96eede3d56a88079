//! A layer of a transformer encoder with post-layer normalisation, as DistilBERT and BERT have it.
//!
//! Vaswani and others, "Attention Is All You Need", 2017, <https://arxiv.org/abs/1706.03762>. Which tokens the last layer computes
//! is in [`crate::encoder_settings`].

use tch::{Kind, Tensor};

use super::dropout::Dropout;
use super::layers::{LayerNorm, Linear};
use super::tensors::{NetworkTensors, signed};
use super::token_batch::TokenBatch;
use crate::encoder_settings::{ComputedTokens, LayerSettings};
use crate::{Activation, TextClassifierConfig, WeightError};

/// One layer.
#[derive(Debug)]
pub(crate) struct EncoderLayer {
    query: Linear,
    key: Linear,
    value: Linear,
    attention_output: Linear,
    attention_norm: LayerNorm,
    intermediate: Linear,
    output: Linear,
    output_norm: LayerNorm,
}

impl EncoderLayer {
    /// Layer `number` of the network over these tensors.
    pub(crate) fn of(
        config: &TextClassifierConfig,
        tensors: &NetworkTensors,
        number: usize,
    ) -> Result<Self, WeightError> {
        let name = |part: &str| config.architecture.tensor_name(&format!("layers.{number}.{part}"));
        let linear = |part: &str| Linear::of(tensors, &name(part));
        let norm = |part: &str| LayerNorm::of(tensors, &name(part), config.layer_norm_epsilon);
        Ok(Self {
            query: linear("query")?,
            key: linear("key")?,
            value: linear("value")?,
            attention_output: linear("attention_output")?,
            attention_norm: norm("attention_norm")?,
            intermediate: linear("intermediate")?,
            output: linear("output")?,
            output_norm: norm("output_norm")?,
        })
    }

    /// From `[tokens, dim]` to `[rows, dim]`.
    pub(crate) fn forward(&self, x: &Tensor, batch: &TokenBatch, layer: LayerSettings, dropout: Dropout<'_>) -> Tensor {
        let LayerSettings { encoder: settings, rows, sites } = layer;
        let first;
        let rows_of_x = match rows {
            ComputedTokens::All => x,
            ComputedTokens::First => {
                first = batch.first_of(x);
                &first
            }
        };
        let mut attention = self.attention(x, rows_of_x, batch, layer, dropout); // [rows, dim]
        if settings.drops_attention_output {
            attention = dropout.apply(sites.attention_output(), settings.dropout, attention);
        }
        let x = self.attention_norm.forward(&(attention + rows_of_x));
        let hidden = activate(settings.activation, &self.intermediate.forward(&x)); // [rows, hidden dim]
        let hidden = dropout.apply(sites.feed_forward(), settings.dropout, self.output.forward(&hidden));
        self.output_norm.forward(&(hidden + x)) // [rows, dim]
    }

    fn attention(
        &self,
        x: &Tensor,
        rows_of_x: &Tensor,
        batch: &TokenBatch,
        layer: LayerSettings,
        dropout: Dropout<'_>,
    ) -> Tensor {
        let LayerSettings { encoder: settings, rows, sites } = layer;
        let heads = signed(settings.heads);
        // From [sentences, length, dim] to [sentences, heads, length, dim / heads].
        let split = |x: Tensor| x.unflatten(2, [heads, -1]).transpose(1, 2);
        let query = self.query.forward(rows_of_x);
        let query = split(match rows {
            ComputedTokens::All => batch.pad(query),
            ComputedTokens::First => query.unsqueeze(1),
        }); // [sentences, heads, queries, dim / heads]
        let key = split(batch.pad(self.key.forward(x))); // [sentences, heads, longest, dim / heads]
        let value = split(batch.pad(self.value.forward(x)));
        let width = query.size()[3];

        let scores = (query / (width as f64).sqrt()).matmul(&key.transpose(2, 3)); // [sentences, heads, queries, longest]
        let weights = batch.mask(scores).softmax(3, Kind::Float);
        let site = sites.attention_weights();
        let weights = dropout.apply_to_attention(site, settings.attention_dropout, weights, batch, rows);
        let context = weights.matmul(&value.to_kind(weights.kind())).transpose(1, 2).flatten(2, 3); // [sentences, queries, dim]
        let context = match rows {
            ComputedTokens::All => batch.unpad(&context),
            ComputedTokens::First => context.flatten(0, 1),
        };
        self.attention_output.forward(&context) // [rows, dim]
    }
}

fn activate(activation: Activation, x: &Tensor) -> Tensor {
    match activation {
        Activation::Gelu => x.gelu("none"),
        Activation::GeluTanh => x.gelu("tanh"),
        Activation::Relu => x.relu(),
    }
}
