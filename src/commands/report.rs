//! `aees report` and `aees replay`: finds the results, and calls the word.

pub(crate) mod best;
pub(crate) mod figures;
pub(crate) mod html;
pub(crate) mod overhead;
pub(crate) mod replay;
pub(crate) mod tables;
pub(crate) mod tensor;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::ArgMatches;

use crate::failure::Failure;
use aees_report::{ReportError, ResultSet, Source};

impl From<ReportError> for Failure {
    fn from(error: ReportError) -> Self {
        Self::new(error.to_string(), error.help())
    }
}

/// Runs one of the words of `aees report`.
pub(crate) fn run(arguments: &ArgMatches) -> Result<ExitCode, Failure> {
    match arguments.subcommand() {
        Some(("tables", arguments)) => tables::run(arguments),
        Some(("figures", arguments)) => figures::run(arguments),
        Some(("html", arguments)) => html::run(arguments),
        Some(("best", arguments)) => best::run(arguments),
        Some(("tensor", arguments)) => tensor::run(arguments),
        Some(("overhead", arguments)) => overhead::run(arguments),
        _ => Ok(ExitCode::SUCCESS),
    }
}

/// The sources that the command line names. What is no path is a study.
pub(crate) fn sources(arguments: &ArgMatches) -> Vec<Source> {
    let root = arguments.get_one::<PathBuf>("root").cloned().unwrap_or_else(|| "results".into());
    let registry = arguments.get_one::<PathBuf>("registry").cloned().unwrap_or_else(|| root.join("registry.db"));
    let named = arguments.get_many::<String>("source").unwrap_or_default();
    named
        .map(|name| match Path::new(name) {
            path if path.is_dir() => Source::Folder(path.to_owned()),
            path if path.exists() => Source::File(path.to_owned()),
            _ => Source::Study { root: root.clone(), registry: registry.clone(), name: name.clone() },
        })
        .collect()
}

/// Reads the results, and tells what was passed over.
pub(crate) fn read(arguments: &ArgMatches) -> Result<ResultSet, Failure> {
    let found = ResultSet::read(&sources(arguments)).map_err(|error| Failure::new(error.to_string(), error.help()))?;
    for skipped in &found.skipped {
        eprintln!("skipped {}: {}", skipped.path.display(), skipped.reason);
    }
    found.warnings.iter().for_each(|warning| eprintln!("warning: {warning}"));
    Ok(found)
}
