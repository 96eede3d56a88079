//! What the user sees while a run goes on. Everything here listens to events and writes to stderr, but for JSON lines.

use std::io::IsTerminal;

use aees_train::event::Subscriber;
use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use self::bar::Bar;
use self::final_lines::FinalLines;
use self::json_lines::JsonLines;
use self::plain::Plain;
use self::preparations::Preparations;
use crate::words::words;

mod bar;
mod final_lines;
mod json_lines;
mod plain;
mod preparations;

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

/// A bar on stderr, drawn like this.
pub(crate) fn drawn_bar(length: Option<u64>, template: &str) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(length, ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars("━╸─"));
    }
    bar
}

/// Who listens for a style.
pub(crate) fn subscribers(style: Style) -> Vec<Box<dyn Subscriber>> {
    let preparations = Box::new(Preparations::new(style == Style::Bar));
    let last = Box::new(FinalLines::default());
    match style {
        Style::Bar => vec![preparations, Box::new(Bar::default()), last],
        Style::Plain => vec![preparations, Box::new(Plain::default()), last],
        Style::Json => vec![Box::new(JsonLines)],
        Style::None => vec![Box::new(Plain { only_warnings: true, ..Plain::default() })],
    }
}

/// Who listens while something is looked up outside of a run.
pub(crate) fn preparations() -> Vec<Box<dyn Subscriber>> {
    vec![Box::new(Preparations::new(auto() == Style::Bar))]
}
