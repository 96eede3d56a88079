//! One file for each command.

pub(crate) mod background;
pub(crate) mod data;
pub(crate) mod devices;
pub(crate) mod export;
pub(crate) mod pretokenize;
pub(crate) mod registry;
pub(crate) mod report;
pub(crate) mod runs;
pub(crate) mod status;
pub(crate) mod sweep;
pub(crate) mod table;
pub(crate) mod train;
pub(crate) mod worker;
