//! What the user sees while a run goes on. Everything here listens to events and writes to stderr, but for JSON lines.

use std::io::IsTerminal;

use aees_train::event::Subscriber;

use self::preparations::Preparations;

mod bar;
mod json_lines;
mod plain;
mod preparations;
mod summary;

/// How progress is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// A bar on a terminal, lines elsewhere.
    Auto,
    /// A bar.
    Bar,
    /// The reference's lines, one an epoch.
    Plain,
    /// One JSON object for each event, on stdout.
    Json,
    /// Nothing.
    None,
}

impl Style {
    /// The words for `--progress`.
    pub(crate) const NAMES: [&'static str; 5] = ["auto", "bar", "plain", "json", "none"];

    /// The style of a word; the command line lets no other word through.
    pub(crate) fn from_name(name: &str) -> Self {
        match name {
            "bar" => Self::Bar,
            "plain" => Self::Plain,
            "json" => Self::Json,
            "none" => Self::None,
            _ => Self::Auto,
        }
    }
}

/// Who listens for a style.
pub(crate) fn subscribers(style: Style) -> Vec<Box<dyn Subscriber>> {
    match style {
        Style::Auto if std::io::stderr().is_terminal() => subscribers(Style::Bar),
        Style::Auto => subscribers(Style::Plain),
        Style::Bar => {
            vec![Box::new(Preparations::bars()), Box::new(bar::Bar::default()), Box::new(summary::Summary)]
        }
        Style::Plain => {
            vec![Box::new(Preparations::lines()), Box::new(plain::Plain::default()), Box::new(summary::Summary)]
        }
        Style::Json => vec![Box::new(json_lines::JsonLines)],
        Style::None => Vec::new(),
    }
}

/// Who listens while something is looked up outside of a run.
pub(crate) fn preparations() -> Vec<Box<dyn Subscriber>> {
    match std::io::stderr().is_terminal() {
        true => vec![Box::new(Preparations::bars())],
        false => vec![Box::new(Preparations::lines())],
    }
}
