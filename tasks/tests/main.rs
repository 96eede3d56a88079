//! The room's one test binary: what it reads, what it makes of it, and how it asks the hub.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod damaged_files;
mod files;
mod hub;
mod images;
#[path = "../../tests/support/mutation.rs"]
mod mutation;
#[path = "../../tests/support/require.rs"]
mod require;
mod text;
mod tokens;
