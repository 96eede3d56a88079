//! A training run of a worker: its settings, its threads, its end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use aees_run::settings::RunConfig;
use aees_studies::job::{Ended, EndedState, Job};
use aees_studies::study::quoted;
use aees_train::session::{self, RunTarget, SessionEnd, SessionError};
use aees_train::shared_inputs::SharedInputs;
use serde_json::{Map, Value};

use super::failure_class::class_of;
use super::progress_lines::Progress;
use super::rung_watch::RungWatch;
use super::voice::Voice;
use crate::threads::pool;

/// Trains in threads of its own, so that runs side by side do not wait for each other's.
pub(super) fn train(
    job: &Job,
    settings: &Map<String, Value>,
    stop: &Arc<AtomicBool>,
    shared: &SharedInputs,
    voice: &Voice,
) -> Ended {
    let config = match RunConfig::from_map(settings) {
        Ok(config) => config,
        Err(error) => return Ended::failed("config", error.to_string(), error.help()),
    };
    let target = RunTarget::Planned { directory: job.run_directory.clone(), run_id: job.run_id.clone() };
    let at_rung = Arc::<AtomicBool>::default();
    let rung = RungWatch { stop_at: job.stop_at.clone(), stop: stop.clone(), is_reached: at_rung.clone() };
    let progress = Progress::new(voice.clone());
    let train = || session::train(&config, &target, vec![Box::new(progress), Box::new(rung)], stop, shared);
    let ended = match pool(&config, |text| voice.warn(text)) {
        Ok(Some(pool)) => pool.install(train),
        Ok(None) => train(),
        Err(error) => return Ended::failed("io", error, None),
    };
    match ended {
        Ok(SessionEnd::Finished { .. } | SessionEnd::AlreadyFinished { .. }) => EndedState::Done.into(),
        Ok(SessionEnd::Interrupted { .. }) if at_rung.load(Ordering::Relaxed) => EndedState::Paused.into(),
        Ok(SessionEnd::Interrupted { .. }) => EndedState::Interrupted.into(),
        Err(error) if error.is_in_use() => EndedState::Busy.into(),
        Err(error) => {
            let help = way_out(&error, job).or_else(|| error.help());
            Ended::failed(class_of(&error), error.to_string(), help)
        }
    }
}

/// What a user does about an error whose help is another one for a run of a study.
fn way_out(error: &SessionError, job: &Job) -> Option<String> {
    let SessionError::DamagedCheckpoints { path, .. } = error else { return None };
    let (run, folder) = (job.run_id.get(..16)?, quoted(&path.join("checkpoints").to_string_lossy()));
    Some(format!(
        "put a copy of a checkpoint back into {folder}, or give up what was trained with `rm -r {folder}`; then \
         `aees runs retry {run}`, and run the study again"
    ))
}
