//! Weights of other heads, under other names, and weights that do not fit.

use aees_models::weights::{FileTensor, Weights, read};
use aees_models::{Notice, PretrainedError, TextClassifierConfig, pretrained};

use super::fixture::{FAMILIES, Fixture, floats, path, stream, values};

fn classifier_weights(family: &str) -> Weights {
    read(&path(format!("text_{family}"))).unwrap()
}

fn is_head(name: &str) -> bool {
    name.starts_with("classifier") || name.starts_with("pre_classifier") || name.starts_with("bert.pooler")
}

#[test]
fn a_masked_language_model_gives_its_encoder_and_the_head_is_new() {
    for family in FAMILIES {
        let config = Fixture::open(family).config;
        let weights = read(&path(format!("text_{family}_masked_lm.bin"))).unwrap();
        let loaded = pretrained(&config, weights, stream(7)).unwrap();

        let [
            Notice::NewHead { names },
            Notice::OtherHeadDropped { names: dropped },
            Notice::ConstantsDropped { names: constants },
        ] = &loaded.notices[..]
        else {
            panic!("{:?}", loaded.notices)
        };
        let new_head: &[&str] = match family {
            "bert" => &["bert.pooler.dense.weight", "bert.pooler.dense.bias", "classifier.weight", "classifier.bias"],
            _ => &["pre_classifier.weight", "pre_classifier.bias", "classifier.weight", "classifier.bias"],
        };
        assert_eq!(names, new_head);
        let other_head = if family == "bert" { "cls." } else { "vocab_" };
        assert!(!dropped.is_empty() && dropped.iter().all(|name| name.starts_with(other_head)), "{dropped:?}");
        assert_eq!(*constants, [format!("{family}.embeddings.position_ids")]);
        let message = loaded.notices[0].to_string();
        assert!(message.starts_with("not in the weights and initialised anew: "), "{message}");

        // The encoder is the classifier's, to half precision; the head is that of a new network.
        let (old, new) = (floats(classifier_weights(family)), values(&config, 7));
        for (name, data) in &loaded.tensors {
            if is_head(name) {
                assert_eq!(*data, new[name], "{name}");
            } else {
                let close =
                    data.values.iter().zip(&old[name].values).all(|(a, b)| (a - b).abs() <= 1e-3 * b.abs() + 1e-6);
                assert!(close, "{name}");
            }
        }
    }
}

#[test]
fn the_prefix_of_the_family_may_be_absent() {
    for family in FAMILIES {
        let config = Fixture::open(family).config;
        let weights = classifier_weights(family);
        let prefix = format!("{family}.");
        let bare =
            weights.iter().map(|(name, data)| (name.strip_prefix(&prefix).unwrap_or(name).to_owned(), data.clone()));
        let loaded = pretrained(&config, bare.collect(), stream(0)).unwrap();
        assert_eq!(loaded.notices, []);
        assert_eq!(loaded.tensors, floats(weights));
    }
}

fn refused(family: &str, change: impl FnOnce(&mut TextClassifierConfig, &mut Weights)) -> PretrainedError {
    let (mut config, mut weights) = (Fixture::open(family).config, classifier_weights(family));
    change(&mut config, &mut weights);
    pretrained(&config, weights, stream(0)).unwrap_err()
}

#[test]
fn missing_tensors_of_the_encoder_are_all_listed() {
    let error = refused("distilbert", |_, weights| {
        weights.remove("distilbert.embeddings.LayerNorm.bias");
        weights.remove("distilbert.transformer.layer.1.ffn.lin2.weight");
    });
    assert_eq!(
        error.to_string(),
        "the weights lack 2 of the tensors of the distilbert encoder: distilbert.embeddings.LayerNorm.bias, \
         distilbert.transformer.layer.1.ffn.lin2.weight"
    );
    let message = refused("bert", |config, _| config.layers = 3).to_string();
    assert!(message.contains("the weights lack 16 of the tensors of the bert encoder"), "{message}");
    assert!(message.ends_with("hint: the configuration has 3 layers, the weights have 2"), "{message}");
}

#[test]
fn tensors_of_no_known_head_are_refused() {
    let message = refused("distilbert", |config, _| config.layers = 1).to_string();
    assert!(message.starts_with("the distilbert network has no 16 of the tensors in the weights: "), "{message}");
    assert!(message.ends_with("hint: the configuration has 1 layers, the weights have 2"), "{message}");
    // The weights of the other family.
    let config = Fixture::open("bert").config;
    let error = pretrained(&config, classifier_weights("distilbert"), stream(0)).unwrap_err();
    assert!(matches!(error, PretrainedError::Unexpected { .. }), "{error}");
}

#[test]
fn shapes_and_types_that_differ_are_refused_by_name() {
    let error = refused("distilbert", |config, _| config.vocabulary_size = 30_522);
    assert_eq!(
        error.to_string(),
        "tensor `distilbert.embeddings.word_embeddings.weight`: expected shape [30522, 64], found [120, 64]"
    );
    let error = refused("bert", |config, _| config.classes = 2);
    assert!(error.to_string().contains("tensor `classifier.weight`: expected shape [2, 64], found [4, 64]"), "{error}");
    let integers = FileTensor::Integer { shape: vec![4], values: vec![0; 4] };
    let error = refused("bert", |_, weights| drop(weights.insert("classifier.bias".into(), integers)));
    assert_eq!(error.to_string(), "tensor `classifier.bias`: expected floating-point numbers, found I64");
}

#[test]
fn one_tensor_under_two_names_is_refused() {
    let error = refused("bert", |_, weights| {
        let bias = weights["bert.embeddings.LayerNorm.bias"].clone();
        weights.insert("bert.embeddings.LayerNorm.beta".into(), bias);
    });
    assert_eq!(
        error.to_string(),
        "the weights have the tensor `bert.embeddings.LayerNorm.bias` twice, as `bert.embeddings.LayerNorm.beta` and as \
         `bert.embeddings.LayerNorm.bias`"
    );
}

#[test]
fn a_configuration_of_no_network_is_refused() {
    let error = refused("bert", |config, _| config.heads = 5);
    assert!(matches!(error, PretrainedError::Config(_)), "{error}");
}
