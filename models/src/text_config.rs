//! The shape of a text classifier, as Hugging Face's `config.json` tells it.
//!
//! Two architectures are known: DistilBERT and BERT. A key that is absent has the value that `transformers` gives it; a
//! value that would need another computation is refused by name. Keys that change nothing here are not looked at.

mod json;

use std::fmt;
use std::path::PathBuf;

use thiserror::Error;

use json::{Keys, MAX_POSITIONS, VOCABULARY_SIZE};

/// A family of encoders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextArchitecture {
    /// Sanh, Debut, Chaumond and Wolf, 2019, <https://arxiv.org/abs/1910.01108>.
    DistilBert,
    /// Devlin, Chang, Lee and Toutanova, 2018, <https://arxiv.org/abs/1810.04805>.
    Bert,
}

/// The non-linearity of the feed-forward part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// `x Phi(x)` with the normal distribution function.
    Gelu,
    /// GELU with the hyperbolic tangent in place of the error function.
    GeluTanh,
    /// `max(x, 0)`.
    Relu,
}

/// The shape of a text classifier and the constants of its computation.
#[derive(Debug, Clone, PartialEq)]
pub struct TextClassifierConfig {
    /// Decides names of tensors, the token-type embeddings, and the head.
    pub architecture: TextArchitecture,
    /// Entries of the word embeddings.
    pub vocabulary_size: usize,
    /// Entries of the position embeddings: the longest sentence in tokens.
    pub max_positions: usize,
    /// Entries of the token-type embeddings of BERT, of which only the first is used. DistilBERT has none.
    pub token_types: usize,
    /// Number of layers.
    pub layers: usize,
    /// Width of the vectors of tokens.
    pub dim: usize,
    /// Attention heads of a layer; divides `dim`.
    pub heads: usize,
    /// Width of the feed-forward part.
    pub hidden_dim: usize,
    /// Of the feed-forward part.
    pub activation: Activation,
    /// Probability to drop an element of embeddings and outputs.
    pub dropout: f64,
    /// Probability to drop an attention weight.
    pub attention_dropout: f64,
    /// Probability to drop an element of the classifier's input.
    pub classifier_dropout: f64,
    /// Standard deviation of new weights.
    pub initializer_range: f64,
    /// Added to variances by the layer norms.
    pub layer_norm_epsilon: f64,
    /// The entry of the word embeddings that starts at zero, if there is one.
    pub padding_id: Option<u32>,
    /// Length of the logits.
    pub classes: usize,
}

/// Why a `config.json` is not that of a network here.
#[allow(missing_docs, reason = "a field's name says it")]
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ModelConfigError {
    /// The file cannot be read.
    #[error("cannot read the model's configuration {}: {reason}", path.display())]
    Unreadable { path: PathBuf, reason: String },
    /// The file is not JSON, or the JSON is not an object.
    #[error("the model's configuration is not a JSON object: {reason}")]
    NotJson { reason: String },
    /// Neither a DistilBERT nor a BERT.
    #[error("unknown model architecture {found}; known are \"distilbert\" and \"bert\"")]
    Architecture { found: String },
    /// A field has a value that no network here can have.
    #[error("model configuration: {field} is {found}, expected {expected}")]
    Field { field: &'static str, found: String, expected: String },
    /// Another error, in a file.
    #[error("{}: {error}", path.display())]
    File { path: PathBuf, error: Box<ModelConfigError> },
}

impl TextArchitecture {
    /// The `model_type` of the hub.
    pub fn name(self) -> &'static str {
        match self {
            Self::DistilBert => "distilbert",
            Self::Bert => "bert",
        }
    }

    /// How its classes of `transformers` begin.
    fn class_stem(self) -> &'static str {
        match self {
            Self::DistilBert => "DistilBertFor",
            Self::Bert => "BertFor",
        }
    }
}

impl fmt::Display for TextArchitecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl TextClassifierConfig {
    /// `distilbert-base-uncased` with two classes: 66,955,010 parameters.
    pub fn distilbert_base() -> Self {
        Self {
            architecture: TextArchitecture::DistilBert,
            vocabulary_size: 30_522,
            max_positions: 512,
            token_types: 0,
            layers: 6,
            dim: 768,
            heads: 12,
            hidden_dim: 3072,
            activation: Activation::Gelu,
            dropout: 0.1,
            attention_dropout: 0.1,
            classifier_dropout: 0.2,
            initializer_range: 0.02,
            layer_norm_epsilon: 1e-12,
            padding_id: Some(0),
            classes: 2,
        }
    }

    /// The same with another number of layers.
    pub fn with_layers(self, layers: usize) -> Self {
        Self { layers, ..self }
    }

    /// The same with another width: heads of 64 (one head below that), and a feed-forward part of four times the width.
    pub fn with_dim(self, dim: usize) -> Self {
        Self { dim, heads: (dim / 64).max(1), hidden_dim: dim.saturating_mul(4), ..self }
    }

    /// The same with another number of word embeddings.
    pub fn with_vocabulary(self, vocabulary_size: usize) -> Self {
        Self { vocabulary_size, ..self }
    }

    /// The same with another number of classes.
    pub fn with_classes(self, classes: usize) -> Self {
        Self { classes, ..self }
    }

    /// Numbers in all parameters, for sizes that need not fit anywhere.
    pub fn parameter_count(&self) -> f64 {
        let number = |count: usize| count as f64;
        let (dim, hidden) = (number(self.dim), number(self.hidden_dim));
        let embeddings = number(self.vocabulary_size) + number(self.max_positions) + number(self.token_types) + 2.0;
        let layer = 4.0 * dim * (dim + 1.0) + 2.0 * dim * hidden + hidden + dim + 4.0 * dim;
        embeddings * dim + number(self.layers) * layer + dim * (dim + 1.0) + (dim + 1.0) * number(self.classes)
    }

    /// Numbers that the forward pass of a sentence of so many tokens leaves for the backward pass, at least: the results of
    /// the matrix products.
    pub fn activation_count(&self, tokens: usize) -> f64 {
        let number = |count: usize| count as f64;
        let token = 6.0 * number(self.dim) + number(self.hidden_dim);
        number(tokens) * number(self.layers) * (token + number(self.heads) * number(tokens))
    }

    /// Checks what the builders do not.
    ///
    /// # Errors
    ///
    /// Names the first field that no network can have.
    pub fn check(&self) -> Result<(), ModelConfigError> {
        let keys = Keys::of(self.architecture);
        let positive = [
            (VOCABULARY_SIZE, self.vocabulary_size),
            (MAX_POSITIONS, self.max_positions),
            (keys.layers, self.layers),
            (keys.dim, self.dim),
            (keys.heads, self.heads),
            (keys.hidden_dim, self.hidden_dim),
            ("num_labels", self.classes),
        ];
        for (field, value) in positive {
            if value == 0 {
                return Err(wrong(field, value, "a positive integer"));
            }
        }
        if self.architecture == TextArchitecture::Bert && self.token_types == 0 {
            return Err(wrong("type_vocab_size", 0, "a positive integer"));
        }
        if !self.dim.is_multiple_of(self.heads) {
            return Err(wrong(keys.dim, self.dim, &format!("a multiple of {}, which is {}", keys.heads, self.heads)));
        }
        let probabilities = [
            (keys.dropout, self.dropout),
            (keys.attention_dropout, self.attention_dropout),
            (keys.classifier_dropout, self.classifier_dropout),
        ];
        for (field, value) in probabilities {
            if !(0.0..1.0).contains(&value) {
                return Err(wrong(field, value, "at least 0 and below 1"));
            }
        }
        for (field, value) in
            [("initializer_range", self.initializer_range), ("layer_norm_eps", self.layer_norm_epsilon)]
        {
            if !(value.is_finite() && value >= 0.0) {
                return Err(wrong(field, value, "a finite number of at least 0"));
            }
        }
        match self.padding_id {
            Some(id) if id as usize >= self.vocabulary_size => {
                Err(wrong("pad_token_id", id, &format!("below {VOCABULARY_SIZE}, {}", self.vocabulary_size)))
            }
            _ => Ok(()),
        }
    }
}

fn wrong(field: &'static str, found: impl ToString, expected: &str) -> ModelConfigError {
    ModelConfigError::Field { field, found: found.to_string(), expected: expected.to_owned() }
}
