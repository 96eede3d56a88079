//! CIFAR-100 as the loop sees it: the data of `aees_tasks` with the run's schedule and the reference's FLOP constants.

use std::sync::Arc;

use aees_control::schedule::{EpochSchedule, ScheduleKind};
use aees_models::flops;
use aees_tasks::{Cifar100, Cifar100Config, DataError, DataSource, EpochPlan, LabelNoise, LabelNoiseType as Noise};

use crate::config::{LabelNoiseType, RunConfig, SchedulerName};
use crate::engine::Split;
use crate::training_task::TrainingTask;

/// The task of a CIFAR-100 run.
pub struct Cifar100Task {
    data: Arc<Cifar100>,
    seed: u64,
    schedule: EpochSchedule,
}

impl Cifar100Task {
    /// The task on loaded data.
    pub fn new(config: &RunConfig, data: Arc<Cifar100>) -> Self {
        let kind = match config.lr_scheduler {
            SchedulerName::None => ScheduleKind::None,
            SchedulerName::Cosine => ScheduleKind::Cosine,
            SchedulerName::Linear => ScheduleKind::Linear,
            SchedulerName::WarmupLinear => ScheduleKind::WarmupLinear,
        };
        let schedule = EpochSchedule::new(kind, config.schedule_span() as u64, config.warmup_epochs as u64);
        Self { data, seed: config.seed as u64, schedule }
    }

    /// Reads or makes the data of a run.
    ///
    /// # Errors
    /// Whatever is wrong with the files, with their names.
    pub fn load(config: &RunConfig) -> Result<Cifar100, DataError> {
        let kind = match config.label_noise_type {
            LabelNoiseType::None => Noise::None,
            LabelNoiseType::Symmetric => Noise::Symmetric,
            LabelNoiseType::Asymmetric => Noise::Asymmetric,
        };
        let limit = |limit: Option<i64>| limit.map(|limit| limit as usize);
        Cifar100Config {
            source: DataSource::from(config.data.clone()),
            limit_train: limit(config.limit_train),
            limit_eval: limit(config.limit_eval),
            val_split: config.val_split,
            label_noise: LabelNoise::new(kind, config.label_noise_rate)?,
            seed: config.seed as u64,
            ..Cifar100Config::default()
        }
        .load()
    }
}

impl TrainingTask for Cifar100Task {
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
        match split {
            Split::Train => self.data.train.labels(),
            Split::Validation => self.data.validation.as_ref().map_or(&[], |images| images.labels()),
            Split::Test => self.data.test.labels(),
        }
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
}
