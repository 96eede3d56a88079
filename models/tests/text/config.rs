//! Configurations as Hugging Face writes them.

use aees_models::{Activation, ModelConfigError, TextArchitecture, TextClassifierConfig};
use serde_json::{Value, json};

use super::fixture::{Fixture, path};

fn refused(json: Value) -> String {
    TextClassifierConfig::from_json(&json).unwrap_err().to_string()
}

#[test]
fn configurations_of_transformers_read_and_are_written_again() {
    for family in ["distilbert", "bert"] {
        let config = Fixture::open(family).config;
        assert_eq!(config.architecture.name(), family);
        let sizes = (config.vocabulary_size, config.max_positions, config.layers, config.dim, config.heads);
        assert_eq!(sizes, (120, 16, 2, 64, 2));
        assert_eq!((config.hidden_dim, config.classes, config.padding_id), (128, 4, Some(0)));
        assert_eq!((config.dropout, config.attention_dropout), (0.1, 0.1));
        assert_eq!(config.classifier_dropout, if family == "bert" { 0.1 } else { 0.2 });
        assert_eq!(TextClassifierConfig::from_json(&config.to_json()).unwrap(), config);

        let ours = config.to_json();
        let theirs: Value =
            serde_json::from_slice(&std::fs::read(path(format!("text_{family}/config.json"))).unwrap()).unwrap();
        for (key, value) in ours.as_object().unwrap() {
            // Null stands for the hidden dropout.
            let same = theirs[key] == *value || (key == "classifier_dropout" && theirs[key].is_null());
            assert!(same, "{key}: {value}, not {}", theirs[key]);
        }
    }
}

#[test]
fn small_berts_name_no_architecture() {
    let tiny = json!({
        "hidden_size": 128, "hidden_act": "gelu", "vocab_size": 30522, "num_attention_heads": 2, "type_vocab_size": 2,
        "max_position_embeddings": 512, "num_hidden_layers": 2, "intermediate_size": 512, "hidden_dropout_prob": 0.1,
    });
    let config = TextClassifierConfig::from_json(&tiny).unwrap();
    assert_eq!((config.architecture, config.dim, config.layers), (TextArchitecture::Bert, 128, 2));
    let by_class = json!({ "architectures": ["DistilBertForMaskedLM"], "activation": "relu" });
    let config = TextClassifierConfig::from_json(&by_class).unwrap();
    assert_eq!((config.architecture, config.activation), (TextArchitecture::DistilBert, Activation::Relu));
}

#[test]
fn builders_keep_heads_of_64() {
    let config = TextClassifierConfig::distilbert_base().with_layers(2).with_dim(128);
    assert_eq!((config.layers, config.dim, config.heads, config.hidden_dim), (2, 128, 2, 512));
    assert_eq!(config.clone().with_dim(32).heads, 1);
    let config = config.with_vocabulary(99).with_classes(4);
    assert_eq!((config.vocabulary_size, config.classes), (99, 4));
    config.check().unwrap();
    let error = config.with_dim(200).check().unwrap_err().to_string();
    assert_eq!(error, "model configuration: dim is 200, expected a multiple of n_heads, which is 3");
}

#[test]
fn other_architectures_are_refused_by_name() {
    let known = "; known are \"distilbert\" and \"bert\"";
    assert_eq!(refused(json!({"model_type": "roberta"})), format!("unknown model architecture \"roberta\"{known}"));
    let error = refused(json!({"architectures": ["GPT2LMHeadModel"]}));
    assert_eq!(error, format!("unknown model architecture [\"GPT2LMHeadModel\"]{known}"));
    // RoBERTa's class name ends like BERT's.
    assert!(refused(json!({"architectures": ["RobertaForMaskedLM"]})).contains("RobertaForMaskedLM"));
    assert!(refused(json!({"vocab_size": 3})).contains("neither model_type nor architectures is there"));
    assert!(refused(json!([])).contains("not a JSON object: it is a list"));
}

#[test]
fn fields_that_no_network_can_have_are_refused_by_name() {
    let bert = |field: &str, value: Value| refused(json!({"model_type": "bert", field: value}));
    let distilbert = |field: &str, value: Value| refused(json!({"model_type": "distilbert", field: value}));
    let start = "model configuration: ";
    assert_eq!(
        bert("num_attention_heads", json!(7)),
        format!("{start}hidden_size is 768, expected a multiple of num_attention_heads, which is 7")
    );
    assert_eq!(distilbert("n_layers", json!(0)), format!("{start}n_layers is 0, expected a positive integer"));
    assert_eq!(distilbert("dim", json!(-3)), format!("{start}dim is -3, expected a positive integer"));
    assert_eq!(distilbert("dim", json!("768")), format!("{start}dim is \"768\", expected a positive integer"));
    assert_eq!(
        bert("hidden_act", json!("silu")),
        format!("{start}hidden_act is \"silu\", expected \"gelu\", \"gelu_new\" or \"relu\"")
    );
    assert_eq!(
        bert("position_embedding_type", json!("relative_key")),
        format!("{start}position_embedding_type is \"relative_key\", expected \"absolute\"; nothing else is supported")
    );
    assert_eq!(distilbert("dropout", json!(1.0)), format!("{start}dropout is 1, expected at least 0 and below 1"));
    assert_eq!(
        bert("pad_token_id", json!(40000)),
        format!("{start}pad_token_id is 40000, expected below vocab_size, 30522")
    );
    assert!(distilbert("sinusoidal_pos_embds", json!(true)).contains("sinusoidal_pos_embds is true"));
    assert!(bert("type_vocab_size", json!(0)).contains("type_vocab_size is 0"));
    assert!(distilbert("id2label", json!({})).contains("num_labels is 0"));
}

#[test]
fn errors_of_files_have_their_path() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.json");
    assert!(matches!(TextClassifierConfig::read(&file), Err(ModelConfigError::Unreadable { .. })));
    std::fs::write(&file, "{\"model_type\": ").unwrap();
    let error = TextClassifierConfig::read(&file).unwrap_err().to_string();
    assert!(error.contains("config.json: ") && error.contains("not a JSON object: EOF"), "{error}");
    std::fs::write(&file, "{\"model_type\": \"xlnet\"}").unwrap();
    let error = TextClassifierConfig::read(&file).unwrap_err().to_string();
    assert!(error.contains("config.json: unknown model architecture \"xlnet\""), "{error}");
}
