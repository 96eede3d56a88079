//! What makes two settings of a study the same, and which runs take equally long.
//!
//! The identity of a training run needs the fingerprint of its data and is `aees_run::identity`'s; that of a foreign
//! program is [`command_identity`](super::command_identity)'s.

use aees_run::identity::{Id, NotCanonical, canonical};
use aees_run::settings::{Cost, Role, RunConfig, SettingInfo};
use serde_json::{Map, Value, json};

use super::definition::{Study, StudyTask};
use super::settings::Settings;
use super::template::Template;

/// A text that is equal for settings whose runs have equal identities.
///
/// Two settings with different keys can still turn out to be the same: the same data by two paths, for example. The
/// identity decides; this only spares looking at the data twice.
pub(super) fn config_key(task: &StudyTask, settings: &Settings) -> String {
    let document = match (task, settings) {
        (StudyTask::Command(spec), Settings::Command(map)) => spec.identity_document(map, None),
        (_, Settings::Train(config)) => {
            Value::Object(differences(config, |setting| matches!(setting.role, Role::Science | Role::Source)))
        }
        (_, Settings::Command(map)) => Value::Object(map.clone()),
    };
    // What has no canonical form is refused before it gets here.
    canonical(&document).unwrap_or_else(|_| document.to_string())
}

/// The settings of a run that are not its task's defaults, as far as they count, and the task.
pub(crate) fn differences(config: &RunConfig, counts: impl Fn(&SettingInfo) -> bool) -> Map<String, Value> {
    let changed = config.changed().filter(|(setting, _)| counts(setting));
    let changed = changed.map(|(setting, value)| (setting.key.to_owned(), value));
    changed.chain([("task".to_owned(), config.task.name().into())]).collect()
}

impl Study {
    /// The signature that runs of equal cost share: what past runs are looked up by to predict the time of new ones.
    ///
    /// For a training run it holds model, data sizes, batch and epochs, and not learning rates, multipliers or seeds.
    /// For a foreign program it holds the arguments and all of the configuration but its fractions, which are usually
    /// what is tuned.
    ///
    /// # Errors
    /// A number without a canonical form; settings that were expanded have none.
    pub fn shape_signature(&self, settings: &Settings) -> Result<Id, NotCanonical> {
        match (&self.task, settings) {
            (StudyTask::Command(spec), Settings::Command(map)) => {
                let argv: Vec<String> = spec.argv.iter().map(Template::source).collect();
                Id::of(&json!({"task": "command", "argv": argv, "config": without_fractions(map)}))
            }
            (_, Settings::Train(config)) => shape_of_training(config),
            (_, Settings::Command(map)) => Id::of(&json!(without_fractions(map))),
        }
    }
}

/// The signature of a single run, which belongs to no study.
///
/// # Errors
/// As [`Study::shape_signature`].
pub(super) fn shape_of_training(config: &RunConfig) -> Result<Id, NotCanonical> {
    // Defaults are left out, so that a new setting keeps old signatures.
    let mut shape = differences(config, |setting| matches!(setting.cost, Cost::Run | Cost::Epoch));
    let noise = config.get("noise_candidates").unwrap_or_default();
    let noisy = noise.as_array().is_some_and(|values| values.iter().any(|value| value.as_f64() != Some(0.0)));
    // Noise on every gradient costs a draw for every parameter.
    shape.insert("noisy".into(), noisy.into());
    Id::of(&Value::Object(shape))
}

fn without_fractions(map: &Map<String, Value>) -> Map<String, Value> {
    let kept = map.iter().filter(|(_, value)| !value.is_f64());
    kept.map(|(key, value)| match value {
        Value::Object(inner) => (key.clone(), Value::Object(without_fractions(inner))),
        other => (key.clone(), other.clone()),
    })
    .collect()
}
