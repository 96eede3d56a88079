//! BERT as a classifier of sentences.
//!
//! Devlin, Chang, Lee and Toutanova, "BERT: Pre-training of Deep Bidirectional Transformers for Language Understanding",
//! 2018, <https://arxiv.org/abs/1810.04805>. Layers, names and constants are those of `BertForSequenceClassification` of
//! Hugging Face's `transformers`. Beside DistilBERT it has token-type embeddings, of which single sentences use the first
//! row, dropout on the output of attention, and a pooler with a hyperbolic tangent. The configuration is in
//! `text_config.rs`, names and initial values are in `text_tensors.rs`, and a layer's computation is in `encoder.rs`.

#![allow(non_snake_case, reason = "fields have the names that weight files use")]

use burn::module::Module;
use burn::tensor::{Device, Tensor};

use super::dropout::Dropout;
use super::encoder::EncoderLayer;
use super::layers::{Embedding, LayerNorm, Linear};
use super::skeleton::Skeleton;
use super::token_batch::TokenBatch;
use crate::TextClassifierConfig;
use crate::dropout_sites::{self, LayerSites};
use crate::encoder_settings::{ComputedTokens, EncoderSettings};

// -------------------------------------------------------------------------------------------------------------- module

/// The network. Fields have the names and order of `transformers`; `self_` stands for `self`.
#[derive(Module, Debug)]
pub struct BertClassifier {
    /// The encoder and its pooler.
    pub bert: Bert,
    /// To the classes.
    pub classifier: Linear,
    #[module(skip)]
    classifier_dropout: f64,
}

/// Embeddings, layers and pooler.
#[derive(Module, Debug)]
pub struct Bert {
    /// From ids to vectors.
    pub embeddings: Embeddings,
    /// The layers.
    pub encoder: Encoder,
    /// From the first token of a sentence to the classifier's input.
    pub pooler: Dense,
    #[module(skip)]
    settings: EncoderSettings,
}

/// The sum of a word's, a position's and a token type's vector, normalised.
#[derive(Module, Debug)]
pub struct Embeddings {
    /// `[vocabulary, dim]`.
    pub word_embeddings: Embedding,
    /// `[positions, dim]`.
    pub position_embeddings: Embedding,
    /// `[token types, dim]`.
    pub token_type_embeddings: Embedding,
    /// Of the sum.
    pub LayerNorm: LayerNorm,
}

/// The layers, under the name that weight files use.
#[derive(Module, Debug)]
pub struct Encoder {
    /// From the embeddings upwards.
    pub layer: Vec<Layer>,
}

/// One layer.
#[derive(Module, Debug)]
pub struct Layer {
    /// Multi-head self-attention.
    pub attention: Attention,
    /// To the hidden width.
    pub intermediate: Dense,
    /// And back.
    pub output: DenseAndNorm,
}

/// Projections and output of attention.
#[derive(Module, Debug)]
pub struct Attention {
    /// To queries, keys and values.
    pub self_: SelfAttention,
    /// From the weighted values of all heads.
    pub output: DenseAndNorm,
}

/// The projections of attention, each `[dim, dim]`.
#[derive(Module, Debug)]
pub struct SelfAttention {
    /// To queries.
    pub query: Linear,
    /// To keys.
    pub key: Linear,
    /// To values.
    pub value: Linear,
}

/// A linear layer, under the name that weight files use.
#[derive(Module, Debug)]
pub struct Dense {
    /// The layer.
    pub dense: Linear,
}

/// A linear layer and the norm of the sum of its output and the residual.
#[derive(Module, Debug)]
pub struct DenseAndNorm {
    /// The layer.
    pub dense: Linear,
    /// Of the sum.
    pub LayerNorm: LayerNorm,
}

// ------------------------------------------------------------------------------------------------------------ skeleton

impl BertClassifier {
    /// The network without values; see [`Skeleton`].
    pub(crate) fn skeleton(config: &TextClassifierConfig, device: &Device) -> Self {
        let (make, dim, hidden_dim) = (Skeleton::new(device), config.dim, config.hidden_dim);
        let layer_norm = || make.layer_norm(dim, config.layer_norm_epsilon);
        let dense_and_norm = |inputs| DenseAndNorm { dense: make.linear(inputs, dim), LayerNorm: layer_norm() };
        let layer = |_| Layer {
            attention: Attention {
                self_: SelfAttention {
                    query: make.linear(dim, dim),
                    key: make.linear(dim, dim),
                    value: make.linear(dim, dim),
                },
                output: dense_and_norm(dim),
            },
            intermediate: Dense { dense: make.linear(dim, hidden_dim) },
            output: dense_and_norm(hidden_dim),
        };
        Self {
            bert: Bert {
                embeddings: Embeddings {
                    word_embeddings: make.embedding(config.vocabulary_size, dim),
                    position_embeddings: make.embedding(config.max_positions, dim),
                    token_type_embeddings: make.embedding(config.token_types, dim),
                    LayerNorm: layer_norm(),
                },
                encoder: Encoder { layer: (0..config.layers).map(layer).collect() },
                pooler: Dense { dense: make.linear(dim, dim) },
                settings: EncoderSettings::of(config),
            },
            classifier: make.linear(dim, config.classes),
            classifier_dropout: config.classifier_dropout,
        }
    }
}

// ------------------------------------------------------------------------------------------------------------- forward

impl BertClassifier {
    /// From a batch to logits `[sentences, classes]`.
    pub(crate) fn forward(&self, batch: &TokenBatch, dropout: Dropout<'_>) -> Tensor<2> {
        let x = self.bert.forward(batch, dropout); // [sentences, dim]
        self.classifier.forward(dropout.apply(dropout_sites::CLASSIFIER, self.classifier_dropout, x))
    }
}

impl Bert {
    /// From a batch to the pooled vector of each sentence, `[sentences, dim]`.
    fn forward(&self, batch: &TokenBatch, dropout: Dropout<'_>) -> Tensor<2> {
        let x = self.embeddings.forward(batch); // [tokens, dim]
        let mut x = dropout.apply(dropout_sites::EMBEDDINGS, self.settings.dropout, x);
        let layers = self.encoder.layer.len();
        for (number, layer) in self.encoder.layer.iter().enumerate() {
            let parts = layer.parts(self.settings, LayerSites::of(number));
            x = parts.forward(x, batch, ComputedTokens::of(number, layers), dropout);
        }
        self.pooler.dense.forward(x).tanh()
    }
}

impl Embeddings {
    /// From a batch to `[tokens, dim]`.
    fn forward(&self, batch: &TokenBatch) -> Tensor<2> {
        let words = self.word_embeddings.forward(batch.tensors.ids.clone());
        let positions = self.position_embeddings.forward(batch.tensors.positions.clone());
        let first_type = self.token_type_embeddings.weight.val().narrow(0, 0, 1); // [1, dim]
        self.LayerNorm.forward(words + positions + first_type)
    }
}

impl Layer {
    fn parts(&self, settings: EncoderSettings, sites: LayerSites) -> EncoderLayer<'_> {
        EncoderLayer {
            query: &self.attention.self_.query,
            key: &self.attention.self_.key,
            value: &self.attention.self_.value,
            attention_output: &self.attention.output.dense,
            attention_norm: &self.attention.output.LayerNorm,
            intermediate: &self.intermediate.dense,
            output: &self.output.dense,
            output_norm: &self.output.LayerNorm,
            settings,
            sites,
        }
    }
}
