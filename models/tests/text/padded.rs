//! The network without padding computes what the padded one does, with dropout and without, forward and backward.

use std::collections::BTreeMap;

use aees_models::weights::read_safetensors;
use aees_models::{DropoutSource, TextClassifier, cross_entropy, tensors};
use burn::tensor::{Device, Gradients, Int, Tensor, TensorData};
use rand::{Rng, SeedableRng, rngs::Xoshiro256PlusPlus};

use crate::fixture::{FAMILIES, Fixture, compare_gradients, compare_to_largest, gradients, path};
use crate::padded_network::{PaddedNetwork, Parameter};

/// Masks that depend on seed and site alone.
pub(crate) struct Masks(pub(crate) u64);

impl DropoutSource for Masks {
    fn fill(&self, site: u32, drop_probability: f64, out: &mut [f32]) {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(self.0 ^ (u64::from(site) << 32));
        for value in out {
            let uniform = (rng.next_u64() >> 11) as f64 / (1u64 << 53) as f64;
            *value = if uniform < drop_probability { 0.0 } else { (1.0 / (1.0 - drop_probability)) as f32 };
        }
    }
}

fn parameters(model: &TextClassifier, device: &Device) -> BTreeMap<String, Parameter> {
    let parameter = |data: TensorData| match data.shape().len() {
        1 => Parameter::Vector(Tensor::from_data(data, device).require_grad()),
        _ => Parameter::Matrix(Tensor::from_data(data, device).require_grad()),
    };
    tensors(model).into_iter().map(|tensor| (tensor.name, parameter(tensor.data))).collect()
}

fn gradients_of(parameters: &BTreeMap<String, Parameter>, gradients: &Gradients) -> BTreeMap<String, TensorData> {
    let gradient = |parameter: &Parameter| match parameter {
        Parameter::Matrix(matrix) => matrix.grad(gradients).unwrap().into_data(),
        Parameter::Vector(vector) => vector.grad(gradients).unwrap().into_data(),
    };
    parameters.iter().map(|(name, parameter)| (name.clone(), gradient(parameter))).collect()
}

fn agrees(family: &str, dropout: Option<&dyn DropoutSource>) {
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
    let ids: Tensor<2, Int> = Tensor::from_data(fixture.tensors["ids"].clone(), &device);
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

#[test]
fn dropout_changes_with_its_source_and_with_nothing_else() {
    let fixture = Fixture::open("bert");
    let device = Device::flex();
    let weights = read_safetensors(&path("text_bert/model.safetensors")).unwrap();
    let model = fixture.network(weights, &device);
    let logits = |dropout: Option<&dyn DropoutSource>| model.forward(&fixture.batch(&device), dropout).into_data();
    assert_eq!(logits(Some(&Masks(5))), logits(Some(&Masks(5))));
    assert_ne!(logits(Some(&Masks(5))), logits(Some(&Masks(6))));
    assert_ne!(logits(Some(&Masks(5))), logits(None));
}
