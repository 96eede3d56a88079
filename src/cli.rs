//! The command line: which words there are. What they mean is the business of `RunConfig` and of the commands.
//!
//! The flags of `train` are made from the table of settings in `aees_train::config`, so each of them is told once: key,
//! type, choices, default, help.

use aees_train::config::{FieldInfo, Role, RunConfig, TaskName};
use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgAction, Command, value_parser};

use crate::progress::Style;

/// All commands.
pub(crate) fn command() -> Command {
    Command::new("aees")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Trains, sweeps and reports experiments in Adaptive Episodic Exploration Scheduling")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(train())
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
                .value_parser(PossibleValuesParser::new(<TaskName as aees_train::config::value::ConfigValue>::choices()))
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
        .arg(
            Arg::new("progress")
                .long("progress")
                .value_name("STYLE")
                .value_parser(Style::NAMES)
                .default_value("auto")
                .help("How to show progress: a bar on a terminal and lines elsewhere, one of them always, JSON lines on stdout, or nothing"),
        )
        .arg(switch("json", "Print the result as JSON on stdout, and nothing else there"));
    let defaults = RunConfig::new(TaskName::Cifar100);
    RunConfig::fields().into_iter().fold(command, |command, field| command.arg(setting(&field, &defaults)))
}

/// The flag of a setting.
fn setting(field: &FieldInfo, defaults: &RunConfig) -> Arg {
    let default = match defaults.get(field.key) {
        None | Some(serde_json::Value::Null) => String::new(),
        Some(serde_json::Value::String(text)) => format!(" [default: {text}]"),
        Some(serde_json::Value::Array(items)) => {
            format!(" [default: {}]", items.iter().map(ToString::to_string).collect::<Vec<_>>().join(","))
        }
        Some(other) => format!(" [default: {other}]"),
    };
    let arg = Arg::new(field.key)
        .long(field.key.replace('_', "-"))
        .help(format!("{}{default}", field.help))
        .help_heading(if field.role == Role::Science { "Settings that decide the result" } else { "Other settings" })
        // `--lr -1` must reach the range check, whose message is clearer than clap's.
        .allow_hyphen_values(true);
    if field.choices == ["true", "false"] {
        return arg.num_args(0..=1).require_equals(true).default_missing_value("true").value_name("BOOL");
    }
    if field.choices.is_empty() {
        return arg.value_name(field.key.rsplit('_').next().unwrap_or(field.key).to_uppercase());
    }
    arg.value_parser(PossibleValuesParser::new(field.choices)).value_name("CHOICE")
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
