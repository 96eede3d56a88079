//! Floats as Python reads and writes them.
//!
//! Candidate names, the keys of the controller logs and several error messages are made of printed floats, so a reader
//! of the reference's files finds ours only if they are printed the same way: `repr`, `%g` and `%.12g`.

mod format;
mod parse;

pub use format::{general, repr};
pub(crate) use parse::is_python_space;
pub use parse::parse;
