//! A classifier of sentences of either architecture, and its initial values.
//!
//! A network is made in two steps: a skeleton, whose parameters have shapes and no memory, and values by name, which come
//! from streams ([`TextClassifierConfig::init`]) or from a file ([`pretrained`](crate::pretrained)). So the values of a
//! network that is loaded are never drawn first.

use std::collections::BTreeMap;

use burn::module::{Module, Param, ParamId};
use burn::tensor::{Device, Tensor, TensorData};
use rand::Rng;
use rand_distr::{Distribution, StandardNormal};

use crate::bert::BertClassifier;
use crate::distilbert::DistilBertClassifier;
use crate::dropout::Dropout;
use crate::encoder::EncoderSettings;
use crate::layers::{Embedding, LayerNorm, Linear};
use crate::named_tensors::set_values;
use crate::{
    DropoutSource, ModelConfigError, TensorInfo, TextArchitecture, TextClassifierConfig, TokenBatch, tensor_infos,
};

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
    /// From a batch to logits `[sentences, classes]`. The batch is on the network's device.
    ///
    /// Dropout acts when a source is given: that is training, whatever the device.
    pub fn forward(&self, batch: &TokenBatch, dropout: Option<&dyn DropoutSource>) -> Tensor<2> {
        match self {
            Self::DistilBert(network) => network.forward(batch, Dropout(dropout)),
            Self::Bert(network) => network.forward(batch, Dropout(dropout)),
        }
    }
}

impl TextClassifierConfig {
    /// A network with initial values drawn as `transformers` draws them: weights normal with the deviation
    /// `initializer_range`, biases 0, layer norms the identity, and zeros for the word embedding of padding.
    ///
    /// `stream(i)` is the generator of the values of parameter `i`, counted in the order of PyTorch's `parameters()`;
    /// constant parameters draw nothing. Values depend on the streams and on nothing else.
    ///
    /// # Errors
    ///
    /// When the configuration is not that of a network.
    pub fn init<R: Rng>(
        &self,
        mut stream: impl FnMut(usize) -> R,
        device: &Device,
    ) -> Result<TextClassifier, ModelConfigError> {
        self.check()?;
        let skeleton = self.skeleton(device);
        let infos = tensor_infos(&skeleton);
        let values = infos.iter().enumerate().map(|(number, info)| {
            let data = self.initial_values(info, || stream(number));
            (info.name.clone(), data)
        });
        let values: BTreeMap<String, TensorData> = values.collect();
        Ok(set_values(skeleton, values))
    }

    /// Names, kinds and shapes of the network's tensors, in PyTorch's `state_dict()` order, without making the network.
    ///
    /// # Errors
    ///
    /// When the configuration is not that of a network.
    pub fn tensor_infos(&self) -> Result<Vec<TensorInfo>, ModelConfigError> {
        self.check()?;
        Ok(tensor_infos(&self.skeleton(&Device::flex())))
    }

    /// A network whose parameters have shapes and no memory.
    pub(crate) fn skeleton(&self, device: &Device) -> TextClassifier {
        let make = Skeleton { device, epsilon: self.layer_norm_epsilon };
        match self.architecture {
            TextArchitecture::DistilBert => TextClassifier::DistilBert(DistilBertClassifier::skeleton(self, &make)),
            TextArchitecture::Bert => TextClassifier::Bert(BertClassifier::skeleton(self, &make)),
        }
    }

    /// What a new parameter holds. The stream is asked for only if something is drawn.
    pub(crate) fn initial_values<R: Rng>(&self, info: &TensorInfo, stream: impl FnOnce() -> R) -> TensorData {
        let count = info.shape.iter().product();
        let values = match info.shape.as_slice() {
            // Biases and layer norms are the only vectors.
            [_] if info.name.ends_with(".bias") => vec![0.0; count],
            [_] => vec![1.0; count],
            shape => {
                let (mut rng, deviation) = (stream(), self.initializer_range as f32);
                let draw = |_| deviation * Distribution::<f32>::sample(&StandardNormal, &mut rng);
                let mut values: Vec<f32> = (0..count).map(draw).collect();
                if let (Some(id), true) = (self.padding_id, info.name.ends_with("word_embeddings.weight")) {
                    values[id as usize * shape[1]..][..shape[1]].fill(0.0);
                }
                values
            }
        };
        TensorData::new(values, info.shape.clone())
    }
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

/// Makes layers whose parameters take memory only when somebody asks for their values.
pub(crate) struct Skeleton<'a> {
    device: &'a Device,
    epsilon: f64,
}

impl Skeleton<'_> {
    pub(crate) fn linear(&self, inputs: usize, outputs: usize) -> Linear {
        Linear { weight: self.parameter([outputs, inputs]), bias: self.parameter([outputs]) }
    }

    pub(crate) fn layer_norm(&self, width: usize) -> LayerNorm {
        LayerNorm { weight: self.parameter([width]), bias: self.parameter([width]), epsilon: self.epsilon }
    }

    pub(crate) fn embedding(&self, entries: usize, width: usize) -> Embedding {
        Embedding { weight: self.parameter([entries, width]) }
    }

    fn parameter<const D: usize>(&self, shape: [usize; D]) -> Param<Tensor<D>> {
        let zeros = move |device: &Device, requires_grad: bool| {
            let zeros = Tensor::zeros(shape, device);
            if requires_grad { zeros.require_grad() } else { zeros }
        };
        Param::uninitialized(ParamId::new(), zeros, self.device.clone(), true, shape.into())
    }
}
