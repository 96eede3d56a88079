//! One forward and backward pass agrees with PyTorch's in every number that training uses.

use aees_models::burn::{cross_entropy, tensor_data, tensors};
use burn::module::Module;
use burn::tensor::{Device, Tensor};

use super::pytorch::{Fixture, compare, compare_all, gradients};

#[test]
fn one_pass_agrees_with_pytorch() {
    let fixture = Fixture::open("resnet18_one_pass.safetensors");
    let device = Device::flex();
    let training = device.clone().autodiff();
    let model = fixture.model(&training);

    let logits = model.forward(Tensor::from_data(fixture.tensor("images").clone(), &training));
    let loss = cross_entropy(logits.clone(), Tensor::from_data(fixture.tensor("labels").clone(), &training));
    let found = gradients(&model, &loss.backward());
    println!("logits: {:.1e}", compare("logits", &logits.into_data(), fixture.tensor("logits")));
    println!("loss: {:.1e}", compare("loss", &loss.into_data(), fixture.tensor("loss")));
    compare_all("gradient", found, &fixture.under("gradient"));

    let buffers = tensors(&model).unwrap().into_iter().filter(|(name, _)| name.contains("running_"));
    let buffers = buffers.map(|(name, tensor)| (name, tensor_data(tensor)));
    compare_all("running statistics", buffers, &fixture.under("after"));

    // Evaluation uses the running statistics of before, and leaves them alone.
    let images = Tensor::from_data(fixture.tensor("images").clone(), &device);
    let evaluation = model.valid();
    let eval_logits = evaluation.forward(images.clone()).into_data();
    println!("eval logits: {:.1e}", compare("eval logits", &eval_logits, fixture.tensor("eval_logits")));
    let again = evaluation.forward(images).into_data();
    assert_eq!(eval_logits, again);
}
