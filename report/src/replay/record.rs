//! What a file tells of decisions: all columns of `episode_logs`, `controller_logs` whole, the plan of an open-loop run.

use std::collections::BTreeMap;
use std::path::Path;

use aees_control::python_float::repr;
use serde::Deserialize;
use serde_json::Value;

use crate::difference::{Difference, RecordPart};
use crate::read::read_with;
use crate::record::{Control, ControlledAxes, RunRecord};

/// A file, as far as its decisions go.
#[derive(Debug)]
pub(super) struct Recorded {
    /// Its settings, and who picked.
    pub(super) run: RunRecord,
    /// Its episodes; none for a baseline.
    pub(super) episodes: Option<EpisodeColumns>,
    /// What its controllers had learned after each episode.
    pub(super) controllers: Value,
    /// What an open-loop run drew before training.
    pub(super) plan: Option<PlannedArms>,
    /// The same, as it is written.
    pub(super) written_plan: Value,
}

/// The parts of the document that [`RunRecord`] does not keep.
#[derive(Debug, Deserialize)]
struct RecordParts {
    episode_logs: Option<EpisodeColumns>,
    #[serde(default)]
    controller_logs: Value,
    #[serde(default)]
    config: ConfigParts,
}

#[derive(Debug, Default, Deserialize)]
struct ConfigParts {
    open_loop_policy: Option<Value>,
}

/// `config.open_loop_policy`.
#[derive(Debug, Deserialize)]
pub(super) struct PlannedArms {
    pub(super) policy: String,
    pub(super) schedule_seed: u64,
    pub(super) planned_lr_indices: Vec<usize>,
    /// Only where there are several noise levels.
    pub(super) planned_noise_indices: Option<Vec<usize>>,
    #[serde(default)]
    pub(super) probabilities: BTreeMap<String, f64>,
}

type Column<T> = Option<Vec<T>>;

/// `episode_logs`. The four context columns of the reference before 0.2.0 stand beside today's one.
#[derive(Debug, Deserialize)]
pub(super) struct EpisodeColumns {
    pub(super) selected_lr_indices: Column<usize>,
    pub(super) selected_noise_indices: Column<usize>,
    pub(super) selected_lr_values: Column<f64>,
    pub(super) selected_noise_values: Column<f64>,
    pub(super) selected_combined_names: Column<String>,
    /// The same again, as runners write it.
    pub(super) selected_candidate_names: Column<String>,
    pub(super) episode_rewards: Column<Option<f64>>,
    pub(super) episode_start_steps: Column<u64>,
    pub(super) episode_end_steps: Column<u64>,
    /// The raw losses at both ends.
    pub(super) episode_start_losses: Column<Option<f64>>,
    pub(super) episode_end_losses: Column<Option<f64>>,
    pub(super) episode_ema_loss_starts: Column<Option<f64>>,
    pub(super) episode_ema_loss_ends: Column<Option<f64>>,
    pub(super) episode_probe_losses_before: Column<Option<f64>>,
    pub(super) episode_probe_losses_after: Column<Option<f64>>,
    pub(super) reward_base: Column<Option<f64>>,
    pub(super) reward_instability: Column<Option<f64>>,
    pub(super) reward_penalty: Column<Option<f64>>,
    pub(super) reward_final_unclipped: Column<Option<f64>>,
    pub(super) reward_final_clipped: Column<Option<f64>>,
    mean_update_norms: Column<Option<f64>>,
    context_buckets: Column<String>,
    context_trends: Column<Option<String>>,
}

impl Recorded {
    pub(super) fn read(path: &Path) -> Result<Self, String> {
        let (run, bytes) = read_with(path)?;
        let parts: RecordParts =
            serde_json::from_slice(&bytes).map_err(|error| format!("its logs are odd: {error}"))?;
        let RecordParts { episode_logs, controller_logs, config } = parts;
        let plan = config.open_loop_policy.as_ref().map(PlannedArms::deserialize).transpose();
        let plan = plan.map_err(|error| format!("its open_loop_policy is odd: {error}"))?;
        let written_plan = config.open_loop_policy.unwrap_or_default();
        Ok(Self { run, episodes: episode_logs, controllers: controller_logs, plan, written_plan })
    }

    /// The reference's oldest fixed runs: candidates, but nobody who picks from them.
    pub(super) fn is_old_fixed_mode(&self) -> bool {
        self.run.control == Control::Fixed && self.run.axes() != ControlledAxes::None
    }
}

impl EpisodeColumns {
    /// The number of episodes, which every column that is there must have.
    pub(super) fn check_lengths(&self) -> Result<usize, String> {
        let rewards = self.episode_rewards.as_ref().ok_or("episode_logs has no episode_rewards")?;
        let count = rewards.len();
        fn length<T>(name: &'static str, column: &Column<T>) -> Option<(&'static str, usize)> {
            column.as_ref().map(|column| (name, column.len()))
        }
        let lengths = [
            length("selected_lr_indices", &self.selected_lr_indices),
            length("selected_noise_indices", &self.selected_noise_indices),
            length("selected_lr_values", &self.selected_lr_values),
            length("selected_noise_values", &self.selected_noise_values),
            length("selected_combined_names", &self.selected_combined_names),
            length("selected_candidate_names", &self.selected_candidate_names),
            length("episode_start_steps", &self.episode_start_steps),
            length("episode_end_steps", &self.episode_end_steps),
            length("episode_start_losses", &self.episode_start_losses),
            length("episode_end_losses", &self.episode_end_losses),
            length("episode_ema_loss_starts", &self.episode_ema_loss_starts),
            length("episode_ema_loss_ends", &self.episode_ema_loss_ends),
            length("episode_probe_losses_before", &self.episode_probe_losses_before),
            length("episode_probe_losses_after", &self.episode_probe_losses_after),
            length("reward_base", &self.reward_base),
            length("reward_instability", &self.reward_instability),
            length("reward_penalty", &self.reward_penalty),
            length("reward_final_unclipped", &self.reward_final_unclipped),
            length("reward_final_clipped", &self.reward_final_clipped),
            length("mean_update_norms", &self.mean_update_norms),
            length("context_buckets", &self.context_buckets),
            length("context_trends", &self.context_trends),
        ];
        match lengths.into_iter().flatten().find(|(_, length)| *length != count) {
            Some((name, length)) => {
                Err(format!("unequal lengths: episode_rewards has {count} entries, {name} has {length}"))
            }
            None => Ok(count),
        }
    }

    /// What an episode's columns say of each other: its smoothed loss starts from its first loss, and what measures an
    /// extent is not negative.
    pub(super) fn check_logged(&self, index: usize) -> Option<Difference> {
        let place = RecordPart::Episode(index + 1);
        let start = entry(&self.episode_start_losses, index);
        let smoothed = entry(&self.episode_ema_loss_starts, index);
        let starts = start.zip(smoothed);
        let extent = |what: &str, column: &Column<Option<f64>>| {
            let value = entry(column, index).filter(|value| value.is_nan() || *value < 0.0)?;
            Some(Difference { place, what: what.into(), recorded: repr(value), recomputed: "at least 0".into() })
        };
        starts
            .and_then(|(start, smoothed)| Difference::of_numbers(place, "start loss", Some(start), smoothed))
            .or_else(|| extent("mean update norm", &self.mean_update_norms))
            .or_else(|| extent("reward_instability", &self.reward_instability))
    }

    pub(super) fn has_contexts(&self) -> bool {
        self.context_buckets.is_some() || self.context_trends.is_some()
    }

    /// The context of an episode, under either name.
    pub(super) fn context(&self, index: usize) -> Option<&str> {
        let today = self.context_buckets.as_ref().and_then(|buckets| buckets.get(index));
        let before = || self.context_trends.as_ref()?.get(index)?.as_ref();
        today.or_else(before).map(String::as_str)
    }
}

/// The entry of an episode, if the column is there and has one.
pub(super) fn entry<T: Copy>(column: &Column<Option<T>>, index: usize) -> Option<T> {
    column.as_ref()?.get(index).copied().flatten()
}
