//! Data on stdout. A reader that went away (`aees ... | head`) is its own choice and not an error of ours.

use std::fmt::Display;
use std::io::{IsTerminal, Write};

/// Prints one line.
pub(crate) fn line(text: impl Display) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// How many characters a line of the terminal has; elsewhere lines have no end.
pub(crate) fn width() -> usize {
    match std::io::stdout().is_terminal() {
        true => usize::from(console::Term::stdout().size().1),
        false => usize::MAX,
    }
}

/// Whether a stream takes colours: a terminal, and nobody said no.
pub(crate) fn takes_colours(stream: &impl IsTerminal) -> bool {
    stream.is_terminal() && std::env::var_os("NO_COLOR").is_none()
}
