//! A layer of a transformer encoder with post-layer normalisation, which DistilBERT and BERT share under their own names.
//!
//! Vaswani and others, "Attention Is All You Need", 2017, <https://arxiv.org/abs/1706.03762>. Which tokens the last layer computes
//! is in [`crate::encoder_settings`].

use tch::{Kind, Tensor};

use super::dropout::Dropout;
use super::layers::{LayerNorm, Linear};
use super::tensors::{NetworkTensors, signed};
use super::token_batch::TokenBatch;
use crate::dropout_sites::LayerSites;
use crate::encoder_settings::{ComputedTokens, EncoderSettings};
use crate::{Activation, WeightError};

/// The names of a layer's parts, without the layer's own.
pub(crate) struct LayerNames {
    pub(crate) query: &'static str,
    pub(crate) key: &'static str,
    pub(crate) value: &'static str,
    pub(crate) attention_output: &'static str,
    pub(crate) attention_norm: &'static str,
    pub(crate) intermediate: &'static str,
    pub(crate) output: &'static str,
    pub(crate) output_norm: &'static str,
}

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
    /// The layer whose tensors have names that begin with the prefix.
    pub(crate) fn of(
        tensors: &NetworkTensors,
        prefix: &str,
        names: &LayerNames,
        epsilon: f64,
    ) -> Result<Self, WeightError> {
        let linear = |part: &str| Linear::of(tensors, &format!("{prefix}.{part}"));
        let norm = |part: &str| LayerNorm::of(tensors, &format!("{prefix}.{part}"), epsilon);
        Ok(Self {
            query: linear(names.query)?,
            key: linear(names.key)?,
            value: linear(names.value)?,
            attention_output: linear(names.attention_output)?,
            attention_norm: norm(names.attention_norm)?,
            intermediate: linear(names.intermediate)?,
            output: linear(names.output)?,
            output_norm: norm(names.output_norm)?,
        })
    }

    /// From `[tokens, dim]` to `[rows, dim]`.
    pub(crate) fn forward(
        &self,
        x: &Tensor,
        batch: &TokenBatch,
        rows: ComputedTokens,
        settings: EncoderSettings,
        sites: LayerSites,
        dropout: Dropout<'_>,
    ) -> Tensor {
        let first;
        let rows_of_x = match rows {
            ComputedTokens::All => x,
            ComputedTokens::First => {
                first = batch.first_of(x);
                &first
            }
        };
        let mut attention = self.attention(x, rows_of_x, batch, rows, settings, sites, dropout); // [rows, dim]
        if settings.drops_attention_output {
            attention = dropout.apply(sites.attention_output(), settings.dropout, attention);
        }
        let x = self.attention_norm.forward(&(attention + rows_of_x));
        let hidden = activate(settings.activation, &self.intermediate.forward(&x)); // [rows, hidden dim]
        let hidden = dropout.apply(sites.feed_forward(), settings.dropout, self.output.forward(&hidden));
        self.output_norm.forward(&(hidden + x)) // [rows, dim]
    }

    #[expect(clippy::too_many_arguments, reason = "one call site; a struct would only rename the arguments")]
    fn attention(
        &self,
        x: &Tensor,
        rows_of_x: &Tensor,
        batch: &TokenBatch,
        rows: ComputedTokens,
        settings: EncoderSettings,
        sites: LayerSites,
        dropout: Dropout<'_>,
    ) -> Tensor {
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
