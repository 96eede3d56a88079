//! Distributions and streams of initial values.

use std::cell::RefCell;

use aees_models::{ModelSpec, TextClassifierConfig};
use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
use serde_json::json;

use super::fixture::values;
use crate::mixed;

fn small(family: &str) -> TextClassifierConfig {
    let config = TextClassifierConfig::from_json(&json!({ "model_type": family, "initializer_range": 0.03 })).unwrap();
    config.with_layers(2).with_dim(64).with_vocabulary(100)
}

#[test]
fn initial_values_follow_the_distributions_of_transformers() {
    for family in ["distilbert", "bert"] {
        for (name, tensor) in values(&small(family), 18) {
            let name = name.as_str();
            let values: Vec<f64> = tensor.values.into_iter().map(f64::from).collect();
            match tensor.shape.as_slice() {
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
    let words = &values(&config, 1)["distilbert.embeddings.word_embeddings.weight"];
    assert!(words.values.iter().all(|value| *value != 0.0));
}

#[test]
fn initial_values_depend_on_the_streams_alone() {
    let config = small("distilbert");
    assert_eq!(values(&config, 1), values(&config, 1));
    let words = "distilbert.embeddings.word_embeddings.weight";
    assert_ne!(values(&config, 1)[words], values(&config, 2)[words]);
}

/// For good: runs that were begun before must start from the same network.
#[test]
fn initial_values_never_change() {
    let config = small("bert");
    assert_eq!(mixed(&config.tensors(), &values(&config, 1)), 0xa467_8abe_050b_fc35);
}

#[test]
fn streams_are_asked_for_by_pytorchs_parameter_number() {
    let asked = RefCell::new(Vec::new());
    let record = |parameter: usize| {
        asked.borrow_mut().push(parameter);
        Xoshiro256PlusPlus::seed_from_u64(parameter as u64)
    };
    let config = small("bert");
    ModelSpec::TextClassifier(config.clone()).draw(record);
    let infos = config.tensors();
    let matrices = infos.iter().enumerate().filter(|(_, info)| info.shape.len() == 2);
    assert_eq!(*asked.borrow(), matrices.map(|(number, _)| number).collect::<Vec<_>>());
}
