//! The two logs of a run's folder: `metrics.jsonl` for programs and `log.txt` for people.
//!
//! Both are appended to as the run goes. A resumed run first drops the metrics that its checkpoint does not know, because
//! it will write them again.

use std::fs::{self, File, OpenOptions};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use crate::console_lines::ConsoleLines;
use crate::event::{RunEvent, Subscriber};
use aees_run::artifact::{FileError, write_atomically};
use aees_run::state::{EpochSummary, TrainState};

/// `metrics.jsonl`: one line an epoch, one an episode.
#[derive(Debug)]
pub struct MetricsLog {
    path: PathBuf,
    file: BufWriter<File>,
}

impl MetricsLog {
    /// Opens the log of a run that stands there.
    ///
    /// # Errors
    /// When the file cannot be read or written.
    pub fn open(path: &Path, state: &TrainState) -> Result<Self, FileError> {
        let episodes = state.aees.as_ref().map_or(0, |aees| aees.episodes().len());
        let evaluated = state.evaluations.last().map_or(0, |evaluation| evaluation.step);
        let known = |line: &&str| match serde_json::from_str::<Value>(line) {
            Ok(line) => match (line["kind"].as_str(), line["epoch"].as_u64(), line["episode"].as_u64()) {
                (Some("epoch"), Some(epoch), _) => epoch <= state.epoch,
                (Some("episode"), _, Some(episode)) => (episode as usize) < episodes,
                (Some("evaluation"), ..) => line["step"].as_u64().is_some_and(|step| step <= evaluated),
                _ => false,
            },
            // A line torn by a kill.
            Err(_) => false,
        };
        match fs::read_to_string(path) {
            Ok(text) => {
                let kept: String = text.lines().filter(known).map(|line| format!("{line}\n")).collect();
                write_atomically(path, |out| out.write_all(kept.as_bytes()))?;
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(FileError::at("read", path)(error)),
        }
        Ok(Self { path: path.to_owned(), file: append(path)? })
    }
}

/// The line of `metrics.jsonl` that tells of an event, if one does. Its numbers are listed in [`aees_run::result`].
pub fn metrics_line(event: &RunEvent<'_>) -> Option<Map<String, Value>> {
    let line = match event {
        // No epoch: none ends here.
        RunEvent::Evaluated(evaluation) => json!({
            "kind": "evaluation",
            "step": evaluation.step,
            "val_accuracy": evaluation.val_accuracy,
        }),
        RunEvent::EpochFinished(summary) => json!({
            "kind": "epoch",
            "epoch": summary.epoch + 1,
            "step": summary.step,
            "train_loss": summary.train_loss,
            "train_accuracy": summary.train_accuracy,
            "val_accuracy": summary.val_accuracy,
            "learning_rate": summary.learning_rate,
            "cumulative_tflops": summary.cumulative_tflops,
            "seconds": summary.seconds,
        }),
        RunEvent::EpisodeClosed { episode, record } => json!({
            "kind": "episode",
            "episode": episode,
            "step": record.end_step + 1,
            "arm": record.selection.candidate.name(),
            "lr_multiplier": record.selection.candidate.lr_multiplier.get(),
            "noise_std": record.selection.candidate.noise_std.get(),
            "reward": record.reward,
            "loss_start": record.loss_start,
            "loss_end": record.loss_end,
            "mean_update_norm": record.mean_update_norm,
        }),
        _ => return None,
    };
    let Value::Object(mut line) = line else { return None };
    if let RunEvent::EpochFinished(EpochSummary { gradients: Some(gradients), .. }) = event {
        line.insert("gradient_norm".to_owned(), json!(gradients.mean_norm));
        line.insert("clipped_share".to_owned(), json!(gradients.clipped_share));
    }
    Some(line)
}

impl Subscriber for MetricsLog {
    fn on_event(&mut self, event: &RunEvent<'_>) -> Result<(), FileError> {
        let Some(line) = metrics_line(event).map(Value::Object) else { return Ok(()) };
        writeln!(self.file, "{line}").and_then(|()| self.file.flush()).map_err(FileError::at("write", &self.path))
    }
}

/// `log.txt`: the lines of [`ConsoleLines`], each with the time since the process started.
#[derive(Debug)]
pub struct TextLog {
    path: PathBuf,
    file: BufWriter<File>,
    lines: ConsoleLines,
    start: std::time::Instant,
}

impl TextLog {
    /// Opens the log; an earlier process's lines stay.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn open(path: &Path) -> Result<Self, FileError> {
        let start = std::time::Instant::now();
        Ok(Self { path: path.to_owned(), file: append(path)?, lines: ConsoleLines::default(), start })
    }
}

impl Subscriber for TextLog {
    fn on_event(&mut self, event: &RunEvent<'_>) -> Result<(), FileError> {
        let lines = self.lines.of(event);
        if lines.is_empty() {
            return Ok(());
        }
        let seconds = self.start.elapsed().as_secs_f64();
        let mut write = || {
            lines.iter().try_for_each(|line| writeln!(self.file, "{seconds:10.1}  {line}"))?;
            self.file.flush()
        };
        write().map_err(FileError::at("write", &self.path))
    }
}

fn append(path: &Path) -> Result<BufWriter<File>, FileError> {
    let file = OpenOptions::new().create(true).append(true).open(path).map_err(FileError::at("write", path))?;
    Ok(BufWriter::new(file))
}

#[cfg(test)]
mod tests {
    use aees_run::settings::{RunConfig, TaskName};
    use aees_run::state::StepEvaluation;

    use super::*;
    use crate::controllers::controllers;

    /// One epoch, one episode and one evaluation are done.
    fn state() -> TrainState {
        let mut config = RunConfig::new(TaskName::Cifar100);
        for setting in ["control_mode=adaptive", "episode_length=2", "lr_candidates=1,2"] {
            config.assign(setting).unwrap();
        }
        let mut aees = controllers(&config, None).unwrap().unwrap();
        aees.open(0).unwrap();
        aees.record_steps(&[2.0, 1.0], &[0.1, 0.1]).unwrap();
        let evaluations = vec![StepEvaluation { step: 9, val_accuracy: 0.5 }];
        TrainState { epoch: 1, evaluations, ..TrainState::new(Some(aees)) }
    }

    #[test]
    fn a_resumed_run_drops_the_lines_that_it_will_write_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.jsonl");
        let lines = [
            r#"{"kind":"episode","episode":0,"step":5}"#,
            r#"{"kind":"epoch","epoch":1,"step":8}"#,
            r#"{"kind":"evaluation","step":9,"val_accuracy":0.5}"#,
            r#"{"kind":"episode","episode":1,"step":10}"#,
            r#"{"kind":"evaluation","step":12,"val_accuracy":0.5}"#,
            r#"{"kind":"epoch","epoch":2,"step":16}"#,
            r#"{"kind":"episode","epis"#,
        ];
        fs::write(&path, lines.join("\n")).unwrap();
        let state = state();
        drop(MetricsLog::open(&path, &state).unwrap());
        assert_eq!(fs::read_to_string(&path).unwrap(), format!("{}\n{}\n{}\n", lines[0], lines[1], lines[2]));
    }
}
