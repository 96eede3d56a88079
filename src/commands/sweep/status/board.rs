//! One study as `status` shows it.

use serde_json::{Value, json};

use crate::failure::Failure;
use crate::stdout;
use crate::table::{DIVERGED, Grid, GridCell, Side, colour, first_line};
use aees_run::shown::number;
use aees_run::times::span;
use aees_studies::registry::{FailureGroup, Reader, RunState, RunningRow, StudyStatus};
use aees_studies::study::Breakers;
use aees_studies::supervisor::LEASE;

/// How long a lease lasts from its last heartbeat: what tells the heartbeat's age.
const LEASE_MS: i64 = LEASE.as_millis() as i64;

/// A study with what runs and what failed.
pub(super) struct Board {
    status: StudyStatus,
    running: Vec<Running>,
    failures: Vec<FailureGroup>,
    breaker: Option<Breaker>,
    /// Those that name the folder in another command.
    flags: String,
}

/// A running run.
struct Running {
    row: RunningRow,
    /// What its worker last told.
    progress: Value,
    /// Milliseconds since it last did.
    age: i64,
    /// Milliseconds since it was claimed.
    time: i64,
    /// Its lease has not ended.
    live: bool,
}

/// What keeps a study from going on.
enum Breaker {
    /// So many attempts failed in a row.
    Consecutive(u64),
    /// So many settings failed in the same way.
    SameFailure { settings: u64, class: String },
}

impl Board {
    /// Looks at a study.
    pub(super) fn of(reader: &Reader, status: StudyStatus, flags: &str) -> Result<Self, Failure> {
        let now = reader.now();
        let running = reader.running(Some(&status.name))?.into_iter().map(|row| Running::new(row, now)).collect();
        let failures = reader.failures(&status.name)?;
        let mut board = Self { status, running, failures, breaker: None, flags: flags.to_owned() };
        board.breaker = board.find_breaker(reader)?;
        Ok(board)
    }

    /// Nothing runs, work is left, and the last attempts say why.
    fn find_breaker(&self, reader: &Reader) -> Result<Option<Breaker>, Failure> {
        let study = &self.status.name;
        let stopped = self.live() == 0 && self.status.remaining() > 0;
        if !stopped || self.status.attempts == 0 {
            return Ok(None);
        }
        let limits = breakers(&reader.study_spec(study)?);
        if reader.consecutive_failures(study, 0, limits.consecutive)? >= limits.consecutive {
            return Ok(Some(Breaker::Consecutive(limits.consecutive)));
        }
        for FailureGroup { class, fingerprint, .. } in &self.failures {
            let Some(fingerprint) = fingerprint else { continue };
            let settings = reader.configs_failing_with(study, fingerprint, 0)?;
            if settings >= limits.same_fingerprint {
                return Ok(Some(Breaker::SameFailure { settings, class: class.clone() }));
            }
        }
        Ok(None)
    }

    /// The study.
    pub(super) fn name(&self) -> &str {
        &self.status.name
    }

    /// Running runs whose workers renew their leases.
    pub(super) fn live(&self) -> usize {
        self.running.iter().filter(|run| run.live).count()
    }

    /// Runs that are still to be done.
    pub(super) fn remaining(&self) -> u64 {
        self.status.remaining()
    }

    /// Runs that wait for their time.
    pub(super) fn deferred(&self) -> u64 {
        self.status.counts.get(RunState::Deferred)
    }

    /// Done runs an hour with the workers that there are now.
    fn runs_per_hour(&self) -> Option<f64> {
        let mean = self.status.mean_wall_ms().filter(|mean| *mean > 0.0)?;
        (self.live() > 0).then(|| self.live() as f64 * 3.6e6 / mean)
    }

    /// Time left for the workers that there are now, in milliseconds. What running runs have done is taken off.
    fn left_ms(&self) -> Option<f64> {
        let done: f64 = self.running.iter().filter(|run| run.live).filter_map(Running::fraction).sum();
        let left = (self.status.remaining() as f64 - done).max(0.0);
        self.runs_per_hour().map(|rate| left / rate * 3.6e6)
    }

    /// The lines of the study, with at most `most` running runs.
    pub(super) fn lines(&self, colours: bool, most: usize) -> Vec<String> {
        let status = &self.status;
        let (done, total) = (status.counts.get(RunState::Done), status.counts.total());
        let paint = |state: RunState, text: String| match colours {
            true => format!("{}{text}\x1b[0m", colour(state)),
            false => text,
        };
        let counts: Vec<String> =
            status.counts.iter().map(|(state, count)| paint(state, format!("{count} {state}"))).collect();
        let diverged = (status.diverged > 0).then(|| format!("{DIVERGED}{} diverged\x1b[0m", status.diverged));
        let diverged = diverged.map(|text| if colours { text } else { format!("{} diverged", status.diverged) });
        let over = done + status.counts.get(RunState::Pruned);
        let percent = (100 * over).checked_div(total).unwrap_or(0);
        let mut head = format!("{}  {done}/{total} done ({percent} %)", status.name);
        if !counts.is_empty() {
            head += &format!("  {}", counts.join(" · "));
        }
        if let Some(diverged) = diverged {
            head += &format!(" ({diverged})");
        }
        if status.withdrawn > 0 {
            head += &format!(" · {} withdrawn", status.withdrawn);
        }
        let mut lines = vec![head];
        if let (Some(rate), Some(left)) = (self.runs_per_hour(), self.left_ms()) {
            lines.push(format!("  {}, about {} left", pace(rate), span(left)));
        } else if let Some(mean) = status.mean_wall_ms().filter(|_| status.remaining() > 0) {
            lines.push(format!("  a run takes {}; {} are left", span(mean), status.remaining()));
        }
        lines.extend(self.running_lines(colours, most));
        lines.extend(self.failures.iter().map(failure_line));
        lines.extend(
            self.breaker.as_ref().map(|breaker| format!("  stopped: {}", breaker.text(&status.name, &self.flags))),
        );
        lines
    }

    fn running_lines(&self, colours: bool, most: usize) -> Vec<String> {
        use Side::{Left, Right};
        if self.running.is_empty() {
            return Vec::new();
        }
        let mut table = Grid::new([
            ("run", Left),
            ("place", Left),
            ("epoch", Right),
            ("step", Right),
            ("loss", Right),
            ("accuracy", Right),
            ("arm", Left),
            ("device", Left),
            ("steps/s", Right),
            ("for", Right),
            ("heard", Right),
            ("worker", Left),
        ]);
        for run in self.running.iter().take(most) {
            table.row(run.cells(&self.status.name));
        }
        let mut lines: Vec<String> = table
            .lines(colours, stdout::width().saturating_sub(2))
            .into_iter()
            .map(|line| format!("  {line}"))
            .collect();
        let hidden = self.running.len().saturating_sub(most);
        if hidden > 0 {
            lines.push(format!("  and {hidden} more"));
        }
        lines
    }

    /// The study for programs.
    pub(super) fn to_json(&self) -> Value {
        let status = &self.status;
        let counts: serde_json::Map<String, Value> =
            RunState::ALL.into_iter().map(|state| (state.name().to_owned(), status.counts.get(state).into())).collect();
        let failures: Vec<Value> = self
            .failures
            .iter()
            .map(|group| {
                json!({
                    "class": group.class, "fingerprint": group.fingerprint, "runs": group.runs,
                    "settings": group.configs, "example": group.example.full(), "error": group.error,
                })
            })
            .collect();
        json!({
            "study": status.name, "task": status.task, "spec_sha": status.spec_sha, "counts": counts,
            "total": status.counts.total(), "done": status.counts.get(RunState::Done),
            "remaining": status.remaining(), "diverged": status.diverged, "complete": status.is_complete(),
            "withdrawn": status.withdrawn,
            "attempts": status.attempts, "retries": status.retries, "mean_wall_ms": status.mean_wall_ms(),
            "runs_per_hour": self.runs_per_hour(), "left_ms": self.left_ms(),
            "running": self.running.iter().map(Running::to_json).collect::<Vec<_>>(), "failures": failures,
            "stopped_by": self.breaker.as_ref().map(|breaker| breaker.text(&status.name, &self.flags)),
        })
    }
}

/// `288 runs/h`: in the unit in which the number is easy to read.
fn pace(runs_per_hour: f64) -> String {
    let (rate, unit) = match runs_per_hour {
        rate if rate >= 3_600.0 => (rate / 3_600.0, "s"),
        rate if rate < 1.0 => (rate * 24.0, "day"),
        rate => (rate, "h"),
    };
    format!("{} runs/{unit}", number((rate * 10.0).round() / 10.0))
}

/// `oom: 3 runs of 2 settings, such as 0123456789abcdef: CUDA out of memory`.
fn failure_line(group: &FailureGroup) -> String {
    let FailureGroup { class, runs, configs, example, error, .. } = group;
    let plural = |count: u64, word: &str| format!("{count} {word}{}", if count == 1 { "" } else { "s" });
    let error = error.as_deref().map(|error| format!(": {}", first_line(error))).unwrap_or_default();
    format!(
        "  failed with {class}: {} of {}, such as {example}{error}",
        plural(*runs, "run"),
        plural(*configs, "setting")
    )
}

impl Breaker {
    fn text(&self, study: &str, flags: &str) -> String {
        let what = match self {
            Self::Consecutive(count) => format!("the last {count} attempts failed"),
            Self::SameFailure { settings, class } => format!("{settings} settings failed in the same way ({class})"),
        };
        format!(
            "{what}; when the cause is gone: aees runs retry --study {study}{flags}, aees sweep resume {study}{flags}"
        )
    }
}

impl Running {
    fn new(row: RunningRow, now: i64) -> Self {
        let progress = row.progress.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
        let age = (LEASE_MS - row.lease_left).max(0);
        let time = (now - row.started_at).max(0);
        Self { progress, age, time, live: row.lease_left >= 0, row }
    }

    /// How much of it is done.
    fn fraction(&self) -> Option<f64> {
        let (step, total) = (self.real("step")?, self.real("total_steps")?);
        (total > 0.0).then(|| (step / total).clamp(0.0, 1.0))
    }

    fn real(&self, key: &str) -> Option<f64> {
        self.progress.get(key)?.as_f64()
    }

    /// `2/18`, or `2` when the end is not known.
    fn of_total(&self, key: &str, total: &str) -> String {
        match (self.real(key), self.real(total)) {
            (Some(done), Some(total)) => format!("{done}/{total}"),
            (Some(done), None) => done.to_string(),
            _ => String::new(),
        }
    }

    fn cells(&self, study: &str) -> Vec<GridCell> {
        let text = |key: &str| self.progress.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let place = self.row.index.map(|index| format!("{study}:{index}")).unwrap_or_default();
        let silent = if self.live { "" } else { ", lease ended" };
        vec![
            self.row.run_id.short().into(),
            place.into(),
            self.of_total("epoch", "epochs").into(),
            self.of_total("step", "total_steps").into(),
            self.real("loss").map(|loss| format!("{loss:.3}")).unwrap_or_default().into(),
            self.real("val_accuracy").map(|value| format!("{:.1} %", 100.0 * value)).unwrap_or_default().into(),
            text("arm").into(),
            text("device").into(),
            self.real("steps_per_s").map(|rate| format!("{rate:.1}")).unwrap_or_default().into(),
            span(self.time as f64).into(),
            format!("{} ago{silent}", span(self.age as f64)).into(),
            self.row.worker.to_string().into(),
        ]
    }

    fn to_json(&self) -> Value {
        json!({
            "run_id": self.row.run_id.full(), "index": self.row.index, "attempt": self.row.attempt_no,
            "worker": self.row.worker.to_string(), "started_at": self.row.started_at,
            "lease_until": self.row.lease_until, "heartbeat_age_ms": self.age, "live": self.live,
            "progress": self.progress,
        })
    }
}

/// The limits that a study's specification sets.
fn breakers(spec_json: &str) -> Breakers {
    let spec: Value = serde_json::from_str(spec_json).unwrap_or_default();
    let limit = |key: &str| spec.get("policy")?.get(key)?.as_u64().filter(|limit| *limit > 0);
    let usual = Breakers::default();
    Breakers {
        consecutive: limit("consecutive").unwrap_or(usual.consecutive),
        same_fingerprint: limit("same_fingerprint").unwrap_or(usual.same_fingerprint),
    }
}
