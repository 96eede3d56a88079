//! A classifier of sentences of either architecture.

use burn::module::Module;
use burn::tensor::{Device, Tensor};

use super::bert::BertClassifier;
use super::distilbert::DistilBertClassifier;
use super::dropout::{Dropout, DropoutMasks};
use super::named_tensors::load;
use super::token_batch::TokenBatch;
use crate::{NamedTensors, TextArchitecture, TextClassifierConfig, WeightError};

/// A network that classifies sentences.
///
/// It trains on an autodiff device and evaluates on any other, such as the one of `model.valid()`.
#[derive(Module, Debug)]
pub enum TextClassifier {
    /// A DistilBERT.
    DistilBert(DistilBertClassifier),
    /// A BERT.
    Bert(BertClassifier),
}

impl TextClassifier {
    /// The network on a device, with these values for its tensors.
    ///
    /// # Errors
    ///
    /// When a tensor is missing, unexpected or of another shape.
    pub fn new(config: &TextClassifierConfig, values: NamedTensors, device: &Device) -> Result<Self, WeightError> {
        let skeleton = match config.architecture {
            TextArchitecture::DistilBert => Self::DistilBert(DistilBertClassifier::skeleton(config, device)),
            TextArchitecture::Bert => Self::Bert(BertClassifier::skeleton(config, device)),
        };
        load(skeleton, values)
    }

    /// From a batch to logits `[sentences, classes]`. The batch is on the network's device.
    ///
    /// Dropout acts when masks are given: that is training, whatever the device.
    pub fn forward(&self, batch: &TokenBatch, dropout: Option<&dyn DropoutMasks>) -> Tensor<2> {
        match self {
            Self::DistilBert(network) => network.forward(batch, Dropout(dropout)),
            Self::Bert(network) => network.forward(batch, Dropout(dropout)),
        }
    }
}
