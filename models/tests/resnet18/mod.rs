//! ResNet-18 against PyTorch, the paper's counts and its own promises.

mod first_values;
mod five_steps;
mod named_tensors;
mod one_pass;
mod pytorch;
