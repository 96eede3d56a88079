//! How a study stands now: counts, what runs and how far it is, how fast it goes, how long it will take, what failed, and why
//! nothing goes on. Read from the registry; how it is shown is left to who shows it.

use serde_json::{Map, Value, json};

use crate::registry::{FailureGroup, Reader, RegistryResult, RunState, RunningRow, StudyStatus};
use crate::study::USUAL_BREAKERS;
use crate::supervisor::LEASE;

/// How long a lease lasts from its last heartbeat: what tells the heartbeat's age.
const LEASE_MS: i64 = LEASE.as_millis() as i64;

/// A study with what runs and what failed.
pub struct StudyStanding {
    /// Its counts.
    pub status: StudyStatus,
    /// What runs now.
    pub running: Vec<RunningNow>,
    /// What failed, by cause.
    pub failures: Vec<FailureGroup>,
    /// What keeps it from going on, in words.
    breaker: Option<String>,
}

/// A running run.
pub struct RunningNow {
    /// Who holds it, and since when.
    pub row: RunningRow,
    /// What its worker last told.
    pub progress: Value,
    /// Milliseconds since it last did.
    pub age: i64,
    /// Milliseconds since it was claimed.
    pub time: i64,
    /// Its lease has not ended.
    pub live: bool,
}

impl StudyStanding {
    /// Looks at a study.
    ///
    /// # Errors
    /// When the registry cannot answer.
    pub fn of(reader: &Reader, status: StudyStatus) -> RegistryResult<Self> {
        let now = reader.now();
        let running = reader.running(Some(&status.name))?.into_iter().map(|row| RunningNow::new(row, now)).collect();
        let failures = reader.failures(&status.name)?;
        let mut standing = Self { status, running, failures, breaker: None };
        standing.breaker = standing.find_breaker(reader)?;
        Ok(standing)
    }

    /// Nothing runs, work is left, and the last attempts say why.
    fn find_breaker(&self, reader: &Reader) -> RegistryResult<Option<String>> {
        let study = &self.status.name;
        let stopped = self.live() == 0 && self.status.remaining() > 0;
        if !stopped || self.status.attempts == 0 {
            return Ok(None);
        }
        let spec: Value = serde_json::from_str(&reader.study_spec(study)?).unwrap_or_default();
        let limit = |key: &str, usual| spec["policy"][key].as_u64().filter(|limit| *limit > 0).unwrap_or(usual);
        let consecutive = limit("consecutive", USUAL_BREAKERS.0);
        if reader.consecutive_failures(study, 0, consecutive)? >= consecutive {
            return Ok(Some(format!("the last {consecutive} attempts failed")));
        }
        for FailureGroup { class, fingerprint, .. } in &self.failures {
            let Some(fingerprint) = fingerprint else { continue };
            let settings = reader.configs_failing_with(study, fingerprint, 0)?;
            if settings >= limit("same_fingerprint", USUAL_BREAKERS.1) {
                return Ok(Some(format!("{settings} settings failed in the same way ({class})")));
            }
        }
        Ok(None)
    }

    /// Running runs whose workers renew their leases.
    pub fn live(&self) -> usize {
        self.running.iter().filter(|run| run.live).count()
    }

    /// Done runs an hour with the workers that there are now.
    pub fn runs_per_hour(&self) -> Option<f64> {
        let mean = self.status.mean_wall_ms().filter(|mean| *mean > 0.0)?;
        (self.live() > 0).then(|| self.live() as f64 * 3.6e6 / mean)
    }

    /// Time left for the workers that there are now, in milliseconds. What running runs have done is taken off.
    pub fn left_ms(&self) -> Option<f64> {
        let done: f64 = self.running.iter().filter(|run| run.live).filter_map(RunningNow::fraction).sum();
        let left = (self.status.remaining() as f64 - done).max(0.0);
        self.runs_per_hour().map(|rate| left / rate * 3.6e6)
    }

    /// Why nothing goes on, with the commands that help; these have the flags that name the folder of results.
    pub fn stopped_by(&self, flags: &str) -> Option<String> {
        let what = self.breaker.as_ref()?;
        let study = &self.status.name;
        Some(format!(
            "{what}; when the cause is gone: aees runs retry --study {study}{flags}, aees sweep resume {study}{flags}"
        ))
    }

    /// The study for programs.
    pub fn to_json(&self, flags: &str) -> Value {
        let status = &self.status;
        let counts: Map<String, Value> =
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
            "running": self.running.iter().map(RunningNow::to_json).collect::<Vec<_>>(), "failures": failures,
            "stopped_by": self.stopped_by(flags),
        })
    }
}

impl RunningNow {
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

    /// A number that its worker told.
    pub fn real(&self, key: &str) -> Option<f64> {
        self.progress.get(key)?.as_f64()
    }

    /// When it was last heard of, in milliseconds UTC: equal until it is heard of again.
    pub fn heard_at(&self) -> i64 {
        self.row.lease_until - LEASE_MS
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
