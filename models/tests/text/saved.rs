//! What is saved can be loaded, here and by transformers.

use std::path::PathBuf;

use aees_models::burn::tensors;
use aees_models::weights::read_safetensors;
use aees_models::{NamedTensors, TextClassifierConfig, save_pretrained};
use burn::tensor::Device;
use safetensors::SafeTensors;

use super::fixture::{FAMILIES, Fixture, path};

/// `tests/fixtures/check_saved_model.py` reads the folders that this test leaves where `AEES_SAVED_MODELS` says.
#[test]
fn a_saved_network_is_the_one_that_was_loaded() {
    let scratch = tempfile::tempdir().unwrap();
    let root = std::env::var_os("AEES_SAVED_MODELS").map_or_else(|| scratch.path().to_owned(), PathBuf::from);
    for family in FAMILIES {
        let fixture = Fixture::open(family);
        let original = read_safetensors(&path(format!("text_{family}/model.safetensors"))).unwrap();
        let model = fixture.network(original.clone(), &Device::flex().autodiff());
        let folder = root.join(family);
        save_pretrained(&folder, &fixture.config, &tensors(&model).unwrap()).unwrap();

        assert_eq!(TextClassifierConfig::read(&folder.join("config.json")).unwrap(), fixture.config);
        let file = folder.join("model.safetensors");
        assert_eq!(read_safetensors(&file).unwrap(), original);
        let bytes = std::fs::read(&file).unwrap();
        let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
        assert_eq!(header.metadata().as_ref().unwrap()["format"], "pt");
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 2, "nothing else is left");
    }
}

#[test]
fn a_folder_that_cannot_be_made_is_an_error_with_its_path() {
    let scratch = tempfile::tempdir().unwrap();
    let file = scratch.path().join("file");
    std::fs::write(&file, "").unwrap();
    let error = save_pretrained(&file.join("model"), &TextClassifierConfig::distilbert_base(), &NamedTensors::new());
    let error = error.unwrap_err();
    assert!(error.to_string().contains("cannot write the weight file"), "{error}");
}
