//! The two random number generators that the method's published results depend on, rebuilt to the bit.
//!
//! [`PythonRandom`] is CPython's `random.Random`: every controller, label noise and every open-loop schedule draws from
//! one. [`NumpyGenerator`] is NumPy's `default_rng`: it made the train/validation split and the paired bootstrap.
//! Neither is meant for security, and neither draws normal deviates: gradient noise belongs to the training engine.

mod numpy;
mod python;
mod seed_sequence;

pub use numpy::{NumpyGenerator, NumpyStateError};
pub use python::{PythonRandom, PythonStateError, SampleError};
