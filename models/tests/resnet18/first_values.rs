//! Counts, and the distributions of initial values.

use std::cell::RefCell;

use aees_models::{ModelSpec, ResNet18Config, TensorKind, parameter_count};
use burn::tensor::{Device, Tensor};
use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};

use super::pytorch::{network, values};
use crate::mixed;

#[test]
fn the_default_network_has_the_counts_of_the_paper() {
    let config = ResNet18Config::default();
    let tensors = config.tensors();
    assert_eq!(parameter_count(&tensors), 11_220_132);
    let parameters = tensors.iter().filter(|info| info.kind == TensorKind::Parameter);
    assert_eq!(parameters.count(), 62);
    assert_eq!(config.multiply_adds(32), 555_468_800);
}

#[test]
fn multiply_adds_round_odd_sizes_up_as_the_strides_do() {
    let config = ResNet18Config { base_width: 1, classes: 1 };
    let stages = |sizes: [u64; 4]| -> u64 {
        let [a, b, c, d] = sizes.map(|size| size * size);
        27 * a + 4 * 9 * a + b * (18 + 3 * 36 + 2) + c * (72 + 3 * 144 + 8) + d * (288 + 3 * 576 + 32)
    };
    assert_eq!(config.multiply_adds(9), stages([9, 5, 3, 2]) + 8);
}

#[test]
fn initial_values_follow_torchvisions_distributions() {
    for (name, tensor) in values(ResNet18Config { base_width: 32, classes: 100 }, 18) {
        let (name, shape) = (name.as_str(), tensor.shape);
        let values: Vec<f64> = tensor.values.into_iter().map(f64::from).collect();
        match (name, shape.as_slice()) {
            ("conv1.weight", _) => assert_uniform(name, &values, 1.0 / 27f64.sqrt()),
            ("fc.weight" | "fc.bias", _) => assert_uniform(name, &values, 1.0 / 256f64.sqrt()),
            (_, [outputs, _, kernel, _]) => {
                assert_normal(name, &values, (2.0 / (kernel * kernel * outputs) as f64).sqrt());
            }
            (_, [_]) => {
                let constant = if name.ends_with("weight") || name.ends_with("running_var") { 1.0 } else { 0.0 };
                assert!(values.iter().all(|value| *value == constant), "{name}");
            }
            _ => panic!("unexpected tensor {name} of shape {shape:?}"),
        }
    }
}

fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let n = values.len() as f64;
    values.sum::<f64>() / n
}

/// Mean and mean square within five standard errors, and nothing outside the bounds.
fn assert_uniform(name: &str, values: &[f64], bound: f64) {
    let n = values.len() as f64;
    assert!(values.iter().all(|value| value.abs() <= bound * (1.0 + 1e-6)), "{name} leaves its bounds");
    assert!(mean(values.iter().copied()).abs() < 5.0 * bound / (3.0 * n).sqrt(), "mean of {name}");
    let square = mean(values.iter().map(|value| (value / bound).powi(2)));
    assert!((square - 1.0 / 3.0).abs() < 5.0 * (4.0 / 45.0 / n).sqrt(), "mean square of {name}: {square}");
}

/// Mean, variance and kurtosis within five standard errors.
fn assert_normal(name: &str, values: &[f64], deviation: f64) {
    let n = values.len() as f64;
    let power = |k: i32| mean(values.iter().map(|value| (value / deviation).powi(k)));
    assert!(power(1).abs() < 5.0 / n.sqrt(), "mean of {name}: {}", power(1));
    assert!((power(2) - 1.0).abs() < 5.0 * (2.0 / n).sqrt(), "variance of {name}: {}", power(2));
    assert!((power(4) - 3.0).abs() < 5.0 * (96.0 / n).sqrt(), "kurtosis of {name}: {}", power(4));
}

#[test]
fn initial_values_depend_on_the_streams_alone() {
    let config = ResNet18Config { base_width: 4, classes: 10 };
    assert_eq!(values(config, 1), values(config, 1));
    assert_ne!(values(config, 1)["conv1.weight"], values(config, 2)["conv1.weight"]);
}

/// For good: runs that were begun before must start from the same network.
#[test]
fn initial_values_never_change() {
    let config = ResNet18Config { base_width: 4, classes: 10 };
    assert_eq!(mixed(&config.tensors(), &values(config, 1)), 0xa91d_91ea_f9f1_05de);
}

#[test]
fn streams_are_asked_for_by_pytorchs_parameter_number() {
    let asked = RefCell::new(Vec::new());
    let record = |parameter: usize| {
        asked.borrow_mut().push(parameter);
        Xoshiro256PlusPlus::seed_from_u64(parameter as u64)
    };
    let spec = ModelSpec::ResNet18(ResNet18Config { base_width: 2, classes: 10 });
    spec.draw(record);
    let parameters = spec.tensors().into_iter().filter(|info| info.kind == TensorKind::Parameter);
    // Matrices, convolutions and the last bias are drawn; what batch norms have is constant.
    let drawn = parameters.enumerate().filter(|(_, info)| info.shape.len() > 1 || info.name == "fc.bias");
    assert_eq!(*asked.borrow(), drawn.map(|(number, _)| number).collect::<Vec<_>>());
}

#[test]
fn other_image_sizes_and_widths_fit() {
    let device = Device::flex();
    let model = network(ResNet18Config { base_width: 2, classes: 7 }, 3, &device);
    assert_eq!(model.forward(Tensor::zeros([3, 3, 19, 32], &device)).dims(), [3, 7]);
}
