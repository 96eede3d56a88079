//! The whole method as one value: settings in, candidates out, losses in, logs out.

mod config;
mod controller_logs;
mod error;
mod run;

pub use config::{AeesConfig, ArmPolicy};
pub use controller_logs::{AxisLog, BucketLog, ColumnEntry, ColumnLogs, ContextualLog, ControllerLogs, Labelled};
pub use error::AeesError;
pub use run::Aees;
