//! Five optimizer steps agree with PyTorch's. The optimizers here are slow and plain, from PyTorch's documentation:
//! they prove the model and the fixture, against which the optimizers that training uses are then tested.

use std::collections::BTreeMap;

use aees_models::burn::{ResNet18, cross_entropy, load, tensor_data, tensors};
use burn::tensor::{Device, Int, Tensor, TensorData};

use super::pytorch::{Fixture, TOLERANCE, compare_all, gradients};

/// Changes the parameter `p` by its gradient `g`; the state of a parameter is empty at its first step.
type Update<'a> = &'a dyn Fn(&mut [f32], &[f32], &mut Vec<Vec<f32>>, i32);

#[test]
fn five_steps_of_adamw_agree_with_pytorch() {
    let fixture = Fixture::open("resnet18_five_steps.safetensors");
    let number = |key: &str| fixture.number::<f64>(&format!("adamw.{key}"));
    let (lr, beta1, beta2) = (number("lr"), number("beta1"), number("beta2"));
    let (eps, weight_decay) = (number("eps") as f32, number("weight_decay"));
    train(&fixture, "adamw", &|p, g, state, step| {
        state.resize(2, vec![0.0; p.len()]);
        let step_size = (lr / (1.0 - beta1.powi(step))) as f32;
        let correction = (1.0 - beta2.powi(step)).sqrt() as f32;
        // 1 - beta rounded once, as PyTorch does: 1 - 0.999 in float32 is off by 1e-5.
        let (rest1, b2, rest2) = ((1.0 - beta1) as f32, beta2 as f32, (1.0 - beta2) as f32);
        for i in 0..p.len() {
            p[i] *= (1.0 - lr * weight_decay) as f32;
            state[0][i] += (g[i] - state[0][i]) * rest1;
            state[1][i] = b2 * state[1][i] + rest2 * g[i] * g[i];
            p[i] -= step_size * state[0][i] / (state[1][i].sqrt() / correction + eps);
        }
    });
}

#[test]
fn five_steps_of_sgd_agree_with_pytorch() {
    let fixture = Fixture::open("resnet18_five_steps.safetensors");
    let number = |key: &str| fixture.number::<f32>(&format!("sgd.{key}"));
    let (lr, momentum, weight_decay) = (number("lr"), number("momentum"), number("weight_decay"));
    assert_eq!(number("dampening"), 0.0);
    train(&fixture, "sgd", &|p, g, state, _step| {
        state.resize(1, vec![0.0; p.len()]);
        for i in 0..p.len() {
            state[0][i] = momentum * state[0][i] + g[i] + weight_decay * p[i];
            p[i] -= lr * state[0][i];
        }
    });
}

fn train(fixture: &Fixture, optimizer: &str, update: Update<'_>) {
    let device = Device::flex().autodiff();
    let images = Tensor::<5>::from_data(fixture.tensor("images").clone(), &device);
    let labels = Tensor::<2, Int>::from_data(fixture.tensor("labels").clone(), &device);
    let expected = fixture.under(optimizer);
    let (losses, norms) =
        (expected["losses"].try_to_vec::<f32>().unwrap(), expected["update_norms"].try_to_vec::<f32>().unwrap());

    let mut model = fixture.model(&device);
    let mut states = BTreeMap::<String, Vec<Vec<f32>>>::new();
    for step in 0..fixture.number("steps") {
        let batch = images.clone().narrow(0, step, 1).squeeze_dim(0);
        let loss = cross_entropy(model.forward(batch), labels.clone().narrow(0, step, 1).squeeze_dim(0));
        let found = gradients(&model, &loss.backward());
        assert_close(&format!("{optimizer} loss {step}"), loss.into_scalar::<f32>(), losses[step]);
        let norm;
        (model, norm) = updated(model, found, &mut states, update, step as i32 + 1);
        assert_close(&format!("{optimizer} update norm {step}"), norm, norms[step]);
    }
    let after = tensors(&model).unwrap().into_iter().map(|(name, tensor)| (name, tensor_data(tensor)));
    compare_all(&format!("after five steps of {optimizer}"), after, &fixture.under(&format!("{optimizer}.after")));
}

/// The model after one step, and the norm of the change of all parameters.
fn updated(
    model: ResNet18,
    gradients: Vec<(String, TensorData)>,
    states: &mut BTreeMap<String, Vec<Vec<f32>>>,
    update: Update<'_>,
    step: i32,
) -> (ResNet18, f32) {
    let mut squares = 0.0;
    let mut weights = tensors(&model).unwrap();
    // Buffers have no gradient.
    for (name, gradient) in &gradients {
        let new = &mut weights.get_mut(name).unwrap().values;
        let old = new.clone();
        update(new, gradient.as_slice::<f32>().unwrap(), states.entry(name.clone()).or_default(), step);
        squares += new.iter().zip(&old).map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>();
    }
    (load(model, weights).unwrap(), squares.sqrt() as f32)
}

fn assert_close(what: &str, ours: f32, theirs: f32) {
    let error = f64::from((ours - theirs).abs() / theirs.abs());
    println!("{what}: relative error {error:.1e}");
    assert!(error <= TOLERANCE, "{what}: {ours} is not PyTorch's {theirs}");
}
