//! What stands around the episodes: who the controllers were, how long their histories are, what the candidates are called,
//! what an open-loop run planned and did. All of it follows from settings and episodes, as the controllers' picks do.
//!
//! What every episodic result has is required; what only some generations of runners write is compared where it is.

use aees_control::Axis;
use aees_control::controller::Controller;
use aees_control::open_loop::OpenLoopPolicy;
use aees_control::python_float::repr;
use serde_json::{Map, Value, json};

use super::controllers::{Replica, planned_names};
use super::record::{EpisodeColumns, Recorded};
use crate::difference::{Difference, RecordPart};
use crate::method::method_settings;
use crate::record::Control;

/// Whether the policy of an open-loop run is the one that its method names. Another one cannot be replayed.
pub(super) fn policy(recorded: &Recorded) -> Option<Difference> {
    let written = &recorded.plan.as_ref()?.policy;
    let expected = match (recorded.run.method_name.as_str(), recorded.run.control) {
        ("UniformRandomOpenLoop", _) => OpenLoopPolicy::UniformRandom.name(),
        ("FrequencyMatchedOpenLoop", _) => OpenLoopPolicy::FrequencyMatched.name(),
        (_, Control::UniformRandom) => OpenLoopPolicy::UniformRandom.name(),
        (_, Control::FrequencyMatched) => OpenLoopPolicy::FrequencyMatched.name(),
        _ => "none, as its method has",
    };
    Difference::between(RecordPart::Whole, "open_loop_policy.policy", &written.as_str(), &expected)
}

/// The first thing that does not follow from the settings and the episodes.
pub(super) fn compare(recorded: &Recorded, columns: &EpisodeColumns, replica: &Replica) -> Option<Difference> {
    let config = &recorded.run.config;
    let mut named = candidates(replica).into_iter();
    named
        .find_map(|(key, value)| if_present("config", config.get(key), key, &value))
        .or_else(|| controllers(recorded, columns, replica))
        .or_else(|| plan(recorded, columns, replica))
}

/// The difference of a key that need not be there.
fn if_present(of: &str, recorded: Option<&Value>, key: &str, expected: &Value) -> Option<Difference> {
    let recorded = recorded.filter(|value| !value.is_null())?;
    Difference::of_json(RecordPart::Whole, &format!("{of}.{key}"), Some(recorded), expected)
}

/// Names and definitions of the candidates, as `config` has them.
fn candidates(replica: &Replica) -> [(&'static str, Value); 2] {
    let (mut names, mut definitions) = (Vec::new(), Vec::new());
    for candidate in replica.candidates.product() {
        let name = candidate.name();
        let (multiplier, noise) = (candidate.lr_multiplier.get(), candidate.noise_std.get());
        definitions.push(json!({"name": name, "lr_multiplier": multiplier, "noise_std": noise}));
        names.push(name);
    }
    [("candidate_config_definitions", json!(definitions)), ("candidate_config_names", json!(names))]
}

/// `controller_logs`, without what was learned in each episode.
fn controllers(recorded: &Recorded, columns: &EpisodeColumns, replica: &Replica) -> Option<Difference> {
    let logs = recorded.controllers.as_object()?;
    let count = columns.episode_rewards.as_ref()?.len();
    let lr = AxisFrame { axis: Axis::Lr, controller: replica.lr.as_ref(), conditioned_on: None };
    let noise = |controller, conditioned_on| AxisFrame { axis: Axis::Noise, controller, conditioned_on };
    let word = |key: &str| recorded.run.config.get(key).filter(|value| !value.is_null());
    let same = |key: &str| {
        Difference::of_json(RecordPart::Whole, &format!("controller_logs.{key}"), logs.get(key), word(key)?)
    };
    let top = same("structured_control_mode").or_else(|| same("context_mode")).or_else(|| {
        let what = "controller_logs._logged_episode_count";
        Difference::of_json(RecordPart::Whole, what, logs.get("_logged_episode_count"), &json!(count))
    });
    let of_lr = || lr.compare("lr_controller_logs", logs.get("lr_controller_logs"), replica, count);
    let of_noise = || match &replica.noise[..] {
        all @ [_, _, ..] => {
            let by_lr = logs.get("noise_controller_logs_by_lr");
            replica.candidates.values(Axis::Lr).into_iter().zip(all).find_map(|(multiplier, controller)| {
                let key = repr(multiplier);
                let name = format!("noise_controller_logs_by_lr.{key}");
                let log = by_lr.and_then(|by_lr| by_lr.get(&key));
                noise(Some(controller), Some(multiplier)).compare(&name, log, replica, count)
            })
        }
        one => {
            let log = logs.get("noise_controller_logs");
            noise(one.first(), None).compare("noise_controller_logs", log, replica, count)
        }
    };
    top.or_else(of_lr).or_else(of_noise)
}

/// The log of one axis, as it must be.
struct AxisFrame<'a> {
    axis: Axis,
    /// None of an axis with one candidate.
    controller: Option<&'a Controller>,
    conditioned_on: Option<f64>,
}

impl AxisFrame<'_> {
    fn compare(&self, name: &str, log: Option<&Value>, replica: &Replica, count: usize) -> Option<Difference> {
        let what = format!("controller_logs.{name}");
        let about =
            Difference::of_json(RecordPart::Whole, &what, log, &self.about(&replica.candidates.values(self.axis)));
        about.or_else(|| self.histories(&what, log?, count))
    }

    /// Who it was.
    fn about(&self, values: &[f64]) -> Value {
        let mut about = json!({
            "axis_name": self.axis.name(),
            "arm_values": values,
            "controller_created": self.controller.is_some(),
            "controller_type": self.controller.map_or("FixedAxis", |controller| controller.type_name()),
        });
        if self.controller.is_none() {
            about["fixed_arm_value"] = json!(values.first());
        }
        if let Some(multiplier) = self.conditioned_on {
            about["conditioned_on_lr_value"] = json!(multiplier);
        }
        let contexts = self.controller.map(|controller| controller.contexts()).unwrap_or_default();
        if !contexts.is_empty() {
            about["context_bucket_names"] = json!(contexts);
            about["prior_from_global"] = json!(true);
            let ids = contexts.iter().map(|name| ((*name).to_owned(), json!({"bucket_id": name})));
            about["bucket_controller_logs"] = Value::Object(ids.collect());
        }
        about
    }

    /// Whether each history has one entry for each episode.
    fn histories(&self, what: &str, log: &Value, count: usize) -> Option<Difference> {
        let controller = self.controller?;
        let (columns, contexts) = (controller.columns(), controller.contexts());
        let length = |within: &str, log: Option<&Value>, key: &str| {
            let length = log.and_then(|log| log.get(key)?.as_array()).map(Vec::len);
            let recorded = length.map_or("absent".into(), |length| format!("{length} entries long"));
            let what = format!("{what}{within}.{key}");
            let recomputed = format!("{count} entries long");
            (length != Some(count)).then_some(Difference { place: RecordPart::Whole, what, recorded, recomputed })
        };
        let all = |within: &str, log: Option<&Value>| columns.iter().find_map(|column| length(within, log, column.key));
        if contexts.is_empty() {
            return all("", Some(log));
        }
        let by_episode = ["visit_counts", "reward_sums", "distinct_arm_counts"];
        let mut of_contexts = contexts.into_iter();
        all(".global_prior_logs", log.get("global_prior_logs"))
            .or_else(|| by_episode.iter().find_map(|of| length("", Some(log), &format!("bucket_{of}_history"))))
            .or_else(|| {
                of_contexts.find_map(|name| {
                    let within = format!(".bucket_controller_logs.{name}");
                    let log = log.get("bucket_controller_logs").and_then(|logs| logs.get(name));
                    all(&within, log).or_else(|| length(&within, log, "bucket_visit_count_history"))
                })
            })
    }
}

/// `config.open_loop_policy`, without the arms themselves, which were compared before the first episode.
fn plan(recorded: &Recorded, columns: &EpisodeColumns, replica: &Replica) -> Option<Difference> {
    let (planned, drawn) = (recorded.plan.as_ref()?, replica.plan.as_ref()?);
    let run = &recorded.run;
    let noise_levels = replica.candidates.noise().len();
    let names = planned_names(&replica.candidates);
    let by_arm = |values: Vec<Value>| -> Value { names.iter().cloned().zip(values).collect::<Map<_, _>>().into() };
    let multipliers: Vec<f64> =
        drawn.arms.iter().filter_map(|arm| run.lr_candidates.get(arm / noise_levels)).copied().collect();
    let played = columns.episode_rewards.as_ref()?.len();
    // The last episodes of a return that is not complete are told to nobody.
    let told = method_settings(run).map_or(played, |method| (played + 1).saturating_sub(method.credit_episodes()));
    let n_arms = match &replica.lr {
        Some(Controller::Precomputed(schedule)) => schedule.snapshot().n_arms,
        _ => names.len(),
    };
    let seed = planned.schedule_seed;
    let expected = json!({
        "reward_free": true,
        "training_feedback_consulted": false,
        "sequence_fully_precomputed": true,
        "episode_count": drawn.arms.len(),
        "lr_candidates": run.lr_candidates,
        "noise_candidates": run.noise_candidates,
        "integer_counts": by_arm(drawn.integer_counts.iter().map(|count| json!(count)).collect()),
        "probabilities": by_arm(drawn.probabilities.iter().map(|probability| json!(probability)).collect()),
        "planned_lr_multipliers": multipliers,
        "executed_lr_multipliers": columns.selected_lr_values.as_deref().unwrap_or_default(),
        "sampling_seed": seed,
        "shuffle_seed": seed,
        "controller_state": {
            "n_arms": n_arms,
            "schedule_length": drawn.arms.len(),
            "selection_count": played,
            "update_call_count": told,
            "feedback_ignored": true,
            "bandit_statistics_updated": false,
        },
        "training_seeds": {
            "model": run.seed,
            "data_order_and_augmentation": run.seed,
            "label_corruption": run.seed,
            "optimizer_noise": run.seed,
        },
    });
    let of = "open_loop_policy";
    let mut keys = expected.as_object()?.iter();
    let found = keys.find_map(|(key, value)| if_present(of, recorded.written_plan.get(key), key, value));
    found.or_else(|| if_present("config", run.config.get("schedule_seed"), "schedule_seed", &json!(seed)))
}
