//! The reference's console lines, made from events. Nothing is printed here: the program prints them when its output is
//! piped, and every run keeps them in `log.txt`.

use aees_run::state::EpochSummary;

use crate::event::{RunEvent, Start};
use aees_run::outcome::Outcome;

/// Makes the lines of a run; remembers what later lines repeat of the start.
#[derive(Debug, Default)]
pub struct ConsoleLines {
    label: String,
    epochs: u64,
    episodic: bool,
}

impl ConsoleLines {
    /// The lines of an event; most events have none.
    pub fn of(&mut self, event: &RunEvent<'_>) -> Vec<String> {
        match event {
            RunEvent::Started(start) => self.started(start),
            RunEvent::EpochFinished(summary) => vec![self.epoch(summary)],
            RunEvent::Evaluated(evaluation) => {
                vec![format!("[{}] | step {} | val_acc={:.4}", self.label, evaluation.step, evaluation.val_accuracy)]
            }
            RunEvent::Warning(text) => vec![format!("warning: {text}")],
            RunEvent::Finished { outcome, path, .. } => {
                let mut lines = Vec::new();
                if let Outcome::Diverged { step, quantity, value } = outcome {
                    lines.push(format!("warning: the run diverged at step {step}: {quantity} is {value}"));
                }
                lines.push(format!("Saved result to {}", path.display()));
                lines
            }
            _ => Vec::new(),
        }
    }

    fn started(&mut self, start: &Start<'_>) -> Vec<String> {
        // The reference's text runners print the method alone.
        let config = start.config;
        self.label = if config.task.is_text() { config.method_name().into() } else { config.experiment_label() };
        self.epochs = start.config.epochs.get();
        self.episodic = start.axes.is_some();
        let mut lines = vec![format!(
            "run {} on {}: {} trains on {} {} from {}, {} evaluated after each epoch",
            start.run_id,
            start.device,
            self.label,
            start.train_examples,
            start.examples,
            start.data,
            start.eval_examples
        )];
        if start.first_step > 0 {
            lines.push(format!("resumed after step {}", start.first_step));
        }
        if let Some((adaptive, fixed)) = &start.axes {
            lines.push(format!("adaptive axes: {adaptive}"));
            lines.push(format!("fixed axes: {fixed}"));
        }
        if let Some(plan) = start.open_loop {
            let counts: Vec<String> = plan.integer_counts.iter().map(ToString::to_string).collect();
            lines.push(format!(
                "precomputed {} schedule: episodes={} schedule_seed={} counts=[{}]",
                plan.policy.name(),
                plan.arms.len(),
                plan.schedule_seed,
                counts.join(", ")
            ));
        }
        lines
    }

    fn epoch(&self, summary: &EpochSummary) -> String {
        let mut parts = vec![
            format!("[{}]", self.label),
            format!("epoch {}/{}", summary.epoch + 1, self.epochs),
            format!("train_loss={:.4}", summary.train_loss),
            format!("train_acc={:.4}", summary.train_accuracy),
            format!("val_acc={:.4}", summary.val_accuracy),
            format!("time={:.1}s", summary.seconds),
            format!("cum_tflops={:.3}", summary.cumulative_tflops),
        ];
        if let Some(gradients) = &summary.gradients {
            let (norm, clipped) = (gradients.mean_norm, 100.0 * gradients.clipped_share);
            parts.push(format!("grad_norm={norm:.4} clipped={clipped:.1}%"));
        }
        if self.episodic {
            let last = summary.last_arm.as_deref().unwrap_or("-");
            let reward = summary.mean_reward.map_or("n/a".to_owned(), |reward| format!("{reward:.4}"));
            parts.push(format!("episodes={} last_mode={last} epoch_mean_reward={reward}", summary.episodes));
        }
        parts.join(" | ")
    }
}

#[cfg(test)]
mod tests {
    use aees_run::state::EpochGradients;

    use super::*;

    #[test]
    fn an_epoch_line_is_the_references() {
        let lines = ConsoleLines { label: "AdaptiveScheduler+AdamW".into(), epochs: 18, episodic: true };
        let mut summary = EpochSummary {
            epoch: 0,
            step: 391,
            train_loss: 3.86104,
            train_accuracy: 0.12345,
            val_accuracy: 0.2,
            learning_rate: 1e-3,
            seconds: 5.99,
            cumulative_tflops: 5.92,
            episodes: 1,
            last_arm: Some("lr1_n0".into()),
            mean_reward: Some(0.204163),
            gradients: None,
        };
        assert_eq!(
            lines.epoch(&summary),
            "[AdaptiveScheduler+AdamW] | epoch 1/18 | train_loss=3.8610 | train_acc=0.1235 | val_acc=0.2000 | time=6.0s \
             | cum_tflops=5.920 | episodes=1 last_mode=lr1_n0 epoch_mean_reward=0.2042"
        );
        (summary.last_arm, summary.mean_reward) = (None, None);
        assert!(lines.epoch(&summary).ends_with("last_mode=- epoch_mean_reward=n/a"));
        summary.gradients = Some(EpochGradients { mean_norm: 3.86104, clipped_share: 0.25 });
        assert!(lines.epoch(&summary).contains("cum_tflops=5.920 | grad_norm=3.8610 clipped=25.0% | episodes"));
    }
}
