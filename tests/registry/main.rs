//! The registry as its callers see it: files in a scratch folder, a clock that the test turns.
#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod claims;
mod files;
mod moves;
mod plans;
mod processes;
mod reading;
mod results;
mod scratch;
