//! What is measured: a task with the settings that make a step dearer or cheaper. Data are made on the spot and parameters are
//! random unless others are named, so that no verb needs a network.

use std::num::NonZeroUsize;
use std::path::Path;

use aees_run::settings::{Initialization, Place, RunConfig, TaskName, Verb};
use clap::Args;
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::results::absolute;
use crate::setting_flags::{SettingFlags, TakenSettings};
use crate::threads::use_threads;
use crate::words::words;

/// Batches of made-up data: enough for the lengths of sentences to be those of the task.
const MADE_BATCHES: usize = 200;

/// The same for images, which are all alike.
const MADE_IMAGE_BATCHES: usize = 20;

/// The variable that takes a token to a process of our own: command lines can be seen by others.
const TOKEN: &str = "HF_TOKEN";

/// The task and the settings that decide what a step costs.
#[derive(Args)]
pub(super) struct BenchWorkload {
    /// What to train
    #[arg(value_name = "TASK", value_parser = words(TaskName::ALL.map(|task| (task.name(), task))))]
    task: TaskName,
    /// Where the data comes from: synthetic, auto, or a path, as for `aees train`
    #[arg(long, value_name = "DATA", default_value = "synthetic")]
    data: String,
    #[command(flatten)]
    settings: SettingFlags<Benched>,
}

/// The settings that decide what a step costs.
struct Benched;

impl TakenSettings for Benched {
    const OF: Option<Verb> = Some(Verb::Bench);
}

impl BenchWorkload {
    pub(super) fn task(&self) -> TaskName {
        self.task
    }

    /// The configuration of a run that takes such steps. `evaluated` are the examples to evaluate, if any.
    pub(super) fn config(&self, evaluated: Option<NonZeroUsize>) -> Result<RunConfig, Failure> {
        let mut config = RunConfig::new(self.task);
        config.fill(self.settings.typed())?;
        let by_us = |key: &str| Place::Flag(key.to_owned());
        config.set("data", &json!(self.data), &by_us("data"))?;
        if self.task.is_text() {
            config.init = Some(Initialization::Random);
            config.model_layers = config.model_layers.or(NonZeroUsize::new(6));
            config.model_dim = config.model_dim.or(NonZeroUsize::new(768));
        }
        if self.data == "synthetic" {
            let batches = if self.task.is_text() { MADE_BATCHES } else { MADE_IMAGE_BATCHES };
            let made = config.batch_size.saturating_mul(NonZeroUsize::MIN.saturating_add(batches - 1));
            config.limit_train = config.limit_train.or(Some(made));
        }
        config.limit_eval = evaluated.or(NonZeroUsize::new(100));
        config.make_paths_absolute();
        config.validate()?;
        Ok(config)
    }

    /// The same, with the threads started that it asks for.
    pub(super) fn started(&self, evaluated: Option<NonZeroUsize>) -> Result<RunConfig, Failure> {
        let config = self.config(evaluated)?;
        use_threads(&config)?;
        Ok(config)
    }

    /// The words of `aees bench train` with the same workload, and what the process needs in its environment.
    pub(super) fn words(&self) -> (Vec<String>, Vec<(&'static str, String)>) {
        let mut words = ["bench", "train", self.task.name()].map(str::to_owned).to_vec();
        let mut environment = Vec::new();
        // A path means the same wherever the process is started.
        let data = match Path::new(&self.data) {
            path if path.exists() => absolute(path).display().to_string(),
            _ => self.data.clone(),
        };
        words.push(format!("--data={data}"));
        for (key, value, _) in self.settings.typed() {
            let Value::String(text) = value else { continue };
            match RunConfig::setting(key) {
                Some(setting) if setting.secret => environment.push((TOKEN, text)),
                Some(setting) => words.push(format!("{}={text}", setting.flag())),
                None => {}
            }
        }
        (words, environment)
    }
}
