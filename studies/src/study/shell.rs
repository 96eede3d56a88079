//! A run as a line for a shell, so that a study can be run by anything that runs lines.

use aees_run::settings::{Role, RunConfig};

use super::command::{CommandSpec, RunPlaces};
use super::definition::{Study, StudyTask};
use super::expansion::shown;
use super::settings::Settings;

impl Study {
    /// The shell line of one run: `aees train TASK --set key=value ... --seed s` with every setting that is not at its
    /// default, or the configuration of a foreign program piped into it.
    pub fn shell_line(&self, settings: &Settings, places: RunPlaces<'_>) -> String {
        match (&self.task, settings) {
            (StudyTask::Command(spec), Settings::Command(config)) => {
                let input = CommandSpec::standard_input(config, places.seed).to_string();
                // Planning has refused arguments with places that nothing fills.
                let arguments = spec.arguments(config, places).unwrap_or_default();
                let arguments: Vec<String> = arguments.iter().map(|argument| quoted(argument)).collect();
                format!("printf '%s\\n' {} | {}", quoted(&input), arguments.join(" "))
            }
            (_, Settings::Train(config)) => train_line(config, places.seed),
            (StudyTask::Train(_), Settings::Command(_)) => String::new(),
        }
    }
}

fn train_line(config: &RunConfig, seed: i64) -> String {
    let mut line = format!("aees train {}", config.task.name());
    for (setting, value) in config.changed().filter(|(setting, _)| setting.role != Role::Seed) {
        line.push_str(" --set ");
        line.push_str(&quoted(&format!("{}={}", setting.key, shown(&value))));
    }
    format!("{line} --seed {seed}")
}

/// A word as a POSIX shell reads it back.
pub fn quoted(word: &str) -> String {
    let plain = |character: char| character.is_ascii_alphanumeric() || "_./:=,@%+-".contains(character);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}
