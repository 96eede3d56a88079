//! `aees train`: one run, or the rest of one.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use aees_run::settings::value::ConfigValue;
use aees_run::settings::{ConfigError, Place as Written, Role, RunConfig, TaskName, read_file};
use aees_train::session::{self, Place, SessionEnd};
use clap::ArgMatches;
use clap::parser::ValueSource;
use serde_json::{Value, json};

use crate::failure::{EXIT_INTERRUPTED, Failure};
use crate::interrupt;
use crate::progress;
use crate::stdout;

/// Trains, and reports how it ended.
pub(crate) fn run(arguments: &ArgMatches) -> Result<ExitCode, Failure> {
    let (config, place) = match arguments.get_one::<PathBuf>("resume") {
        Some(directory) => (resumed_config(arguments, directory)?, Place::Resume { directory: directory.clone() }),
        None => {
            let directory = arguments.get_one::<PathBuf>("run-dir").cloned();
            (new_config(arguments)?, Place::New { directory, overwrite: arguments.get_flag("overwrite") })
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
    match session::train(&config, &place, subscribers, &stop)? {
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
    for (key, value, place) in file.iter().filter(|(key, ..)| key != "task") {
        config.set(key, value, place)?;
    }
    if let Some(method) = arguments.get_one::<String>("method") {
        config.set("method", &Value::String(method.clone()), &Written::Flag("method".into()))?;
    }
    apply_flags(&mut config, arguments, false)?;
    config.make_paths_absolute();
    Ok(config)
}

/// The configuration of the folder, with the settings that may change in a resumed run.
fn resumed_config(arguments: &ArgMatches, directory: &Path) -> Result<RunConfig, Failure> {
    let stored = session::stored_config(directory)?;
    let mut config = stored.clone();
    apply_flags(&mut config, arguments, false)?;
    let changed = RunConfig::fields()
        .into_iter()
        .find(|field| field.role == Role::Science && stored.get(field.key) != config.get(field.key));
    if let Some(field) = changed {
        let message = format!("--{} cannot be changed when a run is resumed", field.key.replace('_', "-"));
        let help = format!("leave it out; the run has {}", stored.get(field.key).unwrap_or_default());
        return Err(Failure::new(message, Some(help)));
    }
    config.make_paths_absolute();
    Ok(config)
}

fn task(named: Option<Value>, file: &[(String, Value, Written)]) -> Result<TaskName, Failure> {
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
    TaskName::from_value(&value).ok_or_else(|| {
        let place = in_file.map_or(String::new(), |(_, _, place)| place.to_string());
        Failure::new(format!("{place}unknown task {value}: expected {}", TaskName::expected()), None)
    })
}

/// Takes over the flags that were given, then `--set`. Flags of other tasks are an error unless they may be passed over.
pub(super) fn apply_flags(config: &mut RunConfig, arguments: &ArgMatches, lenient: bool) -> Result<(), ConfigError> {
    for field in RunConfig::fields() {
        let known = arguments.try_contains_id(field.key).unwrap_or(false);
        if !known || arguments.value_source(field.key) != Some(ValueSource::CommandLine) {
            continue;
        }
        if lenient && !field.tasks.include(config.task) {
            continue;
        }
        if let Some(text) = arguments.get_one::<String>(field.key) {
            let flag = field.key.replace('_', "-");
            config.set(field.key, &Value::String(text.clone()), &Written::Flag(flag))?;
        }
    }
    let assignments = arguments.try_get_many::<String>("set").ok().flatten();
    assignments.unwrap_or_default().try_for_each(|assignment| config.assign(assignment))
}

/// The CPU engine computes on rayon's global pool.
fn use_threads(config: &RunConfig) -> Result<(), Failure> {
    let Some(threads) = config.threads else { return Ok(()) };
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads as usize)
        .build_global()
        .map_err(|error| Failure::new(format!("cannot start {threads} threads: {error}"), None))
}
