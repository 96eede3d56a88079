//! Data on stdout. A reader that went away (`aees ... | head`) is its own choice and not an error of ours.

use std::fmt::Display;
use std::io::{IsTerminal, Write};

/// Prints one line.
pub(crate) fn line(text: impl Display) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// Prints text that has its line ends.
pub(crate) fn text(text: &str) {
    let _ = std::io::stdout().write_all(text.as_bytes());
}

/// Whether a stream takes colours: a terminal, and nobody said no.
pub(crate) fn takes_colours(stream: &impl IsTerminal) -> bool {
    stream.is_terminal() && std::env::var_os("NO_COLOR").is_none()
}
