//! The step over a device's memory against the pass over plain memory, in host memory, where both work.

use std::collections::BTreeMap;

use aees_models::libtorch::NetworkTensors;
use aees_models::{HostTensor, TensorInfo};
use tch::{Device, Tensor, no_grad};

use super::*;
use crate::optimizer::{OptimizerKind, TILE};

const CONFIGS: [OptimizerConfig; 3] = [
    OptimizerConfig { kind: OptimizerKind::ADAMW, weight_decay: 0.01, max_gradient_norm: None },
    OptimizerConfig { kind: OptimizerKind::Sgd { momentum: 0.9 }, weight_decay: 5e-4, max_gradient_norm: None },
    OptimizerConfig { kind: OptimizerKind::Sgd { momentum: 0.0 }, weight_decay: 0.0, max_gradient_norm: None },
];

/// More than one tile, more than one chunk, and last tiles that are not full.
const SHAPES: [(&str, &[usize]); 4] =
    [("matrix", &[123, 457]), ("vector", &[300]), ("kernel", &[8, 5, 3, 3]), ("one", &[1])];

/// Deterministic numbers between -1 and 1.
fn numbers(salt: u32, count: usize) -> Vec<f32> {
    let word = |index: u32| (index ^ salt).wrapping_mul(0x9E37_79B9).rotate_left(7).wrapping_mul(0x85EB_CA6B);
    (0..count as u32).map(|index| word(index) as i32 as f32 / (1_u32 << 31) as f32).collect()
}

fn network() -> NetworkTensors {
    let infos: Vec<TensorInfo> = SHAPES.iter().map(|(name, shape)| TensorInfo::parameter(*name, *shape)).collect();
    let value = |info: &TensorInfo| HostTensor { shape: info.shape.clone(), values: numbers(1, info.elements()) };
    let values: BTreeMap<_, _> = infos.iter().map(|info| (info.name.clone(), value(info))).collect();
    NetworkTensors::new(infos, &values, TILE, Device::Cpu).unwrap()
}

/// Parameters, slots and norms of some steps.
struct Steps {
    network: NetworkTensors,
    optimizer: Optimizer,
}

impl Steps {
    fn new(config: OptimizerConfig, on_host: bool) -> Self {
        let network = network();
        Self { optimizer: Optimizer::with_placement(config, 7, &network, on_host), network }
    }

    fn take(&mut self, steps: std::ops::Range<u64>, std: f64) -> Vec<f64> {
        let step = |step: u64| {
            let gradients = SHAPES.iter().map(|(_, shape)| {
                let shape: Vec<i64> = shape.iter().map(|extent| *extent as i64).collect();
                Tensor::from_slice(&numbers(10 + step as u32, shape.iter().product::<i64>() as usize)).view(&shape[..])
            });
            let control = StepControl {
                learning_rate: 1e-3,
                multiplier: [1.0, 2.0, 0.5][step as usize % 3],
                noise_std: std,
                step: step + (1 << 33),
            };
            let norm = no_grad(|| self.optimizer.step(&mut self.network, gradients.collect(), &control)).unwrap();
            norm.gradient.iter().chain([&norm.update]).map(|norm| norm.double_value(&[])).sum()
        };
        steps.map(step).collect()
    }

    fn state(&self) -> [NamedTensors; 2] {
        [self.network.read().unwrap(), self.optimizer.slots(&self.network).unwrap()]
    }
}

fn assert_close(found: &[NamedTensors; 2], expected: &[NamedTensors; 2], what: &str) {
    for (found, expected) in found.iter().zip(expected) {
        assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
        for (name, tensor) in found {
            for (a, b) in tensor.values.iter().zip(&expected[name].values) {
                assert!((a - b).abs() < 1e-5, "{what}: {name}: {a} for {b}");
            }
        }
    }
}

#[test]
fn a_device_takes_the_hosts_steps() {
    for config in CONFIGS {
        for std in [0.0, 0.1] {
            let (mut host, mut device) = (Steps::new(config, true), Steps::new(config, false));
            let (expected, found) = (host.take(0..5, std), device.take(0..5, std));
            assert_close(&device.state(), &host.state(), &format!("{config:?}, noise {std}"));
            for (found, expected) in found.iter().zip(&expected) {
                assert!((found / expected - 1.0).abs() < 1e-4, "squared norm {found} for {expected}");
            }
        }
    }
}

/// The sum of both norms is compared too.
#[test]
fn a_device_clips_as_the_host_does() {
    for max_norm in [0.5, 1e9] {
        let config = OptimizerConfig { max_gradient_norm: Some(max_norm), ..CONFIGS[1] };
        let (mut host, mut device) = (Steps::new(config, true), Steps::new(config, false));
        let (expected, found) = (host.take(0..3, 0.1), device.take(0..3, 0.1));
        assert_close(&device.state(), &host.state(), &format!("{max_norm}"));
        for (found, expected) in found.iter().zip(&expected) {
            assert!((found / expected - 1.0).abs() < 1e-4, "squared norms {found} for {expected}");
        }
    }
}

#[test]
fn a_device_goes_on_from_the_hosts_state_and_the_host_from_its() {
    for (first, second) in [(true, false), (false, true)] {
        let mut whole = Steps::new(CONFIGS[0], first);
        whole.take(0..2, 0.1);
        let mut rest = Steps::new(CONFIGS[0], second);
        let [model, slots] = whole.state();
        rest.network.write(&model).unwrap();
        rest.optimizer.restore(&rest.network, 2, slots).unwrap();
        whole.take(2..4, 0.1);
        rest.take(2..4, 0.1);
        assert_close(&rest.state(), &whole.state(), "resumed");
    }
}

/// What is read back is the noise itself: the gradients are zero.
#[test]
fn a_device_draws_the_hosts_noise() {
    for (seed, step) in [(0, 0), (0xdead_beef_0123_4567, 0x0001_0002_0003_0004)] {
        let network = network();
        let mut noise = noise::DeviceNoise::new(seed, &network);
        noise.stage(step);
        let drawn = noise.draw();
        let drawn = host_values(&drawn).unwrap();
        for (number, parameter) in (0..).zip(network.parameters()) {
            let key = NoiseKey { seed, parameter: number, step };
            let expected = (0..).flat_map(|tile| key.tile(tile));
            for (a, b) in drawn[parameter.place.clone()].iter().zip(expected) {
                assert!((a - b).abs() < 1e-5, "{a} for {b}");
            }
        }
        let elements: usize = SHAPES.iter().map(|(_, shape)| shape.iter().product::<usize>()).sum();
        assert_eq!(drawn.iter().filter(|value| **value != 0.0).count(), elements);
    }
}
