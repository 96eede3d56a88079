//! Ids against Python's BertTokenizerFast on 2,000 made-up rows: accents, CJK, emoji, control characters, odd blanks.
//!
//! `fixtures/make_token_fixtures.py` makes the rows, the tokenizer and the ids.

use std::collections::BTreeMap;
use std::fs::{self, File};

use aees_tasks::{TextTokenizer, TokenSplit};
use flate2::read::GzDecoder;

use super::digest;
use crate::files::fixture_path;

#[derive(serde::Deserialize)]
struct Rows {
    texts: Vec<String>,
    ids: BTreeMap<usize, Vec<Vec<u32>>>,
    /// A digest of all ids at 128 for the content of each `tokenizer_config.json`.
    settings: BTreeMap<String, String>,
}

fn rows() -> Rows {
    let file = File::open(fixture_path("tokens").join("rows.json.gz")).unwrap();
    serde_json::from_reader(GzDecoder::new(file)).unwrap()
}

fn ids(table: &TokenSplit, index: usize) -> Vec<u32> {
    let mut ids = Vec::new();
    table.extend_ids(index, &mut ids);
    ids.into_iter().map(|id| u32::try_from(id).unwrap()).collect()
}

#[test]
fn made_up_rows_have_pythons_ids() {
    let rows = rows();
    assert_eq!(rows.texts.len(), 2000);
    assert_eq!(rows.ids.keys().copied().collect::<Vec<_>>(), [16, 128]);
    for file in ["tokenizer.json", "vocab.txt"] {
        let tokenizer = TextTokenizer::read(&fixture_path("tokens").join(file)).unwrap();
        for (&max_length, expected) in &rows.ids {
            let table = tokenizer.encode_all(rows.texts.iter().map(String::as_str), max_length, &|_| ()).unwrap();
            assert_eq!(table.len(), rows.texts.len());
            for (index, (text, expected)) in rows.texts.iter().zip(expected).enumerate() {
                assert_eq!(&ids(&table, index), expected, "{file}, {max_length}, row {index}: {text:?}");
                assert_eq!(
                    &tokenizer.encode(text, max_length).unwrap(),
                    expected,
                    "{file}, row {index}, alone: {text:?}"
                );
                assert_eq!(table.length(index), expected.len());
            }
        }
    }
}

#[test]
fn the_order_and_the_progress_do_not_depend_on_threads() {
    let rows = rows();
    let tokenizer = TextTokenizer::read(&fixture_path("tokens")).unwrap();
    let tables = [1, 2, 5].map(|threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let done = std::sync::atomic::AtomicUsize::new(0);
        let count = |sentences| {
            done.fetch_add(sentences, std::sync::atomic::Ordering::Relaxed);
        };
        let texts = rows.texts.iter().cycle().take(7001).map(String::as_str);
        let table = pool.install(|| tokenizer.encode_all(texts, 128, &count)).unwrap();
        assert_eq!(done.into_inner(), 7001);
        table
    });
    assert!(tables[0] == tables[1] && tables[1] == tables[2]);
}

#[test]
fn settings_beside_either_file_are_obeyed_as_python_obeys_them() {
    let rows = rows();
    assert_eq!(rows.settings.len(), 4);
    for (settings, expected) in &rows.settings {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("tokenizer_config.json"), settings).unwrap();
        for name in ["tokenizer.json", "vocab.txt"] {
            fs::copy(fixture_path("tokens").join(name), folder.path().join(name)).unwrap();
            let tokenizer = TextTokenizer::read(&folder.path().join(name)).unwrap();
            let table = tokenizer.encode_all(rows.texts.iter().map(String::as_str), 128, &|_| ()).unwrap();
            assert_eq!(&digest(&table), expected, "{name}, {settings}");
        }
    }
}

#[test]
fn both_files_of_one_tokenizer_have_one_digest_and_each_setting_another() {
    let by_json = TextTokenizer::read(&fixture_path("tokens").join("tokenizer.json")).unwrap();
    let by_lines = TextTokenizer::read(&fixture_path("tokens").join("vocab.txt")).unwrap();
    assert_eq!(by_json.digest(), by_lines.digest());
    // Pinned: a digest that moves makes every token file stale.
    assert_eq!(by_json.digest(), "51e7804e2e195f33c47c67d2e57e4fb221e1c6dbd8096c1a17507bd6ea0476a2");

    let mut seen = vec![by_json.digest().to_owned()];
    for settings in [r#"{"do_lower_case":false}"#, r#"{"strip_accents":false}"#, r#"{"tokenize_chinese_chars":false}"#]
    {
        let folder = tempfile::tempdir().unwrap();
        for name in ["vocab.txt", "tokenizer.json"] {
            fs::copy(fixture_path("tokens").join(name), folder.path().join(name)).unwrap();
        }
        fs::write(folder.path().join("tokenizer_config.json"), settings).unwrap();
        let by_json = TextTokenizer::read(&folder.path().join("tokenizer.json")).unwrap();
        let by_lines = TextTokenizer::read(&folder.path().join("vocab.txt")).unwrap();
        assert_eq!(by_json.digest(), by_lines.digest(), "{settings}");
        assert!(!seen.contains(&by_json.digest().to_owned()), "{settings}");
        seen.push(by_json.digest().to_owned());
    }
}
