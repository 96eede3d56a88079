//! Studies: a YAML file that says which runs there are, and the runs that it comes to.
//!
//! [`Study::read`] reads a file with its bases and finds everything that is wrong with it; [`Study::expand`] builds every
//! combination, checks it as a training run would, drops what is excluded or equal, and applies the filters of a command
//! line. Semantics and order are those of the specification of sweeps, sections 4.2 to 4.4.
//!
//! A dotted key names a nested setting of a foreign program: `optimizer.lr: 0.1` is `optimizer: {lr: 0.1}`. Settings of
//! training runs are flat.
//!
//! This module knows `RunConfig` and no registry, no process and no terminal: which runs are done, and running them, is
//! for others.
//!
//! ```yaml
//! aees: 1
//! task: cifar100
//! base: ../cifar100/clean_adamw_baseline.yaml
//! sweep:
//!   lr: [1e-3, 1e-4]
//! seeds: 5
//! ```

mod axis;
mod base;
mod block;
mod check;
mod command;
mod command_file;
mod command_identity;
mod definition;
mod error;
mod expand;
mod expansion;
mod fields;
mod file;
mod filter;
mod identity;
mod keys;
mod loop_block;
mod merged_errors;
mod policy;
mod proposed;
mod prune;
mod purpose;
mod resources;
mod rules;
mod schema;
mod secrets;
mod seeds;
mod settings;
mod shell;
mod slurm;
mod space;
mod starter;
mod template;
mod trials;
mod yaml;

#[cfg(test)]
mod tests;

pub use self::command::ResultSource;
pub use self::command_identity::ProgramContent;
pub use self::definition::{Policy, Search, Study, StudyTask};
pub use self::error::{StudyError, StudyErrors, StudyProblem};
pub use self::expansion::{Expansion, Overrides, StudyConfig, check_size};
pub use self::file::is_study_name;
pub use self::loop_block::LoopBlock;
pub use self::policy::{Goal, MOST_HOURS, Measure, Objective};
pub use self::prune::{ProgressUnit, PruneMethod, PruneRule, SeedComparison, StopAt};
pub use self::purpose::{StatedPurpose, StatedPurposes};
pub use self::resources::{MOST_JOBS, Resources};
pub use self::schema::{proposal_settings, schema};
pub use self::settings::Settings;
pub use self::shell::quoted;
pub use self::slurm::SlurmOptions;
pub use self::starter::starter;
pub use self::template::Template;

pub(crate) use self::command::CommandSpec;
pub(crate) use self::identity::differences;
pub(crate) use self::keys::FAILURE_CLASSES;
pub(crate) use self::policy::USUAL_BREAKERS;
pub(crate) use self::prune::curve_value;
pub(crate) use self::secrets::SECRETS;
pub(crate) use self::slurm::slurm_time;
