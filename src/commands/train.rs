//! `aees train`: one run, or the rest of one.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use aees_run::run_directory::Replace;
use aees_run::settings::value::SettingValue;
use aees_run::settings::{ConfigError, Place, RunConfig, TaskName, assigned, read_file};
use aees_train::session::{self, RunTarget, SessionEnd};
use clap::Args;
use serde_json::{Value, json};

use super::pretokenize::tokenize;
use crate::failure::{EXIT_INTERRUPTED, Failure};
use crate::interrupt;
use crate::progress::{self, ProgressFlag, Style};
use crate::setting_flags::{All, SettingFlags};
use crate::stdout;
use crate::threads::use_threads;
use crate::words::words;

/// Trains one run, or continues one that was stopped
#[derive(Args)]
#[command(
    override_usage = "aees train TASK [OPTIONS]\n       aees train --resume RUN_DIR",
    infer_long_args = true,
    after_help = "Settings are filled from defaults, then --config, then flags, then --set. Results go to results/TASK/NAME.\n\
                  Exit codes: 0 done, 1 wrong usage, settings, data or environment, 130 interrupted (continue with --resume)."
)]
pub(crate) struct TrainFlags {
    /// What to train
    #[arg(
        value_name = "TASK",
        value_parser = words(TaskName::ALL.map(|task| (task.name(), task))),
        required_unless_present_any = ["resume", "config"],
    )]
    task: Option<TaskName>,
    /// Read settings from a YAML file
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Set one setting by its key, as in a file; may be given again
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Continue the run in this folder from its last checkpoint
    #[arg(long, value_name = "RUN_DIR", conflicts_with_all = ["task", "config", "overwrite", "run_dir", "force"])]
    resume: Option<PathBuf>,
    /// The folder of the run [default: results/TASK/NAME]
    #[arg(long, value_name = "DIR")]
    run_dir: Option<PathBuf>,
    /// Replace the run that is in the folder
    #[arg(long)]
    overwrite: bool,
    /// Let --output and --overwrite replace files that aees did not write, too
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    progress: ProgressFlag,
    /// Print the result as JSON on stdout, and nothing else there
    #[arg(long)]
    json: bool,
    /// The text tasks' spelling of --control-mode baseline, adaptive and random
    #[arg(
        long,
        value_name = "METHOD",
        value_parser = ["AdamW", "AdaptiveScheduler", "RandomScheduler"],
        conflicts_with = "control_mode",
    )]
    method: Option<String>,
    /// Tokenize the data of a text task, store it, and stop
    #[arg(long)]
    pretokenize_only: bool,
    #[command(flatten)]
    settings: SettingFlags<All>,
}

impl TrainFlags {
    /// Trains, and reports how it ended.
    pub(crate) fn run(self) -> Result<ExitCode, Failure> {
        let (config, target) = match &self.resume {
            Some(directory) => (self.resumed_config(directory)?, RunTarget::Resume { directory: directory.clone() }),
            None => {
                let replace = match (self.overwrite, self.force) {
                    (false, _) => Replace::Nothing,
                    (true, false) => Replace::OurRun,
                    (true, true) => Replace::Anything,
                };
                (self.new_config()?, RunTarget::New { directory: self.run_dir.clone(), replace, force: self.force })
            }
        };
        if self.json && self.progress.progress == Style::Json {
            let help = "leave one of them out: progress is many documents, a result is one";
            return Err(Failure::with_help("--json and --progress json both want stdout", help));
        }
        config.validate()?;
        use_threads(&config)?;
        if self.pretokenize_only {
            stdout::line(tokenize(&config, self.progress.progress, self.json)?);
            return Ok(ExitCode::SUCCESS);
        }
        let stop = interrupt::watch(|| {
            eprintln!("stopping after this step and writing a checkpoint; press Ctrl-C again to stop at once");
        })?;
        match session::train(&config, &target, progress::subscribers(self.progress.progress), &stop)? {
            // The last event names the result.
            SessionEnd::Finished { .. } if self.progress.progress == Style::Json => Ok(ExitCode::SUCCESS),
            SessionEnd::Finished { result, .. } => report(&result, self.json, "finished"),
            SessionEnd::AlreadyFinished { result } if self.progress.progress == Style::Json => {
                stdout::line(json!({"event": "already_finished", "result": result}));
                Ok(ExitCode::SUCCESS)
            }
            SessionEnd::AlreadyFinished { result } => {
                eprintln!("nothing to do: this very run is finished, and its result is there");
                report(&result, self.json, "already finished")
            }
            SessionEnd::Interrupted { step, directory } => {
                eprintln!("stopped after step {step}; continue with: aees train --resume {}", directory.display());
                Ok(ExitCode::from(EXIT_INTERRUPTED))
            }
        }
    }

    /// Defaults, then the file, then flags, then `--set`.
    fn new_config(&self) -> Result<RunConfig, Failure> {
        let file = match &self.config {
            Some(path) => read_file(path)?,
            None => Vec::new(),
        };
        let mut config = RunConfig::new(task(self.task, &file)?);
        let written = file.iter().filter(|(key, ..)| key != "task");
        let written = written.map(|(key, value, place)| (key.as_str(), value.clone(), place.clone()));
        let method =
            self.method.iter().map(|name| ("method", Value::String(name.clone()), Place::Flag("method".into())));
        config.fill(written.chain(method).chain(self.typed_settings()?))?;
        config.make_paths_absolute();
        Ok(config)
    }

    /// The configuration of the folder, with the settings that may change in a resumed run.
    fn resumed_config(&self, directory: &Path) -> Result<RunConfig, Failure> {
        let stored = session::stored_config(directory)?;
        let mut config = stored.clone();
        config.fill(self.typed_settings()?)?;
        let mut settings = RunConfig::settings().iter().filter(|setting| setting.role.decides_result());
        if let Some(setting) = settings.find(|setting| stored.get(setting.key) != config.get(setting.key)) {
            let message = format!("{} cannot be changed when a run is resumed", setting.flag());
            let help = format!("leave it out; the run has {}", stored.get(setting.key).unwrap_or_default());
            return Err(Failure::with_help(message, help));
        }
        config.make_paths_absolute();
        Ok(config)
    }

    /// Flags, then `--set`.
    fn typed_settings(&self) -> Result<Vec<(&str, Value, Place)>, ConfigError> {
        let set = self.set.iter().map(|assignment| assigned(assignment));
        self.settings.typed().map(Ok).chain(set).collect()
    }
}

/// Prints where the result lies, or the result itself.
fn report(path: &Path, as_json: bool, status: &str) -> Result<ExitCode, Failure> {
    if as_json {
        let text = std::fs::read_to_string(path)
            .map_err(|error| Failure::new(format!("cannot read {}: {error}", path.display())))?;
        let result: Value = serde_json::from_str(&text)
            .map_err(|error| Failure::new(format!("{} is damaged: {error}", path.display())))?;
        stdout::line(json!({"status": status, "result_file": path, "result": result}));
    } else {
        stdout::line(path.display());
    }
    Ok(ExitCode::SUCCESS)
}

/// The task that the command names, or else the file. They must not differ.
fn task(named: Option<TaskName>, file: &[(String, Value, Place)]) -> Result<TaskName, Failure> {
    let in_file = file.iter().find(|(key, ..)| key == "task");
    match (named, in_file) {
        (Some(named), Some((_, written, place))) if *written != named.to_value() => {
            let named = named.to_value();
            Err(Failure::new(format!("{place}the file is for task {written}, not for {named}")))
        }
        (Some(named), _) => Ok(named),
        (None, Some((_, written, place))) => TaskName::read(written)
            .map_err(|_| Failure::new(format!("{place}unknown task {written}: expected {}", TaskName::expected()))),
        (None, None) => Err(Failure::with_help(
            "no task: neither the command nor the file names one",
            "write `aees train cifar100 --config FILE`, or `task: cifar100` in the file",
        )),
    }
}
