//! The networks that aees trains, one file a model, each held to PyTorch's numbers by fixtures in `tests/fixtures`:
//! ResNet-18 for images, DistilBERT and BERT for sentences.
//!
//! This crate knows tensors and weight files, and nothing of data, tokenizers, optimizers or AEES: images or token ids and
//! labels come in, logits and a loss go out. A model has the names, shapes and order of the tensors of its PyTorch original, so that weights move
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
//!
//! A classifier of sentences reads batches without padding:
//!
//! ```
//! use aees_models::{TextClassifierConfig, TokenBatch};
//! use burn::tensor::Device;
//! use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
//!
//! let config = TextClassifierConfig::distilbert_base().with_layers(2).with_dim(64).with_vocabulary(100);
//! let device = Device::flex();
//! let model = config.init(|parameter| Xoshiro256PlusPlus::seed_from_u64(parameter as u64), &device).unwrap();
//!
//! // A sentence of three tokens and one of two; no dropout.
//! let batch = TokenBatch::new(&config, &[2, 7, 3, 2, 3], &[3, 2], &device).unwrap();
//! assert_eq!(model.forward(&batch, None).dims(), [2, 2]);
//! ```

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod batch_norm;
mod bert;
mod distilbert;
mod dropout;
mod encoder;
mod flex_ops;
pub mod flops;
mod layers;
mod loss;
mod named_tensors;
mod pretrained;
mod resnet18;
mod text_classifier;
mod text_config;
mod token_batch;
pub mod weights;

pub use batch_norm::BatchNorm;
pub use bert::BertClassifier;
pub use distilbert::DistilBertClassifier;
pub use dropout::DropoutSource;
pub use layers::{Embedding, LayerNorm, Linear};
pub use loss::cross_entropy;
pub use named_tensors::{
    NamedTensor, TensorInfo, TensorKind, WeightError, load, parameter_count, tensor_infos, tensors,
};
pub use pretrained::{Notice, Pretrained, PretrainedError, pretrained, save_pretrained};
pub use resnet18::{BasicBlock, Conv2d, ResNet18, ResNet18Config};
pub use text_classifier::TextClassifier;
pub use text_config::{Activation, ModelConfigError, TextArchitecture, TextClassifierConfig};
pub use token_batch::{BatchError, TokenBatch};
