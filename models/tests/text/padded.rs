//! The network without padding computes what the padded one does, with dropout and without, forward and backward.

use std::collections::BTreeMap;

use aees_models::burn::{DropoutMask, DropoutMasks, TextClassifier, cross_entropy, tensor_data, tensors};
use aees_models::weights::read_safetensors;
use burn::tensor::{Device, Gradients, Int, Tensor, TensorData};
use rand::{Rng, SeedableRng, rngs::Xoshiro256PlusPlus};

use super::fixture::{FAMILIES, Fixture, compare_gradients, compare_to_largest, gradients, path};
use super::padded_network::{PaddedNetwork, Parameter};

/// Masks that depend on seed and site alone.
pub(crate) struct Masks(pub(crate) u64);

impl DropoutMasks for Masks {
    fn mask(&self, site: u32, drop_probability: f64, elements: usize) -> DropoutMask {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(self.0 ^ (u64::from(site) << 32));
        let kept = (1.0 / (1.0 - drop_probability)) as f32;
        let uniform = |_| (rng.next_u64() >> 11) as f64 / (1u64 << 53) as f64;
        let mask = (0..elements).map(uniform).map(|uniform| if uniform < drop_probability { 0.0 } else { kept });
        DropoutMask::Host(mask.collect())
    }
}

/// The same, as if they had been made on the device.
struct OnDevice(Masks, Device);

impl DropoutMasks for OnDevice {
    fn mask(&self, site: u32, drop_probability: f64, elements: usize) -> DropoutMask {
        match self.0.mask(site, drop_probability, elements) {
            DropoutMask::Host(mask) => {
                DropoutMask::Device(Tensor::from_data(TensorData::new(mask, [elements]), &self.1))
            }
            device => device,
        }
    }
}

fn parameters(model: &TextClassifier, device: &Device) -> BTreeMap<String, Parameter> {
    let parameter = |data: TensorData| match data.shape().len() {
        1 => Parameter::Vector(Tensor::from_data(data, device).require_grad()),
        _ => Parameter::Matrix(Tensor::from_data(data, device).require_grad()),
    };
    tensors(model).unwrap().into_iter().map(|(name, tensor)| (name, parameter(tensor_data(tensor)))).collect()
}

fn gradients_of(parameters: &BTreeMap<String, Parameter>, gradients: &Gradients) -> BTreeMap<String, TensorData> {
    let gradient = |parameter: &Parameter| match parameter {
        Parameter::Matrix(matrix) => matrix.grad(gradients).unwrap().into_data(),
        Parameter::Vector(vector) => vector.grad(gradients).unwrap().into_data(),
    };
    parameters.iter().map(|(name, parameter)| (name.clone(), gradient(parameter))).collect()
}

fn agrees(family: &str, dropout: Option<&dyn DropoutMasks>) {
    let fixture = Fixture::open(family);
    let device = Device::flex().autodiff();
    let weights = read_safetensors(&path(format!("text_{family}/model.safetensors"))).unwrap();
    let model = fixture.network(weights, &device);
    let logits = model.forward(&fixture.batch(&device), dropout);
    let loss = cross_entropy(logits.clone(), fixture.labels(&device));
    let ours = gradients(&model, &loss.backward());

    let lengths = fixture.numbers("lengths");
    let network = PaddedNetwork {
        config: &fixture.config,
        parameters: parameters(&model, &device),
        lengths: &lengths,
        dropout,
        device: &device,
    };
    let ids: Tensor<2, Int> = Tensor::from_data(fixture.data("ids"), &device);
    let padded_logits = network.forward(ids);
    let loss = cross_entropy(padded_logits.clone(), fixture.labels(&device));
    let theirs = gradients_of(&network.parameters, &loss.backward());

    let of_logits = compare_to_largest("logits", &logits.into_data(), &padded_logits.into_data());
    let of_gradients = compare_gradients(&ours, &theirs);
    println!("{family}: logits {of_logits:.1e}, gradients {of_gradients:.1e}");
}

#[test]
fn the_padded_network_computes_the_same() {
    for family in FAMILIES {
        agrees(family, None);
    }
}

#[test]
fn the_padded_network_computes_the_same_under_the_same_dropout() {
    for family in FAMILIES {
        agrees(family, Some(&Masks(5)));
    }
}

/// A mask of the device reaches the same elements as one of the host: equal to the bit.
#[test]
fn masks_of_host_and_device_are_used_alike() {
    for family in FAMILIES {
        let fixture = Fixture::open(family);
        let device = Device::flex().autodiff();
        let weights = read_safetensors(&path(format!("text_{family}/model.safetensors"))).unwrap();
        let model = fixture.network(weights, &device);
        let pass = |masks: &dyn DropoutMasks| {
            let logits = model.forward(&fixture.batch(&device), Some(masks));
            let loss = cross_entropy(logits.clone(), fixture.labels(&device));
            (logits.into_data(), gradients(&model, &loss.backward()))
        };
        assert_eq!(pass(&Masks(5)), pass(&OnDevice(Masks(5), device.clone())));
    }
}

#[test]
fn dropout_changes_with_its_source_and_with_nothing_else() {
    let fixture = Fixture::open("bert");
    let device = Device::flex();
    let weights = read_safetensors(&path("text_bert/model.safetensors")).unwrap();
    let model = fixture.network(weights, &device);
    let logits = |dropout: Option<&dyn DropoutMasks>| model.forward(&fixture.batch(&device), dropout).into_data();
    assert_eq!(logits(Some(&Masks(5))), logits(Some(&Masks(5))));
    assert_ne!(logits(Some(&Masks(5))), logits(Some(&Masks(6))));
    assert_ne!(logits(Some(&Masks(5))), logits(None));
}
