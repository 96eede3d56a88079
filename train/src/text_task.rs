//! SST-2 and AG News as the loop sees them: token ids of `aees_tasks`, a classifier of `aees_models`, the run's schedule
//! and the reference's FLOP constants.
//!
//! Where data, tokenizer and model come from is the business of [`crate::text_files`].

mod tokenized;

use std::collections::BTreeMap;
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aees_control::schedule::RateSchedule;
use aees_models::{ModelSpec, TextClassifierConfig, pretrained, save_pretrained, weights};
use aees_tasks::{EpochPlan, StreamPurpose, TextTask, TextTokenizer, TokenData, TokenSplit, sha256_of_file, stream};
use serde_json::{Map, Value, json};

use crate::engine::{EngineData, EngineError, EngineJob, EngineState, Split};
use crate::event::Subscriber;
use crate::label_noise_diagnostics::report_json;
use crate::shared_inputs::SharedInputs;
use crate::task_error::TaskError;
use crate::text_files::{ModelFiles, TextFiles};
use crate::training_task::{ModelSize, PreparedJob, TaskFacts, TrainingTask, model_tensors};
use aees_run::artifact::FileError;
use aees_run::identity::{Id, Inputs};
use aees_run::settings::RunConfig;

pub use tokenized::{Pretokenized, pretokenize};
use tokenized::{StoreTokens, Tokenized};

/// Sentences that are evaluated at a time. Without padding a larger batch costs no work, only memory.
const EVALUATION_BATCH: usize = 64;

/// The task of an SST-2 or AG News run.
pub struct TextClassificationTask {
    data: Arc<TokenData>,
    tokens: Arc<Tokenized>,
    shared: SharedInputs,
    model: TextClassifierConfig,
    /// Absent when the first parameters are random.
    weights: Option<PathBuf>,
    seed: u64,
    batch_size: usize,
    bucket_by_length: bool,
    schedule: RateSchedule,
    facts: TaskFacts,
}

impl TextClassificationTask {
    /// Finds and reads data, tokenizer and model.
    ///
    /// # Errors
    /// Whatever is missing, damaged, or does not fit together.
    pub fn load(
        task: TextTask,
        config: &RunConfig,
        subscribers: &mut [Box<dyn Subscriber>],
        shared: &SharedInputs,
    ) -> Result<Self, TaskError> {
        let mut files = TextFiles::new(task, config, subscribers)?;
        let key = tokenized::key(config, &files);
        let found = shared.take(|| key, || Tokenized::of(config, &mut files, StoreTokens::WhereUseful))?;
        let model_files = files.model()?;
        let model = model_config(task, config, &model_files, &found.tokenizer)?;
        check_fit(config, &model, &found.tokenizer, &model_files)?;
        let inputs = inputs(&found.data, &model, model_files.weights.as_deref(), shared)?;
        let mut notices = found.notices.clone();
        notices.append(&mut files.notices());
        let tests_at_end = config.eval_test && found.data.test.is_some();
        let forward = |split: &TokenSplit| 2.0 * model.multiply_adds(&split.lengths().collect::<Vec<_>>()) as f64;
        let facts = TaskFacts {
            model_name: model_name(config, &model),
            data: found.data.origin.to_string(),
            examples: "sentences",
            inputs,
            origins: Map::from_iter([
                ("data_origin".to_owned(), json!(found.data.origin)),
                ("tokenizer_origin".to_owned(), found.tokenizer_origin.clone()),
                ("model_origin".to_owned(), model_files.origin),
            ]),
            label_noise: found.data.label_noise.clone(),
            counts_memorised: false,
            tests_at_end,
            train_forward_flops: forward(&found.data.train),
            eval_forward_flops: forward(&found.data.validation),
            notices,
        };
        let batch_size = config.batch_size.get();
        let epoch_steps = found.data.train.len().div_ceil(config.step_examples()) as u64;
        let total_steps = epoch_steps.saturating_mul(config.epochs.get());
        Ok(Self {
            data: found.data.clone(),
            tokens: found,
            shared: shared.clone(),
            model,
            weights: model_files.weights,
            seed: config.seed,
            batch_size,
            bucket_by_length: config.bucket_by_length,
            schedule: schedule(config, total_steps),
            facts,
        })
    }

    /// The reference's count for a forward pass over a batch, which it pads to the longest sentence.
    fn padded_flops(&self, split: &TokenSplit, examples: impl Iterator<Item = usize>) -> f64 {
        let (mut count, mut longest) = (0, 0);
        for example in examples {
            count += 1;
            longest = longest.max(split.length(example));
        }
        self.model.reference_forward(count, longest)
    }
}

impl TrainingTask for TextClassificationTask {
    fn facts(&self) -> &TaskFacts {
        &self.facts
    }

    fn add_input(&mut self, name: &str, digest: String) {
        self.facts.inputs.digests.insert(name.to_owned(), digest);
    }

    fn train_examples(&self) -> usize {
        self.data.train.len()
    }

    fn plan_epoch(&self, epoch: u64) -> EpochPlan {
        let train = &self.data.train;
        if !self.bucket_by_length {
            return EpochPlan::without_augmentation(self.seed, epoch, train.len() as u32);
        }
        let lengths: Vec<u32> = train.lengths().map(|length| length as u32).collect();
        EpochPlan::by_length(self.seed, epoch, &lengths, self.batch_size)
    }

    fn evaluated_split(&self) -> Split {
        Split::Validation
    }

    fn labels(&self, split: Split) -> &[u32] {
        split.sentences(&self.data).map_or(&[], TokenSplit::labels)
    }

    fn learning_rate_factor(&self, _epoch: u64, step: u64) -> f64 {
        self.schedule.factor(step)
    }

    fn train_flops(&self, examples: &[u32]) -> f64 {
        3.0 * self.padded_flops(&self.data.train, examples.iter().map(|index| *index as usize))
    }

    fn eval_flops(&self, split: Split) -> f64 {
        let Some(sentences) = split.sentences(&self.data) else { return 0.0 };
        let batches = (0..sentences.len()).step_by(self.batch_size);
        let end = |start: usize| start.saturating_add(self.batch_size).min(sentences.len());
        batches.map(|start| self.padded_flops(sentences, start..end(start))).sum()
    }

    fn size(&self, batch_size: usize) -> ModelSize {
        let (train, batch) = (&self.data.train, batch_size.min(self.data.train.len()));
        // As many tokens as the shortest sentence has.
        let activations = batch as f64 * self.model.activation_count(train.lengths().min().unwrap_or(0));
        ModelSize { parameters: self.model.parameter_count(), activations }
    }

    fn export(&self, state: &EngineState, folder: &Path) -> Result<(), EngineError> {
        let unwritten = |error: &dyn std::fmt::Display| EngineError::Weights(error.to_string());
        save_pretrained(folder, &self.model, &model_tensors(state)).map_err(|error| unwritten(&error))?;
        self.tokens.tokenizer.save(folder).map_err(|error| unwritten(&error))
    }

    fn job(&self, config: &RunConfig) -> Result<PreparedJob, EngineError> {
        let parameter_stream =
            |parameter: usize| stream(config.seed, StreamPurpose::InitialParameters, parameter as u64);
        let model = ModelSpec::TextClassifier(self.model.clone());
        let (tensors, notices) = match &self.weights {
            Some(path) => {
                let weights = self.shared.take(|| path.display().to_string(), || weights::read(path));
                let weights = weights.map_err(|error| EngineError::Weights(error.to_string()))?;
                let at = |what: &dyn std::fmt::Display| format!("{}: {what}", path.display());
                let loaded = pretrained(&self.model, Arc::unwrap_or_clone(weights), parameter_stream);
                let loaded = loaded.map_err(|error| EngineError::Weights(at(&error)))?;
                (loaded.tensors, loaded.notices.iter().map(|notice| at(notice)).collect())
            }
            None => (model.draw(parameter_stream), Vec::new()),
        };
        let job = EngineJob::of(config, model, tensors, EngineData::Sentences(self.data.clone()));
        Ok(PreparedJob { job: EngineJob { evaluation_batch: EVALUATION_BATCH, ..job }, notices })
    }

    fn describe(&self, settings: &RunConfig, config: &mut Map<String, Value>) {
        let noisy = settings.label_noise_rate.get() > 0.0;
        let planned = self.steps_per_epoch(settings.step_examples()).saturating_mul(settings.epochs.get());
        let span = settings.scheduler_t_max.map_or(planned, NonZeroU64::get);
        let mut put = |key: &str, value: Value| config.insert(key.to_owned(), value);
        put("method", json!(settings.method_name()));
        put("pretokenize_only", json!(false));
        put("label_noise_type", json!(if noisy { "symmetric" } else { "none" }));
        put("scheduler_step_unit", json!("optimizer_step"));
        put("scheduler_span_steps", json!(span));
        put("model_config", self.model.to_json());
        if let Some(report) = &self.data.label_noise {
            let noise = report_json(report, false);
            put("diagnostics", json!({ "label_noise": noise }));
        }
    }
}

fn schedule(config: &RunConfig, total_steps: u64) -> RateSchedule {
    let span = config.scheduler_t_max.map_or(total_steps, NonZeroU64::get);
    let warmup = RateSchedule::warmup_steps(config.warmup_epochs, total_steps, config.epochs.get());
    RateSchedule::of_steps(config.lr_scheduler, span, warmup)
}

/// The model of a run: that of its `config.json`, or DistilBERT-base, with the sizes that were asked for.
fn model_config(
    task: TextTask,
    config: &RunConfig,
    files: &ModelFiles,
    tokenizer: &TextTokenizer,
) -> Result<TextClassifierConfig, TaskError> {
    let mut model = match &files.config {
        Some(path) => TextClassifierConfig::read(path)?,
        None => TextClassifierConfig::distilbert_base(),
    };
    model = model.with_classes(task.dataset().classes as usize);
    if files.weights.is_none() {
        model = model.with_vocabulary(tokenizer.vocabulary_size());
        model.padding_id = Some(tokenizer.padding_id());
    }
    if let Some(layers) = config.model_layers {
        model = model.with_layers(layers.get());
    }
    if let Some(dim) = config.model_dim {
        model = model.with_dim(dim.get());
    }
    model.check()?;
    Ok(model)
}

fn check_fit(
    config: &RunConfig,
    model: &TextClassifierConfig,
    tokenizer: &TextTokenizer,
    files: &ModelFiles,
) -> Result<(), TaskError> {
    if config.max_length.get() > model.max_positions {
        let positions = model.max_positions;
        return Err(TaskError::Model {
            message: format!("--max-length {}: the model has {positions} positions", config.max_length),
            help: Some(format!("use --max-length {positions} or less")),
        });
    }
    if tokenizer.vocabulary_size() > model.vocabulary_size {
        return Err(TaskError::Model {
            message: format!(
                "tokenizer and model do not fit: the tokenizer has {} tokens, the model of {} {}",
                tokenizer.vocabulary_size(),
                files.config.as_deref().unwrap_or(Path::new("")).display(),
                model.vocabulary_size
            ),
            help: Some("name the tokenizer of that model with --tokenizer".into()),
        });
    }
    Ok(())
}

fn inputs(
    data: &TokenData,
    model: &TextClassifierConfig,
    weights: Option<&Path>,
    shared: &SharedInputs,
) -> Result<Inputs, TaskError> {
    let architecture =
        Id::of(&model.to_json()).map_err(|error| TaskError::Model { message: error.to_string(), help: None })?;
    let mut digests = BTreeMap::from([
        ("tokenizer".to_owned(), data.tokenizer_digest.clone()),
        ("model".to_owned(), architecture.full().to_owned()),
    ]);
    if let Some(path) = weights {
        let digest = shared.take(|| path.display().to_string(), || sha256_of_file(path));
        digests.insert("weights".to_owned(), digest.map_err(FileError::at("read", path))?.to_string());
    }
    Ok(Inputs { data_fingerprint: data.fingerprint.clone(), digests })
}

/// The model's id or folder, or its shape when that was changed.
fn model_name(config: &RunConfig, model: &TextClassifierConfig) -> String {
    if config.model_layers.is_some() || config.model_dim.is_some() {
        return format!("{}-{}x{}", model.architecture, model.layers, model.dim);
    }
    let path = Path::new(&config.model);
    match path.file_name() {
        Some(name) if path.is_absolute() => name.to_string_lossy().into_owned(),
        _ => config.model.split('@').next().unwrap_or_default().to_owned(),
    }
}
