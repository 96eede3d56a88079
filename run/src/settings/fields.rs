//! The table of settings. One row tells everything about a setting: key, type, default, role, range and help.
//!
//! The order of the rows is the order in which the reference checks its flags, so that the first message of a bad
//! command line is the reference's too.

use std::sync::LazyLock;

use aees_control::MethodSettings;
use serde_json::{Map, Value};

use super::error::{ConfigError, Place};
use super::method;
use super::value::{CandidateList, ConfigValue, Secret, choice};

choice! {
    /// The training task.
    TaskName {
        /// ResNet-18 on CIFAR-100.
        Cifar100 = "cifar100",
        /// DistilBERT on the sentiments of SST-2.
        Sst2 = "sst2",
        /// DistilBERT on the topics of AG News.
        AgNews = "agnews",
    }
}

impl TaskName {
    /// All tasks.
    pub const ALL: [Self; 3] = [Self::Cifar100, Self::Sst2, Self::AgNews];

    /// Whether its examples are sentences.
    pub fn is_text(self) -> bool {
        self != Self::Cifar100
    }
}

choice! {
    /// Where a model's first parameters come from.
    Initialization {
        /// The weight file of the model.
        Pretrained = "pretrained",
        /// The run's seed.
        Random = "random",
    }
}

choice! {
    /// Who picks the learning-rate multiplier and the noise of an episode.
    ControlMode {
        /// Nobody: the plain optimizer.
        Baseline = "baseline",
        /// The bandit.
        Adaptive = "adaptive",
        /// A uniform draw for each episode, made when the episode opens.
        Random = "random",
        /// A uniform sequence drawn before training starts; no feedback.
        UniformRandom = "uniform-random",
        /// The arms of the other seeds' adaptive runs, in random order; no feedback.
        FrequencyMatched = "frequency-matched",
    }
}

impl ControlMode {
    /// The method's name in results: `AdaptiveScheduler` and so on.
    pub fn method_name(self) -> &'static str {
        match self {
            Self::Baseline => "Baseline",
            Self::Adaptive => "AdaptiveScheduler",
            Self::Random => "RandomScheduler",
            Self::UniformRandom => "UniformRandomOpenLoop",
            Self::FrequencyMatched => "FrequencyMatchedOpenLoop",
        }
    }

    /// Whether the whole sequence of arms is drawn before training.
    pub fn is_open_loop(self) -> bool {
        matches!(self, Self::UniformRandom | Self::FrequencyMatched)
    }
}

choice! {
    /// The optimizer.
    OptimizerName {
        /// Decoupled weight decay (Loshchilov and Hutter, 2019).
        AdamW = "AdamW",
        /// Stochastic gradient descent with momentum.
        Sgd = "SGD",
    }
}

choice! {
    /// The arithmetic of matrix products and convolutions. Parameters, optimizer and loss are of single precision in all.
    Precision {
        /// Single precision.
        F32 = "f32",
        /// Inputs of products rounded to 10 bits, on NVIDIA's tensor cores.
        Tf32 = "tf32",
        /// Inputs and outputs of products with 7 bits.
        Bf16 = "bf16",
    }
}

choice! {
    /// How the learning rate falls over the run.
    SchedulerName {
        /// It stays.
        None = "none",
        /// Half a cosine wave.
        Cosine = "cosine",
        /// A straight line to zero.
        Linear = "linear",
        /// A rise over the warm-up epochs, then a straight line to zero.
        WarmupLinear = "warmup_linear",
    }
}

choice! {
    /// How training labels are corrupted.
    LabelNoiseType {
        /// They are not.
        None = "none",
        /// Uniformly over the other classes.
        Symmetric = "symmetric",
        /// To the next class of the same superclass.
        Asymmetric = "asymmetric",
    }
}

/// What a setting is for; decides whether it belongs to the identity of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It decides the numbers that come out.
    Science,
    /// It says where things are, how they run or what is written; the numbers stay the same.
    Setup,
}

/// The tasks that know a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tasks {
    /// All of them.
    All,
    /// The tasks on images.
    Images,
    /// The tasks on text.
    Text,
    /// The tasks whose training labels can be corrupted.
    NoisyLabels,
    /// AG News.
    AgNews,
}

impl Tasks {
    /// Whether a task is among them.
    pub fn include(self, task: TaskName) -> bool {
        match self {
            Self::All => true,
            Self::Images => !task.is_text(),
            Self::Text => task.is_text(),
            Self::NoisyLabels => task != TaskName::Sst2,
            Self::AgNews => task == TaskName::AgNews,
        }
    }
}

/// The range of a number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Range {
    /// Anything of the type.
    Any,
    /// Above zero and finite.
    Positive,
    /// Zero or above, and finite.
    NonNegative,
    /// Above zero when it is given at all.
    PositiveWhenGiven,
    /// From 0 to 1, both included.
    Unit,
    /// Above 0, up to 1.
    Fraction,
    /// From 0 up to, not including, 1.
    BelowOne,
}

/// One row of the table, without its value.
#[derive(Clone, Debug)]
pub struct FieldInfo {
    /// The key in files, in `--set` and in results. The flag is the same with `-` for `_`.
    pub key: &'static str,
    /// The help text.
    pub help: &'static str,
    /// Whether it belongs to the identity of the run.
    pub role: Role,
    /// The tasks that know it.
    pub tasks: Tasks,
    /// What its number may be.
    pub range: Range,
    /// The words to choose from; empty when any value of the type will do.
    pub choices: &'static [&'static str],
}

macro_rules! run_config {
    ($($(#[doc = $doc:literal])+ $key:ident: $type:ty = $default:expr, $role:ident, $tasks:ident, $range:ident;)+) => {
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
            /// What is known of every setting, in the order of their checks.
            pub fn fields() -> &'static [FieldInfo] {
                static FIELDS: LazyLock<Vec<FieldInfo>> = LazyLock::new(|| {
                    with_rows_of_the_method([$(FieldInfo {
                        key: stringify!($key),
                        help: concat!($($doc),+).trim_ascii(),
                        role: Role::$role,
                        tasks: Tasks::$tasks,
                        range: Range::$range,
                        choices: <$type as ConfigValue>::choices(),
                    }),+])
                });
                &FIELDS
            }

            /// The keys of all settings, in the order of their checks.
            pub fn keys() -> impl Iterator<Item = &'static str> {
                Self::fields().iter().map(|field| field.key)
            }

            /// The defaults of a task.
            pub fn new(task: TaskName) -> Self {
                let mut config = Self { task, $($key: $default,)+ method: MethodSettings::default() };
                config.apply_task_defaults();
                config
            }

            fn tasks_of(key: &str) -> Tasks {
                match key {
                    $(stringify!($key) => Tasks::$tasks,)+
                    _ => Tasks::All,
                }
            }

            /// Sets one setting from a value as a file or a flag gives it.
            ///
            /// # Errors
            /// An unknown key, with the nearest known one, or a value of another type.
            pub fn set(&mut self, key: &str, value: &Value, place: &Place) -> Result<(), ConfigError> {
                if !Self::tasks_of(key).include(self.task) {
                    let (place, task) = (place.clone(), self.task.name());
                    return Err(ConfigError::NotOfTask { place, key: key.to_owned(), task });
                }
                match key {
                    "method" => self.control_mode = control_mode(value, place)?,
                    $(stringify!($key) => {
                        self.$key = <$type as ConfigValue>::from_value(value)
                            .ok_or_else(|| type_error::<$type>(stringify!($key), value, place))?;
                    })+
                    key => return method::set(&mut self.method, key, value, place),
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

            /// The number in a setting, for the range checks.
            pub(super) fn number(&self, key: &str) -> Option<f64> {
                match key {
                    $(stringify!($key) => self.$key.number(),)+
                    key => method::number(&self.method, key),
                }
            }
        }
    };
}

run_config! {
    /// Who picks multiplier and noise: nobody (the plain optimizer), the bandit, a random draw for each episode, or a
    /// sequence drawn before training.
    control_mode: ControlMode = ControlMode::Baseline, Science, All, Any;
    /// Passes over the training set.
    epochs: i64 = 10, Science, All, Positive;
    /// Examples in a batch; the last batch of an epoch may be shorter.
    batch_size: i64 = 128, Science, All, Positive;
    /// Base learning rate; the schedule and the multiplier work on it.
    lr: f64 = 1e-3, Science, All, Positive;
    /// Weight decay: decoupled for AdamW, added to the gradient for SGD.
    weight_decay: f64 = 1e-4, Science, All, NonNegative;
    /// Tokens that a sentence is cut to, the two special ones included.
    max_length: i64 = 128, Science, Text, Positive;
    /// Momentum (SGD only).
    momentum: f64 = 0.9, Science, Images, NonNegative;
    /// Optimizer steps in an episode.
    episode_length: i64 = 200, Science, All, Positive;
    /// Epochs until the cosine or linear schedule ends; the number of epochs when not given.
    scheduler_t_max: Option<i64> = None, Science, All, PositiveWhenGiven;
    /// Epochs over which warmup_linear rises.
    warmup_epochs: i64 = 0, Science, All, NonNegative;
    /// Share of the training labels to corrupt.
    label_noise_rate: f64 = 0.0, Science, NoisyLabels, Unit;
    /// Seed of the label noise; the same for every run seed.
    label_noise_seed: i64 = 42, Science, AgNews, NonNegative;
    /// How training labels are corrupted: not, to any other class, or to the next class of the same superclass.
    label_noise_type: LabelNoiseType = LabelNoiseType::None, Science, Images, Any;
    /// Learning-rate multipliers to pick from.
    lr_candidates: CandidateList = CandidateList(vec![1.0]), Science, All, Any;
    /// Standard deviations of gradient noise to pick from.
    noise_candidates: CandidateList = CandidateList(vec![0.0]), Science, All, Any;
    /// The optimizer.
    optimizer: OptimizerName = OptimizerName::AdamW, Science, Images, Any;
    /// How the learning rate falls, once an epoch.
    lr_scheduler: SchedulerName = SchedulerName::None, Science, All, Any;
    /// Seed of everything random in the run.
    seed: i64 = 0, Science, All, NonNegative;
    /// Seed of the precomputed sequence of the open-loop modes; 10000 + seed when not given.
    schedule_seed: Option<i64> = None, Science, All, Any;
    /// Base width of ResNet-18; 64 is the published network, smaller ones fit small machines.
    model_width: i64 = 64, Science, Images, Positive;
    /// First parameters: pretrained (of the model that is named), or random. When not given: pretrained, but random
    /// with --data synthetic, --model-layers or --model-dim.
    init: Option<Initialization> = None, Science, Text, Any;
    /// Layers of the encoder, with random parameters; those of the model's config.json when not given.
    model_layers: Option<i64> = None, Science, Text, PositiveWhenGiven;
    /// Width of the encoder, with random parameters; those of the model's config.json when not given. Heads are 64 wide,
    /// the feed-forward layer is 4 times as wide.
    model_dim: Option<i64> = None, Science, Text, PositiveWhenGiven;
    /// Make batches of sentences of similar length. The reference does not.
    bucket_by_length: bool = false, Science, Text, Any;
    /// Also evaluate the test set, once, at the end.
    eval_test: bool = false, Science, AgNews, Any;
    /// Train on N examples only, equally many of each class.
    limit_train: Option<i64> = None, Science, All, PositiveWhenGiven;
    /// Evaluate on N examples only, equally many of each class.
    limit_eval: Option<i64> = None, Science, All, PositiveWhenGiven;
    /// Hold out this share of the training set, validate on it, and touch the test set once, at the end.
    val_split: f64 = 0.0, Science, Images, BelowOne;
    /// Arithmetic of matrix products and convolutions; not every engine can do all.
    precision: Precision = Precision::F32, Science, All, Any;
    /// Where the data comes from: auto (local files, then the Hugging Face cache, then the hub), synthetic (made on the
    /// spot), or a path to files in any of their usual layouts.
    data: String = "auto".to_owned(), Setup, All, Any;
    /// The model: a folder with config.json and weights, or an id on the hub, with @REVISION if a certain one is meant.
    model: String = "distilbert-base-uncased".to_owned(), Setup, Text, Any;
    /// The tokenizer: a folder, tokenizer.json, vocab.txt or an id on the hub; the model's when not given.
    tokenizer: Option<String> = None, Setup, Text, Any;
    /// Folder of the tokenized data; data/TASK_tokenized when not given.
    tokenized_dataset_dir: Option<String> = None, Setup, Text, Any;
    /// Folder of the Hugging Face cache; HF_HUB_CACHE, HF_HOME/hub or the usual place when not given.
    cache_dir: Option<String> = None, Setup, All, Any;
    /// Never open a socket: data, tokenizer and model must be on disk.
    local_files_only: bool = false, Setup, All, Any;
    /// Token for the hub; HF_TOKEN when not given. It is never written anywhere.
    hf_token: Secret = Secret(None), Setup, All, Any;
    /// A word of your own, kept in the result.
    run_tag: Option<String> = None, Setup, All, Any;
    /// Also write the result to this file.
    output: Option<String> = None, Setup, All, Any;
    /// The engine that trains: auto (one that can do what is asked), or burn.
    engine: String = "auto".to_owned(), Setup, All, Any;
    /// Where to compute: auto, cpu, cuda:N, vulkan:N or wgpu.
    device: String = "auto".to_owned(), Setup, All, Any;
    /// Threads of the CPU engine; all cores when not given.
    threads: Option<i64> = None, Setup, All, PositiveWhenGiven;
    /// Write a checkpoint every N steps; at the end of each epoch when not given.
    checkpoint_every: Option<i64> = None, Setup, All, PositiveWhenGiven;
    /// Write TensorBoard event files.
    tensorboard: bool = false, Setup, All, Any;
    /// Folder of the adaptive runs whose arm frequencies frequency-matched takes over.
    aees_trace_root: String = "results/cifar_noisy".to_owned(), Setup, All, Any;
}

impl RunConfig {
    /// All settings of the task with their values, by key; `task` included.
    pub fn to_map(&self) -> Map<String, Value> {
        let settings = Self::fields().iter().filter(|field| field.tasks.include(self.task));
        let settings = settings.filter_map(|field| Some((field.key.to_owned(), self.get(field.key)?)));
        std::iter::once(("task".to_owned(), self.task.to_value())).chain(settings).collect()
    }

    /// The configuration written by [`RunConfig::to_map`].
    ///
    /// # Errors
    /// As [`RunConfig::set`]; also when the task is missing or unknown.
    pub fn from_map(map: &Map<String, Value>) -> Result<Self, ConfigError> {
        let task = map.get("task").and_then(TaskName::from_value);
        let task = task.ok_or_else(|| ConfigError::Invalid("the configuration names no known task".into()))?;
        let mut config = Self::new(task);
        for (key, value) in map.iter().filter(|(key, _)| *key != "task") {
            config.set(key, value, &Place::Resolved)?;
        }
        Ok(config)
    }

    /// Sets a setting from `key=value`.
    ///
    /// # Errors
    /// When there is no `=`, and as [`RunConfig::set`].
    pub fn assign(&mut self, assignment: &str) -> Result<(), ConfigError> {
        let (key, value) =
            assignment.split_once('=').ok_or_else(|| ConfigError::NotAnAssignment { text: assignment.to_owned() })?;
        self.set(key.trim(), &Value::String(value.trim().to_owned()), &Place::Set)
    }

    /// Where the published settings of a task differ from those of CIFAR-100.
    fn apply_task_defaults(&mut self) {
        if self.task.is_text() {
            self.epochs = 3;
            self.batch_size = 16;
            self.lr = 5e-5;
            self.weight_decay = 0.01;
            self.episode_length = 100;
        }
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
    pub fn schedule_span(&self) -> i64 {
        self.scheduler_t_max.unwrap_or(self.epochs)
    }
}

/// The rows of this table with those of the method, at the places where the reference checks them.
fn with_rows_of_the_method(rows: impl IntoIterator<Item = FieldInfo>) -> Vec<FieldInfo> {
    let mut fields = Vec::new();
    for row in rows {
        let key = row.key;
        fields.push(row);
        match key {
            "episode_length" => fields.extend(MethodSettings::reward_and_context_rows().into_iter().map(method::field)),
            "lr_scheduler" => fields.extend(MethodSettings::controller_rows().into_iter().map(method::field)),
            _ => {}
        }
    }
    fields
}

pub(super) fn type_error<T: ConfigValue>(key: &'static str, value: &Value, place: &Place) -> ConfigError {
    if let Some(refusal) = T::refusal(key, value) {
        return ConfigError::Refused { place: place.clone(), refusal };
    }
    ConfigError::Type { place: place.clone(), key, found: value.to_string(), expected: T::expected() }
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

pub(super) fn unknown_key(key: &str, place: &Place) -> ConfigError {
    let distance = |known: &&'static str| strsim::damerau_levenshtein(known, key);
    let nearest = RunConfig::keys().min_by_key(distance);
    // Further away than a third of the word it is another word, not a slip.
    let nearest = nearest.filter(|known| strsim::damerau_levenshtein(known, key) <= (key.len().max(3)) / 3);
    ConfigError::UnknownKey { place: place.clone(), key: key.to_owned(), nearest }
}
