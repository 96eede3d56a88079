//! One training run under AEES: configuration, engine, optimizer, loop, checkpoints, events and the RunResult.
//!
//! [`session::train`] takes a [`config::RunConfig`] from its settings to its result. Inside, [`run`] is the loop, [`engine`]
//! the only seam to a tensor library, [`optimizer`] the AEES-shaped optimizer step, [`checkpoint`] what survives a kill, and
//! [`event`] what the outside gets to know. This crate prints nothing and knows no terminal, no registry and no other process.

pub mod cifar100;
pub mod console_lines;
pub mod controllers;

pub mod dropout;
pub mod engine;
pub mod engine_info;
pub mod event;
pub mod frequency_source;
pub mod label_noise_diagnostics;
pub mod optimizer;
mod philox;
pub mod result;
pub mod run;
pub mod run_logs;
pub mod session;
pub mod tensorboard;
pub mod tensorboard_log;
pub mod text_files;
pub mod text_task;
pub mod training_task;
