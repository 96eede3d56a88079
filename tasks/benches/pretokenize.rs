//! Pretokenizing the real files: SST-2's train file and the 40,372 rows of AG News, 107,721 rows at max length 128.
//!
//! One line of JSON with seconds for each part of one pass: reading the tokenizer, reading (unpacking included),
//! tokenizing, writing with sync, opening again with all checks. `pretokenize_peer.py` runs this beside Python's
//! BertTokenizerFast, pass by pass, and prints the ratio. Needs `../shared/corpus`.

use std::error::Error;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Instant;

use aees_tasks::{DataOrigin, StoredTokens, TextTokenizer, TokenData, TokenKey, TokenStore};
use flate2::read::GzDecoder;

const MAX_LENGTH: usize = 128;

fn main() -> Result<(), Box<dyn Error>> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpus");
    if !corpus.join("bert").exists() {
        println!("skipped: no real files in {}", corpus.display());
        return Ok(());
    }
    let mut clock = Clock(Instant::now());
    let tokenizer = TextTokenizer::read(&corpus.join("bert"))?;
    let load = clock.lap();
    let tasks = [("sst2", sst2(&corpus)?), ("agnews", ag_news(&corpus)?)];
    let read = clock.lap();
    let mut data = Vec::new();
    for (task, rows) in &tasks {
        data.push(tokenize(task, rows, &tokenizer)?);
    }
    let tokenize = clock.lap();
    let folder = tempfile::tempdir()?;
    let store = TokenStore::new(folder.path().to_owned());
    for (key, data) in &data {
        store.save(key, data)?;
    }
    let write = clock.lap();
    for (key, data) in &data {
        let StoredTokens::Ready(again) = store.open(key, data.origin.clone())? else { return Err("not stored".into()) };
        assert!(again.train == data.train, "what is read back is what was written");
    }
    let open = clock.lap();
    let rows: usize = tasks.iter().map(|(_, rows)| rows.len()).sum();
    println!(
        "{{\"rows\": {rows}, \"load\": {load:.4}, \"read\": {read:.4}, \"tokenize\": {tokenize:.4}, \
         \"write\": {write:.4}, \"open\": {open:.4}}}"
    );
    Ok(())
}

/// Seconds from lap to lap.
struct Clock(Instant);

impl Clock {
    fn lap(&mut self) -> f64 {
        let before = std::mem::replace(&mut self.0, Instant::now());
        before.elapsed().as_secs_f64()
    }
}

fn unpack(path: PathBuf) -> Result<String, Box<dyn Error>> {
    let mut text = String::new();
    GzDecoder::new(File::open(path)?).read_to_string(&mut text)?;
    Ok(text)
}

fn sst2(corpus: &Path) -> Result<Vec<String>, Box<dyn Error>> {
    let text = unpack(corpus.join("sst2/train.tsv.gz"))?;
    Ok(text.lines().skip(1).filter_map(|line| line.split('\t').next()).map(str::to_owned).collect())
}

fn ag_news(corpus: &Path) -> Result<Vec<String>, Box<dyn Error>> {
    let text = unpack(corpus.join("ag_news/train_subset.csv.gz"))?;
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(text.as_bytes());
    reader.records().map(|row| row.map(|row| format!("{} {}", &row[1], &row[2])).map_err(Into::into)).collect()
}

fn tokenize(task: &str, rows: &[String], tokenizer: &TextTokenizer) -> Result<(TokenKey, TokenData), Box<dyn Error>> {
    let table = tokenizer.encode_all(rows.iter().map(String::as_str), MAX_LENGTH, &|_| ())?;
    let labels = vec![0; rows.len()];
    let key = TokenKey {
        task: task.to_owned(),
        tokenizer_digest: tokenizer.digest().to_owned(),
        max_length: MAX_LENGTH,
        data_fingerprint: "bench".to_owned(),
        split_seed: None,
        label_noise: None,
    };
    let data = TokenData {
        train: table.with_labels(labels.clone(), labels),
        validation: tokenizer.encode_all([], MAX_LENGTH, &|_| ())?.with_labels(Vec::new(), Vec::new()),
        test: None,
        label_noise: None,
        fingerprint: key.data_fingerprint.clone(),
        origin: DataOrigin::Synthetic { seed: 0 },
        tokenizer_digest: key.tokenizer_digest.clone(),
        vocabulary_size: tokenizer.vocabulary_size(),
        max_length: MAX_LENGTH,
    };
    Ok((key, data))
}
