//! A run that trains, and what is done once after its last step: diagnostics, and the RunResult.

use std::path::{Path, PathBuf};

use aees_run::artifact::{FileError, write_atomically};
use aees_run::checkpoint::{EngineState, parameter_digest};
use aees_run::circumstances::MachineWatch;
use aees_run::identity::RunIdentity;
use aees_run::json::write_pretty;
use aees_run::outcome::Outcome;
use aees_run::output::{OutputKind, write_output};
use aees_run::run_directory::RunDirectory;
use aees_run::settings::{KeepCheckpoints, RunConfig};
use aees_run::state::TrainState;

use super::{SessionEnd, SessionError};
use crate::controllers::Schedule;
use crate::drive::{Drive, LoopEnd, RunError};
use crate::engine::{Split, Target};
use crate::engine_info::EngineInfo;
use crate::event::RunEvent;
use crate::label_noise_diagnostics::SubsetAccuracies;
use crate::result::{RunEnd, RunFacts, run_result};

/// A run that trains.
pub struct ActiveRun {
    pub(super) config: RunConfig,
    pub(super) identity: RunIdentity,
    pub(super) target: Target,
    pub(super) schedule: Option<Schedule>,
    pub(super) directory: RunDirectory,
    pub(super) drive: Drive,
    pub(super) force: bool,
    pub(super) watch: MachineWatch,
}

impl ActiveRun {
    /// Does one thing of what is left: a step, a read of losses, an evaluation, a checkpoint. After the last one the result
    /// is written. Gives how the run ended; there is nothing to call after that.
    ///
    /// # Errors
    /// See [`SessionError`]; the last checkpoint is on disk whatever happens.
    pub fn advance(&mut self) -> Result<Option<SessionEnd>, SessionError> {
        self.watch.look_if_due();
        Ok(match self.drive.advance()? {
            None => None,
            Some(LoopEnd::Done(outcome)) => Some(self.finish(outcome)?),
            Some(LoopEnd::Stopped) => {
                let directory = self.directory.path().to_owned();
                let can_go_on = self.config.keep_checkpoints != KeepCheckpoints::None;
                Some(SessionEnd::Interrupted { step: self.drive.state().step, directory, can_go_on })
            }
        })
    }

    /// Asks the run to end at its next step, with a checkpoint.
    pub fn stop(&mut self) {
        self.drive.stop();
    }

    /// Where the run stands.
    pub fn state(&self) -> &TrainState {
        self.drive.state()
    }

    fn finish(&mut self, outcome: Outcome) -> Result<SessionEnd, SessionError> {
        self.watch.look();
        self.drive.finalize()?;
        let end = self.diagnose(outcome)?;
        let result = self.publish(&end)?;
        self.drive.remove_checkpoints();
        self.drive.emit_finished(&end.outcome, &result);
        Ok(SessionEnd::Finished { outcome: end.outcome, result })
    }

    /// What is measured once, after the last step.
    fn diagnose(&mut self, outcome: Outcome) -> Result<RunEnd, RunError> {
        let state = self.drive.engine().save()?;
        let parameter_digest = parameter_digest(&state);
        let mut end = RunEnd {
            outcome,
            seconds: 0.0,
            parameter_digest,
            subsets: None,
            test: None,
            diagnostic_flops: 0.0,
            peak_device_memory: None,
        };
        let facts = self.drive.task().facts();
        let wants_subsets = facts.counts_memorised;
        if end.outcome == Outcome::Ok && facts.measures_best() {
            let last = self.measure()?;
            let best = self.measure_best(&state)?;
            end.subsets = last.subsets.map(|subsets| (subsets, best.as_ref().and_then(|best| best.subsets)));
            end.test = last.test.map(|test| (test, best.and_then(|best| best.test)));
            // The reference counts four passes; one was made, and the key keeps its meaning.
            if wants_subsets {
                end.diagnostic_flops = 4.0 * self.drive.task().eval_flops(Split::Train);
            }
        }
        end.peak_device_memory = self.drive.engine().work_counts().peak_memory_bytes;
        end.seconds = self.drive.seconds();
        Ok(end)
    }

    fn measure(&mut self) -> Result<Measured, RunError> {
        let facts = self.drive.task().facts();
        let tests_at_end = facts.tests_at_end;
        let subsets = if facts.counts_memorised && facts.label_noise.is_some() {
            self.drive.emit(&RunEvent::EvaluationStarted { what: "counting what was memorised" });
            let predictions = self.drive.engine().predict(Split::Train)?;
            let report = self.drive.task().facts().label_noise.as_ref();
            report.map(|report| SubsetAccuracies::count(&predictions, report))
        } else {
            None
        };
        let test = tests_at_end.then(|| self.drive.accuracy(Split::Test, "evaluating the test set")).transpose()?;
        Ok(Measured { subsets, test })
    }

    /// The same with the weights of the best epoch; the last weights are put back.
    fn measure_best(&mut self, last: &EngineState) -> Result<Option<Measured>, RunError> {
        let Some(best) = self.drive.best_checkpoint()? else { return Ok(None) };
        if best.state.best != self.drive.state().best {
            let warning = "best.safetensors is not of the best epoch; its diagnostics are left out";
            self.drive.emit(&RunEvent::Warning(warning));
            return Ok(None);
        }
        self.drive.engine().load(&best.engine)?;
        let measured = self.measure()?;
        self.drive.engine().load(last)?;
        Ok(Some(measured))
    }

    fn publish(&self, end: &RunEnd) -> Result<PathBuf, SessionError> {
        let facts = RunFacts {
            config: &self.config,
            identity: &self.identity,
            engine: &EngineInfo::of(&self.target),
            task: self.drive.task(),
            schedule: self.schedule.as_ref(),
            watch: &self.watch,
        };
        let result = run_result(&facts, self.drive.state(), end);
        let mut text = Vec::new();
        let path = self.directory.result();
        write_pretty(&result, &mut text).map_err(FileError::at("write", &path))?;
        let copied = match &self.config.output {
            Some(output) => write_output(Path::new(output), OutputKind::RESULT, &text, self.force),
            None => Ok(()),
        };
        // Also when the copy cannot be written: its presence says that the run is done.
        write_atomically(&path, |out| out.write_all(&text))?;
        copied?;
        Ok(path)
    }
}

struct Measured {
    subsets: Option<SubsetAccuracies>,
    test: Option<f64>,
}
