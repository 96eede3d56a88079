//! A layer of a transformer encoder with post-layer normalisation, which DistilBERT and BERT share under their own names.
//!
//! Vaswani and others, "Attention Is All You Need", 2017, <https://arxiv.org/abs/1706.03762>.

use burn::tensor::Tensor;
use burn::tensor::activation::{relu, softmax};

use super::dropout::Dropout;
use super::flex_ops;
use super::layers::{LayerNorm, Linear};
use super::token_batch::TokenBatch;
use crate::Activation;
use crate::dropout_sites::LayerSites;
use crate::encoder_settings::{ComputedTokens, EncoderSettings};

/// The parts of one layer.
pub(crate) struct EncoderLayer<'a> {
    pub(crate) query: &'a Linear,
    pub(crate) key: &'a Linear,
    pub(crate) value: &'a Linear,
    pub(crate) attention_output: &'a Linear,
    pub(crate) attention_norm: &'a LayerNorm,
    pub(crate) intermediate: &'a Linear,
    pub(crate) output: &'a Linear,
    pub(crate) output_norm: &'a LayerNorm,
    pub(crate) settings: EncoderSettings,
    pub(crate) sites: LayerSites,
}

impl EncoderLayer<'_> {
    /// From `[tokens, dim]` to `[rows, dim]`.
    pub(crate) fn forward(
        &self,
        x: Tensor<2>,
        batch: &TokenBatch,
        rows: ComputedTokens,
        dropout: Dropout<'_>,
    ) -> Tensor<2> {
        let settings = self.settings;
        let rows_of_x = match rows {
            ComputedTokens::All => x.clone(),
            ComputedTokens::First => batch.first_of(x.clone()),
        };
        let mut attention = self.attention(x, rows_of_x.clone(), batch, rows, dropout); // [rows, dim]
        if settings.drops_attention_output {
            attention = dropout.apply(self.sites.attention_output(), settings.dropout, attention);
        }
        let x = self.attention_norm.forward(attention + rows_of_x);
        let hidden = activate(settings.activation, self.intermediate.forward(x.clone())); // [rows, hidden dim]
        let hidden = dropout.apply(self.sites.feed_forward(), settings.dropout, self.output.forward(hidden));
        self.output_norm.forward(hidden + x) // [rows, dim]
    }

    fn attention(
        &self,
        x: Tensor<2>,
        rows_of_x: Tensor<2>,
        batch: &TokenBatch,
        rows: ComputedTokens,
        dropout: Dropout<'_>,
    ) -> Tensor<2> {
        let [_, dim] = x.dims();
        let settings = self.settings;
        let scale = (settings.heads as f64 / dim as f64).sqrt();
        let query = self.query.forward(rows_of_x).mul_scalar(scale);
        let query = match rows {
            ComputedTokens::All => batch.pad(query),
            ComputedTokens::First => query.reshape([batch.sentences(), 1, dim]),
        };
        let query = self.split(query); // [sentences, heads, queries, dim / heads]
        let key = self.split(batch.pad(self.key.forward(x.clone()))); // [sentences, heads, longest, dim / heads]
        let value = self.split(batch.pad(self.value.forward(x)));

        let scores = query.matmul(key.swap_dims(2, 3)); // [sentences, heads, queries, longest]
        let weights = softmax(batch.mask(scores), 3);
        let site = self.sites.attention_weights();
        let weights = dropout.apply_to_attention(site, settings.attention_dropout, weights, batch);
        let context = weights.matmul(value).swap_dims(1, 2); // [sentences, queries, heads, dim / heads]
        let context = context.flatten(2, 3); // [sentences, queries, dim]
        let context = match rows {
            ComputedTokens::All => batch.unpad(context),
            ComputedTokens::First => context.flatten(0, 1),
        };
        self.attention_output.forward(context) // [rows, dim]
    }

    /// From `[sentences, length, dim]` to `[sentences, heads, length, dim / heads]`.
    fn split(&self, x: Tensor<3>) -> Tensor<4> {
        let [sentences, length, dim] = x.dims();
        let heads = self.settings.heads;
        x.reshape([sentences, length, heads, dim / heads]).swap_dims(1, 2)
    }
}

fn activate(activation: Activation, x: Tensor<2>) -> Tensor<2> {
    match activation {
        Activation::Gelu => flex_ops::gelu(&x).unwrap_or_else(|| gelu(x)),
        Activation::GeluTanh => gelu_tanh(x),
        Activation::Relu => relu(x),
    }
}

/// `x Phi(x)` by the error function. burn's own has, outside its CPU back end, the gradient of the approximation by the
/// hyperbolic tangent, which is off by up to 1e-3.
fn gelu(x: Tensor<2>) -> Tensor<2> {
    let error_function = x.clone().mul_scalar(std::f64::consts::FRAC_1_SQRT_2).erf();
    x.mul_scalar(0.5) * error_function.add_scalar(1.0)
}

/// The approximation of GELU by the hyperbolic tangent.
fn gelu_tanh(x: Tensor<2>) -> Tensor<2> {
    let scale = (2.0 / std::f64::consts::PI).sqrt();
    let inner = (x.clone().powi_scalar(3).mul_scalar(0.044715) + x.clone()).mul_scalar(scale);
    x.mul_scalar(0.5) * inner.tanh().add_scalar(1.0)
}
