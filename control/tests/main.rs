//! The tests of the method, in one binary.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod allocations;
mod candidates;
mod controllers;
mod credit;
mod defects;
mod differential;
mod exp3;
mod method_settings;
mod open_loop;
mod properties;
mod random_numbers;
mod regret;
mod rewards;
mod run;
mod save_and_restore;
mod thompson;
