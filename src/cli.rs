//! The command line: which words there are. What they mean is the business of `RunConfig` and of the commands.
//!
//! The flags of `train` are made from the table of settings in `aees_run::settings`, so each of them is told once: key,
//! type, choices, default, help.

use aees_run::settings::{RunConfig, SettingInfo, TaskName, Tasks, Verb};
use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgAction, Command, value_parser};

use crate::progress::Style;

mod background;
pub(crate) mod registry;
mod report;
pub(crate) mod runs;
mod sweep;

/// All commands.
pub(crate) fn command() -> Command {
    Command::new("aees")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Trains, sweeps and reports experiments in Adaptive Episodic Exploration Scheduling")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(train())
        .subcommand(pretokenize())
        .subcommand(data())
        .subcommand(export())
        .subcommand(sweep::command())
        .subcommand(sweep::worker())
        .subcommand(runs::command())
        .subcommand(registry::command())
        .subcommand(report::command())
        .subcommand(report::replay())
        .subcommand(Command::new("devices").about("Lists the devices that this build can use on this machine"))
}

fn train() -> Command {
    let command = Command::new("train")
        .about("Trains one run, or continues one that was stopped")
        .override_usage("aees train TASK [OPTIONS]\n       aees train --resume RUN_DIR")
        .infer_long_args(true)
        .after_help(
            "Settings are filled from defaults, then --config, then flags, then --set. Results go to results/TASK/NAME.\n\
             Exit codes: 0 done, 1 wrong usage, settings, data or environment, 130 interrupted (continue with --resume).",
        )
        .arg(
            Arg::new("task")
                .value_name("TASK")
                .value_parser(PossibleValuesParser::new(<TaskName as aees_run::settings::value::SettingValue>::choices()))
                .required_unless_present_any(["resume", "config"])
                .help("What to train"),
        )
        .arg(path("config", "FILE", "Read settings from a YAML file"))
        .arg(
            Arg::new("set")
                .long("set")
                .value_name("KEY=VALUE")
                .action(ArgAction::Append)
                .help("Set one setting by its key, as in a file; may be given again"),
        )
        .arg(path("resume", "RUN_DIR", "Continue the run in this folder from its last checkpoint").conflicts_with_all(["task", "config", "overwrite", "run-dir"]))
        .arg(path("run-dir", "DIR", "The folder of the run [default: results/TASK/NAME]"))
        .arg(switch("overwrite", "Replace the run that is in the folder"))
        .arg(progress())
        .arg(switch("json", "Print the result as JSON on stdout, and nothing else there"))
        .arg(
            Arg::new("method")
                .long("method")
                .value_name("METHOD")
                .value_parser(["AdamW", "AdaptiveScheduler", "RandomScheduler"])
                .conflicts_with("control_mode")
                .help("The text tasks' spelling of --control-mode baseline, adaptive and random"),
        )
        .arg(switch("pretokenize-only", "Tokenize the data of a text task, store it, and stop"));
    settings(command, |_| true)
}

/// `aees pretokenize`.
fn pretokenize() -> Command {
    let command = Command::new("pretokenize")
        .about("Tokenizes the data of a text task once and stores it, so that timed runs do not")
        .infer_long_args(true)
        .arg(task(["sst2", "agnews", "all"], "What to tokenize"))
        .arg(progress())
        .arg(switch("json", "Print one JSON object for each task on stdout"));
    settings(command, |setting| setting.verbs.contains(&Verb::Pretokenize))
}

/// `aees data`.
fn data() -> Command {
    let fetch = Command::new("fetch")
        .about("Downloads data, tokenizer and model of a task into the Hugging Face cache, for runs without a network")
        .infer_long_args(true)
        .arg(task(["cifar100", "sst2", "agnews", "all"], "What to download"))
        .arg(progress());
    let fetch = settings(fetch, |setting| setting.verbs.contains(&Verb::Fetch));
    Command::new("data").about("Data on this machine").subcommand_required(true).subcommand(fetch)
}

/// `aees export`.
fn export() -> Command {
    Command::new("export")
        .about("Writes a trained model for other programs: model.safetensors, and for text what transformers loads")
        .arg(
            Arg::new("run")
                .value_name("RUN_DIR")
                .required(true)
                .value_parser(value_parser!(std::path::PathBuf))
                .help("The folder of the run"),
        )
        .arg(path("to", "DIR", "Where to write").required(true))
        .arg(
            Arg::new("checkpoint")
                .long("checkpoint")
                .value_name("WHICH")
                .value_parser(["best", "last"])
                .default_value("best")
                .help("The model of the best epoch, or the newest"),
        )
}

fn task(names: impl Into<PossibleValuesParser>, help: &'static str) -> Arg {
    Arg::new("task").value_name("TASK").required(true).value_parser(names.into()).help(help)
}

fn progress() -> Arg {
    Arg::new("progress")
        .long("progress")
        .value_name("STYLE")
        .value_parser(Style::NAMES)
        .default_value("auto")
        .help("How to show progress: a bar on a terminal and lines elsewhere, one of them always, JSON lines on stdout, or nothing")
}

/// The flags of some settings.
fn settings(command: Command, wanted: impl Fn(&SettingInfo) -> bool) -> Command {
    command.args(RunConfig::settings().iter().filter(|info| wanted(info)).map(setting))
}

/// The default of a setting as a user would write it; it may differ between the tasks.
fn default_of(info: &SettingInfo) -> String {
    let written = |task: TaskName| match RunConfig::new(task).get(info.key) {
        None | Some(serde_json::Value::Null) => String::new(),
        Some(serde_json::Value::String(text)) => text,
        Some(serde_json::Value::Array(items)) => items.iter().map(ToString::to_string).collect::<Vec<_>>().join(","),
        Some(other) => other.to_string(),
    };
    match (written(TaskName::Cifar100), written(TaskName::Sst2)) {
        (images, text) if images == text && text.is_empty() => String::new(),
        (images, text) if images == text => format!(" [default: {text}]"),
        (images, text) => format!(" [default: {images}; sst2 and agnews: {text}]"),
    }
}

fn heading(info: &SettingInfo) -> &'static str {
    match (info.tasks, info.role) {
        (Tasks::Images, _) => "Settings of cifar100",
        (Tasks::Text, _) => "Settings of sst2 and agnews",
        (Tasks::AgNews, _) => "Settings of agnews",
        (Tasks::All | Tasks::NoisyLabels, role) if role.decides_result() => "Settings that decide the result",
        (Tasks::All | Tasks::NoisyLabels, _) => "Other settings",
    }
}

/// The flag of a setting.
fn setting(info: &SettingInfo) -> Arg {
    let only = if info.tasks == Tasks::NoisyLabels { " (cifar100 and agnews)" } else { "" };
    let arg = Arg::new(info.key)
        .long(info.flag().trim_start_matches('-').to_owned())
        .help(format!("{}{only}{}", info.help, default_of(info)))
        .help_heading(heading(info))
        // `--lr -1` must reach the range check, whose message is clearer than clap's.
        .allow_hyphen_values(true);
    if info.choices == ["true", "false"] {
        return arg.num_args(0..=1).require_equals(true).default_missing_value("true").value_name("BOOL");
    }
    if info.choices.is_empty() {
        return arg.value_name(info.key.rsplit('_').next().unwrap_or(info.key).to_uppercase());
    }
    arg.value_parser(PossibleValuesParser::new(info.choices)).value_name("CHOICE")
}

fn path(name: &'static str, value: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).value_name(value).value_parser(value_parser!(std::path::PathBuf)).help(help)
}

fn switch(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        command().debug_assert();
    }
}
