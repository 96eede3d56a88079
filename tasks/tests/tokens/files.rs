//! Token files: what is written is what is read, and nothing else is ever used.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::Path;
use std::process::Command;

use aees_run::settings::LabelNoiseType;

use aees_tasks::{
    DataOrigin, LabelNoise, StoredTokens, TextTokenizer, TokenData, TokenKey, TokenNoise, TokenSplit, TokenStore,
    corrupt_labels,
};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::require::python;

const SENTENCES: [&str; 5] = ["a good film", "a bad film", "", "so good, so very good", "bad ending"];

fn tokenizer() -> TextTokenizer {
    TextTokenizer::from_sentences(SENTENCES, 200).unwrap()
}

fn split(tokenizer: &TextTokenizer, count: usize, max_length: usize) -> TokenSplit {
    let texts = SENTENCES.into_iter().cycle().take(count);
    let labels: Vec<u32> = (0..4).cycle().take(count).collect();
    tokenizer.encode_all(texts, max_length, &|_| ()).unwrap().with_labels(labels.clone(), labels)
}

/// AG News in small: three splits, a fifth of the training labels corrupted.
fn noisy() -> (TokenKey, TokenData) {
    let tokenizer = tokenizer();
    let noise = LabelNoise { kind: LabelNoiseType::Symmetric, rate: 0.2 };
    let clean = split(&tokenizer, 50, 6);
    let report = corrupt_labels(clean.labels(), noise, 42, &[1, 2, 3, 0]).unwrap().unwrap();
    let train = clean.clone().with_labels(report.noisy_targets.clone(), clean.labels().to_vec());
    let key = TokenKey {
        task: "agnews".to_owned(),
        tokenizer_digest: tokenizer.digest().to_owned(),
        max_length: 6,
        data_fingerprint: "f".repeat(64),
        split_seed: Some(42),
        label_noise: Some(TokenNoise { kind: LabelNoiseType::Symmetric, rate: 0.2, seed: 42 }),
    };
    let data = TokenData {
        train,
        validation: split(&tokenizer, 7, 6),
        test: Some(split(&tokenizer, 3, 6)),
        label_noise: Some(report),
        fingerprint: key.data_fingerprint.clone(),
        origin: DataOrigin::Synthetic { seed: 3 },
        tokenizer_digest: key.tokenizer_digest.clone(),
        vocabulary_size: tokenizer.vocabulary_size(),
        max_length: 6,
    };
    (key, data)
}

/// SST-2 in small: two splits, one of them empty, clean labels.
fn clean() -> (TokenKey, TokenData) {
    let (key, data) = noisy();
    let key = TokenKey { task: "sst2".to_owned(), split_seed: None, label_noise: None, ..key };
    let labels = data.train.clean_labels().to_vec();
    let train = data.train.clone().with_labels(labels.clone(), labels);
    let validation = split(&tokenizer(), 0, 6);
    (key, TokenData { train, validation, test: None, label_noise: None, ..data })
}

fn store(folder: &Path) -> TokenStore {
    TokenStore::new(folder.join("tokens"))
}

fn open(store: &TokenStore, key: &TokenKey) -> StoredTokens {
    store.open(key, DataOrigin::Synthetic { seed: 3 }).unwrap()
}

#[track_caller]
fn reason(store: &TokenStore, key: &TokenKey) -> String {
    match open(store, key) {
        StoredTokens::Stale(reason) => {
            let start = format!("{}: not used: ", store.path(key).display());
            reason.strip_prefix(&start).unwrap_or_else(|| panic!("{reason}")).to_owned()
        }
        other => panic!("{other:?}"),
    }
}

/// The tensors and the header of a token file, to be changed.
struct Parts {
    tensors: BTreeMap<String, (Dtype, Vec<u8>)>,
    header: String,
}

impl Parts {
    fn of(file: &[u8]) -> Self {
        let tensors = SafeTensors::deserialize(file).unwrap();
        let (_, metadata) = SafeTensors::read_metadata(file).unwrap();
        let tensors = tensors.iter().map(|(name, tensor)| (name.to_owned(), (tensor.dtype(), tensor.data().to_vec())));
        Self { tensors: tensors.collect(), header: metadata.metadata().as_ref().unwrap()["aees_tokens"].clone() }
    }

    fn number(&mut self, tensor: &str, index: usize, value: i32) {
        let (dtype, bytes) = self.tensors.get_mut(tensor).unwrap();
        match dtype {
            Dtype::I64 => bytes[8 * index..][..8].copy_from_slice(&i64::from(value).to_le_bytes()),
            _ => bytes[4 * index..][..4].copy_from_slice(&value.to_le_bytes()),
        }
    }

    /// A file with a digest that fits: what only another program could have written.
    fn file(&self) -> Vec<u8> {
        let views = self.tensors.iter().map(|(name, (dtype, bytes))| {
            (name, TensorView::new(*dtype, vec![bytes.len() * 8 / dtype.bitsize()], bytes).unwrap())
        });
        let metadata = HashMap::from([("aees_tokens".to_owned(), self.header.clone())]);
        with_digest(safetensors::serialize(views, Some(metadata)).unwrap())
    }
}

fn with_digest(mut file: Vec<u8>) -> Vec<u8> {
    let end = file.len() - 32;
    let digest = Sha256::digest(&file[..end]);
    file[end..].copy_from_slice(&digest);
    file
}

#[test]
fn what_is_read_is_what_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    for (key, data) in [noisy(), clean()] {
        assert!(matches!(open(&store, &key), StoredTokens::Absent));
        let path = store.save(&key, &data).unwrap();
        assert_eq!(path, store.path(&key));
        let StoredTokens::Ready(again) = open(&store, &key) else { panic!("not stored") };
        assert_eq!(*again, data);
        // A second run of the same command writes the same bytes.
        let before = fs::read(&path).unwrap();
        store.save(&key, &data).unwrap();
        assert_eq!(fs::read(&path).unwrap(), before);
        // Mapped data outlives the file.
        fs::remove_file(&path).unwrap();
        let mut ids = Vec::new();
        again.train.extend_ids(1, &mut ids);
        assert_eq!(ids.len(), again.train.length(1));
    }
    let left: Vec<_> = fs::read_dir(folder.path().join("tokens")).unwrap().collect();
    assert!(left.is_empty(), "no temporary file stays: {left:?}");
}

#[test]
fn ids_of_large_vocabularies_are_whole() {
    let tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"].into_iter().map(str::to_owned);
    let words = (0..70_000).map(|index| format!("w{index}"));
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("vocab.txt"), tokens.chain(words).collect::<Vec<_>>().join("\n")).unwrap();
    let tokenizer = TextTokenizer::read(folder.path()).unwrap();
    assert_eq!(tokenizer.vocabulary_size(), 70_004);
    let table = tokenizer.encode_all(["w0 w69999 w65532"], 9, &|_| ()).unwrap();
    let split = table.with_labels(vec![1], vec![1]);
    let (key, data) = clean();
    let validation = tokenizer.encode_all([], 9, &|_| ()).unwrap().with_labels(vec![], vec![]);
    let key = TokenKey { max_length: 9, ..key };
    let data = TokenData { train: split, validation, vocabulary_size: 70_004, max_length: 9, ..data };
    let store = store(folder.path());
    store.save(&key, &data).unwrap();
    let StoredTokens::Ready(again) = open(&store, &key) else { panic!("not stored") };
    let mut ids = vec![7];
    again.train.extend_ids(0, &mut ids);
    assert_eq!(ids, [7, 2, 4, 70_003, 65_536, 3]);
}

#[test]
fn every_part_of_the_key_makes_another_name() {
    let (key, _) = noisy();
    let noise = key.label_noise.unwrap();
    let keys = [
        TokenKey { task: "sst2".to_owned(), ..key.clone() },
        TokenKey { tokenizer_digest: "0".repeat(64), ..key.clone() },
        TokenKey { max_length: 7, ..key.clone() },
        TokenKey { data_fingerprint: "0".repeat(64), ..key.clone() },
        TokenKey { split_seed: Some(43), ..key.clone() },
        TokenKey { split_seed: None, ..key.clone() },
        TokenKey { label_noise: None, ..key.clone() },
        TokenKey { label_noise: Some(TokenNoise { seed: 43, ..noise }), ..key.clone() },
        TokenKey { label_noise: Some(TokenNoise { rate: 0.4, ..noise }), ..key.clone() },
        TokenKey { label_noise: Some(TokenNoise { kind: LabelNoiseType::Asymmetric, ..noise }), ..key.clone() },
    ];
    let mut names: Vec<String> = keys.iter().chain([&key]).map(TokenKey::file_name).collect();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), keys.len() + 1);
    assert!(
        key.file_name().starts_with("agnews-6-") && key.file_name().ends_with(".safetensors"),
        "{}",
        key.file_name()
    );

    // A file under the name of another key: copied by hand, or a collision.
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let (key, data) = noisy();
    let path = store.save(&key, &data).unwrap();
    let expected = [
        "task",
        "tokenizer",
        "max length",
        "data",
        "split seed",
        "split seed",
        "label noise",
        "label noise",
        "label noise",
    ];
    for (other, expected) in keys.iter().zip(expected) {
        fs::copy(&path, store.path(other)).unwrap();
        let reason = reason(&store, other);
        assert!(reason.starts_with(&format!("made for {expected} ")), "{reason}");
    }
}

#[test]
fn no_cut_file_is_used() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let (key, data) = noisy();
    let path = store.save(&key, &data).unwrap();
    let whole = fs::read(&path).unwrap();
    for length in 0..whole.len() {
        fs::write(&path, &whole[..length]).unwrap();
        let reason = reason(&store, &key);
        assert!(reason.contains("truncated"), "{length}: {reason}");
    }
    fs::write(&path, [whole.as_slice(), b"x"].concat()).unwrap();
    assert!(reason(&store, &key).contains("digest"));
    // Rebuilt and replaced.
    store.save(&key, &data).unwrap();
    assert!(matches!(open(&store, &key), StoredTokens::Ready(_)));
}

#[test]
fn no_changed_byte_goes_unseen() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let (key, data) = noisy();
    let path = store.save(&key, &data).unwrap();
    let whole = fs::read(&path).unwrap();
    for at in 0..whole.len() {
        let mut changed = whole.clone();
        changed[at] ^= 0x20;
        fs::write(&path, changed).unwrap();
        reason(&store, &key);
    }
}

#[test]
fn a_forged_file_with_a_fitting_digest_cannot_make_an_access_fail() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let (key, data) = noisy();
    let path = store.save(&key, &data).unwrap();
    let whole = fs::read(&path).unwrap();
    assert_eq!(Parts::of(&whole).file(), whole);
    let sentences = data.train.len();
    type Change = Box<dyn FnOnce(&mut Parts)>;
    let number = |tensor: &'static str, index: usize, value: i32| -> Change {
        Box::new(move |parts: &mut Parts| parts.number(tensor, index, value))
    };
    let shorter = |tensor: &'static str, bytes: usize| -> Change {
        Box::new(move |parts: &mut Parts| {
            let content = &mut parts.tensors.get_mut(tensor).unwrap().1;
            content.truncate(content.len() - bytes);
        })
    };
    let gone =
        |tensor: &'static str| -> Change { Box::new(move |parts: &mut Parts| drop(parts.tensors.remove(tensor))) };
    let cases: Vec<(&str, Change)> = vec![
        ("span", number("train.offsets", 0, 1)),
        ("negative", number("train.offsets", 1, -1)),
        ("impossible length", number("train.offsets", 1, 0)),
        ("impossible length", number("train.offsets", 2, i32::MAX)),
        ("impossible length", number("train.offsets", 1, 7)),
        ("span", number("train.offsets", sentences, 1 << 30)),
        ("span", shorter("train.offsets", 8)),
        ("span", shorter("validation.ids", 4)),
        ("outside the vocabulary", number("train.ids", 0, 0xffff)),
        ("outside the vocabulary", number("test.ids", 3, -1)),
        ("a label for each sentence", shorter("train.labels", 4)),
        ("a label for each sentence", shorter("test.clean_labels", 4)),
        ("outside the training split", number("corrupted_indices", 9, sentences as i32)),
        ("do not agree", shorter("corrupted_indices", 4)),
        ("corrupted_indices", gone("corrupted_indices")),
        ("validation.offsets", gone("validation.offsets")),
        ("train.ids is U8", Box::new(|parts| parts.tensors.get_mut("train.ids").unwrap().0 = Dtype::U8)),
    ];
    for (expected, change) in cases {
        let mut parts = Parts::of(&whole);
        change(&mut parts);
        fs::write(&path, parts.file()).unwrap();
        let reason = reason(&store, &key);
        assert!(reason.contains(expected), "{expected}: {reason}");
    }
}

#[test]
fn headers_of_other_files_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let (key, data) = noisy();
    let path = store.save(&key, &data).unwrap();
    let whole = fs::read(&path).unwrap();
    for (from, to, expected) in [
        ("\"version\":2", "\"version\":3", "version 3 of the layout, not 2"),
        ("\"vocabulary_size\":", "\"vocabulary_size\":9999999999", "a vocabulary of 9999999999"),
        ("\"max_length\":6", "\"max_length\":-6", "damaged header"),
        ("{", "[", "damaged header"),
    ] {
        let mut parts = Parts::of(&whole);
        assert!(parts.header.contains(from), "{from}: {}", parts.header);
        parts.header = parts.header.replacen(from, to, 1);
        fs::write(&path, parts.file()).unwrap();
        let reason = reason(&store, &key);
        assert!(reason.contains(expected), "{expected}: {reason}");
    }
    // Safetensors of something else, another length of the header, and a file of the first layout.
    let weights = [("weight", TensorView::new(Dtype::U8, vec![32], &[0; 32]).unwrap())];
    let changed = |place: usize, byte: u8| {
        let mut changed = whole.clone();
        changed[place] = byte;
        with_digest(changed)
    };
    for (file, expected) in [
        (with_digest(safetensors::serialize(weights, None).unwrap()), "not a token file"),
        (changed(0, whole[0] ^ 8), "damaged header"),
        (changed(7, 0xff), "damaged header"),
        (with_digest([b"AEESTOKS".as_slice(), &[0; 100]].concat()), "damaged header"),
    ] {
        fs::write(&path, file).unwrap();
        let reason = reason(&store, &key);
        assert!(reason.contains(expected), "{expected}: {reason}");
    }
}

const READ_WITH_PYTHON: &str = r#"
import hashlib, json, sys
from safetensors import safe_open
path = sys.argv[1]
with safe_open(path, framework="numpy") as file:
    header = json.loads(file.metadata()["aees_tokens"])
    tensor = file.get_tensor
    offsets, ids = tensor("train.offsets").tolist(), tensor("train.ids").tolist()
    content = open(path, "rb").read()
    assert hashlib.sha256(content[:-32]).digest() == tensor("sha256").tobytes() == content[-32:]
    print(json.dumps({
        "key": header["key"],
        "sentences": [ids[start:end] for start, end in zip(offsets, offsets[1:])],
        "labels": tensor("train.labels").tolist(),
        "clean_labels": tensor("train.clean_labels").tolist(),
        "corrupted_indices": tensor("corrupted_indices").tolist(),
        "names": sorted(file.keys()),
    }))
"#;

#[test]
fn python_reads_a_token_file() {
    let Some(python) = python(&["safetensors", "numpy"]) else { return };
    let folder = tempfile::tempdir().unwrap();
    let (key, data) = noisy();
    let path = store(folder.path()).save(&key, &data).unwrap();
    let output = Command::new(python).args(["-c", READ_WITH_PYTHON]).arg(path).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let seen: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(seen["key"], serde_json::to_value(&key).unwrap());
    let sentence = |index| {
        let mut ids = Vec::new();
        data.train.extend_ids(index, &mut ids);
        ids
    };
    assert_eq!(seen["sentences"], json!((0..data.train.len()).map(sentence).collect::<Vec<_>>()));
    assert_eq!(seen["labels"], json!(data.train.labels()));
    assert_eq!(seen["clean_labels"], json!(data.train.clean_labels()));
    assert_eq!(seen["corrupted_indices"], json!(data.label_noise.unwrap().corrupted_indices));
    let arrays = ["clean_labels", "ids", "labels", "offsets"];
    let splits =
        ["test", "train", "validation"].iter().flat_map(|split| arrays.map(|array| format!("{split}.{array}")));
    let mut names: Vec<String> = splits.chain(["corrupted_indices".to_owned(), "sha256".to_owned()]).collect();
    names.sort();
    assert_eq!(seen["names"], json!(names));
}

#[test]
fn a_folder_that_cannot_be_written_is_named() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("tokens"), "a file where the folder should be").unwrap();
    let (key, data) = noisy();
    let error = store(folder.path()).save(&key, &data).unwrap_err();
    let tokens = folder.path().join("tokens");
    assert!(error.to_string().starts_with(&format!("cannot make {}: ", tokens.display())), "{error}");
}
