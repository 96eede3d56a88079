//! What a run is, without tensors: its settings, its identity, its folder, its checkpoints and its result.
//!
//! A [`RunConfig`](settings::RunConfig) holds the settings; [`identity`] says which runs are the same; [`run_directory`] is where
//! a run lies; [`checkpoint`] is what survives a kill, and [`artifact`] writes every file that matters whole or not at all.
//! Training is left to `aees-train`, studies of many runs to `aees-studies`.

#![forbid(unsafe_code)]

pub mod artifact;
pub mod caught;
pub mod checkpoint;
pub mod circumstances;
pub mod hardware;
pub mod hexadecimal;
pub mod host_tensor;
pub mod identity;
pub mod input;
pub mod json;
pub mod nearest;
pub mod nvidia;
pub mod outcome;
pub mod output;
pub mod printable;
pub mod result;
pub mod run_directory;
pub mod runtime_metrics;
pub mod settings;
pub mod shown;
pub mod state;
pub mod times;
