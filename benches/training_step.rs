//! The cost of a training step, and what AEES adds to it: ResNet-18 at batch 128 on synthetic images.
//!
//! The plain optimizer, AEES on the learning rate, and AEES with gradient noise take their steps in turn in one process on one
//! engine, so that a drift of the machine's speed touches all three alike. One line of JSON comes out, with the keys of the
//! PyTorch script beside it (`benches/pytorch_step.py`) where they mean the same.
//!
//! `--plain yes` takes plain steps alone, `--evaluate N` classifies N images instead of training: the single times come out,
//! for `benches/images_in_turn.py`.
//!
//!     cargo bench --bench training_step -- --width 64 --rounds 8
//!     cargo bench --bench training_step -- --device cuda:0 --rounds 100

#[path = "step/mod.rs"]
mod step;

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Instant;

use aees_control::{Aees, AeesConfig};
use aees_run::hardware::{Hardware, peak_resident_memory_bytes};
use aees_run::settings::{Precision, RunConfig, TaskName};
use aees_tasks::{Cifar100Config, DataSource, EpochPlan, Normalization, augment_batch};
use aees_train::cifar100::Cifar100Task;
use aees_train::engine::{Split, StepControl, build, select};
use aees_train::optimizer::{OptimizerConfig, OptimizerKind};
use aees_train::training_task::{JobSetup, TrainingTask};
use serde_json::json;

use step::{METHODS, argument, median, overhead_percent, range, turns};

fn main() {
    let batch_size: usize = argument("--batch", 128);
    let evaluate: usize = argument("--evaluate", 0);
    let plain = argument("--plain", "no".to_owned()) == "yes";
    let width: NonZeroUsize = argument("--width", NonZeroUsize::MIN.saturating_add(63));
    let rounds: usize = argument("--rounds", 8);
    let optimizer: String = argument("--optimizer", "AdamW".to_owned());
    let device: String = argument("--device", "cpu".to_owned());
    let target = select("auto", &device, Precision::F32).unwrap_or_else(|error| panic!("{error}"));
    let kind = if optimizer == "SGD" { OptimizerKind::Sgd { momentum: 0.9 } } else { OptimizerKind::ADAMW };

    let images = 20 * batch_size;
    let data = Cifar100Config {
        source: DataSource::Synthetic,
        limit_train: Some(images),
        limit_eval: Some(evaluate.max(100)),
        ..Cifar100Config::default()
    };
    let data = Arc::new(data.load().expect("synthetic images need no files"));
    let mut config = RunConfig::new(TaskName::Cifar100);
    config.model_width = width;
    let task = Cifar100Task::new(&config, data.clone());
    let optimizer_config = OptimizerConfig { kind, weight_decay: 1e-4 };
    let setup = JobSetup { optimizer: optimizer_config, seed: 0, batch_size };
    let job = task.job(&setup).unwrap_or_else(|error| panic!("{error}")).job;
    let mut engine = build(job, &target).unwrap_or_else(|error| panic!("{error}"));

    let plan = EpochPlan::new(0, 0, images as u32);
    let mut seconds = [vec![], vec![], vec![]];
    let (mut step, mut losses) = (0, Vec::new());
    // One round to warm up: thread pools, allocator, and on a GPU the tuning of kernels.
    for round in 0..=rounds {
        if evaluate > 0 {
            let start = Instant::now();
            engine.predict(Split::Test).unwrap_or_else(|error| panic!("{error}"));
            if round > 0 {
                seconds[0].push(start.elapsed().as_secs_f64());
            }
            continue;
        }
        for method in turns(round).filter(|method| !plain || *method == 0) {
            let (_, multiplier, noise_std) = METHODS[method];
            let batch = plan.batch(step % 20, batch_size).expect("the plan has twenty batches");
            let control = StepControl { learning_rate: 1e-4, multiplier, noise_std, step: step as u64 };
            let start = Instant::now();
            engine.step(batch, &control).unwrap_or_else(|error| panic!("{error}"));
            engine.drain(&mut losses).unwrap_or_else(|error| panic!("{error}"));
            if round > 0 {
                seconds[method].push(start.elapsed().as_secs_f64());
            }
            step += 1;
        }
    }

    if plain || evaluate > 0 {
        let peak = peak_resident_memory_bytes().map(|bytes| bytes as f64 / 1048576.0);
        println!("{}", json!({ "seconds": seconds[0], "peak_rss_mb": peak }));
        return;
    }
    let medians = seconds.each_ref().map(|times| median(times.clone()));
    let mut pixels = vec![0.0; batch_size * 3072];
    let augmentation = time(100, || {
        let batch = plan.batch(3, batch_size).expect("the plan has twenty batches");
        augment_batch(&data.train, batch.indices, batch.augmentations, &Normalization::cifar100(), &mut pixels);
    });
    let hardware = Hardware::probe();
    println!(
        "{}",
        json!({
            "engine": target.engine.version(), "device": target.device.describe(), "cpu": hardware.cpu_model,
            "threads": hardware.available_cores, "width": width, "batch_size": batch_size, "optimizer": optimizer,
            "rounds": rounds,
            "median_step_s": medians[0], "lr_median_step_s": medians[1], "dual_median_step_s": medians[2],
            "lr_overhead_percent": overhead_percent(&seconds[1], &seconds[0]), "dual_overhead_percent": overhead_percent(&seconds[2], &seconds[0]),
            "step_s_min_max": range(&seconds[0]),
            "examples_per_s": batch_size as f64 / medians[0],
            "augmentation_s": augmentation, "augmentation_percent": 100.0 * augmentation / medians[0],
            "controller_episode_s": controller_episode(),
            "peak_rss_mb": peak_resident_memory_bytes().map(|bytes| bytes as f64 / 1048576.0),
            "first_loss": losses.first().map(|record| record.loss), "last_loss": losses.last().map(|record| record.loss),
        })
    );
}

/// Seconds that the controllers take for a whole episode of 200 steps.
fn controller_episode() -> f64 {
    let config = AeesConfig {
        lr_candidates: vec![0.5, 1.0, 2.0],
        noise_candidates: vec![0.0, 0.005, 0.01],
        episode_length: 200,
        seed: Some(0),
        ..AeesConfig::default()
    };
    let mut aees = Aees::new(config).expect("the settings are fine");
    let mut step = 0;
    time(200, || {
        aees.open(step).expect("steps are numbered");
        for offset in 0..200 {
            aees.record(4.0 - 0.001 * f64::from(offset), Some(1.0)).expect("losses are finite");
        }
        step += 200;
    })
}

fn time(repeats: u32, mut work: impl FnMut()) -> f64 {
    let times = (0..repeats).map(|_| {
        let start = Instant::now();
        work();
        start.elapsed().as_secs_f64()
    });
    median(times.collect())
}
