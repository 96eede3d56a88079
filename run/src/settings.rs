//! The configuration of a run: one typed value, one table that tells each setting once.
//!
//! Filled from low to high by defaults, a YAML file, flags and `--set`; all of them name settings by the same keys
//! and go through [`RunConfig::set`]. What a setting may hold is checked in one place, [`RunConfig::validate`], with
//! the reference's messages. This module knows nothing of terminals: the program makes its flags from
//! [`RunConfig::fields`].

mod error;
mod fields;
mod file;
mod method;
mod paths;
mod validate;
pub mod value;

pub use error::{ConfigError, Place};
pub use fields::{
    ControlMode, FieldInfo, Initialization, LabelNoiseType, OptimizerName, Precision, Range, Role, RunConfig,
    SchedulerName, TaskName, Tasks,
};
pub use file::read_file;
