//! One file for each verb: what can be typed, and what is done.

pub(crate) mod auto_loop;
pub(crate) mod bench;
pub(crate) mod board;
pub(crate) mod completions;
pub(crate) mod config;
pub(crate) mod data;
pub(crate) mod devices;
pub(crate) mod doctor;
pub(crate) mod export;
pub(crate) mod man;
pub(crate) mod pretokenize;
pub(crate) mod registry;
pub(crate) mod replay;
pub(crate) mod report;
pub(crate) mod runs;
pub(crate) mod slurm;
pub(crate) mod sweep;
pub(crate) mod train;
pub(crate) mod worker;
