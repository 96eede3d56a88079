//! CIFAR-100 as the loop sees it: the data of `aees_tasks` with the run's schedule and the reference's FLOP constants.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aees_control::schedule::RateSchedule;
use aees_models::weights::write_safetensors;
use aees_models::{ModelSpec, ResNet18Config, flops};
use aees_tasks::{
    CIFAR100_CLASSES, CIFAR100_HUB, Cifar100, Cifar100Config, DataSource, EpochPlan, HubAccess, ImageSplit, LabelNoise,
    PreparedImages, SIDE, StreamPurpose, stream,
};
use serde_json::{Map, Value, json};

use crate::engine::{EngineData, EngineError, EngineJob, EngineState, Split};
use crate::event::Subscriber;
use crate::hub_files::{DownloadEvents, fetch_command, hub};
use crate::shared_inputs::SharedInputs;
use crate::task_error::TaskError;
use crate::training_task::{ModelSize, PreparedJob, TaskFacts, TrainingTask, model_tensors};
use aees_run::identity::Inputs;
use aees_run::settings::{OptimizerName, RunConfig};

/// The task of a CIFAR-100 run.
pub struct Cifar100Task {
    data: Arc<Cifar100>,
    network: ResNet18Config,
    seed: u64,
    schedule: RateSchedule,
    facts: TaskFacts,
}

impl Cifar100Task {
    /// The task on loaded data.
    pub fn new(config: &RunConfig, data: Arc<Cifar100>) -> Self {
        let span = config.schedule_span().get();
        let schedule = RateSchedule::of_epochs(config.lr_scheduler, span, config.warmup_epochs);
        let network = ResNet18Config { base_width: config.model_width.get(), classes: CIFAR100_CLASSES as usize };
        let evaluated = data.validation.as_ref().unwrap_or(&data.test).len();
        let forward = |images: usize| 2.0 * network.multiply_adds(SIDE) as f64 * images as f64;
        let facts = TaskFacts {
            model_name: "resnet18".into(),
            data: data.origin.to_string(),
            examples: "images",
            inputs: Inputs::data(&data.fingerprint),
            origins: Map::from_iter([("data_origin".to_owned(), json!(data.origin))]),
            label_noise: data.label_noise.clone(),
            counts_memorised: data.label_noise.is_some(),
            tests_at_end: data.validation.is_some(),
            train_forward_flops: forward(data.train.len()),
            eval_forward_flops: forward(evaluated),
            notices: data.notices.clone(),
        };
        Self { data, network, seed: config.seed, schedule, facts }
    }

    /// Reads or makes the data of a run, on images that it shares with others.
    ///
    /// # Errors
    /// Whatever is wrong with the files, with their names.
    pub fn load(
        config: &RunConfig,
        subscribers: &mut [Box<dyn Subscriber>],
        shared: &SharedInputs,
    ) -> Result<Cifar100, TaskError> {
        let data = Cifar100Config {
            source: DataSource::from(config.data.as_str()),
            limit_train: config.limit_train.map(NonZeroUsize::get),
            limit_eval: config.limit_eval.map(NonZeroUsize::get),
            val_split: config.val_split.get(),
            label_noise: LabelNoise { kind: config.label_noise_type, rate: config.label_noise_rate.get() },
            seed: config.seed,
            prepared: Some(prepared(config)),
            ..Cifar100Config::default()
        };
        let hub = hub(config)?;
        let load = || data.images(Some(HubAccess { hub: &hub, progress: &mut DownloadEvents::new(subscribers) }));
        let key = || {
            let Cifar100Config { source, data_root, limit_train, limit_eval, .. } = &data;
            format!("{:?}", (source, data_root, limit_train, limit_eval, &config.cache_dir, config.local_files_only))
        };
        let images = shared.take(key, load).map_err(|error| error.fetched_by(fetch_command(config)))?;
        Ok(data.on(&images)?)
    }
}

/// Where decoded images are kept from run to run.
fn prepared(config: &RunConfig) -> PreparedImages {
    let default = || Path::new("data").join(format!("{}_prepared", config.task.name()));
    let folder = config.prepared_images_dir.as_ref().map_or_else(default, PathBuf::from);
    PreparedImages::new(folder, config.prepared_images_mb.saturating_mul(1_000_000))
}

/// Brings CIFAR-100 into the Hugging Face cache; gives the files.
///
/// # Errors
/// When the hub cannot be asked or the cache cannot be written.
pub fn fetch(config: &RunConfig, subscribers: &mut [Box<dyn Subscriber>]) -> Result<Vec<PathBuf>, TaskError> {
    let hub = hub(config)?;
    Ok(CIFAR100_HUB.fetch(&mut HubAccess { hub: &hub, progress: &mut DownloadEvents::new(subscribers) })?.files)
}

impl TrainingTask for Cifar100Task {
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
        EpochPlan::new(self.seed, epoch, self.data.train.len() as u32)
    }

    fn evaluated_split(&self) -> Split {
        if self.data.validation.is_some() { Split::Validation } else { Split::Test }
    }

    fn labels(&self, split: Split) -> &[u32] {
        split.images(&self.data).map_or(&[], ImageSplit::labels)
    }

    fn learning_rate_factor(&self, epoch: u64, _step: u64) -> f64 {
        self.schedule.factor(epoch)
    }

    fn train_flops(&self, examples: &[u32]) -> f64 {
        flops::cifar_train(examples.len())
    }

    fn eval_flops(&self, split: Split) -> f64 {
        flops::cifar_eval(self.labels(split).len())
    }

    fn size(&self, batch_size: usize) -> ModelSize {
        let batch = batch_size.min(self.data.train.len()) as f64;
        let activations = batch * self.network.activation_count(SIDE);
        ModelSize { parameters: self.network.parameter_count(), activations }
    }

    fn export(&self, state: &EngineState, folder: &Path) -> Result<(), EngineError> {
        let file = folder.join("model.safetensors");
        write_safetensors(&file, &model_tensors(state)).map_err(|error| EngineError::Weights(error.to_string()))
    }

    fn job(&self, config: &RunConfig) -> Result<PreparedJob, EngineError> {
        let model = ModelSpec::ResNet18(self.network);
        let tensors = model.draw(|parameter| stream(config.seed, StreamPurpose::InitialParameters, parameter as u64));
        let job = EngineJob::of(config, model, tensors, EngineData::Images(self.data.clone()));
        Ok(PreparedJob { job, notices: Vec::new() })
    }

    fn describe(&self, settings: &RunConfig, config: &mut Map<String, Value>) {
        let mut put = |key: &str, value: Value| config.insert(key.to_owned(), value);
        put("scheduler_t_max", json!(settings.schedule_span()));
        put("control_regime", json!(settings.control_mode.method_name()));
        put("experiment_label", json!(settings.experiment_label()));
        put("optimizer_family", json!(settings.optimizer.name()));
        put("optimizer_momentum", json!((settings.optimizer == OptimizerName::Sgd).then_some(settings.momentum.get())));
        put("data_dir", json!(settings.data));
    }
}
