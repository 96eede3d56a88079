//! Training steps for a clock: an engine on a task's data, that takes steps as the training loop does and says how long
//! they took.
//!
//! Steps go in blocks: some are enqueued, then their results are read at once, as the loop does at the end of an episode. A
//! block of one is the loop on an engine that returns when it is done. What the times mean is left to who asks for them.

use std::time::Instant;

use aees_control::{Aees, AeesConfig, AeesError};
use aees_models::ModelSpec;
use aees_run::settings::RunConfig;
use aees_tasks::{EpochPlan, SIDE};
use serde::Serialize;

use crate::drive::RunError;
use crate::engine::{Engine, EngineData, EngineError, StepControl, StepRecord, Target, WorkCounts, build, select};
use crate::event::Subscriber;
use crate::session::{SessionError, check_memory, load_task};
use crate::shared_inputs::SharedInputs;
use crate::training_task::{PreparedJob, TrainingTask};

/// So small that no model leaves the numbers, whatever the multiplier.
const LEARNING_RATE: f64 = 5e-5;

/// What is added to the plain optimizer step, in the order of the columns of the reference's table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum StepMethod {
    /// Nothing.
    Baseline,
    /// AEES on the learning rate.
    Lr,
    /// AEES on gradient noise, which is never zero here: the dearest case.
    Noise,
    /// AEES on both.
    Dual,
}

impl StepMethod {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Baseline, Self::Lr, Self::Noise, Self::Dual];

    /// Its name on the command line and in results.
    pub fn name(self) -> &'static str {
        match self {
            Self::Baseline => "baseline",
            Self::Lr => "lr",
            Self::Noise => "noise",
            Self::Dual => "dual",
        }
    }

    /// Its controllers, with episodes of this many steps; the plain optimizer has none.
    fn controllers(self, episode_length: usize) -> Result<Option<Aees>, AeesError> {
        let (multipliers, noise): (&[f64], &[f64]) = match self {
            Self::Baseline => return Ok(None),
            Self::Lr => (&[0.5, 1.0, 2.0], &[0.0]),
            Self::Noise => (&[1.0], &[0.005, 0.01]),
            Self::Dual => (&[0.5, 1.0, 2.0], &[0.005, 0.01]),
        };
        let (lr_candidates, noise_candidates) = (multipliers.to_vec(), noise.to_vec());
        let config =
            AeesConfig { lr_candidates, noise_candidates, episode_length, seed: Some(0), ..AeesConfig::default() };
        Aees::new(config).map(Some)
    }
}

/// A method with its controllers, between two blocks.
pub struct MethodSteps {
    /// Which.
    pub method: StepMethod,
    aees: Option<Aees>,
    steps: u64,
}

/// What a block took and gave.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct StepBlock {
    /// From the first step to the last result.
    pub seconds: f64,
    /// Steps.
    pub steps: usize,
    /// Examples in all of them.
    pub examples: usize,
    /// FLOP of the matrix products, forward and backward: two for each multiply-add, three forward passes for a step.
    pub flops: f64,
    /// The loss of the last step.
    pub loss: f64,
}

/// Sentences of a batch as token ids, and their labels.
#[derive(Clone, Debug, PartialEq, Serialize)]
struct SentenceBatch {
    /// Without padding, the two special ones included.
    ids: Vec<Vec<i32>>,
    /// The class of each.
    labels: Vec<u32>,
}

/// What another program needs to train on the same sentences to be compared: sizes of the network, and batches. It is
/// written to a file as JSON.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SentenceJob {
    vocabulary_size: usize,
    max_positions: usize,
    layers: usize,
    dim: usize,
    heads: usize,
    hidden_dim: usize,
    classes: usize,
    batches: Vec<SentenceBatch>,
}

impl SentenceJob {
    /// The first batches that a [`StepBench`] of the same configuration takes steps on; none of a task on images.
    ///
    /// # Errors
    /// Whatever would keep a run of this configuration from being made.
    pub fn of(config: &RunConfig, batches: usize) -> Result<Option<Self>, SessionError> {
        let task = load_task(config, &mut [], &SharedInputs::for_one_run())?;
        let PreparedJob { job, .. } = task.job(config).map_err(SessionError::Job)?;
        let (ModelSpec::TextClassifier(model), EngineData::Sentences(data)) = (job.model, job.data) else {
            return Ok(None);
        };
        let (plan, batch_size, labels) = (task.plan_epoch(0), config.batch_size.get(), data.train.labels());
        let ids = |index: &u32| {
            let mut ids = Vec::new();
            data.train.extend_ids(*index as usize, &mut ids);
            ids
        };
        let taken =
            (0..batches.min(full_batches(&plan, batch_size))).filter_map(|number| plan.batch(number, batch_size));
        let batches = taken.map(|batch| SentenceBatch {
            ids: batch.indices.iter().map(ids).collect(),
            labels: batch.indices.iter().filter_map(|index| labels.get(*index as usize).copied()).collect(),
        });
        Ok(Some(Self {
            vocabulary_size: model.vocabulary_size,
            max_positions: model.max_positions,
            layers: model.layers,
            dim: model.dim,
            heads: model.heads,
            hidden_dim: model.hidden_dim,
            classes: model.classes,
            batches: batches.collect(),
        }))
    }
}

/// Full batches of an epoch; one if there are fewer examples than fill it.
fn full_batches(plan: &EpochPlan, batch_size: usize) -> usize {
    (plan.order.len() / batch_size).max(1)
}

/// A task on an engine, ready to take steps.
pub struct StepBench {
    target: Target,
    task: Box<dyn TrainingTask>,
    engine: Box<dyn Engine>,
    model: ModelSpec,
    data: EngineData,
    plan: EpochPlan,
    /// Examples of a step.
    step_examples: usize,
    episode_length: usize,
    steps: u64,
    records: Vec<StepRecord>,
}

impl StepBench {
    /// Finds or makes the data and the model, and brings them to the device that the configuration asks for.
    ///
    /// # Errors
    /// Whatever would keep a run of this configuration from being made.
    pub fn load(config: &RunConfig, subscribers: &mut [Box<dyn Subscriber>]) -> Result<Self, SessionError> {
        config.validate()?;
        let target = select(&config.engine, &config.device, config.precision)?;
        let task = load_task(config, subscribers, &SharedInputs::for_one_run())?;
        check_memory(config, task.as_ref(), &target)?;
        let PreparedJob { job, .. } = task.job(config).map_err(SessionError::Job)?;
        let (model, data) = (job.model.clone(), job.data.clone());
        let engine = build(job, &target).map_err(SessionError::Job)?;
        Ok(Self {
            plan: task.plan_epoch(0),
            step_examples: config.step_examples(),
            episode_length: config.episode_length.get(),
            target,
            task,
            engine,
            model,
            data,
            steps: 0,
            records: Vec::new(),
        })
    }

    /// The engine, the device and the precision.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// The task with its data.
    pub(crate) fn task(&self) -> &dyn TrainingTask {
        self.task.as_ref()
    }

    /// Whether a step returns when it is done.
    pub fn is_synchronous(&self) -> bool {
        self.engine.is_synchronous()
    }

    /// What the engine has counted so far.
    pub fn work_counts(&self) -> WorkCounts {
        self.engine.work_counts()
    }

    /// A method that will take steps, with episodes as long as the configuration says.
    ///
    /// # Errors
    /// None for the methods there are.
    pub fn method(&self, method: StepMethod) -> Result<MethodSteps, RunError> {
        let aees = method.controllers(self.episode_length);
        let aees = aees.map_err(|source| RunError::Control { step: 0, source })?;
        Ok(MethodSteps { method, aees, steps: 0 })
    }

    /// Takes steps on the batches from number `first` on, which begin again at the end of the epoch, and reads their results.
    ///
    /// # Errors
    /// When the device gives up, or the loss is no number any more.
    pub fn block(&mut self, method: &mut MethodSteps, first: usize, steps: usize) -> Result<StepBlock, RunError> {
        let (mut examples, mut flops) = (0, 0.0);
        let count = full_batches(&self.plan, self.step_examples);
        for number in first..first + steps {
            let indices = self.plan.batch(number % count, self.step_examples).map_or(&[][..], |batch| batch.indices);
            examples += indices.len();
            flops += step_flops(&self.model, &self.data, indices);
        }
        self.records.clear();
        let start = Instant::now();
        for number in first..first + steps {
            let at = |source| RunError::Control { step: method.steps, source };
            let candidate = method.aees.as_mut().map(|aees| aees.open(method.steps).map_err(at)).transpose()?;
            let (multiplier, noise_std) = match candidate {
                Some(candidate) => (candidate.lr_multiplier.get(), candidate.noise_std.get()),
                None => (1.0, 0.0),
            };
            let control = StepControl { learning_rate: LEARNING_RATE, multiplier, noise_std, step: self.steps };
            if let Some(batch) = self.plan.batch(number % count, self.step_examples) {
                self.engine.step(batch, &control)?;
            }
            self.steps += 1;
            method.steps += 1;
        }
        self.engine.drain(&mut self.records)?;
        if let Some(aees) = &mut method.aees {
            for (record, step) in self.records.iter().zip(method.steps - steps as u64..) {
                let at = |source| RunError::Control { step: record.step, source };
                // A block may reach beyond its episode; what is left of it counts to the next one.
                aees.open(step).map_err(at)?;
                aees.record(record.loss, Some(record.update_norm)).map_err(at)?;
            }
        }
        let seconds = start.elapsed().as_secs_f64();
        let loss = self.records.last().map_or(f64::NAN, |record| record.loss);
        Ok(StepBlock { seconds, steps, examples, flops, loss })
    }

    /// Classifies all examples that are evaluated: seconds, and how many they are.
    ///
    /// # Errors
    /// When the device gives up.
    pub fn evaluate(&mut self) -> Result<(f64, usize), RunError> {
        let start = Instant::now();
        let predicted = self.engine.predict(self.task.evaluated_split())?;
        Ok((start.elapsed().as_secs_f64(), predicted.len()))
    }

    /// FLOP of an evaluation, counted like those of a block.
    pub fn evaluation_flops(&self) -> f64 {
        self.task.facts().eval_forward_flops
    }
}

/// FLOP of a step on these examples as the networks here compute it.
fn step_flops(model: &ModelSpec, data: &EngineData, examples: &[u32]) -> f64 {
    let multiply_adds = match (model, data) {
        (ModelSpec::ResNet18(config), _) => config.multiply_adds(SIDE) as f64 * examples.len() as f64,
        (ModelSpec::TextClassifier(config), EngineData::Sentences(data)) => {
            let lengths: Vec<usize> = examples.iter().map(|example| data.train.length(*example as usize)).collect();
            config.multiply_adds(&lengths) as f64
        }
        (ModelSpec::TextClassifier(_), EngineData::Images(_)) => 0.0,
    };
    6.0 * multiply_adds
}

/// FLOP/s that a device reaches at best in large matrix products; `None` where its clock cannot tell.
///
/// The matrices grow until a product takes a while, so that starting it costs nothing beside it.
///
/// # Errors
/// When the device refuses the work.
pub fn peak_flops(target: &Target) -> Result<Option<f64>, EngineError> {
    const SIDES: [usize; 5] = [512, 1024, 2048, 4096, 8192];
    const LONG_ENOUGH: f64 = 0.01;
    let mut best: Option<f64> = None;
    for side in SIDES {
        let seconds = target.engine.product_seconds(&target.device, target.precision, side)?;
        if seconds <= 0.0 {
            break;
        }
        let flops = 2.0 * (side as f64).powi(3) / seconds;
        best = Some(best.map_or(flops, |best| best.max(flops)));
        if seconds > LONG_ENOUGH && side > SIDES[0] {
            break;
        }
    }
    Ok(best)
}
