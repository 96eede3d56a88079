//! `aees train`: one run, or the rest of one.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use aees_run::settings::value::SettingValue;
use aees_run::settings::{ConfigError, Place, RunConfig, TaskName, assigned, read_file};
use aees_train::session::{self, RunTarget, SessionEnd};
use clap::ArgMatches;
use clap::parser::ValueSource;
use serde_json::{Value, json};

use crate::failure::{EXIT_INTERRUPTED, Failure};
use crate::interrupt;
use crate::progress;
use crate::stdout;

/// Trains, and reports how it ended.
pub(crate) fn run(arguments: &ArgMatches) -> Result<ExitCode, Failure> {
    let (config, target) = match arguments.get_one::<PathBuf>("resume") {
        Some(directory) => (resumed_config(arguments, directory)?, RunTarget::Resume { directory: directory.clone() }),
        None => {
            let directory = arguments.get_one::<PathBuf>("run-dir").cloned();
            (new_config(arguments)?, RunTarget::New { directory, overwrite: arguments.get_flag("overwrite") })
        }
    };
    config.validate()?;
    use_threads(&config)?;
    if arguments.get_flag("pretokenize-only") {
        if !config.task.is_text() {
            let message = format!("--pretokenize-only is for sst2 and agnews: {} has no text", config.task.name());
            return Err(Failure::new(message, None));
        }
        super::pretokenize::tokenize(&config, arguments)?;
        return Ok(ExitCode::SUCCESS);
    }
    let stop = interrupt::stop_flag()?;
    let style = arguments.get_one::<String>("progress").map_or("auto", String::as_str);
    let subscribers = progress::subscribers(progress::Style::from_name(style));
    let json = arguments.get_flag("json");
    match session::train(&config, &target, subscribers, &stop)? {
        SessionEnd::Finished { result, .. } => report(&result, json, "finished"),
        SessionEnd::AlreadyFinished { result } => {
            eprintln!("nothing to do: this run is finished");
            report(&result, json, "already finished")
        }
        SessionEnd::Interrupted { step, directory } => {
            eprintln!("stopped after step {step}; continue with: aees train --resume {}", directory.display());
            Ok(ExitCode::from(EXIT_INTERRUPTED))
        }
    }
}

/// Prints where the result lies, or the result itself.
fn report(path: &Path, as_json: bool, status: &str) -> Result<ExitCode, Failure> {
    if as_json {
        let text = std::fs::read_to_string(path)
            .map_err(|error| Failure::new(format!("cannot read {}: {error}", path.display()), None))?;
        let result: Value = serde_json::from_str(&text)
            .map_err(|error| Failure::new(format!("{} is damaged: {error}", path.display()), None))?;
        stdout::line(json!({"status": status, "result_file": path, "result": result}));
    } else {
        stdout::line(path.display());
    }
    Ok(ExitCode::SUCCESS)
}

/// Defaults, then the file, then flags, then `--set`.
fn new_config(arguments: &ArgMatches) -> Result<RunConfig, Failure> {
    let file = match arguments.get_one::<PathBuf>("config") {
        Some(path) => read_file(path)?,
        None => Vec::new(),
    };
    let named = arguments.get_one::<String>("task").map(|task| Value::String(task.clone()));
    let mut config = RunConfig::new(task(named, &file)?);
    let written = file.iter().filter(|(key, ..)| key != "task");
    let written = written.map(|(key, value, place)| (key.as_str(), value.clone(), place.clone()));
    let method = arguments.get_one::<String>("method");
    let method = method.map(|method| ("method", Value::String(method.clone()), Place::Flag("method".into())));
    config.fill(written.chain(method).chain(flags(&config, arguments, false)?))?;
    config.make_paths_absolute();
    Ok(config)
}

/// The configuration of the folder, with the settings that may change in a resumed run.
fn resumed_config(arguments: &ArgMatches, directory: &Path) -> Result<RunConfig, Failure> {
    let stored = session::stored_config(directory)?;
    let mut config = stored.clone();
    config.fill(flags(&stored, arguments, false)?)?;
    let mut settings = RunConfig::settings().iter().filter(|setting| setting.role.decides_result());
    if let Some(setting) = settings.find(|setting| stored.get(setting.key) != config.get(setting.key)) {
        let message = format!("{} cannot be changed when a run is resumed", setting.flag());
        let help = format!("leave it out; the run has {}", stored.get(setting.key).unwrap_or_default());
        return Err(Failure::new(message, Some(help)));
    }
    config.make_paths_absolute();
    Ok(config)
}

fn task(named: Option<Value>, file: &[(String, Value, Place)]) -> Result<TaskName, Failure> {
    let in_file = file.iter().find(|(key, ..)| key == "task");
    if let (Some(named), Some((_, written, place))) = (&named, in_file)
        && named != written
    {
        return Err(Failure::new(format!("{place}the file is for task {written}, not for {named}"), None));
    }
    let value = named.or_else(|| in_file.map(|(_, value, _)| value.clone()));
    let Some(value) = value else {
        return Err(Failure::new(
            "no task: neither the command nor the file names one",
            Some("write `aees train cifar100 --config FILE`, or `task: cifar100` in the file".into()),
        ));
    };
    TaskName::read(&value).map_err(|_| {
        let place = in_file.map_or(String::new(), |(_, _, place)| place.to_string());
        Failure::new(format!("{place}unknown task {value}: expected {}", TaskName::expected()), None)
    })
}

/// The flags that were given, in the order of the table, then `--set`. Flags of other tasks are passed over if they may be.
pub(super) fn flags<'a>(
    config: &RunConfig,
    arguments: &'a ArgMatches,
    lenient: bool,
) -> Result<Vec<(&'a str, Value, Place)>, ConfigError> {
    let given = RunConfig::settings().iter().filter(|setting| {
        let known = arguments.try_contains_id(setting.key).unwrap_or(false);
        known
            && arguments.value_source(setting.key) == Some(ValueSource::CommandLine)
            && (setting.tasks.include(config.task) || !lenient)
    });
    let flags = given.filter_map(|setting| {
        let text = arguments.get_one::<String>(setting.key)?;
        let place = Place::Flag(setting.flag().trim_start_matches('-').to_owned());
        Some(Ok((setting.key, Value::String(text.clone()), place)))
    });
    let assignments = arguments.try_get_many::<String>("set").ok().flatten().unwrap_or_default();
    flags.chain(assignments.map(|assignment| assigned(assignment))).collect()
}

/// The CPU engine computes on rayon's global pool.
fn use_threads(config: &RunConfig) -> Result<(), Failure> {
    let Some(threads) = config.threads else { return Ok(()) };
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads.get())
        .build_global()
        .map_err(|error| Failure::new(format!("cannot start {threads} threads: {error}"), None))
}
