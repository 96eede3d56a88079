//! A run as the board lists it.

use aees_run::printable::printable;
use aees_studies::disk::split_metric;
use aees_studies::registry::{Metric, OutcomeKind, RunRow, RunState};
use aees_studies::standing::RunningNow;
use aees_studies::study::{Goal, Objective};
use serde::Serialize;
use serde_json::{Value, json};

use super::curves::LiveCurves;
use crate::fields::axes_of;

/// What is shown of an error in a list.
const ERROR_LETTERS: usize = 300;

/// A run and how far it is.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(super) struct BoardRun {
    pub(super) id: String,
    /// The short id, or where its folder lies.
    pub(super) name: String,
    pub(super) study: Option<String>,
    /// Other studies that it is a member of.
    pub(super) also: Vec<String>,
    pub(super) index: Option<u64>,
    /// Its case and what its axes are set to; for a run alone its method.
    pub(super) setting: String,
    pub(super) seed: Option<i64>,
    pub(super) task: String,
    /// Where it is: a word of the registry, or `diverged`.
    pub(super) state: String,
    pub(super) error: Option<String>,
    pub(super) epoch: Option<u64>,
    pub(super) epochs: Option<u64>,
    pub(super) step: Option<u64>,
    pub(super) steps: Option<u64>,
    pub(super) loss: Option<f64>,
    /// What it is judged by.
    pub(super) metric: String,
    pub(super) last: Option<f64>,
    pub(super) best: Option<f64>,
    pub(super) best_at: Option<u64>,
    pub(super) shape: Vec<u8>,
    pub(super) arm: Option<String>,
    pub(super) device: Option<String>,
    /// When it will be over at its pace, in milliseconds UTC.
    pub(super) ends_at: Option<i64>,
    /// When it was last heard of.
    pub(super) heard_at: Option<i64>,
    /// Its worker was not heard of for too long.
    pub(super) silent: bool,
    pub(super) seconds: Option<f64>,
    /// Bytes of its log: whoever shows it sees that there is more.
    pub(super) log: u64,
}

impl BoardRun {
    /// A member of a study as the registry has it.
    pub(super) fn of_member(study: &str, row: &RunRow, objective: &Objective) -> Self {
        let mut run = Self {
            id: row.run_id.short().to_owned(),
            name: row.run_id.short().to_owned(),
            study: Some(study.to_owned()),
            metric: split_metric(&objective.name).0.to_owned(),
            ..Self::default()
        };
        run.move_to(row);
        run
    }

    /// What the registry says of where it is.
    pub(super) fn move_to(&mut self, row: &RunRow) {
        self.index = row.index;
        self.setting = setting(row);
        self.seed = Some(row.seed.cast_signed());
        self.task.clone_from(&row.task);
        let diverged = row.outcome == Some(OutcomeKind::Diverged);
        self.state = if diverged { "diverged".to_owned() } else { row.state.name().to_owned() };
        if row.withdrawn {
            self.state += ", withdrawn";
        }
        let error = row.error.as_deref().unwrap_or("no message");
        let class = row.class.as_ref().filter(|_| row.state != RunState::Done);
        self.error = class.map(|class| in_short(&format!("{class}: {error}")));
        self.seconds = (row.wall_ms > 0).then_some(row.wall_ms as f64 / 1e3);
        if row.state != RunState::Running {
            (self.ends_at, self.heard_at, self.silent, self.device) = (None, None, false, None);
        }
    }

    /// What its worker told last.
    pub(super) fn progress(&mut self, now: &RunningNow) {
        let whole = |key: &str| now.progress.get(key).and_then(Value::as_u64);
        let text = |key: &str| now.progress.get(key).and_then(Value::as_str).map(str::to_owned);
        RunState::Running.name().clone_into(&mut self.state);
        self.error = None;
        self.epochs = whole("epochs").or(self.epochs);
        self.step = whole("step").or(self.step);
        self.steps = whole("total_steps").or(self.steps);
        self.loss = now.real("loss").or(self.loss);
        self.arm = text("arm").or(self.arm.take());
        self.device = text("device");
        self.heard_at = Some(now.heard_at());
        self.silent = !now.live;
        let left = |steps: u64, step: u64, rate: f64| milliseconds(steps.saturating_sub(step) as f64 / rate);
        let rate = now.real("steps_per_s").filter(|rate| *rate > 0.0);
        let ends = self.steps.zip(self.step).zip(rate).and_then(|((steps, step), rate)| left(steps, step, rate));
        self.ends_at = ends.map(|left| now.heard_at() + left);
    }

    /// What its curves say.
    pub(super) fn measure(&mut self, curves: &LiveCurves, goal: Goal) {
        if curves.epoch == 0 && curves.step == 0 {
            return;
        }
        let metric = if self.metric.is_empty() { curves.usual_metric() } else { &self.metric };
        let numbers = curves.numbers(metric, goal);
        (self.last, self.best, self.best_at) = (numbers.last, numbers.best, numbers.best_at);
        self.shape = numbers.shape;
        self.metric = metric.to_owned();
        self.epoch = Some(curves.epoch).filter(|epoch| *epoch > 0);
        self.step = Some(self.step.unwrap_or(0).max(curves.step)).filter(|step| *step > 0);
        self.loss = curves.latest("train_loss").or(self.loss);
        self.arm = curves.episodes.current().map(str::to_owned).or(self.arm.take());
    }

    /// The numbers of its result, where its curves did not say them.
    pub(super) fn result(&mut self, metrics: &[Metric], goal: Goal) {
        let find = |measure: &str| {
            let found = metrics.iter().find(|metric| metric.name == self.metric && metric.measure == measure);
            found.map(|metric| metric.value).filter(|value| value.is_finite())
        };
        self.best = self.best.or_else(|| find("best")).or_else(|| find(goal.name()));
        self.last = self.last.or_else(|| find("final"));
    }
}

/// A run as the page gets it: what is not known, or not so, is left out.
pub(super) fn shown(run: &BoardRun) -> Option<Value> {
    let Ok(Value::Object(mut told)) = serde_json::to_value(run) else { return None };
    told.retain(|_, value| !matches!(value, Value::Null | Value::Bool(false)) && *value != json!([]));
    Some(told.into())
}

/// A span in milliseconds, if it is one.
pub(super) fn milliseconds(seconds: f64) -> Option<i64> {
    // A hundred years are no estimate.
    (seconds.is_finite() && (0.0..3.2e9).contains(&seconds)).then_some((seconds * 1e3) as i64)
}

/// The beginning of what others wrote, without what a screen would obey.
pub(super) fn in_short(text: &str) -> String {
    let text = printable(text.trim());
    let cut: String = text.chars().take(ERROR_LETTERS).collect();
    if cut.len() < text.len() { cut + "…" } else { cut }
}

/// `case lr=0.1 method=bandit`.
fn setting(row: &RunRow) -> String {
    let axes = axes_of(row).into_iter().filter(|(key, _)| key != "seed").map(|(key, value)| format!("{key}={value}"));
    row.case.iter().cloned().chain(axes).collect::<Vec<_>>().join(" ")
}
