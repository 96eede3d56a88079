//! `aees pretokenize`: the token files of a text task, before the runs that are timed.

use std::process::ExitCode;

use aees_run::settings::{RunConfig, TaskName};
use aees_train::session::SessionError;
use aees_train::text_task::{Pretokenized, pretokenize};
use clap::ArgMatches;
use serde_json::json;

use super::train::flags;
use crate::failure::Failure;
use crate::progress::{self, Style};
use crate::stdout;

/// Tokenizes one task or all of them.
pub(crate) fn run(arguments: &ArgMatches) -> Result<ExitCode, Failure> {
    let tasks: &[TaskName] = match arguments.get_one::<String>("task").map(String::as_str) {
        Some("sst2") => &[TaskName::Sst2],
        Some("agnews") => &[TaskName::AgNews],
        _ => &[TaskName::Sst2, TaskName::AgNews],
    };
    for task in tasks {
        let mut config = RunConfig::new(*task);
        config.fill(flags(&config, arguments, tasks.len() > 1)?)?;
        config.make_paths_absolute();
        config.validate()?;
        tokenize(&config, arguments)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Tokenizes the data of one configuration and says where it lies.
pub(crate) fn tokenize(config: &RunConfig, arguments: &ArgMatches) -> Result<(), Failure> {
    let style = arguments.get_one::<String>("progress").map_or("auto", String::as_str);
    let mut subscribers = progress::subscribers(Style::from_name(style));
    let done = pretokenize(config, &mut subscribers).map_err(SessionError::from)?;
    drop(subscribers);
    if arguments.get_flag("json") {
        stdout::line(json!({
            "task": config.task.name(), "file": done.file, "already_there": done.already_there,
            "sentences": done.sentences, "tokens": done.tokens, "seconds": done.seconds,
        }));
        return Ok(());
    }
    if let Some((corrupted, sentences)) = done.corrupted {
        eprintln!(
            "Applied symmetric label noise to {corrupted} / {sentences} AG News training examples (rate={}, seed={}).",
            config.label_noise_rate.get(),
            config.label_noise_seed
        );
    }
    eprintln!("{}", summary(&done));
    let title = if config.task == TaskName::Sst2 { "SST-2" } else { "AG News" };
    stdout::line(format!("Saved tokenized {title} dataset to {}", done.directory.display()));
    Ok(())
}

fn summary(done: &Pretokenized) -> String {
    let Pretokenized { sentences, tokens, seconds, file, .. } = done;
    let mean = *tokens as f64 / (*sentences).max(1) as f64;
    match done.already_there {
        true => format!("{}: already there, {sentences} sentences, {mean:.1} tokens each", file.display()),
        false => format!("{}: {sentences} sentences, {mean:.1} tokens each, {seconds:.1} s", file.display()),
    }
}
