//! A reader for the small part of Python's pickle format that data files use. It builds values and never runs anything.

mod array;
mod machine;
mod value;

pub(crate) use array::byte_array;
pub(crate) use machine::parse;
pub(crate) use value::{Node, NodeId, Pickle};
