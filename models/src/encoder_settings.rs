//! What the layers of an encoder have in common, and which tokens each computes: the same in every tensor library.
//!
//! A classifier reads the first token of each sentence alone, so the last layer computes keys and values for every token
//! and everything else for the first ones only. Results and gradients are those of the whole layer; of DistilBERT's six
//! layers it saves most of one.

use crate::dropout_sites::LayerSites;
use crate::{Activation, TextArchitecture, TextClassifierConfig};

/// What every layer of an encoder has in common.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct EncoderSettings {
    pub(crate) heads: usize,
    pub(crate) activation: Activation,
    pub(crate) dropout: f64,
    pub(crate) attention_dropout: f64,
    /// Whether dropout acts on the output of attention: in BERT, not in DistilBERT.
    pub(crate) drops_attention_output: bool,
}

impl EncoderSettings {
    pub(crate) fn of(config: &TextClassifierConfig) -> Self {
        Self {
            heads: config.heads,
            activation: config.activation,
            dropout: config.dropout,
            attention_dropout: config.attention_dropout,
            drops_attention_output: config.architecture == TextArchitecture::Bert,
        }
    }
}

/// How one layer is computed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LayerSettings {
    pub(crate) encoder: EncoderSettings,
    pub(crate) rows: ComputedTokens,
    pub(crate) sites: LayerSites,
}

impl LayerSettings {
    /// Of layer `layer` of `layers`.
    pub(crate) fn of(encoder: EncoderSettings, layer: usize, layers: usize) -> Self {
        let rows = if layer + 1 == layers { ComputedTokens::First } else { ComputedTokens::All };
        Self { encoder, rows, sites: LayerSites::of(layer) }
    }
}

/// The tokens that a layer computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ComputedTokens {
    /// All of them: as many rows as tokens.
    All,
    /// The first of each sentence: as many rows as sentences.
    First,
}
