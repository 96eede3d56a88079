//! Every row of the real SST-2 and AG News files against Python's BertTokenizerFast, by digests of all ids.
//!
//! `fixtures/make_token_fixtures.py CORPUS` makes the digests.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use aees_tasks::TextTokenizer;
use flate2::read::GzDecoder;
use serde_json::Value;

use super::digest;
use crate::require::corpus;

/// SST-2's sentence as it stands; AG News' title, a blank, its description.
fn rows(path: &Path) -> Vec<String> {
    let mut text = String::new();
    GzDecoder::new(File::open(path).unwrap()).read_to_string(&mut text).unwrap();
    if path.to_string_lossy().ends_with(".csv.gz") {
        let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(text.as_bytes());
        return reader.records().map(|row| row.unwrap()).map(|row| format!("{} {}", &row[1], &row[2])).collect();
    }
    text.lines().skip(1).map(|line| line.split('\t').next().unwrap().to_owned()).collect()
}

#[test]
fn every_real_row_has_pythons_ids() {
    let Some(bert) = corpus("bert") else { return };
    let files: BTreeMap<String, Value> = serde_json::from_str(include_str!("../fixtures/tokens/corpus.json")).unwrap();
    assert_eq!(files.len(), 4);
    let tokenizer = TextTokenizer::read(&bert).unwrap();
    let by_lines = TextTokenizer::read(&bert.join("vocab.txt")).unwrap();
    assert_eq!(tokenizer.vocabulary_size(), 30_522);
    for (name, expected) in files {
        let rows = rows(&bert.with_file_name(&name));
        assert_eq!(rows.len() as u64, expected["rows"].as_u64().unwrap(), "{name}");
        for max_length in [128, 16] {
            for tokenizer in [&tokenizer, &by_lines] {
                let table = tokenizer.encode_all(rows.iter().map(String::as_str), max_length, &|_| ()).unwrap();
                assert_eq!(digest(&table), expected[max_length.to_string()].as_str().unwrap(), "{name}, {max_length}");
            }
        }
        println!("{name}: {} rows equal at max_length 128 and 16", rows.len());
    }
}
