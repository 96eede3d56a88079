//! A device that has no memory left in the middle of a run: the run ends with a checkpoint of its last whole step, and the
//! rest of it, taken where there is memory, is that of the unbroken run.

use std::fs;
use std::ops::Range;
use std::path::Path;

use aees_run::checkpoint::{CheckpointFolder, EngineState};
use aees_run::settings::{Precision, RunConfig, TaskName};
use aees_run::state::{StepRecord, TrainState};
use aees_train::drive::{Drive, LoopEnd, RunError};
use aees_train::engine::{Batch, Engine, EngineError, SmallerBatch, Split, StepControl, build, select};
use aees_train::session::{SessionError, load_task};
use aees_train::shared_inputs::SharedInputs;
use aees_train::training_task::TrainingTask;

use super::SMALL;

/// What there is no memory for.
#[derive(Clone, Copy, PartialEq)]
enum Wanting {
    Nothing,
    Step(u64),
    /// The evaluation at the end of the epoch.
    Evaluation,
}

/// burn's engine, and a device that can take no more at some time. It reads results late, as a GPU does.
struct ScarceEngine {
    engine: Box<dyn Engine>,
    wanting: Wanting,
    whole: bool,
}

impl ScarceEngine {
    fn refused(&self, parts: usize) -> EngineError {
        let fits = Some(SmallerBatch { batch_size: 10, parts });
        EngineError::OutOfMemory { activity: "trained", reason: "CUDA out of memory".into(), whole: self.whole, fits }
    }
}

impl Engine for ScarceEngine {
    fn step(&mut self, batch: Batch<'_>, control: &StepControl) -> Result<(), EngineError> {
        if self.wanting == Wanting::Step(control.step) {
            // As of the short last step of an epoch: a run says how many make a whole one.
            return Err(self.refused(1));
        }
        self.engine.step(batch, control)
    }

    fn drain(&mut self, records: &mut Vec<StepRecord>) -> Result<(), EngineError> {
        self.engine.drain(records)
    }

    fn is_synchronous(&self) -> bool {
        false
    }

    fn predict(&mut self, split: Split) -> Result<Vec<u32>, EngineError> {
        if self.wanting == Wanting::Evaluation { Err(self.refused(2)) } else { self.engine.predict(split) }
    }

    fn logits(&mut self, split: Split, examples: Range<usize>) -> Result<Vec<f32>, EngineError> {
        self.engine.logits(split, examples)
    }

    fn save(&mut self) -> Result<EngineState, EngineError> {
        self.engine.save()
    }

    fn load(&mut self, state: &EngineState) -> Result<(), EngineError> {
        self.engine.load(state)
    }
}

/// A baseline of two epochs of four steps each, which would write no checkpoint before the end of the first.
fn config() -> RunConfig {
    let mut config = RunConfig::new(TaskName::Cifar100);
    SMALL.iter().for_each(|setting| config.assign(setting).unwrap());
    config
}

/// The run in a folder of checkpoints, from its newest one on.
fn run(folder: &Path, wanting: Wanting, whole: bool) -> Drive {
    let config = config();
    let task: Box<dyn TrainingTask> = load_task(&config, &mut [], &SharedInputs::for_one_run()).unwrap();
    let job = task.job(&config).unwrap().job;
    let mut engine = build(job, &select("burn", "cpu", Precision::F32).unwrap()).unwrap();
    fs::create_dir_all(folder).unwrap();
    let checkpoints = CheckpointFolder::new(folder.to_owned(), "a run");
    let state = match checkpoints.newest().unwrap().0 {
        Some(checkpoint) => {
            engine.load(&checkpoint.engine).unwrap();
            checkpoint.state
        }
        None => TrainState::new(None),
    };
    Drive::new(&config, task, Box::new(ScarceEngine { engine, wanting, whole }), checkpoints, Vec::new(), state)
}

fn end(drive: &mut Drive) -> Result<LoopEnd, RunError> {
    loop {
        if let Some(end) = drive.advance()? {
            return Ok(end);
        }
    }
}

#[test]
fn a_run_without_memory_ends_with_a_checkpoint_and_goes_on_to_the_same_end() {
    let scratch = tempfile::tempdir().unwrap();
    let mut unbroken = run(&scratch.path().join("whole"), Wanting::Nothing, true);
    end(&mut unbroken).unwrap();
    let expected = unbroken.engine().save().unwrap();
    for (name, wanting, steps) in [
        ("first", Wanting::Step(0), 0),
        ("third", Wanting::Step(2), 2),
        ("sixth", Wanting::Step(5), 5),
        ("evaluation", Wanting::Evaluation, 4),
    ] {
        let folder = scratch.path().join(name);
        let error = end(&mut run(&folder, wanting, true)).unwrap_err();
        let error = SessionError::from(error);
        assert!(error.to_string().contains("CUDA out of memory"), "{error}");
        let help = error.help().unwrap();
        assert!(
            help.contains("--batch-size 10 --gradient-accumulation-steps 2") && help.contains("--resume"),
            "{help}"
        );
        let mut rest = run(&folder, Wanting::Nothing, true);
        assert_eq!(rest.state().step, steps, "{name}");
        end(&mut rest).unwrap();
        assert!(rest.engine().save().unwrap() == expected, "{name}: the end is another");
        let losses = |run: &Drive| run.state().epochs.iter().map(|epoch| epoch.train_loss).collect::<Vec<_>>();
        assert_eq!(losses(&rest), losses(&unbroken), "{name}");
    }
}

/// What it saved would be what the failed step made of it.
#[test]
fn an_engine_that_lost_its_state_is_not_saved() {
    let scratch = tempfile::tempdir().unwrap();
    let error = end(&mut run(scratch.path(), Wanting::Step(6), false)).unwrap_err();
    assert!(matches!(error, RunError::Engine(EngineError::OutOfMemory { whole: false, .. })));
    assert_eq!(run(scratch.path(), Wanting::Nothing, true).state().step, 4, "the checkpoint of the first epoch");
}
