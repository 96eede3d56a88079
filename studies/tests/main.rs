//! The crate as its callers see it.
#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod auto_loop;
mod damaged_files;
#[path = "../../tests/support/mutation.rs"]
mod mutation;
mod registry;
#[path = "../../tests/support/registry_facts.rs"]
mod registry_facts;
