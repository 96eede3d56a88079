//! Names are torchvision's, and weights move by them.

use aees_models::burn::{ResNet18, load, tensor_infos, tensors};
use aees_models::{HostTensor, NamedTensors, ResNet18Config, TensorKind, WeightError};
use burn::module::{Module, ParamGroup};
use burn::tensor::{Device, Tensor};

use super::pytorch::{network, values};

const NARROW: ResNet18Config = ResNet18Config { base_width: 2, classes: 3 };

fn vector(values: &[f32]) -> HostTensor {
    HostTensor { shape: vec![values.len()], values: values.to_vec() }
}

fn weights(model: &ResNet18) -> NamedTensors {
    tensors(model).unwrap()
}

#[test]
fn names_kinds_shapes_and_order_are_torchvisions() {
    let lines = ResNet18Config::default().tensors().into_iter().map(|info| {
        let kind = if info.kind == TensorKind::Parameter { "parameter" } else { "buffer" };
        let shape: String = info.shape.iter().map(|extent| format!(" {extent}")).collect();
        format!("{kind} {}{shape}\n", info.name)
    });
    assert_eq!(lines.collect::<String>(), include_str!("../fixtures/resnet18_names.txt"));
}

#[test]
fn a_network_has_the_tensors_that_its_configuration_tells() {
    assert_eq!(tensor_infos(&network(NARROW, 0, &Device::flex().autodiff())), NARROW.tensors());
}

#[test]
fn kinds_do_not_change_when_parameters_are_frozen() {
    let model = network(NARROW, 0, &Device::flex().autodiff());
    assert_eq!(tensor_infos(&model), tensor_infos(&model.clone().no_grad()));
    assert_eq!(tensor_infos(&model), tensor_infos(&model.valid()));
}

#[test]
fn loading_gives_every_tensor_its_values() {
    for device in [Device::flex(), Device::flex().autodiff()] {
        let mut given = values(NARROW, 1);
        given.insert("bn1.running_var".into(), vector(&[5.0, 7.0]));
        let model = load(network(NARROW, 2, &device), given.clone()).unwrap();
        assert_eq!(weights(&model), given);
        assert_eq!(model.devices(), [device]);
    }
}

#[test]
fn loading_keeps_what_requires_gradients() {
    let device = Device::flex().autodiff();
    let model = network(NARROW, 1, &device).set_require_grad_group(ParamGroup::from_path("fc.weight"), false);
    let model = load(model, values(NARROW, 2)).unwrap();
    assert!(model.conv1.weight.val().is_require_grad());
    assert!(!model.fc.weight.val().is_require_grad());
    assert!(!model.bn1.running_mean.value().is_require_grad());

    // Through evaluation and back, too: burn remembers what was trainable.
    let trained_again = load(model.valid(), weights(&model)).unwrap().train();
    assert!(trained_again.conv1.weight.val().is_require_grad());
    assert!(!trained_again.fc.weight.val().is_require_grad());
}

#[test]
fn a_loaded_network_trains_without_a_trace_of_the_old_graph() {
    let device = Device::flex().autodiff();
    let model = network(NARROW, 1, &device);
    let model = load(model, values(NARROW, 2)).unwrap();
    let loss = model.forward(Tensor::ones([2, 3, 8, 8], &device)).sum();
    let gradients = loss.backward();
    assert!(model.fc.bias.val().grad(&gradients).is_some());
    assert!(model.bn1.running_mean.value().grad(&gradients).is_none());
}

#[test]
fn weights_that_do_not_fit_are_refused_and_change_nothing() {
    let model = network(NARROW, 1, &Device::flex());
    let before = weights(&model);
    let name = || "bn1.running_mean".to_string();
    let refused = |change: &dyn Fn(&mut NamedTensors)| {
        let mut given = values(NARROW, 2);
        change(&mut given);
        load(model.clone(), given).unwrap_err()
    };

    let error = refused(&|given| drop(given.remove(&name())));
    assert_eq!(error, WeightError::Missing { name: name() });
    assert_eq!(error.to_string(), "the weights lack the tensor `bn1.running_mean`");

    let error = refused(&|given| drop(given.insert("head.weight".into(), vector(&[0.0]))));
    assert_eq!(error, WeightError::Unexpected { name: "head.weight".into() });
    assert_eq!(error.to_string(), "the network has no tensor `head.weight`");

    let error = refused(&|given| drop(given.insert(name(), vector(&[0.0]))));
    assert_eq!(error, WeightError::Shape { name: name(), expected: vec![2], found: vec![1] });
    assert_eq!(error.to_string(), "tensor `bn1.running_mean`: expected shape [2], found [1]");

    assert_eq!(weights(&model), before);
}

#[test]
fn running_statistics_are_listed_as_soon_as_a_pass_has_moved_them() {
    let device = Device::flex().autodiff();
    let model = network(NARROW, 1, &device);
    let before = weights(&model);
    let _ = model.forward(Tensor::ones([2, 3, 8, 8], &device));
    let after = weights(&model);
    assert_ne!(before["bn1.running_mean"], after["bn1.running_mean"]);
    let _ = model.valid().forward(Tensor::ones([2, 3, 8, 8], &device.without_autodiff()));
    assert_eq!(weights(&model), after);
}
