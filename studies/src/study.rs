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
mod definition;
mod error;
mod expand;
mod expansion;
mod fields;
mod file;
mod filter;
mod identity;
mod merged_errors;
mod policy;
mod rules;
mod search;
mod seeds;
mod settings;
mod shell;
mod yaml;

#[cfg(test)]
mod tests;

pub use self::definition::{Study, StudyTask};
pub use self::error::{Problem, StudyError, StudyErrors};
pub use self::expansion::{Expansion, Overrides, StudyConfig};
pub use self::policy::{Breakers, Goal, MOST_HOURS, Measure, Objective};
pub use self::settings::Settings;
pub use self::shell::quoted;

pub(crate) use self::command::{CommandSpec, ResultRule, RunPlaces};
pub(crate) use self::expansion::SeedSlot;
pub(crate) use self::policy::FAILURE_CLASSES;
