//! From the runs of a study to their results: who runs what, where, and what became of it.
//!
//! One supervisor (`aees sweep run`) claims runs from the [registry](crate::registry) and starts a worker process for each:
//! the same binary, which gets one `Job` as the first line of its standard input and tells what happens as JSON lines on
//! its standard output. The pipe to its input is its lifeline: when it closes, because the supervisor wants the run to stop
//! or is dead, the worker writes a checkpoint and ends. A crash takes down one run only. The lock on a run's folder, not the
//! registry, is what keeps two processes from working in it.

pub mod background;
mod command_run;
mod error;
mod inputs;
mod job;
mod layout;
mod process;
mod run_facts;
mod study_plan;
pub mod supervisor;

pub use self::command_run::run_command;
pub use self::error::SweepError;
pub use self::inputs::{InputError, InputFinder};
pub use self::job::{CommandJob, Ended, EndedState, Job, ResultSource, Work};
pub use self::layout::Root;
pub use self::process::{ProcessIdentity, hostname};
pub use self::run_facts::split_metric;
pub use self::run_facts::{
    FactsError, Found, ResultError, Skipped, completion_of, read_identity, read_root, read_study, run_folders,
    write_identity, write_study,
};
pub use self::study_plan::{Planner, StudyPlan, study_name};
