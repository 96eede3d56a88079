//! The device path against the host path: on Flex always, and on the device that `AEES_TEST_DEVICE` names.

#![allow(clippy::unwrap_used, reason = "a panic is the report of a test")]

mod model;

use aees_train::engine::device::{DeviceChoice, find};
use aees_train::optimizer::{Optimizer, OptimizerConfig, OptimizerKind, Placement, SquaredNorm, StepControl};
use burn::tensor::Device;
use model::{LARGE, assert_close, values};

const CONFIGS: [OptimizerConfig; 3] = [
    OptimizerConfig { kind: OptimizerKind::ADAMW, weight_decay: 0.01 },
    OptimizerConfig { kind: OptimizerKind::Sgd { momentum: 0.9 }, weight_decay: 5e-4 },
    OptimizerConfig { kind: OptimizerKind::Sgd { momentum: 0.0 }, weight_decay: 0.0 },
];

/// The host's noise is the device's, and what is read back is the noise itself: parameters and gradients are zero.
fn draws_the_same_noise(device: &Device) {
    let zero = LARGE.lengths().map(|length| vec![0.0; length]);
    let draw = |device: &Device, placement, seed, step| {
        let control = StepControl { learning_rate: -1.0, multiplier: 1.0, noise_std: 1.0, step };
        let mut optimizer = Optimizer::with_placement(CONFIGS[2], seed, placement);
        values(&LARGE.step(&mut optimizer, LARGE.model(zero.clone(), device), &zero, &control).0)
    };
    for (seed, step) in [(0, 0), (0xdead_beef_0123_4567, 0x0001_0002_0003_0004)] {
        let expected = draw(&Device::flex().autodiff(), Placement::Host, seed, step);
        assert_close(&draw(device, Placement::Device, seed, step), &expected, 1e-5, 1.0, "noise");
    }
}

/// Five steps with varying multiplier and noise; the norms are read once, at the end.
fn takes_the_same_steps(device: &Device, noise: f64) {
    for config in CONFIGS {
        let run = |device: &Device, placement| {
            let mut optimizer = Optimizer::with_placement(config, 7, placement);
            let mut model = LARGE.model(LARGE.values(1), device);
            let mut norms = Vec::new();
            for step in 0..5_u64 {
                let multiplier = [1.0, 2.0, 0.5][step as usize % 3];
                let control = StepControl { learning_rate: 1e-3, multiplier, noise_std: noise, step };
                let gradients = LARGE.values(10 + step as u32);
                let (stepped, norm) = LARGE.step(&mut optimizer, model, &gradients, &control);
                assert_eq!(matches!(norm, SquaredNorm::Device(_)), placement == Placement::Device);
                model = stepped;
                norms.push(norm);
            }
            let state = optimizer.state().unwrap();
            (values(&model), SquaredNorm::read_all(norms).unwrap(), state)
        };
        let (expected, expected_norms, expected_state) = run(&Device::flex().autodiff(), Placement::Host);
        let (found, norms, state) = run(device, Placement::Device);
        assert_close(&found, &expected, 1e-6, 1.0, &format!("{config:?}, noise {noise}"));
        for (found, expected) in norms.iter().zip(&expected_norms) {
            assert!((found / expected - 1.0).abs() < 1e-4, "squared norm {found} for {expected}");
        }
        assert_eq!(state.slots.len(), expected_state.slots.len());
        for (found, expected) in state.slots.iter().zip(&expected_state.slots) {
            assert_eq!((found.parameter, found.kind), (expected.parameter, expected.kind));
            let pairs = found.data.as_slice::<f32>().unwrap().iter().zip(expected.data.as_slice::<f32>().unwrap());
            for (found, expected) in pairs {
                assert!((found - expected).abs() < 1e-5, "{:?}: {found} for {expected}", found);
            }
        }
    }
}

/// A state that went through the host continues as if nothing had happened.
fn continues_from_a_state(device: &Device) {
    let config = CONFIGS[0];
    let control = |step| StepControl { learning_rate: 1e-3, multiplier: 1.0, noise_std: 0.1, step };
    let mut first = Optimizer::with_placement(config, 7, Placement::Device);
    let model = LARGE.model(LARGE.values(1), device);
    let (model, _) = LARGE.step(&mut first, model, &LARGE.values(2), &control(0));
    let state = first.state().unwrap();

    let copy = LARGE.model(values(&model), device);
    let mut second = Optimizer::with_placement(config, 7, Placement::Device);
    second.restore(state, &copy).unwrap();
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
fn the_device_path_on_flex_agrees_with_the_host_path() {
    agrees_with_the_host(&Device::flex().autodiff());
}

/// On the device that `AEES_TEST_DEVICE` names, as in `engine.rs`; on the CPU it is the test above once more.
#[test]
fn the_device_path_on_the_tested_device_agrees_with_the_host_path() {
    let name = std::env::var("AEES_TEST_DEVICE").unwrap_or_else(|_| "cpu".into());
    let found = find(name.parse::<DeviceChoice>().unwrap()).unwrap();
    agrees_with_the_host(&found.device.autodiff());
}
