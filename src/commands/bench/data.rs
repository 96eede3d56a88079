//! `aees bench data`: what the host does before and between steps: reading or making data, an epoch's plan, a batch, label
//! noise.

use std::hint::black_box;
use std::path::PathBuf;

use aees_run::settings::{LabelNoiseType, TaskName};
use aees_tasks::{
    Cifar100, Cifar100Config, DataSource, EpochPlan, IMAGE_BYTES, LabelNoise, Normalization, augment_batch,
    corrupt_labels, next_in_superclass, normalize_batch,
};
use aees_train::session::{SessionError, load_task};
use aees_train::shared_inputs::SharedInputs;
use clap::Args;
use serde_json::json;

use super::timed::{Timed, tell};
use super::workload::BenchWorkload;
use crate::failure::Failure;

/// The training set of CIFAR-100.
const IMAGES: u32 = 50_000;

/// Times what the host does for a task: reading or making data, the plan of an epoch, a batch, label noise
#[derive(Args)]
#[command(infer_long_args = true)]
pub(crate) struct BenchDataFlags {
    #[command(flatten)]
    workload: BenchWorkload,
    /// A Python with torchvision, which then prepares the same batches of images
    #[arg(long, value_name = "PYTHON")]
    peer: Option<PathBuf>,
    /// Print one JSON document on stdout
    #[arg(long)]
    json: bool,
}

impl BenchDataFlags {
    pub(super) fn run(self) -> Result<(), Failure> {
        let config = self.workload.started(None)?;
        let batch_size = config.batch_size.get();
        if self.workload.task().is_text() && self.peer.is_some() {
            let help = "leave --peer out; `aees bench train sst2 --peer PYTHON` compares training on text";
            return Err(Failure::with_help("the peer prepares no sentences", help));
        }
        let task = load_task(&config, &mut [], &SharedInputs::for_one_run())?;
        let examples = task.train_examples();
        let mut rows = vec![
            Timed::take("load or make the data", || {
                load_task(&config, &mut [], &SharedInputs::for_one_run()).map(drop)
            })?,
            taken("plan an epoch", || drop(black_box(task.plan_epoch(black_box(3))))),
        ];
        drop(task);
        if self.workload.task() == TaskName::Cifar100 {
            let data = Cifar100Config {
                source: DataSource::from(config.data.as_str()),
                limit_train: config.limit_train.map(Into::into),
                limit_eval: Some(100),
                ..Cifar100Config::default()
            };
            let data = data.load().map_err(|error| SessionError::Task(error.into()))?;
            rows.extend(images(&data, batch_size));
        }
        let about = json!({"task": self.workload.task().name(), "data": config.data, "train_examples": examples, "batch_size": batch_size});
        let words = ["--task".into(), "data".into(), "--batch-size".into(), batch_size.to_string()];
        tell(about, &rows, self.peer, &words, self.json)
    }
}

/// Work that cannot fail.
fn taken(name: &str, mut work: impl FnMut()) -> Timed {
    let Ok(timed) = Timed::take(name, || {
        work();
        Ok::<(), std::convert::Infallible>(())
    });
    timed
}

fn images(data: &Cifar100, batch_size: usize) -> Vec<Timed> {
    let plan = EpochPlan::new(0, 0, u32::try_from(data.train.len()).unwrap_or(u32::MAX));
    let normalization = Normalization::cifar100();
    let mut pixels = vec![0.0; batch_size * IMAGE_BYTES];
    let count = (data.train.len() / batch_size).max(1);
    // Another batch each time, so that images come from memory and not from the cache, as in training.
    let mut batches = (0..count).cycle().filter_map(|index| plan.batch(index, batch_size));
    let augmented = taken("augment a batch", || {
        if let Some(batch) = batches.next() {
            let pixels = &mut pixels[..batch.indices.len() * IMAGE_BYTES];
            augment_batch(&data.train, batch.indices, batch.augmentations, &normalization, pixels);
        }
    });
    let normalised = taken("normalise a batch", || {
        if let Some(batch) = batches.next() {
            let pixels = &mut pixels[..batch.indices.len() * IMAGE_BYTES];
            normalize_batch(&data.train, batch.indices, &normalization, pixels);
        }
    });
    let labels: Vec<u32> = (0..IMAGES).map(|index| index % 100).collect();
    let next = next_in_superclass();
    let noise = [LabelNoiseType::Symmetric, LabelNoiseType::Asymmetric].map(|kind| {
        let noise = LabelNoise { kind, rate: 0.4 };
        let name = format!("label noise, {} 0.4, {IMAGES} labels", kind.name());
        taken(&name, || drop(black_box(corrupt_labels(black_box(&labels), noise, 0, &next))))
    });
    [augmented, normalised].into_iter().chain(noise).collect()
}
