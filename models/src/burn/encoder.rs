//! A layer of a transformer encoder with post-layer normalisation, as DistilBERT and BERT have it.
//!
//! Vaswani and others, "Attention Is All You Need", 2017, <https://arxiv.org/abs/1706.03762>.

use burn::module::Module;
use burn::tensor::Tensor;
use burn::tensor::activation::{relu, softmax};

use super::dropout::Dropout;
use super::flex_ops;
use super::layers::{LayerNorm, Linear};
use super::products::matmul;
use super::skeleton::Skeleton;
use super::token_batch::TokenBatch;
use crate::encoder_settings::{ComputedTokens, LayerSettings};
use crate::{Activation, TextClassifierConfig};

/// One layer; its parts are in PyTorch's order.
#[derive(Module, Debug)]
pub struct EncoderLayer {
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
    /// The layer without values; see [`Skeleton`].
    pub(super) fn skeleton(config: &TextClassifierConfig, make: &Skeleton<'_>) -> Self {
        let (dim, hidden_dim) = (config.dim, config.hidden_dim);
        Self {
            query: make.linear(dim, dim),
            key: make.linear(dim, dim),
            value: make.linear(dim, dim),
            attention_output: make.linear(dim, dim),
            attention_norm: make.layer_norm(dim, config.layer_norm_epsilon),
            intermediate: make.linear(dim, hidden_dim),
            output: make.linear(hidden_dim, dim),
            output_norm: make.layer_norm(dim, config.layer_norm_epsilon),
        }
    }

    /// From `[tokens, dim]` to `[rows, dim]`.
    pub(crate) fn forward(
        &self,
        x: Tensor<2>,
        batch: &TokenBatch,
        layer: LayerSettings,
        dropout: Dropout<'_>,
    ) -> Tensor<2> {
        let LayerSettings { encoder: settings, rows, sites } = layer;
        let rows_of_x = match rows {
            ComputedTokens::All => x.clone(),
            ComputedTokens::First => batch.first_of(x.clone()),
        };
        let mut attention = self.attention(x, rows_of_x.clone(), batch, layer, dropout); // [rows, dim]
        if settings.drops_attention_output {
            attention = dropout.apply(sites.attention_output(), settings.dropout, attention);
        }
        let x = self.attention_norm.forward(attention + rows_of_x);
        let hidden = activate(settings.activation, self.intermediate.forward(x.clone())); // [rows, hidden dim]
        let hidden = dropout.apply(sites.feed_forward(), settings.dropout, self.output.forward(hidden));
        self.output_norm.forward(hidden + x) // [rows, dim]
    }

    fn attention(
        &self,
        x: Tensor<2>,
        rows_of_x: Tensor<2>,
        batch: &TokenBatch,
        layer: LayerSettings,
        dropout: Dropout<'_>,
    ) -> Tensor<2> {
        let LayerSettings { encoder: settings, rows, sites } = layer;
        let [_, dim] = x.dims();
        // From [sentences, length, dim] to [sentences, heads, length, dim / heads].
        let split = |x: Tensor<3>| {
            let [sentences, length, _] = x.dims();
            x.reshape([sentences, length, settings.heads, dim / settings.heads]).swap_dims(1, 2)
        };
        let scale = (settings.heads as f64 / dim as f64).sqrt();
        let query = self.query.forward(rows_of_x).mul_scalar(scale);
        let query = match rows {
            ComputedTokens::All => batch.pad(query),
            ComputedTokens::First => query.reshape([batch.sentences(), 1, dim]),
        };
        let query = split(query); // [sentences, heads, queries, dim / heads]
        let key = split(batch.pad(self.key.forward(x.clone()))); // [sentences, heads, longest, dim / heads]
        let value = split(batch.pad(self.value.forward(x)));

        let precision = self.query.precision;
        let scores = matmul(query, key.swap_dims(2, 3), precision); // [sentences, heads, queries, longest]
        let weights = softmax(batch.mask(scores), 3);
        let site = sites.attention_weights();
        let weights = dropout.apply_to_attention(site, settings.attention_dropout, weights, batch);
        let context = matmul(weights, value, precision).swap_dims(1, 2); // [sentences, queries, heads, dim / heads]
        let context = context.flatten(2, 3); // [sentences, queries, dim]
        let context = match rows {
            ComputedTokens::All => batch.unpad(context),
            ComputedTokens::First => context.flatten(0, 1),
        };
        self.attention_output.forward(context) // [rows, dim]
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
