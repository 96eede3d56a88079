//! Weight files and `config.json` against damaged files: see `tests/support/mutation.rs`.

use std::fs;

use aees_models::{TextClassifierConfig, weights};

use crate::mutation::mutate;
use crate::text::fixture::path;

#[test]
fn damaged_weights() {
    let scratch = tempfile::tempdir().unwrap();
    for (from, name) in [("text_odd.safetensors", "model.safetensors"), ("text_odd.bin", "pytorch_model.bin")] {
        let whole = fs::read(path(from)).unwrap();
        let file = scratch.path().join(name);
        mutate(name, &whole, |bytes| {
            fs::write(&file, bytes).unwrap();
            weights::read(&file).is_ok()
        });
    }
}

#[test]
fn damaged_model_configurations() {
    let scratch = tempfile::tempdir().unwrap();
    let file = scratch.path().join("config.json");
    for model in ["text_distilbert", "text_bert"] {
        let whole = fs::read(path(model).join("config.json")).unwrap();
        mutate("config.json", &whole, |bytes| {
            fs::write(&file, bytes).unwrap();
            TextClassifierConfig::read(&file).is_ok()
        });
    }
}
