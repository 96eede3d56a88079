//! JSON as Python's `json` has it: read with its words for numbers that are not finite, written in its layout.

mod read;
mod write;

pub use read::{LooseObject, parse, parse_object, without_words};
pub use write::write_pretty;
