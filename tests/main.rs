//! The program, run as a user runs it. One binary for all of it, as each costs a link.
//!
//! Tests share a process: a folder, a variable or a number of threads is set for the program that a test starts, never for
//! the process itself.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod auto_loop;
mod background;
mod bad_input;
mod bench;
mod board;
mod book;
mod configs;
mod doctor;
mod house;
mod hub;
#[cfg(feature = "libtorch")]
mod libtorch;
mod messages;
mod nothing_hidden;
mod nothing_lost;
mod options;
mod program;
mod replay;
mod report;
mod resume;
mod runs;
mod slurm;
mod sweep;
mod terminal;
mod text;
mod train;

#[path = "support/registry_facts.rs"]
mod registry_facts;
#[path = "support/require.rs"]
mod require;
