//! The flags that are made from the table of settings in `aees_run::settings`, so that each setting is told once: key,
//! choices, default, help. What was typed comes out as keys with texts; what they mean is the business of `RunConfig`.

use std::marker::PhantomData;

use aees_run::settings::{ConfigError, FieldInfo, Place, Role, RunConfig, TaskName, Tasks};
use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgMatches, Args, Command, FromArgMatches};
use serde_json::Value;

/// Which settings a verb takes.
pub(crate) trait TakenSettings {
    fn takes(field: &FieldInfo) -> bool;
}

/// All of them.
pub(crate) struct All;

impl TakenSettings for All {
    fn takes(_: &FieldInfo) -> bool {
        true
    }
}

/// The settings that were typed, in the order of the table.
pub(crate) struct SettingFlags<S> {
    typed: Vec<(&'static FieldInfo, String)>,
    selection: PhantomData<S>,
}

impl<S> SettingFlags<S> {
    /// Sets what was typed. A setting of other tasks is an error.
    pub(crate) fn apply(&self, config: &mut RunConfig) -> Result<(), ConfigError> {
        self.typed.iter().try_for_each(|(field, text)| {
            let place = Place::Flag(field.key.replace('_', "-"));
            config.set(field.key, &Value::String(text.clone()), &place)
        })
    }

    /// For a verb on several tasks: the configuration of one of them, with those of the typed settings that it knows.
    pub(crate) fn of_task(&self, task: TaskName, tasks: &[TaskName]) -> Result<RunConfig, ConfigError> {
        let mut config = RunConfig::new(task);
        let known = |(field, _): &&(&'static FieldInfo, String)| tasks.len() == 1 || field.tasks.include(task);
        let typed = self.typed.iter().filter(known).cloned().collect();
        Self { typed, selection: PhantomData }.apply(&mut config)?;
        config.make_paths_absolute();
        Ok(config)
    }
}

fn fields<S: TakenSettings>() -> impl Iterator<Item = &'static FieldInfo> {
    RunConfig::fields().iter().filter(|field| S::takes(field))
}

impl<S: TakenSettings> Args for SettingFlags<S> {
    fn augment_args(command: Command) -> Command {
        fields::<S>().fold(command, |command, field| command.arg(flag(field)))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl<S: TakenSettings> FromArgMatches for SettingFlags<S> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let typed = fields::<S>().filter_map(|field| {
            let text = matches.get_one::<String>(field.key)?.clone();
            Some((field, text))
        });
        Ok(Self { typed: typed.collect(), selection: PhantomData })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

fn flag(field: &FieldInfo) -> Arg {
    let only = if field.tasks == Tasks::NoisyLabels { " (cifar100 and agnews)" } else { "" };
    let arg = Arg::new(field.key)
        .long(field.key.replace('_', "-"))
        .help(format!("{}{only}{}", field.help, default_of(field)))
        .help_heading(heading(field))
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

/// The default as a user would write it; it may differ between the tasks.
fn default_of(field: &FieldInfo) -> String {
    let written = |task: TaskName| match RunConfig::new(task).get(field.key) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text,
        Some(Value::Array(items)) => items.iter().map(ToString::to_string).collect::<Vec<_>>().join(","),
        Some(other) => other.to_string(),
    };
    match (written(TaskName::Cifar100), written(TaskName::Sst2)) {
        (images, text) if images == text && text.is_empty() => String::new(),
        (images, text) if images == text => format!(" [default: {text}]"),
        (images, text) => format!(" [default: {images}; sst2 and agnews: {text}]"),
    }
}

fn heading(field: &FieldInfo) -> &'static str {
    match (field.tasks, field.role) {
        (Tasks::Images, _) => "Settings of cifar100",
        (Tasks::Text, _) => "Settings of sst2 and agnews",
        (Tasks::AgNews, _) => "Settings of agnews",
        (Tasks::All | Tasks::NoisyLabels, Role::Science) => "Settings that decide the result",
        (Tasks::All | Tasks::NoisyLabels, Role::Setup) => "Other settings",
    }
}
