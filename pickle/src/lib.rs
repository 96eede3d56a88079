//! A reader for the small part of Python's pickle format that data and weight files use. It builds values and never
//! runs anything.
//!
//! [`parse`] gives a [`Pickle`]: a list of nodes in which calls of Python code are recorded and not made. What a call
//! means is left to the readers of each file format; only numpy arrays of bytes, [`byte_array`], are read here.
//!
//! ```
//! // {'a': 1} as Python writes it with protocol 2.
//! let pickle = aees_pickle::parse(b"\x80\x02}U\x01aK\x01s.").unwrap();
//! let entries = pickle.root_entries().unwrap();
//! assert_eq!(entries[0].0, b"a");
//! assert_eq!(pickle.node(entries[0].1).kind(), "the number 1");
//! ```

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod array;
mod machine;
mod value;

pub use array::{ByteArray, byte_array};
pub use machine::parse;
pub use value::{Node, NodeId, Pickle};
