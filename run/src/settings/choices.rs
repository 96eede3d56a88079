//! The settings that are one of a few words.

use aees_control::schedule::ScheduleKind;
use serde_json::Value;

use super::value::{Fault, SettingValue, choice};

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

/// How the learning rate falls over the run: its words are the method's.
impl SettingValue for ScheduleKind {
    fn expected() -> String {
        Self::NAMES.join(", ")
    }
    fn choices() -> &'static [&'static str] {
        Self::NAMES
    }
    fn read(value: &Value) -> Result<Self, Fault> {
        value.as_str().and_then(|word| word.parse().ok()).ok_or(Fault::Type)
    }
    fn to_value(&self) -> Value {
        self.name().into()
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
