//! The networks in libtorch: forward passes over tensors that lie together in one piece of memory, and what tch lacks of the
//! library.
//!
//! tch's own `nn` is not used: its layers draw their first values themselves and know no order of parameters. Functions
//! of libtorch that fail panic, as tch has it; who calls a network catches that.

mod dropout;
mod encoder;
mod layers;
mod resnet18;
pub mod shim;
mod tensors;
mod text_classifier;
mod token_batch;

pub use dropout::DropoutMasks;
pub use resnet18::ResNet18;
pub use shim::TorchError;
pub use tensors::{NetworkTensors, Placed};
pub use text_classifier::TextClassifier;
pub use token_batch::TokenBatch;
