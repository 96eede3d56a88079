//! A run driven from outside.

#![allow(clippy::unwrap_used, reason = "a panic is the report of a test, in its functions, too")]

mod drive;
