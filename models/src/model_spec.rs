//! What a network is, for whoever builds it: an engine of any tensor library gets this and values by name.

use rand::Rng;

use crate::tensor_info::{Initial, parameter_numbers};
use crate::{HostTensor, NamedTensors, ResNet18Config, TensorInfo, TextClassifierConfig};

/// The networks that can be trained, each with its shape.
#[derive(Debug, Clone, PartialEq)]
pub enum ModelSpec {
    /// ResNet-18 for images.
    ResNet18(ResNet18Config),
    /// DistilBERT or BERT for sentences.
    TextClassifier(TextClassifierConfig),
}

impl ModelSpec {
    /// Names, kinds and shapes of the network's tensors, in PyTorch's `state_dict()` order.
    pub fn tensors(&self) -> Vec<TensorInfo> {
        match self {
            Self::ResNet18(config) => config.tensors(),
            Self::TextClassifier(config) => config.tensors(),
        }
    }

    /// The values of a new network, distributed as in its PyTorch original.
    ///
    /// `stream(i)` is the generator of the values of parameter `i`, counted in the order of PyTorch's `parameters()`;
    /// constant tensors draw nothing. Values depend on the streams and on nothing else.
    pub fn draw<R: Rng>(&self, mut stream: impl FnMut(usize) -> R) -> NamedTensors {
        let tensors = self.tensors();
        let numbers = parameter_numbers(&tensors);
        let drawn = tensors.into_iter().zip(numbers).map(|(info, number)| {
            let values = self.draw_tensor(&info, || stream(number.unwrap_or_default()));
            (info.name, values)
        });
        drawn.collect()
    }

    /// The values of one new tensor; buffers start as constants.
    pub(crate) fn draw_tensor<R: Rng>(&self, info: &TensorInfo, stream: impl FnOnce() -> R) -> HostTensor {
        self.initial(info).values(info, stream)
    }

    fn initial(&self, info: &TensorInfo) -> Initial {
        match self {
            Self::ResNet18(config) => config.initial(info),
            Self::TextClassifier(config) => config.initial(info),
        }
    }
}
