//! `aees report overhead`.

use std::process::ExitCode;

use aees_report::overhead::{csv, json, markdown, rows, steady_seconds};
use clap::{Args, ValueEnum};

use crate::failure::Failure;
use crate::sources::{Sources, exit_code};
use crate::stdout;

const PROTOCOL: &str = "\
Seconds of a run: the mean of its epochs without the first, evaluation included. Several results of one seed are repeats. \
Percent: over the plain baseline of the same task, optimizer, model, batch, data limits and machine; its 95 % interval is \
Student's, of the logarithm of the ratio over repeats (Welch's degrees of freedom). Time with nothing else on the machine.";

/// What each method costs in time over the plain baseline
#[derive(Args)]
#[command(after_help = PROTOCOL)]
pub(crate) struct OverheadFlags {
    #[command(flatten)]
    sources: Sources,
    /// How to print the table
    #[arg(long, value_name = "FORMAT", default_value = "markdown")]
    format: OverheadFormat,
}

#[derive(Clone, Copy, ValueEnum)]
enum OverheadFormat {
    Markdown,
    Csv,
    Json,
}

pub(super) fn run(typed: &OverheadFlags) -> Result<ExitCode, Failure> {
    let found = typed.sources.read()?;
    for run in found.runs.iter().filter(|run| steady_seconds(run).is_none()) {
        eprintln!("left out {}: it tells no time of an epoch", run.path.display());
    }
    let rows = rows(&found.runs);
    for row in rows.iter().filter(|row| row.overhead.is_none()) {
        eprintln!("note: {} {} {} has no plain baseline to compare with", row.task, row.optimizer, row.label);
    }
    match typed.format {
        OverheadFormat::Markdown => stdout::line(markdown(&rows).trim_end()),
        OverheadFormat::Csv => stdout::line(csv(&rows).trim_end()),
        OverheadFormat::Json => stdout::line(json(&rows)),
    }
    Ok(exit_code(&found.skipped))
}
