//! Both kinds of weight files, whole and damaged.

use std::path::{Path, PathBuf};

use aees_models::weights::{self, FileTensor, WeightFileError, Weights, read_pytorch, read_safetensors};

use super::fixture::{FAMILIES, path};

#[test]
fn both_kinds_hold_the_same_tensors() {
    for family in FAMILIES {
        let folder = path(format!("text_{family}"));
        let from_safetensors = read_safetensors(&folder.join("model.safetensors")).unwrap();
        assert_eq!(from_safetensors, read_pytorch(&folder.join("pytorch_model.bin")).unwrap());
        assert_eq!(from_safetensors, weights::read(&folder).unwrap());
    }
}

#[test]
fn views_shared_storages_and_other_element_types_are_read() {
    let expected = read_safetensors(&path("text_odd.safetensors")).unwrap();
    let found = read_pytorch(&path("text_odd.bin")).unwrap();
    assert_eq!(found, expected);
    assert_eq!(found["transposed"].shape(), [6, 4]);
    assert_eq!(found["scalar"].shape(), [0usize; 0]);
    assert_eq!(found["long"], FileTensor::Integer { shape: vec![2], values: vec![-1, 1 << 40] });
    assert_eq!(found["bool"], FileTensor::Integer { shape: vec![2], values: vec![1, 0] });
}

/// A file with this content, and what reading it says.
fn refused(folder: &Path, name: &str, bytes: &[u8], read: fn(&Path) -> Result<Weights, WeightFileError>) -> String {
    let file: PathBuf = folder.join(name);
    std::fs::write(&file, bytes).unwrap();
    let message = read(&file).unwrap_err().to_string();
    assert!(message.contains(name), "{message}");
    message
}

#[test]
fn damaged_safetensors_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let whole = std::fs::read(path("text_odd.safetensors")).unwrap();
    let refused = |bytes: &[u8]| {
        let message = refused(folder.path(), "model.safetensors", bytes, read_safetensors);
        assert!(message.contains("not a whole safetensors file of"), "{message}");
    };
    refused(b"");
    refused(b"not weights at all, but long enough to have a header");
    refused(&whole[..whole.len() - 1]);
    refused(&whole[..100]);
    let mut header = whole.clone();
    header[20] = b'}';
    refused(&header);
    let mut length = whole;
    length[7] = 0xff;
    refused(&length);
}

#[test]
fn damaged_pytorch_files_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let whole = std::fs::read(path("text_odd.bin")).unwrap();
    let refused = |bytes: &[u8]| refused(folder.path(), "pytorch_model.bin", bytes, read_pytorch);
    for cut in [0, 10, 1000, whole.len() - 1] {
        let message = refused(&whole[..cut]);
        assert!(message.contains("not a whole PyTorch file"), "{message}");
    }
    // One bit of a number: the archive's checksum notices.
    let mut changed = whole.clone();
    let FileTensor::Float(base) = &read_pytorch(&path("text_odd.bin")).unwrap()["whole"] else { panic!("floats") };
    let base = [base.values[0].to_le_bytes(), base.values[1].to_le_bytes()].concat();
    let place = whole.windows(8).position(|window| window == base).unwrap();
    changed[place] ^= 1;
    let message = refused(&changed);
    assert!(message.contains("data/0") && message.to_lowercase().contains("checksum"), "{message}");

    let message = refused(&std::fs::read(path("text_before_1_6.bin")).unwrap());
    assert!(message.contains("in PyTorch's format before version 1.6"), "{message}");
}

#[test]
fn archives_of_something_else_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    // An empty zip archive: the end record alone.
    let mut empty = vec![0; 22];
    empty[..4].copy_from_slice(b"PK\x05\x06");
    let message = refused(folder.path(), "other.pt", &empty, read_pytorch);
    assert!(message.contains("there is no data.pkl in it"), "{message}");
}

#[test]
fn the_kind_is_told_by_the_name() {
    let folder = tempfile::tempdir().unwrap();
    let error = weights::read(folder.path()).unwrap_err().to_string();
    assert!(error.contains("neither model.safetensors nor pytorch_model.bin is there"), "{error}");
    let error = weights::read(&folder.path().join("model.onnx")).unwrap_err().to_string();
    assert!(error.contains("expected a name that ends in .safetensors, .bin, .pt or .pth"), "{error}");
    let error = weights::read(&folder.path().join("absent.bin")).unwrap_err().to_string();
    assert!(error.contains("cannot read the weight file") && error.contains("absent.bin"), "{error}");
}

/// Random damage gives an error or other numbers, and never a panic or a huge allocation.
#[test]
fn no_single_damaged_byte_makes_it_panic() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("damaged.bin");
    let whole = std::fs::read(path("text_odd.bin")).unwrap();
    for place in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[place] ^= 1 << (place % 8);
        std::fs::write(&file, bytes).unwrap();
        let _ = read_pytorch(&file);
    }
    let file = folder.path().join("damaged.safetensors");
    let whole = std::fs::read(path("text_odd.safetensors")).unwrap();
    for place in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[place] ^= 1 << (place % 8);
        std::fs::write(&file, bytes).unwrap();
        let _ = read_safetensors(&file);
    }
}
