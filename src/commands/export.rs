//! `aees export`: a trained model in a folder that other programs read.

use std::path::PathBuf;
use std::process::ExitCode;

use aees_train::session::{SavedModel, export};
use clap::ArgMatches;

use crate::failure::Failure;
use crate::progress::{self, Style};
use crate::stdout;

/// Writes the model, and says where.
pub(crate) fn run(arguments: &ArgMatches) -> Result<ExitCode, Failure> {
    let (Some(directory), Some(folder)) = (arguments.get_one::<PathBuf>("run"), arguments.get_one::<PathBuf>("to"))
    else {
        return Ok(ExitCode::SUCCESS);
    };
    let which = match arguments.get_one::<String>("checkpoint").map(String::as_str) {
        Some("last") => SavedModel::Last,
        _ => SavedModel::Best,
    };
    let step = export(directory, which, folder, &mut progress::subscribers(Style::Auto))?;
    eprintln!("the model after step {step}");
    stdout::line(folder.display());
    Ok(ExitCode::SUCCESS)
}
