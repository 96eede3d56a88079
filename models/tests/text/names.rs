//! Names, shapes, order and counts are those of transformers.

use aees_models::burn::tensor_infos;
use aees_models::{TensorKind, TextArchitecture, TextClassifierConfig, parameter_count};
use burn::module::Module;
use burn::tensor::Device;
use serde_json::json;

use super::fixture::network;

fn base_models() -> [TextClassifierConfig; 2] {
    ["distilbert", "bert"].map(|family| TextClassifierConfig::from_json(&json!({ "model_type": family })).unwrap())
}

#[test]
fn names_shapes_and_order_are_those_of_transformers() {
    let mut lines = String::new();
    for config in base_models() {
        for info in config.tensors() {
            assert_eq!(info.kind, TensorKind::Parameter);
            let shape: String = info.shape.iter().map(|extent| format!(" {extent}")).collect();
            lines += &format!("{} {}{shape}\n", config.architecture, info.name);
        }
    }
    assert_eq!(lines, include_str!("../fixtures/text_names.txt"));
}

#[test]
fn distilbert_base_has_the_counts_of_the_reference() {
    let config = TextClassifierConfig::distilbert_base();
    assert_eq!(config, base_models()[0]);
    for (classes, expected) in [(2, 66_955_010), (4, 66_956_548)] {
        let infos = config.clone().with_classes(classes).tensors();
        assert_eq!(infos.len(), 104);
        assert_eq!(parameter_count(&infos), expected);
    }
}

#[test]
fn a_network_has_the_tensors_that_its_configuration_tells() {
    for config in base_models() {
        let config = config.with_layers(1).with_dim(8).with_vocabulary(10);
        let model = network(&config, 1, &Device::flex().autodiff());
        let infos = config.tensors();
        assert_eq!(tensor_infos(&model), infos);
        assert_eq!(tensor_infos(&model.valid()), infos);
        let keyword = infos.iter().any(|info| info.name == "bert.encoder.layer.0.attention.self.query.weight");
        assert_eq!(keyword, config.architecture == TextArchitecture::Bert);
    }
}
