//! What becomes of a run when its worker is gone: done, tried again, put off, failed; and perhaps the end of the study.

use std::time::Duration;

use super::retry::{deferral, fingerprint, gist, pause_before_retry};
use super::worker::{StopReason, Verdict, Worker};
use super::{BUSY, Halt, MOST_KILLED, Report, Supervisor};
use crate::launch::SweepError;
use crate::launch::completion_of;
use crate::registry::{AfterFailure, Claim, Completion, Failure, RegistryError, RunId, Usage};

impl Supervisor<'_> {
    /// Tells the registry about all workers that are gone; the results of all of them in one transaction.
    pub(super) fn settle(&mut self, gone: Vec<usize>) -> Result<(), SweepError> {
        let mut done = Vec::new();
        for number in gone {
            let Some((slot, mut worker)) = self.workers.remove(&number) else { continue };
            self.free_slots.push(slot);
            self.last_claim = None;
            let seconds = worker.started.elapsed().as_secs_f64();
            let verdict = worker.verdict();
            match self.completion(&worker.claim, &verdict, seconds) {
                Some(completion) => done.push((worker.claim, completion, seconds)),
                None => self.settle_without_result(&worker, verdict, seconds)?,
            }
        }
        if done.is_empty() {
            return Ok(());
        }
        let pairs: Vec<(&Claim, &Completion)> = done.iter().map(|(claim, completion, _)| (claim, completion)).collect();
        let answers = self.registry.complete_all(&pairs)?;
        for ((claim, completion, seconds), answer) in done.iter().zip(answers) {
            let what = match answer {
                Ok(_) => summary_of(completion),
                Err(RegistryError::FencedOut { .. }) => "finished, but the run is no longer this worker's".into(),
                Err(error) => error.to_string(),
            };
            self.tell_settled(&claim.run_id, &what, *seconds);
        }
        Ok(())
    }

    /// The result of a worker that says it has one, or was killed after it had published it.
    fn completion(&self, claim: &Claim, verdict: &Verdict, seconds: f64) -> Option<Completion> {
        if matches!(verdict, Verdict::Busy) {
            return None;
        }
        let mut completion = completion_of(&self.root.run(&claim.run_id)).ok().flatten()?;
        completion.usage.wall_ms.get_or_insert((seconds * 1e3) as u64);
        Some(completion)
    }

    fn settle_without_result(&mut self, worker: &Worker, verdict: Verdict, seconds: f64) -> Result<(), SweepError> {
        let claim = &worker.claim;
        let usage = Usage { wall_ms: Some((seconds * 1e3) as u64), ..Usage::default() };
        let now = self.registry.now();
        let later = |pause: Duration| now + pause.as_millis() as i64;
        let (told, what) = match verdict {
            _ if worker.stop == Some(StopReason::Lost) => (Ok(()), "stopped: the run was taken away".to_owned()),
            Verdict::Busy => {
                let why = "another process still works in its folder";
                (self.registry.defer(claim, later(BUSY), why, &usage), why.to_owned())
            }
            Verdict::RateLimited(after) => {
                let pause = deferral(after, claim);
                let told = self.registry.defer(claim, later(pause), "rate limit", &usage);
                (told, format!("rate limited; put off for {} s", pause.as_secs()))
            }
            Verdict::Interrupted(_) if worker.stop == Some(StopReason::Timeout) => {
                self.passed_over.insert(claim.run_id.clone());
                let why = "it took longer than budget.per_run_timeout";
                (self.registry.interrupt(claim, why, &usage), format!("stopped: {why}; its checkpoint is kept"))
            }
            Verdict::Interrupted(why) if worker.stop.is_some() || claim.attempt_no <= MOST_KILLED => {
                (self.registry.interrupt(claim, &why, &usage), format!("interrupted: {why}"))
            }
            Verdict::Interrupted(why) => self.fail(claim, "signal", &why, &usage)?,
            Verdict::Failed { class, message } => self.fail(claim, &class, &message, &usage)?,
            Verdict::Done => {
                let message = "the worker says that it is done, but result.json cannot be used";
                self.fail(claim, "data", message, &usage)?
            }
        };
        match told {
            Ok(()) | Err(RegistryError::FencedOut { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        let run = claim.run_id.clone();
        self.tell_settled(&run, &what, seconds);
        Ok(())
    }

    /// A failure: another attempt, or the end of the run; and perhaps of the study.
    fn fail(
        &mut self,
        claim: &Claim,
        class: &str,
        message: &str,
        usage: &Usage,
    ) -> Result<(Result<(), RegistryError>, String), SweepError> {
        let mark = fingerprint(class, message);
        let pause = pause_before_retry(&self.plan.policy, class, claim);
        let next = match pause {
            Some(pause) => AfterFailure::RetryAt(self.registry.now() + pause.as_millis() as i64),
            None => AfterFailure::Final,
        };
        let failure =
            Failure { class: class.to_owned(), error: message.to_owned(), fingerprint: Some(mark.clone()), next };
        let told = self.registry.fail(claim, &failure, usage);
        let reason = gist(message);
        let what = match pause {
            Some(pause) => format!("failed ({class}), tried again in {} s: {reason}", pause.as_secs()),
            None => format!("failed ({class}): {reason}"),
        };
        self.look_at_breakers(&mark, pause.is_none())?;
        Ok((told, what))
    }

    fn look_at_breakers(&mut self, mark: &str, is_final: bool) -> Result<(), SweepError> {
        if self.halt.is_some() {
            return Ok(());
        }
        let policy = &self.plan.policy;
        let in_a_row = self.registry.consecutive_failures(&self.plan.name, self.since, policy.consecutive)?;
        let alike = self.registry.configs_failing_with(&self.plan.name, mark, self.since)?;
        let reason = if is_final && self.orders.fail_fast {
            "--fail-fast: a run failed".to_owned()
        } else if in_a_row >= policy.consecutive {
            format!("{in_a_row} attempts in a row failed")
        } else if alike >= policy.same_fingerprint {
            format!("{alike} configurations failed in the same way ({mark})")
        } else {
            return Ok(());
        };
        self.halt_for(Halt::Breaker(reason));
        Ok(())
    }

    fn tell_settled(&mut self, run: &RunId, what: &str, seconds: f64) {
        self.settled += 1;
        let label = self.members.get(run).map(|(_, label)| label.clone()).unwrap_or_default();
        (self.report)(Report::Settled { run, label: &label, what, seconds });
    }
}

fn summary_of(completion: &Completion) -> String {
    let best = completion.metrics.iter().find(|metric| metric.measure == "best" && metric.value.is_finite());
    match best {
        Some(metric) => format!("{}, best {} {:.4}", completion.outcome.name(), metric.name, metric.value),
        None => completion.outcome.name().to_owned(),
    }
}
