//! Every reader of data and tokenizers against damaged files: see `tests/support/mutation.rs`.

use std::fs;
use std::path::Path;

use aees_tasks::{Cifar100Config, DataSource, TextDataConfig, TextTask, TextTokenizer};

use crate::files::{fixture, fixture_path, folder, gunzip};
use crate::mutation::mutate;

fn reads_images(path: &Path) -> bool {
    Cifar100Config { source: DataSource::Path(path.to_owned()), ..Cifar100Config::default() }.load().is_ok()
}

fn reads_text(task: TextTask, path: &Path) -> bool {
    TextDataConfig { source: DataSource::Path(path.to_owned()), ..TextDataConfig::new(task) }.load().is_ok()
}

/// Damages the train file beside a test file that is whole.
fn images(train: (&str, Vec<u8>), test: (&str, Vec<u8>)) {
    let scratch = folder(&[(test.0, test.1)]);
    mutate(train.0, &train.1, |bytes| {
        fs::write(scratch.path().join(train.0), bytes).unwrap();
        reads_images(scratch.path())
    });
}

fn text(task: TextTask, train: (&str, Vec<u8>), other: (&str, Vec<u8>)) {
    let scratch = folder(&[(other.0, other.1)]);
    mutate(train.0, &train.1, |bytes| {
        fs::write(scratch.path().join(train.0), bytes).unwrap();
        reads_text(task, scratch.path())
    });
}

#[test]
fn damaged_parquet_of_images() {
    images(("train.parquet", fixture("train.parquet")), ("test.parquet", fixture("test.parquet")));
    images(("train_zstd.parquet", fixture("train_zstd.parquet")), ("test.parquet", fixture("test.parquet")));
}

#[test]
fn damaged_pickles() {
    for name in ["train.pickle.gz", "train_python3.pickle.gz"] {
        images((name.trim_end_matches(".gz"), gunzip(&fixture(name))), ("test", gunzip(&fixture("test.pickle.gz"))));
    }
}

#[test]
fn damaged_compression() {
    images(("train.bin.xz", fixture("train.bin.xz")), ("test.bin.zst", fixture("test.bin.zst")));
    images(("train.pickle.gz", fixture("train.pickle.gz")), ("test", gunzip(&fixture("test.pickle.gz"))));
    let scratch = folder(&[("train.bin.xz", fixture("train.bin.xz"))]);
    mutate("test.bin.zst", &fixture("test.bin.zst"), |bytes| {
        fs::write(scratch.path().join("test.bin.zst"), bytes).unwrap();
        reads_images(scratch.path())
    });
}

#[test]
fn damaged_tables_of_sentences() {
    let (train, test) = ("text_agnews_train", "text_agnews_test");
    for ending in ["parquet", "csv"] {
        let file = |stem: &str| fixture(&format!("{stem}.{ending}"));
        let names = [format!("train.{ending}"), format!("test.{ending}")];
        text(TextTask::AgNews, (&names[0], file(train)), (&names[1], file(test)));
    }
    let other = || ("validation.parquet", fixture("text_sst2_validation.parquet"));
    text(TextTask::Sst2, ("train.parquet", fixture("text_sst2_train_1.parquet")), other());
    let rows = b"sentence\tlabel\na fine film\t1\na \xc3\xa9clair of a film\t0\n\n".to_vec();
    text(TextTask::Sst2, ("train.tsv", rows.clone()), ("dev.tsv", rows));
}

#[test]
fn damaged_tokenizers() {
    let whole = fs::read_to_string(fixture_path("tokens").join("tokenizer.json")).unwrap();
    let scratch = folder(&[]);
    for (name, content) in [
        ("tokenizer.json", whole.into_bytes()),
        ("vocab.txt", b"[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nthe\n##m\nfilm\n.\n".to_vec()),
    ] {
        mutate(name, &content, |bytes| {
            let file = scratch.path().join(name);
            fs::write(&file, bytes).unwrap();
            TextTokenizer::read(&file).and_then(|read| read.encode("The films, [SEP] naïve.", 16)).is_ok()
        });
    }
    let config = fixture("tokens/tokenizer_config.json");
    fs::write(scratch.path().join("vocab.txt"), "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nthe\n").unwrap();
    mutate("tokenizer_config.json", &config, |bytes| {
        fs::write(scratch.path().join("tokenizer_config.json"), bytes).unwrap();
        TextTokenizer::read(&scratch.path().join("vocab.txt")).is_ok()
    });
}
