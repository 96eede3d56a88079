//! The registry as its callers see it: files in a scratch folder, a clock that the test turns.

mod claims;
mod files;
mod moves;
mod plans;
mod processes;
mod reading;
mod results;
mod scratch;
