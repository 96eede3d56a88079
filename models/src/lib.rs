//! The networks that aees trains, each held to PyTorch's numbers by fixtures in `tests/fixtures`: ResNet-18 for images,
//! DistilBERT and BERT for sentences.
//!
//! This crate knows networks and weight files, and nothing of data, tokenizers, optimizers or AEES. What a network *is*
//! needs no tensor library: its shape ([`ModelSpec`]), its tensors by PyTorch's names and in PyTorch's order, its first
//! values, drawn on the host from streams that the caller keys, its weight files and its costs. What it is in a library, with the
//! forward pass, is in the modules `burn` and `libtorch`, each behind the Cargo feature of that name.
//!
//! ```
//! use aees_models::burn::ResNet18;
//! use aees_models::{ModelSpec, ResNet18Config};
//! use aees_run::settings::Precision;
//! use burn::module::Module;
//! use burn::tensor::{Device, Tensor};
//! use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
//!
//! let seed = 18;
//! let stream = |parameter: usize| Xoshiro256PlusPlus::seed_from_u64(seed + ((parameter as u64) << 32));
//! let config = ResNet18Config { base_width: 4, classes: 10 };
//! let values = ModelSpec::ResNet18(config).draw(stream);
//! assert_eq!(values["conv1.weight"].shape, [4, 3, 3, 3]);
//!
//! let device = Device::flex();
//! let model = ResNet18::new(&config, values, Precision::F32, &device.clone().autodiff()).unwrap();
//! // `valid()` is the network off the autodiff device: batch norms use their running statistics.
//! let logits = model.valid().forward(Tensor::zeros([2, 3, 32, 32], &device));
//! assert_eq!(logits.dims(), [2, 10]);
//! ```
//!
//! A classifier of sentences reads batches without padding:
//!
//! ```
//! use aees_models::burn::{TextClassifier, TokenBatch};
//! use aees_models::{ModelSpec, TextClassifierConfig};
//! use aees_run::settings::Precision;
//! use burn::tensor::Device;
//! use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
//!
//! let config = TextClassifierConfig::distilbert_base().with_layers(2).with_dim(64).with_vocabulary(100);
//! let stream = |parameter| Xoshiro256PlusPlus::seed_from_u64(parameter as u64);
//! let values = ModelSpec::TextClassifier(config.clone()).draw(stream);
//! let device = Device::flex();
//! let model = TextClassifier::new(&config, values, Precision::F32, &device).unwrap();
//!
//! // A sentence of three tokens and one of two; no dropout.
//! let batch = TokenBatch::new(&config, &[2, 7, 3, 2, 3], &[3, 2], &device).unwrap();
//! assert_eq!(model.forward(&batch, None).dims(), [2, 2]);
//! ```

#![cfg_attr(not(feature = "libtorch"), forbid(unsafe_code))]
// With libtorch one file calls its C functions.
#![deny(unsafe_code)]
#![warn(missing_docs)]

#[cfg(feature = "burn")]
pub mod burn;
mod dropout_sites;
mod encoder_settings;
pub mod flops;
#[cfg(feature = "libtorch")]
pub mod libtorch;
pub mod libtorch_folder;
mod model_spec;
mod pretrained;
mod resnet18;
#[cfg(feature = "burn")]
mod row_gradient;
mod tensor_info;
mod text_config;
mod text_tensors;
mod token_layout;
pub mod weights;

pub use aees_run::host_tensor::{HostTensor, NamedTensors};
pub use model_spec::ModelSpec;
pub use pretrained::{Notice, Pretrained, PretrainedError, pretrained, save_pretrained};
pub use resnet18::ResNet18Config;
#[cfg(feature = "burn")]
pub use row_gradient::RowGradient;
pub use tensor_info::{TensorInfo, TensorKind, WeightError, check_values, parameter_count, parameter_numbers};
pub use text_config::{Activation, ModelConfigError, TextArchitecture, TextClassifierConfig};
pub use token_layout::{BatchError, MASKED_SCORE, Padding, TokenLayout};
