//! `aees data`: what runs need from the network, fetched beforehand.

use std::process::ExitCode;

use aees_run::settings::{TaskName, Verb};
use aees_train::session::fetch;
use clap::{Args, Subcommand};
use serde_json::json;

use crate::failure::Failure;
use crate::progress::{self, ProgressFlag, Style};
use crate::setting_flags::{SettingFlags, TakenSettings};
use crate::stdout;
use crate::words::{ChosenTasks, one_or_all};

/// Data on this machine
#[derive(Subcommand)]
pub(crate) enum DataVerb {
    Fetch(FetchFlags),
}

/// Downloads data, tokenizer and model of a task into the Hugging Face cache, for runs without a network
#[derive(Args)]
#[command(infer_long_args = true)]
pub(crate) struct FetchFlags {
    /// What to download
    #[arg(value_name = "TASK", value_parser = one_or_all(&TaskName::ALL))]
    task: ChosenTasks,
    #[command(flatten)]
    progress: ProgressFlag,
    #[command(flatten)]
    settings: SettingFlags<Fetched>,
}

/// What is fetched, and where to.
struct Fetched;

impl TakenSettings for Fetched {
    const OF: Option<Verb> = Some(Verb::Fetch);
}

impl DataVerb {
    pub(crate) fn run(self) -> Result<ExitCode, Failure> {
        let Self::Fetch(FetchFlags { task: ChosenTasks(tasks), progress, settings }) = self;
        for task in &tasks {
            let config = settings.of_task(*task, &tasks)?;
            for file in fetch(&config, &mut progress::subscribers(progress.style()))? {
                match progress.style() {
                    Style::Json => stdout::line(json!({"event": "file", "task": task.name(), "path": file})),
                    _ => stdout::line(file.display()),
                }
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}
