//! Random numbers of a step: gradient noise and dropout are functions of their keys, the same for every engine.

use aees_models::parameter_numbers;
use aees_run::settings::TaskName;
use aees_train::engine::{StepControl, build};
use aees_train::optimizer::{NoiseKey, OptimizerConfig, OptimizerKind};

use super::{SGD, control, image_engine, job, on_each, steps, tolerance};

/// SGD that keeps nothing and decays nothing: a step is the noised gradient.
const PLAIN: OptimizerConfig =
    OptimizerConfig { kind: OptimizerKind::Sgd { momentum: 0.0 }, weight_decay: 0.0, max_gradient_norm: None };

#[test]
fn noise_depends_on_the_seed_and_the_step_and_moves_the_weights_by_its_size() {
    on_each(|target| {
        let mut plain = image_engine(target, SGD, 0);
        let mut noisy = image_engine(target, SGD, 0);
        let quiet = steps(plain.as_mut(), 0, 1, |step| control(step, 1.0, 0.0));
        let loud = steps(noisy.as_mut(), 0, 1, |step| control(step, 1.0, 1.0));
        assert_eq!(quiet[0].loss, loud[0].loss, "the loss is that before the update");
        // With unit noise on n parameters the update is dominated by lr * sqrt(n).
        let saved = plain.save().unwrap();
        let slots = saved.tensors.iter().filter(|(name, _)| name.starts_with("optimizer."));
        let parameters: usize = slots.map(|(_, slot)| slot.values.len()).sum();
        let expected = 0.01 * (parameters as f64).sqrt();
        assert!((loud[0].update_norm / expected - 1.0).abs() < 0.05, "{} of {expected}", loud[0].update_norm);
        assert!(loud[0].update_norm > 2.0 * quiet[0].update_norm);
    });
}

/// A parameter's noise is keyed by its place in PyTorch's `parameters()`: running statistics do not count.
#[test]
fn each_parameter_gets_the_noise_of_its_place() {
    on_each(|target| {
        let job = job(TaskName::Cifar100, PLAIN, 5);
        let tensors = job.model.tensors();
        let step = (3 << 32) + 7;
        let after = |noise_std| {
            let mut engine = build(job.clone(), target).unwrap();
            let control = |_| StepControl { learning_rate: 1.0, multiplier: 1.0, noise_std, step };
            steps(engine.as_mut(), 0, 1, control);
            engine.save().unwrap().tensors
        };
        let (plain, noisy) = (after(0.0), after(1.0));
        for (info, number) in tensors.iter().zip(parameter_numbers(&tensors)) {
            let name = format!("model.{}", info.name);
            let moved = plain[&name].values.iter().zip(&noisy[&name].values).map(|(plain, noisy)| plain - noisy);
            let expected = match number {
                Some(parameter) => NoiseKey { seed: 5, parameter: parameter as u32, step }.tile(0).to_vec(),
                None => vec![0.0; info.elements()],
            };
            let bound = 4.0 * tolerance(target).noise;
            let error = moved.zip(expected).map(|(moved, noise)| (moved - noise).abs()).fold(0.0, f32::max);
            assert!(error < bound, "{name}: off by {error:e}");
        }
        let last = tensors.iter().zip(parameter_numbers(&tensors)).next_back().unwrap();
        assert_eq!((last.0.name.as_str(), last.1), ("fc.bias", Some(61)));
    });
}

#[test]
fn dropout_is_a_function_of_its_seed_and_the_step() {
    on_each(|target| {
        let job = job(TaskName::AgNews, PLAIN, 3);
        let loss = |dropout_seed, noise_seed, step| {
            let mut job = job.clone();
            (job.dropout_seed, job.noise_seed) = (dropout_seed, noise_seed);
            let mut engine = build(job, target).unwrap();
            steps(engine.as_mut(), 0, 1, |_| control(step, 1.0, 0.01))[0].loss
        };
        let first = loss(3, 3, 9);
        assert_eq!(first, loss(3, 8, 9), "the loss is that before the noise");
        assert_ne!(first, loss(4, 3, 9));
        assert_ne!(first, loss(3, 3, 10));
        assert_ne!(first, loss(3, 3, 9 + (1 << 32)));
    });
}
