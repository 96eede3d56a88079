//! Which axes of a run are controlled and which are constant, in the words of the result file's overhead metadata.

use serde::Serialize;

use super::history::ControllerHistory;
use crate::candidate::{Axis, CandidateSet};
use crate::episode::{EpisodeManager, NoiseControl};
use crate::python_float;

/// One value for each axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ByAxis<T> {
    /// The learning-rate axis.
    pub lr: T,
    /// The noise axis.
    pub noise: T,
}

/// The fields of `aees_overhead_metadata` and the controller counts of `runtime_metrics` that follow from the controllers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AxisMetadata {
    /// Whether some axis is a constant and so costs nothing.
    pub fixed_axis_optimization_enabled: bool,
    /// Controlled axes, such as `lr=[0.5, 1, 2]`; null when there are none.
    pub adaptive_axes: Option<Vec<String>>,
    /// Constant axes, such as `noise=0`; null when there are none.
    pub fixed_axes: Option<Vec<String>>,
    /// Number of controlled axes; null when there are none.
    pub num_adaptive_axes: Option<usize>,
    /// Number of constant axes; null when there are none.
    pub num_fixed_axes: Option<usize>,
    /// Number of controllers; in conditional mode each multiplier's noise controller counts.
    pub num_controllers_created: usize,
    /// Whether an axis has a controller.
    pub controller_created_by_axis: ByAxis<bool>,
    /// Updates: 0 for a constant, the sum in conditional mode, null for controllers without histories.
    pub controller_update_count_by_axis: ByAxis<Option<u64>>,
    /// Entries of the histories: 0 for a constant, the longest in conditional mode, null for controllers without histories.
    pub controller_history_length_by_axis: ByAxis<Option<usize>>,
}

impl AxisMetadata {
    pub(super) fn new(
        manager: &EpisodeManager,
        lr_history: Option<&ControllerHistory>,
        noise_histories: &[ControllerHistory],
    ) -> Self {
        let noise_created = !matches!(manager.noise_control(), NoiseControl::Constant);
        let created = ByAxis { lr: manager.lr_controller().is_some(), noise: noise_created };
        let mut adaptive = Vec::new();
        let mut fixed = Vec::new();
        for (axis, controlled) in [(Axis::Lr, created.lr), (Axis::Noise, created.noise)] {
            let list = if controlled { &mut adaptive } else { &mut fixed };
            list.push(format!("{}={}", axis.name(), axis_text(manager.candidates(), axis, 6)));
        }
        let lr_histories = lr_history.map(std::slice::from_ref).unwrap_or_default();
        Self {
            fixed_axis_optimization_enabled: !fixed.is_empty(),
            num_adaptive_axes: (!adaptive.is_empty()).then_some(adaptive.len()),
            num_fixed_axes: (!fixed.is_empty()).then_some(fixed.len()),
            adaptive_axes: (!adaptive.is_empty()).then_some(adaptive),
            fixed_axes: (!fixed.is_empty()).then_some(fixed),
            num_controllers_created: lr_histories.len() + noise_histories.len(),
            controller_created_by_axis: created,
            controller_update_count_by_axis: ByAxis {
                lr: update_count(lr_histories),
                noise: update_count(noise_histories),
            },
            controller_history_length_by_axis: ByAxis {
                lr: history_length(lr_histories),
                noise: history_length(noise_histories),
            },
        }
    }
}

/// The two lines with which an episodic run begins, without their labels: controlled axes and constant axes, as in
/// `lr_multiplier=[0.5, 1.0, 2.0]` and `noise_std=0.0`; `<none>` for an empty list.
pub(super) fn start_lines(manager: &EpisodeManager) -> (String, String) {
    let candidates = manager.candidates();
    let mut lists: (Vec<String>, Vec<String>) = Default::default();
    for (axis, name) in [(Axis::Lr, "lr_multiplier"), (Axis::Noise, "noise_std")] {
        let values = candidates.values(axis);
        let texts: Vec<String> = values.iter().map(|&value| python_float::repr(value)).collect();
        match texts.as_slice() {
            [single] => lists.1.push(format!("{name}={single}")),
            _ => lists.0.push(format!("{name}=[{}]", texts.join(", "))),
        }
    }
    let line = |list: Vec<String>| if list.is_empty() { "<none>".to_owned() } else { list.join(", ") };
    (line(lists.0), line(lists.1))
}

fn axis_text(candidates: &CandidateSet, axis: Axis, precision: usize) -> String {
    let texts: Vec<String> =
        candidates.values(axis).into_iter().map(|value| python_float::general(value, precision)).collect();
    match texts.as_slice() {
        [single] => single.clone(),
        _ => format!("[{}]", texts.join(", ")),
    }
}

fn update_count(histories: &[ControllerHistory]) -> Option<u64> {
    histories.iter().map(|history| history.overall().map(|overall| overall.updates.last().copied().unwrap_or(0))).sum()
}

fn history_length(histories: &[ControllerHistory]) -> Option<usize> {
    histories.iter().try_fold(0, |longest, history| Some(longest.max(history.overall()?.len())))
}
