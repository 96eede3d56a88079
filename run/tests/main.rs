//! The room's tests in one binary.

#![allow(clippy::unwrap_used, reason = "a panic in a test is its report")]

mod json_layout;
mod reference_flags;
mod runtime_metrics;
mod table_of_settings;
