//! The whole method as one value: settings in, candidates out, losses in, logs out.

mod axes;
mod config;
mod controller_logs;
mod error;
mod history;
mod run;

pub use axes::{AxisMetadata, ByAxis};
pub use config::{AeesConfig, ControlMode};
pub use controller_logs::{AxisLog, BucketLog, ContextualLog, ControllerLogs, Histories, Labelled};
pub use error::AeesError;
pub use run::Aees;
