//! Stops a training run at the rung that its job names.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use aees_run::artifact::FileError;
use aees_studies::study::StopAt;
use aees_train::event::{RunEvent, Subscriber};
use aees_train::run_logs::metrics_line;

/// Hears the run: at its rung it stops with a checkpoint, before its next step.
pub(super) struct RungWatch {
    pub(super) stop_at: Option<StopAt>,
    /// What stops the run.
    pub(super) stop: Arc<AtomicBool>,
    /// Set when the run is there.
    pub(super) is_reached: Arc<AtomicBool>,
}

impl Subscriber for RungWatch {
    fn on_event(&mut self, event: &RunEvent<'_>) -> Result<(), FileError> {
        let Some(stop_at) = &self.stop_at else { return Ok(()) };
        if metrics_line(event).is_some_and(|line| stop_at.is_reached_by(&line)) {
            self.is_reached.store(true, Ordering::Relaxed);
            self.stop.store(true, Ordering::Relaxed);
        }
        Ok(())
    }
}
