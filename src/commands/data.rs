//! `aees data`: what runs need from the network, fetched beforehand.

use std::process::ExitCode;

use aees_run::settings::{RunConfig, TaskName};
use aees_train::session::fetch;
use clap::ArgMatches;

use super::train::flags;
use crate::failure::Failure;
use crate::progress::{self, Style};
use crate::stdout;

/// Runs `aees data fetch`, the only word there is.
pub(crate) fn run(arguments: &ArgMatches) -> Result<ExitCode, Failure> {
    let Some(("fetch", arguments)) = arguments.subcommand() else { return Ok(ExitCode::SUCCESS) };
    let named = arguments.get_one::<String>("task").map(String::as_str);
    let tasks: Vec<TaskName> =
        TaskName::ALL.into_iter().filter(|task| named == Some("all") || named == Some(task.name())).collect();
    for task in &tasks {
        let mut config = RunConfig::new(*task);
        config.fill(flags(&config, arguments, tasks.len() > 1)?)?;
        config.make_paths_absolute();
        let style = arguments.get_one::<String>("progress").map_or("auto", String::as_str);
        for file in fetch(&config, &mut progress::subscribers(Style::from_name(style)))? {
            stdout::line(file.display());
        }
    }
    Ok(ExitCode::SUCCESS)
}
