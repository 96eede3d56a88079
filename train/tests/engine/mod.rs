//! The suite that every engine passes, on every device that is compiled in and present.
//!
//! `AEES_TEST_DEVICE=cuda:0` narrows it to one device, which must then be there. A GPU that software plays is tested only
//! when it is named: see tests/software_vulkan.sh.

mod images;
mod numbers;
mod parts;
mod same;
mod state;
mod text;

use std::env;
use std::ops::Range;

use aees_run::settings::{RunConfig, TaskName};
use aees_tasks::EpochPlan;
use aees_train::engine::{
    DeviceChoice, Engine, EngineJob, EngineState, StepControl, StepRecord, Target, available, build,
};
use aees_train::optimizer::{OptimizerConfig, OptimizerKind};
use aees_train::session::load_task;
use aees_train::shared_inputs::SharedInputs;

const SGD: OptimizerConfig =
    OptimizerConfig { kind: OptimizerKind::Sgd { momentum: 0.9 }, weight_decay: 1e-4, max_gradient_norm: None };
pub(crate) const ADAMW: OptimizerConfig =
    OptimizerConfig { kind: OptimizerKind::ADAMW, weight_decay: 1e-4, max_gradient_norm: None };

/// The engines and devices to test.
pub(crate) fn targets() -> Vec<Target> {
    let named = env::var("AEES_TEST_DEVICE").ok();
    let wanted = |target: &Target| match &named {
        Some(name) => target.device.choice.to_string() == *name,
        None => !target.device.software,
    };
    let targets: Vec<Target> = available().into_iter().filter(wanted).collect();
    assert!(!targets.is_empty(), "there is no device {named:?} here");
    targets
}

/// Runs a test on each of them; the last name in the output of a failure is the one that failed.
fn on_each(test: impl Fn(&Target)) {
    for target in targets() {
        println!("engine {} on {}", target.engine.name(), target.device.describe());
        test(&target);
    }
}

/// What results and `aees doctor` tell of a GPU that wgpu drives. With WGSL nobody knows its memory.
#[test]
fn a_gpu_tells_its_name_its_driver_and_its_memory() {
    on_each(|Target { device, .. }| {
        let told = format!("{device:?}");
        match device.choice {
            DeviceChoice::Vulkan(_) => {
                assert!(device.memory_bytes > Some(1 << 20) && device.driver.is_some(), "{told}")
            }
            DeviceChoice::Wgpu => assert!(device.name.is_some() && device.driver.is_some(), "{told}"),
            DeviceChoice::Auto | DeviceChoice::Cpu | DeviceChoice::Cuda(_) => {}
        }
        println!("{told}");
    });
}

/// How far an engine may be from what it is compared with, by its kind and device. The only place that says so.
struct Tolerance {
    /// Between two ways to the same state, relative to the largest value of a tensor; 0 is equality to the bit.
    repeated: f32,
    /// Between losses of two engines, relative.
    loss: f64,
    /// The share of predictions in which two engines must agree.
    agreement: f64,
    /// Of the normal numbers of the gradient noise.
    noise: f32,
    /// Between gradients of two engines, relative to the largest value of a tensor.
    gradient: f32,
    /// Between states of two engines after five steps, relative to the largest value of a tensor.
    five_steps: f32,
}

const OTHER: Tolerance =
    Tolerance { repeated: 1e-3, loss: 1e-3, agreement: 0.95, noise: 2e-5, gradient: 1e-3, five_steps: 1e-2 };

fn tolerance(target: &Target) -> Tolerance {
    match (target.engine.name(), target.device.is_host()) {
        // The host's numbers are exact; parameters of size 1 lose the last bits of what is added to them.
        ("burn", true) => Tolerance { repeated: 0.0, noise: 1e-6, ..OTHER },
        // Kernels of a GPU may add in another order, and polynomials are rounded in another way.
        _ => OTHER,
    }
}

/// The job of a small run on made-up data.
pub(crate) fn job(task: TaskName, optimizer: OptimizerConfig, seed: u64) -> EngineJob {
    let mut config = RunConfig::new(task);
    let settings: &[&str] = match task {
        TaskName::Cifar100 => &["limit_train=200", "limit_eval=150", "model_width=4"],
        _ => &["limit_train=200", "limit_eval=40", "model_layers=2", "model_dim=16", "max_length=24"],
    };
    for setting in ["data=synthetic", "batch_size=50"].iter().chain(settings) {
        config.assign(setting).unwrap();
    }
    let task = load_task(&config, &mut [], &SharedInputs::for_one_run()).unwrap();
    config.seed = seed;
    EngineJob { optimizer, ..task.job(&config).unwrap().job }
}

fn image_engine(target: &Target, optimizer: OptimizerConfig, seed: u64) -> Box<dyn Engine> {
    build(job(TaskName::Cifar100, optimizer, seed), target).unwrap()
}

fn text_engine(target: &Target, seed: u64) -> Box<dyn Engine> {
    build(job(TaskName::AgNews, ADAMW, seed), target).unwrap()
}

fn control(step: u64, multiplier: f64, noise_std: f64) -> StepControl {
    StepControl { learning_rate: 0.01, multiplier, noise_std, step }
}

/// Steps `from..to` over the batches of the first epochs, then a drain.
fn steps(engine: &mut dyn Engine, from: u64, to: u64, of: impl Fn(u64) -> StepControl) -> Vec<StepRecord> {
    steps_of(50, engine, from..to, of)
}

/// Examples of a batch so small that a ReLU whose input is zero but for rounding is unlikely.
const FEW: usize = 4;

/// The same, with batches of so many examples.
fn steps_of(
    batch: usize,
    engine: &mut dyn Engine,
    steps: Range<u64>,
    of: impl Fn(u64) -> StepControl,
) -> Vec<StepRecord> {
    let mut records = Vec::new();
    let in_an_epoch = (200 / batch) as u64;
    for step in steps {
        let plan = EpochPlan::new(0, step / in_an_epoch, 200);
        engine.step(plan.batch((step % in_an_epoch) as usize, batch).unwrap(), &of(step)).unwrap();
    }
    engine.drain(&mut records).unwrap();
    records
}

/// The smallest error of a few seeds: where two engines round on either side of a ReLU's kink, they differ, and rightly so. A
/// mistake shows with every seed.
fn of_some_seed(error: impl Fn(u64) -> f32) -> f32 {
    (0..4).map(error).fold(f32::INFINITY, f32::min)
}

/// Largest difference of two states, relative to the largest value of each tensor.
fn difference(a: &EngineState, b: &EngineState) -> f32 {
    assert_eq!(a.tensors.keys().collect::<Vec<_>>(), b.tensors.keys().collect::<Vec<_>>());
    let of = |(a, b): (&Vec<f32>, &Vec<f32>)| {
        let scale = b.iter().fold(f32::MIN_POSITIVE, |scale, value| scale.max(value.abs()));
        a.iter().zip(b).fold(0.0_f32, |worst, (a, b)| worst.max((a - b).abs())) / scale
    };
    a.tensors.values().zip(b.tensors.values()).map(|(a, b)| of((&a.values, &b.values))).fold(0.0, f32::max)
}

/// Equal as far as the target repeats itself.
fn assert_same(a: &EngineState, b: &EngineState, target: &Target) {
    match tolerance(target).repeated {
        0.0 => assert!(a == b, "differs by {}", difference(a, b)),
        bound => assert!(difference(a, b) < bound, "differs by {}", difference(a, b)),
    }
}
