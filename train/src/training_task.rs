//! What the loop and the session ask of a task. Both are the same for all tasks; what differs stands behind this trait.

use std::path::Path;

use aees_models::NamedTensors;
use aees_tasks::{EpochPlan, LabelNoiseReport};
use serde_json::{Map, Value};

use crate::engine::{EngineError, EngineJob, EngineState, Split};
use aees_run::identity::Inputs;
use aees_run::settings::RunConfig;

/// A task with its data loaded: sizes, orders, labels and costs, and the job of an engine on request.
pub trait TrainingTask: Send {
    /// What is known of the task before it is trained.
    fn facts(&self) -> &TaskFacts;

    /// Counts something more among what the run is made of.
    fn add_input(&mut self, name: &str, digest: String);

    /// Examples in the training split.
    fn train_examples(&self) -> usize;

    /// Batches in an epoch, a short last one included.
    fn steps_per_epoch(&self, batch_size: usize) -> u64 {
        self.train_examples().div_ceil(batch_size) as u64
    }

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

    /// What an engine is to train: the model with its first parameters, the data and the optimizer.
    ///
    /// # Errors
    /// When weights cannot be read or do not fit the model.
    fn job(&self, config: &RunConfig) -> Result<PreparedJob, EngineError>;

    /// How large the model and a batch of so many examples are, counted without allocating any of it.
    fn size(&self, batch_size: usize) -> ModelSize;

    /// Writes a saved model into a folder for other programs: `model.safetensors` under the usual names, and what else
    /// Python's `transformers` needs to load it.
    ///
    /// # Errors
    /// When a file cannot be written.
    fn export(&self, state: &EngineState, folder: &Path) -> Result<(), EngineError>;

    /// Puts what the reference derives from the settings of this task into the `config` of a RunResult.
    fn describe(&self, settings: &RunConfig, config: &mut Map<String, Value>);
}

/// A job, and what was noticed while it was made.
#[derive(Debug)]
pub struct PreparedJob {
    /// The job.
    pub job: EngineJob,
    /// What the user should know of its first parameters.
    pub notices: Vec<String>,
}

/// Numbers of single precision.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ModelSize {
    /// In all parameters.
    pub parameters: f64,
    /// That the forward pass of a batch leaves for the backward pass, at least.
    pub activations: f64,
}

/// What is known of a task before it is trained.
#[derive(Clone, Debug)]
pub struct TaskFacts {
    /// The model as results name it.
    pub model_name: String,
    /// Where the data came from, in words.
    pub data: String,
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

impl TaskFacts {
    /// Whether the end of the run measures the model of the best epoch, beside the last one.
    pub fn measures_best(&self) -> bool {
        self.counts_memorised || self.tests_at_end
    }
}

/// The model of a saved state, by PyTorch's names.
pub(crate) fn model_tensors(state: &EngineState) -> NamedTensors {
    let model = state.tensors.iter().filter_map(|(name, tensor)| Some((name.strip_prefix("model.")?, tensor)));
    model.map(|(name, tensor)| (name.to_owned(), tensor.clone())).collect()
}
