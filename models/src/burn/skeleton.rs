//! Networks whose parameters have shapes and no memory, so that the values of a network are never made twice: they come by
//! name, and take their memory then.

use aees_run::settings::Precision;
use burn::module::{Param, ParamId};
use burn::tensor::{Device, Tensor};

use super::layers::{Embedding, LayerNorm, Linear};

/// Makes layers whose parameters take memory only when somebody asks for their values.
pub(crate) struct Skeleton<'a> {
    /// Where they will be.
    pub(crate) device: &'a Device,
    /// In which they multiply.
    pub(crate) precision: Precision,
}

impl Skeleton<'_> {
    pub(crate) fn linear(&self, inputs: usize, outputs: usize) -> Linear {
        let (weight, bias) = (self.parameter([outputs, inputs]), self.parameter([outputs]));
        Linear { weight, bias, precision: self.precision }
    }

    pub(crate) fn layer_norm(&self, width: usize, epsilon: f64) -> LayerNorm {
        LayerNorm { weight: self.parameter([width]), bias: self.parameter([width]), epsilon }
    }

    pub(crate) fn embedding(&self, entries: usize, width: usize) -> Embedding {
        Embedding { weight: self.parameter([entries, width]) }
    }

    pub(crate) fn parameter<const D: usize>(&self, shape: [usize; D]) -> Param<Tensor<D>> {
        let zeros = move |device: &Device, requires_grad: bool| {
            let zeros = Tensor::zeros(shape, device);
            if requires_grad { zeros.require_grad() } else { zeros }
        };
        Param::uninitialized(ParamId::new(), zeros, self.device.clone(), true, shape.into())
    }
}
