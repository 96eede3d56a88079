//! The step on every device against that on the CPU.

use aees_train::engine::burn::optimizer::{Optimizer, SquaredNorm};
use aees_train::optimizer::{OptimizerConfig, OptimizerKind, StepControl};
use burn::tensor::Device;

use super::devices;
use super::model::{LARGE, assert_close, values};

const CONFIGS: [OptimizerConfig; 5] = [
    OptimizerConfig { kind: OptimizerKind::ADAMW, weight_decay: 0.01, max_gradient_norm: None },
    OptimizerConfig { kind: OptimizerKind::Sgd { momentum: 0.9 }, weight_decay: 5e-4, max_gradient_norm: None },
    OptimizerConfig { kind: OptimizerKind::Sgd { momentum: 0.0 }, weight_decay: 0.0, max_gradient_norm: None },
    // The gradients' norm is about 138.
    OptimizerConfig { kind: OptimizerKind::ADAMW, weight_decay: 0.01, max_gradient_norm: Some(20.0) },
    OptimizerConfig { kind: OptimizerKind::Sgd { momentum: 0.9 }, weight_decay: 5e-4, max_gradient_norm: Some(1e3) },
];

/// The host's noise is the device's, and what is read back is the noise itself: parameters and gradients are zero.
fn draws_the_same_noise(device: &Device) {
    let zero = LARGE.lengths().map(|length| vec![0.0; length]);
    let draw = |device: &Device, seed, step| {
        let control = StepControl { learning_rate: -1.0, multiplier: 1.0, noise_std: 1.0, step };
        let model = LARGE.model(zero.clone(), device);
        let mut optimizer = Optimizer::new(CONFIGS[2], seed, &model);
        values(&LARGE.step(&mut optimizer, model, &zero, &control).0)
    };
    for (seed, step) in [(0, 0), (0xdead_beef_0123_4567, 0x0001_0002_0003_0004)] {
        let expected = draw(&Device::flex().autodiff(), seed, step);
        assert_close(&draw(device, seed, step), &expected, 1e-5, 1.0, "noise");
    }
}

/// Five steps with varying multiplier and noise; the norms are read once, at the end.
fn takes_the_same_steps(device: &Device, noise: f64) {
    for config in CONFIGS {
        let run = |device: &Device| {
            let mut model = LARGE.model(LARGE.values(1), device);
            let mut optimizer = Optimizer::new(config, 7, &model);
            let mut norms = Vec::new();
            for step in 0..5_u64 {
                let multiplier = [1.0, 2.0, 0.5][step as usize % 3];
                let control = StepControl { learning_rate: 1e-3, multiplier, noise_std: noise, step };
                let gradients = LARGE.values(10 + step as u32);
                let (stepped, norm) = LARGE.step(&mut optimizer, model, &gradients, &control);
                assert_eq!(matches!(norm, SquaredNorm::Host(_)), device.clone().inner() == Device::flex());
                model = stepped;
                norms.push(norm);
            }
            let state = optimizer.slots().unwrap();
            (values(&model), SquaredNorm::read_all(norms).unwrap(), state)
        };
        let (expected, expected_norms, expected_state) = run(&Device::flex().autodiff());
        let (found, norms, state) = run(device);
        assert_close(&found, &expected, 1e-6, 1.0, &format!("{config:?}, noise {noise}"));
        for (found, expected) in norms.iter().zip(&expected_norms) {
            assert!((found / expected - 1.0).abs() < 1e-4, "squared norm {found} for {expected}");
        }
        assert_eq!(state.keys().collect::<Vec<_>>(), expected_state.keys().collect::<Vec<_>>());
        for (name, slot) in &state {
            for (found, expected) in slot.values.iter().zip(&expected_state[name].values) {
                assert!((found - expected).abs() < 1e-5, "{name}: {found} for {expected}");
            }
        }
    }
}

/// A state that went through the host continues as if nothing had happened.
fn continues_from_a_state(device: &Device) {
    let config = CONFIGS[0];
    let control = |step| StepControl { learning_rate: 1e-3, multiplier: 1.0, noise_std: 0.1, step };
    let model = LARGE.model(LARGE.values(1), device);
    let mut first = Optimizer::new(config, 7, &model);
    let (model, _) = LARGE.step(&mut first, model, &LARGE.values(2), &control(0));
    let slots = first.slots().unwrap();

    let copy = LARGE.model(values(&model), device);
    let mut second = Optimizer::new(config, 7, &copy);
    second.restore(1, slots).unwrap();
    let (straight, _) = LARGE.step(&mut first, model, &LARGE.values(3), &control(1));
    let (resumed, _) = LARGE.step(&mut second, copy, &LARGE.values(3), &control(1));
    assert_close(&values(&resumed), &values(&straight), 1e-6, 1.0, "resumed");
}

fn agrees_with_the_host(device: &Device) {
    draws_the_same_noise(device);
    takes_the_same_steps(device, 0.0);
    takes_the_same_steps(device, 0.1);
    continues_from_a_state(device);
}

#[test]
fn every_device_takes_the_steps_of_the_cpu() {
    for (name, device) in devices() {
        println!("{name}");
        agrees_with_the_host(&device.autodiff());
    }
}
