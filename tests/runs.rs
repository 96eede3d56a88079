//! `aees runs`, `aees registry` and `aees sweep status`: a registry is filled through the library, the program is run on
//! it as a user does, and what it prints and leaves is read.
mod bad_input;
mod changing;
mod choosing;
mod disk;
pub(crate) mod large;
mod lists;
pub(crate) mod scratch;
mod status;
