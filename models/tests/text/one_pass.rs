//! Logits, loss and every gradient agree with those of transformers on a padded batch.

use aees_models::burn::cross_entropy;
use aees_models::weights::{Weights, read_pytorch, read_safetensors};
use burn::module::Module;
use burn::tensor::Device;

use super::fixture::{FAMILIES, Fixture, compare_gradients, compare_to_largest, gradients, path};

fn agrees(family: &str, file: &str, weights: Weights, training: Device) {
    let fixture = Fixture::open(family);
    let model = fixture.network(weights, &training);

    let logits = model.forward(&fixture.batch(&training), None);
    let loss = cross_entropy(logits.clone(), fixture.labels(&training));
    let found = gradients(&model, &loss.backward());
    let of_logits = compare_to_largest("logits", &logits.into_data(), &fixture.data("logits"));
    let of_loss = compare_to_largest("loss", &loss.into_data(), &fixture.data("loss"));
    let of_gradients = compare_gradients(&found, &fixture.gradients());
    println!("{family} from {file}: logits {of_logits:.1e}, loss {of_loss:.1e}, gradients {of_gradients:.1e}");

    let evaluation = model.valid().forward(&fixture.batch(&Device::flex()), None);
    compare_to_largest("logits of evaluation", &evaluation.into_data(), &fixture.data("logits"));
}

#[test]
fn one_pass_agrees_with_transformers_with_weights_from_safetensors() {
    for family in FAMILIES {
        let file = path(format!("text_{family}/model.safetensors"));
        agrees(family, "model.safetensors", read_safetensors(&file).unwrap(), Device::flex().autodiff());
    }
}

#[test]
fn one_pass_agrees_with_transformers_with_weights_from_pytorch() {
    for family in FAMILIES {
        let file = path(format!("text_{family}/pytorch_model.bin"));
        agrees(family, "pytorch_model.bin", read_pytorch(&file).unwrap(), Device::flex().autodiff());
    }
}

/// With gradient checkpointing as on a GPU, the network is made of burn's operations.
#[test]
fn one_pass_agrees_with_transformers_without_operations_of_our_own() {
    for family in FAMILIES {
        let file = path(format!("text_{family}/model.safetensors"));
        let device = Device::flex().autodiff().gradient_checkpointing();
        agrees(family, "model.safetensors, burn's operations", read_safetensors(&file).unwrap(), device);
    }
}
