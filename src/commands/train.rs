//! `aees train`: one run, or the rest of one.

mod dry_run;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use aees_run::run_directory::Replace;
use aees_run::settings::{KeepCheckpoints, RunConfig};
use aees_train::session::{self, RunTarget, SessionEnd};
use aees_train::shared_inputs::SharedInputs;
use clap::Args;
use serde_json::{Value, json};

use self::dry_run::rehearse;
use super::pretokenize::tokenize;
use crate::config_flags::ConfigFlags;
use crate::failure::{EXIT_INTERRUPTED, Failure};
use crate::interrupt;
use crate::progress::{self, ProgressFlag, Style};
use crate::stdout;
use crate::threads::use_threads;

/// Trains one run, or continues one that was stopped
#[derive(Args)]
#[command(
    override_usage = "aees train TASK [OPTIONS]\n       aees train --resume RUN_DIR",
    infer_long_args = true,
    after_help = "Settings are filled from defaults, then --config, then flags, then --set. Results go to results/TASK/NAME.\n\
                  Exit codes: 0 done, 1 wrong usage, settings, data or environment, 130 interrupted (continue with --resume)."
)]
pub(crate) struct TrainFlags {
    #[command(flatten)]
    config: ConfigFlags,
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
    /// Say first which settings are not at their defaults, and where each was set
    #[arg(long, short)]
    verbose: bool,
    /// Tokenize the data of a text task, store it, and stop
    #[arg(long)]
    pretokenize_only: bool,
    /// Check everything, take a few steps, tell how long the run would take, and write nothing of it
    #[arg(long, conflicts_with_all = ["resume", "pretokenize_only"])]
    dry_run: bool,
}

impl TrainFlags {
    /// Trains, and reports how it ended.
    pub(crate) fn run(self) -> Result<ExitCode, Failure> {
        let (style, replace) = (self.progress.style(), self.replace());
        let (config, target) = match &self.resume {
            Some(directory) => (self.resumed_config(directory)?, RunTarget::Resume { directory: directory.clone() }),
            None => {
                let target = RunTarget::New { directory: self.run_dir.clone(), replace, force: self.force };
                let resolved = self.config.resolve()?;
                if self.verbose {
                    resolved.changed().iter().for_each(|(key, value, from)| eprintln!("{key}: {value}  # {from}"));
                }
                (resolved.config, target)
            }
        };
        if self.json && style == Style::Json {
            let help = "leave one of them out: progress is many documents, a result is one";
            return Err(Failure::with_help("--json and --progress json both want stdout", help));
        }
        config.validate()?;
        use_threads(&config)?;
        if self.pretokenize_only {
            stdout::line(tokenize(&config, style, self.json)?);
            return Ok(ExitCode::SUCCESS);
        }
        if self.dry_run {
            return rehearse(&config, self.run_dir.as_deref(), replace, style, self.json);
        }
        let keeps_none = config.keep_checkpoints == KeepCheckpoints::None;
        let stop = interrupt::watch(move || {
            let saving = if keeps_none { "" } else { " and writing a checkpoint" };
            eprintln!("stopping after this step{saving}; press Ctrl-C again to stop at once");
        })?;
        match session::train(&config, &target, progress::subscribers(style), &stop, &SharedInputs::for_one_run())? {
            // The last event names the result.
            SessionEnd::Finished { .. } if style == Style::Json => Ok(ExitCode::SUCCESS),
            SessionEnd::Finished { result, .. } => report(&result, self.json, "finished"),
            SessionEnd::AlreadyFinished { result } if style == Style::Json => {
                stdout::line(json!({"event": "already_finished", "result": result}));
                Ok(ExitCode::SUCCESS)
            }
            SessionEnd::AlreadyFinished { result } => {
                eprintln!("nothing to do: this very run is finished, and its result is there");
                report(&result, self.json, "already finished")
            }
            SessionEnd::Interrupted { step, directory, can_go_on } => {
                let words = match can_go_on {
                    true => "continue with",
                    false => "what it did was not kept (--keep-checkpoints none); begin again with",
                };
                eprintln!("stopped after step {step}; {words}: aees train --resume {}", directory.display());
                Ok(ExitCode::from(EXIT_INTERRUPTED))
            }
        }
    }

    /// What may become of a run that is in the folder.
    fn replace(&self) -> Replace {
        match (self.overwrite, self.force) {
            (false, _) => Replace::Nothing,
            (true, false) => Replace::OurRun,
            (true, true) => Replace::Anything,
        }
    }

    /// The configuration of the folder, with the settings that may change in a resumed run.
    fn resumed_config(&self, directory: &Path) -> Result<RunConfig, Failure> {
        let stored = session::stored_config(directory)?;
        let config = self.config.changed(&stored)?;
        let mut settings = RunConfig::settings().iter().filter(|setting| setting.role.decides_result());
        if let Some(setting) = settings.find(|setting| stored.get(setting.key) != config.get(setting.key)) {
            let message = format!("{} cannot be changed when a run is resumed", setting.flag());
            let help = format!("leave it out; the run has {}", stored.get(setting.key).unwrap_or_default());
            return Err(Failure::with_help(message, help));
        }
        Ok(config)
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
