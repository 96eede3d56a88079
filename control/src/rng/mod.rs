//! The two random number generators that the method's published results depend on, rebuilt to the bit.
//!
//! [`PythonRandom`] is CPython's `random.Random`: the reference's controllers, label noise and every open-loop schedule
//! draw from one. [`NumpyGenerator`] is NumPy's `default_rng`: it made the train/validation split and the paired
//! bootstrap, and the bandits that the reference does not have draw from it: its state is six words instead of 625.
//! Neither is meant for security, and neither draws normal deviates: gradient noise belongs to the training engine.

mod generator;
mod numpy;
mod python;
mod seed_sequence;

pub use generator::Generator;
pub use numpy::{NumpyGenerator, NumpyStateError, bounded};
pub use python::{PythonRandom, PythonStateError, SampleError};
