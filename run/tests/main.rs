//! The room's tests in one binary.

#![allow(clippy::unwrap_used, reason = "a panic in a test is its report")]

mod damaged_files;
mod json_layout;
#[path = "../../tests/support/mutation.rs"]
mod mutation;
mod reference_flags;
mod runtime_metrics;
mod table_of_settings;
