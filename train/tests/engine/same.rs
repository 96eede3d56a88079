//! What a step computes is the same in every engine: gradients, and five steps of training from the same first parameters.

use aees_models::NamedTensors;
use aees_run::settings::{Precision, TaskName};
use aees_train::engine::{EngineState, StepControl, StepRecord, Target, build, select};
use aees_train::optimizer::{OptimizerConfig, OptimizerKind};

use super::{ADAMW, SGD, control, difference, job, on_each, steps, tolerance};

/// SGD that keeps nothing and decays nothing: with a learning rate of 1, a step is the gradient.
const PLAIN: OptimizerConfig = OptimizerConfig { kind: OptimizerKind::Sgd { momentum: 0.0 }, weight_decay: 0.0 };

fn run(
    target: &Target,
    task: TaskName,
    optimizer: OptimizerConfig,
    count: u64,
    of: impl Fn(u64) -> StepControl,
) -> (EngineState, Vec<StepRecord>) {
    let mut engine = build(job(task, optimizer, 2), target).unwrap();
    let records = steps(engine.as_mut(), 0, count, of);
    (engine.save().unwrap(), records)
}

/// The gradient of each parameter in the first step.
fn gradients(target: &Target, task: TaskName) -> NamedTensors {
    let mut tensors = job(task, PLAIN, 2).tensors;
    let (after, _) = run(target, task, PLAIN, 1, |step| StepControl { learning_rate: 1.0, ..control(step, 1.0, 0.0) });
    tensors.retain(|name, _| !name.contains("running_"));
    for (name, tensor) in &mut tensors {
        let after = &after.tensors[&format!("model.{name}")];
        tensor.values.iter_mut().zip(&after.values).for_each(|(before, after)| *before -= after);
    }
    tensors
}

fn largest(values: &[f32]) -> f32 {
    values.iter().fold(0.0, |largest, value| largest.max(value.abs()))
}

#[test]
fn gradients_are_those_of_burn_on_the_cpu() {
    let burn = select("burn", "cpu", Precision::F32).unwrap();
    for task in [TaskName::Cifar100, TaskName::AgNews] {
        let expected = gradients(&burn, task);
        let all = expected.values().map(|tensor| largest(&tensor.values)).fold(0.0, f32::max);
        on_each(|target| {
            for (name, tensor) in gradients(target, task) {
                let expected = &expected[&name].values;
                // Some gradients are zero but for rounding, as that of a key's bias.
                let scale = largest(expected).max(1e-3 * all);
                let error = tensor.values.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max) / scale;
                assert!(error < tolerance(target).gradient, "{name}: off by {error:e}");
            }
        });
    }
}

#[test]
fn five_steps_are_those_of_burn_on_the_cpu() {
    let burn = select("burn", "cpu", Precision::F32).unwrap();
    let of = |step| control(step, [1.0, 2.0, 0.5][step as usize % 3], 0.01);
    for task in [TaskName::Cifar100, TaskName::AgNews] {
        for optimizer in [ADAMW, SGD] {
            let (expected, records) = run(&burn, task, optimizer, 5, of);
            on_each(|target| {
                let bound = tolerance(target);
                let (found, ours) = run(target, task, optimizer, 5, of);
                let error = difference(&found, &expected);
                assert!(error < bound.five_steps, "{task:?}, {optimizer:?}: differs by {error:e}");
                for (a, b) in ours.iter().zip(&records) {
                    assert!(
                        (a.loss - b.loss).abs() < bound.loss * b.loss,
                        "step {}: {} and {}",
                        a.step,
                        a.loss,
                        b.loss
                    );
                    let norm = (a.update_norm / b.update_norm - 1.0).abs();
                    assert!(norm < bound.loss, "step {}: norms {} and {}", a.step, a.update_norm, b.update_norm);
                }
            });
        }
    }
}

/// Half the bits in the products; parameters, losses and statistics keep all of theirs.
#[test]
fn a_lower_precision_trains_as_f32_does_but_for_rounding() {
    on_each(|target| {
        let lower = [Precision::Tf32, Precision::Bf16];
        let able = target.engine.precisions(&target.device);
        for precision in lower.into_iter().filter(|precision| able.contains(precision)) {
            for task in [TaskName::Cifar100, TaskName::AgNews] {
                let of = |step| control(step, 1.0, 0.0);
                let (_, full) = run(target, task, ADAMW, 40, of);
                let (state, rounded) = run(&Target { precision, ..target.clone() }, task, ADAMW, 40, of);
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
