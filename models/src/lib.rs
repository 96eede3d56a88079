//! The networks that aees trains, one file a model, each held to PyTorch's numbers by fixtures in `tests/fixtures`.
//!
//! This crate knows tensors and nothing of data, optimizers or AEES: images and labels come in as tensors, logits and a
//! loss go out. A model has the names, shapes and order of the tensors of its PyTorch original, so that weights move
//! between the two by name, and its initial values are drawn from streams that the caller keys, never from a global
//! generator.
//!
//! ```
//! use aees_models::{ResNet18Config, tensors};
//! use burn::module::Module;
//! use burn::tensor::{Device, Tensor};
//! use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
//!
//! let seed = 18;
//! let stream = |parameter: usize| Xoshiro256PlusPlus::seed_from_u64(seed + ((parameter as u64) << 32));
//! let config = ResNet18Config { base_width: 4, classes: 10 };
//! let device = Device::flex();
//! let model = config.init(stream, &device.clone().autodiff());
//!
//! // `valid()` is the network off the autodiff device: batch norms use their running statistics.
//! let logits = model.valid().forward(Tensor::zeros([2, 3, 32, 32], &device));
//! assert_eq!(logits.dims(), [2, 10]);
//! assert_eq!(tensors(&model)[0].name, "conv1.weight");
//! ```

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod batch_norm;
pub mod flops;
mod loss;
mod named_tensors;
mod resnet18;

pub use batch_norm::BatchNorm;
pub use loss::cross_entropy;
pub use named_tensors::{
    NamedTensor, TensorInfo, TensorKind, WeightError, load, parameter_count, tensor_infos, tensors,
};
pub use resnet18::{BasicBlock, Conv2d, Linear, ResNet18, ResNet18Config};
