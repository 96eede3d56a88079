//! The loop itself: phases and stages in their order, each a step from the state on disk to the next one.
//!
//! What trains is somebody else's ([`LoopTrainer`]); what each stage does is in `stages.rs`, how candidate and incumbent come to
//! their runs in `training.rs`.

use std::path::{Path, PathBuf};

use super::decision::DecisionRule;
use super::error::LoopError;
use super::folder::{LoopFolder, LoopLock};
use super::history::LoopHistory;
use super::iteration::{IterationRecord, LoopStage, LoopVerdict, OpenIteration, ProposalSource};
use super::proposal::Proposal;
use super::scope::LoopScope;
use super::state::{Foundation, LoopState, LoopStatus};
use crate::disk::Root;
use crate::error::SweepError;
use crate::plan::{InputFinder, StudyPlan};
use crate::registry::{Reader, RegistryError, system_clock};
use crate::study::{LoopBlock, Objective, Study, is_study_name};

/// The longest name of a loop: studies are named after it.
const LONGEST_NAME: usize = 48;

/// So many failures of the proposer in a row end the loop: it is broken, and each would cost an iteration.
const PROPOSER_FAILURES: u64 = 3;

/// Why a loop stops with work left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoopHalt {
    /// It was asked to.
    Interrupted,
    /// The time is over.
    Deadline,
}

/// What trains the runs of a plan.
pub trait LoopTrainer {
    /// Runs what is left of a plan, until every run is over, well or badly. Why it was stopped before, with checkpoints.
    ///
    /// # Errors
    /// When the registry or the file system fails.
    fn train(&mut self, plan: &mut StudyPlan) -> Result<Option<LoopHalt>, SweepError>;

    /// Whether the loop is to stop now.
    fn halt(&self) -> Option<LoopHalt>;

    /// Seconds until it must stop; none for no bound.
    fn seconds_left(&self) -> Option<f64>;
}

/// Something that a user may want to see.
#[allow(missing_docs, reason = "the variants say it")]
pub enum LoopEvent<'a> {
    /// What a proposer wants to be tried.
    Proposed { iteration: u64, source: ProposalSource, proposal: &'a Proposal },
    /// Training on some seeds begins.
    Training { study: &'a str, seeds: &'a [i64] },
    /// An iteration is over, or the baseline.
    Ended(&'a IterationRecord),
}

/// How a loop came to rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AutoLoopEnd {
    /// It has nothing to do now; why is in its state.
    AtRest(LoopStatus),
    /// It was stopped with work left.
    Halted(LoopHalt),
    /// What may run has run.
    ScopeDone,
}

/// How a stage ended.
pub(super) enum StageEnd {
    /// The next one is due.
    Done,
    /// The loop comes to rest.
    Rest(LoopStatus),
}

/// What ends a stage before its end: it is to be done again.
pub(super) enum StageStop {
    Halted(LoopHalt),
    Failed(LoopError),
}

impl<E: Into<LoopError>> From<E> for StageStop {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// Where results and their registry are.
#[derive(Clone, Debug)]
pub struct LoopPlaces {
    /// The folder of results.
    pub root: Root,
    /// The registry's file.
    pub registry: PathBuf,
}

/// A loop that this process works at.
pub struct AutoLoop<'a> {
    pub(super) places: LoopPlaces,
    pub(super) folder: LoopFolder,
    pub(super) study: Study,
    pub(super) block: LoopBlock,
    pub(super) metric: Objective,
    pub(super) rule: DecisionRule,
    pub(super) state: LoopState,
    pub(super) history: LoopHistory,
    pub(super) inputs: InputFinder<'a>,
    pub(super) trainer: &'a mut dyn LoopTrainer,
    pub(super) tell: &'a mut dyn FnMut(LoopEvent<'_>),
    _lock: LoopLock,
}

/// Reads a loop's file.
///
/// # Errors
/// What is wrong with it; also when it is a study without a loop.
pub fn read_loop_study(path: &Path, name: Option<&str>) -> Result<Study, LoopError> {
    let mut study = Study::read(path)?;
    if study.loop_block.is_none() {
        return Err(LoopError::NoLoop(path.to_owned()));
    }
    if let Some(name) = name {
        name.clone_into(&mut study.name);
    }
    if study.name.len() > LONGEST_NAME || !is_study_name(&study.name) {
        return Err(LoopError::Name(study.name));
    }
    Ok(study)
}

/// Makes the folder of a new loop.
///
/// # Errors
/// When there is one of its name.
pub fn create_loop(places: &LoopPlaces, study: &Study) -> Result<LoopState, LoopError> {
    let folder = LoopFolder::new(&places.root, &study.name);
    if folder.state().is_file() {
        return Err(LoopError::Exists(study.name.clone()));
    }
    let mut state = LoopState::new(study)?;
    let _lock = folder.lock()?;
    state.write(&folder)?;
    Ok(state)
}

impl<'a> AutoLoop<'a> {
    /// Takes up a loop that was created. `inputs` finds fingerprints of data, and `tell` hears what happens.
    ///
    /// # Errors
    /// When another process works at it, its file means something else by now, or its records are not what it wrote.
    pub fn open(
        places: LoopPlaces,
        name: &str,
        inputs: InputFinder<'a>,
        trainer: &'a mut dyn LoopTrainer,
        tell: &'a mut dyn FnMut(LoopEvent<'_>),
    ) -> Result<Self, LoopError> {
        let folder = LoopFolder::find(&places.root, name)?;
        let lock = folder.lock()?;
        let state = LoopState::read(&folder)?;
        let study = read_loop_study(&state.source, Some(name))?;
        if let Some(what) = Foundation::of(&study)?.changed(&state.foundation) {
            return Err(LoopError::Foundation { name: name.to_owned(), path: state.source, what });
        }
        let (Some(block), Some(metric)) = (study.loop_block.clone(), study.metric.clone()) else {
            return Err(LoopError::NoLoop(state.source));
        };
        let history = LoopHistory::read(&folder, &state.history)?;
        let rule = DecisionRule { scout: block.scout, seeds: block.seeds, retest: block.retest };
        Ok(Self { places, folder, study, block, metric, rule, state, history, inputs, trainer, tell, _lock: lock })
    }

    /// So many iterations are to come; the one under way is the first of them.
    ///
    /// # Errors
    /// When the state cannot be written.
    pub fn set_remaining(&mut self, loops: Option<u64>) -> Result<(), LoopError> {
        self.state.remaining = loops;
        self.save()
    }

    /// Takes a proposal for the next iteration.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn queue_proposal(&mut self, text: &[u8]) -> Result<(), LoopError> {
        let path = self.folder.queued_proposal();
        Ok(aees_run::artifact::write_atomically(&path, |out| out.write_all(text))?)
    }

    /// Works until there is nothing to do, or something says stop.
    ///
    /// # Errors
    /// What makes further work useless. The state is on disk.
    pub fn run(mut self, scope: &LoopScope) -> Result<AutoLoopEnd, LoopError> {
        self.state.status = LoopStatus::Open;
        let ended = match self.work(scope) {
            Err(StageStop::Halted(halt)) => Ok(AutoLoopEnd::Halted(halt)),
            Err(StageStop::Failed(error)) => Err(error),
            Ok(end) => Ok(end),
        };
        match &ended {
            Ok(AutoLoopEnd::AtRest(status)) => self.state.status = status.clone(),
            // What is wrong with its folder is not written into it.
            Err(LoopError::File(_) | LoopError::Record(_)) => return ended,
            Err(error) => self.state.status = LoopStatus::Failed(error.to_string()),
            Ok(_) => {}
        }
        self.save()?;
        ended
    }

    fn work(&mut self, scope: &LoopScope) -> Result<AutoLoopEnd, StageStop> {
        self.check_halt()?;
        if scope.setup || scope.baseline || scope.iterations {
            self.set_up()?;
        }
        if !self.state.baseline_done {
            if !scope.baseline {
                return if scope.iterations { Err(LoopError::NoBaseline.into()) } else { Ok(AutoLoopEnd::ScopeDone) };
            }
            self.train_baseline()?;
        }
        if !scope.iterations {
            return Ok(AutoLoopEnd::ScopeDone);
        }
        let mut worked = false;
        loop {
            self.check_halt()?;
            let current = match (&self.state.current, self.rest()) {
                (Some(current), _) => current.clone(),
                (None, Some(status)) => return Ok(AutoLoopEnd::AtRest(status)),
                (None, None) => OpenIteration::new(self.state.iterations + 1),
            };
            if !scope.stages.contains(&current.next) {
                if worked {
                    return Ok(AutoLoopEnd::ScopeDone);
                }
                return Err(LoopError::NextStage { iteration: current.number, stage: current.next }.into());
            }
            self.state.current = Some(current.clone());
            match self.stage(current)? {
                StageEnd::Done => worked = true,
                StageEnd::Rest(status) => return Ok(AutoLoopEnd::AtRest(status)),
            }
        }
    }

    fn check_halt(&self) -> Result<(), StageStop> {
        self.trainer.halt().map_or(Ok(()), |halt| Err(StageStop::Halted(halt)))
    }

    /// Why no iteration begins.
    fn rest(&self) -> Option<LoopStatus> {
        if self.state.remaining == Some(0) {
            return Some(LoopStatus::Finished);
        }
        self.block.patience.is_some_and(|patience| self.state.since_keep >= patience).then_some(LoopStatus::Plateau)
    }

    /// Data, settings and registry are there. Looked at each time: what was there may be gone.
    fn set_up(&mut self) -> Result<(), LoopError> {
        let first = self.state.next_seed;
        let patch = self.state.incumbent.patch.clone();
        let study = self.folder.incumbent_study(0);
        self.plan(&study, &[("incumbent", &patch)], &[first])?;
        if !self.state.setup_done {
            self.state.setup_done = true;
            self.save()?;
        }
        Ok(())
    }

    /// Trains the start, and begins the history with it.
    fn train_baseline(&mut self) -> Result<(), StageStop> {
        let pairs = self.ready_block(0)?;
        let settings = self.settings(&self.state.incumbent.patch)?;
        let record = IterationRecord {
            verdict: LoopVerdict::Baseline,
            reason: "the settings that the loop begins with".into(),
            proposal: Proposal { description: "baseline".into(), ..Proposal::default() },
            patch: self.state.incumbent.patch.clone(),
            config_id: self.state.incumbent.config_id.clone(),
            point: self.study.point_of(&settings),
            mean: self.state.incumbent.mean,
            memory_bytes: self.memory(&pairs)?,
            seconds: self.seconds(&self.folder.incumbent_study(0))?,
            pairs,
            at: system_clock(),
            ..IterationRecord::default()
        };
        self.state.baseline_done = true;
        Ok(self.close(record)?)
    }

    fn stage(&mut self, mut current: OpenIteration) -> Result<StageEnd, StageStop> {
        let stage = current.next;
        let end = match stage {
            // It cannot be kept any more, whatever follows.
            LoopStage::Apply | LoopStage::Commit | LoopStage::Train | LoopStage::Triage if current.ended.is_some() => {
                StageEnd::Done
            }
            LoopStage::Propose => self.propose(&mut current)?,
            LoopStage::Apply => self.apply(&mut current)?,
            LoopStage::Commit => self.commit(&mut current)?,
            LoopStage::Train => self.train(&mut current)?,
            LoopStage::Triage => self.triage(&mut current)?,
            LoopStage::Record => self.record(&mut current)?,
            LoopStage::Decide => {
                self.decide(current)?;
                return Ok(self.after_decision()?);
            }
        };
        if matches!(end, StageEnd::Done) && current.next == stage {
            current.next = LoopStage::ALL.into_iter().find(|next| *next > stage).unwrap_or(stage);
        }
        self.state.current = Some(current);
        self.save()?;
        Ok(end)
    }

    /// A proposer that fails again and again ends the loop.
    fn after_decision(&mut self) -> Result<StageEnd, LoopError> {
        let times = self.state.proposer_failures;
        let Some(reason) = self.history.records.last().map(|record| record.reason.clone()) else {
            return Ok(StageEnd::Done);
        };
        if times >= PROPOSER_FAILURES {
            self.state.proposer_failures = 0;
            self.save()?;
            return Err(LoopError::Proposer { times, reason });
        }
        let crashed = |record: &&IterationRecord| record.verdict == LoopVerdict::Crash;
        let crashes = self.history.records.iter().rev().take_while(crashed).count();
        if crashes as u64 >= self.study.policy.consecutive {
            return Err(LoopError::Broken(format!("{crashes} candidates in a row failed; {reason}")));
        }
        Ok(StageEnd::Done)
    }

    /// Writes a finished iteration to the history and the state that follows from it.
    pub(super) fn close(&mut self, record: IterationRecord) -> Result<(), LoopError> {
        LoopHistory::keep(&self.folder, &record)?;
        self.history.append(record)?;
        self.history.write_results(&self.metric.name)?;
        self.state.history = self.history.end.clone();
        self.save()?;
        if let Some(record) = self.history.records.last() {
            (self.tell)(LoopEvent::Ended(record));
        }
        Ok(())
    }

    pub(super) fn save(&mut self) -> Result<(), LoopError> {
        Ok(self.state.write(&self.folder)?)
    }

    pub(super) fn reader(&self) -> Result<Option<Reader>, RegistryError> {
        self.places.registry.is_file().then(|| Reader::open(&self.places.registry)).transpose()
    }
}

/// Makes the history of a loop again from what was kept of each iteration.
///
/// # Errors
/// When another process works at the loop, or something is missing.
pub fn rebuild_history(places: &LoopPlaces, name: &str) -> Result<(), LoopError> {
    let folder = LoopFolder::find(&places.root, name)?;
    let _lock = folder.lock()?;
    let mut state = LoopState::read(&folder)?;
    let study = read_loop_study(&state.source, Some(name))?;
    if state.baseline_done {
        let history = LoopHistory::rebuild(&folder, state.iterations)?;
        state.history = history.end.clone();
        history.write_results(study.metric.as_ref().map_or("metric", |metric| &metric.name))?;
        state.write(&folder)?;
    }
    Ok(())
}
