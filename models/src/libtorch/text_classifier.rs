//! DistilBERT and BERT that classify sentences, in libtorch. The shapes, the tensors and their first values are in
//! [`crate::TextClassifierConfig`].

use tch::{Kind, Tensor};

use super::dropout::{Dropout, DropoutMasks};
use super::encoder::EncoderLayer;
use super::layers::{LayerNorm, Linear, rows};
use super::tensors::NetworkTensors;
use super::token_batch::TokenBatch;
use crate::dropout_sites;
use crate::encoder_settings::{EncoderSettings, LayerSettings};
use crate::{TextArchitecture, TextClassifierConfig, WeightError};

/// A network that classifies sentences.
#[derive(Debug)]
pub struct TextClassifier {
    /// `[vocabulary, dim]`.
    words: Tensor,
    /// `[positions, dim]`.
    positions: Tensor,
    /// BERT's, of which single sentences use the first: `[types, dim]`.
    token_types: Option<Tensor>,
    embedding_norm: LayerNorm,
    layers: Vec<EncoderLayer>,
    settings: EncoderSettings,
    /// From the first token's vector to the classifier's input: DistilBERT's with ReLU, BERT's with the hyperbolic tangent.
    pooler: Linear,
    architecture: TextArchitecture,
    classifier: Linear,
    classifier_dropout: f64,
}

impl TextClassifier {
    /// The network over these tensors.
    ///
    /// # Errors
    /// When one is missing.
    pub fn new(config: &TextClassifierConfig, tensors: &NetworkTensors) -> Result<Self, WeightError> {
        let architecture = config.architecture;
        let table = |part: &str| tensors.get(&architecture.tensor_name(&format!("{part}.weight")));
        let layer = |number| EncoderLayer::of(config, tensors, number);
        Ok(Self {
            words: table("word_embeddings")?,
            positions: table("position_embeddings")?,
            token_types: match architecture {
                TextArchitecture::DistilBert => None,
                TextArchitecture::Bert => Some(table("token_type_embeddings")?),
            },
            embedding_norm: LayerNorm::of(
                tensors,
                &architecture.tensor_name("embedding_norm"),
                config.layer_norm_epsilon,
            )?,
            layers: (0..config.layers).map(layer).collect::<Result<_, _>>()?,
            settings: EncoderSettings::of(config),
            pooler: Linear::of(tensors, &architecture.tensor_name("pooler"))?,
            architecture,
            classifier: Linear::of(tensors, &architecture.tensor_name("classifier"))?,
            classifier_dropout: config.classifier_dropout,
        })
    }

    /// From a batch to logits `[sentences, classes]` of f32. The batch is on the network's device.
    ///
    /// Dropout acts when masks are given: that is training.
    pub fn forward(&self, batch: &TokenBatch, masks: Option<&dyn DropoutMasks>) -> Tensor {
        let dropout = Dropout(masks);
        let mut x = dropout.apply(dropout_sites::EMBEDDINGS, self.settings.dropout, self.embed(batch)); // [tokens, dim]
        for (number, layer) in self.layers.iter().enumerate() {
            let settings = LayerSettings::of(self.settings, number, self.layers.len());
            x = layer.forward(&x, batch, settings, dropout); // [sentences, dim] at the end
        }
        let x = self.pooler.forward(&x);
        let x = match self.architecture {
            TextArchitecture::DistilBert => dropout.apply(dropout_sites::CLASSIFIER, self.classifier_dropout, x.relu()),
            TextArchitecture::Bert => dropout.apply(dropout_sites::CLASSIFIER, self.classifier_dropout, x.tanh()),
        };
        self.classifier.forward(&x).to_kind(Kind::Float)
    }

    /// From a batch to `[tokens, dim]`.
    fn embed(&self, batch: &TokenBatch) -> Tensor {
        let sum = rows(&self.words, &batch.ids) + rows(&self.positions, &batch.positions);
        self.embedding_norm.forward(&match &self.token_types {
            Some(types) => sum + types.narrow(0, 0, 1), // [1, dim]
            None => sum,
        })
    }
}
