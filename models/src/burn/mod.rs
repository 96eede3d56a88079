//! The networks in burn: modules, their tensors by name, and operations of our own for the CPU.

mod batch_norm;
mod conv2d;
mod dropout;
mod encoder;
mod flex_ops;
mod layers;
mod loss;
mod named_tensors;
mod products;
mod resnet18;
mod skeleton;
mod text_classifier;
mod token_batch;

pub use batch_norm::BatchNorm;
pub use conv2d::Conv2d;
pub use dropout::{DropoutMask, DropoutMasks};
pub use encoder::EncoderLayer;
pub use layers::{Embedding, LayerNorm, Linear};
pub use loss::cross_entropy;
pub use named_tensors::{host_tensor, load, tensor_data, tensor_infos, tensors};
pub use resnet18::{BasicBlock, ResNet18};
pub use text_classifier::{TextClassifier, TextNetwork};
pub use token_batch::{PaddedPlaces, TokenBatch, TokenTensors};
