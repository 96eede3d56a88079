//! Many runs: [`study`] files and the runs that they ask for, the [`registry`] that knows what became of them, and
//! [`launch`], which brings them to where they train.
//!
//! No tensors: what a run is made of comes from whoever plans ([`launch::FindInputs`]), and training is another process.

#![warn(missing_docs)]

pub mod launch;
pub mod registry;
pub mod study;
