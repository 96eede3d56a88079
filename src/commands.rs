//! One file for each command.

pub(crate) mod devices;
pub(crate) mod train;
