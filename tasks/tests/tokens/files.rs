//! Token files: what is written is what is read, and nothing else is ever used.

use std::fs;
use std::path::Path;

use aees_tasks::{
    DataOrigin, LabelNoise, LabelNoiseType, StoredTokens, TextTokenizer, TokenData, TokenKey, TokenNoise, TokenSplit,
    TokenStore, corrupt_labels,
};
use sha2::{Digest, Sha256};

const SENTENCES: [&str; 5] = ["a good film", "a bad film", "", "so good, so very good", "bad ending"];

fn tokenizer() -> TextTokenizer {
    TextTokenizer::from_sentences(SENTENCES, 200).unwrap()
}

fn split(tokenizer: &TextTokenizer, count: usize, max_length: usize) -> TokenSplit {
    let texts = SENTENCES.into_iter().cycle().take(count);
    let labels: Vec<u32> = (0..4).cycle().take(count).collect();
    TokenSplit::new(tokenizer.encode_all(texts, max_length, &|_| ()).unwrap(), labels.clone(), labels)
}

/// AG News in small: three splits, a fifth of the training labels corrupted.
fn noisy() -> (TokenKey, TokenData) {
    let tokenizer = tokenizer();
    let noise = LabelNoise::new(LabelNoiseType::Symmetric, 0.2).unwrap();
    let clean = split(&tokenizer, 50, 6);
    let report = corrupt_labels(clean.labels(), noise, 42, &[1, 2, 3, 0]).unwrap().unwrap();
    let train = TokenSplit::new(clean.table().clone(), report.noisy_targets.clone(), clean.labels().to_vec());
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
    let train = TokenSplit::new(data.train.table().clone(), labels.clone(), labels);
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
        StoredTokens::Stale(stale) => {
            assert!(stale.to_string().contains(&stale.path.display().to_string()));
            stale.reason
        }
        other => panic!("{other:?}"),
    }
}

/// Changes a whole file and makes its digest fit again: what only another program could have written.
fn forge(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).unwrap();
    bytes.truncate(bytes.len() - 32);
    change(&mut bytes);
    let digest = Sha256::digest(&bytes);
    bytes.extend_from_slice(&digest);
    fs::write(path, bytes).unwrap();
}

/// Where the arrays begin.
fn body(bytes: &[u8]) -> usize {
    16 + u32::from_le_bytes(bytes[12..16].try_into().unwrap()) as usize
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
fn large_vocabularies_take_four_bytes() {
    let tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"].into_iter().map(str::to_owned);
    let words = (0..70_000).map(|index| format!("w{index}"));
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("vocab.txt"), tokens.chain(words).collect::<Vec<_>>().join("\n")).unwrap();
    let tokenizer = TextTokenizer::read(folder.path()).unwrap();
    assert_eq!(tokenizer.vocabulary_size(), 70_004);
    let table = tokenizer.encode_all(["w0 w69999 w65532"], 9, &|_| ()).unwrap();
    let split = TokenSplit::new(table, vec![1], vec![1]);
    let (key, data) = clean();
    let validation = TokenSplit::new(tokenizer.encode_all([], 9, &|_| ()).unwrap(), vec![], vec![]);
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
    assert!(key.file_name().starts_with("agnews-6-") && key.file_name().ends_with(".tokens"), "{}", key.file_name());

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
    let start = body(&whole);
    let sentences = data.train.len();
    let labels = start + (4 * (sentences + 1)).next_multiple_of(8);
    let ids = labels + 2 * (4 * sentences).next_multiple_of(8);
    let number =
        |at: usize, value: u32| move |bytes: &mut Vec<u8>| bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
    type Change = Box<dyn FnOnce(&mut Vec<u8>)>;
    let cases: Vec<(&str, Change)> = vec![
        ("span", Box::new(number(start, 1))),
        ("impossible length", Box::new(number(start + 4, 0))),
        ("impossible length", Box::new(number(start + 8, u32::MAX))),
        ("impossible length", Box::new(number(start + 4, 7))),
        ("span", Box::new(number(start + 4 * sentences, 1 << 30))),
        ("outside the vocabulary", Box::new(number(ids, 0xffff))),
        (
            "outside the training split",
            Box::new(move |bytes: &mut Vec<u8>| {
                let last = bytes.len() - 4;
                number(last, sentences as u32)(bytes);
            }),
        ),
        ("bytes too long", Box::new(|bytes: &mut Vec<u8>| bytes.extend([0; 8]))),
        ("shorter", Box::new(|bytes: &mut Vec<u8>| bytes.truncate(bytes.len() - 8))),
        ("header", Box::new(|bytes: &mut Vec<u8>| bytes[16] = b'[')),
        ("version 2", Box::new(number(8, 2))),
        ("truncated", Box::new(number(12, u32::MAX))),
        ("not a token file", Box::new(|bytes: &mut Vec<u8>| bytes[0] = b'B')),
    ];
    for (expected, change) in cases {
        fs::write(&path, &whole).unwrap();
        forge(&path, change);
        let reason = reason(&store, &key);
        assert!(reason.contains(expected), "{expected}: {reason}");
    }
}

#[test]
fn headers_that_promise_too_much_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let (key, data) = noisy();
    let path = store.save(&key, &data).unwrap();
    let whole = fs::read(&path).unwrap();
    let header = String::from_utf8(whole[16..body(&whole)].to_vec()).unwrap();
    for (from, to) in [
        ("\"sentences\":50", "\"sentences\":18446744073709551615"),
        ("\"sentences\":50", "\"sentences\":4611686018427387903"),
        ("\"sentences\":7", "\"sentences\":6"),
        ("\"id_bytes\":2", "\"id_bytes\":3"),
        ("\"id_bytes\":2", "\"id_bytes\":4"),
        ("\"corrupted_labels\":10", "\"corrupted_labels\":100000"),
        ("\"corrupted_labels\":10", "\"corrupted_labels\":null"),
        ("\"name\":\"validation\"", "\"name\":\"test\""),
        ("\"vocabulary_size\":", "\"vocabulary_size\":9999999999"),
    ] {
        assert!(header.contains(from), "{from}: {header}");
        let mut changed = header.replace(from, to);
        changed.extend(std::iter::repeat_n(' ', changed.len().next_multiple_of(8) - changed.len()));
        fs::write(&path, &whole).unwrap();
        forge(&path, |bytes| {
            let start = body(bytes);
            bytes.splice(16..start, changed.bytes());
            bytes[12..16].copy_from_slice(&(changed.len() as u32).to_le_bytes());
        });
        reason(&store, &key);
    }
}

#[test]
fn a_folder_that_cannot_be_written_is_named() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("tokens"), "a file where the folder should be").unwrap();
    let (key, data) = noisy();
    let error = store(folder.path()).save(&key, &data).unwrap_err();
    assert!(error.to_string().contains("cannot be written"), "{error}");
}
