//! `aees config`: what a run's settings are, before and after it was made.

use std::path::PathBuf;
use std::process::ExitCode;

use aees_train::session::stored_config;
use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use crate::config_flags::{ConfigFlags, ResolvedConfig};
use crate::failure::Failure;
use crate::stdout;

/// The settings of runs
#[derive(Subcommand)]
pub(crate) enum ConfigVerb {
    Show(ShowFlags),
}

/// Prints all settings of a run that would be made, or of one that was, each with where it came from
#[derive(Args)]
#[command(
    override_usage = "aees config show TASK [OPTIONS]\n       aees config show --run RUN_DIR",
    infer_long_args = true,
    after_help = "What is printed is a file for --config; what was not set is a comment in it."
)]
pub(crate) struct ShowFlags {
    #[command(flatten)]
    config: ConfigFlags,
    /// The settings of the run in this folder
    #[arg(long, value_name = "RUN_DIR", conflicts_with_all = ["task", "config"])]
    run: Option<PathBuf>,
    /// Print JSON: for each key its value and where it came from
    #[arg(long)]
    json: bool,
}

impl ConfigVerb {
    pub(crate) fn run(self) -> Result<ExitCode, Failure> {
        let Self::Show(typed) = self;
        let (resolved, of_run) = match &typed.run {
            None => (typed.config.resolve()?, None),
            Some(directory) => {
                let stored = stored_config(directory)?;
                let config = typed.config.changed(&stored)?;
                (ResolvedConfig { config, places: Default::default() }, Some(directory.join("config.yaml")))
            }
        };
        resolved.config.validate()?;
        let of_run = of_run.map(|path| path.display().to_string());
        if typed.json {
            stdout::line(document(&resolved, of_run.as_deref()));
        } else {
            lines(&resolved, of_run.as_deref()).iter().for_each(stdout::line);
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn document(resolved: &ResolvedConfig, of_run: Option<&str>) -> Value {
    let rows = resolved.rows(of_run).into_iter();
    let settings = rows.map(|(key, value, from)| (key.to_owned(), json!({"value": value, "from": from})));
    json!({"task": resolved.config.task.name(), "settings": settings.collect::<Map<_, _>>()})
}

/// JSON is YAML, too.
fn lines(resolved: &ResolvedConfig, of_run: Option<&str>) -> Vec<String> {
    let written = resolved.rows(of_run).into_iter().map(|(key, value, from)| match value {
        Value::Null => (format!("# {key}:"), "not set".to_owned()),
        value => (format!("{key}: {value}"), from),
    });
    let written: Vec<(String, String)> = written.collect();
    let width = written.iter().map(|(setting, _)| setting.chars().count()).filter(|width| *width < 40).max();
    let width = width.unwrap_or_default();
    let task = format!("task: {}", resolved.config.task.name());
    [task].into_iter().chain(written.iter().map(|(setting, from)| format!("{setting:width$}  # {from}"))).collect()
}
