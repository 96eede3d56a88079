//! ResNet-18 against PyTorch, the paper's counts and its own promises.

#![allow(clippy::unwrap_used, reason = "a panic is the report of a test, in its functions, too")]

mod five_steps;
mod init;
mod named_tensors;
mod one_pass;
mod pytorch;
