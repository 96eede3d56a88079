//! The configuration of a run: one typed value, one table that tells each setting once.
//!
//! Filled from low to high by defaults, a YAML file, flags and `--set`; all of them name settings by the same keys
//! and go through [`RunConfig::set`], which lets in what is within its range; [`RunConfig::validate`] checks what settings
//! need of each other. The messages are the reference's. This module knows nothing of terminals: the program makes its flags from
//! [`RunConfig::settings`].

mod choices;
mod error;
mod file;
mod fill;
mod info;
mod keep_checkpoints;
mod method;
mod number;
mod paths;
mod table;
mod validate;
pub mod value;

pub use choices::{ControlMode, Initialization, LabelNoiseType, OptimizerName, Precision, TaskName};
pub use error::{ConfigError, Place};
pub use file::read_file;
pub use fill::assigned;
pub use info::{Cost, PathKind, Role, SettingInfo, Tasks, Verb};
pub use keep_checkpoints::KeepCheckpoints;
pub use number::{NonNegative, Positive, Share, ShareBelowOne};
pub use paths::looks_like_a_path;
pub use table::RunConfig;
