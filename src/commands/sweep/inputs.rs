//! What the runs of a study are made of: data, tokenizer and weights, as training would find them.

use aees_run::identity::Inputs;
use aees_run::settings::RunConfig;
use aees_studies::InputError;
use aees_studies::plan::InputFinder;
use aees_train::session::{self, SessionError};
use aees_train::shared_inputs::SharedInputs;

use crate::progress::preparations;

/// Each is read only once.
pub(crate) fn finder() -> InputFinder<'static> {
    InputFinder::new(read)
}

/// The task is loaded as for training, with progress where that takes long.
fn read(config: &RunConfig) -> Result<Inputs, InputError> {
    match session::load_task(config, &mut preparations(), &SharedInputs::for_one_run()) {
        Ok(task) => Ok(task.facts().inputs.clone()),
        Err(error) => Err(InputError {
            message: error.to_string(),
            help: error.help(),
            is_missing: matches!(error, SessionError::Task(_) | SessionError::Controllers(_)),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aees_run::settings::{Place, TaskName};
    use serde_json::{Value, json};

    /// A setting that is not in the key must not change what a run is made of.
    #[test]
    fn the_key_has_every_setting_that_decides_the_inputs() {
        let mut base = RunConfig::new(TaskName::Sst2);
        for assignment in ["data=synthetic", "limit_train=40", "limit_eval=20", "model_layers=1", "model_dim=16"] {
            base.assign(assignment).unwrap();
        }
        let inputs = read(&base).unwrap();
        let others = RunConfig::settings_of(base.task)
            .filter(|setting| setting.role.decides_result() && !setting.decides_inputs);
        for field in others {
            let old = base.get(field.key).unwrap();
            let other = match &old {
                Value::Bool(flag) => json!(!flag),
                Value::Number(number) if number.is_f64() => json!(number.as_f64().unwrap() * 0.5 + 0.25),
                Value::Number(number) => json!(number.as_i64().unwrap() + 3),
                Value::Array(_) => json!([0.25, 0.75]),
                Value::String(_) => json!(field.choices.iter().find(|choice| old != **choice).unwrap()),
                _ => json!(7),
            };
            let mut changed = base.clone();
            changed.set(field.key, &other, &Place::Resolved).unwrap();
            assert_eq!(read(&changed).unwrap(), inputs, "{}", field.key);
        }
    }
}
