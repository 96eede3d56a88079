//! The cost of a training step on sentences, and what AEES adds to it: DistilBERT-base on SST-2's real batches of 16.
//!
//! The plain optimizer, AEES on the learning rate, and AEES with gradient noise take their steps in turn in one process on one
//! engine, each on the same batches, so that a drift of the machine's speed touches all three alike. One line of JSON comes
//! out, with the keys of the peer script where they mean the same.
//!
//!     cargo bench --bench text_step -- --data FOLDER --tokenizer FOLDER --rounds 20
//!     cargo bench --bench text_step -- --data synthetic --layers 2 --dim 128

#[path = "step/mod.rs"]
mod step;

use std::num::NonZeroUsize;
use std::time::Instant;

use aees_run::hardware::{Hardware, peak_resident_memory_bytes};
use aees_run::settings::{Precision, RunConfig, TaskName};
use aees_train::engine::{StepControl, build, select};
use aees_train::optimizer::{OptimizerConfig, OptimizerKind};
use aees_train::session::load_task;
use aees_train::training_task::JobSetup;
use serde_json::json;

use step::{METHODS, argument, median, overhead_percent, range, turns};

fn main() {
    let rounds: usize = argument("--rounds", 20);
    let data: String = argument("--data", "synthetic".to_owned());
    let tokenizer: String = argument("--tokenizer", String::new());
    let device: String = argument("--device", "cpu".to_owned());
    let target = select("auto", &device, Precision::F32).unwrap_or_else(|error| panic!("{error}"));
    let mut config = RunConfig::new(TaskName::Sst2);
    let layers: usize = argument("--layers", 6);
    let dim: usize = argument("--dim", 768);
    config.data = data.clone();
    config.tokenizer = (!tokenizer.is_empty()).then_some(tokenizer);
    (config.model_layers, config.model_dim) = (NonZeroUsize::new(layers), NonZeroUsize::new(dim));
    let task = load_task(&config, &mut []).unwrap_or_else(|error| panic!("{error}"));
    let optimizer = OptimizerConfig { kind: OptimizerKind::ADAMW, weight_decay: 0.01 };
    let batch_size = config.batch_size.get();
    let job = task.job(&JobSetup { optimizer, seed: 0, batch_size }).unwrap_or_else(|error| panic!("{error}")).job;
    let mut engine = build(job, &target).unwrap_or_else(|error| panic!("{error}"));

    let plan = task.plan_epoch(0);
    let mut seconds = [vec![], vec![], vec![]];
    let (mut step, mut losses) = (0, Vec::new());
    // Two rounds to warm up: thread pools, allocator, and on a GPU the tuning of kernels.
    for round in 0..rounds + 2 {
        let batch = plan.batch(round, batch_size).expect("an epoch has more batches than rounds");
        for method in turns(round) {
            let (_, multiplier, noise_std) = METHODS[method];
            let control = StepControl { learning_rate: 5e-5, multiplier, noise_std, step };
            let start = Instant::now();
            engine.step(batch, &control).unwrap_or_else(|error| panic!("{error}"));
            engine.drain(&mut losses).unwrap_or_else(|error| panic!("{error}"));
            if round >= 2 {
                seconds[method].push(start.elapsed().as_secs_f64());
            }
            step += 1;
        }
    }
    let mean = |times: &[f64]| times.iter().sum::<f64>() / times.len() as f64;
    let hardware = Hardware::probe();
    println!(
        "{}",
        json!({
            "engine": target.engine.version(), "device": target.device.describe(), "cpu": hardware.cpu_model,
            "threads": hardware.available_cores, "task": "sst2", "data": data, "layers": layers, "dim": dim,
            "batch_size": batch_size, "rounds": rounds,
            "mean_step_s": mean(&seconds[0]), "median_step_s": median(seconds[0].clone()),
            "lr_median_step_s": median(seconds[1].clone()), "dual_median_step_s": median(seconds[2].clone()),
            "step_s_min_max": range(&seconds[0]),
            "lr_overhead_percent": overhead_percent(&seconds[1], &seconds[0]), "dual_overhead_percent": overhead_percent(&seconds[2], &seconds[0]),
            "peak_rss_mb": peak_resident_memory_bytes().map(|bytes| bytes as f64 / 1048576.0),
            "first_loss": losses.first().map(|record| record.loss), "last_loss": losses.last().map(|record| record.loss),
        })
    );
}
