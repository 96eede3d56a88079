//! Runs of a study on a cluster: array tasks of Slurm, which need no registry.
//!
//! [`submit`] claims runs for a [launch](launch::LaunchRecord), freezes them as files in its folder and gives arrays of tasks
//! to the scheduler. A [task](task::Task) brings its runs to workers of its node and writes a journal; warned
//! that its time is over, it has them write checkpoints and puts itself back into the queue. [`collect`] tells the registry
//! what tasks left on the disk, and what the [`scheduler`] says of tasks that left nothing.
//!
//! A run that is claimed for a launch is nobody else's until one of these two gives it back.

pub mod collect;
mod error;
mod grouping;
mod journal;
pub mod launch;
pub mod scheduler;
mod script;
mod selection;
pub mod submit;
pub mod task;

pub use self::error::SlurmError;
pub use self::grouping::Limits;
pub use self::selection::NumberSelection;
