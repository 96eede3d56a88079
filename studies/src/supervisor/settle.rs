//! What becomes of a run when nothing of it runs any more: done, tried again, put off, failed; and perhaps the end of the study.

use std::time::Duration;

use aees_run::shown;

use super::retry::{deferral, fingerprint, first_and_last_line, pause_before_retry};
use super::{BusyFolder, Halt, MOST_KILLED, StopReason, Submitted, Supervisor, SweepEvent};
use crate::disk::completion_of;
use crate::error::SweepError;
use crate::job::{Ended, EndedState};
use crate::registry::{AfterFailure, Claim, Completion, FailedAttempt, RegistryError, Usage};

impl Supervisor<'_> {
    /// Tells the registry about all runs that are over; their results in one transaction.
    pub(super) fn settle(&mut self, over: Vec<(Submitted, Ended)>) -> Result<(), SweepError> {
        let mut done = Vec::new();
        for (run, ended) in over {
            let seconds = (self.now() - run.at).as_secs_f64();
            match self.completion(&run.claim, &ended, seconds) {
                Some(completion) => done.push((run, completion, seconds)),
                None => self.settle_without_result(run, ended, seconds)?,
            }
        }
        if done.is_empty() {
            return Ok(());
        }
        let pairs: Vec<(&Claim, &Completion)> =
            done.iter().map(|(run, completion, _)| (&run.claim, completion)).collect();
        let answers = self.registry.complete_all(&pairs)?;
        for ((run, completion, seconds), answer) in done.iter().zip(answers) {
            let what = match answer {
                Ok(_) => summary_of(completion),
                Err(RegistryError::FencedOut { .. }) => "finished, but the run is no longer this worker's".into(),
                Err(error) => error.to_string(),
            };
            self.tell_settled(run, &what, *seconds);
        }
        self.judge_results(done.iter().map(|(run, completion, _)| (&run.claim, completion)))
    }

    /// The result of a run that is said to have one, or whose worker was killed after it had published it.
    fn completion(&self, claim: &Claim, ended: &Ended, seconds: f64) -> Option<Completion> {
        if ended.state == EndedState::Busy {
            return None;
        }
        let mut completion = completion_of(&self.root.run(&claim.run_id)).ok().flatten()?;
        completion.usage.wall_ms.get_or_insert((seconds * 1e3) as u64);
        Some(completion)
    }

    fn settle_without_result(&mut self, run: Submitted, ended: Ended, seconds: f64) -> Result<(), SweepError> {
        let claim = &run.claim;
        let usage = Usage { wall_ms: Some((seconds * 1e3) as u64), ..Usage::default() };
        let why = if ended.message.is_empty() { "asked to stop" } else { &ended.message };
        let (told, what) = match ended.state {
            _ if run.stop == Some(StopReason::Lost) => (Ok(()), "stopped: the run was taken away".to_owned()),
            EndedState::Busy => return self.wait_for_folder(run),
            EndedState::Crowded => {
                self.alone.insert(claim.run_id.clone());
                let why = format!("{why}\nit is tried again alone");
                (self.registry.interrupt(claim, &why, &usage), first_and_last_line(&why))
            }
            EndedState::Paused => return self.settle_at_rung(&run, &usage, seconds),
            EndedState::RateLimited { after_seconds } => self.put_off(claim, after_seconds, &usage)?,
            EndedState::Interrupted if run.stop == Some(StopReason::Timeout) => {
                self.queue.hold_back(claim);
                let why = "it took longer than budget.per_run_timeout";
                (self.registry.interrupt(claim, why, &usage), format!("stopped: {why}; its checkpoint is kept"))
            }
            EndedState::Interrupted if run.stop.is_some() => {
                (self.registry.interrupt(claim, why, &usage), format!("interrupted: {why}"))
            }
            EndedState::Interrupted if claim.lost_attempts < MOST_KILLED => {
                (self.registry.killed(claim, why, &usage), format!("interrupted: {why}"))
            }
            EndedState::Interrupted => self.fail(claim, "signal", why, &usage)?,
            EndedState::Failed { ref class } => self.fail(claim, class, &ended.error(), &usage)?,
            EndedState::Done => {
                let message = "the worker says that it is done, but result.json cannot be used";
                self.fail(claim, "data", message, &usage)?
            }
        };
        RegistryError::unless_fenced_out(told)?;
        self.tell_settled(&run, &what, seconds);
        Ok(())
    }

    /// Another process works in the run's folder: it is left alone until that ends.
    fn wait_for_folder(&mut self, run: Submitted) -> Result<(), SweepError> {
        let Submitted { claim, label, .. } = run;
        RegistryError::unless_fenced_out(self.registry.release(&claim))?;
        (self.report)(SweepEvent::Busy { run: &claim.run_id, label: &label });
        self.queue.hold_back(&claim);
        let folder = self.root.run(&claim.run_id);
        self.busy.push(BusyFolder { claim, folder });
        Ok(())
    }

    /// A rate limit is no failure, unless the study says how often it may come.
    fn put_off(
        &mut self,
        claim: &Claim,
        after_seconds: Option<f64>,
        usage: &Usage,
    ) -> Result<(Result<(), RegistryError>, String), SweepError> {
        if let Some(Some(most)) = self.plan.policy.retry.get("rate_limit")
            && claim.deferrals >= *most
        {
            let message = format!("it met a rate limit {} times, and retry.rate_limit is {most}", claim.deferrals + 1);
            return self.fail_with(claim, ("rate_limit", &message), None, usage);
        }
        let pause = deferral(after_seconds, claim.attempt_no);
        let until = self.registry.now() + pause.as_millis() as i64;
        let told = self.registry.defer(claim, until, "rate limit", usage);
        Ok((told, format!("rate limited; put off for {} s", pause.as_secs())))
    }

    /// A failure: another attempt, or the end of the run; and perhaps of the study.
    fn fail(
        &mut self,
        claim: &Claim,
        class: &str,
        message: &str,
        usage: &Usage,
    ) -> Result<(Result<(), RegistryError>, String), SweepError> {
        let pause = pause_before_retry(&self.plan.policy, class, claim.retries_used);
        self.fail_with(claim, (class, message), pause, usage)
    }

    fn fail_with(
        &mut self,
        claim: &Claim,
        (class, message): (&str, &str),
        pause: Option<Duration>,
        usage: &Usage,
    ) -> Result<(Result<(), RegistryError>, String), SweepError> {
        let mark = fingerprint(class, message);
        let next = match pause {
            Some(pause) => AfterFailure::RetryAt(self.registry.now() + pause.as_millis() as i64),
            None => AfterFailure::Final,
        };
        let failure =
            FailedAttempt { class: class.to_owned(), error: message.to_owned(), fingerprint: Some(mark.clone()), next };
        let told = self.registry.fail(claim, &failure, usage);
        let reason = first_and_last_line(message);
        let what = match pause {
            Some(pause) => format!("failed ({class}), tried again in {} s: {reason}", pause.as_secs()),
            None => format!("failed ({class}): {reason}"),
        };
        self.check_breakers(&mark, pause.is_none())?;
        Ok((told, what))
    }

    fn check_breakers(&mut self, mark: &str, is_final: bool) -> Result<(), SweepError> {
        if self.halt.is_some() {
            return Ok(());
        }
        let policy = &self.plan.policy;
        let in_a_row = self.registry.consecutive_failures(&self.plan.name, self.since, policy.consecutive)?;
        let alike = self.registry.configs_failing_with(&self.plan.name, mark, self.since)?;
        let reason = if is_final && self.stop_when.fail_fast {
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

    fn tell_settled(&mut self, run: &Submitted, what: &str, seconds: f64) {
        (self.report)(SweepEvent::Settled { run: &run.claim.run_id, label: &run.label, what, seconds });
    }
}

fn summary_of(completion: &Completion) -> String {
    let best = completion.metrics.iter().find(|metric| metric.measure == "best" && metric.value.is_finite());
    match best {
        Some(metric) => {
            let value = shown::metric(&metric.name, metric.value);
            format!("{}, best {} {value}", completion.outcome.name(), metric.name)
        }
        None => completion.outcome.name().to_owned(),
    }
}
