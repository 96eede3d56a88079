//! One JSON object for each event on stdout, for programs that watch a run.

use aees_run::artifact::FileError;
use aees_train::event::{RunEvent, Subscriber};
use serde_json::{Value, json};

use crate::stdout;

/// Prints the objects; stops quietly when nobody reads any more.
pub(crate) struct JsonLines;

impl Subscriber for JsonLines {
    fn on_event(&mut self, event: &RunEvent<'_>) -> Result<(), FileError> {
        if let Some(line) = object(event) {
            stdout::line(line);
        }
        Ok(())
    }
}

fn object(event: &RunEvent<'_>) -> Option<Value> {
    Some(match event {
        RunEvent::Preparing(now) => json!({
            "event": "preparing", "what": now.what, "done": now.done, "total": now.total,
        }),
        RunEvent::Started(start) => json!({
            "event": "started", "run_id": start.run_id, "directory": start.directory, "device": start.device,
            "epochs": start.config.epochs, "steps_per_epoch": start.steps_per_epoch, "first_step": start.first_step,
            "train_examples": start.train_examples, "eval_examples": start.eval_examples,
        }),
        RunEvent::EpisodeOpened { episode, candidate, step } => json!({
            "event": "episode_opened", "episode": episode, "arm": candidate.name(), "step": step,
        }),
        RunEvent::StepsDrained { records } => {
            let last = records.last()?;
            json!({"event": "steps", "step": last.step + 1, "loss": last.loss, "update_norm": last.update_norm})
        }
        RunEvent::EpisodeClosed { episode, record } => json!({
            "event": "episode_closed", "episode": episode, "arm": record.selection.candidate.name(),
            "reward": record.reward, "step": record.end_step + 1,
        }),
        RunEvent::Evaluated(evaluation) => json!({
            "event": "evaluation", "step": evaluation.step, "val_accuracy": evaluation.val_accuracy,
        }),
        RunEvent::EpochFinished(summary) => json!({
            "event": "epoch", "epoch": summary.epoch + 1, "step": summary.step, "train_loss": summary.train_loss,
            "train_accuracy": summary.train_accuracy, "val_accuracy": summary.val_accuracy, "seconds": summary.seconds,
        }),
        RunEvent::CheckpointWritten { path, step } => json!({"event": "checkpoint", "path": path, "step": step}),
        RunEvent::Warning(text) => json!({"event": "warning", "text": text}),
        RunEvent::Finished { outcome, path, .. } => json!({"event": "finished", "outcome": outcome, "result": path}),
        RunEvent::StepEnqueued { .. } | RunEvent::EvaluationStarted { .. } => return None,
    })
}
