//! DistilBERT as a classifier of sentences.
//!
//! Sanh, Debut, Chaumond and Wolf, "DistilBERT, a distilled version of BERT", 2019, <https://arxiv.org/abs/1910.01108>.
//! Layers, names and constants are those of `DistilBertForSequenceClassification` of Hugging Face's `transformers`. The
//! configuration is in `text_config.rs`, names and initial values are in `text_tensors.rs`, and a layer's computation,
//! which BERT shares, is in `encoder.rs`.

#![allow(non_snake_case, reason = "fields have the names that weight files use")]

use burn::module::Module;
use burn::tensor::activation::relu;
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

/// The network. Fields have the names and order of `transformers`.
#[derive(Module, Debug)]
pub struct DistilBertClassifier {
    /// The encoder.
    pub distilbert: DistilBert,
    /// From the first token of a sentence to the classifier's input.
    pub pre_classifier: Linear,
    /// From there to the classes.
    pub classifier: Linear,
    #[module(skip)]
    classifier_dropout: f64,
}

/// Embeddings and layers.
#[derive(Module, Debug)]
pub struct DistilBert {
    /// From ids to vectors.
    pub embeddings: Embeddings,
    /// The layers.
    pub transformer: Transformer,
    #[module(skip)]
    settings: EncoderSettings,
}

/// The sum of a word's and a position's vector, normalised.
#[derive(Module, Debug)]
pub struct Embeddings {
    /// `[vocabulary, dim]`.
    pub word_embeddings: Embedding,
    /// `[positions, dim]`.
    pub position_embeddings: Embedding,
    /// Of the sum.
    pub LayerNorm: LayerNorm,
}

/// The layers, under the name that weight files use.
#[derive(Module, Debug)]
pub struct Transformer {
    /// From the embeddings upwards.
    pub layer: Vec<Layer>,
}

/// One layer.
#[derive(Module, Debug)]
pub struct Layer {
    /// Multi-head self-attention.
    pub attention: Attention,
    /// Of the sum of attention and input.
    pub sa_layer_norm: LayerNorm,
    /// The feed-forward part.
    pub ffn: FeedForward,
    /// Of the sum of the feed-forward part and its input.
    pub output_layer_norm: LayerNorm,
}

/// The projections of attention, each `[dim, dim]`.
#[derive(Module, Debug)]
pub struct Attention {
    /// To queries.
    pub q_lin: Linear,
    /// To keys.
    pub k_lin: Linear,
    /// To values.
    pub v_lin: Linear,
    /// From the weighted values of all heads.
    pub out_lin: Linear,
}

/// Two linear layers around the activation.
#[derive(Module, Debug)]
pub struct FeedForward {
    /// `[hidden dim, dim]`.
    pub lin1: Linear,
    /// `[dim, hidden dim]`.
    pub lin2: Linear,
}

// ------------------------------------------------------------------------------------------------------------ skeleton

impl DistilBertClassifier {
    /// The network without values; see [`Skeleton`].
    pub(crate) fn skeleton(config: &TextClassifierConfig, device: &Device) -> Self {
        let (make, dim, hidden_dim) = (Skeleton::new(device), config.dim, config.hidden_dim);
        let layer_norm = || make.layer_norm(dim, config.layer_norm_epsilon);
        let layer = |_| Layer {
            attention: Attention {
                q_lin: make.linear(dim, dim),
                k_lin: make.linear(dim, dim),
                v_lin: make.linear(dim, dim),
                out_lin: make.linear(dim, dim),
            },
            sa_layer_norm: layer_norm(),
            ffn: FeedForward { lin1: make.linear(dim, hidden_dim), lin2: make.linear(hidden_dim, dim) },
            output_layer_norm: layer_norm(),
        };
        Self {
            distilbert: DistilBert {
                embeddings: Embeddings {
                    word_embeddings: make.embedding(config.vocabulary_size, dim),
                    position_embeddings: make.embedding(config.max_positions, dim),
                    LayerNorm: layer_norm(),
                },
                transformer: Transformer { layer: (0..config.layers).map(layer).collect() },
                settings: EncoderSettings::of(config),
            },
            pre_classifier: make.linear(dim, dim),
            classifier: make.linear(dim, config.classes),
            classifier_dropout: config.classifier_dropout,
        }
    }
}

// ------------------------------------------------------------------------------------------------------------- forward

impl DistilBertClassifier {
    /// From a batch to logits `[sentences, classes]`.
    pub(crate) fn forward(&self, batch: &TokenBatch, dropout: Dropout<'_>) -> Tensor<2> {
        let x = self.distilbert.forward(batch, dropout); // [sentences, dim]
        let x = relu(self.pre_classifier.forward(x)); // [sentences, dim]
        self.classifier.forward(dropout.apply(dropout_sites::CLASSIFIER, self.classifier_dropout, x))
    }
}

impl DistilBert {
    /// From a batch to the last layer's vector of each first token, `[sentences, dim]`.
    fn forward(&self, batch: &TokenBatch, dropout: Dropout<'_>) -> Tensor<2> {
        let x = self.embeddings.forward(batch); // [tokens, dim]
        let mut x = dropout.apply(dropout_sites::EMBEDDINGS, self.settings.dropout, x);
        let layers = self.transformer.layer.len();
        for (number, layer) in self.transformer.layer.iter().enumerate() {
            let parts = layer.parts(self.settings, LayerSites::of(number));
            x = parts.forward(x, batch, ComputedTokens::of(number, layers), dropout);
        }
        x
    }
}

impl Embeddings {
    /// From a batch to `[tokens, dim]`.
    fn forward(&self, batch: &TokenBatch) -> Tensor<2> {
        let words = self.word_embeddings.forward(batch.tensors.ids.clone());
        let positions = self.position_embeddings.forward(batch.tensors.positions.clone());
        self.LayerNorm.forward(words + positions)
    }
}

impl Layer {
    fn parts(&self, settings: EncoderSettings, sites: LayerSites) -> EncoderLayer<'_> {
        EncoderLayer {
            query: &self.attention.q_lin,
            key: &self.attention.k_lin,
            value: &self.attention.v_lin,
            attention_output: &self.attention.out_lin,
            attention_norm: &self.sa_layer_norm,
            intermediate: &self.ffn.lin1,
            output: &self.ffn.lin2,
            output_norm: &self.output_layer_norm,
            settings,
            sites,
        }
    }
}
