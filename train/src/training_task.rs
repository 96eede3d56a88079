//! What the loop and the session ask of a task. Both are the same for all tasks; what differs stands behind this trait.

use std::path::Path;

use aees_models::{NamedTensor, TensorKind};
use aees_tasks::{EpochPlan, LabelNoiseReport};
use burn::tensor::TensorData;
use serde_json::{Map, Value};

use crate::engine::device::Found;
use crate::engine::{Engine, EngineError, EngineState, Split};
use crate::optimizer::OptimizerConfig;
use aees_run::identity::Inputs;
use aees_run::settings::RunConfig;

/// A task with its data loaded: sizes, orders, labels and costs, and an engine on request.
pub trait TrainingTask {
    /// What is known of the task before it is trained.
    fn facts(&self) -> &TaskFacts;

    /// Counts something more among what the run is made of.
    fn add_input(&mut self, name: &str, digest: String);

    /// Examples in the training split.
    fn train_examples(&self) -> usize;

    /// The order and augmentation of an epoch: a pure function of (seed, epoch).
    fn plan_epoch(&self, epoch: u64) -> EpochPlan;

    /// The split that is evaluated after each epoch.
    fn evaluated_split(&self) -> Split;

    /// The right classes of a split. For the training split these are the labels it trains on, noisy ones included.
    fn labels(&self, split: Split) -> &[u32];

    /// The factor of the base learning rate for an epoch and a step, both from 0.
    fn learning_rate_factor(&self, epoch: u64, step: u64) -> f64;

    /// Estimated FLOP of a training step on a batch, by the reference's constant.
    fn train_flops(&self, examples: &[u32]) -> f64;

    /// Estimated FLOP of an evaluation of a split, by the reference's constant.
    fn eval_flops(&self, split: Split) -> f64;

    /// The model with its first parameters, the data and the optimizer, on a device.
    ///
    /// # Errors
    /// When weights cannot be read or the device refuses the work.
    fn engine(&self, setup: &EngineSetup<'_>) -> Result<Built, EngineError>;

    /// Writes a saved model into a folder for other programs: `model.safetensors` under the usual names, and what else
    /// Python's `transformers` needs to load it.
    ///
    /// # Errors
    /// When a file cannot be written.
    fn export(&self, state: &EngineState, folder: &Path) -> Result<(), EngineError>;

    /// Puts what the reference derives from the settings of this task into the `config` of a RunResult. `steps` is the
    /// number of optimizer steps that were taken.
    fn describe(&self, settings: &RunConfig, steps: u64, config: &mut Map<String, Value>);
}

/// An engine, ready to train.
pub struct Built {
    /// The engine.
    pub engine: Box<dyn Engine>,
    /// What the user should know of its first parameters.
    pub notices: Vec<String>,
}

/// What an engine needs beside the task.
#[derive(Clone, Copy, Debug)]
pub struct EngineSetup<'a> {
    /// The device.
    pub device: &'a Found,
    /// The optimizer.
    pub optimizer: OptimizerConfig,
    /// The run's seed.
    pub seed: u64,
    /// Examples in a batch.
    pub batch_size: usize,
}

/// What is known of a task before it is trained.
#[derive(Clone, Debug)]
pub struct TaskFacts {
    /// The data set as results name it.
    pub dataset_name: &'static str,
    /// The model as results name it.
    pub model_name: String,
    /// What an example is: `images`, `sentences`.
    pub examples: &'static str,
    /// What the run's identity takes from files.
    pub inputs: Inputs,
    /// Where data, tokenizer and model came from, by key of the RunResult.
    pub origins: Map<String, Value>,
    /// What label noise did.
    pub label_noise: Option<LabelNoiseReport>,
    /// Whether the end of the run counts what was memorised of the noise.
    pub counts_memorised: bool,
    /// Whether the test set is evaluated once, at the end.
    pub tests_at_end: bool,
    /// FLOP of a forward pass over all training examples, counted on the network that is trained; a multiply-add is two.
    pub train_forward_flops: f64,
    /// The same for the examples evaluated after each epoch.
    pub eval_forward_flops: f64,
    /// What the user should know of how data and model were found.
    pub notices: Vec<String>,
}

/// The model of a saved state, tensor by tensor.
pub(crate) fn model_tensors(state: &EngineState) -> Vec<NamedTensor> {
    let model = state.tensors.iter().filter_map(|(name, array)| Some((name.strip_prefix("model.")?, array)));
    model
        .map(|(name, array)| NamedTensor {
            name: name.to_owned(),
            kind: TensorKind::Parameter,
            data: TensorData::new(array.values.clone(), array.shape.clone()),
        })
        .collect()
}
