//! The flags that are made from the table of settings in `aees_run::settings`, so that each setting is told once: key,
//! choices, default, help. What was typed comes out as keys with texts; what they mean is the business of `RunConfig`.

use std::marker::PhantomData;

use aees_run::settings::{ConfigError, Place, RunConfig, SettingInfo, TaskName, Tasks, Verb};
use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgMatches, Args, Command, FromArgMatches};
use serde_json::Value;

/// Which settings a verb takes.
pub(crate) trait TakenSettings {
    /// Those of this verb; none for all.
    const OF: Option<Verb>;
}

/// All of them.
pub(crate) struct All;

impl TakenSettings for All {
    const OF: Option<Verb> = None;
}

/// The settings that were typed, in the order of the table.
pub(crate) struct SettingFlags<S> {
    typed: Vec<(&'static SettingInfo, String)>,
    selection: PhantomData<S>,
}

impl<S> SettingFlags<S> {
    /// Keys, values and places, as [`RunConfig::fill`] takes them.
    pub(crate) fn typed(&self) -> impl Iterator<Item = (&str, Value, Place)> {
        self.typed.iter().map(|(setting, text)| {
            let place = Place::Flag(setting.flag().trim_start_matches('-').to_owned());
            (setting.key, Value::String(text.clone()), place)
        })
    }

    /// For a verb on several tasks: the configuration of one of them, with those of the typed settings that it knows.
    pub(crate) fn of_task(&self, task: TaskName, tasks: &[TaskName]) -> Result<RunConfig, ConfigError> {
        let mut config = RunConfig::new(task);
        let knows = |key: &str| RunConfig::setting(key).is_some_and(|setting| setting.tasks.include(task));
        config.fill(self.typed().filter(|(key, ..)| tasks.len() == 1 || knows(key)))?;
        config.make_paths_absolute();
        Ok(config)
    }
}

fn settings<S: TakenSettings>() -> impl Iterator<Item = &'static SettingInfo> {
    RunConfig::settings().iter().filter(|setting| S::OF.is_none_or(|verb| setting.verbs.contains(&verb)))
}

impl<S: TakenSettings> Args for SettingFlags<S> {
    fn augment_args(command: Command) -> Command {
        command.args(settings::<S>().map(flag))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl<S: TakenSettings> FromArgMatches for SettingFlags<S> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let typed = settings::<S>().filter_map(|setting| {
            let text = matches.get_one::<String>(setting.key)?.clone();
            Some((setting, text))
        });
        Ok(Self { typed: typed.collect(), selection: PhantomData })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

fn flag(setting: &SettingInfo) -> Arg {
    let only = if setting.tasks == Tasks::NoisyLabels { " (cifar100 and agnews)" } else { "" };
    let arg = Arg::new(setting.key)
        .long(setting.flag().trim_start_matches('-').to_owned())
        .help(format!("{}{only}{}", setting.help, default_of(setting)))
        .help_heading(heading(setting))
        .hide_short_help(!setting.is_common)
        // `--lr -1` must reach the range check, whose message is clearer than clap's.
        .allow_hyphen_values(true);
    if setting.choices == ["true", "false"] {
        return arg.num_args(0..=1).require_equals(true).default_missing_value("true").value_name("BOOL");
    }
    if setting.choices.is_empty() {
        return arg.value_name(setting.key.rsplit('_').next().unwrap_or(setting.key).to_uppercase());
    }
    arg.value_parser(PossibleValuesParser::new(setting.choices)).value_name("CHOICE")
}

/// The default as a user would write it; it may differ between the tasks.
fn default_of(setting: &SettingInfo) -> String {
    let written = |task: TaskName| match RunConfig::new(task).get(setting.key) {
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

fn heading(setting: &SettingInfo) -> &'static str {
    match (setting.tasks, setting.role) {
        (Tasks::Images, _) => "Settings of cifar100",
        (Tasks::Text, _) => "Settings of sst2 and agnews",
        (Tasks::AgNews, _) => "Settings of agnews",
        (Tasks::All | Tasks::NoisyLabels, role) if role.decides_result() => "Settings that decide the result",
        (Tasks::All | Tasks::NoisyLabels, _) => "Other settings",
    }
}
