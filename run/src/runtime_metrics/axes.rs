//! What the two axes of AEES, learning rate and noise, did: read from the controller logs, else from the configuration.
//!
//! In conditional mode the noise axis has one controller for each learning rate. It counts as one axis, adaptive if any
//! of its controllers is. The reference says so of `controller_created_by_axis`, but forgets that axis in
//! `adaptive_axes` and `fixed_axes`; here it is listed in both cases.

use serde_json::{Value, json};

use super::field::{self, Object};
use aees_control::python_float;

/// The logs of one axis.
#[derive(Debug, Default)]
struct Axis<'a> {
    name: &'static str,
    /// One log for each controller; usually one.
    logs: Vec<&'a Object>,
    candidates: Option<Vec<f64>>,
}

/// Both axes of a run.
#[derive(Debug)]
pub(super) struct Axes<'a> {
    controller_logs: Option<&'a Object>,
    learning_rate: Axis<'a>,
    noise: Axis<'a>,
    /// Whether the configuration asks for one noise controller for each learning rate.
    conditional: bool,
}

impl<'a> Axes<'a> {
    /// Reads the axes of a run.
    pub(super) fn new(config: &Object, controller_logs: Option<&'a Object>) -> Self {
        let log = |key| controller_logs.and_then(|logs| field::object(logs, key));
        let noise_logs = match log("noise_controller_logs_by_lr") {
            Some(by_learning_rate) => by_learning_rate.values().filter_map(Value::as_object).collect(),
            None => log("noise_controller_logs").into_iter().collect(),
        };
        let learning_rate = Axis {
            name: "lr",
            logs: log("lr_controller_logs").into_iter().collect(),
            candidates: field::numbers(config, "lr_candidates"),
        };
        let noise = Axis { name: "noise", logs: noise_logs, candidates: field::numbers(config, "noise_candidates") };
        let conditional = config.get("structured_control_mode").is_some_and(|mode| mode == "conditional");
        Self { controller_logs, learning_rate, noise, conditional }
    }

    /// The object `aees_overhead_metadata`, but for the settings that are only copied.
    pub(super) fn overhead_metadata(&self) -> Object {
        let adaptive = self.texts(true);
        let fixed = self.texts(false);
        let entries = [
            ("lr_candidates", field::floats_or_null(self.learning_rate.candidates.as_deref())),
            ("noise_candidates", field::floats_or_null(self.noise.candidates.as_deref())),
            ("fixed_axis_optimization_enabled", Value::from(self.fixed_axis_optimization())),
            ("num_adaptive_axes", Value::from(adaptive.as_ref().map(Vec::len))),
            ("num_fixed_axes", Value::from(fixed.as_ref().map(Vec::len))),
            ("adaptive_axes", Value::from(adaptive)),
            ("fixed_axes", Value::from(fixed)),
            ("num_controllers_created", Value::from(self.controllers_created())),
            ("controller_created_by_axis", self.by_axis(|axis| Value::from(axis.created()))),
        ];
        entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
    }

    /// Updates of each axis' controllers; those of a conditional noise axis are summed.
    pub(super) fn update_counts(&self) -> Value {
        self.by_axis_with_logs(|axis| axis.counts(update_count).reduce(i64::saturating_add))
    }

    /// Snapshots of each axis' controllers; the longest history of a conditional noise axis.
    pub(super) fn history_lengths(&self) -> Value {
        self.by_axis_with_logs(|axis| axis.counts(history_length).max())
    }

    fn by_axis(&self, value: impl Fn(&Axis) -> Value) -> Value {
        json!({"lr": value(&self.learning_rate), "noise": value(&self.noise)})
    }

    fn by_axis_with_logs(&self, count: impl Fn(&Axis) -> Option<i64>) -> Value {
        match self.controller_logs {
            Some(_) => self.by_axis(|axis| Value::from(count(axis))),
            None => Value::Null,
        }
    }

    /// Whether an axis with one candidate does without a controller.
    fn fixed_axis_optimization(&self) -> Option<bool> {
        let created = [self.learning_rate.created(), self.noise.created()];
        let has_one_candidate = |axis: &Axis| axis.candidates.as_ref().is_some_and(|values| values.len() == 1);
        if created.contains(&Some(false)) {
            Some(true)
        } else if !created.contains(&None) {
            Some(false)
        } else if has_one_candidate(&self.learning_rate) || has_one_candidate(&self.noise) {
            Some(true)
        } else {
            None
        }
    }

    /// The adaptive, or the fixed, axes as text: from the logs, or from the configuration if the logs have none.
    fn texts(&self, adaptive: bool) -> Option<Vec<String>> {
        let axes = [&self.learning_rate, &self.noise];
        let mut texts: Vec<String> = axes.iter().filter_map(|axis| axis.text_from_logs(adaptive)).collect();
        if texts.is_empty() {
            texts = axes.iter().filter_map(|axis| axis.text_from_candidates(adaptive)).collect();
        }
        (!texts.is_empty()).then_some(texts)
    }

    /// Controllers that were made, or without logs those that the configuration asks for.
    fn controllers_created(&self) -> Option<usize> {
        if self.controller_logs.is_some() {
            let logs = self.learning_rate.logs.iter().chain(&self.noise.logs);
            return Some(logs.filter(|log| created(log) == Some(true)).count());
        }
        let learning_rates = self.learning_rate.candidates.as_ref()?.len();
        let noises = self.noise.candidates.as_ref()?.len();
        let for_noise = match (noises > 1, self.conditional && learning_rates > 1) {
            (false, _) => 0,
            (true, false) => 1,
            (true, true) => learning_rates,
        };
        Some(usize::from(learning_rates > 1) + for_noise)
    }
}

impl Axis<'_> {
    /// Whether any controller was made; nothing without logs that say so.
    fn created(&self) -> Option<bool> {
        // `Some(true)` is greater than `Some(false)`, which is greater than `None`.
        self.logs.iter().map(|log| created(log)).max().flatten()
    }

    /// `lr=[0.5, 1, 2]` for an adaptive axis, `noise=0` for a fixed one; nothing if the axis is of the other kind.
    fn text_from_logs(&self, adaptive: bool) -> Option<String> {
        if self.created() != Some(adaptive) {
            return None;
        }
        let log = self.logs.iter().find(|log| created(log) == Some(adaptive))?;
        let arms = field::numbers(log, "arm_values");
        if adaptive {
            return Some(bracketed(self.name, &arms.unwrap_or_default()));
        }
        let only_arm = arms.filter(|arms| arms.len() == 1).map(|arms| arms[0]);
        let fixed = field::number(log, "fixed_arm_value").or(only_arm);
        Some(fixed.map_or_else(|| self.name.to_owned(), |value| format!("{}={}", self.name, general(value))))
    }

    fn text_from_candidates(&self, adaptive: bool) -> Option<String> {
        let candidates = self.candidates.as_ref()?;
        ((candidates.len() > 1) == adaptive).then(|| bracketed(self.name, candidates))
    }

    /// `count` of each controller that was made, 0 for one that was not.
    fn counts(&self, count: fn(&Object) -> Option<i64>) -> impl Iterator<Item = i64> {
        self.logs.iter().filter_map(move |log| if created(log) == Some(false) { Some(0) } else { count(log) })
    }
}

/// Whether a controller was made, by its flag or else by its type.
fn created(log: &Object) -> Option<bool> {
    if let Some(flag) = log.get("controller_created").and_then(Value::as_bool) {
        return Some(flag);
    }
    log.get("controller_type")?.as_str().map(|kind| kind != "FixedAxis")
}

/// The last entry of the update history, or of the global prior's for a contextual controller.
fn update_count(log: &Object) -> Option<i64> {
    let last_update = |log| field::array(log, "controller_updates_history")?.last().map(Value::as_i64);
    last_update(log).or_else(|| last_update(field::object(log, "global_prior_logs")?)).flatten()
}

/// How many snapshots a controller logged.
fn history_length(log: &Object) -> Option<i64> {
    let length = |log, key| field::array(log, key).map(|history| history.len() as i64);
    let values = |log| length(log, "value_estimates_history");
    let updates = |log| length(log, "controller_updates_history");
    let global_prior = field::object(log, "global_prior_logs");
    values(log)
        .or_else(|| global_prior.and_then(values))
        .or_else(|| global_prior.and_then(updates))
        .or_else(|| updates(log))
}

/// `lr=[0.5, 1, 2]`, or only the name if there are no values.
fn bracketed(name: &str, values: &[f64]) -> String {
    if values.is_empty() {
        return name.to_owned();
    }
    let values: Vec<String> = values.iter().map(|value| general(*value)).collect();
    format!("{name}=[{}]", values.join(", "))
}

/// C's `%g`.
fn general(value: f64) -> String {
    python_float::general(value, 6)
}
