//! The plain steps against PyTorch's (tests/fixtures/pytorch_steps.py), on every device.

use aees_train::engine::burn::optimizer::Optimizer;
use aees_train::optimizer::{OptimizerConfig, OptimizerKind, StepControl};
use burn::tensor::Device;
use serde_json::Value;

use super::devices;
use super::model::{SMALL, assert_close, read, values};

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap()
}

fn tensors(value: &Value) -> [Vec<f32>; 3] {
    let list = |tensor: &Value| tensor.as_array().unwrap().iter().map(|v| number(v) as f32).collect();
    [list(&value[0]), list(&value[1]), list(&value[2])]
}

fn follows_pytorch(device: &Device) {
    let fixture: Value = serde_json::from_str(include_str!("../fixtures/pytorch_steps.json")).unwrap();
    for case in fixture["cases"].as_array().unwrap() {
        let kind = match case["kind"].as_str().unwrap() {
            "adamw" => OptimizerKind::ADAMW,
            _ => OptimizerKind::Sgd { momentum: number(&case["momentum"]) },
        };
        let config = OptimizerConfig {
            kind,
            weight_decay: number(&case["weight_decay"]),
            max_gradient_norm: case["max_norm"].as_f64(),
        };
        let mut model = SMALL.model(tensors(&case["initial"]), device);
        let mut optimizer = Optimizer::new(config, 0, &model);
        for (step, expected) in case["steps"].as_array().unwrap().iter().enumerate() {
            let control = StepControl {
                learning_rate: number(&case["learning_rate"]),
                multiplier: number(&expected["multiplier"]),
                noise_std: 0.0,
                step: step as u64,
            };
            let gradients = SMALL.loss(&model, &tensors(&expected["gradients"])).backward();
            let (stepped, norms) = optimizer.step(model, gradients, &control).unwrap();
            let found = norms.gradient.map(|norm| read(norm).sqrt());
            assert_eq!(found.is_some(), case["max_norm"].is_number());
            if let Some(found) = found {
                let expected = number(&expected["gradient_norm"]);
                assert!((found / expected - 1.0).abs() < 1e-6, "gradient norm {found} for {expected}");
            }
            model = stepped;
            let what = format!("{config:?}, step {step}");
            // Relative to 0.1: where a parameter passes through zero, its rounding error is that of its neighbours.
            assert_close(&values(&model), &tensors(&expected["parameters"]), 1e-6, 0.1, &what);
            let (found, expected) = (read(norms.update), number(&expected["squared_norm"]));
            assert!((found / expected - 1.0).abs() < 1e-5, "{what}: squared norm {found} for {expected}");
        }
        assert_eq!(model.unused.val().into_data().as_slice::<f32>().unwrap(), [1.0, -2.0]);
    }
}

#[test]
fn a_plain_step_is_pytorchs() {
    for (name, device) in devices() {
        println!("{name}");
        follows_pytorch(&device.autodiff());
    }
}
