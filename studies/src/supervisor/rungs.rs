//! Studies that prune: runs that stopped at a rung are compared, and what is decided is told.

use aees_run::shown;

use super::{Halt, Submitted, Supervisor, SweepEvent};
use crate::disk::{program_curves, rung_value, rung_values, tells_metric};
use crate::error::SweepError;
use crate::prune::RungVerdict;
use crate::registry::{Claim, Completion, Judged, OutcomeKind, RegistryError, RungCurve, Usage};
use crate::study::PruneRule;

impl Supervisor<'_> {
    /// What was done before counts, too.
    pub(super) fn judge_what_is_done(&mut self) -> Result<(), SweepError> {
        let Some(rule) = self.own_rule()? else { return Ok(()) };
        let done = self.registry.done_in_races(&self.plan.name)?;
        let curves: Vec<RungCurve> =
            done.into_iter().map(|run| (run.clone(), rung_values(&self.root.run(&run), &rule))).collect();
        self.judge(&curves)
    }

    /// Runs gave their results: they count at the rungs that they passed. One without the metric shows that nothing can be
    /// compared, if no other has it.
    pub(super) fn judge_results<'r>(
        &mut self,
        done: impl Iterator<Item = (&'r Claim, &'r Completion)>,
    ) -> Result<(), SweepError> {
        let Some(rule) = self.own_rule()? else { return Ok(()) };
        let mut curves: Vec<RungCurve> = Vec::new();
        for (claim, completion) in done {
            let folder = self.root.run(&claim.run_id);
            let is_silent = completion.outcome == OutcomeKind::Ok && !tells_metric(&folder, &rule);
            if is_silent && self.fault.is_none() && !self.registry.has_rung_values(&self.plan.name)? {
                let told = program_curves(&folder).into_keys().collect();
                let (run, metric, by) = (claim.run_id.to_string(), rule.metric.name.clone(), rule.by.name());
                self.halt_for(Halt::Breaker("no run tells what is to be compared".into()));
                self.fault = Some(SweepError::NothingToCompare { run, metric, by, told });
            }
            curves.push((claim.run_id.clone(), rung_values(&folder, &rule)));
        }
        self.judge(&curves)
    }

    /// Decides what is due in a study that prunes.
    pub(super) fn judge(&mut self, curves: &[RungCurve]) -> Result<(), SweepError> {
        if self.plan.policy.prune.is_none() {
            return Ok(());
        }
        let judged = self.registry.judge(&self.plan.name, curves)?;
        self.tell_judged(&judged)
    }

    /// A run stopped at a rung: what it told there is compared.
    pub(super) fn settle_at_rung(&mut self, run: &Submitted, usage: &Usage, seconds: f64) -> Result<(), SweepError> {
        let rule = self.registry.prune_rule(&self.plan.name)?;
        let Some((rule, at)) = rule.as_ref().zip(run.claim.rung) else { return self.free_again(&run.claim, usage) };
        let Some(value) = rung_value(&self.root.run(&run.claim.run_id), rule, at) else {
            return self.free_again(&run.claim, usage);
        };
        let shown = value.map_or("not finite".into(), |value| shown::metric(&rule.metric.name, value));
        let what = format!("compared at {} {at}: {} {shown}", rule.by.name(), rule.metric.name);
        let (id, label) = (&run.claim.run_id, &run.label);
        (self.report)(SweepEvent::Paused { run: id, label, what: &what, seconds });
        self.pause(&run.claim, (rule, at, value), usage)
    }

    /// The registry compares a run that came to a rung.
    pub(super) fn pause(
        &mut self,
        claim: &Claim,
        reached: (&PruneRule, u64, Option<f64>),
        usage: &Usage,
    ) -> Result<(), SweepError> {
        self.last_idle_claim = None;
        match self.registry.pause(claim, &self.plan.name, reached, usage)? {
            Ok(judged) => self.tell_judged(&judged),
            Err(RegistryError::FencedOut { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// It stopped for a comparison that nobody wants any more.
    fn free_again(&mut self, claim: &Claim, usage: &Usage) -> Result<(), SweepError> {
        let why = "it stopped for a comparison that is not made any more";
        RegistryError::unless_fenced_out(self.registry.interrupt(claim, why, usage))?;
        Ok(())
    }

    /// The rule that the registry goes by, if this plan has one.
    fn own_rule(&self) -> Result<Option<PruneRule>, SweepError> {
        if self.plan.policy.prune.is_none() {
            return Ok(None);
        }
        Ok(self.registry.prune_rule(&self.plan.name)?)
    }

    fn tell_judged(&mut self, judged: &[Judged]) -> Result<(), SweepError> {
        for Judged { run_id, verdict, at, value, rank, of } in judged {
            if *verdict == RungVerdict::Promoted {
                self.last_idle_claim = None;
            }
            let label = self.plan.find(run_id)?.map(|(member, _)| super::label(member)).unwrap_or_default();
            let rule = self.plan.policy.prune.as_ref();
            let (by, metric) = rule.map_or(("", ""), |rule| (rule.by.name(), rule.metric.name.as_str()));
            let value = value.map_or("no number".into(), |value| shown::metric(metric, value));
            let what = format!("{} at {by} {at}: {value} is number {rank} of {of}", verdict.name());
            (self.report)(SweepEvent::Judged { run: run_id, label: &label, verdict: *verdict, what: &what });
        }
        Ok(())
    }
}
