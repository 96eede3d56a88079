//! The controller logs of a result file, under the reference's key names.

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::history::{BucketedHistory, ControllerHistory, UcbHistory};
use crate::candidate::Axis;
use crate::controller::{BucketedContextual, Controller};
use crate::python_float;

/// Entries with text keys, written as a JSON object in their own order.
#[derive(Debug, Clone, PartialEq)]
pub struct Labelled<T>(pub Vec<(String, T)>);

impl<T> Labelled<T> {
    /// The value under a key.
    pub fn get(&self, key: &str) -> Option<&T> {
        self.0.iter().find(|(name, _)| name == key).map(|(_, value)| value)
    }
}

impl<T: Serialize> Serialize for Labelled<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (key, value) in &self.0 {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

/// All controller logs of a run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ControllerLogs {
    /// `independent` or `conditional`.
    pub structured_control_mode: &'static str,
    /// `none` or `trend`.
    pub context_mode: &'static str,
    /// Number of closed episodes.
    #[serde(rename = "_logged_episode_count")]
    pub logged_episode_count: usize,
    /// The learning-rate axis.
    pub lr_controller_logs: AxisLog,
    /// The noise axis, unless each multiplier has its own noise controller.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub noise_controller_logs: Option<AxisLog>,
    /// The noise axis for each multiplier.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub noise_controller_logs_by_lr: Option<Labelled<AxisLog>>,
    /// A remark in random runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub non_contextual_random_note: Option<&'static str>,
    /// A remark in open-loop runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub open_loop_note: Option<&'static str>,
}

/// The remark in random runs.
pub(super) const RANDOM_NOTE: &str =
    "RandomScheduler keeps random controllers non-contextual; context is logged per episode only.";
/// The remark in open-loop runs.
pub(super) const OPEN_LOOP_NOTE: &str = "The complete LR sequence was generated before training; controller feedback \
                                         callbacks are ignored and no bandit statistics are updated.";

/// The log of one axis, or of one of the noise controllers of conditional mode.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AxisLog {
    /// The kind of controller; `FixedAxis` for a constant.
    pub controller_type: &'static str,
    /// `lr` or `noise`.
    pub axis_name: &'static str,
    /// The candidates.
    pub arm_values: Vec<f64>,
    /// Whether there is a controller.
    pub controller_created: bool,
    /// The value of a constant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fixed_arm_value: Option<f64>,
    /// The multiplier that a noise controller of conditional mode belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conditioned_on_lr_value: Option<f64>,
    /// Histories of a discounted UCB.
    #[serde(flatten)]
    pub histories: Option<Histories>,
    /// Histories of a contextual controller.
    #[serde(flatten)]
    pub contextual: Option<ContextualLog>,
}

/// Statistics after each closed episode; null where the controller did not exist yet.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Histories {
    /// Mean reward of each arm.
    pub value_estimates_history: Vec<Option<Labelled<f64>>>,
    /// Discounted count of each arm.
    pub effective_counts_history: Vec<Option<Labelled<f64>>>,
    /// Plays of each arm.
    pub warmup_counts_history: Vec<Option<Labelled<u64>>>,
    /// Updates.
    pub controller_updates_history: Vec<Option<u64>>,
}

/// What a contextual controller adds to its axis log.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ContextualLog {
    /// The contexts, in order.
    pub context_bucket_names: Vec<String>,
    /// Whether a context starts from what all have taught.
    pub prior_from_global: bool,
    /// Updates in each context, after each episode.
    pub bucket_visit_counts_history: Vec<Labelled<u64>>,
    /// Sum of rewards in each context, after each episode.
    pub bucket_reward_sums_history: Vec<Labelled<f64>>,
    /// Different arms selected in each context, after each episode.
    pub bucket_distinct_arm_counts_history: Vec<Labelled<usize>>,
    /// All contexts together.
    pub global_prior_logs: Histories,
    /// Each context.
    pub bucket_controller_logs: Labelled<BucketLog>,
}

/// The log of one context.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BucketLog {
    /// The context.
    pub bucket_id: String,
    /// Its bandit.
    #[serde(flatten)]
    pub histories: Histories,
    /// Its updates, after each episode.
    pub bucket_visit_count_history: Vec<u64>,
}

impl AxisLog {
    pub(super) fn fixed(axis: Axis, values: Vec<f64>) -> Self {
        Self {
            controller_type: "FixedAxis",
            axis_name: axis.name(),
            controller_created: false,
            fixed_arm_value: values.first().copied(),
            arm_values: values,
            conditioned_on_lr_value: None,
            histories: None,
            contextual: None,
        }
    }

    pub(super) fn controlled(
        axis: Axis,
        values: Vec<f64>,
        controller: &Controller,
        history: &ControllerHistory,
    ) -> Self {
        let arms: Vec<String> = values.iter().map(|&value| python_float::repr(value)).collect();
        let mut log = Self {
            controller_type: controller.type_name(),
            controller_created: true,
            fixed_arm_value: None,
            ..Self::fixed(axis, values)
        };
        match (history, controller) {
            (ControllerHistory::Ucb(history), _) => log.histories = Some(Histories::new(history, &arms)),
            (ControllerHistory::Bucketed(history), Controller::Bucketed(bucketed)) => {
                log.contextual = Some(ContextualLog::new(history, bucketed, &arms));
            }
            _ => {}
        }
        log
    }
}

impl Histories {
    fn new(history: &UcbHistory, arms: &[String]) -> Self {
        Self {
            value_estimates_history: rows(history.absent, &history.mean_rewards, arms),
            effective_counts_history: rows(history.absent, &history.counts, arms),
            warmup_counts_history: rows(history.absent, &history.warmup_counts, arms),
            controller_updates_history: std::iter::repeat_n(None, history.absent)
                .chain(history.updates.iter().copied().map(Some))
                .collect(),
        }
    }
}

impl ContextualLog {
    fn new(history: &BucketedHistory, controller: &BucketedContextual, arms: &[String]) -> Self {
        let names: Vec<String> = controller.bucket_names().map(str::to_owned).collect();
        let bucket_log = |(name, bucket): (&String, &super::history::BucketHistory)| {
            let log = BucketLog {
                bucket_id: name.clone(),
                histories: Histories::new(&bucket.statistics, arms),
                bucket_visit_count_history: bucket.visit_counts.clone(),
            };
            (name.clone(), log)
        };
        Self {
            prior_from_global: controller.prior_from_global(),
            bucket_visit_counts_history: by_episode(&names, history, |bucket| &bucket.visit_counts),
            bucket_reward_sums_history: by_episode(&names, history, |bucket| &bucket.reward_sums),
            bucket_distinct_arm_counts_history: by_episode(&names, history, |bucket| &bucket.distinct_arm_counts),
            global_prior_logs: Histories::new(&history.global_prior, arms),
            bucket_controller_logs: Labelled(names.iter().zip(&history.buckets).map(bucket_log).collect()),
            context_bucket_names: names,
        }
    }
}

/// Cuts a flat list into one labelled row for each episode.
fn rows<T: Copy>(absent: usize, flat: &[T], arms: &[String]) -> Vec<Option<Labelled<T>>> {
    let row = |values: &[T]| Some(Labelled(arms.iter().cloned().zip(values.iter().copied()).collect()));
    std::iter::repeat_with(|| None).take(absent).chain(flat.chunks_exact(arms.len().max(1)).map(row)).collect()
}

/// Turns one list for each bucket into one labelled row for each episode.
fn by_episode<T: Copy>(
    names: &[String],
    history: &BucketedHistory,
    list: impl Fn(&super::history::BucketHistory) -> &Vec<T>,
) -> Vec<Labelled<T>> {
    let row = |episode: usize| {
        let cells = names.iter().zip(&history.buckets);
        Labelled(cells.filter_map(|(name, bucket)| Some((name.clone(), *list(bucket).get(episode)?))).collect())
    };
    (0..history.global_prior.len()).map(row).collect()
}
