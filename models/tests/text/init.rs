//! Distributions and streams of initial values.

use std::cell::RefCell;

use aees_models::{TextClassifier, TextClassifierConfig, tensors};
use burn::tensor::Device;
use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
use serde_json::json;

use crate::fixture::stream;

fn small(family: &str) -> TextClassifierConfig {
    let config = TextClassifierConfig::from_json(&json!({ "model_type": family, "initializer_range": 0.03 })).unwrap();
    config.with_layers(2).with_dim(64).with_vocabulary(100)
}

#[test]
fn initial_values_follow_the_distributions_of_transformers() {
    for family in ["distilbert", "bert"] {
        let model = small(family).init(stream(18), &Device::flex()).unwrap();
        for tensor in tensors(&model) {
            let name = tensor.name.as_str();
            let values: Vec<f64> = tensor.data.iter::<f64>().collect();
            match tensor.data.shape().as_slice() {
                [_] => {
                    let norm = name.contains("LayerNorm") || name.contains("layer_norm");
                    let constant = if norm && name.ends_with("weight") { 1.0 } else { 0.0 };
                    assert!(values.iter().all(|value| *value == constant), "{name}");
                }
                [_, width] if name.ends_with("word_embeddings.weight") => {
                    assert!(values[..*width].iter().all(|value| *value == 0.0), "padding");
                    assert_normal(name, &values[*width..], 0.03);
                }
                _ => assert_normal(name, &values, 0.03),
            }
        }
    }
}

/// Mean and variance within five standard errors.
fn assert_normal(name: &str, values: &[f64], deviation: f64) {
    let n = values.len() as f64;
    let power = |k: i32| values.iter().map(|value| (value / deviation).powi(k)).sum::<f64>() / n;
    assert!(power(1).abs() < 5.0 / n.sqrt(), "mean of {name}: {}", power(1));
    assert!((power(2) - 1.0).abs() < 5.0 * (2.0 / n).sqrt(), "variance of {name}: {}", power(2));
}

#[test]
fn a_vocabulary_without_padding_has_no_row_of_zeros() {
    let config = TextClassifierConfig { padding_id: None, ..small("distilbert") };
    let words = &tensors(&config.init(stream(1), &Device::flex()).unwrap())[0];
    assert_eq!(words.name, "distilbert.embeddings.word_embeddings.weight");
    assert!(words.data.iter::<f32>().all(|value| value != 0.0));
}

#[test]
fn initial_values_depend_on_the_streams_alone() {
    let device = Device::flex();
    let values = |model: TextClassifier| tensors(&model).into_iter().map(|tensor| tensor.data).collect::<Vec<_>>();
    let config = small("distilbert");
    let first = values(config.init(stream(1), &device).unwrap());
    assert_eq!(first, values(config.init(stream(1), &device.clone().autodiff()).unwrap()));
    assert_ne!(first[0], values(config.init(stream(2), &device).unwrap())[0]);
}

#[test]
fn streams_are_asked_for_by_pytorchs_parameter_number() {
    let asked = RefCell::new(Vec::new());
    let record = |parameter: usize| {
        asked.borrow_mut().push(parameter);
        Xoshiro256PlusPlus::seed_from_u64(parameter as u64)
    };
    let config = small("bert");
    config.init(record, &Device::flex()).unwrap();
    let infos = config.tensor_infos().unwrap();
    let matrices = infos.iter().enumerate().filter(|(_, info)| info.shape.len() == 2);
    assert_eq!(*asked.borrow(), matrices.map(|(number, _)| number).collect::<Vec<_>>());
}
