//! Counts, and the distributions of initial values.

use std::cell::RefCell;

use aees_models::{ResNet18, ResNet18Config, TensorKind, parameter_count, tensor_infos, tensors};
use burn::tensor::{Device, Tensor};
use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};

use crate::pytorch::stream;

#[test]
fn the_default_network_has_the_counts_of_the_paper() {
    let config = ResNet18Config::default();
    let model = config.init(stream(0), &Device::flex());
    assert_eq!(parameter_count(&model), 11_220_132);
    let parameters = tensor_infos(&model).into_iter().filter(|info| info.kind == TensorKind::Parameter);
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
    let model = ResNet18Config { base_width: 32, classes: 100 }.init(stream(18), &Device::flex());
    for tensor in tensors(&model) {
        let (name, shape) = (tensor.name.as_str(), tensor.data.shape().to_vec());
        let values: Vec<f64> = tensor.data.iter::<f64>().collect();
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
    let device = Device::flex();
    let config = ResNet18Config { base_width: 4, classes: 10 };
    let bytes = |model: ResNet18| tensors(&model).into_iter().map(|tensor| tensor.data).collect::<Vec<_>>();
    let first = bytes(config.init(stream(1), &device));
    device.seed(99);
    assert_eq!(first, bytes(config.init(stream(1), &device.clone().autodiff())));
    assert_ne!(first[0], bytes(config.init(stream(2), &device))[0]);
}

#[test]
fn streams_are_asked_for_by_pytorchs_parameter_number() {
    let asked = RefCell::new(Vec::new());
    let record = |parameter: usize| {
        asked.borrow_mut().push(parameter);
        Xoshiro256PlusPlus::seed_from_u64(parameter as u64)
    };
    let model = ResNet18Config { base_width: 2, classes: 10 }.init(record, &Device::flex());
    let parameters = tensor_infos(&model).into_iter().filter(|info| info.kind == TensorKind::Parameter);
    // Matrices, convolutions and the last bias are drawn; what batch norms have is constant.
    let drawn = parameters.enumerate().filter(|(_, info)| info.shape.len() > 1 || info.name == "fc.bias");
    assert_eq!(*asked.borrow(), drawn.map(|(number, _)| number).collect::<Vec<_>>());
}

#[test]
fn other_image_sizes_and_widths_fit() {
    let device = Device::flex();
    let model = ResNet18Config { base_width: 2, classes: 7 }.init(stream(3), &device);
    assert_eq!(model.forward(Tensor::zeros([3, 3, 19, 32], &device)).dims(), [3, 7]);
}
