//! `aees report overhead`.

use std::process::ExitCode;

use clap::ArgMatches;

use crate::failure::Failure;
use crate::stdout;
use aees_report::overhead::{csv, json, markdown, rows, steady_seconds};

/// Runs it.
pub(crate) fn run(arguments: &ArgMatches) -> Result<ExitCode, Failure> {
    let found = super::read(arguments)?;
    for run in found.runs.iter().filter(|run| steady_seconds(run).is_none()) {
        eprintln!("left out {}: it tells no time of an epoch", run.path.display());
    }
    let rows = rows(&found.runs);
    for row in rows.iter().filter(|row| row.overhead.is_none()) {
        eprintln!("note: {} {} {} has no plain baseline to compare with", row.task, row.optimizer, row.label);
    }
    match arguments.get_one::<String>("format").map(String::as_str) {
        Some("csv") => stdout::line(csv(&rows).trim_end()),
        Some("json") => stdout::line(json(&rows)),
        _ => stdout::line(markdown(&rows).trim_end()),
    }
    Ok(ExitCode::SUCCESS)
}
