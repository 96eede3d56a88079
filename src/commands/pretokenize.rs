//! `aees pretokenize`: the token files of a text task, before the runs that are timed.

use std::process::ExitCode;

use aees_run::settings::{RunConfig, Verb};
use aees_tasks::TextTask;
use aees_train::session::SessionError;
use aees_train::text_task::{Pretokenized, pretokenize};
use clap::Args;
use serde_json::json;

use crate::failure::Failure;
use crate::progress::{self, ProgressFlag, Style};
use crate::setting_flags::{SettingFlags, TakenSettings};
use crate::stdout;
use crate::words::{ChosenTasks, one_or_all};

/// Tokenizes the data of a text task once and stores it, so that timed runs do not
#[derive(Args)]
#[command(infer_long_args = true)]
pub(crate) struct PretokenizeFlags {
    /// What to tokenize
    #[arg(value_name = "TASK", value_parser = one_or_all(&TextTask::ALL.map(TextTask::task)))]
    task: ChosenTasks,
    #[command(flatten)]
    progress: ProgressFlag,
    /// Print one JSON document on stdout: an object, or a list of them for several tasks
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    settings: SettingFlags<Tokenizing>,
}

/// The settings that tokenized data depends on, or that say where things are.
struct Tokenizing;

impl TakenSettings for Tokenizing {
    const OF: Option<Verb> = Some(Verb::Pretokenize);
}

impl PretokenizeFlags {
    /// Tokenizes one task or all of them.
    pub(crate) fn run(self) -> Result<ExitCode, Failure> {
        let ChosenTasks(tasks) = &self.task;
        let mut documents = Vec::new();
        for task in tasks {
            let config = self.settings.of_task(*task, tasks)?;
            config.validate()?;
            match tokenize(&config, self.progress.style(), self.json)? {
                document if self.json => documents.push(document),
                words => stdout::line(words),
            }
        }
        match documents.as_slice() {
            [] => {}
            [document] => stdout::line(document),
            several => stdout::line(format_args!("[{}]", several.join(","))),
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Tokenizes the data of one configuration; gives what stdout is to be told: where it lies, in words or as JSON.
pub(crate) fn tokenize(config: &RunConfig, progress: Style, as_json: bool) -> Result<String, Failure> {
    let Some(task) = TextTask::of(config.task) else {
        let texts = TextTask::ALL.map(TextTask::name).join(" and ");
        let message = format!("--pretokenize-only is for {texts}: {} has no text", config.task.name());
        return Err(Failure::new(message));
    };
    let mut subscribers = progress::subscribers(progress);
    let done = pretokenize(task, config, &mut subscribers).map_err(SessionError::from)?;
    drop(subscribers);
    if as_json || progress == Style::Json {
        return Ok(json!({
            "task": config.task.name(), "file": done.file, "already_there": done.already_there,
            "sentences": done.sentences, "tokens": done.tokens, "seconds": done.seconds,
        })
        .to_string());
    }
    if let Some((corrupted, sentences)) = done.corrupted {
        eprintln!(
            "Applied symmetric label noise to {corrupted} / {sentences} AG News training examples (rate={}, seed={}).",
            config.label_noise_rate.get(),
            config.label_noise_seed
        );
    }
    eprintln!("{}", summary(&done));
    let title = task.dataset().short_title;
    Ok(format!("Saved tokenized {title} dataset to {}", done.directory.display()))
}

fn summary(done: &Pretokenized) -> String {
    let Pretokenized { sentences, tokens, seconds, file, .. } = done;
    let mean = *tokens as f64 / (*sentences).max(1) as f64;
    match done.already_there {
        true => format!("{}: already there, {sentences} sentences, {mean:.1} tokens each", file.display()),
        false => format!("{}: {sentences} sentences, {mean:.1} tokens each, {seconds:.1} s", file.display()),
    }
}
