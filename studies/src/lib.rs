//! Many runs: what a study file asks for, and how each of its runs is brought to where it trains, exactly once.
//!
//! [`study`] reads study files and expands them; [`plan`] gives each run its identity; the [`registry`] knows what became of
//! the runs. The [`supervisor`] claims those that are due and hands them to a [`launcher`], whose workers get a [`job`] and
//! know no registry. [`prune`] says which of them are stopped before their end. [`slurm`] brings them to a cluster instead. [`program`] is a worker's run of somebody else's program, [`background`] a supervisor without a terminal.
//! [`standing`] says how a study stands, [`disk`] tells what lies below the folder of results: the registry can be made again from it.
//!
//! No tensors: what a run is made of comes from whoever plans ([`plan::InputFinder`]), and training is another process. The
//! lock on a run's folder, not the registry, is what keeps two processes from working in it.

#![warn(missing_docs)]

pub mod auto_loop;
pub mod background;
pub mod disk;
mod error;
pub mod job;
pub mod launcher;
mod named;
pub mod plan;
pub mod process;
pub mod program;
pub mod prune;
pub mod registry;
pub mod search;
pub mod slurm;
pub mod standing;
pub mod study;
pub mod supervisor;

pub use self::error::{InputError, SweepError};
