//! The last words of a run: the best epoch, how often each arm was picked, and how to look at it.

use std::num::NonZeroU64;

use aees_run::artifact::FileError;
use aees_run::shown::accuracy;
use aees_run::state::TrainState;
use aees_studies::study::quoted;
use aees_train::event::{RunEvent, Subscriber};

/// Prints the summary when the run is finished.
#[derive(Default)]
pub(crate) struct FinalLines {
    /// After so many evaluations without a gain the run ends.
    patience: Option<u64>,
    /// The steps of a run that goes to its end.
    planned_steps: u64,
}

impl Subscriber for FinalLines {
    fn on_event(&mut self, event: &RunEvent<'_>) -> Result<(), FileError> {
        if let RunEvent::Started(start) = event {
            self.patience = start.config.patience.map(NonZeroU64::get);
            self.planned_steps = start.steps_per_epoch * start.config.epochs.get();
        }
        if let RunEvent::Finished { state, path, .. } = event {
            let patience = self.patience.filter(|_| state.step < self.planned_steps);
            for line in lines(state, patience) {
                eprintln!("{line}");
            }
            let folder = path.parent().unwrap_or(path).to_string_lossy();
            eprintln!("see it with: aees report html {} --out report.html", quoted(&folder));
        }
        Ok(())
    }
}

fn lines(state: &TrainState, patience: Option<u64>) -> Vec<String> {
    let mut lines = Vec::new();
    let gain = &state.gain;
    if let (Some(best), true) = (gain.best, patience.is_some_and(|patience| gain.since_best >= patience)) {
        lines.push(format!(
            "stopped early after step {}: {} evaluations without a gain since step {} ({})",
            state.step,
            gain.since_best,
            best.step,
            accuracy(best.val_accuracy)
        ));
    }
    if let (Some(best), Some(last)) = (state.best, state.epochs.last()) {
        let (best_accuracy, last_accuracy) = (accuracy(best.val_accuracy), accuracy(last.val_accuracy));
        lines.push(format!("best accuracy {best_accuracy} in epoch {}, last {last_accuracy}", best.epoch + 1));
    }
    if let Some(aees) = &state.aees {
        let episodes = aees.episodes();
        let arms = aees.candidates().map(|candidate| {
            let rewards: Vec<f64> = episodes
                .iter()
                .filter(|episode| episode.selection.candidate == candidate)
                .map(|episode| episode.reward)
                .collect();
            let mean = rewards.iter().sum::<f64>() / rewards.len().max(1) as f64;
            format!("  {} x {}, mean reward {mean:.4}", candidate.name(), rewards.len())
        });
        lines.push(format!("arms over {} episodes:", episodes.len()));
        lines.extend(arms);
    }
    lines
}
