//! The table of settings. One row tells everything about a setting: help, key, type (which carries the range), default,
//! and the columns of [`SettingInfo`]: role first, then what is not usual.
//!
//! The order of the rows is the order in which the reference checks its flags, so that the first message of a bad
//! command line is the reference's too. The rows of the method are told by [`aees_control`] and stand where `then` is.

use std::num::{NonZeroU64, NonZeroUsize};
use std::sync::LazyLock;

use aees_control::MethodSettings;
use aees_control::schedule::ScheduleKind;
use serde_json::Value;

use super::choices::{ControlMode, Initialization, LabelNoiseType, OptimizerName, Precision, TaskName};
use super::error::{ConfigError, Place};
use super::info::Cost::{Epoch, Machine, Run};
use super::info::Tasks::{AgNews, Images, NoisyLabels, Text};
use super::info::Verb::{Bench, Fetch, Pretokenize};
use super::info::{PathKind, SettingInfo, science, seed, setup, source};
use super::keep_checkpoints::KeepCheckpoints;
use super::method;
use super::number::{NonNegative, Positive, Share, ShareBelowOne};
use super::value::{CandidateList, Secret, SettingValue};
use crate::nearest::nearest;

/// The control modes in which something is picked.
const PICKS: &[&str] = &["adaptive", "random", "uniform-random", "frequency-matched"];
/// The control modes whose sequence is drawn before training.
const OPEN_LOOP: &[&str] = &["uniform-random", "frequency-matched"];

const fn count(number: usize) -> NonZeroUsize {
    NonZeroUsize::MIN.saturating_add(number - 1)
}

const fn whole(number: u64) -> NonZeroU64 {
    NonZeroU64::MIN.saturating_add(number - 1)
}

macro_rules! settings {
    ($(
        $(#[doc = $doc:literal])+
        $key:ident: $type:ty = $default:expr, $columns:expr;
        $(then $more:expr;)?
    )+) => {
        /// All settings of a run, typed. See the module for how it is filled.
        #[derive(Clone, Debug, PartialEq)]
        pub struct RunConfig {
            /// The task. Not a setting of the table: it is the command's argument, and `task:` in a file.
            pub task: TaskName,
            $($(#[doc = $doc])+ pub $key: $type,)+
            /// The settings of the method, whose rows are told by [`aees_control`].
            pub method: MethodSettings,
        }

        impl RunConfig {
            /// The table, in the order of the checks.
            pub fn settings() -> &'static [SettingInfo] {
                static TABLE: LazyLock<Vec<SettingInfo>> = LazyLock::new(|| {
                    let mut table = Vec::with_capacity(64);
                    $(
                        table.push(SettingInfo {
                            key: stringify!($key),
                            help: concat!($($doc),+).trim_ascii(),
                            choices: <$type>::choices(),
                            secret: <$type as SettingValue>::SECRET,
                            ..$columns
                        });
                        $(table.extend($more.into_iter().map(method::setting));)?
                    )+
                    table
                });
                &TABLE
            }

            /// The defaults of a task.
            pub fn new(task: TaskName) -> Self {
                let mut config = Self { task, $($key: $default,)+ method: MethodSettings::default() };
                config.apply_task_defaults();
                config
            }

            /// Sets one setting from a value as a file or a flag gives it.
            ///
            /// # Errors
            /// An unknown key, with the nearest known one, a value of another type, or one outside its range.
            pub fn set(&mut self, key: &str, value: &Value, place: &Place) -> Result<(), ConfigError> {
                let Some(setting) = Self::setting(key) else {
                    if key == "method" {
                        self.control_mode = control_mode(value, place)?;
                        return Ok(());
                    }
                    let nearest = nearest(key, Self::keys());
                    return Err(ConfigError::UnknownKey { place: place.clone(), key: key.to_owned(), nearest });
                };
                if !setting.tasks.include(self.task) {
                    let (place, task) = (place.clone(), self.task.name());
                    return Err(ConfigError::NotOfTask { place, key: setting.key, task });
                }
                match key {
                    $(stringify!($key) => {
                        self.$key = <$type>::read(value)
                            .map_err(|fault| ConfigError::fault::<$type>(fault, setting.key, value, place))?;
                    })+
                    _ => method::set(&mut self.method, setting, value, place)?,
                }
                Ok(())
            }

            /// The value of a setting, as results show it.
            pub fn get(&self, key: &str) -> Option<Value> {
                match key {
                    $(stringify!($key) => Some(self.$key.to_value()),)+
                    key => method::get(&self.method, key),
                }
            }

            /// Whether a setting is the same in both, without making a value of it.
            fn agrees(&self, other: &Self, key: &str) -> bool {
                match key {
                    $(stringify!($key) => self.$key == other.$key,)+
                    key => self.method.get(key) == other.method.get(key),
                }
            }

            /// The text in a setting, to make a path of.
            pub(super) fn text_mut(&mut self, key: &str) -> Option<&mut String> {
                match key {
                    $(stringify!($key) => self.$key.text_mut(),)+
                    _ => None,
                }
            }
        }
    };
}

settings! {
    /// Who picks multiplier and noise: nobody (the plain optimizer), the bandit, a random draw for each episode, or a
    /// sequence drawn before training.
    control_mode: ControlMode = ControlMode::Baseline, science().cost(Run).common();
    /// Passes over the training set.
    epochs: NonZeroU64 = whole(10), science().of_problem().cost(Run).common();
    /// Estimated TFLOP after which training ends with an evaluation, before all epochs are done: equal costs for methods that
    /// differ in it. Evaluations and probes count.
    max_tflops: Option<Positive> = None, science().of_problem().cost(Run);
    /// Examples in a batch; the last batch of an epoch may be shorter.
    batch_size: NonZeroUsize = count(128), science().of_problem().cost(Epoch).verbs(&[Bench]).common();
    /// Batches whose gradients are added up for an optimizer step, which then takes N times --batch-size examples at the memory of
    /// one batch. All that counts steps counts optimizer steps.
    gradient_accumulation_steps: NonZeroUsize = count(1), science().of_problem().cost(Epoch);
    /// Base learning rate; the schedule and the multiplier work on it.
    lr: Positive = Positive(1e-3), science().common();
    /// Weight decay: decoupled for AdamW, added to the gradient for SGD.
    weight_decay: NonNegative = NonNegative(1e-4), science();
    /// Scale the gradients of a step down to this norm, over all parameters, if theirs is larger; as they are when not given.
    grad_clip: Option<Positive> = None, science();
    /// Tokens that a sentence is cut to, the two special ones included.
    max_length: NonZeroUsize = count(128), science().of_problem().tasks(Text).cost(Epoch).verbs(&[Bench, Pretokenize]);
    /// Momentum (SGD only).
    momentum: NonNegative = NonNegative(0.9), science().tasks(Images).needs("optimizer", &["SGD"]);
    /// Optimizer steps in an episode.
    episode_length: NonZeroUsize = count(200), science().needs("control_mode", PICKS).verbs(&[Bench]).common();
    then MethodSettings::reward_and_context_rows();
    /// Epochs until the cosine or linear schedule ends; the number of epochs when not given.
    scheduler_t_max: Option<NonZeroU64> = None, science().needs("lr_scheduler", &["cosine", "linear", "warmup_linear"]);
    /// Epochs over which warmup_linear rises.
    warmup_epochs: u64 = 0, science().needs("lr_scheduler", &["warmup_linear"]);
    /// Share of the training labels to corrupt.
    label_noise_rate: Share = Share(0.0), science().of_problem().tasks(NoisyLabels).verbs(&[Pretokenize]);
    /// Seed of the label noise; the same for every run seed.
    label_noise_seed: u64 = 42, science().of_problem().tasks(AgNews).verbs(&[Pretokenize]);
    /// How training labels are corrupted: not, to any other class, or to the next class of the same superclass.
    label_noise_type: LabelNoiseType = LabelNoiseType::None, science().of_problem().tasks(Images);
    /// Learning-rate multipliers to pick from.
    lr_candidates: CandidateList = CandidateList(vec![1.0]), science().needs("control_mode", PICKS).common();
    /// Standard deviations of gradient noise to pick from.
    noise_candidates: CandidateList = CandidateList(vec![0.0]), science().needs("control_mode", PICKS).common();
    /// The optimizer.
    optimizer: OptimizerName = OptimizerName::AdamW, science().tasks(Images).cost(Run).verbs(&[Bench]);
    /// How the learning rate falls, once an epoch.
    lr_scheduler: ScheduleKind = ScheduleKind::None, science();
    then MethodSettings::controller_rows();
    /// Stop early: end the run after N evaluations in a row without a new best; never when not given.
    patience: Option<NonZeroU64> = None, science().of_problem();
    /// Also evaluate every N optimizer steps; only at the end of each epoch when not given.
    eval_every: Option<NonZeroU64> = None, science().cost(Epoch);
    /// Seed of everything random in the run.
    seed: u64 = 0, seed().instead_in_studies("use `seeds`").verbs(&[Bench]).common();
    /// Seed of the precomputed sequence of the open-loop modes; 10000 + seed when not given.
    schedule_seed: Option<i64> = None, science().needs("control_mode", OPEN_LOOP);
    /// Base width of ResNet-18; 64 is the published network, smaller ones fit small machines.
    model_width: NonZeroUsize = count(64), science().of_problem().tasks(Images).cost(Epoch).verbs(&[Bench]);
    /// First parameters: pretrained (of the model that is named), or random. When not given: pretrained, but random
    /// with --data synthetic, --model-layers or --model-dim.
    init: Option<Initialization> = None, science().of_problem().tasks(Text).decides_inputs();
    /// Layers of the encoder, with random parameters; those of the model's config.json when not given.
    model_layers: Option<NonZeroUsize> = None, science().of_problem().tasks(Text).cost(Epoch).decides_inputs()
        .verbs(&[Bench]);
    /// Width of the encoder, with random parameters; those of the model's config.json when not given. Heads are 64 wide,
    /// the feed-forward layer is 4 times as wide.
    model_dim: Option<NonZeroUsize> = None, science().of_problem().tasks(Text).cost(Epoch).decides_inputs()
        .verbs(&[Bench]);
    /// Make batches of sentences of similar length. The reference does not.
    bucket_by_length: bool = false, science().of_problem().tasks(Text).cost(Epoch).verbs(&[Bench]);
    /// Also evaluate the test set, once, at the end.
    eval_test: bool = false, science().of_problem().tasks(AgNews).cost(Epoch);
    /// Train on N examples only, equally many of each class.
    limit_train: Option<NonZeroUsize> = None, science().of_problem().cost(Epoch).decides_inputs()
        .verbs(&[Bench, Pretokenize]);
    /// Evaluate on N examples only, equally many of each class.
    limit_eval: Option<NonZeroUsize> = None, science().of_problem().cost(Epoch).decides_inputs().verbs(&[Pretokenize]);
    /// Hold out this share of the training set, validate on it, and touch the test set once, at the end.
    val_split: ShareBelowOne = ShareBelowOne(0.0), science().of_problem().tasks(Images).cost(Epoch).decides_inputs();
    /// Arithmetic of matrix products and convolutions; not every engine can do all.
    precision: Precision = Precision::F32, science().of_problem().cost(Epoch).verbs(&[Bench]);
    /// Where the data comes from: auto (local files, then the Hugging Face cache, then the hub), synthetic (made on the
    /// spot), or a path to files in any of their usual layouts.
    data: String = "auto".to_owned(), source()
        .cost(Run)
        .decides_inputs()
        .verbs(&[Pretokenize])
        .path(PathKind::Path)
        .common();
    /// The model: a folder with config.json and weights, or an id on the hub, with @REVISION if a certain one is meant.
    model: String = "distilbert-base-uncased".to_owned(), source()
        .tasks(Text)
        .decides_inputs()
        .verbs(&[Pretokenize, Fetch])
        .path(PathKind::PathOrHub);
    /// The tokenizer: a folder, tokenizer.json, vocab.txt or an id on the hub; the model's when not given.
    tokenizer: Option<String> = None, source()
        .tasks(Text)
        .decides_inputs()
        .verbs(&[Bench, Pretokenize, Fetch])
        .path(PathKind::PathOrHub);
    /// Folder of the tokenized data; data/TASK_tokenized when not given.
    tokenized_dataset_dir: Option<String> = None, source().tasks(Text).verbs(&[Pretokenize]).path(PathKind::Path);
    /// Folder of decoded images, which later runs map instead of reading the data again; data/TASK_prepared when not given.
    prepared_images_dir: Option<String> = None, setup().tasks(Images).path(PathKind::Path);
    /// The most that decoded images may take in that folder, in MB: the least recently used go first. With 0 none are kept.
    prepared_images_mb: u64 = 2000, setup().tasks(Images);
    /// Folder of the Hugging Face cache; HF_HUB_CACHE, HF_HOME/hub or the usual place when not given.
    cache_dir: Option<String> = None, setup().decides_inputs().verbs(&[Bench, Pretokenize, Fetch]).path(PathKind::Path);
    /// Never open a socket: data, tokenizer and model must be on disk.
    local_files_only: bool = false, setup().decides_inputs().verbs(&[Bench, Pretokenize]).common();
    /// Token for the hub; HF_TOKEN when not given. It is never written anywhere.
    hf_token: Secret = Secret(None), setup()
        .verbs(&[Bench, Pretokenize, Fetch])
        .instead_in_studies("set HF_TOKEN in the environment; study files are copied and shown");
    /// A word of your own, kept in the result.
    run_tag: Option<String> = None, setup();
    /// Also write the result to this file.
    output: Option<String> = None, setup().instead_in_studies("each run writes its result into its own folder");
    /// The engine that trains: auto (one that can do what is asked), burn, or libtorch where it is compiled in.
    engine: String = "auto".to_owned(), setup().cost(Machine).verbs(&[Bench]);
    /// Where to compute: auto, cpu, cuda:N, vulkan:N or wgpu.
    device: String = "auto".to_owned(), setup().cost(Machine).verbs(&[Bench]).common();
    /// Threads of the CPU engine; all cores when not given.
    threads: Option<NonZeroUsize> = None, setup().cost(Machine).verbs(&[Bench]);
    /// Write a checkpoint every N steps; at the end of each epoch when not given.
    checkpoint_every: Option<NonZeroU64> = None, setup();
    /// Checkpoints to keep: N of the newest and the best, best (while it trains the newest, too), or none, which writes none:
    /// a run that is stopped then begins again.
    keep_checkpoints: KeepCheckpoints = KeepCheckpoints::Newest(count(2)), setup();
    /// Write TensorBoard event files.
    tensorboard: bool = false, setup();
    /// Folder of the adaptive runs whose arm frequencies frequency-matched takes over.
    aees_trace_root: String = "results/cifar_noisy".to_owned(), source().needs("control_mode", &["frequency-matched"]);
}

impl RunConfig {
    /// The row of a key.
    pub fn setting(key: &str) -> Option<&'static SettingInfo> {
        Self::settings().iter().find(|setting| setting.key == key)
    }

    /// The keys of all settings, in the order of their checks.
    pub fn keys() -> impl Iterator<Item = &'static str> {
        Self::settings().iter().map(|setting| setting.key)
    }

    /// The rows of the settings that a task knows.
    pub fn settings_of(task: TaskName) -> impl Iterator<Item = &'static SettingInfo> {
        Self::settings().iter().filter(move |setting| setting.tasks.include(task))
    }

    /// The settings that are not at their task's defaults, with their values, in the order of the table.
    pub fn changed(&self) -> impl Iterator<Item = (&'static SettingInfo, Value)> {
        let defaults = Self::new(self.task);
        let changed = Self::settings().iter().filter(move |setting| !self.agrees(&defaults, setting.key));
        changed.filter_map(|setting| Some((setting, self.get(setting.key)?)))
    }

    /// Where the published settings of a task differ from those of CIFAR-100.
    fn apply_task_defaults(&mut self) {
        if self.task.is_text() {
            self.epochs = whole(3);
            self.batch_size = count(16);
            self.lr = Positive(5e-5);
            self.weight_decay = NonNegative(0.01);
            self.episode_length = count(100);
        }
    }

    /// Examples of an optimizer step: those of all batches whose gradients it adds up.
    pub fn step_examples(&self) -> usize {
        self.batch_size.get().saturating_mul(self.gradient_accumulation_steps.get())
    }

    /// Optimizer steps in an episode, as steps of a run are counted.
    pub fn episode_steps(&self) -> u64 {
        u64::try_from(self.episode_length.get()).unwrap_or(u64::MAX)
    }

    /// The method's name in results. The text tasks call the plain optimizer by its own name.
    pub fn method_name(&self) -> &'static str {
        match self.control_mode {
            ControlMode::Baseline if self.task.is_text() => self.optimizer.name(),
            mode => mode.method_name(),
        }
    }

    /// The label of a method with its optimizer: `AdaptiveScheduler+AdamW`.
    pub fn experiment_label(&self) -> String {
        format!("{}+{}", self.control_mode.method_name(), self.optimizer.name())
    }

    /// The span of the epoch schedule: `scheduler_t_max`, or the run's epochs.
    pub fn schedule_span(&self) -> NonZeroU64 {
        self.scheduler_t_max.unwrap_or(self.epochs)
    }
}

/// The text tasks' spelling of the control mode.
fn control_mode(value: &Value, place: &Place) -> Result<ControlMode, ConfigError> {
    const METHODS: [(&str, ControlMode); 4] = [
        ("AdamW", ControlMode::Baseline),
        ("Baseline", ControlMode::Baseline),
        ("AdaptiveScheduler", ControlMode::Adaptive),
        ("RandomScheduler", ControlMode::Random),
    ];
    let known = METHODS.iter().find(|(name, _)| value.as_str() == Some(name));
    known.map(|(_, mode)| *mode).ok_or_else(|| ConfigError::Type {
        place: place.clone(),
        key: "method",
        found: value.to_string(),
        expected: "AdamW, AdaptiveScheduler or RandomScheduler".into(),
    })
}
