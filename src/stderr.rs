//! Words for people on stderr. A reader that went away or a full log disk never ends a run: what cannot be said is not said.
//!
//! The two macros stand in for those of the standard library in all of the program, which panic when stderr is closed.

use std::fmt::Arguments;
use std::io::Write;

/// Prints text, as far as anybody takes it.
pub(crate) fn print(text: Arguments<'_>) {
    let _ = std::io::stderr().write_fmt(text);
}

macro_rules! eprint {
    ($($words:tt)*) => { $crate::stderr::print(format_args!($($words)*)) };
}

macro_rules! eprintln {
    ($($words:tt)*) => { $crate::stderr::print(format_args!("{}\n", format_args!($($words)*))) };
}
