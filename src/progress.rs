//! What the user sees while a run goes on. Everything here listens to events and writes to stderr, but for JSON lines.

use std::io::IsTerminal;

use aees_train::event::Subscriber;
use clap::Args;

use self::preparations::Preparations;
use crate::words::words;

mod bar;
mod final_lines;
mod json_lines;
mod plain;
mod preparations;
mod warnings;

/// How progress is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// A bar.
    Bar,
    /// The reference's lines, one an epoch.
    Plain,
    /// One JSON object for each event, on stdout.
    Json,
    /// Nothing but warnings.
    None,
}

#[derive(Args)]
pub(crate) struct ProgressFlag {
    /// How to show progress: a bar on a terminal and lines elsewhere, one of them always, JSON lines on stdout, or
    /// nothing but warnings
    #[arg(
        long,
        value_name = "STYLE",
        default_value = "auto",
        value_parser = words([
            ("auto", auto()),
            ("bar", Style::Bar),
            ("plain", Style::Plain),
            ("json", Style::Json),
            ("none", Style::None),
        ]),
    )]
    progress: Style,
    /// Say nothing but warnings: --progress none
    #[arg(long, short, conflicts_with = "progress")]
    quiet: bool,
}

impl ProgressFlag {
    /// How progress is shown.
    pub(crate) fn style(&self) -> Style {
        if self.quiet { Style::None } else { self.progress }
    }
}

/// A bar on a terminal, lines elsewhere.
fn auto() -> Style {
    if std::io::stderr().is_terminal() { Style::Bar } else { Style::Plain }
}

/// Who listens for a style.
pub(crate) fn subscribers(style: Style) -> Vec<Box<dyn Subscriber>> {
    let preparations = Preparations::new(style == Style::Bar);
    match style {
        Style::Bar => {
            vec![Box::new(preparations), Box::new(bar::Bar::default()), Box::new(final_lines::FinalLines::default())]
        }
        Style::Plain => {
            vec![
                Box::new(preparations),
                Box::new(plain::Plain::default()),
                Box::new(final_lines::FinalLines::default()),
            ]
        }
        Style::Json => vec![Box::new(json_lines::JsonLines)],
        Style::None => vec![Box::new(warnings::Warnings::default())],
    }
}

/// Who listens while something is looked up outside of a run.
pub(crate) fn preparations() -> Vec<Box<dyn Subscriber>> {
    vec![Box::new(Preparations::new(auto() == Style::Bar))]
}
