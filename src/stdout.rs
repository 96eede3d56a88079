//! Data on stdout. A reader that went away (`aees ... | head`) is its own choice and not an error of ours.

use std::fmt::Display;
use std::io::Write;

/// Prints one line.
pub(crate) fn line(text: impl Display) {
    let _ = writeln!(std::io::stdout(), "{text}");
}
