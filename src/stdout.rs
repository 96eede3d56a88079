//! Data on stdout. What could not be written is remembered, and makes the program end with exit code 1: whoever reads a
//! part of it must not take it for the whole.

use std::fmt::Display;
use std::io::{self, ErrorKind, IsTerminal, Write};
use std::sync::{Mutex, OnceLock};

use clap::ColorChoice;

/// The first thing that went wrong.
static FAILED: Mutex<Option<ErrorKind>> = Mutex::new(None);

/// Prints one line.
pub(crate) fn line(text: impl Display) {
    note(writeln!(io::stdout(), "{text}"));
}

/// Remembers that something could not be written.
pub(crate) fn note(written: io::Result<()>) {
    if let (Err(error), Ok(mut failed)) = (written, FAILED.lock()) {
        failed.get_or_insert(error.kind());
    }
}

/// Writes what is still to be written, and tells whether all that was printed was taken.
///
/// # Errors
/// When something was not, with what to say. A reader that went away (`aees ... | head`) knows it and is told nothing.
pub(crate) fn finish() -> Result<(), Option<String>> {
    note(io::stdout().flush());
    match FAILED.lock().map_or(None, |failed| *failed) {
        None => Ok(()),
        Some(ErrorKind::BrokenPipe) => Err(None),
        Some(kind) => Err(Some(format!("cannot write to standard output: {kind}"))),
    }
}

/// Prints text that has its line ends.
pub(crate) fn text(text: &str) {
    note(io::stdout().write_all(text.as_bytes()));
}

/// How many characters a line of the terminal has; elsewhere lines have no end.
pub(crate) fn width() -> usize {
    if io::stdout().is_terminal() { usize::from(console::Term::stdout().size().1) } else { usize::MAX }
}

/// What `--color` says.
static COLOURS: OnceLock<ColorChoice> = OnceLock::new();

/// Decides on colours for the whole program, once.
pub(crate) fn choose_colours(choice: ColorChoice) {
    let _ = COLOURS.set(choice);
    if choice != ColorChoice::Auto {
        console::set_colors_enabled(choice == ColorChoice::Always);
        console::set_colors_enabled_stderr(choice == ColorChoice::Always);
    }
}

/// Whether a stream takes colours: as `--color` says, or else a terminal, and nobody said no.
pub(crate) fn takes_colours(stream: &impl IsTerminal) -> bool {
    match COLOURS.get() {
        Some(ColorChoice::Always) => true,
        Some(ColorChoice::Never) => false,
        Some(ColorChoice::Auto) | None => stream.is_terminal() && std::env::var_os("NO_COLOR").is_none(),
    }
}

/// Text in a colour, where colours are taken.
pub(crate) fn painted(paint: &str, text: impl Display, colours: bool) -> String {
    if colours { format!("{paint}{text}\x1b[0m") } else { text.to_string() }
}
