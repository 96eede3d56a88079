//! `aees report`, as a user runs it on folders of results and on studies.

mod best;
mod figures;
pub(crate) mod html;
mod overhead;
mod reader;
mod tables;
mod tensor;
