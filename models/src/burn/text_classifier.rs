//! DistilBERT and BERT as classifiers of sentences.
//!
//! Sanh, Debut, Chaumond and Wolf, "DistilBERT, a distilled version of BERT", 2019, <https://arxiv.org/abs/1910.01108>; Devlin,
//! Chang, Lee and Toutanova, "BERT: Pre-training of Deep Bidirectional Transformers for Language Understanding", 2018,
//! <https://arxiv.org/abs/1810.04805>. Layers and constants are those of `DistilBertForSequenceClassification` and
//! `BertForSequenceClassification` of Hugging Face's `transformers`. BERT has token types besides, of which single sentences use
//! the first, dropout on the output of attention, and the hyperbolic tangent after the pooler, where DistilBERT has ReLU.
//! The configuration is in `text_config.rs`, names and first values are in `text_tensors.rs`, and a layer is in `encoder.rs`.

use aees_run::settings::Precision;
use burn::module::Module;
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor};

use super::dropout::{Dropout, DropoutMasks};
use super::encoder::EncoderLayer;
use super::layers::{Embedding, LayerNorm, Linear};
use super::named_tensors::load;
use super::skeleton::Skeleton;
use super::token_batch::TokenBatch;
use crate::dropout_sites;
use crate::encoder_settings::{EncoderSettings, LayerSettings};
use crate::{NamedTensors, TextArchitecture, TextClassifierConfig, WeightError};

/// A network that classifies sentences. The variant says by which names its tensors go.
///
/// It trains on an autodiff device and evaluates on any other, such as the one of `model.valid()`.
#[derive(Module, Debug)]
pub enum TextClassifier {
    /// A DistilBERT.
    DistilBert(TextNetwork),
    /// A BERT.
    Bert(TextNetwork),
}

/// The parts that both have, in PyTorch's order.
#[derive(Module, Debug)]
pub struct TextNetwork {
    /// `[vocabulary, dim]`.
    word_embeddings: Embedding,
    /// `[positions, dim]`.
    position_embeddings: Embedding,
    /// BERT's: `[token types, dim]`.
    token_type_embeddings: Option<Embedding>,
    /// Of the sum.
    embedding_norm: LayerNorm,
    /// From the embeddings upwards.
    layers: Vec<EncoderLayer>,
    /// From the first token's vector to the classifier's input.
    pooler: Linear,
    /// To the classes.
    classifier: Linear,
    #[module(skip)]
    settings: EncoderSettings,
    #[module(skip)]
    classifier_dropout: f64,
}

impl TextClassifier {
    /// The network on a device, with these values for its tensors. It multiplies in `precision`, which the device must support.
    ///
    /// # Errors
    ///
    /// When a tensor is missing, unexpected or of another shape.
    pub fn new(
        config: &TextClassifierConfig,
        values: NamedTensors,
        precision: Precision,
        device: &Device,
    ) -> Result<Self, WeightError> {
        let network = TextNetwork::skeleton(config, &Skeleton { device, precision });
        let skeleton = match config.architecture {
            TextArchitecture::DistilBert => Self::DistilBert(network),
            TextArchitecture::Bert => Self::Bert(network),
        };
        load(skeleton, values)
    }

    /// From a batch to logits `[sentences, classes]`. The batch is on the network's device.
    ///
    /// Dropout acts when masks are given: that is training, whatever the device.
    pub fn forward(&self, batch: &TokenBatch, masks: Option<&dyn DropoutMasks>) -> Tensor<2> {
        let dropout = Dropout(masks);
        match self {
            Self::DistilBert(network) => network.classify(relu(network.encode(batch, dropout)), dropout),
            Self::Bert(network) => network.classify(network.encode(batch, dropout).tanh(), dropout),
        }
    }
}

impl TextNetwork {
    /// The network without values; see [`Skeleton`].
    fn skeleton(config: &TextClassifierConfig, make: &Skeleton<'_>) -> Self {
        let dim = config.dim;
        let has_types = config.architecture == TextArchitecture::Bert;
        Self {
            word_embeddings: make.embedding(config.vocabulary_size, dim),
            position_embeddings: make.embedding(config.max_positions, dim),
            token_type_embeddings: has_types.then(|| make.embedding(config.token_types, dim)),
            embedding_norm: make.layer_norm(dim, config.layer_norm_epsilon),
            layers: (0..config.layers).map(|_| EncoderLayer::skeleton(config, make)).collect(),
            pooler: make.linear(dim, dim),
            classifier: make.linear(dim, config.classes),
            settings: EncoderSettings::of(config),
            classifier_dropout: config.classifier_dropout,
        }
    }

    /// From a batch to what the pooler gives for each sentence, `[sentences, dim]`.
    fn encode(&self, batch: &TokenBatch, dropout: Dropout<'_>) -> Tensor<2> {
        let mut x = dropout.apply(dropout_sites::EMBEDDINGS, self.settings.dropout, self.embed(batch)); // [tokens, dim]
        for (number, layer) in self.layers.iter().enumerate() {
            let settings = LayerSettings::of(self.settings, number, self.layers.len());
            x = layer.forward(x, batch, settings, dropout); // [sentences, dim] at the end
        }
        self.pooler.forward(x)
    }

    /// From a batch to `[tokens, dim]`.
    fn embed(&self, batch: &TokenBatch) -> Tensor<2> {
        let words = self.word_embeddings.forward(batch.tensors.ids.clone());
        let mut sum = words + self.position_embeddings.forward(batch.tensors.positions.clone());
        if let Some(types) = &self.token_type_embeddings {
            sum = sum + types.weight.val().narrow(0, 0, 1); // [1, dim]
        }
        self.embedding_norm.forward(sum)
    }

    /// From the classifier's input `[sentences, dim]` to logits `[sentences, classes]`.
    fn classify(&self, x: Tensor<2>, dropout: Dropout<'_>) -> Tensor<2> {
        self.classifier.forward(dropout.apply(dropout_sites::CLASSIFIER, self.classifier_dropout, x))
    }
}
