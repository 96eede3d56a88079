//! The controller logs of a result file, under the reference's key names.

use serde::{Serialize, Serializer};

use crate::candidate::Axis;
use crate::controller::{BanditHistory, ColumnName, ContextHistory, Controller, ControllerHistory, LogCell};
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
        serializer.collect_map(self.0.iter().map(|(key, value)| (key, value)))
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
    /// The columns of a bandit without contexts.
    #[serde(flatten)]
    pub columns: Option<ColumnLogs>,
    /// The histories of a contextual controller.
    #[serde(flatten)]
    pub contextual: Option<ContextualLog>,
}

/// The columns that a bandit logs, by their keys.
pub type ColumnLogs = Labelled<Vec<Option<ColumnEntry>>>;

/// The entry of a column after a closed episode; there is none where the bandit did not exist yet.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum ColumnEntry {
    /// A number for each arm.
    Arms(Labelled<f64>),
    /// A count for each arm.
    ArmCounts(Labelled<u64>),
    /// One count.
    Count(u64),
}

/// What a contextual controller adds to its axis log.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ContextualLog {
    /// The contexts, in order.
    pub context_bucket_names: Vec<String>,
    /// Always true: a context starts from what all have taught.
    pub prior_from_global: bool,
    /// Updates in each context, after each episode.
    pub bucket_visit_counts_history: Vec<Labelled<u64>>,
    /// Sum of rewards in each context, after each episode.
    pub bucket_reward_sums_history: Vec<Labelled<f64>>,
    /// Different arms selected in each context, after each episode.
    pub bucket_distinct_arm_counts_history: Vec<Labelled<usize>>,
    /// All contexts together.
    pub global_prior_logs: ColumnLogs,
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
    pub columns: ColumnLogs,
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
            columns: None,
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
        let names = controller.columns();
        let columns = |history: &BanditHistory| columns(&names, history, &arms);
        let contexts: Vec<String> = controller.contexts().into_iter().map(str::to_owned).collect();
        let overall = history.overall().map(columns);
        let (columns, contextual) = match overall {
            Some(prior) if !contexts.is_empty() => {
                (None, Some(ContextualLog::new(contexts, prior, history.contexts(), columns)))
            }
            overall => (overall, None),
        };
        Self {
            controller_type: controller.type_name(),
            controller_created: true,
            fixed_arm_value: None,
            columns,
            contextual,
            ..Self::fixed(axis, values)
        }
    }
}

impl ContextualLog {
    fn new(
        names: Vec<String>,
        prior: ColumnLogs,
        contexts: &[ContextHistory],
        columns: impl Fn(&BanditHistory) -> ColumnLogs,
    ) -> Self {
        let bucket_log = |(name, context): (&String, &ContextHistory)| {
            let log = BucketLog {
                bucket_id: name.clone(),
                columns: columns(&context.bandit),
                bucket_visit_count_history: context.visit_counts.clone(),
            };
            (name.clone(), log)
        };
        Self {
            prior_from_global: true,
            bucket_visit_counts_history: by_episode(&names, contexts, |context| &context.visit_counts),
            bucket_reward_sums_history: by_episode(&names, contexts, |context| &context.reward_sums),
            bucket_distinct_arm_counts_history: by_episode(&names, contexts, |context| &context.distinct_arm_counts),
            global_prior_logs: prior,
            bucket_controller_logs: Labelled(names.iter().zip(contexts).map(bucket_log).collect()),
            context_bucket_names: names,
        }
    }
}

/// The columns of a history, their cells labelled by arm.
fn columns(names: &[ColumnName], history: &BanditHistory, arms: &[String]) -> ColumnLogs {
    let entry = |cell: LogCell<'_>| match cell {
        LogCell::Arm(numbers) => ColumnEntry::Arms(labelled(arms, numbers)),
        LogCell::ArmCount(counts) => ColumnEntry::ArmCounts(labelled(arms, counts)),
        LogCell::Count(count) => ColumnEntry::Count(count),
    };
    let rows = |column| (0..history.len()).map(|episode| history.cell(column, episode).map(entry)).collect();
    Labelled(names.iter().enumerate().map(|(column, name)| (name.key.to_owned(), rows(column))).collect())
}

fn labelled<T: Copy>(labels: &[String], values: &[T]) -> Labelled<T> {
    Labelled(labels.iter().cloned().zip(values.iter().copied()).collect())
}

/// Turns one list for each context into one labelled row for each episode.
fn by_episode<T: Copy>(
    names: &[String],
    contexts: &[ContextHistory],
    list: impl Fn(&ContextHistory) -> &Vec<T>,
) -> Vec<Labelled<T>> {
    let row = |episode: usize| {
        let cells = names.iter().zip(contexts);
        Labelled(cells.filter_map(|(name, context)| Some((name.clone(), *list(context).get(episode)?))).collect())
    };
    (0..contexts.first().map_or(0, |context| context.bandit.len())).map(row).collect()
}
