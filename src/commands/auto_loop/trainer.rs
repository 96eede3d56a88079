//! What trains the runs of a loop on this machine: the supervisor of all studies, over processes of this program.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Instant;

use aees_studies::SweepError;
use aees_studies::auto_loop::{LoopHalt, LoopPlaces, LoopTrainer};
use aees_studies::launcher::LocalProcesses;
use aees_studies::plan::StudyPlan;
use aees_studies::registry::Registry;
use aees_studies::supervisor::{Halt, StopConditions, Supervisor, SweepEvent, reconcile};

use crate::commands::sweep::{RunSlots, SweepProgress, tell_reconciled};
use crate::failure::Failure;
use crate::interrupt;
use crate::progress::Style;

pub(super) struct LocalTrainer {
    places: LoopPlaces,
    slots: RunSlots,
    deadline: Option<Instant>,
    asked: Arc<AtomicU8>,
    style: Style,
}

impl LocalTrainer {
    pub(super) fn new(
        places: &LoopPlaces,
        slots: RunSlots,
        deadline: Option<Instant>,
        style: Style,
    ) -> Result<Self, Failure> {
        let asked = interrupt::count(|| {
            eprintln!("stopping after the step of all runs, with checkpoints; press Ctrl-C again to stop at once");
        })?;
        Ok(Self { places: places.clone(), slots, deadline, asked, style })
    }
}

impl LoopTrainer for LocalTrainer {
    fn train(&mut self, plan: &mut StudyPlan) -> Result<Option<LoopHalt>, SweepError> {
        let root = &self.places.root;
        let mut registry = Registry::open(&self.places.registry)?;
        tell_reconciled(&reconcile(&mut registry, root, &plan.name)?, "");
        let mut progress = SweepProgress::new(self.style, plan.selected_runs());
        let stop_when = StopConditions { deadline: self.deadline, asked: self.asked.clone(), fail_fast: false };
        let mut launcher = LocalProcesses::new(self.slots.slots.clone(), self.slots.pack);
        let mut report = |event: SweepEvent<'_>| progress.show(event);
        let summary = Supervisor::new(registry, root, plan, stop_when, &mut launcher, &mut report)?.run()?;
        progress.finish();
        Ok(match summary.halt {
            Some(Halt::Interrupted) => Some(LoopHalt::Interrupted),
            Some(Halt::Deadline) => Some(LoopHalt::Deadline),
            // What failed is for the loop's triage to see.
            Some(Halt::Breaker(_)) | None => None,
        })
    }

    fn halt(&self) -> Option<LoopHalt> {
        if self.asked.load(Ordering::Relaxed) > 0 {
            return Some(LoopHalt::Interrupted);
        }
        self.deadline.filter(|deadline| Instant::now() >= *deadline).map(|_| LoopHalt::Deadline)
    }

    fn seconds_left(&self) -> Option<f64> {
        self.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()).as_secs_f64())
    }
}
