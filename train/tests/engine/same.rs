//! What a step computes is the same in every engine: gradients, and five steps of training from the same first parameters.
//!
//! A ReLU whose input is zero but for rounding is open in one engine and closed in another, and then gradients differ by a
//! thousandth and more. So batches are small here, and the best of a few seeds counts: see [`of_some_seed`].

use aees_models::NamedTensors;
use aees_run::settings::{Precision, TaskName};
use aees_train::engine::{EngineState, StepControl, StepRecord, Target, build, select};
use aees_train::optimizer::{OptimizerConfig, OptimizerKind};

use super::{ADAMW, FEW, SGD, control, difference, job, of_some_seed, on_each, steps, steps_of, tolerance};

/// SGD that keeps nothing and decays nothing: with a learning rate of 1, a step is the gradient.
const PLAIN: OptimizerConfig =
    OptimizerConfig { kind: OptimizerKind::Sgd { momentum: 0.0 }, weight_decay: 0.0, max_gradient_norm: None };

fn run(
    target: &Target,
    task: TaskName,
    optimizer: OptimizerConfig,
    seed: u64,
    of: impl Fn(u64) -> StepControl,
) -> (EngineState, Vec<StepRecord>) {
    let mut engine = build(job(task, optimizer, seed), target).unwrap();
    let records = steps_of(FEW, engine.as_mut(), 0..5, of);
    (engine.save().unwrap(), records)
}

/// The gradient of each parameter in the first step.
fn gradients(target: &Target, task: TaskName, seed: u64) -> NamedTensors {
    let job = job(task, PLAIN, seed);
    let mut tensors = job.tensors.clone();
    let mut engine = build(job, target).unwrap();
    steps_of(FEW, engine.as_mut(), 0..1, |step| StepControl { learning_rate: 1.0, ..control(step, 1.0, 0.0) });
    let after = engine.save().unwrap().tensors;
    tensors.retain(|name, _| !name.contains("running_"));
    for (name, tensor) in &mut tensors {
        let after = &after[&format!("model.{name}")];
        tensor.values.iter_mut().zip(&after.values).for_each(|(before, after)| *before -= after);
    }
    tensors
}

fn largest(values: &[f32]) -> f32 {
    values.iter().fold(0.0, |largest, value| largest.max(value.abs()))
}

/// The largest error of a gradient, relative to the largest value of its tensor.
fn error_of(found: &NamedTensors, expected: &NamedTensors) -> f32 {
    let all = expected.values().map(|tensor| largest(&tensor.values)).fold(0.0, f32::max);
    let of = |name: &String| {
        // Some gradients are zero but for rounding, as that of a key's bias.
        let scale = largest(&expected[name].values).max(1e-3 * all);
        let pairs = found[name].values.iter().zip(&expected[name].values);
        pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max) / scale
    };
    assert!(found.keys().eq(expected.keys()));
    expected.keys().map(of).fold(0.0, f32::max)
}

#[test]
fn gradients_are_those_of_burn_on_the_cpu() {
    let burn = select("burn", "cpu", Precision::F32).unwrap();
    on_each(|target| {
        for task in [TaskName::Cifar100, TaskName::AgNews] {
            let error = of_some_seed(|seed| error_of(&gradients(target, task, seed), &gradients(&burn, task, seed)));
            assert!(error < tolerance(target).gradient, "{task:?}: off by {error:e}");
        }
    });
}

#[test]
fn five_steps_are_those_of_burn_on_the_cpu() {
    let burn = select("burn", "cpu", Precision::F32).unwrap();
    let of = |step| StepControl { learning_rate: 1e-3, ..control(step, [1.0, 2.0, 0.5][step as usize % 3], 0.01) };
    on_each(|target| {
        for task in [TaskName::Cifar100, TaskName::AgNews] {
            for optimizer in [ADAMW, SGD] {
                let error = of_some_seed(|seed| {
                    let (found, ours) = run(target, task, optimizer, seed, of);
                    let (expected, theirs) = run(&burn, task, optimizer, seed, of);
                    let relative = |a: f64, b: f64| (a / b - 1.0).abs() as f32;
                    let pairs = ours.iter().zip(&theirs);
                    let told = pairs.map(|(a, b)| relative(a.loss, b.loss).max(relative(a.update_norm, b.update_norm)));
                    told.fold(difference(&found, &expected), f32::max)
                });
                assert!(error < tolerance(target).five_steps, "{task:?}, {optimizer:?}: differs by {error:e}");
            }
        }
    });
}

/// Half the bits in the products; parameters, losses and statistics keep all of theirs.
#[test]
fn a_lower_precision_trains_as_f32_does_but_for_rounding() {
    on_each(|target| {
        let lower = [Precision::Tf32, Precision::Bf16];
        let able = target.engine.precisions(&target.device);
        for precision in lower.into_iter().filter(|precision| able.contains(precision)) {
            for task in [TaskName::Cifar100, TaskName::AgNews] {
                let train = |target: &Target| {
                    let mut engine = build(job(task, ADAMW, 2), target).unwrap();
                    let records = steps(engine.as_mut(), 0, 40, |step| control(step, 1.0, 0.0));
                    (engine.save().unwrap(), records)
                };
                let (_, full) = train(target);
                let (state, rounded) = train(&Target { precision, ..target.clone() });
                assert!(
                    (rounded[0].loss / full[0].loss - 1.0).abs() < 1e-2,
                    "{} and {}",
                    rounded[0].loss,
                    full[0].loss
                );
                assert_ne!(rounded[0].loss, full[0].loss, "{precision:?} changes nothing");
                let mean = |records: &[StepRecord]| records.iter().map(|record| record.loss).sum::<f64>() / 8.0;
                let (last, expected) = (mean(&rounded[32..]), mean(&full[32..]));
                assert!((last / expected - 1.0).abs() < 0.1, "{precision:?}, {task:?}: {last} for {expected}");
                let fine = |value: &f32| value.to_bits() & 0xffff != 0;
                assert!(state.tensors.values().any(|tensor| tensor.values.iter().any(fine)), "parameters of f32");
            }
        }
    });
}
