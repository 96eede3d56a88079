//! One training run under AEES: task, engine, optimizer, loop, checkpoints, events and the RunResult.
//!
//! [`session::train`] takes a [`RunConfig`](aees_run::settings::RunConfig) from its settings to its result. Inside,
//! [`training_loop`] says what is next and [`drive`] does it, [`engine`] is the only seam to a tensor library, [`optimizer`] the
//! AEES-shaped optimizer step, [`training_task`] what differs between tasks, and [`event`] what the outside gets to know. What a
//! run is without tensors stands in `aees-run`. This crate prints nothing and knows no terminal, no registry and no other
//! process.

pub mod cifar100;
pub mod console_lines;
pub mod controllers;
pub mod drive;
pub mod dropout;
pub mod engine;
pub mod engine_info;
pub mod event;
pub mod frequency_source;
pub mod hub_files;
pub mod label_noise_diagnostics;
pub mod optimizer;
mod philox;
mod probe;
pub mod result;
pub mod run_logs;
pub mod session;
pub mod shared_inputs;
pub mod step_bench;
pub mod task_error;
pub mod tensorboard;
pub mod tensorboard_log;
pub mod text_files;
pub mod text_task;
pub mod training_loop;
pub mod training_task;

pub use aees_models::libtorch_folder;

/// What the tests of single files need of a machine.
#[cfg(test)]
#[path = "../../tests/support/require.rs"]
mod require;
